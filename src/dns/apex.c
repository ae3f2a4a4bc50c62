/*
 * Walks the records up to the first SOA. Nothing in the message is believed; one that does not add up has no
 * apex.
 */
#include "dns/apex.h"

#include "dns/header.h"
#include "dns/octets.h"
#include "dns/record.h"

enum { APEX_TYPE_SOA = 6 };

size_t
apex_find(const uint8_t *msg, size_t bytes, uint8_t out[NAME_BYTES])
{
	if (bytes < HEADER_BYTES)
		return 0;
	unsigned answers = octets_get16(msg + HEADER_ANCOUNT);
	unsigned count = answers + octets_get16(msg + HEADER_NSCOUNT);
	size_t at = record_first(msg, bytes);
	struct record record;
	for (unsigned i = 0; at != 0 && i < count && record_read(msg, bytes, at, &record); i++) {
		if (i >= answers && record.type == APEX_TYPE_SOA)
			return name_unfold(msg, bytes, at, out);
		at = record.end;
	}
	return 0;
}
