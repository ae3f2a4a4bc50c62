/*
 * TTLs found and changed.
 *
 *   owner | type | class | TTL | RDLENGTH | RDATA        an offset leads to the TTL, the rest lies around it
 *
 * Finding walks the message and checks it, once. All else trusts the offsets, as it is on the path of each
 * answer from the cache: a load, a subtraction and a store for each record.
 */
#include "dns/ttl.h"

#include "dns/edns.h"
#include "dns/header.h"
#include "dns/name.h"
#include "dns/octets.h"
#include "dns/record.h"

#include <assert.h>
#include <errno.h>

enum {
	MESSAGE_BYTES = 65535,
	LEAST_QUESTION_BYTES = 1 + QUESTION_FIXED_BYTES,
	LEAST_RECORD_BYTES = 11,
	/* seen from the TTL */
	TYPE_BEFORE = 4,
	RDLENGTH_BEHIND = 4,
	RDATA_BEHIND = 6,
};

static_assert(
        (int)TTL_RECORDS == (MESSAGE_BYTES - HEADER_BYTES - LEAST_QUESTION_BYTES) / (int)LEAST_RECORD_BYTES,
        "the most records that a message can have");

/* Behind the question, or 0. An accepted answer has one, whose name cannot be compressed. */
static size_t
records_start(const uint8_t *msg, size_t bytes)
{
	if (bytes < HEADER_BYTES || bytes > MESSAGE_BYTES || octets_get16(msg + HEADER_QDCOUNT) != 1)
		return 0;
	size_t name = name_plain_bytes(msg, bytes, HEADER_BYTES);
	size_t end = HEADER_BYTES + name + QUESTION_FIXED_BYTES;
	return name == 0 || end > bytes ? 0 : end;
}

int
ttl_find(const uint8_t *msg, size_t bytes, uint16_t *offsets, unsigned room)
{
	size_t at = records_start(msg, bytes);
	if (at == 0)
		return -EBADMSG;
	unsigned count = octets_get16(msg + HEADER_ANCOUNT) + 0u + octets_get16(msg + HEADER_NSCOUNT) +
	                 octets_get16(msg + HEADER_ARCOUNT);

	struct record record;
	for (unsigned i = 0; i < count; i++, at = record.end) {
		if (!record_read(msg, bytes, at, &record) || record.type == EDNS_TYPE_OPT)
			return -EBADMSG;
		if (i == room)
			return -ENOSPC;
		offsets[i] = (uint16_t)(record.rdata - RDATA_BEHIND);
	}
	return at == bytes ? (int)count : -EBADMSG;
}

/* RFC 2181 section 8. */
static inline uint32_t
meant(uint32_t ttl)
{
	return ttl > TTL_LARGEST_S ? 0 : ttl;
}

uint32_t
ttl_get(const uint8_t *msg, uint16_t offset)
{
	return meant(octets_get32(msg + offset));
}

void
ttl_put(uint8_t *msg, uint16_t offset, uint32_t ttl_s)
{
	octets_put32(msg + offset, ttl_s);
}

uint16_t
ttl_type(const uint8_t *msg, uint16_t offset)
{
	return octets_get16(msg + offset - TYPE_BEFORE);
}

size_t
ttl_rdata(const uint8_t *msg, uint16_t offset, size_t *bytes)
{
	*bytes = octets_get16(msg + offset + RDLENGTH_BEHIND);
	return (size_t)offset + RDATA_BEHIND;
}

uint32_t
ttl_least(const uint8_t *msg, const uint16_t *offsets, unsigned count)
{
	uint32_t least = TTL_LARGEST_S;

	for (unsigned i = 0; i < count; i++) {
		uint32_t ttl = ttl_get(msg, offsets[i]);
		least = ttl < least ? ttl : least;
	}
	return least;
}

void
ttl_clamp(uint8_t *msg, const uint16_t *offsets, unsigned count, uint32_t least_s, uint32_t most_s)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t ttl = ttl_get(msg, offsets[i]);
		ttl = ttl < least_s ? least_s : ttl;
		ttl_put(msg, offsets[i], ttl > most_s ? most_s : ttl);
	}
}

void
ttl_age(uint8_t *msg, const uint16_t *offsets, unsigned count, uint32_t elapsed_s)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t ttl = ttl_get(msg, offsets[i]);
		ttl_put(msg, offsets[i], ttl > elapsed_s ? ttl - elapsed_s : 0);
	}
}

void
ttl_set(uint8_t *msg, const uint16_t *offsets, unsigned count, uint32_t ttl_s)
{
	for (unsigned i = 0; i < count; i++)
		ttl_put(msg, offsets[i], ttl_s);
}
