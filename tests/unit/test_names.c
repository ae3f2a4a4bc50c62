/*
 * The table of own names: what may stand beside what, and what is found. What becomes of it in an answer is
 * test_own.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/names.h"

#include <stdio.h>
#include <string.h>

enum { A = 1, CNAME = 5, TXT = 16 };

static struct names *l;

static int
begin(void **state)
{
	(void)state;
	l = names_new();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	names_free(l);
	return 0;
}

static enum names_add
add(const char *owner, uint16_t type, const char *rdata)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = name_from_text(owner, name);
	assert_true(bytes > 0);
	return names_add(l, name, bytes, type, 60, (const uint8_t *)rdata, strlen(rdata));
}

static void
add_zone(const char *text)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = name_from_text(text, name);
	names_add_zone(l, name, bytes);
}

/* "name a b", "empty", "absent", "none"; with the labels of the zone. */
static const char *
find(const char *text)
{
	static char said[256];
	static const char *const kinds[] = {"none", "name", "empty", "absent"};
	uint8_t name[NAME_BYTES];
	struct names_found found;
	const struct names_record *record = NULL;
	size_t bytes = name_from_text(text, name);
	names_find(l, name, bytes, &found);
	int used = snprintf(said, sizeof said, "%s", kinds[found.kind]);
	while ((record = names_record(l, &found, record)) != NULL)
		used += snprintf(said + used, sizeof said - (size_t)used, " %u:%.*s", record->type,
		        (int)record->rdata_bytes, (const char *)names_rdata(l, record));
	if (found.in_zone)
		snprintf(said + used, sizeof said - (size_t)used, " zone %u at %zu", found.zone_labels,
		        found.zone_at);
	return said;
}

static void
what_goes_together(void **state)
{
	(void)state;
	assert_true(names_is_empty(l));
	assert_int_equal(add("a.lan", A, "1"), NAMES_ADDED);
	assert_false(names_is_empty(l));
	assert_int_equal(add("A.LAN", A, "2"), NAMES_ADDED);
	assert_int_equal(add("a.lan", A, "1"), NAMES_THERE);
	assert_int_equal(add("a.lan", TXT, "1"), NAMES_ADDED);
	assert_int_equal(add("a.lan", TXT, ""), NAMES_ADDED);
	assert_int_equal(add("a.lan", CNAME, "b"), NAMES_CNAME_ALONE);
	assert_int_equal(add("b.lan", CNAME, "c"), NAMES_ADDED);
	assert_int_equal(add("b.lan", CNAME, "c"), NAMES_THERE);
	assert_int_equal(add("b.lan", CNAME, "d"), NAMES_CNAME_ONE);
	assert_int_equal(add("b.lan", A, "1"), NAMES_CNAME_ALONE);
	assert_string_equal(find("a.lan"), "name 1:1 1:2 16:1 16:");
	assert_string_equal(find("b.lan"), "name 5:c");
}

static void
what_is_found(void **state)
{
	(void)state;
	add_zone("lan");
	add_zone("deep.lan");
	add("x.y.lan", A, "1");
	add("*.w.lan", A, "2");
	add("a.w.lan", A, "3");
	add("out.example", A, "4");
	add("z.deep.lan", A, "5");
	assert_string_equal(find("x.y.lan"), "name 1:1 zone 1 at 4");
	assert_string_equal(find("y.lan"), "empty zone 1 at 2");
	assert_string_equal(find("q.y.lan"), "absent zone 1 at 4");
	assert_string_equal(find("q.x.y.lan"), "absent zone 1 at 6");
	assert_string_equal(find("lan"), "empty zone 1 at 0");
	assert_string_equal(find("b.w.lan"), "name 1:2 zone 1 at 4");
	assert_string_equal(find("c.b.w.lan"), "name 1:2 zone 1 at 6");
	assert_string_equal(find("a.w.lan"), "name 1:3 zone 1 at 4");
	assert_string_equal(find("b.a.w.lan"), "absent zone 1 at 6");
	assert_string_equal(find("w.lan"), "empty zone 1 at 2");
	assert_string_equal(find("z.deep.lan"), "name 1:5 zone 2 at 2");
	assert_string_equal(find("q.deep.lan"), "absent zone 2 at 2");
	assert_string_equal(find("out.example"), "name 1:4");
	assert_string_equal(find("example"), "empty");
	assert_string_equal(find("in.out.example"), "none");
	assert_string_equal(find("other.example"), "none");
	assert_string_equal(find("org"), "none");
	assert_string_equal(find("."), "empty");
}

static void
several_hold_it(void **state)
{
	(void)state;
	names_hold(l);
	names_free(l);
	add("a", A, "1");
	assert_string_equal(find("a"), "name 1:1");
	names_hold(NULL);
	names_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_goes_together, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_found, begin, end),
	        cmocka_unit_test_setup_teardown(several_hold_it, begin, end),
	};
	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
