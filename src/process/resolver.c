/*
 * An answer goes through the pipe in one piece (PIPE_BUF), as plain numbers: whoever has taken the child over
 * can make up addresses, which then must still show the right certificate, and nothing else.
 */
#include "process/resolver.h"

#include "base/log.h"
#include "base/must.h"
#include "process/fds.h"
#include "upstream/bootstrap.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct word_address {
	uint8_t ipv6; /* 0 or 1 */
	uint8_t bytes[16];
};

struct word {
	uint32_t upstream, ttl_s, count;
	uint8_t known[HOST_FAMILIES], left_out; /* 0 or 1 */
	struct word_address addresses[HOST_ADDRESSES];
	char why[HOST_WHY_BYTES];
};

static_assert(sizeof(struct word) <= PIPE_BUF, "a word comes in one piece");

/* --- the child -------------------------------------------------------------------------------------------
 */

static void
word_make(struct word *out, size_t upstream, const struct host_answer *answer)
{
	*out = (struct word){.upstream = (uint32_t)upstream,
	        .ttl_s = answer->ttl_s,
	        .count = answer->count,
	        .known = {answer->known[HOST_IPV4], answer->known[HOST_IPV6]},
	        .left_out = answer->left_out};
	for (unsigned i = 0; i < answer->count; i++) {
		size_t bytes;
		const uint8_t *host = addr_host(&answer->addresses[i], &bytes);
		out->addresses[i].ipv6 = answer->addresses[i].any.sa_family == AF_INET6;
		memcpy(out->addresses[i].bytes, host, bytes);
	}
	memcpy(out->why, answer->why, sizeof out->why);
}

static void
tell(void *arg, size_t upstream, const struct host_answer *answer)
{
	const int *fd = arg;
	struct word word;
	word_make(&word, upstream, answer);
	if (write(*fd, &word, sizeof word) != (ssize_t)sizeof word)
		log_error("what was found cannot be told why=\"%s\"", strerror(errno));
}

static bool
give_up_rights(const struct resolver_setup *setup, const struct config *ground, pid_t master)
{
	char why[SANDBOX_WHY_BYTES];
	int failed = sandbox_enter_worker(&setup->user, master, why);
	if (failed == 0 && sandbox_limit_memory(ground->limits.worker_memory) < 0)
		log_warn("limits.worker_memory cannot be set why=\"%s\"", strerror(errno));
	if (failed == 0 && ground->sandbox)
		failed = sandbox_ward(ground, why);
	if (failed == 0 && ground->sandbox)
		failed =
		        sandbox_seal(config_has_source(ground) ? SANDBOX_WORKER_SOURCE : SANDBOX_WORKER, why);
	if (failed < 0)
		log_error("hosts cannot be asked for: %s", why);
	return failed == 0;
}

static int
child(const struct resolver_setup *setup, int fd, pid_t master)
{
	int status = EXIT_FAILURE;
	log_set_role("resolver");
	setup->leave_master(setup->arg);
	fds_keep(&fd, 1);
	struct bootstrap *bootstrap = bootstrap_new(setup->config, setup->upstreams);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (loop != NULL && give_up_rights(setup, bootstrap_ground(bootstrap), master)) {
		bootstrap_run(bootstrap, loop, tell, &fd);
		status = EXIT_SUCCESS;
	}
	if (loop != NULL)
		ev_loop_destroy(loop);
	bootstrap_free(bootstrap);
	return status;
}

/* --- the master ------------------------------------------------------------------------------------------
 */

int
resolver_start(struct resolver *r, const struct resolver_setup *setup)
{
	int ends[2];
	pid_t master = getpid();
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* ours alone is not to be waited at */
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	/* what is not written yet would be written twice */
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		/* exit(), not _exit(): leak checker and coverage report from exit handlers */
		exit(child(setup, ends[1], master));
	}
	int error = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -error;
	}
	*r = (struct resolver){.pid = pid, .fd = ends[0]};
	return 0;
}

/* False when nobody of ours has written this. */
static bool
word_read(const struct word *word, size_t upstreams, size_t *upstream, struct host_answer *out)
{
	if (word->upstream >= upstreams || word->count > HOST_ADDRESSES)
		return false;
	*upstream = word->upstream;
	*out = (struct host_answer){.known = {word->known[HOST_IPV4] == 1, word->known[HOST_IPV6] == 1},
	        .count = word->count,
	        .left_out = word->left_out == 1,
	        .ttl_s = word->ttl_s};
	for (unsigned i = 0; i < word->count; i++) {
		struct addr *address = &out->addresses[i];
		address->any.sa_family = word->addresses[i].ipv6 == 1 ? AF_INET6 : AF_INET;
		if (word->addresses[i].ipv6 == 1)
			memcpy(&address->in6.sin6_addr, word->addresses[i].bytes, 16);
		else
			memcpy(&address->in4.sin_addr, word->addresses[i].bytes, 4);
		if (!host_address_fits(address))
			return false;
	}
	memcpy(out->why, word->why, sizeof out->why);
	out->why[sizeof out->why - 1] = '\0';
	return true;
}

static void
close_pipe(struct resolver *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

bool
resolver_read(struct resolver *r, size_t upstreams, size_t *upstream, struct host_answer *out)
{
	struct word word;
	if (r->fd < 0)
		return false;
	ssize_t got = read(r->fd, &word, sizeof word);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got == (ssize_t)sizeof word && word_read(&word, upstreams, upstream, out))
		return true;
	if (got > 0) {
		log_error("what the resolver says makes no sense: it is killed pid=%d", (int)r->pid);
		resolver_kill(r);
	}
	close_pipe(r);
	return false;
}

void
resolver_kill(const struct resolver *r)
{
	if (r->pid > 0)
		kill(r->pid, SIGKILL);
}

void
resolver_forget(struct resolver *r)
{
	close_pipe(r);
	r->pid = 0;
}
