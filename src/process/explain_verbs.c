/*
 * The master reads the words; the child has a judge of its own, made of the configuration that serves.
 */
#include "process/explain_verbs.h"

#include "base/clock.h"
#include "base/log.h"
#include "process/explain_report.h"
#include "process/verbs.h"

#include <string.h>

enum { EXPLAIN_WORDS = 4 };

/* What was asked for, and what is needed to do it. */
struct request {
	struct verbs_cache with;
	struct verbs_lists lists;
	bool stream;
	struct wire_query query;
	struct addr client;
};

static const char client_option[] = "--client=",
                  usage[] = "usage: explain NAME [TYPE] [--client=ADDRESS] [--tcp]";

static bool
refuse(struct control_call *call, const char *what, const char *word)
{
	char quoted[200];
	log_quote(quoted, sizeof quoted, word, strnlen(word, 48));
	control_say(call, CONTROL_USAGE, "%s: %s", what, quoted);
	return false;
}

/* One word that is no option: first the name, then the type. */
static bool
read_bare(struct wire_question *question, struct control_call *call, const char *word)
{
	if (question->name_bytes == 0) {
		question->name_bytes = (uint16_t)name_from_text(word, question->name);
		return question->name_bytes > 0 ||
		       refuse(call,
		               "no domain name (labels of 1 to 63 bytes, 255 in all; \\DDD for any byte)",
		               word);
	}
	if (question->type != 0)
		return refuse(call, usage, word);
	return wire_type_find(word, &question->type) ||
	       refuse(call, "no type (a word like AAAA, or TYPE65280)", word);
}

/* False: answered. */
static bool
read_words(struct request *request, struct control_call *call)
{
	struct wire_question *question = &request->query.question;
	for (unsigned i = 0; i < EXPLAIN_WORDS; i++) {
		const char *word = control_word(call, i);
		if (word == NULL)
			continue;
		if (strcmp(word, "--tcp") == 0) {
			request->stream = true;
			continue;
		}
		if (strncmp(word, client_option, sizeof client_option - 1) != 0) {
			if (!read_bare(question, call, word))
				return false;
		} else if (addr_parse(&request->client, word + sizeof client_option - 1, 0) < 0) {
			return refuse(call, "no address of a client", word + sizeof client_option - 1);
		}
	}
	if (question->type == 0)
		question->type = 1;
	return question->name_bytes > 0 || refuse(call, usage, "a name is missing");
}

static void
tell(void *arg, struct aside *aside)
{
	struct request *request = arg;
	static struct explanation what; /* large */
	const struct config *config = request->with.ground.config;
	uint64_t boot_ms = clock_boot_ms();
	struct explain *explain = explain_new(&(struct explain_setup){.config = config,
	        .health = request->with.health,
	        .cache = request->with.cache,
	        .lists = shelf_lists(request->lists.shelf),
	        .seed = request->with.seed,
	        .now_ms = clock_now_ms(),
	        .boot_ms = boot_ms});
	explain_question(explain, &request->client, request->stream, &request->query, &what);
	explain_report_print(explain, config, &what, boot_ms, aside->json, aside_begin(aside, CONTROL_DONE));
	explain_free(explain);
}

void
explain_verb(void *arg, struct control_call *call)
{
	const struct verbs_master *master = arg;
	/* as dig asks */
	struct request request = {.query = {.flags = WIRE_FLAG_RD | WIRE_FLAG_AD,
	                                  .question = {.class = 1},
	                                  .edns = {.present = true, .udp_bytes = 1232}}};
	int parsed = addr_parse(&request.client, "127.0.0.1", 0);
	if (parsed < 0 || !read_words(&request, call))
		return;
	if (master->cache == NULL || master->lists == NULL)
		control_say(call, CONTROL_FAILED, "not in this build");
	else if (!master->cache(master->arg, &request.with) || !master->lists(master->arg, &request.lists))
		control_say(call, CONTROL_FAILED, "it is starting or stopping; try again");
	else
		asides_start(master->asides, &request.with.ground, call, tell, &request);
}
