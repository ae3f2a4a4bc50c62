/*
 * What the master does about upstreams that are known by a host name: keeps what is known of their addresses,
 * and has them asked for again when their time is over (upstream/host.h).
 *
 * The asking is done by a short-lived child with the rights of a worker, one at a time: nothing that comes
 * from the network is read here but the addresses that it makes of it, and those are looked at as a
 * stranger's.
 */
#ifndef DOTWARD_PROCESS_HOSTS_H
#define DOTWARD_PROCESS_HOSTS_H

#include "base/json.h"
#include "config/config.h"
#include "process/sandbox.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct hosts;

struct hosts_setup {
	const char *inherited; /* what hosts_legacy() of the master before us gave; NULL: nothing */
	/* In the child: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

struct hosts *hosts_new(const struct hosts_setup *setup);
/* Kills the child, if there is one. NULL is allowed. */
void hosts_free(struct hosts *h);
/* In a child of the master: closes its descriptor. */
void hosts_leave(const struct hosts *h);

/*
 * The hosts of this configuration are asked for from now on, and those of the one before no more; what is
 * known of them is kept once, in case they come back. The user is who the child becomes.
 */
void hosts_serve(struct hosts *h, const struct config *config, const struct sandbox_user *user);
/* Nothing is asked for any more. */
void hosts_stop(struct hosts *h);
/* Gives the upstreams of a configuration that have a host the addresses that are known of it, as far as there
 * is room for them. */
void hosts_apply(const struct hosts *h, struct config *config);
/* How the addresses of hosts in one configuration look beside those in the same configuration as it serves.
 */
enum hosts_difference {
	HOSTS_SAME,
	HOSTS_OTHERS,    /* some have come or gone */
	HOSTS_STRANGERS, /* none of those that some upstream has is known any more, or it has none yet */
};
enum hosts_difference hosts_compare(const struct config *serving, const struct config *config);
/* Another number when the addresses of some host are others. */
unsigned hosts_version(const struct hosts *h);
/* Some host is new with this configuration, and was not asked for yet, neither successfully nor in vain. */
bool hosts_are_awaited(const struct hosts *h);
/* The network is another one: all are asked for soon. */
void hosts_hurry(struct hosts *h, uint64_t now_ms);

void hosts_poll(const struct hosts *h, struct pollfd *fd);
/* Reads what the child says, once poll() came back, and sends one when it is time. */
void hosts_tend(struct hosts *h, uint64_t now_ms);
/* When hosts_tend() has something to do of itself; UINT64_MAX: not before something happens. */
uint64_t hosts_next_ms(const struct hosts *h);
/* A process has ended; false when it was not ours. */
bool hosts_bury(struct hosts *h, pid_t pid, int status, uint64_t now_ms);

/* What is known, as a text for the environment of another master; to be freed. */
char *hosts_legacy(const struct hosts *h);

/* For people, a line for each host, or as a member "hosts" of an object. NULL is allowed. */
void hosts_print(const struct hosts *h, uint64_t now_ms, FILE *out);
void hosts_print_json(const struct hosts *h, uint64_t now_ms, struct json *j);

#endif
