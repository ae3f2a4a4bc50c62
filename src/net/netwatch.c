/*
 * Two sockets: one listens for what changes, and one asks what there is, at the start and whenever the kernel
 * had to drop news because we were slow. The first is open before the second asks, so nothing falls between
 * them; what is told twice is no change.
 */
#include "net/netwatch.h"

#include "base/burst.h"
#include "base/must.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	NETWATCH_READ_BYTES = 32768, /* what the kernel fills at most for one recv() */
	NETWATCH_BUFFER_BYTES = 1 << 20,
	NETWATCH_READS = 1000, /* at one go; a storm may not keep us from everything else */
};

struct netwatch {
	int fd;
	struct burst burst;
	struct netnews news;
	char why[NETNEWS_WHY_BYTES]; /* of the change that is not acted on yet */
	uint8_t room[NETWATCH_READ_BYTES];
};

static int
socket_open(unsigned groups)
{
	struct sockaddr_nl us = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int buffer_bytes = NETWATCH_BUFFER_BYTES;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
	if (bind(fd, (const struct sockaddr *)&us, sizeof us) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* One piece of what the kernel says. Bytes, 0: nothing to heed, or -errno. */
static ssize_t
receive(struct netwatch *watch, int fd)
{
	struct sockaddr_nl from = {0};
	socklen_t from_bytes = sizeof from;
	ssize_t got = recvfrom(fd, watch->room, sizeof watch->room, 0, (struct sockaddr *)&from, &from_bytes);
	if (got < 0)
		return -errno;
	/* anybody may send to it; the kernel is number 0 */
	return from.nl_pid == 0 ? got : 0;
}

/* Asks for all links, or all addresses. The kernel has the answer ready when send() returns, and the next
 * piece of it when one was read. */
static bool
list_all(struct netwatch *watch, int fd, uint16_t type, struct netnews_sum *sum)
{
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
	} ask = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
	                 .nlmsg_type = type,
	                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	sum->done = false;
	if (send(fd, &ask, ask.head.nlmsg_len, 0) < 0)
		return false;
	while (!sum->done) {
		ssize_t got = receive(watch, fd);
		if (got < 0)
			return false;
		netnews_read(&watch->news, watch->room, (size_t)got, sum);
	}
	return true;
}

static bool
take_stock(struct netwatch *watch, struct netnews_sum *sum)
{
	int fd = socket_open(0);
	if (fd < 0)
		return false;
	bool good = list_all(watch, fd, RTM_GETLINK, sum) && list_all(watch, fd, RTM_GETADDR, sum);
	int error = errno;
	close(fd);
	errno = error;
	return good;
}

struct netwatch *
netwatch_open(void)
{
	struct netwatch *watch = must_alloc(1, sizeof *watch);
	struct netnews_sum nothing = {0};
	watch->fd = socket_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
	                        RTMGRP_IPV6_ROUTE);
	if (watch->fd >= 0 && take_stock(watch, &nothing))
		return watch;
	int error = errno;
	netwatch_close(watch);
	errno = error;
	return NULL;
}

void
netwatch_close(struct netwatch *watch)
{
	if (watch == NULL)
		return;
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}

int
netwatch_fd(const struct netwatch *watch)
{
	return watch->fd;
}

uint64_t
netwatch_due_ms(const struct netwatch *watch)
{
	return burst_due_ms(&watch->burst);
}

/* The kernel dropped some of it: what there is now, and that something happened. */
static void
read_anew(struct netwatch *watch, struct netnews_sum *sum)
{
	memset(&watch->news, 0, sizeof watch->news);
	if (!take_stock(watch, sum))
		memset(&watch->news, 0, sizeof watch->news);
	sum->loss = true;
	sum->gain = false;
	snprintf(sum->why, sizeof sum->why, "more changed than could be followed");
}

static void
read_all(struct netwatch *watch, struct netnews_sum *sum)
{
	for (unsigned reads = 0; reads < NETWATCH_READS; reads++) {
		ssize_t got = receive(watch, watch->fd);
		if (got == -ENOBUFS)
			read_anew(watch, sum);
		else if (got < 0 && got != -EINTR)
			return;
		else if (got > 0)
			netnews_read(&watch->news, watch->room, (size_t)got, sum);
	}
}

bool
netwatch_changed(struct netwatch *watch, uint64_t now_ms, char why[NETNEWS_WHY_BYTES])
{
	struct netnews_sum sum = {0};
	read_all(watch, &sum);
	if (sum.gain || sum.loss) {
		if (watch->why[0] == '\0')
			snprintf(watch->why, sizeof watch->why, "%s", sum.why);
		burst_note(&watch->burst, sum.gain, now_ms);
	}
	if (!burst_take(&watch->burst, now_ms))
		return false;
	snprintf(why, NETNEWS_WHY_BYTES, "%s", watch->why);
	watch->why[0] = '\0';
	return true;
}
