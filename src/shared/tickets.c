/*
 * A slot is owned by who changes its word, from a word that it has seen to one of its own:
 *
 *    EMPTY ──► WRITING ──► FULL ──► CLAIMED ──► EMPTY
 *                 ▲          │         │
 *                 └──────────┴─────────┘   by a writer: FULL for room, the other two when stuck
 *
 * The word holds phase and time of its change. Stepping out is a change of the owner's own word, too: it
 * fails for an owner that was given up meanwhile, whatever it has done to the bytes, and those are no ticket
 * by their checksum then. Two owners of one slot have words of times at least TICKETS_STUCK_MS apart, so no
 * word is taken for another. FULL alone is nobody's: it holds the time when the ticket was new, and who takes
 * one that was put back meanwhile for the one that it saw has a ticket all the same.
 */
#include "shared/tickets.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

enum phase { EMPTY, WRITING, FULL, CLAIMED };

struct ticket {
	_Atomic uint64_t word;
	_Atomic uint64_t identity[2]; /* read by others at any time: a hint until the slot is one's own */
	uint64_t check;
	uint64_t era;
	uint64_t bytes;
	uint64_t unused[2];
	uint8_t data[TICKET_BYTES];
};

struct tickets {
	uint64_t seed;
	_Atomic uint64_t era;
	uint64_t unused[6];
	struct ticket slots[TICKETS_SLOTS];
};

static_assert(sizeof(struct ticket) == 8192, "a ticket is two pages, to the byte");
static_assert(sizeof(struct tickets) == 64 + TICKETS_SLOTS * sizeof(struct ticket), "no padding");

void
ticket_identity_mix(struct ticket_identity *identity, const void *bytes, size_t count)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, count, count);
	const uint64_t both[] = {identity->words[0], identity->words[1], hash.low64, hash.high64};
	hash = XXH3_128bits(both, sizeof both);
	identity->words[0] = hash.low64;
	identity->words[1] = hash.high64;
}

size_t
tickets_bytes(void)
{
	return sizeof(struct tickets);
}

void
tickets_begin(struct tickets *tickets, uint64_t seed)
{
	tickets->seed = seed;
}

uint64_t
tickets_era(const struct tickets *tickets)
{
	return atomic_load(&tickets->era);
}

static uint64_t
word_of(enum phase phase, uint64_t now_ms)
{
	return now_ms << 2 | phase;
}

static enum phase
phase_of(uint64_t word)
{
	return (enum phase)(word & 3);
}

static uint64_t
age_ms(uint64_t word, uint64_t now_ms)
{
	uint64_t since_ms = word >> 2;
	return now_ms > since_ms ? now_ms - since_ms : 0;
}

static bool
step(struct ticket *slot, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(&slot->word, &from, to);
}

static bool
is_of(const struct ticket *slot, const struct ticket_identity *identity)
{
	return atomic_load_explicit(&slot->identity[0], memory_order_relaxed) == identity->words[0] &&
	       atomic_load_explicit(&slot->identity[1], memory_order_relaxed) == identity->words[1];
}

static bool
is_good(uint64_t word, uint64_t now_ms)
{
	return phase_of(word) == FULL && age_ms(word, now_ms) < TICKETS_LIFE_MS;
}

/* Nobody will miss it. */
static bool
is_free(uint64_t word, uint64_t now_ms)
{
	switch (phase_of(word)) {
	case EMPTY:
		return true;
	case FULL:
		return age_ms(word, now_ms) >= TICKETS_LIFE_MS;
	default:
		return age_ms(word, now_ms) >= TICKETS_STUCK_MS;
	}
}

static uint64_t
checksum(const struct tickets *tickets, const struct ticket_identity *identity, uint64_t era,
        const void *bytes, size_t count)
{
	const uint64_t all[] = {identity->words[0], identity->words[1], era, count,
	        XXH3_64bits_withSeed(bytes, count, tickets->seed)};
	return XXH3_64bits_withSeed(all, sizeof all, tickets->seed);
}

/* The slot for a new ticket of this identity and the word that was seen there, or NULL: all are in use. */
static struct ticket *
slot_for(struct tickets *tickets, const struct ticket_identity *identity, uint64_t now_ms, uint64_t *seen)
{
	struct ticket *vacant = NULL, *oldest = NULL, *own = NULL;
	uint64_t vacant_word = 0, oldest_word = 0, own_word = 0;
	unsigned own_count = 0;
	for (struct ticket *slot = tickets->slots; slot < tickets->slots + TICKETS_SLOTS; slot++) {
		uint64_t word = atomic_load(&slot->word);
		if (is_free(word, now_ms)) {
			vacant = slot;
			vacant_word = word;
			continue;
		}
		if (phase_of(word) != FULL)
			continue;
		if (oldest == NULL || word < oldest_word) {
			oldest = slot;
			oldest_word = word;
		}
		if (!is_of(slot, identity))
			continue;
		own_count++;
		if (own == NULL || word < own_word) {
			own = slot;
			own_word = word;
		}
	}
	if (own_count >= TICKETS_EACH) {
		*seen = own_word;
		return own;
	}
	*seen = vacant != NULL ? vacant_word : oldest_word;
	return vacant != NULL ? vacant : oldest;
}

bool
tickets_put(struct tickets *tickets, const struct ticket_identity *identity, uint64_t era, const void *bytes,
        size_t count, uint64_t now_ms)
{
	return tickets_put_back(tickets, identity, era, bytes, count, now_ms, now_ms);
}

bool
tickets_put_back(struct tickets *tickets, const struct ticket_identity *identity, uint64_t era,
        const void *bytes, size_t count, uint64_t kept_ms, uint64_t now_ms)
{
	uint64_t seen, mine = word_of(WRITING, now_ms);
	if (count == 0 || count > TICKET_BYTES || era != tickets_era(tickets))
		return false;
	struct ticket *slot = slot_for(tickets, identity, now_ms, &seen);
	if (slot == NULL || !step(slot, seen, mine))
		return false;
	atomic_store_explicit(&slot->identity[0], identity->words[0], memory_order_relaxed);
	atomic_store_explicit(&slot->identity[1], identity->words[1], memory_order_relaxed);
	slot->era = era;
	slot->bytes = count;
	slot->check = checksum(tickets, identity, era, bytes, count);
	memcpy(slot->data, bytes, count);
	return step(slot, mine, word_of(FULL, kept_ms));
}

/* Of an own slot: nothing is left in it but its word. */
static void
wipe(struct ticket *slot)
{
	atomic_store_explicit(&slot->identity[0], 0, memory_order_relaxed);
	atomic_store_explicit(&slot->identity[1], 0, memory_order_relaxed);
	slot->bytes = 0;
	explicit_bzero(slot->data, sizeof slot->data);
}

/* Copies what an own slot holds; its length, or 0 if that is not a whole ticket of this identity and era. */
static size_t
read_whole(const struct tickets *tickets, const struct ticket *slot, const struct ticket_identity *identity,
        uint8_t out[TICKET_BYTES])
{
	size_t count = slot->bytes;
	uint64_t era = slot->era;
	if (count == 0 || count > TICKET_BYTES || era != tickets_era(tickets))
		return 0;
	uint64_t check = slot->check;
	memcpy(out, slot->data, count);
	return check == checksum(tickets, identity, era, out, count) ? count : 0;
}

static struct ticket *
newest_of(struct tickets *tickets, const struct ticket_identity *identity, uint64_t now_ms, uint64_t *seen)
{
	struct ticket *newest = NULL;
	*seen = 0;
	for (struct ticket *slot = tickets->slots; slot < tickets->slots + TICKETS_SLOTS; slot++) {
		uint64_t word = atomic_load(&slot->word);
		if (!is_good(word, now_ms) || word < *seen || !is_of(slot, identity))
			continue;
		newest = slot;
		*seen = word;
	}
	return newest;
}

size_t
tickets_claim(struct tickets *tickets, const struct ticket_identity *identity, uint8_t out[TICKET_BYTES],
        uint64_t now_ms, uint64_t *kept_ms)
{
	/* Others may be quicker, and some may be no good; there are no more than so many. */
	for (int tries = 0; tries < TICKETS_EACH; tries++) {
		uint64_t seen, mine = word_of(CLAIMED, now_ms);
		struct ticket *slot = newest_of(tickets, identity, now_ms, &seen);
		if (slot == NULL)
			return 0;
		if (!step(slot, seen, mine))
			continue;
		size_t count = read_whole(tickets, slot, identity, out);
		wipe(slot);
		if (kept_ms != NULL)
			*kept_ms = seen >> 2;
		if (step(slot, mine, word_of(EMPTY, now_ms)) && count > 0)
			return count;
		explicit_bzero(out, TICKET_BYTES);
	}
	return 0;
}

static void
throw_away(struct ticket *slot, uint64_t word, uint64_t now_ms)
{
	uint64_t mine = word_of(CLAIMED, now_ms);
	if (!step(slot, word, mine))
		return;
	wipe(slot);
	step(slot, mine, word_of(EMPTY, now_ms));
}

void
tickets_forget(struct tickets *tickets, const struct ticket_identity *identity, uint64_t now_ms)
{
	for (struct ticket *slot = tickets->slots; slot < tickets->slots + TICKETS_SLOTS; slot++) {
		uint64_t word = atomic_load(&slot->word);
		if (phase_of(word) == FULL && is_of(slot, identity))
			throw_away(slot, word, now_ms);
	}
}

void
tickets_forget_all(struct tickets *tickets, uint64_t now_ms)
{
	atomic_fetch_add(&tickets->era, 1);
	for (struct ticket *slot = tickets->slots; slot < tickets->slots + TICKETS_SLOTS; slot++) {
		uint64_t word = atomic_load(&slot->word);
		if (phase_of(word) == FULL)
			throw_away(slot, word, now_ms);
	}
}

unsigned
tickets_count(const struct tickets *tickets, uint64_t now_ms)
{
	unsigned count = 0;
	for (size_t i = 0; i < TICKETS_SLOTS; i++)
		count += is_good(atomic_load(&tickets->slots[i].word), now_ms);
	return count;
}
