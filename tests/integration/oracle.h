/*
 * Answers that can be computed: what the scripted upstream gives, and what the clients of the tests expect.
 *
 * The address of a name is a hash of the name, so that an answer which reached the wrong question is seen as
 * wrong.
 */
#ifndef DOTWARD_TESTS_ORACLE_H
#define DOTWARD_TESTS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ORACLE_NAME_BYTES = 255,
	ORACLE_HEADER_BYTES = 12,
	ORACLE_MESSAGE_BYTES = 65535,
	ORACLE_TTL = 300,
	ORACLE_TYPE_A = 1,
	ORACLE_TYPE_SOA = 6,
	ORACLE_TYPE_TXT = 16,
	ORACLE_TYPE_AAAA = 28,
	ORACLE_TYPE_OPT = 41,
	ORACLE_CLASS_IN = 1,
};

uint16_t oracle_get16(const uint8_t *at);
/* Writes a 16 or 32 bit number and returns the place behind it. */
uint8_t *oracle_put16(uint8_t *at, unsigned value);
uint8_t *oracle_put32(uint8_t *at, uint32_t value);
/* Writes a dotted name in wire form; returns its length, 0 when it is none. No escapes. */
size_t oracle_name(uint8_t out[ORACLE_NAME_BYTES], const char *text);
/* Length of the name at `at`, uncompressed or ending in a pointer; 0 when it runs out. */
size_t oracle_skip_name(const uint8_t *msg, size_t bytes, size_t at);
/* The A record of an uncompressed name (any case), in host order: 10.x.y.z. */
uint32_t oracle_address(const uint8_t *name, size_t bytes);
/* The AAAA record of the same name. */
void oracle_address6(const uint8_t *name, size_t bytes, uint8_t out[16]);
/* Number of a type: A, AAAA, TXT, MX ... or TYPEn; 0 when unknown. */
uint16_t oracle_type(const char *text);
/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t oracle_now_ms(void);
/* True when msg is a NOERROR answer to this question with exactly the one computed A record. */
bool oracle_holds(const uint8_t *msg, size_t bytes, const uint8_t *name, size_t name_bytes);

#endif
