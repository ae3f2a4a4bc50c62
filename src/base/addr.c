/*
 * Socket addresses and networks: text to value and back, and comparisons.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
port_parse(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return -EINVAL;
	long value = strtol(text, NULL, 10);
	if (value < 1 || value > 65535)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

static int
scope_parse(const char *text, uint32_t *scope)
{
	size_t digits = strspn(text, "0123456789");
	if (digits > 0 && digits < 10 && text[digits] == '\0')
		*scope = (uint32_t)strtoul(text, NULL, 10);
	else
		*scope = if_nametoindex(text);
	return *scope != 0 ? 0 : -EINVAL;
}

static int
host_parse(struct addr *out, char *host, uint16_t port)
{
	*out = (struct addr){0};
	if (inet_pton(AF_INET, host, &out->in4.sin_addr) == 1) {
		out->in4.sin_family = AF_INET;
		out->in4.sin_port = htons(port);
		return 0;
	}
	uint32_t scope = 0;
	char *percent = strchr(host, '%');
	if (percent != NULL) {
		*percent = '\0';
		if (scope_parse(percent + 1, &scope) < 0)
			return -EINVAL;
	}
	if (inet_pton(AF_INET6, host, &out->in6.sin6_addr) != 1)
		return -EINVAL;
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(port);
	out->in6.sin6_scope_id = scope;
	return 0;
}

int
addr_parse(struct addr *out, const char *text, uint16_t default_port)
{
	char host[ADDR_TEXT_BYTES];
	uint16_t port = default_port;
	const char *at = strchr(text, '@');
	size_t host_bytes = at ? (size_t)(at - text) : strlen(text);
	if (host_bytes == 0 || host_bytes >= sizeof host)
		return -EINVAL;
	if (at != NULL && port_parse(at + 1, &port) < 0)
		return -EINVAL;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	return host_parse(out, host, port);
}

const char *
addr_host_text(const struct addr *a, char out[ADDR_TEXT_BYTES])
{
	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in4.sin_addr, out, ADDR_TEXT_BYTES);
	} else if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, out, ADDR_TEXT_BYTES);
		size_t used = strlen(out);
		if (a->in6.sin6_scope_id != 0)
			snprintf(out + used, ADDR_TEXT_BYTES - used, "%%%u", a->in6.sin6_scope_id);
	} else {
		strcpy(out, "none");
	}
	return out;
}

const char *
addr_text(const struct addr *a, char out[ADDR_TEXT_BYTES])
{
	addr_host_text(a, out);
	size_t used = strlen(out);
	snprintf(out + used, ADDR_TEXT_BYTES - used, "@%u", addr_port(a));
	return out;
}

socklen_t
addr_bytes(const struct addr *a)
{
	return a->any.sa_family == AF_INET6 ? sizeof a->in6 : sizeof a->in4;
}

uint16_t
addr_port(const struct addr *a)
{
	/* sin_port and sin6_port share their place */
	return ntohs(a->in4.sin_port);
}

void
addr_set_port(struct addr *a, uint16_t port)
{
	a->in4.sin_port = htons(port);
}

const uint8_t *
addr_host(const struct addr *a, size_t *count)
{
	if (a->any.sa_family == AF_INET6) {
		*count = 16;
		return a->in6.sin6_addr.s6_addr;
	}
	*count = 4;
	return (const uint8_t *)&a->in4.sin_addr;
}

bool
addr_is_ip(const struct addr *a)
{
	return a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6;
}

bool
addr_is_wildcard(const struct addr *a)
{
	static const uint8_t zero[16];
	size_t count;
	const uint8_t *host = addr_host(a, &count);
	return memcmp(host, zero, count) == 0;
}

bool
addr_same_host(const struct addr *a, const struct addr *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET6 && a->in6.sin6_scope_id != b->in6.sin6_scope_id)
		return false;
	size_t count;
	const uint8_t *left = addr_host(a, &count), *right = addr_host(b, &count);
	return memcmp(left, right, count) == 0;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_port(a) == addr_port(b) && addr_same_host(a, b);
}

/* True when the bits behind the prefix are all zero. */
static bool
net_is_clean(const struct addr_net *n, size_t count)
{
	for (size_t bit = n->prefix; bit < count * 8; bit++)
		if (n->bytes[bit / 8] & (0x80u >> (bit % 8)))
			return false;
	return true;
}

int
addr_net_parse(struct addr_net *out, const char *text)
{
	char host[ADDR_TEXT_BYTES];
	const char *slash = strchr(text, '/');
	size_t host_bytes = slash ? (size_t)(slash - text) : strlen(text);
	if (host_bytes == 0 || host_bytes >= sizeof host || memchr(text, '%', host_bytes) != NULL)
		return -EINVAL;
	memcpy(host, text, host_bytes);
	host[host_bytes] = '\0';
	struct addr a;
	if (host_parse(&a, host, 0) < 0)
		return -EINVAL;
	size_t count;
	const uint8_t *bytes = addr_host(&a, &count);
	size_t prefix = count * 8;
	if (slash != NULL) {
		size_t digits = strspn(slash + 1, "0123456789");
		if (digits == 0 || digits > 3 || slash[1 + digits] != '\0')
			return -EINVAL;
		prefix = (size_t)strtoul(slash + 1, NULL, 10);
	}
	if (prefix > count * 8)
		return -EINVAL;
	*out = (struct addr_net){.family = a.any.sa_family, .prefix = (uint8_t)prefix};
	memcpy(out->bytes, bytes, count);
	return net_is_clean(out, count) ? 0 : -EDOM;
}

const char *
addr_net_text(const struct addr_net *n, char out[ADDR_TEXT_BYTES])
{
	inet_ntop(n->family, n->bytes, out, ADDR_TEXT_BYTES);
	size_t used = strlen(out);
	snprintf(out + used, ADDR_TEXT_BYTES - used, "/%u", n->prefix);
	return out;
}

bool
addr_net_holds(const struct addr_net *n, const struct addr *a)
{
	if (n->family != a->any.sa_family)
		return false;
	size_t count, whole = n->prefix / 8;
	const uint8_t *host = addr_host(a, &count);
	if (memcmp(host, n->bytes, whole) != 0)
		return false;
	unsigned rest = n->prefix % 8;
	return rest == 0 || ((host[whole] ^ n->bytes[whole]) >> (8 - rest)) == 0;
}

struct addr_net
addr_net_of(const struct addr *a, unsigned prefix)
{
	size_t count;
	const uint8_t *host = addr_host(a, &count);
	if (prefix > count * 8)
		prefix = (unsigned)count * 8;
	struct addr_net net = {.family = a->any.sa_family, .prefix = (uint8_t)prefix};
	memcpy(net.bytes, host, (prefix + 7) / 8);
	if (prefix % 8 != 0)
		net.bytes[prefix / 8] &= (uint8_t)(0xff00u >> (prefix % 8));
	return net;
}
