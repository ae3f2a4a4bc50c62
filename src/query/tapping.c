/*
 * A query is told when it comes, a response when it leaves; a question that ends in silence has none. On a
 * wildcard address it is known by UDP only which one was asked.
 */
#include "query/tapping.h"

#include "base/must.h"
#include "dnstap/tap.h"
#include "query/inside.h"

#include <stdlib.h>
#include <unistd.h>

#ifndef DOTWARD_VERSION
#define DOTWARD_VERSION "unknown"
#endif

struct tapping {
	const struct sockets *sockets;
};

struct tapping *
tapping_open(const struct config *config, const struct sockets *sockets, struct spool *spool,
        struct stats_slab *stats)
{
	char host[256] = "";
	const struct config_dnstap *dnstap = &config->dnstap;
	struct tapping *t = must_alloc(1, sizeof *t);
	t->sockets = sockets;
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	tap_open(&(struct tap_setup){.spool = spool,
	        .stats = stats,
	        .identity = dnstap->identity[0] != '\0' ? dnstap->identity : host,
	        .version = dnstap->version[0] != '\0' ? dnstap->version : "dotward " DOTWARD_VERSION,
	        .client = dnstap->client,
	        .forwarder = dnstap->forwarder,
	        .sample = dnstap->sample});
	return t;
}

void
tapping_close(struct tapping *t)
{
	if (t != NULL)
		tap_close();
	free(t);
}

static enum dnstap_protocol
protocol_of(const struct query_from *from)
{
	static const enum dnstap_protocol protocols[STATS_PROTOCOLS] = {
	        [STATS_BY_UDP] = DNSTAP_UDP, [STATS_BY_TCP] = DNSTAP_TCP, [STATS_BY_TLS] = DNSTAP_DOT};
	return protocols[query_protocol(from)];
}

/* Which of our addresses was asked: with the port of the one that is listened on. */
static struct addr
asked_at(const struct tapping *t, const struct query_from *from)
{
	struct addr at = {0};
	if (from->listen < sockets_count(t->sockets))
		at = *sockets_address(t->sockets, from->listen);
	if (from->local.any.sa_family == AF_UNSPEC)
		return at;
	uint16_t port = addr_port(&at);
	at = from->local;
	addr_set_port(&at, port);
	return at;
}

static void
put(const struct tapping *t, const struct tale *tale, enum dnstap_type type, const uint8_t *dns, size_t bytes)
{
	struct addr here = asked_at(t, tale->from);
	tap_put(&(struct dnstap_message){.type = type,
	        .protocol = protocol_of(tale->from),
	        .asker = &tale->from->peer,
	        .answerer = &here,
	        .asked_us = tale->begun_wall_us,
	        .answered_us = tale->ended_wall_us,
	        .dns = dns,
	        .dns_bytes = bytes});
}

static void
on_asked(void *arg, const struct tale *tale)
{
	tap_note(tale->number, tale->hidden);
	if (tap_has_client() && tale->asked != NULL && tap_wants(tale->number))
		put(arg, tale, DNSTAP_CLIENT_QUERY, tale->asked, tale->asked_bytes);
}

static void
on_ended(void *arg, const struct tale *tale)
{
	if (tap_has_client() && tale->answer_bytes > 0 && !tale->hidden && tap_wants(tale->number))
		put(arg, tale, DNSTAP_CLIENT_RESPONSE, tale->answer, tale->answer_bytes);
}

struct tale_hearer
tapping_hearer(struct tapping *tapping)
{
	return (struct tale_hearer){
	        .arg = tapping, .asked = on_asked, .ended = tap_has_client() ? on_ended : NULL};
}
