/*
 * One question for each place, and a timer for it. What comes of it the place notes in its health by itself,
 * as of every question; here is only the patience.
 */
#include "upstream/probe.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>

struct probe {
	struct probes *probes;
	struct place *place;
	struct place_ask ask;
	ev_timer timer; /* runs while the question is under way */
};

struct probes {
	struct ev_loop *loop;
	const struct config_forward *forward;
	struct wire_query query;
	unsigned count;
	struct probe all[];
};

/* Silent for too long: place_overdue() says so to the place's health, for which with one that is not well
 * once is enough. While there is no connection yet, that has its own limits. */
static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct probe *probe = timer->data;
	uint64_t now_ms = clock_now_ms();
	(void)events;
	if (probe->ask.at == NULL || place_overdue(&probe->ask, now_ms))
		return;
	if (probe->ask.on.conn != NULL && !uconn_is_open(probe->ask.on.conn)) {
		ev_timer_set(timer, probe->probes->forward->attempt_timeout_ms / 1000., 0.);
		ev_timer_start(loop, timer);
		return;
	}
	place_withdraw(&probe->ask);
}

struct probes *
probes_new(struct ev_loop *loop, struct place *const *places, unsigned count,
        const struct config_forward *forward)
{
	struct probes *probes = must_alloc(1, sizeof *probes + count * sizeof(struct probe));
	probes->loop = loop;
	probes->forward = forward;
	probes->count = count;
	probes->query.flags = WIRE_FLAG_RD;
	probes->query.question.type = 2;  /* NS */
	probes->query.question.class = 1; /* IN */
	probes->query.question.name_bytes = 1;
	for (unsigned i = 0; i < count; i++) {
		struct probe *probe = &probes->all[i];
		probe->probes = probes;
		probe->place = places[i];
		probe->ask.on.query = &probes->query;
		probe->ask.insist = probe->ask.patient = true;
		list_init(&probe->ask.link);
		list_init(&probe->ask.on.link);
		ev_init(&probe->timer, on_timer);
		probe->timer.data = probe;
	}
	return probes;
}

void
probes_free(struct probes *probes)
{
	if (probes == NULL)
		return;
	for (unsigned i = 0; i < probes->count; i++) {
		place_withdraw(&probes->all[i].ask);
		ev_timer_stop(probes->loop, &probes->all[i].timer);
	}
	free(probes);
}

void
probe_begin(struct probes *probes, unsigned place, uint64_t now_ms)
{
	const struct config_forward *forward = probes->forward;
	struct probe *probe = &probes->all[place];
	must(place < probes->count);
	/* As long as a verdict can take. */
	uint32_t lease_ms =
	        forward->connect_timeout_ms + forward->handshake_timeout_ms + 2 * forward->attempt_timeout_ms;
	if (probe->ask.at != NULL || !health_claim_probe(place_health(probe->place), now_ms, lease_ms))
		return;
	if (place_put(probe->place, &probe->ask, now_ms) < 0)
		return; /* its health has suffered already */
	ev_timer_stop(probes->loop, &probe->timer);
	ev_timer_set(&probe->timer, forward->attempt_timeout_ms / 1000., 0.);
	ev_timer_start(probes->loop, &probe->timer);
}

bool
probe_ended(struct probes *probes, const struct place_ask *ask)
{
	for (unsigned i = 0; i < probes->count; i++)
		if (ask == &probes->all[i].ask) {
			ev_timer_stop(probes->loop, &probes->all[i].timer);
			return true;
		}
	return false;
}
