/*
 * A listening unix stream socket with a path: where it lies, who may connect, who has connected.
 */
#ifndef DOTWARD_NET_LOCAL_H
#define DOTWARD_NET_LOCAL_H

#include <stdbool.h>
#include <sys/types.h>

enum { LOCAL_WHY_BYTES = 256, LOCAL_PATH_BYTES = 108 };

struct local {
	int fd;
	char path[LOCAL_PATH_BYTES];
	dev_t device; /* what the path was when it was bound or adopted */
	ino_t inode;
};

struct local_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/*
 * Listens at `path`, mode 0660, with this group ((gid_t)-1: ours). A missing folder is made (0755), a socket
 * that nobody listens at is replaced. 0, or -errno with one line in `why`: -EADDRINUSE when somebody listens
 * there already, -ENOTSOCK when something else has the name.
 */
int local_listen(struct local *l, const char *path, gid_t group, char why[LOCAL_WHY_BYTES])
        __attribute__((warn_unused_result));
/* Takes over a socket that another process bound to `path` and listens at. 0, or -errno: it is no such thing.
 */
int local_adopt(struct local *l, int fd, const char *path) __attribute__((warn_unused_result));
/* Who connects sees the process that called this last as the one behind the socket. 0 or -errno. */
int local_claim(const struct local *l);
void local_close(struct local *l);
/* Takes the path away if it is still this socket's. Before local_close(). */
void local_remove(const struct local *l);

/* A non-blocking connection, or -errno. */
int local_accept(const struct local *l, struct local_peer *peer) __attribute__((warn_unused_result));
/* Did it belong to the group, by its own or a supplementary group, when it connected? */
bool local_is_member(int fd, const struct local_peer *peer, gid_t group);

#endif
