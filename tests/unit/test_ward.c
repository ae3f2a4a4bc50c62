/*
 * The ward: files and ports, in a kernel that has landlock; elsewhere that its absence is no failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"

#include "base/log.h"
#include "process/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define NEED(claim)                                                                                          \
	do {                                                                                                 \
		if (!(claim))                                                                                \
			return __LINE__ & 0x7f;                                                              \
	} while (0)

enum { NO_LANDLOCK = 120, NET_VERSION = 4, SCOPE_VERSION = 6 };

static int version; /* of the kernel's landlock; 0 or less: it has none */

static struct addr upstream_addresses[2];
static struct config_upstream upstream = {.addresses = upstream_addresses, .address_count = 2};
static const struct config config = {.upstreams = &upstream, .upstream_count = 1};

static int
ward(void)
{
	char why[SANDBOX_WHY_BYTES];
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return sandbox_ward(&config, why);
}

static int
do_files(void *arg)
{
	char byte;
	(void)arg;
	int fd = open("/etc/passwd", O_RDONLY);
	NEED(ward() == 0);
	NEED(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	NEED(open("/tmp", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
	NEED(open("/tmp/dotward-test.ward", O_CREAT | O_WRONLY, 0600) < 0 && errno == EACCES);
	NEED(mkdir("/tmp/dotward-test.ward", 0700) < 0 && errno == EACCES);
	execl("/bin/true", "true", NULL);
	NEED(errno == EACCES);
	/* what was open stays so */
	NEED(read(fd, &byte, 1) == 1);
	return 0;
}

/* Whether a connection to this port is refused by us rather than by nobody being there. */
static bool
port_is_warded(uint16_t port)
{
	struct sockaddr_in to = {
	        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool warded = connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno == EACCES;
	close(fd);
	return warded;
}

static int
do_ports(void *arg)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	(void)arg;
	NEED(ward() == 0);
	NEED(!port_is_warded(853) && !port_is_warded(8853));
	NEED(port_is_warded(80) && port_is_warded(22));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	NEED(bind(fd, (struct sockaddr *)&any, sizeof any) < 0 && errno == EACCES);
	return 0;
}

/* With a source_address a port may be had that the kernel chooses, and no other. */
static int
do_source(void *arg)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	(void)arg;
	upstream.source_address.in4 = any;
	NEED(ward() == 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
	NEED(bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
	any.sin_port = htons(5300);
	NEED(bind(other, (struct sockaddr *)&any, sizeof any) < 0 && errno == EACCES);
	return 0;
}

static int
do_signal(void *arg)
{
	(void)arg;
	NEED(ward() == 0);
	NEED(kill(getppid(), 0) < 0 && errno == EPERM);
	NEED(kill(getpid(), 0) == 0);
	return 0;
}

/* syslogd has a socket in the file system. */
static int
do_local_socket(void *arg)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	(void)arg;
	snprintf(at.sun_path, sizeof at.sun_path, "/tmp/dotward-test.%d", (int)getpid());
	int in = socket(AF_UNIX, SOCK_DGRAM, 0), out = socket(AF_UNIX, SOCK_DGRAM, 0);
	NEED(bind(in, (struct sockaddr *)&at, sizeof at) == 0);
	int held = open("/tmp", O_PATH), result = ward();
	int connected = connect(out, (struct sockaddr *)&at, sizeof at);
	/* it cannot be removed from in here */
	NEED(unlinkat(held, at.sun_path + 5, 0) < 0);
	NEED(result == 0 && connected == 0 && send(out, "x", 1, 0) == 1);
	return 0;
}

static void
expect_success(forked_fn *deed, int least_version)
{
	if (version < least_version)
		skip();
	struct forked child = forked_run(deed, NULL);
	if (!forked_succeeded(&child))
		fail_msg("status %#x %s", child.status, child.said);
}

static void
no_file_can_be_opened(void **state)
{
	(void)state;
	expect_success(do_files, 1);
}

static void
only_the_upstreams_ports_can_be_reached(void **state)
{
	(void)state;
	expect_success(do_ports, NET_VERSION);
}

static void
a_source_address_is_bound(void **state)
{
	(void)state;
	expect_success(do_source, NET_VERSION);
}

static void
nobody_else_can_be_signalled(void **state)
{
	(void)state;
	expect_success(do_signal, SCOPE_VERSION);
}

static void
syslogd_can_be_reached(void **state)
{
	(void)state;
	char path[64];
	struct forked child;
	if (version < 1)
		skip();
	child = forked_run(do_local_socket, NULL);
	for (pid_t pid = getpid(); pid < getpid() + 1000; pid++) {
		snprintf(path, sizeof path, "/tmp/dotward-test.%d", (int)pid);
		unlink(path);
	}
	if (!forked_succeeded(&child))
		fail_msg("status %#x %s", child.status, child.said);
}

/* Without landlock: no failure, and one line for who looks. */
static int
do_without(void *arg)
{
	(void)arg;
	log_set_level(LOG_LEVEL_DEBUG);
	NEED(ward() == 0);
	return NO_LANDLOCK;
}

static void
a_kernel_without_landlock_is_no_failure(void **state)
{
	(void)state;
	struct forked child = forked_run(do_without, NULL);
	assert_true(WIFEXITED(child.status));
	assert_int_equal(WEXITSTATUS(child.status), NO_LANDLOCK);
#if !defined DOTWARD_SANITIZERS && !defined DOTWARD_COVERAGE
	assert_int_equal(version < 1, strstr(child.said, "no landlock") != NULL);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_file_can_be_opened),
	        cmocka_unit_test(only_the_upstreams_ports_can_be_reached),
	        cmocka_unit_test(a_source_address_is_bound),
	        cmocka_unit_test(nobody_else_can_be_signalled),
	        cmocka_unit_test(syslogd_can_be_reached),
	        cmocka_unit_test(a_kernel_without_landlock_is_no_failure),
	};
	if (addr_parse(&upstream_addresses[0], "192.0.2.1", 853) < 0 ||
	        addr_parse(&upstream_addresses[1], "2001:db8::1", 8853) < 0)
		return EXIT_FAILURE;
#if !defined DOTWARD_SANITIZERS && !defined DOTWARD_COVERAGE
	version = (int)syscall(444 /* landlock_create_ruleset */, NULL, 0, 1 /* version */);
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
