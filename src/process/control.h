/*
 * The control socket, as the master serves it: one request line in, one answer out, and never a wait for
 * whoever is at the other end.
 *
 * A request is a verb and its words, separated by spaces, and a line feed; "--json" may be among them. The
 * answer is a line with the exit status, then text until the end. While a verb takes its time the line "wait"
 * comes once a second, so that a client can tell a master that works from one that hangs.
 *
 * root, the master's own user and members of the socket's group may ask. The workers' user may not, although
 * it is in that group, and a child of the master may not, whoever it is: a worker that a stranger took over
 * has nothing to say to the master.
 */
#ifndef DOTWARD_PROCESS_CONTROL_H
#define DOTWARD_PROCESS_CONTROL_H

#include "base/list.h"
#include "net/local.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CONTROL_CLIENTS = 16,
	CONTROL_POLL_MOST = CONTROL_CLIENTS + 1, /* what control_poll() fills at most */
	CONTROL_REQUEST_BYTES = 4096,
	CONTROL_TIME_MS = 10000, /* to send a request; to take an answer */
	CONTROL_WAIT_MS = 1000,  /* between signs of life */
	CONTROL_WORDS = 8
};

/* How an answer ends for the command that asked. */
enum control_status { CONTROL_DONE = 0, CONTROL_FAILED = 1, CONTROL_USAGE = 2 };

struct control;
/* One request. It is the verb's until it is answered, even if whoever asked has gone. */
struct control_call;

struct control_verb {
	const char *name;  /* one word or more: "status", "cache flush" */
	const char *words; /* what must follow: "" or "LEVEL"; in brackets what may: "NAME [TYPE]" */
	const char *help;
	bool changes; /* written to the log at notice; others at debug */
	/* Answers now, or keeps the call and answers later. */
	void (*run)(void *arg, struct control_call *call);
};

/* Lives as long as the control. */
struct control_setup {
	const char *path;
	gid_t group;   /* whose members may ask; (gid_t)-1: that of this process */
	uid_t workers; /* who may not; (uid_t)-1: there is no such user */
	const struct control_verb *verbs;
	size_t verb_count;
	void *arg; /* for run() */
};

/* 0, or -errno with one line in `why`: -EADDRINUSE when another dotward listens at the path, else see
 * local_listen(). */
int control_open(struct control **out, const struct control_setup *setup, char why[LOCAL_WHY_BYTES])
        __attribute__((warn_unused_result));
/* The same with a descriptor that control_descriptor() gave to another process: the path never goes away. */
int control_adopt(struct control **out, const struct control_setup *setup, int fd, char why[LOCAL_WHY_BYTES])
        __attribute__((warn_unused_result));
/* The listening descriptor (close-on-exec), for whoever comes next; -1 without a control. */
int control_descriptor(const struct control *control);
/* Whoever connects sees the process that called this last (or opened, or adopted) as the one behind the
 * socket: for the old one, when the process that was to take over has failed. */
void control_claim(struct control *control);
/* Takes the path away and frees. Clients are cut off; calls that are kept can still be answered, to nobody.
 * NULL is allowed here and in all that follow. */
void control_close(struct control *control);
/* The same, but the path stays: in a child, or when a successor has adopted it. */
void control_leave(struct control *control);

/* What to wait for, at most `room` of it. Returns how many were filled. */
size_t control_poll(struct control *control, struct pollfd *fds, size_t room);
/* When control_heed() is due even if nothing happens; UINT64_MAX: never. */
uint64_t control_due_ms(const struct control *control);
/* Takes what poll() has found; calls run(). */
void control_heed(struct control *control, const struct pollfd *fds, size_t count, uint64_t now_ms);

/* Answers and ends the call; the text is copied. If the client has gone nothing happens but the end. Once for
 * each call. */
void control_answer(struct control_call *call, enum control_status status, const char *text);
/* The same with a message of one line or more, without the last line feed; it becomes
 * {"done":…,"message":"…"} for who asked for JSON. */
void control_say(struct control_call *call, enum control_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
bool control_wants_json(const struct control_call *call);
/* The words after the verb, as many as the table says; NULL: one that may follow does not. */
const char *control_word(const struct control_call *call, unsigned index);
const struct local_peer *control_peer(const struct control_call *call);
/*
 * Ends the call without an answer: who took the connection gives it. Returns the descriptor, which is not
 * blocking, and at which nothing was said yet but perhaps "wait"; -1: the client has gone.
 */
int control_take(struct control_call *call) __attribute__((warn_unused_result));

/* Calls that wait for the same thing: keep them in a list of the caller's, and answer all when it is done. */
void control_keep(struct list *kept, struct control_call *call);
void control_say_all(struct list *kept, enum control_status status, const char *message);

#endif
