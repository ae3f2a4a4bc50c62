/*
 * Domain names in wire form, RFC 1035 section 3.1 and 4.1.4.
 */
#ifndef DOTWARD_DNS_NAME_H
#define DOTWARD_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_BYTES = 255, NAME_TEXT_BYTES = 1025 /* each byte as \ddd, and a NUL */ };

/*
 * Length of the name at `at` in the message, as it stands there (up to and with the first pointer); 0 when it is malformed: runs out,
 * a label type other than 00 and 11, a pointer that does not point backwards to before this name, more than 255 bytes unfolded.
 */
size_t name_skip(const uint8_t *msg, size_t bytes, size_t at);
/* Length of an uncompressed name (no pointer allowed) at `at`; 0 when malformed. */
size_t name_plain_bytes(const uint8_t *msg, size_t bytes, size_t at);
/* Two uncompressed names of the same length, ASCII letters in any case (RFC 4343). */
bool name_equal(const uint8_t *a, const uint8_t *b, size_t bytes);
/* Presentation form with escapes (RFC 4343 section 2.1, RFC 1035 section 5.1), never anything unprintable. Returns `out`. */
const char *name_text(const uint8_t *name, size_t bytes, char out[NAME_TEXT_BYTES]);

#endif
