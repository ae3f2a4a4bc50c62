/*
 * One binary hands over to another, without a gap: the new master is started with the listening sockets in
 * the form that systemd uses for socket activation (LISTEN_FDS, LISTEN_PID; descriptors from 3 on), the
 * memory of the world, of the cache and of the lists of names, the control socket, and a pipe on which it
 * says that it serves. Socket activation is the same code with sockets only.
 */
#ifndef DOTWARD_PROCESS_UPGRADE_H
#define DOTWARD_PROCESS_UPGRADE_H

#include "net/sockets.h"

#include <stdbool.h>
#include <sys/types.h>

/* What came with us through exec. */
struct upgrade_inheritance {
	int *sockets; /* owned; close and free with upgrade_forget() */
	size_t socket_count;
	int world;   /* -1: none */
	int cache;   /* -1: none */
	int lists;   /* of names, sealed; -1: none */
	int control; /* the control socket; -1: none */
	int ready;   /* -1: this is no upgrade */
	char *hosts; /* what was known of hosts (hosts.h); owned, NULL: nothing */
};

/* Reads the environment and clears it of these variables. */
void upgrade_inherit(struct upgrade_inheritance *out);
/* Closes what nobody has taken. */
void upgrade_forget(struct upgrade_inheritance *inheritance);
/* In the new master: it serves. */
void upgrade_serves(struct upgrade_inheritance *inheritance);

/*
 * The path of this program, to be read at the start: after an upgrade of the package another file lies there.
 * "" when it cannot be told.
 */
void upgrade_find_binary(char *out, size_t room);

/* A new master that was started and has not yet said that it serves. */
struct upgrade {
	pid_t pid; /* 0: none */
	int ready; /* readable when it has said so, or is gone */
	uint64_t until_ms;
};

/* What goes over with the sockets, by descriptor; -1: there is none. They stay ours, too. */
struct upgrade_legacy {
	int world, cache, lists, control;
	const char *hosts; /* a text; NULL: none */
	const int *more;   /* go with the sockets */
	size_t more_count;
};

/* Starts `path` with these arguments. 0 or -errno. */
int upgrade_begin(struct upgrade *u, const char *path, char *const *argv, const struct sockets *sockets,
        const struct upgrade_legacy *legacy);
/* When `ready` is readable: true if the new master serves. */
bool upgrade_succeeded(const struct upgrade *u);
/* Ends the new master if it is still there; clears *u. */
void upgrade_end(struct upgrade *u, bool kill_it);

#endif
