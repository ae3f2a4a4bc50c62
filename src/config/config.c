/*
 * From sources to a configuration: defaults, file, environment, command line, then what one has to do with
 * the other.
 */
#include "config/config.h"

#include "base/must.h"
#include "config/check.h"
#include "config/draft.h"
#include "config/keys.h"
#include "config/lex.h"
#include "config/override.h"
#include "config/read.h"
#include "config/syntax.h"
#include "config/value.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_WORKERS = 256 };

static void
draft_begin(struct draft *draft)
{
	*draft = (struct draft){0};
	draft->config = must_alloc(1, sizeof *draft->config);
	draft->places = must_alloc(keys_count, sizeof *draft->places);
	value_set_defaults("", draft->config);
}

static void
draft_abandon(struct draft *draft)
{
	config_free(draft->config);
	complain_free(&draft->complaints);
	free(draft->places);
	free(draft->listen_places);
	free(draft->upstream_places);
	free(draft->route_places);
	free(draft->block_list_places);
	free(draft->allow_list_places);
	free(draft->ca_file);
}

static void
read_file(struct draft *draft, struct lex *lex, const char *name)
{
	lex->complaints = &draft->complaints;
	lex_file(lex, name);
	if (syntax_check(lex) && draft->complaints.errors == 0)
		read_tokens(draft, lex);
}

static bool
was_given(const struct draft *draft, const char *path)
{
	return draft->places[keys_find(path) - keys].order != 0;
}

static void
listen_to_loopback(struct draft *draft)
{
	static const char *const loopback[] = {"127.0.0.1", "::1"};
	struct why why;
	struct config *config = draft->config;
	config->listen_count = sizeof loopback / sizeof *loopback;
	config->listens = must_alloc(config->listen_count, sizeof *config->listens);
	free(draft->listen_places);
	draft->listen_places = must_alloc(config->listen_count, sizeof *draft->listen_places);
	for (size_t i = 0; i < config->listen_count; i++) {
		value_set_defaults("listen[]", &config->listens[i]);
		must(value_set_text(keys_find("listen[].address"), &config->listens[i], loopback[i], &why));
	}
}

static void
complete_listens(struct draft *draft)
{
	if (draft->config->listen_count > 0)
		return;
	if (!was_given(draft, "listen"))
		listen_to_loopback(draft);
	else if (draft->complaints.errors == 0)
		complain(&draft->complaints, &draft->places[keys_find("listen") - keys], "listen",
		        "empty; name an address, or leave the list out for 127.0.0.1 and ::1");
}

/* One that is known by its name is known to its certificate by it. */
static void
complete_host(struct config_upstream *upstream)
{
	if (*upstream->name == '\0') {
		free(upstream->name);
		upstream->name = must_copy(upstream->host);
		/* no longer than a name may be written */
		if (strlen(upstream->name) > ITEM_NAME_LETTERS)
			upstream->name[ITEM_NAME_LETTERS] = '\0';
	}
	if (*upstream->auth_name == '\0') {
		free(upstream->auth_name);
		upstream->auth_name = must_copy(upstream->host);
	}
}

static void
complete_upstream(struct draft *draft, struct config_upstream *upstream)
{
	char text[ADDR_TEXT_BYTES];
	if (config_is_by_host(upstream))
		complete_host(upstream);
	if (*upstream->name == '\0' && upstream->address_count > 0) {
		const struct addr *first = &upstream->addresses[0];
		free(upstream->name);
		upstream->name = must_copy(
		        addr_port(first) == 853 ? addr_host_text(first, text) : addr_text(first, text));
	}
	if (*upstream->ca_file == '\0' && draft->ca_file != NULL) {
		free(upstream->ca_file);
		upstream->ca_file = must_copy(draft->ca_file);
	}
}

static void
complete_upstreams(struct draft *draft, const char *file)
{
	struct config *config = draft->config;
	for (size_t i = 0; i < config->upstream_count; i++)
		complete_upstream(draft, &config->upstreams[i]);
	if (config->upstream_count > 0 || draft->complaints.errors > 0)
		return;
	struct place place = complain_place(&draft->complaints, file, 0);
	complain(&draft->complaints, &place, NULL,
	        "no upstream: add upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = "
	        "\"dns.quad9.net\"; } ); "
	        "or --upstream ADDR#NAME");
}

/* One is called by the last part of its path, unless it has a name. */
static void
complete_list(struct config_list *list)
{
	if (list->file == NULL || *list->name != '\0')
		return;
	size_t end = strlen(list->file);
	while (end > 1 && list->file[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && list->file[start - 1] != '/')
		start--;
	free(list->name);
	list->name = must_alloc(1, end - start + 1);
	memcpy(list->name, list->file + start, end - start);
}

static void
complete_lists(struct config_lists *lists)
{
	for (size_t i = 0; i < lists->block_count; i++)
		complete_list(&lists->block[i]);
	for (size_t i = 0; i < lists->allow_count; i++)
		complete_list(&lists->allow[i]);
}

static unsigned
available_cpus(void)
{
	cpu_set_t set;
	long count =
	        sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : (unsigned)count;
}

static void
complete(struct draft *draft, const char *file)
{
	complete_listens(draft);
	complete_upstreams(draft, file);
	complete_lists(&draft->config->lists);
	if (draft->config->workers == 0)
		draft->config->workers = available_cpus();
	check_draft(draft);
}

struct config *
config_load(const struct config_sources *sources, FILE *complaints)
{
	struct draft draft;
	struct lex file = {0};
	draft_begin(&draft);
	if (sources->file != NULL)
		read_file(&draft, &file, sources->file);
	override_from_environment(&draft, sources->environment);
	override_apply(&draft, sources->overrides, sources->override_count);
	complete(&draft, sources->file);
	complain_print(&draft.complaints, complaints);
	struct config *config = NULL;
	if (draft.complaints.errors == 0) {
		config = draft.config;
		draft.config = NULL;
	}
	draft_abandon(&draft);
	lex_free(&file);
	return config;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	value_free("", config);
	free(config);
}

struct config *
config_copy(const struct config *config)
{
	struct config *copy = must_alloc(1, sizeof *copy);
	*copy = *config;
	value_part("", copy);
	return copy;
}

void
config_set_addresses(struct config_upstream *upstream, const struct addr *addresses, size_t count)
{
	must(config_is_by_host(upstream));
	free(upstream->addresses);
	upstream->addresses = must_alloc(count, sizeof *upstream->addresses);
	upstream->address_count = count;
	for (size_t i = 0; i < count; i++) {
		upstream->addresses[i] = addresses[i];
		addr_set_port(&upstream->addresses[i], upstream->port);
	}
}

bool
config_is_by_host(const struct config_upstream *upstream)
{
	return upstream->host != NULL && *upstream->host != '\0';
}

bool
config_has_host(const struct config *config)
{
	for (size_t i = 0; i < config->upstream_count; i++)
		if (config_is_by_host(&config->upstreams[i]))
			return true;
	return false;
}

bool
config_has_source(const struct config *config)
{
	for (size_t i = 0; i < config->upstream_count; i++)
		if (config->upstreams[i].source_address.any.sa_family != AF_UNSPEC)
			return true;
	return false;
}
