/*
 * Everything is written straight into the spool, by hand (base/pen.h): a line costs little more than the
 * copying of its bytes. The two forms are made of the same members, in the same order.
 */
#include "query/querylog.h"

#include "base/log.h"
#include "base/must.h"
#include "base/pen.h"
#include "config/list.h"
#include "query/inside.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	QUERYLOG_IPV4_PREFIX = 24,
	QUERYLOG_IPV6_PREFIX = 56,
	QUERYLOG_WHY_BYTES = 200, /* of a reason; the rest is left out */
	QUERYLOG_TYPES = 66,      /* that have a cell, from 0: up to HTTPS */
	QUERYLOG_RCODES = 6,
};

struct querylog {
	const struct config *config;
	struct stats_slab *stats;
	struct spool_writer spool;
	struct pen_clock clock;
	uint32_t odds; /* of being written: numbers whose hash is at most this */
	bool json;
	bool plain[256]; /* bytes of a name that stand for themselves */
	char role[32];
	/* Made once, as nearly every line has them: before the number, by whether there is an answer; before
	 * the client; from there to the name; from there to the type; from there to the rest, if the rcode is
	 * one of the usual. */
	struct pen_cell event[2], client[2], protocol[STATS_PROTOCOLS], type[QUERYLOG_TYPES],
	        result[QUERYLOG_RCODES][TALE_POISON + 1], bytes;
};

static bool
is_plain(unsigned byte)
{
	return byte > ' ' && byte < 0x7f && strchr(".\\\"();@$", (int)byte) == NULL;
}

/* Multiples of the golden ratio are spread evenly, so it is one in so many, whatever the questions' order. */
static bool
is_chosen(const struct querylog *log, const struct tale *tale)
{
	return !tale->hidden && tale->number * UINT32_C(2654435769) <= log->odds;
}

/* --- members, in one form or the other -------------------------------------------------------------------
 */

#define key(log, p, word)                                                                                    \
	do {                                                                                                 \
		if ((log)->json)                                                                             \
			pen_word((p), ",\"" word "\":");                                                     \
		else                                                                                         \
			pen_word((p), " " word "=");                                                         \
	} while (0)

/* Around what is a string in JSON, and needs no quotes in text. */
static void
quote(const struct querylog *log, struct pen *p)
{
	if (log->json)
		pen_word(p, "\"");
}

#define word(log, p, name, text)                                                                             \
	do {                                                                                                 \
		key(log, p, name);                                                                           \
		quote(log, p);                                                                               \
		pen_text(p, text);                                                                           \
		quote(log, p);                                                                               \
	} while (0)

static void
write_client(const struct querylog *log, struct pen *p, const struct addr *peer)
{
	char text[ADDR_TEXT_BYTES];
	if (!log->config->log.anonymise) {
		pen_host(p, peer);
		pen_word(p, "@");
		pen_number(p, addr_port(peer), 1);
		return;
	}
	struct addr_net net = addr_net_of(
	        peer, peer->any.sa_family == AF_INET6 ? QUERYLOG_IPV6_PREFIX : QUERYLOG_IPV4_PREFIX);
	pen_text(p, addr_net_text(&net, text));
}

/* A byte of a name that needs care, as name_text() has it; JSON wants the backslash twice, and the quote with
 * one. */
static void
write_odd(const struct querylog *log, struct pen *p, uint8_t byte)
{
	pen_bytes(p, "\\\\", log->json ? 2 : 1);
	if (byte <= ' ' || byte >= 0x7f) {
		pen_number(p, byte, 3);
		return;
	}
	if (log->json && (byte == '"' || byte == '\\'))
		pen_word(p, "\\");
	pen_bytes(p, &byte, 1);
}

static void
write_label(const struct querylog *log, struct pen *p, const uint8_t *label, size_t bytes)
{
	const uint8_t *end = label + bytes;
	while (label < end) {
		char *at = p->at; /* not in memory, as long as nothing odd comes */
		while (label < end && log->plain[*label] && at < p->end)
			*at++ = (char)*label++;
		p->at = at;
		if (label < end)
			write_odd(log, p, *label++);
	}
	pen_word(p, ".");
}

static void
write_name(const struct querylog *log, struct pen *p, const struct wire_question *question)
{
	size_t bytes = question->name_bytes;
	const uint8_t *name = question->name;
	if (bytes == 1)
		pen_word(p, ".");
	for (size_t at = 0; at < bytes && name[at] != 0 && at + name[at] < bytes; at += 1u + name[at])
		write_label(log, p, name + at + 1, name[at]);
}

/* What ends the string before it, and is one. */
static void
write_type(const struct querylog *log, struct pen *p, uint16_t type)
{
	char text[WIRE_WORD_BYTES];
	quote(log, p);
	word(log, p, "type", wire_type_text(type, text));
}

static void
write_protocol(const struct querylog *log, struct pen *p, unsigned protocol)
{
	quote(log, p);
	word(log, p, "protocol", stats_protocol_words[protocol]);
}

static void
write_question(const struct querylog *log, struct pen *p, const struct tale *tale)
{
	const struct wire_question *question = &tale->query->question;
	unsigned protocol = tale->from->tls ? 2 : tale->from->stream;
	if (question->name_bytes == 0) {
		write_protocol(log, p, protocol);
		return;
	}
	pen_cell(p, &log->protocol[protocol]);
	write_name(log, p, question);
	if (question->type < QUERYLOG_TYPES)
		pen_cell(p, &log->type[question->type]);
	else
		write_type(log, p, question->type);
}

/* A reason may have words of an upstream in it. */
static void
write_why(const struct querylog *log, struct pen *p, const char *why)
{
	size_t bytes = why != NULL ? strnlen(why, QUERYLOG_WHY_BYTES) : 0;
	if (bytes == 0)
		return;
	key(log, p, "why");
	pen_word(p, "\"");
	pen_quoted(p, why, bytes, log->json);
	pen_word(p, "\"");
}

static void
write_quoted(const struct querylog *log, struct pen *p, const char *text)
{
	quote(log, p);
	pen_quoted(p, text, strlen(text), log->json);
	quote(log, p);
}

static void
write_cause(const struct querylog *log, struct pen *p, const struct tale_cause *cause)
{
	if (cause->upstream != NULL && cause->upstream[0] != '\0') {
		key(log, p, "upstream");
		write_quoted(log, p, cause->upstream);
	}
	if (cause->address != NULL) {
		key(log, p, "address");
		quote(log, p);
		pen_host(p, cause->address);
		pen_word(p, "@");
		pen_number(p, addr_port(cause->address), 1);
		quote(log, p);
	}
	if (cause->source == TALE_POLICY)
		word(log, p, "step", judge_word(cause->by));
	if (cause->list >= 0) {
		key(log, p, "list");
		write_quoted(log, p, config_lists_at(log->config, (size_t)cause->list)->name);
	}
	write_why(log, p, cause->text);
}

static void
write_result(
        const struct querylog *log, struct pen *p, bool answered, uint16_t rcode, enum tale_source source)
{
	char text[WIRE_WORD_BYTES];
	if (answered)
		word(log, p, "rcode", wire_rcode_text(rcode, text));
	word(log, p, "source", tale_source_word(source));
	key(log, p, "ms");
}

static void
write_answer(const struct querylog *log, struct pen *p, const struct tale *tale)
{
	bool answered = tale->answer_bytes > 0;
	if (answered && tale->rcode < QUERYLOG_RCODES)
		pen_cell(p, &log->result[tale->rcode][tale->cause.source]);
	else
		write_result(log, p, answered, tale->rcode, tale->cause.source);
	pen_thousandths(p, tale->ended_us > tale->begun_us ? tale->ended_us - tale->begun_us : 0);
	pen_cell(p, &log->bytes);
	pen_number(p, tale->answer_bytes, 1);
}

/* --- the line --------------------------------------------------------------------------------------------
 */

/* From the time to the question's number. In text the event comes behind that. */
static void
write_event(const struct querylog *log, struct pen *p, bool answered)
{
	if (!log->json) {
		pen_text(p, log->role);
		pen_word(p, ": q=");
		return;
	}
	pen_word(p, "\",\"level\":\"notice\",\"role\":\"");
	pen_text(p, log->role);
	pen_word(p, ",\"event\":\"");
	pen_text(p, answered ? "answered" : "unanswered");
	pen_word(p, "\",\"q\":");
}

static void
write_before_client(const struct querylog *log, struct pen *p, bool answered)
{
	if (!log->json)
		pen_text(p, answered ? " answered" : " unanswered");
	key(log, p, "client");
	quote(log, p);
}

static size_t
write_line(struct querylog *log, char *room, size_t bytes, const struct tale *tale)
{
	struct pen p = pen_on(room + 1, bytes - 3);
	bool answered = tale->answer_bytes > 0;
	if (log->json)
		pen_word(&p, "{\"time\":\"");
	pen_time(&p, &log->clock, tale->ended_wall_us);
	if (!log->json)
		pen_word(&p, " notice ");
	room[0] = log->json ? 0 : (char)(p.at - room - 1);
	pen_cell(&p, &log->event[answered]);
	pen_number(&p, tale->number, 1);
	pen_cell(&p, &log->client[answered]);
	write_client(log, &p, &tale->from->peer);
	write_question(log, &p, tale);
	write_answer(log, &p, tale);
	write_cause(log, &p, &tale->cause);
	must(!p.full); /* the parts are bounded, and the room is for all of them */
	if (log->json)
		*p.at++ = '}';
	*p.at++ = '\n';
	return (size_t)(p.at - room);
}

/* --- cells -----------------------------------------------------------------------------------------------
 */

#define CELL(into, write)                                                                                    \
	do {                                                                                                 \
		char room[sizeof(into).text];                                                                \
		struct pen pen = pen_on(room, sizeof room), *p = &pen;                                       \
		write;                                                                                       \
		(into) = pen_make_cell(p, room);                                                             \
	} while (0)

static void
write_from_protocol(const struct querylog *log, struct pen *p, unsigned protocol)
{
	write_protocol(log, p, protocol);
	key(log, p, "name");
	quote(log, p);
}

static void
make_cells(struct querylog *log)
{
	for (unsigned answered = 0; answered < 2; answered++) {
		CELL(log->event[answered], write_event(log, p, answered));
		CELL(log->client[answered], write_before_client(log, p, answered));
	}
	for (unsigned i = 0; i < STATS_PROTOCOLS; i++)
		CELL(log->protocol[i], write_from_protocol(log, p, i));
	for (uint16_t type = 0; type < QUERYLOG_TYPES; type++)
		CELL(log->type[type], write_type(log, p, type));
	for (uint16_t rcode = 0; rcode < QUERYLOG_RCODES; rcode++)
		for (unsigned source = 0; source <= TALE_POISON; source++)
			CELL(log->result[rcode][source],
			        write_result(log, p, true, rcode, (enum tale_source)source));
	CELL(log->bytes, key(log, p, "bytes"));
}

struct querylog *
querylog_new(const struct config *config, struct spool *spool, struct stats_slab *stats, unsigned slot)
{
	struct querylog *log = must_alloc(1, sizeof *log);
	log->config = config;
	log->stats = stats;
	log->odds = UINT32_MAX / config->log.sample;
	/* where the log goes by lines, it makes objects of them itself */
	log->json = config->log.json && (config->log.queries_target[0] != '\0' || log_output() >= 0);
	for (unsigned byte = 0; byte < 256; byte++)
		log->plain[byte] = is_plain(byte);
	snprintf(log->role, sizeof log->role, log->json ? "worker\",\"slot\":%u" : "worker %u", slot);
	make_cells(log);
	spool_write_begin(&log->spool, spool);
	return log;
}

void
querylog_free(struct querylog *log)
{
	free(log);
}

static void
on_ended(void *arg, const struct tale *tale)
{
	struct querylog *log = arg;
	if (!is_chosen(log, tale))
		return;
	char *room = spool_reserve(&log->spool, QUERYLOG_RECORD_BYTES);
	if (room == NULL)
		stats_one(log->stats, STATS_log_dropped);
	else
		spool_commit(&log->spool, write_line(log, room, QUERYLOG_RECORD_BYTES, tale));
}

struct tale_hearer
querylog_hearer(struct querylog *log)
{
	return (struct tale_hearer){.arg = log, .ended = on_ended};
}
