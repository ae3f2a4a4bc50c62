/*
 * Everything is written by hand (base/pen.h): a line costs little more than the copying of its bytes. The two
 * forms are made of the same members, in the same order.
 */
#include "query/queryline.h"

#include "base/log.h"
#include "base/must.h"
#include "base/pen.h"
#include "config/list.h"
#include "query/judge.h"
#include "query/querynote.h"

#include <stdlib.h>
#include <string.h>

enum {
	QUERYLINE_IPV4_PREFIX = 24,
	QUERYLINE_IPV6_PREFIX = 56,
	QUERYLINE_TYPES = 66, /* that have a cell, from 0: up to HTTPS */
	QUERYLINE_RCODES = 6,
};

struct queryline {
	const struct config *config;
	struct pen_clock clock;
	bool json;
	bool plain[256]; /* bytes of a name that stand for themselves */
	/* Made once, as nearly every line has them: before the worker's slot; before the number, by whether
	 * there is an answer; before the client; from there to the name; from there to the type; from there
	 * to the rest, if the rcode is one of the usual. */
	struct pen_cell slot, event[2], client[2], protocol[STATS_PROTOCOLS], type[QUERYLINE_TYPES],
	        result[QUERYLINE_RCODES][TALE_POISON + 1], bytes;
};

static bool
is_plain(unsigned byte)
{
	return byte > ' ' && byte < 0x7f && strchr(".\\\"();@$", (int)byte) == NULL;
}

/* --- members, in one form or the other -------------------------------------------------------------------
 */

#define key(form, p, word)                                                                                   \
	do {                                                                                                 \
		if ((form)->json)                                                                            \
			pen_word((p), ",\"" word "\":");                                                     \
		else                                                                                         \
			pen_word((p), " " word "=");                                                         \
	} while (0)

/* Around what is a string in JSON, and needs no quotes in text. */
static void
quote(const struct queryline *form, struct pen *p)
{
	if (form->json)
		pen_word(p, "\"");
}

#define word(form, p, name, text)                                                                            \
	do {                                                                                                 \
		key(form, p, name);                                                                          \
		quote(form, p);                                                                              \
		pen_text(p, text);                                                                           \
		quote(form, p);                                                                              \
	} while (0)

static void
write_client(const struct queryline *form, struct pen *p, const struct addr *peer)
{
	char text[ADDR_TEXT_BYTES];
	if (!form->config->log.anonymise) {
		pen_host(p, peer);
		pen_word(p, "@");
		pen_number(p, addr_port(peer), 1);
		return;
	}
	struct addr_net net = addr_net_of(
	        peer, peer->any.sa_family == AF_INET6 ? QUERYLINE_IPV6_PREFIX : QUERYLINE_IPV4_PREFIX);
	pen_text(p, addr_net_text(&net, text));
}

/* A byte of a name that needs care, as name_text() has it; JSON wants the backslash twice, and the quote with
 * one. */
static void
write_odd(const struct queryline *form, struct pen *p, uint8_t byte)
{
	pen_bytes(p, "\\\\", form->json ? 2 : 1);
	if (byte <= ' ' || byte >= 0x7f) {
		pen_number(p, byte, 3);
		return;
	}
	if (form->json && (byte == '"' || byte == '\\'))
		pen_word(p, "\\");
	pen_bytes(p, &byte, 1);
}

static void
write_label(const struct queryline *form, struct pen *p, const uint8_t *label, size_t bytes)
{
	const uint8_t *end = label + bytes;
	while (label < end) {
		char *at = p->at; /* not in memory, as long as nothing odd comes */
		while (label < end && form->plain[*label] && at < p->end)
			*at++ = (char)*label++;
		p->at = at;
		if (label < end)
			write_odd(form, p, *label++);
	}
	pen_word(p, ".");
}

static void
write_name(const struct queryline *form, struct pen *p, const uint8_t *name, size_t bytes)
{
	if (bytes == 1)
		pen_word(p, ".");
	for (size_t at = 0; at < bytes && name[at] != 0 && at + name[at] < bytes; at += 1u + name[at])
		write_label(form, p, name + at + 1, name[at]);
}

/* What ends the string before it, and is one. */
static void
write_type(const struct queryline *form, struct pen *p, uint16_t type)
{
	char text[WIRE_WORD_BYTES];
	quote(form, p);
	word(form, p, "type", wire_type_text(type, text));
}

static void
write_protocol(const struct queryline *form, struct pen *p, unsigned protocol)
{
	quote(form, p);
	word(form, p, "protocol", stats_protocol_words[protocol]);
}

static void
write_question(const struct queryline *form, struct pen *p, const struct querynote_parts *parts)
{
	const struct querynote *note = &parts->note;
	if (note->name_bytes == 0) {
		write_protocol(form, p, note->protocol);
		return;
	}
	pen_cell(p, &form->protocol[note->protocol]);
	write_name(form, p, parts->name, note->name_bytes);
	if (note->type < QUERYLINE_TYPES)
		pen_cell(p, &form->type[note->type]);
	else
		write_type(form, p, note->type);
}

static void
write_quoted(const struct queryline *form, struct pen *p, const char *text, size_t bytes)
{
	quote(form, p);
	pen_quoted(p, text, bytes, form->json);
	quote(form, p);
}

/* A reason may have words of an upstream in it. */
static void
write_why(const struct queryline *form, struct pen *p, const char *why, size_t bytes)
{
	key(form, p, "why");
	pen_word(p, "\"");
	pen_quoted(p, why, bytes, form->json);
	pen_word(p, "\"");
}

static void
write_address(const struct queryline *form, struct pen *p, const struct addr *address)
{
	key(form, p, "address");
	quote(form, p);
	pen_host(p, address);
	pen_word(p, "@");
	pen_number(p, addr_port(address), 1);
	quote(form, p);
}

static void
write_cause(const struct queryline *form, struct pen *p, const struct querynote_parts *parts)
{
	const struct querynote *note = &parts->note;
	if (note->upstream_bytes > 0) {
		key(form, p, "upstream");
		write_quoted(form, p, parts->upstream, note->upstream_bytes);
	}
	if (note->has_address)
		write_address(form, p, &parts->address);
	if (note->source == TALE_POLICY)
		word(form, p, "step", judge_word((enum judge_by)note->by));
	if (note->list >= 0) {
		const char *name = config_lists_at(form->config, (size_t)note->list)->name;
		key(form, p, "list");
		write_quoted(form, p, name, strlen(name));
	}
	if (note->why_bytes > 0)
		write_why(form, p, parts->why, note->why_bytes);
}

static void
write_result(
        const struct queryline *form, struct pen *p, bool answered, uint16_t rcode, enum tale_source source)
{
	char text[WIRE_WORD_BYTES];
	if (answered)
		word(form, p, "rcode", wire_rcode_text(rcode, text));
	word(form, p, "source", tale_source_word(source));
	key(form, p, "ms");
}

static void
write_answer(const struct queryline *form, struct pen *p, const struct querynote *note)
{
	bool answered = note->answer_bytes > 0;
	if (answered && note->rcode < QUERYLINE_RCODES)
		pen_cell(p, &form->result[note->rcode][note->source]);
	else
		write_result(form, p, answered, note->rcode, (enum tale_source)note->source);
	pen_thousandths(p, note->took_us);
	pen_cell(p, &form->bytes);
	pen_number(p, note->answer_bytes, 1);
}

/* --- the line --------------------------------------------------------------------------------------------
 */

static void
write_before_slot(const struct queryline *form, struct pen *p)
{
	pen_text(p, form->json ? "\",\"level\":\"notice\",\"role\":\"worker\",\"slot\":" : "worker ");
}

/* From the slot to the question's number. In text the event comes behind that. */
static void
write_event(const struct queryline *form, struct pen *p, bool answered)
{
	if (!form->json) {
		pen_word(p, ": q=");
		return;
	}
	pen_word(p, ",\"event\":\"");
	pen_text(p, answered ? "answered" : "unanswered");
	pen_word(p, "\",\"q\":");
}

static void
write_before_client(const struct queryline *form, struct pen *p, bool answered)
{
	if (!form->json)
		pen_text(p, answered ? " answered" : " unanswered");
	key(form, p, "client");
	quote(form, p);
}

size_t
queryline_write(struct queryline *form, const uint8_t *record, size_t bytes, char room[QUERYLINE_BYTES],
        size_t *stamp)
{
	struct querynote_parts parts;
	const struct querynote *note = &parts.note;
	if (!querynote_read(record, bytes, &parts) || note->list >= (int)config_lists_count(form->config))
		return 0;
	struct pen p = pen_on(room, QUERYLINE_BYTES - 2);
	bool answered = note->answer_bytes > 0;
	if (form->json)
		pen_word(&p, "{\"time\":\"");
	pen_time(&p, &form->clock, note->ended_wall_us);
	if (!form->json)
		pen_word(&p, " notice ");
	*stamp = form->json ? 0 : (size_t)(p.at - room);
	pen_cell(&p, &form->slot);
	pen_number(&p, note->slot, 1);
	pen_cell(&p, &form->event[answered]);
	pen_number(&p, note->number, 1);
	pen_cell(&p, &form->client[answered]);
	write_client(form, &p, &note->client);
	write_question(form, &p, &parts);
	write_answer(form, &p, note);
	write_cause(form, &p, &parts);
	if (p.full) /* the parts of a question are bounded, and there is room for all of them */
		return 0;
	if (form->json)
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
write_from_protocol(const struct queryline *form, struct pen *p, unsigned protocol)
{
	write_protocol(form, p, protocol);
	key(form, p, "name");
	quote(form, p);
}

static void
make_cells(struct queryline *form)
{
	for (unsigned answered = 0; answered < 2; answered++) {
		CELL(form->event[answered], write_event(form, p, answered));
		CELL(form->client[answered], write_before_client(form, p, answered));
	}
	for (unsigned i = 0; i < STATS_PROTOCOLS; i++)
		CELL(form->protocol[i], write_from_protocol(form, p, i));
	for (uint16_t type = 0; type < QUERYLINE_TYPES; type++)
		CELL(form->type[type], write_type(form, p, type));
	for (uint16_t rcode = 0; rcode < QUERYLINE_RCODES; rcode++)
		for (unsigned source = 0; source <= TALE_POISON; source++)
			CELL(form->result[rcode][source],
			        write_result(form, p, true, rcode, (enum tale_source)source));
	CELL(form->slot, write_before_slot(form, p));
	CELL(form->bytes, key(form, p, "bytes"));
}

struct queryline *
queryline_new(const struct config *config)
{
	struct queryline *form = must_alloc(1, sizeof *form);
	form->config = config;
	/* where the log goes by lines, it makes objects of them itself */
	form->json = config->log.json && (config->log.queries_target[0] != '\0' || log_output() >= 0);
	for (unsigned byte = 0; byte < 256; byte++)
		form->plain[byte] = is_plain(byte);
	make_cells(form);
	return form;
}

void
queryline_free(struct queryline *form)
{
	free(form);
}
