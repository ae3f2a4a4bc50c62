/*
 * Back-off, silences, latency, idle time and the budget of handshakes of an upstream address, with the time
 * as an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/health.h"

#include <stdlib.h>
#include <string.h>

static struct health *h;
static struct health_view view;

static const struct health_identity identity = {.key = 77, .name = "quad9", .address = "9.9.9.9@853"};

static int
start(void **state)
{
	(void)state;
	h = health_open(NULL, &identity, 1);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	health_close(h);
	return 0;
}

static const struct health_view *
known(uint64_t now_ms)
{
	health_read(h, &view, now_ms);
	return &view;
}

static enum health_news
failed(uint64_t now_ms)
{
	return health_failed(h, HEALTH_CONNECT, "refused", now_ms, 0);
}

static void
back_off_doubles_to_a_minute(void **state)
{
	static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
	uint64_t now = 1000000;
	(void)state;
	assert_int_equal(health_state(h, 0), HEALTH_WELL);
	for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		assert_int_equal(failed(now), i == 0 ? HEALTH_IS_DOWN : HEALTH_STAYS_BAD);
		assert_int_equal(health_backoff_until_ms(h) - now, waits[i]);
		assert_int_equal(known(now)->failures, i + 1);
		assert_int_equal(health_state(h, now + waits[i] - 1), HEALTH_BACKED_OFF);
		assert_int_equal(health_state(h, now + waits[i]), HEALTH_DUE);
		now += waits[i];
	}
	for (unsigned i = 0; i < 1000; i++, now += 60000)
		failed(now);
	assert_int_equal(known(now)->failures, 255);
	assert_int_equal(health_backoff_until_ms(h), now);
}

/* What fails while all know already that it is down, fails for the same reason. */
static void
failures_at_once_are_one(void **state)
{
	(void)state;
	assert_int_equal(failed(5000), HEALTH_IS_DOWN);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(failed(5000 + i), HEALTH_NO_NEWS);
	assert_int_equal(health_backoff_until_ms(h), 6000);
	assert_int_equal(known(5500)->failures, 1);
	assert_int_equal(view.failed[HEALTH_CONNECT], 1001);
	assert_int_equal(view.backoff_left_ms, 500);
	assert_string_equal(view.why, "refused");
}

static void
chance_takes_off_up_to_a_quarter(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;
	(void)state;
	for (uint32_t random = 0; random < 5000; random++) {
		struct health *other = health_open(NULL, &identity, 1);
		health_failed(other, HEALTH_CONNECT, "", 100000, random * 2654435761u);
		uint64_t wait = health_backoff_until_ms(other) - 100000;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
		health_close(other);
	}
	assert_in_range(least, 750, 755);
	assert_in_range(most, 995, 1000);
}

static void
silences_in_a_row_make_a_failure(void **state)
{
	(void)state;
	for (int i = 1; i < HEALTH_SILENCES; i++) {
		assert_int_equal(health_silent(h, "", 100, 0), HEALTH_NO_NEWS);
		assert_int_equal(health_state(h, 100), HEALTH_WELL);
		assert_false(known(100)->down);
	}
	assert_int_equal(health_silent(h, "no answer", 100, 0), HEALTH_IS_DOWN);
	assert_true(known(100)->down);
	assert_int_equal(view.failures, 1);
	assert_int_equal(health_backoff_until_ms(h), 1100);
	/* For one that is not well the first is enough. */
	assert_int_equal(health_silent(h, "no answer", 2000, 0), HEALTH_STAYS_BAD);
	assert_int_equal(known(2000)->failures, 2);
	assert_int_equal(view.failed[HEALTH_SILENCE], HEALTH_SILENCES + 1);
}

static void
an_answer_ends_the_row(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		health_silent(h, "", 100, 0);
		health_silent(h, "", 100, 0);
		assert_int_equal(health_answered(h, 1000, false, 100), HEALTH_NO_NEWS);
	}
	assert_false(known(100)->down);
}

static void
coming_up_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(failed(100), HEALTH_IS_DOWN);
	assert_int_equal(failed(1200), HEALTH_STAYS_BAD);
	assert_int_equal(health_answered(h, 1000, false, 1300), HEALTH_IS_UP);
	assert_int_equal(health_answered(h, 1000, false, 1300), HEALTH_NO_NEWS);
	assert_int_equal(health_state(h, 1300), HEALTH_WELL);
	assert_int_equal(known(1300)->failures, 0);
	assert_int_equal(failed(1400), HEALTH_IS_DOWN);
	assert_int_equal(health_backoff_until_ms(h), 2400);
}

/* What was asked before it broke says nothing about now; after silence every sign of life counts. */
static void
old_answers_do_not_lift_it(void **state)
{
	(void)state;
	failed(10000);
	assert_int_equal(health_answered(h, 500000, false, 10400), HEALTH_NO_NEWS);
	assert_int_equal(health_state(h, 10400), HEALTH_BACKED_OFF);
	assert_int_equal(health_answered(h, 300000, false, 10400), HEALTH_IS_UP);
	for (int i = 0; i < HEALTH_SILENCES; i++)
		health_silent(h, "", 20000, 0);
	assert_int_equal(health_answered(h, 3000000, false, 20100), HEALTH_IS_UP);
}

static void
refusing_what_others_answer(void **state)
{
	(void)state;
	for (int i = 1; i < HEALTH_REFUSALS; i++)
		assert_int_equal(health_contradicted(h, "refuses", 100, 0), HEALTH_NO_NEWS);
	assert_int_equal(health_answered(h, 1, false, 100), HEALTH_NO_NEWS);
	for (int i = 1; i < HEALTH_REFUSALS; i++) {
		assert_int_equal(health_answered(h, 1, true, 100), HEALTH_NO_NEWS);
		assert_int_equal(health_contradicted(h, "refuses", 100, 0), HEALTH_NO_NEWS);
	}
	assert_false(health_is_refusing(h));
	assert_int_equal(health_contradicted(h, "refuses", 100, 0), HEALTH_IS_DOWN);
	assert_true(health_is_refusing(h));
	assert_string_equal(known(100)->why, "refuses");
	/* That it lives was known. */
	assert_int_equal(health_answered(h, 1, true, 5000), HEALTH_NO_NEWS);
	assert_int_equal(health_state(h, 5000), HEALTH_DUE);
	assert_int_equal(health_answered(h, 1, false, 5000), HEALTH_IS_UP);
	assert_false(health_is_refusing(h));
}

static void
latency_is_smoothed(void **state)
{
	(void)state;
	assert_int_equal(health_latency_us(h), 0);
	health_answered(h, 8000, false, 1);
	assert_int_equal(health_latency_us(h), 8000);
	health_answered(h, 16000, false, 1);
	assert_int_equal(health_latency_us(h), 9000);
	health_answered(h, 0, false, 1); /* not measured */
	assert_int_equal(health_latency_us(h), 9000);
	for (int i = 0; i < 100; i++)
		health_answered(h, 1000, false, 1);
	assert_in_range(health_latency_us(h), 1000, 1010);
	for (int i = 0; i < 200; i++)
		health_answered(h, UINT32_MAX, false, 1);
	assert_true(health_latency_us(h) > UINT32_MAX / 2);
	assert_int_equal(known(1)->answers, 303);
}

/* Within the width of a step: a quarter of an octave. */
static void
slow_is_what_95_of_100_stay_below(void **state)
{
	(void)state;
	srand(5);
	assert_int_equal(health_slow_us(h), 0);
	for (int i = 0; i < 3000; i++)
		health_answered(h, 1 + (uint32_t)rand() % 100000, false, 1);
	assert_in_range(health_slow_us(h), 85000, 120000);
	/* One in fifty is slow: does not count yet. One in ten does. */
	for (int i = 0; i < 3000; i++)
		health_answered(h, i % 50 == 0 ? 900000 : 10000, false, 1);
	assert_in_range(health_slow_us(h), 10000, 12500);
	for (int i = 0; i < 3000; i++)
		health_answered(h, i % 10 == 0 ? 900000 : 10000, false, 1);
	assert_in_range(health_slow_us(h), 900000, 1130000);
	for (int i = 0; i < 100; i++)
		health_answered(h, i % 2 ? 1 : UINT32_MAX, false, 1);
	assert_true(health_slow_us(h) > 30000000);
}

static void
idle_time_is_learned(void **state)
{
	(void)state;
	assert_int_equal(health_idle_ms(h), 9500);
	assert_false(known(1)->idle_learned);
	health_idle_closed(h, 10000);
	assert_int_equal(health_idle_ms(h), 9500);
	assert_true(known(1)->idle_learned);
	health_idle_closed(h, 6000);
	assert_int_equal(health_idle_ms(h), 5700);
	health_idle_closed(h, UINT32_MAX);
	assert_int_equal(health_idle_ms(h), 60000);
}

/* A restart of the server is not its idle time; one that closes early again and again means it. */
static void
one_early_close_is_none(void **state)
{
	(void)state;
	health_idle_closed(h, 30);
	assert_int_equal(health_idle_ms(h), 9500);
	health_idle_closed(h, 1500);
	assert_int_equal(health_idle_ms(h), 9500);
	health_idle_closed(h, 1510);
	assert_int_equal(health_idle_ms(h), 1434);
	health_idle_closed(h, 0);
	assert_int_equal(health_idle_ms(h), 1434);
	health_idle_closed(h, 3);
	assert_int_equal(health_idle_ms(h), 100);
}

static void
idle_time_grows_while_nobody_closes(void **state)
{
	(void)state;
	health_idle_outlived(h);
	assert_int_equal(health_idle_ms(h), 11875);
	for (int i = 0; i < 30; i++)
		health_idle_outlived(h);
	assert_int_equal(health_idle_ms(h), 60000);
	/* Once it was seen to close, only carefully. */
	health_idle_closed(h, 10000);
	health_idle_outlived(h);
	assert_in_range(health_idle_ms(h), 9501, 10100);
}

static void
keepalive_is_the_servers_word(void **state)
{
	(void)state;
	health_told_keepalive(h, 30000);
	assert_int_equal(health_idle_ms(h), 28500);
	assert_int_equal(known(1)->keepalive_ms, 30000);
	assert_int_equal(view.features, HEALTH_KEEPALIVE);
	health_told_keepalive(h, 6553500);
	assert_int_equal(health_idle_ms(h), 60000);
	health_told_keepalive(h, 0);
	assert_int_equal(health_idle_ms(h), 100);
	/* One who closes earlier than he says is not believed. */
	health_told_keepalive(h, 30000);
	health_idle_outlived(h);
	health_idle_closed(h, 2000);
	assert_int_equal(health_idle_ms(h), 28500);
	health_idle_closed(h, 2000);
	assert_int_equal(health_idle_ms(h), 1900);
}

static void
one_probe_at_a_time(void **state)
{
	(void)state;
	assert_false(health_claim_probe(h, 100, 5000));
	failed(100);
	assert_false(health_claim_probe(h, 1099, 5000));
	assert_true(health_claim_probe(h, 1100, 5000));
	assert_int_equal(health_state(h, 1100), HEALTH_PROBED);
	assert_false(health_claim_probe(h, 6099, 5000));
	/* Whoever had it is gone without a word. */
	assert_int_equal(health_state(h, 6100), HEALTH_DUE);
	assert_true(health_claim_probe(h, 6100, 5000));
	assert_int_equal(failed(6200), HEALTH_STAYS_BAD);
	assert_false(health_claim_probe(h, 6300, 5000));
	assert_true(health_claim_probe(h, 8200, 5000));
	assert_int_equal(health_answered(h, 1, false, 8300), HEALTH_IS_UP);
	assert_int_equal(health_state(h, 8300), HEALTH_WELL);
}

static void
handshakes_have_a_budget(void **state)
{
	unsigned allowed = 0;
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		allowed += health_may_shake(h, 1000000);
	assert_int_equal(allowed, HEALTH_HANDSHAKES_BURST);
	allowed = 0;
	for (uint64_t now = 1000001; now <= 1010000; now++)
		allowed += health_may_shake(h, now);
	assert_int_equal(allowed, 10 * HEALTH_HANDSHAKES_PER_S);
	/* A quiet hour saves up no more than the burst. */
	allowed = 0;
	for (unsigned i = 0; i < 100; i++)
		allowed += health_may_shake(h, 5000000);
	assert_int_equal(allowed, HEALTH_HANDSHAKES_BURST);
}

/* For an hour; nothing else changes. */
static void
stumbling_over_early_data(void **state)
{
	(void)state;
	assert_true(health_may_early(h, 1000));
	health_early_failed(h, 1000);
	assert_false(health_may_early(h, 1000));
	assert_int_equal(health_state(h, 1000), HEALTH_WELL);
	assert_false(health_may_early(h, 1000 + HEALTH_EARLY_REST_MS - 1));
	assert_true(health_may_early(h, 1000 + HEALTH_EARLY_REST_MS));
}

static void
tells_all_it_knows(void **state)
{
	(void)state;
	health_shaken(h, false, "TLS1.3", 20000);
	health_shaken(h, true, "TLS1.3", 20000);
	health_shaken(h, true, "TLS1.2", 20000);
	health_seen(h, HEALTH_OUT_OF_ORDER);
	health_gauge(h, 2, 7);
	failed(500);
	assert_string_equal(known(700)->name, "quad9");
	assert_string_equal(view.address, "9.9.9.9@853");
	assert_int_equal(view.handshakes_full, 1);
	assert_int_equal(view.handshakes_resumed, 2);
	assert_int_equal(view.handshake_us, 20000);
	assert_string_equal(view.tls_version, "TLS1.2");
	assert_int_equal(view.features, HEALTH_OUT_OF_ORDER | HEALTH_RESUMPTION);
	assert_int_equal(view.connections, 2);
	assert_int_equal(view.in_flight, 7);
	assert_int_equal(view.failed_ago_ms, 200);
	assert_int_equal(view.state, HEALTH_BACKED_OFF);
	assert_string_equal(health_state_text(view.state), "backed off");
	assert_string_equal(health_cause_text(HEALTH_VERIFY), "verify");
}

static void
long_texts_are_cut(void **state)
{
	char text[1000];
	(void)state;
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	health_failed(h, HEALTH_RESET, text, 100, 0);
	assert_int_equal(strlen(known(100)->why), HEALTH_WHY_BYTES - 1);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(back_off_doubles_to_a_minute),
	        STARTED(failures_at_once_are_one),
	        STARTED(chance_takes_off_up_to_a_quarter),
	        STARTED(silences_in_a_row_make_a_failure),
	        STARTED(an_answer_ends_the_row),
	        STARTED(coming_up_is_told_once),
	        STARTED(old_answers_do_not_lift_it),
	        STARTED(refusing_what_others_answer),
	        STARTED(latency_is_smoothed),
	        STARTED(slow_is_what_95_of_100_stay_below),
	        STARTED(idle_time_is_learned),
	        STARTED(one_early_close_is_none),
	        STARTED(idle_time_grows_while_nobody_closes),
	        STARTED(keepalive_is_the_servers_word),
	        STARTED(one_probe_at_a_time),
	        STARTED(handshakes_have_a_budget),
	        STARTED(stumbling_over_early_data),
	        STARTED(tells_all_it_knows),
	        STARTED(long_texts_are_cut),
	};
	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
