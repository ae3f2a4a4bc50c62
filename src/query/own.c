/*
 * Answers from tables. That there is no such name or record is said with a SOA, so that it is remembered (RFC
 * 2308): the zone's own if it has one, else one as RFC 6303 section 3 has it.
 */
#include "query/own.h"

#include "base/must.h"
#include "dns/compose.h"
#include "dns/domains.h"
#include "dns/names.h"
#include "dns/octets.h"
#include "dns/special.h"

#include <stdlib.h>
#include <string.h>

enum {
	CLASS_IN = 1,
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_HINFO = 13,
	TYPE_AAAA = 28,
	TYPE_DS = 43,
	TYPE_ANY = 255,
	ANY_TTL_S = 3789,      /* RFC 8482 section 7 */
	SPECIAL_TTL_S = 10800, /* RFC 6303 section 3 */
	ABSENT_TTL_S = 60,     /* what the administrator may add any time */
	MOST_ALIASES = 8,
	SOA_BYTES = 2 * NAME_BYTES + 20,
	SOA_NUMBERS_BYTES = 20,
};

struct own {
	const struct config_names *names;
	struct special *special; /* NULL: names are like others */
	struct domains *routed;  /* 1: a domain of a route */
	struct compose compose;
	uint8_t msg[WIRE_MESSAGE_BYTES];
};

static struct domains *
routed_new(const struct config *config)
{
	struct domains *routed = domains_new();
	for (size_t i = 0; i < config->route_count; i++)
		for (size_t j = 0; j < config->routes[i].domain_count; j++) {
			const struct config_domain *domain = &config->routes[i].domains[j];
			*domains_put(routed, domain->name, domain->bytes) = 1;
		}
	return routed;
}

struct own *
own_new(const struct config *config)
{
	struct own *own = must_alloc(1, sizeof *own);
	own->names = &config->names;
	own->special = config->names.special ? special_new() : NULL;
	own->routed = routed_new(config);
	return own;
}

void
own_free(struct own *own)
{
	if (own == NULL)
		return;
	special_free(own->special);
	domains_free(own->routed);
	free(own);
}

/* Does a route lead to the zone, of so many labels, or to something in it that has the name? */
static bool
is_routed(const struct own *own, const uint8_t *name, size_t bytes, unsigned zone_labels)
{
	struct domains_match match;
	domains_find(own->routed, name, bytes, &match);
	return match.numbered != 0 && match.numbered_labels >= zone_labels;
}

/* --- parts of answers --- */

static void
begin(struct own *own, const struct wire_question *q, unsigned flags)
{
	compose_begin(&own->compose, own->msg, sizeof own->msg, q, flags, WIRE_RCODE_NOERROR);
}

static void
end(struct own *own, uint16_t rcode, struct wire_answer *out)
{
	uint8_t *flags = own->msg + 2;
	octets_put16(flags, (uint16_t)(octets_get16(flags) | rcode));
	compose_end(&own->compose, rcode, out);
}

/* A SOA as RFC 6303 section 3 has it, of a zone that is its own server. */
static void
put_soa(struct own *own, enum compose_section section, const uint8_t *zone, size_t zone_bytes, uint32_t ttl_s)
{
	static const uint8_t rname[] = "\6nobody\7invalid";
	uint8_t rdata[SOA_BYTES], *at = rdata + zone_bytes;
	memcpy(rdata, zone, zone_bytes);
	memcpy(at, rname, sizeof rname);
	at += sizeof rname;
	octets_put32(at, 1);           /* serial */
	octets_put32(at + 4, 3600);    /* refresh */
	octets_put32(at + 8, 1200);    /* retry */
	octets_put32(at + 12, 604800); /* expire */
	octets_put32(at + 16, ttl_s);  /* minimum */
	compose_record(&own->compose, section, zone, TYPE_SOA, ttl_s, rdata,
	        (size_t)(at - rdata) + SOA_NUMBERS_BYTES);
}

/* The zone's own SOA and NS, where they are asked for. */
static bool
put_apex(struct own *own, uint16_t type, const uint8_t *zone, size_t zone_bytes, uint32_t ttl_s)
{
	if (type == TYPE_SOA)
		put_soa(own, COMPOSE_ANSWER, zone, zone_bytes, ttl_s);
	else if (type == TYPE_NS)
		compose_record(&own->compose, COMPOSE_ANSWER, NULL, TYPE_NS, ttl_s, zone, zone_bytes);
	return type == TYPE_SOA || type == TYPE_NS;
}

/* --- names of our own --- */

/* For a name that has no such record, or is not there. */
static void
put_absence(struct own *own, const uint8_t *name, size_t bytes, const struct names_found *found)
{
	const struct names *table = own->names->table;
	size_t at = found->in_zone ? found->zone_at : 0;
	const uint8_t *zone = name + at;
	/* the administrator's own, if there is one */
	const struct names_record *soa =
	        found->in_zone ? names_record_of(table, zone, bytes - at, TYPE_SOA) : NULL;
	if (soa == NULL || soa->rdata_bytes < SOA_NUMBERS_BYTES) {
		put_soa(own, COMPOSE_AUTHORITY, zone, bytes - at, ABSENT_TTL_S);
		return;
	}
	const uint8_t *rdata = names_rdata(table, soa);
	uint32_t minimum = octets_get32(rdata + soa->rdata_bytes - 4);
	compose_record(&own->compose, COMPOSE_AUTHORITY, zone, TYPE_SOA,
	        minimum < soa->ttl_s ? minimum : soa->ttl_s, rdata, soa->rdata_bytes);
}

static void
put_record(struct own *own, const uint8_t *owner, const struct names_record *record)
{
	compose_record(&own->compose, COMPOSE_ANSWER, owner, record->type, record->ttl_s,
	        names_rdata(own->names->table, record), record->rdata_bytes);
}

/* Puts the records of this type. False: there is none; then *alias is the name's CNAME or NULL. */
static bool
put_records(struct own *own, const uint8_t *owner, const struct names_found *found, uint16_t type,
        const struct names_record **alias)
{
	const struct names_record *record = NULL;
	bool any = false;
	*alias = NULL;
	while ((record = names_record(own->names->table, found, record)) != NULL)
		if (record->type == type || type == TYPE_ANY) {
			put_record(own, owner, record);
			any = true;
		} else if (record->type == TYPE_CNAME) {
			*alias = record;
		}
	return any;
}

/* What is said of a name without records: whether it is there. Returns the rcode. */
static uint16_t
put_nothing(struct own *own, const uint8_t *name, size_t bytes, const struct names_found *found)
{
	put_absence(own, name, bytes, found);
	return found->kind == NAMES_ABSENT ? WIRE_RCODE_NXDOMAIN : WIRE_RCODE_NOERROR;
}

/* Is it ours to say what this name has, or that it has nothing? */
static bool
is_ours(const struct own *own, const uint8_t *name, size_t bytes, const struct names_found *found)
{
	if (found->kind == NAMES_NAME)
		return true;
	return found->kind != NAMES_NONE && found->in_zone &&
	       !is_routed(own, name, bytes, found->zone_labels + 1);
}

/* A name on the way from alias to alias. */
struct hop {
	const uint8_t *name;
	size_t bytes;
	bool ours;
};

/* From alias to alias. The answer has been begun. */
static uint16_t
follow(struct own *own, const struct wire_question *q, struct names_found *found, struct hop *hop)
{
	const uint8_t *owner = NULL;
	const struct names_record *alias;
	*hop = (struct hop){q->name, q->name_bytes, true};
	for (unsigned i = 0; i < MOST_ALIASES; i++) {
		if (put_records(own, owner, found, q->type, &alias))
			return WIRE_RCODE_NOERROR;
		if (alias == NULL)
			return put_nothing(own, hop->name, hop->bytes, found);
		put_record(own, owner, alias);
		owner = hop->name = names_rdata(own->names->table, alias);
		hop->bytes = alias->rdata_bytes;
		names_find(own->names->table, hop->name, hop->bytes, found);
		hop->ours = is_ours(own, hop->name, hop->bytes, found);
		if (!hop->ours)
			return WIRE_RCODE_NOERROR;
	}
	return WIRE_RCODE_NOERROR;
}

bool
own_record(struct own *own, const struct wire_question *q, struct wire_answer *out, const uint8_t **alias,
        size_t *alias_bytes)
{
	struct names_found found;
	struct hop hop = {.ours = true};
	if (own->names->table == NULL || q->class != CLASS_IN)
		return false;
	names_find(own->names->table, q->name, q->name_bytes, &found);
	if (!is_ours(own, q->name, q->name_bytes, &found))
		return false;
	*alias_bytes = 0;
	if (found.kind == NAMES_NAME && own_any(own, q, out))
		return true;
	begin(own, q, WIRE_FLAG_AA);
	bool apex = found.in_zone && found.zone_at == 0;
	uint16_t rcode = WIRE_RCODE_NOERROR;
	if (found.kind != NAMES_EMPTY || !apex ||
	        !put_apex(own, q->type, q->name, q->name_bytes, ABSENT_TTL_S))
		rcode = follow(own, q, &found, &hop);
	end(own, rcode, out);
	*alias = hop.ours ? NULL : hop.name;
	*alias_bytes = hop.ours ? 0 : hop.bytes;
	return true;
}

/* --- special names --- */

/* Is there a name of our own below this one? Then it exists. */
static bool
is_above_ours(const struct own *own, const struct wire_question *q)
{
	struct names_found found = {.kind = NAMES_NONE};
	if (own->names->table != NULL)
		names_find(own->names->table, q->name, q->name_bytes, &found);
	return found.kind != NAMES_NONE;
}

/* The record that there is, if it is asked for. */
static bool
put_special(struct own *own, const struct wire_question *q, const struct special_found *found)
{
	static const uint8_t ipv4[] = {127, 0, 0, 1}, ipv6[16] = {[15] = 1}, localhost[] = "\11localhost";
	struct compose *c = &own->compose;
	if (found->kind == SPECIAL_LOCALHOST && q->type == TYPE_A)
		return compose_record(c, COMPOSE_ANSWER, NULL, TYPE_A, SPECIAL_TTL_S, ipv4, sizeof ipv4);
	if (found->kind == SPECIAL_LOCALHOST && q->type == TYPE_AAAA)
		return compose_record(c, COMPOSE_ANSWER, NULL, TYPE_AAAA, SPECIAL_TTL_S, ipv6, sizeof ipv6);
	if (found->kind == SPECIAL_LOOPBACK && q->type == TYPE_PTR)
		return compose_record(
		        c, COMPOSE_ANSWER, NULL, TYPE_PTR, SPECIAL_TTL_S, localhost, sizeof localhost);
	return found->is_zone && found->kind != SPECIAL_ABSENT &&
	       put_apex(own, q->type, q->name, q->name_bytes, SPECIAL_TTL_S);
}

bool
own_special(struct own *own, const struct wire_question *q, struct wire_answer *out)
{
	struct special_found found;
	if (own->special == NULL || q->class != CLASS_IN)
		return false;
	special_find(own->special, q->name, q->name_bytes, &found);
	if (found.kind == SPECIAL_NONE || is_routed(own, q->name, q->name_bytes, found.zone_labels))
		return false;
	if (q->type == TYPE_DS && found.is_zone && found.delegated)
		return false; /* its parent's to say, and what it says lets a validating client accept our
		                 words */
	if (found.kind == SPECIAL_ABSENT && is_above_ours(own, q))
		found.kind = SPECIAL_EMPTY;
	begin(own, q, WIRE_FLAG_AA);
	if (!put_special(own, q, &found))
		put_soa(own, COMPOSE_AUTHORITY, q->name + found.zone_at, q->name_bytes - found.zone_at,
		        SPECIAL_TTL_S);
	end(own, found.kind == SPECIAL_ABSENT ? WIRE_RCODE_NXDOMAIN : WIRE_RCODE_NOERROR, out);
	return true;
}

/* --- types --- */

bool
own_filter(struct own *own, const struct wire_question *q, struct wire_answer *out)
{
	const struct config_names *names = own->names;
	size_t i = 0;
	while (i < names->filter_type_count && names->filter_types[i] != q->type)
		i++;
	if (i == names->filter_type_count || q->class != CLASS_IN)
		return false;
	begin(own, q, 0);
	put_soa(own, COMPOSE_AUTHORITY, q->name, q->name_bytes, ABSENT_TTL_S);
	end(own, WIRE_RCODE_NOERROR, out);
	out->edns.ede_bytes = (uint16_t)edns_ede_data(out->edns.ede, EDNS_EDE_FILTERED, "type filtered");
	return true;
}

bool
own_any(struct own *own, const struct wire_question *q, struct wire_answer *out)
{
	static const uint8_t hinfo[] = "\7RFC8482"; /* and an empty string, RFC 8482 section 4.2 */
	if (q->type != TYPE_ANY || !own->names->refuse_any)
		return false;
	begin(own, q, 0);
	compose_record(&own->compose, COMPOSE_ANSWER, NULL, TYPE_HINFO, ANY_TTL_S, hinfo, sizeof hinfo);
	end(own, WIRE_RCODE_NOERROR, out);
	return true;
}
