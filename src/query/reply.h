/*
 * How a question ends: an answer fitted to its client leaves by the door the question came in by, is counted
 * and logged; or there is silence. Exactly one of these for each question. Over UDP an answer is one of those
 * that limits.response_rate counts, and may become silence or TC at the last moment.
 */
#ifndef DOTWARD_QUERY_REPLY_H
#define DOTWARD_QUERY_REPLY_H

#include "query/alias.h"
#include "query/inside.h"
#include "query/meter.h"
#include "query/recall.h"
#include "query/screen.h"
#include "query/teller.h"

enum { REPLY_DOORS = 64 };

struct replies {
	const struct config *config;
	struct stats_slab *stats;
	const struct recall *recall;
	struct meter *meter;
	struct alias *alias;   /* puts answers to aliases of our own together */
	struct screen *screen; /* what is looked at in answers from outside */
	struct teller *teller; /* who hears how questions end */
	const struct query_door *udp_doors[REPLY_DOORS];
	const struct query_door *stream_door;
	bool draining; /* clients that ask for a keepalive are told to close */
};

/* No answer at all; `why` in a word or two. */
void reply_silence(
        const struct replies *replies, const struct query *q, enum tale_source source, const char *why);
/* An answer of our own, without records. The text may be NULL. */
void reply_refuse(const struct replies *replies, const struct query *q, uint16_t rcode, enum edns_ede ede,
        const char *text, enum tale_source source);
/* Is it one too many of its client's (limits.rate)? Then the client has been told, or is left without an
 * answer. */
bool reply_metered(const struct replies *replies, const struct query *q, enum meter_verdict verdict);
/* What the judge said; false: nothing, it goes on. */
bool reply_judged(const struct replies *replies, const struct query *q, const struct judgement *judgement);
/* An upstream's, or that there is none. */
void reply_answer(const struct replies *replies, const struct query *q, const struct upstream_result *result);
/* The cache's. */
void reply_recalled(const struct replies *replies, const struct query *q, const struct recalled *recalled);

#endif
