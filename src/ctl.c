/*
 * dotwardctl: puts one request to a running dotward and shows its answer. It knows the protocol of the
 * control socket (process/control.h) and nothing else of the daemon, so that it starts in no time and can be
 * trusted when the daemon cannot. It waits for signs of life, never for a master that gives none.
 */
#include "process/usage.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef DOTWARD_CONTROL
#define DOTWARD_CONTROL "/run/dotward/control"
#endif
#ifndef DOTWARD_VERSION
#define DOTWARD_VERSION "unknown"
#endif

enum { CTL_DONE, CTL_FAILED, CTL_USAGE, CTL_NOT_RUNNING, CTL_NO_ANSWER };

/* Words of verbs that look like options; none of a single letter. 1 is what getopt calls any other word. */
enum { CTL_WORD = 1, CTL_SUBTREE = 256, CTL_ALL, CTL_PROBE, CTL_CLIENT, CTL_TCP, CTL_VERBS, CTL_PROMETHEUS };

enum {
	CTL_PATIENCE_MS = 5000,
	CTL_MOST_PATIENCE_S = 86400,
	CTL_REQUEST_BYTES = 2048,
	CTL_WORD_BYTES = 1024,
	CTL_STATUS_BYTES = 16
};

static const char help_text[] =
        "dotwardctl, control of a running dotward.\n"
        "\n"
        "Usage: dotwardctl [-s SOCKET] [-j] [-t SECONDS] VERB [WORD]...\n"
        "\n"
        "Verbs:\n"
        "  status                 is it serving, since when, where, with how many workers\n"
        "  stats                  all counters, summed over the workers, and what they count\n"
        "  stats --prometheus     all there is to tell, as the exporter tells Prometheus\n"
        "  workers                each worker: process, state, uptime, deaths, how the last one died\n"
        "  reload                 read the configuration anew. If anything is wrong with it the old one "
        "stays\n"
        "                         in effect, and what is wrong is said here. Ends when the new one serves.\n"
        "  upgrade                go on with the program that is installed now, without a gap. If it does "
        "not\n"
        "                         come up the old one goes on. Ends when the new one serves.\n"
        "  stop                   answer what is in flight, then end. Ends when all is over.\n"
        "  log LEVEL              error, warn, notice, info or debug, for all processes of it, until the "
        "next\n"
        "                         reload or start\n"
        "  cache stats            how full the cache is and of what use, and what was thrown out of it "
        "and why\n"
        "  cache lookup NAME TYPE\n"
        "                         what it holds for this question, in every variant (DO, CD), with the "
        "records.\n"
        "                         Does not count as being asked. 1 when it holds nothing.\n"
        "  cache dump             all it holds, a line for each answer; the last line says how many. With "
        "-j\n"
        "                         an object for each answer\n"
        "  cache flush NAME [TYPE]\n"
        "                         forget the answers for this name, of one type or of all\n"
        "  cache flush --subtree NAME\n"
        "                         for this name and all below it\n"
        "  cache flush --all      all of them\n"
        "  upstreams              each upstream address: up or down and why, latency, connections, "
        "handshakes, "
        "failures\n"
        "  upstreams --probe [NAME [TYPE]]\n"
        "                         ask each of them for real, now, as \"dotward check-live\" does (which "
        "see), "
        "with\n"
        "                         the configuration that serves. 0 whatever comes out\n"
        "  explain NAME [TYPE] [--client ADDRESS] [--tcp]\n"
        "                         what would become of this question (of type A) if this client (127.0.0.1) "
        "asked\n"
        "                         it: its group, each step of the policy with the rule that decides, route, "
        "upstreams\n"
        "                         in their order, cache, and the answer as far as it is known. Leaves no "
        "trace\n"
        "  lists                  each block and allow list: names and bad lines on it, hits, when it was "
        "read\n"
        "  lists reload           read what has changed of them, and nothing else. Ends when all workers "
        "have "
        "the\n"
        "                         new ones. 1 when a file was refused or cannot be read: what it held stays\n"
        "  help                   this text\n"
        "\n"
        "NAME is absolute with or without the last dot, in any case; \\. is a dot inside a label and "
        "\\DDD any\n"
        "byte in decimal. An international name must be given as it is asked (xn--...). TYPE is a word "
        "(AAAA)\n"
        "or TYPE65280.\n"
        "\n"
        "Options:\n"
        "  -s, --socket SOCKET    control socket (" DOTWARD_CONTROL "): control.socket in its "
        "configuration\n"
        "  -j, --json             answer in JSON, one object\n"
        "  -t, --timeout SECONDS  give up when it has given no sign of life for so long (5). One that works "
        "on "
        "a\n"
        "                         long task (reload, upgrade, stop) gives signs of life meanwhile.\n"
        "      --verbs            print all verbs with what follows them, a line for each, and exit\n"
        "  -V, --version          print the version and exit\n"
        "  -h, --help             print this and exit\n"
        "\n"
        "Environment: DOTWARD_SOCKET is the control socket if -s is not given.\n"
        "Who may: root, the user that dotward was started by, and members of its workers' group.\n"
        "\n"
        "Exit status:\n"
        "  0  done\n"
        "  1  dotward refused, failed, or found nothing; its words are on stderr\n"
        "  2  the command line is not understood\n"
        "  3  dotward is not running: there is no socket, or nobody listens at it\n"
        "  4  dotward does not answer\n";

static const struct option long_options[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"subtree", no_argument, NULL, CTL_SUBTREE},
        {"all", no_argument, NULL, CTL_ALL},
        {"probe", no_argument, NULL, CTL_PROBE},
        {"prometheus", no_argument, NULL, CTL_PROMETHEUS},
        {"client", required_argument, NULL, CTL_CLIENT},
        {"tcp", no_argument, NULL, CTL_TCP},
        {"timeout", required_argument, NULL, 't'},
        {"verbs", no_argument, NULL, CTL_VERBS},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

/* What the daemon has too; a line that makes no sense is told so without it. */
static const struct control_verb verbs[] = {
        {.name = "status", .words = ""},
        {.name = "stats", .words = ""},
        {.name = "stats --prometheus", .words = ""},
        {.name = "workers", .words = ""},
        {.name = "reload", .words = ""},
        {.name = "upgrade", .words = ""},
        {.name = "stop", .words = ""},
        {.name = "log", .words = "LEVEL"},
        {.name = "cache stats", .words = ""},
        {.name = "cache lookup", .words = "NAME TYPE"},
        {.name = "cache dump", .words = ""},
        {.name = "cache flush", .words = "NAME [TYPE]"},
        {.name = "cache flush --subtree", .words = "NAME"},
        {.name = "cache flush --all", .words = ""},
        {.name = "upstreams", .words = ""},
        {.name = "upstreams --probe", .words = "[NAME] [TYPE]"},
        {.name = "explain", .words = "NAME [TYPE] [--client=ADDRESS] [--tcp]"},
        {.name = "lists", .words = ""},
        {.name = "lists reload", .words = ""},
        {.name = "help", .words = ""},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

struct ctl {
	const char *path;
	int patience_ms;
	bool json;
	char *words[CONTROL_WORDS + 1];
	unsigned word_count;
	char request[CTL_REQUEST_BYTES];
	int fd;
	pid_t pid;        /* behind the socket; 0: unknown */
	uint64_t last_ms; /* when there was a sign of life */
	char head[CTL_STATUS_BYTES];
	size_t head_bytes;
	int status; /* as the daemon said; -1: not yet */
};

/* --- the command line ------------------------------------------------------------------------------------
 */

static int
usage_error(const char *what, const char *which)
{
	fprintf(stderr, "dotwardctl: %s%s\nTry \"dotwardctl --help\".\n", what, which);
	return CTL_USAGE;
}

static bool
read_patience(const char *text, int *ms)
{
	char *end;
	double seconds = strtod(text, &end);
	if (end == text || *end != '\0' || !(seconds > 0 && seconds <= CTL_MOST_PATIENCE_S))
		return false;
	*ms = (int)(seconds * 1000);
	if (*ms == 0)
		*ms = 1;
	return true;
}

/* A space or a line feed would make more of the request than was meant. */
static bool
is_word(const char *text)
{
	return *text != '\0' && strlen(text) <= CTL_WORD_BYTES && strpbrk(text, " \t\r\n") == NULL;
}

/* The request line, or CTL_USAGE. */
static int
compose(struct ctl *c)
{
	char usage[USAGE_BYTES];
	unsigned name_words;
	size_t used = 0;
	if (usage_find(verbs, VERBS, c->words, c->word_count, &name_words) == NULL)
		return usage_text(verbs, VERBS, c->words, c->word_count, usage)
		               ? usage_error(usage, "")
		               : usage_error("no such verb: ", c->words[0]);
	for (unsigned i = 0; i < c->word_count; i++) {
		if (!is_word(c->words[i]))
			return usage_error(
			        "a word is empty, too long, or has a blank in it (in a name that is \\032): ",
			        c->words[i]);
		used += (size_t)snprintf(c->request + used, sizeof c->request - used, "%s ", c->words[i]);
		if (used >= sizeof c->request)
			return usage_error("too long", "");
	}
	snprintf(c->request + used, sizeof c->request - used, "%s\n", c->json ? "--json" : "");
	return strchr(c->request, '\n') != NULL ? CTL_DONE : usage_error("too long", "");
}

/* --- the conversation ------------------------------------------------------------------------------------
 */

static uint64_t
now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int
no_answer(const struct ctl *c)
{
	char who[32] = "";
	if (c->pid > 0)
		snprintf(who, sizeof who, " (pid %d)", (int)c->pid);
	fprintf(stderr, "dotwardctl: dotward%s does not answer within %g s\n", who, c->patience_ms / 1000.);
	return CTL_NO_ANSWER;
}

static int
not_permitted(const struct ctl *c)
{
	struct stat found;
	const struct group *group = NULL;
	if (stat(c->path, &found) == 0)
		group = getgrgid(found.st_gid);
	fprintf(stderr, "dotwardctl: not permitted: %s; be root%s%s\n", c->path,
	        group != NULL ? ", or a member of the group " : "", group != NULL ? group->gr_name : "");
	return CTL_FAILED;
}

static int
connect_failed(const struct ctl *c, int error)
{
	switch (error) {
	case ENOENT:
		fprintf(stderr, "dotwardctl: dotward is not running: there is no %s\n", c->path);
		return CTL_NOT_RUNNING;
	case ECONNREFUSED:
		fprintf(stderr, "dotwardctl: dotward is not running: nobody listens at %s\n", c->path);
		return CTL_NOT_RUNNING;
	case EAGAIN:
	case EINPROGRESS: /* its queue is full, and it takes nobody in */
		return no_answer(c);
	case EACCES:
	case EPERM:
		return not_permitted(c);
	default:
		fprintf(stderr, "dotwardctl: %s: %s\n", c->path, strerror(error));
		return CTL_FAILED;
	}
}

static int
reach(struct ctl *c)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {c->patience_ms / 1000, c->patience_ms % 1000 * 1000};
	struct ucred peer;
	socklen_t bytes = sizeof peer;
	if (strlen(c->path) >= sizeof address.sun_path)
		return usage_error("the path is too long for a socket: ", c->path);
	memcpy(address.sun_path, c->path, strlen(c->path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return connect_failed(c, errno);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return connect_failed(c, errno);
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0)
		c->pid = peer.pid;
	/* one that turns us away may have closed already; what it said can be read all the same */
	if (send(c->fd, c->request, strlen(c->request), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	        errno != ECONNRESET)
		return connect_failed(c, errno);
	c->last_ms = now_ms();
	return CTL_DONE;
}

/* Takes the lines before the text: "wait" any number of times, then the status. Returns how many bytes they
 * took. */
static size_t
take_head(struct ctl *c, const char *bytes, size_t count)
{
	size_t at = 0;
	while (at < count && c->status < 0) {
		char byte = bytes[at++];
		if (byte != '\n') {
			if (c->head_bytes + 1 < sizeof c->head)
				c->head[c->head_bytes++] = byte;
			continue;
		}
		c->head[c->head_bytes] = '\0';
		c->head_bytes = 0;
		if (strcmp(c->head, "wait") == 0)
			continue;
		bool known = c->head[0] >= '0' && c->head[0] <= '2' && c->head[1] == '\0';
		c->status = known ? c->head[0] - '0' : CTL_FAILED;
	}
	return at;
}

/* More bytes than 0; 0: the end; -1: it does not answer. */
static ssize_t
hear(struct ctl *c, char *bytes, size_t room)
{
	for (;;) {
		uint64_t now = now_ms(), until = c->last_ms + (uint64_t)c->patience_ms;
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int found = poll(&p, 1, now < until ? (int)(until - now) : 0);
		if (found == 0)
			return -1;
		if (found < 0)
			continue; /* a signal */
		ssize_t got = recv(c->fd, bytes, room, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		c->last_ms = now_ms();
		return got < 0 ? 0 : got; /* a broken connection is an end like another */
	}
}

static int
converse(struct ctl *c)
{
	char bytes[4096];
	ssize_t got;
	while ((got = hear(c, bytes, sizeof bytes)) > 0) {
		size_t taken = take_head(c, bytes, (size_t)got);
		FILE *out = c->status == CTL_DONE ? stdout : stderr;
		if (c->status >= 0)
			fwrite(bytes + taken, 1, (size_t)got - taken, out);
	}
	if (got < 0)
		return no_answer(c);
	if (c->status < 0) {
		fprintf(stderr, "dotwardctl: dotward (pid %d) ended without an answer\n", (int)c->pid);
		return CTL_FAILED;
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "dotwardctl: the answer cannot be written: %s\n", strerror(errno));
		return CTL_FAILED;
	}
	return c->status;
}

static int
run(struct ctl *c)
{
	if (c->word_count == 0)
		return usage_error("a verb is missing", "");
	if (strcmp(c->words[0], "help") == 0) {
		fputs(help_text, stdout);
		return CTL_DONE;
	}
	int status = compose(c);
	if (status == CTL_DONE)
		status = reach(c);
	if (status == CTL_DONE)
		status = converse(c);
	if (c->fd >= 0)
		close(c->fd);
	return status;
}

static int
add_word(struct ctl *c, char *word)
{
	if (c->word_count == CONTROL_WORDS)
		return usage_error("too many words, from ", word);
	c->words[c->word_count++] = word;
	return CTL_DONE;
}

static void
print_verbs(void)
{
	for (size_t i = 0; i < VERBS; i++)
		printf("%s%s%s\n", verbs[i].name, *verbs[i].words != '\0' ? " " : "", verbs[i].words);
}

/* CTL_DONE, CTL_USAGE, or -1: answered, and there is nothing more to do. */
static int
take_option(struct ctl *c, int option, char *text)
{
	static char subtree[] = "--subtree", all[] = "--all", probe[] = "--probe", tcp[] = "--tcp";
	static char client[CTL_WORD_BYTES], prometheus[] = "--prometheus";
	switch (option) {
	case CTL_WORD:
		return add_word(c, text);
	case CTL_SUBTREE:
		return add_word(c, subtree);
	case CTL_ALL:
		return add_word(c, all);
	case CTL_PROBE:
		return add_word(c, probe);
	case CTL_PROMETHEUS:
		return add_word(c, prometheus);
	case CTL_TCP:
		return add_word(c, tcp);
	case CTL_CLIENT:
		snprintf(client, sizeof client, "--client=%s", text);
		return add_word(c, client);
	case 's':
		c->path = text;
		return CTL_DONE;
	case 'j':
		c->json = true;
		return CTL_DONE;
	case 't':
		return read_patience(text, &c->patience_ms)
		               ? CTL_DONE
		               : usage_error("-t needs seconds, more than 0 and at most 86400: ", text);
	case CTL_VERBS:
		print_verbs();
		return -1;
	case 'V':
		puts("dotwardctl " DOTWARD_VERSION);
		return -1;
	case 'h':
		fputs(help_text, stdout);
		return -1;
	default:
		return usage_error("the command line is not understood", "");
	}
}

int
main(int argc, char **argv)
{
	const char *from_environment = getenv("DOTWARD_SOCKET");
	struct ctl c = {.patience_ms = CTL_PATIENCE_MS, .fd = -1, .status = -1};
	int option, status = CTL_DONE;
	c.path = from_environment != NULL && *from_environment != '\0' ? from_environment : DOTWARD_CONTROL;
	/* words and options in any order, and the words in theirs */
	while (status == CTL_DONE && (option = getopt_long(argc, argv, "-s:jt:Vh", long_options, NULL)) != -1)
		status = take_option(&c, option, optarg);
	for (; status == CTL_DONE && optind < argc; optind++)
		status = add_word(&c, argv[optind]);
	if (status != CTL_DONE)
		return status < 0 ? CTL_DONE : status;
	return run(&c);
}
