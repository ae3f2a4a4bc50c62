/*
 * The tap: what goes into the spool, of which questions, and what becomes of what finds no room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dnstap/tap.h"

#include <stdlib.h>
#include <string.h>

static struct spool *spool;
static struct stats_slab stats;

static int
begin(void **state)
{
	(void)state;
	spool = aligned_alloc(64, (spool_bytes() + 63) / 64 * 64);
	if (spool == NULL)
		return -1;
	memset((void *)spool, 0, spool_bytes());
	memset((void *)&stats, 0, sizeof stats);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	tap_close();
	free((void *)spool);
	return 0;
}

static void
open_with(bool client, bool forwarder, unsigned sample)
{
	tap_open(&(struct tap_setup){.spool = spool,
	        .stats = &stats,
	        .identity = "me",
	        .version = "",
	        .client = client,
	        .forwarder = forwarder,
	        .sample = sample});
}

static void
put(const char *dns, size_t bytes)
{
	tap_put(&(struct dnstap_message){.type = DNSTAP_CLIENT_QUERY,
	        .protocol = DNSTAP_UDP,
	        .dns = (const uint8_t *)dns,
	        .dns_bytes = bytes});
}

static void
closed_it_has_nothing(void **state)
{
	(void)state;
	tap_close();
	assert_false(tap_has_client());
	assert_false(tap_has_forwarder());
}

static void
open_it_has_what_is_wanted(void **state)
{
	(void)state;
	open_with(true, false, 1);
	assert_false(tap_has_forwarder());
	assert_true(tap_has_client());
	open_with(false, true, 1);
	assert_false(tap_has_client());
	assert_true(tap_has_forwarder());
}

static void
messages_lie_in_the_spool(void **state)
{
	struct spool_reader reader;
	size_t bytes;
	(void)state;
	open_with(true, true, 1);
	put("ab", 2);
	put("", 0);
	spool_read_begin(&reader, spool);
	const uint8_t *record = spool_next(&reader, &bytes);
	static const uint8_t expected[] = {
	        0x0a, 2, 'm', 'e', 0x72, 8, 8, 5, 0x18, 1, 0x52, 2, 'a', 'b', 0x78, 1};
	assert_int_equal(bytes, sizeof expected);
	assert_memory_equal(record, expected, bytes);
	assert_non_null(spool_next(&reader, &bytes));
	assert_null(spool_next(&reader, &bytes));
}

static void
what_finds_no_room_is_counted(void **state)
{
	static char dns[60000];
	(void)state;
	open_with(true, true, 1);
	for (unsigned i = 0; i < SPOOL_BYTES / sizeof dns + 2; i++)
		put(dns, sizeof dns);
	assert_true(stats.counters[STATS_dnstap_dropped] >= 2);
	assert_true(stats.counters[STATS_dnstap_dropped] <= 4);
}

static void
one_in_so_many(void **state)
{
	unsigned count = 0;
	(void)state;
	open_with(true, true, 10);
	for (uint32_t number = UINT32_MAX - 5000; number != 5000; number++)
		count += tap_wants(number);
	assert_in_range(count, 980, 1020);
	open_with(true, true, 1);
	for (uint32_t number = 0; number < 1000; number++)
		assert_true(tap_wants(number));
}

static void
who_is_hidden_stays_so_until_the_number_comes_round(void **state)
{
	(void)state;
	open_with(true, true, 1);
	tap_note(7, true);
	tap_note(8, false);
	assert_false(tap_wants(7));
	assert_true(tap_wants(8));
	assert_true(tap_wants(6));
	tap_note(7 + 65536, false);
	assert_true(tap_wants(7 + 65536));
	/* another life knows nothing of it */
	tap_note(7, true);
	open_with(true, true, 1);
	assert_true(tap_wants(7));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        FRESH(closed_it_has_nothing),
	        FRESH(open_it_has_what_is_wanted),
	        FRESH(messages_lie_in_the_spool),
	        FRESH(what_finds_no_room_is_counted),
	        FRESH(one_in_so_many),
	        FRESH(who_is_hidden_stays_so_until_the_number_comes_round),
	};
	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
