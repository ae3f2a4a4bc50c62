/*
 * The master's book of hosts: with a real child and a small DNS-over-TLS server for the asking, and without
 * for what configurations, reports and an upgrade get of it. The server runs in a process of its own, as the
 * test waits as a master does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/hosts.h"

#include "base/clock.h"
#include "dotserver.h"
#include "loading.h"
#include "net/tls.h"

#include <ev.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { LIMIT_MS = 30000, HEADER = 12 };

static const struct sandbox_user stay = {.change = false};
static struct hosts *hosts;
static struct addr server_address;
static pid_t server_pid;
static char ca_path[80];

/* --- the server: 192.0.2.1 for a.example, SERVFAIL for all else
 * ------------------------------------------------
 */

static void
answer(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	static const uint8_t record[] = {0xc0, HEADER, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};
	uint8_t out[600];
	size_t end = HEADER;
	(void)dot;
	(void)bytes;
	while (msg[end] != 0)
		end += 1u + msg[end];
	end += 5;
	memcpy(out, msg, end);
	memset(out + 6, 0, 6);
	bool known = msg[HEADER + 1] == 'a';
	out[2] |= 0x80;
	out[3] = (uint8_t)(0x80 | (known ? 0 : 2));
	if (known && msg[end - 3] == 1) {
		out[7] = 1;
		memcpy(out + end, record, sizeof record);
		end += sizeof record;
	}
	dot_send(c, out, end);
}

static int
begin_all(void **state)
{
	static struct dot_server dot;
	if (loading_begin(state) < 0)
		return -1;
	log_set_level(LOG_LEVEL_ERROR);
	certs_make();
	snprintf(ca_path, sizeof ca_path, "%s/ca.pem", loading_folder);
	cert_write(&certs.authority, ca_path);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	dot_begin(&dot, loop, &certs.good, answer);
	server_address = dot.address;
	server_pid = fork();
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ev_loop_fork(loop);
		ev_run(loop, 0);
		_exit(0);
	}
	dot_end(&dot);
	ev_loop_destroy(loop);
	return server_pid > 0 ? 0 : -1;
}

static int
end_all(void **state)
{
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
	certs_free();
	unlink(ca_path);
	return loading_end(state);
}

/* --- the book --------------------------------------------------------------------------------------------
 */

static void
leave(void *arg)
{
	(void)arg;
}

static void
open_book(const char *inherited)
{
	const struct hosts_setup setup = {.inherited = inherited, .leave_master = leave};
	hosts = hosts_new(&setup);
}

static int
close_book(void **state)
{
	(void)state;
	hosts_free(hosts);
	hosts = NULL;
	return 0;
}

/* An upstream "u" for each host, one word each, with this bootstrap server. */
static struct config *
with_hosts(const char *const *names, const char *bootstrap)
{
	char text[4000];
	size_t used = (size_t)snprintf(text, sizeof text, "upstreams = ( ");
	for (size_t i = 0; names[i] != NULL; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
		        "%s{ name = \"u%zu\"; host = \"%s\"; ca_file = \"%s\"; bootstrap = [ \"%s\" ]; }",
		        i > 0 ? ", " : "", i, names[i], ca_path, bootstrap);
	snprintf(text + used, sizeof text - used, " ); sandbox = false;");
	return loading_good(text);
}
#define HOSTS(bootstrap, ...) with_hosts((const char *const[]){__VA_ARGS__, NULL}, bootstrap)

static const char *
right(void)
{
	static char text[ADDR_TEXT_BYTES + 40];
	char address[ADDR_TEXT_BYTES];
	snprintf(text, sizeof text, "%s#%s", addr_text(&server_address, address), CERTS_NAME);
	return text;
}

/* Children of tests before this one are nobody's business. */
static bool
bury(int options)
{
	int status;
	pid_t pid = waitpid(-1, &status, options);
	return pid > 0 && hosts_bury(hosts, pid, status, clock_now_ms());
}

/* As the master's loop does it, until the child has ended. */
static void
settle(void)
{
	uint64_t until_ms = clock_now_ms() + LIMIT_MS;
	hosts_tend(hosts, clock_now_ms());
	while (!bury(WNOHANG)) {
		struct pollfd fd;
		hosts_poll(hosts, &fd);
		assert_true(clock_now_ms() < until_ms);
		poll(&fd, 1, 20);
		hosts_tend(hosts, clock_now_ms());
	}
	assert_false(hosts_are_awaited(hosts));
}

static void
expect(struct config *config, size_t upstream, const char *address)
{
	char text[ADDR_TEXT_BYTES];
	hosts_apply(hosts, config);
	const struct config_upstream *u = &config->upstreams[upstream];
	if (address == NULL) {
		assert_int_equal(u->address_count, 0);
		return;
	}
	assert_int_equal(u->address_count, 1);
	assert_string_equal(addr_text(&u->addresses[0], text), address);
}

static char *
printed(bool json)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	struct json j = {.out = out};
	if (json) {
		json_object(&j, NULL);
		hosts_print_json(hosts, clock_now_ms(), &j);
		json_end(&j);
	} else {
		hosts_print(hosts, clock_now_ms(), out);
	}
	fclose(out);
	return text;
}

static void
prints(bool json, const char *part)
{
	char *text = printed(json);
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text);
	free(text);
}

/* --- tests -----------------------------------------------------------------------------------------------
 */

static void
a_host_is_looked_up(void **state)
{
	(void)state;
	struct config *config = HOSTS(right(), "a.example");
	open_book(NULL);
	expect(config, 0, NULL);
	assert_false(hosts_are_awaited(hosts));
	hosts_serve(hosts, config, &stay);
	assert_true(hosts_are_awaited(hosts));
	assert_int_equal(hosts_version(hosts), 0);
	settle();
	assert_int_equal(hosts_version(hosts), 1);
	expect(config, 0, "192.0.2.1@853");
	prints(false, "host: u0 a.example: 192.0.2.1; asked for again in ");
	prints(true, "{\"upstream\":\"u0\",\"host\":\"a.example\",\"addresses\":[\"192.0.2.1\"],\"failure\":"
	             "null,");
	uint64_t next_ms = hosts_next_ms(hosts) - clock_now_ms();
	assert_in_range(next_ms, 200000, 300000);
	hosts_hurry(hosts, clock_now_ms());
	assert_in_range(hosts_next_ms(hosts), clock_now_ms(), clock_now_ms() + 1000);
	config_free(config);
}

static void
a_failure_is_told_and_tried_again(void **state)
{
	(void)state;
	struct config *config = HOSTS(right(), "a.example", "b.example");
	open_book(NULL);
	hosts_serve(hosts, config, &stay);
	settle();
	expect(config, 0, "192.0.2.1@853");
	expect(config, 1, NULL);
	prints(false, "problem: u1 b.example: no address is known yet; it cannot be looked up: 127.0.0.1@");
	prints(false, ": it answers SERVFAIL; asked for again in 1s");
	assert_in_range(hosts_next_ms(hosts), clock_now_ms(), clock_now_ms() + 1000);
	config_free(config);
}

static void
who_is_not_verified_is_no_help(void **state)
{
	char bootstrap[ADDR_TEXT_BYTES + 20], address[ADDR_TEXT_BYTES];
	(void)state;
	snprintf(bootstrap, sizeof bootstrap, "%s#other.example", addr_text(&server_address, address));
	struct config *config = HOSTS(bootstrap, "a.example");
	open_book(NULL);
	hosts_serve(hosts, config, &stay);
	settle();
	expect(config, 0, NULL);
	prints(false, "certificate is not for \\034other.example\\034");
	config_free(config);
}

static void
a_child_that_is_killed_is_a_failure(void **state)
{
	char address[ADDR_TEXT_BYTES], bootstrap[ADDR_TEXT_BYTES];
	struct addr deaf = {.in4.sin_family = AF_INET, .in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof deaf;
	struct pollfd fd;
	(void)state;
	/* who listens there never accepts */
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, &deaf.any, addr_bytes(&deaf)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &deaf.any, &bytes), 0);
	snprintf(bootstrap, sizeof bootstrap, "%s", addr_text(&deaf, address));
	struct config *config = HOSTS(bootstrap, "a.example");
	open_book(NULL);
	hosts_serve(hosts, config, &stay);
	hosts_tend(hosts, clock_now_ms());
	hosts_poll(hosts, &fd);
	assert_true(fd.fd >= 0);
	uint64_t limit_ms = hosts_next_ms(hosts);
	assert_true(limit_ms != UINT64_MAX);
	hosts_tend(hosts, limit_ms);
	assert_false(hosts_bury(hosts, getpid(), 0, clock_now_ms()));
	while (!bury(0))
		;
	prints(false, "the process that was to ask died of signal 9");
	close(listener);
	config_free(config);
}

static void
a_reload_keeps_what_is_known(void **state)
{
	(void)state;
	struct config *one = HOSTS(right(), "a.example"), *two = HOSTS(right(), "b.example", "A.Example"),
	              *other = HOSTS("192.0.2.7", "a.example");
	open_book(NULL);
	hosts_serve(hosts, one, &stay);
	settle();
	hosts_serve(hosts, one, &stay);
	assert_false(hosts_are_awaited(hosts));
	assert_true(hosts_next_ms(hosts) > clock_now_ms() + 100000);
	hosts_serve(hosts, two, &stay);
	expect(two, 1, "192.0.2.1@853");
	assert_true(hosts_are_awaited(hosts)); /* b.example */
	hosts_serve(hosts, two, &stay);
	assert_false(hosts_are_awaited(hosts)); /* that was waited for */
	/* asked for elsewhere now: at once, and until then it is as it was */
	hosts_serve(hosts, other, &stay);
	assert_false(hosts_are_awaited(hosts));
	assert_true(hosts_next_ms(hosts) <= clock_now_ms());
	expect(other, 0, "192.0.2.1@853");
	/* one that comes back is known still; one that was away for longer is not */
	struct config *none = loading_good(UPSTREAM);
	hosts_serve(hosts, none, &stay);
	expect(one, 0, "192.0.2.1@853");
	hosts_serve(hosts, none, &stay);
	expect(one, 0, NULL);
	assert_true(hosts_next_ms(hosts) == UINT64_MAX);
	config_free(none);
	config_free(one);
	config_free(two);
	config_free(other);
}

static void
an_upgrade_keeps_what_is_known(void **state)
{
	(void)state;
	struct config *config = HOSTS(right(), "a.example");
	open_book(NULL);
	hosts_serve(hosts, config, &stay);
	settle();
	char *text = hosts_legacy(hosts);
	assert_string_equal(text, "a.example 192.0.2.1\n");
	close_book(NULL);
	open_book(text);
	free(text);
	expect(config, 0, "192.0.2.1@853");
	hosts_serve(hosts, config, &stay);
	assert_false(hosts_are_awaited(hosts));
	assert_true(hosts_next_ms(hosts) <= clock_now_ms());
	expect(config, 0, "192.0.2.1@853");
	hosts_stop(hosts);
	assert_true(hosts_next_ms(hosts) == UINT64_MAX);
	config_free(config);
}

static void
strange_legacies_do_no_harm(void **state)
{
	static const char *const texts[] = {
	        "", "\n\n", " 192.0.2.1\n", "a.example", "a.example nonsense 0.0.0.0 192.0.2.9"};
	(void)state;
	struct config *config = HOSTS("192.0.2.7", "a.example");
	for (size_t i = 0; i < COUNT(texts); i++) {
		open_book(texts[i]);
		expect(config, 0, i == 4 ? "192.0.2.9@853" : NULL);
		close_book(NULL);
	}
	config_free(config);
}

static void
all_hosts_get_a_share_of_the_places(void **state)
{
	char inherited[8000];
	size_t used = 0;
	(void)state;
	for (unsigned h = 0; h < 2; h++) {
		used += (size_t)snprintf(inherited + used, sizeof inherited - used, "%c.example", 'a' + h);
		for (unsigned i = 1; i <= 64; i++)
			used += (size_t)snprintf(
			        inherited + used, sizeof inherited - used, " 192.0.%u.%u", h, i);
		used += (size_t)snprintf(inherited + used, sizeof inherited - used, "\n");
	}
	open_book(inherited);
	struct config *config =
	        loading_good("upstreams = ( { addresses = [ \"192.0.2.1\", \"192.0.2.2\" ]; }, "
	                     "{ host = \"a.example\"; bootstrap = [ \"192.0.2.7\" ]; }, "
	                     "{ host = \"b.example\"; bootstrap = [ \"192.0.2.7\" ]; port = 5; } );");
	hosts_apply(hosts, config);
	assert_int_equal(config->upstreams[0].address_count, 2);
	assert_int_equal(config->upstreams[1].address_count, 31);
	assert_int_equal(config->upstreams[2].address_count, 31);
	assert_int_equal(addr_port(&config->upstreams[2].addresses[30]), 5);
	config_free(config);
}

static void
set(struct config *config, const char *first, const char *second)
{
	struct addr addresses[2];
	size_t count = 0;
	if (first != NULL)
		assert_int_equal(addr_parse(&addresses[count++], first, 0), 0);
	if (second != NULL)
		assert_int_equal(addr_parse(&addresses[count++], second, 0), 0);
	config_set_addresses(&config->upstreams[1], addresses, count);
}

static void
strangers_are_told_from_others(void **state)
{
	(void)state;
	struct config *serving = loading_good("upstreams = ( { addresses = [ \"192.0.2.9\" ]; }, { host = "
	                                      "\"a.example\"; bootstrap = [ \"192.0.2.7\" ]; } );");
	struct config *config = config_copy(serving);
	assert_int_equal(hosts_compare(serving, config), HOSTS_SAME);
	set(config, "192.0.2.1", NULL);
	assert_int_equal(hosts_compare(serving, config), HOSTS_STRANGERS);
	set(serving, "192.0.2.1", NULL);
	assert_int_equal(hosts_compare(serving, config), HOSTS_SAME);
	set(serving, "192.0.2.1", "192.0.2.2");
	assert_int_equal(hosts_compare(serving, config), HOSTS_OTHERS);
	set(config, "192.0.2.2", "192.0.2.3");
	assert_int_equal(hosts_compare(serving, config), HOSTS_OTHERS);
	set(config, "192.0.2.3", "192.0.2.4");
	assert_int_equal(hosts_compare(serving, config), HOSTS_STRANGERS);
	config_free(serving);
	config_free(config);
}

static void
a_source_address_takes_one_family(void **state)
{
	(void)state;
	open_book("a.example 192.0.2.1 2001:db8::1");
	struct config *config = loading_good("upstreams = ( { host = \"a.example\"; bootstrap = [ \"::1\" ]; "
	                                     "source_address = \"::1\"; } );");
	expect(config, 0, "2001:db8::1@853");
	config_free(config);
}

#define TEST(test) cmocka_unit_test_teardown(test, close_book)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(a_host_is_looked_up),
	        TEST(a_failure_is_told_and_tried_again),
	        TEST(who_is_not_verified_is_no_help),
	        TEST(a_child_that_is_killed_is_a_failure),
	        TEST(a_reload_keeps_what_is_known),
	        TEST(an_upgrade_keeps_what_is_known),
	        TEST(strange_legacies_do_no_harm),
	        TEST(all_hosts_get_a_share_of_the_places),
	        TEST(strangers_are_told_from_others),
	        TEST(a_source_address_takes_one_family),
	};
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
