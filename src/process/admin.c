/*
 * Requests that take time are kept in one list for each matter, and all in it are answered when the matter is
 * settled.
 */
#include "process/admin.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "process/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct admin {
	struct admin_deeds deeds;
	struct verbs_master verbs;
	struct asides asides;
	struct control *control; /* NULL: none */
	char *path;              /* control wants it to stay */
	struct list waiting[ADMIN_MATTERS];
	uint64_t watchdog_ms; /* when systemd is told next; UINT64_MAX: never */
};

static void
on_report(void *arg, struct report *report)
{
	const struct admin *admin = arg;
	admin->deeds.report(admin->deeds.arg, report);
}

static void
on_reload(void *arg, struct control_call *call)
{
	struct admin *admin = arg;
	control_keep(&admin->waiting[ADMIN_RELOAD], call);
	admin->deeds.reload(admin->deeds.arg);
}

static void
on_reload_lists(void *arg, struct control_call *call)
{
	struct admin *admin = arg;
	control_keep(&admin->waiting[ADMIN_LISTS], call);
	admin->deeds.reload_lists(admin->deeds.arg);
}

static void
on_upgrade(void *arg, struct control_call *call)
{
	struct admin *admin = arg;
	control_keep(&admin->waiting[ADMIN_UPGRADE], call);
	admin->deeds.upgrade(admin->deeds.arg);
}

static void
on_stop(void *arg, struct control_call *call)
{
	struct admin *admin = arg;
	control_keep(&admin->waiting[ADMIN_STOP], call);
	admin->deeds.stop(admin->deeds.arg);
}

static bool
on_cache(void *arg, struct verbs_cache *out)
{
	const struct admin *admin = arg;
	return admin->deeds.cache(admin->deeds.arg, out);
}

static bool
on_lists(void *arg, struct verbs_lists *out)
{
	const struct admin *admin = arg;
	return admin->deeds.lists(admin->deeds.arg, out);
}

static bool
on_overview(void *arg, struct overview_sources *out)
{
	const struct admin *admin = arg;
	return admin->deeds.overview(admin->deeds.arg, out);
}

struct admin *
admin_new(const struct admin_deeds *deeds)
{
	struct admin *admin = must_alloc(1, sizeof *admin);
	admin->deeds = *deeds;
	admin->verbs = (struct verbs_master){.arg = admin,
	        .report = on_report,
	        .reload = on_reload,
	        .reload_lists = admin->deeds.reload_lists != NULL ? on_reload_lists : NULL,
	        .upgrade = on_upgrade,
	        .stop = on_stop,
	        .cache = admin->deeds.cache != NULL ? on_cache : NULL,
	        .overview = admin->deeds.overview != NULL ? on_overview : NULL,
	        .lists = admin->deeds.lists != NULL ? on_lists : NULL,
	        .asides = &admin->asides};
	for (int matter = 0; matter < ADMIN_MATTERS; matter++)
		list_init(&admin->waiting[matter]);
	admin->watchdog_ms = UINT64_MAX; /* nobody is to hear of us before we serve */
	return admin;
}

static void
close_control(struct admin *admin, bool leave_path)
{
	if (leave_path)
		control_leave(admin->control);
	else
		control_close(admin->control);
	admin->control = NULL;
	free(admin->path);
	admin->path = NULL;
}

void
admin_free(struct admin *admin, bool leave_path, const char *last_words)
{
	if (admin == NULL)
		return;
	for (int matter = 0; matter < ADMIN_MATTERS; matter++)
		control_say_all(&admin->waiting[matter], matter == ADMIN_STOP ? CONTROL_DONE : CONTROL_FAILED,
		        last_words);
	close_control(admin, leave_path);
	free(admin);
}

void
admin_leave(struct admin *admin)
{
	control_leave(admin->control);
	admin->control = NULL;
	admin->watchdog_ms = UINT64_MAX;
}

/* A machine that does not let us have the socket gets its DNS all the same; a second dotward does not start.
 */
static int
open_control(struct admin *admin, const struct sandbox_user *user, int inherited, char why[ADMIN_WHY_BYTES])
{
	char reason[LOCAL_WHY_BYTES];
	struct control_setup setup = {
	        .path = admin->path,
	        .group = user->change ? user->gid : (gid_t)-1,
	        .workers = user->change ? user->uid : (uid_t)-1,
	        .verbs = verbs,
	        .verb_count = verbs_count,
	        .arg = &admin->verbs,
	};
	int failed =
	        inherited >= 0 ? control_adopt(&admin->control, &setup, inherited, reason) : -EADDRNOTAVAIL;
	if (inherited >= 0 && failed < 0)
		close(inherited); /* the path is another now */
	if (failed < 0)
		failed = control_open(&admin->control, &setup, reason);
	if (failed == 0)
		return 0;
	snprintf(why, ADMIN_WHY_BYTES, "control.socket: %.300s", reason);
	free(admin->path);
	admin->path = NULL;
	if (failed == -EADDRINUSE || failed == -ENOTSOCK)
		return failed;
	log_warn("%s; going on without it", why);
	return 0;
}

int
admin_listen(struct admin *admin, const char *path, const struct sandbox_user *user, int inherited,
        char why[ADMIN_WHY_BYTES])
{
	bool same = admin->path != NULL && strcmp(admin->path, path) == 0;
	if (same || path[0] == '\0') {
		if (inherited >= 0)
			close(inherited);
		if (!same && admin->control != NULL)
			close_control(admin, false);
		return 0;
	}
	if (admin->control != NULL)
		close_control(admin, false);
	admin->path = must_copy(path);
	return open_control(admin, user, inherited, why);
}

int
admin_descriptor(const struct admin *admin)
{
	return control_descriptor(admin->control);
}

size_t
admin_poll(struct admin *admin, struct pollfd *fds, size_t room)
{
	_Static_assert((int)ADMIN_POLL_MOST >= (int)CONTROL_POLL_MOST, "room for all");
	return control_poll(admin->control, fds, room);
}

void
admin_heed(struct admin *admin, const struct pollfd *fds, size_t count, uint64_t now_ms)
{
	control_heed(admin->control, fds, count, now_ms);
	if (now_ms < admin->watchdog_ms)
		return;
	notify_watchdog();
	admin->watchdog_ms = now_ms + notify_watchdog_interval_ms();
}

uint64_t
admin_due_ms(const struct admin *admin)
{
	uint64_t control_ms = control_due_ms(admin->control);
	return control_ms < admin->watchdog_ms ? control_ms : admin->watchdog_ms;
}

void
admin_bury(struct admin *admin, pid_t pid, int status)
{
	asides_bury(&admin->asides, pid, status);
}

void
admin_begins(enum admin_matter matter)
{
	if (matter == ADMIN_RELOAD)
		notify_reloading();
	else if (matter == ADMIN_STOP)
		notify_stopping();
}

void
admin_serves(struct admin *admin, unsigned workers, const char *refused)
{
	int first_line = refused != NULL ? (int)strcspn(refused, "\n") : 0;
	notify_ready("%u workers serve%s%.*s", workers,
	        first_line > 0 ? "; the last reload was refused: " : "", first_line,
	        first_line > 0 ? refused : "");
	if (admin->watchdog_ms == UINT64_MAX && notify_watchdog_interval_ms() > 0)
		admin->watchdog_ms = 0;
}

void
admin_succeeds(struct admin *admin)
{
	unsigned interval_ms = notify_watchdog_interval_ms();
	if (interval_ms > 0)
		admin->watchdog_ms = clock_now_ms() + interval_ms;
}

void
admin_done(struct admin *admin, enum admin_matter matter, bool good, const char *text)
{
	control_say_all(&admin->waiting[matter], good ? CONTROL_DONE : CONTROL_FAILED, text);
}

void
admin_claim(struct admin *admin)
{
	control_claim(admin->control);
}
