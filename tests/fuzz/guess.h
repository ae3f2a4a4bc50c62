/*
 * The question that a stranger's answer would have to be asked, for those who want wire_answer_take() to take
 * it.
 */
#ifndef DOTWARD_TESTS_GUESS_H
#define DOTWARD_TESTS_GUESS_H

#include "../unit/message.h"
#include "dns/name.h"
#include "dns/wire.h"

#include <string.h>

/* Reads the first question of the message. False: there is none. */
static inline bool
question_guess(const uint8_t *data, size_t size, struct wire_question *out)
{
	size_t name = size < WIRE_HEADER_BYTES ? 0 : name_plain_bytes(data, size, WIRE_HEADER_BYTES);
	const uint8_t *fixed = data + WIRE_HEADER_BYTES + name;
	if (name == 0 || size - WIRE_HEADER_BYTES - name < 4)
		return false;
	out->name_bytes = (uint16_t)name;
	memcpy(out->name, data + WIRE_HEADER_BYTES, name);
	out->type = (uint16_t)message_get16(fixed);
	out->class = (uint16_t)message_get16(fixed + 2);
	return true;
}

#endif
