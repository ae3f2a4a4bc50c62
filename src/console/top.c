/*
 * Two snapshots are kept, the last one and the one before it; what is per second lies between them. A dotward
 * that is away (a restart, a crash) leaves the last picture with a line that says so, and is asked again.
 */
#include "console/top.h"

#include "base/clock.h"
#include "console/frame.h"
#include "console/screen.h"
#include "console/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TOP_LEAST_MS = 200, TOP_MOST_MS = 60000, TOP_ANSWER_BYTES = 1 << 22 };

struct top {
	const struct top_setup *setup;
	struct talk talk;
	FILE *answer;
	char *text;
	size_t bytes;
	struct snapshot looks[2];
	unsigned taken; /* the last one is looks[taken % 2], the one before it the other */
	int every_ms;
	bool paused;
	char trouble[TALK_WHY_BYTES]; /* "": none */
	struct frame frame;
};

static void
take(void *arg, bool failed, const char *bytes, size_t count)
{
	struct top *t = arg;
	(void)failed;
	fflush(t->answer);
	if (t->bytes < TOP_ANSWER_BYTES)
		fwrite(bytes, 1, count, t->answer);
}

static void
keep(struct top *t)
{
	struct snapshot *next = &t->looks[(t->taken + 1) % 2];
	if (!snapshot_read(next, t->text, t->bytes)) {
		snprintf(t->trouble, sizeof t->trouble, "what dotward answers is not understood");
		return;
	}
	/* another dotward: nothing to compare with */
	const struct snapshot *last = &t->looks[t->taken % 2];
	if (t->taken > 0 && next->uptime_s + 1 < last->uptime_s) {
		t->looks[0] = *next;
		t->taken = 0;
	} else {
		t->taken++;
	}
}

/* One look; `trouble` says what was wrong. */
static enum talk_end
look(struct top *t)
{
	t->trouble[0] = '\0';
	t->answer = open_memstream(&t->text, &t->bytes);
	if (t->answer == NULL)
		return TALK_FAILED;
	enum talk_end end = talk(&t->talk, "stats --json\n");
	fclose(t->answer);
	if (end == TALK_DONE)
		keep(t);
	else
		snprintf(t->trouble, sizeof t->trouble, "%s",
		        t->talk.why[0] ? t->talk.why : "dotward refuses to tell");
	free(t->text);
	t->text = NULL;
	return t->trouble[0] && end == TALK_DONE ? TALK_FAILED : end;
}

static void
compose(struct top *t)
{
	char keys[80];
	/* `taken` counts from 1: looks[1] is the first */
	frame_compose(
	        &t->frame, t->taken > 1 ? &t->looks[(t->taken + 1) % 2] : NULL, &t->looks[t->taken % 2]);
	if (t->setup->once)
		return;
	snprintf(keys, sizeof keys, "q ends   space %s   + - every %.1f s", t->paused ? "goes on" : "pauses",
	        t->every_ms / 1000.);
	frame_say(&t->frame, t->trouble[0] ? FRAME_WORRY : FRAME_FAINT, t->trouble[0] ? t->trouble : keys);
}

/* False: the end. */
static bool
heed(struct top *t, int key)
{
	switch (key) {
	case -1:
	case 'q':
	case 'Q':
	case 27: /* Escape */
		return false;
	case ' ':
		t->paused = !t->paused;
		break;
	case '+':
		t->every_ms = t->every_ms * 2 < TOP_MOST_MS ? t->every_ms * 2 : TOP_MOST_MS;
		break;
	case '-':
		t->every_ms = t->every_ms / 2 > TOP_LEAST_MS ? t->every_ms / 2 : TOP_LEAST_MS;
		break;
	default:
		break;
	}
	return true;
}

static void
show(struct top *t)
{
	uint64_t due_ms = clock_now_ms() + (uint64_t)t->every_ms;
	int key;
	do {
		screen_size(&t->frame.columns, &t->frame.rows);
		compose(t);
		screen_show(&t->frame);
		uint64_t now = clock_now_ms();
		key = screen_key(now < due_ms ? (int)(due_ms - now) : 0);
		if (key == 0 && clock_now_ms() >= due_ms) {
			if (!t->paused)
				(void)!look(t);
			due_ms = clock_now_ms() + (uint64_t)t->every_ms;
		}
	} while (heed(t, key));
}

static enum talk_end
print_once(struct top *t)
{
	const struct timespec pause = {t->every_ms / 1000, t->every_ms % 1000 * 1000000L};
	nanosleep(&pause, NULL);
	enum talk_end end = look(t);
	if (end != TALK_DONE)
		return end;
	compose(t);
	for (unsigned i = 0; i < t->frame.count; i++)
		puts(t->frame.lines[i].text);
	return fflush(stdout) == 0 ? TALK_DONE : TALK_FAILED;
}

enum talk_end
top_run(const struct top_setup *setup)
{
	static struct top t; /* large, and there is one */
	const char *why;
	t = (struct top){.setup = setup, .every_ms = setup->every_ms};
	t.talk = (struct talk){
	        .path = setup->path, .patience_ms = setup->patience_ms, .hear = take, .arg = &t};
	enum talk_end end = look(&t);
	if (end == TALK_DONE && setup->once) {
		end = print_once(&t);
	} else if (end == TALK_DONE && !screen_open(&why)) {
		snprintf(t.trouble, sizeof t.trouble, "%s; \"top --once\" needs none", why);
		end = TALK_FAILED;
	} else if (end == TALK_DONE) {
		show(&t);
		screen_close();
		return TALK_DONE;
	}
	if (end != TALK_DONE)
		fprintf(stderr, "dotwardctl: %s\n", t.trouble);
	return end;
}
