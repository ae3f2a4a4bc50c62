/*
 * A zone of response policies (draft-vixie-dnsop-dns-rpz-00): a name of the zone, without the zone's own, is
 * the name that is asked for, and its records say what is done. "*.name" is what is below the name, and not
 * the name.
 *
 *   CNAME .               NXDOMAIN          CNAME rpz-passthru.   leave it alone
 *   CNAME *.              NODATA            CNAME rpz-drop.       no answer
 *   anything else         these records     CNAME rpz-tcp-only.   truncated, over UDP
 *
 * The zone's own name is that of its SOA. A file mostly does not say it but leaves it to the configuration of
 * the server; so names are read as if they were of the root, and a SOA that is elsewhere says where the zone
 * is.
 *
 * Triggers other than names that are asked for (addresses, name servers, clients) are told of and left out.
 */
#include "query/list_inside.h"

#include "dns/name.h"
#include "dns/zone.h"

#include <errno.h>

enum {
	CLASS_IN = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_SIG = 24,
	TYPE_NXT = 30,
	TYPE_DNAME = 39,
	TYPE_DS = 43,
	TYPE_RRSIG = 46,
	TYPE_NSEC = 47,
	TYPE_DNSKEY = 48,
	TYPE_NSEC3 = 50,
	TYPE_NSEC3PARAM = 51,
	TYPE_ZONEMD = 63,
	DEFAULT_TTL_S = 60,
};

struct zone {
	struct list_reader *reader;
	uint8_t apex[NAME_BYTES];
	size_t apex_bytes;
};

struct action {
	const char *target; /* wire form */
	size_t bytes;
	enum lists_deed deed;
};

#define ACTION(wire, deed)                                                                                   \
	{                                                                                                    \
		wire, sizeof wire, deed                                                                      \
	}

/* With the NUL of the literal as the root label. */
static const struct action actions[] = {
        ACTION("", LISTS_NXDOMAIN),
        ACTION("\001*", LISTS_NODATA),
        ACTION("\014rpz-passthru", LISTS_PASSTHRU),
        ACTION("\010rpz-drop", LISTS_DROP),
        ACTION("\014rpz-tcp-only", LISTS_TCP_ONLY),
};

/* The scanner ends the last line itself and counts what it put there; what is never closed has no line. */
static unsigned long
real_line(const struct zone *z, unsigned long line)
{
	unsigned long lines = z->reader->tally->lines;
	return line == 0 || line > lines ? lines : line;
}

static void
complain(struct zone *z, unsigned long line, const char *why)
{
	z->reader->tally->bad++;
	z->reader->taker->bad(z->reader->taker->arg, real_line(z, line), why);
}

static void
unsupported(struct zone *z, unsigned long line, const char *why)
{
	z->reader->tally->skipped++;
	if (z->reader->taker->unsupported != NULL)
		z->reader->taker->unsupported(z->reader->taker->arg, real_line(z, line), why);
}

/* How long the name is in front of `tail`; -1: it does not end in it. */
static int
front_bytes(const uint8_t *name, size_t bytes, const uint8_t *tail, size_t tail_bytes)
{
	size_t at = 0;
	while (bytes - at > tail_bytes)
		at += name[at] + 1u;
	bool ends = bytes - at == tail_bytes && name_equal(name + at, tail, tail_bytes);
	return ends ? (int)at : -1;
}

/* Which trigger its last label says it is; NULL: a name that is asked for. */
static const char *
foreign_trigger(const uint8_t *name, size_t bytes)
{
	static const struct {
		const char *label, *why;
	} rows[] = {
	        {"\006rpz-ip", "an rpz-ip trigger: only names that are asked for are supported"},
	        {"\010rpz-nsip", "an rpz-nsip trigger: only names that are asked for are supported"},
	        {"\013rpz-nsdname", "an rpz-nsdname trigger: only names that are asked for are supported"},
	        {"\015rpz-client-ip",
	                "an rpz-client-ip trigger: only names that are asked for are supported"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (front_bytes(name, bytes, (const uint8_t *)rows[i].label, strlen(rows[i].label) + 1) >= 0)
			return rows[i].why;
	return NULL;
}

/* What signs and delegates a zone is no policy. */
static bool
is_upkeep(uint16_t type)
{
	switch (type) {
	case TYPE_SOA:
	case TYPE_NS:
	case TYPE_SIG:
	case TYPE_NXT:
	case TYPE_DS:
	case TYPE_RRSIG:
	case TYPE_NSEC:
	case TYPE_DNSKEY:
	case TYPE_NSEC3:
	case TYPE_NSEC3PARAM:
	case TYPE_ZONEMD:
		return true;
	default:
		return false;
	}
}

static enum lists_deed
deed_of(const struct zone_record *record)
{
	for (size_t i = 0; record->type == TYPE_CNAME && i < sizeof actions / sizeof *actions; i++)
		if (record->rdata_bytes == actions[i].bytes &&
		        name_equal(record->rdata, (const uint8_t *)actions[i].target, actions[i].bytes))
			return actions[i].deed;
	return LISTS_DATA;
}

static void
take_trigger(struct zone *z, const struct zone_record *record, const uint8_t *name, size_t bytes)
{
	struct list_rule rule = {.name = name,
	        .bytes = bytes,
	        .deed = deed_of(record),
	        .scope = LISTS_EXACT,
	        .record = {.type = record->type,
	                .ttl_s = record->ttl_s,
	                .rdata = record->rdata,
	                .rdata_bytes = record->rdata_bytes}};
	if (name[0] == 1 && name[1] == '*') {
		rule.scope = LISTS_BELOW;
		rule.name += 2;
		rule.bytes -= 2;
	}
	if (rule.deed == LISTS_DATA && record->type == TYPE_CNAME && record->rdata[0] == 1 &&
	        record->rdata[1] == '*') {
		unsupported(z, record->line, "a CNAME to a wildcard with a name: no such thing is made here");
		return;
	}
	z->reader->tally->used++;
	z->reader->taker->rule(z->reader->taker->arg, &rule);
}

static void
take_record(void *arg, const struct zone_record *record)
{
	struct zone *z = arg;
	uint8_t name[NAME_BYTES];

	if (record->type == TYPE_SOA) {
		memcpy(z->apex, record->owner, record->owner_bytes);
		z->apex_bytes = record->owner_bytes;
		return;
	}
	int front = front_bytes(record->owner, record->owner_bytes, z->apex, z->apex_bytes);
	if (front < 0) {
		complain(z, record->line, "not a name of this zone (whose name is that of its SOA)");
		return;
	}
	if (front == 0 || is_upkeep(record->type))
		return;
	memcpy(name, record->owner, (size_t)front);
	name[front] = 0;
	const char *foreign = foreign_trigger(name, (size_t)front + 1);
	if (foreign != NULL)
		unsupported(z, record->line, foreign);
	else if (record->class != CLASS_IN || record->type == TYPE_DNAME)
		complain(z, record->line, "a class or type that is no action");
	else
		take_trigger(z, record, name, (size_t)front + 1);
}

static void
take_error(void *arg, unsigned long line, const char *why)
{
	complain(arg, line, why);
}

int
list_rpz(struct list_reader *reader, struct list_text text)
{
	struct zone z = {.reader = reader, .apex = {0}, .apex_bytes = 1};
	for (size_t i = 0; i < text.bytes; i++)
		reader->tally->lines += text.at[i] == '\n';
	reader->tally->lines += text.bytes > 0 && text.at[text.bytes - 1] != '\n';
	int rc = zone_parse(text.at, text.bytes, ".", DEFAULT_TTL_S, take_record, take_error, &z);
	reader->tally->cut = rc != 0;
	return rc == -ENOMEM ? rc : 0;
}
