/*
 * One row for each number, with what it means: whoever reads this in the night has not read the manual. A
 * name that is in the JSON once stays there.
 */
#include "process/cache_report.h"

#include "dns/octets.h"
#include "dns/show.h"
#include "dns/ttl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- as a whole ------------------------------------------------------------------------------------------
 */

struct number {
	const char *name;
	size_t offset; /* in the census */
	size_t bytes;
	const char *help;
};

#define NUMBER(name, help)                                                                                   \
	{                                                                                                    \
#name, offsetof(struct cache_census, name), sizeof((struct cache_census *)NULL)->name, help  \
	}

static const struct number numbers[] = {
        NUMBER(bytes, "the whole, bookkeeping included: cache.size"),
        NUMBER(room_bytes, "of them for answers"),
        NUMBER(used_bytes, "taken by answers that can be found"),
        NUMBER(dead_bytes, "taken by answers that were replaced or flushed; comes back by itself"),
        NUMBER(entries, "answers that can be found"),
        NUMBER(places, "answers that the index has room for"),
        NUMBER(segment_bytes, "of one segment; no answer can be larger"),
        NUMBER(segments, "pieces that the room for answers is cut into"),
        NUMBER(segments_free, "of them empty"),
        NUMBER(segments_small, "of them with new answers, on probation"),
        NUMBER(segments_main, "of them with answers that were asked for again"),
        NUMBER(segments_open, "of them being written to"),
        NUMBER(segments_evicting, "of them being emptied"),
        NUMBER(segments_lost, "of them in no known state: to be 0"),
        NUMBER(entries_wrong, "in the index without an answer behind: to be 0 when nobody writes"),
};

static const enum stats_counter counters_shown[] = {STATS_cache_hits, STATS_cache_stale, STATS_cache_misses,
        STATS_cache_joined, STATS_cache_prefetches, STATS_cache_inserts, STATS_cache_unstored,
        STATS_cache_evicted_new, STATS_cache_evicted_old, STATS_cache_evicted_expired,
        STATS_cache_evicted_index};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t
number_value(const struct cache_census *census, const struct number *number)
{
	const char *at = (const char *)census + number->offset;
	unsigned small;
	uint64_t large;
	if (number->bytes == sizeof large) {
		memcpy(&large, at, sizeof large);
		return large;
	}
	memcpy(&small, at, sizeof small);
	return small;
}

enum { NO_RATIO = 1001 };

/* Of a thousand. Rounded down: 1.000 is for a cache that never missed. Who got a stale answer has missed a
 * fresh one and is counted there. */
static unsigned
ratio_of(const uint64_t counters[STATS_COUNT])
{
	uint64_t found = counters[STATS_cache_hits] + counters[STATS_cache_stale];
	uint64_t asked = counters[STATS_cache_hits] + counters[STATS_cache_misses];
	/* Counters are read one after the other, and may not fit for a moment. */
	if (found > asked)
		found = asked;
	return asked == 0 ? NO_RATIO : (unsigned)((unsigned __int128)found * 1000 / asked);
}

const char *
cache_report_ratio(const uint64_t counters[STATS_COUNT], char out[CACHE_REPORT_RATIO_BYTES])
{
	unsigned ratio = ratio_of(counters);
	if (ratio == NO_RATIO)
		snprintf(out, CACHE_REPORT_RATIO_BYTES, "-");
	else
		snprintf(out, CACHE_REPORT_RATIO_BYTES, "%u.%03u", ratio / 1000 % 10, ratio % 1000);
	return out;
}

void
cache_report_ratio_json(const uint64_t counters[STATS_COUNT], struct json *j)
{
	unsigned ratio = ratio_of(counters);
	if (ratio == NO_RATIO)
		json_null(j, "hit_ratio");
	else
		json_thousandths(j, "hit_ratio", ratio);
}

const char *
cache_report_size(uint64_t bytes, char out[CACHE_REPORT_SIZE_BYTES])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes / 1024.;
	size_t unit = 0;
	if (bytes < 1024) {
		snprintf(out, CACHE_REPORT_SIZE_BYTES, "%u B", (unsigned)bytes);
		return out;
	}
	for (; size >= 1023.95 && unit + 1 < COUNT(units); unit++)
		size /= 1024.;
	snprintf(out, CACHE_REPORT_SIZE_BYTES, "%.1f %s", size, units[unit]);
	return out;
}

static void
stats_json(const struct cache_census *census, const uint64_t *counters, FILE *out)
{
	struct json j = {.out = out};
	json_object(&j, NULL);
	cache_report_ratio_json(counters, &j);
	for (size_t i = 0; i < COUNT(counters_shown); i++)
		json_number(&j, stats_name(counters_shown[i]), counters[counters_shown[i]]);
	for (size_t i = 0; i < COUNT(numbers); i++)
		json_number(&j, numbers[i].name, number_value(census, &numbers[i]));
	json_end(&j);
}

void
cache_report_stats(
        const struct cache_census *census, const uint64_t counters[STATS_COUNT], bool json, FILE *out)
{
	char text[CACHE_REPORT_SIZE_BYTES];
	if (json) {
		stats_json(census, counters, out);
		return;
	}
	uint64_t full = census->room_bytes > 0 ? census->used_bytes * 100 / census->room_bytes : 0;
	fprintf(out, "%s, %llu%% of the room taken by %llu answers", cache_report_size(census->bytes, text),
	        (unsigned long long)full, (unsigned long long)census->entries);
	fprintf(out, "; hit ratio %s\n\n", cache_report_ratio(counters, text));
	for (size_t i = 0; i < COUNT(counters_shown); i++)
		fprintf(out, "%-22s %12llu  %s\n", stats_name(counters_shown[i]),
		        (unsigned long long)counters[counters_shown[i]], stats_help(counters_shown[i]));
	fputc('\n', out);
	for (size_t i = 0; i < COUNT(numbers); i++)
		fprintf(out, "%-22s %12llu  %s\n", numbers[i].name,
		        (unsigned long long)number_value(census, &numbers[i]), numbers[i].help);
}

/* --- one answer ------------------------------------------------------------------------------------------
 */

static const char *const kinds[] = {
        [CACHE_POSITIVE] = "positive",
        [CACHE_NEGATIVE] = "negative",
        [CACHE_FAILURE] = "failure",
};

/* Entries are checked as a whole before they come here, and read all the same as if they were not: what shows
 * a cache is what is used when it is suspect. */
bool
cache_report_question(const struct cache_entry *entry, struct wire_question *out)
{
	enum { FIXED_BYTES = 4 };
	const uint8_t *msg = entry->answer.msg;
	size_t bytes = entry->answer.bytes;
	size_t name = bytes > WIRE_HEADER_BYTES ? name_plain_bytes(msg, bytes, WIRE_HEADER_BYTES) : 0;
	if (name == 0 || bytes - WIRE_HEADER_BYTES - name < FIXED_BYTES)
		return false;
	const uint8_t *fixed = msg + WIRE_HEADER_BYTES + name;
	memcpy(out->name, msg + WIRE_HEADER_BYTES, name);
	out->name_bytes = (uint16_t)name;
	out->type = octets_get16(fixed);
	out->class = octets_get16(fixed + 2);
	return true;
}

static const char *
class_text(uint16_t class, char out[WIRE_WORD_BYTES])
{
	static const struct {
		uint16_t number;
		const char *word;
	} words[] = {{1, "IN"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"}};
	for (size_t i = 0; i < COUNT(words); i++)
		if (words[i].number == class)
			return words[i].word;
	snprintf(out, WIRE_WORD_BYTES, "CLASS%u", class);
	return out;
}

static const char *
kind_text(const struct cache_entry *entry)
{
	return (unsigned)entry->kind < COUNT(kinds) ? kinds[entry->kind] : "unknown";
}

static bool
is_fresh(const struct cache_entry *entry, uint64_t now_ms)
{
	return now_ms < entry->expires_ms;
}

/* Seconds until it expires or since it did; one that has not is never said to have none left. */
static uint64_t
seconds(const struct cache_entry *entry, uint64_t now_ms)
{
	return is_fresh(entry, now_ms) ? (entry->expires_ms - now_ms + 999) / 1000
	                               : (now_ms - entry->expires_ms) / 1000;
}

const char cache_report_columns[] =
        "# NAME CLASS TYPE FLAGS KIND RCODE STATE SECONDS(left, or since it expired) LIFE BYTES ASKED\n";

enum { FLAGS_BYTES = 32 + CACHE_REPORT_VIEW_BYTES };

static const char *
flags_text(const struct cache_entry *entry, const char *view, char out[FLAGS_BYTES])
{
	snprintf(out, FLAGS_BYTES, "%s%s%s%s%s", entry->dnssec_ok ? ",do" : "",
	        entry->checking_disabled ? ",cd" : "", entry->unasked ? ",unasked" : "",
	        entry->view != 0 ? ",view=" : "", entry->view != 0 ? view : "");
	return out[0] != '\0' ? out + 1 : "-";
}

void
cache_report_line(const struct cache_entry *entry, const struct wire_question *question, const char *view,
        uint64_t now_ms, FILE *out)
{
	char name[NAME_TEXT_BYTES], class[WIRE_WORD_BYTES], type[WIRE_WORD_BYTES], rcode[WIRE_WORD_BYTES],
	        flags[FLAGS_BYTES];
	fprintf(out, "%s %s %s %s %s %s %s %llu %u %zu %u\n",
	        name_text(question->name, question->name_bytes, name), class_text(question->class, class),
	        wire_type_text(question->type, type), flags_text(entry, view, flags), kind_text(entry),
	        wire_rcode_text(entry->answer.rcode, rcode), is_fresh(entry, now_ms) ? "fresh" : "expired",
	        (unsigned long long)seconds(entry, now_ms), entry->life_s, entry->answer.bytes, entry->asked);
}

void
cache_report_members(const struct cache_entry *entry, const struct wire_question *question, const char *view,
        uint64_t now_ms, struct json *j)
{
	char name[NAME_TEXT_BYTES], word[WIRE_WORD_BYTES];
	json_text(j, "name", name_text(question->name, question->name_bytes, name));
	json_text(j, "class", class_text(question->class, word));
	json_text(j, "type", wire_type_text(question->type, word));
	json_bool(j, "dnssec_ok", entry->dnssec_ok);
	json_bool(j, "checking_disabled", entry->checking_disabled);
	json_bool(j, "unasked", entry->unasked);
	if (entry->view != 0)
		json_text(j, "view", view);
	json_text(j, "kind", kind_text(entry));
	json_text(j, "rcode", wire_rcode_text(entry->answer.rcode, word));
	json_bool(j, "fresh", is_fresh(entry, now_ms));
	if (is_fresh(entry, now_ms))
		json_number(j, "left_s", seconds(entry, now_ms));
	else
		json_number(j, "expired_s", seconds(entry, now_ms));
	json_number(j, "life_s", entry->life_s);
	json_number(j, "bytes", entry->answer.bytes);
	json_number(j, "asked", entry->asked);
}

/* As a client would get it now. What may be damaged is not aged: its TTLs are shown as they stand. */
void
cache_report_answer(const struct cache_entry *entry, uint64_t now_ms, FILE *out)
{
	enum { TTL_BYTES = 4 };
	static uint8_t copy[WIRE_MESSAGE_BYTES];
	struct wire_answer aged = entry->answer;
	bool sound = aged.bytes <= sizeof copy;
	for (unsigned i = 0; i < entry->ttl_count && sound; i++)
		sound = entry->ttls[i] >= WIRE_HEADER_BYTES &&
		        (size_t)entry->ttls[i] + TTL_BYTES <= aged.bytes;
	if (sound) {
		memcpy(copy, aged.msg, aged.bytes);
		aged.msg = copy;
		if (now_ms > entry->stored_ms)
			ttl_age(copy, entry->ttls, entry->ttl_count,
			        (uint32_t)((now_ms - entry->stored_ms) / 1000));
	}
	show_answer(out, &aged);
}

void
cache_report_answer_json(const struct cache_entry *entry, uint64_t now_ms, struct json *j)
{
	char *text = NULL, *rest, *line;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	if (out != NULL)
		cache_report_answer(entry, now_ms, out);
	if (out == NULL || fclose(out) != 0 || text == NULL) {
		free(text);
		json_null(j, "answer");
		return;
	}
	rest = text;
	json_array(j, "answer");
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			json_text(j, NULL, line);
	json_end(j);
	free(text);
}
