/*
 * The log. File globals on purpose: there is one log in a process, and passing it through every function
 * would say nothing. A line is built on the stack and leaves in one write; what cannot be written is lost,
 * never waited for. Where it leaves to is logtarget.c, in which form
 * logform.c.
 *
 * The same line in a row is written once, and counted until another one comes or it has been for a while.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/logtarget.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

enum { LOG_TEXT_BYTES = 4000, LOG_ROLE_BYTES = 32, LOG_REPEATS_MS = 10000 };

static struct {
	unsigned own_level;
	_Atomic unsigned *shared_level; /* NULL: own_level counts */
	bool json;
	char role[LOG_ROLE_BYTES];
	log_hearer_fn *hearer; /* NULL: nobody */
	void *hearer_arg;
	unsigned lost; /* lines since the last that could be written */
} the_log = {.own_level = LOG_LEVEL_NOTICE};

/* The line written last. */
static struct {
	enum log_level level;
	unsigned again;    /* how often it came again, untold */
	uint64_t until_ms; /* when that is told */
	char text[256];    /* "": none, or one that is too long to be looked for again */
} last;

static const struct {
	const char *word;
	int syslog;
} levels[] = {
        [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
        [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
        [LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
        [LOG_LEVEL_INFO] = {"info", LOG_INFO},
        [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

int
log_open(const char *target, enum log_level level)
{
	int failed = logtarget_open(target);
	if (failed == 0)
		log_set_level(level);
	return failed;
}

void
log_close(void)
{
	log_repeats_tell(UINT64_MAX);
	logtarget_close();
}

int
log_reopen(void)
{
	return logtarget_reopen();
}

void
log_adopt(int fd)
{
	logtarget_adopt(fd);
}

void
log_reconnect(void)
{
	logtarget_reconnect();
}

int
log_descriptor(void)
{
	return logtarget_descriptor();
}

void
log_set_json(bool json)
{
	the_log.json = json;
}

void
log_set_level(enum log_level level)
{
	if (the_log.shared_level != NULL)
		atomic_store_explicit(the_log.shared_level, (unsigned)level, memory_order_relaxed);
	else
		the_log.own_level = level;
}

static unsigned
level_now(void)
{
	if (the_log.shared_level != NULL)
		return atomic_load_explicit(the_log.shared_level, memory_order_relaxed);
	return the_log.own_level;
}

/* A word that others can write to may hold anything. */
enum log_level
log_get_level(void)
{
	unsigned level = level_now();
	return level <= LOG_LEVEL_DEBUG ? (enum log_level)level : LOG_LEVEL_DEBUG;
}

void
log_share_level(_Atomic unsigned *word)
{
	unsigned level = level_now();
	if (word != NULL)
		atomic_store_explicit(word, level, memory_order_relaxed);
	the_log.own_level = level;
	the_log.shared_level = word;
}

bool
log_find_level(const char *word, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (strcmp(levels[i].word, word) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

const char *
log_level_word(enum log_level level)
{
	return levels[level].word;
}

void
log_set_role(const char *role)
{
	snprintf(the_log.role, sizeof the_log.role, "%s", role);
	last.text[0] = '\0'; /* who was forked has not written what its parent did */
	last.again = 0;
}

int
log_output(void)
{
	return logtarget_output();
}

void
log_set_hearer(log_hearer_fn *hearer, void *arg)
{
	the_log.hearer = hearer;
	the_log.hearer_arg = arg;
}

bool
log_wants(enum log_level level)
{
	return (unsigned)level <= level_now() || (the_log.hearer != NULL && level <= LOG_LEVEL_NOTICE);
}

static bool
put_line(enum log_level level, const char *role, const char *text)
{
	struct logform form = {
	        .level = levels[level].word, .priority = levels[level].syslog, .role = role, .text = text};
	clock_gettime(CLOCK_REALTIME, &form.now);
	return logtarget_put(&form, the_log.json);
}

/* Who is slow to read the log loses lines; that is said once it can be. */
void
log_relay(enum log_level level, const char *role, const char *text)
{
	char rest[64];
	if (!put_line(level, role, text)) {
		the_log.lost++;
		return;
	}
	if (the_log.lost == 0)
		return;
	snprintf(rest, sizeof rest, "log lines lost: nobody took them lost=%u", the_log.lost);
	if (put_line(LOG_LEVEL_WARN, the_log.role, rest))
		the_log.lost = 0;
}

static void
put(enum log_level level, const char *text)
{
	log_relay(level, the_log.role, text);
}

uint64_t
log_repeats_ms(void)
{
	return last.again > 0 ? last.until_ms : UINT64_MAX;
}

/* Errors and what is noticed (births, deaths, reloads) are each an event of their own; at debug every line is
 * wanted. */
static bool
is_again(enum log_level level, const char *text)
{
	bool each = level != LOG_LEVEL_WARN && level != LOG_LEVEL_INFO;
	if (each || level != last.level || strcmp(text, last.text) != 0)
		return false;
	if (last.again++ == 0)
		last.until_ms = clock_now_ms() + LOG_REPEATS_MS;
	return true;
}

void
log_repeats_tell(uint64_t now_ms)
{
	char text[sizeof last.text + 32];
	if (last.again == 0 || now_ms < last.until_ms)
		return;
	snprintf(text, sizeof text, "%s repeated=%u", last.text, last.again);
	last.again = 0;
	put(last.level, text);
}

static void
remember(enum log_level level, const char *text)
{
	last.level = level;
	if (snprintf(last.text, sizeof last.text, "%s", text) >= (int)sizeof last.text)
		last.text[0] = '\0';
}

/* Whatever it says, it is one line. */
static void
make_one_line(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

void
log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char text[LOG_TEXT_BYTES];
	va_list args;
	va_start(args, format);
	if (vsnprintf(text, sizeof text, format, args) < 0)
		text[0] = '\0';
	va_end(args);
	make_one_line(text);
	if (the_log.hearer != NULL && level <= LOG_LEVEL_NOTICE)
		the_log.hearer(the_log.hearer_arg, level, the_log.role, text);
	if ((unsigned)level > level_now()) {
		; /* only heard */
	} else if (text[0] == '\0' || !is_again(level, text)) {
		log_repeats_tell(UINT64_MAX);
		remember(level, text);
		put(level, text);
	}
	errno = saved;
}

const char *
log_quote(char *out, size_t room, const void *bytes, size_t count)
{
	const unsigned char *in = bytes;
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		bool plain = in[i] >= 32 && in[i] < 127 && in[i] != '"' && in[i] != '\\';
		if (used + (plain ? 2 : 5) > room)
			break;
		if (plain)
			out[used++] = (char)in[i];
		else
			used += (size_t)snprintf(out + used, room - used, "\\%03u", in[i]);
	}
	if (room > 0)
		out[used] = '\0';
	return out;
}
