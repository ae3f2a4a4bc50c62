/*
 * check-live: asks every address of every upstream for real, all at the same time, and finds out how each
 * does.
 *
 * For each address four connections, one after the other. On the first: what TLS and the certificate are,
 * three questions one by one, and then several at once with one before them that takes the server longer. The
 * second resumes the first. The others are there to be measured. Each step has the time limit that the
 * configuration gives it. A server that is not verified is asked nothing.
 */
#ifndef DOTWARD_PROCESS_LIVE_H
#define DOTWARD_PROCESS_LIVE_H

#include "config/config.h"
#include "net/tls.h"
#include "process/live_report.h"

struct live;
struct ev_loop;

/* What is asked for; NULL: the name servers of the root, which every resolver knows. 0, or -EINVAL: name or
 * type is none. */
struct live_question {
	const char *name, *type;
};
int live_check_question(const struct live_question *question) __attribute__((warn_unused_result));

/*
 * Keeps pointers into configuration and store, and works on this loop. The question must be one. All that it
 * opens from then on are connections, so that the system calls can be restricted to those of a worker right
 * after the loop was made.
 */
struct live *live_new(struct ev_loop *loop, const struct config *config, const struct tls_store *store,
        const struct live_question *question);
/* This upstream has no address, for this reason: that is its finding. */
void live_no_address(struct live *live, size_t upstream, const char *why);
/* Asks; back when all is known. The report lives as long as `live`. */
const struct live_report *live_run(struct live *live);
void live_free(struct live *live);

/*
 * The whole of "dotward check-live": reports to stdout, complaints to stderr. Gives up what a worker gives up
 * before it asks. Returns the exit status.
 */
int live_main(const struct config *config, const struct live_question *question, bool json);

#endif
