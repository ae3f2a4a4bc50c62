/*
 * Binding and steering.
 *
 * A group of SO_REUSEPORT sockets would also let a second dotward of the same user join it in silence and
 * take half of the questions, so each address that is not ours already is first bound alone, without
 * SO_REUSEPORT, which fails if anybody is there.
 *
 * The kernel numbers the members of a group in the order of their binding, and that number is the slot. It
 * does not tell it, and when a member is closed the last one gets its number, so no member is closed before
 * all are: those that no slot needs any more stay, spare, for as long as somebody listens on the address.
 */
#include "net/sockets.h"

#include "base/log.h"
#include "base/must.h"
#include "net/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SOCKETS_SLOTS = 256, /* the most that `workers` allows */
	SOCKETS_BACKLOG = 1024,
	SOCKETS_UDP_BUFFER_BYTES = 4 << 20, /* a burst while a worker is reborn has to wait somewhere */
};

struct sockets_group {
	int *fds;         /* by member; NULL: not this protocol */
	unsigned members; /* the slots, and the spare ones */
};

struct sockets_listen {
	struct addr address;
	size_t wanted; /* its index in the configuration */
	bool tls;
	struct sockets_group udp, tcp;
};

struct sockets {
	unsigned slots;
	size_t count;
	struct sockets_listen *listens;
};

static int
option_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/* An unbound socket for this address, or -errno. */
static int
socket_new(const struct addr *address, int type)
{
	int fd = socket(address->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* Each family has its own socket: an answer to ::ffff:192.0.2.1 would need a second way of doing
	 * everything. */
	if (address->any.sa_family == AF_INET6)
		option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (type == SOCK_STREAM)
		option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return fd;
}

/* Is the address free? Binds it alone and lets go again. 0 or -errno. */
static int
address_try(const struct addr *address, int type)
{
	int fd = socket_new(address, type);
	if (fd < 0)
		return fd;
	int result = bind(fd, &address->any, addr_bytes(address)) < 0 ? -errno : 0;
	/* SO_REUSEADDR lets bind() pass while another socket is bound but not yet listening; listen() tells.
	 */
	if (result == 0 && type == SOCK_STREAM && listen(fd, 1) < 0)
		result = -errno;
	close(fd);
	return result;
}

static void
udp_dress(int fd, const struct addr *address)
{
	if (option_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKETS_UDP_BUFFER_BYTES) < 0)
		option_set(fd, SOL_SOCKET, SO_RCVBUF, SOCKETS_UDP_BUFFER_BYTES);
	if (option_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKETS_UDP_BUFFER_BYTES) < 0)
		option_set(fd, SOL_SOCKET, SO_SNDBUF, SOCKETS_UDP_BUFFER_BYTES);
	if (address->any.sa_family == AF_INET) {
		/* RFC 9715: neither fragment answers nor believe a forged path MTU */
		option_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
		if (addr_is_wildcard(address))
			option_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
	} else {
		option_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
		if (addr_is_wildcard(address))
			option_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	}
}

/* A bound member of the group, or -errno. */
static int
member_open(const struct addr *address, int type)
{
	int fd = socket_new(address, type);
	if (fd < 0)
		return fd;
	if (type == SOCK_DGRAM)
		udp_dress(fd, address);
	int failed = option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (failed == 0)
		failed = bind(fd, &address->any, addr_bytes(address));
	if (failed == 0 && type == SOCK_STREAM)
		failed = listen(fd, SOCKETS_BACKLOG);
	if (failed == 0)
		return fd;
	failed = -errno;
	close(fd);
	return failed;
}

/*
 * Any worker can answer any question, so the kernel picks at random: one busy client address then still uses
 * every core, which the kernel's own choice, a hash over the addresses, would not. The program: a random
 * number below the count of active slots, and where the n-th active slot is not slot n, a comparison for it.
 * Fails harmlessly on a socket that is in no group.
 */
static int
group_steer(int fd, const unsigned *active, unsigned count)
{
	struct sock_filter code[3 + 2 * SOCKETS_SLOTS];
	unsigned used = 0;
	code[used++] = (struct sock_filter)BPF_STMT(
	        BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM));
	code[used++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count);
	for (unsigned i = 0; i < count; i++) {
		if (active[i] == i)
			continue;
		code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1);
		code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, active[i]);
	}
	code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	struct sock_fprog program;
	memset(&program, 0, sizeof program); /* its padding too, which goes to the kernel */
	program.len = (unsigned short)used;
	program.filter = code;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0 ? -errno
	                                                                                          : 0;
}

void
sockets_steer(const struct sockets *sockets, const bool *active)
{
	unsigned slots[SOCKETS_SLOTS], count = 0;
	for (unsigned slot = 0; slot < sockets->slots; slot++)
		if (active == NULL || active[slot])
			slots[count++] = slot;
	if (count == 0) {
		sockets_steer(sockets, NULL);
		return;
	}
	for (size_t i = 0; i < sockets->count; i++) {
		const struct sockets_listen *l = &sockets->listens[i];
		if (l->udp.fds != NULL)
			group_steer(l->udp.fds[0], slots, count);
		if (l->tcp.fds != NULL)
			group_steer(l->tcp.fds[0], slots, count);
	}
}

static void
member_close(struct sockets_group *group, unsigned member)
{
	if (group->fds[member] >= 0)
		close(group->fds[member]);
	group->fds[member] = -1;
}

static void
group_close(struct sockets_group *group)
{
	for (unsigned member = 0; member < group->members; member++)
		member_close(group, member);
	free(group->fds);
	*group = (struct sockets_group){0};
}

/* Is this descriptor a socket of the type that is bound to the address? */
static bool
is_bound_to(int fd, const struct addr *address, int type)
{
	struct addr local = {0};
	socklen_t bytes = sizeof local, type_bytes = sizeof(int);
	int has_type = 0;
	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &has_type, &type_bytes) == 0 &&
	       has_type == type && getsockname(fd, &local.any, &bytes) == 0 && addr_equal(&local, address);
}

/* Somebody else may have opened it, and then it is as plain as socket() makes it: a listener that blocks
 * would hold up the worker that comes second to a connection. */
static void
member_adopt(int fd, const struct addr *address, int type)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (type == SOCK_DGRAM)
		udp_dress(fd, address);
}

/* The same socket behind two descriptors has one cookie; 0: it cannot be told. */
static uint64_t
cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof cookie;
	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) < 0 ? 0 : cookie;
}

static bool
group_has(const struct sockets_group *group, int fd)
{
	uint64_t cookie = cookie_of(fd);
	for (unsigned member = 0; member < group->members; member++)
		if (cookie != 0 && cookie_of(group->fds[member]) == cookie)
			return true;
	return false;
}

/* Makes duplicates of what is bound already its members; `room` of them at most. */
static void
group_take_over(struct sockets_group *group, size_t room, const struct addr *address, int type,
        const struct sockets_bound *bound)
{
	for (size_t i = 0; bound != NULL && i < bound->count && group->members < room; i++) {
		int old = bound->descriptors[i];
		if (!is_bound_to(old, address, type) || group_has(group, old))
			continue;
		int fd = fcntl(old, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			continue;
		member_adopt(fd, address, type);
		group->fds[group->members++] = fd;
	}
}

/* A socket for a slot beyond those that were taken over. One that was opened by somebody else without
 * SO_REUSEPORT is shared by all. */
static int
group_extend(const struct sockets_group *group, unsigned taken, const struct addr *address, int type)
{
	int fd = member_open(address, type);
	if (fd != -EADDRINUSE || taken == 0)
		return fd;
	fd = fcntl(group->fds[group->members % taken], F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

/* All sockets of one address and protocol. 0, or -errno with none. */
static int
group_open(struct sockets_group *group, const struct addr *address, int type, unsigned slots,
        const struct sockets_bound *bound)
{
	size_t room = slots + (bound != NULL ? bound->count : 0);
	*group = (struct sockets_group){.fds = must_alloc(room, sizeof *group->fds)};
	group_take_over(group, room, address, type, bound);
	unsigned taken = group->members;
	int error = taken > 0 ? 0 : address_try(address, type);
	while (group->members < slots && error == 0) {
		int fd = group_extend(group, taken, address, type);
		if (fd < 0)
			error = fd;
		else
			group->fds[group->members++] = fd;
	}
	if (error < 0)
		group_close(group);
	return error;
}

static void
explain(const struct addr *address, int type, int error, char why[SOCKETS_WHY_BYTES])
{
	char text[ADDR_TEXT_BYTES], holder[HOLDER_TEXT_BYTES];
	const char *protocol = type == SOCK_DGRAM ? "UDP" : "TCP";
	addr_text(address, text);
	switch (-error) {
	case EADDRINUSE:
		holder_find(address, type == SOCK_DGRAM, holder);
		snprintf(why, SOCKETS_WHY_BYTES, "cannot listen on %s (%s): the address is in use%s", text,
		        protocol, holder);
		break;
	case EACCES:
	case EPERM:
		snprintf(why, SOCKETS_WHY_BYTES,
		        "cannot listen on %s (%s): not permitted; ports below 1024 need root or "
		        "CAP_NET_BIND_SERVICE, or use a higher port",
		        text, protocol);
		break;
	case EADDRNOTAVAIL:
		snprintf(why, SOCKETS_WHY_BYTES,
		        "cannot listen on %s (%s): no interface of this machine has this address", text,
		        protocol);
		break;
	default:
		snprintf(why, SOCKETS_WHY_BYTES, "cannot listen on %s (%s): %s", text, protocol,
		        strerror(-error));
	}
}

/* 0, or the error of the protocol in *type. */
static int
listen_open(struct sockets_listen *l, const struct config_listen *wanted, unsigned slots,
        const struct sockets_bound *bound, int *type)
{
	int error = 0;
	l->address = wanted->address;
	*type = SOCK_DGRAM;
	if (wanted->udp)
		error = group_open(&l->udp, &l->address, SOCK_DGRAM, slots, bound);
	if (error < 0)
		return error;
	*type = SOCK_STREAM;
	l->tls = wanted->tls;
	if (wanted->tcp || wanted->tls)
		error = group_open(&l->tcp, &l->address, SOCK_STREAM, slots, bound);
	return error;
}

static void
listen_close(struct sockets_listen *l)
{
	group_close(&l->udp);
	group_close(&l->tcp);
	*l = (struct sockets_listen){0};
}

/* The shipped configuration listens on ::1 too; a machine with IPv6 off should not fail for that. */
static bool
is_missing_ipv6(const struct addr *address, int error)
{
	if (address->any.sa_family != AF_INET6)
		return false;
	return error == -EAFNOSUPPORT ||
	       (error == -EADDRNOTAVAIL && IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr));
}

struct sockets *
sockets_open(const struct config_listen *listens, size_t count, unsigned slots,
        const struct sockets_bound *bound, char why[SOCKETS_WHY_BYTES])
{
	struct sockets *sockets = must_alloc(1, sizeof *sockets);
	sockets->slots = slots;
	sockets->listens = must_alloc(count, sizeof *sockets->listens);
	for (size_t i = 0; i < count; i++) {
		int type;
		struct sockets_listen *l = &sockets->listens[sockets->count];
		int error = listen_open(l, &listens[i], slots, bound, &type);
		l->wanted = i;
		if (error == 0) {
			sockets->count++;
			continue;
		}
		explain(&listens[i].address, type, error, why);
		listen_close(l);
		if (!is_missing_ipv6(&listens[i].address, error)) {
			sockets_close(sockets);
			return NULL;
		}
		log_warn("%s; going on without it", why);
	}
	if (sockets->count == 0) {
		sockets_close(sockets);
		return NULL;
	}
	/* What was taken over is still steered for those who serve there now; that changes when they are
	 * relieved. */
	if (bound == NULL)
		sockets_steer(sockets, NULL);
	return sockets;
}

void
sockets_close(struct sockets *sockets)
{
	if (sockets == NULL)
		return;
	for (size_t i = 0; i < sockets->count; i++)
		listen_close(&sockets->listens[i]);
	free(sockets->listens);
	free(sockets);
}

static void
group_keep_slot(struct sockets_group *group, unsigned slots, unsigned slot)
{
	for (unsigned member = 0; member < group->members; member++)
		if (member % slots != slot)
			member_close(group, member);
}

void
sockets_keep_slot(struct sockets *sockets, unsigned slot)
{
	for (size_t i = 0; i < sockets->count; i++) {
		group_keep_slot(&sockets->listens[i].udp, sockets->slots, slot);
		group_keep_slot(&sockets->listens[i].tcp, sockets->slots, slot);
	}
}

size_t
sockets_count(const struct sockets *sockets)
{
	return sockets->count;
}

const struct addr *
sockets_address(const struct sockets *sockets, size_t listen)
{
	return &sockets->listens[listen].address;
}

size_t
sockets_wanted(const struct sockets *sockets, size_t listen)
{
	return sockets->listens[listen].wanted;
}

bool
sockets_tls(const struct sockets *sockets, size_t listen)
{
	return sockets->listens[listen].tls;
}

unsigned
sockets_members(const struct sockets *sockets)
{
	unsigned most = 0;
	for (size_t i = 0; i < sockets->count; i++) {
		const struct sockets_listen *l = &sockets->listens[i];
		most = l->udp.members > most ? l->udp.members : most;
		most = l->tcp.members > most ? l->tcp.members : most;
	}
	return most;
}

int
sockets_udp(const struct sockets *sockets, size_t listen, unsigned member)
{
	const struct sockets_group *group = &sockets->listens[listen].udp;
	return member < group->members ? group->fds[member] : -1;
}

int
sockets_tcp(const struct sockets *sockets, size_t listen, unsigned member)
{
	const struct sockets_group *group = &sockets->listens[listen].tcp;
	return member < group->members ? group->fds[member] : -1;
}

static size_t
group_list(const struct sockets_group *group, int *out, size_t used, size_t room)
{
	for (unsigned member = 0; member < group->members; member++, used++)
		if (used < room)
			out[used] = group->fds[member];
	return used;
}

size_t
sockets_descriptors(const struct sockets *sockets, int *out, size_t room)
{
	size_t used = 0;
	for (size_t i = 0; i < sockets->count; i++) {
		used = group_list(&sockets->listens[i].udp, out, used, room);
		used = group_list(&sockets->listens[i].tcp, out, used, room);
	}
	return used;
}

int *
sockets_append(const struct sockets *sockets, int *descriptors, size_t *count)
{
	size_t has = sockets_descriptors(sockets, NULL, 0);
	descriptors = reallocarray(descriptors, *count + has, sizeof *descriptors);
	must(descriptors != NULL);
	*count += sockets_descriptors(sockets, descriptors + *count, has);
	return descriptors;
}
