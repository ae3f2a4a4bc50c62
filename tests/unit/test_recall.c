/*
 * What the cache means to a question. It is always the same time; what differs is when
 * an answer was stored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/hash.h"
#include "dns/octets.h"
#include "dns/ttl.h"
#include "message.h"
#include "query/recall.h"
#include "worlds.h"

enum { LIFE_S = 1000, DAY_S = 86400, PLACES = 8 };

static const uint64_t NOW_MS = 1000000000;

static struct recall *recall;
static struct message msg;
static struct wire_query query;
static uint64_t hash;
static struct recalled found;
static uint8_t out[65535];

static int
start(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	world_remember();
	recall = recall_new(world.cache, &world.config, &world.stats);
	world_query(&query, 7);
	hash = hash_name(query.question.name, query.question.name_bytes, 1, 1, WORLD_SEED);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	recall_free(recall);
	cache_free(world.cache);
	return 0;
}

/* An answer with two addresses, or none at all. */
static struct wire_answer
make_answer(unsigned rcode, unsigned ttl)
{
	struct wire_answer answer;
	message_begin(&msg, 99, 0x8180u | rcode);
	message_question(&msg, "7.example.", 1, 1);
	for (unsigned i = 0; i < 2 && rcode == 0; i++) {
		message_put_pointer(&msg, WIRE_HEADER_BYTES);
		size_t rdata = message_fixed(&msg, SECTION_ANSWER, 1, 1, ttl + i);
		message_put(&msg, "\300\0\2\1", 4);
		message_rdata_end(&msg, rdata);
	}
	assert_int_equal(wire_answer_take(msg.bytes, msg.length, &query.question, &answer), WIRE_MATCH);
	return answer;
}

/* Puts an answer in as if it had been stored so long ago. */
static void
lay(enum cache_kind kind, unsigned rcode, uint64_t age_ms, bool unasked)
{
	uint16_t ttls[PLACES];
	struct wire_answer answer = make_answer(rcode, LIFE_S);
	int count = ttl_find(answer.msg, answer.bytes, ttls, PLACES);
	assert_true(count >= 0);
	struct cache_key key = cache_key(&query, hash);
	const struct cache_item item = {.answer = &answer,
	        .ttls = ttls,
	        .ttl_count = (unsigned)count,
	        .kind = kind,
	        .unasked = unasked,
	        .stored_ms = NOW_MS - age_ms,
	        .life_s = LIFE_S};
	assert_int_equal(cache_put(world.cache, &key, &item), CACHE_PUT);
}

static enum recall_verdict
look(void)
{
	return recall_find(recall, &query, hash, NOW_MS, &found);
}

/* What the client gets of what was found. */
static struct wire_answer
given(size_t room)
{
	struct wire_answer answer;
	struct edns_write opt = {.udp_bytes = 1232};
	query.edns.present = true;
	size_t bytes = wire_fit(out, room, &query, &found.entry.answer, &opt);
	assert_true(bytes > 0);
	recall_date(recall, &found, out);
	assert_int_equal(wire_answer_take(out, bytes, &query.question, &answer), WIRE_MATCH);
	return answer;
}

static uint32_t
ttl_given(unsigned n)
{
	uint16_t ttls[PLACES];
	struct wire_answer answer = given(sizeof out);
	assert_true(ttl_find(answer.msg, answer.bytes, ttls, PLACES) > (int)n);
	return ttl_get(answer.msg, ttls[n]);
}

static int
ede_given(void)
{
	struct wire_answer answer = given(sizeof out);
	return answer.edns.ede_bytes < 2 ? -1 : octets_get16(answer.edns.ede);
}

static void
keep(const struct wire_answer *answer, bool unasked)
{
	struct fetch_end end = {
	        .query = &query, .hash = hash, .unasked = unasked, .result = {.answer = answer}};
	if (answer == NULL) {
		end.result.ede = EDNS_EDE_NETWORK_ERROR;
		snprintf(end.result.why, sizeof end.result.why, "the cable is cut");
	}
	recall_keep(recall, &end, NOW_MS);
}

static void
fresh_ones_age(void **state)
{
	(void)state;
	assert_int_equal(look(), RECALL_NONE);
	lay(CACHE_POSITIVE, 0, 250000, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(found.stale || found.renew);
	assert_in_range(ttl_given(0), 748, 750);
	assert_in_range(ttl_given(1), 749, 751);
	assert_int_equal(ede_given(), -1);
	assert_int_equal(counted(STATS_cache_hits), 1);
	assert_int_equal(counted(STATS_cache_misses), 1);
}

/* There is no TTL to set in what is left of it. */
static void
truncated_ones(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, 250000, false);
	assert_int_equal(look(), RECALL_FRESH);
	found.entry.answer.bytes = 600; /* as if there were more */
	struct wire_answer answer = given(512);
	assert_int_equal(answer.bytes, WIRE_HEADER_BYTES + query.question.name_bytes + 4);
	assert_true(out[2] & 2);
	lay(CACHE_POSITIVE, 0, (LIFE_S + 1) * 1000, false);
	assert_int_equal(look(), RECALL_FALLBACK);
	found.entry.answer.bytes = 600;
	answer = given(512);
	assert_int_equal(answer.edns.udp_bytes, 1232);
	assert_int_equal(octets_get16(answer.edns.ede), EDNS_EDE_STALE);
}

static void
stale_ones(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, (LIFE_S + 1) * 1000, false);
	assert_int_equal(look(), RECALL_FALLBACK);
	assert_true(found.stale);
	assert_int_equal(ttl_given(0), 30);
	assert_int_equal(ttl_given(1), 30);
	assert_int_equal(ede_given(), EDNS_EDE_STALE);
	assert_int_equal(counted(STATS_cache_misses), 1);
	assert_int_equal(counted(STATS_cache_hits), 0);
	assert_true(recall_last_resort(recall, &query, hash, NOW_MS, &found));
	assert_true(found.stale);
}

static void
stale_denials(void **state)
{
	(void)state;
	lay(CACHE_NEGATIVE, WIRE_RCODE_NXDOMAIN, (LIFE_S + 1) * 1000, false);
	assert_int_equal(look(), RECALL_FALLBACK);
	assert_int_equal(ede_given(), EDNS_EDE_STALE_NXDOMAIN);
	assert_int_equal(given(512).rcode, WIRE_RCODE_NXDOMAIN);
}

static void
too_old(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, (LIFE_S + DAY_S - 10) * 1000ull, false);
	assert_int_equal(look(), RECALL_FALLBACK);
	lay(CACHE_POSITIVE, 0, (LIFE_S + DAY_S) * 1000ull, false);
	assert_int_equal(look(), RECALL_NONE);
	assert_false(recall_last_resort(recall, &query, hash, NOW_MS, &found));
	world.config.cache.stale_s = 0;
	lay(CACHE_POSITIVE, 0, LIFE_S * 1000 + 100, false);
	assert_int_equal(look(), RECALL_NONE);
	assert_false(recall_last_resort(recall, &query, hash, NOW_MS, &found));
}

/* A failure is given while it is fresh, but helps nobody out. */
static void
failures(void **state)
{
	(void)state;
	lay(CACHE_FAILURE, WIRE_RCODE_SERVFAIL, 0, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(recall_last_resort(recall, &query, hash, NOW_MS, &found));
	lay(CACHE_FAILURE, WIRE_RCODE_SERVFAIL, LIFE_S * 1000 - 1000, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(found.renew);
	lay(CACHE_FAILURE, WIRE_RCODE_SERVFAIL, LIFE_S * 1000 + 100, false);
	assert_int_equal(look(), RECALL_NONE);
}

static void
rests_after_a_failure(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, LIFE_S * 1000 + 5000, false);
	assert_int_equal(look(), RECALL_FALLBACK);
	recall_rest(recall, &query, hash, NOW_MS, &found);
	assert_int_equal(look(), RECALL_STALE);
	assert_int_equal(ttl_given(0), 30);
	/* A later answer that expires has to be asked for anew. */
	struct wire_answer answer = make_answer(0, 5);
	keep(&answer, false);
	assert_int_equal(look(), RECALL_FRESH);
	/* Once the pause is over it is tried again. */
	struct cache_key key = cache_key(&query, hash);
	assert_int_equal(cache_flush_all(world.cache), 1);
	lay(CACHE_POSITIVE, 0, LIFE_S * 1000 + 40000, false);
	assert_true(cache_claim(world.cache, &key, NOW_MS - 31000, 0));
	assert_int_equal(look(), RECALL_FALLBACK);
	assert_true(cache_claim(world.cache, &key, NOW_MS - 28000, 0));
	assert_int_equal(look(), RECALL_STALE);
	recall_rest(recall, &query, hash, NOW_MS, &found); /* goes on resting, no longer than it was to */
	assert_in_range(NOW_MS - cache_claimed_ms(world.cache, &key), 28000, 29000);
}

/* One who renewed it before it expired has not been to upstream in vain since, and is in nobody's way. */
static void
claims_from_before(void **state)
{
	struct cache_key key = cache_key(&query, hash);
	(void)state;
	lay(CACHE_POSITIVE, 0, LIFE_S * 1000 + 3000, false);
	assert_true(cache_claim(world.cache, &key, NOW_MS - 4000, 0));
	assert_int_equal(look(), RECALL_FALLBACK);
	recall_rest(recall, &query, hash, NOW_MS, &found);
	assert_int_equal(look(), RECALL_STALE);
}

static void
renewed_in_the_last_tenth(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, 880000, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(found.renew);
	lay(CACHE_POSITIVE, 0, 901000, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_true(found.renew);
	/* by one of many */
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(found.renew);
	/* ... who may have failed */
	struct cache_key key = cache_key(&query, hash);
	assert_true(cache_claim(world.cache, &key, NOW_MS - 5200, 0));
	assert_int_equal(look(), RECALL_FRESH);
	assert_true(found.renew);
}

static void
renewed_when_asked_for(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, 950000, true);
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(found.renew);
	assert_int_equal(look(), RECALL_FRESH);
	assert_true(found.renew);
}

static void
not_renewed_when_told_so(void **state)
{
	(void)state;
	world.config.cache.prefetch = false;
	lay(CACHE_POSITIVE, 0, 950000, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_false(found.renew);
}

static void
questions_that_are_not_for_the_cache(void **state)
{
	(void)state;
	lay(CACHE_POSITIVE, 0, 0, false);
	query.flags &= (uint16_t)~WIRE_FLAG_RD;
	assert_int_equal(look(), RECALL_NONE);
	keep(NULL, false);
	query.flags |= WIRE_FLAG_RD;
	query.edns.subnet_bytes = 7;
	world.config.forward.client_subnet_forward = true;
	assert_int_equal(look(), RECALL_NONE);
	keep(NULL, false);
	world.config.forward.client_subnet_forward = false;
	assert_int_equal(look(), RECALL_FRESH);
	assert_int_equal(counted(STATS_cache_inserts), 1);
	query.flags |= WIRE_FLAG_CD;
	assert_int_equal(look(), RECALL_NONE);
	query.flags &= (uint16_t)~WIRE_FLAG_CD;
	query.edns.dnssec_ok = true;
	assert_int_equal(look(), RECALL_NONE);
	query.question.type = 255;
	keep(NULL, false);
	query.question.type = 253;
	keep(NULL, false);
	assert_int_equal(counted(STATS_cache_inserts), 2);
}

static void
keeps_answers(void **state)
{
	(void)state;
	world.config.cache.min_ttl_s = 60;
	struct wire_answer answer = make_answer(0, 5);
	struct fetch_end end = {.query = &query, .hash = hash, .result = {.answer = &answer}};
	recall_keep(recall, &end, NOW_MS);
	/* What the first client is told is what is stored. */
	assert_ptr_not_equal(end.result.answer, &answer);
	uint16_t ttls[PLACES];
	assert_int_equal(ttl_find(end.result.answer->msg, end.result.answer->bytes, ttls, PLACES), 2);
	assert_int_equal(ttl_get(end.result.answer->msg, ttls[1]), 60);
	assert_int_equal(ttl_get(answer.msg, ttls[1]), 6);
	assert_int_equal(look(), RECALL_FRESH);
	assert_int_equal(ttl_given(0), 60);
	assert_int_equal(found.entry.life_s, 60);
	assert_false(found.entry.unasked);
}

/* What is not kept passes as it is. */
static void
leaves_alone_what_has_no_life(void **state)
{
	(void)state;
	world.config.cache.max_ttl_s = 100;
	struct wire_answer answer = make_answer(0, 0);
	struct fetch_end end = {.query = &query, .hash = hash, .result = {.answer = &answer}};
	recall_keep(recall, &end, NOW_MS);
	assert_ptr_equal(end.result.answer, &answer);
	assert_int_equal(look(), RECALL_NONE);
	/* ... and does not put away what is there */
	lay(CACHE_POSITIVE, 0, 0, false);
	recall_keep(recall, &end, NOW_MS);
	assert_int_equal(look(), RECALL_FRESH);
}

static void
keeps_failures(void **state)
{
	(void)state;
	keep(NULL, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_int_equal(found.entry.kind, CACHE_FAILURE);
	assert_int_equal(found.entry.life_s, 2);
	struct wire_answer answer = given(sizeof out);
	assert_int_equal(answer.rcode, WIRE_RCODE_SERVFAIL);
	assert_int_equal(octets_get16(answer.edns.ede), EDNS_EDE_NETWORK_ERROR);
	assert_non_null(memmem(answer.edns.ede, answer.edns.ede_bytes, "the cable is cut", 16));
	assert_int_equal(out[3] & 0x80, 0x80); /* RA */
	/* One that an upstream told. */
	cache_flush_all(world.cache);
	answer = make_answer(WIRE_RCODE_REFUSED, 0);
	keep(&answer, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_int_equal(given(512).rcode, WIRE_RCODE_REFUSED);
	cache_flush_all(world.cache);
	world.config.cache.failure_ttl_s = 0;
	keep(&answer, false);
	keep(NULL, false);
	assert_int_equal(look(), RECALL_NONE);
}

static void
failures_give_way(void **state)
{
	struct wire_answer answer;
	(void)state;
	lay(CACHE_POSITIVE, 0, LIFE_S * 1000 + 5000, false);
	keep(NULL, false);
	answer = make_answer(WIRE_RCODE_SERVFAIL, 0);
	keep(&answer, false);
	assert_int_equal(look(), RECALL_FALLBACK);
	assert_int_equal(given(512).rcode, WIRE_RCODE_NOERROR);
	/* ... but not to what is of no use any more */
	lay(CACHE_POSITIVE, 0, (LIFE_S + DAY_S) * 1000ull, false);
	keep(NULL, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_int_equal(given(512).rcode, WIRE_RCODE_SERVFAIL);
	answer = make_answer(0, 10);
	keep(&answer, false);
	assert_int_equal(look(), RECALL_FRESH);
	assert_int_equal(given(512).rcode, WIRE_RCODE_NOERROR);
}

static void
prefetched_ones_are_counted(void **state)
{
	struct wire_answer answer = make_answer(0, 10);
	(void)state;
	keep(&answer, false);
	assert_int_equal(counted(STATS_cache_prefetches), 0);
	keep(&answer, true);
	assert_int_equal(counted(STATS_cache_prefetches), 1);
	assert_int_equal(look(), RECALL_FRESH);
	assert_true(found.entry.unasked);
	keep(NULL, true);
	assert_int_equal(counted(STATS_cache_prefetches), 1);
}

static void
without_a_cache(void **state)
{
	(void)state;
	struct recall *none = recall_new(NULL, &world.config, &world.stats);
	struct wire_answer answer = make_answer(0, 10);
	struct fetch_end end = {.query = &query, .hash = hash, .result = {.answer = &answer}};
	recall_keep(none, &end, NOW_MS);
	assert_ptr_equal(end.result.answer, &answer);
	assert_int_equal(recall_find(none, &query, hash, NOW_MS, &found), RECALL_NONE);
	assert_false(recall_last_resort(none, &query, hash, NOW_MS, &found));
	assert_int_equal(counted(STATS_cache_misses), 0);
	recall_free(none);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(fresh_ones_age),
	        STARTED(truncated_ones),
	        STARTED(stale_ones),
	        STARTED(stale_denials),
	        STARTED(too_old),
	        STARTED(failures),
	        STARTED(rests_after_a_failure),
	        STARTED(claims_from_before),
	        STARTED(renewed_in_the_last_tenth),
	        STARTED(renewed_when_asked_for),
	        STARTED(not_renewed_when_told_so),
	        STARTED(questions_that_are_not_for_the_cache),
	        STARTED(keeps_answers),
	        STARTED(leaves_alone_what_has_no_life),
	        STARTED(keeps_failures),
	        STARTED(failures_give_way),
	        STARTED(prefetched_ones_are_counted),
	        STARTED(without_a_cache),
	};
	return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
