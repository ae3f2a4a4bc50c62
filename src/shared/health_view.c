/*
 * What is known of an address, as a plain copy, and in words.
 */
#include "shared/health_inside.h"

static const char *const causes[] = {
        "connect", "handshake", "verify", "reset", "silence", "timeout", "refusal"};
_Static_assert(sizeof causes / sizeof causes[0] == HEALTH_CAUSES, "a word for each cause");
static const char *const states[] = {"well", "backed off", "due", "probed"};
static const char *const tls_versions[] = {"", "TLS1.2", "TLS1.3"};

const char *
health_cause_text(enum health_cause cause)
{
	return cause < HEALTH_CAUSES ? causes[cause] : "";
}

const char *
health_state_text(enum health_state state)
{
	return state <= HEALTH_PROBED ? states[state] : "";
}

static uint64_t
ago(uint64_t then_ms, uint64_t now_ms)
{
	return now_ms > then_ms ? now_ms - then_ms : 0;
}

static void
view_gauges(const struct health_facts *f, struct health_view *out)
{
	for (unsigned i = 0; i < HEALTH_CELLS; i++) {
		uint64_t cell = health_get(&f->cells[i]);
		out->connections += (unsigned)(cell >> 16) & 0xffff;
		out->in_flight += (unsigned)cell & 0xffff;
	}
}

static void
view_counters(const struct health_facts *f, struct health_view *out)
{
	out->asked = health_get(&f->asked);
	out->answers = health_get(&f->answers);
	latency_add(&out->latency, &f->latency);
	out->handshakes_full = health_get(&f->handshakes_full);
	out->handshakes_resumed = health_get(&f->handshakes_resumed);
	for (unsigned i = 0; i < HEALTH_CAUSES; i++)
		out->failed[i] = health_get(&f->failed[i]);
}

static void
view_state(const struct health_facts *f, struct health_view *out, uint64_t now_ms)
{
	uint64_t backoff = health_get(&f->backoff), failed_ms = health_get(&f->failed_ms);
	out->state = health_state_of(f, now_ms);
	out->down = health_get32(&f->down) != 0;
	out->failures = health_backoff_row(backoff);
	out->backoff_left_ms = ago(now_ms, health_backoff_end(backoff));
	out->silences = health_get32(&f->silences);
	out->refusals = health_get32(&f->refusals);
	out->failed_ago_ms = failed_ms == 0 ? UINT64_MAX : ago(failed_ms, now_ms);
	out->used_ago_ms = ago(health_get(&f->used_ms), now_ms);
	health_text_get(&f->why, out->why, sizeof out->why);
}

static void
view(const struct health_entry *e, const struct health_facts *f, struct health_view *out, uint64_t now_ms)
{
	uint32_t version = health_get32(&f->tls_version);
	*out = (struct health_view){
	        .latency_us = health_get32(&f->latency_us),
	        .slow_us = health_get32(&f->slow_us),
	        .handshake_us = health_get32(&f->shaken_us),
	        .idle_ms = health_idle_of(f),
	        .idle_learned = health_get32(&f->idle_closed) != 0,
	        .keepalive_ms = health_get32(&f->keepalive_ms),
	        .features = health_get32(&f->features),
	        .tls_version = tls_versions[version <= 2 ? version : 0],
	};
	health_text_get(&e->name, out->name, sizeof out->name);
	health_text_get(&e->address, out->address, sizeof out->address);
	view_state(f, out, now_ms);
	view_counters(f, out);
	view_gauges(f, out);
}

void
health_read(const struct health *h, struct health_view *out, uint64_t now_ms)
{
	view(&h->own, health_facts(h), out, now_ms);
}

bool
health_next(const struct health_table *table, unsigned *at, struct health_view *out, uint64_t now_ms)
{
	while (*at < HEALTH_ENTRIES) {
		const struct health_entry *e = &table->entries[(*at)++];
		uint64_t key = health_get(&e->key);
		if (key == 0 || health_get(&e->filled) != key)
			continue;
		view(e, &e->facts, out, now_ms);
		return true;
	}
	return false;
}

bool
health_find(const struct health_table *table, uint64_t key, struct health_view *out, uint64_t now_ms)
{
	for (unsigned i = 0; i < HEALTH_ENTRIES; i++) {
		const struct health_entry *e = &table->entries[(key + i) % HEALTH_ENTRIES];
		uint64_t found = health_get(&e->key);
		if (found == 0)
			return false;
		if (found != key || health_get(&e->filled) != key)
			continue;
		view(e, &e->facts, out, now_ms);
		return true;
	}
	return false;
}
