/*
 * The flat object of counters came first and others read it, so the overview is a member of it and not the
 * other way round.
 */
#include "process/stats_verbs.h"

#include "base/clock.h"
#include "base/json.h"
#include "process/overview.h"
#include "process/printout.h"
#include "process/verbs.h"

static bool
take(const struct verbs_master *master, struct overview_sources *sources, struct overview *o)
{
	if (master->overview == NULL || !master->overview(master->arg, sources))
		return false;
	overview_take(o, sources, clock_now_ms(), clock_wall_ms());
	return true;
}

static void
print_json(const struct verbs_master *master, const struct report *report, FILE *out)
{
	struct overview_sources sources;
	struct overview o;
	struct json j = {.out = out};
	json_object(&j, NULL);
	for (unsigned i = 0; i < STATS_COUNT; i++)
		json_number(&j, stats_name(i), report->counters[i]);
	if (take(master, &sources, &o)) {
		overview_json(&o, &j, "overview");
		overview_free(&o);
	}
	json_end(&j);
}

void
stats_verb(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	struct report report;
	struct printout p;
	FILE *out = printout_begin(&p, call);
	if (out == NULL)
		return;
	master->report(master->arg, &report);
	if (control_wants_json(call))
		print_json(master, &report, out);
	else
		report_stats(&report, false, out);
	report_free(&report);
	printout_end(&p);
}

void
stats_verb_prometheus(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	struct overview_sources sources;
	struct overview o;
	struct printout p;
	if (!take(master, &sources, &o)) {
		control_say(call, CONTROL_FAILED, "it is starting or stopping; try again");
		return;
	}
	FILE *out = printout_begin(&p, call);
	if (out != NULL) {
		overview_metrics(&o, out);
		printout_end(&p);
	}
	overview_free(&o);
}
