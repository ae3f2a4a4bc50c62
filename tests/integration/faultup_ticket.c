/*
 * The tickets that clients offer, each known by a digest: one that comes twice tells that its client does not
 * use it once. Then what else sessions are resumed by, and the early data that comes with a ticket.
 */
#include "faultup.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICKETS = 4096,
	DIGEST_BYTES = 32,
	EXTENSION_TICKET = 35,
	EXTENSION_PSK = 41,
	EXTENSION_EARLY_DATA = 42,
	EARLY_BYTES = 4096,
	IDS = 64,
	ID_BYTES = 32,
};

static uint8_t seen[TICKETS][DIGEST_BYTES];
static size_t count;

static void
note(const uint8_t *ticket, size_t bytes)
{
	uint8_t digest[DIGEST_BYTES];

	stats.offered++;
	gnutls_hash_fast(GNUTLS_DIG_SHA256, ticket, bytes, digest);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(seen[i], digest, sizeof(digest)) == 0) {
			stats.offered_again++;
			return;
		}
	}
	if (count < TICKETS)
		memcpy(seen[count++], digest, sizeof(digest));
}

/* TLS 1.2: the ticket. TLS 1.3: identities, each with its length; a client of ours offers one. */
static int
on_extension(void *context, unsigned type, const unsigned char *data, unsigned bytes)
{
	bool *early = context;

	if (type == EXTENSION_EARLY_DATA)
		*early = true;
	if (type == EXTENSION_TICKET && bytes > 0)
		note(data, bytes);
	if (type == EXTENSION_PSK && bytes > 4 && 4u + data[2] * 256u + data[3] <= bytes)
		note(data + 4, data[2] * 256u + data[3]);
	return 0;
}

static int
on_hello(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
	bool early = false;

	(void)session;
	(void)type;
	(void)when;
	if (incoming)
		gnutls_ext_raw_parse(&early, on_extension, msg, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
	stats.early_offered += early;
	return early && settings.early_break ? GNUTLS_E_UNEXPECTED_PACKET : 0;
}

void
ticket_watch(gnutls_session_t session)
{
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE, on_hello);
}

/* What keeps a replay out is GnuTLS's to test; here it says yes or no as the test will have it. */
static int
on_first_seen(void *context, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *data)
{
	(void)context;
	(void)expires;
	(void)key;
	(void)data;
	return settings.early_refuse ? GNUTLS_E_DB_ENTRY_EXISTS : 0;
}

unsigned
ticket_early_flags(void)
{
	return settings.early_data || settings.early_refuse ? GNUTLS_ENABLE_EARLY_DATA : 0;
}

void
ticket_early_begin(gnutls_session_t session)
{
	static gnutls_anti_replay_t guard;

	if (ticket_early_flags() == 0)
		return;
	if (!guard) {
		if (gnutls_anti_replay_init(&guard) < 0)
			abort();
		gnutls_anti_replay_set_add_function(guard, on_first_seen);
	}
	gnutls_anti_replay_enable(session, guard);
	gnutls_record_set_max_early_data_size(session, EARLY_BYTES);
}

/* The last sessions, in a ring. */
static struct {
	uint8_t id[ID_BYTES];
	size_t id_bytes;
	gnutls_datum_t session;
} ids[IDS];

static int
id_store(void *context, gnutls_datum_t key, gnutls_datum_t data)
{
	static size_t next;

	(void)context;
	if (key.size > ID_BYTES)
		return -1;
	size_t at = next++ % IDS;
	free(ids[at].session.data);
	ids[at].session.data = malloc(data.size);
	if (!ids[at].session.data)
		abort();
	memcpy(ids[at].session.data, data.data, data.size);
	ids[at].session.size = data.size;
	memcpy(ids[at].id, key.data, key.size);
	ids[at].id_bytes = key.size;
	return 0;
}

static gnutls_datum_t
id_find(void *context, gnutls_datum_t key)
{
	gnutls_datum_t found = {NULL, 0};

	(void)context;
	for (size_t i = 0; i < IDS && !found.data; i++) {
		if (ids[i].id_bytes != key.size || memcmp(ids[i].id, key.data, key.size) != 0)
			continue;
		found.data = gnutls_malloc(ids[i].session.size);
		found.size = ids[i].session.size;
		memcpy(found.data, ids[i].session.data, found.size);
	}
	return found;
}

static int
id_remove(void *context, gnutls_datum_t key)
{
	(void)context;
	for (size_t i = 0; i < IDS; i++)
		if (ids[i].id_bytes == key.size && memcmp(ids[i].id, key.data, key.size) == 0)
			ids[i].id_bytes = 0;
	return 0;
}

void
ticket_ids_begin(gnutls_session_t session)
{
	gnutls_db_set_store_function(session, id_store);
	gnutls_db_set_retrieve_function(session, id_find);
	gnutls_db_set_remove_function(session, id_remove);
}
