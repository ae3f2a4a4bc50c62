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
};

static bool
is_plain(unsigned byte)
{
	return byte > ' ' && byte < 0x7f && strchr(".\\\"();@$", (int)byte) == NULL;
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
	if (log->json)
		snprintf(log->role, sizeof log->role, "worker\",\"slot\":%u", slot);
	else
		snprintf(log->role, sizeof log->role, "worker %u: ", slot);
	spool_write_begin(&log->spool, spool);
	return log;
}

void
querylog_free(struct querylog *log)
{
	free(log);
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
	key(log, p, "client");
	quote(log, p);
	if (log->config->log.anonymise) {
		char text[ADDR_TEXT_BYTES];
		struct addr_net net = addr_net_of(
		        peer, peer->any.sa_family == AF_INET6 ? QUERYLOG_IPV6_PREFIX : QUERYLOG_IPV4_PREFIX);
		pen_text(p, addr_net_text(&net, text));
	} else {
		pen_host(p, peer);
		pen_word(p, "@");
		pen_number(p, addr_port(peer), 1);
	}
	quote(log, p);
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
	for (size_t i = 0; i < bytes; i++)
		if (log->plain[label[i]] && p->at < p->end)
			*p->at++ = (char)label[i];
		else
			write_odd(log, p, label[i]);
	pen_word(p, ".");
}

static void
write_name(const struct querylog *log, struct pen *p, const struct wire_question *question)
{
	size_t bytes = question->name_bytes;
	const uint8_t *name = question->name;
	key(log, p, "name");
	quote(log, p);
	if (bytes == 1)
		pen_word(p, ".");
	for (size_t at = 0; at < bytes && name[at] != 0 && at + name[at] < bytes; at += 1u + name[at])
		write_label(log, p, name + at + 1, name[at]);
	quote(log, p);
}

static void
write_question(const struct querylog *log, struct pen *p, const struct tale *tale)
{
	char text[WIRE_WORD_BYTES];
	word(log, p, "protocol", query_protocol(tale->from));
	if (tale->query->question.name_bytes == 0)
		return;
	write_name(log, p, &tale->query->question);
	word(log, p, "type", wire_type_text(tale->query->question.type, text));
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
write_answer(const struct querylog *log, struct pen *p, const struct tale *tale)
{
	char text[WIRE_WORD_BYTES];
	if (tale->answer_bytes > 0)
		word(log, p, "rcode", wire_rcode_text(tale->rcode, text));
	word(log, p, "source", tale_source_word(tale->cause.source));
	key(log, p, "ms");
	pen_thousandths(p, tale->ended_us > tale->begun_us ? tale->ended_us - tale->begun_us : 0);
	key(log, p, "bytes");
	pen_number(p, tale->answer_bytes, 1);
}

/* --- the line --------------------------------------------------------------------------------------------
 */

static void
write_head(struct querylog *log, struct pen *p, const struct tale *tale)
{
	if (log->json)
		pen_word(p, "{\"time\":\"");
	pen_time(p, &log->clock, tale->ended_wall_us);
	if (log->json)
		pen_word(p, "\",\"level\":\"notice\",\"role\":\"");
	else
		pen_word(p, " notice ");
}

static void
write_event(const struct querylog *log, struct pen *p, const struct tale *tale)
{
	pen_text(p, log->role);
	if (log->json)
		pen_word(p, ",\"event\":\"");
	if (!log->json) {
		pen_word(p, "q=");
		pen_number(p, tale->number, 1);
		pen_word(p, " ");
	}
	if (tale->answer_bytes == 0)
		pen_word(p, "un");
	pen_word(p, "answered");
	quote(log, p);
	if (log->json) {
		pen_word(p, ",\"q\":");
		pen_number(p, tale->number, 1);
	}
}

static size_t
write_line(struct querylog *log, char *room, size_t bytes, const struct tale *tale)
{
	struct pen p = pen_on(room + 1, bytes - 3);
	write_head(log, &p, tale);
	room[0] = log->json ? 0 : (char)(p.at - room - 1);
	write_event(log, &p, tale);
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
