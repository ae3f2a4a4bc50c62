/*
 * Sockets that go on from one set to the next, and from one process to another, without a gap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/web_sockets.h"
#include "ports.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char why[WEB_SOCKETS_WHY_BYTES];
static struct addr here;

static int
begin(void **state)
{
	(void)state;
	here = ports_free("127.0.0.1");
	return 0;
}

static struct web_sockets *
open_on(const char *path, const struct web_sockets *before, const int *inherited, size_t count)
{
	const struct web_sockets_wanted wanted = {
	        .addresses = &here, .address_count = 1, .path = path, .group = (gid_t)-1};
	return web_sockets_open(&wanted, before, inherited, count, why);
}

static int
client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, &here.any, addr_bytes(&here)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Who has connected before is still there for the next. */
static void
the_next_set_has_the_same_queue(void **state)
{
	(void)state;
	struct web_sockets *first = open_on("", NULL, NULL, 0), *second;
	assert_non_null(first);
	assert_int_equal(web_sockets_count(first), 1);
	int waits = client();
	assert_true(waits >= 0);
	second = open_on("", first, NULL, 0);
	assert_non_null(second);
	web_sockets_close(first, second);
	int taken = accept(web_sockets_descriptor(second, 0), NULL, NULL);
	assert_true(taken >= 0);
	close(taken);
	close(waits);
	web_sockets_close(second, NULL);
	assert_int_equal(client(), -1);
}

static void
what_is_inherited_is_known_by_its_address(void **state)
{
	char path[] = "/tmp/dotward-web-sockets.XXXXXX/socket";
	(void)state;
	path[strlen(path) - 7] = '\0';
	assert_non_null(mkdtemp(path));
	path[strlen(path)] = '/';
	struct web_sockets *first = open_on(path, NULL, NULL, 0), *second;
	assert_non_null(first);
	assert_int_equal(web_sockets_count(first), 2);
	int other = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	const int inherited[] = {
	        udp, other, web_sockets_descriptor(first, 1), web_sockets_descriptor(first, 0)};
	int waits = client();
	second = open_on(path, NULL, inherited, 4);
	assert_non_null(second);
	web_sockets_leave(first);
	assert_int_equal(access(path, F_OK), 0);
	int taken = accept(web_sockets_descriptor(second, 0), NULL, NULL);
	assert_true(taken >= 0);
	close(taken);
	close(waits);
	close(other);
	close(udp);
	web_sockets_close(second, NULL);
	assert_int_equal(access(path, F_OK), -1);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
}

static void
what_cannot_be_bound_is_named_and_leaves_what_was(void **state)
{
	struct addr both[2] = {here, {.any = {.sa_family = AF_UNSPEC}}};
	const struct web_sockets_wanted wanted = {
	        .addresses = both, .address_count = 2, .path = "", .group = (gid_t)-1};
	(void)state;
	assert_int_equal(addr_parse(&both[1], "192.0.2.77", 9), 0);
	struct web_sockets *first = open_on("", NULL, NULL, 0);
	assert_null(web_sockets_open(&wanted, first, NULL, 0, why));
	assert_non_null(strstr(why, "metrics.address: cannot listen on 192.0.2.77@9: "));
	int fd = client();
	assert_true(fd >= 0);
	close(fd);
	web_sockets_close(first, NULL);
	web_sockets_close(NULL, NULL);
	assert_int_equal(web_sockets_count(NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(the_next_set_has_the_same_queue, begin),
	        cmocka_unit_test_setup(what_is_inherited_is_known_by_its_address, begin),
	        cmocka_unit_test_setup(what_cannot_be_bound_is_named_and_leaves_what_was, begin),
	};
	return cmocka_run_group_tests_name("web_sockets", tests, NULL, NULL);
}
