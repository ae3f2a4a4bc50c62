/*
 * Any bytes as a PROXY header, as a datagram has them and as a stream brings them: both come to the same, and
 * nothing is read beyond what is there.
 */
#include "base/must.h"
#include "net/proxy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In a block of exactly its size, so that a sanitizer sees one byte more. */
static int
parse_exactly(const uint8_t *data, size_t size, struct proxy_header *out)
{
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	must(bytes != NULL);
	if (size > 0)
		memcpy(bytes, data, size);
	int result = proxy_parse(bytes, size, out);
	free(bytes);
	return result;
}

static void
address_check(const struct addr *a)
{
	char text[ADDR_TEXT_BYTES];
	must(a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6);
	must(a->any.sa_family == AF_INET || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr));
	addr_text(a, text);
}

/* Piece by piece, no further than proxy_bytes() allows, as client/foyer.c reads. */
static int
parse_stream(const uint8_t *data, size_t size, struct proxy_header *out)
{
	size_t held = 0;
	for (;;) {
		size_t whole = proxy_bytes(data, held);
		must(whole > held);
		if (whole > size)
			return parse_exactly(data, size, out);
		held = whole;
		int result = parse_exactly(data, held, out);
		must(result <= (int)held);
		if (result != 0)
			return result;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole, part;
	int result = parse_exactly(data, size, &whole);
	must(parse_stream(data, size, &part) == result);
	if (result <= 0)
		return 0;
	must(result >= PROXY_FIXED_BYTES && result <= PROXY_MOST_BYTES && (size_t)result <= size);
	must((size_t)result == proxy_bytes(data, size));
	must(whole.says == part.says);
	if (whole.says == PROXY_CLIENT) {
		address_check(&whole.source);
		address_check(&whole.destination);
		must(addr_equal(&whole.source, &part.source));
	}
	/* no beginning of it is anything but a beginning */
	for (size_t cut = 0; cut < (size_t)result; cut += 1 + cut / 8)
		must(parse_exactly(data, cut, &part) == 0);
	return 0;
}
