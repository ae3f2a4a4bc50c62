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
#include <sys/stat.h>

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
	struct sockets *s = sockets_open(&l, 1, 2, NULL, why);
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
	struct config_listen three[] = {
	        listen_on("127.0.0.1"), listen_on("127.0.0.2"), listen_on("127.0.0.3")};
	(void)state;
	three[0].tcp = false;
	three[1].udp = false;
	three[2].udp = three[2].tcp = false;
	three[2].tls = true;
	struct sockets *s = sockets_open(three, 3, 1, NULL, why);
	assert_non_null(s);
	assert_true(sockets_udp(s, 0, 0) >= 0);
	assert_int_equal(sockets_tcp(s, 0, 0), -1);
	assert_int_equal(sockets_udp(s, 1, 0), -1);
	assert_true(sockets_tcp(s, 1, 0) >= 0);
	assert_int_equal(sockets_udp(s, 2, 0), -1);
	assert_true(sockets_tcp(s, 2, 0) >= 0);
	assert_true(sockets_tls(s, 2) && !sockets_tls(s, 1));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sockets_wanted(s, i), i);
	sockets_close(s);
}

/* The kernel's own choice, a hash over the addresses, would put all of them on one slot. */
static void
one_client_uses_all_slots(void **state)
{
	struct config_listen l = listen_on("127.0.0.1");
	(void)state;
	struct sockets *s = sockets_open(&l, 1, 2, NULL, why);
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
	struct sockets *s = sockets_open(&l, 1, 3, NULL, why);
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
	assert_null(sockets_open(l, 1, 2, NULL, why));
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
	struct sockets *s = sockets_open(&l, 1, 2, NULL, why);
	assert_non_null(s);
	assert_in_use(&l, "UDP");
	tcp.udp = false;
	assert_in_use(&tcp, "TCP");
	sockets_close(s);
	s = sockets_open(&l, 1, 2, NULL, why);
	assert_non_null(s);
	sockets_close(s);
}

static void
wildcard_and_one_address(void **state)
{
	struct config_listen wild = listen_on("0.0.0.0"), one = wild;
	(void)state;
	assert_int_equal(addr_parse(&one.address, "127.0.0.1", addr_port(&wild.address)), 0);
	struct sockets *s = sockets_open(&wild, 1, 2, NULL, why);
	assert_non_null(s);
	assert_in_use(&one, "UDP");
	sockets_close(s);
	s = sockets_open(&one, 1, 2, NULL, why);
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
	struct sockets *other = sockets_open(&two[1], 1, 1, NULL, why);
	assert_non_null(other);
	assert_null(sockets_open(two, 2, 2, NULL, why));
	struct sockets *s = sockets_open(two, 1, 2, NULL, why);
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
	assert_null(sockets_open(&l, 1, 1, NULL, why));
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
	struct sockets *s = sockets_open(&l, 1, 1, NULL, why);
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
	struct sockets *s = sockets_open(two, 2, 2, NULL, why);
	assert_non_null(s);
	assert_in_range(sockets_count(s), 1, 2); /* 1 on a machine without IPv6 */
	sockets_close(s);
}

/* What another generation, or another binary, has bound already. */
static struct sockets_bound
bound_by(const struct sockets *s, int *fds, size_t room)
{
	struct sockets_bound bound = {.descriptors = fds, .count = sockets_descriptors(s, fds, room)};
	assert_true(bound.count <= room);
	return bound;
}

/* The same socket, whatever the descriptor. */
static bool
same_socket(int a, int b)
{
	struct stat first, second;
	assert_int_equal(fstat(a, &first), 0);
	assert_int_equal(fstat(b, &second), 0);
	return first.st_ino == second.st_ino;
}

static unsigned
backlog_at(int fd)
{
	unsigned count = 0;
	for (int got; (got = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; count++)
		close(got);
	return count;
}

/* How many of so many datagrams, and connections, come out at each slot. */
static void
spread(const struct sockets *s, const struct addr *to, unsigned slots, unsigned *udp, unsigned *tcp)
{
	static int clients[DATAGRAMS];
	for (int i = 0; i < DATAGRAMS; i++) {
		int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_int_equal(sendto(client, "x", 1, 0, &to->any, addr_bytes(to)), 1);
		close(client);
	}
	for (int i = 0; i < DATAGRAMS / 4; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(clients[i], &to->any, addr_bytes(to)), 0);
	}
	for (unsigned slot = 0; slot < slots; slot++) {
		udp[slot] = datagrams_at(sockets_udp(s, 0, slot));
		tcp[slot] = backlog_at(sockets_tcp(s, 0, slot));
	}
	for (int i = 0; i < DATAGRAMS / 4; i++)
		close(clients[i]);
}

/* The slots of `active` share all that comes, more or less evenly, and the others get nothing at all. */
static void
assert_spread(const struct sockets *s, const struct addr *to, unsigned slots, const bool *active)
{
	unsigned udp[8], tcp[8], udp_sum = 0, tcp_sum = 0, count = 0;
	spread(s, to, slots, udp, tcp);
	for (unsigned slot = 0; slot < slots; slot++)
		count += active[slot];
	for (unsigned slot = 0; slot < slots; slot++) {
		udp_sum += udp[slot];
		tcp_sum += tcp[slot];
		if (active[slot])
			assert_in_range(udp[slot], DATAGRAMS / count / 2, DATAGRAMS * 3 / 2 / count);
		else
			assert_int_equal(udp[slot] + tcp[slot], 0);
	}
	assert_int_equal(udp_sum, DATAGRAMS);
	assert_int_equal(tcp_sum, DATAGRAMS / 4);
}

static void
steered_to_active_slots(void **state)
{
	static const bool masks[][4] = {
	        {true, false, true, false},
	        {false, true, true, true},
	        {false, false, false, true},
	        {true, true, true, true},
	        {false, true, false, false},
	};
	const bool all[] = {true, true, true, true}, none[] = {false, false, false, false};
	struct config_listen l = listen_on("127.0.0.1");
	(void)state;
	struct sockets *s = sockets_open(&l, 1, 4, NULL, why);
	assert_non_null(s);
	assert_spread(s, &l.address, 4, all);
	for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		sockets_steer(s, masks[i]);
		assert_spread(s, &l.address, 4, masks[i]);
	}
	/* Nobody is there: it waits everywhere for a successor. */
	sockets_steer(s, none);
	assert_spread(s, &l.address, 4, all);
	sockets_steer(s, masks[0]);
	sockets_steer(s, NULL);
	assert_spread(s, &l.address, 4, all);
	sockets_close(s);
}

/* Every socket of the old one is a socket of the new one, in the same slot, and outlives it. */
static void
taken_over(void **state)
{
	const bool all[] = {true, true};
	struct config_listen l = listen_on("127.0.0.1");
	int fds[8];
	(void)state;
	struct sockets *old = sockets_open(&l, 1, 2, NULL, why);
	assert_non_null(old);
	const struct sockets_bound bound = bound_by(old, fds, 8);
	assert_int_equal(bound.count, 4);
	struct sockets *next = sockets_open(&l, 1, 2, &bound, why);
	assert_non_null(next);
	for (unsigned slot = 0; slot < 2; slot++) {
		assert_int_not_equal(sockets_udp(next, 0, slot), sockets_udp(old, 0, slot));
		assert_true(same_socket(sockets_udp(next, 0, slot), sockets_udp(old, 0, slot)));
		assert_true(same_socket(sockets_tcp(next, 0, slot), sockets_tcp(old, 0, slot)));
		assert_true(fcntl(sockets_udp(next, 0, slot), F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(sockets_tcp(next, 0, slot), F_GETFD) & FD_CLOEXEC);
	}
	/* What was queued before is not lost with the old one. */
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(sendto(client, "x", 1, 0, &l.address.any, addr_bytes(&l.address)), 1);
	sockets_close(old);
	assert_int_equal(datagrams_at(sockets_udp(next, 0, 0)) + datagrams_at(sockets_udp(next, 0, 1)), 10);
	close(client);
	assert_spread(next, &l.address, 2, all);
	sockets_close(next);
}

/* Not before it serves: those who serve now would miss what is steered to slots that they do not have. */
static void
grown(void **state)
{
	const bool all[] = {true, true, true, true}, first[] = {true, true, false, false};
	struct config_listen l = listen_on("127.0.0.1");
	int fds[8];
	(void)state;
	struct sockets *old = sockets_open(&l, 1, 2, NULL, why);
	assert_non_null(old);
	const struct sockets_bound bound = bound_by(old, fds, 8);
	struct sockets *next = sockets_open(&l, 1, 4, &bound, why);
	assert_non_null(next);
	assert_true(same_socket(sockets_udp(next, 0, 1), sockets_udp(old, 0, 1)));
	assert_false(same_socket(sockets_udp(next, 0, 2), sockets_udp(next, 0, 3)));
	assert_spread(next, &l.address, 4, first);
	sockets_steer(next, NULL);
	assert_spread(next, &l.address, 4, all);
	sockets_close(old);
	assert_spread(next, &l.address, 4, all);
	sockets_close(next);
}

static void
shrunk(void **state)
{
	const bool all[] = {true, true}, mask[] = {false, true};
	struct config_listen l = listen_on("127.0.0.1");
	int fds[8];
	(void)state;
	struct sockets *old = sockets_open(&l, 1, 4, NULL, why);
	assert_non_null(old);
	const struct sockets_bound bound = bound_by(old, fds, 8);
	struct sockets *next = sockets_open(&l, 1, 2, &bound, why);
	assert_non_null(next);
	sockets_steer(next, NULL);
	assert_spread(next, &l.address, 2, all); /* while the old ones are still open, and drained */
	sockets_close(old);
	assert_spread(next, &l.address, 2, all);
	sockets_steer(next, mask);
	assert_spread(next, &l.address, 2, mask);
	sockets_close(next);
}

/* What is open already, of all generations that there are, the newest first. */
static struct sockets *
open_beside(const struct config_listen *l, unsigned slots, struct sockets *const *others, size_t count)
{
	int fds[64];
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		used += sockets_descriptors(others[i], fds + used, 64 - used);
	const struct sockets_bound bound = {.descriptors = fds, .count = used};
	struct sockets *s = sockets_open(l, 1, slots, &bound, why);
	if (s == NULL)
		fail_msg("%s", why);
	sockets_steer(s, NULL);
	return s;
}

/*
 * Fewer slots and then more again, while those who had them before are still draining, and when they have
 * gone: at no time does anything come where nobody reads.
 */
static void
assert_number_may_change(const unsigned *counts, size_t steps)
{
	const bool all[] = {true, true, true, true, true, true};
	struct config_listen l = listen_on("127.0.0.1");
	struct sockets *had[8] = {sockets_open(&l, 1, counts[0], NULL, why)};
	assert_non_null(had[0]);
	for (size_t i = 1; i < steps; i++) {
		had[i] = open_beside(&l, counts[i], &had[i - 1], 1);
		assert_spread(had[i], &l.address, counts[i], all);
	}
	struct sockets *last = had[steps - 1];
	unsigned slots = counts[steps - 1];
	for (size_t i = 0; i + 1 < steps; i++) {
		sockets_close(had[i]);
		assert_spread(last, &l.address, slots, all);
	}
	/* Each slot is still the one that it was taken for. */
	for (unsigned slot = 0; slot < slots; slot++) {
		bool only[8] = {false};
		only[slot] = true;
		sockets_steer(last, only);
		assert_spread(last, &l.address, slots, only);
	}
	sockets_close(last);
}

static void
shrunk_and_grown_again(void **state)
{
	static const unsigned back[] = {3, 2, 3}, beyond[] = {2, 3, 2, 4}, often[] = {5, 1, 3, 2, 6, 4};
	(void)state;
	assert_number_may_change(back, 3);
	assert_number_may_change(beyond, 4);
	assert_number_may_change(often, 6);
}

/* What waits at a slot that goes is for the one that minds its sockets. */
static void
spare_members_are_minded(void **state)
{
	const bool last[] = {false, false, false, true};
	struct config_listen l = listen_on("127.0.0.1");
	(void)state;
	struct sockets *old = sockets_open(&l, 1, 4, NULL, why);
	assert_non_null(old);
	assert_int_equal(sockets_members(old), 4);
	sockets_steer(old, last);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(udp, "x", 1, 0, &l.address.any, addr_bytes(&l.address)), 1);
	assert_int_equal(connect(tcp, &l.address.any, addr_bytes(&l.address)), 0);
	struct sockets *next = open_beside(&l, 2, &old, 1);
	sockets_close(old);
	assert_int_equal(sockets_members(next), 4);
	const int others[] = {sockets_udp(next, 0, 2), sockets_tcp(next, 0, 2)};
	sockets_keep_slot(next, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(others[i], F_GETFD), -1);
	assert_int_equal(sockets_udp(next, 0, 2), -1);
	assert_true(sockets_udp(next, 0, 1) >= 0);
	assert_int_equal(datagrams_at(sockets_udp(next, 0, 3)), 1);
	assert_int_equal(backlog_at(sockets_tcp(next, 0, 3)), 1);
	assert_int_equal(sockets_udp(next, 0, 4), -1);
	sockets_close(next);
	close(udp);
	close(tcp);
}

/* One more generation failed with more slots than all others, and has not gone yet. */
static void
grown_beside_one_that_failed(void **state)
{
	const bool all[] = {true, true, true};
	struct config_listen l = listen_on("127.0.0.1");
	(void)state;
	struct sockets *both[] = {sockets_open(&l, 1, 2, NULL, why), NULL};
	assert_non_null(both[0]);
	both[1] = open_beside(&l, 4, both, 1);
	struct sockets *next = open_beside(&l, 3, both, 2);
	assert_spread(next, &l.address, 3, all);
	sockets_close(both[1]);
	assert_spread(next, &l.address, 3, all);
	sockets_close(both[0]);
	assert_spread(next, &l.address, 3, all);
	sockets_close(next);
}

/* One address stays, one goes, one comes; and a protocol is taken away. */
static void
other_addresses(void **state)
{
	struct config_listen old_two[] = {listen_on("127.0.0.1"), listen_on("127.0.0.2")};
	struct config_listen new_two[] = {listen_on("127.0.0.3"), old_two[1]};
	int fds[16];
	(void)state;
	new_two[1].tcp = false;
	struct sockets *old = sockets_open(old_two, 2, 2, NULL, why);
	assert_non_null(old);
	struct sockets_bound bound = bound_by(old, fds, 16);
	assert_int_equal(bound.count, 8);
	struct sockets *next = sockets_open(new_two, 2, 2, &bound, why);
	assert_non_null(next);
	assert_true(same_socket(sockets_udp(next, 1, 0), sockets_udp(old, 1, 0)));
	assert_int_equal(sockets_tcp(next, 1, 0), -1);
	assert_int_equal(sockets_descriptors(next, NULL, 0), 6);
	sockets_close(old);
	/* What went is free again. */
	struct sockets *again = sockets_open(old_two, 1, 2, NULL, why);
	assert_non_null(again);
	sockets_close(again);
	/* Somebody else sits on the new one: all or nothing, and the one that serves keeps its own. */
	int taken = ports_bind(&(struct addr){.in4 = old_two[0].address.in4}, SOCK_DGRAM);
	bound = bound_by(next, fds, 16);
	struct config_listen third[] = {new_two[1], old_two[0]};
	assert_null(sockets_open(third, 2, 2, &bound, why));
	assert_non_null(strstr(why, "the address is in use"));
	assert_true(fcntl(sockets_udp(next, 1, 0), F_GETFD) >= 0);
	close(taken);
	sockets_close(next);
}

/* As systemd binds them: one socket each, without SO_REUSEPORT, which all slots share. */
static void
shared_by_all_slots(void **state)
{
	struct config_listen l = {.udp = true, .tcp = true, .address = ports_free("127.0.0.1")};
	(void)state;
	int udp = ports_bind(&l.address, SOCK_DGRAM), tcp = ports_bind(&l.address, SOCK_STREAM);
	const int fds[] = {-1, tcp, 12345, udp};
	const struct sockets_bound bound = {.descriptors = fds, .count = 4};
	struct sockets *s = sockets_open(&l, 1, 3, &bound, why);
	assert_non_null(s);
	for (unsigned slot = 0; slot < 3; slot++) {
		assert_true(same_socket(sockets_udp(s, 0, slot), udp));
		assert_true(same_socket(sockets_tcp(s, 0, slot), tcp));
	}
	const bool mask[] = {false, true, false};
	sockets_steer(s, mask); /* there is nothing to steer */
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(client, "x", 1, 0, &l.address.any, addr_bytes(&l.address)), 1);
	sockets_keep_slot(s, 2);
	assert_int_equal(datagrams_at(sockets_udp(s, 0, 2)), 1);
	close(client);
	sockets_close(s);
	close(udp);
	close(tcp);
}

/* A descriptor of the other type, of another address, or of no socket is not one of ours. */
static void
strangers_descriptors(void **state)
{
	struct config_listen l = listen_on("127.0.0.1"), other = listen_on("127.0.0.2");
	(void)state;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int udp = ports_bind(&other.address, SOCK_DGRAM), tcp = ports_bind(&other.address, SOCK_STREAM);
	const int fds[] = {file, tcp, udp};
	const struct sockets_bound bound = {.descriptors = fds, .count = 3};
	struct sockets *s = sockets_open(&l, 1, 2, &bound, why);
	assert_non_null(s);
	for (unsigned slot = 0; slot < 2; slot++)
		assert_false(same_socket(sockets_udp(s, 0, slot), udp));
	sockets_close(s);
	close(file);
	close(udp);
	close(tcp);
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
	        cmocka_unit_test(steered_to_active_slots),
	        cmocka_unit_test(taken_over),
	        cmocka_unit_test(grown),
	        cmocka_unit_test(shrunk),
	        cmocka_unit_test(shrunk_and_grown_again),
	        cmocka_unit_test(spare_members_are_minded),
	        cmocka_unit_test(grown_beside_one_that_failed),
	        cmocka_unit_test(other_addresses),
	        cmocka_unit_test(shared_by_all_slots),
	        cmocka_unit_test(strangers_descriptors),
	};
	return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
