/*
 * Any text as a list in the form of a hosts file. See listfuzz.h for what must hold.
 */
#include "listfuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return listfuzz(data, size, LIST_HOSTS);
}
