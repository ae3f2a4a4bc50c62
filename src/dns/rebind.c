/*
 * Networks as tables, and a walk over all records of an answer. What cannot be read is taken for the worst.
 */
#include "dns/rebind.h"

#include "dns/header.h"
#include "dns/name.h"
#include "dns/octets.h"
#include "dns/record.h"

#include <string.h>

enum {
	TYPE_A = 1,
	TYPE_AAAA = 28,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
	KEY_IPV4HINT = 4, /* RFC 9460 section 14.3.2 */
	KEY_IPV6HINT = 6,
	IPV4_BYTES = 4,
	IPV6_BYTES = 16,
};

struct net {
	uint8_t bytes[IPV6_BYTES];
	uint8_t prefix;
	int8_t holds4; /* where an IPv4 address is in it that decides; 0: the net is private altogether */
};

static const struct net nets4[] = {
        {{0}, 8, 0},
        {{10}, 8, 0},
        {{100, 64}, 10, 0},
        {{127}, 8, 0},
        {{169, 254}, 16, 0},
        {{172, 16}, 12, 0},
        {{192, 168}, 16, 0},
        {{255, 255, 255, 255}, 32, 0},
};

static const struct net nets6[] = {
        {{0}, 96, 12}, /* IPv4-compatible, with :: and ::1, for 0/8 is private */
        {{[10] = 0xff, [11] = 0xff}, 96, 0},
        {{0, 0x64, 0xff, 0x9b}, 96, 12},       /* NAT64, RFC 6052 */
        {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, 12}, /* NAT64 of one's own, RFC 8215 */
        {{0x20, 0x02}, 16, 2},                 /* 6to4, RFC 3056 */
        {{0xfc}, 7, 0},
        {{0xfe, 0x80}, 10, 0},
        {{0xfe, 0xc0}, 10, 0},
};

static bool
net_holds(const struct net *net, const uint8_t *address)
{
	size_t whole = net->prefix / 8;
	unsigned rest = net->prefix % 8;
	if (memcmp(net->bytes, address, whole) != 0)
		return false;
	return rest == 0 || ((net->bytes[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool
rebind_is_private4(const uint8_t address[IPV4_BYTES])
{
	for (size_t i = 0; i < sizeof nets4 / sizeof *nets4; i++)
		if (net_holds(&nets4[i], address))
			return true;
	return false;
}

bool
rebind_is_private6(const uint8_t address[IPV6_BYTES])
{
	for (size_t i = 0; i < sizeof nets6 / sizeof *nets6; i++)
		if (net_holds(&nets6[i], address))
			return nets6[i].holds4 == 0 || rebind_is_private4(address + nets6[i].holds4);
	return false;
}

/* A row of addresses, as hints are. */
static bool
any_private(const uint8_t *at, size_t bytes, size_t each, bool (*is_private)(const uint8_t *))
{
	if (bytes % each != 0)
		return true;
	for (size_t i = 0; i < bytes; i += each)
		if (is_private(at + i))
			return true;
	return false;
}

static bool
is_private4(const uint8_t *address)
{
	return rebind_is_private4(address);
}

static bool
is_private6(const uint8_t *address)
{
	return rebind_is_private6(address);
}

/* RFC 9460 section 2.2 */
static bool
hints_private(const uint8_t *msg, size_t at, size_t end)
{
	size_t name = end - at > 2 ? name_skip(msg, end, at + 2) : 0;
	if (name == 0)
		return true;
	for (at += 2 + name; at < end;) {
		if (end - at < 4 || end - at - 4 < octets_get16(msg + at + 2))
			return true;
		uint16_t key = octets_get16(msg + at);
		size_t bytes = octets_get16(msg + at + 2);
		at += 4;
		if (key == KEY_IPV4HINT && any_private(msg + at, bytes, IPV4_BYTES, is_private4))
			return true;
		if (key == KEY_IPV6HINT && any_private(msg + at, bytes, IPV6_BYTES, is_private6))
			return true;
		at += bytes;
	}
	return false;
}

static bool
record_private(const uint8_t *msg, const struct record *record)
{
	const uint8_t *rdata = msg + record->rdata;
	size_t bytes = record->end - record->rdata;
	switch (record->type) {
	case TYPE_A:
		return bytes != IPV4_BYTES || rebind_is_private4(rdata);
	case TYPE_AAAA:
		return bytes != IPV6_BYTES || rebind_is_private6(rdata);
	case TYPE_SVCB:
	case TYPE_HTTPS:
		return hints_private(msg, record->rdata, record->end);
	default:
		return false;
	}
}

bool
rebind_finds(const uint8_t *msg, size_t bytes)
{
	struct record record;
	size_t first = bytes > HEADER_BYTES ? record_first(msg, bytes) : 0;
	if (first == 0)
		return true;
	for (size_t at = first; at < bytes; at = record.end)
		if (!record_read(msg, bytes, at, &record) || record_private(msg, &record))
			return true;
	return false;
}
