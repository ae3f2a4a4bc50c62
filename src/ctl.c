/*
 * dotwardctl: puts one request to a running dotward and shows its answer. It knows the protocol of the
 * control socket (process/control.h) and nothing else of the daemon, so that it starts in no time and can be
 * trusted when the daemon cannot. It waits for signs of life, never for a master that gives none.
 */
#include "console/talk.h"
#include "process/usage.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DOTWARD_CONTROL
#define DOTWARD_CONTROL "/run/dotward/control"
#endif
#ifndef DOTWARD_TOP
#define DOTWARD_TOP "/usr/libexec/dotward/dotward-top"
#endif
#ifndef DOTWARD_VERSION
#define DOTWARD_VERSION "unknown"
#endif

/* Words of verbs that look like options; none of a single letter. 1 is what getopt calls any other word. */
enum {
	CTL_WORD = 1,
	CTL_SUBTREE = 256,
	CTL_ALL,
	CTL_PROBE,
	CTL_PROMETHEUS,
	CTL_CLIENT,
	CTL_TCP,
	CTL_ONCE,
	CTL_EVERY,
	CTL_VERBS
};

enum { CTL_MOST_PATIENCE_S = 86400, CTL_REQUEST_BYTES = 2048, CTL_WORD_BYTES = 1024 };

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
        "  top [--once] [--every SECONDS]\n"
        "                         a live view: rates, latency, cache, workers, upstreams, lists. q ends it. "
        "With\n"
        "                         --once a single picture of the time between two looks, as plain lines\n"
        "  watch                  the last ten events and then each as it happens (births, deaths, reloads,\n"
        "                         upstreams up and down): what is logged at notice and above, whatever the "
        "level\n"
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
        {"once", no_argument, NULL, CTL_ONCE},
        {"every", required_argument, NULL, CTL_EVERY},
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
        {.name = "watch", .words = ""},
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
	bool once;   /* of "top" */
	char *every; /* NULL: not given */
};

/* --- the command line ------------------------------------------------------------------------------------
 */

static int
usage_error(const char *what, const char *which)
{
	fprintf(stderr, "dotwardctl: %s%s\nTry \"dotwardctl --help\".\n", what, which);
	return TALK_USAGE;
}

/* A space or a line feed would make more of the request than was meant. */
static bool
is_word(const char *text)
{
	return *text != '\0' && strlen(text) <= CTL_WORD_BYTES && strpbrk(text, " \t\r\n") == NULL;
}

/* The request line, or TALK_USAGE. */
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
	return strchr(c->request, '\n') != NULL ? TALK_DONE : usage_error("too long", "");
}

/* --- the conversation ------------------------------------------------------------------------------------
 */

static void
pass_on(void *arg, bool failed, const char *bytes, size_t count)
{
	const struct talk *t = arg;
	fwrite(bytes, 1, count, failed ? stderr : stdout);
	/* what comes little by little is looked at as it comes */
	if (!failed && t->streams)
		fflush(stdout);
}

static int
converse(const struct ctl *c)
{
	struct talk t = {.path = c->path, .patience_ms = c->patience_ms, .hear = pass_on};
	t.arg = &t;
	t.streams = strcmp(c->words[0], "watch") == 0;
	enum talk_end end = talk(&t, c->request);
	if (t.why[0] != '\0')
		fprintf(stderr, "dotwardctl: %s\n", t.why);
	if (end == TALK_DONE && fflush(stdout) != 0) {
		fprintf(stderr, "dotwardctl: the answer cannot be written: %s\n", strerror(errno));
		return TALK_FAILED;
	}
	if (end == TALK_DONE && t.streams) {
		fprintf(stderr, "dotwardctl: dotward (pid %d) has ended, or handed over\n", (int)t.pid);
		return TALK_NOT_RUNNING;
	}
	return (int)end;
}

/* --- the live view: a program of its own, as it takes libraries ------------------------------------------
 */

/* Beside this program, as in a build that is not installed. */
static const char *
find_top(void)
{
	static char path[PATH_MAX + 16];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
	if (length > 0) {
		path[length] = '\0';
		char *slash = strrchr(path, '/');
		if (slash != NULL) {
			strcpy(slash + 1, "dotward-top");
			if (access(path, X_OK) == 0)
				return path;
		}
	}
	return DOTWARD_TOP;
}

static int
run_top(struct ctl *c)
{
	char patience[32];
	char name[] = "dotward-top", socket_option[] = "-s", patience_option[] = "-t", once[] = "--once";
	char every[] = "--every";
	if (c->word_count > 1)
		return usage_error("top [--once] [--every SECONDS]: not understood: ", c->words[1]);
	char *path = strdup(c->path); /* execv() wants what it could change */
	char *arguments[10] = {name, socket_option, path, patience_option, patience};
	unsigned count = 5;
	snprintf(patience, sizeof patience, "%g", c->patience_ms / 1000.);
	if (c->once)
		arguments[count++] = once;
	if (c->every != NULL) {
		arguments[count++] = every;
		arguments[count++] = c->every;
	}
	execv(find_top(), arguments);
	fprintf(stderr, "dotwardctl: %s: %s%s\n", DOTWARD_TOP, strerror(errno),
	        errno == ENOENT ? " (this build has no live view)" : "");
	free(path);
	return TALK_FAILED;
}

static int
run(struct ctl *c)
{
	if (c->word_count == 0)
		return usage_error("a verb is missing", "");
	if (strcmp(c->words[0], "help") == 0) {
		fputs(help_text, stdout);
		return TALK_DONE;
	}
	if (strcmp(c->words[0], "top") == 0)
		return run_top(c);
	if (c->once || c->every != NULL)
		return usage_error(c->once ? "--once" : "--every", " is for \"top\"");
	int status = compose(c);
	return status == TALK_DONE ? converse(c) : status;
}

static int
add_word(struct ctl *c, char *word)
{
	if (c->word_count == CONTROL_WORDS)
		return usage_error("too many words, from ", word);
	c->words[c->word_count++] = word;
	return TALK_DONE;
}

static void
print_verbs(void)
{
	for (size_t i = 0; i < VERBS; i++)
		printf("%s%s%s\n", verbs[i].name, *verbs[i].words != '\0' ? " " : "", verbs[i].words);
}

/* TALK_DONE, TALK_USAGE, or -1: answered, and there is nothing more to do. */
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
	case CTL_ONCE:
		c->once = true;
		return TALK_DONE;
	case CTL_EVERY:
		c->every = text;
		return TALK_DONE;
	case 's':
		c->path = text;
		return TALK_DONE;
	case 'j':
		c->json = true;
		return TALK_DONE;
	case 't':
		return talk_seconds(text, DBL_MIN, CTL_MOST_PATIENCE_S, &c->patience_ms)
		               ? TALK_DONE
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
	struct ctl c = {.patience_ms = TALK_PATIENCE_MS};
	int option, status = TALK_DONE;
	c.path = from_environment != NULL && *from_environment != '\0' ? from_environment : DOTWARD_CONTROL;
	/* words and options in any order, and the words in theirs */
	while (status == TALK_DONE &&
	        (option = getopt_long(argc, argv, "-s:jt:Vh", long_options, NULL)) != -1)
		status = take_option(&c, option, optarg);
	for (; status == TALK_DONE && optind < argc; optind++)
		status = add_word(&c, argv[optind]);
	if (status != TALK_DONE)
		return status < 0 ? TALK_DONE : status;
	return run(&c);
}
