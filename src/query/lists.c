/*
 * Looking names up in a table of lists.
 *
 * What costs is memory that is in no cache, a quarter of a microsecond a line. So all suffixes of a name are
 * hashed first and their lines of the filter fetched side by side; only what passes the filter goes on to the
 * buckets, again side by side. Suffixes with as many labels as no owner has are not even hashed, which leaves
 * out the top-level domain of nearly every table.
 *
 * The table was put together from strangers' files by a process that may have been taken over by one of them,
 * so what it says of places in itself is checked wherever it is used.
 */
#define XXH_INLINE_ALL
#include "query/lists.h"

#include "dns/name.h"
#include "query/lists_inside.h"

#include <string.h>
#include <xxhash.h>

struct probe {
	uint64_t tag;
	uint8_t at; /* where in the name its suffix begins */
};

/* What the rules that match a name come to, list by list. */
struct verdicts {
	uint64_t allowed, decided, important, excepted, excepted_important;
	struct lists_hit best[LISTS_MAX]; /* of those with a bit in `allowed` or `decided` */
};

static uint64_t
tag_of(const uint8_t *secret, const uint8_t *folded, size_t bytes)
{
	return XXH3_64bits_withSecret(folded, bytes, secret, LISTS_SECRET_BYTES);
}

/* With another key, which for the library is just a secret that begins elsewhere. */
static uint32_t
check_of(const uint8_t *secret, const uint8_t *folded, size_t bytes)
{
	enum { BEHIND = LISTS_SECRET_BYTES - XXH3_SECRET_SIZE_MIN };
	return (uint32_t)XXH3_64bits_withSecret(folded, bytes, secret + BEHIND, XXH3_SECRET_SIZE_MIN);
}

struct lists_key
lists_key_of(const uint8_t *secret, const uint8_t *folded, size_t bytes)
{
	return (struct lists_key){
	        .tag = tag_of(secret, folded, bytes), .check = check_of(secret, folded, bytes)};
}

/* Takes a part's bytes off what is left; false: there are not as many. */
static bool
take(uint64_t *left, uint64_t count, uint64_t each)
{
	if (count > *left / each)
		return false;
	*left -= count * each;
	return true;
}

const struct lists *
lists_at(const void *memory, size_t bytes)
{
	const struct lists *l = memory;
	if (bytes < sizeof *l || (uintptr_t)memory % LISTS_LINE != 0 || l->magic != LISTS_MAGIC ||
	        l->version != LISTS_VERSION || l->bytes != bytes || l->lists > LISTS_MAX)
		return NULL;
	uint64_t left = bytes - sizeof *l;
	bool fits = take(&left, l->blocks, sizeof(struct lists_block)) &&
	            take(&left, l->buckets, sizeof(struct lists_bucket)) && l->rules <= left &&
	            take(&left, lists_rules_bytes(l->rules), 1) && left == l->data_bytes;
	bool sound = l->blocks > 0 && l->homes > 0 && l->homes <= l->buckets && l->blocks <= UINT32_MAX &&
	             l->buckets <= UINT32_MAX;
	for (unsigned i = 0; i < l->lists; i++)
		if (memchr(l->list[i].label, '\0', LISTS_LABEL_BYTES) == NULL)
			return NULL;
	return fits && sound ? l : NULL;
}

unsigned
lists_count(const struct lists *lists)
{
	return lists->lists;
}

const struct lists_list *
lists_list(const struct lists *lists, unsigned list)
{
	return &lists->list[list];
}

int
lists_called(const struct lists *lists, const char *label, enum lists_role role)
{
	for (unsigned i = 0; i < lists->lists; i++)
		if (lists->list[i].role == role &&
		        strncmp(lists->list[i].label, label, LISTS_LABEL_BYTES - 1) == 0)
			return (int)i;
	return -1;
}

uint64_t
lists_names(const struct lists *lists)
{
	return lists->names;
}

size_t
lists_bytes(const struct lists *lists)
{
	return lists->bytes;
}

static bool
has_depth(const struct lists_depths *depths, unsigned depth)
{
	return (depths->bits[depth / 64] >> depth % 64 & 1) != 0;
}

/* Where the suffixes of a name begin: the name itself first, the root last. Returns how many labels it has.
 */
static unsigned
split(const uint8_t *name, size_t bytes, uint8_t at[LISTS_DEPTHS])
{
	unsigned labels = 0;
	for (size_t here = 0; here + 1 < bytes && labels < LISTS_DEPTHS - 1; here += name[here] + 1u)
		at[labels++] = (uint8_t)here;
	at[labels] = (uint8_t)(bytes - 1);
	return labels;
}

/* Tags of the suffixes that could be owners, the longest first, with their lines of the filter on the way. */
static unsigned
begin_probes(const struct lists *l, const uint8_t *folded, size_t bytes, struct probe *probes)
{
	uint8_t at[LISTS_DEPTHS];
	unsigned count = 0, labels = split(folded, bytes, at);
	for (unsigned i = 0; i <= labels; i++) {
		if (!has_depth(i == 0 ? &l->exact : &l->below, labels - i))
			continue;
		struct probe *p = &probes[count++];
		p->at = at[i];
		p->tag = tag_of(l->secret, folded + at[i], bytes - at[i]);
		__builtin_prefetch(lists_blocks(l) + lists_scale(p->tag, l->blocks));
	}
	return count;
}

static bool
passes_filter(const struct lists_block *block, uint64_t tag)
{
	for (unsigned i = 0; i < LISTS_FILTER_BITS; i++, tag >>= 9)
		if ((block->words[tag / 64 % 8] >> tag % 64 & 1) == 0)
			return false;
	return true;
}

static unsigned
filter_probes(const struct lists *l, struct probe *probes, unsigned count)
{
	unsigned left = 0;
	for (unsigned i = 0; i < count; i++) {
		uint64_t tag = probes[i].tag;
		if (!passes_filter(lists_blocks(l) + lists_scale(tag, l->blocks), tag))
			continue;
		__builtin_prefetch(lists_buckets(l) + lists_scale(tag, l->homes));
		probes[left++] = probes[i];
	}
	return left;
}

/* The set of rules of the suffix; 0: it is on no list. */
static uint32_t
find_rules(const struct lists *l, const struct probe *p, const uint8_t *folded, size_t bytes)
{
	for (uint64_t at = lists_scale(p->tag, l->homes); at < l->buckets; at++) {
		const struct lists_bucket *b = &lists_buckets(l)[at];
		for (unsigned i = 0; i < LISTS_SLOTS; i++)
			if (b->tag[i] == p->tag && b->rules[i] != 0 &&
			        b->check[i] == check_of(l->secret, folded + p->at, bytes - p->at))
				return b->rules[i];
		if (b->rules[LISTS_SLOTS - 1] == 0)
			break;
	}
	return 0;
}

/* The longest owner comes first: what a list said already stands, but for what is important. */
static void
weigh_rule(struct verdicts *v, const struct lists_rule *r, uint64_t bit, const struct lists_hit *hit)
{
	uint64_t important = r->deed == LISTS_BLOCK_IMPORTANT ? bit : 0;
	if (hit->role == LISTS_ALLOW_LIST) {
		if ((v->allowed & bit) == 0)
			v->best[r->list] = *hit;
		v->allowed |= bit;
	} else if (r->deed == LISTS_EXCEPT || r->deed == LISTS_EXCEPT_IMPORTANT) {
		v->excepted |= bit;
		v->excepted_important |= r->deed == LISTS_EXCEPT_IMPORTANT ? bit : 0;
	} else {
		if ((v->decided & bit) == 0 || (important & ~v->important) != 0)
			v->best[r->list] = *hit;
		v->decided |= bit;
		v->important |= important;
	}
}

static void
weigh_set(struct verdicts *v, const struct lists *l, uint64_t which, uint32_t first, uint8_t owner_at)
{
	unsigned scope = owner_at == 0 ? LISTS_EXACT : LISTS_BELOW;
	for (uint64_t i = first; i < l->rules; i++) {
		const struct lists_rule *r = &lists_rules(l)[i];
		uint64_t bit = r->list < l->lists ? UINT64_C(1) << r->list : 0;
		if ((which & bit) != 0 && (r->scope & scope) != 0 && r->deed < LISTS_DEEDS) {
			const struct lists_hit hit = {
			        .deed = r->deed == LISTS_BLOCK_IMPORTANT ? LISTS_BLOCK : r->deed,
			        .role = l->list[r->list].role == LISTS_ALLOW_LIST ? LISTS_ALLOW_LIST
			                                                          : LISTS_BLOCK_LIST,
			        .list = r->list,
			        .owner_at = owner_at,
			        .below = owner_at != 0,
			        .data = r->data,
			};
			weigh_rule(v, r, bit, &hit);
		}
		if (r->last != 0)
			break;
	}
}

static bool
conclude(const struct verdicts *v, struct lists_hit *out, int *exempt)
{
	if (v->allowed != 0) {
		*out = v->best[__builtin_ctzll(v->allowed)];
		return true;
	}
	uint64_t stands = (v->decided & ~v->excepted) | (v->important & ~v->excepted_important);
	uint64_t spared = v->decided & ~stands;
	for (; stands != 0; stands &= stands - 1) {
		unsigned list = (unsigned)__builtin_ctzll(stands);
		*out = v->best[list];
		if (out->deed != LISTS_PASSTHRU)
			return true;
		spared |= UINT64_C(1) << list;
	}
	*exempt = spared != 0 ? __builtin_ctzll(spared) : -1;
	return false;
}

bool
lists_find(const struct lists *lists, uint64_t which, const uint8_t *name, size_t bytes,
        struct lists_hit *out, int *exempt)
{
	int nobody;
	uint8_t folded[NAME_BYTES];
	struct probe probes[LISTS_DEPTHS];

	exempt = exempt != NULL ? exempt : &nobody;
	*exempt = -1;
	if (which == 0 || bytes == 0 || bytes > NAME_BYTES)
		return false;
	name_fold(name, bytes, folded);
	unsigned count = begin_probes(lists, folded, bytes, probes);
	count = filter_probes(lists, probes, count);
	if (count == 0)
		return false;
	struct verdicts v;
	v.allowed = v.decided = v.important = v.excepted = v.excepted_important = 0;
	for (unsigned i = 0; i < count; i++) {
		uint32_t rules = find_rules(lists, &probes[i], folded, bytes);
		if (rules != 0)
			weigh_set(&v, lists, which, rules, probes[i].at);
	}
	return conclude(&v, out, exempt);
}

bool
lists_record(const struct lists *lists, const struct lists_hit *hit, size_t *cursor, struct lists_record *out)
{
	const uint8_t *data = lists_data(lists);
	uint32_t all, ttl_s;
	uint16_t type, rdata_bytes;

	uint64_t start = hit->data + (uint64_t)sizeof all;
	if (hit->deed != LISTS_DATA || start > lists->data_bytes)
		return false;
	memcpy(&all, data + hit->data, sizeof all);
	uint64_t at = start + *cursor, end = start + all;
	if (end > lists->data_bytes || at + LISTS_DATA_HEAD > end)
		return false;
	memcpy(&type, data + at, sizeof type);
	memcpy(&rdata_bytes, data + at + 2, sizeof rdata_bytes);
	memcpy(&ttl_s, data + at + 4, sizeof ttl_s);
	at += LISTS_DATA_HEAD;
	if (rdata_bytes > end - at)
		return false;
	*out = (struct lists_record){
	        .type = type, .ttl_s = ttl_s, .rdata = data + at, .rdata_bytes = rdata_bytes};
	*cursor = at + rdata_bytes - start;
	return true;
}
