/*
 * Sessions resumed from tickets: between clients of ours that share nothing but the tickets, and servers that
 * share nothing but the key of their tickets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "meeting.h"

static char other_name[] = "other.example.net", priority[] = TLS_DEFAULT_PRIORITY ":%COMPAT";

static void
the_second_is_resumed(void **state)
{
	(void)state;
	assert_int_equal(meet(), FULL);
	assert_true(held() > 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(meet(), RESUMED);
	assert_true(held() <= TICKETS_EACH);
}

static void
in_the_old_version_too(void **state)
{
	(void)state;
	server.priority = MEMTLS_12;
	assert_int_equal(meet(), FULL);
	assert_int_equal(held(), 1);
	/* The server gives no other to who comes with one. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(meet(), RESUMED);
	assert_int_equal(held(), 1);
}

/* What is used again and again is not good for ever. */
static void
in_the_old_version_it_grows_old(void **state)
{
	(void)state;
	server.priority = MEMTLS_12;
	assert_int_equal(meet(), FULL);
	uint64_t kept_ms = clock_boot_ms();
	while (clock_boot_ms() <= kept_ms)
		continue;
	assert_int_equal(meet(), RESUMED);
	assert_int_equal(held(), 1);
	assert_int_equal(tickets_count(tickets, kept_ms + TICKETS_LIFE_MS), 0);
}

static void
switched_off(void **state)
{
	(void)state;
	assert_int_equal(meet(), FULL);
	unsigned before = held();
	upstream.resumption = false;
	assert_int_equal(meet(), FULL);
	assert_int_equal(held(), before);
	assert_int_equal(meet(), FULL);
}

/* The server has another key, as after its restart: the ticket is of no use and the certificate is. */
static void
a_refused_ticket_costs_a_full_handshake(void **state)
{
	(void)state;
	assert_int_equal(meet(), FULL);
	server.key = &other_key;
	assert_int_equal(meet(), FULL);
	assert_int_equal(meet(), RESUMED);
}

static void
who_refuses_a_ticket_is_verified(void **state)
{
	(void)state;
	assert_int_equal(meet(), FULL);
	unsigned before = held();
	server.key = &other_key;
	server.shown = shown_untrusted;
	assert_int_equal(meet(), UNVERIFIED);
	assert_true(held() < before); /* nothing was kept of that server's */
}

/* Whatever is verified otherwise, or elsewhere, is verified anew. */
static void
another_identity_starts_anew(void **state)
{
	const struct config_upstream same = upstream;
	(void)state;
	assert_int_equal(meet(), FULL);
	unsigned before = held();
	upstream.pins = pins;
	upstream.pin_count = 1;
	assert_int_equal(meet(), FULL);
	upstream.pin_count = 2;
	assert_int_equal(meet(), FULL);
	upstream = same;
	upstream.tls_priority = priority;
	assert_int_equal(meet(), FULL);
	upstream = same;
	upstream.auth_name = other_name;
	assert_int_equal(meet(), UNVERIFIED);
	upstream = same;
	upstream.ca_file = both_path;
	assert_int_equal(meet(), FULL);
	upstream = same;
	assert_int_equal(addr_parse(&peer, "127.0.0.1", 854), 0);
	assert_int_equal(meet(), FULL);
	assert_int_equal(addr_parse(&peer, "127.0.0.2", 853), 0);
	assert_int_equal(meet(), FULL);
	assert_int_equal(addr_parse(&peer, "127.0.0.1", 853), 0);
	assert_true(held() > before);
	assert_int_equal(meet(), RESUMED);
}

/* The file is the same, what is in it is not: a reload after an authority fell from grace. */
static void
authorities_count_by_their_bytes(void **state)
{
	(void)state;
	upstream.ca_file = both_path;
	assert_int_equal(meet(), FULL);
	cert_write(&certs.stranger, both_path);
	assert_int_equal(meet(), UNVERIFIED);
	cert_write(&certs.authority, both_path);
	assert_int_equal(meet(), RESUMED);
}

static void
another_network(void **state)
{
	(void)state;
	assert_int_equal(meet(), FULL);
	tickets_forget_all(tickets, clock_boot_ms());
	assert_int_equal(held(), 0);
	assert_int_equal(meet(), FULL);
	assert_int_equal(meet(), RESUMED);
}

/* A connection that began before the network changed brings a ticket behind it. */
static void
late_from_the_last_network(void **state)
{
	char why[TLS_WHY_BYTES];
	struct memtls end;
	(void)state;
	struct tls_store *store = tls_store_open(&upstream, 1, why);
	tls_store_keep_tickets(store, tickets);
	struct tls *client = tls_new(tls_store_profile(store, 0), &peer);
	memtls_begin(&end, GNUTLS_SERVER, server.priority, server.shown);
	assert_int_equal(shake(client, &end), TLS_DONE);
	assert_true(held() > 0);
	tickets_forget_all(tickets, clock_boot_ms());
	certs_must(gnutls_session_ticket_send(end.session, 1, 0));
	read_rest(client, &end);
	assert_int_equal(held(), 0);
	tls_free(client);
	memtls_end(&end);
	tls_store_close(store);
}

/* An address that cannot be reached is tried again and again. */
static void
who_was_never_reached_used_no_ticket(void **state)
{
	char why[TLS_WHY_BYTES];
	(void)state;
	assert_int_equal(meet(), FULL);
	unsigned before = held();
	struct tls_store *store = tls_store_open(&upstream, 1, why);
	tls_store_keep_tickets(store, tickets);
	for (unsigned i = 0; i < before; i++)
		tls_free(tls_new(tls_store_profile(store, 0), &peer));
	tls_store_close(store);
	assert_int_equal(held(), before);
	assert_int_equal(meet(), RESUMED);
}

/* A server that breaks off is not offered the next of its tickets. */
static void
who_stumbles_over_a_ticket_gets_no_other(void **state)
{
	(void)state;
	assert_int_equal(meet(), FULL);
	assert_true(held() > 1);
	char why[TLS_WHY_BYTES];
	struct memtls end;
	struct tls_store *store = tls_store_open(&upstream, 1, why);
	tls_store_keep_tickets(store, tickets);
	struct tls *client = tls_new(tls_store_profile(store, 0), &peer);
	memtls_begin(&end, GNUTLS_SERVER, server.priority, server.shown);
	assert_int_equal(tls_handshake(client), TLS_AGAIN);
	memtls_put(&end.out, "\x15\x03\x03\x00\x02\x02\x50", 7); /* a fatal alert: internal error */
	tls_feed(client, buffer_front(&end.out), buffer_held(&end.out));
	assert_int_equal(tls_handshake(client), TLS_FAILED);
	assert_int_equal(held(), 0);
	tls_free(client);
	memtls_end(&end);
	tls_store_close(store);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, meeting_start, meeting_stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(the_second_is_resumed),
	        STARTED(in_the_old_version_too),
	        STARTED(in_the_old_version_it_grows_old),
	        STARTED(switched_off),
	        STARTED(a_refused_ticket_costs_a_full_handshake),
	        STARTED(who_refuses_a_ticket_is_verified),
	        STARTED(another_identity_starts_anew),
	        STARTED(authorities_count_by_their_bytes),
	        STARTED(another_network),
	        STARTED(late_from_the_last_network),
	        STARTED(who_was_never_reached_used_no_ticket),
	        STARTED(who_stumbles_over_a_ticket_gets_no_other),
	};
	return cmocka_run_group_tests_name("tls resume", tests, meeting_begin, meeting_finish);
}
