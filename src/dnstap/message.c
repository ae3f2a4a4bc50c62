/*
 * Protocol buffers are a row of fields, each a number and a kind in one byte (all of ours are below 16)
 * before its value: a varint, four bytes, or a length and bytes. What lies around the DNS message is written
 * first, aside, so that the length of the whole is known before it begins and the message is copied once.
 */
#include "dnstap/message.h"

#include "base/must.h"

#include <string.h>

enum kind { KIND_VARINT = 0, KIND_BYTES = 2, KIND_FIXED32 = 5 };

/* Fields of Dnstap, then of Message. */
enum {
	DNSTAP_IDENTITY = 1,
	DNSTAP_VERSION = 2,
	DNSTAP_MESSAGE = 14,
	DNSTAP_TYPE = 15,
	DNSTAP_TYPE_MESSAGE = 1,

	MESSAGE_TYPE = 1,
	MESSAGE_FAMILY = 2,
	MESSAGE_PROTOCOL = 3,
	MESSAGE_QUERY_ADDRESS = 4,
	MESSAGE_RESPONSE_ADDRESS = 5,
	MESSAGE_QUERY_PORT = 6,
	MESSAGE_RESPONSE_PORT = 7,
	MESSAGE_QUERY_SEC = 8,
	MESSAGE_QUERY_NSEC = 9,
	MESSAGE_QUERY = 10,
	MESSAGE_RESPONSE_SEC = 12,
	MESSAGE_RESPONSE_NSEC = 13,
	MESSAGE_RESPONSE = 14,

	FAMILY_INET = 1,
	FAMILY_INET6 = 2,

	AROUND_BYTES = 112, /* what Message has besides the DNS message, with room to spare */
};

static uint8_t *
put_varint(uint8_t *at, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	return at;
}

static uint8_t *
put_tag(uint8_t *at, unsigned field, enum kind kind)
{
	*at = (uint8_t)(field << 3 | kind);
	return at + 1;
}

static uint8_t *
put_number(uint8_t *at, unsigned field, uint64_t value)
{
	return put_varint(put_tag(at, field, KIND_VARINT), value);
}

static uint8_t *
put_fixed32(uint8_t *at, unsigned field, uint32_t value)
{
	at = put_tag(at, field, KIND_FIXED32);
	for (unsigned i = 0; i < 4; i++)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

static uint8_t *
put_bytes(uint8_t *at, unsigned field, const void *bytes, size_t count)
{
	at = put_varint(put_tag(at, field, KIND_BYTES), count);
	memcpy(at, bytes, count);
	return at + count;
}

static uint8_t *
put_name(uint8_t *at, unsigned field, const char *name)
{
	size_t bytes = strnlen(name, DNSTAP_NAME_BYTES);
	return bytes > 0 ? put_bytes(at, field, name, bytes) : at;
}

void
dnstap_head_make(struct dnstap_head *head, const char *identity, const char *version)
{
	uint8_t *end = put_name(head->bytes, DNSTAP_IDENTITY, identity);
	end = put_name(end, DNSTAP_VERSION, version);
	head->count = (size_t)(end - head->bytes);
}

static bool
is_known(const struct addr *a)
{
	return a != NULL && (a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6);
}

static uint8_t *
put_address(uint8_t *at, unsigned field, const struct addr *a)
{
	size_t bytes;
	if (!is_known(a) || addr_is_wildcard(a))
		return at;
	const uint8_t *host = addr_host(a, &bytes);
	return put_bytes(at, field, host, bytes);
}

static uint8_t *
put_port(uint8_t *at, unsigned field, const struct addr *a)
{
	return is_known(a) && addr_port(a) != 0 ? put_number(at, field, addr_port(a)) : at;
}

static uint8_t *
put_time(uint8_t *at, unsigned sec_field, unsigned nsec_field, uint64_t us)
{
	if (us == 0)
		return at;
	at = put_number(at, sec_field, us / 1000000);
	return put_fixed32(at, nsec_field, (uint32_t)(us % 1000000 * 1000));
}

/* All of Message but the DNS message. */
static size_t
put_around(uint8_t out[AROUND_BYTES], const struct dnstap_message *m)
{
	const struct addr *any = is_known(m->asker) ? m->asker : m->answerer;
	uint8_t *at = put_number(out, MESSAGE_TYPE, m->type);
	if (is_known(any))
		at = put_number(
		        at, MESSAGE_FAMILY, any->any.sa_family == AF_INET ? FAMILY_INET : FAMILY_INET6);
	at = put_number(at, MESSAGE_PROTOCOL, m->protocol);
	at = put_address(at, MESSAGE_QUERY_ADDRESS, m->asker);
	at = put_address(at, MESSAGE_RESPONSE_ADDRESS, m->answerer);
	at = put_port(at, MESSAGE_QUERY_PORT, m->asker);
	at = put_port(at, MESSAGE_RESPONSE_PORT, m->answerer);
	at = put_time(at, MESSAGE_QUERY_SEC, MESSAGE_QUERY_NSEC, m->asked_us);
	at = put_time(at, MESSAGE_RESPONSE_SEC, MESSAGE_RESPONSE_NSEC, m->answered_us);
	must(at <= out + AROUND_BYTES);
	return (size_t)(at - out);
}

size_t
dnstap_most(const struct dnstap_head *head, size_t dns_bytes)
{
	return head->count + DNSTAP_OVERHEAD_BYTES + dns_bytes;
}

static size_t
varint_bytes(uint64_t value)
{
	size_t bytes = 1;
	while (value >>= 7)
		bytes++;
	return bytes;
}

size_t
dnstap_write(const struct dnstap_head *head, const struct dnstap_message *m, uint8_t *out)
{
	uint8_t around[AROUND_BYTES];
	bool query = m->type == DNSTAP_CLIENT_QUERY || m->type == DNSTAP_FORWARDER_QUERY;
	size_t around_bytes = put_around(around, m);
	memcpy(out, head->bytes, head->count);
	uint8_t *at = put_tag(out + head->count, DNSTAP_MESSAGE, KIND_BYTES);
	at = put_varint(at, around_bytes + 1 + varint_bytes(m->dns_bytes) + m->dns_bytes);
	memcpy(at, around, around_bytes);
	at = put_bytes(at + around_bytes, query ? MESSAGE_QUERY : MESSAGE_RESPONSE, m->dns, m->dns_bytes);
	at = put_number(at, DNSTAP_TYPE, DNSTAP_TYPE_MESSAGE);
	return (size_t)(at - out);
}
