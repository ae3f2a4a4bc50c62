/*
 * One answer as it lies in a segment: what went in comes out, and anything else is no answer. All of it in
 * rooms of the exact size on the heap, so that the sanitizer sees a step outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "caches.h"

#include "cache/entry.h"

static const struct entry_bond bond = {.seed = CACHES_SEED, .place = 4096, .sequence = 12};

static struct caches_thing thing;
static struct entry_copy copy;

/* The thing as an entry; to be freed. */
static uint8_t *
written(size_t *bytes)
{
	*bytes = entry_bytes(&thing.item);
	uint8_t *at = *bytes > 0 ? calloc(1, *bytes) : NULL;
	if (at == NULL)
		fail_msg("no entry of %zu bytes", *bytes);
	else
		entry_write(at, &thing.key, &thing.item, &bond);
	return at;
}

/* What is in `copy` now, with a right sum, read again. */
static size_t
read_resealed(void)
{
	size_t room = ENTRY_BYTES + 8;
	uint8_t *at = calloc(1, room);
	entry_rewrite(at, &copy, &bond);
	size_t bytes = entry_read(at, room, &bond, &copy);
	free(at);
	return bytes;
}

static void
read_back(void)
{
	size_t bytes;
	uint8_t *at = written(&bytes);
	memset(&copy, 0xee, sizeof copy);
	assert_int_equal(entry_read(at, bytes, &bond, &copy), bytes);
	assert_int_equal(bytes % 8, 0);
	free(at);
}

static void
same_check(void)
{
	struct cache_entry out;
	const struct wire_answer *in = &thing.answer;
	entry_describe(&copy, &out);
	assert_int_equal(out.answer.bytes, in->bytes);
	assert_memory_equal(out.answer.msg, in->msg, in->bytes);
	assert_int_equal(out.answer.rcode, in->rcode);
	assert_int_equal(out.answer.edns.ede_bytes, in->edns.ede_bytes);
	assert_memory_equal(out.answer.edns.ede, in->edns.ede, in->edns.ede_bytes);
	assert_int_equal(out.ttl_count, thing.item.ttl_count);
	assert_memory_equal(out.ttls, thing.ttls, 2 * (size_t)out.ttl_count);
	assert_int_equal(out.kind, thing.item.kind);
	assert_int_equal(entry_kind(&copy), thing.item.kind);
	assert_int_equal(out.dnssec_ok, thing.key.dnssec_ok);
	assert_int_equal(out.checking_disabled, thing.key.checking_disabled);
	assert_int_equal(out.unasked, thing.item.unasked);
	assert_int_equal(out.life_s, thing.item.life_s);
	assert_in_range(thing.item.stored_ms - out.stored_ms, 0, 99);
	assert_true(out.expires_ms == out.stored_ms + (uint64_t)thing.item.life_s * 1000);
	assert_true(entry_expires_ms(&copy) == out.expires_ms);
}

/* --- round trips */

static void
a_plain_answer(void **state)
{
	(void)state;
	caches_make(&thing, "www.example.", 0x01020304);
	read_back();
	same_check();
	assert_true(entry_has_key(&copy, &thing.key));
}

static void
every_flag(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * 16; i++) {
		caches_make(&thing, "flags.example.", i);
		thing.item.kind = i % 3;
		thing.item.unasked = (i / 3 & 1) != 0;
		caches_variant(&thing, (i / 3 & 2) != 0, (i / 3 & 4) != 0);
		thing.answer.rcode = (i / 3 & 8) != 0 ? 0xab0 : 0;
		thing.item.life_s = i == 0 ? UINT32_MAX : i;
		thing.item.stored_ms = CACHES_NOW_MS + 99 + i;
		read_back();
		same_check();
	}
}

/* The lower bits are the message's own. */
static void
every_rcode(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode < 4096; rcode++) {
		caches_make(&thing, "rcode.example.", 1);
		caches_empty(&thing, CACHE_FAILURE, rcode);
		read_back();
		same_check();
	}
}

static void
with_explanation(void **state)
{
	(void)state;
	for (unsigned bytes = 2; bytes <= EDNS_EDE_BYTES; bytes++) {
		caches_make(&thing, "ede.example.", bytes);
		thing.answer.edns.ede_bytes = (uint16_t)bytes;
		memset(thing.answer.edns.ede, (int)bytes, bytes);
		read_back();
		same_check();
	}
	thing.answer.edns.ede_bytes = EDNS_EDE_BYTES + 1;
	assert_int_equal(entry_bytes(&thing.item), 0);
}

static void
without_records(void **state)
{
	(void)state;
	caches_make(&thing, ".", 1);
	caches_empty(&thing, CACHE_NEGATIVE, 3);
	read_back();
	same_check();
}

static void
the_largest(void **state)
{
	(void)state;
	caches_make(&thing, "large.example.", 1);
	while (thing.item.ttl_count < CACHE_RECORDS && thing.msg.length + 16 <= WIRE_MESSAGE_BYTES)
		caches_record(&thing, 4, thing.item.ttl_count);
	size_t left = WIRE_MESSAGE_BYTES - thing.msg.length;
	memset(thing.msg.bytes + thing.msg.length, 'y', left);
	thing.msg.length += left;
	caches_measure(&thing);
	while (thing.item.ttl_count < CACHE_RECORDS)
		thing.ttls[thing.item.ttl_count++] = WIRE_MESSAGE_BYTES - 4;
	thing.answer.edns.ede_bytes = EDNS_EDE_BYTES;
	read_back();
	same_check();
	thing.item.ttl_count++;
	assert_int_equal(entry_bytes(&thing.item), 0);
	thing.item.ttl_count--;
	thing.answer.bytes++;
	assert_int_equal(entry_bytes(&thing.item), 0);
}

static void
moved_elsewhere(void **state)
{
	const struct entry_bond there = {.seed = CACHES_SEED, .place = 8, .sequence = 13};
	(void)state;
	caches_make(&thing, "moved.example.", 1);
	thing.answer.edns.ede_bytes = 7;
	read_back();
	size_t bytes = entry_bytes(&thing.item);
	uint8_t *at = calloc(1, bytes);
	entry_rewrite(at, &copy, &there);
	assert_int_equal(entry_read(at, bytes, &bond, &copy), 0);
	assert_int_equal(entry_read(at, bytes, &there, &copy), bytes);
	same_check();
	free(at);
}

/* --- refusals */

static void
any_bit_flipped(void **state)
{
	size_t bytes;
	(void)state;
	caches_make(&thing, "bits.example.", 1);
	thing.answer.edns.ede_bytes = 11;
	uint8_t *at = written(&bytes);
	size_t plain = ENTRY_HEAD_BYTES + thing.answer.bytes + 2 + 11;
	for (size_t bit = 0; bit < plain * 8; bit++) {
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (entry_read(at, bytes, &bond, &copy) != 0)
			fail_msg("bit %zu", bit);
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(entry_read(at, bytes, &bond, &copy), bytes);
	free(at);
}

static void
any_room_that_is_too_small(void **state)
{
	size_t bytes;
	(void)state;
	caches_make(&thing, "room.example.", 1);
	uint8_t *at = written(&bytes);
	for (size_t room = 0; room < bytes; room++) {
		uint8_t *cut = malloc(room > 0 ? room : 1);
		memcpy(cut, at, room);
		assert_int_equal(entry_read(cut, room, &bond, &copy), 0);
		free(cut);
	}
	free(at);
}

static void
another_place_or_use_or_seed(void **state)
{
	size_t bytes;
	struct entry_bond other = bond;
	(void)state;
	caches_make(&thing, "bond.example.", 1);
	uint8_t *at = written(&bytes);
	for (unsigned bit = 0; bit < 64; bit++) {
		other.seed = bond.seed ^ (uint64_t)1 << bit;
		assert_int_equal(entry_read(at, bytes, &other, &copy), 0);
	}
	other = bond;
	for (uint64_t i = 0; i < 20000; i++) {
		other.place = i * 8;
		if (i * 8 != bond.place)
			assert_int_equal(entry_read(at, bytes, &other, &copy), 0);
		other.place = bond.place;
		other.sequence = i;
		if (i != bond.sequence)
			assert_int_equal(entry_read(at, bytes, &other, &copy), 0);
		other.sequence = bond.sequence;
	}
	other.sequence = bond.sequence | (uint64_t)1 << 36;
	assert_int_equal(entry_read(at, bytes, &other, &copy), 0);
	free(at);
}

/* Lengths of every size, none of which may be believed beyond the room. */
static void
insane_lengths(void **state)
{
	static const uint16_t lengths[] = {
	        0, 1, 11, 12, 20, 255, 256, 257, 999, 1000, 5999, 6000, 6001, 0x7fff, 0x8000, 0xfffe, 0xffff};
	enum { MANY = sizeof lengths / sizeof lengths[0], ROOM = 1024 };
	(void)state;
	uint8_t *at = malloc(ROOM);
	for (unsigned i = 0; i < MANY * MANY * MANY; i++) {
		struct entry_head head = {.msg_bytes = lengths[i % MANY],
		        .ttl_count = lengths[i / MANY % MANY],
		        .ede_bytes = lengths[i / MANY / MANY]};
		memset(at, 0, ROOM);
		memcpy(at, &head, sizeof head);
		for (size_t room = ROOM; room >= ROOM - 8; room--)
			assert_int_equal(entry_read(at + ROOM - room, room, &bond, &copy), 0);
		assert_int_equal(entry_read(at, ROOM, &bond, &copy), 0);
	}
	free(at);
}

/* The sum has 32 bits: what comes through by chance is not allowed to lead outside. */
static void
a_right_sum_over_nonsense(void **state)
{
	(void)state;
	caches_make(&thing, "sane.example.", 1);
	thing.item.ttl_count = 0;
	caches_record(&thing, 4, 2);
	uint16_t bytes = (uint16_t)thing.answer.bytes;
	read_back();
	assert_true(read_resealed() > 0);
	uint8_t *msg = copy.bytes + ENTRY_HEAD_BYTES, *ttl = msg + bytes;

	const struct {
		uint8_t *at, value;
	} wrong[] = {
	        {(uint8_t *)&copy.head.flags, 3}, /* a kind that is none */
	        {msg + WIRE_HEADER_BYTES, 0xc0},  /* a pointer for a name */
	        {msg + WIRE_HEADER_BYTES, 63},    /* a label over the end */
	        {msg + WIRE_HEADER_BYTES, 64},    /* no label */
	        {ttl + 1, 1},                     /* far outside */
	        {ttl, (uint8_t)(bytes - 3)},      /* the last byte of a TTL is outside */
	};
	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		uint8_t before = *wrong[i].at;
		*wrong[i].at = wrong[i].value;
		if (read_resealed() != 0)
			fail_msg("row %u was believed", i);
		*wrong[i].at = before;
		assert_true(read_resealed() > 0);
	}
	*ttl = (uint8_t)(bytes - 4);
	assert_true(read_resealed() > 0);
}

/* Cut anywhere before the end of its question it is no answer, whatever the sum says. */
static void
a_right_sum_over_too_little(void **state)
{
	(void)state;
	caches_make(&thing, "little.example.", 1);
	thing.item.ttl_count = 0;
	size_t question = WIRE_HEADER_BYTES + thing.key.name_bytes + 4u;
	for (size_t bytes = 0; bytes <= question; bytes++) {
		thing.answer.bytes = question;
		read_back();
		copy.head.msg_bytes = (uint16_t)bytes;
		assert_int_equal(read_resealed() > 0, bytes == question);
	}
}

/* --- keys */

static void
keys_apart(void **state)
{
	(void)state;
	caches_make(&thing, "WWW.Example.", 1);
	read_back();
	struct caches_thing *other = calloc(1, sizeof *other);
	caches_make(other, "www.exAMPLE.", 2);
	assert_true(entry_has_key(&copy, &other->key));
	assert_true(other->key.hash == thing.key.hash);
	static const char *const names[] = {"ww.example.", "www.example.x.", "example.", ".", "wwx.example.",
	        "www.e\300ample.", "ww.wexample."};
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		caches_make(other, names[i], 2);
		assert_false(entry_has_key(&copy, &other->key));
	}
	caches_make(other, "www.example.", 2);
	other->key.type = CACHES_AAAA;
	assert_false(entry_has_key(&copy, &other->key));
	other->key.type = CACHES_A;
	other->key.class = CACHES_CH;
	assert_false(entry_has_key(&copy, &other->key));
	for (unsigned variant = 0; variant < 4; variant++) {
		other->key.class = CACHES_IN;
		other->key.dnssec_ok = (variant & 1) != 0;
		other->key.checking_disabled = (variant & 2) != 0;
		assert_int_equal(entry_has_key(&copy, &other->key), variant == 0);
	}
	free(other);
}

/* A key longer than all that is in the copy is not compared with what lies behind. */
static void
a_longer_name_than_there_is_message(void **state)
{
	struct cache_key key;
	(void)state;
	caches_make(&thing, "x.", 1);
	caches_empty(&thing, CACHE_NEGATIVE, 3);
	read_back();
	key = thing.key;
	key.name_bytes = NAME_BYTES;
	assert_false(entry_has_key(&copy, &key));
}

static void
key_from_an_entry(void **state)
{
	(void)state;
	for (unsigned variant = 0; variant < 4; variant++) {
		caches_make(&thing, "Key.Example.", 1);
		caches_variant(&thing, (variant & 1) != 0, (variant & 2) != 0);
		read_back();
		struct cache_key key = entry_key(&copy, CACHES_SEED);
		assert_true(key.hash == thing.key.hash);
		assert_true(entry_has_key(&copy, &key));
		assert_true(entry_key(&copy, CACHES_SEED + 1).hash != key.hash);
	}
}

static void
variants_have_hashes_apart(void **state)
{
	uint64_t hash = 0x123456789abcdef0;
	(void)state;
	assert_true(entry_hash(hash, false, false, 0) == hash);
	for (unsigned a = 0; a < 12; a++)
		for (unsigned b = 0; b < a; b++)
			assert_true(entry_hash(hash, a & 1, a & 2, a / 4 * 0x123457) !=
			            entry_hash(hash, b & 1, b & 2, b / 4 * 0x123457));
	/* what is above the tag says where the first bucket is, and is the same for all */
	assert_true(entry_hash(hash, true, true, UINT32_MAX) >> 26 == hash >> 26);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_plain_answer),
	        cmocka_unit_test(every_flag),
	        cmocka_unit_test(every_rcode),
	        cmocka_unit_test(with_explanation),
	        cmocka_unit_test(without_records),
	        cmocka_unit_test(the_largest),
	        cmocka_unit_test(moved_elsewhere),
	        cmocka_unit_test(any_bit_flipped),
	        cmocka_unit_test(any_room_that_is_too_small),
	        cmocka_unit_test(another_place_or_use_or_seed),
	        cmocka_unit_test(insane_lengths),
	        cmocka_unit_test(a_right_sum_over_nonsense),
	        cmocka_unit_test(a_right_sum_over_too_little),
	        cmocka_unit_test(keys_apart),
	        cmocka_unit_test(a_longer_name_than_there_is_message),
	        cmocka_unit_test(key_from_an_entry),
	        cmocka_unit_test(variants_have_hashes_apart),
	};
	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
