/*
 * One number for a question: name (in any case), type and class. For tables that are keyed by questions, with
 * a secret seed.
 */
#ifndef DOTWARD_DNS_HASH_H
#define DOTWARD_DNS_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * The hash of the question in a message that nobody has looked at yet. Reads as little as it can: nothing is
 * validated but lengths, so that it can be asked about a message that kills the parser. Never 0.
 */
uint64_t hash_question(const uint8_t *msg, size_t bytes, uint64_t seed);
/* The same hash for a name in wire form, type and class. */
uint64_t hash_name(const uint8_t *name, size_t name_bytes, uint16_t type, uint16_t class, uint64_t seed);

#endif
