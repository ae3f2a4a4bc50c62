/*
 * Any bytes in place of a table of lists. Most would fail at the first look, so the input says what is
 * different from a sound table: four bytes, where it is; eight, what is there instead; and so on. What is
 * left of it is names that are looked up. Nothing must be read that is not the table's, whatever it says of
 * itself.
 */
#include "base/must.h"
#include "dns/name.h"
#include "query/lists.h"
#include "query/lists_build.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGE_BYTES = 12, CHANGES = 8, LINE = 64 };

static const char *const owners[] = {"a.example.", "b.a.example.", "c.", "*.d.example."};

static void
add(struct lists_build *b, unsigned list, const char *text, enum lists_deed deed)
{
	static const uint8_t rdata[] = {192, 0, 2, 1};
	uint8_t name[NAME_BYTES];
	struct list_rule rule = {
	        .name = name, .bytes = name_from_text(text, name), .deed = deed, .scope = LISTS_WHOLE};
	rule.record =
	        (struct lists_record){.type = 1, .ttl_s = 60, .rdata = rdata, .rdata_bytes = sizeof rdata};
	lists_build_add(b, list, &rule);
}

static uint8_t *
make(size_t *bytes)
{
	struct lists_build *b = lists_build_new(NULL);
	must(b != NULL);
	lists_build_list(b, "one", LISTS_BLOCK_LIST);
	lists_build_list(b, "two", LISTS_ALLOW_LIST);
	lists_build_list(b, "zone", LISTS_BLOCK_LIST);
	for (unsigned i = 0; i < sizeof owners / sizeof *owners; i++)
		for (unsigned list = 0; list < 3; list++)
			add(b, list, owners[i], (enum lists_deed)((i + list * 3) % LISTS_DEEDS));
	add(b, 2, "data.example.", LISTS_DATA);
	*bytes = lists_build_measure(b);
	uint8_t *memory = aligned_alloc(LINE, *bytes);
	must(memory != NULL);
	memset(memory, 0, *bytes);
	lists_build_write(b, memory);
	lists_build_free(b);
	return memory;
}

static void
ask(const struct lists *lists, const uint8_t *name, size_t bytes)
{
	for (uint64_t which = 0; which < 8; which++) {
		struct lists_hit hit;
		struct lists_record record;
		int exempt;
		unsigned sum = 0;
		if (!lists_find(lists, which, name, bytes, &hit, &exempt)) {
			must(exempt >= -1 && exempt < (int)lists_count(lists));
			continue;
		}
		must(hit.list < lists_count(lists) && (which >> hit.list & 1) != 0 && hit.owner_at < bytes);
		for (size_t cursor = 0; lists_record(lists, &hit, &cursor, &record);)
			for (size_t i = 0; i < record.rdata_bytes; i++)
				sum += record.rdata[i];
		must(sum <= 255u * lists_bytes(lists) * 64);
	}
}

/* What a builder takes over from it must be sound again. */
static void
keep(const struct lists *lists)
{
	struct lists_build *b = lists_build_new(lists);
	must(b != NULL);
	for (unsigned i = 0; i < lists_count(lists); i++) {
		lists_build_list(b, lists_list(lists, i)->label, LISTS_BLOCK_LIST);
		lists_build_keep(b, i, i);
	}
	size_t bytes = lists_build_measure(b);
	must(bytes > 0);
	uint8_t *memory = aligned_alloc(LINE, bytes);
	must(memory != NULL);
	memset(memory, 0, bytes);
	lists_build_write(b, memory);
	must(lists_at(memory, bytes) != NULL);
	free(memory);
	lists_build_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t bytes, at = 0;
	uint8_t *memory = make(&bytes);
	for (unsigned i = 0; i < CHANGES && size - at >= CHANGE_BYTES; i++, at += CHANGE_BYTES) {
		uint32_t where;
		memcpy(&where, data + at, sizeof where);
		memcpy(memory + where % (bytes - 8), data + at + 4, 8);
	}
	const struct lists *lists = lists_at(memory, bytes);
	if (lists != NULL) {
		for (unsigned i = 0; i < sizeof owners / sizeof *owners; i++) {
			uint8_t name[NAME_BYTES];
			ask(lists, name, name_from_text(owners[i], name));
		}
		for (size_t length; (length = name_plain_bytes(data, size, at)) > 0; at += length)
			ask(lists, data + at, length);
		keep(lists);
	}
	free(memory);
	return 0;
}
