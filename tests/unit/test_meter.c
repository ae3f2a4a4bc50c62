/*
 * What is limited for whom, by which network, and what becomes of the excess.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "message.h"
#include "query/meter.h"
#include "shared/shm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW_US UINT64_C(1000000000)

enum { TYPE_A = 1, TYPE_TXT = 16, TYPE_SOA = 6, TYPE_ANY = 255, BURST = 4 };

static struct config config;
static struct config_rate *rate;
static struct shm *shm;
static struct limits *limits;
static struct stats_slab stats;
static struct meter *meter;
static struct message m;
static struct wire_question question;
static char folder[] = "/tmp/dotward-meter.XXXXXX";

static int
start(void **state)
{
	(void)state;
	config = (struct config){
	        .limits = {.rate = {.per_second = 100, .burst = BURST, .ipv4_prefix = 24, .ipv6_prefix = 56},
	                .response_rate = {.per_second = BURST, .ipv4_prefix = 24, .ipv6_prefix = 56}}};
	rate = &config.limits.rate;
	memset(&stats, 0, sizeof stats);
	log_set_level(LOG_LEVEL_ERROR);
	shm = shm_new(shm_footprint(limits_bytes()));
	if (shm == NULL)
		return -1;
	limits = shm_carve(shm, limits_bytes());
	limits_begin(limits, 1);
	meter = meter_new(&config, limits, &stats, 4711);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	meter_free(meter);
	shm_free(shm);
	return 0;
}

static uint64_t
counted(enum stats_counter counter)
{
	return atomic_load(&stats.counters[counter]);
}

static struct addr
address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 4000), 0);
	return a;
}

static enum meter_verdict
ask(const char *client, bool proven)
{
	struct addr a = address(client);
	return meter_question(meter, rate, &a, proven, NOW_US);
}

static unsigned
passing(const char *client, bool proven, unsigned asked)
{
	unsigned count = 0;
	for (unsigned i = 0; i < asked; i++)
		count += ask(client, proven) == METER_PASS;
	return count;
}

static void
by_network(void **state)
{
	(void)state;
	assert_int_equal(passing("192.0.2.1", false, 3), 3);
	assert_int_equal(passing("192.0.2.200@77", false, 9), BURST - 3);
	assert_int_equal(passing("192.0.3.1", false, 9), BURST);
	assert_int_equal(passing("2001:db8:0:ff::1", false, 9), BURST);
	assert_int_equal(passing("2001:db8:0:1::2", false, 9), 0);
	assert_int_equal(passing("2001:db8:0:100::1", false, 9), BURST);
	assert_int_equal(counted(STATS_rate_dropped), 6 + 2 + 5 + 5 + 9 + 5);
	assert_int_equal(counted(STATS_rate_slipped) + counted(STATS_rate_refused), 0);
}

static void
odd_prefixes(void **state)
{
	(void)state;
	rate->ipv4_prefix = 30;
	rate->ipv6_prefix = 128;
	assert_int_equal(passing("192.0.2.0", false, 9), BURST);
	assert_int_equal(passing("192.0.2.3", false, 9), 0);
	assert_int_equal(passing("192.0.2.4", false, 9), BURST);
	assert_int_equal(passing("::1", false, 9), BURST);
	assert_int_equal(passing("::2", false, 9), BURST);
}

/* Loopback is a network like any other. */
static void
the_exempt(void **state)
{
	(void)state;
	struct addr_net nets[2];
	assert_int_equal(passing("127.0.0.1", false, 9), BURST);
	assert_int_equal(addr_net_parse(&nets[0], "127.0.0.0/8"), 0);
	assert_int_equal(addr_net_parse(&nets[1], "2001:db8::/32"), 0);
	rate->exempt = nets;
	rate->exempt_count = 2;
	assert_int_equal(passing("127.0.0.1", false, 90), 90);
	assert_int_equal(passing("2001:db8::1", true, 90), 90);
	assert_int_equal(passing("2001:db9::1", true, 90), BURST);
}

/* Who forges an address uses up nothing of who really is there. */
static void
proven_is_apart_and_refused(void **state)
{
	(void)state;
	rate->slip = 1;
	assert_int_equal(passing("192.0.2.1", false, 90), BURST);
	assert_int_equal(passing("192.0.2.1", true, 6), BURST);
	assert_int_equal(ask("192.0.2.1", true), METER_REFUSE);
	assert_int_equal(ask("192.0.2.1", false), METER_SLIP);
	assert_int_equal(counted(STATS_rate_refused), 3);
	assert_int_equal(counted(STATS_rate_slipped), 87);
	assert_int_equal(counted(STATS_rate_dropped), 0);
}

static void
each_so_many_th_slips(void **state)
{
	(void)state;
	static const unsigned slips[] = {0, 1, 2, 3, 100};
	for (unsigned i = 0; i < 5; i++) {
		char client[32];
		snprintf(client, sizeof client, "198.51.%u.1", i);
		rate->slip = slips[i];
		passing(client, false, BURST);
		for (unsigned n = 0; n < 300; n++)
			assert_int_equal(ask(client, false),
			        slips[i] > 0 && n % slips[i] == 0 ? METER_SLIP : METER_DROP);
	}
}

static void
without_limits(void **state)
{
	(void)state;
	struct meter *none = meter_new(&config, NULL, &stats, 1);
	struct addr a = address("192.0.2.1");
	rate->burst = 1;
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(meter_question(none, rate, &a, false, NOW_US), METER_PASS);
	meter_free(none);
	meter_free(NULL);
	rate->per_second = 0;
	assert_int_equal(passing("192.0.2.1", false, 90), 90);
}

/* The same limit in another generation goes on where it was; another one begins anew, for both. */
static void
over_a_reload(void **state)
{
	(void)state;
	assert_int_equal(passing("192.0.2.1", false, 9), BURST);
	meter_free(meter);
	meter = meter_new(&config, limits, &stats, 4711);
	assert_int_equal(passing("192.0.2.1", false, 9), 0);
	rate->burst = 7;
	assert_int_equal(passing("192.0.2.1", false, 9), 7);
	rate->burst = BURST;
	assert_int_equal(passing("192.0.2.1", false, 9), 0);
	struct config_rate other = {.per_second = 1, .burst = 2, .ipv4_prefix = 24};
	rate = &other; /* that of a group */
	assert_int_equal(passing("192.0.2.1", false, 9), 2);
}

static void
answer_begin(const char *name, unsigned type, unsigned rcode)
{
	message_begin(&m, 1, 0x8180 | rcode);
	message_question(&m, name, type, 1);
	question = (struct wire_question){.type = (uint16_t)type, .class = 1};
	question.name_bytes = (uint16_t)name_from_text(name, question.name);
}

static void
answer_zone(const char *zone)
{
	static const uint8_t rdata[22];
	message_record(&m, SECTION_AUTHORITY, zone, TYPE_SOA, rdata, sizeof rdata);
}

static void
answer_address(const char *name, unsigned type)
{
	answer_begin(name, type, 0);
	message_record(&m, SECTION_ANSWER, name, type, "\300\0\2\1", 4);
}

/* How many of nine of these answers leave. */
static unsigned
leaving(const char *client)
{
	struct addr a = address(client);
	unsigned count = 0, rcode = m.bytes[3] & 15u;
	for (unsigned i = 0; i < 9; i++)
		count += meter_answer(meter, &a, &question, (uint16_t)rcode, m.bytes, m.length, NOW_US) ==
		         METER_PASS;
	return count;
}

static void
answers_with_records(void **state)
{
	(void)state;
	answer_address("www.example.", TYPE_A);
	assert_int_equal(leaving("192.0.2.1"), BURST);
	assert_int_equal(leaving("192.0.2.7"), 0);
	assert_int_equal(leaving("192.0.3.1"), BURST);
	answer_address("WWW.example.", TYPE_A);
	assert_int_equal(leaving("192.0.2.1"), 0);
	answer_address("www.example.", TYPE_TXT); /* another question about the same */
	assert_int_equal(leaving("192.0.2.1"), 0);
	answer_address("mail.example.", TYPE_A);
	assert_int_equal(leaving("192.0.2.1"), BURST);
	answer_begin("mail.example.", TYPE_A, 0); /* nothing is another kind than something */
	assert_int_equal(leaving("192.0.2.1"), BURST);
	assert_int_equal(counted(STATS_rrl_dropped), 5 + 9 + 5 + 9 + 9 + 5 + 5);
	assert_int_equal(counted(STATS_rate_dropped), 0);
}

static void
no_such_names_by_zone(void **state)
{
	(void)state;
	answer_begin("a.example.", TYPE_A, WIRE_RCODE_NXDOMAIN);
	answer_zone("example.");
	assert_int_equal(leaving("192.0.2.1"), BURST);
	answer_begin("b.c.example.", TYPE_TXT, WIRE_RCODE_NXDOMAIN);
	answer_zone("Example.");
	assert_int_equal(leaving("192.0.2.1"), 0);
	answer_begin("b.other.", TYPE_TXT, WIRE_RCODE_NXDOMAIN);
	answer_zone("other.");
	assert_int_equal(leaving("192.0.2.1"), BURST);
	answer_begin("a.", TYPE_A, WIRE_RCODE_NXDOMAIN); /* all that do not say are alike */
	assert_int_equal(leaving("192.0.2.1"), BURST);
	answer_begin("b.", TYPE_A, WIRE_RCODE_NXDOMAIN);
	assert_int_equal(leaving("192.0.2.1"), 0);
}

static void
errors_and_any_are_alike(void **state)
{
	(void)state;
	answer_begin("a.example.", TYPE_A, WIRE_RCODE_SERVFAIL);
	assert_int_equal(leaving("192.0.2.1"), BURST);
	answer_begin("b.example.", TYPE_TXT, WIRE_RCODE_REFUSED);
	assert_int_equal(leaving("192.0.2.1"), 0);
	answer_address("a.example.", TYPE_ANY);
	assert_int_equal(leaving("192.0.2.1"), BURST);
	answer_address("b.example.", TYPE_ANY);
	assert_int_equal(leaving("192.0.2.1"), 0);
}

static void
what_is_truncated_is_free(void **state)
{
	(void)state;
	answer_begin("a.example.", TYPE_A, 0);
	m.bytes[2] |= WIRE_FLAG_TC >> 8;
	assert_int_equal(leaving("192.0.2.1"), 9);
}

static void
answers_slip_and_are_exempt(void **state)
{
	(void)state;
	struct addr_net net;
	config.limits.response_rate.slip = 2;
	answer_begin("a.example.", TYPE_A, 0);
	assert_int_equal(leaving("192.0.2.1"), BURST);
	assert_int_equal(counted(STATS_rrl_slipped), 3);
	assert_int_equal(counted(STATS_rrl_dropped), 2);
	assert_int_equal(addr_net_parse(&net, "192.0.2.0/24"), 0);
	config.limits.response_rate.exempt = &net;
	config.limits.response_rate.exempt_count = 1;
	assert_int_equal(leaving("192.0.2.1"), 9);
	config.limits.response_rate.per_second = 0;
	assert_int_equal(leaving("192.0.3.1"), 9);
}

static char said[4096];

static const char *
log_said(const char *path)
{
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t got = read(fd, said, sizeof said - 1);
	assert_true(got >= 0);
	said[got] = '\0';
	close(fd);
	return said;
}

static unsigned
lines(const char *text)
{
	unsigned count = 0;
	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

/* One line for a long time, with numbers; addresses only where they may be. */
static void
what_the_log_says(void **state)
{
	(void)state;
	char path[64], target[80];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/log", folder);
	snprintf(target, sizeof target, "file:%s", path);
	assert_int_equal(log_open(target, LOG_LEVEL_NOTICE), 0);
	for (unsigned i = 0; i < 20; i++)
		for (unsigned n = 0; n < BURST + 10; n++) {
			char client[32];
			snprintf(client, sizeof client, "198.51.%u.%u", i, n);
			ask(client, false);
		}
	assert_int_equal(lines(log_said(path)), 1);
	assert_non_null(strstr(said, "networks=1 dropped=1 "));
	struct addr a = address("198.51.0.1");
	config.log.queries = true;
	for (unsigned n = 0; n < BURST + 1; n++)
		meter_question(meter, rate, &a, false, NOW_US + 10000000);
	assert_int_equal(lines(log_said(path)), 2);
	assert_non_null(strstr(said, "networks=20 dropped=200 slipped=0 refused=0 latest=198.51.0.0/24\n"));
	assert_null(strstr(said, "198.51.0.1"));
	log_close();
	log_set_level(LOG_LEVEL_ERROR);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
	        TEST(by_network),
	        TEST(odd_prefixes),
	        TEST(the_exempt),
	        TEST(proven_is_apart_and_refused),
	        TEST(each_so_many_th_slips),
	        TEST(without_limits),
	        TEST(over_a_reload),
	        TEST(answers_with_records),
	        TEST(no_such_names_by_zone),
	        TEST(errors_and_any_are_alike),
	        TEST(what_is_truncated_is_free),
	        TEST(answers_slip_and_are_exempt),
	        TEST(what_the_log_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
