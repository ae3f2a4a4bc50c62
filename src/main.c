/*
 * The command line: read it, load the configuration, and hand over to the master.
 */
#include "base/log.h"
#include "base/must.h"
#include "config/config.h"
#include "net/tls.h"
#include "process/ask.h"
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

enum { MAIN_USAGE = 2, MAIN_OVERRIDES = 64 };

enum { OPT_LISTEN = 256, OPT_UPSTREAM, OPT_CA_FILE, OPT_LOG_LEVEL, OPT_ASK };

static const char help_text[] =
        "dotward, a DNS-over-TLS forwarder: plain DNS in, verified TLS out.\n"
        "\n"
        "Usage: dotward [-f] [-c FILE] [-o PATH=VALUE]... [--listen ADDR[@PORT]]... [--upstream "
        "ADDR[@PORT][#NAME]]...\n"
        "       dotward -t | -T            check the configuration, or print it\n"
        "       dotward --ask ADDR[@PORT] NAME [TYPE]\n"
        "\n"
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
        "  -V, --version            print the version and exit\n"
        "  -h, --help               print this and exit\n"
        "\n"
        "Environment: DOTWARD_LISTEN, DOTWARD_UPSTREAM, DOTWARD_CA_FILE, DOTWARD_LOG_LEVEL. The last wins: "
        "file,\n"
        "environment, command line. With a --listen and an --upstream no file is needed.\n"
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
	const char *ask;
	bool foreground, test, print;
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

/* -o PATH=VALUE; cuts the argument in place. */
static void
add_assignment(struct command *c, char *text)
{
	char *equals = strchr(text, '=');
	if (equals == NULL || equals == text) {
		usage_error(c, "-o needs PATH=VALUE, for example -o forward.timeout_ms=3000");
		return;
	}
	*equals = '\0';
	add_override(c, "-o", text, equals + 1);
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
	case 'V':
		puts("dotward " DOTWARD_VERSION);
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

/* What only shows when the trust stores and priorities are loaded for real. */
static int
test_tls(const struct config *config)
{
	char why[TLS_WHY_BYTES];
	struct tls_store *store = tls_store_open(config->upstreams, config->upstream_count, why);
	if (store == NULL)
		fprintf(stderr, "dotward: %s\n", why);
	tls_store_close(store);
	return store != NULL ? 0 : -1;
}

static int
run(const struct command *c, const struct config *config, const char *file)
{
	if (c->print) {
		config_print(config, stdout);
		return EXIT_SUCCESS;
	}
	if (c->test) {
		if (test_tls(config) < 0)
			return EXIT_FAILURE;
		printf("%s: good\n", file != NULL ? file : "command line");
		return EXIT_SUCCESS;
	}
	/* In the background nobody reads stderr. */
	bool to_stderr = strcmp(config->log.target, "stderr") == 0;
	const char *target = to_stderr && !c->foreground ? "syslog" : config->log.target;
	int failed = log_open(target, config->log.level);
	if (failed < 0) {
		fprintf(stderr, "dotward: log.target = \"%s\" cannot be opened: %s\n", target,
		        strerror(-failed));
		return EXIT_FAILURE;
	}
	int status = master_run(config, c->foreground);
	log_close();
	return status;
}

int
main(int argc, char **argv)
{
	struct command c = {.status = EXIT_SUCCESS};
	int option;
	while (!c.done && (option = getopt_long(argc, argv, "fc:tTo:Vh", long_options, NULL)) != -1)
		take_option(&c, option, optarg);
	if (c.done)
		return c.status;
	if (c.ask != NULL) {
		if (argc - optind < 1 || argc - optind > 2) {
			usage_error(&c, "--ask needs ADDR[@PORT] NAME [TYPE]");
			return c.status;
		}
		return ask_run(c.ask, argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL);
	}
	if (optind < argc) {
		usage_error(&c, "arguments without an option are not understood");
		return c.status;
	}
	const char *file = file_to_read(&c);
	struct config_sources sources = {
	        .file = file,
	        .overrides = c.overrides,
	        .override_count = c.override_count,
	        .environment = environ,
	};
	struct config *config = config_load(&sources, stderr);
	if (config == NULL)
		return EXIT_FAILURE;
	int status = run(&c, config, file);
	config_free(config);
	return status;
}
