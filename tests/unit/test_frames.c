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

#include "dnstap/frames.h"

#include <string.h>

static void
control_frames_are_read_as_they_are_written(void **state)
{
	static const struct {
		fstrm_control_type control;
		size_t bytes;
	} frames[] = {{FSTRM_CONTROL_READY, 42}, {FSTRM_CONTROL_ACCEPT, 42}, {FSTRM_CONTROL_START, 42},
	        {FSTRM_CONTROL_STOP, 12}, {FSTRM_CONTROL_FINISH, 12}};
	uint8_t frame[FRAMES_HANDSHAKE_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		fstrm_control_type control;
		bool fits = false;
		size_t bytes = frames_write(frames[i].control, frame);
		assert_int_equal(bytes, frames[i].bytes);
		for (size_t some = 0; some < bytes; some++)
			assert_int_equal(frames_read(frame, some, &control, &fits), 0);
		assert_int_equal(frames_read(frame, bytes + 3, &control, &fits), bytes);
		assert_int_equal(control, frames[i].control);
		assert_true(fits);
	}
}

static void
the_start_is_this_to_the_byte(void **state)
{
	uint8_t frame[FRAMES_HANDSHAKE_BYTES];
	(void)state;
	static const char expected[] = "\0\0\0\0\0\0\0\x22\0\0\0\2\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap";
	assert_int_equal(frames_write(FSTRM_CONTROL_START, frame), sizeof expected - 1);
	assert_memory_equal(frame, expected, sizeof expected - 1);
}

/* An ACCEPT with these fields. */
static int
accept_with(const char *fields, size_t bytes, bool *fits)
{
	uint8_t frame[64];
	fstrm_control_type control;
	frames_length(frame, 0);
	frames_length(frame + 4, 4 + bytes);
	frames_length(frame + 8, FSTRM_CONTROL_ACCEPT);
	memcpy(frame + 12, fields, bytes);
	return frames_read(frame, 12 + bytes, &control, fits);
}

static void
who_takes_something_else_does_not_fit(void **state)
{
	bool fits;
	(void)state;
	assert_int_equal(accept_with("\0\0\0\1\0\0\0\2ab", 10, &fits), 22);
	assert_false(fits);
	/* one that says nothing takes all */
	assert_int_equal(accept_with("", 0, &fits), 12);
	assert_true(fits);
	/* one of several is enough */
	static const char several[] = "\0\0\0\1\0\0\0\2ab\0\0\0\1\0\0\0\x16protobuf:dnstap.Dnstap";
	assert_int_equal(accept_with(several, sizeof several - 1, &fits), 12 + sizeof several - 1);
	assert_true(fits);
}

static void
fields_that_make_no_sense_are_refused(void **state)
{
	bool fits;
	(void)state;
	/* there is no such field */
	assert_int_equal(accept_with("\0\0\0\2\0\0\0\2ab", 10, &fits), -1);
	/* longer than the frame */
	assert_int_equal(accept_with("\0\0\0\1\0\0\0\3ab", 10, &fits), -1);
	assert_int_equal(accept_with("\0\0\0", 3, &fits), -1);
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
	fstrm_control_type control;
	bool fits;
	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
		assert_int_equal(frames_read((const uint8_t *)frames[i], 12, &control, &fits), -1);
}

enum { WHOLE = 42 + 104 + 204 };

/* START and two frames: WHOLE bytes. */
static size_t
stream(uint8_t *out)
{
	size_t bytes = frames_write(FSTRM_CONTROL_START, out);
	for (unsigned i = 1; i <= 2; i++) {
		frames_length(out + bytes, 100 * i);
		memset(out + bytes + 4, (int)i, 100 * i);
		bytes += 4 + 100 * i;
	}
	return bytes;
}

static uint64_t
end_of(const uint8_t *bytes, size_t count, size_t step)
{
	struct frames_walk walk = {0};
	for (size_t at = 0; at < count; at += step)
		if (!frames_walk(&walk, bytes + at, count - at < step ? count - at : step))
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
	size_t stop = frames_write(FSTRM_CONTROL_STOP, bytes + WHOLE);
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
	        cmocka_unit_test(fields_that_make_no_sense_are_refused),
	        cmocka_unit_test(what_is_no_control_frame),
	        cmocka_unit_test(a_stream_ends_behind_its_last_whole_frame),
	        cmocka_unit_test(a_stop_is_not_counted_in),
	        cmocka_unit_test(behind_nonsense_nothing_is_believed),
	};
	return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
