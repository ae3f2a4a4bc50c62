/*
 * What the exporter says to a request: from method, path and headers to status, headers and body. No socket
 * and no library of HTTP in here.
 */
#ifndef DOTWARD_PROCESS_WEB_H
#define DOTWARD_PROCESS_WEB_H

#include "config/credentials.h"
#include "process/overview.h"

#include <stdbool.h>
#include <stddef.h>

enum { WEB_SECRET_BYTES = 2 * CREDENTIALS_BYTES + 100 };

/* The Authorization headers that are good; "": none is of this kind. */
struct web_secrets {
	char basic[WEB_SECRET_BYTES], bearer[WEB_SECRET_BYTES];
};

/* Reads the files that the configuration names. False with a line in `why`. */
bool web_secrets_read(struct web_secrets *out, const struct config_metrics *config,
        char why[CREDENTIALS_WHY_BYTES + 64]) __attribute__((warn_unused_result));

struct web_request {
	const char *method, *path;
	const char *authorization; /* NULL: no such header */
	bool trusted;              /* it came by the unix socket, whose mode is its guard */
	bool has_body;
};

struct web_reply {
	unsigned status;
	const char *type;     /* Content-Type */
	const char *policy;   /* Content-Security-Policy */
	const char *extra[2]; /* one more header, and its value; NULL: none */
	const void *body;
	size_t bytes;
	char *made; /* the body, if it was made for this; the caller frees */
};

/* NULL secrets: everybody may see everything. */
void web_answer(struct web_reply *out, const struct web_request *request, const struct web_secrets *secrets,
        const struct overview_sources *sources);

#endif
