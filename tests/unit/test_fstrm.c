/*
 * Frame Streams: control frames there and back, what is no such frame, and where a stream that broke off
 * ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dnstap/fstrm.h"

#include <string.h>

static void
control_frames_are_read_as_they_are_written(void **state)
{
	static const struct {
		enum fstrm_control control;
		size_t bytes;
	} frames[] = {{FSTRM_READY, 42}, {FSTRM_ACCEPT, 42}, {FSTRM_START, 42}, {FSTRM_STOP, 12},
	        {FSTRM_FINISH, 12}};
	uint8_t frame[FSTRM_HANDSHAKE_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		enum fstrm_control control;
		bool fits = false;
		size_t bytes = fstrm_write(frames[i].control, frame);
		assert_int_equal(bytes, frames[i].bytes);
		for (size_t some = 0; some < bytes; some++)
			assert_int_equal(fstrm_read(frame, some, &control, &fits), 0);
		assert_int_equal(fstrm_read(frame, bytes + 3, &control, &fits), bytes);
		assert_int_equal(control, frames[i].control);
		assert_true(fits);
	}
}

static void
the_start_is_this_to_the_byte(void **state)
{
	uint8_t frame[FSTRM_HANDSHAKE_BYTES];
	(void)state;
	static const char expected[] = "\0\0\0\0\0\0\0\x22\0\0\0\2\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap";
	assert_int_equal(fstrm_write(FSTRM_START, frame), sizeof expected - 1);
	assert_memory_equal(frame, expected, sizeof expected - 1);
}

/* An ACCEPT with these fields. */
static int
accept_with(const char *fields, size_t bytes, bool *fits)
{
	uint8_t frame[64];
	enum fstrm_control control;
	fstrm_length(frame, 0);
	fstrm_length(frame + 4, 4 + bytes);
	fstrm_length(frame + 8, FSTRM_ACCEPT);
	memcpy(frame + 12, fields, bytes);
	return fstrm_read(frame, 12 + bytes, &control, fits);
}

static void
who_takes_something_else_does_not_fit(void **state)
{
	bool fits;
	(void)state;
	assert_int_equal(accept_with("\0\0\0\1\0\0\0\2ab", 10, &fits), 22);
	assert_false(fits);
	/* other fields do not count */
	assert_int_equal(accept_with("\0\0\0\2\0\0\0\2ab", 10, &fits), 22);
	assert_true(fits);
	/* a field that is longer than the frame */
	assert_int_equal(accept_with("\0\0\0\1\0\0\0\3ab", 10, &fits), 22);
	assert_false(fits);
	assert_int_equal(accept_with("\0\0\0", 3, &fits), 15);
	assert_false(fits);
}

static void
what_is_no_control_frame(void **state)
{
	static const char *const frames[] = {
	        "\0\0\0\1xxxxxxxx",         /* data */
	        "\0\0\0\0\0\0\0\3\0\0\0\1", /* too short for a type */
	        "\0\0\0\0\0\0\2\1\0\0\0\1", /* longer than allowed */
	        "\0\0\0\0\0\0\0\4\0\0\0\0", /* no such type */
	        "\0\0\0\0\0\0\0\4\0\0\0\6",
	        "\0\0\0\0\377\377\377\377\0\0\0\1",
	};
	enum fstrm_control control;
	bool fits;
	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
		assert_int_equal(fstrm_read((const uint8_t *)frames[i], 12, &control, &fits), -1);
}

enum { WHOLE = 42 + 104 + 204 };

/* START and two frames: WHOLE bytes. */
static size_t
stream(uint8_t *out)
{
	size_t bytes = fstrm_write(FSTRM_START, out);
	for (unsigned i = 1; i <= 2; i++) {
		fstrm_length(out + bytes, 100 * i);
		memset(out + bytes + 4, (int)i, 100 * i);
		bytes += 4 + 100 * i;
	}
	return bytes;
}

static uint64_t
end_of(const uint8_t *bytes, size_t count, size_t step)
{
	struct fstrm_walk walk = {0};
	for (size_t at = 0; at < count; at += step)
		if (!fstrm_walk(&walk, bytes + at, count - at < step ? count - at : step))
			break;
	return walk.whole;
}

static void
a_stream_ends_behind_its_last_whole_frame(void **state)
{
	uint8_t bytes[1024];
	(void)state;
	size_t whole = stream(bytes), first = 42 + 104;
	for (size_t step = 1; step < 50; step++) {
		assert_int_equal(end_of(bytes, whole, step), whole);
		assert_int_equal(end_of(bytes, whole - 1, step), first);
		assert_int_equal(end_of(bytes, first + 3, step), first);
		assert_int_equal(end_of(bytes, 41, step), 0);
	}
	assert_int_equal(end_of(bytes, 0, 1), 0);
}

static void
a_stop_is_not_counted_in(void **state)
{
	uint8_t bytes[1024];
	(void)state;
	assert_int_equal(stream(bytes), WHOLE);
	size_t stop = fstrm_write(FSTRM_STOP, bytes + WHOLE);
	assert_int_equal(end_of(bytes, WHOLE + stop, 7), WHOLE);
	/* half of one neither */
	assert_int_equal(end_of(bytes, WHOLE + 5, 7), WHOLE);
}

static void
behind_nonsense_nothing_is_believed(void **state)
{
	uint8_t bytes[1024];
	(void)state;
	assert_int_equal(stream(bytes), WHOLE);
	memset(bytes + WHOLE, 0xff, 40);
	assert_int_equal(end_of(bytes, WHOLE + 40, 3), WHOLE);
	memset(bytes + WHOLE, 0, 40);
	assert_int_equal(end_of(bytes, WHOLE + 40, 3), WHOLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(control_frames_are_read_as_they_are_written),
	        cmocka_unit_test(the_start_is_this_to_the_byte),
	        cmocka_unit_test(who_takes_something_else_does_not_fit),
	        cmocka_unit_test(what_is_no_control_frame),
	        cmocka_unit_test(a_stream_ends_behind_its_last_whole_frame),
	        cmocka_unit_test(a_stop_is_not_counted_in),
	        cmocka_unit_test(behind_nonsense_nothing_is_believed),
	};
	return cmocka_run_group_tests_name("fstrm", tests, NULL, NULL);
}
