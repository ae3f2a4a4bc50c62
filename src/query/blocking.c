/*
 * Answers are put together in a room of this module's own, which is good until the next one: the judge gives
 * one judgement at a time.
 *
 * Only the name of the question is looked at. An alias (CNAME) in an answer from upstream that leads to a
 * name on a list is passed on.
 */
#include "query/blocking.h"

#include "base/must.h"
#include "config/list.h"
#include "dns/compose.h"
#include "dns/octets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCKING_ROOM_BYTES = 4096,
	BLOCKING_TEXT_BYTES = 96,
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_AAAA = 28,
	TYPE_ANY = 255,
	CLASS_IN = 1,
};

struct blocking_list {
	const struct config_list *config;
	bool blocks;
	char text[BLOCKING_TEXT_BYTES]; /* "blocked by NAME" */
};

struct blocking {
	const struct lists *lists; /* NULL: none */
	struct blocking_list *about;
	size_t count;
	uint8_t room[BLOCKING_ROOM_BYTES];
};

struct blocking *
blocking_new(const struct config *config)
{
	struct blocking *b = must_alloc(1, sizeof *b);
	b->count = config_lists_count(config);
	b->about = must_alloc(b->count, sizeof *b->about);
	for (size_t i = 0; i < b->count; i++) {
		struct blocking_list *about = &b->about[i];
		about->config = config_lists_at(config, i);
		about->blocks = i < config->lists.block_count;
		snprintf(about->text, sizeof about->text, "%s by %s",
		        !about->blocks            ? "allowed"
		        : about->config->filtered ? "filtered"
		                                  : "blocked",
		        about->config->name);
	}
	return b;
}

void
blocking_free(struct blocking *blocking)
{
	if (blocking == NULL)
		return;
	free(blocking->about);
	free(blocking);
}

/* Lists of another number than the configuration's would be somebody else's. */
void
blocking_set_lists(struct blocking *blocking, const struct lists *lists)
{
	must(lists == NULL || lists_count(lists) == blocking->count);
	blocking->lists = blocking->count > 0 ? lists : NULL;
}

/* --- answers ---------------------------------------------------------------------------------------------
 */

/* What is being answered. */
struct blocking_case {
	const struct lists *lists;
	const struct lists_hit *hit;
	const struct wire_question *question;
	enum edns_ede ede;
	const char *text;
};

/* localhost. nobody.invalid. 1 3600 1200 604800 and, in the last octet, which the NUL makes room for, 60 */
static const uint8_t soa_rdata[] = "\x09localhost\0\x06nobody\x07invalid\0"
                                   "\0\0\0\x01\0\0\x0e\x10\0\0\x04\xb0\0\x09\x3a\x80\0\0\0";

/* At the name that is on the list: nothing above it is spoken for. */
static void
add_soa(struct compose *c, const struct blocking_case *what)
{
	uint8_t rdata[sizeof soa_rdata];
	memcpy(rdata, soa_rdata, sizeof rdata);
	rdata[sizeof rdata - 1] = BLOCKING_TTL_S;
	size_t at = what->hit->owner_at;
	compose_record(c, COMPOSE_AUTHORITY, at > 0 ? what->question->name + at : NULL, TYPE_SOA,
	        BLOCKING_TTL_S, rdata, sizeof rdata);
}

/* The addresses that lead nowhere; other types get no record. */
static unsigned
add_null(struct compose *c, const struct blocking_case *what)
{
	static const uint8_t nowhere[16] = {0};
	uint16_t type = what->question->type;
	unsigned count = 0;
	if (what->question->class != CLASS_IN)
		return 0;
	if (type == TYPE_A || type == TYPE_ANY)
		count += compose_record(c, COMPOSE_ANSWER, NULL, TYPE_A, BLOCKING_TTL_S, nowhere, 4);
	if (type == TYPE_AAAA || type == TYPE_ANY)
		count += compose_record(c, COMPOSE_ANSWER, NULL, TYPE_AAAA, BLOCKING_TTL_S, nowhere, 16);
	return count;
}

/* What the zone has of the type asked for; an alias stands for all types. */
static unsigned
add_data(struct compose *c, const struct blocking_case *what)
{
	struct lists_record record;
	size_t cursor = 0;
	unsigned count = 0;
	uint16_t type = what->question->type;
	while (what->question->class == CLASS_IN && lists_record(what->lists, what->hit, &cursor, &record))
		if (type == TYPE_ANY || record.type == type || record.type == TYPE_CNAME)
			count += compose_record(c, COMPOSE_ANSWER, NULL, record.type, record.ttl_s,
			        record.rdata, record.rdata_bytes);
	return count;
}

static unsigned
add_nothing(struct compose *c, const struct blocking_case *what)
{
	(void)c;
	(void)what;
	return 0;
}

/* How each kind of answer is made. */
enum blocking_kind { KIND_NXDOMAIN, KIND_NODATA, KIND_NULL, KIND_DATA, KIND_TCP_ONLY };

static const struct {
	unsigned (*add)(struct compose *c, const struct blocking_case *what);
	uint16_t rcode;
	unsigned flags;
} kinds[] = {
        [KIND_NXDOMAIN] = {add_nothing, WIRE_RCODE_NXDOMAIN, 0},
        [KIND_NODATA] = {add_nothing, WIRE_RCODE_NOERROR, 0},
        [KIND_NULL] = {add_null, WIRE_RCODE_NOERROR, 0},
        [KIND_DATA] = {add_data, WIRE_RCODE_NOERROR, 0},
        [KIND_TCP_ONLY] = {NULL, WIRE_RCODE_NOERROR, WIRE_FLAG_TC},
};

static bool
answer(struct blocking *b, const struct blocking_case *what, enum blocking_kind kind, struct judgement *out)
{
	struct compose c;
	uint16_t rcode = kinds[kind].rcode;
	compose_begin(&c, b->room, sizeof b->room, what->question, kinds[kind].flags, rcode);
	if (kinds[kind].add != NULL && kinds[kind].add(&c, what) == 0 && !c.full)
		add_soa(&c, what);
	compose_end(&c, rcode, &out->answer);
	if (kind != KIND_TCP_ONLY) /* which is no answer yet */
		out->answer.edns.ede_bytes =
		        (uint16_t)edns_ede_data(out->answer.edns.ede, what->ede, what->text);
	out->action = JUDGE_ANSWER;
	out->text = what->text;
	return true;
}

static bool
refuse(const struct blocking_case *what, struct judgement *out)
{
	out->action = JUDGE_REFUSE;
	out->rcode = WIRE_RCODE_REFUSED;
	out->ede = what->ede;
	out->text = what->text;
	return true;
}

/* What the configuration says of this list. */
static bool
answer_as_said(struct blocking *b, const struct blocking_case *what, enum config_list_answer said,
        struct judgement *out)
{
	static const enum blocking_kind as[] = {
	        [CONFIG_LIST_NXDOMAIN] = KIND_NXDOMAIN,
	        [CONFIG_LIST_NODATA] = KIND_NODATA,
	        [CONFIG_LIST_NULL] = KIND_NULL,
	};
	return said == CONFIG_LIST_REFUSED ? refuse(what, out) : answer(b, what, as[said], out);
}

static bool
block(struct blocking *b, const struct blocking_case *what, bool stream, struct judgement *out)
{
	switch (what->hit->deed) {
	case LISTS_NXDOMAIN:
		return answer(b, what, KIND_NXDOMAIN, out);
	case LISTS_NODATA:
		return answer(b, what, KIND_NODATA, out);
	case LISTS_DATA:
		return answer(b, what, KIND_DATA, out);
	case LISTS_DROP:
		out->action = JUDGE_SILENCE;
		return true;
	case LISTS_TCP_ONLY: /* who comes by TCP does not lie about its address */
		return !stream && answer(b, what, KIND_TCP_ONLY, out);
	default:
		return answer_as_said(b, what, b->about[what->hit->list].config->answer, out);
	}
}

bool
blocking_judge(struct blocking *b, uint64_t which, const struct judge_case *what, struct judgement *out)
{
	const struct wire_question *question = &what->query->question;
	struct lists_hit hit;
	if (b->lists == NULL || question->name_bytes == 0 ||
	        !lists_find(b->lists, which, question->name, question->name_bytes, &hit, NULL))
		return false;
	const struct blocking_list *about = &b->about[hit.list];
	const struct blocking_case found = {.lists = b->lists,
	        .hit = &hit,
	        .question = question,
	        .ede = about->config->filtered ? EDNS_EDE_FILTERED : EDNS_EDE_BLOCKED,
	        .text = about->text};
	bool decided = about->blocks && block(b, &found, what->stream, out);
	if (decided || !about->blocks) {
		out->list = (int)hit.list;
		out->counter = decided ? STATS_blocked : STATS_allowed;
	}
	return decided;
}
