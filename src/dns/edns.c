/*
 * The OPT record (RFC 6891): what one says, and one of ours.
 *
 *   00 | type 41 | class: UDP size | ttl: extended rcode, version, flags | RDLENGTH | { code | length | data
 * } ...
 *
 * Reading is a table: one row per option we know, each with the check that its length must pass; all others
 * are skipped. Writing counts first and writes afterwards, so nothing is ever half written.
 */
#include "dns/edns.h"

#include "dns/octets.h"

#include <errno.h>
#include <string.h>

enum {
	OPT_CLASS = 3,
	OPT_EXTENDED_RCODE = 5,
	OPT_VERSION = 6,
	OPT_FLAGS = 7,
	OPT_RDLENGTH = 9,
	OPTION_HEADER_BYTES = 4,
	SUBNET_HEADER_BYTES = 4,
	MESSAGE_BYTES = 65535,
};

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How much of a text may stay so that it fits `room` bytes and no UTF-8 character is cut in two. */
static size_t
text_cut(const uint8_t *text, size_t bytes, size_t room)
{
	if (bytes <= room)
		return bytes;
	while (room > 0 && (text[room] & 0xc0) == 0x80)
		room--;
	return room;
}

static bool
subnet_take(const uint8_t *data, size_t bytes, struct edns *out)
{
	if (bytes < SUBNET_HEADER_BYTES || bytes > EDNS_SUBNET_BYTES)
		return false;
	/* RFC 7871 section 6: the address is cut to the octets its prefix needs, any other length is an
	 * error. */
	if (bytes - SUBNET_HEADER_BYTES != (size_t)(data[2] + 7) / 8)
		return false;
	if (out->subnet_bytes == 0) {
		out->subnet_bytes = (uint8_t)bytes;
		memcpy(out->subnet, data, bytes);
	}
	return true;
}

static bool
keepalive_take(const uint8_t *data, size_t bytes, struct edns *out)
{
	if (bytes != 0 && bytes != 2)
		return false;
	if (!out->keepalive) {
		out->keepalive = true;
		out->keepalive_value = bytes == 2;
		out->keepalive_tenths = bytes == 2 ? octets_get16(data) : 0;
	}
	return true;
}

static bool
ede_take(const uint8_t *data, size_t bytes, struct edns *out)
{
	if (bytes < EDNS_EDE_CODE_BYTES)
		return false;
	if (out->ede_bytes == 0) {
		size_t kept = text_cut(data, bytes, EDNS_EDE_BYTES);
		out->ede_bytes = (uint16_t)kept;
		memcpy(out->ede, data, kept);
	}
	return true;
}

static bool
padding_take(const uint8_t *data, size_t bytes, struct edns *out)
{
	(void)data;
	(void)bytes;
	out->padding = true;
	return true;
}

/* What is wrong here is for the judge of questions; answers are not thrown away for it. */
static bool
cookie_take(const uint8_t *data, size_t bytes, struct edns *out)
{
	if (out->cookie_bytes > 0 || out->cookie_malformed)
		return true;
	out->cookie_malformed = !cookie_sound(bytes);
	if (!out->cookie_malformed) {
		out->cookie_bytes = (uint8_t)bytes;
		memcpy(out->cookie, data, bytes);
	}
	return true;
}

static const struct {
	uint16_t code;
	bool (*take)(const uint8_t *data, size_t bytes, struct edns *out);
} options[] = {
        {EDNS_OPTION_SUBNET, subnet_take},
        {EDNS_OPTION_COOKIE, cookie_take},
        {EDNS_OPTION_KEEPALIVE, keepalive_take},
        {EDNS_OPTION_PADDING, padding_take},
        {EDNS_OPTION_EDE, ede_take},
};

static bool
option_take(uint16_t code, const uint8_t *data, size_t bytes, struct edns *out)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].code == code)
			return options[i].take(data, bytes, out);
	return true;
}

void
edns_clear(struct edns *out)
{
	memset(out, 0, offsetof(struct edns, subnet));
}

int
edns_parse(const uint8_t *record, size_t bytes, struct edns *out)
{
	edns_clear(out);
	if (bytes < EDNS_OPT_BYTES)
		return -EBADMSG;
	out->present = true;
	out->udp_bytes = octets_get16(record + OPT_CLASS);
	out->extended_rcode = record[OPT_EXTENDED_RCODE];
	out->version = record[OPT_VERSION];
	out->dnssec_ok = (octets_get16(record + OPT_FLAGS) & EDNS_FLAG_DO) != 0;
	if (octets_get16(record + OPT_RDLENGTH) != bytes - EDNS_OPT_BYTES)
		return -EBADMSG;
	if (out->version > 0)
		return 0;

	for (size_t at = EDNS_OPT_BYTES; at < bytes;) {
		if (bytes - at < OPTION_HEADER_BYTES)
			return -EBADMSG;
		size_t length = octets_get16(record + at + 2);
		const uint8_t *data = record + at + OPTION_HEADER_BYTES;
		if (bytes - at - OPTION_HEADER_BYTES < length ||
		        !option_take(octets_get16(record + at), data, length, out))
			return -EBADMSG;
		at += OPTION_HEADER_BYTES + length;
	}
	return 0;
}

static size_t
option_bytes(bool wanted, size_t data)
{
	return wanted ? OPTION_HEADER_BYTES + data : 0;
}

static size_t
options_bytes(const struct edns_write *what)
{
	return option_bytes(what->subnet_bytes > 0, what->subnet_bytes) +
	       option_bytes(what->cookie_bytes > 0, what->cookie_bytes) +
	       option_bytes(what->keepalive, what->keepalive_value ? 2 : 0) +
	       option_bytes(what->ede_bytes > 0, what->ede_bytes);
}

/* Length of a padding option with its header behind a message of `used` bytes: 0 where none is wanted or
 * fits. */
static size_t
padding_bytes(size_t used, size_t room, size_t block)
{
	if (block == 0 || room - used < OPTION_HEADER_BYTES)
		return 0;
	size_t padded = (used + OPTION_HEADER_BYTES + block - 1) / block * block;
	return smaller(padded, room) - used;
}

static uint8_t *
option_head(uint8_t *at, uint16_t code, size_t bytes)
{
	octets_put16(at, code);
	octets_put16(at + 2, (uint16_t)bytes);
	return at + OPTION_HEADER_BYTES;
}

static uint8_t *
option_put(uint8_t *at, uint16_t code, const uint8_t *data, size_t bytes)
{
	at = option_head(at, code, bytes);
	memcpy(at, data, bytes);
	return at + bytes;
}

static uint8_t *
keepalive_put(uint8_t *at, const struct edns_write *what)
{
	uint8_t tenths[2];
	octets_put16(tenths, what->keepalive_tenths);
	return option_put(at, EDNS_OPTION_KEEPALIVE, tenths, what->keepalive_value ? 2 : 0);
}

static uint8_t *
fixed_put(uint8_t *at, const struct edns_write *what, size_t rdlength)
{
	at[0] = 0;
	octets_put16(at + 1, EDNS_TYPE_OPT);
	octets_put16(at + OPT_CLASS, what->udp_bytes);
	at[OPT_EXTENDED_RCODE] = what->extended_rcode;
	at[OPT_VERSION] = 0;
	octets_put16(at + OPT_FLAGS, what->dnssec_ok ? EDNS_FLAG_DO : 0);
	octets_put16(at + OPT_RDLENGTH, (uint16_t)rdlength);
	return at + EDNS_OPT_BYTES;
}

size_t
edns_append(uint8_t *msg, size_t used, size_t room, const struct edns_write *what)
{
	room = smaller(room, MESSAGE_BYTES);
	size_t options_length = options_bytes(what);
	size_t end = used + EDNS_OPT_BYTES + options_length;
	if (end > room)
		return 0;
	size_t padding = padding_bytes(end, room, what->padding_block);

	uint8_t *at = fixed_put(msg + used, what, options_length + padding);
	if (what->subnet_bytes > 0)
		at = option_put(at, EDNS_OPTION_SUBNET, what->subnet, what->subnet_bytes);
	if (what->cookie_bytes > 0)
		at = option_put(at, EDNS_OPTION_COOKIE, what->cookie, what->cookie_bytes);
	if (what->keepalive)
		at = keepalive_put(at, what);
	if (what->ede_bytes > 0)
		at = option_put(at, EDNS_OPTION_EDE, what->ede, what->ede_bytes);
	if (padding > 0) {
		at = option_head(at, EDNS_OPTION_PADDING, padding - OPTION_HEADER_BYTES);
		memset(at, 0, padding - OPTION_HEADER_BYTES);
	}
	return end + padding;
}

size_t
edns_append_brief(uint8_t *msg, size_t used, size_t room, const struct edns_write *what)
{
	size_t length = edns_append(msg, used, room, what);
	if (length > 0 || what->ede_bytes <= EDNS_EDE_CODE_BYTES)
		return length;
	struct edns_write brief = *what;
	brief.ede_bytes = EDNS_EDE_CODE_BYTES;
	return edns_append(msg, used, room, &brief);
}

size_t
edns_ede_data(uint8_t out[EDNS_EDE_BYTES], enum edns_ede code, const char *text)
{
	if (code == EDNS_EDE_NONE)
		return 0;
	octets_put16(out, (uint16_t)code);
	if (text == NULL)
		return EDNS_EDE_CODE_BYTES;
	size_t kept = text_cut((const uint8_t *)text, strlen(text), EDNS_EDE_BYTES - EDNS_EDE_CODE_BYTES);
	memcpy(out + EDNS_EDE_CODE_BYTES, text, kept);
	return EDNS_EDE_CODE_BYTES + kept;
}
