/*
 * check-live for upstreams that are known by a host name: their addresses are found out first, as the daemon
 * would, and then each is checked.
 */
#ifndef DOTWARD_PROCESS_LIVE_HOSTS_H
#define DOTWARD_PROCESS_LIVE_HOSTS_H

#include "config/config.h"
#include "process/live.h"

struct live_hosts;

/* Opens what takes opening of files. The configuration outlives it. */
struct live_hosts *live_hosts_new(const struct config *config) __attribute__((returns_nonnull));
/* For the sandbox: whom it, and then the check, connects to. Good until live_hosts_find(). */
const struct config *live_hosts_ground(const struct live_hosts *h);
/* Asks, on this loop; the configuration with the addresses that were found, which lives as long as `h`. */
const struct config *live_hosts_find(struct live_hosts *h, struct ev_loop *loop);
/* Tells why an upstream has no address. */
void live_hosts_explain(const struct live_hosts *h, struct live *live);
void live_hosts_free(struct live_hosts *h);

#endif
