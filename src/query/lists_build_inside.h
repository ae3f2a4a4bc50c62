/*
 * What the two halves of the builder share: lists_build.c takes rules in, lists_pack.c makes the table of
 * them.
 */
#ifndef DOTWARD_QUERY_LISTS_BUILD_INSIDE_H
#define DOTWARD_QUERY_LISTS_BUILD_INSIDE_H

#include "query/lists_build.h"
#include "query/lists_inside.h"

enum {
	BUILD_PARTS =
	        256, /* by the first byte of the hash: each is sorted on its own, in a processor's cache */
	/* Rules without records are numbers; those from here on are records. */
	BUILD_RULES = LISTS_MAX * LISTS_DEEDS * (LISTS_WHOLE + 1),
	/* Of one name in one list. More than a DNS answer has room for; the rest is left out. */
	BUILD_RECORDS = 256,
};

/* A name and one rule about it. Once the table is measured: a name and where its set begins. */
struct build_item {
	uint64_t tag;
	uint32_t check;
	uint32_t rule;
};

struct build_part {
	struct build_item *items;
	size_t count, room;
};

/* A record of a rule with DATA, in `bytes` of the builder. */
struct build_record {
	uint8_t list, scope;
	size_t at, bytes;
};

/* Something that grows at its end. */
struct build_pile {
	void *start;
	size_t count, room;
};

struct lists_build {
	const struct lists *before;
	bool failed; /* no memory */
	struct lists header;
	struct build_part parts[BUILD_PARTS];
	struct build_pile records; /* struct build_record */
	struct build_pile bytes;   /* what they are */
	int8_t kept[LISTS_MAX];    /* list of the table before -> ours, or -1 */
	/* lists_pack.c's */
	struct build_pile rules; /* struct lists_rule */
	struct build_pile data;
};

/* Room for `count` more elements of `each` bytes; NULL, and the builder failed, when memory is out. */
void *build_more(struct lists_build *build, struct build_pile *pile, size_t count, size_t each);
/* A name that is known by its key only. `rule` has no records: LISTS_DATA is build_record's. */
void build_item(struct lists_build *build, struct lists_key key, uint32_t rule);
void build_record(struct lists_build *build, struct lists_key key, unsigned list, unsigned scope,
        const struct lists_record *record);

static inline uint32_t
build_rule(unsigned list, unsigned deed, unsigned scope)
{
	return (list * LISTS_DEEDS + deed) * (LISTS_WHOLE + 1) + scope;
}

static inline struct lists_rule
build_rule_of(uint32_t rule)
{
	return (struct lists_rule){
	        .list = (uint8_t)(rule / (LISTS_WHOLE + 1) / LISTS_DEEDS),
	        .deed = (uint8_t)(rule / (LISTS_WHOLE + 1) % LISTS_DEEDS),
	        .scope = (uint8_t)(rule % (LISTS_WHOLE + 1)),
	};
}

#endif
