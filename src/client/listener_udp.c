/*
 * One UDP socket. Datagrams are received into a batch, handled one after another, and answers are written
 * straight into the sending batch; an answer that comes later goes into whatever batch is then being filled.
 *
 * Both batches lie in shared memory, the message headers too. The kernel writes a datagram's length when it
 * hands it over, so that after a kill in the middle of the system call a successor can still tell what had
 * come: lengths are zeroed before each call. Invariants, true at every instant: datagrams of in[] with a
 * length, from `next` on, are not handled; answers out[sent .. filled) are complete and not yet sent. A
 * duplicate answer is harmless, a missing one is not.
 *
 * When the kernel takes no more, the batch waits for the socket to become writable; when it is full as well,
 * answers are dropped and counted, for a client that asks again is better served than a queue without bound.
 */
#include "client/listener_udp.h"

#include "base/must.h"
#include "net/proxy.h"
#include "query/policy.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	UDP_BATCH = 64,
	UDP_TURNS = 4, /* batches before others have their turn */
	UDP_DRAIN_TURNS = 256,
	UDP_QUERY_BYTES = 2048,  /* far above what a question has; a longer one is malformed */
	UDP_ANSWER_BYTES = 4096, /* the most that limits.udp_answer_size allows */
	UDP_CONTROL_BYTES = CMSG_SPACE(sizeof(struct in6_pktinfo)),
};

struct udp_slot {
	struct iovec iov;
	struct addr peer;
	_Alignas(struct cmsghdr) uint8_t control[UDP_CONTROL_BYTES];
};

/* In shared memory. */
struct udp_memory {
	uint32_t next;         /* first datagram of in[] that is not handled */
	uint32_t sent, filled; /* answers out[sent .. filled) wait */
	struct mmsghdr in[UDP_BATCH], out[UDP_BATCH];
	struct udp_slot in_slots[UDP_BATCH], out_slots[UDP_BATCH];
	uint8_t in_bytes[UDP_BATCH][UDP_QUERY_BYTES];
	uint8_t out_bytes[UDP_BATCH][UDP_ANSWER_BYTES];
};

/* A socket that is read as well. */
struct udp_also {
	struct udp_also *next;
	ev_io readable;
};

struct listener_udp {
	struct ev_loop *loop;
	struct queries *queries;
	struct stats_slab *stats;
	struct query_door door;
	struct udp_also *also;
	ev_io readable, writable;
	ev_prepare before_sleep;
	int fd;
	uint32_t listen;
	bool wildcard;
	bool stopped;
	const struct config_listen *proxied; /* NULL: clients ask themselves */
	struct udp_memory *m;
};

/* What was written before is in memory before what is written after, for whoever looks when this process is
 * dead. */
static inline void
settle_memory(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

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

/* Sends what is filled, as far as the kernel takes it. */
static void
flush(struct listener_udp *l)
{
	struct udp_memory *m = l->m;
	while (m->sent < m->filled) {
		int count = sendmmsg(l->fd, m->out + m->sent, m->filled - m->sent, MSG_NOSIGNAL);
		if (count > 0) {
			m->sent += (unsigned)count;
		} else if (errno == EAGAIN || errno == ENOBUFS) {
			ev_io_start(l->loop, &l->writable);
			return;
		} else if (errno != EINTR) {
			/* This one cannot be sent (no route back, an ICMP error of an earlier one); the
			 * others can. */
			stats_one(l->stats, STATS_dropped_unsent);
			m->sent++;
		}
	}
	m->filled = 0;
	settle_memory();
	m->sent = 0;
	ev_io_stop(l->loop, &l->writable);
}

static uint8_t *
door_reserve(void *arg, const struct query_from *from, size_t bytes)
{
	struct listener_udp *l = arg;
	(void)from;
	must(bytes <= UDP_ANSWER_BYTES);
	if (l->m->filled == UDP_BATCH)
		flush(l);
	if (l->m->filled == UDP_BATCH) {
		stats_one(l->stats, STATS_dropped_unsent);
		return NULL;
	}
	return l->m->out_bytes[l->m->filled];
}

static void
door_commit(void *arg, const struct query_from *from, size_t bytes)
{
	struct listener_udp *l = arg;
	if (bytes == 0)
		return;
	struct udp_slot *slot = &l->m->out_slots[l->m->filled];
	struct msghdr *head = &l->m->out[l->m->filled].msg_hdr;
	slot->iov.iov_len = bytes;
	slot->peer = from->proxy.any.sa_family != AF_UNSPEC ? from->proxy : from->peer;
	head->msg_namelen = addr_bytes(&slot->peer);
	head->msg_controllen = write_local(from, slot->control);
	head->msg_control = head->msg_controllen > 0 ? slot->control : NULL;
	settle_memory();
	l->m->filled++;
}

/* Where the question begins in a datagram: behind its PROXY header, if there is to be one. */
static size_t
head_bytes(const struct listener_udp *l, unsigned index)
{
	struct proxy_header header;
	if (l->proxied == NULL)
		return 0;
	int bytes = proxy_parse(l->m->in_bytes[index], l->m->in[index].msg_len, &header);
	return bytes > 0 ? (size_t)bytes : 0;
}

/* The client is who the proxy says it is; false when there is no saying, or it is not the proxy's to say. */
static bool
introduce(const struct listener_udp *l, unsigned index, struct query_from *from, size_t *head)
{
	struct proxy_header header;
	if (!policy_trusts_proxy(l->proxied, &from->peer)) {
		stats_one(l->stats, STATS_proxy_refused);
		return false;
	}
	int bytes = proxy_parse(l->m->in_bytes[index], l->m->in[index].msg_len, &header);
	if (bytes <= 0 || header.says == PROXY_NOBODY) {
		stats_one(l->stats, STATS_proxy_malformed);
		return false;
	}
	if (header.says == PROXY_CLIENT) {
		from->proxy = from->peer;
		from->peer = header.source;
	}
	*head = (size_t)bytes;
	return true;
}

/* Where the datagram came from, and where in it the question begins; false when it cannot be answered. */
static bool
origin(const struct listener_udp *l, unsigned index, struct query_from *from, size_t *head)
{
	*head = 0;
	*from = (struct query_from){.listen = l->listen, .peer = l->m->in_slots[index].peer};
	if (addr_port(&from->peer) == 0)
		return false;
	if (l->wildcard)
		read_local(&l->m->in[index].msg_hdr, from);
	return l->proxied == NULL || introduce(l, index, from, head);
}

static void
handle(struct listener_udp *l, unsigned index, uint64_t hash)
{
	struct query_from from;
	size_t head;
	if (origin(l, index, &from, &head))
		query_begin(l->queries, l->m->in_bytes[index] + head, l->m->in[index].msg_len - head, hash,
		        &from);
}

/* Receives and handles one batch; how many there were. */
static unsigned
receive(struct listener_udp *l, int fd)
{
	struct udp_memory *m = l->m;
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		m->in[i].msg_len = 0;
		m->in[i].msg_hdr.msg_namelen = sizeof m->in_slots[i].peer;
		m->in[i].msg_hdr.msg_controllen = l->wildcard ? UDP_CONTROL_BYTES : 0;
	}
	settle_memory();
	m->next = 0;
	settle_memory();
	int count = recvmmsg(fd, m->in, UDP_BATCH, MSG_DONTWAIT, NULL);
	unsigned received = count > 0 ? (unsigned)count : 0;
	uint64_t hashes[UDP_BATCH];
	for (unsigned i = 0; i < received; i++) {
		size_t head = head_bytes(l, i);
		hashes[i] = query_hash(l->queries, m->in_bytes[i] + head, m->in[i].msg_len - head);
	}
	query_expect(l->queries, hashes, received);
	for (unsigned i = 0; i < received; i++) {
		handle(l, i, hashes[i]);
		settle_memory();
		m->next = i + 1;
	}
	return received;
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener_udp *l = io->data;
	(void)loop;
	(void)events;
	for (unsigned turn = 0; turn < UDP_TURNS; turn++)
		if (receive(l, io->fd) < UDP_BATCH)
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
	if (l->m->filled > 0 && !ev_is_active(&l->writable))
		flush(l);
}

/* The answers that are complete. Each is looked at, for the one who wrote them died. */
static void
answers_check(struct udp_memory *m)
{
	if (m->filled > UDP_BATCH || m->sent > m->filled)
		m->filled = m->sent = 0;
	for (unsigned i = m->sent; i < m->filled; i++) {
		struct udp_slot *slot = &m->out_slots[i];
		struct msghdr *head = &m->out[i].msg_hdr;
		if (slot->iov.iov_len > UDP_ANSWER_BYTES)
			slot->iov.iov_len = 0;
		head->msg_namelen = addr_bytes(&slot->peer);
		if (head->msg_controllen > UDP_CONTROL_BYTES)
			head->msg_controllen = 0;
		head->msg_control = head->msg_controllen > 0 ? slot->control : NULL;
	}
}

/* What never changes in the message headers. Done anew in each life, so that nothing of it is taken on trust.
 */
static void
batches_prepare(struct listener_udp *l)
{
	struct udp_memory *m = l->m;
	answers_check(m);
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		struct msghdr *in = &m->in[i].msg_hdr, *out = &m->out[i].msg_hdr;
		m->in_slots[i].iov = (struct iovec){m->in_bytes[i], UDP_QUERY_BYTES};
		in->msg_name = &m->in_slots[i].peer;
		in->msg_iov = &m->in_slots[i].iov;
		in->msg_iovlen = 1;
		in->msg_control = l->wildcard ? m->in_slots[i].control : NULL;
		if (in->msg_control == NULL || in->msg_controllen > UDP_CONTROL_BYTES)
			in->msg_controllen = 0;
		m->out_slots[i].iov.iov_base = m->out_bytes[i];
		out->msg_name = &m->out_slots[i].peer;
		out->msg_iov = &m->out_slots[i].iov;
		out->msg_iovlen = 1;
		out->msg_flags = 0;
	}
}

size_t
listener_udp_footprint(void)
{
	return sizeof(struct udp_memory);
}

struct listener_udp *
listener_udp_new(struct ev_loop *loop, struct queries *queries, const struct addr *address, int fd,
        uint32_t listen, struct stats_slab *stats, void *memory)
{
	struct listener_udp *l = must_alloc(1, sizeof *l);
	l->loop = loop;
	l->queries = queries;
	l->stats = stats;
	l->fd = fd;
	l->listen = listen;
	l->wildcard = addr_is_wildcard(address);
	l->m = memory;
	l->door = (struct query_door){.arg = l, .reserve = door_reserve, .commit = door_commit};
	batches_prepare(l);
	queries_set_udp_door(queries, listen, &l->door);
	ev_io_init(&l->readable, on_readable, fd, EV_READ);
	ev_io_init(&l->writable, on_writable, fd, EV_WRITE);
	ev_prepare_init(&l->before_sleep, on_before_sleep);
	l->readable.data = l->writable.data = l->before_sleep.data = l;
	ev_io_start(loop, &l->readable);
	ev_prepare_start(loop, &l->before_sleep);
	return l;
}

void
listener_udp_proxied(struct listener_udp *l, const struct config_listen *by)
{
	l->proxied = by;
}

void
listener_udp_also(struct listener_udp *l, int fd)
{
	struct udp_also *also = must_alloc(1, sizeof *also);
	ev_io_init(&also->readable, on_readable, fd, EV_READ);
	also->readable.data = l;
	ev_io_start(l->loop, &also->readable);
	also->next = l->also;
	l->also = also;
}

static void
reading_stop(struct listener_udp *l)
{
	ev_io_stop(l->loop, &l->readable);
	for (struct udp_also *also = l->also; also != NULL; also = also->next)
		ev_io_stop(l->loop, &also->readable);
}

void
listener_udp_free(struct listener_udp *l)
{
	if (l == NULL)
		return;
	flush(l);
	reading_stop(l);
	for (struct udp_also *also = l->also, *next; also != NULL; also = next) {
		next = also->next;
		free(also);
	}
	ev_io_stop(l->loop, &l->writable);
	ev_prepare_stop(l->loop, &l->before_sleep);
	free(l);
}

void
listener_udp_recover(struct listener_udp *l, uint64_t skip)
{
	flush(l);
	/* All of them: an empty datagram has no length either, and others may have come behind it. */
	for (unsigned i = l->m->next; i < UDP_BATCH; i++) {
		struct query_from from;
		size_t bytes = l->m->in[i].msg_len;
		size_t head;
		if (bytes > 0 && bytes <= UDP_QUERY_BYTES && origin(l, i, &from, &head))
			query_begin_again(l->queries, l->m->in_bytes[i] + head, bytes - head, &from, skip);
		settle_memory();
		l->m->next = i + 1;
	}
}

/* Bounded, for a flood does not end. */
static void
drain_socket(struct listener_udp *l, int fd)
{
	for (unsigned turn = 0; turn < UDP_DRAIN_TURNS && receive(l, fd) > 0; turn++)
		;
}

void
listener_udp_drain(struct listener_udp *l)
{
	if (l->stopped)
		return;
	l->stopped = true;
	reading_stop(l);
	drain_socket(l, l->fd);
	for (struct udp_also *also = l->also; also != NULL; also = also->next)
		drain_socket(l, also->readable.fd);
}
