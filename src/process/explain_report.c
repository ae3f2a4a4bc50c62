/*
 * Both forms say the same things in the same order: who asks, each step of the judge up to the one that
 * decides, then, for what goes on, where to, and what the cache has. A name that is in the JSON once stays
 * there: others read it.
 */
#include "process/explain_report.h"

#include "base/json.h"
#include "base/log.h"
#include "dns/octets.h"
#include "dns/show.h"
#include "query/screen.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMN = 11, EXPLAIN_TEXT_BYTES = (int)NAME_TEXT_BYTES + (int)ADDR_TEXT_BYTES };

static const char *const sources[] = {
        [EXPLAIN_NOWHERE] = "nowhere",
        [EXPLAIN_HERE] = "here",
        [EXPLAIN_CACHE] = "cache",
        [EXPLAIN_STALE] = "stale",
        [EXPLAIN_UPSTREAM] = "upstream",
};

static const char *const caches[] = {
        [EXPLAIN_NO_CACHE] = "off",
        [EXPLAIN_MISS] = "miss",
        [EXPLAIN_FRESH] = "fresh",
        [EXPLAIN_EXPIRED] = "expired",
};

static const char *const policies[] = {
        [CONFIG_SEQUENTIAL] = "sequential",
        [CONFIG_ROUND_ROBIN] = "round-robin",
        [CONFIG_FASTEST] = "fastest",
        [CONFIG_HASHED] = "hashed",
};

/* --- what both need --- */

/* The answer that is known already; NULL: there is none, or only upstream knows. `room` is where one of our
 * own without records is described. */
static const struct wire_answer *
answer_of(const struct explanation *what, struct wire_answer *room)
{
	const struct judgement *j = &what->judgement;
	if (what->held_back) {
		*room = (struct wire_answer){.rcode = WIRE_RCODE_NOERROR};
		room->edns.ede_bytes =
		        (uint16_t)edns_ede_data(room->edns.ede, EDNS_EDE_BLOCKED, screen_reason);
		return room;
	}
	switch (what->source) {
	case EXPLAIN_CACHE:
	case EXPLAIN_STALE:
		return &what->recalled.entry.answer;
	case EXPLAIN_HERE:
		if (j->action == JUDGE_ANSWER)
			return &j->answer;
		*room = (struct wire_answer){.rcode = j->rcode};
		room->edns.ede_bytes = (uint16_t)edns_ede_data(room->edns.ede, j->ede, j->text);
		return room;
	default:
		return NULL;
	}
}

static bool
has_ede(const struct wire_answer *answer)
{
	return answer->edns.ede_bytes >= EDNS_EDE_CODE_BYTES;
}

static const char *
ede_text(const struct wire_answer *answer, char *out, size_t room)
{
	return log_quote(out, room, (const char *)answer->edns.ede + EDNS_EDE_CODE_BYTES,
	        answer->edns.ede_bytes - (size_t)EDNS_EDE_CODE_BYTES);
}

static const char *
verdict_word(const struct explanation *what, enum judge_by step)
{
	static const char *const words[] = {
	        [JUDGE_PASS] = "pass",
	        [JUDGE_SILENCE] = "silence",
	        [JUDGE_REFUSE] = "refuse",
	        [JUDGE_ANSWER] = "answer",
	};
	return step == what->judgement.by ? words[what->judgement.action] : words[JUDGE_PASS];
}

/* The step after this one that has a say; JUDGE_BY_NONE: it was the last. */
static enum judge_by
next_step(const struct explanation *what, enum judge_by step)
{
	if (step != JUDGE_BY_NONE && step == what->judgement.by)
		return JUDGE_BY_NONE;
	return judge_next(step);
}

/* In lines of their own, for the one who frees; NULL: none. */
static char *
records_text(const struct wire_answer *answer)
{
	char *text = NULL;
	size_t bytes = 0;
	if (answer->msg == NULL)
		return NULL;
	FILE *out = open_memstream(&text, &bytes);
	if (out == NULL)
		return NULL;
	show_answer(out, answer);
	fclose(out);
	return text;
}

static bool
is_record(const char *line)
{
	return *line != '\0' && *line != ';';
}

static const char *
place_state(const struct order_place *place)
{
	return !place->known ? "untried" : place->state != HEALTH_WELL ? "down" : "up";
}

static const char *
route_text(const struct order *order, char out[NAME_TEXT_BYTES])
{
	return name_text(order->domain->name, order->domain->bytes, out);
}

static uint64_t
seconds_left(const struct explanation *what, uint64_t boot_ms)
{
	uint64_t expires_ms = what->recalled.entry.expires_ms;
	return expires_ms > boot_ms ? (expires_ms - boot_ms + 999) / 1000 : 0;
}

static uint64_t
seconds_expired(const struct explanation *what, uint64_t boot_ms)
{
	uint64_t expires_ms = what->recalled.entry.expires_ms;
	return expires_ms <= boot_ms ? (boot_ms - expires_ms) / 1000 : 0;
}

/* --- JSON ------------------------------------------------------------------------------------------------
 */

static void
question_json(struct json *j, const struct explanation *what)
{
	const struct wire_question *q = &what->asked;
	char name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES], client[ADDR_TEXT_BYTES];
	json_text(j, "name", name_text(q->name, q->name_bytes, name));
	json_text(j, "type", wire_type_text(q->type, type));
	json_text(j, "client", addr_host_text(what->what.client, client));
	json_text(j, "group", what->what.group != NULL ? what->what.group->config->name : NULL);
	if (what->group_net != NULL)
		json_text(j, "group_network", addr_net_text(what->group_net, client));
	json_bool(j, "own_view", what->what.query->view != 0);
	json_text(j, "protocol", what->what.stream ? "tcp" : "udp");
	json_number(j, "queries_per_second", what->rate->per_second);
}

static void
steps_json(struct json *j, const struct explain *explain, const struct explanation *what)
{
	char rule[EXPLAIN_RULE_BYTES];
	json_array(j, "steps");
	for (enum judge_by step = next_step(what, JUDGE_BY_NONE); step != JUDGE_BY_NONE;
	        step = next_step(what, step)) {
		json_object(j, NULL);
		json_text(j, "step", judge_word(step));
		json_text(j, "verdict", verdict_word(what, step));
		explain_rule(explain, what, step, rule);
		json_text(j, "rule", rule[0] != '\0' ? rule : NULL);
		json_end(j);
	}
	json_end(j);
	json_text(
	        j, "decided_by", what->judgement.by != JUDGE_BY_NONE ? judge_word(what->judgement.by) : NULL);
}

static void
order_json(struct json *j, const struct config *config, const struct order *order)
{
	char text[EXPLAIN_TEXT_BYTES];
	json_text(j, "route", order->domain != NULL ? route_text(order, text) : NULL);
	json_text(j, "policy", policies[config->forward.policy]);
	json_array(j, "upstreams");
	for (unsigned i = 0; i < order->count; i++) {
		const struct order_place *place = &order->places[i];
		json_object(j, NULL);
		json_text(j, "name", place->upstream->name);
		json_text(j, "address", addr_text(place->address, text));
		json_text(j, "state", place_state(place));
		json_number(j, "latency_us", place->latency_us);
		json_end(j);
	}
	json_end(j);
}

static void
cache_json(struct json *j, const struct explanation *what, uint64_t boot_ms)
{
	json_text(j, "cache", caches[what->cache]);
	if (what->cache == EXPLAIN_FRESH)
		json_number(j, "left_s", seconds_left(what, boot_ms));
	else if (what->cache == EXPLAIN_EXPIRED)
		json_number(j, "expired_s", seconds_expired(what, boot_ms));
}

static void
records_json(struct json *j, const struct wire_answer *answer)
{
	char *text = records_text(answer), *rest = text, *line;
	json_array(j, "records");
	while ((line = strsep(&rest, "\n")) != NULL)
		if (is_record(line))
			json_text(j, NULL, line);
	json_end(j);
	free(text);
}

static void
answer_json(struct json *j, const struct explanation *what)
{
	struct wire_answer room;
	const struct wire_answer *answer = answer_of(what, &room);
	char word[WIRE_WORD_BYTES], text[4 * EDNS_EDE_BYTES + 3];
	json_object(j, "answer");
	json_text(j, "source", sources[what->source]);
	if (answer != NULL) {
		json_text(j, "rcode", wire_rcode_text(answer->rcode, word));
		if (has_ede(answer)) {
			json_number(j, "ede", octets_get16(answer->edns.ede));
			json_text(j, "ede_text", ede_text(answer, text, sizeof text));
		}
		records_json(j, answer);
	}
	json_end(j);
}

static void
print_json(const struct explain *explain, const struct config *config, const struct explanation *what,
        uint64_t boot_ms, FILE *out)
{
	struct json j = {.out = out};
	json_object(&j, NULL);
	question_json(&j, what);
	steps_json(&j, explain, what);
	if (what->judgement.action == JUDGE_PASS) {
		order_json(&j, config, &what->order);
		cache_json(&j, what, boot_ms);
	}
	answer_json(&j, what);
	json_end(&j);
}

/* --- for people ------------------------------------------------------------------------------------------
 */

static void
print_rate(const struct explanation *what, FILE *out)
{
	const struct config_rate *rate = what->rate;
	bool six = what->what.client->any.sa_family == AF_INET6, exempt = false;
	for (size_t i = 0; i < rate->exempt_count; i++)
		exempt |= addr_net_holds(&rate->exempt[i], what->what.client);
	fprintf(out, "%-*s ", NAME_COLUMN, "rate:");
	if (rate->per_second == 0 || exempt)
		fprintf(out, "no limit%s\n", exempt ? ": exempt" : "");
	else
		fprintf(out, "at most %u questions in a second from its /%u\n", rate->per_second,
		        six ? rate->ipv6_prefix : rate->ipv4_prefix);
}

static void
print_question(const struct explanation *what, FILE *out)
{
	const struct wire_question *q = &what->asked;
	char name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES], text[ADDR_TEXT_BYTES];
	fprintf(out, "%s %s from %s by %s\n", name_text(q->name, q->name_bytes, name),
	        wire_type_text(q->type, type), addr_host_text(what->what.client, text),
	        what->what.stream ? "tcp" : "udp");
	if (what->group_net != NULL)
		fprintf(out, "%-*s %s, by %s\n", NAME_COLUMN, "group:", what->what.group->config->name,
		        addr_net_text(what->group_net, text));
	else
		fprintf(out, "%-*s none\n", NAME_COLUMN, "group:");
	print_rate(what, out);
}

static void
print_steps(const struct explain *explain, const struct explanation *what, FILE *out)
{
	static const char *const words[] = {
	        [JUDGE_PASS] = "goes on",
	        [JUDGE_SILENCE] = "gets no answer",
	        [JUDGE_REFUSE] = "is refused",
	        [JUDGE_ANSWER] = "is answered here",
	};
	char rule[EXPLAIN_RULE_BYTES], head[32];
	for (enum judge_by step = next_step(what, JUDGE_BY_NONE); step != JUDGE_BY_NONE;
	        step = next_step(what, step)) {
		explain_rule(explain, what, step, rule);
		snprintf(head, sizeof head, "%s:", judge_word(step));
		fprintf(out, "%-*s %s%s%s\n", NAME_COLUMN, head,
		        words[step == what->judgement.by ? what->judgement.action : JUDGE_PASS],
		        rule[0] != '\0' ? ": " : "", rule);
	}
}

static void
print_order(const struct config *config, const struct explanation *what, FILE *out)
{
	const struct order *order = &what->order;
	char text[EXPLAIN_TEXT_BYTES];
	fprintf(out, "%-*s ", NAME_COLUMN, "route:");
	if (order->domain != NULL)
		fprintf(out, "%s\n", route_text(order, text));
	else
		fprintf(out, "none; %s\n",
		        what->what.query->view != 0 ? "the group's own upstreams" : "everybody's upstreams");
	for (unsigned i = 0; i < order->count; i++) {
		const struct order_place *place = &order->places[i];
		fprintf(out, "%-*s %u. %s %s %s", NAME_COLUMN, i == 0 ? "upstreams:" : "", i + 1,
		        place->upstream->name, addr_text(place->address, text), place_state(place));
		if (place->latency_us > 0)
			fprintf(out, " %u.%ums", place->latency_us / 1000, place->latency_us % 1000 / 100);
		fprintf(out, "%s%s\n", i == 0 ? "; policy " : "",
		        i == 0 ? policies[config->forward.policy] : "");
	}
	if (order->count == 0)
		fprintf(out, "%-*s none: no address of any is known\n", NAME_COLUMN, "upstreams:");
}

static void
print_cache(const struct explanation *what, uint64_t boot_ms, FILE *out)
{
	fprintf(out, "%-*s ", NAME_COLUMN, "cache:");
	if (what->cache == EXPLAIN_FRESH)
		fprintf(out, "has it for %llu s\n", (unsigned long long)seconds_left(what, boot_ms));
	else if (what->cache == EXPLAIN_EXPIRED)
		fprintf(out, "has one that expired %llu s ago\n",
		        (unsigned long long)seconds_expired(what, boot_ms));
	else
		fprintf(out, "%s\n", what->cache == EXPLAIN_MISS ? "has nothing" : "is off");
}

static void
print_known_answer(const struct explanation *what, const struct wire_answer *answer, FILE *out)
{
	static const char *const from[] = {[EXPLAIN_HERE] = "",
	        [EXPLAIN_CACHE] = " from the cache",
	        [EXPLAIN_STALE] = " from the cache, stale"};
	char word[WIRE_WORD_BYTES], text[4 * EDNS_EDE_BYTES + 3];
	char *records = records_text(answer), *rest = records, *line;
	fprintf(out, "%-*s %s%s", NAME_COLUMN, "answer:", wire_rcode_text(answer->rcode, word),
	        from[what->source]);
	if (has_ede(answer))
		fprintf(out, ", EDE %u %s", octets_get16(answer->edns.ede),
		        ede_text(answer, text, sizeof text));
	fputc('\n', out);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (is_record(line))
			fprintf(out, "%-*s %s\n", NAME_COLUMN, "", line);
	free(records);
}

static void
print_answer(const struct explanation *what, FILE *out)
{
	struct wire_answer room;
	const struct wire_answer *answer = answer_of(what, &room);
	if (answer != NULL)
		print_known_answer(what, answer, out);
	else
		fprintf(out, "%-*s %s\n", NAME_COLUMN,
		        "answer:", what->source == EXPLAIN_NOWHERE ? "none" : "the upstream's");
}

void
explain_report_print(const struct explain *explain, const struct config *config,
        const struct explanation *what, uint64_t boot_ms, bool json, FILE *out)
{
	if (json) {
		print_json(explain, config, what, boot_ms, out);
		return;
	}
	print_question(what, out);
	print_steps(explain, what, out);
	if (what->judgement.action == JUDGE_PASS) {
		print_order(config, what, out);
		print_cache(what, boot_ms, out);
	}
	print_answer(what, out);
}
