/*
 * Tells tales (tale.h) to those who want to hear them.
 */
#ifndef DOTWARD_QUERY_TELLER_H
#define DOTWARD_QUERY_TELLER_H

#include "query/inside.h"
#include "query/tale.h"

struct teller {
	struct tale_hearer asked[TALE_HEARERS], ended[TALE_HEARERS]; /* those who want to hear just that */
	unsigned asked_count, ended_count;
	/* The message that is being taken in, and the number of its question; NULL: none is. */
	const uint8_t *message;
	size_t message_bytes;
	uint32_t message_of;
	/* What to add to CLOCK_MONOTONIC for the time since 1970, and until when that is believed. */
	uint64_t wall_ahead_us, wall_until_us;
};

void teller_add(struct teller *teller, const struct tale_hearer *hearer);
/* A message has come, for this question. It is that until teller_taken_in(). */
void teller_take_in(struct teller *teller, const struct query *q, const uint8_t *msg, size_t bytes);
/* Its client's group is known. */
void teller_asked(struct teller *teller, const struct query *q);
void teller_taken_in(struct teller *teller);
/* The question, as the client asked it, has ended: `answer` is what the client gets; 0 bytes: nothing.
 * `now_us`: the clock, for who has looked at it already; else 0. */
void teller_ended(struct teller *teller, const struct query *q, const uint8_t *answer, size_t bytes,
        uint16_t rcode, const struct tale_cause *cause, uint64_t now_us);

#endif
