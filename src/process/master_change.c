/*
 * How one generation follows another: the first, a reload, and new addresses of hosts, which are a reload of
 * the configuration that serves already.
 */
#include "process/master_inside.h"

#include "base/clock.h"
#include "base/must.h"
#include "config/list.h"
#include "process/survey.h"
#include "query/popular.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MASTER_RESOLVE_MS = 1500, /* how long a generation is held back for the addresses of its hosts */
	MASTER_RENEW_AGAIN_MS = 60000,
	/* Servers that show a part of their addresses, another one each time, are not to cost a generation of
	 * workers each time. */
	MASTER_RENEW_CALM_MS = 600000,
};

struct generation *
master_make(struct master *m, struct config *config, char why[GENERATION_WHY_BYTES])
{
	struct cache *cache;
	if (keeper_provide(m->keeper, config, &cache, why) < 0) {
		config_free(config);
		return NULL;
	}
	m->made_version = hosts_version(m->hosts);
	hosts_apply(m->hosts, config);
	struct sockets_bound bound = {0};
	int *fds = lineage_sockets(&m->line, &bound.count);
	bound.descriptors = fds;
	if (fds == NULL)
		bound = (struct sockets_bound){m->inheritance.sockets, m->inheritance.socket_count};
	struct generation *g = generation_new(
	        &m->shared, *m->world->generation + 1, config, cache, bound.count > 0 ? &bound : NULL, why);
	free(fds);
	if (g != NULL && (herald_prepare(m->herald, config, generation_user(g), why) < 0 ||
	                         bureau_provide(m->bureau, generation_number(g), config, why) < 0)) {
		herald_abandon(m->herald);
		generation_free(g);
		return NULL;
	}
	if (g != NULL && config_has_tls(config))
		sandbox_keep_secrets();
	return g;
}

int
master_open_log(const struct config *config, bool foreground)
{
	bool unread = strcmp(config->log.target, "stderr") == 0 && !foreground;
	int failed = log_open(unread ? "syslog" : config->log.target, config->log.level);
	if (failed == 0)
		log_set_json(config->log.json);
	return failed;
}

static void
apply_log(const struct master *m, const struct config *config)
{
	int failed = master_open_log(config, m->setup->foreground);
	if (failed < 0)
		log_error("log.target = \"%s\" cannot be opened, going on with the old one: %s",
		        config->log.target, strerror(-failed));
}

/* Its lists have a place to count in. */
static void
count_hits(struct master *m, const struct config *config)
{
	const char *names[CONFIG_LISTS_MOST];
	size_t count = config_lists_count(config);
	for (size_t i = 0; i < count; i++)
		names[i] = config_lists_at(config, i)->name;
	hits_begin(m->world->hits, names, count);
}

static void
start(struct master *m, struct generation *g)
{
	*m->world->generation = generation_number(g);
	/* Its workers are born with the log they are to write. */
	if (m->line.serving != NULL)
		apply_log(m, generation_config(g));
	m->line.starting = g;
	keeper_carry(m->keeper, g);
	count_hits(m, generation_config(g));
	m->starting_since_ms = clock_now_ms();
	m->starting_until_ms = m->starting_since_ms + MASTER_START_MS;
	bureau_begin(m->bureau, generation_number(g), generation_user(g), m->starting_since_ms);
	generation_bear(g, m->starting_since_ms);
}

/* The answer to whoever asked for a reload. The complaints are lines of their own; the log gets each. */
static void
reload_answer(struct master *m, bool good, char *text)
{
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	admin_done(m->admin, ADMIN_RELOAD, good, text);
	roster_note(m->world->roster, good ? ROSTER_RELOADED : ROSTER_RELOAD_FAILED);
	admin_serves(m->admin, generation_alive(m->line.serving), good ? NULL : text);
	if (good) {
		log_notice("%s", text);
		return;
	}
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		log_error("reload refused, the old configuration serves on: %s", line);
}

/* Not before that time, unless they are others again by then. */
static void
put_off(struct master *m, uint64_t until_ms)
{
	m->put_off_version = hosts_version(m->hosts);
	m->put_off_ms = until_ms;
}

static void
renewal_failed(struct master *m, const char *why)
{
	m->renewing = false;
	put_off(m, clock_now_ms() + MASTER_RENEW_AGAIN_MS);
	log_error("new addresses of upstreams cannot be put to use, the old ones serve on next=%ds: %s",
	        MASTER_RENEW_AGAIN_MS / 1000, why);
}

/* There is no new generation: the one before goes on. Without one, neither do we. */
static void
fall_back(struct master *m, char *why)
{
	herald_abandon(m->herald);
	if (m->line.serving != NULL) {
		/* Its sockets may have changed the steering of a group it only shared. */
		generation_steer(m->line.serving, clock_now_ms());
		apply_log(m, generation_config(m->line.serving));
		if (m->renewing) {
			renewal_failed(m, why);
			return;
		}
		hosts_serve(m->hosts, generation_config(m->line.serving), generation_user(m->line.serving));
		reload_answer(m, false, why);
		return;
	}
	master_fail(m, why);
	m->stopping = true;
}

/* It starts with the addresses that its hosts have by now. */
static void
judge_held(struct master *m, uint64_t now_ms)
{
	struct generation *g = m->held;
	char why[LIBRARIAN_WHY_BYTES];
	if (g == NULL || librarian_is_busy(m->librarian) ||
	        (hosts_are_awaited(m->hosts) && now_ms < m->held_until_ms))
		return;
	m->held = NULL;
	if (!master_fit_lists(m, g, why)) {
		generation_free(g);
		fall_back(m, why);
		return;
	}
	m->made_version = hosts_version(m->hosts);
	hosts_apply(m->hosts, m->held_config);
	start(m, g);
}

/* The sockets are there, so that who asks meanwhile waits, and is not refused. */
void
master_launch(struct master *m, struct generation *g, struct config *config)
{
	hosts_serve(m->hosts, config, generation_user(g));
	m->held = g;
	m->held_config = config;
	m->held_until_ms = clock_now_ms() + MASTER_RESOLVE_MS;
	librarian_load(m->librarian, config, generation_user(g),
	        m->line.serving != NULL ? generation_lists(m->line.serving) : NULL, clock_now_ms());
	judge_held(m, clock_now_ms());
}

/* What an administrator should know of a configuration that is taken nevertheless. */
static void
log_remarks(char *text)
{
	for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n"))
		if (*line != '\0')
			log_warn("%s", line);
}

static void
reload_begin(struct master *m)
{
	char *complaints = NULL, why[GENERATION_WHY_BYTES];
	size_t bytes = 0;
	FILE *out = open_memstream(&complaints, &bytes);
	must(out != NULL);
	struct config *config = config_load(m->setup->sources, out);
	fclose(out);
	struct generation *g = config != NULL ? master_make(m, config, why) : NULL;
	if (g != NULL) {
		log_remarks(complaints);
		master_launch(m, g, config);
	} else {
		reload_answer(m, false, config != NULL ? why : complaints);
	}
	free(complaints);
}

bool
master_is_changing(const struct master *m)
{
	return m->held != NULL || m->relisting || m->line.starting != NULL || m->line.serving == NULL ||
	       successor_is_coming(&m->successor) || keeper_is_busy(m->keeper) || lineage_is_full(&m->line);
}

void
master_reload(void *arg)
{
	struct master *m = arg;
	if (m->stopping || m->handed_over) {
		admin_done(m->admin, ADMIN_RELOAD, false, "it is stopping");
		return;
	}
	if (master_is_changing(m)) {
		m->reload_again = true;
		return;
	}
	m->reload_again = false;
	admin_begins(ADMIN_RELOAD);
	reload_begin(m);
}

/* For good, so a reload can ask for it and cannot take it back. */
int
master_seal(const struct master *m, const struct config *config)
{
	char why[SANDBOX_WHY_BYTES];
	if (config->sandbox)
		return sandbox_seal(SANDBOX_MASTER, why) < 0 ? master_fail(m, why) : 0;
	log_warn("sandbox = false: the workers may make every system call and open every file");
	return 0;
}

/* What a new configuration says of what is around the workers. */
static void
apply_outside(struct master *m)
{
	const struct config *config = generation_config(m->line.serving);
	char why[ADMIN_WHY_BYTES];
	if (admin_listen(m->admin, config->control.socket, generation_user(m->line.serving), -1, why) < 0)
		log_error("%s; going on without it", why);
	if (master_seal(m, config) < 0)
		log_error("the master goes on without its part of the sandbox");
	if (master_write_pid_file(m, config->pid_file) < 0)
		log_error("going on without a pid file");
}

/* Nobody waits for this: what is around the workers is as it was. */
static void
renewed(struct master *m)
{
	m->renewing = false;
	m->calm_ms = clock_now_ms() + MASTER_RENEW_CALM_MS;
	log_notice("upstreams have new addresses generation=%u workers=%u ms=%llu",
	        generation_number(m->line.serving), generation_alive(m->line.serving),
	        (unsigned long long)(clock_now_ms() - m->starting_since_ms));
}

/* The new generation serves: the old one is relieved. */
static void
take_over(struct master *m)
{
	struct generation *old = m->line.serving;
	const struct shelf *shelf = generation_lists(m->line.starting);
	char text[128 + LIBRARIAN_TEXT_BYTES], lists[LIBRARIAN_TEXT_BYTES];
	m->line.serving = m->line.starting;
	m->line.starting = NULL;
	m->serving_version = m->made_version;
	keeper_serve(m->keeper, m->line.serving);
	survey_tell(m->world->roster, m->line.serving);
	herald_serve(m->herald, m->line.serving, clock_now_ms());
	tops_switch(m->world->tops, popular_mode(generation_config(m->line.serving)), clock_now_ms());
	if (old == NULL)
		return;
	lineage_retire(&m->line, old, clock_now_ms());
	if (m->renewing) {
		renewed(m);
		return;
	}
	snprintf(text, sizeof text, "reloaded generation=%u workers=%u ms=%llu%s%s",
	        generation_number(m->line.serving), generation_alive(m->line.serving),
	        (unsigned long long)(clock_now_ms() - m->starting_since_ms), shelf != NULL ? " " : "",
	        shelf != NULL ? librarian_text(shelf, lists) : "");
	reload_answer(m, true, text);
	/* after the answer, for the control socket that it leaves by may be another now */
	apply_outside(m);
}

/* The new generation does not come up: it goes. Without one before it, so do we. */
static void
give_up(struct master *m, const char *reason)
{
	char why[GENERATION_WHY_BYTES];
	struct generation *g = m->line.starting;
	snprintf(why, sizeof why, "%s", reason);
	m->line.starting = NULL;
	/* Some of its workers may have served, and have questions in flight. */
	lineage_retire(&m->line, g, clock_now_ms());
	fall_back(m, why);
}

void
master_judge_starting(struct master *m, uint64_t now_ms)
{
	judge_held(m, now_ms);
	if (m->line.starting == NULL)
		return;
	if (generation_hear(m->line.starting))
		take_over(m);
	else if (generation_has_failed(m->line.starting))
		give_up(m, "a worker of the new configuration died before it served");
	else if (now_ms >= m->starting_until_ms)
		give_up(m, "the workers of the new configuration did not serve in time");
}

/* --- new addresses of hosts --- */

/* What serves, with the addresses that are known now; NULL: that need not be, or not yet. */
static struct config *
anew(struct master *m, uint64_t now_ms)
{
	const struct config *serving = generation_config(m->line.serving);
	struct config *config = config_copy(serving);
	hosts_apply(m->hosts, config);
	enum hosts_difference difference = hosts_compare(serving, config);
	if (difference == HOSTS_STRANGERS || (difference == HOSTS_OTHERS && now_ms >= m->calm_ms))
		return config;
	if (difference == HOSTS_SAME)
		m->serving_version = hosts_version(m->hosts);
	else
		put_off(m, m->calm_ms);
	config_free(config);
	return NULL;
}

static bool
is_put_off(const struct master *m, uint64_t now_ms)
{
	return m->put_off_version == hosts_version(m->hosts) && now_ms < m->put_off_ms;
}

void
master_renew(struct master *m, uint64_t now_ms)
{
	char why[GENERATION_WHY_BYTES];
	if (m->serving_version == hosts_version(m->hosts) || is_put_off(m, now_ms) || m->stopping ||
	        m->handed_over || master_is_changing(m))
		return;
	struct config *config = anew(m, now_ms);
	if (config == NULL)
		return;
	struct generation *g = master_make(m, config, why);
	if (g == NULL) {
		renewal_failed(m, why);
		return;
	}
	m->renewing = true;
	generation_set_lists(g, generation_lists(m->line.serving));
	start(m, g);
}

uint64_t
master_change_ms(const struct master *m)
{
	if (m->held != NULL) /* the end of a loader is heard of */
		return librarian_is_busy(m->librarian) ? UINT64_MAX : m->held_until_ms;
	if (m->serving_version == hosts_version(m->hosts) || master_is_changing(m))
		return UINT64_MAX;
	return m->put_off_version == hosts_version(m->hosts) ? m->put_off_ms : 0;
}

void
master_change_stop(struct master *m)
{
	hosts_stop(m->hosts);
	librarian_stop(m->librarian);
	generation_free(m->held);
	m->held = NULL;
	m->relisting = m->relist_again = false;
	admin_done(m->admin, ADMIN_LISTS, false, "it is stopping");
}
