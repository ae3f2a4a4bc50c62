/*
 * What the judge says of names that are on lists: every answer that a list can be given in the configuration,
 * every action of an RPZ file, and who wins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/show.h"
#include "query/judge.h"
#include "shelves.h"

#include <stdio.h>
#include <stdlib.h>

static const struct shelf_text texts[] = {
        {"ads", LISTS_BLOCK_LIST, LIST_PLAIN, "ads.example\nboth.example\n"},
        {"kids", LISTS_BLOCK_LIST, LIST_PLAIN, "games.example\nboth.example\n"},
        {"no", LISTS_BLOCK_LIST, LIST_PLAIN, "no.example\n"},
        {"null", LISTS_BLOCK_LIST, LIST_HOSTS, "0.0.0.0 null.example\n"},
        {"zone", LISTS_BLOCK_LIST, LIST_RPZ,
                "$TTL 77\n@ SOA l. n. 1 1 1 1 1\nnx.example CNAME .\nnd.example CNAME *.\n"
                "pass.ads.example CNAME rpz-passthru.\ndrop.example CNAME rpz-drop.\n"
                "tcp.example CNAME rpz-tcp-only.\ndata.example A 192.0.2.1\ndata.example A 192.0.2.2\n"
                "data.example 5 TXT \"walled garden\"\nalias.example CNAME garden.example.\n"},
        {"fine", LISTS_ALLOW_LIST, LIST_PLAIN, "good.ads.example\ndata.example.net\n"},
};

static struct config_list blocks[] = {
        {.name = "ads", .answer = CONFIG_LIST_NXDOMAIN},
        {.name = "kids", .answer = CONFIG_LIST_NODATA, .filtered = true},
        {.name = "no", .answer = CONFIG_LIST_REFUSED},
        {.name = "null", .answer = CONFIG_LIST_NULL},
        {.name = "zone", .answer = CONFIG_LIST_REFUSED},
};
static struct config_list allows[] = {{.name = "fine"}};
static struct addr_net everybody;
static struct config config = {.access = {.allow = &everybody, .allow_count = 1},
        .lists = {.block = blocks, .block_count = 5, .allow = allows, .allow_count = 1}};

enum { A = 1, MX = 15, TXT = 16, AAAA = 28, ANY = 255, IN = 1, CH = 3 };

#define SOA(name) name " 60 IN SOA localhost. nobody.invalid. 1 3600 1200 604800 60\n"

static const struct row {
	const char *name;
	uint16_t type;
	bool stream;
	enum judge_action action;
	int list;
	enum stats_counter counter;
	int ede;          /* EDNS_EDE_NONE: none */
	const char *text; /* of the EDE */
	uint16_t rcode;
	unsigned flags; /* TC */
	const char *records;
} rows[] = {
        {"example", A, false, JUDGE_PASS, -1, STATS_COUNT, -1, "", 0, 0, ""},
        {"notads.example", A, false, JUDGE_PASS, -1, STATS_COUNT, -1, "", 0, 0, ""},
        /* each answer of the configuration */
        {"ads.example", A, false, JUDGE_ANSWER, 0, STATS_blocked, 15, "blocked by ads", 3, 0,
                SOA("ads.example.")},
        {"a.b.ADS.example", MX, true, JUDGE_ANSWER, 0, STATS_blocked, 15, "blocked by ads", 3, 0,
                SOA("ADS.example.")},
        {"games.example", A, false, JUDGE_ANSWER, 1, STATS_blocked, 17, "filtered by kids", 0, 0,
                SOA("games.example.")},
        {"no.example", A, false, JUDGE_REFUSE, 2, STATS_blocked, 15, "blocked by no", 5, 0, ""},
        {"null.example", A, false, JUDGE_ANSWER, 3, STATS_blocked, 15, "blocked by null", 0, 0,
                "null.example. 60 IN A 0.0.0.0\n"},
        {"null.example", AAAA, false, JUDGE_ANSWER, 3, STATS_blocked, 15, "blocked by null", 0, 0,
                "null.example. 60 IN AAAA ::\n"},
        {"null.example", ANY, false, JUDGE_ANSWER, 3, STATS_blocked, 15, "blocked by null", 0, 0,
                "null.example. 60 IN A 0.0.0.0\nnull.example. 60 IN AAAA ::\n"},
        {"null.example", MX, false, JUDGE_ANSWER, 3, STATS_blocked, 15, "blocked by null", 0, 0,
                SOA("null.example.")},
        /* a name of a hosts file is that name alone */
        {"www.null.example", A, false, JUDGE_PASS, -1, STATS_COUNT, -1, "", 0, 0, ""},
        /* the first list wins, and allow lists win over all */
        {"both.example", A, false, JUDGE_ANSWER, 0, STATS_blocked, 15, "blocked by ads", 3, 0,
                SOA("both.example.")},
        {"good.ads.example", A, false, JUDGE_PASS, 5, STATS_allowed, -1, "", 0, 0, ""},
        {"very.good.ads.example", A, false, JUDGE_PASS, 5, STATS_allowed, -1, "", 0, 0, ""},
        {"better.ads.example", A, false, JUDGE_ANSWER, 0, STATS_blocked, 15, "blocked by ads", 3, 0,
                SOA("ads.example.")},
        /* what a zone says is done, whatever the configuration says; its passthru is for its own list */
        {"nx.example", A, false, JUDGE_ANSWER, 4, STATS_blocked, 15, "blocked by zone", 3, 0,
                SOA("nx.example.")},
        {"nd.example", A, false, JUDGE_ANSWER, 4, STATS_blocked, 15, "blocked by zone", 0, 0,
                SOA("nd.example.")},
        {"below.nd.example", A, false, JUDGE_PASS, -1, STATS_COUNT, -1, "", 0, 0, ""},
        {"pass.ads.example", A, false, JUDGE_ANSWER, 0, STATS_blocked, 15, "blocked by ads", 3, 0,
                SOA("ads.example.")},
        {"drop.example", A, false, JUDGE_SILENCE, 4, STATS_blocked, -1, "", 0, 0, ""},
        {"tcp.example", A, false, JUDGE_ANSWER, 4, STATS_blocked, -1, "", 0, WIRE_FLAG_TC, ""},
        {"tcp.example", A, true, JUDGE_PASS, -1, STATS_COUNT, -1, "", 0, 0, ""},
        {"data.example", A, false, JUDGE_ANSWER, 4, STATS_blocked, 15, "blocked by zone", 0, 0,
                "data.example. 77 IN A 192.0.2.1\ndata.example. 77 IN A 192.0.2.2\n"},
        {"data.example", TXT, false, JUDGE_ANSWER, 4, STATS_blocked, 15, "blocked by zone", 0, 0,
                "data.example. 5 IN TXT \"walled garden\"\n"},
        {"data.example", AAAA, false, JUDGE_ANSWER, 4, STATS_blocked, 15, "blocked by zone", 0, 0,
                SOA("data.example.")},
        {"alias.example", A, false, JUDGE_ANSWER, 4, STATS_blocked, 15, "blocked by zone", 0, 0,
                "alias.example. 77 IN CNAME garden.example.\n"},
};

/* The records of an answer, a line each. */
static char *
records_of(const struct wire_answer *answer)
{
	char *text = NULL, *out = calloc(1, 4096), *rest;
	size_t bytes;
	FILE *stream = open_memstream(&text, &bytes);
	assert_true(show_answer(stream, answer));
	fclose(stream);
	rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (*line != ';' && *line != '\0')
			strcat(strcat(out, line + strspn(line, " ")), "\n");
	free(text);
	return out;
}

static struct judgement
ask(struct judge *judge, const struct row *row, uint16_t class)
{
	static struct wire_query query;
	struct judgement got;
	struct addr client;
	assert_int_equal(addr_parse(&client, "192.0.2.1", 53), 0);
	query = (struct wire_query){.question = {.type = row->type, .class = class}};
	query.question.name_bytes = (uint16_t)name_from_text(row->name, query.question.name);
	assert_true(query.question.name_bytes > 0);
	judge_question(judge,
	        &(struct judge_case){
	                .client = &client, .verdict = WIRE_QUERY, .query = &query, .stream = row->stream},
	        &got);
	return got;
}

static void
assert_ede(const struct row *row, const struct edns *edns)
{
	if (row->ede < 0) {
		assert_int_equal(edns->ede_bytes, 0);
		return;
	}
	assert_int_equal(edns->ede_bytes, 2 + strlen(row->text));
	assert_int_equal(edns->ede[0] * 256 + edns->ede[1], row->ede);
	assert_memory_equal(edns->ede + 2, row->text, strlen(row->text));
}

static void
assert_row(const struct row *row, const struct judgement *got)
{
	if (got->action != row->action || got->list != row->list || got->counter != row->counter)
		fail_msg("%s: action %d list %d counter %d", row->name, got->action, got->list, got->counter);
	assert_int_equal(got->by, row->action == JUDGE_PASS ? JUDGE_BY_NONE : JUDGE_BY_LIST);
	if (row->action == JUDGE_REFUSE) {
		assert_int_equal(got->rcode, row->rcode);
		assert_int_equal(got->ede, row->ede);
		assert_string_equal(got->text, row->text);
	}
	if (row->action != JUDGE_ANSWER)
		return;
	assert_int_equal(got->answer.rcode, row->rcode);
	assert_int_equal((got->answer.msg[2] << 8) & WIRE_FLAG_TC, row->flags);
	assert_ede(row, &got->answer.edns);
	char *records = records_of(&got->answer);
	assert_string_equal(records, row->records);
	free(records);
}

static struct judge *judge;
static struct shelf *shelf;

static int
begin(void **state)
{
	(void)state;
	judge = judge_new(&config);
	shelf = shelves_make(texts, sizeof texts / sizeof *texts, 1);
	judge_set_lists(judge, shelf_lists(shelf));
	return addr_net_parse(&everybody, "0.0.0.0/0");
}

static int
end(void **state)
{
	(void)state;
	judge_free(judge);
	shelf_drop(shelf);
	return 0;
}

static void
each_answer_is_as_it_should_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct judgement got = ask(judge, &rows[i], IN);
		assert_row(&rows[i], &got);
	}
}

/* No list has anything to say of who is not allowed, or of what is no question. */
static void
other_steps_come_first(void **state)
{
	(void)state;
	const struct row transfer = {.name = "ads.example", .type = 252};
	struct judgement got = ask(judge, &transfer, IN);
	assert_int_equal(got.by, JUDGE_BY_KIND);
	assert_int_equal(got.list, -1);
	config.access.deny = &everybody;
	config.access.deny_count = 1;
	got = ask(judge, &rows[2], IN);
	config.access.deny_count = 0;
	assert_int_equal(got.by, JUDGE_BY_ACCESS);
	assert_int_equal(got.list, -1);
}

/* A name is a name in every class, but addresses are of one. */
static void
other_classes_have_no_records(void **state)
{
	const struct row row = {.name = "null.example", .type = A},
	                 data = {.name = "data.example", .type = A};
	(void)state;
	struct judgement got = ask(judge, &row, CH);
	assert_int_equal(got.action, JUDGE_ANSWER);
	assert_int_equal(got.answer.rcode, 0);
	assert_int_equal(got.answer.msg[7], 0); /* ANCOUNT */
	got = ask(judge, &data, CH);
	assert_int_equal(got.action, JUDGE_ANSWER);
	assert_int_equal(got.answer.msg[7], 0);
}

static void
lists_can_be_taken_away(void **state)
{
	(void)state;
	judge_set_lists(judge, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct judgement got = ask(judge, &rows[i], IN);
		assert_int_equal(got.action, JUDGE_PASS);
		assert_int_equal(got.list, -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(each_answer_is_as_it_should_be, begin, end),
	        cmocka_unit_test_setup_teardown(other_steps_come_first, begin, end),
	        cmocka_unit_test_setup_teardown(other_classes_have_no_records, begin, end),
	        cmocka_unit_test_setup_teardown(lists_can_be_taken_away, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
