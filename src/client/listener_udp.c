/*
 * One UDP socket. Datagrams are received into a batch, handled one after another, and answers are written
 * straight into the sending batch; an answer that comes later goes into whatever batch is then being filled.
 *
 * When the kernel takes no more, the batch waits for the socket to become writable; when it is full as well,
 * answers are dropped and counted, for a client that asks again is better served than a queue without bound.
 */
#include "client/listener_udp.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	UDP_BATCH = 64,
	UDP_TURNS = 4, /* batches before others have their turn */
	UDP_DRAIN_TURNS = 256,
	UDP_QUERY_BYTES = 4096,
	UDP_ANSWER_BYTES = 4096, /* the most that limits.udp_answer_size allows */
	UDP_CONTROL_BYTES = CMSG_SPACE(sizeof(struct in6_pktinfo)),
};

struct udp_slot {
	struct iovec iov;
	struct addr peer;
	_Alignas(struct cmsghdr) uint8_t control[UDP_CONTROL_BYTES];
};

struct listener_udp {
	struct ev_loop *loop;
	struct queries *queries;
	struct stats_slab *stats;
	struct query_door door;
	ev_io readable, writable;
	ev_prepare before_sleep;
	int fd;
	uint32_t listen;
	bool wildcard;
	bool stopped;
	unsigned filled; /* answers that wait to be sent */
	struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
	struct udp_slot in_slots[UDP_BATCH], out_slots[UDP_BATCH];
	uint8_t in_bytes[UDP_BATCH][UDP_QUERY_BYTES];
	uint8_t out_bytes[UDP_BATCH][UDP_ANSWER_BYTES];
};

/* The address that was asked, from the control message of a wildcard socket. */
static void
read_local(const struct msghdr *head, struct query_from *from)
{
	struct msghdr *walked = (struct msghdr *)(uintptr_t)
	        head; /* CMSG_NXTHDR does not change it, but is not const either */
	for (struct cmsghdr *c = CMSG_FIRSTHDR(walked); c != NULL; c = CMSG_NXTHDR(walked, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			from->local.in4.sin_family = AF_INET;
			from->local.in4.sin_addr = info.ipi_addr;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			from->local.in6.sin6_family = AF_INET6;
			from->local.in6.sin6_addr = info.ipi6_addr;
			if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				from->interface = info.ipi6_ifindex;
		}
	}
}

/* Says which address the answer comes from; the length of the control message. */
static size_t
write_local(const struct query_from *from, uint8_t *control)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)control;
	if (from->local.any.sa_family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = from->local.in4.sin_addr};
		*c = (struct cmsghdr){
		        .cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
		memcpy(CMSG_DATA(c), &info, sizeof info);
		return CMSG_SPACE(sizeof info);
	}
	if (from->local.any.sa_family == AF_INET6) {
		struct in6_pktinfo info = {
		        .ipi6_addr = from->local.in6.sin6_addr, .ipi6_ifindex = from->interface};
		*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info),
		        .cmsg_level = IPPROTO_IPV6,
		        .cmsg_type = IPV6_PKTINFO};
		memcpy(CMSG_DATA(c), &info, sizeof info);
		return CMSG_SPACE(sizeof info);
	}
	return 0;
}

/* Sends what is filled. What the kernel does not take now moves to the front. */
static void
flush(struct listener_udp *l)
{
	unsigned sent = 0;
	while (sent < l->filled) {
		int count = sendmmsg(l->fd, l->out + sent, l->filled - sent, MSG_NOSIGNAL);
		if (count > 0) {
			sent += (unsigned)count;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			break;
		} else if (errno != EINTR) {
			/* This one cannot be sent (no route back, an ICMP error of an earlier one); the
			 * others can. */
			stats_one(l->stats, STATS_dropped_unsent);
			sent++;
		}
	}
	if (sent == l->filled) {
		l->filled = 0;
		ev_io_stop(l->loop, &l->writable);
		return;
	}
	for (unsigned i = 0; sent > 0 && i < l->filled - sent; i++) {
		struct udp_slot *to = &l->out_slots[i], *source = &l->out_slots[sent + i];
		memcpy(l->out_bytes[i], l->out_bytes[sent + i], source->iov.iov_len);
		to->iov.iov_len = source->iov.iov_len;
		to->peer = source->peer;
		memcpy(to->control, source->control, sizeof to->control);
		l->out[i].msg_hdr.msg_namelen = l->out[sent + i].msg_hdr.msg_namelen;
		l->out[i].msg_hdr.msg_control = l->out[sent + i].msg_hdr.msg_control ? to->control : NULL;
		l->out[i].msg_hdr.msg_controllen = l->out[sent + i].msg_hdr.msg_controllen;
	}
	l->filled -= sent;
	ev_io_start(l->loop, &l->writable);
}

static uint8_t *
door_reserve(void *arg, const struct query_from *from, size_t bytes)
{
	struct listener_udp *l = arg;
	(void)from;
	must(bytes <= UDP_ANSWER_BYTES);
	if (l->filled == UDP_BATCH)
		flush(l);
	if (l->filled == UDP_BATCH) {
		stats_one(l->stats, STATS_dropped_unsent);
		return NULL;
	}
	return l->out_bytes[l->filled];
}

static void
door_commit(void *arg, const struct query_from *from, size_t bytes)
{
	struct listener_udp *l = arg;
	if (bytes == 0)
		return;
	struct udp_slot *slot = &l->out_slots[l->filled];
	struct msghdr *head = &l->out[l->filled].msg_hdr;
	slot->iov.iov_len = bytes;
	slot->peer = from->peer;
	head->msg_namelen = addr_bytes(&from->peer);
	head->msg_controllen = write_local(from, slot->control);
	head->msg_control = head->msg_controllen > 0 ? slot->control : NULL;
	l->filled++;
}

static void
handle(struct listener_udp *l, unsigned index)
{
	const struct mmsghdr *received = &l->in[index];
	struct query_from from = {.door = &l->door, .listen = l->listen};
	from.peer = l->in_slots[index].peer;
	/* Nobody can be answered at port 0. */
	if (addr_port(&from.peer) == 0)
		return;
	if (l->wildcard)
		read_local(&received->msg_hdr, &from);
	query_begin(l->queries, l->in_bytes[index], received->msg_len, &from);
}

/* Receives and handles one batch; how many there were. */
static unsigned
receive(struct listener_udp *l)
{
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		l->in[i].msg_hdr.msg_namelen = sizeof l->in_slots[i].peer;
		l->in[i].msg_hdr.msg_controllen = l->wildcard ? UDP_CONTROL_BYTES : 0;
	}
	int count = recvmmsg(l->fd, l->in, UDP_BATCH, MSG_DONTWAIT, NULL);
	unsigned received = count > 0 ? (unsigned)count : 0;
	for (unsigned i = 0; i < received; i++)
		handle(l, i);
	return received;
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener_udp *l = io->data;
	(void)loop;
	(void)events;
	for (unsigned turn = 0; turn < UDP_TURNS; turn++)
		if (receive(l) < UDP_BATCH)
			return;
}

static void
on_writable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	flush(io->data);
}

static void
on_before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct listener_udp *l = prepare->data;
	(void)loop;
	(void)events;
	if (l->filled > 0 && !ev_is_active(&l->writable))
		flush(l);
}

/* What never changes in the message headers. */
static void
batches_prepare(struct listener_udp *l)
{
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		l->in_slots[i].iov = (struct iovec){l->in_bytes[i], UDP_QUERY_BYTES};
		l->in[i].msg_hdr = (struct msghdr){.msg_name = &l->in_slots[i].peer,
		        .msg_iov = &l->in_slots[i].iov,
		        .msg_iovlen = 1,
		        .msg_control = l->wildcard ? l->in_slots[i].control : NULL};
		l->out_slots[i].iov = (struct iovec){l->out_bytes[i], 0};
		l->out[i].msg_hdr = (struct msghdr){
		        .msg_name = &l->out_slots[i].peer, .msg_iov = &l->out_slots[i].iov, .msg_iovlen = 1};
	}
}

struct listener_udp *
listener_udp_new(struct ev_loop *loop, struct queries *queries, const struct addr *address, int fd,
        uint32_t listen, struct stats_slab *stats)
{
	struct listener_udp *l = must_alloc(1, sizeof *l);
	l->loop = loop;
	l->queries = queries;
	l->stats = stats;
	l->fd = fd;
	l->listen = listen;
	l->wildcard = addr_is_wildcard(address);
	l->door = (struct query_door){.arg = l, .reserve = door_reserve, .commit = door_commit};
	batches_prepare(l);
	ev_io_init(&l->readable, on_readable, fd, EV_READ);
	ev_io_init(&l->writable, on_writable, fd, EV_WRITE);
	ev_prepare_init(&l->before_sleep, on_before_sleep);
	l->readable.data = l->writable.data = l->before_sleep.data = l;
	ev_io_start(loop, &l->readable);
	ev_prepare_start(loop, &l->before_sleep);
	return l;
}

void
listener_udp_free(struct listener_udp *l)
{
	if (l == NULL)
		return;
	flush(l);
	ev_io_stop(l->loop, &l->readable);
	ev_io_stop(l->loop, &l->writable);
	ev_prepare_stop(l->loop, &l->before_sleep);
	free(l);
}

void
listener_udp_drain(struct listener_udp *l)
{
	if (l->stopped)
		return;
	l->stopped = true;
	ev_io_stop(l->loop, &l->readable);
	/* Bounded, for a flood does not end. */
	for (unsigned turn = 0; turn < UDP_DRAIN_TURNS && receive(l) > 0; turn++)
		;
}
