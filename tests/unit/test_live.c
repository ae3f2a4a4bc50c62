/*
 * check-live against small servers on the same loop: the verdict on each kind, what it finds out, and that
 * none who is not verified is asked anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/live.h"
#include "worlds.h"

static const struct live_question plain = {.name = "example"};
static struct live *live;

/* --- servers with manners of their own --------------------------------------------------------------------
 */

static bool
is_slow(const uint8_t *msg)
{
	return msg[WIRE_HEADER_BYTES] > 14 && memcmp(msg + WIRE_HEADER_BYTES + 1, "dotward-check-", 14) == 0;
}

/* Answers the hard question after four others that came later. */
static void
answers_hard_ones_last(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	struct world_server *s = dot->arg;
	if (is_slow(msg)) {
		s->held[0] = (struct world_held){.conn = c, .bytes = bytes};
		memcpy(s->held[0].msg, msg, bytes);
		s->held_count = 1;
		s->asked = 0;
		return;
	}
	world_reply(s, c, msg, WIRE_RCODE_NOERROR);
	if (++s->asked == 4 && s->held_count == 1)
		world_release(s, 0);
}

/* The hard question stays without an answer. */
static void
forgets_hard_ones(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	(void)bytes;
	if (!is_slow(msg))
		world_reply(dot->arg, c, msg, WIRE_RCODE_NOERROR);
}

static void
pads(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	static const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 7, 0, 12, 0, 3, 0, 0, 0};
	uint8_t out[1280];
	(void)dot;
	(void)bytes;
	size_t end = world_answer(out, msg, WIRE_RCODE_NXDOMAIN, -1);
	out[11] = 1;
	memcpy(out + end, opt, sizeof opt);
	dot_send(c, out, end + sizeof opt);
}

static void
hangs_up_after_an_answer(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	(void)bytes;
	world_reply(dot->arg, c, msg, WIRE_RCODE_NOERROR);
	dot_close(c, DOT_BYE);
}

static void
show(unsigned server, const struct cert *cert)
{
	gnutls_certificate_free_credentials(world.servers[server].dot.shown);
	world.servers[server].dot.shown = cert_credentials(cert);
}

/* --- runs ------------------------------------------------------------------------------------------------
 */

static const struct live_finding *
run(void)
{
	live = live_new(world.loop, &world.config, world.tls, &plain);
	const struct live_report *report = live_run(live);
	assert_int_equal(report->count, world.count);
	assert_string_equal(report->question, "example. A");
	return report->findings;
}

static void
done(void)
{
	live_free(live);
	world_close();
}

static void
a_good_one(void **state)
{
	(void)state;
	world_open(1);
	world.servers[0].keepalive = 70;
	const struct live_finding *f = run();
	assert_int_equal(f->state, LIVE_GOOD);
	assert_string_equal(f->why, "");
	assert_string_equal(f->facts.version, "TLS1.3");
	assert_string_equal(f->facts.names, CERTS_NAME);
	assert_true(f->facts.owner);
	assert_int_equal(f->resumed, LIVE_YES);
	assert_int_equal(f->out_of_order, LIVE_NO);
	assert_int_equal(f->burst_answered, 5);
	assert_int_equal(f->answers, 3);
	assert_int_equal(f->connect.count, 4);
	assert_int_equal(f->handshake.count, 3);
	assert_int_equal(f->answer.count, 6);
	assert_true(f->keepalive && f->keepalive_ms == 7000);
	assert_false(f->padding || f->closes_early || f->lost > 0);
	assert_int_equal(world.servers[0].dot.shaken, 4);
	done();
}

static void
tls_12_is_resumed_too(void **state)
{
	(void)state;
	world_open(1);
	world.servers[0].dot.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
	const struct live_finding *f = run();
	assert_int_equal(f->state, LIVE_GOOD);
	assert_string_equal(f->facts.version, "TLS1.2");
	assert_int_equal(f->resumed, LIVE_YES);
	done();
}

static void
a_quick_answer_may_overtake(void **state)
{
	(void)state;
	world_open(1);
	world.servers[0].dot.message = answers_hard_ones_last;
	const struct live_finding *f = run();
	assert_int_equal(f->state, LIVE_GOOD);
	assert_int_equal(f->out_of_order, LIVE_YES);
	assert_int_equal(f->burst_answered, 5);
	done();
}

static void
a_burst_may_stay_unfinished(void **state)
{
	(void)state;
	world_open(1);
	world.config.forward.timeout_ms = 300;
	world.servers[0].dot.message = forgets_hard_ones;
	const struct live_finding *f = run();
	assert_int_equal(f->state, LIVE_GOOD);
	assert_int_equal(f->burst_answered, 4);
	assert_int_equal(f->out_of_order, LIVE_UNKNOWN);
	assert_int_equal(f->connect.count, 4);
	done();
}

static void
padding_is_seen_and_nxdomain_is_an_answer(void **state)
{
	(void)state;
	world_open(1);
	world.servers[0].dot.message = pads;
	const struct live_finding *f = run();
	assert_int_equal(f->state, LIVE_GOOD);
	assert_int_equal(f->rcode, WIRE_RCODE_NXDOMAIN);
	assert_true(f->padding);
	done();
}

static void
one_that_closes_early_is_good(void **state)
{
	(void)state;
	world_open(1);
	world.servers[0].dot.message = hangs_up_after_an_answer;
	const struct live_finding *f = run();
	assert_int_equal(f->state, LIVE_GOOD);
	assert_true(f->closes_early);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->lost, 0);
	done();
}

/* All at the same time: none waits for another, and each has its verdict. */
static void
verdicts(void **state)
{
	(void)state;
	world_open(4);
	world.config.forward.timeout_ms = world.config.forward.handshake_timeout_ms = 400;
	world.servers[0].manner = REFUSES;
	world.servers[1].manner = HOLDS;
	world.servers[2].dot.deaf = true;
	dot_stop_listening(&world.servers[3].dot);
	const struct live_finding *f = run();
	assert_int_equal(f[0].state, LIVE_REFUSING);
	assert_string_equal(f[0].why, "it answers REFUSED");
	assert_int_equal(f[1].state, LIVE_SILENT);
	assert_string_equal(f[1].why, "no answer within 400 ms");
	assert_int_equal(f[2].state, LIVE_NO_TLS);
	assert_string_equal(f[2].why, "no TLS handshake within 400 ms");
	assert_int_equal(f[3].state, LIVE_UNREACHABLE);
	assert_string_equal(f[3].why, "Connection refused");
	done();
}

static void
one_that_babbles_is_silent(void **state)
{
	(void)state;
	static const enum world_manner manners[] = {BABBLES, ANSWERS_ANOTHER, ANSWERS_SHORT};
	world_open(3);
	world.config.forward.timeout_ms = 300;
	for (unsigned i = 0; i < 3; i++)
		world.servers[i].manner = manners[i];
	const struct live_finding *f = run();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(f[i].state, LIVE_SILENT);
	done();
}

static void
one_that_breaks_off_is_silent(void **state)
{
	(void)state;
	world_open(2);
	world.servers[0].manner = HANGS_UP;
	world.servers[1].manner = RESETS;
	const struct live_finding *f = run();
	assert_int_equal(f[0].state, LIVE_SILENT);
	assert_int_equal(f[1].state, LIVE_SILENT);
	assert_true(f[0].facts.owner);
	done();
}

static void
the_unverified_are_asked_nothing(void **state)
{
	(void)state;
	const struct cert *bad[] = {&certs.expired, &certs.early, &certs.selfsigned, &certs.many};
	uint8_t pin[CONFIG_PIN_BYTES];
	world_open(4);
	for (unsigned i = 0; i < 4; i++)
		show(i, bad[i]);
	const struct live_finding *f = run();
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(f[i].state, LIVE_UNVERIFIED);
		assert_string_not_equal(f[i].why, "");
		assert_int_equal(world.servers[i].asked, 0);
		assert_int_equal(world.servers[i].dot.accepted, 1);
		assert_int_equal(f[i].facts.chain_count, 1);
		cert_pin(bad[i], pin);
		assert_memory_equal(f[i].facts.chain[0].pin, pin, sizeof pin);
	}
	assert_true(f[0].facts.owner && f[1].facts.owner && f[2].facts.owner && !f[3].facts.owner);
	assert_true(f[2].facts.self_signed && !f[0].facts.self_signed);
	done();
}

static void
questions_that_are_none(void **state)
{
	(void)state;
	assert_int_equal(live_check_question(&(struct live_question){0}), 0);
	assert_int_equal(
	        live_check_question(&(struct live_question){.name = "a.example", .type = "HTTPS"}), 0);
	assert_int_equal(live_check_question(&(struct live_question){.name = "a..example"}), -EINVAL);
	assert_int_equal(live_check_question(&(struct live_question){.name = ""}), -EINVAL);
	assert_int_equal(live_check_question(&(struct live_question){.name = "a", .type = "NONE"}), -EINVAL);
}

/* Where no label fits before the name, the hard question is the same as the others. */
static void
the_longest_name(void **state)
{
	(void)state;
	char name[NAME_TEXT_BYTES];
	size_t used = 0;
	for (int i = 0; i < 3; i++)
		used += (size_t)snprintf(name + used, sizeof name - used, "%063d.", i);
	snprintf(name + used, sizeof name - used, "%061d", 7);
	const struct live_question question = {.name = name};
	world_open(1);
	live = live_new(world.loop, &world.config, world.tls, &question);
	const struct live_report *report = live_run(live);
	assert_int_equal(report->findings[0].state, LIVE_GOOD);
	assert_int_equal(report->findings[0].burst_answered, 5);
	done();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_good_one),
	        cmocka_unit_test(tls_12_is_resumed_too),
	        cmocka_unit_test(a_quick_answer_may_overtake),
	        cmocka_unit_test(a_burst_may_stay_unfinished),
	        cmocka_unit_test(padding_is_seen_and_nxdomain_is_an_answer),
	        cmocka_unit_test(one_that_closes_early_is_good),
	        cmocka_unit_test(verdicts),
	        cmocka_unit_test(one_that_babbles_is_silent),
	        cmocka_unit_test(one_that_breaks_off_is_silent),
	        cmocka_unit_test(the_unverified_are_asked_nothing),
	        cmocka_unit_test(questions_that_are_none),
	        cmocka_unit_test(the_longest_name),
	};
	return cmocka_run_group_tests(tests, world_begin, world_finish);
}
