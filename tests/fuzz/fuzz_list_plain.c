/*
 * Any text as a list with one domain in a line. See listfuzz.h for what must hold.
 */
#include "listfuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return listfuzz(data, size, LIST_PLAIN);
}
