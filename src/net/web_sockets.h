/*
 * The listening sockets of the exporter: TCP ones, and a unix socket with a path. The master binds and keeps
 * them, so that who connects while the exporter is born again waits, and is not refused.
 */
#ifndef DOTWARD_NET_WEB_SOCKETS_H
#define DOTWARD_NET_WEB_SOCKETS_H

#include "base/addr.h"

#include <sys/types.h>

struct web_sockets;

enum { WEB_SOCKETS_WHY_BYTES = 400 };

struct web_sockets_wanted {
	const struct addr *addresses; /* with ports */
	size_t address_count;
	const char *path; /* "": no unix socket */
	gid_t group;      /* of the unix socket; (gid_t)-1: ours */
};

/*
 * Takes over what is open in `before` (NULL: nothing) or among inherited descriptors, and binds the rest.
 * `before` stays as it is. NULL with a line in `why`.
 */
struct web_sockets *web_sockets_open(const struct web_sockets_wanted *wanted,
        const struct web_sockets *before, const int *inherited, size_t inherited_count,
        char why[WEB_SOCKETS_WHY_BYTES]);
/* `after`: who goes on with the path, if it has the same one; NULL: nobody. NULL is allowed for both. */
void web_sockets_close(struct web_sockets *w, const struct web_sockets *after);
/* The same, and whoever else has the descriptors goes on. */
void web_sockets_leave(struct web_sockets *w);

size_t web_sockets_count(const struct web_sockets *w);
int web_sockets_descriptor(const struct web_sockets *w, size_t index);

#endif
