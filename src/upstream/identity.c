/*
 * Each part is hashed with its length, so that no two parts run into each other, and the hash of one is the
 * seed of the next. No secret: only the administrator chooses what goes in.
 */
#include "upstream/identity.h"

#include <string.h>
#include <xxhash.h>

static uint64_t
with(uint64_t hash, const void *part, size_t bytes)
{
	uint64_t length = bytes;
	hash = XXH3_64bits_withSeed(&length, sizeof length, hash);
	return bytes > 0 ? XXH3_64bits_withSeed(part, bytes, hash) : hash;
}

static uint64_t
with_text(uint64_t hash, const char *text)
{
	return with(hash, text, text != NULL ? strlen(text) : 0);
}

uint64_t
upstream_identity(const struct config_upstream *upstream, const struct addr *address)
{
	char text[ADDR_TEXT_BYTES];
	uint64_t hash = with_text(0, addr_text(address, text));
	hash = with_text(hash, upstream->auth_name);
	hash = with(hash, upstream->pins, upstream->pin_count * sizeof *upstream->pins);
	hash = with_text(hash, upstream->ca_file);
	hash = with_text(hash, upstream->tls_priority);
	hash = with_text(hash, upstream->client_certificate);
	hash = with_text(hash, addr_text(&upstream->source_address, text));
	const bool demands[] = {upstream->opportunistic, upstream->only_tls13, upstream->clock_bootstrap};
	hash = with(hash, demands, sizeof demands);
	return hash != 0 ? hash : 1;
}
