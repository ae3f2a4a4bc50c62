/*
 * What stands between a question and the upstreams: who may ask, what is answered here, and what is not asked
 * at all. One place and one order, which the server goes through for every question and `dotwardctl explain`
 * for one that nobody asked, so that the two cannot disagree.
 *
 * What is decided here depends on the configuration, the lists and the question, and on nothing that happened
 * before; what does (rates) is metered elsewhere.
 */
#ifndef DOTWARD_QUERY_JUDGE_H
#define DOTWARD_QUERY_JUDGE_H

#include "base/addr.h"
#include "config/config.h"
#include "dns/wire.h"
#include "shared/stats.h"

struct judge;
struct lists;

enum judge_action {
	JUDGE_PASS,    /* it goes on to the cache and the upstreams */
	JUDGE_SILENCE, /* no answer at all */
	JUDGE_REFUSE,  /* an answer without records: rcode, EDE and text */
	JUDGE_ANSWER,  /* an answer of our own: `answer` */
};

/* Which step decided, in the order of the steps. JUDGE_BY_NONE: none did. */
enum judge_by { JUDGE_BY_NONE, JUDGE_BY_FORM, JUDGE_BY_ACCESS, JUDGE_BY_KIND, JUDGE_BY_LIST };

/* What a judge is to look at. */
struct judge_case {
	const struct addr *client;
	enum wire_verdict verdict; /* of the message */
	const struct wire_query *query;
	bool stream; /* it came by TCP or TLS */
};

struct judgement {
	enum judge_action action;
	enum judge_by by;
	enum stats_counter counter; /* to be counted; STATS_COUNT: none */
	int list;                   /* the list of names that decided, or let the name through; -1: none */
	uint16_t rcode;             /* REFUSE */
	enum edns_ede ede;          /* REFUSE */
	const char *text; /* REFUSE: of the EDE, or NULL. ANSWER: where the answer came from, for the log */
	struct wire_answer answer; /* ANSWER; good until the next judgement */
};

/* The configuration outlives it. */
struct judge *judge_new(const struct config *config) __attribute__((returns_nonnull));
void judge_free(struct judge *judge);
/* The lists of names from now on, as the configuration has them; NULL: none, as at first. They stay the
 * caller's. */
void judge_set_lists(struct judge *judge, const struct lists *lists);
/* Counts nothing and remembers nothing. */
void judge_question(struct judge *judge, const struct judge_case *what, struct judgement *out);

#endif
