/*
 * Computable answers, and the few pieces of wire format that the test programs share.
 *
 * This is deliberately not dotward's own parser: a mistake in that one must not be able to agree with itself.
 */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

uint16_t
oracle_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint8_t *
oracle_put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

uint8_t *
oracle_put32(uint8_t *at, uint32_t value)
{
	return oracle_put16(oracle_put16(at, value >> 16), value & 0xffff);
}

size_t
oracle_name(uint8_t out[ORACLE_NAME_BYTES], const char *text)
{
	size_t used = 0;

	while (*text && strcmp(text, ".") != 0) {
		size_t label = strcspn(text, ".");
		if (label == 0 || label > 63 || used + label + 2 > ORACLE_NAME_BYTES)
			return 0;
		out[used++] = (uint8_t)label;
		memcpy(out + used, text, label);
		used += label;
		text += label + (text[label] == '.');
	}
	out[used++] = 0;
	return used;
}

size_t
oracle_skip_name(const uint8_t *msg, size_t bytes, size_t at)
{
	size_t start = at;

	while (at < bytes) {
		if (msg[at] >= 0xc0)
			return at + 2 <= bytes ? at + 2 - start : 0;
		if (msg[at] == 0)
			return at + 1 - start;
		at += msg[at] + 1u;
	}
	return 0;
}

static uint32_t
name_hash(const uint8_t *name, size_t bytes, uint32_t hash)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t c = name[i];
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c | 0x20);
		hash = (hash ^ c) * 16777619u;
	}
	return hash ^ hash >> 15;
}

uint32_t
oracle_address(const uint8_t *name, size_t bytes)
{
	return 10u << 24 | (name_hash(name, bytes, 2166136261u) & 0xffffff);
}

void
oracle_address6(const uint8_t *name, size_t bytes, uint8_t out[16])
{
	uint8_t *at = out;

	at = oracle_put32(at, 0xfd000000);
	at = oracle_put32(at, 0);
	at = oracle_put32(at, name_hash(name, bytes, 2166136261u));
	oracle_put32(at, name_hash(name, bytes, 40389u));
}

uint16_t
oracle_type(const char *text)
{
	static const struct {
		const char *text;
		uint16_t type;
	} types[] = {{"A", 1}, {"NS", 2}, {"SOA", 6}, {"PTR", 12}, {"MX", 15}, {"TXT", 16}, {"AAAA", 28},
	        {"SRV", 33}, {"OPT", 41}, {"HTTPS", 65}, {"IXFR", 251}, {"AXFR", 252}, {"ANY", 255}};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcasecmp(text, types[i].text) == 0)
			return types[i].type;
	return strncasecmp(text, "TYPE", 4) == 0 ? (uint16_t)strtoul(text + 4, NULL, 10) : 0;
}

uint64_t
oracle_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool
oracle_holds(const uint8_t *msg, size_t bytes, const uint8_t *name, size_t name_bytes)
{
	size_t question = ORACLE_HEADER_BYTES + name_bytes + 4;
	uint8_t rest[14];

	if (bytes < question + 16 || !(msg[2] & 0x80) || (msg[2] & 0x02) || (msg[3] & 0x0f))
		return false;
	if (oracle_get16(msg + 4) != 1 || oracle_get16(msg + 6) != 1)
		return false;
	if (memcmp(msg + ORACLE_HEADER_BYTES, name, name_bytes) != 0)
		return false;
	size_t owner = oracle_skip_name(msg, bytes, question);
	if (owner == 0 || question + owner + sizeof(rest) > bytes)
		return false;
	uint8_t *at = oracle_put16(oracle_put16(rest, ORACLE_TYPE_A), ORACLE_CLASS_IN);
	at = oracle_put16(oracle_put32(at, ORACLE_TTL), 4);
	oracle_put32(at, oracle_address(name, name_bytes));
	/* All but the TTL, which a cache on the way may have aged. */
	const uint8_t *record = msg + question + owner;
	return memcmp(record, rest, 4) == 0 && memcmp(record + 8, rest + 8, 6) == 0;
}
