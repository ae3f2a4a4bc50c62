/*
 * Any bytes as a client, a time and a cookie option: what is given is good for that client and no other, and
 * nobody guesses a good one. As an OPT's option, too, through the reader of OPT records.
 */
#include "base/must.h"
#include "dns/edns.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[COOKIE_SECRET_BYTES] = "sixteen octets..",
                     last[COOKIE_SECRET_BYTES] = "and sixteen more";
static const struct cookie_secrets secrets = {secret, last};

static void
judge_check(const uint8_t *cookie, size_t bytes, const struct addr *client, uint32_t now_s)
{
	uint8_t given[COOKIE_BYTES], again[COOKIE_BYTES];
	struct addr stranger = *client;
	/* of exactly its size, so that a sanitizer sees one byte more */
	uint8_t *copy = malloc(bytes);
	must(copy != NULL);
	memcpy(copy, cookie, bytes);
	enum cookie_verdict verdict = cookie_judge(&secrets, copy, bytes, client, now_s, given);
	free(copy);
	must((verdict == COOKIE_FIRST) == (bytes == COOKIE_CLIENT_BYTES));
	must(verdict != COOKIE_GOOD || bytes == COOKIE_BYTES);
	must(memcmp(given, cookie, COOKIE_CLIENT_BYTES) == 0);
	must(cookie_judge(&secrets, given, COOKIE_BYTES, client, now_s, again) == COOKIE_GOOD);
	must(memcmp(given, again, COOKIE_BYTES) == 0);
	must(cookie_judge(&secrets, given, COOKIE_BYTES, client, now_s + COOKIE_LIFE_S + COOKIE_FUTURE_S + 1,
	             again) == COOKIE_BAD);
	if (client->any.sa_family == AF_INET6)
		stranger.in6.sin6_addr.s6_addr[15] ^= 1;
	else
		stranger.in4.sin_addr.s_addr ^= 1;
	must(cookie_judge(&secrets, given, COOKIE_BYTES, &stranger, now_s, again) == COOKIE_BAD);
}

/* An OPT with this one option. */
static void
option_check(const uint8_t *option, size_t bytes)
{
	static struct edns edns;
	uint8_t record[EDNS_OPT_BYTES + 4 + 255] = {0, 0, EDNS_TYPE_OPT, 4, 208};
	record[9] = (uint8_t)((bytes + 4) >> 8);
	record[10] = (uint8_t)(bytes + 4);
	record[12] = EDNS_OPTION_COOKIE;
	record[14] = (uint8_t)bytes;
	memcpy(record + EDNS_OPT_BYTES + 4, option, bytes);
	must(edns_parse(record, EDNS_OPT_BYTES + 4 + bytes, &edns) == 0);
	must(edns.cookie_malformed == !cookie_sound(bytes));
	must(edns.cookie_bytes == (edns.cookie_malformed ? 0 : bytes));
	must(memcmp(edns.cookie, option, edns.cookie_bytes) == 0);
}

/* family | time, 4 | address, 16 | the option */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { HEAD = 21 };
	struct addr client = {.any.sa_family = AF_UNSPEC};
	uint32_t now_s;
	if (size < HEAD || size - HEAD > 255)
		return 0;
	memcpy(&now_s, data + 1, sizeof now_s);
	if (data[0] & 1) {
		client.in6.sin6_family = AF_INET6;
		memcpy(&client.in6.sin6_addr, data + 5, 16);
	} else {
		client.in4.sin_family = AF_INET;
		memcpy(&client.in4.sin_addr, data + 5, 4);
	}
	option_check(data + HEAD, size - HEAD);
	if (cookie_sound(size - HEAD))
		judge_check(data + HEAD, size - HEAD, &client, now_s);
	return 0;
}
