/*
 * Whatever wire_answer_take() accepts, judged for the cache under whatever limits: the first octets are the
 * limits and the client's flags, the rest is the answer. What is kept must be kept within the limits, and no
 * TTL may end before the answer does.
 */
#include "../unit/message.h"
#include "base/must.h"
#include "dns/ttl.h"
#include "guess.h"
#include "query/lifetime.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMITS_BYTES = 10 };

static uint16_t ttls[TTL_RECORDS];

static void
kept_check(const struct config_cache *config, const struct lifetime *lifetime, uint8_t *msg, unsigned count)
{
	lifetime_prepare(lifetime, msg, ttls, count);
	uint32_t least = ttl_least(msg, ttls, count);

	if (lifetime->kind == CACHE_FAILURE) {
		must(lifetime->life_s == config->failure_ttl_s);
		return;
	}
	must(count > 0 && least == lifetime->life_s);
	uint32_t most = lifetime->kind == CACHE_POSITIVE ? config->max_ttl_s : config->negative_max_ttl_s;
	for (unsigned i = 0; i < count; i++)
		must(ttl_get(msg, ttls[i]) <= most);
}

static void
judge(const struct config_cache *config, struct wire_query *query, uint8_t *msg, size_t bytes)
{
	static struct wire_answer answer;

	if (!question_guess(msg, bytes, &query->question) ||
	        wire_answer_take(msg, bytes, &query->question, &answer) != WIRE_MATCH)
		return;
	int count = ttl_find(msg, answer.bytes, ttls, TTL_RECORDS);
	must(count >= 0);
	struct lifetime lifetime = lifetime_of(config, query, &answer, ttls, (unsigned)count);

	uint8_t *before = malloc(answer.bytes);
	memcpy(before, msg, answer.bytes);
	if (lifetime.life_s > 0) {
		must((query->flags & WIRE_FLAG_RD) != 0 && (msg[2] & WIRE_FLAG_TC >> 8) == 0);
		kept_check(config, &lifetime, msg, (unsigned)count);
		for (int i = 0; i < count; i++)
			memcpy(msg + ttls[i], before + ttls[i], 4);
	} else {
		lifetime_prepare(&lifetime, msg, ttls, (unsigned)count);
	}
	must(memcmp(msg, before, answer.bytes) == 0);
	free(before);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_query query;

	if (size < LIMITS_BYTES)
		return 0;
	const struct config_cache config = {
	        .min_ttl_s = message_get16(data),
	        .max_ttl_s = message_get16(data + 2),
	        .negative_max_ttl_s = message_get16(data + 4),
	        .failure_ttl_s = message_get16(data + 6),
	};
	query.flags = (uint16_t)message_get16(data + 8);
	size_t bytes = size - LIMITS_BYTES;
	uint8_t *msg = malloc(bytes + (bytes == 0));
	memcpy(msg, data + LIMITS_BYTES, bytes);
	judge(&config, &query, msg, bytes);
	free(msg);
	return 0;
}
