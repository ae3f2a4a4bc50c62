/*
 * Socket addresses and networks, as values.
 *
 * Text form: ADDRESS[@PORT], "127.0.0.1@53", "::1@53", "fe80::1%eth0@53".
 */
#ifndef DOTWARD_BASE_ADDR_H
#define DOTWARD_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDR_TEXT_BYTES = 80 };

/* family AF_UNSPEC (0): no address */
struct addr {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
};

/* A network: the first `prefix` bits of `bytes`. */
struct addr_net {
	uint8_t bytes[16];
	sa_family_t family;
	uint8_t prefix;
};

/* Reads ADDRESS[@PORT] (no host names); without @PORT the port is default_port. 0 or -EINVAL. */
int addr_parse(struct addr *out, const char *text, uint16_t default_port) __attribute__((warn_unused_result));
/* Writes ADDRESS@PORT and returns `out`. */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT_BYTES]);
/* Writes ADDRESS without port and returns `out`. */
const char *addr_host_text(const struct addr *a, char out[ADDR_TEXT_BYTES]);
socklen_t addr_bytes(const struct addr *a);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
/* False: there is none (AF_UNSPEC), or of another family. */
bool addr_is_ip(const struct addr *a);
bool addr_is_wildcard(const struct addr *a);
/* Same address and port (and scope). */
bool addr_equal(const struct addr *a, const struct addr *b);
/* Same address, whatever the port. */
bool addr_same_host(const struct addr *a, const struct addr *b);
/* The 4 or 16 address bytes; *count says how many. */
const uint8_t *addr_host(const struct addr *a, size_t *count);

/* Reads ADDRESS[/PREFIX]; bits behind the prefix must be 0. 0, -EINVAL (no network) or -EDOM (bits behind the
 * prefix). */
int addr_net_parse(struct addr_net *out, const char *text) __attribute__((warn_unused_result));
const char *addr_net_text(const struct addr_net *n, char out[ADDR_TEXT_BYTES]);
bool addr_net_holds(const struct addr_net *n, const struct addr *a);
/* The network of this size that holds the address; a prefix longer than the address is as long as it. */
struct addr_net addr_net_of(const struct addr *a, unsigned prefix);

#endif
