/*
 * The line for each question, in both forms, byte by byte, as it is what other programs read: from the tale
 * that a worker hears (querylog.c), through the note in its spool (querynote.c), to the text (queryline.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "query/queryline.h"
#include "query/querylog.h"
#include "query/querynote.h"

#include <stdio.h>
#include <stdlib.h>

static struct config config;
static struct config_list list = {.name = "ads \"x\""};
static struct spool *spool;
static struct stats_slab stats;
static struct querylog *querylog;
static struct tale_hearer hearer;
static struct spool_reader reader;
static struct query_from from;
static struct wire_query query;
static struct tale tale;
static struct queryline *form;
static char line[QUERYLINE_BYTES];

static void
name_set(const void *wire, size_t bytes)
{
	memcpy(query.question.name, wire, bytes);
	query.question.name_bytes = (uint16_t)bytes;
}

static int
begin(void **state)
{
	(void)state;
	config = (struct config){.log = {.queries = true, .sample = 1}};
	config.lists.block = &list;
	config.lists.block_count = 1;
	spool = aligned_alloc(64, (spool_bytes() + 63) / 64 * 64);
	memset((void *)spool, 0, spool_bytes());
	memset(&stats, 0, sizeof stats);
	from = (struct query_from){0};
	assert_int_equal(addr_parse(&from.peer, "192.0.2.7@4660", 0), 0);
	query = (struct wire_query){.question = {.type = 1, .class = 1}};
	name_set("\3www\4Test", 10);
	tale = (struct tale){.from = &from,
	        .query = &query,
	        .answer = (const uint8_t *)"",
	        .answer_bytes = 40,
	        .cause = {.source = TALE_CACHE, .list = -1},
	        .begun_us = 1000,
	        .ended_us = 1041,
	        .ended_wall_us = 1763683203123999,
	        .number = 7};
	querylog = NULL;
	form = NULL;
	return 0;
}

static void
forget(void)
{
	querylog_free(querylog);
	queryline_free(form);
	querylog = NULL;
	form = NULL;
}

static int
end(void **state)
{
	(void)state;
	forget();
	free((void *)spool);
	return 0;
}

static const char *
written(void)
{
	static char here[] = "";
	size_t bytes, stamp;
	if (querylog == NULL) {
		config.log.queries_target = here;
		querylog = querylog_new(&config, spool, &stats, 3);
		form = queryline_new(&config);
		hearer = querylog_hearer(querylog);
		spool_read_begin(&reader, spool);
	}
	assert_null(hearer.asked);
	hearer.ended(hearer.arg, &tale);
	const uint8_t *record = spool_next(&reader, &bytes);
	if (record == NULL)
		return NULL;
	assert_true(bytes <= QUERYNOTE_MOST);
	bytes = queryline_write(form, record, bytes, line, &stamp);
	assert_in_range(bytes, 1, QUERYLINE_BYTES);
	assert_int_equal(line[bytes - 1], '\n');
	line[bytes - 1] = '\0';
	if (config.log.json)
		assert_int_equal(stamp, 0);
	else
		assert_memory_equal(line + stamp, "worker 3: ", 10);
	spool_release(&reader);
	return line;
}

#define HEAD "2025-11-21T00:00:03.123Z notice worker 3: q=7 "
#define JSON                                                                                                 \
	"{\"time\":\"2025-11-21T00:00:03.123Z\",\"level\":\"notice\",\"role\":\"worker\",\"slot\":3,"        \
	"\"event\":"

static void
from_the_cache(void **state)
{
	(void)state;
	assert_string_equal(written(),
	        HEAD "answered client=192.0.2.7@4660 protocol=udp name=www.Test. type=A "
	             "rcode=NOERROR source=cache ms=0.041 bytes=40");
}

static void
from_upstream(void **state)
{
	(void)state;
	struct addr address;
	assert_int_equal(addr_parse(&address, "2001:db8::53@853", 0), 0);
	assert_int_equal(addr_parse(&from.peer, "2001:db8:1:2::9@5353", 0), 0);
	from.stream = true;
	tale.rcode = WIRE_RCODE_NXDOMAIN;
	tale.ended_us = 1000 + 1234567;
	tale.cause = (struct tale_cause){
	        .source = TALE_UPSTREAM, .list = -1, .upstream = "quad9", .address = &address};
	assert_string_equal(written(),
	        HEAD "answered client=2001:db8:1:2::9@5353 protocol=tcp name=www.Test. type=A "
	             "rcode=NXDOMAIN source=upstream ms=1234.567 bytes=40 upstream=quad9 "
	             "address=2001:db8::53@853");
	config.log.json = true;
	forget();
	assert_string_equal(written(), JSON
	        "\"answered\",\"q\":7,\"client\":\"2001:db8:1:2::9@5353\",\"protocol\":\"tcp\",\"name\":"
	        "\"www.Test.\",\"type\":\"A\",\"rcode\":\"NXDOMAIN\",\"source\":\"upstream\",\"ms\":1234.567,"
	        "\"bytes\":40,\"upstream\":\"quad9\",\"address\":\"2001:db8::53@853\"}");
}

static void
blocked(void **state)
{
	(void)state;
	from.stream = from.tls = true;
	tale.cause = (struct tale_cause){
	        .source = TALE_POLICY, .by = JUDGE_BY_LIST, .list = 0, .text = "blocked by \"ads\"\n"};
	assert_string_equal(written(),
	        HEAD "answered client=192.0.2.7@4660 protocol=tls name=www.Test. type=A rcode=NOERROR "
	             "source=policy ms=0.041 bytes=40 step=lists list=ads \\034x\\034 why=\"blocked by "
	             "\\034ads\\034\\010\"");
}

static void
without_an_answer(void **state)
{
	(void)state;
	config.log.json = true;
	query.question.name_bytes = 0;
	tale.answer_bytes = 0;
	tale.cause = (struct tale_cause){.source = TALE_POLICY, .by = JUDGE_BY_FORM, .list = -1};
	assert_string_equal(written(),
	        JSON "\"unanswered\",\"q\":7,\"client\":\"192.0.2.7@4660\",\"protocol\":\"udp\",\"source\":"
	             "\"policy\",\"ms\":0.041,\"bytes\":0,\"step\":\"form\"}");
}

static const char *
member(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	assert_non_null(at);
	return at + strlen(key);
}

/* As name_text() has it; in JSON every backslash twice, so that whoever reads that has the same text. */
static void
names(void **state)
{
	(void)state;
	uint8_t name[NAME_BYTES] = {63};
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned n = 0; n < 63; n++)
			name[1 + n] = (uint8_t)(i * 63 + n);
		name[64] = 4;
		memcpy(name + 65, "(@);", 5);
		char wanted[NAME_TEXT_BYTES], undone[NAME_TEXT_BYTES];
		name_set(name, 70);
		name_text(name, 70, wanted);
		config.log.json = false;
		const char *found = member(written(), " name=");
		assert_int_equal(strncmp(found, wanted, strlen(wanted)), 0);
		assert_int_equal(found[strlen(wanted)], ' ');
		forget();
		config.log.json = true;
		found = member(written(), "\"name\":\"");
		size_t used = 0;
		for (; *found != '"'; found++) {
			if (*found == '\\')
				found++;
			undone[used++] = *found;
		}
		undone[used] = '\0';
		assert_string_equal(undone, wanted);
		forget();
	}
	name_set("", 1);
	assert_int_equal(strncmp(member(written(), "\"name\":\""), ".\"", 2), 0);
}

/* The longest there can be fits. */
static void
the_longest(void **state)
{
	(void)state;
	char why[600];
	uint8_t name[NAME_BYTES];
	memset(why, '\n', sizeof why - 1);
	why[sizeof why - 1] = '\0';
	memset(name, 0xff, sizeof name);
	name[0] = name[64] = name[128] = 63;
	name[192] = 61;
	name[254] = 0;
	name_set(name, 255);
	query.question.type = 65280;
	config.log.json = true;
	char upstream[256];
	memset(upstream, '\\', 255);
	upstream[255] = '\0';
	struct addr address;
	assert_int_equal(addr_parse(&address, "fe80:1111:2222:3333:4444:5555:6666:7777@65535", 0), 0);
	tale.cause = (struct tale_cause){
	        .source = TALE_UPSTREAM, .list = 0, .text = why, .upstream = upstream, .address = &address};
	assert_true(strlen(written()) > 255 * 4);
	assert_int_equal(line[strlen(line) - 1], '}');
}

static void
clients_as_networks(void **state)
{
	(void)state;
	config.log.anonymise = true;
	assert_non_null(strstr(written(), " client=192.0.2.0/24 "));
	assert_int_equal(addr_parse(&from.peer, "2001:db8:1:2ff:3::9@5353", 0), 0);
	assert_non_null(strstr(written(), " client=2001:db8:1:200::/56 "));
}

static void
one_in_so_many(void **state)
{
	(void)state;
	unsigned count = 0;
	config.log.sample = 10;
	for (tale.number = 0; tale.number < 10000; tale.number++)
		count += written() != NULL;
	assert_in_range(count, 990, 1010);
	assert_int_equal(atomic_load(&stats.counters[STATS_log_dropped]), 0);
}

static void
nothing_of_who_is_hidden(void **state)
{
	(void)state;
	tale.hidden = true;
	assert_null(written());
}

static void
a_full_spool(void **state)
{
	(void)state;
	written();
	for (unsigned i = 0; i < 20000; i++)
		hearer.ended(hearer.arg, &tale);
	unsigned kept = 0;
	size_t bytes;
	while (spool_next(&reader, &bytes) != NULL)
		kept++;
	assert_true(kept > 5000);
	assert_int_equal(kept + atomic_load(&stats.counters[STATS_log_dropped]), 20000);
}

/* A worker in a bad way may leave anything. */
static void
records_that_are_none(void **state)
{
	(void)state;
	struct addr address;
	_Alignas(8) uint8_t good[QUERYNOTE_MOST + 1] = {0}, record[QUERYNOTE_MOST] = {0};
	size_t stamp;
	written();
	assert_int_equal(addr_parse(&address, "192.0.2.53@853", 0), 0);
	tale.cause = (struct tale_cause){
	        .source = TALE_UPSTREAM, .list = -1, .text = "why", .upstream = "up", .address = &address};
	size_t bytes = querynote_write(good, &tale, 3);
	assert_true(queryline_write(form, good, bytes, line, &stamp) > 0);
	for (size_t less = 0; less < bytes; less++)
		assert_int_equal(queryline_write(form, good, less, line, &stamp), 0);
	assert_int_equal(queryline_write(form, good, bytes + 1, line, &stamp), 0);
	for (size_t at = 0; at < bytes; at++)
		for (unsigned value = 0; value < 256; value++) {
			memcpy(record, good, bytes);
			record[at] = (uint8_t)value;
			size_t length = queryline_write(form, record, bytes, line, &stamp);
			assert_in_range(length, 0, QUERYLINE_BYTES);
		}
#define SPOILT(member, value)                                                                                \
	do {                                                                                                 \
		memcpy(record, good, bytes);                                                                 \
		((struct querynote *)(void *)record)->member = (value);                                      \
		assert_int_equal(queryline_write(form, record, bytes, line, &stamp), 0);                     \
	} while (0)
	SPOILT(protocol, STATS_PROTOCOLS);
	SPOILT(source, TALE_POISON + 1);
	SPOILT(by, JUDGE_BY_ANY + 1);
	SPOILT(list, 1);
	SPOILT(has_address, 0);
	SPOILT(name_bytes, 255);
	SPOILT(client.any.sa_family, AF_UNIX);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        TEST(from_the_cache),
	        TEST(from_upstream),
	        TEST(blocked),
	        TEST(without_an_answer),
	        TEST(names),
	        TEST(the_longest),
	        TEST(clients_as_networks),
	        TEST(one_in_so_many),
	        TEST(nothing_of_who_is_hidden),
	        TEST(a_full_spool),
	        TEST(records_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
