/*
 * A judgement is the first step's that has something to say; the table at the end has their order. Each step
 * is short here: what it knows of names, lists or networks is a module of its own.
 */
#include "query/judge.h"

#include "base/must.h"
#include "query/blocking.h"
#include "query/policy.h"

#include <stdlib.h>

struct judge {
	const struct config *config;
	struct blocking *blocking;
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
	(void)judge;
	static const struct {
		enum stats_counter counter;
		uint16_t rcode;
	} errors[] = {
	        [WIRE_FORMERR] = {STATS_formerr, WIRE_RCODE_FORMERR},
	        [WIRE_NOTIMP] = {STATS_notimp, WIRE_RCODE_NOTIMP},
	        [WIRE_BADVERS] = {STATS_badvers, WIRE_RCODE_BADVERS},
	};
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
judge_lists(struct judge *judge, const struct judge_case *what, struct judgement *out)
{
	return blocking_judge(judge->blocking, UINT64_MAX, what, out);
}

static const struct {
	enum judge_by by;
	judge_step *step;
} steps[] = {
        {JUDGE_BY_FORM, judge_noise},
        {JUDGE_BY_ACCESS, judge_access},
        {JUDGE_BY_FORM, judge_form}, /* who may not ask is not told what is wrong with the question */
        {JUDGE_BY_KIND, judge_kind},
        {JUDGE_BY_LIST, judge_lists},
};

struct judge *
judge_new(const struct config *config)
{
	struct judge *judge = must_alloc(1, sizeof *judge);
	judge->config = config;
	judge->blocking = blocking_new(config);
	return judge;
}

void
judge_free(struct judge *judge)
{
	if (judge == NULL)
		return;
	blocking_free(judge->blocking);
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
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i].step(judge, what, out)) {
			out->by = steps[i].by;
			return;
		}
}
