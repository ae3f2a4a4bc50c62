/*
 * What there is to say about lists, by those who read them (list_read.h), build a table of them
 * (lists_build.h) and look names up in it (lists.h).
 */
#ifndef DOTWARD_QUERY_LIST_WORDS_H
#define DOTWARD_QUERY_LIST_WORDS_H

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

enum list_format { LIST_AUTO, LIST_PLAIN, LIST_HOSTS, LIST_ADBLOCK, LIST_RPZ };

struct list_rule {
	const uint8_t *name; /* wire form, any case */
	size_t bytes;
	enum lists_deed deed;
	unsigned scope;             /* bits of enum lists_scope */
	struct lists_record record; /* DATA; one of possibly several */
};

struct list_taker {
	void *arg;
	void (*rule)(void *arg, const struct list_rule *rule); /* good during the call */
	/* The line, from 1, and why: a text of ours, nothing of the file's. */
	void (*bad)(void *arg, unsigned long line, const char *why);
	/* Likewise, of what is right but cannot be done here (RPZ's other triggers). May be NULL. */
	void (*unsupported)(void *arg, unsigned long line, const char *why);
};

struct list_tally {
	enum list_format format; /* the one it was read as */
	unsigned long lines;     /* all of them; the three kinds below leave out blanks and comments */
	unsigned long used;      /* gave a rule */
	unsigned long skipped;   /* understood, and not ours */
	unsigned long bad;
	bool cut; /* the rest could not be read at all, from a bad line on */
};

#endif
