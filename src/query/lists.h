/*
 * Which of the administrator's lists hold a name: a table of hashes in one block of memory that is built once
 * (lists_build.h), sealed, and read by all workers. It holds no pointers, so that it can lie anywhere; it is
 * never changed, so that nothing needs a lock; looking up allocates nothing.
 *
 * The names themselves are not in it. 96 bits of a keyed hash stand for each, the key being random and of
 * this table, so that whoever writes a list cannot make names collide: a name that is on no list is taken for
 * one that is with a chance of n / 2^96 for each of its suffixes, 7e-23 in a table of 5 million names.
 *
 * What decides when several rules match:
 *   1. An allow list that holds the name; of several, the first in the order of the configuration.
 *   2. The first list in the order of the configuration whose own rules come to a verdict. Inside a list:
 *      - an exception (adblock's "@@") takes all of that list's rules off the name, however long they are,
 *        but those marked "important", which only an important exception takes off;
 *      - else the rule that matches most of the name, RPZ's passthru being one of them.
 *   3. Nothing, and then `exempt` says whether a list would have spoken but for an exception of its own.
 */
#ifndef DOTWARD_QUERY_LISTS_H
#define DOTWARD_QUERY_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LISTS_MAX = 64,         /* lists in a table */
	LISTS_LABEL_BYTES = 64, /* of a list's name, with the NUL */
};

enum lists_role { LISTS_BLOCK_LIST, LISTS_ALLOW_LIST };

/* What a rule says of the names that it matches. In an allow list every rule lets through, whatever it says.
 */
enum lists_deed {
	LISTS_BLOCK,            /* the answer that the list's entry in the configuration names */
	LISTS_BLOCK_IMPORTANT,  /* the same, whatever exceptions say */
	LISTS_EXCEPT,           /* not to be blocked by this list */
	LISTS_EXCEPT_IMPORTANT, /* not even where that is important */
	LISTS_PASSTHRU,         /* RPZ: as if this list did not have it */
	LISTS_NXDOMAIN,         /* RPZ's actions from here on */
	LISTS_NODATA,
	LISTS_DROP,
	LISTS_TCP_ONLY,
	LISTS_DATA, /* records in place of those that there are: lists_record() */
	LISTS_DEEDS
};

/* Which names a rule matches: bits. */
enum lists_scope {
	LISTS_EXACT = 1, /* the name itself */
	LISTS_BELOW = 2, /* its subdomains */
	LISTS_WHOLE = LISTS_EXACT | LISTS_BELOW,
};

struct lists;

/* What a table knows of a list. But for `names`, which are counted, it is what the builder was told. */
struct lists_list {
	char label[LISTS_LABEL_BYTES]; /* its name */
	uint32_t role;                 /* enum lists_role */
	uint32_t format;               /* enum list_format, as it was found */
	uint64_t names;                /* different ones, however many rules each has */
	uint64_t lines, bad;           /* of its files */
	int64_t loaded_s;              /* since 1970: when its files were read */
	uint64_t stamp;                /* the loader's: which files these were */
};

struct lists_hit {
	enum lists_deed deed; /* of a block list never an EXCEPT, nor PASSTHRU; _IMPORTANT is said as BLOCK */
	enum lists_role role;
	unsigned list;   /* which */
	size_t owner_at; /* where in the question's name the name begins that is on the list */
	bool below;      /* it is a subdomain of that name, not the name itself */
	uint32_t data;   /* DATA: for lists_record() */
};

/* A record of DATA. */
struct lists_record {
	uint16_t type;
	uint32_t ttl_s;
	const uint8_t *rdata; /* uncompressed; good as long as the table */
	size_t rdata_bytes;
};

/*
 * The table that begins at `memory` (aligned to 64 bytes), which stays the caller's and must stay as it is.
 * NULL when it is none: of another version or another size than `bytes`, or its parts do not fit in it.
 * Whatever else it holds, nothing here reads outside of it.
 */
const struct lists *lists_at(const void *memory, size_t bytes);

unsigned lists_count(const struct lists *lists);
const struct lists_list *lists_list(const struct lists *lists, unsigned list);
/* The list of this name and role; -1: none. */
int lists_called(const struct lists *lists, const char *label, enum lists_role role);
/* Different names in all, and the memory of the whole table. */
uint64_t lists_names(const struct lists *lists);
size_t lists_bytes(const struct lists *lists);

/*
 * What the lists say of `name`, uncompressed in wire form and in any case. `which` has bit i set for each
 * list i that counts. True: *out says which rule decides. False: none; *exempt (may be NULL) is then the list
 * whose exception or passthru spared the name, or -1.
 */
bool lists_find(const struct lists *lists, uint64_t which, const uint8_t *name, size_t bytes,
        struct lists_hit *out, int *exempt);

/* The next record of a DATA hit. *cursor is 0 at first. False: no more. */
bool lists_record(
        const struct lists *lists, const struct lists_hit *hit, size_t *cursor, struct lists_record *out);

#endif
