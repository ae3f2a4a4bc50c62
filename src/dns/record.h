/*
 * Resource records where they stand in a message, RFC 1035 section 4.1.3.
 *
 * Serves the parsers of this floor; other floors see whole messages (dns/wire.h).
 */
#ifndef DOTWARD_DNS_RECORD_H
#define DOTWARD_DNS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_NAMES = 2 /* at most in one RDATA that may be compressed */ };

/* Offsets into the message. */
struct record {
	size_t at;
	size_t rdata;
	size_t end;
	uint16_t type;
};

/* Where the first record stands, behind all questions of a message of at least a header; 0 when they run out
 * of it. */
size_t record_first(const uint8_t *msg, size_t bytes);

/*
 * Reads the record at `at`. False when its owner name is malformed or it runs out of the message; RDATA is
 * not read.
 */
bool record_read(const uint8_t *msg, size_t bytes, size_t at, struct record *out);

/*
 * Finds the names in RDATA that an upstream may have compressed (RFC 3597 section 4). Returns how many, with
 * their offsets in `names`, or -EBADMSG when one is malformed or RDATA is longer or shorter than its type
 * says. Other types have none.
 */
int record_names(const uint8_t *msg, const struct record *record, size_t names[RECORD_NAMES])
        __attribute__((warn_unused_result));

/*
 * Takes a record out of a message whose records were all found good, and lowers every compression pointer
 * behind it that points behind it, so that all other records say what they said. Returns the new length; 0,
 * with the message untouched, when a name behind the record is made of bytes of it, or of bytes behind it
 * that are no name. Does not touch the counts.
 */
size_t record_cut(uint8_t *msg, size_t bytes, const struct record *record);

#endif
