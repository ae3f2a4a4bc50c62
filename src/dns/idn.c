/*
 * Whom to believe about letters: the library, non-transitional, as browsers do it.
 */
#include "dns/idn.h"

#include <idn2.h>
#include <string.h>

enum { IDN_TEXT_BYTES = 1024 }; /* no name that fits is longer in UTF-8 */

size_t
idn_name(const char *text, size_t bytes, uint8_t out[NAME_BYTES])
{
	uint8_t copy[IDN_TEXT_BYTES];
	uint8_t *ascii = NULL;

	if (bytes == 0 || bytes >= sizeof copy || memchr(text, '\0', bytes) != NULL ||
	        memchr(text, '\\', bytes) != NULL)
		return 0;
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	int flags = IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT;
	if (idn2_lookup_u8(copy, &ascii, flags) != IDN2_OK)
		return 0;
	size_t length = name_from_text((const char *)ascii, out);
	idn2_free(ascii);
	return length;
}
