/*
 * Order: open all files, give up rights, seal, and then the first strangers' byte is read. A list whose files
 * are the same as those in the table before is not read again.
 *
 * A file of which more than a tenth is bad is not what it was taken for (an error page in place of the list,
 * a format that we do not know), and none of it counts; its list stays as it was, or, if there was none, does
 * without that file. The lowest bit of a list's stamp remembers that for as long as the file stays the same.
 */
#include "process/loader.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/list.h"
#include "process/fds.h"
#include "process/list_files.h"
#include "query/list_read.h"
#include "query/lists_build.h"
#include "shared/shm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	LOADER_LINES = 10, /* of a file, that are complained about one by one; of each kind */
	LOADER_PATH_BYTES = 600,
	LOADER_NICE = 10, /* questions come first: a million names are a second of work */
};

_Static_assert(
        (int)LOADER_WHY_BYTES >= (int)SANDBOX_WHY_BYTES && (int)LOADER_WHY_BYTES >= (int)LIST_FILES_WHY_BYTES,
        "one line fits all");

struct loader {
	const struct loader_setup *setup;
	struct list_files files;
	struct lists_build *build;
};

/* A list while it is read. */
struct loading {
	struct lists_build *build;
	unsigned list;
	unsigned refused;          /* files */
	const char *path;          /* of the file at hand, fit for the log */
	unsigned bad, unsupported; /* lines of it */
};

static int
fail(const struct loader *l, const char *why)
{
	ssize_t ignored = pwrite(l->setup->memory, why, strlen(why), 0);
	(void)ignored;
	return LOADER_FAILED;
}

/* --- what is the same ------------------------------------------------------------------------------------
 */

static enum lists_role
role_of(const struct config *config, size_t list)
{
	return list < config->lists.block_count ? LISTS_BLOCK_LIST : LISTS_ALLOW_LIST;
}

/* The list of this name in the table before; -1: none. */
static int
before(const struct loader *l, size_t list)
{
	const struct config *config = l->setup->config;
	return l->setup->before != NULL ? lists_called(l->setup->before, config_lists_at(config, list)->name,
	                                          role_of(config, list))
	                                : -1;
}

/* Its files are those that were read last. */
static bool
is_same(const struct loader *l, size_t list, int from)
{
	return from >= 0 &&
	       (lists_list(l->setup->before, (unsigned)from)->stamp | 1) == (l->files.stamps[list] | 1);
}

static bool
are_all_same(const struct loader *l)
{
	size_t count = config_lists_count(l->setup->config);
	if (l->setup->before == NULL || lists_count(l->setup->before) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (before(l, i) != (int)i || !is_same(l, i, (int)i))
			return false;
	return true;
}

/* --- reading ---------------------------------------------------------------------------------------------
 */

static void
on_rule(void *arg, const struct list_rule *rule)
{
	struct loading *at = arg;
	lists_build_add(at->build, at->list, rule);
}

static void
on_bad(void *arg, unsigned long line, const char *why)
{
	struct loading *at = arg;
	if (++at->bad <= LOADER_LINES)
		log_warn("%s:%lu: %s: the line is skipped", at->path, line, why);
}

static void
on_unsupported(void *arg, unsigned long line, const char *why)
{
	struct loading *at = arg;
	if (++at->unsupported <= LOADER_LINES)
		log_warn("%s:%lu: %s: the line is passed over", at->path, line, why);
}

static void
tell_rest(const char *path, unsigned count, const char *what)
{
	if (count > LOADER_LINES)
		log_warn("%s: %u %s lines more", path, count - LOADER_LINES, what);
}

static void
tell(struct lists_list *about, const struct list_tally *tally)
{
	about->format = about->lines == 0 || about->format == tally->format ? tally->format : LIST_AUTO;
	about->lines += tally->lines;
	about->bad += tally->bad;
}

static void
refuse(struct loading *at, const struct list_tally *tally)
{
	at->refused++;
	log_error("%s: %lu of %lu lines are bad as format=%s%s: none of it is used", at->path, tally->bad,
	        tally->bad + tally->used + tally->skipped, list_format_name(tally->format),
	        tally->cut ? ", and the rest cannot be read" : "");
}

/* Reads one file into the list, or, if it is no list, leaves it out. 0 or -errno. */
static int
take_text(struct loading *at, const char *text, size_t bytes, enum config_list_format format)
{
	static const enum list_format formats[] = {
	        [CONFIG_LIST_AUTO] = LIST_AUTO,
	        [CONFIG_LIST_PLAIN] = LIST_PLAIN,
	        [CONFIG_LIST_HOSTS] = LIST_HOSTS,
	        [CONFIG_LIST_ADBLOCK] = LIST_ADBLOCK,
	        [CONFIG_LIST_RPZ] = LIST_RPZ,
	};
	const struct list_taker taker = {
	        .arg = at, .rule = on_rule, .bad = on_bad, .unsupported = on_unsupported};
	struct list_tally tally = {0};
	struct lists_mark *mark = lists_build_mark(at->build);
	int failed = list_read(text, bytes, formats[format], &taker, &tally);
	bool spoilt = failed == 0 && list_spoilt(&tally);
	tell_rest(at->path, at->bad, "bad");
	tell_rest(at->path, at->unsupported, "unsupported");
	lists_build_settle(at->build, &mark, spoilt);
	if (spoilt)
		refuse(at, &tally);
	else
		tell(lists_build_about(at->build, at->list), &tally);
	return failed;
}

static bool
take_file(struct loading *at, const struct list_file *file, enum config_list_format format)
{
	char path[LOADER_PATH_BYTES];
	size_t bytes;
	char *text = list_file_read(file, &bytes);
	at->path = log_quote(path, sizeof path, file->path, strlen(file->path));
	at->bad = at->unsupported = 0;
	int failed = text != NULL ? take_text(at, text, bytes, format) : -errno;
	free(text);
	if (failed < 0)
		log_error("%s: cannot be read: %s", at->path, strerror(-failed));
	return failed == 0;
}

/* A file was refused: what the list held before counts, if there was any. */
static void
fall_back(const struct loader *l, struct loading *at, int from, struct lists_mark **mark)
{
	const char *name = config_lists_at(l->setup->config, at->list)->name;
	lists_build_settle(l->build, mark, from >= 0);
	if (from >= 0)
		lists_build_keep(l->build, at->list, (unsigned)from);
	struct lists_list *about = lists_build_about(l->build, at->list);
	about->stamp = l->files.stamps[at->list] | 1;
	log_error("list refused name=%s files=%u: %s", name, at->refused,
	        from >= 0 ? "it stays as it was" : "it goes without them, and there is nothing from before");
}

static bool
read_list(struct loader *l, size_t index, int from)
{
	const struct config_list *config = config_lists_at(l->setup->config, index);
	struct loading at = {.build = l->build, .list = (unsigned)index};
	struct lists_list *about = lists_build_about(l->build, at.list);
	struct lists_mark *mark = lists_build_mark(l->build);
	about->stamp = l->files.stamps[index];
	about->loaded_s = (int64_t)(clock_wall_ms() / 1000);
	bool well = true;
	for (size_t i = 0; i < l->files.count && well; i++)
		if (l->files.files[i].list == index)
			well = take_file(&at, &l->files.files[i], config->format);
	if (well && at.refused > 0)
		fall_back(l, &at, from, &mark);
	else
		lists_build_settle(l->build, &mark, false);
	return well;
}

static bool
read_all(struct loader *l)
{
	const struct config *config = l->setup->config;
	for (size_t i = 0; i < config_lists_count(config); i++) {
		int from = before(l, i);
		lists_build_list(l->build, config_lists_at(config, i)->name, role_of(config, i));
		if (is_same(l, i, from))
			lists_build_keep(l->build, (unsigned)i, (unsigned)from);
		else if (!read_list(l, i, from))
			return false;
	}
	return true;
}

static int
write_table(struct loader *l)
{
	size_t bytes = lists_build_measure(l->build);
	void *memory = bytes > 0 ? shm_draft(l->setup->memory, bytes) : NULL;
	if (memory == NULL)
		return fail(l, "not enough memory for the lists");
	lists_build_write(l->build, memory);
	return LOADER_MADE;
}

static int
load(struct loader *l)
{
	l->build = lists_build_new(l->setup->before);
	if (l->build == NULL)
		return fail(l, "not enough memory for the lists");
	int end = read_all(l) ? write_table(l) : fail(l, "a file cannot be read; the log says which");
	lists_build_free(l->build);
	return end;
}

/* --- the process -----------------------------------------------------------------------------------------
 */

static bool
give_up_rights(const struct loader *l, pid_t master, char why[SANDBOX_WHY_BYTES])
{
	const struct loader_setup *setup = l->setup;
	if (sandbox_enter_worker(&setup->user, master, why) < 0)
		return false;
	return !setup->config->sandbox ||
	       (sandbox_ward(setup->config, why) == 0 && sandbox_seal(SANDBOX_LOADER, why) == 0);
}

static void
keep_descriptors(const struct loader *l)
{
	int own[LIST_FILES_MOST + 1] = {l->setup->memory};
	for (size_t i = 0; i < l->files.count; i++)
		own[i + 1] = l->files.files[i].fd;
	fds_keep(own, l->files.count + 1);
}

static int
child(const struct loader_setup *setup, pid_t master)
{
	struct loader l = {.setup = setup};
	char why[LOADER_WHY_BYTES];
	log_set_role("loader");
	setpriority(PRIO_PROCESS, 0, LOADER_NICE);
	setup->leave_master(setup->arg);
	if (list_files_open(&l.files, setup->config, why) < 0)
		return fail(&l, why);
	keep_descriptors(&l);
	int end = are_all_same(&l) ? LOADER_SAME : give_up_rights(&l, master, why) ? load(&l) : fail(&l, why);
	list_files_close(&l.files);
	return end;
}

pid_t
loader_run(const struct loader_setup *setup)
{
	pid_t master = getpid();
	/* what is not written yet would be written twice */
	fflush(NULL);
	pid_t pid = fork();
	if (pid != 0)
		return pid < 0 ? -errno : pid;
	/* exit(), not _exit(): leak checker and coverage report from exit handlers */
	exit(child(setup, master));
}
