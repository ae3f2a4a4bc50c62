/*
 * The log: one event a line, present tense, then key=value.
 *
 * error: a human must act; warn: degraded; notice: births, deaths, an upstream going up or down and why;
 * info: life cycle; debug: per query. A stranger's bytes go in only through log_quote(). Lines are one
 * write(2) each, so that processes sharing a descriptor do not mix theirs.
 */
#ifndef DOTWARD_BASE_LOG_H
#define DOTWARD_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Opens "stderr", "syslog" or "file:PATH" (appended to, mode 0640). 0 or -errno; on failure the old target
 * stays. Where standard error is the journal of systemd, lines go there with fields (logtarget.h).
 */
int log_open(const char *target, enum log_level level) __attribute__((warn_unused_result));
/* Opens the file target anew, after a rotation; -errno leaves the old one in use. Nothing for other targets.
 */
int log_reopen(void) __attribute__((warn_unused_result));
/*
 * In a process that may not open files: takes `fd`, which the opener of the file handed over, in place of the
 * one in use, which is closed. The log owns it. Closes it when there is no file target.
 */
void log_adopt(int fd);
/* After a fork or after descriptors were closed behind its back: a connection to syslogd or the journal of
 * this process's own. Nothing for other targets. */
void log_reconnect(void);
void log_close(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/*
 * From now on the level is kept in this word, which starts with the one in effect. Where it lies in memory
 * that processes share, one log_set_level() is for all of them, at once. NULL: the level is this process's
 * own again, and as it was last; say so before the memory goes.
 */
void log_share_level(_Atomic unsigned *word);
/* "error", "warn", "notice", "info", "debug"; false: not one of them. */
bool log_find_level(const char *word, enum log_level *out);
const char *log_level_word(enum log_level level);
/*
 * From now on events that a person needs (notice and above) are told here as well, whatever the level in
 * effect. NULL: to nobody. Not from inside one.
 */
typedef void log_hearer_fn(void *arg, enum log_level level, const char *role, const char *text);
void log_set_hearer(log_hearer_fn *hearer, void *arg);
/* From the next line on each is an object of JSON (logform.h), or text again. */
void log_set_json(bool json);
/* A short word put before each line ("worker 1"); copied. */
void log_set_role(const char *role);
/* The descriptor of a file target, -1 for others; for whoever closes descriptors. */
int log_descriptor(void);
/* The descriptor that lines are written to, standard error's too; -1: they go another way (syslog, the
 * journal). */
int log_output(void);
bool log_wants(enum log_level level);
/* A line that another process has put together, in its name; as log_notice() and the like have it. */
void log_relay(enum log_level level, const char *role, const char *text);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * A warning or info that is the same as the line before it is counted, not written, until another
 * comes: then, or 10 s later, it is written once more with repeated=N. Use log_settle() (logflood.h).
 */
void log_repeats_tell(uint64_t now_ms);
/* When that is to be told; UINT64_MAX: there is nothing to tell. */
uint64_t log_repeats_ms(void);
/* Writes bytes as printable text: control bytes, quotes, backslashes and bytes above 126 become \ddd. Cut at
 * `room`. */
const char *log_quote(char *out, size_t room, const void *bytes, size_t count);

#define log_at(level, ...)                                                                                   \
	do {                                                                                                 \
		if (log_wants(level))                                                                        \
			log_write(level, __VA_ARGS__);                                                       \
	} while (0)
#define log_error(...)  log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)   log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_at(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)   log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)  log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
