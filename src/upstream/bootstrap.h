/*
 * Asks bootstrap servers for the addresses of hosts, over TLS that is always verified, whatever the profile
 * of the upstream that the host is of.
 *
 * The servers of one host are asked in their order: the next one when one fails or is slow, and the first
 * addresses that come are taken. All hosts are asked for at the same time.
 */
#ifndef DOTWARD_UPSTREAM_BOOTSTRAP_H
#define DOTWARD_UPSTREAM_BOOTSTRAP_H

#include "config/config.h"
#include "upstream/host.h"

struct bootstrap;
struct ev_loop;

enum {
	BOOTSTRAP_SLOW_MS = 500,   /* when the next server is asked, too */
	BOOTSTRAP_MOST_MS = 10000, /* for all of it */
};

/* Comes once for each host; `upstream` is its place in the configuration. */
typedef void bootstrap_done_fn(void *arg, size_t upstream, const struct host_answer *answer);

/*
 * For the upstreams with a host whose bit is set in `upstreams`. Keeps pointers into the configuration.
 * Everything that it opens files for is done here; a trust store that cannot be loaded will be the answer
 * for its hosts.
 */
struct bootstrap *bootstrap_new(const struct config *config, uint64_t upstreams)
        __attribute__((returns_nonnull));
/* The servers as upstreams of a configuration: what a sandbox must let us reach. */
const struct config *bootstrap_ground(const struct bootstrap *b);
/* Asks, on this loop; back when done() has come for all. */
void bootstrap_run(struct bootstrap *b, struct ev_loop *loop, bootstrap_done_fn *done, void *arg);
void bootstrap_free(struct bootstrap *b);

#endif
