/*
 * How sockets to upstreams differ from what the kernel would give.
 */
#include "net/dial.h"

#include "net/source.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { DIAL_USER_TIMEOUT_MS = 10000 };

static void
dress(int fd)
{
	int on = 1, timeout_ms = DIAL_USER_TIMEOUT_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
	/* Saves a round trip where the server has given a cookie; refused where the machine has it off, and
	 * then ignored. */
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

int
dial_open(const struct addr *from, const struct addr *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	dress(fd);
	int failed = from != NULL && from->any.sa_family != AF_UNSPEC ? source_bind(fd, from) : 0;
	if (failed == 0 && connect(fd, &to->any, addr_bytes(to)) < 0 && errno != EINPROGRESS)
		failed = -errno;
	if (failed == 0)
		return fd;
	close(fd);
	return failed;
}
