/*
 * A socket that goes on in another set is a second descriptor of the same one, so that the set before can be
 * closed, or stay, whatever becomes of the next.
 */
#include "net/web_sockets.h"

#include "base/must.h"
#include "net/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { WEB_BACKLOG = 128 };

struct web_sockets {
	struct addr *addresses;
	int *fds;
	size_t count;
	struct local local; /* fd -1: none */
};

static int
twin(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* The address of a TCP socket that listens; false: it is none. */
static bool
listens_at(int fd, struct addr *out)
{
	int type = 0, listens = 0;
	socklen_t size = sizeof type;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
		return false;
	size = sizeof listens;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
		return false;
	size = sizeof *out;
	memset(out, 0, sizeof *out);
	return getsockname(fd, &out->any, &size) == 0 && addr_is_ip(out);
}

static bool
has_path(int fd, const char *path)
{
	struct sockaddr_un name = {0};
	socklen_t size = sizeof name;
	return getsockname(fd, (struct sockaddr *)&name, &size) == 0 && name.sun_family == AF_UNIX &&
	       strncmp(name.sun_path, path, sizeof name.sun_path) == 0;
}

static int
bind_new(const struct addr *address)
{
	int on = 1, error, fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, &address->any, addr_bytes(address)) == 0 && listen(fd, WEB_BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static int
open_one(const struct addr *address, const struct web_sockets *before, const int *inherited, size_t count)
{
	struct addr found;
	for (size_t i = 0; before != NULL && i < before->count; i++)
		if (addr_equal(&before->addresses[i], address))
			return twin(before->fds[i]);
	for (size_t i = 0; i < count; i++)
		if (listens_at(inherited[i], &found) && addr_equal(&found, address))
			return twin(inherited[i]);
	return bind_new(address);
}

static int
open_local(struct local *l, const struct web_sockets_wanted *wanted, const struct web_sockets *before,
        const int *inherited, size_t count, char why[LOCAL_WHY_BYTES])
{
	if (before != NULL && before->local.fd >= 0 && strcmp(before->local.path, wanted->path) == 0) {
		*l = before->local;
		l->fd = twin(before->local.fd);
		return l->fd < 0 ? -errno : 0;
	}
	for (size_t i = 0; i < count; i++)
		if (has_path(inherited[i], wanted->path) &&
		        local_adopt(l, twin(inherited[i]), wanted->path) == 0)
			return 0;
	return local_listen(l, wanted->path, wanted->group, why);
}

struct web_sockets *
web_sockets_open(const struct web_sockets_wanted *wanted, const struct web_sockets *before,
        const int *inherited, size_t inherited_count, char why[WEB_SOCKETS_WHY_BYTES])
{
	char text[ADDR_TEXT_BYTES], reason[LOCAL_WHY_BYTES] = "";
	struct web_sockets *w = must_alloc(1, sizeof *w);
	w->local.fd = -1;
	w->addresses = must_alloc(wanted->address_count + 1, sizeof *w->addresses);
	w->fds = must_alloc(wanted->address_count + 1, sizeof *w->fds);
	for (size_t i = 0; i < wanted->address_count; i++) {
		int fd = open_one(&wanted->addresses[i], before, inherited, inherited_count);
		if (fd < 0) {
			snprintf(why, WEB_SOCKETS_WHY_BYTES, "metrics.address: cannot listen on %s: %s",
			        addr_text(&wanted->addresses[i], text), strerror(-fd));
			web_sockets_close(w, before);
			return NULL;
		}
		w->addresses[w->count] = wanted->addresses[i];
		w->fds[w->count++] = fd;
	}
	if (*wanted->path != '\0' &&
	        open_local(&w->local, wanted, before, inherited, inherited_count, reason) < 0) {
		w->local.fd = -1;
		snprintf(why, WEB_SOCKETS_WHY_BYTES, "metrics.socket: cannot listen: %s",
		        *reason != '\0' ? reason : strerror(errno));
		web_sockets_close(w, before);
		return NULL;
	}
	return w;
}

void
web_sockets_leave(struct web_sockets *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		close(w->fds[i]);
	if (w->local.fd >= 0)
		close(w->local.fd);
	free(w->addresses);
	free(w->fds);
	free(w);
}

void
web_sockets_close(struct web_sockets *w, const struct web_sockets *after)
{
	if (w == NULL)
		return;
	bool goes_on = after != NULL && after->local.fd >= 0 && strcmp(after->local.path, w->local.path) == 0;
	if (w->local.fd >= 0 && !goes_on)
		local_remove(&w->local);
	web_sockets_leave(w);
}

size_t
web_sockets_count(const struct web_sockets *w)
{
	return w != NULL ? w->count + (w->local.fd >= 0) : 0;
}

int
web_sockets_descriptor(const struct web_sockets *w, size_t index)
{
	must(index < web_sockets_count(w));
	return index < w->count ? w->fds[index] : w->local.fd;
}
