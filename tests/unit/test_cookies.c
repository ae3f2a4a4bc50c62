/*
 * The shared secret of DNS cookies: there from the beginning, another one every day, and the last one beside
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/cookies.h"

#include <stdlib.h>
#include <string.h>

static struct cookies *cookies;

static int
start(void **state)
{
	(void)state;
	cookies = calloc(1, cookies_bytes());
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	free(cookies);
	return 0;
}

static void
none_before_the_first(void **state)
{
	struct cookie_secrets secrets;
	(void)state;
	assert_false(cookies_secrets(cookies, &secrets));
	/* nobody is to spin over it */
	assert_in_range(cookies_wait_ms(cookies, 5), 1000, COOKIES_ROTATE_MS);
	assert_true(cookies_rotate(cookies, 5));
	assert_true(cookies_secrets(cookies, &secrets));
	assert_null(secrets.also);
	static const uint8_t nothing[COOKIE_SECRET_BYTES];
	assert_memory_not_equal(secrets.secret, nothing, sizeof nothing);
}

static void
another_one_every_day(void **state)
{
	uint8_t first[COOKIE_SECRET_BYTES], before[COOKIE_SECRET_BYTES];
	struct cookie_secrets secrets;
	(void)state;
	assert_true(cookies_rotate(cookies, 1000));
	assert_true(cookies_secrets(cookies, &secrets));
	memcpy(first, secrets.secret, sizeof first);
	assert_int_equal(cookies_wait_ms(cookies, 1000), COOKIES_ROTATE_MS);
	assert_true(cookies_rotate(cookies, 1000 + COOKIES_ROTATE_MS - 1));
	assert_true(cookies_secrets(cookies, &secrets));
	assert_null(secrets.also);
	for (uint64_t day = 1; day < 10; day++) {
		memcpy(before, secrets.secret, sizeof before);
		uint64_t now_ms = 1000 + day * COOKIES_ROTATE_MS;
		assert_int_equal(cookies_wait_ms(cookies, now_ms), 0);
		assert_true(cookies_rotate(cookies, now_ms));
		assert_int_equal(cookies_wait_ms(cookies, now_ms), COOKIES_ROTATE_MS);
		assert_true(cookies_secrets(cookies, &secrets));
		assert_memory_equal(secrets.also, before, sizeof before);
		assert_memory_not_equal(secrets.secret, before, sizeof before);
		assert_memory_not_equal(secrets.secret, first, sizeof first);
	}
}

/* What a worker took hold of stays what it is while it works with it. */
static void
one_in_hand_stays(void **state)
{
	uint8_t before[COOKIE_SECRET_BYTES];
	struct cookie_secrets secrets;
	(void)state;
	assert_true(cookies_rotate(cookies, 0));
	assert_true(cookies_rotate(cookies, COOKIES_ROTATE_MS));
	assert_true(cookies_secrets(cookies, &secrets));
	memcpy(before, secrets.also, sizeof before);
	assert_true(cookies_rotate(cookies, 2ull * COOKIES_ROTATE_MS));
	assert_memory_equal(secrets.also, before, sizeof before);
	assert_true(cookies_rotate(cookies, 3ull * COOKIES_ROTATE_MS));
	assert_memory_equal(secrets.also, before, sizeof before);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(none_before_the_first),
	        STARTED(another_one_every_day),
	        STARTED(one_in_hand_stays),
	};
	return cmocka_run_group_tests_name("cookies", tests, NULL, NULL);
}
