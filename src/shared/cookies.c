/*
 * A ring of secrets, and a count of how many there were. A secret is written where nobody looks and counted
 * afterwards; a reader looks at the newest and the one before, so what it looks at is written over no sooner
 * than two days later.
 */
#include "shared/cookies.h"

#include <stdatomic.h>
#include <sys/random.h>

enum { RING = 4, COOKIES_AGAIN_MS = 60000 };

struct cookies {
	_Atomic uint64_t count;
	_Atomic uint64_t made_ms; /* the newest */
	uint8_t secrets[RING][COOKIE_SECRET_BYTES];
};

size_t
cookies_bytes(void)
{
	return sizeof(struct cookies);
}

uint64_t
cookies_wait_ms(const struct cookies *cookies, uint64_t now_ms)
{
	uint64_t due_ms = atomic_load(&cookies->made_ms) + COOKIES_ROTATE_MS;
	if (atomic_load(&cookies->count) == 0) /* it failed, and is tried again */
		return COOKIES_AGAIN_MS;
	return now_ms < due_ms ? due_ms - now_ms : 0;
}

bool
cookies_rotate(struct cookies *cookies, uint64_t now_ms)
{
	uint64_t count = atomic_load(&cookies->count);
	if (count > 0 && cookies_wait_ms(cookies, now_ms) > 0)
		return true;
	if (getrandom(cookies->secrets[count % RING], COOKIE_SECRET_BYTES, 0) != COOKIE_SECRET_BYTES)
		return false;
	atomic_store(&cookies->made_ms, now_ms);
	atomic_store(&cookies->count, count + 1);
	return true;
}

bool
cookies_secrets(const struct cookies *cookies, struct cookie_secrets *out)
{
	uint64_t count = atomic_load_explicit(&cookies->count, memory_order_acquire);
	if (count == 0)
		return false;
	out->secret = cookies->secrets[(count - 1) % RING];
	out->also = count > 1 ? cookies->secrets[(count - 2) % RING] : NULL;
	return true;
}
