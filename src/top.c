/*
 * dotward-top, which `dotwardctl top` becomes: the live view takes libraries (curses, jansson), and
 * dotwardctl itself must work where nothing else does.
 */
#include "console/top.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef DOTWARD_CONTROL
#define DOTWARD_CONTROL "/run/dotward/control"
#endif

enum { TOP_EVERY_MS = 1000, TOP_ONCE = 256, TOP_EVERY };

static const struct option long_options[] = {
        {"socket", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 't'},
        {"once", no_argument, NULL, TOP_ONCE},
        {"every", required_argument, NULL, TOP_EVERY},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

/* False: said what is wrong. */
static bool
take_option(struct top_setup *setup, int option, const char *text)
{
	switch (option) {
	case 's':
		setup->path = text;
		return true;
	case 't':
		if (talk_seconds(text, 0.001, 86400, &setup->patience_ms))
			return true;
		fprintf(stderr, "dotwardctl: -t needs seconds, more than 0 and at most 86400: %s\n", text);
		return false;
	case TOP_ONCE:
		setup->once = true;
		return true;
	case TOP_EVERY:
		if (talk_seconds(text, 0.2, 60, &setup->every_ms))
			return true;
		fprintf(stderr, "dotwardctl: --every needs seconds, 0.2 to 60: %s\n", text);
		return false;
	default:
		return false;
	}
}

int
main(int argc, char **argv)
{
	const char *from_environment = getenv("DOTWARD_SOCKET");
	struct top_setup setup = {.patience_ms = TALK_PATIENCE_MS, .every_ms = TOP_EVERY_MS};
	int option;
	setup.path =
	        from_environment != NULL && *from_environment != '\0' ? from_environment : DOTWARD_CONTROL;
	while ((option = getopt_long(argc, argv, "s:t:h", long_options, NULL)) != -1) {
		if (option == 'h') {
			puts("dotward-top is started by \"dotwardctl top\"; see dotwardctl --help.");
			return TALK_DONE;
		}
		if (!take_option(&setup, option, optarg))
			return TALK_USAGE;
	}
	return (int)top_run(&setup);
}
