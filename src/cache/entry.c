/*
 * Copy, then check, then look: nothing in shared memory is looked at twice.
 */
#include "cache/entry.h"

#include "base/must.h"
#include "cache/layout.h"
#include "dns/hash.h"
#include "dns/header.h"
#include "dns/octets.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

enum {
	ENTRY_TENTH_MS = 100,
	ENTRY_KIND = 0x0003,
	ENTRY_DNSSEC_OK = 0x0004,
	ENTRY_CHECKING_DISABLED = 0x0008,
	ENTRY_UNASKED = 0x0010,
	ENTRY_RCODE_SHIFT = 8, /* the upper eight bits */
	ENTRY_TTL_BYTES = 4,
};

static_assert(ENTRY_HEAD_BYTES == 24, "entries of another build are not read");
static_assert(offsetof(struct entry_head, check) == 0, "the sum covers what is behind it");

static size_t
plain_bytes(const struct entry_head *head)
{
	return ENTRY_HEAD_BYTES + (size_t)head->msg_bytes + 2 * (size_t)head->ttl_count + head->ede_bytes;
}

static size_t
rounded(size_t bytes)
{
	return (bytes + LAYOUT_UNIT_BYTES - 1) / LAYOUT_UNIT_BYTES * LAYOUT_UNIT_BYTES;
}

static uint32_t
check_of(const uint8_t *entry, size_t bytes, const struct entry_bond *bond)
{
	uint64_t seed = bond->seed ^ bond->place * 0x9e3779b97f4a7c15u ^ bond->sequence << 20;
	return (uint32_t)XXH3_64bits_withSeed(entry + sizeof(uint32_t), bytes - sizeof(uint32_t), seed);
}

/* In the bits of the tag, so that all variants of a question share their first bucket. */
uint64_t
entry_hash(uint64_t question_hash, bool dnssec_ok, bool checking_disabled, uint32_t view)
{
	return question_hash ^ (dnssec_ok ? ENTRY_HASH_DNSSEC_OK : 0u) ^
	       (checking_disabled ? ENTRY_HASH_CHECKING_DISABLED : 0u) ^
	       (((uint64_t)view << 2) & ENTRY_HASH_VIEW);
}

size_t
entry_bytes(const struct cache_item *item)
{
	const struct wire_answer *answer = item->answer;
	if (answer->bytes > WIRE_MESSAGE_BYTES || item->ttl_count > CACHE_RECORDS ||
	        answer->edns.ede_bytes > EDNS_EDE_BYTES)
		return 0;
	return rounded(
	        ENTRY_HEAD_BYTES + answer->bytes + 2 * (size_t)item->ttl_count + answer->edns.ede_bytes);
}

static uint16_t
flags_of(const struct cache_key *key, const struct cache_item *item)
{
	unsigned flags = (unsigned)item->kind | (unsigned)item->answer->rcode >> 4 << ENTRY_RCODE_SHIFT;
	if (key->dnssec_ok)
		flags |= ENTRY_DNSSEC_OK;
	if (key->checking_disabled)
		flags |= ENTRY_CHECKING_DISABLED;
	if (item->unasked)
		flags |= ENTRY_UNASKED;
	return (uint16_t)flags;
}

/* The sum is of what we have, not of what is there: whoever else writes there, by mistake or out of malice,
 * must not get our signature. */
static void
put(uint8_t *out, const uint8_t *entry, size_t bytes, const struct entry_bond *bond)
{
	uint32_t check = check_of(entry, bytes, bond);
	memcpy(out, &check, sizeof check);
	memcpy(out + sizeof check, entry + sizeof check, bytes - sizeof check);
}

void
entry_write(uint8_t *out, const struct cache_key *key, const struct cache_item *item,
        const struct entry_bond *bond)
{
	const struct wire_answer *answer = item->answer;
	struct entry_head head = {
	        .stored = (uint32_t)(item->stored_ms / ENTRY_TENTH_MS),
	        .life_s = item->life_s,
	        .msg_bytes = (uint16_t)answer->bytes,
	        .ttl_count = (uint16_t)item->ttl_count,
	        .ede_bytes = answer->edns.ede_bytes,
	        .flags = flags_of(key, item),
	        .view = key->view,
	};
	static uint8_t whole[ENTRY_BYTES];
	uint8_t *at = whole + ENTRY_HEAD_BYTES;
	memcpy(whole, &head, sizeof head);
	memcpy(at, answer->msg, answer->bytes);
	at += answer->bytes;
	memcpy(at, item->ttls, 2 * (size_t)item->ttl_count);
	at += 2 * (size_t)item->ttl_count;
	memcpy(at, answer->edns.ede, answer->edns.ede_bytes);
	put(out, whole, plain_bytes(&head), bond);
}

void
entry_rewrite(uint8_t *out, const struct entry_copy *copy, const struct entry_bond *bond)
{
	put(out, copy->bytes, plain_bytes(&copy->head), bond);
}

/* The sum is 32 bits; what is left to chance must not be able to lead us outside of the message. */
static bool
is_sane(const struct entry_copy *copy)
{
	size_t bytes = copy->head.msg_bytes;
	if ((copy->head.flags & ENTRY_KIND) > CACHE_FAILURE)
		return false;
	for (unsigned i = 0; i < copy->head.ttl_count; i++)
		if ((size_t)copy->ttls[i] + ENTRY_TTL_BYTES > bytes)
			return false;
	return true;
}

static bool
has_question(const struct entry_copy *copy)
{
	size_t bytes = copy->head.msg_bytes;
	size_t name = name_plain_bytes(copy->bytes + ENTRY_HEAD_BYTES, bytes, WIRE_HEADER_BYTES);
	return name > 0 && WIRE_HEADER_BYTES + name + QUESTION_FIXED_BYTES <= bytes;
}

size_t
entry_read_to_compare(
        const uint8_t *from, size_t room, const struct entry_bond *bond, struct entry_copy *copy)
{
	if (room < ENTRY_HEAD_BYTES)
		return 0;
	struct entry_head *head = &copy->head;
	memcpy(head, from, sizeof *head);
	/* The compiler may not read the lengths from there once more. */
	atomic_signal_fence(memory_order_seq_cst);
	if (head->ttl_count > CACHE_RECORDS || head->ede_bytes > EDNS_EDE_BYTES ||
	        head->msg_bytes < WIRE_HEADER_BYTES)
		return 0;
	size_t bytes = plain_bytes(head);
	if (rounded(bytes) > room)
		return 0;
	memcpy(copy->bytes + ENTRY_HEAD_BYTES, from + ENTRY_HEAD_BYTES, bytes - ENTRY_HEAD_BYTES);
	atomic_signal_fence(memory_order_seq_cst);
	if (check_of(copy->bytes, bytes, bond) != head->check)
		return 0;
	memcpy(copy->ttls, copy->bytes + ENTRY_HEAD_BYTES + head->msg_bytes, 2 * (size_t)head->ttl_count);
	return is_sane(copy) ? rounded(bytes) : 0;
}

size_t
entry_read(const uint8_t *from, size_t room, const struct entry_bond *bond, struct entry_copy *copy)
{
	size_t bytes = entry_read_to_compare(from, room, bond, copy);
	return bytes != 0 && has_question(copy) ? bytes : 0;
}

enum cache_kind
entry_kind(const struct entry_copy *copy)
{
	return (enum cache_kind)(copy->head.flags & ENTRY_KIND);
}

uint64_t
entry_expires_ms(const struct entry_copy *copy)
{
	return (uint64_t)copy->head.stored * ENTRY_TENTH_MS + (uint64_t)copy->head.life_s * 1000;
}

void
entry_describe(struct entry_copy *copy, struct cache_entry *out)
{
	const struct entry_head *head = &copy->head;
	const uint8_t *msg = copy->bytes + ENTRY_HEAD_BYTES;
	struct wire_answer *answer = &out->answer;
	answer->msg = msg;
	answer->bytes = head->msg_bytes;
	answer->rcode = (uint16_t)((msg[HEADER_FLAGS + 1] & WIRE_FLAG_RCODE) |
	                           (head->flags >> ENTRY_RCODE_SHIFT) << 4);
	edns_clear(&answer->edns);
	answer->edns.ede_bytes = head->ede_bytes;
	memcpy(answer->edns.ede, msg + head->msg_bytes + 2 * (size_t)head->ttl_count, head->ede_bytes);
	out->ttls = copy->ttls;
	out->ttl_count = head->ttl_count;
	out->kind = entry_kind(copy);
	out->dnssec_ok = (head->flags & ENTRY_DNSSEC_OK) != 0;
	out->checking_disabled = (head->flags & ENTRY_CHECKING_DISABLED) != 0;
	out->view = head->view;
	out->unasked = (head->flags & ENTRY_UNASKED) != 0;
	out->life_s = head->life_s;
	out->stored_ms = (uint64_t)head->stored * ENTRY_TENTH_MS;
	out->expires_ms = entry_expires_ms(copy);
	out->asked = 0;
}

bool
entry_has_key(const struct entry_copy *copy, const struct cache_key *key)
{
	const uint8_t *name = copy->bytes + ENTRY_HEAD_BYTES + WIRE_HEADER_BYTES;
	const uint8_t *fixed = name + key->name_bytes;
	size_t need = WIRE_HEADER_BYTES + (size_t)key->name_bytes + QUESTION_FIXED_BYTES;
	return copy->head.msg_bytes >= need && name_equal(name, key->name, key->name_bytes) &&
	       octets_get16(fixed) == key->type && octets_get16(fixed + 2) == key->class &&
	       ((copy->head.flags & ENTRY_DNSSEC_OK) != 0) == key->dnssec_ok &&
	       ((copy->head.flags & ENTRY_CHECKING_DISABLED) != 0) == key->checking_disabled &&
	       copy->head.view == key->view;
}

struct cache_key
entry_key(const struct entry_copy *copy, uint64_t seed)
{
	const uint8_t *msg = copy->bytes + ENTRY_HEAD_BYTES;
	size_t name_bytes = name_plain_bytes(msg, copy->head.msg_bytes, WIRE_HEADER_BYTES);
	const uint8_t *fixed = msg + WIRE_HEADER_BYTES + name_bytes;
	struct cache_key key = {
	        .name = msg + WIRE_HEADER_BYTES,
	        .name_bytes = (uint16_t)name_bytes,
	        .type = octets_get16(fixed),
	        .class = octets_get16(fixed + 2),
	        .dnssec_ok = (copy->head.flags & ENTRY_DNSSEC_OK) != 0,
	        .checking_disabled = (copy->head.flags & ENTRY_CHECKING_DISABLED) != 0,
	        .view = copy->head.view,
	};
	key.hash = entry_hash(hash_name(key.name, name_bytes, key.type, key.class, seed), key.dnssec_ok,
	        key.checking_disabled, key.view);
	return key;
}
