/*
 * From rules to a table: takes over what is kept of the table before, sorts each part by hash, makes one of
 * all rules about one name and finds the set of rules that they are, and then writes the parts one behind the
 * other. As the items are in the order of their hashes, and so of their homes, everything is written from
 * front to back.
 *
 * An item's `rule` changes its meaning on the way: first one rule or record, then where a set of them begins.
 */
#include "base/must.h"
#include "dns/name.h"
#include "query/lists_build_inside.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	SORT_BINS = 4096, /* by the next bits of the hash, so that a handful of names is in each */
	SORT_SHIFT = 44,
	SORT_BY_HAND = 32, /* up to here exchanging neighbours is best */
};

/* The sets that were made, to be found again: hash -> where it begins. */
struct sets {
	uint32_t alone[BUILD_RULES]; /* of one rule without records: nearly all of them */
	uint32_t *slots;
	size_t count, room; /* a power of two, or 0 */
};

/* What is said about one name. */
struct group {
	struct build_pile rules;   /* struct lists_rule */
	struct build_pile records; /* uint32_t: numbers of records */
};

/* --- Taking over ------------------------------------------------------------------------------------------
 */
static void
keep_rule(struct lists_build *build, struct lists_key key, const struct lists_rule *r)
{
	const struct lists *before = build->before;
	if (r->list >= before->lists || build->kept[r->list] < 0 || r->deed >= LISTS_DEEDS || r->scope == 0 ||
	        r->scope > LISTS_WHOLE)
		return;
	unsigned list = (unsigned)build->kept[r->list];
	if (r->deed != LISTS_DATA) {
		build_item(build, key, build_rule(list, r->deed, r->scope));
		return;
	}
	const struct lists_hit hit = {.deed = LISTS_DATA, .data = r->data};
	struct lists_record record;
	for (size_t cursor = 0; lists_record(before, &hit, &cursor, &record);)
		build_record(build, key, list, r->scope, &record);
}

static void
keep_bucket(struct lists_build *build, const struct lists_bucket *b)
{
	const struct lists *before = build->before;
	for (unsigned i = 0; i < LISTS_SLOTS && b->rules[i] != 0; i++) {
		const struct lists_key key = {.tag = b->tag[i], .check = b->check[i]};
		for (uint64_t at = b->rules[i]; at < before->rules; at++) {
			const struct lists_rule *r = &lists_rules(before)[at];
			keep_rule(build, key, r);
			if (r->last != 0)
				break;
		}
	}
}

/* The depths of what is kept are not known name by name; those of the whole table before are right, too. */
static void
keep_lists(struct lists_build *build)
{
	bool any = false;
	for (unsigned i = 0; i < LISTS_MAX; i++)
		any |= build->kept[i] >= 0;
	if (!any)
		return;
	for (unsigned i = 0; i < LISTS_DEPTHS / 64; i++) {
		build->header.exact.bits[i] |= build->before->exact.bits[i];
		build->header.below.bits[i] |= build->before->below.bits[i];
	}
	for (uint64_t at = 0; at < build->before->buckets; at++)
		keep_bucket(build, &lists_buckets(build->before)[at]);
}

/* --- Sorting ----------------------------------------------------------------------------------------------
 */
static int
compare_items(const void *a, const void *b)
{
	const struct build_item *x = a, *y = b;
	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	if (x->check != y->check)
		return x->check < y->check ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void
sort_few(struct build_item *items, size_t count)
{
	if (count > SORT_BY_HAND) {
		qsort(items, count, sizeof *items, compare_items);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		struct build_item item = items[i];
		size_t at = i;
		for (; at > 0 && compare_items(&items[at - 1], &item) > 0; at--)
			items[at] = items[at - 1];
		items[at] = item;
	}
}

static unsigned
bin_of(const struct build_item *item)
{
	return (unsigned)(item->tag >> SORT_SHIFT & (SORT_BINS - 1));
}

/* First into bins, each of which is then sorted on its own. */
static void
sort_many(const struct build_item *items, size_t count, struct build_item *sorted)
{
	size_t starts[SORT_BINS + 1] = {0}, ends[SORT_BINS];
	for (size_t i = 0; i < count; i++)
		starts[bin_of(&items[i]) + 1]++;
	for (unsigned i = 0; i < SORT_BINS; i++) {
		starts[i + 1] += starts[i];
		ends[i] = starts[i];
	}
	for (size_t i = 0; i < count; i++)
		sorted[ends[bin_of(&items[i])]++] = items[i];
	for (unsigned i = 0; i < SORT_BINS; i++)
		sort_few(sorted + starts[i], starts[i + 1] - starts[i]);
}

static void
sort_part(struct lists_build *build, struct build_part *part)
{
	if (part->count <= SORT_BINS / 4) {
		sort_few(part->items, part->count);
		return;
	}
	struct build_item *sorted = reallocarray(NULL, part->count, sizeof *sorted);
	if (sorted == NULL) {
		build->failed = true;
		return;
	}
	sort_many(part->items, part->count, sorted);
	free(part->items);
	part->items = sorted;
	part->room = part->count;
}

/* --- Sets of rules ----------------------------------------------------------------------------------------
 */
static const struct lists_rule *
set_at(const struct lists_build *build, uint32_t at)
{
	return (const struct lists_rule *)build->rules.start + at;
}

static bool
same_set(const struct lists_build *build, uint32_t at, const struct lists_rule *rules, size_t count)
{
	return build->rules.count - at >= count &&
	       memcmp(set_at(build, at), rules, count * sizeof *rules) == 0;
}

static size_t
set_count(const struct lists_build *build, uint32_t at)
{
	size_t count = 1;
	while (set_at(build, at)[count - 1].last == 0)
		count++;
	return count;
}

static size_t
set_slot(const struct sets *sets, const struct lists_rule *rules, size_t count)
{
	return XXH3_64bits(rules, count * sizeof *rules) & (sets->room - 1);
}

static bool
grow_sets(struct lists_build *build, struct sets *sets)
{
	struct sets larger = {.room = sets->room > 0 ? sets->room * 2 : 256};
	larger.slots = calloc(larger.room, sizeof *larger.slots);
	if (larger.slots == NULL) {
		build->failed = true;
		return false;
	}
	for (size_t i = 0; i < sets->room; i++) {
		uint32_t at = sets->slots[i];
		if (at == 0)
			continue;
		size_t slot = set_slot(&larger, set_at(build, at), set_count(build, at));
		while (larger.slots[slot] != 0)
			slot = (slot + 1) & (larger.room - 1);
		larger.slots[slot] = at;
	}
	free(sets->slots);
	sets->slots = larger.slots;
	sets->room = larger.room;
	return true;
}

static uint32_t
append_set(struct lists_build *build, const struct lists_rule *rules, size_t count)
{
	size_t at = build->rules.count;
	struct lists_rule *room = build_more(build, &build->rules, count, sizeof *rules);
	if (room == NULL)
		return 0;
	memcpy(room, rules, count * sizeof *rules);
	build->failed |= build->rules.count > UINT32_MAX;
	return (uint32_t)at;
}

/* The last of `rules` is marked as such. Returns where the set begins; 0 when the builder failed. */
static uint32_t
find_set(struct lists_build *build, struct sets *sets, const struct lists_rule *rules, size_t count)
{
	if (sets->count >= sets->room / 2 && !grow_sets(build, sets))
		return 0;
	size_t slot = set_slot(sets, rules, count);
	for (; sets->slots[slot] != 0; slot = (slot + 1) & (sets->room - 1))
		if (same_set(build, sets->slots[slot], rules, count))
			return sets->slots[slot];
	sets->slots[slot] = append_set(build, rules, count);
	sets->count++;
	return sets->slots[slot];
}

/* --- Records ----------------------------------------------------------------------------------------------
 */
static const struct build_record *
record_at(const struct lists_build *build, uint32_t number)
{
	return (const struct build_record *)build->records.start + number;
}

static bool
same_data(const struct lists_build *build, const struct build_record *a, const struct build_record *b)
{
	const uint8_t *bytes = build->bytes.start;
	return a->bytes == b->bytes && memcmp(bytes + a->at, bytes + b->at, a->bytes) == 0;
}

static void
append_data(struct lists_build *build, size_t head, const struct build_record *record)
{
	uint8_t *room = build_more(build, &build->data, record->bytes, 1);
	if (room == NULL)
		return;
	memcpy(room, (const uint8_t *)build->bytes.start + record->at, record->bytes);
	uint32_t all = (uint32_t)(build->data.count - head - sizeof all);
	memcpy((uint8_t *)build->data.start + head, &all, sizeof all);
}

/* All records of one list and scope as one rule, each once. */
static void
group_data(struct lists_build *build, struct group *group, const struct build_record *first)
{
	const uint32_t *numbers = group->records.start;
	const struct build_record *taken[BUILD_RECORDS];
	size_t count = 0, head = build->data.count;
	uint8_t *length = build_more(build, &build->data, sizeof(uint32_t), 1);
	if (length == NULL || head > UINT32_MAX) {
		build->failed = true;
		return;
	}
	memset(length, 0, sizeof(uint32_t));
	for (size_t i = 0; i < group->records.count && count < BUILD_RECORDS; i++) {
		const struct build_record *r = record_at(build, numbers[i]);
		bool known = r->list != first->list || r->scope != first->scope;
		for (size_t k = 0; k < count && !known; k++)
			known = same_data(build, taken[k], r);
		if (known)
			continue;
		taken[count++] = r;
		append_data(build, head, r);
	}
	struct lists_rule *rule = build_more(build, &group->rules, 1, sizeof *rule);
	if (rule != NULL)
		*rule = (struct lists_rule){.list = first->list,
		        .deed = LISTS_DATA,
		        .scope = first->scope,
		        .data = (uint32_t)head};
}

static void
group_records(struct lists_build *build, struct group *group)
{
	const uint32_t *numbers = group->records.start;
	uint64_t done[LISTS_WHOLE + 1] = {0};
	for (size_t i = 0; i < group->records.count && !build->failed; i++) {
		const struct build_record *r = record_at(build, numbers[i]);
		uint64_t bit = UINT64_C(1) << r->list;
		if ((done[r->scope] & bit) == 0)
			group_data(build, group, r);
		done[r->scope] |= bit;
	}
}

/* --- Names ------------------------------------------------------------------------------------------------
 */
/* The items of one name are in the order of their rules, so the same rule with another scope is a neighbour.
 */
static void
group_rule(struct lists_build *build, struct group *group, uint32_t number)
{
	struct lists_rule rule = build_rule_of(number);
	struct lists_rule *rules = group->rules.start;
	struct lists_rule *last = group->rules.count > 0 ? &rules[group->rules.count - 1] : NULL;
	if (last != NULL && last->list == rule.list && last->deed == rule.deed) {
		last->scope |= rule.scope;
		return;
	}
	struct lists_rule *room = build_more(build, &group->rules, 1, sizeof rule);
	if (room != NULL)
		*room = rule;
}

static void
count_names(struct lists_build *build, const struct lists_rule *rules, size_t count)
{
	uint64_t seen = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t bit = UINT64_C(1) << rules[i].list;
		build->header.list[rules[i].list].names += (seen & bit) == 0;
		seen |= bit;
	}
}

/* The set of the rules that these items, which have one key, bring. */
static uint32_t
pack_group(struct lists_build *build, struct sets *sets, struct group *group, const struct build_item *items,
        size_t count)
{
	group->rules.count = group->records.count = 0;
	for (size_t i = 0; i < count; i++) {
		if (items[i].rule < BUILD_RULES) {
			group_rule(build, group, items[i].rule);
			continue;
		}
		uint32_t *number = build_more(build, &group->records, 1, sizeof *number);
		if (number != NULL)
			*number = items[i].rule - BUILD_RULES;
	}
	group_records(build, group);
	if (build->failed)
		return 0;
	struct lists_rule *rules = group->rules.start;
	rules[group->rules.count - 1].last = 1;
	count_names(build, rules, group->rules.count);
	return find_set(build, sets, rules, group->rules.count);
}

/* Nearly every name is on one list and has one rule there. */
static uint32_t
pack_single(struct lists_build *build, struct sets *sets, struct group *group, const struct build_item *item)
{
	if (item->rule >= BUILD_RULES)
		return pack_group(build, sets, group, item, 1);
	uint32_t *known = &sets->alone[item->rule];
	if (*known != 0)
		build->header.list[build_rule_of(item->rule).list].names++;
	else
		*known = pack_group(build, sets, group, item, 1);
	return *known;
}

static void
pack_part(struct lists_build *build, struct sets *sets, struct group *group, struct build_part *part)
{
	size_t kept = 0;
	for (size_t i = 0, next; i < part->count && !build->failed; i = next) {
		const struct build_item *item = &part->items[i];
		for (next = i + 1; next < part->count && part->items[next].tag == item->tag &&
		                   part->items[next].check == item->check;)
			next++;
		uint32_t set = next == i + 1 ? pack_single(build, sets, group, item)
		                             : pack_group(build, sets, group, item, next - i);
		part->items[kept++] =
		        (struct build_item){.tag = item->tag, .check = item->check, .rule = set};
	}
	part->count = kept;
	build->header.names += kept;
}

/* --- Layout -----------------------------------------------------------------------------------------------
 */
/* Where the next name goes: its home, or behind what is there already. */
struct place {
	uint64_t bucket;
	unsigned slot; /* may be one too many */
};

static void
next_place(struct place *place, const struct lists *header, const struct build_item *item)
{
	uint64_t home = lists_scale(item->tag, header->homes);
	if (home > place->bucket) {
		*place = (struct place){.bucket = home};
	} else if (place->slot == LISTS_SLOTS) {
		*place = (struct place){.bucket = place->bucket + 1};
	}
}

static uint64_t
count_buckets(const struct lists_build *build)
{
	struct place place = {0};
	for (unsigned p = 0; p < BUILD_PARTS; p++) {
		const struct build_part *part = &build->parts[p];
		for (size_t i = 0; i < part->count; i++) {
			next_place(&place, &build->header, &part->items[i]);
			place.slot++;
		}
	}
	return place.bucket + 1 > build->header.homes ? place.bucket + 1 : build->header.homes;
}

static void
lay_out(struct lists_build *build)
{
	struct lists *h = &build->header;
	size_t odd = build->data.count % LISTS_LINE;
	if (odd > 0 && build_more(build, &build->data, LISTS_LINE - odd, 1) != NULL)
		memset((uint8_t *)build->data.start + build->data.count - (LISTS_LINE - odd), 0,
		        LISTS_LINE - odd);
	h->magic = LISTS_MAGIC;
	h->version = LISTS_VERSION;
	h->blocks = h->names / LISTS_NAMES_PER_BLOCK + 1;
	h->homes = h->names * 8 / LISTS_NAMES_PER_EIGHT + 1;
	h->buckets = count_buckets(build);
	h->rules = build->rules.count;
	h->data_bytes = build->data.count;
	h->bytes = sizeof *h + h->blocks * sizeof(struct lists_block) +
	           h->buckets * sizeof(struct lists_bucket) + lists_rules_bytes(h->rules) + h->data_bytes;
}

size_t
lists_build_measure(struct lists_build *build)
{
	struct group group = {0};
	struct sets *sets = calloc(1, sizeof *sets);
	build->failed |=
	        sets == NULL || build_more(build, &build->rules, 1, sizeof(struct lists_rule)) == NULL;
	if (!build->failed) {
		memset(build->rules.start, 0, sizeof(struct lists_rule));
		keep_lists(build);
	}
	for (unsigned i = 0; i < BUILD_PARTS && !build->failed; i++) {
		sort_part(build, &build->parts[i]);
		if (!build->failed)
			pack_part(build, sets, &group, &build->parts[i]);
	}
	if (!build->failed)
		lay_out(build);
	free(group.rules.start);
	free(group.records.start);
	if (sets != NULL)
		free(sets->slots);
	free(sets);
	return build->failed ? 0 : build->header.bytes;
}

static void
mark_filter(struct lists_block *block, uint64_t tag)
{
	for (unsigned i = 0; i < LISTS_FILTER_BITS; i++, tag >>= 9)
		block->words[tag / 64 % 8] |= UINT64_C(1) << tag % 64;
}

static void
write_part(const struct build_part *part, const struct lists *header, struct place *place,
        struct lists_block *blocks, struct lists_bucket *buckets)
{
	for (size_t i = 0; i < part->count; i++) {
		const struct build_item *item = &part->items[i];
		mark_filter(&blocks[lists_scale(item->tag, header->blocks)], item->tag);
		next_place(place, header, item);
		struct lists_bucket *bucket = &buckets[place->bucket];
		bucket->tag[place->slot] = item->tag;
		bucket->check[place->slot] = item->check;
		bucket->rules[place->slot++] = item->rule;
	}
}

void
lists_build_write(const struct lists_build *build, void *memory)
{
	const struct lists *header = &build->header;
	struct lists_block *blocks = (struct lists_block *)((struct lists *)memory + 1);
	struct lists_bucket *buckets = (struct lists_bucket *)(blocks + header->blocks);
	uint8_t *rules = (uint8_t *)(buckets + header->buckets);

	must(!build->failed && header->bytes > 0);
	memcpy(memory, header, sizeof *header);
	struct place place = {0};
	for (unsigned i = 0; i < BUILD_PARTS; i++)
		write_part(&build->parts[i], header, &place, blocks, buckets);
	memcpy(rules, build->rules.start, build->rules.count * sizeof(struct lists_rule));
	if (build->data.count > 0)
		memcpy(rules + lists_rules_bytes(header->rules), build->data.start, build->data.count);
}
