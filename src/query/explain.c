/*
 * The way of a question through query.c, with every step that would leave a trace replaced by one that only
 * looks.
 */
#include "query/explain.h"

#include "base/must.h"
#include "config/list.h"
#include "dns/hash.h"
#include "query/lists.h"
#include "query/policy.h"
#include "query/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct explain {
	struct explain_setup set;
	struct groups *groups;
	struct judge *judge;
	struct recall *recall;
	struct screen *screen;
	struct stats_slab stats; /* of nobody */
};

struct explain *
explain_new(const struct explain_setup *setup)
{
	struct explain *e = must_alloc(1, sizeof *e);
	e->set = *setup;
	e->groups = groups_new(setup->config);
	e->judge = judge_new(setup->config);
	judge_set_lists(e->judge, setup->lists);
	e->screen = screen_new(setup->config);
	e->recall = recall_new(setup->cache, setup->config, &e->stats);
	return e;
}

void
explain_free(struct explain *e)
{
	recall_free(e->recall);
	screen_free(e->screen);
	judge_free(e->judge);
	groups_free(e->groups);
	free(e);
}

/* As upstreams_down() has it. */
static bool
is_hopeless(const struct order *order)
{
	for (unsigned i = 0; i < order->count; i++)
		if (order->places[i].state == HEALTH_WELL || order->places[i].state == HEALTH_DUE)
			return false;
	return true;
}

static void
look_into_cache(struct explain *e, const struct wire_query *query, struct explanation *out)
{
	const struct wire_question *q = &query->question;
	uint64_t hash = hash_name(q->name, q->name_bytes, q->type, q->class, e->set.seed);
	out->source = EXPLAIN_UPSTREAM;
	out->cache = e->set.cache == NULL ? EXPLAIN_NO_CACHE : EXPLAIN_MISS;
	switch (recall_peek(e->recall, query, hash, e->set.boot_ms, &out->recalled)) {
	case RECALL_NONE:
		break;
	case RECALL_FRESH:
		out->cache = EXPLAIN_FRESH;
		out->source = EXPLAIN_CACHE;
		break;
	case RECALL_STALE:
		out->cache = EXPLAIN_EXPIRED;
		out->source = EXPLAIN_STALE;
		break;
	case RECALL_FALLBACK:
		out->cache = EXPLAIN_EXPIRED;
		if (e->set.config->cache.stale_wait_ms == 0 || is_hopeless(&out->order))
			out->source = EXPLAIN_STALE;
		break;
	}
}

/* As query.c does; what it leads to is not ours, so this comes once. */
static void
follow_alias(struct explain *e, struct wire_query *query, struct explanation *out)
{
	memcpy(query->question.name, out->judgement.alias, out->judgement.alias_bytes);
	query->question.name_bytes = (uint16_t)out->judgement.alias_bytes;
	out->followed = true;
	judge_question(e->judge, &out->what, &out->judgement);
}

void
explain_question(struct explain *e, const struct addr *client, bool stream, struct wire_query *query,
        struct explanation *out)
{
	*out = (struct explanation){
	        .what = {.client = client, .verdict = WIRE_QUERY, .query = query, .stream = stream}};
	out->what.group = groups_find(e->groups, client, &out->group_net);
	out->rate = groups_rate(e->set.config, out->what.group);
	query->view = groups_view(out->what.group);
	out->asked = query->question;
	judge_question(e->judge, &out->what, &out->judgement);
	if (out->judgement.alias_bytes > 0)
		follow_alias(e, query, out);
	if (out->judgement.action != JUDGE_PASS) {
		out->source = out->judgement.action == JUDGE_SILENCE ? EXPLAIN_NOWHERE : EXPLAIN_HERE;
		return;
	}
	order_of(e->set.config, e->set.health, query, e->set.now_ms, &out->order);
	look_into_cache(e, query, out);
	if (out->source == EXPLAIN_CACHE || out->source == EXPLAIN_STALE)
		out->held_back = screen_holds(e->screen, &query->question, &out->recalled.entry.answer);
}

static void
access_rule(const struct config_access *access, const struct addr *client, char out[EXPLAIN_RULE_BYTES])
{
	const struct addr_net *net = NULL;
	char text[ADDR_TEXT_BYTES];
	enum policy_verdict verdict = policy_explain(access, client, &net);
	if (net == NULL)
		snprintf(out, EXPLAIN_RULE_BYTES, "in no network of access.allow");
	else
		snprintf(out, EXPLAIN_RULE_BYTES, "access.%s %s", verdict == POLICY_ALLOW ? "allow" : "deny",
		        addr_net_text(net, text));
}

static void
alias_rule(const struct explanation *what, char out[EXPLAIN_RULE_BYTES])
{
	const struct wire_question *q = &what->what.query->question;
	char name[NAME_TEXT_BYTES];
	snprintf(out, EXPLAIN_RULE_BYTES, "alias of our own, leads to %.200s",
	        name_text(q->name, q->name_bytes, name));
}

/* Which list decides, or lets the name through, and by which of its names. */
static void
list_rule(const struct explain *e, const struct explanation *what, char out[EXPLAIN_RULE_BYTES])
{
	const struct wire_question *q = &what->what.query->question;
	char name[NAME_TEXT_BYTES];
	struct lists_hit hit;
	if (what->judgement.list < 0 || e->set.lists == NULL ||
	        !lists_find(e->set.lists, groups_lists(what->what.group), q->name, q->name_bytes, &hit, NULL))
		return;
	snprintf(out, EXPLAIN_RULE_BYTES, "%s list %s, which has %s%.160s",
	        hit.role == LISTS_ALLOW_LIST ? "allow" : "block",
	        config_lists_at(e->set.config, hit.list)->name, hit.below ? "what is below " : "",
	        name_text(q->name + hit.owner_at, q->name_bytes - hit.owner_at, name));
}

const char *
explain_rule(const struct explain *e, const struct explanation *what, enum judge_by step,
        char out[EXPLAIN_RULE_BYTES])
{
	const struct judgement *j = &what->judgement;
	out[0] = '\0';
	if (step == JUDGE_BY_ACCESS)
		access_rule(&e->set.config->access, what->what.client, out);
	else if (step == JUDGE_BY_RECORD && what->followed)
		alias_rule(what, out);
	else if (step == JUDGE_BY_LIST)
		list_rule(e, what, out);
	else if (step == j->by && j->text != NULL)
		snprintf(out, EXPLAIN_RULE_BYTES, "%s", j->text);
	return out;
}
