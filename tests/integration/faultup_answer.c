/*
 * One answer and what may be wrong with it.
 *
 * A fault is asked for by a word, from the settings (mode) or from the first label of the name asked:
 * "wrong-id.x.test", "slow-200.x.test". Without one the answer is right: an address computed from the name
 * (oracle.h).
 */
#include "faultup.h"
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum mode {
	MODE_RIGHT,
	MODE_WRONG_ID,
	MODE_WRONG_QUESTION,
	MODE_WRONG_TYPE,
	MODE_WRONG_CLASS,
	MODE_NO_RESPONSE,
	MODE_NO_QUESTION,
	MODE_TWO_QUESTIONS,
	MODE_GARBAGE,
	MODE_SHORT,
	MODE_EMPTY,
	MODE_TRAILING,
	MODE_LIAR,
	MODE_LOOP,
	MODE_STALL,
	MODE_SLOW,
	MODE_RCODE,
	MODE_NXDOMAIN,
	MODE_NODATA,
	MODE_TC,
	MODE_UPPER,
	MODE_TWICE,
	MODE_TXT,
	MODE_BIG,
	MODE_TTL,
	MODE_NO_OPT,
	MODE_TWO_OPTS,
	MODE_BAD_OPT,
	MODE_OPT_FIRST,
	MODE_EDE,
	MODE_XRCODE,
	MODE_CLOSE,
	MODE_CLOSE_LENGTH,
	MODE_CLOSE_ANSWER,
	MODE_RESET,
};

/* A word followed by "-N" carries a number; `number` is what it is without one. */
static const struct {
	const char *word;
	enum mode mode;
	unsigned number;
} words[] = {
        {"wrong-id", MODE_WRONG_ID, 0},
        {"wrong-question", MODE_WRONG_QUESTION, 0},
        {"wrong-type", MODE_WRONG_TYPE, 0},
        {"wrong-class", MODE_WRONG_CLASS, 0},
        {"noresponse", MODE_NO_RESPONSE, 0},
        {"noquestion", MODE_NO_QUESTION, 0},
        {"twoquestions", MODE_TWO_QUESTIONS, 0},
        {"garbage", MODE_GARBAGE, 0},
        {"short", MODE_SHORT, 0},
        {"empty", MODE_EMPTY, 0},
        {"trailing", MODE_TRAILING, 0},
        {"liar", MODE_LIAR, 0},
        {"loop", MODE_LOOP, 0},
        {"stall", MODE_STALL, 0},
        {"slow", MODE_SLOW, 200},
        {"formerr", MODE_RCODE, 1},
        {"servfail", MODE_RCODE, 2},
        {"notimp", MODE_RCODE, 4},
        {"refused", MODE_RCODE, 5},
        {"nxdomain", MODE_NXDOMAIN, 0},
        {"nodata", MODE_NODATA, 0},
        {"tc", MODE_TC, 0},
        {"upper", MODE_UPPER, 0},
        {"twice", MODE_TWICE, 0},
        {"txt", MODE_TXT, 600},
        {"big", MODE_BIG, 60000},
        {"ttl", MODE_TTL, 0},
        {"noopt", MODE_NO_OPT, 0},
        {"twoopts", MODE_TWO_OPTS, 0},
        {"badopt", MODE_BAD_OPT, 0},
        {"optfirst", MODE_OPT_FIRST, 0},
        {"ede", MODE_EDE, 22},
        {"xrcode", MODE_XRCODE, 23},
        {"close", MODE_CLOSE, 0},
        {"close-length", MODE_CLOSE_LENGTH, 0},
        {"close-answer", MODE_CLOSE_ANSWER, 0},
        {"reset", MODE_RESET, 0},
};

/* A question taken apart, and what is to happen to it. */
struct asked {
	const uint8_t *msg;
	size_t bytes;
	const uint8_t *name;
	size_t name_bytes;
	uint16_t type, class;
	bool opt, dnssec_ok;
	enum mode mode;
	unsigned number;
};

static unsigned answers; /* built so far; never counted anew */

static bool
word_read(const char *text, size_t length, struct asked *asked)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t word = strlen(words[i].word);
		if (length < word || strncasecmp(text, words[i].word, word) != 0)
			continue;
		bool numbered = length > word + 1 && text[word] == '-' && text[word + 1] >= '0' &&
		                text[word + 1] <= '9';
		if (length != word && !numbered)
			continue;
		asked->mode = words[i].mode;
		asked->number = numbered ? (unsigned)strtoul(text + word + 1, NULL, 10) : words[i].number;
		return true;
	}
	return false;
}

static void
option_count(unsigned code)
{
	stats.subnet += code == 8;
	stats.cookie += code == 10;
	stats.keepalive += code == 11;
}

static void
opt_read(struct asked *asked, const uint8_t *opt, size_t bytes)
{
	asked->opt = true;
	asked->dnssec_ok = opt[7] & 0x80;
	stats.opt++;
	stats.dnssec_ok += asked->dnssec_ok;
	for (size_t at = 11; at + 4 <= bytes; at += 4u + oracle_get16(opt + at + 2))
		option_count(oracle_get16(opt + at));
}

static bool
query_read(struct asked *asked)
{
	const uint8_t *msg = asked->msg;

	if (asked->bytes < ORACLE_HEADER_BYTES + 5 || msg[2] & 0x80 || oracle_get16(msg + 4) != 1)
		return false;
	asked->name = msg + ORACLE_HEADER_BYTES;
	asked->name_bytes = oracle_skip_name(msg, asked->bytes, ORACLE_HEADER_BYTES);
	size_t at = ORACLE_HEADER_BYTES + asked->name_bytes;
	if (asked->name_bytes == 0 || at + 4 > asked->bytes)
		return false;
	asked->type = oracle_get16(msg + at);
	asked->class = oracle_get16(msg + at + 2);
	at += 4;
	/* dotward's questions have no other record than OPT */
	if (at + 11 <= asked->bytes && msg[at] == 0 && oracle_get16(msg + at + 1) == ORACLE_TYPE_OPT)
		opt_read(asked, msg + at, asked->bytes - at);
	return true;
}

static void
query_count(const struct asked *asked)
{
	size_t used = 0;

	stats.queries++;
	stats.recursion += asked->msg[2] & 0x01;
	stats.checking_disabled += (asked->msg[3] & 0x10) != 0;
	if (asked->bytes % 128 == 0)
		stats.padded++;
	else
		stats.unpadded++;
	for (size_t at = 0; at < asked->name_bytes && asked->name[at]; at += asked->name[at] + 1u)
		used += (size_t)snprintf(stats.last_name + used, sizeof(stats.last_name) - used, "%.*s.",
		        asked->name[at], (const char *)asked->name + at + 1);
}

static uint8_t *
record_head(uint8_t *at, const uint8_t *owner, unsigned type, uint32_t ttl, size_t rdata_bytes)
{
	static const uint8_t asked_name[] = {0xc0, ORACLE_HEADER_BYTES};

	memcpy(at, owner ? owner : asked_name, 2);
	at = oracle_put16(oracle_put16(at + 2, type), ORACLE_CLASS_IN);
	return oracle_put16(oracle_put32(at, ttl), (unsigned)rdata_bytes);
}

static uint32_t
ttl_of(const struct asked *asked)
{
	return asked->mode == MODE_TTL ? asked->number : settings.ttl;
}

static uint8_t *
record_address(uint8_t *at, const struct asked *asked)
{
	static const uint8_t nowhere[] = {0xc1, 0xff};
	size_t bytes = asked->type == ORACLE_TYPE_A ? 4 : 16;

	at = record_head(at, asked->mode == MODE_LOOP ? nowhere : NULL, asked->type, ttl_of(asked),
	        asked->mode == MODE_LIAR ? bytes + 400 : bytes);
	if (asked->type == ORACLE_TYPE_A)
		return oracle_put32(at, oracle_address(asked->name, asked->name_bytes));
	oracle_address6(asked->name, asked->name_bytes, at);
	return at + 16;
}

/* One TXT record with `bytes` bytes of text, cut into strings of 255. The text counts on, so that no two are
 * alike. */
static uint8_t *
record_text(uint8_t *at, const struct asked *asked, size_t bytes, unsigned salt)
{
	size_t strings = bytes / 255 + (bytes % 255 != 0 || bytes == 0);

	at = record_head(at, NULL, ORACLE_TYPE_TXT, ttl_of(asked), bytes + strings);
	for (size_t done = 0, i = 0; i < strings; i++) {
		size_t part = bytes - done < 255 ? bytes - done : 255;
		*at++ = (uint8_t)part;
		for (size_t k = 0; k < part; k++)
			*at++ = (uint8_t)('a' + (salt + done + k) % 26);
		done += part;
	}
	return at;
}

/* A TXT record that is like no other: a fresh answer can be told from one that was kept. */
static uint8_t *
record_serial(uint8_t *at, const struct asked *asked)
{
	char text[32];
	size_t bytes = (size_t)snprintf(text, sizeof(text), "serial-%u", answers);

	at = record_head(at, NULL, ORACLE_TYPE_TXT, ttl_of(asked), bytes + 1);
	*at++ = (uint8_t)bytes;
	memcpy(at, text, bytes);
	return at + bytes;
}

static uint8_t *
record_soa(uint8_t *at)
{
	static const uint8_t names[] = {2, 'n', 's', 0, 0};
	enum { HOUR = 3600 };

	at = record_head(at, NULL, ORACLE_TYPE_SOA, settings.soa_ttl, sizeof(names) + 5 * 4);
	memcpy(at, names, sizeof(names));
	at = oracle_put32(at + sizeof(names), settings.serial ? answers : 1);
	at = oracle_put32(oracle_put32(oracle_put32(at, HOUR), HOUR), HOUR);
	return oracle_put32(at, settings.soa_minimum);
}

static uint8_t *
records_big(uint8_t *msg, uint8_t *at, const struct asked *asked)
{
	enum { EACH = 200 };
	unsigned records = 0;

	while ((size_t)(at - msg) + EACH + 13 + 40 < ORACLE_MESSAGE_BYTES &&
	        (size_t)(at - msg) < asked->number) {
		at = record_text(at, asked, EACH, records * 7);
		/* The number makes each record of the set a different one. */
		snprintf((char *)at - 8, 8, "%07u", records++);
		at[-1] = '#';
	}
	oracle_put16(msg + 6, records);
	return at;
}

static bool
has_address(const struct asked *asked)
{
	return (asked->type == ORACLE_TYPE_A || asked->type == ORACLE_TYPE_AAAA) &&
	       asked->class == ORACLE_CLASS_IN;
}

/* Answer and authority sections. */
static uint8_t *
records_write(uint8_t *msg, uint8_t *at, const struct asked *asked)
{
	if (asked->mode == MODE_RCODE || asked->mode == MODE_XRCODE)
		return at;
	if (asked->mode == MODE_TC && asked->number == 0)
		return at; /* "tc-1": truncated behind its first record */
	if (asked->mode == MODE_BIG && asked->type == ORACLE_TYPE_TXT)
		return records_big(msg, at, asked);
	if (asked->mode == MODE_NXDOMAIN || asked->mode == MODE_NODATA ||
	        (!has_address(asked) && asked->type != ORACLE_TYPE_TXT)) {
		oracle_put16(msg + 8, settings.soa != 0);
		return settings.soa ? record_soa(at) : at;
	}
	oracle_put16(msg + 6, 1);
	if (asked->type == ORACLE_TYPE_TXT)
		return settings.serial && asked->mode != MODE_TXT
		               ? record_serial(at, asked)
		               : record_text(at, asked, asked->mode == MODE_TXT ? asked->number : 5, 0);
	return record_address(at, asked);
}

static uint8_t *
options_write(uint8_t *at, const struct asked *asked)
{
	static const char text[] = "said so by the upstream";

	if (settings.keepalive) {
		at = oracle_put16(oracle_put16(at, 11), 2);
		at = oracle_put16(at, settings.keepalive);
	}
	if (asked->mode == MODE_EDE) {
		at = oracle_put16(oracle_put16(at, 15), 2 + (unsigned)strlen(text));
		at = oracle_put16(at, asked->number);
		memcpy(at, text, strlen(text));
		at += strlen(text);
	}
	if (asked->mode == MODE_BAD_OPT)
		at = oracle_put16(oracle_put16(at, 15), 500);
	return at;
}

static uint8_t *
opt_write(uint8_t *msg, uint8_t *at, const struct asked *asked)
{
	*at++ = 0;
	at = oracle_put16(oracle_put16(at, ORACLE_TYPE_OPT), 1232);
	*at++ = asked->mode == MODE_XRCODE ? (uint8_t)(asked->number >> 4) : 0;
	*at++ = 0;
	at = oracle_put16(at, asked->dnssec_ok ? 0x8000 : 0);
	uint8_t *length = at;
	at = options_write(at + 2, asked);
	oracle_put16(length, (unsigned)(at - length) - 2);
	oracle_put16(msg + 10, oracle_get16(msg + 10) + 1u);
	return at;
}

/* An additional record of no meaning, behind an OPT that does not stand last. */
static uint8_t *
record_extra(uint8_t *msg, uint8_t *at, const struct asked *asked)
{
	at = record_head(at, NULL, ORACLE_TYPE_A, ORACLE_TTL, 4);
	oracle_put16(msg + 10, oracle_get16(msg + 10) + 1u);
	return oracle_put32(at, oracle_address(asked->name, asked->name_bytes));
}

static uint8_t *
additional_write(uint8_t *msg, uint8_t *at, const struct asked *asked)
{
	if (asked->opt && asked->mode != MODE_NO_OPT)
		at = opt_write(msg, at, asked);
	if (asked->mode == MODE_TWO_OPTS)
		at = opt_write(msg, at, asked);
	if (asked->mode == MODE_OPT_FIRST)
		at = record_extra(msg, at, asked);
	if (asked->mode == MODE_TRAILING) {
		memcpy(at, "trailing", 8);
		at += 8;
	}
	return at;
}

static uint8_t *
header_write(uint8_t *msg, const struct asked *asked)
{
	unsigned rcode = 0;

	memset(msg, 0, ORACLE_HEADER_BYTES);
	if (asked->mode == MODE_RCODE)
		rcode = asked->number;
	else if (asked->mode == MODE_NXDOMAIN)
		rcode = 3;
	else if (asked->mode == MODE_XRCODE)
		rcode = asked->number & 0x0f;
	memcpy(msg, asked->msg, 2);
	msg[2] = (uint8_t)(0x80 | (asked->msg[2] & 0x01) | (asked->mode == MODE_TC ? 0x02 : 0));
	bool authentic = settings.ad && (asked->dnssec_ok || asked->msg[3] & 0x20);
	msg[3] = (uint8_t)(0x80 | (authentic ? 0x20 : 0) | (asked->msg[3] & 0x10) | rcode);
	size_t question = asked->name_bytes + 4;
	memcpy(msg + ORACLE_HEADER_BYTES, asked->name, question);
	oracle_put16(msg + 4, 1);
	return msg + ORACLE_HEADER_BYTES + question;
}

/* A second question, or none: the rest moves. */
static size_t
question_resize(uint8_t *msg, size_t bytes, const struct asked *asked)
{
	size_t question = asked->name_bytes + 4, behind = ORACLE_HEADER_BYTES + question;

	if (asked->mode == MODE_NO_QUESTION) {
		oracle_put16(msg + 4, 0);
		oracle_put16(msg + 6, 0);
		oracle_put16(msg + 8, 0);
		memmove(msg + ORACLE_HEADER_BYTES, msg + bytes - 11, 11);
		return ORACLE_HEADER_BYTES + 11;
	}
	memmove(msg + behind + question, msg + behind, bytes - behind);
	memcpy(msg + behind, msg + ORACLE_HEADER_BYTES, question);
	oracle_put16(msg + 4, 2);
	return bytes + question;
}

static void
upper(uint8_t *at, size_t bytes)
{
	for (; bytes > 0; bytes--, at++)
		if (*at >= 'a' && *at <= 'z')
			*at = (uint8_t)(*at & ~0x20);
}

/* Faults that are done to a finished answer. Returns its new length. */
static size_t
spoil(uint8_t *msg, size_t bytes, const struct asked *asked)
{
	uint8_t *behind_name = msg + ORACLE_HEADER_BYTES + asked->name_bytes;

	switch (asked->mode) {
	case MODE_WRONG_ID:
		msg[1] ^= 0x55;
		return bytes;
	case MODE_WRONG_QUESTION:
		msg[ORACLE_HEADER_BYTES + 1] = (uint8_t)(msg[ORACLE_HEADER_BYTES + 1] ^ 0x03);
		return bytes;
	case MODE_WRONG_TYPE:
		oracle_put16(behind_name, asked->type == ORACLE_TYPE_A ? ORACLE_TYPE_AAAA : ORACLE_TYPE_A);
		return bytes;
	case MODE_WRONG_CLASS:
		oracle_put16(behind_name + 2, 3);
		return bytes;
	case MODE_NO_RESPONSE:
		msg[2] &= 0x7f;
		return bytes;
	case MODE_UPPER:
		upper(msg + ORACLE_HEADER_BYTES, asked->name_bytes);
		return bytes;
	case MODE_GARBAGE:
		for (size_t i = 2; i < bytes; i++)
			msg[i] = (uint8_t)(0x80 | (i * 197 + msg[1]));
		return bytes;
	case MODE_SHORT:
		return 5;
	case MODE_EMPTY:
		return 0;
	case MODE_NO_QUESTION:
	case MODE_TWO_QUESTIONS:
		return question_resize(msg, bytes, asked);
	default:
		return bytes;
	}
}

static enum cut
cut_of(enum mode mode)
{
	switch (mode) {
	case MODE_CLOSE:
		return CUT_BEFORE;
	case MODE_CLOSE_LENGTH:
		return CUT_IN_LENGTH;
	case MODE_CLOSE_ANSWER:
		return CUT_IN_ANSWER;
	case MODE_RESET:
		return CUT_RESET;
	default:
		return CUT_NONE;
	}
}

struct answer
answer_build(const uint8_t *query, size_t bytes, bool faulty)
{
	static uint8_t msg[ORACLE_MESSAGE_BYTES + 1024];
	struct asked asked = {.msg = query, .bytes = bytes};
	struct answer answer = {0};

	if (!query_read(&asked)) {
		answer.cut = CUT_BEFORE;
		return answer;
	}
	query_count(&asked);
	answers++;
	bool by_label = settings.labels && word_read((const char *)asked.name + 1, asked.name[0], &asked);
	bool chosen = settings.mode_percent == 0 || (unsigned)random() % 100 < settings.mode_percent;
	if (!by_label && faulty && settings.mode[0] && chosen)
		word_read(settings.mode, strlen(settings.mode), &asked);
	uint8_t *end = records_write(msg, header_write(msg, &asked), &asked);
	end = additional_write(msg, end, &asked);
	answer.bytes = spoil(msg, (size_t)(end - msg), &asked);
	answer.msg = malloc(answer.bytes + 1);
	if (!answer.msg)
		abort();
	memcpy(answer.msg, msg, answer.bytes);
	answer.delay_ms = asked.mode == MODE_SLOW ? asked.number : 0;
	answer.cut = cut_of(asked.mode);
	answer.stall = asked.mode == MODE_STALL;
	answer.twice = asked.mode == MODE_TWICE;
	return answer;
}
