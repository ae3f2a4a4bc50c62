/*
 * The tale of one question: who asked what, how it ended, from where the answer came, and how long it took.
 * It is told once for each question, where questions end (reply.c), to whoever wants to hear of it: counters,
 * the query log, dnstap. Hearers run on the path of every question: they allocate nothing, take no lock, make
 * no system call, and keep no pointer out of the tale beyond the call.
 */
#ifndef DOTWARD_QUERY_TALE_H
#define DOTWARD_QUERY_TALE_H

#include "query/judge.h"
#include "query/query.h"

/* Where an answer came from; of a question without one (answer_bytes == 0), what made it so. */
enum tale_source {
	TALE_CACHE,    /* fresh */
	TALE_STALE,    /* the cache, expired */
	TALE_UPSTREAM, /* `upstream`; who joined a question under way as well */
	TALE_POLICY,   /* a step of the judge: `by`, `list` */
	TALE_LIMIT,    /* too much of something: rates, questions under way */
	TALE_FAILURE,  /* no upstream had an answer, or it may not be passed on */
	TALE_POISON,   /* it crashed workers before, and is not looked at */
};

/* The reason behind an answer, as reply.c is told it. */
struct tale_cause {
	enum tale_source source;
	enum judge_by by;           /* POLICY */
	int list;                   /* POLICY: in the order of the configuration, when a list decided; -1 */
	const char *text;           /* for people: "own names", "too many questions"; may be NULL */
	const char *upstream;       /* UPSTREAM: its name; else NULL */
	const struct addr *address; /* UPSTREAM: where it was asked; NULL: not known */
};

struct tale {
	const struct query_from *from; /* the client, the listen address, the protocol */
	/* Taken apart; the name as the client spelled it. Before it ends: NULL. Of what was no question,
	 * name_bytes is 0. */
	const struct wire_query *query;
	/* As it came. NULL once it has been under way: it is kept taken apart only. */
	const uint8_t *asked;
	size_t asked_bytes;
	/* As it leaves; 0 bytes: there is none, the client hears nothing. */
	const uint8_t *answer;
	size_t answer_bytes;
	uint16_t rcode; /* with the upper bits; means nothing without an answer */
	struct tale_cause cause;
	/* Microseconds; of CLOCK_MONOTONIC, and since 1970. Where nothing has ended, ended_us is 0. */
	uint64_t begun_us, ended_us, begun_wall_us, ended_wall_us;
	uint32_t number; /* of the question, as in debug lines */
	bool hidden; /* its client's group is not to be in the log: nobody writes names or clients of it */
};

/* "cache", "stale", "upstream", "policy", "limit", "failure", "poison" */
const char *tale_source_word(enum tale_source source);

struct tale_hearer {
	void *arg;
	/* A message has come, whatever it is; NULL: not wanted. A question of a predecessor, taken up again,
	 * has come before. */
	void (*asked)(void *arg, const struct tale *tale);
	/* It has ended; NULL: not wanted. */
	void (*ended)(void *arg, const struct tale *tale);
};

enum { TALE_HEARERS = 4 };

/* Who hears of all questions from now on, in this order; before the first one. The hearer is copied. */
void queries_add_hearer(struct queries *queries, const struct tale_hearer *hearer);

#endif
