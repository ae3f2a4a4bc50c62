/*
 * Why the oldest give way, and not the newest is turned away: whoever opens connections and lets them lie
 * would else keep everybody out for as long as a handshake may take. And why not always: when everybody comes
 * at once, after a restart, those who were first are nearly done, and whoever is next can wait in the
 * kernel's queue.
 */
#include "client/handshakes.h"

enum {
	HANDSHAKES_LOOKED_AT = 16, /* when one is to give way */
	HANDSHAKES_AGAIN_MS = 50,  /* when none did */
};

void
handshakes_init(struct handshakes *all, unsigned most, unsigned limit_ms)
{
	list_init(&all->under_way);
	all->count = 0;
	all->most = most;
	all->limit_ms = limit_ms;
}

void
handshake_begin(struct handshakes *all, struct handshake *h, uint64_t now_ms)
{
	h->begun_ms = now_ms;
	list_append(&all->under_way, &h->link);
	all->count++;
}

void
handshake_end(struct handshakes *all, struct handshake *h)
{
	if (!handshake_is_under_way(h))
		return;
	list_remove(&h->link);
	all->count--;
}

bool
handshake_is_under_way(const struct handshake *h)
{
	return !list_empty(&h->link);
}

bool
handshakes_full(const struct handshakes *all)
{
	return all->count >= all->most;
}

static struct handshake *
oldest(const struct handshakes *all)
{
	return list_empty(&all->under_way) ? NULL : list_first(&all->under_way, struct handshake, link);
}

struct handshake *
handshakes_overdue(const struct handshakes *all, uint64_t now_ms)
{
	struct handshake *h = oldest(all);
	return h != NULL && now_ms >= h->begun_ms + all->limit_ms ? h : NULL;
}

struct handshake *
handshakes_stalled(
        const struct handshakes *all, uint64_t now_ms, bool (*waits_for_us)(const struct handshake *h))
{
	unsigned looked = 0;
	list_each (at, &all->under_way) {
		struct handshake *h = list_entry(at, struct handshake, link);
		if (now_ms < h->begun_ms + HANDSHAKE_GRACE_MS || looked++ == HANDSHAKES_LOOKED_AT)
			return NULL;
		if (!waits_for_us(h))
			return h;
	}
	return NULL;
}

uint64_t
handshakes_next_ms(const struct handshakes *all, uint64_t now_ms)
{
	const struct handshake *h = oldest(all);
	if (h == NULL)
		return UINT64_MAX;
	uint64_t overdue_ms = h->begun_ms + all->limit_ms;
	if (!handshakes_full(all))
		return overdue_ms;
	uint64_t grace_ms = h->begun_ms + HANDSHAKE_GRACE_MS;
	if (grace_ms < now_ms + HANDSHAKES_AGAIN_MS)
		grace_ms = now_ms + HANDSHAKES_AGAIN_MS;
	return grace_ms < overdue_ms ? grace_ms : overdue_ms;
}
