/*
 * Domain names in wire form, RFC 1035 section 3.1 and 4.1.4.
 *
 * A name stands in a message as one or more pieces, each but the last ending in a pointer to the next. Every
 * piece must lie wholly between the header and the piece that points to it. No encoder does otherwise, and it
 * makes loops impossible, keeps names apart from the id and flags that we change, and leaves a name intact
 * when what follows it is cut off.
 */
#ifndef DOTWARD_DNS_NAME_H
#define DOTWARD_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_BYTES = 255,
	NAME_TEXT_BYTES = 1025, /* each byte as \ddd, and a NUL */
	NAME_POINTERS = 128,    /* in one name: one per label and one to the root */
};

/*
 * Length of the name at `at` in the message, as it stands there (up to and with the first pointer); 0 when it
 * is malformed: runs out, a label type other than 00 and 11, a pointer that does not point backwards to
 * before this name or that points into the header, a piece that runs into the one that points to it, more
 * than 255 bytes unfolded, more than NAME_POINTERS pointers.
 */
size_t name_skip(const uint8_t *msg, size_t bytes, size_t at);

/*
 * End of the piece of a name at `at` (behind its root label or its pointer), which must not go beyond
 * `limit`; 0 when malformed. *target becomes the place it points to, or 0 when it ends in the root label. The
 * pointer is not followed.
 */
size_t name_piece(const uint8_t *msg, size_t limit, size_t at, size_t *target);

/* Length of an uncompressed name (no pointer allowed) at `at`; 0 when malformed. */
size_t name_plain_bytes(const uint8_t *msg, size_t bytes, size_t at);

/*
 * The name at `at` without compression. Returns its length, or 0 when name_skip() finds it malformed; what
 * `out` then holds means nothing.
 */
size_t name_unfold(const uint8_t *msg, size_t bytes, size_t at, uint8_t out[NAME_BYTES]);

/* Two uncompressed names of the same length, ASCII letters in any case (RFC 4343). */
bool name_equal(const uint8_t *a, const uint8_t *b, size_t bytes);

/* The name (or whatever lies there: lengths stay as they are) with ASCII letters in lower case. */
void name_fold(const uint8_t *name, size_t bytes, uint8_t *out);

/*
 * Presentation form, absolute, with escapes (RFC 4343 section 2.1, RFC 1035 section 5.1), never anything
 * unprintable and never a blank or a bare quote. "" when `bytes` is 0. Returns `out`.
 */
const char *name_text(const uint8_t *name, size_t bytes, char out[NAME_TEXT_BYTES]);

/*
 * The reverse: reads presentation form, with \DDD and \X (RFC 1035 section 5.1) and with or without the last
 * dot, into wire form. Every name is absolute, "." is the root, letters keep their case, bytes above 127 are
 * taken as they are. Returns the length with the root label; 0 when it is no name: empty, an empty label, one
 * above 63 bytes, above 255 in all, an escape that is none.
 */
size_t name_from_text(const char *text, uint8_t out[NAME_BYTES]);

#endif
