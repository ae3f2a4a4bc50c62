/*
 * Counts who asks and for what, in memory that keeps the most frequent (shared/tops.h): a hearer of tales.
 * Only for a configuration that lets names and clients be kept at all. Of very many questions some are
 * counted, each for as many as it stands for: what is frequent then is frequent among those, too.
 */
#ifndef DOTWARD_QUERY_POPULAR_H
#define DOTWARD_QUERY_POPULAR_H

#include "config/config.h"
#include "query/tale.h"
#include "shared/tops.h"

struct popular {
	struct tops *tops;
	enum tops_mode mode;
	uint64_t period;   /* the one under way */
	uint32_t heard;    /* in it */
	unsigned halvings; /* one question in 2 to this power is counted */
};

/* A worker that hears at most so many in one period counts all of the next one. */
enum { POPULAR_PERIOD_MS = 100, POPULAR_PLENTY = 64 };

/* What this configuration allows. */
enum tops_mode popular_mode(const struct config *config);
/* Counts from now on, if anything may be counted; `popular` must last as long as the questions. */
void popular_listen(
        struct popular *popular, struct queries *queries, struct tops *tops, const struct config *config);
/* One question has ended; `arg` is a struct popular. */
void popular_hear(void *arg, const struct tale *tale);
/* The keys as text: the name of a row of TOPS_NAMES, and the address of one of TOPS_CLIENTS. Returns `out`.
 */
enum { POPULAR_TEXT_BYTES = NAME_TEXT_BYTES };
const char *popular_name_text(const struct tops_entry *entry, char out[POPULAR_TEXT_BYTES]);
const char *popular_client_text(const struct tops_entry *entry, char out[POPULAR_TEXT_BYTES]);

#endif
