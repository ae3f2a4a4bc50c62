/*
 * A name is counted in lower case and in wire form; of one that is longer than a key may be, the end is
 * counted, from the first label that fits: those are mostly names that a machine made up under one domain. A
 * client is its address, without the port, or its network where log.anonymise says so.
 *
 * The table is shared, so that to count is to wait for what other workers have just counted: that costs more
 * than all else that is done for a question in a log. Hence the share of them.
 */
#include "query/popular.h"

#include "dns/name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	POPULAR_PREFIX = 1,       /* byte in front of an address: how many bits of it are known */
	POPULAR_IPV4_PREFIX = 24, /* as log.anonymise promises */
	POPULAR_IPV6_PREFIX = 56,
};

enum tops_mode
popular_mode(const struct config *config)
{
	if (!config->log.queries)
		return TOPS_OFF;
	return config->log.anonymise ? TOPS_NETWORKS : TOPS_WHOLE;
}

/* Multiples of the golden ratio are spread evenly (see querylog.c). */
static bool
is_chosen(const struct popular *p, uint32_t number)
{
	return (uint64_t)(number * UINT32_C(2654435769)) << p->halvings >> 32 == 0;
}

static void
count_heard(struct popular *p, uint64_t period)
{
	if (period == p->period) {
		p->heard++;
		return;
	}
	p->halvings = 0;
	while (period == p->period + 1 && p->heard >> p->halvings > POPULAR_PLENTY)
		p->halvings++;
	p->period = period;
	p->heard = 1;
}

static void
count_name(const struct popular *p, const struct wire_question *question, uint64_t now_ms)
{
	const uint8_t *name = question->name;
	size_t bytes = question->name_bytes;
	uint8_t folded[TOPS_KEY_BYTES];
	while (bytes > sizeof folded) {
		size_t label = name[0] + 1u;
		name += label;
		bytes -= label;
	}
	if (bytes == 0)
		return;
	name_fold(name, bytes, folded);
	tops_count(p->tops, &(struct tops_seen){.mode = p->mode,
	                            .kind = TOPS_NAMES,
	                            .key = folded,
	                            .bytes = bytes,
	                            .times = 1u << p->halvings,
	                            .now_ms = now_ms});
}

static void
count_client(const struct popular *p, const struct addr *client, uint64_t now_ms)
{
	uint8_t key[POPULAR_PREFIX + 16];
	size_t count;
	addr_host(client, &count);
	unsigned prefix = (unsigned)(8 * count);
	if (p->mode == TOPS_NETWORKS)
		prefix = count == 4 ? POPULAR_IPV4_PREFIX : POPULAR_IPV6_PREFIX;
	struct addr_net net = addr_net_of(client, prefix);
	key[0] = net.prefix;
	memcpy(key + POPULAR_PREFIX, net.bytes, count);
	tops_count(p->tops, &(struct tops_seen){.mode = p->mode,
	                            .kind = TOPS_CLIENTS,
	                            .key = key,
	                            .bytes = POPULAR_PREFIX + count,
	                            .times = 1u << p->halvings,
	                            .now_ms = now_ms});
}

/* What was no question, and what nobody may know of, is not counted. */
void
popular_hear(void *arg, const struct tale *tale)
{
	struct popular *p = arg;
	uint64_t now_ms = tale->ended_us / 1000;
	if (tale->hidden || tale->query == NULL || tale->query->question.name_bytes == 0)
		return;
	count_heard(p, now_ms / POPULAR_PERIOD_MS);
	if (!is_chosen(p, tale->number))
		return;
	count_name(p, &tale->query->question, now_ms);
	count_client(p, &tale->from->peer, now_ms);
}

void
popular_listen(struct popular *p, struct queries *queries, struct tops *tops, const struct config *config)
{
	*p = (struct popular){.tops = tops, .mode = popular_mode(config)};
	if (tops != NULL && p->mode != TOPS_OFF)
		queries_add_hearer(queries, &(struct tale_hearer){.arg = p, .ended = popular_hear});
}

const char *
popular_name_text(const struct tops_entry *entry, char out[POPULAR_TEXT_BYTES])
{
	return name_text(entry->key, entry->bytes, out);
}

const char *
popular_client_text(const struct tops_entry *entry, char out[POPULAR_TEXT_BYTES])
{
	bool four = entry->bytes == POPULAR_PREFIX + 4, six = entry->bytes == POPULAR_PREFIX + 16;
	if ((!four && !six) || inet_ntop(four ? AF_INET : AF_INET6, entry->key + POPULAR_PREFIX, out,
	                               POPULAR_TEXT_BYTES) == NULL) {
		snprintf(out, POPULAR_TEXT_BYTES, "?");
		return out;
	}
	size_t length = strlen(out);
	if (entry->key[0] < 8 * (entry->bytes - POPULAR_PREFIX))
		snprintf(out + length, POPULAR_TEXT_BYTES - length, "/%u", entry->key[0]);
	return out;
}
