/*
 * The port is chosen by connect(), which knows the other end: so many connections fit into one port that go
 * to different servers.
 */
#include "net/source.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

int
source_bind(int fd, const struct addr *source)
{
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	return bind(fd, &source->any, addr_bytes(source)) < 0 ? -errno : 0;
}

static int
try_one(const struct addr *source)
{
	int fd = socket(source->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int failed = source_bind(fd, source);
	close(fd);
	return failed;
}

int
source_check(const struct config_upstream *upstreams, size_t count, char why[SOURCE_WHY_BYTES])
{
	char text[ADDR_TEXT_BYTES];
	for (size_t i = 0; i < count; i++) {
		const struct addr *source = &upstreams[i].source_address;
		int failed = source->any.sa_family != AF_UNSPEC ? try_one(source) : 0;
		if (failed == 0)
			continue;
		snprintf(why, SOURCE_WHY_BYTES,
		        failed == -EADDRNOTAVAIL
		                ? "upstream %s: source_address \"%s\" is no address of this machine"
		                : "upstream %s: source_address \"%s\" cannot be used: %s",
		        upstreams[i].name, addr_host_text(source, text), strerror(-failed));
		return failed;
	}
	return 0;
}
