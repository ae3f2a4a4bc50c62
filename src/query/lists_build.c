/*
 * Takes the rules of lists in: each becomes a hash and a number, and the name is forgotten. They lie in parts
 * by the first byte of the hash, in the order in which they came; sorting and merging is lists_pack.c's.
 *
 * Memory that is out is remembered and ends nothing here: the caller goes on adding to no effect, and learns
 * of it when the table is measured.
 */
#include "query/lists_build.h"

#include "base/must.h"
#include "dns/name.h"
#include "query/lists_build_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct lists_mark {
	size_t items[BUILD_PARTS];
	size_t records, bytes;
};

static bool
make_secret(uint8_t *secret)
{
	size_t have = 0;
	while (have < LISTS_SECRET_BYTES) {
		ssize_t got = getrandom(secret + have, LISTS_SECRET_BYTES - have, 0);
		if (got < 0 && errno != EINTR)
			return false;
		have += got > 0 ? (size_t)got : 0;
	}
	return true;
}

struct lists_build *
lists_build_new(const struct lists *before)
{
	struct lists_build *build = aligned_alloc(LISTS_LINE, sizeof *build);
	if (build == NULL)
		return NULL;
	memset(build, 0, sizeof *build);
	build->before = before;
	memset(build->kept, -1, sizeof build->kept);
	if (before != NULL) {
		memcpy(build->header.secret, before->secret, LISTS_SECRET_BYTES);
	} else if (!make_secret(build->header.secret)) {
		free(build);
		return NULL;
	}
	return build;
}

void
lists_build_free(struct lists_build *build)
{
	if (build == NULL)
		return;
	for (unsigned i = 0; i < BUILD_PARTS; i++)
		free(build->parts[i].items);
	free(build->records.start);
	free(build->bytes.start);
	free(build->rules.start);
	free(build->data.start);
	free(build);
}

unsigned
lists_build_list(struct lists_build *build, const char *label, enum lists_role role)
{
	must(build->header.lists < LISTS_MAX);
	struct lists_list *list = &build->header.list[build->header.lists];
	size_t bytes = strlen(label);
	if (bytes >= LISTS_LABEL_BYTES)
		bytes = LISTS_LABEL_BYTES - 1;
	memcpy(list->label, label, bytes);
	list->role = role;
	return build->header.lists++;
}

struct lists_list *
lists_build_about(struct lists_build *build, unsigned list)
{
	must(list < build->header.lists);
	return &build->header.list[list];
}

void *
build_more(struct lists_build *build, struct build_pile *pile, size_t count, size_t each)
{
	if (build->failed)
		return NULL;
	if (pile->room - pile->count < count) {
		size_t room = pile->room + pile->room / 2 + count + 64;
		void *start = reallocarray(pile->start, room, each);
		if (start == NULL) {
			build->failed = true;
			return NULL;
		}
		pile->start = start;
		pile->room = room;
	}
	void *more = (char *)pile->start + pile->count * each;
	pile->count += count;
	return more;
}

/* Each name needs one of these, so a part grows by itself and not as a pile of bytes. */
void
build_item(struct lists_build *build, struct lists_key key, uint32_t rule)
{
	struct build_part *part = &build->parts[key.tag >> 56];
	if (part->count == part->room) {
		size_t room = part->room + part->room / 2 + 16;
		struct build_item *items = reallocarray(part->items, room, sizeof *items);
		if (items == NULL) {
			build->failed = true;
			return;
		}
		part->items = items;
		part->room = room;
	}
	part->items[part->count++] = (struct build_item){.tag = key.tag, .check = key.check, .rule = rule};
}

void
build_record(struct lists_build *build, struct lists_key key, unsigned list, unsigned scope,
        const struct lists_record *record)
{
	if (record->rdata_bytes > UINT16_MAX || build->records.count >= UINT32_MAX - BUILD_RULES)
		return;
	uint16_t rdata_bytes = (uint16_t)record->rdata_bytes;
	size_t number = build->records.count, at = build->bytes.count;
	uint8_t *bytes = build_more(build, &build->bytes, LISTS_DATA_HEAD + record->rdata_bytes, 1);
	struct build_record *added = build_more(build, &build->records, 1, sizeof *added);
	if (bytes == NULL || added == NULL)
		return;
	memcpy(bytes, &record->type, sizeof record->type);
	memcpy(bytes + 2, &rdata_bytes, sizeof rdata_bytes);
	memcpy(bytes + 4, &record->ttl_s, sizeof record->ttl_s);
	if (rdata_bytes > 0)
		memcpy(bytes + LISTS_DATA_HEAD, record->rdata, rdata_bytes);
	*added = (struct build_record){.list = (uint8_t)list,
	        .scope = (uint8_t)scope,
	        .at = at,
	        .bytes = LISTS_DATA_HEAD + record->rdata_bytes};
	build_item(build, key, (uint32_t)(BUILD_RULES + number));
}

/* So that looking up need not hash suffixes with other numbers of labels. */
static void
note_depth(struct lists *header, const uint8_t *name, size_t bytes, unsigned scope)
{
	unsigned depth = 0;
	for (size_t at = 0; at < bytes && name[at] != 0; at += name[at] + 1u)
		depth++;
	uint64_t bit = UINT64_C(1) << depth % 64;
	header->exact.bits[depth / 64] |= (scope & LISTS_EXACT) != 0 ? bit : 0;
	header->below.bits[depth / 64] |= (scope & LISTS_BELOW) != 0 ? bit : 0;
}

void
lists_build_add(struct lists_build *build, unsigned list, const struct list_rule *rule)
{
	uint8_t folded[NAME_BYTES];

	must(list < build->header.lists && rule->deed < LISTS_DEEDS && rule->scope != 0 &&
	        rule->scope <= LISTS_WHOLE && rule->bytes > 0 && rule->bytes <= NAME_BYTES);
	name_fold(rule->name, rule->bytes, folded);
	struct lists_key key = lists_key_of(build->header.secret, folded, rule->bytes);
	note_depth(&build->header, folded, rule->bytes, rule->scope);
	if (rule->deed == LISTS_DATA)
		build_record(build, key, list, rule->scope, &rule->record);
	else
		build_item(build, key, build_rule(list, rule->deed, rule->scope));
}

void
lists_build_keep(struct lists_build *build, unsigned list, unsigned from)
{
	must(build->before != NULL && from < build->before->lists && list < build->header.lists &&
	        build->kept[from] < 0);
	const struct lists_list *old = &build->before->list[from];
	struct lists_list *now = &build->header.list[list];
	now->format = old->format;
	now->lines = old->lines;
	now->bad = old->bad;
	now->loaded_s = old->loaded_s;
	now->stamp = old->stamp;
	build->kept[from] = (int8_t)list;
}

struct lists_mark *
lists_build_mark(const struct lists_build *build)
{
	struct lists_mark *mark = malloc(sizeof *mark);
	if (mark == NULL)
		return NULL;
	for (unsigned i = 0; i < BUILD_PARTS; i++)
		mark->items[i] = build->parts[i].count;
	mark->records = build->records.count;
	mark->bytes = build->bytes.count;
	return mark;
}

void
lists_build_settle(struct lists_build *build, struct lists_mark **mark, bool back)
{
	struct lists_mark *m = *mark;
	*mark = NULL;
	if (m == NULL) {
		build->failed = true;
		return;
	}
	for (unsigned i = 0; back && i < BUILD_PARTS; i++)
		build->parts[i].count = m->items[i];
	if (back) {
		build->records.count = m->records;
		build->bytes.count = m->bytes;
	}
	free(m);
}
