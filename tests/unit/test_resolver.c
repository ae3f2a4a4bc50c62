/*
 * What a resolver says, as the master reads it: from a child that is right, and from one that somebody has
 * taken over. That it asks rightly is seen in test_bootstrap.c, and with a real child in test_hosts.c.
 * Includes the .c, for what goes through the pipe is nobody else's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/resolver.c"

#include <stdio.h>

enum { UPSTREAMS = 3 };

static struct resolver r;
static int ours; /* the child's end */
static struct host_answer heard;
static size_t upstream;

static int
begin(void **state)
{
	int ends[2];
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	r = (struct resolver){.pid = 0, .fd = ends[0]};
	ours = ends[1];
	upstream = 99;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	resolver_forget(&r);
	close(ours);
	return 0;
}

static struct host_answer
right(void)
{
	struct host_answer a = {
	        .known = {true, false}, .count = 2, .ttl_s = 300, .why = "it answers SERVFAIL"};
	assert_int_equal(addr_parse(&a.addresses[0], "192.0.2.1", 0), 0);
	assert_int_equal(addr_parse(&a.addresses[1], "2001:db8::1", 0), 0);
	return a;
}

static struct word
word_of_right(void)
{
	struct word word;
	const struct host_answer a = right();
	word_make(&word, 2, &a);
	return word;
}

static bool
hears(const void *bytes, size_t count)
{
	assert_int_equal(write(ours, bytes, count), count);
	return resolver_read(&r, UPSTREAMS, &upstream, &heard);
}

static void
an_answer_comes_as_it_was_told(void **state)
{
	const struct host_answer a = right();
	(void)state;
	tell(&ours, 2, &a);
	assert_true(resolver_read(&r, UPSTREAMS, &upstream, &heard));
	assert_int_equal(upstream, 2);
	assert_true(heard.known[HOST_IPV4]);
	assert_false(heard.known[HOST_IPV6]);
	assert_false(heard.left_out);
	assert_int_equal(heard.ttl_s, 300);
	assert_int_equal(heard.count, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_true(addr_equal(&heard.addresses[i], &a.addresses[i]));
	assert_string_equal(heard.why, a.why);
	/* and then there is none for now, and none at all */
	assert_false(resolver_read(&r, UPSTREAMS, &upstream, &heard));
	assert_true(r.fd >= 0);
	close(ours);
	ours = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_false(resolver_read(&r, UPSTREAMS, &upstream, &heard));
	assert_int_equal(r.fd, -1);
	assert_false(resolver_read(&r, UPSTREAMS, &upstream, &heard));
}

static void
is_refused(const struct word *word)
{
	assert_int_equal(begin(NULL), 0);
	assert_false(hears(word, sizeof *word));
	assert_int_equal(r.fd, -1); /* nothing more is read of it */
	end(NULL);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct word word = word_of_right();
	end(state);
	word.upstream = UPSTREAMS;
	is_refused(&word);
	word = word_of_right();
	word.count = HOST_ADDRESSES + 1;
	is_refused(&word);
	word = word_of_right();
	word.count = UINT32_MAX;
	is_refused(&word);
	word = word_of_right();
	memset(word.addresses[0].bytes, 0, 4); /* 0.0.0.0 */
	is_refused(&word);
	word = word_of_right();
	word.addresses[1].bytes[0] = 0xff; /* multicast */
	is_refused(&word);
	word = word_of_right();
	word.count = 3; /* the third is 0.0.0.0 */
	is_refused(&word);
	assert_int_equal(begin(state), 0);
}

static void
half_a_word_is_refused(void **state)
{
	struct word word = word_of_right();
	(void)state;
	assert_false(hears(&word, sizeof word - 1));
	assert_int_equal(r.fd, -1);
}

/* Neither a text without an end nor a truth that is neither true nor false gets through. */
static void
odd_bytes_are_put_right(void **state)
{
	struct word word = word_of_right();
	(void)state;
	memset(word.why, 'x', sizeof word.why);
	memset(word.known, 7, sizeof word.known);
	word.left_out = 200;
	word.addresses[1].ipv6 = 9;
	memcpy(word.addresses[1].bytes, "\300\0\2\7", 4);
	assert_true(hears(&word, sizeof word));
	assert_int_equal(strlen(heard.why), sizeof word.why - 1);
	assert_false(heard.known[HOST_IPV4] || heard.known[HOST_IPV6] || heard.left_out);
	char text[ADDR_TEXT_BYTES];
	assert_string_equal(addr_text(&heard.addresses[1], text), "192.0.2.7@0");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(an_answer_comes_as_it_was_told),
	        TEST(what_makes_no_sense_is_refused),
	        TEST(half_a_word_is_refused),
	        TEST(odd_bytes_are_put_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
