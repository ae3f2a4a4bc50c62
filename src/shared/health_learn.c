/*
 * What is learned of one upstream address, and what follows from it.
 *
 *    well ── failed ──► backed off ── its end ──► due ── claimed ──► probed ── answered ──► well
 *                          ▲                                           │
 *                          └──────────────── failed: twice as long ────┘
 *
 * Several processes fail at the same moment when a server goes away. They race for one exchange of the
 * back-off word: the winner makes it longer, and for the others it is known already.
 */
#include "shared/health_inside.h"

#include "base/backoff.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	IDLE_LEAST_MS = 100, /* a server that closes at once asks us to close soon, not to spin */
	BUDGET_TRIES = 8,    /* against others who take from it at the same moment */
	DECAY_SAMPLES = 256, /* after so many answers the old ones count half */
	LOOK_SAMPLES = 16,   /* after so many the percentile is computed anew */
	SLOW_PERCENT = 95,
};

static void
count(struct health_facts *f, enum health_cause cause)
{
	atomic_fetch_add_explicit(&f->failed[cause], 1, memory_order_relaxed);
}

static bool
network_changed(const struct health *h, uint64_t now_ms)
{
	uint64_t forgotten_ms = h->table != NULL ? health_get(&h->table->forgotten_ms) : 0;
	return forgotten_ms != 0 && now_ms < forgotten_ms + HEALTH_GRACE_MS;
}

static enum health_news
fail(const struct health *h, struct health_facts *f, enum health_cause cause, const char *why,
        uint64_t now_ms, uint32_t random)
{
	uint64_t backoff = atomic_load(&f->backoff);
	uint32_t row = health_backoff_row(backoff);
	health_text_set(&f->why, why);
	health_set(&f->failed_ms, now_ms);
	health_set(&f->used_ms, now_ms);
	if (network_changed(h, now_ms) || now_ms < health_backoff_end(backoff))
		return HEALTH_NO_NEWS;
	row += row < 255;
	uint64_t wait_ms = backoff_ms(row, HEALTH_BACKOFF_FIRST_MS, HEALTH_BACKOFF_MOST_MS);
	uint64_t next = (now_ms + backoff_spread_ms(wait_ms, random)) << 8 | row;
	if (!atomic_compare_exchange_strong(&f->backoff, &backoff, next))
		return HEALTH_NO_NEWS;
	health_set32(&f->cause, cause);
	health_set32(&f->silences, 0);
	health_set32(&f->refusals, 0);
	health_set(&f->probe_ms, 0);
	return atomic_exchange(&f->down, 1) ? HEALTH_STAYS_BAD : HEALTH_IS_DOWN;
}

enum health_news
health_failed(struct health *h, enum health_cause cause, const char *why, uint64_t now_ms, uint32_t random)
{
	struct health_facts *f = health_facts(h);
	count(f, cause);
	return fail(h, f, cause, why, now_ms, random);
}

/* One more in a row, of which so many are a failure. */
static enum health_news
one_more(struct health *h, _Atomic uint32_t *row, uint32_t most, enum health_cause cause, const char *why,
        uint64_t now_ms, uint32_t random)
{
	struct health_facts *f = health_facts(h);
	count(f, cause);
	if (atomic_fetch_add(row, 1) + 1 >= most || health_backoff_row(health_get(&f->backoff)) > 0)
		return fail(h, f, cause, why, now_ms, random);
	return HEALTH_NO_NEWS;
}

enum health_news
health_silent(struct health *h, const char *why, uint64_t now_ms, uint32_t random)
{
	return one_more(h, &health_facts(h)->silences, HEALTH_SILENCES, HEALTH_SILENCE, why, now_ms, random);
}

enum health_news
health_contradicted(struct health *h, const char *why, uint64_t now_ms, uint32_t random)
{
	return one_more(h, &health_facts(h)->refusals, HEALTH_REFUSALS, HEALTH_REFUSAL, why, now_ms, random);
}

static void
smooth(_Atomic uint32_t *average, uint32_t sample)
{
	uint32_t old = health_get32(average);
	if (sample == 0)
		sample = 1;
	health_set32(average, old == 0 ? sample : (uint32_t)(((uint64_t)old * 7 + sample) / 8));
}

static unsigned
histogram_index(uint32_t us)
{
	if (us < 1u << HEALTH_FIRST_BIT)
		return 0;
	unsigned bit = 31u - (unsigned)__builtin_clz(us);
	unsigned index = (bit - HEALTH_FIRST_BIT) * HEALTH_STEPS + ((us >> (bit - 2)) & 3);
	return index < HEALTH_OCTAVES * HEALTH_STEPS ? index : HEALTH_OCTAVES * HEALTH_STEPS - 1;
}

/* What is counted there is less than this. */
static uint32_t
histogram_bound(unsigned index)
{
	unsigned bit = HEALTH_FIRST_BIT + index / HEALTH_STEPS;
	return (1u << bit) + (index % HEALTH_STEPS + 1) * (1u << (bit - 2));
}

static void
histogram_halve(struct health_facts *f)
{
	for (unsigned i = 0; i < HEALTH_OCTAVES * HEALTH_STEPS; i++) {
		uint16_t there = atomic_load_explicit(&f->latencies[i], memory_order_relaxed);
		if (there > 0)
			atomic_store_explicit(&f->latencies[i], there / 2, memory_order_relaxed);
	}
}

static uint32_t
histogram_slow(const struct health_facts *f)
{
	uint32_t counts[HEALTH_OCTAVES * HEALTH_STEPS], sum = 0, above = 0;
	for (unsigned i = 0; i < HEALTH_OCTAVES * HEALTH_STEPS; i++)
		sum += counts[i] = atomic_load_explicit(&f->latencies[i], memory_order_relaxed);
	for (unsigned i = HEALTH_OCTAVES * HEALTH_STEPS; i-- > 0;) {
		above += counts[i];
		if (above * 100 > sum * (100 - SLOW_PERCENT))
			return histogram_bound(i);
	}
	return 0;
}

static void
measure(struct health_facts *f, uint32_t us)
{
	smooth(&f->latency_us, us);
	atomic_fetch_add_explicit(&f->latencies[histogram_index(us)], 1, memory_order_relaxed);
	uint32_t samples = atomic_fetch_add_explicit(&f->samples, 1, memory_order_relaxed) + 1;
	if (samples <= LOOK_SAMPLES || samples % LOOK_SAMPLES == 0)
		health_set32(&f->slow_us, histogram_slow(f));
	if (samples % DECAY_SAMPLES == 0)
		histogram_halve(f);
}

/* Does this answer say that what it was down for is over? */
static bool
clears(const struct health_facts *f, uint32_t latency_us, bool refusal, uint64_t now_ms)
{
	enum health_cause cause = health_get32(&f->cause);
	uint64_t asked_ms = now_ms - latency_us / 1000;
	if (cause == HEALTH_REFUSAL && refusal)
		return false;
	return cause == HEALTH_SILENCE || asked_ms >= health_get(&f->failed_ms);
}

void
health_asked(struct health *h)
{
	atomic_fetch_add_explicit(&health_facts(h)->asked, 1, memory_order_relaxed);
}

enum health_news
health_answered(struct health *h, uint32_t latency_us, bool refusal, uint64_t now_ms)
{
	struct health_facts *f = health_facts(h);
	if (latency_us > 0) {
		measure(f, latency_us);
		latency_note_shared(&f->latency, latency_us);
	}
	atomic_fetch_add_explicit(&f->answers, 1, memory_order_relaxed);
	health_set(&f->used_ms, now_ms);
	health_set32(&f->silences, 0);
	if (!refusal)
		health_set32(&f->refusals, 0);
	if (health_get(&f->backoff) == 0 && health_get32(&f->down) == 0)
		return HEALTH_NO_NEWS;
	if (!clears(f, latency_us, refusal, now_ms))
		return HEALTH_NO_NEWS;
	health_set(&f->backoff, 0);
	health_set(&f->probe_ms, 0);
	return atomic_exchange(&f->down, 0) ? HEALTH_IS_UP : HEALTH_NO_NEWS;
}

void
health_shaken(struct health *h, bool resumed, const char *tls_version, uint32_t took_us)
{
	struct health_facts *f = health_facts(h);
	atomic_fetch_add_explicit(
	        resumed ? &f->handshakes_resumed : &f->handshakes_full, 1, memory_order_relaxed);
	if (resumed)
		health_seen(h, HEALTH_RESUMPTION);
	smooth(&f->shaken_us, took_us);
	health_set32(&f->tls_version, strcmp(tls_version, "TLS1.3") == 0   ? 2
	                              : strcmp(tls_version, "TLS1.2") == 0 ? 1
	                                                                   : 0);
}

void
health_early_failed(struct health *h, uint64_t now_ms)
{
	health_set(&health_facts(h)->early_ms, now_ms + HEALTH_EARLY_REST_MS);
}

bool
health_may_early(const struct health *h, uint64_t now_ms)
{
	return now_ms >= health_get(&health_facts(h)->early_ms);
}

void
health_seen(struct health *h, enum health_feature feature)
{
	struct health_facts *f = health_facts(h);
	if ((health_get32(&f->features) & feature) == 0)
		atomic_fetch_or_explicit(&f->features, feature, memory_order_relaxed);
}

void
health_told_keepalive(struct health *h, uint32_t idle_ms)
{
	struct health_facts *f = health_facts(h);
	health_seen(h, HEALTH_KEEPALIVE);
	health_set32(&f->keepalive_ms, idle_ms);
	health_set32(&f->keepalive_told, 1);
}

static uint32_t
idle_within(uint64_t ms)
{
	if (ms > HEALTH_IDLE_MOST_MS)
		return HEALTH_IDLE_MOST_MS;
	return ms < IDLE_LEAST_MS ? IDLE_LEAST_MS : (uint32_t)ms;
}

static uint32_t
learned_idle(const struct health_facts *f)
{
	uint32_t learned = health_get32(&f->idle_ms);
	return learned != 0 ? learned : HEALTH_IDLE_FIRST_MS;
}

static bool
alike(uint32_t a, uint32_t b)
{
	return a / 2 <= b && b / 2 <= a;
}

/* One that closes much earlier than ever may just have been restarted: that counts when it happens again. */
void
health_idle_closed(struct health *h, uint32_t idle_ms)
{
	struct health_facts *f = health_facts(h);
	uint32_t now_ms = idle_within(idle_ms), last_ms = health_get32(&f->idle_closed);
	uint32_t known_ms = learned_idle(f);
	if (known_ms > HEALTH_IDLE_FIRST_MS) /* what we allowed ourselves proves nothing */
		known_ms = HEALTH_IDLE_FIRST_MS;
	health_set32(&f->idle_closed, now_ms);
	if (now_ms >= known_ms / 2 || (last_ms != 0 && alike(last_ms, now_ms)))
		health_set32(&f->idle_ms, idle_within((uint64_t)idle_ms * 95 / 100));
}

/* Fast as long as it never closed; then slowly, so that an early close is not its word for ever. */
void
health_idle_outlived(struct health *h)
{
	struct health_facts *f = health_facts(h);
	uint64_t idle_ms = learned_idle(f);
	if (health_get32(&f->keepalive_told))
		return;
	health_set32(&f->idle_ms, idle_within(idle_ms + idle_ms / (health_get32(&f->idle_closed) ? 16 : 4)));
}

uint32_t
health_idle_of(const struct health_facts *f)
{
	uint32_t learned = learned_idle(f);
	if (!health_get32(&f->keepalive_told))
		return learned;
	uint32_t told = idle_within((uint64_t)health_get32(&f->keepalive_ms) * 95 / 100);
	return health_get32(&f->idle_ms) != 0 && learned < told ? learned : told;
}

uint32_t
health_idle_ms(const struct health *h)
{
	return health_idle_of(health_facts(h));
}

/* A cell that is ours: the one we had, else a free one. NULL: there are more processes than cells. */
static _Atomic uint64_t *
own_cell(struct health *h, struct health_facts *f, uint64_t pid)
{
	for (unsigned i = 0; i < HEALTH_CELLS; i++, h->cell++) {
		_Atomic uint64_t *cell = &f->cells[h->cell % HEALTH_CELLS];
		uint64_t found = 0;
		if (health_get(cell) >> 32 == pid)
			return cell;
		if (health_get(cell) == 0 && atomic_compare_exchange_strong(cell, &found, pid << 32))
			return cell;
	}
	return NULL;
}

void
health_gauge(struct health *h, unsigned connections, unsigned in_flight)
{
	uint64_t pid = (uint64_t)getpid();
	_Atomic uint64_t *cell = own_cell(h, health_facts(h), pid);
	if (cell == NULL)
		return;
	if (connections == 0 && in_flight == 0)
		pid = 0;
	health_set(cell, pid << 32 | (connections & 0xffff) << 16 | (in_flight & 0xffff));
}

enum health_state
health_state_of(const struct health_facts *f, uint64_t now_ms)
{
	uint64_t backoff = health_get(&f->backoff);
	if (backoff == 0)
		return HEALTH_WELL;
	if (now_ms < health_backoff_end(backoff))
		return HEALTH_BACKED_OFF;
	return now_ms < health_get(&f->probe_ms) ? HEALTH_PROBED : HEALTH_DUE;
}

enum health_state
health_state(const struct health *h, uint64_t now_ms)
{
	return health_state_of(health_facts(h), now_ms);
}

bool
health_is_refusing(const struct health *h)
{
	const struct health_facts *f = health_facts(h);
	return health_get(&f->backoff) != 0 && health_get32(&f->cause) == HEALTH_REFUSAL;
}

uint64_t
health_backoff_until_ms(const struct health *h)
{
	return health_backoff_end(health_get(&health_facts(h)->backoff));
}

uint32_t
health_latency_us(const struct health *h)
{
	return health_get32(&health_facts(h)->latency_us);
}

uint32_t
health_handshake_us(const struct health *h)
{
	return health_get32(&health_facts(h)->shaken_us);
}

uint32_t
health_slow_us(const struct health *h)
{
	return health_get32(&health_facts(h)->slow_us);
}

bool
health_claim_probe(struct health *h, uint64_t now_ms, uint32_t lease_ms)
{
	struct health_facts *f = health_facts(h);
	uint64_t probe_ms = atomic_load(&f->probe_ms);
	if (health_state_of(f, now_ms) != HEALTH_DUE || now_ms < probe_ms)
		return false;
	return atomic_compare_exchange_strong(&f->probe_ms, &probe_ms, now_ms + lease_ms);
}

/* A leaky bucket, as the one time at which it will have run dry: each handshake moves that by one share of a
 * second, and it may be as far ahead as the burst. */
bool
health_may_shake(struct health *h, uint64_t now_ms)
{
	enum { SHARE_US = 1000000 / HEALTH_HANDSHAKES_PER_S };
	struct health_facts *f = health_facts(h);
	uint64_t now_us = now_ms * 1000, dry_us = atomic_load(&f->handshake_us);
	for (unsigned i = 0; i < BUDGET_TRIES; i++) {
		uint64_t from_us = dry_us > now_us ? dry_us : now_us;
		if (from_us - now_us > (HEALTH_HANDSHAKES_BURST - 1) * (uint64_t)SHARE_US)
			return false;
		if (atomic_compare_exchange_strong(&f->handshake_us, &dry_us, from_us + SHARE_US))
			return true;
	}
	return true;
}
