/*
 * The structures that protoc-c makes of dnstap.proto are filled on the stack, with pointers to what is there,
 * and packed. Fields are packed by number, so the last one is Dnstap's type.
 */
#include "dnstap/message.h"

#include "base/must.h"

#include <assert.h>
#include <dnstap.pb-c.h>
#include <string.h>

static_assert((int)DNSTAP_CLIENT_QUERY == DNSTAP__MESSAGE__TYPE__CLIENT_QUERY &&
                      (int)DNSTAP_CLIENT_RESPONSE == DNSTAP__MESSAGE__TYPE__CLIENT_RESPONSE &&
                      (int)DNSTAP_FORWARDER_QUERY == DNSTAP__MESSAGE__TYPE__FORWARDER_QUERY &&
                      (int)DNSTAP_FORWARDER_RESPONSE == DNSTAP__MESSAGE__TYPE__FORWARDER_RESPONSE,
        "types are the schema's");
static_assert((int)DNSTAP_UDP == DNSTAP__SOCKET_PROTOCOL__UDP &&
                      (int)DNSTAP_TCP == DNSTAP__SOCKET_PROTOCOL__TCP &&
                      (int)DNSTAP_DOT == DNSTAP__SOCKET_PROTOCOL__DOT,
        "protocols are the schema's");

static size_t
copy_name(uint8_t out[DNSTAP_NAME_BYTES], const char *name)
{
	size_t bytes = strnlen(name, DNSTAP_NAME_BYTES);
	memcpy(out, name, bytes);
	return bytes;
}

void
dnstap_head_make(struct dnstap_head *head, const char *identity, const char *version)
{
	head->identity_bytes = copy_name(head->identity, identity);
	head->version_bytes = copy_name(head->version, version);
}

/* protobuf-c has one kind of bytes, to read and to write. */
static ProtobufCBinaryData
data(const uint8_t *bytes, size_t count)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)bytes, .len = count};
}

static bool
is_known(const struct addr *a)
{
	return a != NULL && addr_is_ip(a);
}

/* True when there is an address to tell. */
static bool
take_address(const struct addr *a, ProtobufCBinaryData *out)
{
	size_t bytes;
	if (!is_known(a) || addr_is_wildcard(a))
		return false;
	const uint8_t *host = addr_host(a, &bytes);
	*out = data(host, bytes);
	return true;
}

static bool
take_port(const struct addr *a, uint32_t *out)
{
	*out = is_known(a) ? addr_port(a) : 0;
	return *out != 0;
}

static bool
take_time(uint64_t us, uint64_t *sec, uint32_t *nsec)
{
	*sec = us / 1000000;
	*nsec = (uint32_t)(us % 1000000 * 1000);
	return us != 0;
}

static void
take_ways(const struct dnstap_message *m, Dnstap__Message *out)
{
	const struct addr *any = is_known(m->asker) ? m->asker : m->answerer;
	out->has_socket_family = is_known(any);
	if (out->has_socket_family)
		out->socket_family = any->any.sa_family == AF_INET ? DNSTAP__SOCKET_FAMILY__INET
		                                                   : DNSTAP__SOCKET_FAMILY__INET6;
	out->has_socket_protocol = true;
	out->socket_protocol = (Dnstap__SocketProtocol)m->protocol;
	out->has_query_address = take_address(m->asker, &out->query_address);
	out->has_response_address = take_address(m->answerer, &out->response_address);
	out->has_query_port = take_port(m->asker, &out->query_port);
	out->has_response_port = take_port(m->answerer, &out->response_port);
}

static void
take_dns(const struct dnstap_message *m, Dnstap__Message *out)
{
	bool query = m->type == DNSTAP_CLIENT_QUERY || m->type == DNSTAP_FORWARDER_QUERY;
	out->has_query_message = query;
	out->has_response_message = !query;
	*(query ? &out->query_message : &out->response_message) = data(m->dns, m->dns_bytes);
}

size_t
dnstap_most(const struct dnstap_head *head, size_t dns_bytes)
{
	return head->identity_bytes + head->version_bytes + DNSTAP_OVERHEAD_BYTES + dns_bytes;
}

size_t
dnstap_write(const struct dnstap_head *head, const struct dnstap_message *m, uint8_t *out)
{
	Dnstap__Message message = DNSTAP__MESSAGE__INIT;
	Dnstap__Dnstap dnstap = DNSTAP__DNSTAP__INIT;
	message.type = (Dnstap__Message__Type)m->type;
	take_ways(m, &message);
	message.has_query_time_nsec = message.has_query_time_sec =
	        take_time(m->asked_us, &message.query_time_sec, &message.query_time_nsec);
	message.has_response_time_nsec = message.has_response_time_sec =
	        take_time(m->answered_us, &message.response_time_sec, &message.response_time_nsec);
	take_dns(m, &message);
	dnstap.has_identity = head->identity_bytes > 0;
	dnstap.identity = data(head->identity, head->identity_bytes);
	dnstap.has_version = head->version_bytes > 0;
	dnstap.version = data(head->version, head->version_bytes);
	dnstap.message = &message;
	size_t bytes = dnstap__dnstap__pack(&dnstap, out);
	must(bytes <= dnstap_most(head, m->dns_bytes));
	return bytes;
}
