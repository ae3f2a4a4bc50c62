/*
 * The TTLs of an answer: where they stand, and how they are changed in place.
 *
 * They are looked for once, when an answer comes in. An answer that is given again and again is then aged by
 * its list of offsets, without being read.
 *
 * A name may be made of bytes of a TTL, by a pointer that no encoder makes: it then changes with it.
 *
 * A TTL is what RFC 2181 section 8 says: 31 bits; one with the top bit set is 0. Times are seconds.
 */
#ifndef DOTWARD_DNS_TTL_H
#define DOTWARD_DNS_TTL_H

#include <stddef.h>
#include <stdint.h>

enum {
	TTL_LARGEST_S = 0x7fffffff,
	TTL_RECORDS = 5956, /* no message has more: (65535 - header - question) / (root name + fixed part) */
};

/*
 * Finds the TTL of every record of all three sections, in their order, in a message that wire_answer_take()
 * accepted. Returns how many (0: a message without records). -ENOSPC: more than `room`, which does not happen
 * with TTL_RECORDS; -EBADMSG: the message is malformed after all, or an OPT is in it, whose TTL is none.
 * After an error what `offsets` holds means nothing.
 */
int ttl_find(const uint8_t *msg, size_t bytes, uint16_t *offsets, unsigned room)
        __attribute__((warn_unused_result));

/* All that follow take the offsets that ttl_find() gave for this message, or for one it is a copy of. */

uint32_t ttl_get(const uint8_t *msg, uint16_t offset);
void ttl_put(uint8_t *msg, uint16_t offset, uint32_t ttl_s);

/* The record that a TTL belongs to: its type, and its RDATA by offset and length. */
uint16_t ttl_type(const uint8_t *msg, uint16_t offset);
size_t ttl_rdata(const uint8_t *msg, uint16_t offset, size_t *bytes);

/* The least of them; TTL_LARGEST_S when there are none. */
uint32_t ttl_least(const uint8_t *msg, const uint16_t *offsets, unsigned count);

/* Raises each to least_s, and lowers each to most_s, which has the last word. */
void ttl_clamp(uint8_t *msg, const uint16_t *offsets, unsigned count, uint32_t least_s, uint32_t most_s);

/*
 * Takes off what has passed since they were right. None goes below 0, and 0 it is: "do not keep this" is all
 * that may be said of a record whose time is up, and one that never was to be kept must not be raised to 1.
 */
void ttl_age(uint8_t *msg, const uint16_t *offsets, unsigned count, uint32_t elapsed_s);

/* Sets all: for answers that are given beyond their time (RFC 8767 section 4). */
void ttl_set(uint8_t *msg, const uint16_t *offsets, unsigned count, uint32_t ttl_s);

#endif
