/*
 * The records are made in wire form (RFC 9460 section 2.2) when the configuration is read: one for each name
 * and port, with the addresses of all listeners that have them as hints. A wildcard address is no hint; the
 * client looks the name up.
 */
#include "query/ddr.h"

#include "base/must.h"
#include "dns/compose.h"
#include "dns/octets.h"

#include <stdlib.h>
#include <string.h>

enum {
	DDR_TYPE_SVCB = 64,
	DDR_CLASS_IN = 1,
	DDR_PRIORITY = 1, /* all are as good */
	DDR_TARGETS = 8,  /* names and ports, at most */
	DDR_HINTS = 8,    /* addresses of each family in one record, at most */
	DDR_RDATA_BYTES = 512,
	SVCB_ALPN = 1,
	SVCB_PORT = 3,
	SVCB_IPV4HINT = 4,
	SVCB_IPV6HINT = 6,
	SVCB_PARAM_BYTES = 4, /* key and length */
	IPV4_BYTES = 4,
	IPV6_BYTES = 16,
};

_Static_assert(2 + NAME_BYTES + 4 * SVCB_PARAM_BYTES + 4 + 2 + DDR_HINTS * (IPV4_BYTES + IPV6_BYTES) <=
                       DDR_RDATA_BYTES,
        "a record fits");
_Static_assert(WIRE_HEADER_BYTES + NAME_BYTES + 4 + DDR_TARGETS * (2 + 10 + 440) <= DDR_ANSWER_BYTES,
        "all of them fit, as the name that is asked for is short");

struct target {
	uint8_t name[NAME_BYTES];
	size_t name_bytes;
	uint16_t port;
	uint8_t ipv4[DDR_HINTS * IPV4_BYTES], ipv6[DDR_HINTS * IPV6_BYTES];
	size_t ipv4_bytes, ipv6_bytes;
};

struct ddr {
	size_t count;
	struct {
		size_t bytes;
		uint8_t rdata[DDR_RDATA_BYTES];
	} records[DDR_TARGETS];
};

/* Where clients come to by themselves: not where only a proxy is heard. */
static bool
is_designated(const struct config_listen *listen)
{
	return listen->tls && !listen->proxy_protocol;
}

/* The one with this name and port; a new one, if there is room. NULL: there is not. */
static struct target *
target_of(struct target *targets, size_t *count, const uint8_t *name, size_t name_bytes, uint16_t port)
{
	for (size_t i = 0; i < *count; i++)
		if (targets[i].port == port && targets[i].name_bytes == name_bytes &&
		        name_equal(targets[i].name, name, name_bytes))
			return &targets[i];
	if (*count == DDR_TARGETS)
		return NULL;
	struct target *t = &targets[(*count)++];
	memcpy(t->name, name, name_bytes);
	t->name_bytes = name_bytes;
	t->port = port;
	return t;
}

static void
hint(struct target *t, const struct addr *address)
{
	size_t count;
	const uint8_t *host = addr_host(address, &count);
	bool ipv6 = count == IPV6_BYTES;
	uint8_t *hints = ipv6 ? t->ipv6 : t->ipv4;
	size_t *used = ipv6 ? &t->ipv6_bytes : &t->ipv4_bytes;
	if (addr_is_wildcard(address) || *used == DDR_HINTS * count)
		return;
	memcpy(hints + *used, host, count);
	*used += count;
}

static void
collect(const struct config_listen *listen, struct target *targets, size_t *count)
{
	uint8_t name[NAME_BYTES];
	const char *text =
	        listen->ddr_name != NULL && *listen->ddr_name ? listen->ddr_name : listen->certified_name;
	size_t name_bytes = is_designated(listen) && *text != '\0' ? name_from_text(text, name) : 0;
	/* the root would say that there is no such thing (RFC 9460 section 2.5) */
	if (name_bytes <= 1)
		return;
	struct target *t = target_of(targets, count, name, name_bytes, addr_port(&listen->address));
	if (t != NULL)
		hint(t, &listen->address);
}

static uint8_t *
param_put(uint8_t *at, uint16_t key, const void *value, size_t bytes)
{
	if (bytes == 0)
		return at;
	octets_put16(at, key);
	octets_put16(at + 2, (uint16_t)bytes);
	memcpy(at + SVCB_PARAM_BYTES, value, bytes);
	return at + SVCB_PARAM_BYTES + bytes;
}

static size_t
rdata_make(uint8_t out[DDR_RDATA_BYTES], const struct target *t)
{
	static const uint8_t alpn[] = {3, 'd', 'o', 't'};
	uint8_t port[2], *at = out;
	octets_put16(port, t->port);
	octets_put16(at, DDR_PRIORITY);
	memcpy(at + 2, t->name, t->name_bytes);
	at += 2 + t->name_bytes;
	at = param_put(at, SVCB_ALPN, alpn, sizeof alpn); /* in the order of their keys */
	at = param_put(at, SVCB_PORT, port, sizeof port);
	at = param_put(at, SVCB_IPV4HINT, t->ipv4, t->ipv4_bytes);
	at = param_put(at, SVCB_IPV6HINT, t->ipv6, t->ipv6_bytes);
	return (size_t)(at - out);
}

struct ddr *
ddr_new(const struct config *config)
{
	struct target *targets = must_alloc(DDR_TARGETS, sizeof *targets);
	size_t count = 0;
	struct ddr *ddr = NULL;
	for (size_t i = 0; i < config->listen_count; i++)
		collect(&config->listens[i], targets, &count);
	if (count > 0)
		ddr = must_alloc(1, sizeof *ddr);
	for (size_t i = 0; i < count; i++)
		ddr->records[i].bytes = rdata_make(ddr->records[i].rdata, &targets[i]);
	if (ddr != NULL)
		ddr->count = count;
	free(targets);
	return ddr;
}

void
ddr_free(struct ddr *ddr)
{
	free(ddr);
}

/* Is the name this one, or below it? */
static bool
is_below(const struct wire_question *question, const uint8_t *zone, size_t zone_bytes)
{
	const uint8_t *name = question->name;
	size_t left = question->name_bytes;
	while (left > zone_bytes) {
		left -= 1u + *name;
		name += 1u + *name;
	}
	return left == zone_bytes && name_equal(name, zone, zone_bytes);
}

bool
ddr_answer(const struct ddr *ddr, const struct wire_question *question, uint8_t out[DDR_ANSWER_BYTES],
        struct wire_answer *answer)
{
	static const uint8_t designated[] = "\4_dns\10resolver\4arpa", *zone = designated + 5;
	enum { ZONE_BYTES = sizeof designated - 5 };
	struct compose c;
	if (ddr == NULL || question->class != DDR_CLASS_IN || !is_below(question, zone, ZONE_BYTES))
		return false;
	compose_begin(&c, out, DDR_ANSWER_BYTES, question, WIRE_FLAG_AA, WIRE_RCODE_NOERROR);
	if (question->type == DDR_TYPE_SVCB && question->name_bytes == sizeof designated &&
	        name_equal(question->name, designated, sizeof designated))
		for (size_t i = 0; i < ddr->count; i++)
			compose_record(&c, COMPOSE_ANSWER, NULL, DDR_TYPE_SVCB, DDR_TTL_S,
			        ddr->records[i].rdata, ddr->records[i].bytes);
	compose_end(&c, WIRE_RCODE_NOERROR, answer);
	return true;
}
