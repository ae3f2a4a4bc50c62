/*
 * Messages are written where they lie, in the spool. Whose question is hidden is a bit by its number, for as
 * long as questions can be under way; what is asked for it later, by another attempt, is hidden as well.
 */
#include "dnstap/tap.h"

#include <string.h>

enum { TAP_REMEMBERED = 1 << 16, TAP_WORD_BITS = 64 };

bool tap_client, tap_forwarder;

static struct {
	struct spool_writer writer;
	struct stats_slab *stats;
	struct dnstap_head head;
	uint32_t odds; /* of being told: numbers whose hash is at most this */
	uint64_t hidden[TAP_REMEMBERED / TAP_WORD_BITS];
} tap;

void
tap_open(const struct tap_setup *setup)
{
	memset(&tap, 0, sizeof tap);
	spool_write_begin(&tap.writer, setup->spool);
	dnstap_head_make(&tap.head, setup->identity, setup->version);
	tap.stats = setup->stats;
	tap.odds = UINT32_MAX / setup->sample;
	tap_client = setup->client;
	tap_forwarder = setup->forwarder;
}

void
tap_close(void)
{
	tap_client = tap_forwarder = false;
}

static uint64_t *
word_of(uint32_t number)
{
	return &tap.hidden[number % TAP_REMEMBERED / TAP_WORD_BITS];
}

static uint64_t
bit_of(uint32_t number)
{
	return UINT64_C(1) << number % TAP_WORD_BITS;
}

void
tap_note(uint32_t number, bool hidden)
{
	if (hidden)
		*word_of(number) |= bit_of(number);
	else
		*word_of(number) &= ~bit_of(number);
}

/* Multiples of the golden ratio are spread evenly, so it is one in so many, whatever the questions' order. */
bool
tap_wants(uint32_t number)
{
	return number * UINT32_C(2654435769) <= tap.odds && (*word_of(number) & bit_of(number)) == 0;
}

void
tap_put(const struct dnstap_message *message)
{
	uint8_t *room = spool_reserve(&tap.writer, dnstap_most(&tap.head, message->dns_bytes));
	if (room == NULL)
		stats_one(tap.stats, STATS_dnstap_dropped);
	else
		spool_commit(&tap.writer, dnstap_write(&tap.head, message, room));
}
