/*
 * jansson reads; here is only what of it is wanted. A member of another type than expected is a missing one.
 */
#include "console/snapshot.h"

#include <jansson.h>
#include <string.h>

static void
take_text(char *out, size_t room, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t used = 0;
	for (; text != NULL && *text != '\0' && used + 1 < room; text++)
		/* one mark for a character of several bytes */
		if ((*text & 0xc0) != 0x80 || (*text & 0x80) == 0)
			out[used++] = *text >= ' ' && *text <= '~' ? *text : '?';
	out[used] = '\0';
}
#define TAKE_TEXT(member, object, key) take_text(member, sizeof(member), object, key)

static double
take_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static uint64_t
take_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	double real = json_number_value(value);
	if (json_is_integer(value))
		return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
	return real > 0 && real < 1e18 ? (uint64_t)real : 0;
}

static void
take_latency(struct snapshot_latency *out, const json_t *latency)
{
	const json_t *bucket, *buckets = json_object_get(latency, "buckets");
	size_t i;
	out->count = take_count(latency, "count");
	json_array_foreach(buckets, i, bucket)
	{
		if (out->buckets == SNAPSHOT_BUCKETS)
			return;
		out->bucket[out->buckets].le_s = take_real(bucket, "le_s");
		out->bucket[out->buckets++].count = take_count(bucket, "count");
	}
}

static void
take_workers(struct snapshot *s, const json_t *workers)
{
	const json_t *from;
	size_t i;
	json_array_foreach(workers, i, from)
	{
		if (s->worker_count == SNAPSHOT_WORKERS)
			return;
		struct snapshot_worker *w = &s->workers[s->worker_count++];
		w->slot = (unsigned)take_count(from, "slot");
		w->pid = take_count(from, "pid");
		w->deaths = take_count(from, "deaths");
		w->memory_bytes = take_count(from, "memory_bytes");
		w->uptime_s = take_real(from, "uptime_s");
		w->cpu_s = take_real(from, "cpu_s");
		TAKE_TEXT(w->state, from, "state");
		TAKE_TEXT(w->last_death, from, "last_death");
	}
}

static void
take_upstreams(struct snapshot *s, const json_t *upstreams)
{
	const json_t *from;
	size_t i;
	json_array_foreach(upstreams, i, from)
	{
		if (s->upstream_count == SNAPSHOT_UPSTREAMS)
			return;
		struct snapshot_upstream *u = &s->upstreams[s->upstream_count++];
		TAKE_TEXT(u->name, from, "name");
		TAKE_TEXT(u->address, from, "address");
		TAKE_TEXT(u->state, from, "state");
		TAKE_TEXT(u->why, from, "why");
		u->latency_ms = take_real(from, "latency_ms");
		u->asked = take_count(from, "asked");
		u->answered = take_count(from, "answered");
		u->failed = take_count(from, "failed");
	}
}

static void
take_lists(struct snapshot *s, const json_t *lists)
{
	const json_t *from;
	size_t i;
	json_array_foreach(lists, i, from)
	{
		if (s->list_count == SNAPSHOT_LISTS)
			return;
		struct snapshot_list *l = &s->lists[s->list_count++];
		TAKE_TEXT(l->file, from, "file");
		TAKE_TEXT(l->kind, from, "kind");
		l->names = take_count(from, "names");
		l->hits = take_count(from, "hits");
	}
}

static void
take_all(struct snapshot *s, const json_t *root)
{
	const json_t *counters = json_object_get(root, "counters"), *cache = json_object_get(root, "cache");
	const json_t *latency = json_object_get(root, "latency");
	s->now_s = take_real(root, "now");
	s->uptime_s = take_real(root, "uptime_s");
	s->generation = take_count(root, "generation");
	s->ready = json_is_true(json_object_get(root, "ready"));
	TAKE_TEXT(s->version, root, "version");
	TAKE_TEXT(s->state, root, "state");
#define SNAPSHOT_TAKE(name) s->counters.name = take_count(counters, #name);
	SNAPSHOT_COUNTERS(SNAPSHOT_TAKE)
#undef SNAPSHOT_TAKE
	take_latency(&s->hit, json_object_get(latency, "hit"));
	take_latency(&s->miss, json_object_get(latency, "miss"));
	s->cache.size_bytes = take_count(cache, "size_bytes");
	s->cache.used_bytes = take_count(cache, "used_bytes");
	s->cache.entries = take_count(cache, "entries");
	take_workers(s, json_object_get(root, "workers"));
	take_upstreams(s, json_object_get(root, "upstreams"));
	take_lists(s, json_object_get(root, "lists"));
}

bool
snapshot_read(struct snapshot *out, const char *json, size_t bytes)
{
	json_t *root = json_loadb(json, bytes, JSON_ALLOW_NUL, NULL);
	memset(out, 0, sizeof *out);
	bool good = json_is_object(root);
	/* "stats" has the flat counters outside, and all there is to tell in this member */
	const json_t *overview = json_object_get(root, "overview");
	if (good)
		take_all(out, json_is_object(overview) ? overview : root);
	json_decref(root);
	return good;
}
