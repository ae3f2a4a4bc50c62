/*
 * A judgement is the first step's that has something to say; the table at the end has their order. Each step
 * is short here: what it knows of names, lists or networks is a module of its own.
 */
#include "query/judge.h"

#include "base/must.h"
#include "query/blocking.h"
#include "query/ddr.h"
#include "query/own.h"
#include "query/policy.h"

#include <stdlib.h>

struct judge {
	const struct config *config;
	struct blocking *blocking;
	struct own *own;
	struct ddr *ddr; /* NULL: nobody is sent elsewhere */
	uint8_t room[DDR_ANSWER_BYTES];
};

typedef bool judge_step(struct judge *judge, const struct judge_case *what, struct judgement *out);

static bool
refuse(struct judgement *out, enum stats_counter counter, uint16_t rcode, enum edns_ede ede, const char *text)
{
	out->action = JUDGE_REFUSE;
	out->counter = counter;
	out->rcode = rcode;
	out->ede = ede;
	out->text = text;
	return true;
}

static bool
be_silent(struct judgement *out, enum stats_counter counter)
{
	out->action = JUDGE_SILENCE;
	out->counter = counter;
	return true;
}

/* What deserves no answer from anybody. */
static bool
judge_noise(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	(void)judge;
	return what->verdict == WIRE_SILENCE && be_silent(out, STATS_dropped_malformed);
}

static bool
judge_access(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	switch (policy_judge(&judge->config->access, what->client)) {
	case POLICY_DROP:
		return be_silent(out, STATS_dropped_denied);
	case POLICY_REFUSE:
		return refuse(out, STATS_refused_denied, WIRE_RCODE_REFUSED, EDNS_EDE_PROHIBITED,
		        "client not allowed");
	case POLICY_ALLOW:
		break;
	}
	return false;
}

static bool
judge_form(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	static const struct {
		enum stats_counter counter;
		uint16_t rcode;
	} errors[] = {
	        [WIRE_FORMERR] = {STATS_formerr, WIRE_RCODE_FORMERR},
	        [WIRE_NOTIMP] = {STATS_notimp, WIRE_RCODE_NOTIMP},
	        [WIRE_BADVERS] = {STATS_badvers, WIRE_RCODE_BADVERS},
	        [WIRE_EMPTY] = {STATS_formerr, WIRE_RCODE_FORMERR},
	};
	if (what->verdict == WIRE_EMPTY && judge->config->limits.cookies)
		return refuse(out, STATS_COUNT, WIRE_RCODE_NOERROR, EDNS_EDE_NONE, NULL);
	if (what->verdict == WIRE_QUERY && what->query->edns.cookie_malformed &&
	        judge->config->limits.cookies)
		return refuse(out, STATS_formerr, WIRE_RCODE_FORMERR, EDNS_EDE_NONE, NULL);
	if (what->verdict == WIRE_QUERY)
		return false;
	return refuse(out, errors[what->verdict].counter, errors[what->verdict].rcode, EDNS_EDE_NONE, NULL);
}

/* A transfer has many messages for an answer; nothing here is made for that. */
static bool
judge_kind(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	(void)judge;
	uint16_t type = what->query->question.type;
	return (type == WIRE_TYPE_AXFR || type == WIRE_TYPE_IXFR) &&
	       refuse(out, STATS_refused_transfer, WIRE_RCODE_REFUSED, EDNS_EDE_NOT_SUPPORTED,
	               "zone transfers are not forwarded");
}

static bool
give(struct judgement *out, enum stats_counter counter, const char *source)
{
	out->action = JUDGE_ANSWER;
	out->counter = counter;
	out->text = source;
	return true;
}

static bool
judge_record(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	return own_record(judge->own, &what->query->question, &out->answer, &out->alias, &out->alias_bytes) &&
	       give(out, STATS_answered_local, "own names");
}

static bool
judge_special(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	return own_special(judge->own, &what->query->question, &out->answer) &&
	       give(out, STATS_answered_special, "special names");
}

static bool
judge_lists(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	return blocking_judge(judge->blocking, groups_lists(what->group), what, out);
}

static bool
judge_type(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	return own_filter(judge->own, &what->query->question, &out->answer) &&
	       give(out, STATS_filtered_type, "filtered type");
}

static bool
judge_any(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	return own_any(judge->own, &what->query->question, &out->answer) &&
	       give(out, STATS_refused_any, "RFC 8482");
}

static bool
judge_ddr(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	if (!ddr_answer(judge->ddr, &what->query->question, judge->room, &out->answer))
		return false;
	out->action = JUDGE_ANSWER;
	out->counter = STATS_ddr_answered;
	out->text = "designated resolver";
	return true;
}

static const struct {
	enum judge_by by;
	judge_step *step;
} steps[] = {
        {JUDGE_BY_FORM, judge_noise},
        {JUDGE_BY_ACCESS, judge_access},
        {JUDGE_BY_FORM, judge_form}, /* who may not ask is not told what is wrong with the question */
        {JUDGE_BY_KIND, judge_kind},
        {JUDGE_BY_RECORD, judge_record},
        {JUDGE_BY_DDR, judge_ddr},
        {JUDGE_BY_SPECIAL, judge_special},
        {JUDGE_BY_LIST, judge_lists},
        {JUDGE_BY_TYPE, judge_type},
        {JUDGE_BY_ANY, judge_any},
};

struct judge *
judge_new(const struct config *config)
{
	struct judge *judge = must_alloc(1, sizeof *judge);
	judge->config = config;
	judge->blocking = blocking_new(config);
	judge->own = own_new(config);
	judge->ddr = ddr_new(config);
	return judge;
}

void
judge_free(struct judge *judge)
{
	if (judge == NULL)
		return;
	blocking_free(judge->blocking);
	own_free(judge->own);
	ddr_free(judge->ddr);
	free(judge);
}

void
judge_set_lists(struct judge *judge, const struct lists *lists)
{
	blocking_set_lists(judge->blocking, lists);
}

void
judge_question(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	out->action = JUDGE_PASS;
	out->by = JUDGE_BY_NONE;
	out->counter = STATS_COUNT;
	out->list = -1;
	out->alias_bytes = 0;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i].step(judge, what, out)) {
			out->by = steps[i].by;
			return;
		}
}

const char *
judge_word(enum judge_by by)
{
	static const char *const words[] = {
	        [JUDGE_BY_NONE] = "none",
	        [JUDGE_BY_FORM] = "form",
	        [JUDGE_BY_ACCESS] = "access",
	        [JUDGE_BY_KIND] = "kind",
	        [JUDGE_BY_RECORD] = "records",
	        [JUDGE_BY_DDR] = "ddr",
	        [JUDGE_BY_SPECIAL] = "special",
	        [JUDGE_BY_LIST] = "lists",
	        [JUDGE_BY_TYPE] = "types",
	        [JUDGE_BY_ANY] = "any",
	};
	return (size_t)by < sizeof words / sizeof *words && words[by] != NULL ? words[by] : "policy";
}

enum judge_by
judge_next(enum judge_by by)
{
	size_t count = sizeof steps / sizeof *steps, at = 0;
	if (by != JUDGE_BY_NONE)
		for (at = count; at > 0 && steps[at - 1].by != by; at--)
			;
	for (; at < count; at++) {
		size_t later = at + 1;
		while (later < count && steps[later].by != steps[at].by)
			later++;
		if (later == count)
			return steps[at].by;
	}
	return JUDGE_BY_NONE;
}
