/*
 * A line of the log taken apart: "event words, then key=value", as those who write them put it together.
 *
 * Anything may stand in a line; whatever is no pair is words. A key comes once: what says it again is words,
 * and so is one whose name is a form's own (time, level, role, event, detail, cut).
 */
#ifndef DOTWARD_BASE_LOGLINE_H
#define DOTWARD_BASE_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>

enum { LOGLINE_PAIRS = 160, LOGLINE_RUNS = 8 };

/* A piece of the line itself. */
struct logline_run {
	const char *text;
	size_t bytes;
};

struct logline_pair {
	struct logline_run key, value; /* a quoted value without its quotes */
	bool quoted;
};

struct logline {
	struct logline_pair pairs[LOGLINE_PAIRS];
	unsigned pair_count;
	struct logline_run runs[LOGLINE_RUNS]; /* of words; the first is the event */
	unsigned run_count;
};

/* The pieces are those of `text`, which must stay. */
void logline_split(struct logline *line, const char *text);
/* Is the key this word? */
bool logline_is(const struct logline_run *run, const char *word);
/*
 * What a quoted value says: \ddd is the byte with that number, as log_quote() writes it. Cut at `room`, ends
 * with a NUL; the bytes before it.
 */
size_t logline_value(const struct logline_pair *pair, char *out, size_t room);

enum logline_kind { LOGLINE_TEXT, LOGLINE_NUMBER, LOGLINE_MS, LOGLINE_S };

/*
 * How a value is to be understood: a number as JSON has them, the same with its unit behind it, or text. By
 * its look, but for keys that are text by nature: whoever is called "7" is not to be a number among names.
 */
enum logline_kind logline_kind(const struct logline_pair *pair);

#endif
