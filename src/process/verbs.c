/*
 * The verbs that only tell are done here; those that do something go to the master.
 */
#include "process/verbs.h"

#include "base/log.h"
#include "process/cache_verbs.h"
#include "process/explain_verbs.h"
#include "process/list_verbs.h"
#include "process/printout.h"
#include "process/stats_verbs.h"
#include "process/upstream_verbs.h"
#include "process/watch.h"

#include <stdlib.h>

static void
tell(void *arg, struct control_call *call, report_print_fn *print)
{
	const struct verbs_master *master = arg;
	struct printout p;
	struct report report;
	FILE *out = printout_begin(&p, call);
	if (out == NULL)
		return;
	master->report(master->arg, &report);
	print(&report, control_wants_json(call), out);
	report_free(&report);
	printout_end(&p);
}

static void
on_status(void *arg, struct control_call *call)
{
	tell(arg, call, report_status);
}

static void
on_workers(void *arg, struct control_call *call)
{
	tell(arg, call, report_workers);
}

/* The word is in memory that all processes share, so that the workers follow at their next line. */
static void
on_log(void *arg, struct control_call *call)
{
	enum log_level level, before = log_get_level();
	(void)arg;
	if (!log_find_level(control_word(call, 0), &level)) {
		control_say(call, CONTROL_USAGE, "log LEVEL: one of error, warn, notice, info, debug");
		return;
	}
	log_set_level(level);
	control_say(
	        call, CONTROL_DONE, "log level is %s, was %s", log_level_word(level), log_level_word(before));
}

static void
hand_over(const struct verbs_master *master, void (*verb)(void *, struct control_call *),
        struct control_call *call)
{
	if (verb != NULL)
		verb(master->arg, call);
	else
		control_say(call, CONTROL_FAILED, "not in this build");
}

static void
on_reload(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	hand_over(master, master->reload, call);
}

static void
on_upgrade(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	hand_over(master, master->upgrade, call);
}

static void
on_stop(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	hand_over(master, master->stop, call);
}

static void on_help(void *arg, struct control_call *call);

const struct control_verb verbs[] = {
        {"status", "", "is it serving, since when, where, with how many workers", false, on_status},
        {"stats", "", "all counters, summed over the workers", false, stats_verb},
        {"stats --prometheus", "", "all there is to tell, as the exporter tells Prometheus", false,
                stats_verb_prometheus},
        {"workers", "", "each worker: process, state, uptime, deaths", false, on_workers},
        {"reload", "", "read the configuration anew", true, on_reload},
        {"upgrade", "", "go on with the program that is installed now", true, on_upgrade},
        {"stop", "", "answer what is in flight, then end", true, on_stop},
        {"log", "LEVEL", "how much is logged, until the next reload", true, on_log},
        {"cache stats", "", "how full the cache is and of what use", false, cache_verbs_stats},
        {"cache lookup", "NAME TYPE", "what it holds for this question", false, cache_verbs_lookup},
        {"cache dump", "", "all it holds, a line for each answer", false, cache_verbs_dump},
        {"cache flush", "NAME [TYPE]", "forget the answers for this name", true, cache_verbs_flush},
        {"cache flush --subtree", "NAME", "and for all below it", true, cache_verbs_flush_subtree},
        {"cache flush --all", "", "forget everything", true, cache_verbs_flush_all},
        {"upstreams", "", "each upstream address: how it does, and what is wrong with it", false,
                upstream_verbs_list},
        {"upstreams --probe", "[NAME] [TYPE]", "ask each of them for real, now", false, upstream_verbs_probe},
        {"explain", "NAME [TYPE] [--client=ADDRESS] [--tcp]", "what would become of this question, and why",
                false, explain_verb},
        {"lists", "", "each list of names: how much is on it, and how often it has decided", false,
                list_verbs_list},
        {"lists reload", "", "read the lists of names anew, and nothing else", true, list_verbs_reload},
        {"watch", "", "what happens, as it happens", false, watch_verb},
        {"help", "", "this list", false, on_help},
};
const size_t verbs_count = sizeof verbs / sizeof verbs[0];

static void
on_help(void *arg, struct control_call *call)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	(void)arg;
	if (out == NULL) {
		control_say(call, CONTROL_FAILED, "out of memory");
		return;
	}
	for (size_t i = 0; i < verbs_count; i++)
		fprintf(out, "%s%s%s%s: %s", i > 0 ? "\n" : "", verbs[i].name, *verbs[i].words ? " " : "",
		        verbs[i].words, verbs[i].help);
	fclose(out);
	control_say(call, CONTROL_DONE, "%s", text);
	free(text);
}
