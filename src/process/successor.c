/*
 * An upgrade as the old master sees it: refuse or start, then wait for one word. What may have changed on the
 * way (the steering of the sockets, who is behind the control socket, who uses the cache) is put right again
 * when the word does not come.
 */
#include "process/successor.h"

#include "base/clock.h"
#include "base/log.h"
#include "process/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
successor_begin(struct successor *s, char *const *argv)
{
	*s = (struct successor){.upgrade = {.ready = -1}, .argv = argv};
	upgrade_find_binary(s->binary, sizeof s->binary);
}

bool
successor_is_coming(const struct successor *s)
{
	return s->upgrade.pid != 0;
}

int
successor_fd(const struct successor *s)
{
	return s->upgrade.ready;
}

uint64_t
successor_due_ms(const struct successor *s)
{
	return successor_is_coming(s) ? s->upgrade.until_ms : UINT64_MAX;
}

void
successor_refuse(struct successor *s, const char *why)
{
	log_error("upgrade refused why=\"%s\"", why);
	roster_note(s->world->roster, ROSTER_UPGRADE_FAILED);
	admin_done(s->admin, ADMIN_UPGRADE, false, why);
}

/* Why there can be none now, or NULL. */
static const char *
obstacle(const struct successor *s, bool stopping)
{
	if (stopping)
		return "it is stopping";
	if (s->line->starting != NULL || s->line->serving == NULL)
		return "a start or reload is under way";
	return getpid() == 1 ? "process 1 cannot hand over to another" : NULL;
}

static int
start(struct successor *s)
{
	const struct cache *cache = generation_cache(s->line->serving);
	char *hosts = hosts_legacy(s->hosts);
	int more[HERALD_DESCRIPTORS];
	const struct upgrade_legacy legacy = {.more = more,
	        .more_count = herald_descriptors(s->herald, more),
	        .world = world_descriptor(s->world),
	        .control = admin_descriptor(s->admin),
	        .cache = cache != NULL ? cache_descriptor(cache) : -1,
	        .lists = shelf_descriptor(generation_lists(s->line->serving)),
	        .hosts = hosts};
	int failed =
	        upgrade_begin(&s->upgrade, s->binary, s->argv, generation_sockets(s->line->serving), &legacy);
	free(hosts);
	return failed;
}

void
successor_ask(struct successor *s, bool stopping, unsigned limit_ms)
{
	if (successor_is_coming(s))
		return;
	const char *why = obstacle(s, stopping);
	int failed = why == NULL ? start(s) : 0;
	if (why != NULL || failed < 0) {
		successor_refuse(s, why != NULL ? why : strerror(-failed));
		return;
	}
	keeper_share(s->keeper, true, clock_now_ms());
	s->upgrade.until_ms = clock_now_ms() + limit_ms;
	log_notice("upgrading binary=%s pid=%d", s->binary, (int)s->upgrade.pid);
}

static void
fall_back(struct successor *s, const char *why)
{
	log_error("upgrade failed, the old binary serves on: %s", why);
	roster_note(s->world->roster, ROSTER_UPGRADE_FAILED);
	upgrade_end(&s->upgrade, true);
	keeper_share(s->keeper, false, clock_now_ms());
	/* The new master may have changed the steering, and who is behind the socket, before it failed. */
	generation_steer(s->line->serving, clock_now_ms());
	admin_claim(s->admin);
	admin_done(s->admin, ADMIN_UPGRADE, false, why);
}

static void
hand_over(struct successor *s)
{
	char text[64];
	snprintf(text, sizeof text, "handed over pid=%d", (int)s->upgrade.pid);
	log_notice("%s", text);
	roster_note(s->world->roster, ROSTER_UPGRADED);
	notify_main_pid(s->upgrade.pid);
	admin_done(s->admin, ADMIN_UPGRADE, true, text);
	admin_leave(s->admin); /* who asks now asks the new master */
	upgrade_end(&s->upgrade, false);
	lineage_retire(s->line, s->line->serving, clock_now_ms());
	s->line->serving = NULL;
}

bool
successor_judge(struct successor *s, bool readable, uint64_t now_ms)
{
	if (!successor_is_coming(s))
		return false;
	if (readable && upgrade_succeeded(&s->upgrade)) {
		hand_over(s);
		return true;
	}
	if (readable)
		fall_back(s, "the new binary ended before it served");
	else if (now_ms >= s->upgrade.until_ms)
		fall_back(s, "the new binary did not serve in time");
	return false;
}

void
successor_give_up(struct successor *s)
{
	upgrade_end(&s->upgrade, true);
}
