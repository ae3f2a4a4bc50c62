/*
 * What would become of a question: which step decides and by which rule, what the cache has for the client's
 * view, and that nothing of it leaves a trace; and how all this reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "answers.h"
#include "loading.h"
#include "process/explain_report.h"

#define TEXT                                                                                                 \
	"upstreams = ( { name = \"rest\"; addresses = [ \"192.0.2.1\" ]; },"                                 \
	" { name = \"family\"; addresses = [ \"192.0.2.2\" ]; } );\n"                                        \
	"access: { allow = [ \"10.0.0.0/8\" ]; deny = [ \"10.6.0.0/16\" ]; };\n"                             \
	"limits: { rate: { queries_per_second = 50; ipv4_prefix = 28; }; };\n"                               \
	"policy: { records = ( \"nas.home. 300 IN A 192.168.1.10\" ); };\n"                                  \
	"clients = ( { name = \"kids\"; networks = [ \"10.7.0.0/16\" ]; upstreams = [ \"family\" ]; "        \
	"rate: { queries_per_second = 0; }; } );\n"

static struct config *config;
static struct cache *cache;
static struct explain *explain;
static struct wire_query query;
static struct addr client;
static struct explanation what;

static int
start(void **state)
{
	(void)state;
	config = loading_good(TEXT);
	cache = answers_cache(ANSWERS_BYTES);
	explain = explain_new(&(struct explain_setup){.config = config,
	        .cache = cache,
	        .seed = ANSWERS_SEED,
	        .now_ms = 1000,
	        .boot_ms = ANSWERS_BOOT_MS});
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	explain_free(explain);
	cache_free(cache);
	config_free(config);
	return 0;
}

/* Question number n of answers.h, or the one that has this name. */
static void
ask(const char *from, unsigned n, const char *name)
{
	answers_query(&query, n, false, false);
	if (name != NULL)
		query.question.name_bytes = (uint16_t)name_from_text(name, query.question.name);
	query.edns.present = true;
	assert_int_equal(addr_parse(&client, from, 53), 0);
	explain_question(explain, &client, false, &query, &what);
}

static const char *
rule(enum judge_by step)
{
	static char text[EXPLAIN_RULE_BYTES];
	return explain_rule(explain, &what, step, text);
}

static void
access_has_its_rule(void **state)
{
	(void)state;
	ask("10.1.2.3", 1, NULL);
	assert_int_equal(what.judgement.by, JUDGE_BY_NONE);
	assert_string_equal(rule(JUDGE_BY_ACCESS), "access.allow 10.0.0.0/8");
	assert_string_equal(rule(JUDGE_BY_KIND), "");
	ask("10.6.2.3", 1, NULL);
	assert_int_equal(what.judgement.by, JUDGE_BY_ACCESS);
	assert_int_equal(what.source, EXPLAIN_HERE);
	assert_string_equal(rule(JUDGE_BY_ACCESS), "access.deny 10.6.0.0/16");
	ask("192.0.2.7", 1, NULL);
	assert_string_equal(rule(JUDGE_BY_ACCESS), "in no network of access.allow");
	config->access.drop = true;
	ask("192.0.2.7", 1, NULL);
	assert_int_equal(what.source, EXPLAIN_NOWHERE);
}

static void
a_group_has_its_view_and_its_rate(void **state)
{
	(void)state;
	ask("10.1.2.3", 1, NULL);
	assert_null(what.what.group);
	assert_int_equal(what.rate->per_second, 50);
	assert_string_equal(what.order.places[0].upstream->name, "rest");
	ask("10.7.2.3", 1, NULL);
	assert_string_equal(what.what.group->config->name, "kids");
	assert_int_equal(what.group_net->prefix, 16);
	assert_true(query.view != 0);
	assert_int_equal(what.rate->per_second, 0);
	assert_int_equal(what.order.count, 1);
	assert_string_equal(what.order.places[0].upstream->name, "family");
}

static void
the_cache_has_it_in_one_view(void **state)
{
	struct cache_entry got;
	(void)state;
	answers_add(cache, 1, 100, 5000);
	ask("10.1.2.3", 1, NULL);
	assert_int_equal(what.source, EXPLAIN_CACHE);
	assert_int_equal(what.cache, EXPLAIN_FRESH);
	ask("10.7.2.3", 1, NULL);
	assert_int_equal(what.source, EXPLAIN_UPSTREAM);
	assert_int_equal(what.cache, EXPLAIN_MISS);
	assert_true(answers_has(cache, 1, &got));
	assert_int_equal(got.asked, 0);
}

static void
an_expired_answer_is_a_last_resort(void **state)
{
	(void)state;
	answers_add(cache, 1, 100, 200000);
	ask("10.1.2.3", 1, NULL);
	assert_int_equal(what.source, EXPLAIN_UPSTREAM);
	assert_int_equal(what.cache, EXPLAIN_EXPIRED);
	config->cache.stale_wait_ms = 0;
	ask("10.1.2.3", 1, NULL);
	assert_int_equal(what.source, EXPLAIN_STALE);
}

/* --- how it reads --- */

static char *
printed(bool json)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	explain_report_print(explain, config, &what, ANSWERS_BOOT_MS, json, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
reads(bool json, const char *expected)
{
	char *text = printed(json);
	assert_string_equal(text, expected);
	free(text);
}

static void
for_people(void **state)
{
	(void)state;
	answers_add(cache, 1, 100, 5000);
	ask("10.1.2.3", 1, NULL);
	reads(false, "1.example. A from 10.1.2.3 by udp\n"
	             "group:      none\n"
	             "rate:       at most 50 questions in a second from its /28\n"
	             "access:     goes on: access.allow 10.0.0.0/8\n"
	             "form:       goes on\n"
	             "kind:       goes on\n"
	             "records:    goes on\n"
	             "ddr:        goes on\n"
	             "special:    goes on\n"
	             "lists:      goes on\n"
	             "types:      goes on\n"
	             "any:        goes on\n"
	             "route:      none; everybody's upstreams\n"
	             "upstreams:  1. rest 192.0.2.1@853 untried; policy fastest\n"
	             "cache:      has it for 95 s\n"
	             "answer:     NOERROR from the cache\n"
	             "            1.example. 100 IN A 0.0.0.1\n");
	ask("10.7.6.5", 1, "nas.home");
	reads(false, "nas.home. A from 10.7.6.5 by udp\n"
	             "group:      kids, by 10.7.0.0/16\n"
	             "rate:       no limit\n"
	             "access:     goes on: access.allow 10.0.0.0/8\n"
	             "form:       goes on\n"
	             "kind:       goes on\n"
	             "records:    is answered here: own names\n"
	             "answer:     NOERROR\n"
	             "            nas.home. 300 IN A 192.168.1.10\n");
}

static void
as_json(void **state)
{
	(void)state;
	ask("10.6.2.3", 1, NULL);
	reads(true,
	        "{\"name\":\"1.example.\",\"type\":\"A\",\"client\":\"10.6.2.3\",\"group\":null,\"own_view\":"
	        "false,\"protocol\":\"udp\",\"queries_per_second\":50,\"steps\":[{\"step\":\"access\","
	        "\"verdict\":"
	        "\"refuse\",\"rule\":\"access.deny 10.6.0.0/16\"}],\"decided_by\":\"access\",\"answer\":{"
	        "\"source\":\"here\",\"rcode\":\"REFUSED\",\"ede\":18,\"ede_text\":\"client not allowed\","
	        "\"records\":[]}}\n");
	ask("10.7.2.3", 1, NULL);
	char *text = printed(true);
	assert_non_null(
	        strstr(text, "\"group\":\"kids\",\"group_network\":\"10.7.0.0/16\",\"own_view\":true,"));
	assert_non_null(
	        strstr(text, "\"decided_by\":null,\"route\":null,\"policy\":\"fastest\",\"upstreams\":[{"
	                     "\"name\":\"family\",\"address\":\"192.0.2.2@853\",\"state\":\"untried\","
	                     "\"latency_us\":0}],\"cache\":\"miss\",\"answer\":{\"source\":\"upstream\"}}"));
	free(text);
}

#define EXPLAINED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        EXPLAINED(access_has_its_rule),
	        EXPLAINED(a_group_has_its_view_and_its_rate),
	        EXPLAINED(the_cache_has_it_in_one_view),
	        EXPLAINED(an_expired_answer_is_a_last_resort),
	        EXPLAINED(for_people),
	        EXPLAINED(as_json),
	};
	return cmocka_run_group_tests_name("explain", tests, loading_begin, loading_end);
}
