/*
 * The reserved octets are made zero and are hashed as they come, as RFC 9018 section 4.2 wants it. Times are
 * serial numbers (RFC 1982), so that they may run over.
 */
#include "dns/cookie.h"

#include "dns/octets.h"

#include <assert.h>
#include <string.h>

enum { AT_VERSION = 8, AT_TIME = 12, AT_HASH = 16, VERSION = 1 };

static_assert((int)AT_HASH + (int)SIPHASH_BYTES == (int)COOKIE_BYTES, "the hash ends it");

bool
cookie_sound(size_t bytes)
{
	return bytes == COOKIE_CLIENT_BYTES || (bytes >= 16 && bytes <= COOKIE_MOST_BYTES);
}

static void
hash_of(const uint8_t *secret, const uint8_t *cookie, const struct addr *client, uint8_t out[SIPHASH_BYTES])
{
	uint8_t all[AT_HASH + 16];
	size_t count;
	const uint8_t *host = addr_host(client, &count);
	memcpy(all, cookie, AT_HASH);
	memcpy(all + AT_HASH, host, count);
	siphash(secret, all, AT_HASH + count, out);
}

/* Takes as long whether the first octet is wrong or the last. */
static bool
hash_fits(const uint8_t *secret, const uint8_t *cookie, const struct addr *client)
{
	uint8_t right[SIPHASH_BYTES];
	unsigned differs = 0;
	if (secret == NULL)
		return false;
	hash_of(secret, cookie, client, right);
	for (unsigned i = 0; i < SIPHASH_BYTES; i++)
		differs |= right[i] ^ cookie[AT_HASH + i];
	return differs == 0;
}

static bool
in_time(const uint8_t *cookie, uint32_t now_s, int32_t *age_s)
{
	*age_s = (int32_t)(now_s - octets_get32(cookie + AT_TIME));
	return *age_s <= COOKIE_LIFE_S && *age_s >= -COOKIE_FUTURE_S;
}

static void
make(const uint8_t *secret, const uint8_t *data, const struct addr *client, uint32_t now_s,
        uint8_t out[COOKIE_BYTES])
{
	memcpy(out, data, COOKIE_CLIENT_BYTES);
	memset(out + AT_VERSION, 0, AT_TIME - AT_VERSION);
	out[AT_VERSION] = VERSION;
	octets_put32(out + AT_TIME, now_s);
	hash_of(secret, out, client, out + AT_HASH);
}

enum cookie_verdict
cookie_judge(const struct cookie_secrets *secrets, const uint8_t *data, size_t bytes,
        const struct addr *client, uint32_t now_s, uint8_t out[COOKIE_BYTES])
{
	int32_t age_s = 0;
	bool sound = bytes == COOKIE_BYTES && data[AT_VERSION] == VERSION && in_time(data, now_s, &age_s);
	bool ours = sound && hash_fits(secrets->secret, data, client);
	if (ours && age_s <= COOKIE_RENEW_S) {
		memcpy(out, data, COOKIE_BYTES);
		return COOKIE_GOOD;
	}
	make(secrets->secret, data, client, now_s, out);
	if (ours || (sound && hash_fits(secrets->also, data, client)))
		return COOKIE_GOOD;
	return bytes == COOKIE_CLIENT_BYTES ? COOKIE_FIRST : COOKIE_BAD;
}
