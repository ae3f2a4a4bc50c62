/*
 * What may go as early data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/early.h"

#include <string.h>

enum { QUESTION = 40, FRAMED = 2 + QUESTION, MOST = 1 << 20 };

static uint8_t framed[4 * FRAMED];

/* A row of messages, each with these words of flags. */
static void
lay(size_t count, const uint16_t *flags)
{
	memset(framed, 0, sizeof framed);
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = framed + i * FRAMED;
		at[1] = QUESTION;
		at[4] = (uint8_t)(flags[i] >> 8);
		at[5] = (uint8_t)flags[i];
	}
}

static void
whole_questions(void **state)
{
	const uint16_t flags[] = {0x0120, 0x0000, 0x0130}; /* RD and AD, none, RD, AD and CD */
	(void)state;
	lay(3, flags);
	assert_int_equal(early_cut(framed, 3 * FRAMED, MOST), 3 * FRAMED);
	assert_int_equal(early_cut(framed, FRAMED, MOST), FRAMED);
	for (size_t bytes = 0; bytes <= 3 * FRAMED; bytes++) {
		assert_int_equal(early_cut(framed, bytes, MOST), bytes / FRAMED * FRAMED);
		assert_int_equal(early_cut(framed, 3 * FRAMED, bytes), bytes / FRAMED * FRAMED);
	}
	assert_int_equal(early_cut(NULL, 0, MOST), 0);
}

static void
of_no_other_opcode(void **state)
{
	(void)state;
	for (uint16_t opcode = 0; opcode < 16; opcode++) {
		const uint16_t flags[] = {0x0120, (uint16_t)(0x0120 | opcode << 11), 0x0120};
		lay(3, flags);
		assert_int_equal(early_cut(framed, 3 * FRAMED, MOST), opcode == 0 ? 3 * FRAMED : FRAMED);
	}
}

static void
no_answers_and_nothing_without_a_header(void **state)
{
	const uint16_t flags[] = {0x8180};
	(void)state;
	lay(1, flags);
	assert_int_equal(early_cut(framed, FRAMED, MOST), 0);
	memset(framed, 0, sizeof framed);
	assert_int_equal(early_cut(framed, FRAMED, MOST), 0); /* a length of none */
	framed[1] = 11;
	assert_int_equal(early_cut(framed, 13, MOST), 0);
	framed[1] = 12;
	assert_int_equal(early_cut(framed, 14, MOST), 14);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(whole_questions),
	        cmocka_unit_test(of_no_other_opcode),
	        cmocka_unit_test(no_answers_and_nothing_without_a_header),
	};
	return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
