/*
 * Domain names: how far they reach, whether two are the same, how they read, and how they are read.
 *
 * All rests on name_piece(), which walks the labels of one piece and looks at nothing outside it. name_skip()
 * follows the pointers; because each piece must end before the piece that led to it, it only ever moves
 * towards the header.
 */
#include "dns/name.h"

#include "dns/header.h"
#include "dns/octets.h"

#include <string.h>

enum {
	LABEL_BYTES = 63,
	LABEL_POINTER = 0xc0,
	POINTER_BYTES = 2,
	POINTER_TARGET = 0x3fff,
};

static size_t
piece_pointer(const uint8_t *msg, size_t limit, size_t at, size_t *target)
{
	if (limit - at < POINTER_BYTES)
		return 0;
	*target = octets_get16(msg + at) & POINTER_TARGET;
	return *target >= HEADER_BYTES ? at + POINTER_BYTES : 0;
}

size_t
name_piece(const uint8_t *msg, size_t limit, size_t at, size_t *target)
{
	size_t longest = at + NAME_BYTES;

	while (at < limit) {
		size_t label = msg[at];
		if (label >= LABEL_POINTER)
			return piece_pointer(msg, limit, at, target);
		at += 1 + label;
		if (label > LABEL_BYTES || at > longest)
			return 0;
		if (label == 0) {
			*target = 0;
			return at;
		}
	}
	return 0;
}

size_t
name_skip(const uint8_t *msg, size_t bytes, size_t at)
{
	size_t target = 0;
	size_t end = name_piece(msg, bytes, at, &target);
	if (end == 0 || target == 0)
		return end == 0 ? 0 : end - at;

	size_t unfolded = end - at - POINTER_BYTES;
	size_t limit = at;
	for (unsigned pointers = 1; target != 0; pointers++) {
		size_t piece = target;
		size_t piece_end = name_piece(msg, limit, piece, &target);
		if (piece_end == 0 || pointers > NAME_POINTERS)
			return 0;
		unfolded += piece_end - piece - (target != 0 ? POINTER_BYTES : 0);
		if (unfolded > NAME_BYTES)
			return 0;
		limit = piece;
	}
	return end - at;
}

size_t
name_plain_bytes(const uint8_t *msg, size_t bytes, size_t at)
{
	size_t target = 0;
	size_t end = name_piece(msg, bytes, at, &target);
	return end == 0 || target != 0 ? 0 : end - at;
}

size_t
name_unfold(const uint8_t *msg, size_t bytes, size_t at, uint8_t out[NAME_BYTES])
{
	size_t length = 0;
	size_t target = at;

	if (name_skip(msg, bytes, at) == 0)
		return 0;
	do {
		size_t piece = target;
		size_t end = name_piece(msg, bytes, piece, &target);
		size_t labels = end - piece - (target != 0 ? POINTER_BYTES : 0);
		memcpy(out + length, msg + piece, labels);
		length += labels;
	} while (target != 0);
	return length;
}

/* Length octets pass unchanged: at most 63, they are below 'A'. */
static uint8_t
lower(uint8_t byte)
{
	return (uint8_t)(byte - 'A') <= 'Z' - 'A' ? (uint8_t)(byte | 0x20) : byte;
}

/*
 * Eight octets at once: for those without the top bit, adding sets the top bit from 'A' on, and from behind
 * 'Z' on; what lies between gets 0x20. No addition carries into the next octet.
 */
static uint64_t
fold_eight(uint64_t eight)
{
	const uint64_t each = 0x0101010101010101u, top = each * 0x80;
	uint64_t low = eight & ~top;
	uint64_t from_a = low + each * (0x80 - 'A'), behind_z = low + each * (0x80 - 'Z' - 1);
	uint64_t upper = from_a & ~behind_z & ~eight & top;
	return eight | upper >> 2;
}

void
name_fold(const uint8_t *name, size_t bytes, uint8_t *out)
{
	size_t i = 0;
	for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
		uint64_t eight;
		memcpy(&eight, name + i, sizeof eight);
		eight = fold_eight(eight);
		memcpy(out + i, &eight, sizeof eight);
	}
	for (; i < bytes; i++)
		out[i] = lower(name[i]);
}

bool
name_equal(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	/* Nearly every upstream gives back the spelling it was asked with. */
	if (memcmp(a, b, bytes) == 0)
		return true;
	for (size_t i = 0; i < bytes; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static char *
byte_text(uint8_t byte, char *out)
{
	if (byte <= ' ' || byte >= 0x7f) {
		*out++ = '\\';
		*out++ = (char)('0' + byte / 100);
		*out++ = (char)('0' + byte / 10 % 10);
		*out++ = (char)('0' + byte % 10);
		return out;
	}
	if (strchr(".\\\"();@$", byte) != NULL)
		*out++ = '\\';
	*out++ = (char)byte;
	return out;
}

const char *
name_text(const uint8_t *name, size_t bytes, char out[NAME_TEXT_BYTES])
{
	char *end = out;
	size_t at = 0;

	if (bytes > NAME_BYTES)
		bytes = NAME_BYTES;
	while (at < bytes && name[at] != 0) {
		size_t label_end = at + 1 + name[at];
		for (at++; at < label_end && at < bytes; at++)
			end = byte_text(name[at], end);
		*end++ = '.';
	}
	if (end == out && bytes > 0)
		*end++ = '.';
	*end = '\0';
	return out;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One byte of a label, escaped or not. Returns what is behind it, or NULL. */
static const char *
read_byte(const char *text, uint8_t *byte)
{
	if (*text != '\\') {
		*byte = (uint8_t)*text;
		return text + 1;
	}
	text++;
	if (!is_digit(*text)) {
		*byte = (uint8_t)*text;
		return *text != '\0' ? text + 1 : NULL;
	}
	if (!is_digit(text[1]) || !is_digit(text[2]))
		return NULL;
	int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
	*byte = (uint8_t)value;
	return value <= UINT8_MAX ? text + 3 : NULL;
}

/* One label, with its length in front, into at most `room` bytes. Returns what is behind it, or NULL. */
static const char *
read_label(const char *text, uint8_t *out, size_t room, size_t *bytes)
{
	size_t length = 0;
	while (*text != '\0' && *text != '.') {
		uint8_t byte;
		text = read_byte(text, &byte);
		if (text == NULL || length == LABEL_BYTES || length + 1 >= room)
			return NULL;
		out[++length] = byte;
	}
	out[0] = (uint8_t)length;
	*bytes = 1 + length;
	return length > 0 ? text : NULL;
}

size_t
name_from_text(const char *text, uint8_t out[NAME_BYTES])
{
	size_t used = 0, label;

	if (strcmp(text, ".") != 0) {
		do {
			/* one byte is the root's */
			text = used + 1 < NAME_BYTES
			               ? read_label(text, out + used, NAME_BYTES - 1 - used, &label)
			               : NULL;
			if (text == NULL)
				return 0;
			used += label;
			text += *text == '.';
		} while (*text != '\0');
	}
	out[used] = 0;
	return used + 1;
}
