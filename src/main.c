/*
 * The command line: read it, load the configuration, and hand over to the master.
 */
#include "autoconf.h"
#include "base/log.h"
#include "base/must.h"
#include "config/config.h"
#include "config/keys.h"
#include "net/source.h"
#include "net/tls.h"
#include "process/ask.h"
#include "process/checkup.h"
#include "process/live.h"
#include "process/master.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DOTWARD_CONFIG
#define DOTWARD_CONFIG "/etc/dotward/dotward.conf"
#endif
#ifndef DOTWARD_VERSION
#define DOTWARD_VERSION "unknown"
#endif
/* Nobody should take such a build for the real one. */
#ifdef DOTWARD_FAULTS
#define BUILD_KIND " (fault injection)"
#else
#define BUILD_KIND ""
#endif
#ifdef DOTWARD_DNSTAP
#define BUILD_DNSTAP ""
#else
#define BUILD_DNSTAP " (without dnstap)"
#endif

enum { MAIN_USAGE = 2, MAIN_OVERRIDES = 64 };

enum { OPT_LISTEN = 256, OPT_UPSTREAM, OPT_CA_FILE, OPT_LOG_LEVEL, OPT_ASK, OPT_JSON, OPT_KEYS, OPT_ALIVE };

static const char help_text[] =
        "dotward, a DNS-over-TLS forwarder: plain DNS in, verified TLS out.\n"
        "\n"
        "Usage: dotward [-f] [-c FILE] [-o PATH=VALUE]... [--listen ADDR[@PORT]]... [--upstream "
        "ADDR[@PORT][#NAME]]...\n"
        "       dotward -t | -T            check the configuration, or print it\n"
        "       dotward check-live [-c FILE] [-o PATH=VALUE]... [--json] [NAME [TYPE]]\n"
        "       dotward check-health [--alive] [ADDR[@PORT] [ZONE]]\n"
        "       dotward --ask ADDR[@PORT] NAME [TYPE]\n"
        "\n"
        "  check-live [NAME [TYPE]] ask every address of every upstream for real, here and now, and tell how "
        "each does:\n"
        "                           connection, TLS, certificate, the pin to paste, latency, what it "
        "supports, and what is\n"
        "                           wrong with the remedy. Serves nobody and needs no running dotward. Asks "
        "for the root's\n"
        "                           name servers, or for NAME (type A). Exit status: 0 all are good, 1 some, "
        "3 none;\n"
        "                           2: the command line or the configuration is wrong\n"
        "      --json               with check-live: one object of JSON\n"
        "  check-health [ADDR[@PORT] [ZONE]]\n"
        "                           ask the dotward that runs here (or there) for a name that no cache "
        "knows, "
        "below ZONE\n"
        "                           (example.). Exit status: 0 an upstream answered it; 1 none did, or "
        "dotward is silent\n"
        "      --alive              with check-health: ask what needs no upstream; 0 when there is any "
        "answer\n"
        "  -f, --foreground         stay in the foreground (under systemd, in containers); else go to the "
        "background\n"
        "                           once it serves\n"
        "  -c, --config FILE        configuration file (" DOTWARD_CONFIG ")\n"
        "  -t, --test               check configuration and certificates, say what is wrong and where, and "
        "exit\n"
        "  -T, --print              print the effective configuration, defaults included, and exit\n"
        "  -o, --option PATH=VALUE  set any key, e.g. -o forward.timeout_ms=3000\n"
        "      --listen ADDR[@PORT] listen here (port 53); repeatable, replaces the file's\n"
        "      --upstream ADDR[@PORT][#NAME]\n"
        "                           ask here (port 853), certificate for NAME or else for the address; "
        "repeatable,\n"
        "                           replaces the file's\n"
        "      --ca-file FILE       trusted authorities of upstreams that name none (the system's)\n"
        "      --log-level LEVEL    error, warn, notice, info or debug\n"
        "      --ask ADDR[@PORT] NAME [TYPE]\n"
        "                           ask a running dotward one question; exit status 0 if it answers NOERROR\n"
        "      --keys               print all keys of the configuration: name, kind, words it may be, "
        "default\n"
        "  -V, --version            print the version and exit\n"
        "  -h, --help               print this and exit\n"
        "\n"
        "Environment: DOTWARD_LISTEN, DOTWARD_UPSTREAM, DOTWARD_CA_FILE, DOTWARD_LOG_LEVEL, "
        "DOTWARD_LOG_FORMAT. The\n"
        "last wins: file, environment, command line. With a --listen and an --upstream no file is needed.\n"
        "Signals: TERM and INT stop (questions in flight are answered first), USR1 opens the log file "
        "anew.\n";

static const struct option long_options[] = {
        {"foreground", no_argument, NULL, 'f'},
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"print", no_argument, NULL, 'T'},
        {"option", required_argument, NULL, 'o'},
        {"listen", required_argument, NULL, OPT_LISTEN},
        {"upstream", required_argument, NULL, OPT_UPSTREAM},
        {"ca-file", required_argument, NULL, OPT_CA_FILE},
        {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
        {"ask", required_argument, NULL, OPT_ASK},
        {"json", no_argument, NULL, OPT_JSON},
        {"alive", no_argument, NULL, OPT_ALIVE},
        {"keys", no_argument, NULL, OPT_KEYS},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

/* Options that stand for a key. */
static const struct {
	int option;
	const char *origin, *path;
} shorthands[] = {
        {OPT_LISTEN, "--listen", "listen"},
        {OPT_UPSTREAM, "--upstream", "upstreams"},
        {OPT_CA_FILE, "--ca-file", "ca_file"},
        {OPT_LOG_LEVEL, "--log-level", "log.level"},
};

struct command {
	const char *file;
	struct config_override overrides[MAIN_OVERRIDES];
	size_t override_count;
	char *paths[MAIN_OVERRIDES]; /* those of -o */
	size_t path_count;
	const char *ask;
	char *const *argv;
	bool foreground, test, print, json, alive;
	int status; /* when done is set */
	bool done;
};

static void
usage_error(struct command *c, const char *what)
{
	fprintf(stderr, "dotward: %s\nTry \"dotward --help\".\n", what);
	c->status = MAIN_USAGE;
	c->done = true;
}

static void
add_override(struct command *c, const char *origin, const char *path, const char *value)
{
	if (c->override_count == MAIN_OVERRIDES) {
		usage_error(c, "too many options; put them into a file");
		return;
	}
	c->overrides[c->override_count++] =
	        (struct config_override){.origin = origin, .path = path, .value = value};
}

/* -o PATH=VALUE. The argument stays whole: it is needed again to start a new binary with. */
static void
add_assignment(struct command *c, const char *text)
{
	const char *equals = strchr(text, '=');
	if (equals == NULL || equals == text || c->path_count == MAIN_OVERRIDES) {
		usage_error(c, "-o needs PATH=VALUE, for example -o forward.timeout_ms=3000");
		return;
	}
	char *path = strndup(text, (size_t)(equals - text));
	must(path != NULL);
	c->paths[c->path_count++] = path;
	add_override(c, "-o", path, equals + 1);
}

static void
take_option(struct command *c, int option, char *value)
{
	switch (option) {
	case 'f':
		c->foreground = true;
		return;
	case 'c':
		c->file = value;
		return;
	case 't':
		c->test = true;
		return;
	case 'T':
		c->print = true;
		return;
	case 'o':
		add_assignment(c, value);
		return;
	case OPT_ASK:
		c->ask = value;
		return;
	case OPT_JSON:
		c->json = true;
		return;
	case OPT_ALIVE:
		c->alive = true;
		return;
	case OPT_KEYS:
		keys_print(stdout);
		c->done = true;
		return;
	case 'V':
		puts("dotward " DOTWARD_VERSION BUILD_KIND BUILD_DNSTAP);
		c->done = true;
		return;
	case 'h':
		fputs(help_text, stdout);
		c->done = true;
		return;
	default:
		for (size_t i = 0; i < sizeof shorthands / sizeof shorthands[0]; i++)
			if (shorthands[i].option == option) {
				add_override(c, shorthands[i].origin, shorthands[i].path, value);
				return;
			}
		usage_error(c, "the command line is not understood");
	}
}

/* Without -c the usual file is read if it is there; who gives all on the command line needs none. */
static const char *
file_to_read(const struct command *c)
{
	if (c->file != NULL)
		return c->file;
	return access(DOTWARD_CONFIG, F_OK) == 0 ? DOTWARD_CONFIG : NULL;
}

/* What only shows when the trust stores and priorities are loaded for real, on this machine. */
static int
test_tls(const struct config *config)
{
	char why[TLS_WHY_BYTES];
	if (source_check(config->upstreams, config->upstream_count, why) < 0) {
		fprintf(stderr, "dotward: %s\n", why);
		return -1;
	}
	struct tls_store *store = tls_store_open(config->upstreams, config->upstream_count, why);
	bool good = store != NULL &&
	            tls_store_serve(store, config->listens, config->listen_count, NULL, why) == 0;
	if (!good)
		fprintf(stderr, "dotward: %s\n", why);
	tls_store_close(store);
	return good ? 0 : -1;
}

static int
print(const struct config *config)
{
	config_print(config, stdout);
	return EXIT_SUCCESS;
}

static int
test(const struct config *config, const char *file)
{
	if (test_tls(config) < 0)
		return EXIT_FAILURE;
	printf("%s: good\n", file != NULL ? file : "command line");
	return EXIT_SUCCESS;
}

/* Before the configuration is read, only who starts us can say so; the last word wins there, too. */
static bool
is_json_from_the_start(const struct command *c)
{
	const char *word = getenv("DOTWARD_LOG_FORMAT");
	for (size_t i = 0; i < c->override_count; i++)
		if (strcmp(c->overrides[i].path, "log.format") == 0)
			word = c->overrides[i].value;
	return word != NULL && strcmp(word, "json") == 0;
}

/* For who serves: complaints are lines of the log, where that is to be JSON to the first line. */
static struct config *
load(const struct command *c, const struct config_sources *sources)
{
	char *text = NULL;
	size_t bytes = 0;
	if (!is_json_from_the_start(c))
		return config_load(sources, stderr);
	log_set_json(true);
	FILE *complaints = open_memstream(&text, &bytes);
	must(complaints != NULL);
	struct config *config = config_load(sources, complaints);
	must(fclose(complaints) == 0);
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		if (line[0] != '\0')
			log_at(config == NULL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s", line);
	free(text);
	return config;
}

/* Takes the configuration over. */
static int
serve(const struct command *c, struct config *config, const struct config_sources *sources)
{
	int failed = master_open_log(config, c->foreground);
	if (failed < 0) {
		if (is_json_from_the_start(c))
			log_error("log.target = \"%s\" cannot be opened: %s", config->log.target,
			        strerror(-failed));
		else
			fprintf(stderr, "dotward: log.target = \"%s\" cannot be opened: %s\n",
			        config->log.target, strerror(-failed));
		config_free(config);
		return EXIT_FAILURE;
	}
	struct master_setup setup = {
	        .config = config, .sources = sources, .argv = c->argv, .foreground = c->foreground};
	int status = master_run(&setup);
	log_close();
	return status;
}

/* Words behind the options: "check-live [NAME [TYPE]]". */
static bool
is_live(int rest_count, char *const *rest)
{
	return rest_count >= 1 && rest_count <= 3 && strcmp(rest[0], "check-live") == 0;
}

static bool
is_understood(const struct command *c, bool live, bool health, int rest_count)
{
	bool other = c->foreground || c->test || c->print || c->ask != NULL;
	if (live || health)
		return !other && !(live ? c->alive : c->json);
	return rest_count == 0 && !c->json && !c->alive;
}

static int
check_live(const struct command *c, const struct config *config, int rest_count, char *const *rest)
{
	const struct live_question question = {
	        .name = rest_count > 1 ? rest[1] : NULL, .type = rest_count > 2 ? rest[2] : NULL};
	return live_main(config, &question, c->json);
}

/* Words behind the options: "check-health [ADDR[@PORT] [ZONE]]". */
static bool
is_health(int rest_count, char *const *rest)
{
	return rest_count >= 1 && rest_count <= 3 && strcmp(rest[0], "check-health") == 0;
}

/* Without an address it is asked where the configuration has it listen. */
static int
find_server(const struct config_sources *sources, struct addr *out)
{
	struct config *config = config_load(sources, stderr);
	if (config == NULL)
		return CHECKUP_UNHEALTHY;
	bool found = checkup_find_server(config, out);
	config_free(config);
	if (!found)
		fprintf(stderr,
		        "dotward: check-health: nothing listens for plain UDP; name an ADDR[@PORT]\n");
	return found ? CHECKUP_HEALTHY : CHECKUP_USAGE;
}

static int
check_health(const struct command *c, const struct config_sources *sources, int rest_count, char *const *rest)
{
	struct checkup checkup = {.alive = c->alive, .zone = rest_count > 2 ? rest[2] : NULL};
	if (rest_count > 1 && addr_parse(&checkup.server, rest[1], 53) < 0) {
		fprintf(stderr, "dotward: check-health: %s is not ADDR[@PORT]\n", rest[1]);
		return CHECKUP_USAGE;
	}
	int status = rest_count > 1 ? CHECKUP_HEALTHY : find_server(sources, &checkup.server);
	return status == CHECKUP_HEALTHY ? (int)checkup_run(&checkup) : status;
}

/* What the command line asks for. */
static int
obey(struct command *c, int rest_count, char *const *rest)
{
	if (c->ask != NULL && rest_count >= 1 && rest_count <= 2)
		return ask_run(c->ask, rest[0], rest_count == 2 ? rest[1] : NULL);
	bool live = is_live(rest_count, rest), health = is_health(rest_count, rest);
	if (c->ask != NULL || !is_understood(c, live, health, rest_count)) {
		usage_error(c, c->ask != NULL ? "--ask needs ADDR[@PORT] NAME [TYPE]"
		               : live         ? "check-live goes with none of -f, -t, -T"
		               : health       ? "check-health goes with none of -f, -t, -T, --json"
		                              : "arguments without an option are not understood");
		return c->status;
	}
	struct config_sources sources = {
	        .file = file_to_read(c),
	        .overrides = c->overrides,
	        .override_count = c->override_count,
	        .environment = environ,
	};
	if (health)
		return check_health(c, &sources, rest_count, rest);
	bool serves = !c->print && !c->test && !live;
	struct config *config = serves ? load(c, &sources) : config_load(&sources, stderr);
	if (config == NULL)
		return live ? LIVE_CLASS_USAGE : EXIT_FAILURE;
	if (serves)
		return serve(c, config, &sources);
	int status = live       ? check_live(c, config, rest_count, rest)
	             : c->print ? print(config)
	                        : test(config, sources.file);
	config_free(config);
	return status;
}

int
main(int argc, char **argv)
{
	struct command c = {.status = EXIT_SUCCESS, .argv = argv};
	int option;
	while (!c.done && (option = getopt_long(argc, argv, "fc:tTo:Vh", long_options, NULL)) != -1)
		take_option(&c, option, optarg);
	int status = c.done ? c.status : obey(&c, argc - optind, argv + optind);
	for (size_t i = 0; i < c.path_count; i++)
		free(c.paths[i]);
	return status;
}
