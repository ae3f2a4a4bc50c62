/*
 * Text by hand says what printf() and the library would have said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"
#include "base/pen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static char room[512];

static const char *
drawn(struct pen *p)
{
	assert_false(p->full);
	*p->at = '\0';
	return room;
}

static void
numbers(void **state)
{
	(void)state;
	static const uint64_t values[] = {0, 1, 9, 10, 99, 100, 65535, 4294967296, UINT64_MAX};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		for (unsigned digits = 0; digits < 8; digits++) {
			char wanted[64];
			struct pen p = pen_on(room, sizeof room - 1);
			pen_number(&p, values[i], digits);
			snprintf(wanted, sizeof wanted, "%0*" PRIu64, (int)digits, values[i]);
			assert_string_equal(drawn(&p), wanted);
		}
	struct pen p = pen_on(room, sizeof room - 1);
	pen_thousandths(&p, 41);
	pen_word(&p, " ");
	pen_thousandths(&p, 1234567);
	assert_string_equal(drawn(&p), "0.041 1234.567");
}

/* Random addresses with many zeroes in them, and those with a form of their own. */
static void
addresses_as_the_library_has_them(void **state)
{
	(void)state;
	static const char *const special[] = {"::", "::1", "1::", "fe80::1%7", "::ffff:192.0.2.1",
	        "::192.0.2.1", "2001:db8::1:0:0:1", "2001:0:0:1::1", "1:0:1:0:1:0:1:0", "0.0.0.0",
	        "255.255.255.255"};
	srandom(7);
	for (unsigned i = 0; i < 20000; i++) {
		struct addr a = {0};
		char wanted[ADDR_TEXT_BYTES];
		struct pen p = pen_on(room, sizeof room - 1);
		if (i < sizeof special / sizeof *special) {
			/* a scope is a number of this machine's */
			char text[64];
			snprintf(text, sizeof text, "%s", special[i]);
			text[strcspn(text, "%")] = '\0';
			assert_int_equal(addr_parse(&a, text, 53), 0);
			if (strchr(special[i], '%') != NULL)
				a.in6.sin6_scope_id = 7;
		} else if (i % 2) {
			a.any.sa_family = AF_INET;
			a.in4.sin_addr.s_addr = (uint32_t)random();
		} else {
			a.any.sa_family = AF_INET6;
			for (unsigned n = 0; n < 16; n += 2)
				if (random() % 2) {
					a.in6.sin6_addr.s6_addr[n] = random() % 3 ? (uint8_t)random() : 0;
					a.in6.sin6_addr.s6_addr[n + 1] = (uint8_t)random();
				}
		}
		pen_host(&p, &a);
		assert_string_equal(drawn(&p), addr_host_text(&a, wanted));
	}
}

static void
quoted_as_the_log_does(void **state)
{
	(void)state;
	char all[256], wanted[4 * sizeof all + 1];
	for (unsigned i = 0; i < sizeof all; i++)
		all[i] = (char)i;
	for (unsigned from = 0; from < sizeof all; from += 64) {
		struct pen p = pen_on(room, sizeof room - 1);
		pen_quoted(&p, all + from, 64, false);
		assert_string_equal(drawn(&p), log_quote(wanted, sizeof wanted, all + from, 64));
	}
	struct pen p = pen_on(room, sizeof room - 1);
	pen_quoted(&p, "a\"\\\n\xff", 5, true);
	assert_string_equal(drawn(&p), "a\\\\034\\\\092\\\\010\\\\255");
}

/* Nothing is written beyond the room, whatever is asked for. */
static void
a_full_room(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes < 40; bytes++) {
		memset(room, '#', sizeof room);
		struct pen p = pen_on(room, bytes);
		struct pen_clock clock = {0};
		struct addr a;
		assert_int_equal(addr_parse(&a, "2001:db8::1234", 53), 0);
		pen_time(&p, &clock, 1);
		pen_quoted(&p, "\n\n", 2, true);
		pen_host(&p, &a);
		pen_word(&p, "end");
		assert_true(p.full);
		assert_int_equal(room[bytes], '#');
	}
}

static void
time_of_day(void **state)
{
	(void)state;
	struct pen_clock clock = {0};
	static const struct {
		uint64_t us;
		const char *text;
	} rows[] = {{0, "1970-01-01T00:00:00.000Z"}, {1763683203123999, "2025-11-21T00:00:03.123Z"},
	        {1763683203999999, "2025-11-21T00:00:03.999Z"},
	        {1763683204000000, "2025-11-21T00:00:04.000Z"},
	        {1763683203000000, "2025-11-21T00:00:03.000Z"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pen p = pen_on(room, sizeof room - 1);
		pen_time(&p, &clock, rows[i].us);
		assert_string_equal(drawn(&p), rows[i].text);
		assert_int_equal(strlen(room), PEN_TIME_BYTES);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(numbers),
	        cmocka_unit_test(addresses_as_the_library_has_them),
	        cmocka_unit_test(quoted_as_the_log_does),
	        cmocka_unit_test(a_full_room),
	        cmocka_unit_test(time_of_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
