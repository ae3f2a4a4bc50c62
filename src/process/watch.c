/*
 * A child of the master looks at the ring five times a second and writes what is new. Those who watch are
 * counted apart from other requests, so that two people with a terminal open keep nobody from asking.
 *
 * An event's words are a line of the log as its author wrote it: what happened, then key=value.
 */
#include "process/watch.h"

#include "base/json.h"
#include "base/logform.h"
#include "process/verbs.h"

#include <inttypes.h>
#include <poll.h>
#include <time.h>

enum { WATCH_LOOK_MS = 200, WATCH_BEFORE = 10 };

struct watch {
	const struct events *events;
	struct aside_ground ground;
};

void
watch_print(const struct event *event, bool json, FILE *out)
{
	char when[64];
	const struct timespec at = {.tv_sec = (time_t)(event->wall_ms / 1000),
	        .tv_nsec = (long)(event->wall_ms % 1000) * 1000000};
	const char *level = log_level_word((enum log_level)event->level);
	logform_stamp(&at, when, sizeof when);
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
