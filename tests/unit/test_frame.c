/*
 * The picture of the live view: what is per second, what fits, and what is worth a worry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "console/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct snapshot before, now;
static struct frame frame;

static void
add_worker(struct snapshot *s, unsigned slot, double cpu_s)
{
	struct snapshot_worker *w = &s->workers[s->worker_count++];
	*w = (struct snapshot_worker){.slot = slot, .pid = 100 + slot, .uptime_s = 65, .cpu_s = cpu_s};
	w->memory_bytes = 3 << 20;
	strcpy(w->state, "serving");
}

static void
add_upstream(struct snapshot *s, const char *state, uint64_t asked)
{
	struct snapshot_upstream *u = &s->upstreams[s->upstream_count++];
	*u = (struct snapshot_upstream){.latency_ms = 12.3, .asked = asked};
	snprintf(u->address, sizeof u->address, "192.0.2.%zu", s->upstream_count);
	strcpy(u->name, "one");
	strcpy(u->state, state);
	if (strcmp(state, "down") == 0)
		strcpy(u->why, "Connection refused");
}

static int
begin(void **state)
{
	(void)state;
	before = now = (struct snapshot){.ready = true};
	strcpy(now.version, "1.2.3");
	strcpy(now.state, "serving");
	before.now_s = 1000;
	now.now_s = 1002;
	now.uptime_s = 3 * 86400 + 4 * 3600;
	now.generation = 7;
	frame = (struct frame){.columns = 80, .rows = 24};
	return 0;
}

/* The line with these words, or NULL. */
static const struct frame_line *
line_with(const char *words)
{
	for (unsigned i = 0; i < frame.count; i++)
		if (strstr(frame.lines[i].text, words) != NULL)
			return &frame.lines[i];
	return NULL;
}

static void
assert_line(const char *words, enum frame_style style)
{
	const struct frame_line *line = line_with(words);
	if (line == NULL)
		for (unsigned i = 0; i < frame.count; i++)
			print_message("# %s\n", frame.lines[i].text);
	assert_non_null(line);
	assert_int_equal(line->style, style);
}

static void
rates_are_between_two_looks(void **state)
{
	(void)state;
	before.counters.queries = 1000000;
	now.counters.queries = 1025000;
	now.counters.cache_hits = 90;
	now.counters.cache_misses = 10;
	frame_compose(&frame, &before, &now);
	assert_line("dotward 1.2.3  serving  up 3d04h  generation 7", FRAME_STRONG);
	assert_line("queries    12.5k/s   hits  90.0 %", FRAME_PLAIN);
	assert_line("1.0M in all", FRAME_PLAIN);
}

static void
the_first_look_has_no_rates(void **state)
{
	(void)state;
	now.counters.queries = 5;
	frame_compose(&frame, NULL, &now);
	assert_line("queries        0/s", FRAME_PLAIN);
	assert_line("5 in all", FRAME_PLAIN);
}

/* Another dotward, or counters that somebody else keeps: never a rate of 2^64. */
static void
counters_that_went_back_are_no_rate(void **state)
{
	(void)state;
	before.counters.queries = before.counters.cache_hits = 1000;
	now.counters.queries = 10;
	frame_compose(&frame, &before, &now);
	assert_line("queries        0/s   hits   0.0 %", FRAME_PLAIN);
}

static void
quantiles_come_from_what_grew(void **state)
{
	(void)state;
	const double bounds[] = {0.0001, 0.001, 0.01};
	before.hit.buckets = before.miss.buckets = now.hit.buckets = now.miss.buckets = 4;
	for (size_t i = 0; i < 4; i++) {
		before.hit.bucket[i].le_s = now.hit.bucket[i].le_s = i < 3 ? bounds[i] : 0;
		before.hit.bucket[i].count = 1000; /* all of old were quick */
		now.hit.bucket[i].count = 1000 + 90;
		now.miss.bucket[i].count = i < 2 ? 0 : 10;
	}
	frame_compose(&frame, &before, &now);
	assert_line("p50 0.1 ms    p99 10 ms", FRAME_PLAIN);
}

static void
without_answers_there_are_no_quantiles(void **state)
{
	(void)state;
	frame_compose(&frame, &before, &now);
	assert_line("p50 -         p99 -", FRAME_PLAIN);
}

static void
what_is_wrong_is_marked(void **state)
{
	(void)state;
	now.ready = false;
	now.counters.servfail = 4;
	add_upstream(&before, "up", 0);
	add_upstream(&now, "down", 20);
	add_worker(&now, 0, 0);
	strcpy(now.workers[0].state, "down");
	strcpy(now.workers[0].last_death, "signal=11 (Segmentation fault)");
	frame_compose(&frame, &before, &now);
	assert_line("serving, no upstream answers", FRAME_WORRY);
	assert_line("servfail     2.0/s", FRAME_WORRY);
	assert_line("one      192.0.2.1 down     12.3 ms      10        0  Connection refused", FRAME_WORRY);
	assert_line("signal=11 (Segment", FRAME_WORRY);
}

static void
a_worker_is_known_by_its_process(void **state)
{
	(void)state;
	add_worker(&before, 0, 10);
	add_worker(&now, 0, 11);
	add_worker(&now, 1, 50);
	frame_compose(&frame, &before, &now);
	assert_line("     0      100  serving      1m05s  50.0 %     3.0M       0", FRAME_PLAIN);
	/* born since: what it used until now is no rate */
	assert_line("     1      101  serving      1m05s   0.0 %", FRAME_PLAIN);
}

static void
the_cache_has_a_bar(void **state)
{
	(void)state;
	frame_compose(&frame, &before, &now);
	assert_line("cache    off", FRAME_PLAIN);
	now.cache.size_bytes = 32 << 20;
	now.cache.used_bytes = 8 << 20;
	now.cache.entries = 120345;
	frame_compose(&frame, &before, &now);
	assert_line("cache    [#####...............] 25 % of 32.0M, 120.3k answers", FRAME_PLAIN);
}

/* However many there are and however small the screen: never more lines than it has, none wider. */
static void
it_fits_every_screen(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		add_worker(&now, i, 0);
		add_upstream(&now, i % 2 ? "up" : "down", i);
	}
	for (unsigned i = 0; i < 5; i++)
		snprintf(now.lists[now.list_count++].file, 32, "/list-%u", i);
	for (frame.rows = 1; frame.rows < 120; frame.rows++)
		for (frame.columns = 1; frame.columns < 200; frame.columns += 13) {
			frame_compose(&frame, &before, &now);
			frame_say(&frame, FRAME_FAINT, "q ends");
			assert_in_range(frame.count, 1, frame.rows);
			for (unsigned i = 0; i < frame.count; i++)
				assert_true(strlen(frame.lines[i].text) <= frame.columns);
			assert_memory_equal(frame.lines[frame.count - 1].text, "q ends",
			        frame.columns < 6 ? frame.columns : 6);
		}
	frame = (struct frame){.columns = 200, .rows = 24};
	frame_compose(&frame, &before, &now);
	assert_line("34 more", FRAME_FAINT);
	frame.rows = 0;
	frame_compose(&frame, &before, &now);
	assert_line("/list-4", FRAME_PLAIN);
	assert_null(line_with("more"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(rates_are_between_two_looks, begin),
	        cmocka_unit_test_setup(the_first_look_has_no_rates, begin),
	        cmocka_unit_test_setup(counters_that_went_back_are_no_rate, begin),
	        cmocka_unit_test_setup(quantiles_come_from_what_grew, begin),
	        cmocka_unit_test_setup(without_answers_there_are_no_quantiles, begin),
	        cmocka_unit_test_setup(what_is_wrong_is_marked, begin),
	        cmocka_unit_test_setup(a_worker_is_known_by_its_process, begin),
	        cmocka_unit_test_setup(the_cache_has_a_bar, begin),
	        cmocka_unit_test_setup(it_fits_every_screen, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
