/*
 * A child of the master looks at the ring five times a second and writes what is new. Those who watch are
 * counted apart from other requests, so that two people with a terminal open keep nobody from asking.
 *
 * An event's words are a line of the log as its author wrote it: what happened, then key=value.
 */
#include "process/watch.h"

#include "base/clock.h"
#include "base/json.h"
#include "process/verbs.h"

#include <inttypes.h>
#include <poll.h>
#include <time.h>

enum { WATCH_LOOK_MS = 200, WATCH_BEFORE = 10 };

struct watch {
	const struct events *events;
	struct aside_ground ground;
};

/* "2026-11-21T11:20:03.123Z" */
static void
time_text(uint64_t wall_ms, char out[32])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	char day[24];
	if (gmtime_r(&seconds, &parts) == NULL || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
		snprintf(day, sizeof day, "?");
	snprintf(out, 32, "%s.%03uZ", day, (unsigned)(wall_ms % 1000));
}

void
watch_print(const struct event *event, bool json, FILE *out)
{
	char when[32];
	const char *level = log_level_word((enum log_level)event->level);
	time_text(event->wall_ms, when);
	if (!json) {
		fprintf(out, "%s %s %s: %s\n", when, level, event->role[0] ? event->role : "dotward",
		        event->text);
		return;
	}
	struct json j = {.out = out};
	json_object(&j, NULL);
	json_text(&j, "time", when);
	json_text(&j, "level", level);
	json_text(&j, "role", event->role[0] ? event->role : "dotward");
	json_text(&j, "event", event->text);
	json_end(&j);
}

void
watch_print_missed(uint64_t missed, bool json, FILE *out)
{
	struct json j = {.out = out};
	if (!json) {
		fprintf(out, "(%" PRIu64 " events missed)\n", missed);
		return;
	}
	json_object(&j, NULL);
	json_number(&j, "missed", missed);
	json_end(&j);
}

/* All there is for now. */
static void
print_new(const struct events *events, struct events_reader *reader, const struct aside *aside)
{
	struct event event;
	uint64_t missed;
	enum events_found found;
	while ((found = events_next(events, reader, &event, &missed)) != EVENTS_NONE)
		if (found == EVENTS_ONE)
			watch_print(&event, aside->json, aside->out);
		else
			watch_print_missed(missed, aside->json, aside->out);
}

/* Until the other end closes, or takes nothing any more; or the master ends, and this process with it. */
static void
watch(void *arg, struct aside *aside)
{
	const struct watch *watch = arg;
	struct pollfd gone = {.fd = fileno(aside->out), .events = POLLRDHUP};
	struct events_reader reader = events_read(watch->events, WATCH_BEFORE);
	aside_begin(aside, CONTROL_DONE);
	do
		print_new(watch->events, &reader, aside);
	while (fflush(aside->out) == 0 && poll(&gone, 1, WATCH_LOOK_MS) == 0);
}

void
watch_verb(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	struct verbs_cache with;
	if (master->events == NULL || master->cache == NULL) {
		control_say(call, CONTROL_FAILED, "not in this build");
		return;
	}
	if (!master->cache(master->arg, &with)) {
		control_say(call, CONTROL_FAILED, "it is starting or stopping; try again");
		return;
	}
	struct watch watching = {.events = master->events, .ground = with.ground};
	watching.ground.connects = NULL;
	asides_start(master->watches, &watching.ground, call, watch, &watching);
}
