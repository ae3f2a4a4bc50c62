/*
 * A table from domains to numbers that finds the domains a name lies in, with a few steps for each label of
 * the name that leads anywhere. Names are in wire form, uncompressed; the case of letters means nothing.
 *
 * Of each domain all those above it are in the table, too, with the number 0. So a name that has nothing to
 * do with any domain is known by its last label.
 *
 * Filled once, then only read. Who asks has no say in what is in it, so no secret is needed.
 */
#ifndef DOTWARD_DNS_DOMAINS_H
#define DOTWARD_DNS_DOMAINS_H

#include "dns/name.h"

struct domains;

struct domains *domains_new(void) __attribute__((returns_nonnull));
/* NULL is allowed. */
void domains_free(struct domains *domains);

/* The number of this domain, which is in the table from now on; 0 at first. To be written to before the next
 * call. */
uint32_t *domains_put(struct domains *domains, const uint8_t *name, size_t bytes);

struct domains_match {
	unsigned labels; /* the name's own, without the root */
	unsigned known;  /* of these, from the right: the longest domain in the table */
	uint32_t number; /* of that domain */
	/* The longest domain with a number other than 0. No such: numbered is 0. */
	uint32_t numbered;
	unsigned numbered_labels;
	size_t numbered_at; /* where in the name it begins */
	size_t known_at;
};

/* What of a name is in the table. The root is always known, with the number it was given. */
void domains_find(
        const struct domains *domains, const uint8_t *name, size_t bytes, struct domains_match *out);

#endif
