/*
 * Questions and answers that can be worked out from a number: of the question, and of the version of its
 * answer. So whoever takes an answer out of a cache can say of each byte whether it is right, without having
 * seen what was put in.
 *
 * The version is in the answer's life, and everything else follows from it and from the question's number.
 */
#ifndef DOTWARD_TESTS_SAMPLE_H
#define DOTWARD_TESTS_SAMPLE_H

#include "cache/cache.h"

enum {
	SAMPLE_RECORDS = 512,
	SAMPLE_LIFE_S = 1 << 20, /* of version 0 */
	SAMPLE_VERSIONS = 1 << 20,
	SAMPLE_ZONES = 7, /* zone-0.test … */
};

struct sample {
	struct wire_query query;
	struct cache_key key;
	struct wire_answer answer;
	struct cache_item item; /* stored_ms and stale_s: 0 */
	uint16_t ttls[SAMPLE_RECORDS];
	uint8_t msg[WIRE_MESSAGE_BYTES];
};

/* Fills in query and key. Four numbers in a row share a name, and differ in type, class, DO or CD. */
void sample_ask(struct sample *out, uint32_t number, uint64_t seed);
/* The number of the question that this answers; false: of none. */
bool sample_number(const struct cache_entry *entry, uint32_t *number);
unsigned sample_zone(uint32_t number);

/* After sample_ask(): fills in answer and item. No record makes the message larger than
 * `most_bytes`, but a negative answer's SOA, which is always there. */
void sample_answer(struct sample *out, uint32_t number, uint32_t version, size_t most_bytes);

/*
 * Says what is wrong with an answer that was found: NULL if it is, byte for byte, one that sample_answer()
 * makes for this number. `room` is for a sample and overwritten with that answer; *version is set when the
 * answer has one.
 */
const char *sample_wrong(struct sample *room, uint32_t number, const struct cache_entry *entry,
        size_t most_bytes, uint32_t *version);

/* --- plain ones, for what is timed --- */

enum { SAMPLE_NAME_BYTES = 9 + 1 + 7 + 1 + 4 + 1 }; /* n0123456.example.test as labels */

/* The name n0123456.example.test, another for each number below 2^28. */
void sample_plain_name(uint8_t out[SAMPLE_NAME_BYTES], uint32_t number);
/* An answer to a question for this name of A with one record of `rdata_bytes`. Returns its length. */
size_t sample_plain_answer(uint8_t *out, const uint8_t *name, size_t name_bytes, size_t rdata_bytes);

#endif
