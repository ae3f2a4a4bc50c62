/*
 * Caches to compare with, by the book and without any regard to what they would cost: exact, counted in
 * entries, one process.
 *
 * LRU and FIFO are what everybody knows. SIEVE is Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024,
 * algorithm 1. S3-FIFO is Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023,
 * algorithm 1, with the paper's parameters, which are also those of the authors' simulator (libCacheSim,
 * S3FIFOv0: small-size-ratio=0.10, ghost-size-ratio=0.90, move-to-main-threshold=2): a small queue of a tenth
 * of the entries, a ghost queue as long as the main one, a count that stops at 3; out of the small queue goes
 * to the main one what was asked for more than once while there, with its count cleared.
 */
#ifndef DOTWARD_TESTS_REFERENCE_H
#define DOTWARD_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

enum reference_kind { REFERENCE_LRU, REFERENCE_FIFO, REFERENCE_SIEVE, REFERENCE_S3FIFO, REFERENCE_KINDS };

struct reference;

const char *reference_name(enum reference_kind kind);

/* Names are 0 … names - 1. Ends the program when there is no memory for it. */
struct reference *reference_new(enum reference_kind kind, uint32_t entries, uint32_t names)
        __attribute__((returns_nonnull));
void reference_free(struct reference *cache);

/* True: it was there. False: it was not, and is now. */
bool reference_ask(struct reference *cache, uint32_t name);
/* Without being asked for. */
bool reference_has(const struct reference *cache, uint32_t name);

#endif
