/*
 * The checks of routes against each other and against the upstreams. There may be many thousand domains, so
 * what is given twice is found by sorting.
 */
#include "config/check_routes.h"

#include "base/must.h"
#include "config/keys.h"

#include <stdlib.h>
#include <string.h>

enum { SUBJECT_BYTES = 48, SHOWN_BYTES = 100 };

/* A domain and where it stands. */
struct stand {
	const struct config_domain *domain;
	size_t route;
};

static const char *
subject_of(size_t route, const char *key, char out[SUBJECT_BYTES])
{
	snprintf(out, SUBJECT_BYTES, "routes.[%zu]%s", route, key);
	return out;
}

/* --- upstreams --- */

static const struct config_upstream *
find_upstream(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->upstream_count; i++)
		if (strcmp(config->upstreams[i].name, name) == 0)
			return &config->upstreams[i];
	return NULL;
}

static const char *
suggest_upstream(const struct config *config, const char *name)
{
	const char *best = NULL;
	size_t nearest = SIZE_MAX;
	for (size_t i = 0; i < config->upstream_count; i++) {
		const char *known = config->upstreams[i].name;
		size_t distance = complain_distance(name, known);
		if (complain_is_near(name, known) && distance < nearest) {
			best = known;
			nearest = distance;
		}
	}
	return best;
}

bool
check_upstream(struct draft *draft, const struct place *place, const char *subject, const char *name)
{
	char shown[SHOWN_BYTES];
	if (find_upstream(draft->config, name) != NULL)
		return true;
	const char *meant = suggest_upstream(draft->config, name);
	complain_show(shown, sizeof shown, name, strlen(name));
	if (meant != NULL)
		complain(&draft->complaints, place, subject,
		        "no upstream is called \"%s\"; did you mean \"%s\"?", shown, meant);
	else
		complain(&draft->complaints, place, subject,
		        "no upstream is called \"%s\"; give it that name, name = \"...\", in upstreams",
		        shown);
	return false;
}

static void
check_members(struct draft *draft, size_t index)
{
	const struct config_route *route = &draft->config->routes[index];
	char subject[SUBJECT_BYTES], shown[SHOWN_BYTES];
	for (size_t i = 0; i < route->upstream_count; i++) {
		const char *name = route->upstreams[i].name;
		check_upstream(
		        draft, &draft->route_places[index], subject_of(index, ".upstreams", subject), name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(route->upstreams[j].name, name) == 0)
				complain(&draft->complaints, &draft->route_places[index],
				        subject_of(index, ".upstreams", subject),
				        "\"%s\" is given twice; leave one out",
				        complain_show(shown, sizeof shown, name, strlen(name)));
	}
}

/* --- domains --- */

static int
lower(int byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* Whatever the order is; equal names are neighbours in it, in the order of the file. */
static int
compare(const void *a, const void *b)
{
	const struct stand *p = a, *q = b;
	if (p->domain->bytes != q->domain->bytes)
		return p->domain->bytes < q->domain->bytes ? -1 : 1;
	for (size_t i = 0; i < p->domain->bytes; i++) {
		int difference = lower(p->domain->name[i]) - lower(q->domain->name[i]);
		if (difference != 0)
			return difference;
	}
	if (p->route != q->route)
		return p->route < q->route ? -1 : 1;
	return p->domain < q->domain ? -1 : p->domain > q->domain;
}

static void
refuse_twice(struct draft *draft, const struct stand *first, const struct stand *second)
{
	char subject[SUBJECT_BYTES], name[NAME_TEXT_BYTES], shown[SHOWN_BYTES];
	const struct config_domain *domain = second->domain;
	const struct place *place = &draft->route_places[second->route];
	unsigned line = draft->route_places[first->route].line;
	subject_of(second->route, ".domains", subject);
	name_text(domain->name, domain->bytes, name);
	complain_show(shown, sizeof shown, name, strlen(name));
	if (first->route == second->route || line == 0)
		complain(&draft->complaints, place, subject, "%s is given twice; leave one out", shown);
	else
		complain(&draft->complaints, place, subject,
		        "%s is in the route of line %u, too; leave one out", shown, line);
}

static void
check_domains(struct draft *draft)
{
	const struct config *config = draft->config;
	size_t count = 0, used = 0;
	for (size_t i = 0; i < config->route_count; i++)
		count += config->routes[i].domain_count;
	struct stand *all = must_alloc(count + 1, sizeof *all);
	for (size_t i = 0; i < config->route_count; i++)
		for (size_t j = 0; j < config->routes[i].domain_count; j++)
			all[used++] = (struct stand){&config->routes[i].domains[j], i};
	qsort(all, used, sizeof *all, compare);
	for (size_t i = 1; i < used; i++)
		if (all[i].domain->bytes == all[i - 1].domain->bytes &&
		        name_equal(all[i].domain->name, all[i - 1].domain->name, all[i].domain->bytes))
			refuse_twice(draft, &all[i - 1], &all[i]);
	free(all);
}

/* --- everything else --- */

static bool
has_root(const struct config *config)
{
	for (size_t i = 0; i < config->route_count; i++)
		for (size_t j = 0; j < config->routes[i].domain_count; j++)
			if (config->routes[i].domains[j].bytes == 1)
				return true;
	return false;
}

static bool
is_named(const struct config *config, const char *upstream)
{
	for (size_t i = 0; i < config->route_count; i++)
		for (size_t j = 0; j < config->routes[i].upstream_count; j++)
			if (strcmp(config->routes[i].upstreams[j].name, upstream) == 0)
				return true;
	for (size_t i = 0; i < config->client_count; i++)
		for (size_t j = 0; j < config->clients[i].upstream_count; j++)
			if (strcmp(config->clients[i].upstreams[j].name, upstream) == 0)
				return true;
	return false;
}

static bool
has_own_upstreams(const struct config *config)
{
	for (size_t i = 0; i < config->client_count; i++)
		if (config->clients[i].upstream_count > 0)
			return true;
	return false;
}

static void
refuse_no_rest(struct draft *draft)
{
	if (draft->config->route_count > 0 && !has_own_upstreams(draft->config))
		complain(&draft->complaints, &draft->route_places[0], "routes",
		        "every upstream is in a route, so none is left for all other names; add one, or a "
		        "route for \".\"");
	else
		complain(&draft->complaints, &draft->client_places[0], "clients",
		        "every upstream is in a route or a group of clients, so none is left for all others; "
		        "add one, or a route for \".\"");
}

/* Either a route for "." says who is asked for everything else, or those say it whom no route names. */
static void
check_rest(struct draft *draft)
{
	const struct config *config = draft->config;
	bool root = has_root(config);
	size_t unnamed = 0;
	for (size_t i = 0; i < config->upstream_count; i++) {
		if (is_named(config, config->upstreams[i].name))
			continue;
		unnamed++;
		if (root)
			complain_remark(&draft->complaints, &draft->upstream_places[i],
			        config->upstreams[i].name,
			        "is never asked: there is a route for \".\", and no route names this one");
	}
	if (!root && unnamed == 0)
		refuse_no_rest(draft);
}

void
check_routes(struct draft *draft)
{
	const struct config *config = draft->config;
	size_t errors = draft->complaints.errors;
	if (config->route_count == 0 && config->client_count == 0)
		return;
	check_domains(draft);
	/* What is wrong with the upstreams themselves has been said; their names may be, too. */
	if (errors > 0)
		return;
	for (size_t i = 0; i < config->route_count; i++)
		check_members(draft, i);
	if (draft->complaints.errors == 0)
		check_rest(draft);
}
