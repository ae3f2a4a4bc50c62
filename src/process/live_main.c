/*
 * check-live as a program of its own. It reads what strangers send, so it gives up first what a worker gives
 * up, whoever started it.
 */
#include "process/live.h"

#include "base/log.h"
#include "process/live_hosts.h"
#include "process/sandbox.h"

#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Complains where the rights stay; where they cannot be given up at all, false. */
static bool
give_up_rights(const struct config *config)
{
	char why[SANDBOX_WHY_BYTES];
	struct sandbox_user user;
	if (sandbox_find_user(config->user, &user, why) < 0)
		fprintf(stderr, "dotward: %s; checking as root without its rights\n", why);
	int failed = sandbox_enter_worker(&user, getppid(), why);
	if (failed == 0 && config->sandbox)
		failed = sandbox_ward(config, why);
	if (failed == 0 && config->sandbox)
		failed =
		        sandbox_seal(config_has_source(config) ? SANDBOX_WORKER_SOURCE : SANDBOX_WORKER, why);
	if (failed < 0)
		fprintf(stderr, "dotward: %s\n", why);
	return failed == 0;
}

/* Not by stdio, which would look at what it writes to, and a worker may not. */
static bool
write_out(const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t wrote = write(STDOUT_FILENO, text, bytes);
		if (wrote < 0)
			return false;
		text += wrote;
		bytes -= (size_t)wrote;
	}
	return true;
}

static int
report(const struct live_report *findings, bool json)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	int status = (int)live_classify(findings);
	if (out == NULL)
		return LIVE_CLASS_USAGE;
	live_report_print(findings, json, out);
	if (fclose(out) != 0 || !write_out(text, bytes))
		status = LIVE_CLASS_USAGE;
	free(text);
	return status;
}

/* Nothing is opened from here on but connections. */
static int
check(const struct tls_store *store, struct live_hosts *hosts, struct ev_loop *loop,
        const struct live_question *question, bool json)
{
	const struct config *found = live_hosts_find(hosts, loop);
	struct live *live = live_new(loop, found, store, question);
	live_hosts_explain(hosts, live);
	int status = report(live_run(live), json);
	live_free(live);
	return status;
}

int
live_main(const struct config *config, const struct live_question *question, bool json)
{
	char why[TLS_WHY_BYTES];
	if (live_check_question(question) < 0) {
		fprintf(stderr, "dotward: check-live [NAME [TYPE]]: the name or the type is not one\n");
		return LIVE_CLASS_USAGE;
	}
	struct tls_store *store = tls_store_open(config->upstreams, config->upstream_count, why);
	if (store == NULL) {
		fprintf(stderr, "dotward: %s\n", why);
		return LIVE_CLASS_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	struct live_hosts *hosts = live_hosts_new(config);
	int status = LIVE_CLASS_USAGE;
	if (give_up_rights(live_hosts_ground(hosts)))
		status = check(store, hosts, loop, question, json);
	live_hosts_free(hosts);
	ev_loop_destroy(loop);
	tls_store_close(store);
	return status;
}
