/*
 * Lines of names. "=name" is a domain of the route before it, "+name" of a new one, and any other line is
 * looked up: the group must be that of a reference which compares the name with every domain.
 */
#include "base/must.h"
#include "upstream/route.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUTES = 4, DOMAINS = 16 };

static struct config_domain domains[ROUTES][DOMAINS];
static struct config_route routes[ROUTES];
static struct config_member member = {"up"};
static char up[] = "up", rest[] = "rest", none[] = "";
static struct config_upstream upstreams[] = {
        {.name = up, .auth_name = none}, {.name = rest, .auth_name = none}};
static struct config config = {.upstreams = upstreams, .upstream_count = 2, .routes = routes};

/* The group of just this domain. */
static unsigned
group_of(const uint8_t *name, size_t bytes)
{
	for (unsigned i = 0; i < config.route_count; i++)
		for (size_t j = 0; j < routes[i].domain_count; j++)
			if (domains[i][j].bytes == bytes && name_equal(domains[i][j].name, name, bytes))
				return i + 1;
	return ROUTE_REST;
}

static unsigned
reference(const uint8_t *name, size_t bytes)
{
	while (name[0] != 0 && group_of(name, bytes) == ROUTE_REST) {
		bytes -= 1u + name[0];
		name += 1u + name[0];
	}
	return name[0] == 0 ? ROUTE_REST : group_of(name, bytes);
}

static void
add(const char *line)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = name_from_text(line + 1, name);
	if ((*line == '+' || config.route_count == 0) && config.route_count < ROUTES) {
		routes[config.route_count] =
		        (struct config_route){domains[config.route_count], 0, &member, 1};
		config.route_count++;
	}
	struct config_route *route = &routes[config.route_count - 1];
	if (bytes <= 1 || route->domain_count == DOMAINS || group_of(name, bytes) != ROUTE_REST)
		return;
	struct config_domain *domain = &route->domains[route->domain_count++];
	domain->bytes = (uint8_t)bytes;
	memcpy(domain->name, name, bytes);
}

static bool
is_domain(const char *line)
{
	return *line == '=' || *line == '+';
}

/* Exactly as large as the name, so that a sanitizer sees one byte more. */
static void
look_up(const struct route_table *table, const char *line)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = name_from_text(line, name);
	if (bytes == 0)
		return;
	uint8_t *exact = malloc(bytes);
	memcpy(exact, name, bytes);
	must(route_find(table, exact, bytes) == reference(exact, bytes));
	free(exact);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), *lines = calloc(1, size + 1), *at;
	config.route_count = 0;
	if (size > 0)
		memcpy(text, data, size);
	memcpy(lines, text, size + 1);
	for (char *line = strtok_r(lines, "\n", &at); line != NULL; line = strtok_r(NULL, "\n", &at))
		if (is_domain(line))
			add(line);
	struct route_table *table = route_new(&config);
	for (char *line = strtok_r(text, "\n", &at); line != NULL; line = strtok_r(NULL, "\n", &at))
		look_up(table, is_domain(line) ? line + 1 : line);
	route_free(table);
	free(text);
	free(lines);
	return 0;
}
