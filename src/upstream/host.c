/*
 * Addresses come in any order, another one each time, so they are brought into one: two sets are the same
 * when they are so byte for byte.
 */
#include "upstream/host.h"

#include "base/backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum host_family
family_of(const struct addr *address)
{
	return address->any.sa_family == AF_INET ? HOST_IPV4 : HOST_IPV6;
}

bool
host_address_fits(const struct addr *address)
{
	size_t count;
	if (address->any.sa_family != AF_INET && address->any.sa_family != AF_INET6)
		return false;
	const uint8_t *bytes = addr_host(address, &count);
	if (address->any.sa_family == AF_INET) /* 0/8; multicast, reserved and broadcast */
		return bytes[0] != 0 && bytes[0] < 224;
	const struct in6_addr *six = &address->in6.sin6_addr;
	return !IN6_IS_ADDR_UNSPECIFIED(six) && !IN6_IS_ADDR_MULTICAST(six) && !IN6_IS_ADDR_LINKLOCAL(six) &&
	       !IN6_IS_ADDR_V4MAPPED(six) && !IN6_IS_ADDR_V4COMPAT(six);
}

static int
compare(const void *a, const void *b)
{
	const struct addr *left = a, *right = b;
	size_t count;
	const uint8_t *bytes = addr_host(left, &count);
	return memcmp(bytes, addr_host(right, &count), count);
}

/* Appends the addresses of one family, sorted and each once; how many. */
static unsigned
pick(enum host_family family, const struct addr *from, unsigned count, struct addr out[HOST_ADDRESSES])
{
	unsigned picked = 0, kept = 0;
	for (unsigned i = 0; i < count && picked < HOST_ADDRESSES; i++)
		if (family_of(&from[i]) == family)
			out[picked++] = from[i];
	if (picked > 0)
		qsort(out, picked, sizeof *out, compare);
	for (unsigned i = 0; i < picked; i++)
		if (i == 0 || compare(&out[i], &out[kept - 1]) != 0)
			out[kept++] = out[i];
	return kept;
}

/* The new ones, and of a family that no answer came for the old ones. Returns how many. */
static unsigned
merge(const struct host *h, const struct host_answer *answer, struct addr out[HOST_ADDRESSES])
{
	struct addr of[HOST_FAMILIES][HOST_ADDRESSES];
	unsigned have[HOST_FAMILIES], count = 0;
	for (enum host_family f = 0; f < HOST_FAMILIES; f++)
		have[f] = answer->known[f] ? pick(f, answer->addresses, answer->count, of[f])
		                           : pick(f, h->addresses, h->count, of[f]);
	for (unsigned i = 0; i < HOST_ADDRESSES; i++)
		for (enum host_family f = 0; f < HOST_FAMILIES; f++)
			if (i < have[f] && count < HOST_ADDRESSES)
				out[count++] = of[f][i];
	return count;
}

static bool
is_same(const struct host *h, const struct addr *addresses, unsigned count)
{
	if (count != h->count)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!addr_equal(&addresses[i], &h->addresses[i]))
			return false;
	return true;
}

static enum host_news
fail(struct host *h, const struct host_answer *answer, uint64_t now_ms, uint32_t random)
{
	bool failed = h->why[0] != '\0';
	h->failures++;
	h->due_ms =
	        now_ms +
	        backoff_spread_ms(backoff_ms(h->failures, HOST_RETRY_FIRST_MS, HOST_RETRY_MOST_MS), random);
	snprintf(h->why, sizeof h->why, "%s", answer->why[0] != '\0' ? answer->why : "it has no address");
	return failed ? HOST_FAILS_ON : HOST_FAILS;
}

static uint64_t
life_ms(const struct host_answer *answer)
{
	uint32_t ttl_s = answer->ttl_s < HOST_LEAST_S ? HOST_LEAST_S : answer->ttl_s;
	bool whole = answer->known[HOST_IPV4] && answer->known[HOST_IPV6];
	if (!whole || ttl_s > HOST_MOST_S)
		ttl_s = whole ? HOST_MOST_S : HOST_LEAST_S;
	return ttl_s * 1000ull;
}

enum host_news
host_learn(struct host *h, const struct host_answer *answer, uint64_t now_ms, uint32_t random)
{
	struct addr found[HOST_ADDRESSES];
	if (answer->count == 0)
		return fail(h, answer, now_ms, random);
	unsigned count = merge(h, answer, found);
	bool same = is_same(h, found, count), failed = h->why[0] != '\0';
	memcpy(h->addresses, found, count * sizeof *found);
	h->count = count;
	h->failures = 0;
	h->why[0] = '\0';
	h->due_ms = now_ms + life_ms(answer);
	return !same ? HOST_CHANGED : failed ? HOST_WELL : HOST_SAME;
}

void
host_hurry(struct host *h, uint64_t now_ms)
{
	h->failures = 0;
	if (h->due_ms > now_ms + HOST_SOON_MS)
		h->due_ms = now_ms + HOST_SOON_MS;
}

void
host_share(const unsigned *wanted, unsigned *given, size_t count, unsigned room)
{
	memset(given, 0, count * sizeof *given);
	for (bool dealt = true; dealt && room > 0;) {
		dealt = false;
		for (size_t i = 0; i < count && room > 0; i++)
			if (given[i] < wanted[i]) {
				given[i]++;
				room--;
				dealt = true;
			}
	}
}
