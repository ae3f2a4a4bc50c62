/*
 * Who holds a port: this very process, or somebody who cannot be seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "net/holder.h"
#include "ports.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

static char said[HOLDER_TEXT_BYTES];

static struct addr
any_port(const char *host)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, host, 1), 0);
	addr_set_port(&a, 0);
	return a;
}

static void
assert_names_us(void)
{
	char want[64];
	snprintf(want, sizeof want, "(pid %d);", (int)getpid());
	if (strstr(said, want) == NULL)
		fail_msg("\"%s\" has no \"%s\"", said, want);
	assert_memory_equal(said, " by ", 4);
}

static void
assert_names_nobody(const struct addr *address)
{
	char want[128];
	snprintf(want, sizeof want,
	        " by a process that cannot be seen from here; \"ss -lnp 'sport = :%u'\" as root tells",
	        addr_port(address));
	assert_string_equal(said, want);
}

static void
our_own_sockets(void **state)
{
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct addr a = any_port("127.0.0.1");
		int fd = ports_bind(&a, types[i]);
		holder_find(&a, types[i] == SOCK_DGRAM, said);
		assert_names_us();
		close(fd);
	}
}

static void
wildcards_are_in_each_others_way(void **state)
{
	(void)state;
	struct addr wild = any_port("0.0.0.0"), one = any_port("127.0.0.1"), other;
	int fd = ports_bind(&wild, SOCK_DGRAM);
	assert_int_equal(addr_parse(&other, "127.0.0.9", addr_port(&wild)), 0);
	holder_find(&other, true, said);
	assert_names_us();
	close(fd);
	fd = ports_bind(&one, SOCK_DGRAM);
	assert_int_equal(addr_parse(&other, "0.0.0.0", addr_port(&one)), 0);
	holder_find(&other, true, said);
	assert_names_us();
	close(fd);
}

static void
another_address_is_not_in_the_way(void **state)
{
	(void)state;
	struct addr one = any_port("127.0.0.1"), other;
	int fd = ports_bind(&one, SOCK_DGRAM);
	assert_int_equal(addr_parse(&other, "127.0.0.9", addr_port(&one)), 0);
	holder_find(&other, true, said);
	assert_names_nobody(&other);
	close(fd);
}

/* Ours speak one family each, so a wildcard of the other is not in the way, nor is an address of it. */
static void
families_are_not_in_each_others_way(void **state)
{
	static const char *const pairs[][2] = {
	        {"::1", "0.0.0.0"}, {"0.0.0.0", "::"}, {"0.0.0.0", "::1"}, {"127.0.0.1", "::"}};
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct addr held = any_port(pairs[i][0]), wanted;
		int fd = ports_bind(&held, SOCK_DGRAM);
		if (fd < 0)
			skip();
		assert_int_equal(addr_parse(&wanted, pairs[i][1], addr_port(&held)), 0);
		holder_find(&wanted, true, said);
		assert_names_nobody(&wanted);
		close(fd);
	}
}

/* But another daemon's IPv6 wildcard may speak IPv4 as well. */
static void
wildcard_of_both_families(void **state)
{
	static const char *const wanted[] = {"0.0.0.0", "127.0.0.1", "::", "::1"};
	(void)state;
	struct addr held = any_port("::");
	int fd = ports_bind(&held, SOCK_DGRAM);
	if (fd < 0)
		skip();
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		struct addr a;
		assert_int_equal(addr_parse(&a, wanted[i], addr_port(&held)), 0);
		holder_find(&a, true, said);
		assert_names_us();
	}
	close(fd);
}

static void
nobody(void **state)
{
	(void)state;
	struct addr a = any_port("127.0.0.1");
	int fd = ports_bind(&a, SOCK_DGRAM);
	close(fd);
	assert_ptr_equal(holder_find(&a, true, said), said);
	assert_names_nobody(&a);
}

struct look {
	struct addr address;
	int fd;
	uid_t user;
};

/* As somebody who may not look into other users' processes. What is said of the holder is on standard error.
 */
static int
look_as_nobody(void *arg)
{
	struct look *look = arg;
	close(look->fd);
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 2;
	fputs(holder_find(&look->address, true, said), stderr);
	return 0;
}

/* Whoever it is that holds the port, the table has the user, and a daemon's is named like the daemon. */
static void
a_user_whose_processes_cannot_be_seen(void **state)
{
	enum { DAEMON = 1 };
	const struct passwd *user = getpwuid(DAEMON);
	char want[128];
	(void)state;
	if (geteuid() != 0 || user == NULL)
		skip();
	struct look look = {.address = any_port("127.0.0.1")};
	assert_int_equal(seteuid(DAEMON), 0);
	look.fd = ports_bind(&look.address, SOCK_DGRAM);
	assert_int_equal(seteuid(0), 0);
	struct forked result = forked_run(look_as_nobody, &look);
	assert_true(forked_succeeded(&result));
	snprintf(
	        want, sizeof want, " by a process of user %s; stop it, or let dotward listen", user->pw_name);
	assert_memory_equal(result.said, want, strlen(want));
	close(look.fd);
}

static void
six(void **state)
{
	(void)state;
	struct addr a = any_port("::1");
	int fd = ports_bind(&a, SOCK_STREAM);
	if (fd < 0)
		skip();
	holder_find(&a, false, said);
	assert_names_us();
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(our_own_sockets),
	        cmocka_unit_test(wildcards_are_in_each_others_way),
	        cmocka_unit_test(another_address_is_not_in_the_way),
	        cmocka_unit_test(families_are_not_in_each_others_way),
	        cmocka_unit_test(wildcard_of_both_families),
	        cmocka_unit_test(nobody),
	        cmocka_unit_test(a_user_whose_processes_cannot_be_seen),
	        cmocka_unit_test(six),
	};
	return cmocka_run_group_tests_name("holder", tests, NULL, NULL);
}
