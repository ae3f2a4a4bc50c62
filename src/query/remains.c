/*
 * Nothing in it is believed but for its bounds: it is put into messages and compared, and must not lead out
 * of where it lies.
 */
#include "query/remains.h"

static bool
is_sound_alias(const struct query *q, bool aliases)
{
	size_t bytes = q->alias_bytes;
	return bytes == 0 ||
	       (aliases && bytes <= NAME_BYTES && name_plain_bytes(q->alias, bytes, 0) == bytes);
}

static bool
is_sound_question(const struct wire_query *q)
{
	size_t bytes = q->question.name_bytes;
	return bytes > 0 && bytes <= NAME_BYTES && name_plain_bytes(q->question.name, bytes, 0) == bytes &&
	       q->edns.subnet_bytes <= EDNS_SUBNET_BYTES && q->edns.cookie_bytes <= COOKIE_MOST_BYTES;
}

bool
remains_are_sound(const struct query *q, bool aliases)
{
	return is_sound_question(&q->wire) && q->cookie_bytes <= COOKIE_BYTES && is_sound_alias(q, aliases);
}
