/*
 * The bounds are few enough that the search from below is as good as any other: most answers come from the
 * cache within a few microseconds.
 */
#include "shared/latency.h"

const uint32_t latency_bounds_us[LATENCY_BOUNDS] = {2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000,
        20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000};

unsigned
latency_bucket(uint64_t us)
{
	unsigned bucket = 0;
	while (bucket < LATENCY_BOUNDS && us > latency_bounds_us[bucket])
		bucket++;
	return bucket;
}

static void
add(_Atomic uint64_t *word, uint64_t what)
{
	uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
	atomic_store_explicit(word, before + what, memory_order_relaxed);
}

void
latency_note(struct latency *l, uint64_t us)
{
	add(&l->counts[latency_bucket(us)], 1);
	add(&l->sum_us, us);
}

void
latency_note_shared(struct latency *l, uint64_t us)
{
	atomic_fetch_add_explicit(&l->counts[latency_bucket(us)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->sum_us, us, memory_order_relaxed);
}

void
latency_add(struct latency_view *into, const struct latency *from)
{
	uint64_t below = 0;
	into->sum_us += atomic_load_explicit(&from->sum_us, memory_order_relaxed);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		below += atomic_load_explicit(&from->counts[i], memory_order_relaxed);
		into->below[i] += below;
	}
	into->count += below;
}

/* In the bucket where it must be, as if all in there were spread evenly. */
uint32_t
latency_quantile_us(const struct latency_view *view, unsigned percent)
{
	uint64_t rank = (view->count * percent + 99) / 100, before = 0;
	for (unsigned i = 0; i < LATENCY_BOUNDS && view->count > 0; i++) {
		uint32_t low = i > 0 ? latency_bounds_us[i - 1] : 0, high = latency_bounds_us[i];
		if (view->below[i] >= rank && view->below[i] > before)
			return low + (uint32_t)((high - low) * (rank - before) / (view->below[i] - before));
		before = view->below[i];
	}
	return view->count > 0 ? latency_bounds_us[LATENCY_BOUNDS - 1] : 0;
}
