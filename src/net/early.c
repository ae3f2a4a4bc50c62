/*
 * RFC 9250 section 4.5 says for QUIC what holds for TLS as well: of the opcodes, early data is for QUERY.
 * What follows something else stays behind it, as the order in a stream is one.
 */
#include "net/early.h"

#include "dns/header.h"
#include "dns/octets.h"
#include "dns/wire.h"

#include <stdbool.h>

static bool
is_question(const uint8_t *msg, size_t bytes)
{
	return bytes >= HEADER_BYTES &&
	       (octets_get16(msg + HEADER_FLAGS) & (WIRE_FLAG_QR | WIRE_FLAG_OPCODE)) == 0;
}

size_t
early_cut(const uint8_t *framed, size_t bytes, size_t most)
{
	size_t end = bytes < most ? bytes : most, cut = 0;
	while (end - cut >= 2) {
		size_t message = octets_get16(framed + cut);
		if (end - cut - 2 < message || !is_question(framed + cut + 2, message))
			break;
		cut += 2 + message;
	}
	return cut;
}
