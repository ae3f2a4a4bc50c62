/*
 * Lists of names have a life of their own: read anew while all goes on, they are handed to the workers that
 * serve, and each takes them between two questions. No generation comes of it, no connection closes.
 *
 *    asked for ─► the loader reads ─► nothing has changed, or it failed ──────────► answer
 *                              └──► workers are given them ─► all have, or time is up ┘
 */
#include "process/master_inside.h"

#include "base/clock.h"
#include "config/list.h"
#include "process/survey.h"

#include <stdio.h>

bool
master_fit_lists(struct master *m, struct generation *g, char why[LIBRARIAN_WHY_BYTES])
{
	char text[LIBRARIAN_TEXT_BYTES];
	struct shelf *shelf;
	enum librarian_end end = librarian_take(m->librarian, &shelf, why);
	if (end == LIBRARIAN_FAILED)
		return false;
	generation_set_lists(g, shelf);
	if (end == LIBRARIAN_LOADED && shelf != NULL)
		log_notice("lists loaded %s ms=%u", librarian_text(shelf, text),
		        librarian_took_ms(m->librarian));
	shelf_drop(shelf);
	return true;
}

static void
answer(struct master *m, bool good, const char *text)
{
	m->relisting = false;
	log_at(good ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "%s", text);
	admin_done(m->admin, ADMIN_LISTS, good, text);
}

/* All that could go well did; files that were refused are for a human to look at. */
static void
answer_loaded(struct master *m, const char *how)
{
	char text[2 * LIBRARIAN_TEXT_BYTES], lists[LIBRARIAN_TEXT_BYTES];
	const struct shelf *shelf = generation_lists(m->line.serving);
	bool good = librarian_refused(shelf) == 0;
	snprintf(text, sizeof text, "%s %s ms=%u%s", how, librarian_text(shelf, lists),
	        librarian_took_ms(m->librarian), good ? "" : ": files were refused, the log says why");
	answer(m, good, text);
}

static void
hand_out(struct master *m, uint64_t now_ms)
{
	char text[LIBRARIAN_WHY_BYTES + 40], why[LIBRARIAN_WHY_BYTES];
	struct shelf *shelf;
	switch (librarian_take(m->librarian, &shelf, why)) {
	case LIBRARIAN_LOADED:
		generation_set_lists(m->line.serving, shelf);
		survey_tell(m->world->roster, m->line.serving);
		m->handing_until_ms = now_ms + MASTER_HAND_MS;
		break;
	case LIBRARIAN_SAME:
		answer_loaded(m, "no list has changed");
		break;
	case LIBRARIAN_FAILED:
		snprintf(text, sizeof text, "the old lists stay: %s", why);
		answer(m, false, text);
		break;
	}
	shelf_drop(shelf);
}

void
master_reload_lists(void *arg)
{
	struct master *m = arg;
	if (m->stopping || m->handed_over) {
		admin_done(m->admin, ADMIN_LISTS, false, "it is stopping");
		return;
	}
	m->relist_again = master_is_changing(m);
	if (m->relist_again)
		return;
	const struct config *config = generation_config(m->line.serving);
	if (config_lists_count(config) == 0) {
		admin_done(m->admin, ADMIN_LISTS, false,
		        "there are no lists; name them in policy.block_lists and reload");
		return;
	}
	m->relisting = true;
	m->handing_until_ms = 0;
	librarian_load(m->librarian, config, generation_user(m->line.serving),
	        generation_lists(m->line.serving), clock_now_ms());
}

void
master_tend_lists(struct master *m, uint64_t now_ms)
{
	librarian_tend(m->librarian, now_ms);
	if (m->relist_again && !master_is_changing(m))
		master_reload_lists(m);
	if (!m->relisting || librarian_is_busy(m->librarian))
		return;
	if (m->handing_until_ms == 0)
		hand_out(m, now_ms);
	if (!m->relisting)
		return;
	if (generation_has_lists(m->line.serving))
		answer_loaded(m, "lists loaded");
	else if (now_ms >= m->handing_until_ms)
		answer(m, false, "lists loaded, but not all workers have taken them");
}
