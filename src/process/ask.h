/*
 * One question to a running dotward, for health checks in images that have neither a shell nor dig.
 */
#ifndef DOTWARD_PROCESS_ASK_H
#define DOTWARD_PROCESS_ASK_H

#include "base/addr.h"
#include "dns/wire.h"

/* What came back. */
struct ask_reply {
	int rcode; /* -1: nothing did */
	struct edns edns;
};

/* Asks by UDP, for five seconds at most, once a second. */
void ask_server(const struct addr *server, const struct wire_query *query, struct ask_reply *reply);

/*
 * Asks ADDR[@PORT] by UDP for this name and type ("A", "TYPE65"; NULL: A) and prints one line. Exit status: 0
 * when the answer is NOERROR, 1 for another answer or none within five seconds, 2 when the arguments make no
 * sense.
 */
int ask_run(const char *server, const char *name, const char *type);

#endif
