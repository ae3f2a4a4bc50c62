/*
 * The cache against a plain model, a table of what was put in last: random deeds, through two views of the
 * same memory, as two processes would have them. Whatever is found must be what the model has, byte for byte;
 * in a cache with room for all nothing may be missing either.
 *
 * CACHE_MODEL_STEPS and CACHE_MODEL_SEED in the environment choose how much is done, and what.
 */
#include "../bench/random.h"
#include "../bench/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	VIEWS = 2,
	NUMBERS_MOST = 20000,
	TOLERANCE_MS = 100, /* what the contract lets times be early by */
	START_MS = 5000000,
	STEPS = 2000000,
	STEPS_SLOW = 60000, /* under sanitizers and valgrind */
};

/* What was put in last for a number. */
struct known {
	bool there;
	bool seen; /* by the walk that is under way */
	uint32_t version;
	uint64_t stored_ms, claimed_ms;
	uint32_t gets; /* since the beginning */
	enum cache_kind kind;
};

struct model {
	struct cache *views[VIEWS];
	uint32_t members[VIEWS];
	uint64_t seed, random, now_ms;
	uint64_t bytes;
	uint32_t numbers;
	bool roomy; /* nothing may be lost */
	uint32_t next_version;
	uint64_t steps, hits, misses, puts, kept, walks, claims, claims_early;
	uint64_t put_bytes; /* all that was ever written; what must be below the room while nothing is lost */
	struct known known[NUMBERS_MOST];
	struct sample sample, room;
};

static struct model model;

#define FAIL(m, ...)                                                                                         \
	do {                                                                                                 \
		print_error("seed %llu, step %llu: ", (unsigned long long)(m)->seed,                         \
		        (unsigned long long)(m)->steps);                                                     \
		fail_msg(__VA_ARGS__);                                                                       \
	} while (0)

static uint64_t
from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static struct cache *
some_view(struct model *m)
{
	return m->views[random_below(&m->random, VIEWS)];
}

/* Popular ones are few: the square makes low numbers likelier. */
static uint32_t
some_number(struct model *m)
{
	double u = random_unit(&m->random);
	return (uint32_t)(u * u * m->numbers);
}

static bool
lives(void *arg, uint32_t member)
{
	const struct model *m = arg;
	for (int i = 0; i < VIEWS; i++)
		if (m->members[i] == member)
			return true;
	return false;
}

static void
take_census(struct model *m, struct cache_census *out)
{
	cache_census(some_view(m), lives, m, out);
}

/* The biggest message that surely can be put in. */
static size_t
most_bytes(const struct model *m)
{
	struct cache_census census;
	cache_census(m->views[0], lives, (void *)m, &census);
	size_t most = census.segment_bytes / 2;
	return most < WIRE_MESSAGE_BYTES ? most : WIRE_MESSAGE_BYTES;
}

static bool
about(uint64_t found_ms, uint64_t wanted_ms)
{
	return found_ms <= wanted_ms && wanted_ms - found_ms <= TOLERANCE_MS;
}

/* What was found for this number is what is known of it. */
static void
compare(struct model *m, uint32_t number, const struct cache_entry *entry, size_t most)
{
	const struct known *k = &m->known[number];
	uint32_t version;
	const char *wrong = sample_wrong(&m->room, number, entry, most, &version);
	if (wrong != NULL)
		FAIL(m, "number %u: %s", number, wrong);
	if (!k->there)
		FAIL(m, "number %u: version %u is back from the dead", number, version);
	if (version != k->version)
		FAIL(m, "number %u: version %u instead of %u", number, version, k->version);
	if (!about(entry->stored_ms, k->stored_ms) ||
	        !about(entry->expires_ms, k->stored_ms + 1000u * (uint64_t)entry->life_s))
		FAIL(m, "number %u: times are wrong", number);
	if (entry->asked > 3 || entry->asked > k->gets)
		FAIL(m, "number %u: asked %u times, says the cache, after %u", number, entry->asked, k->gets);
}

static bool
get(struct model *m, struct cache *view, uint32_t number, bool peek, size_t most)
{
	struct cache_entry entry;
	struct known *k = &m->known[number];
	sample_ask(&m->sample, number, m->seed);
	if (random_below(&m->random, 4) == 0)
		for (int i = 1; i <= m->sample.query.question.name[0]; i++)
			m->sample.query.question.name[i] &=
			        (uint8_t) ~(m->sample.query.question.name[i] >= 'a' ? 0x20 : 0);
	bool hit = cache_get(view, &m->sample.key, peek, &entry);
	if (hit)
		compare(m, number, &entry, most);
	else if (m->roomy && k->there)
		FAIL(m, "number %u: lost, with room enough", number);
	k->gets += hit && !peek;
	m->hits += hit;
	m->misses += !hit;
	return hit;
}

/* --- deeds --- */

static void
deed_get(struct model *m, size_t most)
{
	get(m, some_view(m), some_number(m), random_below(&m->random, 8) == 0, most);
}

/* A failure stays out exactly when another kind is found that has not expired for long. */
static bool
keeps(struct model *m, struct cache *view, uint32_t number, size_t most, bool *unsure)
{
	const struct known *k = &m->known[number];
	uint64_t until_ms = k->stored_ms + 1000u * (uint64_t)(SAMPLE_LIFE_S + k->version) +
	                    1000u * (uint64_t)m->sample.item.stale_s;
	bool there = get(m, view, number, true, most);
	*unsure = m->now_ms <= until_ms && until_ms - m->now_ms <= TOLERANCE_MS;
	return there && k->kind != CACHE_FAILURE && until_ms > m->now_ms;
}

static void
put(struct model *m, struct cache *view, uint32_t number, uint32_t version, size_t most)
{
	bool unsure;
	struct known *k = &m->known[number];
	uint32_t stale_s = random_below(&m->random, 3) * 3600;
	m->sample.item.stale_s = stale_s;
	bool keep = keeps(m, view, number, most, &unsure);
	sample_ask(&m->sample, number, m->seed);
	sample_answer(&m->sample, number, version, most);
	m->sample.item.stored_ms = m->now_ms;
	m->sample.item.stale_s = stale_s;
	enum cache_put result = cache_put(view, &m->sample.key, &m->sample.item);
	keep &= m->sample.item.kind == CACHE_FAILURE;
	if (result != CACHE_PUT && result != CACHE_KEPT)
		FAIL(m, "number %u: put returns %d", number, (int)result);
	if (!unsure && keep != (result == CACHE_KEPT))
		FAIL(m, "number %u: kept %d, should be %d", number, result == CACHE_KEPT, keep);
	m->puts += result == CACHE_PUT;
	m->kept += result == CACHE_KEPT;
	if (result == CACHE_KEPT)
		return;
	m->put_bytes +=
	        64 + m->sample.answer.bytes + 2u * m->sample.item.ttl_count + m->sample.answer.edns.ede_bytes;
	k->there = true;
	k->version = version;
	k->kind = m->sample.item.kind;
	k->stored_ms = m->now_ms;
}

static void
deed_put(struct model *m, size_t most)
{
	uint32_t version = m->next_version++ % SAMPLE_VERSIONS;
	put(m, some_view(m), some_number(m), version, most);
}

/* An answer that no segment can hold is refused, and what was there stays. */
static void
deed_put_too_large(struct model *m, size_t most)
{
	struct cache_census census;
	uint32_t number = some_number(m);
	take_census(m, &census);
	if (census.segment_bytes > WIRE_MESSAGE_BYTES)
		return;
	sample_ask(&m->sample, number, m->seed);
	sample_answer(&m->sample, number, 0, most);
	m->sample.answer.bytes = WIRE_MESSAGE_BYTES;
	m->sample.item.kind = CACHE_POSITIVE;
	if (cache_put(some_view(m), &m->sample.key, &m->sample.item) != CACHE_TOO_LARGE)
		FAIL(m, "number %u: 64 KB were put into segments of %u", number, census.segment_bytes);
	get(m, some_view(m), number, true, most);
}

static void
deed_flush(struct model *m, size_t most)
{
	uint32_t number = some_number(m);
	struct cache *view = some_view(m);
	bool there = get(m, view, number, true, most);
	if (cache_flush(view, &m->sample.key) != there)
		FAIL(m, "number %u: flushed %d, was there %d", number, !there, there);
	m->known[number].there = false;
	get(m, some_view(m), number, false, most);
}

struct zone_flush {
	unsigned zone;
	uint64_t said;
};

static bool
is_in_zone(void *arg, const struct cache_entry *entry)
{
	struct zone_flush *flush = arg;
	uint32_t number;
	bool is = sample_number(entry, &number) && sample_zone(number) == flush->zone;
	flush->said += is;
	return is;
}

static void
deed_flush_zone(struct model *m, size_t most)
{
	(void)most;
	struct zone_flush flush = {.zone = random_below(&m->random, SAMPLE_ZONES)};
	uint64_t gone = cache_flush_if(some_view(m), is_in_zone, &flush), known = 0;
	for (uint32_t i = 0; i < m->numbers; i++) {
		if (sample_zone(i) != flush.zone)
			continue;
		known += m->known[i].there;
		m->known[i].there = false;
	}
	if (gone != flush.said || gone > known || (m->roomy && gone != known))
		FAIL(m, "%llu flushed of a zone, %llu wanted, %llu known", (unsigned long long)gone,
		        (unsigned long long)flush.said, (unsigned long long)known);
}

static void
deed_flush_all(struct model *m, size_t most)
{
	struct cache_census census, after;
	(void)most;
	take_census(m, &census);
	uint64_t gone = cache_flush_all(some_view(m));
	take_census(m, &after);
	unsigned taken = after.segments_open + after.segments_evicting;
	if (gone != census.entries || after.entries != 0 || after.used_bytes != 0 ||
	        after.segments_free + taken != after.segments)
		FAIL(m, "%llu flushed of %llu, %llu left", (unsigned long long)gone,
		        (unsigned long long)census.entries, (unsigned long long)after.entries);
	for (uint32_t i = 0; i < m->numbers; i++)
		m->known[i].there = false;
}

struct walk {
	struct model *m;
	size_t most;
	uint64_t entries, limit;
};

static bool
on_visit(void *arg, const struct cache_entry *entry)
{
	struct walk *walk = arg;
	struct model *m = walk->m;
	uint32_t number;
	walk->entries++;
	if (!sample_number(entry, &number) || number >= m->numbers)
		FAIL(m, "the walk comes by an answer to another question");
	if (m->known[number].seen)
		FAIL(m, "number %u: the walk comes by twice", number);
	m->known[number].seen = true;
	compare(m, number, entry, walk->most);
	return walk->entries < walk->limit;
}

/* Walk, census and gets agree on what is there. */
static void
deed_walk(struct model *m, size_t most)
{
	struct cache_census census;
	struct walk walk = {.m = m, .most = most, .limit = UINT64_MAX};
	for (uint32_t i = 0; i < m->numbers; i++)
		m->known[i].seen = false;
	cache_walk(some_view(m), on_visit, &walk);
	take_census(m, &census);
	if (census.entries != walk.entries || census.entries_wrong != 0 || census.segments_lost != 0)
		FAIL(m, "census: %llu entries, %llu walked, %llu wrong, %u segments lost",
		        (unsigned long long)census.entries, (unsigned long long)walk.entries,
		        (unsigned long long)census.entries_wrong, census.segments_lost);
	if (census.segments != census.segments_free + census.segments_small + census.segments_main +
	                               census.segments_open + census.segments_evicting ||
	        census.bytes != m->bytes || census.used_bytes + census.dead_bytes > census.room_bytes)
		FAIL(m, "the census does not add up");
	for (uint32_t i = 0; i < m->numbers; i++)
		if (get(m, some_view(m), i, true, most) != m->known[i].seen)
			FAIL(m, "number %u: get and walk disagree", i);
	m->walks++;
}

static void
deed_walk_a_little(struct model *m, size_t most)
{
	struct walk walk = {.m = m, .most = most, .limit = 1 + random_below(&m->random, 5)};
	for (uint32_t i = 0; i < m->numbers; i++)
		m->known[i].seen = false;
	cache_walk(some_view(m), on_visit, &walk);
	if (walk.entries > walk.limit)
		FAIL(m, "the walk goes on after it was told to end");
}

/* Never false when nobody could have claimed; too early now and then, as keys may share a place. */
static void
deed_claim(struct model *m, size_t most)
{
	(void)most;
	uint32_t number = some_number(m), pause_ms = 1000 + random_below(&m->random, 4000);
	struct known *k = &m->known[number];
	sample_ask(&m->sample, number, m->seed);
	bool may = cache_claim(some_view(m), &m->sample.key, m->now_ms, pause_ms);
	bool early = k->claimed_ms != 0 && m->now_ms - k->claimed_ms + TOLERANCE_MS < pause_ms;
	if (!may && (k->claimed_ms == 0 || m->now_ms - k->claimed_ms >= pause_ms + TOLERANCE_MS))
		FAIL(m, "number %u: claimed in vain", number);
	m->claims += may;
	m->claims_early += may && early;
	if (may)
		k->claimed_ms = m->now_ms;
	uint64_t claimed_ms = cache_claimed_ms(some_view(m), &m->sample.key);
	if (claimed_ms != 0 && !about(claimed_ms, k->claimed_ms))
		FAIL(m, "number %u: claimed at another time", number);
}

/* One of the two dies without a word and is replaced. */
static void
deed_sweep(struct model *m, size_t most)
{
	(void)most;
	int dead = (int)random_below(&m->random, VIEWS);
	m->members[dead] = 0;
	cache_sweep(m->views[1 - dead], lives, m);
	m->members[dead] = cache_next_member(m->views[1 - dead]);
	cache_join(m->views[dead], m->members[dead], NULL);
}

static void
deed_time(struct model *m, size_t most)
{
	(void)most;
	bool days = random_below(&m->random, 1000) == 0;
	m->now_ms += random_below(&m->random, days ? 7 * 86400 * 1000u : 400);
}

struct deed {
	void (*do_it)(struct model *m, size_t most);
	unsigned share; /* of 100 000 */
};

static const struct deed deeds[] = {
        {deed_get, 52600},
        {deed_put, 38000},
        {deed_put_too_large, 100},
        {deed_flush, 1000},
        {deed_claim, 4000},
        {deed_time, 4270},
        {deed_flush_zone, 5},
        {deed_walk, 8},
        {deed_walk_a_little, 8},
        {deed_sweep, 8},
        {deed_flush_all, 1},
};

/* --- */

static void
begin(struct model *m, uint64_t bytes, uint32_t numbers, bool roomy)
{
	memset(m, 0, sizeof *m);
	m->seed = from_environment("CACHE_MODEL_SEED", 0);
	if (m->seed == 0)
		m->seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid();
	m->random = m->seed;
	m->now_ms = START_MS;
	m->bytes = bytes;
	m->numbers = numbers;
	m->roomy = roomy;
	m->views[0] = cache_new(bytes, m->seed);
	assert_non_null(m->views[0]);
	m->views[1] = cache_adopt(dup(cache_descriptor(m->views[0])), bytes, m->seed);
	assert_non_null(m->views[1]);
	for (int i = 0; i < VIEWS; i++) {
		m->members[i] = cache_next_member(m->views[i]);
		cache_join(m->views[i], m->members[i], NULL);
	}
}

static uint64_t
steps(unsigned percent)
{
#ifdef DOTWARD_SANITIZERS
	uint64_t all = STEPS_SLOW;
#else
	const char *valgrind = getenv("VALGRIND");
	uint64_t all = valgrind != NULL && *valgrind != '\0' ? STEPS_SLOW : STEPS;
#endif
	return from_environment("CACHE_MODEL_STEPS", all) * percent / 100;
}

static void
step(struct model *m, size_t most)
{
	uint32_t draw = random_below(&m->random, 100000);
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		if (draw < deeds[i].share) {
			deeds[i].do_it(m, most);
			break;
		}
		draw -= deeds[i].share;
	}
	m->steps++;
}

static void
finish(struct model *m, size_t most)
{
	deed_walk(m, most);
	print_message("# seed %llu: %llu steps, %llu hits, %llu misses, %llu puts, %llu kept, %llu walks, "
	              "%llu claims (%llu early)\n",
	        (unsigned long long)m->seed, (unsigned long long)m->steps, (unsigned long long)m->hits,
	        (unsigned long long)m->misses, (unsigned long long)m->puts, (unsigned long long)m->kept,
	        (unsigned long long)m->walks, (unsigned long long)m->claims,
	        (unsigned long long)m->claims_early);
	assert_true(m->claims_early * 20 <= m->claims);
	for (int i = 0; i < VIEWS; i++)
		cache_free(m->views[i]);
}

/* Everything is thrown out sooner or later. */
static void
test_tight(void **state)
{
	(void)state;
	struct model *m = &model;
	begin(m, CACHE_LEAST_BYTES, NUMBERS_MOST, false);
	size_t most = most_bytes(m);
	for (uint64_t i = steps(80); i > 0; i--)
		step(m, most);
	assert_true(m->hits > m->steps / 20 && m->misses > m->steps / 20);
	finish(m, most);
}

/* Another size of segments, and of everything that follows from bytes. */
static void
test_odd(void **state)
{
	(void)state;
	struct model *m = &model;
	begin(m, 4999999, NUMBERS_MOST, false);
	size_t most = most_bytes(m);
	for (uint64_t i = steps(10); i > 0; i--)
		step(m, most);
	finish(m, most);
}

/* All that is ever written has room, so nothing is lost. */
static void
test_roomy(void **state)
{
	(void)state;
	struct model *m = &model;
	begin(m, 64 << 20, 4000, true);
	size_t most = 4096;
	for (uint64_t i = steps(10); i > 0 && m->put_bytes < m->bytes * 8 / 10; i--)
		step(m, most);
	/* A short run may be emptied halfway (deed_flush_all), and has not filled up again when it ends. */
	assert_true(m->hits > m->steps / 20);
	finish(m, most);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_tight),
	        cmocka_unit_test(test_odd),
	        cmocka_unit_test(test_roomy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
