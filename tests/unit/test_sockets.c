/*
 * Listening sockets: one for each slot, questions spread over them, and nobody joins in silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "net/sockets.h"
#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

enum { DATAGRAMS = 400 };

static char why[SOCKETS_WHY_BYTES];

static struct config_listen
listen_on(const char *host)
{
	return (struct config_listen){.address = ports_free(host), .udp = true, .tcp = true};
}

static unsigned
datagrams_at(int fd)
{
	unsigned count = 0;
	char bytes[16];
	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		count++;
	return count;
}

static void
each_slot_has_its_own(void **state)
{
	struct config_listen l = listen_on("127.0.0.1");
	(void)state;
	struct sockets *s = sockets_open(&l, 1, 2, why);
	assert_non_null(s);
	assert_int_equal(sockets_count(s), 1);
	assert_true(addr_equal(sockets_address(s, 0), &l.address));
	for (unsigned slot = 0; slot < 2; slot++) {
		const int fds[] = {sockets_udp(s, 0, slot), sockets_tcp(s, 0, slot)};
		for (int i = 0; i < 2; i++) {
			struct addr bound;
			socklen_t bytes = sizeof bound;
			assert_int_equal(getsockname(fds[i], &bound.any, &bytes), 0);
			assert_true(addr_equal(&bound, &l.address));
			assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
			assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		}
	}
	assert_int_not_equal(sockets_udp(s, 0, 0), sockets_udp(s, 0, 1));
	sockets_close(s);
	sockets_close(NULL);
}

static void
protocols_as_configured(void **state)
{
	struct config_listen two[] = {listen_on("127.0.0.1"), listen_on("127.0.0.2")};
	(void)state;
	two[0].tcp = false;
	two[1].udp = false;
	struct sockets *s = sockets_open(two, 2, 1, why);
	assert_non_null(s);
	assert_true(sockets_udp(s, 0, 0) >= 0);
	assert_int_equal(sockets_tcp(s, 0, 0), -1);
	assert_int_equal(sockets_udp(s, 1, 0), -1);
	assert_true(sockets_tcp(s, 1, 0) >= 0);
	sockets_close(s);
}

/* The kernel's own choice, a hash over the addresses, would put all of them on one slot. */
static void
one_client_uses_all_slots(void **state)
{
	struct config_listen l = listen_on("127.0.0.1");
	(void)state;
	struct sockets *s = sockets_open(&l, 1, 2, why);
	assert_non_null(s);
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, &l.address.any, addr_bytes(&l.address)), 0);
	for (int i = 0; i < DATAGRAMS; i++)
		assert_int_equal(send(client, "x", 1, 0), 1);
	unsigned first = datagrams_at(sockets_udp(s, 0, 0)), second = datagrams_at(sockets_udp(s, 0, 1));
	assert_int_equal(first + second, DATAGRAMS);
	assert_in_range(first, DATAGRAMS / 4, DATAGRAMS * 3 / 4); /* ten standard deviations */
	close(client);
	sockets_close(s);
}

static void
slots_that_are_not_ours(void **state)
{
	struct config_listen l = listen_on("127.0.0.1");
	int fds[3];
	(void)state;
	struct sockets *s = sockets_open(&l, 1, 3, why);
	assert_non_null(s);
	for (unsigned slot = 0; slot < 3; slot++)
		fds[slot] = sockets_udp(s, 0, slot);
	sockets_keep_slot(s, 1);
	assert_int_equal(sockets_udp(s, 0, 1), fds[1]);
	assert_true(fcntl(fds[1], F_GETFD) >= 0);
	for (unsigned slot = 0; slot < 3; slot += 2) {
		assert_int_equal(sockets_udp(s, 0, slot), -1);
		assert_int_equal(sockets_tcp(s, 0, slot), -1);
		assert_int_equal(fcntl(fds[slot], F_GETFD), -1);
	}
	sockets_close(s);
}

static void
assert_in_use(const struct config_listen *l, const char *protocol)
{
	char text[ADDR_TEXT_BYTES], want[256];
	assert_null(sockets_open(l, 1, 2, why));
	snprintf(want, sizeof want, "cannot listen on %s (%s): the address is in use by ",
	        addr_text(&l->address, text), protocol);
	assert_memory_equal(why, want, strlen(want));
	snprintf(want, sizeof want, "(pid %d)", (int)getpid());
	assert_non_null(strstr(why, want));
}

/* Not even with SO_REUSEPORT and the same user does a second one join the first. */
static void
second_on_the_same_address(void **state)
{
	struct config_listen l = listen_on("127.0.0.1"), tcp = l;
	(void)state;
	struct sockets *s = sockets_open(&l, 1, 2, why);
	assert_non_null(s);
	assert_in_use(&l, "UDP");
	tcp.udp = false;
	assert_in_use(&tcp, "TCP");
	sockets_close(s);
	s = sockets_open(&l, 1, 2, why);
	assert_non_null(s);
	sockets_close(s);
}

static void
wildcard_and_one_address(void **state)
{
	struct config_listen wild = listen_on("0.0.0.0"), one = wild;
	(void)state;
	assert_int_equal(addr_parse(&one.address, "127.0.0.1", addr_port(&wild.address)), 0);
	struct sockets *s = sockets_open(&wild, 1, 2, why);
	assert_non_null(s);
	assert_in_use(&one, "UDP");
	sockets_close(s);
	s = sockets_open(&one, 1, 2, why);
	assert_non_null(s);
	assert_in_use(&wild, "UDP");
	sockets_close(s);
}

/* All or nothing: what was bound before the one that failed is free again. */
static void
all_or_nothing(void **state)
{
	struct config_listen two[] = {listen_on("127.0.0.1"), listen_on("127.0.0.2")};
	(void)state;
	struct sockets *other = sockets_open(&two[1], 1, 1, why);
	assert_non_null(other);
	assert_null(sockets_open(two, 2, 2, why));
	struct sockets *s = sockets_open(two, 1, 2, why);
	assert_non_null(s);
	sockets_close(s);
	sockets_close(other);
}

static void
address_of_another_machine(void **state)
{
	struct config_listen l = {.udp = true};
	(void)state;
	assert_int_equal(addr_parse(&l.address, "192.0.2.77", 5353), 0);
	assert_null(sockets_open(&l, 1, 1, why));
	assert_string_equal(
	        why, "cannot listen on 192.0.2.77@5353 (UDP): no interface of this machine has this address");
}

static int
bind_as_nobody(void *arg)
{
	struct config_listen l = {.tcp = true};
	(void)arg;
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	if (addr_parse(&l.address, "127.0.0.1", 1) < 0)
		return 2;
	struct sockets *s = sockets_open(&l, 1, 1, why);
	sockets_close(s);
	if (s != NULL)
		return 77; /* this machine lets everybody have low ports */
	return strstr(why, "not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE") ? 0 : 3;
}

static void
low_ports_need_privileges(void **state)
{
	(void)state;
	struct forked result = forked_run(bind_as_nobody, NULL);
	assert_true(WIFEXITED(result.status));
	if (WEXITSTATUS(result.status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(result.status), 0);
}

static void
both_families_of_wildcards(void **state)
{
	struct config_listen two[] = {listen_on("0.0.0.0"), {.udp = true, .tcp = true}};
	(void)state;
	assert_int_equal(addr_parse(&two[1].address, "::", addr_port(&two[0].address)), 0);
	struct sockets *s = sockets_open(two, 2, 2, why);
	assert_non_null(s);
	assert_in_range(sockets_count(s), 1, 2); /* 1 on a machine without IPv6 */
	sockets_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_slot_has_its_own),
	        cmocka_unit_test(protocols_as_configured),
	        cmocka_unit_test(one_client_uses_all_slots),
	        cmocka_unit_test(slots_that_are_not_ours),
	        cmocka_unit_test(second_on_the_same_address),
	        cmocka_unit_test(wildcard_and_one_address),
	        cmocka_unit_test(all_or_nothing),
	        cmocka_unit_test(address_of_another_machine),
	        cmocka_unit_test(low_ports_need_privileges),
	        cmocka_unit_test(both_families_of_wildcards),
	};
	return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
