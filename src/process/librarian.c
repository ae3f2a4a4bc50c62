/*
 * The master looks at nothing in a table but the numbers at its head (lists_list()), which lists_at() has
 * found to be there. Before that it seals the memory; as the loader has ended by then, nobody can still write
 * to it.
 */
#include "process/librarian.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "config/list.h"
#include "shared/shm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct librarian {
	struct librarian_setup setup;
	uint64_t number;         /* of the last shelf */
	struct shelf *inherited; /* until somebody has been told what became of it */
	pid_t pid;               /* of the loader; 0: none */
	int memory;              /* -1: none */
	uint64_t begun_ms, until_ms;
	unsigned took_ms;
	struct shelf *before; /* held while it is read */
	size_t lists;
	/* how it ended */
	enum librarian_end end;
	struct shelf *made;
	char why[LIBRARIAN_WHY_BYTES];
};

struct librarian *
librarian_new(const struct librarian_setup *setup)
{
	struct librarian *l = must_alloc(1, sizeof *l);
	l->setup = *setup;
	l->memory = -1;
	if (setup->inherited >= 0)
		l->inherited = shelf_adopt(setup->inherited, ++l->number);
	if (setup->inherited >= 0 && l->inherited == NULL)
		log_notice("lists of names of the old binary are not like ours: they are read anew");
	return l;
}

static void
forget_memory(struct librarian *l)
{
	if (l->memory >= 0)
		close(l->memory);
	l->memory = -1;
}

void
librarian_free(struct librarian *l)
{
	if (l == NULL)
		return;
	librarian_stop(l);
	forget_memory(l);
	shelf_drop(l->inherited);
	shelf_drop(l->before);
	shelf_drop(l->made);
	free(l);
}

static void
finish(struct librarian *l, enum librarian_end end, struct shelf *made)
{
	shelf_drop(l->made);
	l->end = end;
	l->made = made;
	l->took_ms = (unsigned)(clock_now_ms() - l->begun_ms);
	forget_memory(l);
	shelf_drop(l->before);
	l->before = NULL;
	shelf_drop(l->inherited);
	l->inherited = NULL;
}

static void
fail(struct librarian *l, const char *why)
{
	snprintf(l->why, sizeof l->why, "lists of names: %.300s", why);
	finish(l, LIBRARIAN_FAILED, NULL);
}

static int
send_loader(struct librarian *l, const struct config *config, const struct sandbox_user *user)
{
	l->memory = shm_blank();
	if (l->memory < 0)
		return l->memory;
	const struct loader_setup setup = {.config = config,
	        .before = shelf_lists(l->before),
	        .memory = l->memory,
	        .user = *user,
	        .leave_master = l->setup.leave_master,
	        .arg = l->setup.arg};
	pid_t pid = loader_run(&setup);
	if (pid < 0)
		return (int)pid;
	l->pid = pid;
	return 0;
}

void
librarian_load(struct librarian *l, const struct config *config, const struct sandbox_user *user,
        struct shelf *before, uint64_t now_ms)
{
	must(l->pid == 0);
	l->before = shelf_hold(before != NULL ? before : l->inherited);
	l->lists = config_lists_count(config);
	l->begun_ms = now_ms;
	if (l->lists == 0) {
		finish(l, LIBRARIAN_LOADED, NULL);
		return;
	}
	l->until_ms = now_ms + LIBRARIAN_LIMIT_MS;
	int failed = send_loader(l, config, user);
	if (failed < 0)
		fail(l, strerror(-failed));
}

bool
librarian_is_busy(const struct librarian *l)
{
	return l->pid != 0;
}

void
librarian_stop(struct librarian *l)
{
	if (l->pid != 0)
		kill(l->pid, SIGKILL);
}

/* The memory is as the loader left it. */
static void
take_made(struct librarian *l)
{
	int memory = l->memory, failed = shm_seal(memory);
	struct shelf *shelf = NULL;
	l->memory = -1;
	if (failed == 0)
		shelf = shelf_adopt(memory, ++l->number);
	else
		close(memory);
	if (shelf != NULL && lists_count(shelf_lists(shelf)) == l->lists) {
		finish(l, LIBRARIAN_LOADED, shelf);
		return;
	}
	shelf_drop(shelf);
	fail(l, failed < 0 ? strerror(-failed) : "what the loader made is no table of lists");
}

static void
take_reason(struct librarian *l)
{
	char text[200], quoted[280];
	ssize_t got = pread(l->memory, text, sizeof text, 0);
	if (got <= 0)
		fail(l, "the loader failed; the log may say why");
	else
		fail(l, log_quote(quoted, sizeof quoted, text, (size_t)got));
}

bool
librarian_bury(struct librarian *l, pid_t pid, int status)
{
	char why[100];
	if (l->pid == 0 || pid != l->pid)
		return false;
	l->pid = 0;
	if (WIFSIGNALED(status)) {
		snprintf(why, sizeof why, "the loader died signal=%d (%s)%s", WTERMSIG(status),
		        strsignal(WTERMSIG(status)), l->until_ms == UINT64_MAX ? ": it took too long" : "");
		fail(l, why);
	} else if (WEXITSTATUS(status) == LOADER_MADE) {
		take_made(l);
	} else if (WEXITSTATUS(status) == LOADER_SAME && l->before != NULL) {
		finish(l, LIBRARIAN_SAME, shelf_hold(l->before));
	} else {
		take_reason(l);
	}
	return true;
}

void
librarian_tend(struct librarian *l, uint64_t now_ms)
{
	if (l->pid == 0 || now_ms < l->until_ms)
		return;
	l->until_ms = UINT64_MAX;
	librarian_stop(l);
}

uint64_t
librarian_next_ms(const struct librarian *l)
{
	return l->pid != 0 ? l->until_ms : UINT64_MAX;
}

enum librarian_end
librarian_take(struct librarian *l, struct shelf **out, char why[LIBRARIAN_WHY_BYTES])
{
	must(l->pid == 0);
	*out = l->made;
	l->made = NULL;
	memcpy(why, l->why, sizeof l->why);
	return l->end;
}

unsigned
librarian_refused(const struct shelf *shelf)
{
	const struct lists *lists = shelf_lists(shelf);
	unsigned refused = 0;
	for (unsigned i = 0; lists != NULL && i < lists_count(lists); i++)
		refused += loader_refused(lists_list(lists, i));
	return refused;
}

const char *
librarian_text(const struct shelf *shelf, char out[LIBRARIAN_TEXT_BYTES])
{
	const struct lists *lists = shelf_lists(shelf);
	unsigned count = lists != NULL ? lists_count(lists) : 0;
	unsigned long long bad = 0;
	for (unsigned i = 0; i < count; i++)
		bad += lists_list(lists, i)->bad;
	snprintf(out, LIBRARIAN_TEXT_BYTES, "lists=%u names=%llu bad=%llu refused=%u", count,
	        lists != NULL ? (unsigned long long)lists_names(lists) : 0, bad, librarian_refused(shelf));
	return out;
}

unsigned
librarian_took_ms(const struct librarian *l)
{
	return l->took_ms;
}
