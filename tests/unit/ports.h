/*
 * Free ports of the loopback, for tests that must name one.
 */
#ifndef DOTWARD_TESTS_PORTS_H
#define DOTWARD_TESTS_PORTS_H

#include "base/addr.h"

#include <sys/socket.h>
#include <unistd.h>

/* A socket of this type bound to this address, whose port 0 becomes a real one; for TCP it listens. */
static inline int
ports_bind(struct addr *address, int type)
{
	socklen_t bytes = sizeof *address;
	int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (bind(fd, &address->any, addr_bytes(address)) < 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, &address->any, &bytes), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* The address with a port that neither UDP nor TCP has in use. */
static inline struct addr
ports_free(const char *host)
{
	for (int i = 0; i < 50; i++) {
		struct addr address;
		assert_int_equal(addr_parse(&address, host, 1), 0);
		addr_set_port(&address, 0);
		int udp = ports_bind(&address, SOCK_DGRAM);
		int tcp = ports_bind(&address, SOCK_STREAM);
		close(udp);
		if (tcp >= 0) {
			close(tcp);
			return address;
		}
	}
	fail_msg("no free port");
	return (struct addr){0};
}

#endif
