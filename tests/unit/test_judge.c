/*
 * The order of the steps before a question goes upstream, and what each says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/names.h"
#include "query/judge.h"

static struct addr_net here, there;
static struct config config = {.access = {.allow = &here, .allow_count = 1, .deny = &there, .deny_count = 0}};

static const struct row {
	const char *client;
	enum wire_verdict verdict;
	uint16_t type;
	bool drop;
	enum judge_action action;
	enum judge_by by;
	uint16_t rcode;
	enum stats_counter counter;
} rows[] = {
        {"127.0.0.1", WIRE_QUERY, 1, false, JUDGE_PASS, JUDGE_BY_NONE, 0, STATS_COUNT},
        {"127.0.0.1", WIRE_SILENCE, 1, false, JUDGE_SILENCE, JUDGE_BY_FORM, 0, STATS_dropped_malformed},
        {"10.0.0.1", WIRE_SILENCE, 1, false, JUDGE_SILENCE, JUDGE_BY_FORM, 0, STATS_dropped_malformed},
        {"10.0.0.1", WIRE_QUERY, 1, false, JUDGE_REFUSE, JUDGE_BY_ACCESS, 5, STATS_refused_denied},
        {"10.0.0.1", WIRE_QUERY, 1, true, JUDGE_SILENCE, JUDGE_BY_ACCESS, 0, STATS_dropped_denied},
        {"10.0.0.1", WIRE_FORMERR, 1, false, JUDGE_REFUSE, JUDGE_BY_ACCESS, 5, STATS_refused_denied},
        {"127.0.0.1", WIRE_FORMERR, 1, false, JUDGE_REFUSE, JUDGE_BY_FORM, 1, STATS_formerr},
        {"127.0.0.1", WIRE_NOTIMP, 1, false, JUDGE_REFUSE, JUDGE_BY_FORM, 4, STATS_notimp},
        {"127.0.0.1", WIRE_BADVERS, 1, false, JUDGE_REFUSE, JUDGE_BY_FORM, 16, STATS_badvers},
        {"127.0.0.1", WIRE_QUERY, 252, false, JUDGE_REFUSE, JUDGE_BY_KIND, 5, STATS_refused_transfer},
        {"127.0.0.1", WIRE_QUERY, 251, false, JUDGE_REFUSE, JUDGE_BY_KIND, 5, STATS_refused_transfer},
};

static void
verdicts(void **state)
{
	(void)state;
	assert_int_equal(addr_net_parse(&here, "127.0.0.0/8"), 0);
	struct judge *judge = judge_new(&config);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct addr client;
		assert_int_equal(addr_parse(&client, row->client, 53), 0);
		struct wire_query query = {.question = {.type = row->type, .class = 1, .name_bytes = 1}};
		struct judgement got;
		config.access.drop = row->drop;
		judge_question(judge,
		        &(struct judge_case){.client = &client, .verdict = row->verdict, .query = &query},
		        &got);
		if (got.action != row->action || got.by != row->by || got.counter != row->counter ||
		        (row->action == JUDGE_REFUSE && got.rcode != row->rcode))
			fail_msg("row %zu: action %d by %d rcode %u", i, got.action, got.by, got.rcode);
	}
	judge_free(judge);
}

/* A cookie option that cannot be one, and a question for a cookie, where cookies are given. */
static void
cookies(void **state)
{
	(void)state;
	struct judge *judge = judge_new(&config);
	struct addr client;
	assert_int_equal(addr_parse(&client, "127.0.0.1", 53), 0);
	struct wire_query query = {
	        .question = {.type = 1, .class = 1, .name_bytes = 1}, .edns = {.cookie_malformed = true}};
	struct judge_case what = {.client = &client, .verdict = WIRE_QUERY, .query = &query};
	struct judgement got;
	for (int on = 0; on < 2; on++) {
		config.limits.cookies = on;
		what.verdict = WIRE_QUERY;
		judge_question(judge, &what, &got);
		assert_int_equal(got.action, on ? JUDGE_REFUSE : JUDGE_PASS);
		if (on) {
			assert_int_equal(got.by, JUDGE_BY_FORM);
			assert_int_equal(got.rcode, WIRE_RCODE_FORMERR);
		}
		what.verdict = WIRE_EMPTY;
		judge_question(judge, &what, &got);
		assert_int_equal(got.action, JUDGE_REFUSE);
		assert_int_equal(got.rcode, on ? WIRE_RCODE_NOERROR : WIRE_RCODE_FORMERR);
		assert_int_equal(got.counter, on ? STATS_COUNT : STATS_formerr);
	}
	config.limits.cookies = false;
	judge_free(judge);
}

/* Where TLS is spoken, and for who may ask. */
static void
designated_resolver(void **state)
{
	(void)state;
	struct config_listen tls = {.tls = true, .ddr_name = (char *)(uintptr_t) "dns.test"};
	struct config with = {.access = config.access, .listens = &tls, .listen_count = 1};
	struct addr client, stranger;
	struct wire_query query = {.question = {.type = 64, .class = 1}};
	struct judgement got;
	query.question.name_bytes = (uint16_t)name_from_text("_dns.resolver.arpa", query.question.name);
	assert_int_equal(addr_parse(&tls.address, "192.0.2.1", 853), 0);
	assert_int_equal(addr_parse(&client, "127.0.0.1", 53), 0);
	assert_int_equal(addr_parse(&stranger, "10.0.0.1", 53), 0);
	struct judge_case what = {.client = &client, .verdict = WIRE_QUERY, .query = &query};
	with.access.drop = false;
	struct judge *judge = judge_new(&with), *without = judge_new(&config);
	judge_question(judge, &what, &got);
	assert_int_equal(got.action, JUDGE_ANSWER);
	assert_int_equal(got.by, JUDGE_BY_DDR);
	assert_int_equal(got.counter, STATS_ddr_answered);
	assert_int_equal(got.answer.msg[7], 1);
	judge_question(without, &what, &got);
	assert_int_equal(got.action, JUDGE_PASS);
	what.client = &stranger;
	judge_question(judge, &what, &got);
	assert_int_equal(got.action, JUDGE_REFUSE);
	judge_free(judge);
	judge_free(without);
}

/* What more than one step would answer is the first one's. */
static void
names_before_types(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint16_t type;
		enum judge_by by;
		enum stats_counter counter;
	} wanted[] = {
	        {"own.test", 1, JUDGE_BY_RECORD, STATS_answered_local},
	        {"own.test", 255, JUDGE_BY_RECORD, STATS_answered_local},
	        {"other.test", 1, JUDGE_BY_SPECIAL, STATS_answered_special},
	        {"www.example", 1, JUDGE_BY_TYPE, STATS_filtered_type},
	        {"www.example", 255, JUDGE_BY_ANY, STATS_refused_any},
	        {"www.example", 16, JUDGE_BY_NONE, STATS_COUNT},
	        {"own.test", 252, JUDGE_BY_KIND, STATS_refused_transfer},
	};
	uint16_t filtered = 1;
	uint8_t owner[NAME_BYTES];
	struct config named = {.access = {.allow = &here, .allow_count = 1},
	        .names = {.special = true,
	                .refuse_any = true,
	                .filter_types = &filtered,
	                .filter_type_count = 1,
	                .table = names_new()}};
	names_add(named.names.table, owner, name_from_text("own.test", owner), 1, 60, owner, 4);
	struct judge *judge = judge_new(&named);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct addr client;
		assert_int_equal(addr_parse(&client, "127.0.0.1", 53), 0);
		struct wire_query query = {.question = {.type = wanted[i].type, .class = 1}};
		query.question.name_bytes = (uint16_t)name_from_text(wanted[i].name, query.question.name);
		struct judgement got;
		judge_question(judge,
		        &(struct judge_case){.client = &client, .verdict = WIRE_QUERY, .query = &query},
		        &got);
		assert_int_equal(got.by, wanted[i].by);
		assert_int_equal(got.counter, wanted[i].counter);
	}
	judge_free(judge);
	names_free(named.names.table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(verdicts),
	        cmocka_unit_test(cookies),
	        cmocka_unit_test(designated_resolver),
	        cmocka_unit_test(names_before_types),
	};
	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
