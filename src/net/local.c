/*
 * A path in a file system outlives the process that bound it, so what lies there is asked before it is taken
 * away: a socket that somebody listens at is left alone, one that nobody does is stale.
 */
#include "net/local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(
        sizeof(((struct sockaddr_un *)0)->sun_path) == LOCAL_PATH_BYTES, "the kernel's room for a path");

enum { LOCAL_BACKLOG = 64, LOCAL_GROUPS = 1024 };

static int
address_of(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (path[0] != '/')
		return -EINVAL;
	if (strlen(path) >= sizeof out->sun_path)
		return -ENAMETOOLONG;
	memcpy(out->sun_path, path, strlen(path));
	return 0;
}

/* 0: nobody listens at the path. -EADDRINUSE: somebody does; *pid is who, or 0. -errno: it cannot be told. */
static int
find_listener(const struct sockaddr_un *address, pid_t *pid)
{
	struct ucred peer;
	socklen_t bytes = sizeof peer;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), result;
	*pid = 0;
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0)
			*pid = peer.pid;
		result = -EADDRINUSE;
	} else if (errno == EAGAIN) { /* its queue is full: it is busy, or hangs, but it is there */
		result = -EADDRINUSE;
	} else {
		result = errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
	}
	close(fd);
	return result;
}

/* Makes the path free, or says who has it. */
static int
clear_path(const struct sockaddr_un *address, char why[LOCAL_WHY_BYTES])
{
	struct stat found;
	pid_t pid;
	const char *path = address->sun_path;
	if (lstat(path, &found) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(found.st_mode)) {
		snprintf(why, LOCAL_WHY_BYTES, "%s is there and is no socket; move it away", path);
		return -ENOTSOCK;
	}
	int failed = find_listener(address, &pid);
	if (failed == 0 && unlink(path) < 0 && errno != ENOENT)
		failed = -errno;
	if (failed == -EADDRINUSE)
		snprintf(why, LOCAL_WHY_BYTES, "already running, as pid %d, which listens at %s", (int)pid,
		        path);
	else if (failed < 0)
		snprintf(why, LOCAL_WHY_BYTES, "%s cannot be replaced: %s", path, strerror(-failed));
	return failed;
}

/* The folder that holds the path; not those above it, whose absence is somebody's mistake. */
static void
make_folder(const char *path)
{
	char folder[LOCAL_PATH_BYTES];
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return;
	*slash = '\0';
	/* whatever the umask is; what fails here shows when the socket is bound */
	if (mkdir(folder, 0755) == 0 && chmod(folder, 0755) < 0)
		return;
}

/* Only where it is another: a service manager may refuse chown() as such, and then the group is right
 * already. */
static int
give_to_group(const char *path, gid_t group)
{
	struct stat found;
	if (group == (gid_t)-1 || (lstat(path, &found) == 0 && found.st_gid == group))
		return 0;
	return lchown(path, (uid_t)-1, group);
}

/* Nobody else can connect before group and mode are right. */
static int
bind_private(int fd, const struct sockaddr_un *address, gid_t group)
{
	mode_t before = umask(0177);
	int failed = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
	umask(before);
	if (failed < 0)
		return failed;
	if (give_to_group(address->sun_path, group) < 0 || chmod(address->sun_path, 0660) < 0 ||
	        listen(fd, LOCAL_BACKLOG) < 0) {
		failed = -errno;
		unlink(address->sun_path);
	}
	return failed;
}

static void
remember(struct local *l, int fd, const struct sockaddr_un *address)
{
	struct stat found = {0};
	l->fd = fd;
	memcpy(l->path, address->sun_path, sizeof l->path);
	if (lstat(l->path, &found) < 0)
		l->path[0] = '\0'; /* it has gone already; there is nothing to remove */
	l->device = found.st_dev;
	l->inode = found.st_ino;
}

static int
listen_at(struct local *l, const struct sockaddr_un *address, gid_t group)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int failed = bind_private(fd, address, group);
	if (failed < 0) {
		close(fd);
		return failed;
	}
	remember(l, fd, address);
	return 0;
}

int
local_listen(struct local *l, const char *path, gid_t group, char why[LOCAL_WHY_BYTES])
{
	struct sockaddr_un address;
	*l = (struct local){.fd = -1};
	why[0] = '\0';
	int failed = address_of(path, &address);
	if (failed == 0) {
		make_folder(path);
		failed = clear_path(&address, why);
	}
	if (failed == 0)
		failed = listen_at(l, &address, group);
	if (failed < 0 && why[0] == '\0')
		snprintf(why, LOCAL_WHY_BYTES, "cannot listen at %.120s: %s", path, strerror(-failed));
	return failed;
}

int
local_adopt(struct local *l, int fd, const char *path)
{
	struct sockaddr_un wanted, found = {0};
	socklen_t bytes = sizeof found;
	int listening = 0;
	*l = (struct local){.fd = -1};
	int failed = address_of(path, &wanted);
	if (failed < 0)
		return failed;
	if (getsockname(fd, (struct sockaddr *)&found, &bytes) < 0)
		return -errno;
	if (found.sun_family != AF_UNIX || strncmp(found.sun_path, path, sizeof found.sun_path) != 0)
		return -EADDRNOTAVAIL;
	bytes = sizeof listening;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) < 0 || !listening)
		return -EINVAL;
	remember(l, fd, &wanted);
	return local_claim(l);
}

int
local_claim(const struct local *l)
{
	/* the kernel notes who listens at each call, also at one that changes nothing else */
	return listen(l->fd, LOCAL_BACKLOG) < 0 ? -errno : 0;
}

void
local_close(struct local *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void
local_remove(const struct local *l)
{
	struct stat found;
	if (l->fd < 0 || l->path[0] == '\0' || lstat(l->path, &found) < 0)
		return;
	if (found.st_dev == l->device && found.st_ino == l->inode)
		unlink(l->path);
}

int
local_accept(const struct local *l, struct local_peer *peer)
{
	struct ucred who;
	socklen_t bytes = sizeof who;
	int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes) < 0) {
		int failed = -errno;
		close(fd);
		return failed;
	}
	*peer = (struct local_peer){.pid = who.pid, .uid = who.uid, .gid = who.gid};
	return fd;
}

bool
local_is_member(int fd, const struct local_peer *peer, gid_t group)
{
	gid_t groups[LOCAL_GROUPS];
	socklen_t bytes = sizeof groups;
	if (peer->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0)
		return false;
	for (size_t i = 0; i < bytes / sizeof groups[0]; i++)
		if (groups[i] == group)
			return true;
	return false;
}
