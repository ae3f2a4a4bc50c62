/*
 * One node for each name there is, in an array; a queue is a chain of nodes from the newest (head) to the
 * oldest (tail), and a name is in one queue at most. So each step of an algorithm is one line here, and can
 * be held against the paper.
 */
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOBODY = UINT32_MAX, FREQUENCY_MOST = 3 };

enum place { NOWHERE, SMALL, MAIN, GHOST, PLACES };

struct node {
	uint32_t newer, older;
	uint8_t place;
	uint8_t frequency; /* SIEVE: visited */
};

struct queue {
	uint32_t head, tail;
	uint32_t count;
};

struct reference {
	enum reference_kind kind;
	uint32_t entries;
	uint32_t hand; /* SIEVE */
	struct queue queues[PLACES];
	struct node nodes[];
};

const char *
reference_name(enum reference_kind kind)
{
	static const char *const names[REFERENCE_KINDS] = {"LRU", "FIFO", "SIEVE", "S3-FIFO"};
	return names[kind];
}

struct reference *
reference_new(enum reference_kind kind, uint32_t entries, uint32_t names)
{
	struct reference *c = calloc(1, sizeof *c + names * sizeof *c->nodes);
	if (c == NULL || entries == 0) {
		perror("reference");
		exit(2);
	}
	c->kind = kind;
	c->entries = entries;
	c->hand = NOBODY;
	for (int i = 0; i < PLACES; i++)
		c->queues[i].head = c->queues[i].tail = NOBODY;
	return c;
}

void
reference_free(struct reference *cache)
{
	free(cache);
}

bool
reference_has(const struct reference *cache, uint32_t name)
{
	return cache->nodes[name].place == SMALL || cache->nodes[name].place == MAIN;
}

static void
push(struct reference *c, enum place place, uint32_t name)
{
	struct queue *q = &c->queues[place];
	struct node *n = &c->nodes[name];
	n->place = (uint8_t)place;
	n->newer = NOBODY;
	n->older = q->head;
	if (q->head != NOBODY)
		c->nodes[q->head].newer = name;
	else
		q->tail = name;
	q->head = name;
	q->count++;
}

static void
take_out(struct reference *c, uint32_t name)
{
	struct node *n = &c->nodes[name];
	struct queue *q = &c->queues[n->place];
	if (n->newer != NOBODY)
		c->nodes[n->newer].older = n->older;
	else
		q->head = n->older;
	if (n->older != NOBODY)
		c->nodes[n->older].newer = n->newer;
	else
		q->tail = n->newer;
	n->place = NOWHERE;
	q->count--;
}

static void
insert(struct reference *c, enum place place, uint32_t name)
{
	push(c, place, name);
	c->nodes[name].frequency = 0;
}

/* --- LRU, FIFO --- */

static bool
ask_queue(struct reference *c, uint32_t name, bool moves)
{
	bool hit = c->nodes[name].place == MAIN;
	if (hit && !moves)
		return true;
	if (hit)
		take_out(c, name);
	else if (c->queues[MAIN].count == c->entries)
		take_out(c, c->queues[MAIN].tail);
	push(c, MAIN, name);
	return hit;
}

/* --- SIEVE --- */

static void
sieve_evict(struct reference *c)
{
	uint32_t hand = c->hand != NOBODY ? c->hand : c->queues[MAIN].tail;
	while (c->nodes[hand].frequency != 0) {
		c->nodes[hand].frequency = 0;
		hand = c->nodes[hand].newer != NOBODY ? c->nodes[hand].newer : c->queues[MAIN].tail;
	}
	c->hand = c->nodes[hand].newer;
	take_out(c, hand);
}

static bool
ask_sieve(struct reference *c, uint32_t name)
{
	if (c->nodes[name].place == MAIN) {
		c->nodes[name].frequency = 1;
		return true;
	}
	if (c->queues[MAIN].count == c->entries)
		sieve_evict(c);
	insert(c, MAIN, name);
	return false;
}

/* --- S3-FIFO --- */

static uint32_t
small_entries(const struct reference *c)
{
	return c->entries >= 10 ? c->entries / 10 : 1;
}

static void
ghost_push(struct reference *c, uint32_t name)
{
	uint32_t most = c->entries - small_entries(c);
	if (most == 0)
		return;
	if (c->queues[GHOST].count == most)
		take_out(c, c->queues[GHOST].tail);
	push(c, GHOST, name);
}

static void
main_evict(struct reference *c)
{
	for (;;) {
		uint32_t oldest = c->queues[MAIN].tail;
		take_out(c, oldest);
		if (c->nodes[oldest].frequency == 0)
			return;
		push(c, MAIN, oldest);
		c->nodes[oldest].frequency--;
	}
}

/* Goes on to the next while it only moves, as a move makes no room. */
static void
small_evict(struct reference *c)
{
	while (c->queues[SMALL].count > 0) {
		uint32_t oldest = c->queues[SMALL].tail;
		take_out(c, oldest);
		if (c->nodes[oldest].frequency <= 1) {
			ghost_push(c, oldest);
			return;
		}
		insert(c, MAIN, oldest);
	}
}

/* The small queue may have all that the main one does not need: only once that is full must it be short. */
static void
s3fifo_evict(struct reference *c)
{
	while (c->queues[SMALL].count + c->queues[MAIN].count >= c->entries) {
		if (c->queues[MAIN].count > c->entries - small_entries(c) || c->queues[SMALL].count == 0)
			main_evict(c);
		else
			small_evict(c);
	}
}

static bool
ask_s3fifo(struct reference *c, uint32_t name)
{
	struct node *n = &c->nodes[name];
	if (n->place == SMALL || n->place == MAIN) {
		if (n->frequency < FREQUENCY_MOST)
			n->frequency++;
		return true;
	}
	bool ghost = n->place == GHOST;
	if (ghost)
		take_out(c, name);
	s3fifo_evict(c);
	insert(c, ghost ? MAIN : SMALL, name);
	return false;
}

bool
reference_ask(struct reference *cache, uint32_t name)
{
	switch (cache->kind) {
	case REFERENCE_LRU:
		return ask_queue(cache, name, true);
	case REFERENCE_FIFO:
		return ask_queue(cache, name, false);
	case REFERENCE_SIEVE:
		return ask_sieve(cache, name);
	default:
		return ask_s3fifo(cache, name);
	}
}
