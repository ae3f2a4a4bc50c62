/*
 * Names with letters beyond ASCII, RFC 5891 and UTS 46, by libidn2. For what people write in files; nothing
 * here looks at the names in messages.
 */
#ifndef DOTWARD_DNS_IDN_H
#define DOTWARD_DNS_IDN_H

#include "dns/name.h"

/*
 * The wire form of a name in UTF-8 of that many bytes, its labels turned into A-labels where they must be,
 * all of it in lower case. Returns the length with the root label; 0 when it is no name: not UTF-8, letters
 * that names must not have, too long. Allocates.
 */
size_t idn_name(const char *text, size_t bytes, uint8_t out[NAME_BYTES]);

#endif
