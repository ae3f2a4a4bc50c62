/*
 * The master reads the words of the request, which come from somebody who may stop it altogether, and nothing
 * of the cache: answers in it are made of strangers' bytes. A child does the rest, so that a million of them
 * keep nobody waiting.
 */
#include "process/cache_verbs.h"

#include "base/clock.h"
#include "base/log.h"
#include "dns/hash.h"
#include "process/cache_report.h"
#include "process/verbs.h"
#include "upstream/route.h"

#include <inttypes.h>
#include <string.h>

/* What was asked for, and what is needed to do it. */
struct request {
	const struct verbs_master *master;
	struct verbs_cache with;
	struct wire_query query; /* the question; name_bytes 0: none was named */
	bool every_type;
};

/* --- words ----------------------------------------------------------------------------------------------
 */

/* A name and perhaps a type. False: answered. */
static bool
read_words(struct request *request, struct control_call *call)
{
	struct wire_question *question = &request->query.question;
	const char *name = control_word(call, 0), *type = control_word(call, 1);
	question->name_bytes = (uint16_t)name_from_text(name, question->name);
	request->every_type = type == NULL;
	char quoted[200];
	if (question->name_bytes == 0) {
		log_quote(quoted, sizeof quoted, name, strnlen(name, 48));
		control_say(call, CONTROL_USAGE,
		        "no domain name: %s (labels of 1 to 63 bytes, 255 in all; \\DDD for any byte)",
		        quoted);
		return false;
	}
	if (type != NULL && !wire_type_find(type, &question->type)) {
		log_quote(quoted, sizeof quoted, type, strnlen(type, 48));
		control_say(call, CONTROL_USAGE, "no type: %s (a word like AAAA, or TYPE65280)", quoted);
		return false;
	}
	return true;
}

static void
start(struct request *request, struct control_call *call, aside_deed_fn *deed)
{
	const struct verbs_master *master = request->master;
	if (master->cache == NULL)
		control_say(call, CONTROL_FAILED, "not in this build");
	else if (!master->cache(master->arg, &request->with))
		control_say(call, CONTROL_FAILED, "it is starting or stopping; try again");
	else if (request->with.cache == NULL)
		control_say(call, CONTROL_FAILED, "there is no cache: cache.size is 0");
	else
		asides_start(master->asides, &request->with.ground, call, deed, request);
}

/* --- views -----------------------------------------------------------------------------------------------
 */

/* Is this group the first one with its view? */
static bool
names_view(const struct config *config, size_t group)
{
	uint32_t view = route_view(config, &config->clients[group]);
	for (size_t i = 0; i < group; i++)
		if (route_view(config, &config->clients[i]) == view)
			return false;
	return view != 0;
}

/* By the first group that has it; of an earlier configuration, by its number. */
static const char *
view_text(const struct request *request, uint32_t view, char out[CACHE_REPORT_VIEW_BYTES])
{
	const struct config *config = request->with.ground.config;
	for (size_t i = 0; view != 0 && i < config->client_count; i++)
		if (route_view(config, &config->clients[i]) == view) {
			snprintf(out, CACHE_REPORT_VIEW_BYTES, "%s", config->clients[i].name);
			return out;
		}
	snprintf(out, CACHE_REPORT_VIEW_BYTES, "%08" PRIx32, view);
	return out;
}

/* --- stats -----------------------------------------------------------------------------------------------
 */

/* The master sweeps after each death, so that whoever holds a segment lives. */
static bool
lives(void *arg, uint32_t member)
{
	(void)arg;
	(void)member;
	return true;
}

static void
stats(void *arg, struct aside *aside)
{
	const struct request *request = arg;
	struct cache_census census;
	struct report report;
	request->master->report(request->master->arg, &report);
	cache_census(request->with.cache, lives, NULL, &census);
	cache_report_stats(&census, report.counters, aside->json, aside_begin(aside, CONTROL_DONE));
	report_free(&report);
}

void
cache_verbs_stats(void *arg, struct control_call *call)
{
	struct request request = {.master = arg};
	start(&request, call, stats);
}

/* --- dump ------------------------------------------------------------------------------------------------
 */

struct listing {
	struct aside *aside;
	struct json json;
	uint64_t now_ms, count;
	const struct request *request;
};

static bool
dump_one(void *arg, const struct cache_entry *entry)
{
	struct listing *list = arg;
	struct wire_question question;
	char view[CACHE_REPORT_VIEW_BYTES];
	if (!cache_report_question(entry, &question))
		return true;
	list->count++;
	view_text(list->request, entry->view, view);
	if (list->aside->json) {
		json_object(&list->json, NULL);
		cache_report_members(entry, &question, view, list->now_ms, &list->json);
		json_end(&list->json);
	} else {
		cache_report_line(entry, &question, view, list->now_ms, list->aside->out);
	}
	return !ferror(list->aside->out);
}

/* The end says how many there were: one that is cut off shows. */
static void
dump(void *arg, struct aside *aside)
{
	const struct request *request = arg;
	struct listing list = {.aside = aside,
	        .json = {.out = aside_begin(aside, CONTROL_DONE)},
	        .now_ms = clock_boot_ms(),
	        .request = request};
	if (aside->json) {
		json_object(&list.json, NULL);
		json_array(&list.json, "entries");
	} else {
		fputs(cache_report_columns, aside->out);
	}
	cache_walk(request->with.cache, dump_one, &list);
	if (aside->json) {
		json_end(&list.json);
		json_number(&list.json, "count", list.count);
		json_end(&list.json);
	} else {
		fprintf(aside->out, "# %llu answers\n", (unsigned long long)list.count);
	}
}

void
cache_verbs_dump(void *arg, struct control_call *call)
{
	struct request request = {.master = arg};
	start(&request, call, dump);
}

/* --- one question ----------------------------------------------------------------------------------------
 */

/*
 * Every key of this name and type in one view: DO and CD set or not, in each class. All 65536 classes take
 * about a tenth of a second, and none is left out.
 */
static void
each_key_of_view(
        struct request *request, void (*visit)(struct request *, const struct cache_key *, void *), void *arg)
{
	struct wire_query *query = &request->query;
	struct wire_question *question = &query->question;
	for (unsigned class = 0; class <= UINT16_MAX; class ++) {
		question->class = (uint16_t) class;
		uint64_t hash = hash_name(question->name, question->name_bytes, question->type,
		        question->class, request->with.seed);
		for (unsigned variant = 0; variant < 4; variant++) {
			query->edns.dnssec_ok = (variant & 1) != 0;
			query->flags = (variant & 2) != 0 ? WIRE_FLAG_CD : 0;
			struct cache_key key = cache_key(query, hash);
			visit(request, &key, arg);
		}
	}
}

/* In everybody's view, and in those of groups. */
static void
each_key(
        struct request *request, void (*visit)(struct request *, const struct cache_key *, void *), void *arg)
{
	const struct config *config = request->with.ground.config;
	request->query.view = 0;
	each_key_of_view(request, visit, arg);
	for (size_t i = 0; i < config->client_count; i++) {
		if (!names_view(config, i))
			continue;
		request->query.view = route_view(config, &config->clients[i]);
		each_key_of_view(request, visit, arg);
	}
}

static void
lookup_json(struct listing *list, const struct cache_entry *entry, const struct wire_question *question,
        const char *view)
{
	struct json *j = &list->json;
	if (list->count == 1) {
		j->out = aside_begin(list->aside, CONTROL_DONE);
		json_object(j, NULL);
		json_array(j, "entries");
	}
	json_object(j, NULL);
	cache_report_members(entry, question, view, list->now_ms, j);
	cache_report_answer_json(entry, list->now_ms, j);
	json_end(j);
}

static void
lookup_one(struct request *request, const struct cache_key *key, void *arg)
{
	struct listing *list = arg;
	struct cache_entry entry;
	struct wire_question question;
	char view[CACHE_REPORT_VIEW_BYTES];
	if (!cache_get(request->with.cache, key, true, &entry) || !cache_report_question(&entry, &question))
		return;
	list->count++;
	view_text(request, entry.view, view);
	if (list->aside->json) {
		lookup_json(list, &entry, &question, view);
		return;
	}
	FILE *out = list->count == 1 ? aside_begin(list->aside, CONTROL_DONE) : list->aside->out;
	fputs(list->count == 1 ? cache_report_columns : "\n", out);
	cache_report_line(&entry, &question, view, list->now_ms, out);
	cache_report_answer(&entry, list->now_ms, out);
}

static void
lookup(void *arg, struct aside *aside)
{
	struct request *request = arg;
	const struct wire_question *question = &request->query.question;
	struct listing list = {.aside = aside, .now_ms = clock_boot_ms()};
	char name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES];
	each_key(request, lookup_one, &list);
	if (list.count == 0) {
		aside_say(aside, CONTROL_FAILED, "nothing is kept for %s %s",
		        name_text(question->name, question->name_bytes, name),
		        wire_type_text(question->type, type));
	} else if (aside->json) {
		json_end(&list.json);
		json_end(&list.json);
	}
}

void
cache_verbs_lookup(void *arg, struct control_call *call)
{
	struct request request = {.master = arg};
	if (read_words(&request, call))
		start(&request, call, lookup);
}

/* --- flush -----------------------------------------------------------------------------------------------
 */

static void
tell_flushed(const struct request *request, struct aside *aside, const char *what, uint64_t count)
{
	const struct wire_question *question = &request->query.question;
	char name[NAME_TEXT_BYTES] = "", type[WIRE_WORD_BYTES];
	unsigned long long number = count;
	if (question->name_bytes > 0)
		name_text(question->name, question->name_bytes, name);
	log_notice("cache flushed what=%s name=%s type=%s answers=%llu", what, name[0] != '\0' ? name : "-",
	        name[0] != '\0' && !request->every_type ? wire_type_text(question->type, type) : "-", number);
	if (!aside->json) {
		aside_say(aside, CONTROL_DONE, "%llu answers forgotten", number);
		return;
	}
	struct json j = {.out = aside_begin(aside, CONTROL_DONE)};
	json_object(&j, NULL);
	json_bool(&j, "done", true);
	json_number(&j, "flushed", count);
	json_end(&j);
}

struct pattern {
	const struct wire_question *question;
	bool subtree;
};

/* Is `name` this one or, for a subtree, below it? Labels are counted off from the front. */
static bool
name_matches(const struct pattern *pattern, const uint8_t *name, size_t bytes)
{
	const struct wire_question *wanted = pattern->question;
	while (pattern->subtree && bytes > wanted->name_bytes) {
		bytes -= 1u + name[0];
		name += 1u + name[0];
	}
	return bytes == wanted->name_bytes && name_equal(name, wanted->name, bytes);
}

static bool
flush_wants(void *arg, const struct cache_entry *entry)
{
	const struct pattern *pattern = arg;
	struct wire_question question;
	return cache_report_question(entry, &question) &&
	       name_matches(pattern, question.name, question.name_bytes);
}

static void
flush_key(struct request *request, const struct cache_key *key, void *arg)
{
	*(uint64_t *)arg += cache_flush(request->with.cache, key);
}

static void
flush(void *arg, struct aside *aside)
{
	struct request *request = arg;
	struct pattern pattern = {.question = &request->query.question};
	uint64_t count = 0;
	if (request->every_type)
		count = cache_flush_if(request->with.cache, flush_wants, &pattern);
	else
		each_key(request, flush_key, &count);
	tell_flushed(request, aside, "name", count);
}

void
cache_verbs_flush(void *arg, struct control_call *call)
{
	struct request request = {.master = arg};
	if (read_words(&request, call))
		start(&request, call, flush);
}

static void
flush_subtree(void *arg, struct aside *aside)
{
	struct request *request = arg;
	struct pattern pattern = {.question = &request->query.question, .subtree = true};
	tell_flushed(request, aside, "subtree", cache_flush_if(request->with.cache, flush_wants, &pattern));
}

void
cache_verbs_flush_subtree(void *arg, struct control_call *call)
{
	struct request request = {.master = arg};
	if (read_words(&request, call))
		start(&request, call, flush_subtree);
}

static void
flush_all(void *arg, struct aside *aside)
{
	const struct request *request = arg;
	tell_flushed(request, aside, "all", cache_flush_all(request->with.cache));
}

void
cache_verbs_flush_all(void *arg, struct control_call *call)
{
	struct request request = {.master = arg};
	start(&request, call, flush_all);
}
