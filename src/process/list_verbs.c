/*
 * The numbers of a table of lists are few and in bounds, so the master tells them itself; the names on the
 * lists are not even there (query/lists.h).
 */
#include "process/list_verbs.h"

#include "base/json.h"
#include "config/list.h"
#include "process/loader.h"
#include "process/printout.h"
#include "process/verbs.h"
#include "query/list_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TIME_BYTES = 24 };

struct row {
	const struct config_list *config;
	const struct lists_list *known;
	bool blocks;
	uint64_t hits;
	char loaded[TIME_BYTES];
};

static struct row
row_of(const struct verbs_lists *with, unsigned index)
{
	struct row row = {.config = config_lists_at(with->config, index),
	        .known = lists_list(shelf_lists(with->shelf), index),
	        .blocks = index < with->config->lists.block_count};
	row.hits = hits_sum(with->hits, hits_row(with->hits, row.config->name));
	time_t loaded = (time_t)row.known->loaded_s;
	struct tm parts;
	if (gmtime_r(&loaded, &parts) == NULL ||
	        strftime(row.loaded, sizeof row.loaded, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		snprintf(row.loaded, sizeof row.loaded, "?");
	return row;
}

static const char *
kind_of(const struct row *row)
{
	return row->blocks ? "block" : "allow";
}

static void
print_text(const struct verbs_lists *with, unsigned count, FILE *out)
{
	fprintf(out, "%-24s %-5s %-7s %10s %8s %12s  %s\n", "name", "kind", "format", "names", "bad", "hits",
	        "loaded");
	for (unsigned i = 0; i < count; i++) {
		struct row row = row_of(with, i);
		fprintf(out, "%-24s %-5s %-7s %10" PRIu64 " %8" PRIu64 " %12" PRIu64 "  %s%s\n",
		        row.config->name, kind_of(&row),
		        list_format_name((enum list_format)row.known->format), row.known->names,
		        row.known->bad, row.hits, row.loaded,
		        loader_refused(row.known) ? " (newer files were refused)" : "");
	}
}

static void
print_json(const struct verbs_lists *with, unsigned count, FILE *out)
{
	struct json j = {.out = out};
	json_object(&j, NULL);
	json_array(&j, "lists");
	for (unsigned i = 0; i < count; i++) {
		struct row row = row_of(with, i);
		json_object(&j, NULL);
		json_text(&j, "name", row.config->name);
		json_text(&j, "kind", kind_of(&row));
		json_text(&j, "format", list_format_name((enum list_format)row.known->format));
		json_number(&j, "names", row.known->names);
		json_number(&j, "lines", row.known->lines);
		json_number(&j, "bad", row.known->bad);
		json_number(&j, "hits", row.hits);
		json_text(&j, "loaded", row.loaded);
		json_bool(&j, "refused", loader_refused(row.known));
		json_end(&j);
	}
	json_end(&j);
	const struct lists *lists = shelf_lists(with->shelf);
	json_number(&j, "names", lists != NULL ? lists_names(lists) : 0);
	json_number(&j, "bytes", lists != NULL ? lists_bytes(lists) : 0);
	json_end(&j);
}

void
list_verbs_list(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	struct verbs_lists with;
	struct printout p;
	if (master->lists == NULL || !master->lists(master->arg, &with)) {
		control_say(call, CONTROL_FAILED,
		        master->lists == NULL ? "not in this build"
		                              : "it is starting or stopping; try again");
		return;
	}
	const struct lists *lists = shelf_lists(with.shelf);
	FILE *out = printout_begin(&p, call);
	if (out == NULL)
		return;
	(control_wants_json(call) ? print_json : print_text)(
	        &with, lists != NULL ? lists_count(lists) : 0, out);
	printout_end(&p);
}

void
list_verbs_reload(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	if (master->reload_lists != NULL)
		master->reload_lists(master->arg, call);
	else
		control_say(call, CONTROL_FAILED, "not in this build");
}
