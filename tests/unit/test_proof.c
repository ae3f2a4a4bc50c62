/*
 * Whether a client is where it says it is: with the secrets of the configuration, with the shared ones, and
 * with none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "query/proof.h"

#include <stdlib.h>
#include <string.h>

enum { NOW = 1700000000 };

static struct config config;
static struct cookies *cookies;
static struct stats_slab *stats;
static struct proof proof;
static struct query query;

static int
start(void **state)
{
	(void)state;
	memset(&config, 0, sizeof config);
	config.limits.cookies = true;
	cookies = calloc(1, cookies_bytes());
	stats = calloc(1, sizeof *stats);
	proof = (struct proof){.config = &config, .cookies = cookies, .stats = stats};
	memset(&query, 0xee, sizeof query);
	assert_int_equal(addr_parse(&query.from.peer, "192.0.2.1@4000", 0), 0);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	free(cookies);
	free(stats);
	return 0;
}

static void
look(const void *cookie, size_t bytes)
{
	proof_none(&query);
	query.wire.edns.cookie_bytes = (uint8_t)bytes;
	memcpy(query.wire.edns.cookie, cookie, bytes);
	proof_look(&proof, &query, NOW);
}

static uint64_t
counted(enum stats_counter counter)
{
	return atomic_load(&stats->counters[counter]);
}

/* A cookie is given, and known again. */
static void
assert_serves(void)
{
	uint8_t given[COOKIE_BYTES];
	look("CLIENTS!", 8);
	assert_false(query.verified);
	assert_int_equal(query.cookie_bytes, COOKIE_BYTES);
	memcpy(given, query.cookie, sizeof given);
	look(given, sizeof given);
	assert_true(query.verified);
	assert_memory_equal(query.cookie, given, sizeof given);
	given[23] ^= 1;
	look(given, sizeof given);
	assert_false(query.verified);
	assert_int_equal(query.cookie_bytes, COOKIE_BYTES);
	assert_int_equal(counted(STATS_cookies_first), 1);
	assert_int_equal(counted(STATS_cookies_good), 1);
	assert_int_equal(counted(STATS_cookies_bad), 1);
}

static void
assert_serves_nobody(void)
{
	look("CLIENTS!", 8);
	assert_false(query.verified);
	assert_int_equal(query.cookie_bytes, 0);
	assert_int_equal(counted(STATS_cookies_first), 0);
}

static void
with_the_shared_secret(void **state)
{
	(void)state;
	assert_true(cookies_rotate(cookies, 0));
	assert_serves();
}

static void
with_a_secret_of_its_own(void **state)
{
	(void)state;
	proof.cookies = NULL;
	config.limits.cookie_secret.set = true;
	assert_serves();
}

static void
while_the_secret_is_changed(void **state)
{
	uint8_t given[COOKIE_BYTES];
	(void)state;
	config.limits.cookie_secret.set = true;
	look("CLIENTS!", 8);
	memcpy(given, query.cookie, sizeof given);
	config.limits.cookie_secret.bytes[0] = 1;
	look(given, sizeof given);
	assert_false(query.verified);
	config.limits.cookie_secret_also.set = true; /* the old one: zeroes */
	look(given, sizeof given);
	assert_true(query.verified);
}

static void
without_any(void **state)
{
	(void)state;
	assert_serves_nobody(); /* the master has not made one yet */
	proof.cookies = NULL;
	assert_serves_nobody();
}

static void
when_they_are_off(void **state)
{
	(void)state;
	assert_true(cookies_rotate(cookies, 0));
	config.limits.cookies = false;
	config.limits.cookie_secret.set = true;
	assert_serves_nobody();
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(with_the_shared_secret),
	        STARTED(with_a_secret_of_its_own),
	        STARTED(while_the_secret_is_changed),
	        STARTED(without_any),
	        STARTED(when_they_are_off),
	};
	return cmocka_run_group_tests_name("proof", tests, NULL, NULL);
}
