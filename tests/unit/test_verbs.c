/*
 * What can be asked at the control socket, from the request to the answer, with a real cache behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "asking.h"
#include "dns/hash.h"
#include "message.h"
#include "process/verbs.h"

#include <signal.h>

enum { CACHE_BYTES = 4 << 20, SEED = 42, MANY = 20000 };

enum { DO = 1, CD = 2 };

static struct cache *cache;
static bool serving;
static struct control_call *reload_call;
static struct verbs_master master;

/* --- the master -------------------------------------------------------------------------------------------
 */

static void
fill_report(void *arg, struct report *report)
{
	assert_ptr_equal(arg, &serving);
	report_begin(report, 1, 0);
	report->version = "1.2.3";
	report->pid = 812;
	report->generation = 7;
	report->workers[0] = (struct report_worker){.slot = 5, .generation = 7};
	report->counters[STATS_cache_hits] = 7;
	report->counters[STATS_cache_misses] = 1;
}

static bool
give_cache(void *arg, struct verbs_cache *out)
{
	assert_ptr_equal(arg, &serving);
	*out = (struct verbs_cache){.cache = cache, .seed = SEED, .ground = asking.ground};
	return serving;
}

static void
keep_reload(void *arg, struct control_call *call)
{
	assert_ptr_equal(arg, &serving);
	reload_call = call;
}

static int
begin(void **state)
{
	(void)state;
	serving = true;
	reload_call = NULL;
	master = (struct verbs_master){.arg = &serving,
	        .report = fill_report,
	        .reload = keep_reload,
	        .cache = give_cache,
	        .asides = &asking.asides};
	cache = cache_new(CACHE_BYTES, SEED);
	if (cache == NULL)
		return -1;
	cache_join(cache, 1, NULL);
	return asking_begin(verbs, verbs_count, &master);
}

static int
end(void **state)
{
	(void)state;
	asking_end();
	cache_free(cache);
	return 0;
}

/* --- answers in the cache ---------------------------------------------------------------------------------
 */

static struct wire_query
query_of(const char *name, uint16_t type, uint16_t class, unsigned flags)
{
	struct wire_query query = {
	        .flags = flags & CD ? WIRE_FLAG_CD : 0, .question = {.type = type, .class = class}};
	query.question.name_bytes = (uint16_t)name_from_text(name, query.question.name);
	assert_true(query.question.name_bytes > 0);
	query.edns.dnssec_ok = (flags & DO) != 0;
	return query;
}

static struct cache_key
key_of(const struct wire_query *query)
{
	const struct wire_question *q = &query->question;
	return cache_key(query, hash_name(q->name, q->name_bytes, q->type, q->class, SEED));
}

/* 192.0.2.1, put in ten seconds ago, for so long. */
static void
put(const char *name, uint16_t type, uint16_t class, unsigned flags, uint32_t life_s)
{
	static struct message m;
	struct wire_query query = query_of(name, type, class, flags);
	struct cache_key key = key_of(&query);
	message_begin(&m, 0, 0x8180);
	message_count(&m, SECTION_QUESTION);
	message_put(&m, query.question.name, query.question.name_bytes);
	message_put16(&m, type);
	message_put16(&m, class);
	message_put_pointer(&m, 12);
	size_t rdata = message_fixed(&m, SECTION_ANSWER, type, class, life_s);
	uint16_t ttl = (uint16_t)(rdata - 6);
	message_put32(&m, 0xc0000201);
	message_set16(&m, rdata - 2, 4);
	struct wire_answer answer = {.msg = m.bytes, .bytes = m.length};
	struct cache_item item = {.answer = &answer,
	        .ttls = &ttl,
	        .ttl_count = 1,
	        .kind = CACHE_POSITIVE,
	        .stored_ms = clock_boot_ms() - 10000,
	        .life_s = life_s};
	assert_int_equal(cache_put(cache, &key, &item), CACHE_PUT);
}

static bool
is_there(const char *name, uint16_t type, uint16_t class, unsigned flags, unsigned *asked)
{
	struct wire_query query = query_of(name, type, class, flags);
	struct cache_key key = key_of(&query);
	struct cache_entry entry;
	bool found = cache_get(cache, &key, true, &entry);
	*asked = found ? entry.asked : 0;
	return found;
}

static void
has(const char *part)
{
	if (strstr(asking.said, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, asking.said);
}

static unsigned
lines_with(const char *part)
{
	unsigned count = 0;
	for (const char *at = asking.said; (at = strstr(at, part)) != NULL; at += strlen(part))
		count++;
	return count;
}

static void
answers(const char *request, const char *expected)
{
	assert_string_equal(asking_hear(asking_send(request)), expected);
}

/* --- the verbs about the cache ----------------------------------------------------------------------------
 */

static void
stats_count_what_is_there(void **state)
{
	(void)state;
	put("a.test", 1, 1, 0, 300);
	put("b.test", 1, 1, 0, 300);
	asking_whole("cache stats");
	has("0\n4.0 MiB, 0% of the room taken by 2 answers; hit ratio 0.875\n");
	has("\nentries                           2  ");
	has("\nsegments_lost                     0  ");
	asking_whole("cache stats --json");
	has("0\n{\"hit_ratio\":0.875,\"cache_hits\":7,");
	has("\"bytes\":4194304,");
	has("\"entries\":2,");
	has("\"entries_wrong\":0}\n");
}

static void
lookup_shows_every_variant_and_counts_as_nothing(void **state)
{
	unsigned asked;
	(void)state;
	put("www.Example.test", 1, 1, 0, 300);
	put("www.example.test", 1, 1, DO, 300);
	put("www.example.test", 1, 1, DO | CD, 5);
	put("www.example.test", 1, 3, 0, 300);
	put("www.example.test", 28, 1, 0, 300);
	asking_whole("cache lookup WWW.example.test. a");
	assert_int_equal(lines_with(" A 192.0.2.1\n"), 4);
	has("\nwww.Example.test. IN A - positive NOERROR fresh 290 300 50 0\n");
	has("\nwww.example.test. IN A do positive NOERROR fresh 290 300 50 0\n");
	has("\nwww.example.test. IN A do,cd positive NOERROR expired 5 5 50 0\n");
	has("\nwww.example.test. CH A - positive NOERROR fresh 290 300 50 0\n");
	has("\nwww.Example.test. 290 IN A 192.0.2.1\n");
	has("\nwww.example.test. 0 IN A 192.0.2.1\n");
	assert_true(is_there("www.example.test", 1, 1, 0, &asked));
	assert_int_equal(asked, 0);
}

static void
lookup_for_programs(void **state)
{
	(void)state;
	put("www.example.test", 1, 1, DO, 300);
	put("www.example.test", 1, 1, 0, 300);
	asking_whole("--json cache lookup www.example.test TYPE1");
	has("0\n{\"entries\":[{\"name\":\"www.example.test.\",\"class\":\"IN\",\"type\":\"A\",\"dnssec_ok\":"
	    "false,");
	has("\"left_s\":290,\"life_s\":300,\"bytes\":50,\"asked\":0,\"answer\":[");
	has(",\"www.example.test. 290 IN A 192.0.2.1\"]}");
	assert_int_equal(lines_with("\"dnssec_ok\":true"), 1);
	assert_string_equal(asking.said + strlen(asking.said) - 5, "]}]}\n");
}

static void
lookup_of_nothing_fails(void **state)
{
	(void)state;
	put("www.example.test", 1, 1, 0, 300);
	assert_string_equal(asking_whole("cache lookup www.example.test AAAA"),
	        "1\nnothing is kept for www.example.test. AAAA\n");
	assert_string_equal(asking_whole("cache lookup www.example.test AAAA --json"),
	        "1\n{\"done\":false,\"message\":\"nothing is kept for www.example.test. AAAA\"}\n");
	asking_whole("cache lookup example.test A");
	has("1\nnothing");
}

static void
dump_is_a_line_for_each_answer(void **state)
{
	char name[32];
	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "n%d.test", i);
		put(name, 1, 1, 0, 300);
	}
	put("\\000\\010x\\027.test", 1, 1, 0, 300);
	asking_whole("cache dump");
	has("0\n# NAME CLASS TYPE ");
	assert_int_equal(lines_with(" IN A - positive NOERROR fresh "), MANY + 1);
	has("\n\\000\\010x\\027.test. IN A - positive NOERROR fresh 290 300 ");
	has("\n# 20001 answers\n");
}

static void
dump_for_programs(void **state)
{
	(void)state;
	assert_string_equal(asking_whole("cache dump --json"), "0\n{\"entries\":[],\"count\":0}\n");
	put("a.test", 1, 1, 0, 300);
	put("b.test", 1, 1, CD, 300);
	asking_whole("cache dump --json");
	assert_int_equal(lines_with("\"rcode\":\"NOERROR\",\"fresh\":true,\"left_s\":290,"), 2);
	assert_int_equal(lines_with("\"checking_disabled\":true"), 1);
	has("}],\"count\":2}\n");
}

static void
flush_forgets_a_type_in_every_variant_and_class(void **state)
{
	unsigned asked;
	(void)state;
	for (unsigned flags = 0; flags < 4; flags++)
		put("www.example.test", 1, 1, flags, 300);
	put("www.example.test", 1, 3, 0, 300);
	put("www.example.test", 1, 65535, DO, 300);
	put("www.example.test", 28, 1, 0, 300);
	put("example.test", 1, 1, 0, 300);
	assert_string_equal(asking_whole("cache flush WWW.EXAMPLE.test. A"), "0\n6 answers forgotten\n");
	assert_false(is_there("www.example.test", 1, 1, 0, &asked));
	assert_false(is_there("www.example.test", 1, 65535, DO, &asked));
	assert_true(is_there("www.example.test", 28, 1, 0, &asked));
	assert_true(is_there("example.test", 1, 1, 0, &asked));
	assert_string_equal(asking_whole("cache flush www.example.test A"), "0\n0 answers forgotten\n");
}

static void
flush_forgets_a_name_of_every_type(void **state)
{
	unsigned asked;
	(void)state;
	put("www.example.test", 1, 1, 0, 300);
	put("www.example.test", 28, 1, DO, 1);
	put("WWW.example.test", 65280, 3, CD, 300);
	put("a.www.example.test", 1, 1, 0, 300);
	put("ww.example.test", 1, 1, 0, 300);
	assert_string_equal(
	        asking_whole("--json cache flush www.Example.test"), "0\n{\"done\":true,\"flushed\":3}\n");
	assert_false(is_there("www.example.test", 28, 1, DO, &asked));
	assert_true(is_there("a.www.example.test", 1, 1, 0, &asked));
	assert_true(is_there("ww.example.test", 1, 1, 0, &asked));
}

static void
flush_of_a_subtree_ends_at_a_label(void **state)
{
	unsigned asked;
	(void)state;
	put("example.test", 1, 1, 0, 300);
	put("www.Example.test", 1, 1, 0, 300);
	put("a.b.c.example.test", 28, 1, DO, 300);
	put("notexample.test", 1, 1, 0, 300);
	/* the bytes of ".example.test", but not as labels */
	put("x\\007example.test", 1, 1, 0, 300);
	put("test", 1, 1, 0, 300);
	assert_string_equal(asking_whole("cache flush --subtree example.TEST"), "0\n3 answers forgotten\n");
	assert_true(is_there("notexample.test", 1, 1, 0, &asked));
	assert_true(is_there("x\\007example.test", 1, 1, 0, &asked));
	assert_true(is_there("test", 1, 1, 0, &asked));
	assert_string_equal(asking_whole("cache flush --subtree ."), "0\n3 answers forgotten\n");
}

static void
flush_of_all_leaves_nothing(void **state)
{
	(void)state;
	put("a.test", 1, 1, 0, 300);
	put("b.test", 28, 1, DO, 1);
	assert_string_equal(asking_whole("cache flush --all"), "0\n2 answers forgotten\n");
	assert_string_equal(asking_whole("cache dump --json"), "0\n{\"entries\":[],\"count\":0}\n");
}

static void
what_is_no_name_or_type_is_said_to_be(void **state)
{
	(void)state;
	answers("cache lookup a..b A",
	        "2\nno domain name: a..b (labels of 1 to 63 bytes, 255 in all; \\DDD for any byte)\n");
	answers("cache flush \\",
	        "2\nno domain name: \\092 (labels of 1 to 63 bytes, 255 in all; \\DDD for any byte)\n");
	answers("cache flush --subtree \x1b..",
	        "2\nno domain name: \\027.. (labels of 1 to 63 bytes, 255 in all; \\DDD for any byte)\n");
	answers("cache flush a --all", "2\nno type: --all (a word like AAAA, or TYPE65280)\n");
	answers("cache lookup a 1", "2\nno type: 1 (a word like AAAA, or TYPE65280)\n");
	answers("cache flush --subtree", "2\nusage: cache flush --subtree NAME\n");
	answers("cache lookup a", "2\nusage: cache lookup NAME TYPE\n");
	answers("cache", "2\nusage: cache stats\n       cache lookup NAME TYPE\n       cache dump\n"
	                 "       cache flush NAME [TYPE]\n       cache flush --subtree NAME\n"
	                 "       cache flush --all\n");
}

static void
without_a_cache_that_is_said(void **state)
{
	(void)state;
	cache_free(cache);
	cache = NULL;
	answers("cache stats", "1\nthere is no cache: cache.size is 0\n");
	answers("cache flush --all --json",
	        "1\n{\"done\":false,\"message\":\"there is no cache: cache.size is 0\"}\n");
	serving = false;
	answers("cache dump", "1\nit is starting or stopping; try again\n");
	master.cache = NULL;
	answers("cache lookup a A", "1\nnot in this build\n");
}

/* --- the others -------------------------------------------------------------------------------------------
 */

static void
reports_are_the_masters(void **state)
{
	(void)state;
	asking_hear(asking_send("status"));
	has("0\ndotward 1.2.3 is ");
	asking_hear(asking_send("stats --json"));
	has(",\"cache_hits\":7,");
	asking_hear(asking_send("workers"));
	has("\n   5          7 ");
}

static void
what_takes_time_is_the_masters(void **state)
{
	(void)state;
	int fd = asking_send("reload");
	assert_non_null(reload_call);
	control_say(reload_call, CONTROL_DONE, "reloaded");
	assert_string_equal(asking_hear(fd), "wait\n0\nreloaded\n");
	answers("upgrade", "1\nnot in this build\n");
	answers("stop", "1\nnot in this build\n");
}

static void
the_level_is_set(void **state)
{
	(void)state;
	answers("log info", "0\nlog level is info, was error\n");
	assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
	log_set_level(LOG_LEVEL_ERROR);
	answers("log loud", "2\nlog LEVEL: one of error, warn, notice, info, debug\n");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
}

static void
help_lists_them_all(void **state)
{
	(void)state;
	asking_hear(asking_send("help"));
	for (size_t i = 0; i < verbs_count; i++) {
		char line[80];
		snprintf(line, sizeof line, "\n%s%s%s: ", verbs[i].name, *verbs[i].words ? " " : "",
		        verbs[i].words);
		has(line);
	}
}

int
main(void)
{
#define VERB_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        VERB_TEST(stats_count_what_is_there),
	        VERB_TEST(lookup_shows_every_variant_and_counts_as_nothing),
	        VERB_TEST(lookup_for_programs),
	        VERB_TEST(lookup_of_nothing_fails),
	        VERB_TEST(dump_is_a_line_for_each_answer),
	        VERB_TEST(dump_for_programs),
	        VERB_TEST(flush_forgets_a_type_in_every_variant_and_class),
	        VERB_TEST(flush_forgets_a_name_of_every_type),
	        VERB_TEST(flush_of_a_subtree_ends_at_a_label),
	        VERB_TEST(flush_of_all_leaves_nothing),
	        VERB_TEST(what_is_no_name_or_type_is_said_to_be),
	        VERB_TEST(without_a_cache_that_is_said),
	        VERB_TEST(reports_are_the_masters),
	        VERB_TEST(what_takes_time_is_the_masters),
	        VERB_TEST(the_level_is_set),
	        VERB_TEST(help_lists_them_all),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
