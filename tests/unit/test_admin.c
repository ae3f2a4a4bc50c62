/*
 * What the service manager is told, and when: by a master that comes up, reloads, takes over, or has handed
 * over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/admin.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INTERVAL_MS = 5000 }; /* half of WATCHDOG_USEC */

static int manager;
static char path[96], message[1024];
static struct admin *admin;

static int
begin(void **state)
{
	static const struct admin_deeds deeds;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)state;
	snprintf(path, sizeof path, "/tmp/dotward-admin.%d", (int)getpid());
	memcpy(address.sun_path, path, strlen(path));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, sizeof address), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "10000000", 1);
	admin = admin_new(&deeds);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	admin_free(admin, false, "stopped");
	close(manager);
	unlink(path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	return 0;
}

/* The next message, or "". */
static const char *
told(void)
{
	ssize_t got = recv(manager, message, sizeof message - 1, 0);
	message[got > 0 ? got : 0] = '\0';
	return message;
}

/* A master that waits for what is due already would turn and turn while it loads its cache. */
static void
nothing_is_due_before_it_serves(void **state)
{
	(void)state;
	assert_true(admin_due_ms(admin) == UINT64_MAX);
	admin_heed(admin, NULL, 0, clock_now_ms());
	assert_string_equal(told(), "");
}

static void
it_serves_and_lives(void **state)
{
	(void)state;
	admin_serves(admin, 3, NULL);
	assert_string_equal(told(), "READY=1\nSTATUS=3 workers serve");
	uint64_t now_ms = clock_now_ms();
	assert_true(admin_due_ms(admin) <= now_ms);
	admin_heed(admin, NULL, 0, now_ms);
	assert_string_equal(told(), "WATCHDOG=1");
	assert_int_equal(admin_due_ms(admin), now_ms + INTERVAL_MS);
	admin_heed(admin, NULL, 0, now_ms + INTERVAL_MS - 1);
	assert_string_equal(told(), "");
	admin_heed(admin, NULL, 0, now_ms + INTERVAL_MS);
	assert_string_equal(told(), "WATCHDOG=1");
}

static void
a_refused_reload_shows_in_the_status_until_the_next(void **state)
{
	(void)state;
	admin_serves(admin, 2, "a.conf:1: x: wrong\na.conf:2: y: wrong as well");
	assert_string_equal(
	        told(), "READY=1\nSTATUS=2 workers serve; the last reload was refused: a.conf:1: x: wrong");
	admin_serves(admin, 2, NULL);
	assert_string_equal(told(), "READY=1\nSTATUS=2 workers serve");
}

/* The manager listens to the main process only, and that is still the old master. */
static void
a_successor_says_nothing_at_first(void **state)
{
	(void)state;
	admin_succeeds(admin);
	assert_string_equal(told(), "");
	uint64_t now_ms = clock_now_ms();
	assert_in_range(admin_due_ms(admin), now_ms + INTERVAL_MS / 2, now_ms + INTERVAL_MS);
	admin_heed(admin, NULL, 0, now_ms);
	assert_string_equal(told(), "");
	admin_heed(admin, NULL, 0, now_ms + INTERVAL_MS);
	assert_string_equal(told(), "WATCHDOG=1");
}

static void
who_has_handed_over_says_no_more(void **state)
{
	(void)state;
	admin_serves(admin, 2, NULL);
	told();
	admin_leave(admin);
	assert_true(admin_due_ms(admin) == UINT64_MAX);
	admin_heed(admin, NULL, 0, clock_now_ms() + 10 * INTERVAL_MS);
	assert_string_equal(told(), "");
}

int
main(void)
{
#define ADMIN_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        ADMIN_TEST(nothing_is_due_before_it_serves),
	        ADMIN_TEST(it_serves_and_lives),
	        ADMIN_TEST(a_refused_reload_shows_in_the_status_until_the_next),
	        ADMIN_TEST(a_successor_says_nothing_at_first),
	        ADMIN_TEST(who_has_handed_over_says_no_more),
	};
	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
