/*
 * Members are written whole or not at all: one that finds no room is taken back, and so are all behind it.
 * Bytes at the end of the buffer are kept for what must come last.
 */
#include "base/logform.h"

#include "base/json.h"
#include "base/logline.h"
#include "base/must.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LOGFORM_END_BYTES = 16, LOGFORM_VALUE_BYTES = 4096, LOGFORM_LEAST_BYTES = 512 };

static const char end_whole[] = "}", end_cut[] = ",\"cut\":true}";
static_assert(sizeof end_cut <= LOGFORM_END_BYTES, "kept for the end");

struct form_writer {
	char *out;
	size_t room, used;
	bool full;
};

/* Who writes: "worker 1" is role "worker" with a slot. */
struct who {
	int role_bytes;
	const char *role, *slot; /* NULL: none */
};

static void
put_bytes(struct form_writer *w, const void *bytes, size_t count)
{
	if (w->full || count > w->room - w->used) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->used, bytes, count);
	w->used += count;
}

static void
put(struct form_writer *w, const char *text)
{
	put_bytes(w, text, strlen(text));
}

/* From `mark` on it was too much. False when it was. */
static bool
settle(struct form_writer *w, size_t mark)
{
	if (w->full)
		w->used = mark;
	return !w->full;
}

static struct who
who_writes(const struct logform *form)
{
	const char *role = form->role[0] != '\0' ? form->role : "dotward", *space = strrchr(role, ' ');
	bool slot = space != NULL && space[1] != '\0' && space[1 + strspn(space + 1, "0123456789")] == '\0';
	return (struct who){.role = role,
	        .role_bytes = (int)(slot ? (size_t)(space - role) : strlen(role)),
	        .slot = slot ? space + 1 : NULL};
}

size_t
logform_stamp(const struct timespec *now, char *out, size_t room)
{
	struct tm utc;
	char stamp[32];
	gmtime_r(&now->tv_sec, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	int used = snprintf(out, room, "%s.%03ldZ", stamp, now->tv_nsec / 1000000);
	return used < 0 ? 0 : (size_t)used;
}

size_t
logform_text(const struct logform *form, char *out, size_t room)
{
	char stamp[64];
	logform_stamp(&form->now, stamp, sizeof stamp);
	int used = snprintf(out, room, "%s %s %s: %s", stamp, form->level,
	        form->role[0] != '\0' ? form->role : "dotward", form->text);
	return used < 0 ? 0 : (size_t)used < room ? (size_t)used : room - 1;
}

static const struct logline_pair *
pair_called(const struct logline *line, const char *key)
{
	for (unsigned i = 0; i < line->pair_count; i++)
		if (logline_is(&line->pairs[i].key, key))
			return &line->pairs[i];
	return NULL;
}

/* --- JSON --- */

static void
json_quoted(struct form_writer *w, const char *text)
{
	char escape[8];
	put(w, "\"");
	while (*text != '\0' && !w->full) {
		unsigned char byte = (unsigned char)*text;
		size_t bytes = json_utf8_bytes(text);
		if (bytes == 0) {
			put(w, "\\ufffd");
			bytes = 1;
		} else if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\') {
			snprintf(escape, sizeof escape, byte < 0x20 || byte == 0x7f ? "\\u%04x" : "\\%c",
			        byte);
			put(w, escape);
		} else {
			put_bytes(w, text, bytes);
		}
		text += bytes;
	}
	put(w, "\"");
}

/* The words of these runs, with a space between them, as a text. */
static const char *
join(const struct logline_run *runs, unsigned count, char *out, size_t room)
{
	size_t used = 0;
	for (unsigned i = 0; i < count && used + 1 < room; i++) {
		int more = snprintf(out + used, room - used, "%s%.*s", i > 0 ? " " : "", (int)runs[i].bytes,
		        runs[i].text);
		used += more < 0 ? 0 : (size_t)more;
	}
	out[count > 0 && used < room ? used : count > 0 ? room - 1 : 0] = '\0';
	return out;
}

static void
json_name(struct form_writer *w, const struct logline_pair *pair, const char *unit)
{
	put(w, ",\"");
	put_bytes(w, pair->key.text, pair->key.bytes);
	put(w, unit);
	put(w, "\":");
}

/* "uptime=41s" is no member uptime_s where there is another of that name. */
static bool
is_free(const struct logline *line, const struct logline_pair *pair, const char *unit)
{
	char name[64];
	int bytes = snprintf(name, sizeof name, "%.*s%s", (int)pair->key.bytes, pair->key.text, unit);
	return bytes > 0 && (size_t)bytes < sizeof name && pair_called(line, name) == NULL;
}

static void
json_pair(struct form_writer *w, const struct logline *line, const struct logline_pair *pair)
{
	static const char *const units[] = {[LOGLINE_NUMBER] = "", [LOGLINE_MS] = "_ms", [LOGLINE_S] = "_s"};
	char value[LOGFORM_VALUE_BYTES];
	enum logline_kind kind = logline_kind(pair);
	if (kind == LOGLINE_MS || kind == LOGLINE_S)
		kind = is_free(line, pair, units[kind]) ? kind : LOGLINE_TEXT;
	if (kind == LOGLINE_TEXT) {
		logline_value(pair, value, sizeof value);
		json_name(w, pair, "");
		json_quoted(w, value);
		return;
	}
	size_t unit_bytes = kind == LOGLINE_MS ? 2 : kind == LOGLINE_S;
	json_name(w, pair, units[kind]);
	put_bytes(w, pair->value.text, pair->value.bytes - unit_bytes);
}

/* As much of them as there is room for. False when that was not all. */
static bool
json_words(struct form_writer *w, const char *name, const struct logline_run *runs, unsigned count)
{
	char words[LOGFORM_VALUE_BYTES];
	size_t mark = w->used;
	for (size_t room = sizeof words; room >= LOGFORM_END_BYTES; room /= 2) {
		put(w, name);
		json_quoted(w, join(runs, count, words, room));
		if (settle(w, mark))
			return room == sizeof words;
		w->full = false;
	}
	return false;
}

static void
json_head(struct form_writer *w, const struct logform *form, const struct logline *line)
{
	char stamp[64], head[256];
	const struct who who = who_writes(form);
	logform_stamp(&form->now, stamp, sizeof stamp);
	bool slot = who.slot != NULL && pair_called(line, "slot") == NULL;
	snprintf(head, sizeof head, "{\"time\":\"%s\",\"level\":\"%s\",\"role\":\"%.*s\"%s%s", stamp,
	        form->level, who.role_bytes, who.role, slot ? ",\"slot\":" : "", slot ? who.slot : "");
	put(w, head);
}

static bool
json_pairs(struct form_writer *w, const struct logline *line)
{
	for (unsigned i = 0; i < line->pair_count; i++) {
		size_t mark = w->used;
		json_pair(w, line, &line->pairs[i]);
		if (!settle(w, mark))
			return false;
	}
	return true;
}

size_t
logform_json(const struct logform *form, char *out, size_t room)
{
	struct logline line;
	must(room >= LOGFORM_LEAST_BYTES);
	struct form_writer w = {.out = out, .room = room - LOGFORM_END_BYTES};
	logline_split(&line, form->text);
	json_head(&w, form, &line);
	unsigned first = line.run_count > 0;
	bool whole =
	        json_words(&w, ",\"event\":", line.runs, first) && json_pairs(&w, &line) &&
	        (line.run_count <= 1 || json_words(&w, ",\"detail\":", line.runs + 1, line.run_count - 1));
	const char *end = whole ? end_whole : end_cut;
	memcpy(out + w.used, end, strlen(end) + 1);
	return w.used + strlen(end);
}

/* --- the journal --- */

/* A value with line feeds goes with its length before it. */
static void
journal_field(struct form_writer *w, const char *name, const char *value, size_t bytes)
{
	size_t mark = w->used;
	put(w, name);
	if (memchr(value, '\n', bytes) != NULL) {
		uint8_t length[8];
		for (unsigned i = 0; i < sizeof length; i++)
			length[i] = (uint8_t)((uint64_t)bytes >> (8 * i));
		put(w, "\n");
		put_bytes(w, length, sizeof length);
	} else {
		put(w, "=");
	}
	put_bytes(w, value, bytes);
	put(w, "\n");
	/* the fields behind it may find room yet */
	settle(w, mark);
	w->full = false;
}

static void
journal_text(struct form_writer *w, const char *name, const char *value)
{
	journal_field(w, name, value, strlen(value));
}

static void
journal_pair(struct form_writer *w, const struct logline_pair *pair)
{
	enum { JOURNAL_NAME_BYTES = 64 }; /* longer ones are thrown away there */
	char name[JOURNAL_NAME_BYTES + 1], value[LOGFORM_VALUE_BYTES];
	int bytes = snprintf(name, sizeof name, "DOTWARD_%.*s", (int)pair->key.bytes, pair->key.text);
	if (bytes < 0 || (size_t)bytes >= sizeof name)
		return;
	for (char *at = name; *at != '\0'; at++)
		*at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
	journal_field(w, name, value, logline_value(pair, value, sizeof value));
}

size_t
logform_journal(const struct logform *form, const char *message, char *out, size_t room)
{
	struct logline line;
	char words[LOGFORM_VALUE_BYTES], priority[16];
	const struct who who = who_writes(form);
	struct form_writer w = {.out = out, .room = room};
	logline_split(&line, form->text);
	snprintf(priority, sizeof priority, "%d", form->priority);
	journal_text(&w, "MESSAGE", message);
	journal_text(&w, "PRIORITY", priority);
	journal_text(&w, "SYSLOG_FACILITY", "3"); /* daemon */
	journal_text(&w, "SYSLOG_IDENTIFIER", "dotward");
	journal_field(&w, "DOTWARD_ROLE", who.role, (size_t)who.role_bytes);
	if (who.slot != NULL && pair_called(&line, "slot") == NULL)
		journal_text(&w, "DOTWARD_SLOT", who.slot);
	journal_text(&w, "DOTWARD_EVENT", join(line.runs, line.run_count > 0, words, sizeof words));
	if (line.run_count > 1)
		journal_text(
		        &w, "DOTWARD_DETAIL", join(line.runs + 1, line.run_count - 1, words, sizeof words));
	for (unsigned i = 0; i < line.pair_count; i++)
		journal_pair(&w, &line.pairs[i]);
	return w.used;
}
