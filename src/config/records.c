/*
 * First what the administrator wrote, then the hosts file, and last the PTRs, which give way to all that is
 * given.
 */
#include "config/records.h"

#include "config/hosts_file.h"
#include "config/keys.h"
#include "config/slurp.h"
#include "dns/names.h"
#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

enum {
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_PTR = 12,
	TYPE_AAAA = 28,
	HOSTS_MOST_BYTES = 32 << 20,
	HOSTS_MOST_REMARKS = 20,
	SHOWN_BYTES = 100,
	REVERSE_TEXT_BYTES = 80,
};

struct building {
	struct draft *draft;
	struct names *names;
	const struct config_record *record; /* the one at hand */
	unsigned hosts_errors;
};

/* --- all records --- */

static void
refuse_record(struct building *b, const char *why)
{
	char shown[SHOWN_BYTES], subject[SHOWN_BYTES + 32];
	complain_show(shown, sizeof shown, b->record->text, strlen(b->record->text));
	snprintf(subject, sizeof subject, "policy.records: \"%s\"", shown);
	complain(&b->draft->complaints, &b->draft->places[keys_find("policy.records") - keys], subject, "%s",
	        why);
}

static void
add_record(void *arg, const struct zone_record *record)
{
	struct building *b = arg;
	switch (names_add(b->names, record->owner, record->owner_bytes, record->type, record->ttl_s,
	        record->rdata, record->rdata_bytes)) {
	case NAMES_CNAME_ALONE:
		refuse_record(b, "a CNAME can have no other record beside it; leave one of them out");
		break;
	case NAMES_CNAME_ONE:
		refuse_record(b, "this name has a CNAME already; leave one of them out");
		break;
	default:
		break;
	}
}

/* Each was found good when it was read. */
static void
ignore_error(void *arg, unsigned long line, const char *why)
{
	(void)arg;
	(void)line;
	(void)why;
}

static void
each_record(struct building *b, zone_record_fn *deed)
{
	const struct config_names *names = &b->draft->config->names;
	for (size_t i = 0; i < names->record_count; i++) {
		b->record = &names->records[i];
		(void)!zone_parse(b->record->text, strlen(b->record->text), NULL, CONFIG_RECORD_TTL_S, deed,
		        ignore_error, b);
	}
}

/* --- the hosts file --- */

static void
remark(struct building *b, unsigned long line, const char *why)
{
	struct complaints *list = &b->draft->complaints;
	const char *file = b->draft->config->names.hosts_file;
	if (++b->hosts_errors > HOSTS_MOST_REMARKS)
		return;
	struct place place = complain_place(list, file, (unsigned)line);
	complain_remark(list, &place, NULL, "%s; the line is skipped", why);
}

static void
remark_rest(struct building *b)
{
	struct complaints *list = &b->draft->complaints;
	if (b->hosts_errors <= HOSTS_MOST_REMARKS)
		return;
	struct place place = complain_place(list, b->draft->config->names.hosts_file, 0);
	complain_remark(
	        list, &place, NULL, "%u more lines are skipped", b->hosts_errors - HOSTS_MOST_REMARKS);
}

static void
add_host(void *arg, const struct hosts_entry *entry)
{
	struct building *b = arg;
	uint16_t type = entry->address_bytes == 4 ? TYPE_A : TYPE_AAAA;
	if (names_add(b->names, entry->name, entry->name_bytes, type, RECORDS_HOSTS_TTL_S, entry->address,
	            entry->address_bytes) == NAMES_CNAME_ALONE)
		remark(b, entry->line, "a name that policy.records has a CNAME for");
}

static void
refuse_host(void *arg, unsigned long line, const char *why)
{
	remark(arg, line, why);
}

/* --- PTR --- */

static void
write_reverse(const uint8_t *address, size_t bytes, char out[REVERSE_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	if (bytes == 4) {
		snprintf(out, REVERSE_TEXT_BYTES, "%u.%u.%u.%u.in-addr.arpa", address[3], address[2],
		        address[1], address[0]);
		return;
	}
	for (size_t i = bytes; i > 0; i--) {
		*out++ = digits[address[i - 1] & 15];
		*out++ = '.';
		*out++ = digits[address[i - 1] >> 4];
		*out++ = '.';
	}
	strcpy(out, "ip6.arpa");
}

/* "0.0.0.0" in a hosts file is no host's. */
static bool
is_unspecified(const uint8_t *address, size_t bytes)
{
	static const uint8_t zeros[16];
	return memcmp(address, zeros, bytes) == 0;
}

static void
add_ptr(struct building *b, const uint8_t *address, size_t bytes, uint32_t ttl_s, const uint8_t *name,
        size_t name_bytes)
{
	char text[REVERSE_TEXT_BYTES];
	uint8_t reverse[NAME_BYTES];
	if (is_unspecified(address, bytes) || (name[0] == 1 && name[1] == '*'))
		return;
	write_reverse(address, bytes, text);
	size_t reverse_bytes = name_from_text(text, reverse);
	if (names_record_of(b->names, reverse, reverse_bytes, TYPE_PTR) == NULL)
		names_add(b->names, reverse, reverse_bytes, TYPE_PTR, ttl_s, name, name_bytes);
}

static void
reverse_record(void *arg, const struct zone_record *record)
{
	if (record->type == TYPE_A || record->type == TYPE_AAAA)
		add_ptr(arg, record->rdata, record->rdata_bytes, record->ttl_s, record->owner,
		        record->owner_bytes);
}

static void
reverse_host(void *arg, const struct hosts_entry *entry)
{
	add_ptr(arg, entry->address, entry->address_bytes, RECORDS_HOSTS_TTL_S, entry->name,
	        entry->name_bytes);
}

/* --- aliases --- */

static const struct names_record *
cname_of(const struct names *table, const uint8_t *name, size_t bytes)
{
	struct names_found found;
	names_find(table, name, bytes, &found);
	const struct names_record *record = names_record(table, &found, NULL);
	return record != NULL && record->type == TYPE_CNAME ? record : NULL;
}

static void
follow_alias(void *arg, const struct zone_record *record)
{
	struct building *b = arg;
	const uint8_t *name = record->rdata;
	size_t bytes = record->rdata_bytes;
	if (record->type != TYPE_CNAME)
		return;
	for (unsigned i = 1; i < RECORDS_MOST_ALIASES; i++) {
		const struct names_record *next = cname_of(b->names, name, bytes);
		if (next == NULL)
			return;
		name = names_rdata(b->names, next);
		bytes = next->rdata_bytes;
	}
	refuse_record(b, "this CNAME leads to a CNAME, and so on without end; let it lead to a name that has "
	                 "an address");
}

/* --- zones --- */

static void
add_zones(struct building *b)
{
	const struct config_names *names = &b->draft->config->names;
	const struct place *place = &b->draft->places[keys_find("policy.local_zones") - keys];
	for (size_t i = 0; i < names->local_zone_count; i++) {
		const struct config_domain *zone = &names->local_zones[i];
		if (zone->bytes > 1)
			names_add_zone(b->names, zone->name, zone->bytes);
		else
			complain(&b->draft->complaints, place, "policy.local_zones: \".\"",
			        "then no other name could be resolved; name a domain of your own");
	}
}

/* The file's text; NULL in slurp->text when there is none. */
static void
open_hosts(struct building *b, struct slurp *slurp)
{
	const char *file = b->draft->config->names.hosts_file;
	*slurp = (struct slurp){.text = NULL};
	if (file == NULL || *file == '\0')
		return;
	const char *why = slurp_file(slurp, file, false, HOSTS_MOST_BYTES);
	if (why == NULL)
		return;
	slurp->text = NULL;
	complain(&b->draft->complaints, &b->draft->places[keys_find("policy.hosts_file") - keys],
	        "policy.hosts_file", "%s cannot be read: %s", file,
	        why == slurp_too_large ? "it is larger than 32 MiB" : why);
}

void
records_build(struct draft *draft)
{
	struct config_names *names = &draft->config->names;
	struct building b = {.draft = draft, .names = names_new()};
	struct slurp hosts;
	open_hosts(&b, &hosts);
	add_zones(&b);
	each_record(&b, add_record);
	each_record(&b, follow_alias);
	if (hosts.text != NULL)
		hosts_file_parse(hosts.text, hosts.count, add_host, refuse_host, &b);
	remark_rest(&b);
	each_record(&b, reverse_record);
	if (hosts.text != NULL)
		hosts_file_parse(hosts.text, hosts.count, reverse_host, NULL, &b);
	free(hosts.text);
	if (names_is_empty(b.names)) {
		names_free(b.names);
		b.names = NULL;
	}
	names->table = b.names;
}
