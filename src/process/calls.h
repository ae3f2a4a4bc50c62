/*
 * Which system calls a role may make: the tables that seal.c turns into filters.
 */
#ifndef DOTWARD_PROCESS_CALLS_H
#define DOTWARD_PROCESS_CALLS_H

#include <seccomp.h>
#include <stddef.h>

enum { CALLS_MOST_CHECKS = 3 };

/* One call, for some of its arguments. Several rows for one call: any of them will do. */
struct call {
	const char *name; /* one that this machine or this libseccomp does not know is passed over */
	unsigned checks;
	struct scmp_arg_cmp check[CALLS_MOST_CHECKS]; /* all must hold */
};

/* What a worker may do once it serves; all else ends it. */
extern const struct call calls_worker[];
extern const size_t calls_worker_count;

/* What one may do besides where upstreams have a source_address. */
extern const struct call calls_worker_source[];
extern const size_t calls_worker_source_count;

/* What the exporter may do: talk to who has connected, and wait. */
extern const struct call calls_exporter[];
extern const size_t calls_exporter_count;

/* What a process on an errand (errand.h) may do. */
extern const struct call calls_errand[];
extern const size_t calls_errand_count;

/* What one may do besides that writes down what workers say (scribe.h). */
extern const struct call calls_scribe[];
extern const size_t calls_scribe_count;

/* What one may do besides that makes memory to be sealed (loader.h). */
extern const struct call calls_loader[];
extern const size_t calls_loader_count;

/* What the master, and whatever it turns into, never needs; all else is allowed. */
extern const struct call calls_master_refused[];
extern const size_t calls_master_refused_count;

#endif
