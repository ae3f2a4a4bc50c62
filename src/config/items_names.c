/*
 * Text to value and back for what policy has: records, types of records, the hosts file.
 */
#include "config/items_names.h"

#include "config/config.h"
#include "dns/wire.h"
#include "dns/zone.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TYPE_DNAME = 39,
	TYPE_FIRST_META = 128, /* RFC 6895 section 3.1 */
	TYPE_LAST_META = 255,  /* ANY */
};

static bool
is_meta(uint16_t type)
{
	return type == 0 || type == EDNS_TYPE_OPT || (type >= TYPE_FIRST_META && type <= TYPE_LAST_META);
}

struct checking {
	struct why *why;
	unsigned records;
	bool failed;
};

static void
check_record(void *arg, const struct zone_record *record)
{
	struct checking *checking = arg;
	char word[WIRE_WORD_BYTES];
	uint16_t type = record->type;
	checking->records++;
	if (is_meta(type))
		checking->failed = !why_not(
		        checking->why, "%s is no type that a name can have", wire_type_text(type, word));
	else if (type == TYPE_DNAME)
		checking->failed = !why_not(checking->why,
		        "DNAME is not followed here; write the names out, or a wildcard CNAME");
}

static void
check_error(void *arg, unsigned long line, const char *why)
{
	struct checking *checking = arg;
	(void)line;
	if (!checking->failed)
		why_not(checking->why, "%s", why);
	checking->failed = true;
}

static bool
check_text(const char *text, struct why *why)
{
	struct checking checking = {.why = why};
	int rc = zone_parse(
	        text, strlen(text), NULL, CONFIG_RECORD_TTL_S, check_record, check_error, &checking);
	if (rc < 0 && !checking.failed)
		return why_not(why, "cannot be read");
	if (!checking.failed && checking.records != 1)
		return why_not(why, "%s; write one, like \"nas.home. 300 IN A 192.168.1.10\"",
		        checking.records == 0 ? "no record" : "more than one record");
	return !checking.failed;
}

static bool
record_take(void *value, const void *object, const char *text, struct why *why)
{
	struct config_record *record = value;
	(void)object;
	if (strlen(text) >= sizeof record->text)
		return why_not(why, "at most %d characters", CONFIG_RECORD_BYTES - 1);
	if (!check_text(text, why))
		return false;
	snprintf(record->text, sizeof record->text, "%s", text);
	return true;
}

static void
record_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	(void)object;
	snprintf(out, ITEM_TEXT_BYTES, "%s", ((const struct config_record *)value)->text);
}

static bool
type_take(void *value, const void *object, const char *text, struct why *why)
{
	uint16_t type;
	(void)object;
	if (!wire_type_find(text, &type))
		return why_not(why, "no type of records; write \"AAAA\", \"HTTPS\" or \"TYPE65\"");
	if (is_meta(type))
		return why_not(why, "no type that a name can have%s",
		        type == TYPE_LAST_META ? "; refuse_any is about ANY" : "");
	memcpy(value, &type, sizeof type);
	return true;
}

static void
type_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	char word[WIRE_WORD_BYTES];
	uint16_t type;
	(void)object;
	memcpy(&type, value, sizeof type);
	snprintf(out, ITEM_TEXT_BYTES, "%s", wire_type_text(type, word));
}

const struct item item_record = {sizeof(struct config_record), "a record", record_take, record_show};
const struct item item_type = {sizeof(uint16_t), "a type of records", type_take, type_show};

bool
item_check_hosts(const char *text, struct why *why)
{
	struct stat st;
	if (*text == '\0')
		return true;
	if (stat(text, &st) < 0 || access(text, R_OK) < 0)
		return why_not(why, "cannot be read: %s", strerror(errno));
	return S_ISREG(st.st_mode) || why_not(why, "no regular file; name a hosts file, like /etc/hosts");
}
