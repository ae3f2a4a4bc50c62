/*
 * The table of lists: what it says of names, compared with a table of cases and with a reference that
 * compares name by name; that it is taken for one only when it is whole; and what a builder keeps of the
 * table before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "../bench/random.h"
#include "dns/name.h"
#include "query/lists_build.h"
#include "query/lists_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	void *memory;
	size_t bytes;
	const struct lists *lists;
};

static void
add(struct lists_build *b, unsigned list, const char *text, enum lists_deed deed, unsigned scope)
{
	uint8_t name[NAME_BYTES];
	struct list_rule rule = {
	        .name = name, .bytes = name_from_text(text, name), .deed = deed, .scope = scope};
	assert_true(rule.bytes > 0);
	if (deed == LISTS_DATA)
		rule.record = (struct lists_record){
		        .type = 1, .ttl_s = 60, .rdata = (const uint8_t *)text, .rdata_bytes = 4};
	lists_build_add(b, list, &rule);
}

/* The builder is gone afterwards. */
static struct table
finish(struct lists_build *b)
{
	struct table t = {.bytes = lists_build_measure(b)};
	assert_true(t.bytes > 0 && t.bytes % LISTS_LINE == 0);
	t.memory = aligned_alloc(LISTS_LINE, t.bytes);
	assert_non_null(t.memory);
	memset(t.memory, 0, t.bytes);
	lists_build_write(b, t.memory);
	lists_build_free(b);
	t.lists = lists_at(t.memory, t.bytes);
	assert_non_null(t.lists);
	return t;
}

static bool
find(const struct table *t, uint64_t which, const char *text, struct lists_hit *hit, int *exempt)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = name_from_text(text, name);
	assert_true(bytes > 0);
	uint8_t *exact = malloc(bytes); /* a sanitizer sees one byte more */
	memcpy(exact, name, bytes);
	bool found = lists_find(t->lists, which, exact, bytes, hit, exempt);
	free(exact);
	return found;
}

/* --- What decides -----------------------------------------------------------------------------------------
 */
static struct table
make_cases(void)
{
	struct lists_build *b = lists_build_new(NULL);
	assert_non_null(b);
	enum { PLAIN, FILTER, ZONE, ALLOW };
	assert_int_equal(lists_build_list(b, "plain", LISTS_BLOCK_LIST), PLAIN);
	assert_int_equal(lists_build_list(b, "filter", LISTS_BLOCK_LIST), FILTER);
	assert_int_equal(lists_build_list(b, "zone", LISTS_BLOCK_LIST), ZONE);
	assert_int_equal(lists_build_list(b, "allow", LISTS_ALLOW_LIST), ALLOW);
	add(b, PLAIN, "Ads.Example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, PLAIN, "both.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, PLAIN, "host.example.", LISTS_BLOCK, LISTS_EXACT);
	add(b, PLAIN, "allowed.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, FILTER, "both.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, FILTER, "spared.example.", LISTS_EXCEPT, LISTS_WHOLE);
	add(b, FILTER, "deep.spared.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, FILTER, "must.spared.example.", LISTS_BLOCK_IMPORTANT, LISTS_WHOLE);
	add(b, FILTER, "not.must.spared.example.", LISTS_EXCEPT_IMPORTANT, LISTS_WHOLE);
	add(b, FILTER, "below.example.", LISTS_BLOCK, LISTS_BELOW);
	add(b, ZONE, "a.zone.example.", LISTS_NXDOMAIN, LISTS_EXACT);
	add(b, ZONE, "a.zone.example.", LISTS_NODATA, LISTS_BELOW);
	add(b, ZONE, "ok.a.zone.example.", LISTS_PASSTHRU, LISTS_EXACT);
	add(b, ZONE, "bad.ok.a.zone.example.", LISTS_DROP, LISTS_EXACT);
	add(b, ZONE, "data.zone.example.", LISTS_DATA, LISTS_EXACT);
	add(b, ZONE, "both.example.", LISTS_TCP_ONLY, LISTS_WHOLE);
	add(b, ALLOW, "allowed.example.", LISTS_EXCEPT, LISTS_WHOLE);
	add(b, ALLOW, "only.ads.example.", LISTS_BLOCK, LISTS_EXACT);
	return finish(b);
}

static void
cases(void **state)
{
	(void)state;
	/* said: "list deed owner" or "-", and "-list" who would have spoken */
	static const struct {
		const char *name;
		uint64_t which;
		const char *said;
	} rows[] = {
	        {"ads.example.", 15, "0 0 0"},
	        {"ADS.EXAMPLE.", 15, "0 0 0"},
	        {"x.ads.example.", 15, "0 0 2"},
	        {"x.y.ads.example.", 15, "0 0 4"},
	        {"xads.example.", 15, "-"},
	        {"example.", 15, "-"},
	        {".", 15, "-"},
	        {"ads.example.", 14, "-"},
	        {"ads.example.", 0, "-"},
	        {"host.example.", 15, "0 0 0"},
	        {"www.host.example.", 15, "-"},
	        {"both.example.", 15, "0 0 0"},
	        {"both.example.", 14, "1 0 0"},
	        {"both.example.", 12, "2 8 0"},
	        {"below.example.", 15, "-"},
	        {"x.below.example.", 15, "1 0 2"},
	        {"spared.example.", 15, "-"},
	        {"deep.spared.example.", 15, "-1"},
	        {"must.spared.example.", 15, "1 0 0"},
	        {"x.must.spared.example.", 15, "1 0 2"},
	        {"not.must.spared.example.", 15, "-1"},
	        {"a.zone.example.", 15, "2 5 0"},
	        {"b.a.zone.example.", 15, "2 6 2"},
	        {"ok.a.zone.example.", 15, "-2"},
	        {"x.ok.a.zone.example.", 15, "2 6 5"},
	        {"bad.ok.a.zone.example.", 15, "2 7 0"},
	        {"data.zone.example.", 15, "2 9 0"},
	        {"allowed.example.", 15, "3a 2 0"},
	        {"x.allowed.example.", 15, "3a 2 2"},
	        {"allowed.example.", 7, "0 0 0"},
	        {"only.ads.example.", 15, "3a 0 0"},
	        {"x.only.ads.example.", 15, "0 0 7"},
	};
	struct table t = make_cases();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char said[64] = "-";
		struct lists_hit hit;
		int exempt;
		if (find(&t, rows[i].which, rows[i].name, &hit, &exempt)) {
			assert_int_equal(hit.below, hit.owner_at != 0);
			assert_int_equal(exempt, -1);
			snprintf(said, sizeof said, "%u%s %d %zu", hit.list,
			        hit.role == LISTS_ALLOW_LIST ? "a" : "", hit.deed, hit.owner_at);
		} else if (exempt >= 0) {
			snprintf(said, sizeof said, "-%d", exempt);
		}
		if (strcmp(said, rows[i].said) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, said, rows[i].said);
	}
	free(t.memory);
}

static void
facts(void **state)
{
	(void)state;
	struct table t = make_cases();
	assert_int_equal(lists_count(t.lists), 4);
	assert_int_equal(lists_names(t.lists), 14);
	assert_int_equal(lists_bytes(t.lists), t.bytes);
	static const uint64_t names[] = {4, 6, 5, 2};
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(lists_list(t.lists, i)->names, names[i]);
	assert_int_equal(lists_called(t.lists, "zone", LISTS_BLOCK_LIST), 2);
	assert_int_equal(lists_called(t.lists, "zone", LISTS_ALLOW_LIST), -1);
	assert_int_equal(lists_called(t.lists, "zon", LISTS_BLOCK_LIST), -1);
	free(t.memory);
}

/* The label of a list is cut, and found again by the whole of it. */
static void
long_label(void **state)
{
	(void)state;
	char label[100];
	memset(label, 'x', sizeof label - 1);
	label[sizeof label - 1] = '\0';
	struct lists_build *b = lists_build_new(NULL);
	lists_build_list(b, label, LISTS_BLOCK_LIST);
	struct table t = finish(b);
	assert_int_equal(strlen(lists_list(t.lists, 0)->label), LISTS_LABEL_BYTES - 1);
	assert_int_equal(lists_called(t.lists, label, LISTS_BLOCK_LIST), 0);
	free(t.memory);
}

static void
nothing_listed(void **state)
{
	(void)state;
	struct table t = finish(lists_build_new(NULL));
	struct lists_hit hit;
	assert_int_equal(lists_count(t.lists), 0);
	assert_int_equal(lists_names(t.lists), 0);
	assert_false(find(&t, UINT64_MAX, "a.example.", &hit, NULL));
	free(t.memory);
}

/* A rule for the root is one for everything. */
static void
everything(void **state)
{
	(void)state;
	struct lists_build *b = lists_build_new(NULL);
	lists_build_list(b, "zone", LISTS_BLOCK_LIST);
	add(b, 0, ".", LISTS_NXDOMAIN, LISTS_BELOW);
	struct table t = finish(b);
	struct lists_hit hit;
	assert_true(find(&t, 1, "com.", &hit, NULL));
	assert_int_equal(hit.owner_at, 4);
	assert_true(find(&t, 1, "a.b.c.", &hit, NULL));
	assert_false(find(&t, 1, ".", &hit, NULL));
	free(t.memory);
}

/* --- Records ----------------------------------------------------------------------------------------------
 */
static void
add_data(struct lists_build *b, unsigned list, unsigned scope, uint16_t type, const char *rdata)
{
	uint8_t name[NAME_BYTES];
	const struct list_rule rule = {.name = name,
	        .bytes = name_from_text("data.example.", name),
	        .deed = LISTS_DATA,
	        .scope = scope,
	        .record = {.type = type,
	                .ttl_s = 7,
	                .rdata = (const uint8_t *)rdata,
	                .rdata_bytes = strlen(rdata)}};
	lists_build_add(b, list, &rule);
}

static const char *
records_of(const struct table *t, uint64_t which, const char *name)
{
	static char said[256];
	struct lists_hit hit;
	struct lists_record r;
	said[0] = '\0';
	assert_true(find(t, which, name, &hit, NULL));
	assert_int_equal(hit.deed, LISTS_DATA);
	for (size_t cursor = 0, used = 0; lists_record(t->lists, &hit, &cursor, &r); used = strlen(said)) {
		assert_int_equal(r.ttl_s, 7);
		snprintf(said + used, sizeof said - used, "%u:%.*s ", r.type, (int)r.rdata_bytes, r.rdata);
	}
	return said;
}

static struct table
make_data(const struct lists *before)
{
	struct lists_build *b = lists_build_new(before);
	lists_build_list(b, "one", LISTS_BLOCK_LIST);
	lists_build_list(b, "two", LISTS_BLOCK_LIST);
	if (before != NULL) {
		lists_build_keep(b, 1, 0);
		lists_build_keep(b, 0, 1);
		return finish(b);
	}
	add_data(b, 0, LISTS_EXACT, 1, "four");
	add_data(b, 1, LISTS_EXACT, 1, "other");
	add_data(b, 0, LISTS_EXACT, 16, "longer text");
	add_data(b, 0, LISTS_EXACT, 1, "four");
	add_data(b, 0, LISTS_EXACT, 1, "five");
	add_data(b, 0, LISTS_BELOW, 1, "");
	return finish(b);
}

static void
records(void **state)
{
	(void)state;
	struct table t = make_data(NULL);
	assert_string_equal(records_of(&t, 1, "data.example."), "1:four 16:longer text 1:five ");
	assert_string_equal(records_of(&t, 1, "x.data.example."), "1: ");
	assert_string_equal(records_of(&t, 2, "data.example."), "1:other ");
	assert_string_equal(records_of(&t, 3, "data.example."), "1:four 16:longer text 1:five ");
	struct table kept = make_data(t.lists);
	assert_string_equal(records_of(&kept, 2, "data.example."), "1:four 16:longer text 1:five ");
	assert_string_equal(records_of(&kept, 2, "x.data.example."), "1: ");
	assert_string_equal(records_of(&kept, 1, "data.example."), "1:other ");
	assert_int_equal(lists_list(kept.lists, 1)->names, 1);
	free(kept.memory);
	free(t.memory);
}

/* --- Building ---------------------------------------------------------------------------------------------
 */
static void
going_back(void **state)
{
	(void)state;
	struct lists_hit hit;
	struct lists_build *b = lists_build_new(NULL);
	lists_build_list(b, "one", LISTS_BLOCK_LIST);
	add(b, 0, "first.example.", LISTS_BLOCK, LISTS_WHOLE);
	struct lists_mark *mark = lists_build_mark(b);
	add(b, 0, "second.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, 0, "data.example.", LISTS_DATA, LISTS_WHOLE);
	lists_build_settle(b, &mark, true);
	assert_null(mark);
	mark = lists_build_mark(b);
	add(b, 0, "third.example.", LISTS_BLOCK, LISTS_WHOLE);
	lists_build_settle(b, &mark, false);
	add(b, 0, "data2.example.", LISTS_DATA, LISTS_WHOLE);
	struct table t = finish(b);
	assert_int_equal(lists_list(t.lists, 0)->names, 3);
	assert_true(find(&t, 1, "first.example.", &hit, NULL));
	assert_false(find(&t, 1, "second.example.", &hit, NULL));
	assert_false(find(&t, 1, "data.example.", &hit, NULL));
	assert_true(find(&t, 1, "third.example.", &hit, NULL));
	assert_true(find(&t, 1, "data2.example.", &hit, NULL));
	free(t.memory);
}

/* A mark for which there was no memory spoils the table, and nothing else. */
static void
no_memory(void **state)
{
	(void)state;
	struct lists_build *b = lists_build_new(NULL);
	struct lists_mark *mark = NULL;
	lists_build_list(b, "one", LISTS_BLOCK_LIST);
	lists_build_settle(b, &mark, false);
	add(b, 0, "first.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, 0, "data.example.", LISTS_DATA, LISTS_WHOLE);
	assert_int_equal(lists_build_measure(b), 0);
	lists_build_free(b);
}

static void
keeping(void **state)
{
	(void)state;
	struct table t = make_cases();
	struct lists_build *b = lists_build_new(t.lists);
	struct lists_hit hit;
	lists_build_list(b, "new", LISTS_BLOCK_LIST);
	lists_build_list(b, "filter", LISTS_BLOCK_LIST);
	add(b, 0, "a.b.c.d.new.example.", LISTS_BLOCK, LISTS_WHOLE);
	add(b, 0, "both.example.", LISTS_BLOCK, LISTS_EXACT);
	lists_build_keep(b, 1, 1);
	struct table now = finish(b);
	assert_int_equal(lists_list(now.lists, 1)->names, 6);
	assert_int_equal(lists_names(now.lists), 7);
	assert_true(find(&now, 3, "x.below.example.", &hit, NULL));
	assert_int_equal(hit.list, 1);
	assert_true(find(&now, 3, "x.both.example.", &hit, NULL));
	assert_int_equal(hit.list, 1);
	assert_true(find(&now, 3, "both.example.", &hit, NULL));
	assert_int_equal(hit.list, 0);
	assert_true(find(&now, 3, "a.b.c.d.new.example.", &hit, NULL));
	assert_false(find(&now, 3, "ads.example.", &hit, NULL));
	assert_false(find(&now, 3, "a.zone.example.", &hit, NULL));
	free(now.memory);
	free(t.memory);
}

/* --- Against a reference ----------------------------------------------------------------------------------
 */
enum { OWNERS = 150, QUESTIONS = 100000, LISTS = 5 };

struct owner {
	uint8_t name[NAME_BYTES];
	size_t bytes;
	unsigned list;
	enum lists_deed deed;
	unsigned scope;
};

static struct owner owners[OWNERS];

/* From so few labels that names meet. */
static size_t
random_name(uint64_t *random, uint8_t *name)
{
	static const char *const labels[] = {"a", "b", "example", "WWW", "x-1", "com"};
	size_t used = 0;
	for (unsigned i = 1 + random_below(random, 6); i > 0; i--) {
		const char *label = labels[random_below(random, 6)];
		name[used] = (uint8_t)strlen(label);
		memcpy(name + used + 1, label, name[used]);
		used += 1u + name[used];
	}
	name[used] = 0;
	return used + 1;
}

static bool
owner_matches(const struct owner *o, const uint8_t *name, size_t bytes, size_t *at)
{
	*at = 0;
	while (bytes - *at > o->bytes)
		*at += name[*at] + 1u;
	return bytes - *at == o->bytes && name_equal(name + *at, o->name, o->bytes) &&
	       (o->scope & (*at == 0 ? LISTS_EXACT : LISTS_BELOW)) != 0;
}

/* What list `list` says: the deed and where the owner is, or -1. */
static int
ask_one(unsigned list, bool allows, const uint8_t *name, size_t bytes, size_t *owner_at)
{
	bool block = false, important = false, except = false, except_important = false, passthru = false;
	size_t at, best = SIZE_MAX, best_important = SIZE_MAX;
	for (unsigned i = 0; i < OWNERS; i++) {
		const struct owner *o = &owners[i];
		if (o->list != list || !owner_matches(o, name, bytes, &at))
			continue;
		if (!allows && (o->deed == LISTS_EXCEPT || o->deed == LISTS_EXCEPT_IMPORTANT)) {
			except = true;
			except_important |= o->deed == LISTS_EXCEPT_IMPORTANT;
			continue;
		}
		if (at < best)
			passthru = o->deed == LISTS_PASSTHRU;
		best = at < best ? at : best;
		block = true;
		if (o->deed == LISTS_BLOCK_IMPORTANT) {
			important = true;
			best_important = at < best_important ? at : best_important;
		}
	}
	*owner_at = important && !allows ? best_important : best;
	if (!block || (!allows && (important ? except_important : except)) ||
	        (!allows && passthru && !important))
		return -1;
	return (int)list;
}

static int
ask_all(uint64_t which, const uint8_t *name, size_t bytes, size_t *owner_at)
{
	/* the last list is an allow list, and goes first */
	int said = which >> (LISTS - 1) & 1 ? ask_one(LISTS - 1, true, name, bytes, owner_at) : -1;
	for (unsigned list = 0; said < 0 && list < LISTS - 1; list++)
		if ((which >> list & 1) != 0)
			said = ask_one(list, false, name, bytes, owner_at);
	return said;
}

/* One deed for each name and list but exceptions, so that which of two equally long rules counts is no
 * question. */
static enum lists_deed
random_deed(uint64_t *random, unsigned list)
{
	static const enum lists_deed filter[] = {LISTS_BLOCK, LISTS_BLOCK, LISTS_BLOCK, LISTS_EXCEPT,
	        LISTS_BLOCK_IMPORTANT, LISTS_EXCEPT_IMPORTANT};
	if (list == 2)
		return filter[random_below(random, 6)];
	return LISTS_BLOCK;
}

static void
reference(void **state)
{
	(void)state;
	uint64_t random = 6;
	struct lists_build *b = lists_build_new(NULL);
	for (unsigned i = 0; i < LISTS; i++)
		lists_build_list(b, "list", i == LISTS - 1 ? LISTS_ALLOW_LIST : LISTS_BLOCK_LIST);
	for (unsigned i = 0; i < OWNERS; i++) {
		struct owner *o = &owners[i];
		o->bytes = random_name(&random, o->name);
		o->list = random_below(&random, LISTS);
		o->deed = random_deed(&random, o->list);
		o->scope = 1 + random_below(&random, LISTS_WHOLE);
		/* the exact rules of list 3 pass, as RPZ's do */
		if (o->list == 3 && o->scope == LISTS_EXACT)
			o->deed = LISTS_PASSTHRU;
		else if (o->list == 3)
			o->scope = LISTS_BELOW;
		lists_build_add(b, o->list,
		        &(const struct list_rule){
		                .name = o->name, .bytes = o->bytes, .deed = o->deed, .scope = o->scope});
	}
	struct table t = finish(b);
	unsigned found = 0;
	for (unsigned i = 0; i < QUESTIONS / 10; i++) {
		uint8_t name[NAME_BYTES];
		struct lists_hit hit;
		size_t at = 0, bytes = random_name(&random, name);
		uint64_t which = random_below(&random, 1 << LISTS);
		int want = ask_all(which, name, bytes, &at);
		bool said = lists_find(t.lists, which, name, bytes, &hit, NULL);
		assert_int_equal(said ? (int)hit.list : -1, want);
		if (said)
			assert_int_equal(hit.owner_at, at);
		found += said;
	}
	assert_in_range(found, QUESTIONS / 100, QUESTIONS / 10 - QUESTIONS / 100);
	free(t.memory);
}

/* 20 000 names, of which every one is found, and 100 000 others, of which none is. */
static void
many(void **state)
{
	(void)state;
	enum { NAMES = 20000 };
	char text[64];
	struct lists_hit hit;
	struct lists_build *b = lists_build_new(NULL);
	lists_build_list(b, "one", LISTS_BLOCK_LIST);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(text, sizeof text, "n%u.d%u.example.", i, i % 100);
		add(b, 0, text, LISTS_BLOCK, LISTS_WHOLE);
		if (i % 3 == 0)
			add(b, 0, text, LISTS_BLOCK, LISTS_EXACT);
	}
	struct table t = finish(b);
	assert_int_equal(lists_list(t.lists, 0)->names, NAMES);
	assert_int_equal(lists_names(t.lists), NAMES);
	assert_true(t.bytes < NAMES * 40u);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		snprintf(text, sizeof text, "n%u.d%u.example.", i, i % 100);
		assert_int_equal(find(&t, 1, text, &hit, NULL), i < NAMES);
		snprintf(text, sizeof text, "a.n%u.d%u.example.", i, (i + 1) % 100);
		assert_false(find(&t, 1, text, &hit, NULL));
	}
	free(t.memory);
}

/* --- Whether it is one ------------------------------------------------------------------------------------
 */
static void
rubbish(void **state)
{
	(void)state;
	struct table t = make_cases();
	assert_null(lists_at(t.memory, t.bytes - LISTS_LINE));
	assert_null(lists_at(t.memory, 0));
	assert_null(lists_at((char *)t.memory + 8, t.bytes - 8));
	static const struct {
		size_t at;
		uint64_t value;
	} rows[] = {
	        {offsetof(struct lists, magic), 0},
	        {offsetof(struct lists, version), UINT64_C(4) << 32 | (LISTS_VERSION + 1)},
	        {offsetof(struct lists, version), UINT64_C(65) << 32 | LISTS_VERSION},
	        {offsetof(struct lists, bytes), 0},
	        {offsetof(struct lists, blocks), 0},
	        {offsetof(struct lists, blocks), UINT64_MAX / 64 + 2},
	        {offsetof(struct lists, homes), 0},
	        {offsetof(struct lists, homes), UINT32_MAX},
	        {offsetof(struct lists, buckets), UINT64_MAX},
	        {offsetof(struct lists, rules), UINT64_MAX},
	        {offsetof(struct lists, rules), UINT64_MAX / 8},
	        {offsetof(struct lists, data_bytes), 0},
	};
	uint64_t was;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		memcpy(&was, (char *)t.memory + rows[i].at, sizeof was);
		memcpy((char *)t.memory + rows[i].at, &rows[i].value, sizeof was);
		assert_null(lists_at(t.memory, t.bytes));
		memcpy((char *)t.memory + rows[i].at, &was, sizeof was);
		assert_non_null(lists_at(t.memory, t.bytes));
	}
	memset(((struct lists *)t.memory)->list[1].label, 'x', LISTS_LABEL_BYTES);
	assert_null(lists_at(t.memory, t.bytes));
	free(t.memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(cases),
	        cmocka_unit_test(facts),
	        cmocka_unit_test(long_label),
	        cmocka_unit_test(nothing_listed),
	        cmocka_unit_test(everything),
	        cmocka_unit_test(records),
	        cmocka_unit_test(going_back),
	        cmocka_unit_test(no_memory),
	        cmocka_unit_test(keeping),
	        cmocka_unit_test(reference),
	        cmocka_unit_test(many),
	        cmocka_unit_test(rubbish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
