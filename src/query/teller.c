/*
 * A tale is put together only if somebody wants it, on the stack. It costs one look at the clock at most,
 * which is the monotonic one; the time of day is made from that with a difference that is looked up ten times
 * a second, so that an administrator who sets the clock is believed soon enough. Lines of a worker are in
 * order by their times as long as nobody does.
 */
#include "query/teller.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>

enum {
	TELLER_WALL_US = 100000, /* between two looks */
	TELLER_STEP_US = 1000,   /* a smaller difference is none: lines would not be in order */
};

const char *
tale_source_word(enum tale_source source)
{
	static const char *const words[] = {
	        [TALE_CACHE] = "cache",
	        [TALE_STALE] = "stale",
	        [TALE_UPSTREAM] = "upstream",
	        [TALE_POLICY] = "policy",
	        [TALE_LIMIT] = "limit",
	        [TALE_FAILURE] = "failure",
	        [TALE_POISON] = "poison",
	};
	must((size_t)source < sizeof words / sizeof *words);
	return words[source];
}

void
teller_add(struct teller *t, const struct tale_hearer *hearer)
{
	must(t->asked_count < TALE_HEARERS && t->ended_count < TALE_HEARERS);
	if (hearer->asked != NULL)
		t->asked[t->asked_count++] = *hearer;
	if (hearer->ended != NULL)
		t->ended[t->ended_count++] = *hearer;
}

void
teller_take_in(struct teller *t, const struct query *q, const uint8_t *msg, size_t bytes)
{
	t->message = msg;
	t->message_bytes = bytes;
	t->message_of = q->number;
}

void
teller_taken_in(struct teller *t)
{
	t->message = NULL;
}

/* How far the time of day is ahead. If others had the processor between the looks, what they tell is
 * worthless. */
static void
look_at_the_wall(struct teller *t, uint64_t now_us)
{
	uint64_t before_us = clock_now_us(), ahead_us = clock_wall_us() - before_us,
	         took_us = clock_now_us() - before_us;
	int64_t step_us = (int64_t)(ahead_us - t->wall_ahead_us);
	if (t->wall_until_us == 0 || (took_us < TELLER_STEP_US && llabs(step_us) > TELLER_STEP_US))
		t->wall_ahead_us = ahead_us;
	t->wall_until_us = now_us + TELLER_WALL_US;
}

static uint64_t
wall_us(struct teller *t, uint64_t now_us)
{
	if (now_us >= t->wall_until_us)
		look_at_the_wall(t, now_us);
	return now_us + t->wall_ahead_us;
}

/* What is known from the beginning. While one question is taken in, others may end. */
static void
begin(const struct teller *t, const struct query *q, struct tale *tale)
{
	bool kept = t->message != NULL && t->message_of == q->number;
	*tale = (struct tale){
	        .from = &q->from,
	        .asked = kept ? t->message : NULL,
	        .asked_bytes = kept ? t->message_bytes : 0,
	        .begun_us = q->begun_us,
	        .number = q->number,
	        .hidden = q->unlogged,
	};
}

void
teller_asked(struct teller *t, const struct query *q)
{
	if (t->asked_count == 0)
		return;
	struct tale tale;
	begin(t, q, &tale);
	tale.begun_wall_us = wall_us(t, tale.begun_us);
	for (unsigned i = 0; i < t->asked_count; i++)
		t->asked[i].asked(t->asked[i].arg, &tale);
}

void
teller_ended(struct teller *t, const struct query *q, const uint8_t *answer, size_t bytes, uint16_t rcode,
        const struct tale_cause *cause, uint64_t now_us)
{
	if (t->ended_count == 0)
		return;
	struct tale tale;
	begin(t, q, &tale);
	tale.query = &q->wire;
	tale.answer = answer;
	tale.answer_bytes = bytes;
	tale.rcode = rcode;
	tale.cause = *cause;
	tale.ended_us = now_us != 0 ? now_us : clock_now_us();
	tale.ended_wall_us = wall_us(t, tale.ended_us);
	tale.begun_wall_us = tale.begun_us + t->wall_ahead_us;
	for (unsigned i = 0; i < t->ended_count; i++)
		t->ended[i].ended(t->ended[i].arg, &tale);
}
