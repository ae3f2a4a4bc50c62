/*
 * Last words: they reach whoever shares the memory, however the speaker ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/lastwords.h"
#include "base/must.h"
#include "forked.h"
#include "shared/shm.h"

static struct shm *shm;
static struct lastwords *place;

static int
lay_out(void **state)
{
	(void)state;
	shm = shm_new(shm_footprint(sizeof *place));
	place = shm ? shm_carve(shm, sizeof *place) : NULL;
	return place ? 0 : -1;
}

static int
clear_away(void **state)
{
	(void)state;
	lastwords_open(NULL);
	shm_free(shm);
	return 0;
}

static void
to_nobody(void **state)
{
	(void)state;
	lastwords_say("before a place is given");
	lastwords_take_hand(7);
	lastwords_open(place);
	assert_string_equal(place->text, "");
	assert_int_equal(atomic_load(&place->hand), 0);
	lastwords_open(NULL);
	lastwords_say("and after it is taken away");
	lastwords_take_hand(8);
	assert_string_equal(place->text, "");
	assert_int_equal(atomic_load(&place->hand), 0);
}

static void
what_is_in_hand(void **state)
{
	(void)state;
	lastwords_open(place);
	lastwords_take_hand(UINT64_MAX);
	assert_true(atomic_load(&place->hand) == UINT64_MAX);
	lastwords_take_hand(1);
	assert_int_equal(atomic_load(&place->hand), 1);
	lastwords_drop_hand();
	assert_int_equal(atomic_load(&place->hand), 0);
}

static void
long_ones_are_cut(void **state)
{
	char much[1000];
	(void)state;
	lastwords_open(place);
	memset(much, 'x', sizeof much - 1);
	much[sizeof much - 1] = '\0';
	lastwords_say(much);
	assert_int_equal(strlen(place->text), LASTWORDS_BYTES - 1);
	lastwords_say("short");
	assert_string_equal(place->text, "short");
}

static int
claim_wrongly(void *arg)
{
	lastwords_open(arg);
	lastwords_take_hand(0x1234);
	must(arg == NULL);
	return 0;
}

static void
claims_that_fail_are_heard(void **state)
{
	(void)state;
	struct forked result = forked_run(claim_wrongly, place);
	assert_true(forked_aborted(&result));
	assert_memory_equal(place->text, "assertion failed: arg == NULL at ", 33);
	assert_non_null(strstr(place->text, "test_lastwords.c:"));
	assert_int_equal(atomic_load(&place->hand), 0x1234);
}

static int
end_with_full_hands(void *arg)
{
	lastwords_open(arg);
	lastwords_take_hand(99);
	return raise(SIGKILL);
}

/* Nothing can be said any more, but what was in hand is known all the same. */
static void
killed_without_a_word(void **state)
{
	(void)state;
	struct forked result = forked_run(end_with_full_hands, place);
	assert_true(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
	assert_int_equal(atomic_load(&place->hand), 99);
	assert_string_equal(place->text, "");
}

#define LAID_OUT(test) cmocka_unit_test_setup_teardown(test, lay_out, clear_away)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        LAID_OUT(to_nobody),
	        LAID_OUT(what_is_in_hand),
	        LAID_OUT(long_ones_are_cut),
	        LAID_OUT(claims_that_fail_are_heard),
	        LAID_OUT(killed_without_a_word),
	};
	return cmocka_run_group_tests_name("lastwords", tests, NULL, NULL);
}
