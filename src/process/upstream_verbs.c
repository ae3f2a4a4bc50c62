/*
 * What the workers know lies in memory that they write, and has words of strangers in it: no matter for the
 * master. The probe has a trust store of its own, loaded anew, so that it takes no session ticket away from a
 * worker, and sees what a reload would.
 */
#include "process/upstream_verbs.h"

#include "base/clock.h"
#include "dns/wire.h"
#include "process/live.h"
#include "process/live_hosts.h"
#include "process/upstream_report.h"
#include "process/verbs.h"

#include <ev.h>
#include <stdlib.h>

struct request {
	struct verbs_cache with;
	bool named, typed;
	char name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES]; /* the words themselves go with the call */
	/* in the child */
	struct ev_loop *loop;
	struct tls_store *store;
	struct live_hosts *hosts;
	char why[TLS_WHY_BYTES];
};

static void
start(const struct verbs_master *master, struct request *request, struct control_call *call,
        aside_prepare_fn *prepare, aside_deed_fn *deed)
{
	if (master->cache == NULL) {
		control_say(call, CONTROL_FAILED, "not in this build");
		return;
	}
	if (!master->cache(master->arg, &request->with)) {
		control_say(call, CONTROL_FAILED, "it is starting or stopping; try again");
		return;
	}
	request->with.ground.connects = prepare;
	asides_start(master->asides, &request->with.ground, call, deed, request);
}

/* --- what is known ---------------------------------------------------------------------------------------
 */

static void
list(void *arg, struct aside *aside)
{
	const struct request *request = arg;
	size_t count;
	struct upstream_row *rows =
	        upstream_rows(request->with.ground.config, request->with.health, clock_now_ms(), &count);
	upstream_report_print(rows, count, request->with.hosts, clock_now_ms(), aside->json,
	        aside_begin(aside, CONTROL_DONE));
	free(rows);
}

void
upstream_verbs_list(void *arg, struct control_call *call)
{
	struct request request = {0};
	start(arg, &request, call, NULL, list);
}

/* --- asking anew -----------------------------------------------------------------------------------------
 */

/* While files may still be opened. */
static void
prepare(void *arg)
{
	struct request *request = arg;
	const struct config *config = request->with.ground.config;
	request->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	request->store = tls_store_open(config->upstreams, config->upstream_count, request->why);
	request->hosts = live_hosts_new(config);
	/* what it may connect to */
	request->with.ground.config = live_hosts_ground(request->hosts);
}

static void
probe(void *arg, struct aside *aside)
{
	struct request *request = arg;
	if (request->store == NULL || request->loop == NULL) {
		aside_say(
		        aside, CONTROL_FAILED, "%s", request->store == NULL ? request->why : "no event loop");
		return;
	}
	const struct live_question question = {
	        .name = request->named ? request->name : NULL, .type = request->typed ? request->type : NULL};
	const struct config *found = live_hosts_find(request->hosts, request->loop);
	struct live *live = live_new(request->loop, found, request->store, &question);
	live_hosts_explain(request->hosts, live);
	const struct live_report *report = live_run(live);
	live_report_print(report, aside->json, aside_begin(aside, CONTROL_DONE));
	live_free(live);
	live_hosts_free(request->hosts);
	tls_store_close(request->store);
	ev_loop_destroy(request->loop);
}

void
upstream_verbs_probe(void *arg, struct control_call *call)
{
	struct request request = {0};
	const struct live_question question = {.name = control_word(call, 0),
	        .type = control_word(call, 0) != NULL ? control_word(call, 1) : NULL};
	if (live_check_question(&question) < 0) {
		control_say(call, CONTROL_USAGE,
		        "upstreams --probe [NAME] [TYPE]: the name or the type is not one");
		return;
	}
	request.named = question.name != NULL;
	request.typed = question.type != NULL;
	snprintf(request.name, sizeof request.name, "%s", request.named ? question.name : "");
	snprintf(request.type, sizeof request.type, "%s", request.typed ? question.type : "");
	start(arg, &request, call, prepare, probe);
}
