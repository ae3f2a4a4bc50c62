/*
 * What a reader of dnstap says in the handshake, and what lies in a file that is gone on with: whatever it
 * is, no byte behind it is touched, and the end of a stream is found the same in pieces as in one.
 */
#include "base/must.h"
#include "dnstap/frames.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk_check(const uint8_t *bytes, size_t size)
{
	struct frames_walk whole = {0}, pieces = {0};
	bool good = frames_walk(&whole, bytes, size);
	must(whole.whole <= size);
	for (size_t at = 0; at < size && frames_walk(&pieces, bytes + at, 1); at++)
		must(pieces.whole <= at + 1);
	must(pieces.whole == whole.whole && pieces.bad == !good);
	/* cut off there, it is whole */
	struct frames_walk again = {0};
	must(frames_walk(&again, bytes, (size_t)whole.whole) && again.whole == whole.whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fstrm_control_type control;
	bool fits;
	uint8_t *bytes = malloc(size + (size == 0));
	memcpy(bytes, data, size);
	int taken = frames_read(bytes, size, &control, &fits);
	must(taken <= (int)size);
	if (taken > 0) {
		must(control >= FSTRM_CONTROL_ACCEPT && control <= FSTRM_CONTROL_FINISH);
		must(frames_read(bytes, (size_t)taken - 1, &control, &fits) == 0);
	}
	walk_check(bytes, size);
	free(bytes);
	return 0;
}
