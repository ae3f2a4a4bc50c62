/*
 * What serves knows the addresses of its hosts, but who checks wants to know whether they would be found now.
 */
#include "process/live_hosts.h"

#include "base/must.h"
#include "config/check.h"
#include "upstream/bootstrap.h"

#include <stdlib.h>
#include <string.h>

struct live_hosts {
	const struct config *config;
	struct config *found; /* a copy */
	struct bootstrap *bootstrap;
	struct config ground; /* upstreams: those of the configuration, and then the servers */
	struct host_answer answers[CHECK_MAX_ADDRESSES]; /* by upstream */
};

/* Of an upstream whose addresses are not known its port is. */
static void
ground_make(struct live_hosts *h)
{
	const struct config *servers = bootstrap_ground(h->bootstrap);
	size_t own = h->config->upstream_count, others = servers->upstream_count;
	static const struct addr unknown = {.in4.sin_family = AF_INET};
	h->ground = *h->config;
	h->ground.upstreams = must_alloc(own + others, sizeof *h->ground.upstreams);
	h->ground.upstream_count = own + others;
	memcpy(h->ground.upstreams, h->found->upstreams, own * sizeof *h->ground.upstreams);
	if (others > 0)
		memcpy(h->ground.upstreams + own, servers->upstreams, others * sizeof *servers->upstreams);
	for (size_t i = 0; i < own; i++)
		if (config_is_by_host(&h->found->upstreams[i])) {
			config_set_addresses(&h->found->upstreams[i], &unknown, 1);
			h->ground.upstreams[i] = h->found->upstreams[i];
		}
}

struct live_hosts *
live_hosts_new(const struct config *config)
{
	struct live_hosts *h = must_alloc(1, sizeof *h);
	must(config->upstream_count <= CHECK_MAX_ADDRESSES);
	h->config = config;
	h->found = config_copy(config);
	h->bootstrap = bootstrap_new(config, UINT64_MAX);
	ground_make(h);
	return h;
}

const struct config *
live_hosts_ground(const struct live_hosts *h)
{
	return &h->ground;
}

static void
take(void *arg, size_t upstream, const struct host_answer *answer)
{
	struct live_hosts *h = arg;
	h->answers[upstream] = *answer;
}

const struct config *
live_hosts_find(struct live_hosts *h, struct ev_loop *loop)
{
	bootstrap_run(h->bootstrap, loop, take, h);
	for (size_t i = 0; i < h->found->upstream_count; i++) {
		struct host host = {.count = 0};
		if (!config_is_by_host(&h->found->upstreams[i]))
			continue;
		host_learn(&host, &h->answers[i], 0, 0); /* for the order */
		config_set_addresses(&h->found->upstreams[i], host.addresses, host.count);
	}
	return h->found;
}

void
live_hosts_explain(const struct live_hosts *h, struct live *live)
{
	for (size_t i = 0; i < h->found->upstream_count; i++)
		if (h->found->upstreams[i].address_count == 0)
			live_no_address(live, i, h->answers[i].why);
}

void
live_hosts_free(struct live_hosts *h)
{
	bootstrap_free(h->bootstrap);
	config_free(h->found);
	free(h->ground.upstreams);
	free(h);
}
