/*
 * Two places, one in use. A new secret is written into the other one, and then one atomic step says that it
 * is the one; of several who try, one takes that step, and what the late ones write over it is as random.
 *
 * Who reads while that happens may get a mixture: a ticket made with it is good for nobody, and its client
 * makes a full handshake once more. An old secret is not wiped with zeroes but with chance, so that nothing
 * that ever lies here can be known to an outsider, whoever stands still in the middle and goes on a day
 * later.
 */
#include "shared/stek.h"

#include <string.h>
#include <sys/random.h>

static bool
is_due(uint64_t made_ms, uint64_t now_ms)
{
	return made_ms == 0 || now_ms < made_ms || now_ms - made_ms >= STEK_LIFE_MS;
}

/* Writes the next one, and wipes the one before it. */
static bool
renew(struct stek *stek, uint64_t made_ms, uint64_t now_ms)
{
	uint8_t fresh[2 * STEK_BYTES];
	uint32_t turn = atomic_load(&stek->turn);
	if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh)
		return made_ms != 0;
	memcpy(stek->keys[(turn + 1) & 1], fresh, STEK_BYTES);
	uint32_t expected = turn;
	if (atomic_compare_exchange_strong(&stek->turn, &expected, turn + 1)) {
		atomic_store(&stek->made_ms, now_ms > 0 ? now_ms : 1);
		memcpy(stek->keys[turn & 1], fresh + STEK_BYTES, STEK_BYTES);
	} /* else somebody else's is as good */
	explicit_bzero(fresh, sizeof fresh);
	return true;
}

bool
stek_get(struct stek *stek, uint64_t now_ms, uint8_t out[STEK_BYTES])
{
	uint64_t made_ms = atomic_load(&stek->made_ms);
	if (is_due(made_ms, now_ms) && !renew(stek, made_ms, now_ms))
		return false;
	memcpy(out, stek->keys[atomic_load(&stek->turn) & 1], STEK_BYTES);
	return true;
}
