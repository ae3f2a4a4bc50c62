/*
 * A place as its own files see it.
 */
#ifndef DOTWARD_UPSTREAM_PLACE_INSIDE_H
#define DOTWARD_UPSTREAM_PLACE_INSIDE_H

#include "upstream/place.h"

enum { PLACE_CONNECTIONS = 16 /* the most that max_connections allows */ };

struct place {
	struct place_settings set;
	struct uconn_target target;
	struct health *health;
	uint64_t identity;
	struct uconn *conns[PLACE_CONNECTIONS]; /* oldest first, without gaps */
	unsigned conn_count;
	struct list waiting;
	unsigned waiting_count;
	ev_timer warm;
	uint64_t asked_ms, begun_ms; /* the last question and the last connection; 0: none */
	uint64_t doubt_ms;           /* since when it is silent, until a sign of life; 0: it is not */
	bool useless;                /* the last connection ended without an answer */
	bool doubted;                /* profile "opportunistic": the last connection was not verified */
	bool network_failure;        /* what `why` is about */
	char why[TLS_WHY_BYTES];
};

#endif
