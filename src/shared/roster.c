/*
 * A row is claimed by exchanging its owner, as two masters may want one at the same moment. A slab is never
 * cleared, so that the sum over all of them only grows, whatever happens to workers, generations and masters.
 */
#include "shared/roster.h"

#include "base/must.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2, "nobody waits");

size_t
roster_bytes(void)
{
	return sizeof(struct roster);
}

static bool
is_gone(int32_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static bool
take(struct roster_row *row, int32_t owner)
{
	int32_t before = atomic_load(&row->owner);
	if (before != 0 && (before == owner || !is_gone(before)))
		return false;
	return atomic_compare_exchange_strong(&row->owner, &before, owner);
}

/* Nothing of who had it before is told of who has it now. */
static void
begin(struct roster_row *row, unsigned generation, unsigned slot)
{
	atomic_store(&row->pid, 0);
	atomic_store(&row->draining, 0);
	atomic_store(&row->serving, 0);
	atomic_store(&row->born_ms, 0);
	atomic_store(&row->deaths, 0);
	atomic_store(&row->in_flight, 0);
	atomic_store(&row->tcp_clients, 0);
	atomic_store(&row->memory_bytes, 0);
	for (unsigned i = 0; i < ROSTER_SIGNALS; i++)
		atomic_store_explicit(&row->ended[i], 0, memory_order_relaxed);
	atomic_store(&row->slot, slot);
	atomic_store(&row->generation, generation);
}

bool
roster_claim(
        struct roster *roster, int32_t owner, unsigned generation, unsigned slot, struct roster_hold *out)
{
	must(owner > 0);
	if (roster == NULL || slot >= ROSTER_SLOTS)
		return false;
	for (unsigned i = 0; i < ROSTER_ROWS; i++) {
		if (!take(&roster->rows[i], owner))
			continue;
		begin(&roster->rows[i], generation, slot);
		*out = (struct roster_hold){&roster->rows[i], &roster->slabs[i].slab, &roster->cpu_us[slot]};
		return true;
	}
	return false;
}

/* Who is not alive has nothing under way. */
static void
still(struct roster_row *row)
{
	atomic_store(&row->pid, 0);
	atomic_store(&row->serving, 0);
	atomic_store(&row->in_flight, 0);
	atomic_store(&row->tcp_clients, 0);
	atomic_store(&row->memory_bytes, 0);
}

void
roster_release(struct roster_row *row)
{
	if (row == NULL)
		return;
	still(row);
	atomic_store(&row->owner, 0);
}

void
roster_born(struct roster *roster, struct roster_row *row, int32_t pid, uint64_t now_ms)
{
	atomic_store(&row->born_ms, now_ms);
	atomic_store(&row->beat_ms, now_ms);
	atomic_store(&row->pid, pid);
	roster_note(roster, ROSTER_BIRTHS);
}

static unsigned
how(int status)
{
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return signal > 0 && signal < ROSTER_SIGNALS ? (unsigned)signal : 0;
}

void
roster_died(struct roster *roster, struct roster_row *row, int status, int call)
{
	still(row);
	/* To end when it is told to is no death. */
	if (atomic_load(&row->draining) && status == 0)
		return;
	atomic_store(&row->end_call, call);
	atomic_store(&row->end_status, status);
	atomic_fetch_add(&row->deaths, 1);
	atomic_fetch_add(&row->ended[how(status)], 1);
	if (roster != NULL)
		atomic_fetch_add(&roster->ended[how(status)], 1);
}

void
roster_helper_born(struct roster *roster, enum roster_helper helper, int32_t pid, uint64_t now_ms)
{
	struct roster_process *p = &roster->helpers[helper];
	atomic_store(&p->beat_ms, now_ms);
	atomic_store(&p->pid, pid);
	atomic_fetch_add(&p->births, 1);
}

void
roster_helper_died(struct roster *roster, enum roster_helper helper)
{
	struct roster_process *p = &roster->helpers[helper];
	atomic_store(&p->pid, 0);
	atomic_store(&p->memory_bytes, 0);
	atomic_fetch_add(&p->deaths, 1);
}

void
roster_note(struct roster *roster, enum roster_event event)
{
	if (roster != NULL)
		atomic_fetch_add(&roster->events[event], 1);
}

void
roster_serve(struct roster *roster, int32_t master, uint64_t now_ms, uint64_t wall_ms)
{
	atomic_store(&roster->started_ms, now_ms);
	atomic_store(&roster->started_wall_ms, wall_ms);
	atomic_store(&roster->helpers[ROSTER_MASTER].pid, master);
	atomic_store(&roster->master, master);
}

void
roster_sum(const struct roster *roster, struct stats_slab *into)
{
	for (unsigned i = 0; i < ROSTER_ROWS; i++)
		stats_fold(into, &roster->slabs[i].slab);
}

void
roster_used(_Atomic uint64_t *cpu_us, uint64_t *told_us, uint64_t now_us)
{
	if (now_us > *told_us)
		atomic_fetch_add_explicit(cpu_us, now_us - *told_us, memory_order_relaxed);
	*told_us = now_us;
}
