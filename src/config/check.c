/*
 * The checks across keys. Elements that have been complained about already are passed over, so that one
 * mistake makes one complaint.
 */
#include "config/check.h"

#include "config/check_clients.h"
#include "config/check_lists.h"
#include "config/check_metrics.h"
#include "config/check_routes.h"
#include "config/check_tls.h"
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

static void
check_listen_pair(struct draft *draft, size_t first, size_t second)
{
	const struct config_listen *a = &draft->config->listens[first], *b = &draft->config->listens[second];
	char text[ADDR_TEXT_BYTES], subject[ADDR_TEXT_BYTES + 16];
	if (a->address.any.sa_family == AF_UNSPEC || !addr_equal(&a->address, &b->address))
		return;
	if (!(a->udp && b->udp) && !((a->tcp || a->tls) && (b->tcp || b->tls)))
		return;
	unsigned line = draft->listen_places[first].line;
	snprintf(subject, sizeof subject, "listen.[%zu]", second);
	complain(&draft->complaints, &draft->listen_places[second], subject,
	        line ? "%s is in this list already, in line %u; leave one out" : "%s is in this list already",
	        addr_text(&b->address, text), line);
}

static void
check_proxy(struct draft *draft, size_t index)
{
	const struct config_listen *listen = &draft->config->listens[index];
	char subject[64];
	snprintf(subject, sizeof subject, "listen.[%zu].proxy_%s", index,
	        listen->proxy_protocol ? "protocol" : "from");
	if (listen->proxy_protocol && listen->proxy_from_count == 0)
		complain(&draft->complaints, &draft->listen_places[index], subject,
		        "who may send the header? Add proxy_from = [ \"192.0.2.1\" ]; with the proxies' "
		        "addresses");
	if (!listen->proxy_protocol && listen->proxy_from_count > 0)
		complain(&draft->complaints, &draft->listen_places[index], subject,
		        "goes with proxy_protocol = true; add it, or leave this out");
}

static void
check_listens(struct draft *draft)
{
	const struct config *config = draft->config;
	const struct place *from = &draft->places[keys_find("listen[].proxy_from") - keys];
	/* Where a network was wrong, what there is of them is not what was meant. */
	bool doubtful = from->order != 0 && draft->complaints.count > 0;
	for (size_t i = 0; i < config->listen_count && !doubtful; i++)
		check_proxy(draft, i);
	for (size_t second = 1; second < config->listen_count; second++)
		for (size_t first = 0; first < second && second < CHECK_MAX_LISTENS; first++)
			check_listen_pair(draft, first, second);
	if (config->listen_count > CHECK_MAX_LISTENS)
		complain(&draft->complaints, &draft->listen_places[CHECK_MAX_LISTENS], "listen",
		        "at most %d addresses", CHECK_MAX_LISTENS);
}

/* What else this element has is of no use before it has a name of its own. */
static bool
check_name(struct draft *draft, size_t second)
{
	const struct config_upstream *upstreams = draft->config->upstreams;
	char subject[48];
	for (size_t first = 0; first < second; first++) {
		if (*upstreams[first].name == '\0' ||
		        strcmp(upstreams[first].name, upstreams[second].name) != 0)
			continue;
		unsigned line = draft->upstream_places[first].line;
		snprintf(subject, sizeof subject, "upstreams.[%zu]", second);
		complain(&draft->complaints, &draft->upstream_places[second], subject,
		        line ? "\"%s\" is the name of the one in line %u, too; give each a name of its own, "
		               "name = \"...\""
		             : "\"%s\" is the name of another one, too; give each a name of its own, name = "
		               "\"...\"",
		        upstreams[second].name, line);
		return false;
	}
	return true;
}

static void
check_addresses(struct draft *draft, size_t index)
{
	const struct config_upstream *upstream = &draft->config->upstreams[index];
	char text[ADDR_TEXT_BYTES], subject[48];
	snprintf(subject, sizeof subject, "upstreams.[%zu].addresses", index);
	for (size_t second = 1; second < upstream->address_count && second < CHECK_MAX_ADDRESSES; second++)
		for (size_t first = 0; first < second; first++)
			if (addr_equal(&upstream->addresses[first], &upstream->addresses[second]))
				complain(&draft->complaints, &draft->upstream_places[index], subject,
				        "%s is given twice; leave one out",
				        addr_text(&upstream->addresses[second], text));
}

static void
check_client(struct draft *draft, size_t index)
{
	const struct config_upstream *upstream = &draft->config->upstreams[index];
	char subject[64];
	bool certificate = *upstream->client_certificate != '\0', key = *upstream->client_key != '\0';
	snprintf(subject, sizeof subject, "upstreams.[%zu].client_%s", index,
	        certificate ? "certificate" : "key");
	if (certificate != key)
		complain(&draft->complaints, &draft->upstream_places[index], subject,
		        "certificate and key go together; give client_%s, too",
		        certificate ? "key" : "certificate");
}

static void
check_source(struct draft *draft, size_t index)
{
	const struct config_upstream *upstream = &draft->config->upstreams[index];
	const struct addr *source = &upstream->source_address;
	char subject[64], text[ADDR_TEXT_BYTES], other[ADDR_TEXT_BYTES];
	snprintf(subject, sizeof subject, "upstreams.[%zu].source_address", index);
	for (size_t i = 0; source->any.sa_family != AF_UNSPEC && i < upstream->address_count; i++) {
		if (upstream->addresses[i].any.sa_family == source->any.sa_family)
			continue;
		complain(&draft->complaints, &draft->upstream_places[index], subject,
		        "%s cannot be reached from %s; make two upstreams of it, one for IPv4 and one for "
		        "IPv6",
		        addr_host_text(&upstream->addresses[i], other), addr_host_text(source, text));
		return;
	}
}

static void
check_bootstrap(struct draft *draft, size_t index)
{
	const struct config_upstream *upstream = &draft->config->upstreams[index];
	const struct addr *source = &upstream->source_address;
	char subject[64], text[ADDR_TEXT_BYTES], other[ADDR_TEXT_BYTES];
	snprintf(subject, sizeof subject, "upstreams.[%zu].bootstrap", index);
	if (upstream->bootstrap_count > CHECK_MAX_BOOTSTRAP)
		complain(&draft->complaints, &draft->upstream_places[index], subject, "at most %d servers",
		        CHECK_MAX_BOOTSTRAP);
	for (size_t i = 0; source->any.sa_family != AF_UNSPEC && i < upstream->bootstrap_count; i++) {
		const struct addr *address = &upstream->bootstrap[i].address;
		if (address->any.sa_family == source->any.sa_family)
			continue;
		complain(&draft->complaints, &draft->upstream_places[index], subject,
		        "%s cannot be reached from source_address %s; name one of the same family",
		        addr_host_text(address, other), addr_host_text(source, text));
		return;
	}
}

/* How many it takes up: of one with a host, one at least. */
static size_t
places_of(const struct config_upstream *upstream)
{
	return upstream->address_count > 0 ? upstream->address_count : config_is_by_host(upstream);
}

static void
check_early_data(struct draft *draft, size_t index)
{
	const struct config_upstream *upstream = &draft->config->upstreams[index];
	char subject[64];
	snprintf(subject, sizeof subject, "upstreams.[%zu].early_data", index);
	if (upstream->early_data && upstream->opportunistic)
		complain(&draft->complaints, &draft->upstream_places[index], subject,
		        "goes only to an upstream that is verified; leave profile = \"opportunistic\" out");
	if (upstream->early_data && !upstream->resumption)
		complain(&draft->complaints, &draft->upstream_places[index], subject,
		        "goes only with a resumed session; leave resumption = false out");
}

static void
check_upstreams(struct draft *draft)
{
	const struct config *config = draft->config;
	size_t addresses = 0;
	for (size_t i = 0; i < config->upstream_count; i++) {
		size_t before = addresses;
		addresses += places_of(&config->upstreams[i]);
		if (before <= CHECK_MAX_ADDRESSES && addresses > CHECK_MAX_ADDRESSES)
			complain(&draft->complaints, &draft->upstream_places[i], "upstreams",
			        "at most %d addresses over all upstreams", CHECK_MAX_ADDRESSES);
		if (addresses <= CHECK_MAX_ADDRESSES && check_name(draft, i))
			check_addresses(draft, i);
		check_client(draft, i);
		check_source(draft, i);
		check_bootstrap(draft, i);
		check_early_data(draft, i);
	}
}

static const struct place *
place_of_key(const struct draft *draft, const char *path)
{
	return &draft->places[keys_find(path) - keys];
}

static void
check_cookies(struct draft *draft)
{
	const struct config_limits *limits = &draft->config->limits;
	if (limits->cookie_secret_also.set && !limits->cookie_secret.set)
		complain(&draft->complaints, place_of_key(draft, "limits.cookie_secret_also"),
		        "limits.cookie_secret_also", "goes with limits.cookie_secret; add that one");
}

static void
check_timeouts(struct draft *draft)
{
	struct config_forward *forward = &draft->config->forward;
	const struct place *attempt = place_of_key(draft, "forward.attempt_timeout_ms");
	char subject[80];
	if (forward->attempt_timeout_ms <= forward->timeout_ms)
		return;
	if (attempt->order == 0) { /* nobody asked for the default */
		forward->attempt_timeout_ms = forward->timeout_ms;
		return;
	}
	snprintf(subject, sizeof subject, "forward.attempt_timeout_ms = %u", forward->attempt_timeout_ms);
	complain(&draft->complaints, attempt, subject, "at most forward.timeout_ms, which is %u",
	        forward->timeout_ms);
}

/* The one that was said is the one to change; where both were, either will do. */
static void
check_ttls(struct draft *draft)
{
	const struct config_cache *cache = &draft->config->cache;
	const struct place *least = place_of_key(draft, "cache.min_ttl_s");
	const struct place *most = place_of_key(draft, "cache.max_ttl_s");
	char subject[80];
	if (cache->min_ttl_s <= cache->max_ttl_s)
		return;
	if (least->order >= most->order) {
		snprintf(subject, sizeof subject, "cache.min_ttl_s = %u", cache->min_ttl_s);
		complain(&draft->complaints, least, subject, "at most cache.max_ttl_s, which is %u",
		        cache->max_ttl_s);
	} else {
		snprintf(subject, sizeof subject, "cache.max_ttl_s = %u", cache->max_ttl_s);
		complain(&draft->complaints, most, subject, "at least cache.min_ttl_s, which is %u",
		        cache->min_ttl_s);
	}
}

/* Either is told where to; what is told is one stream. */
static void
check_dnstap(struct draft *draft)
{
	const struct config_dnstap *dnstap = &draft->config->dnstap;
	bool wanted = dnstap->socket[0] != '\0' || dnstap->file[0] != '\0';
	if (dnstap->socket[0] != '\0' && dnstap->file[0] != '\0')
		complain(&draft->complaints, place_of_key(draft, "dnstap.file"), "dnstap.file",
		        "goes without dnstap.socket; leave one of them out");
	if (wanted && !dnstap->client && !dnstap->forwarder)
		complain(&draft->complaints, place_of_key(draft, "dnstap.client"), "dnstap.client = false",
		        "nothing is told without dnstap.forwarder either; leave one of them true, or leave "
		        "socket and file out");
}

void
check_draft(struct draft *draft)
{
	check_listens(draft);
	check_tls(draft);
	check_upstreams(draft);
	check_timeouts(draft);
	check_ttls(draft);
	check_cookies(draft);
	check_dnstap(draft);
	check_routes(draft);
	check_clients(draft);
	check_lists(draft);
	check_metrics(draft);
}
