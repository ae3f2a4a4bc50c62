/*
 * Local addresses that connections come from: which are ours, and that they do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char name[] = "up";
static char why[SOURCE_WHY_BYTES];

static struct config_upstream
from(const char *text)
{
	struct config_upstream upstream = {.name = name};
	if (text != NULL)
		assert_int_equal(addr_parse(&upstream.source_address, text, 0), 0);
	return upstream;
}

static void
ours_and_none_are_good(void **state)
{
	(void)state;
	struct config_upstream upstreams[] = {from(NULL), from("127.0.0.1"), from("127.1.2.3")};
	assert_int_equal(source_check(upstreams, 3, why), 0);
	assert_int_equal(source_check(upstreams, 0, why), 0);
}

static void
others_are_named(void **state)
{
	(void)state;
	struct config_upstream upstreams[] = {from("127.0.0.1"), from("192.0.2.77")};
	assert_int_equal(source_check(upstreams, 2, why), -EADDRNOTAVAIL);
	assert_string_equal(why, "upstream up: source_address \"192.0.2.77\" is no address of this machine");
}

static void
connections_come_from_there(void **state)
{
	struct addr at, source, seen;
	socklen_t bytes = sizeof at;
	(void)state;
	assert_int_equal(addr_parse(&at, "127.0.0.1", 0), 0);
	assert_int_equal(addr_parse(&source, "127.0.0.9", 0), 0);
	int listener = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, &at.any, addr_bytes(&at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, &at.any, &bytes), 0);
	assert_int_equal(source_bind(out, &source), 0);
	assert_int_equal(connect(out, &at.any, addr_bytes(&at)), 0);
	bytes = sizeof seen;
	int in = accept(listener, &seen.any, &bytes);
	assert_true(in >= 0);
	assert_true(addr_same_host(&seen, &source));
	close(in);
	close(out);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ours_and_none_are_good),
	        cmocka_unit_test(others_are_named),
	        cmocka_unit_test(connections_come_from_there),
	};
	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
