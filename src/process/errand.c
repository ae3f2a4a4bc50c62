/*
 * Every deed has the same order: open what takes the rights of the master, give them up, seal, do it.
 *
 * Who saves keeps the master's user, because the last step of it is to rename in a folder of that user; it
 * reads no byte from outside, has no capability, and can make no file but the one it was sent for.
 */
#include "process/errand.h"

#include "base/clock.h"
#include "base/log.h"
#include "cache/carry.h"
#include "cache/file.h"
#include "process/fds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int errand_fn(const struct errand *errand, pid_t master);

static bool
is_of_the_rest(const void *arg, const struct wire_question *question)
{
	const struct errand *e = arg;
	for (unsigned i = 0; i < ERRAND_ROUTES; i++)
		if (e->routes[i] != NULL &&
		        route_find(e->routes[i], question->name, question->name_bytes) != ROUTE_REST)
			return false;
	return true;
}

static struct carry_filter
filter_of(const struct errand *e)
{
	return (struct carry_filter){.wanted = is_of_the_rest, .arg = e};
}

static struct file_terms
terms_of(const struct errand *e)
{
	return (struct file_terms){.seed = e->seed,
	        .boot_ms = clock_boot_ms(),
	        .wall_ms = clock_wall_ms(),
	        .stale_s = e->stale_s,
	        .filter = filter_of(e)};
}

/* Everything is open that is needed, in these two descriptors at most. */
static bool
give_up_rights(const struct errand *e, const struct sandbox_user *user, pid_t master, int fd, int folder)
{
	char why[SANDBOX_WHY_BYTES];
	const int own[] = {fd, folder};
	fds_keep(own, sizeof own / sizeof own[0]);
	if (sandbox_enter_worker(user, master, why) == 0 &&
	        (!e->sandbox || sandbox_seal(SANDBOX_ERRAND, why) == 0))
		return true;
	log_error("cache is left alone: %s", why);
	return false;
}

/* Whatever is wrong with the file is one line, and no more: there is service without it. */
static int
load(const struct errand *e, pid_t master)
{
	char why[FILE_WHY_BYTES];
	struct file_count count;
	uint64_t start_ms = clock_now_ms();
	int fd = file_open(e->path, why);
	if (fd == -ENOENT) {
		log_info("cache starts empty: there is no file yet file=%s", e->path);
		return EXIT_SUCCESS;
	}
	if (fd >= 0 && !give_up_rights(e, &e->user, master, fd, -1))
		return EXIT_FAILURE;
	struct file_terms terms = terms_of(e);
	cache_join(e->cache, e->member, NULL);
	if (fd < 0 || file_load(fd, e->cache, &terms, &count, why) < 0) {
		log_warn("cache starts empty: %s file=%s", why, e->path);
		return EXIT_FAILURE;
	}
	log_notice("cache loaded entries=%llu too_old=%llu unfit=%llu ms=%llu%s",
	        (unsigned long long)count.entries, (unsigned long long)count.old,
	        (unsigned long long)count.unfit, (unsigned long long)(clock_now_ms() - start_ms),
	        count.clock_back ? ": the clock has gone backwards since, so all count as expired" : "");
	return EXIT_SUCCESS;
}

static int
save_sealed(const struct errand *e, struct file_draft *draft, char why[FILE_WHY_BYTES])
{
	struct file_count count;
	struct file_terms terms = terms_of(e);
	uint64_t start_ms = clock_now_ms();
	int failed = file_save(draft, e->cache, &terms, &count, why);
	if (failed == 0)
		failed = file_draft_replace(draft, why);
	if (failed == 0)
		log_notice("cache saved entries=%llu too_old=%llu ms=%llu file=%s",
		        (unsigned long long)count.entries, (unsigned long long)count.old,
		        (unsigned long long)(clock_now_ms() - start_ms), e->path);
	return failed;
}

static int
save(const struct errand *e, pid_t master)
{
	static const struct sandbox_user stay = {.change = false};
	char why[FILE_WHY_BYTES];
	struct file_draft draft;
	int failed = file_draft_begin(&draft, e->path, why);
	if (failed == 0 && !give_up_rights(e, &stay, master, draft.fd, draft.folder)) {
		file_draft_end(&draft);
		return EXIT_FAILURE;
	}
	if (failed == 0) {
		cache_join(e->cache, e->member, NULL);
		failed = save_sealed(e, &draft, why);
		file_draft_end(&draft);
	}
	if (failed < 0)
		log_warn("cache is not saved, what was in the file before stays: %s file=%s", why, e->path);
	return failed < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
carry(const struct errand *e, pid_t master)
{
	uint64_t start_ms = clock_now_ms();
	if (!give_up_rights(e, &e->user, master, -1, -1))
		return EXIT_FAILURE;
	cache_join(e->cache, e->member, NULL);
	struct carry_filter filter = filter_of(e);
	uint64_t entries = carry_all(e->from, e->cache, e->seed, &filter);
	log_notice("cache carried over entries=%llu bytes=%llu was=%llu ms=%llu", (unsigned long long)entries,
	        (unsigned long long)cache_bytes(e->cache), (unsigned long long)cache_bytes(e->from),
	        (unsigned long long)(clock_now_ms() - start_ms));
	return EXIT_SUCCESS;
}

static const struct {
	const char *name;
	errand_fn *run;
} errands[] = {
        [ERRAND_LOAD] = {"load", load},
        [ERRAND_SAVE] = {"save", save},
        [ERRAND_CARRY] = {"carry over", carry},
};

const char *
errand_name(enum errand_kind kind)
{
	return errands[kind].name;
}

pid_t
errand_run(const struct errand *errand)
{
	pid_t master = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid != 0)
		return pid < 0 ? -errno : pid;
	log_set_role("cache");
	errand->leave_master(errand->arg);
	exit(errands[errand->kind].run(errand, master));
}
