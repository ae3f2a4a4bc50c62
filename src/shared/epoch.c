/*
 * The two clocks differ by a constant, but for sleep, which only one of them counts. Whoever finds the
 * difference grown writes it down with one exchange, and whose exchange it was is who has noticed.
 */
#include "shared/epoch.h"

void
epoch_begin(struct epoch *epoch, uint64_t now_ms, uint64_t boot_ms)
{
	atomic_store(&epoch->asleep_ms, boot_ms - now_ms);
}

uint32_t
epoch_now(const struct epoch *epoch)
{
	return atomic_load(&epoch->count);
}

void
epoch_raise(struct epoch *epoch)
{
	atomic_fetch_add(&epoch->count, 1);
}

uint64_t
epoch_woke(struct epoch *epoch, uint64_t boot_ms, uint64_t now_ms)
{
	uint64_t known_ms = atomic_load(&epoch->asleep_ms), asleep_ms = boot_ms - now_ms;
	if (asleep_ms <= known_ms + EPOCH_NAP_MS)
		return 0;
	if (!atomic_compare_exchange_strong(&epoch->asleep_ms, &known_ms, asleep_ms))
		return 0;
	epoch_raise(epoch);
	return asleep_ms - known_ms;
}
