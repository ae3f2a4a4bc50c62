/*
 * What `dotwardctl upstreams` shows: how each upstream address is doing, as all workers know it. Plain data
 * in, text out.
 */
#ifndef DOTWARD_PROCESS_UPSTREAM_REPORT_H
#define DOTWARD_PROCESS_UPSTREAM_REPORT_H

#include "config/config.h"
#include "process/hosts.h"
#include "shared/health.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct upstream_row {
	const char *name;
	char address[ADDR_TEXT_BYTES];
	bool known;              /* somebody was there */
	struct health_view view; /* if known. The text of its last failure has strangers' words in it. */
};

/* A row for each address of the configuration, in its order. To be freed. NULL: there is none. */
struct upstream_row *upstream_rows(
        const struct config *config, const struct health_table *health, uint64_t now_ms, size_t *count);

/* "up", "down", "untried" */
const char *upstream_row_state(const struct upstream_row *row);

/* One object of JSON, or lines for people; with what is known of hosts now. hosts NULL: nothing. */
void upstream_report_print(const struct upstream_row *rows, size_t count, const struct hosts *hosts,
        uint64_t now_ms, bool json, FILE *out);

#endif
