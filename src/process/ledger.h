/*
 * The craft of the scribe who writes the query log (scribe.h): what workers have noted (query/querynote.h) is
 * made into lines, which go where log.queries_target says, many with one call.
 */
#ifndef DOTWARD_PROCESS_LEDGER_H
#define DOTWARD_PROCESS_LEDGER_H

#include "process/scribe.h"

extern const struct scribe_craft ledger_craft;

#endif
