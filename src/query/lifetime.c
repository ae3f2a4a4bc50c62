/*
 * How long an answer is kept: RFC 2308 for names and records that are not there, RFC 9520 for failures, and
 * the least TTL for all else.
 *
 * Pure: an answer in, a number out. What kind of answer it is shows in the rcode and in the types of its
 * records, by section; whose names they are is not looked at, as the chain from the question to its end is
 * for the upstream to follow, which is trusted to have done so.
 */
#include "query/lifetime.h"

#include "dns/header.h"
#include "dns/octets.h"
#include "dns/ttl.h"

enum {
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_TKEY = 249,  /* here begin the types that are asked for and are none, RFC 6895 section 3.1 */
	TYPE_MAILA = 254, /* ... and here they end, but for ANY */
	TYPE_ANY = 255,
	SOA_MINIMUM_BYTES = 4, /* the last of its RDATA */
};

static uint32_t
smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Where in the list of TTLs a section ends. The counts were found right when the answer was taken. */
static unsigned
answers_end(const uint8_t *msg, unsigned count)
{
	return smaller(octets_get16(msg + HEADER_ANCOUNT), count);
}

static unsigned
authority_end(const uint8_t *msg, unsigned count)
{
	return smaller(answers_end(msg, count) + octets_get16(msg + HEADER_NSCOUNT), count);
}

static bool
has_answer(const uint8_t *msg, const uint16_t *ttls, unsigned count, uint16_t type)
{
	unsigned end = answers_end(msg, count);

	for (unsigned i = 0; i < end; i++)
		if (type == TYPE_ANY || ttl_type(msg, ttls[i]) == type)
			return true;
	return false;
}

/* How long a SOA lets its zone's absences be known, RFC 2308 section 5. MINIMUM is a TTL like any other, and
 * comes from the same strangers: one with the top bit set is 0. */
static uint32_t
soa_life(const uint8_t *msg, uint16_t ttl)
{
	size_t bytes = 0;
	size_t rdata = ttl_rdata(msg, ttl, &bytes);

	if (bytes < SOA_MINIMUM_BYTES)
		return 0;
	return smaller(ttl_get(msg, ttl), ttl_get(msg, (uint16_t)(rdata + bytes - SOA_MINIMUM_BYTES)));
}

/* The least that the SOAs of the authority section say (there is one, or none). False: none. */
static bool
soa_least(const uint8_t *msg, const uint16_t *ttls, unsigned count, uint32_t *out)
{
	bool found = false;
	unsigned end = authority_end(msg, count);

	*out = TTL_LARGEST_S;
	for (unsigned i = answers_end(msg, count); i < end; i++) {
		if (ttl_type(msg, ttls[i]) != TYPE_SOA)
			continue;
		*out = smaller(*out, soa_life(msg, ttls[i]));
		found = true;
	}
	return found;
}

bool
lifetime_has(const struct wire_query *query)
{
	uint16_t type = query->question.type;

	return (query->flags & WIRE_FLAG_RD) != 0 && type != EDNS_TYPE_OPT &&
	       (type < TYPE_TKEY || type > TYPE_MAILA);
}

static bool
can_be_kept(const struct wire_query *query, const struct wire_answer *answer)
{
	return lifetime_has(query) && (octets_get16(answer->msg + HEADER_FLAGS) & WIRE_FLAG_TC) == 0;
}

static struct lifetime
positive(const struct config_cache *config, uint32_t least, uint32_t most)
{
	uint32_t floor = smaller(config->min_ttl_s, most);
	uint32_t life = least < floor ? floor : smaller(least, most);
	return (struct lifetime){CACHE_POSITIVE, life, floor, most};
}

static struct lifetime
negative(const struct config_cache *config, uint32_t least)
{
	uint32_t most = config->negative_max_ttl_s;
	return (struct lifetime){CACHE_NEGATIVE, smaller(least, most), 0, most};
}

static struct lifetime
failure(const struct config_cache *config)
{
	return (struct lifetime){CACHE_FAILURE, config->failure_ttl_s, 0, config->failure_ttl_s};
}

struct lifetime
lifetime_of(const struct config_cache *config, const struct wire_query *query,
        const struct wire_answer *answer, const uint16_t *ttls, unsigned count)
{
	const struct lifetime none = {.kind = CACHE_NEGATIVE};
	const uint8_t *msg = answer->msg;
	bool sound = answer->rcode == WIRE_RCODE_NOERROR;

	if (!can_be_kept(query, answer))
		return none;
	if (!sound && answer->rcode != WIRE_RCODE_NXDOMAIN)
		return failure(config);

	uint32_t least = ttl_least(msg, ttls, count);
	uint32_t soa = 0;
	if (sound && has_answer(msg, ttls, count, query->question.type))
		return positive(config, least, config->max_ttl_s);
	if (soa_least(msg, ttls, count, &soa))
		return negative(config, smaller(least, soa));
	if (sound && has_answer(msg, ttls, count, TYPE_CNAME))
		return positive(config, least, smaller(config->max_ttl_s, config->negative_max_ttl_s));
	return none;
}

/* RFC 2308 section 5: MINIMUM counts, so whoever keeps the SOA by its TTL must be told no more than that. */
static void
soa_lower(uint8_t *msg, const uint16_t *ttls, unsigned count)
{
	unsigned end = authority_end(msg, count);

	for (unsigned i = answers_end(msg, count); i < end; i++)
		if (ttl_type(msg, ttls[i]) == TYPE_SOA)
			ttl_put(msg, ttls[i], soa_life(msg, ttls[i]));
}

void
lifetime_prepare(const struct lifetime *lifetime, uint8_t *msg, const uint16_t *ttls, unsigned count)
{
	if (lifetime->life_s == 0)
		return;
	if (lifetime->kind == CACHE_NEGATIVE)
		soa_lower(msg, ttls, count);
	ttl_clamp(msg, ttls, count, lifetime->ttl_least, lifetime->ttl_most);
}
