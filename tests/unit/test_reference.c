/*
 * The caches that ours is compared with do what the papers say: sequences short enough to follow by hand.
 */
#include "../bench/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NAMES = 32 };

/* "a" asks for name 0; an upper case letter must hit, a lower case one must miss. */
static void
play(struct reference *cache, const char *asked)
{
	for (const char *at = asked; *at != '\0'; at++) {
		bool hit = *at >= 'A' && *at <= 'Z';
		if (reference_ask(cache, (uint32_t)((*at | 0x20) - 'a')) != hit)
			fail_msg("%s: %c, place %d", asked, *at, (int)(at - asked));
	}
}

/* These and no others are in it. */
static void
assert_holds(const struct reference *cache, const char *names)
{
	for (uint32_t i = 0; i < NAMES; i++) {
		bool wanted = false;
		for (const char *at = names; *at != '\0'; at++)
			wanted |= (uint32_t)(*at - 'a') == i;
		if (reference_has(cache, i) != wanted)
			fail_msg("%c should%s be there", (char)('a' + i), wanted ? "" : " not");
	}
}

static void
test_lru(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_LRU, 3, NAMES);
	play(cache, "abcAd");
	assert_holds(cache, "acd");
	play(cache, "bDAc");
	assert_holds(cache, "acd");
	reference_free(cache);
}

static void
test_fifo(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_FIFO, 3, NAMES);
	play(cache, "abcAAAd");
	assert_holds(cache, "bcd");
	play(cache, "BaCDb");
	assert_holds(cache, "dab");
	reference_free(cache);
}

/* The hand stays where it evicted, and what is new comes in at the other end. */
static void
test_sieve(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_SIEVE, 7, NAMES);
	/* From the oldest: a b c d e f g, with a, b and g visited. */
	play(cache, "abcdefgABG");
	play(cache, "h"); /* the hand passes a and b, clears them, and takes c */
	assert_holds(cache, "abdefgh");
	play(cache, "A");
	play(cache, "i"); /* goes on at d */
	assert_holds(cache, "abefghi");
	play(cache, "AEB");
	reference_free(cache);
}

static void
test_sieve_wraps(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_SIEVE, 3, NAMES);
	play(cache, "abcABC");
	play(cache, "d"); /* all are visited: all cleared, round to the oldest */
	assert_holds(cache, "bcd");
	play(cache, "Be"); /* hand at b, which is visited again: c goes */
	assert_holds(cache, "bde");
	reference_free(cache);
}

/* Ten entries: small has one, main nine, ghost nine. */
static void
test_s3fifo_small(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_S3FIFO, 10, NAMES);
	play(cache, "abcdefghij"); /* the small queue has the room that the main one does not need */
	assert_holds(cache, "abcdefghij");
	play(cache, "ABB");
	play(cache, "k"); /* a was asked for once more, which is not enough: ghost */
	assert_holds(cache, "bcdefghijk");
	play(cache, "l"); /* b was asked for twice more: main; then c goes */
	assert_holds(cache, "bdefghijkl");
	play(cache, "c"); /* a ghost: at once to main; d goes */
	assert_holds(cache, "bcefghijkl");
	play(cache, "mnopqrstu"); /* b and c are out of the small queue's way */
	assert_holds(cache, "bcnopqrstu");
	reference_free(cache);
}

/* Main: second chances for as often as it was asked for, three at most, and none for what came from small. */
static void
test_s3fifo_main(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_S3FIFO, 10, NAMES);
	play(cache, "abcdefghij");
	play(cache, "AABBCCDDEEFFGGHHIIJJ");
	play(cache, "k"); /* all ten to main, which is one too many: a goes, as counts were cleared */
	assert_holds(cache, "bcdefghijk");
	play(cache, "BBBBB");
	play(cache, "l"); /* nine in main: k goes from small */
	assert_holds(cache, "bcdefghijl");
	play(cache, "k"); /* a ghost: l goes from small, and main has ten now */
	assert_holds(cache, "bcdefghijk");
	play(cache, "m"); /* b is spared, c goes */
	assert_holds(cache, "bdefghijkm");
	reference_free(cache);
}

/* A ghost that is older than nine others is forgotten. */
static void
test_s3fifo_ghosts(void **state)
{
	(void)state;
	struct reference *cache = reference_new(REFERENCE_S3FIFO, 10, NAMES);
	play(cache, "abcdefghij");
	play(cache, "klmnopqrs"); /* ghosts: a … i */
	play(cache, "t");         /* and j: a is forgotten */
	play(cache, "a");         /* to small; ghosts: c … k */
	assert_holds(cache, "lmnopqrsta");
	play(cache, "c"); /* the oldest ghost: to main; it stays while small goes by */
	play(cache, "uvwx");
	assert_true(reference_has(cache, 'c' - 'a'));
	reference_free(cache);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_lru),
	        cmocka_unit_test(test_fifo),
	        cmocka_unit_test(test_sieve),
	        cmocka_unit_test(test_sieve_wraps),
	        cmocka_unit_test(test_s3fifo_small),
	        cmocka_unit_test(test_s3fifo_main),
	        cmocka_unit_test(test_s3fifo_ghosts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
