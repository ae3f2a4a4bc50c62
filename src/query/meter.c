/*
 * Makes the keys under which the buckets of shared/limits.h are found, and says what becomes of the excess.
 *
 * A key has all that makes a bucket another one: what is counted, the network, the rate. So a reload that
 * does not change a limit goes on with the same buckets, and one that does begins with new ones; the old ones
 * run out.
 *
 * Answers say the same (as BIND's rate limiting has it) when they give records for one name, or none for one
 * name that exists; when they deny any name of one zone; when they are errors, whatever the name; and when
 * they answer ANY, whatever the name. What is truncated is no bigger than its question and is not counted.
 */
#include "query/meter.h"

#include "base/log.h"
#include "base/must.h"
#include "dns/apex.h"
#include "dns/hash.h"
#include "dns/header.h"
#include "dns/octets.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	METER_SLIPS = 4096, /* counters of excess, by key: those who share one share its turns */
	METER_MARKS = 4096, /* of networks in excess, by key: as many as that can be told apart */
	METER_SAY_MS = 10000,
	METER_TYPE_ANY = 255,
	METER_MARK_BITS = 64,
};

enum meter_kind {
	OF_CLAIMED, /* questions */
	OF_PROVEN,
	OF_RECORDS, /* answers */
	OF_NODATA,
	OF_NXDOMAIN,
	OF_ERROR,
	OF_ANY,
};

/* As bytes: all words, so without gaps. */
struct meter_key {
	uint64_t kind, network, name;
	struct limits_rate rate;
};

/* What the next line in the log will say. */
struct meter_tale {
	const char *what;
	uint64_t next_ms;
	unsigned counts[METER_REFUSE + 1], networks;
	uint64_t marks[METER_MARKS / METER_MARK_BITS];
};

struct meter {
	const struct config *config;
	struct limits *limits;
	struct stats_slab *stats;
	uint64_t seed;
	struct meter_tale questions, answers;
	uint8_t slips[METER_SLIPS];
};

struct meter *
meter_new(const struct config *config, struct limits *limits, struct stats_slab *stats, uint64_t seed)
{
	struct meter *m = must_alloc(1, sizeof *m);
	m->config = config;
	m->limits = limits;
	m->stats = stats;
	m->seed = seed;
	m->questions.what = "questions in excess of limits.rate";
	m->answers.what = "answers in excess of limits.response_rate";
	return m;
}

void
meter_free(struct meter *m)
{
	free(m);
}

static struct addr_net
network_of(const struct config_rate *rate, const struct addr *client)
{
	return addr_net_of(client, client->any.sa_family == AF_INET6 ? rate->ipv6_prefix : rate->ipv4_prefix);
}

uint64_t
meter_network(const struct config_rate *rate, const struct addr *client, uint64_t seed)
{
	struct addr_net net = network_of(rate, client);
	uint64_t words[] = {0, 0, (uint64_t)net.family << 8 | net.prefix};
	memcpy(words, net.bytes, sizeof net.bytes);
	return XXH3_64bits_withSeed(words, sizeof words, seed);
}

static bool
is_exempt(const struct config_rate *rate, const struct addr *client)
{
	for (size_t i = 0; i < rate->exempt_count; i++)
		if (addr_net_holds(&rate->exempt[i], client))
			return true;
	return false;
}

/* The first in excess is told to come by TCP at once. */
static bool
slips(struct meter *m, uint64_t key, unsigned slip)
{
	uint8_t *turn = &m->slips[key / LIMITS_SETS % METER_SLIPS];
	if (slip == 0)
		return false;
	bool now = *turn % slip == 0;
	*turn = (uint8_t)((*turn + 1u) % slip);
	return now;
}

/* Who it is may only be said where clients may be in the log. */
static void
tell(const struct meter *m, const struct meter_tale *tale, const struct addr_net *network)
{
	char text[ADDR_TEXT_BYTES] = "";
	bool named = m->config->log.queries;
	log_notice("%s networks=%u dropped=%u slipped=%u refused=%u%s%s", tale->what, tale->networks,
	        tale->counts[METER_DROP], tale->counts[METER_SLIP], tale->counts[METER_REFUSE],
	        named ? " latest=" : "", named ? addr_net_text(network, text) : "");
}

static void
note(const struct meter *m, struct meter_tale *tale, enum meter_verdict verdict, const struct addr_net *net,
        uint64_t network, uint64_t now_ms)
{
	uint64_t *marks = &tale->marks[network % METER_MARKS / METER_MARK_BITS];
	uint64_t bit = UINT64_C(1) << network % METER_MARK_BITS;
	tale->networks += (*marks & bit) == 0;
	*marks |= bit;
	tale->counts[verdict]++;
	if (now_ms < tale->next_ms)
		return;
	tell(m, tale, net);
	*tale = (struct meter_tale){.what = tale->what, .next_ms = now_ms + METER_SAY_MS};
}

/* What is to be counted, and where. */
struct meter_case {
	enum limits_table table;
	const struct config_rate *rate;
	const struct addr *client;
	enum meter_kind kind;
	uint64_t name;
	uint64_t now_us;
};

static enum meter_verdict
count(struct meter *m, struct meter_tale *tale, const struct meter_case *c)
{
	struct limits_rate bucket = limits_rate(c->rate->per_second, c->rate->burst);
	struct meter_key what = {c->kind, meter_network(c->rate, c->client, m->seed), c->name, bucket};
	uint64_t key = limits_key(m->limits, &what, sizeof what);
	if (limits_take(m->limits, c->table, key, &bucket, c->now_us * 1000))
		return METER_PASS;
	enum meter_verdict verdict = c->kind == OF_PROVEN           ? METER_REFUSE
	                             : slips(m, key, c->rate->slip) ? METER_SLIP
	                                                            : METER_DROP;
	struct addr_net net = network_of(c->rate, c->client);
	note(m, tale, verdict, &net, what.network, c->now_us / 1000);
	return verdict;
}

static bool
is_limited(const struct meter *m, const struct config_rate *rate, const struct addr *client)
{
	return rate->per_second > 0 && m->limits != NULL && !is_exempt(rate, client);
}

enum meter_verdict
meter_question(struct meter *m, const struct config_rate *rate, const struct addr *client, bool proven,
        uint64_t now_us)
{
	static const enum stats_counter counters[] = {
	        [METER_DROP] = STATS_rate_dropped,
	        [METER_SLIP] = STATS_rate_slipped,
	        [METER_REFUSE] = STATS_rate_refused,
	};
	if (!is_limited(m, rate, client))
		return METER_PASS;
	const struct meter_case c = {.table = LIMITS_QUESTIONS,
	        .rate = rate,
	        .client = client,
	        .kind = proven ? OF_PROVEN : OF_CLAIMED,
	        .now_us = now_us};
	enum meter_verdict verdict = count(m, &m->questions, &c);
	if (verdict != METER_PASS)
		stats_one(m->stats, counters[verdict]);
	return verdict;
}

static enum meter_kind
kind_of(const struct wire_question *question, uint16_t rcode, const uint8_t *answer)
{
	if (rcode == WIRE_RCODE_NXDOMAIN)
		return OF_NXDOMAIN;
	if (rcode != WIRE_RCODE_NOERROR)
		return OF_ERROR;
	if (question->type == METER_TYPE_ANY)
		return OF_ANY;
	return octets_get16(answer + HEADER_ANCOUNT) > 0 ? OF_RECORDS : OF_NODATA;
}

/* What tells answers of one kind apart, as a number; 0: nothing does. */
static uint64_t
name_for(enum meter_kind kind, const struct wire_question *question, const uint8_t *answer, size_t bytes)
{
	uint8_t zone[NAME_BYTES];
	size_t zone_bytes;
	switch (kind) {
	case OF_RECORDS:
	case OF_NODATA:
		return hash_name(question->name, question->name_bytes, 0, 0, 0);
	case OF_NXDOMAIN:
		zone_bytes = apex_find(answer, bytes, zone);
		return zone_bytes > 0 ? hash_name(zone, zone_bytes, 0, 0, 0) : 0;
	default:
		return 0;
	}
}

enum meter_verdict
meter_answer(struct meter *m, const struct addr *client, const struct wire_question *question, uint16_t rcode,
        const uint8_t *answer, size_t bytes, uint64_t now_us)
{
	const struct config_rate *rate = &m->config->limits.response_rate;
	bool truncated = (octets_get16(answer + HEADER_FLAGS) & WIRE_FLAG_TC) != 0;
	if (truncated || !is_limited(m, rate, client))
		return METER_PASS;
	enum meter_kind kind = kind_of(question, rcode, answer);
	const struct meter_case c = {.table = LIMITS_ANSWERS,
	        .rate = rate,
	        .client = client,
	        .kind = kind,
	        .name = name_for(kind, question, answer, bytes),
	        .now_us = now_us};
	enum meter_verdict verdict = count(m, &m->answers, &c);
	if (verdict != METER_PASS)
		stats_one(m->stats, verdict == METER_SLIP ? STATS_rrl_slipped : STATS_rrl_dropped);
	return verdict;
}
