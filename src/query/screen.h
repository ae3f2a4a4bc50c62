/*
 * What is looked at in an answer from outside before a client gets it, be it fresh, from the cache or stale:
 * so a reload that switches something on holds for what was remembered before, too.
 *
 * Rebinding: an answer with a private address to a name that is neither routed nor in policy.rebind_allow. It
 * is the name that was asked for that counts; it is what a browser takes for the origin.
 */
#ifndef DOTWARD_QUERY_SCREEN_H
#define DOTWARD_QUERY_SCREEN_H

#include "config/config.h"
#include "dns/wire.h"

struct screen;

/* The configuration outlives it. NULL: nothing is to be looked at; all that follow take it. */
struct screen *screen_new(const struct config *config);
void screen_free(struct screen *screen);

/* Is this one to be held back? What the client gets instead has no records, and an Extended DNS Error with
 * this text. */
extern const char screen_reason[];
bool screen_holds(
        const struct screen *screen, const struct wire_question *question, const struct wire_answer *answer);

/*
 * The answer without what this client did not ask for (policy.minimal_responses): `answer` itself, or a
 * shorter one, its beginning, that is good until the next call. Sections end earlier, no record is moved.
 */
const struct wire_answer *screen_trim(
        struct screen *screen, const struct wire_query *query, const struct wire_answer *answer);

#endif
