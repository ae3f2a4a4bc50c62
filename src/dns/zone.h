/*
 * Records in presentation format, RFC 1035 section 5, read by libzscanner (of Knot DNS).
 *
 * Opens no file: $INCLUDE is an error of its line. $ORIGIN and $TTL work, and lines may end in CR LF. Nothing
 * that is handed to a callback outlives it.
 */
#ifndef DOTWARD_DNS_ZONE_H
#define DOTWARD_DNS_ZONE_H

#include <stddef.h>
#include <stdint.h>

struct zone_record {
	unsigned long line;   /* from 1; of one over several lines, its last or the one before */
	const uint8_t *owner; /* wire form, uncompressed, letters as written */
	size_t owner_bytes;
	uint16_t type, class;
	uint32_t ttl_s;
	const uint8_t *rdata; /* names in it uncompressed */
	size_t rdata_bytes;
};

typedef void zone_record_fn(void *arg, const struct zone_record *record);
/* `why` is a sentence without the line. */
typedef void zone_error_fn(void *arg, unsigned long line, const char *why);

/*
 * Reads all of text[0..bytes), which need not end in a newline. `origin` is an absolute name in presentation
 * form to which relative names belong; NULL: a record with a relative name in it is an error. `ttl_s` is for
 * records that name none; the class is IN where none is named. A line that is wrong goes to error() and is
 * skipped.
 *
 * 0; -EBADMSG when the rest could not be read at all, which error() was told, too (a parenthesis that is
 * never closed); -EINVAL for an origin that is none; -ENOMEM.
 */
int zone_parse(const char *text, size_t bytes, const char *origin, uint32_t ttl_s, zone_record_fn *record,
        zone_error_fn *error, void *arg) __attribute__((warn_unused_result));

#endif
