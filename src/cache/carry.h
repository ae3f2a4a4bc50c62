/*
 * Answers on their way from one cache into another: because its size has changed, or from a file.
 */
#ifndef DOTWARD_CACHE_CARRY_H
#define DOTWARD_CACHE_CARRY_H

#include "cache/cache.h"

/* Which answers go along. Zeroed: all. */
struct carry_filter {
	bool (*wanted)(const void *arg, const struct wire_question *question);
	const void *arg;
};

/* Whether the filter wants this message; true when it has no question that could be read. */
bool carry_wants(const struct carry_filter *filter, const uint8_t *msg, size_t bytes);

/*
 * The question that a message of a cached answer repeats, with the rest of the key but the view, which is 0.
 * Reads only the question, and trusts no byte of it. False when there is none, or another number than one.
 */
bool carry_question(const uint8_t *msg, size_t bytes, bool dnssec_ok, bool checking_disabled,
        struct wire_query *out) __attribute__((warn_unused_result));

/*
 * Puts it in, unless what is there already is as young. True when the cache now has this answer or a younger
 * one. The process must have joined; `seed` is that of the cache.
 */
bool carry_put(struct cache *to, uint64_t seed, const struct wire_query *query, const struct cache_item *item)
        __attribute__((warn_unused_result));

/* All wanted answers of one cache into another, with their age. Returns how many are in it now. */
uint64_t carry_all(struct cache *from, struct cache *to, uint64_t seed, const struct carry_filter *filter);

#endif
