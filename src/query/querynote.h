/*
 * What a worker notes of a question that has ended, for its line in the query log: as it came, in binary, so
 * that on the path of the question nothing is made into text. It lies in a spool; who takes it out of there
 * looks at it as at a stranger's.
 */
#ifndef DOTWARD_QUERY_QUERYNOTE_H
#define DOTWARD_QUERY_QUERYNOTE_H

#include "query/tale.h"

struct querynote {
	uint64_t ended_wall_us; /* since 1970 */
	uint64_t took_us;
	struct addr client;
	uint32_t number;
	uint32_t answer_bytes; /* 0: no answer */
	int32_t list;          /* as in struct tale_cause; -1: none */
	uint16_t slot;         /* the worker's */
	uint16_t type, rcode;
	uint8_t protocol; /* as in stats_protocol_words */
	uint8_t source;   /* enum tale_source */
	uint8_t by;       /* enum judge_by */
	uint8_t has_address;
	uint8_t name_bytes, upstream_bytes, why_bytes;
};

/* Of a reason; the rest is left out. */
enum { QUERYNOTE_WHY_BYTES = 200 };
/* The note with all that comes behind it. */
enum {
	QUERYNOTE_MOST =
	        sizeof(struct querynote) + sizeof(struct addr) + NAME_BYTES + 255 + QUERYNOTE_WHY_BYTES
};

/* Into `room`, which is aligned to 8 and has QUERYNOTE_MOST bytes; returns how many it took. */
size_t querynote_write(uint8_t *room, const struct tale *tale, unsigned slot);

/* A note taken out of a record, into which it points. */
struct querynote_parts {
	struct querynote note;
	struct addr address; /* of the upstream; AF_UNSPEC: none */
	const uint8_t *name; /* in wire form, as it was; nobody has checked it */
	const char *upstream, *why;
};

/* False: there is no note in it. */
bool querynote_read(const uint8_t *record, size_t bytes, struct querynote_parts *out)
        __attribute__((warn_unused_result));

#endif
