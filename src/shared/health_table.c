/*
 * The table of addresses: who has which entry, and the texts in it.
 *
 * An entry is taken with one exchange of its key and never given back; when all are taken, the one that
 * nobody has touched for longest makes room. Its facts are cleared by whoever finds them to be about another
 * key, so a process that dies between taking and clearing leaves no false knowledge.
 */
#include "base/must.h"
#include "shared/health_inside.h"

#include <stdlib.h>
#include <string.h>

size_t
health_footprint(void)
{
	return sizeof(struct health_table);
}

static uint64_t
text_sum(const uint64_t *words)
{
	uint64_t sum = 0x9e3779b97f4a7c15u;
	for (unsigned i = 0; i < HEALTH_TEXT_WORDS; i++) {
		sum = (sum ^ words[i]) * 0xbf58476d1ce4e5b9u;
		sum ^= sum >> 29;
	}
	return sum;
}

void
health_text_set(struct health_text *text, const char *from)
{
	uint64_t words[HEALTH_TEXT_WORDS] = {0};
	size_t bytes = strlen(from);
	if (bytes >= sizeof words)
		bytes = sizeof words - 1;
	memcpy(words, from, bytes);
	for (unsigned i = 0; i < HEALTH_TEXT_WORDS; i++)
		health_set(&text->words[i], words[i]);
	health_set(&text->sum, text_sum(words));
}

void
health_text_get(const struct health_text *text, char *out, size_t room)
{
	uint64_t words[HEALTH_TEXT_WORDS];
	for (unsigned i = 0; i < HEALTH_TEXT_WORDS; i++)
		words[i] = health_get(&text->words[i]);
	out[0] = '\0';
	if (health_get(&text->sum) != text_sum(words))
		return;
	size_t bytes = strnlen((const char *)words, sizeof words - 1);
	if (bytes >= room)
		bytes = room - 1;
	memcpy(out, words, bytes);
	out[bytes] = '\0';
}

static void
facts_clear(struct health_facts *f)
{
	_Atomic uint64_t *const words[] = {&f->backoff, &f->probe_ms, &f->handshake_us, &f->early_ms,
	        &f->failed_ms, &f->used_ms, &f->answers, &f->handshakes_full, &f->handshakes_resumed,
	        &f->why.sum};
	_Atomic uint32_t *const halves[] = {&f->silences, &f->refusals, &f->down, &f->cause, &f->latency_us,
	        &f->slow_us, &f->shaken_us, &f->samples, &f->idle_ms, &f->idle_closed, &f->keepalive_told,
	        &f->keepalive_ms, &f->features, &f->tls_version};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		health_set(words[i], 0);
	for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++)
		health_set32(halves[i], 0);
	for (size_t i = 0; i < HEALTH_CAUSES; i++)
		health_set(&f->failed[i], 0);
	for (size_t i = 0; i < HEALTH_CELLS; i++)
		health_set(&f->cells[i], 0);
	for (size_t i = 0; i < HEALTH_OCTAVES * HEALTH_STEPS; i++)
		atomic_store_explicit(&f->latencies[i], 0, memory_order_relaxed);
}

/* The entry that nobody has touched for longest, if that is long enough. */
static struct health_entry *
unused_entry(struct health_table *table, uint64_t now_ms)
{
	struct health_entry *oldest = NULL;
	uint64_t oldest_ms = UINT64_MAX;
	for (unsigned i = 0; i < HEALTH_ENTRIES; i++) {
		uint64_t used_ms = health_get(&table->entries[i].facts.used_ms);
		if (used_ms + HEALTH_UNUSED_MS <= now_ms && used_ms < oldest_ms) {
			oldest = &table->entries[i];
			oldest_ms = used_ms;
		}
	}
	return oldest;
}

static struct health_entry *
entry_claim(struct health_table *table, uint64_t key, uint64_t now_ms)
{
	for (unsigned i = 0; i < HEALTH_ENTRIES; i++) {
		struct health_entry *e = &table->entries[(key + i) % HEALTH_ENTRIES];
		uint64_t found = 0;
		if (atomic_compare_exchange_strong(&e->key, &found, key) || found == key)
			return e;
	}
	struct health_entry *e = unused_entry(table, now_ms);
	if (e == NULL)
		return NULL;
	uint64_t found = atomic_load(&e->key);
	return atomic_compare_exchange_strong(&e->key, &found, key) || found == key ? e : NULL;
}

static void
entry_fill(struct health_entry *e, const struct health_identity *identity, uint64_t now_ms)
{
	if (atomic_load(&e->filled) != identity->key) {
		facts_clear(&e->facts);
		atomic_store(&e->filled, identity->key);
	}
	health_text_set(&e->name, identity->name);
	health_text_set(&e->address, identity->address);
	health_set(&e->facts.used_ms, now_ms);
}

struct health *
health_open(struct health_table *table, const struct health_identity *identity, uint64_t now_ms)
{
	must(identity->key != 0);
	struct health *h = must_alloc(1, sizeof *h);
	h->table = table;
	h->key = identity->key;
	h->entry = table != NULL ? entry_claim(table, identity->key, now_ms) : NULL;
	if (h->entry != NULL)
		entry_fill(h->entry, identity, now_ms);
	else
		h->entry = &h->own;
	/* Always there, for the hour in which the entry becomes another's. */
	atomic_store(&h->own.key, identity->key);
	entry_fill(&h->own, identity, now_ms);
	return h;
}

void
health_close(struct health *h)
{
	if (h == NULL)
		return;
	health_gauge(h, 0, 0);
	free(h);
}

struct health_facts *
health_facts(const struct health *h)
{
	if (health_get(&h->entry->key) == h->key)
		return &h->entry->facts;
	return &((struct health *)(uintptr_t)h)->own.facts;
}

void
health_forget_all(struct health_table *table, uint64_t now_ms)
{
	if (table == NULL)
		return;
	health_set(&table->forgotten_ms, now_ms);
	for (unsigned i = 0; i < HEALTH_ENTRIES; i++) {
		struct health_facts *f = &table->entries[i].facts;
		if (health_get(&table->entries[i].key) == 0)
			continue;
		health_set(&f->backoff, 0);
		health_set(&f->probe_ms, 0);
		health_set(&f->handshake_us, 0);
		health_set(&f->early_ms, 0);
		health_set32(&f->silences, 0);
		health_set32(&f->refusals, 0);
	}
}

void
health_bury(struct health_table *table, int pid)
{
	for (unsigned i = 0; i < HEALTH_ENTRIES; i++) {
		if (health_get(&table->entries[i].key) == 0)
			continue;
		for (unsigned j = 0; j < HEALTH_CELLS; j++) {
			_Atomic uint64_t *cell = &table->entries[i].facts.cells[j];
			if (health_get(cell) >> 32 == (uint64_t)pid)
				health_set(cell, 0);
		}
	}
}
