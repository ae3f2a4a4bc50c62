/*
 * The clients of the control socket, driven by the master's poll() loop.
 *
 *    asking ── a whole line ──► waiting ── answered ──► answered ── all sent ──► free
 *       └── too long, too late, not allowed ───────────────┘
 *
 * A call lives apart from its client: the verb that has it may answer long after the client has gone.
 * Invariant: client->call->client == client, and a client has a call exactly while it waits.
 */
#include "process/control.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/logflood.h"
#include "base/must.h"
#include "process/usage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_PAUSE_MS = 1000, CONTROL_DRAIN_TRIES = 16 };

enum client_state { CLIENT_FREE, CLIENT_ASKING, CLIENT_WAITING, CLIENT_ANSWERED };

struct control_client {
	enum client_state state;
	int fd;
	struct local_peer peer;
	uint64_t until_ms; /* waiting: when the next sign of life is due; else the end of patience */
	struct control_call *call;
	char request[CONTROL_REQUEST_BYTES + 1];
	size_t request_bytes;
	char *answer;
	size_t answer_bytes, sent;
};

struct control_call {
	struct control_client *client; /* NULL: gone */
	struct list kept;
	struct local_peer peer;
	bool json;
	unsigned word_count, name_words;
	char *words[CONTROL_WORDS + 1]; /* those of the verb's name first; they lie in `line` */
	char line[];
};

struct control {
	struct control_setup setup;
	struct local socket;
	struct log_limit refused;
	uint64_t paused_until_ms; /* no descriptors left: nobody is let in */
	struct control_client clients[CONTROL_CLIENTS];
};

/* --- opening and closing ---------------------------------------------------------------------------------
 */

static struct control *
control_new(const struct control_setup *setup)
{
	struct control *control = must_alloc(1, sizeof *control);
	control->setup = *setup;
	if (control->setup.group == (gid_t)-1)
		control->setup.group = getegid();
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i].fd = -1;
	return control;
}

int
control_open(struct control **out, const struct control_setup *setup, char why[LOCAL_WHY_BYTES])
{
	*out = control_new(setup);
	int failed = local_listen(&(*out)->socket, setup->path, setup->group, why);
	if (failed < 0) {
		free(*out);
		*out = NULL;
	}
	return failed;
}

int
control_adopt(struct control **out, const struct control_setup *setup, int fd, char why[LOCAL_WHY_BYTES])
{
	*out = control_new(setup);
	int failed = local_adopt(&(*out)->socket, fd, setup->path);
	if (failed < 0) {
		snprintf(why, LOCAL_WHY_BYTES, "descriptor %d does not listen at %.120s: %s", fd, setup->path,
		        strerror(-failed));
		free(*out);
		*out = NULL;
	}
	return failed;
}

int
control_descriptor(const struct control *control)
{
	return control != NULL ? control->socket.fd : -1;
}

void
control_claim(struct control *control)
{
	if (control != NULL && local_claim(&control->socket) < 0)
		log_warn("control socket cannot be claimed why=\"%s\"", strerror(errno));
}

static void
client_free(struct control_client *client)
{
	char rest[512];
	/* what is left unread would make the kernel report a broken connection instead of the end */
	for (int i = 0; i < CONTROL_DRAIN_TRIES; i++)
		if (recv(client->fd, rest, sizeof rest, MSG_DONTWAIT) <= 0)
			break;
	free(client->answer);
	if (client->call != NULL)
		client->call->client = NULL;
	*client = (struct control_client){.state = CLIENT_FREE, .fd = -1};
}

static void
client_close(struct control_client *client)
{
	int fd = client->fd;
	client_free(client);
	close(fd);
}

void
control_leave(struct control *control)
{
	if (control == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].state != CLIENT_FREE)
			client_close(&control->clients[i]);
	local_close(&control->socket);
	free(control);
}

void
control_close(struct control *control)
{
	if (control == NULL)
		return;
	local_remove(&control->socket);
	log_limit_end(&control->refused);
	control_leave(control);
}

/* --- answers ---------------------------------------------------------------------------------------------
 */

static void
client_send(struct control_client *client)
{
	while (client->sent < client->answer_bytes) {
		ssize_t done = send(client->fd, client->answer + client->sent,
		        client->answer_bytes - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN)
			return;
		if (done < 0)
			break;
		client->sent += (size_t)done;
	}
	client_close(client);
}

static void
client_answer(struct control_client *client, enum control_status status, const char *text)
{
	int length = asprintf(&client->answer, "%d\n%s", (int)status, text);
	if (length < 0) {
		client->answer = NULL;
		client_close(client);
		return;
	}
	client->answer_bytes = (size_t)length;
	client->state = CLIENT_ANSWERED;
	client->until_ms = clock_now_ms() + CONTROL_TIME_MS;
	client_send(client);
}

static void
client_sign_of_life(struct control_client *client, uint64_t now_ms)
{
	static const char word[] = "wait\n";
	client->until_ms = now_ms + CONTROL_WAIT_MS;
	ssize_t done = send(client->fd, word, sizeof word - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* who does not read has had enough of them; half of one cannot be taken back */
	if (done != (ssize_t)sizeof word - 1 && !(done < 0 && errno == EAGAIN))
		client_close(client);
}

void
control_answer(struct control_call *call, enum control_status status, const char *text)
{
	struct control_client *client = call->client;
	list_remove(&call->kept);
	free(call);
	if (client == NULL)
		return;
	client->call = NULL;
	client_answer(client, status, text);
}

static char *
message_json(const char *message, enum control_status status)
{
	char *text = NULL;
	size_t bytes = 0;
	struct json j = {.out = open_memstream(&text, &bytes)};
	if (j.out == NULL)
		return NULL;
	json_object(&j, NULL);
	json_bool(&j, "done", status == CONTROL_DONE);
	json_text(&j, "message", message);
	json_end(&j);
	fclose(j.out);
	return text;
}

void
control_say(struct control_call *call, enum control_status status, const char *format, ...)
{
	char *line = NULL, *text = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&line, format, args);
	va_end(args);
	if (length < 0)
		line = NULL;
	if (line != NULL && call->json)
		text = message_json(line, status);
	else if (line != NULL && asprintf(&text, "%s\n", line) < 0)
		text = NULL;
	control_answer(call, status, text != NULL ? text : "out of memory\n");
	free(line);
	free(text);
}

void
control_keep(struct list *kept, struct control_call *call)
{
	list_remove(&call->kept);
	list_append(kept, &call->kept);
}

void
control_say_all(struct list *kept, enum control_status status, const char *message)
{
	while (!list_empty(kept))
		control_say(list_first(kept, struct control_call, kept), status, "%s", message);
}

int
control_take(struct control_call *call)
{
	struct control_client *client = call->client;
	int fd = client != NULL ? client->fd : -1;
	list_remove(&call->kept);
	if (client != NULL)
		client_free(client);
	free(call);
	return fd;
}

bool
control_wants_json(const struct control_call *call)
{
	return call->json;
}

const char *
control_word(const struct control_call *call, unsigned index)
{
	index += call->name_words;
	return index < call->word_count ? call->words[index] : NULL;
}

const struct local_peer *
control_peer(const struct control_call *call)
{
	return &call->peer;
}

/* --- requests --------------------------------------------------------------------------------------------
 */

/* NULL: memory is out. */
static struct control_call *
call_new(struct control_client *client)
{
	struct control_call *call = calloc(1, sizeof *call + client->request_bytes + 1);
	if (call == NULL)
		return NULL;
	memcpy(call->line, client->request, client->request_bytes);
	list_init(&call->kept);
	call->peer = client->peer;
	call->client = client;
	client->call = call;
	client->state = CLIENT_WAITING;
	return call;
}

/* False: there are more words than any verb takes. */
static bool
call_split(struct control_call *call)
{
	char *rest = call->line, *word;
	while ((word = strsep(&rest, " \t\r")) != NULL) {
		if (*word == '\0')
			continue;
		if (strcmp(word, "--json") == 0) {
			call->json = true;
			continue;
		}
		if (call->word_count == CONTROL_WORDS + 1)
			return false;
		call->words[call->word_count++] = word;
	}
	return true;
}

static void
log_request(const struct control_call *call, const struct control_verb *verb)
{
	char words[300] = "", quoted[400];
	size_t used = 0;
	for (unsigned i = 1; i < call->word_count && used < sizeof words; i++)
		used += (size_t)snprintf(
		        words + used, sizeof words - used, "%s%s", i > 1 ? " " : "", call->words[i]);
	log_quote(quoted, sizeof quoted, words, strlen(words));
	log_at(verb->changes ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,
	        "control verb=%s words=\"%s\" uid=%u pid=%d", call->words[0], quoted, call->peer.uid,
	        (int)call->peer.pid);
}

static void
call_run(struct control *control, struct control_call *call)
{
	const struct control_setup *setup = &control->setup;
	char quoted[80], usage[USAGE_BYTES];
	if (!call_split(call) || call->word_count == 0) {
		control_say(call, CONTROL_USAGE, call->word_count == 0 ? "no verb" : "too many words");
		return;
	}
	const struct control_verb *verb =
	        usage_find(setup->verbs, setup->verb_count, call->words, call->word_count, &call->name_words);
	if (verb != NULL) {
		log_request(call, verb);
		verb->run(setup->arg, call);
	} else if (usage_text(setup->verbs, setup->verb_count, call->words, call->word_count, usage)) {
		control_say(call, CONTROL_USAGE, "%s", usage);
	} else {
		log_quote(quoted, sizeof quoted, call->words[0], strnlen(call->words[0], 32));
		control_say(call, CONTROL_USAGE, "no such verb: %s", quoted);
	}
}

static void
client_run(struct control *control, struct control_client *client, uint64_t now_ms)
{
	struct control_call *call = call_new(client);
	if (call == NULL) {
		client_close(client);
		return;
	}
	call_run(control, call);
	if (client->state == CLIENT_WAITING)
		client_sign_of_life(client, now_ms);
}

static void
client_read(struct control *control, struct control_client *client, uint64_t now_ms)
{
	ssize_t got = recv(client->fd, client->request + client->request_bytes,
	        CONTROL_REQUEST_BYTES - client->request_bytes, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0 || (got == 0 && client->request_bytes == 0)) {
		client_close(client);
		return;
	}
	client->request_bytes += (size_t)got;
	char *end = memchr(client->request, '\n', client->request_bytes);
	if (end != NULL)
		client->request_bytes = (size_t)(end - client->request);
	if (end != NULL || got == 0) /* the end of what is said ends the line as well */
		client_run(control, client, now_ms);
	else if (client->request_bytes == CONTROL_REQUEST_BYTES)
		client_answer(client, CONTROL_USAGE, "the request is too long\n");
}

static void
client_heed(struct control *control, struct control_client *client, short events, uint64_t now_ms)
{
	if (client->state == CLIENT_ASKING)
		client_read(control, client, now_ms);
	else if (client->state == CLIENT_ANSWERED)
		client_send(client);
	else if (events & (POLLHUP | POLLERR))
		client_close(client);
}

static void
client_tick(struct control_client *client, uint64_t now_ms)
{
	if (client->state == CLIENT_FREE || now_ms < client->until_ms)
		return;
	if (client->state == CLIENT_WAITING)
		client_sign_of_life(client, now_ms);
	else
		client_close(client);
}

/* --- the door --------------------------------------------------------------------------------------------
 */

/* Where we were not started as root our workers are who we are. */
static bool
is_child(pid_t pid)
{
	siginfo_t info;
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool
may_ask(const struct control *control, int fd, const struct local_peer *peer)
{
	if (peer->uid == 0)
		return true;
	if (is_child(peer->pid))
		return false;
	if (peer->uid == geteuid())
		return true;
	return peer->uid != control->setup.workers && local_is_member(fd, peer, control->setup.group);
}

static struct control_client *
find_client(struct control *control, int fd)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].fd == fd)
			return &control->clients[i];
	return NULL;
}

/* Says no in one breath, without a client's place. */
static void
turn_away(int fd, const char *text)
{
	struct control_client client = {.state = CLIENT_ASKING, .fd = fd};
	client_answer(&client, CONTROL_FAILED, text);
	if (client.state != CLIENT_FREE)
		client_close(&client);
}

static void
let_in(struct control *control, int fd, const struct local_peer *peer, uint64_t now_ms)
{
	struct control_client *client = find_client(control, -1);
	if (!may_ask(control, fd, peer)) {
		log_limited(&control->refused, now_ms, LOG_LEVEL_WARN, "control refused", "uid=%u pid=%d",
		        peer->uid, (int)peer->pid);
		turn_away(fd, "not permitted\n");
	} else if (client == NULL) {
		turn_away(fd, "too many ask at once; try again\n");
	} else {
		client->fd = fd;
		client->peer = *peer;
		client->state = CLIENT_ASKING;
		client->until_ms = now_ms + CONTROL_TIME_MS;
	}
}

static void
open_door(struct control *control, uint64_t now_ms)
{
	struct local_peer peer;
	/* a bound, so that a flood of connections does not keep the master from its children */
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		int fd = local_accept(&control->socket, &peer);
		if (fd >= 0) {
			let_in(control, fd, &peer, now_ms);
			continue;
		}
		if (fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED) {
			log_warn("control socket cannot be heard why=\"%s\"", strerror(-fd));
			control->paused_until_ms = now_ms + CONTROL_PAUSE_MS;
		}
		return;
	}
}

size_t
control_poll(struct control *control, struct pollfd *fds, size_t room)
{
	size_t used = 0;
	if (control == NULL)
		return 0;
	if (control->paused_until_ms == 0 && room > 0)
		fds[used++] = (struct pollfd){.fd = control->socket.fd, .events = POLLIN};
	for (size_t i = 0; i < CONTROL_CLIENTS && used < room; i++) {
		const struct control_client *client = &control->clients[i];
		if (client->state == CLIENT_FREE)
			continue;
		short events = client->state == CLIENT_ASKING     ? POLLIN
		               : client->state == CLIENT_ANSWERED ? POLLOUT
		                                                  : 0;
		fds[used++] = (struct pollfd){.fd = client->fd, .events = events};
	}
	return used;
}

uint64_t
control_due_ms(const struct control *control)
{
	uint64_t due_ms = UINT64_MAX;
	if (control == NULL)
		return due_ms;
	if (control->paused_until_ms != 0)
		due_ms = control->paused_until_ms;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].state != CLIENT_FREE && control->clients[i].until_ms < due_ms)
			due_ms = control->clients[i].until_ms;
	return due_ms;
}

void
control_heed(struct control *control, const struct pollfd *fds, size_t count, uint64_t now_ms)
{
	bool knocked = false;
	if (control == NULL)
		return;
	if (now_ms >= control->paused_until_ms)
		control->paused_until_ms = 0;
	for (size_t i = 0; i < count; i++) {
		if (fds[i].revents == 0)
			continue;
		/* between poll() and now a client may have gone: then nobody has its number */
		struct control_client *client = find_client(control, fds[i].fd);
		if (client != NULL)
			client_heed(control, client, fds[i].revents, now_ms);
		knocked = knocked || fds[i].fd == control->socket.fd;
	}
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		client_tick(&control->clients[i], now_ms);
	/* last, so that no number of one that has just gone is taken for the other */
	if (knocked)
		open_door(control, now_ms);
}
