/*
 * What was: the last hour, step by step, and what was asked for most of late. The exporter writes the one and
 * tells both, as members of the overview.
 */
#ifndef DOTWARD_PROCESS_PAST_H
#define DOTWARD_PROCESS_PAST_H

#include "base/json.h"
#include "process/overview.h"

/* The exporter, about once a second: writes down what has been counted by now, where a step is over. boot_ms:
 * clock_boot_ms(). */
void past_note(const struct world *world, uint64_t boot_ms);
/* The member "history", and "top" if names and clients may be told. */
void past_json(const struct overview *o, struct json *j, uint64_t boot_ms);

#endif
