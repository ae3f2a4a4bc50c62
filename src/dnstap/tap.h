/*
 * The tap of this process: where dnstap messages leave the path of a question, for a scribe to write
 * (process/tapster.h). A file global as the log is: the places that tap are far from each other, and passing
 * it through all between would say nothing. Closed, which it is unless the configuration says otherwise, it
 * costs a compare. A build without dnstap has it closed for good, and nothing of src/dnstap.
 */
#ifndef DOTWARD_DNSTAP_TAP_H
#define DOTWARD_DNSTAP_TAP_H

#include "autoconf.h"
#include "dnstap/message.h"
#include "shared/spool.h"
#include "shared/stats.h"

#include <stdbool.h>

struct tap_setup {
	struct spool *spool;
	struct stats_slab *stats; /* what finds no room is counted there */
	const char *identity, *version;
	bool client, forwarder; /* which messages are wanted */
	unsigned sample;        /* of one question in so many */
};

#ifdef DOTWARD_DNSTAP

/* All of it outlives tap_close(), but for the texts. */
void tap_open(const struct tap_setup *setup);
void tap_close(void);

/* Use tap_has_client() and tap_has_forwarder(). */
extern bool tap_client, tap_forwarder;

static inline bool
tap_has_client(void)
{
	return tap_client;
}

static inline bool
tap_has_forwarder(void)
{
	return tap_forwarder;
}

/*
 * A question has come and has this number: nothing of it is to be told if its client is hidden. Before any
 * message of it.
 */
void tap_note(uint32_t number, bool hidden);
/* Is this question among those that are told? */
bool tap_wants(uint32_t number);
/* One message, of a question that tap_wants(). */
void tap_put(const struct dnstap_message *message);

#else

static inline void
tap_open(const struct tap_setup *setup)
{
	(void)setup;
}

static inline void
tap_close(void)
{
}

static inline bool
tap_has_client(void)
{
	return false;
}

static inline bool
tap_has_forwarder(void)
{
	return false;
}

static inline void
tap_note(uint32_t number, bool hidden)
{
	(void)number;
	(void)hidden;
}

static inline bool
tap_wants(uint32_t number)
{
	(void)number;
	return false;
}

static inline void
tap_put(const struct dnstap_message *message)
{
	(void)message;
}

#endif
#endif
