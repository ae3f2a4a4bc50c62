/*
 * Addresses that mean something in the network of whoever asks, and have no business in the answer of
 * somebody outside: with one, a page from outside could have a browser talk to what stands inside (DNS
 * rebinding).
 */
#ifndef DOTWARD_DNS_REBIND_H
#define DOTWARD_DNS_REBIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Private, shared (RFC 6598), loopback, link-local, unspecified and "this network"; and for IPv6 also
 * site-local, unique local, all IPv4-mapped ones, and those that hold such an IPv4 address (IPv4-compatible,
 * NAT64, 6to4). 192.0.0.170, with which hosts look for NAT64 (RFC 7050), is none of them.
 */
bool rebind_is_private4(const uint8_t address[4]);
bool rebind_is_private6(const uint8_t address[16]);

/* Is there any in a message that wire_answer_take() accepted? In A and AAAA of all sections, and in the hints
 * of SVCB and HTTPS. */
bool rebind_finds(const uint8_t *msg, size_t bytes);

#endif
