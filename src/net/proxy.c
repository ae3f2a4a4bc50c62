/*
 *   signature, 12 | version 2, command | family, transport | length of the rest, 2 | addresses | TLVs
 *
 * A combination of family and transport that the protocol does not know is refused, as it demands; a header
 * for a client without an IP address is not taken for one of the proxy itself, which the protocol would
 * allow: that would give strangers the rights of the proxy.
 */
#include "net/proxy.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	AT_COMMAND = 12,
	AT_FAMILY = 13,
	AT_LENGTH = 14,
	VERSION_LOCAL = 0x20,
	VERSION_PROXY = 0x21,
	FAMILY_INET = 1,
	TLV_HEADER_BYTES = 3,
	TLV_CRC32C = 3,
	CRC_BYTES = 4,
};

static const uint8_t signature[AT_COMMAND] = "\r\n\r\n\0\r\nQUIT\n";

/* By the upper half of the octet; the lower half, the transport, is 1 (stream) or 2 (datagram) for all of
 * them. */
static const struct family {
	size_t bytes; /* of both addresses, with ports */
	sa_family_t family;
} families[] = {{0, AF_UNSPEC}, {12, AF_INET}, {36, AF_INET6}, {216, AF_UNIX}};

static unsigned
get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static bool
is_family(unsigned octet)
{
	unsigned family = octet >> 4, transport = octet & 15;
	return octet == 0 || (family >= FAMILY_INET && family < sizeof families / sizeof *families &&
	                             (transport == 1 || transport == 2));
}

/* CRC32c (Castagnoli), as RFC 3720 has it, half an octet at a time: only headers that carry one pay for it.
 */
static uint32_t
crc_add(uint32_t crc, const uint8_t *bytes, size_t count)
{
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc,
	        0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	for (; count > 0; count--, bytes++) {
		crc ^= *bytes;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

/* Of the whole header, with zeroes where the checksum itself stands. */
static bool
crc_fits(const uint8_t *bytes, size_t count, size_t at)
{
	static const uint8_t zeroes[CRC_BYTES];
	uint32_t crc = crc_add(UINT32_MAX, bytes, at);
	crc = crc_add(crc, zeroes, CRC_BYTES);
	crc = ~crc_add(crc, bytes + at + CRC_BYTES, count - at - CRC_BYTES);
	return crc == ((uint32_t)get16(bytes + at) << 16 | get16(bytes + at + 2));
}

static bool
tlvs_sound(const uint8_t *bytes, size_t count, size_t at)
{
	while (at < count) {
		if (count - at < TLV_HEADER_BYTES)
			return false;
		size_t length = get16(bytes + at + 1), value = at + TLV_HEADER_BYTES;
		if (count - value < length)
			return false;
		if (bytes[at] == TLV_CRC32C && (length != CRC_BYTES || !crc_fits(bytes, count, value)))
			return false;
		at = value + length;
	}
	return true;
}

static void
address_read(struct addr *out, sa_family_t family, const uint8_t *host, const uint8_t *port)
{
	memset(out, 0, sizeof *out);
	if (family == AF_INET) {
		out->in4.sin_family = AF_INET;
		memcpy(&out->in4.sin_addr, host, sizeof out->in4.sin_addr);
		memcpy(&out->in4.sin_port, port, sizeof out->in4.sin_port);
		return;
	}
	struct in6_addr address;
	memcpy(&address, host, sizeof address);
	if (IN6_IS_ADDR_V4MAPPED(&address)) {
		/* What is said of an IPv4 network must hold for it, however the proxy writes it. */
		address_read(out, AF_INET, host + 12, port);
		return;
	}
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_addr = address;
	memcpy(&out->in6.sin6_port, port, sizeof out->in6.sin6_port);
}

static void
addresses_read(struct proxy_header *out, sa_family_t family, const uint8_t *at)
{
	size_t host = family == AF_INET ? 4 : 16;
	out->says = PROXY_CLIENT;
	address_read(&out->source, family, at, at + 2 * host);
	address_read(&out->destination, family, at + host, at + 2 * host + 2);
}

size_t
proxy_bytes(const uint8_t *bytes, size_t count)
{
	return count < PROXY_FIXED_BYTES ? PROXY_FIXED_BYTES : PROXY_FIXED_BYTES + get16(bytes + AT_LENGTH);
}

int
proxy_parse(const uint8_t *bytes, size_t count, struct proxy_header *out)
{
	if (memcmp(bytes, signature, count < sizeof signature ? count : sizeof signature) != 0)
		return -EBADMSG;
	if (count > AT_COMMAND && bytes[AT_COMMAND] != VERSION_LOCAL && bytes[AT_COMMAND] != VERSION_PROXY)
		return -EBADMSG;
	size_t whole = proxy_bytes(bytes, count);
	if (whole > PROXY_MOST_BYTES)
		return -EBADMSG;
	if (count < whole)
		return 0;

	memset(out, 0, sizeof *out);
	out->says = PROXY_SELF;
	if (bytes[AT_COMMAND] == VERSION_LOCAL) /* whatever the rest is */
		return (int)whole;
	if (!is_family(bytes[AT_FAMILY]))
		return -EBADMSG;
	const struct family *f = &families[bytes[AT_FAMILY] >> 4];
	size_t tlvs = PROXY_FIXED_BYTES + f->bytes;
	if (whole < tlvs || !tlvs_sound(bytes, whole, tlvs))
		return -EBADMSG;
	out->says = PROXY_NOBODY;
	if (f->family == AF_INET || f->family == AF_INET6)
		addresses_read(out, f->family, bytes + PROXY_FIXED_BYTES);
	return (int)whole;
}
