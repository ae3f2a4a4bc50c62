/*
 * TTLs of whatever bytes come: first of the bytes as they are, then, where they are an answer, of what is
 * left when it was taken. The offsets found must be TTLs by another reading of the message, all change must
 * stay inside them, and an answer that was accepted has none that are not found.
 */
#include "../unit/message.h"
#include "base/must.h"
#include "dns/ttl.h"
#include "dns/wire.h"
#include "guess.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint16_t offsets[TTL_RECORDS];

/* The offsets again, by message.h, which shares nothing with the code under test. */
static void
offsets_check(const uint8_t *msg, size_t bytes, unsigned count)
{
	static struct message unused;
	size_t at = 12;

	while (msg[at] != 0)
		at += 1u + msg[at];
	at += 5;
	for (unsigned i = 0; i < count; i++) {
		unused.length = 0;
		at += message_spell_name(msg, at, &unused);
		must(offsets[i] == at + 4);
		must(ttl_type(msg, offsets[i]) == message_get16(msg + at));
		size_t length = 0;
		at = ttl_rdata(msg, offsets[i], &length) + length;
	}
	must(at == bytes);
}

static void
change_check(uint8_t *msg, size_t bytes, unsigned count, uint32_t elapsed)
{
	uint8_t *before = malloc(bytes);
	memcpy(before, msg, bytes);
	uint32_t least = ttl_least(msg, offsets, count);

	ttl_age(msg, offsets, count, elapsed);
	for (unsigned i = 0; i < count; i++) {
		uint32_t old = ttl_get(before, offsets[i]);
		must(old >= least && ttl_get(msg, offsets[i]) == (old > elapsed ? old - elapsed : 0));
	}
	ttl_clamp(msg, offsets, count, 10, 100);
	must(count == 0 || (ttl_least(msg, offsets, count) >= 10 && ttl_least(msg, offsets, count) <= 100));
	ttl_set(msg, offsets, count, 30);
	for (unsigned i = 0; i < count; i++) {
		must(ttl_get(msg, offsets[i]) == 30);
		memcpy(msg + offsets[i], before + offsets[i], 4);
	}
	must(memcmp(msg, before, bytes) == 0);
	free(before);
}

static int
find_check(uint8_t *msg, size_t bytes)
{
	int count = ttl_find(msg, bytes, offsets, TTL_RECORDS);
	if (count < 0) {
		must(count == -EBADMSG);
		return count;
	}
	must(count == 0 || ttl_find(msg, bytes, offsets, (unsigned)count - 1) == -ENOSPC);
	must(ttl_find(msg, bytes, offsets, (unsigned)count) == count);
	offsets_check(msg, bytes, (unsigned)count);
	change_check(msg, bytes, (unsigned)count, wire_id(msg));
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_question question;
	static struct wire_answer answer;
	uint8_t *msg = malloc(size + (size == 0));

	memcpy(msg, data, size);
	find_check(msg, size);
	if (question_guess(data, size, &question) &&
	        wire_answer_take(msg, size, &question, &answer) == WIRE_MATCH)
		must(find_check(msg, answer.bytes) >= 0);
	free(msg);
	return 0;
}
