/*
 * Any bytes where an entry of the cache should lie: as they are, and once more with a right sum, as if chance
 * had made one. What is believed then must lead nowhere outside of the copy, and be the same when it was
 * written once more.
 */
#include "base/must.h"
#include "cache/entry.h"
#include "dns/hash.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEED = 4711, UNIT = 8 };

static const struct entry_bond bond = {.seed = SEED, .place = 800, .sequence = 5};
static struct entry_copy copy, again;

static void
describe_check(const struct cache_entry *entry)
{
	const struct wire_answer *answer = &entry->answer;
	must(answer->msg >= copy.bytes && answer->msg + answer->bytes <= copy.bytes + ENTRY_BYTES);
	must(answer->bytes >= WIRE_HEADER_BYTES && answer->edns.ede_bytes <= EDNS_EDE_BYTES);
	must(entry->ttl_count <= CACHE_RECORDS && answer->rcode < 4096);
	must(entry->kind <= CACHE_FAILURE && entry->expires_ms >= entry->stored_ms);
	for (unsigned i = 0; i < entry->ttl_count; i++)
		must((size_t)entry->ttls[i] + 4 <= answer->bytes);
}

static void
key_check(void)
{
	struct cache_key key = entry_key(&copy, SEED);
	must(key.name_bytes > 0 && key.name_bytes <= NAME_BYTES);
	must(entry_has_key(&copy, &key));
	key.type ^= 1;
	must(!entry_has_key(&copy, &key));
}

/* Put in anew as it was taken out, it is the same entry. */
static void
write_check(const struct cache_entry *entry, size_t bytes)
{
	const struct cache_item item = {
	        .answer = &entry->answer,
	        .ttls = entry->ttls,
	        .ttl_count = entry->ttl_count,
	        .kind = entry->kind,
	        .unasked = entry->unasked,
	        .stored_ms = entry->stored_ms,
	        .life_s = entry->life_s,
	};
	struct cache_key key = entry_key(&copy, SEED);
	must(entry_bytes(&item) == bytes);
	uint8_t *at = calloc(1, bytes);
	entry_write(at, &key, &item, &bond);
	must(entry_read(at, bytes, &bond, &again) == bytes);
	must(again.head.msg_bytes == copy.head.msg_bytes && again.head.stored == copy.head.stored);
	must(memcmp(again.bytes + ENTRY_HEAD_BYTES, copy.bytes + ENTRY_HEAD_BYTES,
	             bytes - ENTRY_HEAD_BYTES - UNIT + 1) == 0);
	free(at);
}

static void
sound_check(size_t bytes)
{
	struct cache_entry entry;
	must(bytes % UNIT == 0 && bytes <= ENTRY_BYTES + UNIT);
	entry_describe(&copy, &entry);
	describe_check(&entry);
	key_check();
	write_check(&entry, bytes);
}

/* Lengths that are there, as one would need luck to find them. */
static void
head_fit(size_t size)
{
	struct entry_head *head = &copy.head;
	head->ttl_count = (uint16_t)(head->ttl_count % 5);
	head->ede_bytes = (uint16_t)(head->ede_bytes % 20);
	size_t tail = 2 * (size_t)head->ttl_count + head->ede_bytes, rest = size - ENTRY_HEAD_BYTES;
	if (rest < tail)
		head->ttl_count = head->ede_bytes = 0;
	head->msg_bytes = (uint16_t)(rest < tail ? rest : rest - tail);
}

/* Whoever compares it with a question of his own gets by without its having one. */
static void
compare_check(const uint8_t *at, size_t room)
{
	static const uint8_t name[] = "\1a\7example";
	const struct cache_key key = {.name = name, .name_bytes = sizeof name, .type = 1, .class = 1};
	struct cache_entry entry;
	if (entry_read_to_compare(at, room, &bond, &again) == 0)
		return;
	(void)entry_has_key(&again, &key);
	entry_describe(&again, &entry);
	must(entry.answer.msg + entry.answer.bytes <= again.bytes + ENTRY_BYTES);
}

static void
resealed_check(const uint8_t *data, size_t size)
{
	size_t room = (size + UNIT - 1) / UNIT * UNIT;
	memcpy(copy.bytes, data, size);
	head_fit(size);
	uint8_t *at = calloc(1, room);
	entry_rewrite(at, &copy, &bond);
	compare_check(at, room);
	size_t bytes = entry_read(at, room, &bond, &copy);
	if (bytes > 0)
		sound_check(bytes);
	free(at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t bytes = entry_read(data, size, &bond, &copy);
	must(bytes <= size);
	if (bytes > 0)
		sound_check(bytes);
	if (size >= ENTRY_HEAD_BYTES && size <= ENTRY_BYTES && size - ENTRY_HEAD_BYTES <= WIRE_MESSAGE_BYTES)
		resealed_check(data, size);
	return 0;
}
