/*
 * Walks the answer section once for each name: aliases may stand in any order. Records of other names are
 * nobody's business here, however they came in.
 */
#include "dns/addresses.h"

#include "dns/octets.h"
#include "dns/record.h"
#include "dns/ttl.h"

#include <errno.h>
#include <string.h>

enum {
	TYPE_CNAME = 5,
	CLASS_IN = 1,
	HEADER_ANSWERS = 6,
	CLASS_BEFORE_RDATA = 8,
	TTL_BEFORE_RDATA = 6,
	QUESTION_BEHIND_NAME = 4,
};

struct walk {
	const uint8_t *msg;
	size_t bytes;
	uint16_t type;
	uint8_t name[NAME_BYTES]; /* whose records count */
	size_t name_bytes;
	size_t alias; /* where the name stands that it is an alias of; 0: it is none */
	struct addr *out;
	unsigned count, room;
	uint32_t ttl_s;
	bool left_out;
};

static uint32_t
ttl_of(const struct walk *w, const struct record *r)
{
	uint32_t ttl_s = octets_get32(w->msg + r->rdata - TTL_BEFORE_RDATA);
	return ttl_s > TTL_LARGEST_S ? 0 : ttl_s; /* RFC 2181 section 8 */
}

static bool
is_of_name(const struct walk *w, const struct record *r)
{
	uint8_t owner[NAME_BYTES];
	size_t bytes = name_unfold(w->msg, w->bytes, r->at, owner);
	return bytes == w->name_bytes && name_equal(owner, w->name, bytes) &&
	       octets_get16(w->msg + r->rdata - CLASS_BEFORE_RDATA) == CLASS_IN;
}

static void
take_ttl(struct walk *w, const struct record *r)
{
	uint32_t ttl_s = ttl_of(w, r);
	w->ttl_s = ttl_s < w->ttl_s ? ttl_s : w->ttl_s;
}

/* False when its length is not that of an address. */
static bool
take_address(struct walk *w, const struct record *r)
{
	struct addr address = {.any.sa_family = w->type == ADDRESSES_TYPE_A ? AF_INET : AF_INET6};
	void *to =
	        w->type == ADDRESSES_TYPE_A ? (void *)&address.in4.sin_addr : (void *)&address.in6.sin6_addr;
	size_t bytes =
	        w->type == ADDRESSES_TYPE_A ? sizeof address.in4.sin_addr : sizeof address.in6.sin6_addr;
	if (r->end - r->rdata != bytes)
		return false;
	memcpy(to, w->msg + r->rdata, bytes);
	take_ttl(w, r);
	for (unsigned i = 0; i < w->count; i++)
		if (addr_equal(&w->out[i], &address))
			return true;
	if (w->count < w->room)
		w->out[w->count++] = address;
	else
		w->left_out = true;
	return true;
}

/* All records of the name. */
static bool
walk_once(struct walk *w, size_t start, unsigned records)
{
	struct record r;
	w->alias = 0;
	for (size_t at = start; records > 0; records--, at = r.end) {
		if (!record_read(w->msg, w->bytes, at, &r))
			return false;
		if ((r.type != w->type && r.type != TYPE_CNAME) || !is_of_name(w, &r))
			continue;
		if (r.type == w->type && !take_address(w, &r))
			return false;
		if (r.type == TYPE_CNAME) {
			take_ttl(w, &r);
			w->alias = r.rdata;
		}
	}
	return true;
}

int
addresses_read(const struct wire_answer *answer, const struct wire_question *question, struct addr *out,
        unsigned room, uint32_t *ttl_s, bool *left_out)
{
	struct walk w = {.msg = answer->msg,
	        .bytes = answer->bytes,
	        .type = question->type,
	        .name_bytes = question->name_bytes,
	        .out = out,
	        .room = room,
	        .ttl_s = TTL_LARGEST_S};
	size_t start = name_skip(w.msg, w.bytes, WIRE_HEADER_BYTES);
	if (start == 0)
		return -EBADMSG;
	start += WIRE_HEADER_BYTES + QUESTION_BEHIND_NAME;
	memcpy(w.name, question->name, question->name_bytes);
	for (unsigned aliases = 0; aliases <= ADDRESSES_ALIASES; aliases++) {
		if (!walk_once(&w, start, octets_get16(w.msg + HEADER_ANSWERS)))
			return -EBADMSG;
		if (w.count > 0 || w.alias == 0)
			break;
		w.name_bytes = name_unfold(w.msg, w.bytes, w.alias, w.name);
		if (w.name_bytes == 0)
			return -EBADMSG;
	}
	*ttl_s = w.count > 0 ? w.ttl_s : 0;
	*left_out = w.left_out;
	return (int)w.count;
}
