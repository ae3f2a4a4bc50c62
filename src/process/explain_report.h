/*
 * What `dotwardctl explain` shows: step by step what would become of a question. Plain data in, text out; a
 * stranger's bytes only escaped.
 */
#ifndef DOTWARD_PROCESS_EXPLAIN_REPORT_H
#define DOTWARD_PROCESS_EXPLAIN_REPORT_H

#include "query/explain.h"

#include <stdio.h>

/* One object of JSON, or lines for people. */
void explain_report_print(const struct explain *explain, const struct config *config,
        const struct explanation *what, uint64_t boot_ms, bool json, FILE *out);

#endif
