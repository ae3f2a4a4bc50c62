/*
 * The table, and how a name is found in it.
 */
#include "dns/special.h"

#include "base/must.h"
#include "dns/domains.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
	const char *name;
	enum special_kind kind; /* of the name itself */
	enum special_kind below;
	unsigned above; /* how many labels the zone is shorter than the name */
	bool delegated;
};

/* A zone as RFC 6303 section 3 has it: the name is there, nothing else is. */
#define ZONE(text)                                                                                           \
	{                                                                                                    \
		text, SPECIAL_EMPTY, SPECIAL_ABSENT, 0, true                                                 \
	}
/* A top-level domain that there is not. */
#define NO_DOMAIN(text)                                                                                      \
	{                                                                                                    \
		text, SPECIAL_ABSENT, SPECIAL_ABSENT, 0, false                                               \
	}

#define ZEROS_7  "0.0.0.0.0.0.0."
#define ZEROS_31 ZEROS_7 ZEROS_7 ZEROS_7 ZEROS_7 "0.0.0."

static const struct row rows[] = {
        {"localhost", SPECIAL_LOCALHOST, SPECIAL_LOCALHOST, 0, false},
        NO_DOMAIN("invalid"),
        NO_DOMAIN("test"),
        NO_DOMAIN("onion"),
        NO_DOMAIN("alt"),
        NO_DOMAIN("local"),
        ZONE("home.arpa"),
        {"resolver.arpa", SPECIAL_EMPTY, SPECIAL_ABSENT, 0, false},
        {"_dns.resolver.arpa", SPECIAL_EMPTY, SPECIAL_ABSENT, 1, false},
        ZONE("service.arpa"),
        /* RFC 6303 sections 4.1 and 4.2, without what is made below */
        ZONE("10.in-addr.arpa"),
        ZONE("168.192.in-addr.arpa"),
        ZONE("0.in-addr.arpa"),
        ZONE("127.in-addr.arpa"),
        {"1.0.0.127.in-addr.arpa", SPECIAL_LOOPBACK, SPECIAL_ABSENT, 3, false},
        ZONE("254.169.in-addr.arpa"),
        ZONE("2.0.192.in-addr.arpa"),
        ZONE("100.51.198.in-addr.arpa"),
        ZONE("113.0.203.in-addr.arpa"),
        ZONE("255.255.255.255.in-addr.arpa"),
        /* sections 4.3 to 4.6 */
        ZONE("0." ZEROS_31 "ip6.arpa"),
        {"1." ZEROS_31 "ip6.arpa", SPECIAL_LOOPBACK, SPECIAL_ABSENT, 0, true},
        ZONE("d.f.ip6.arpa"),
        ZONE("8.e.f.ip6.arpa"),
        ZONE("9.e.f.ip6.arpa"),
        ZONE("a.e.f.ip6.arpa"),
        ZONE("b.e.f.ip6.arpa"),
        ZONE("8.b.d.0.1.0.0.2.ip6.arpa"),
};

/* 172.16.0.0/12, and the shared addresses 100.64.0.0/10 of RFC 7793 */
static const struct {
	unsigned from, to, net;
} ranges[] = {{16, 31, 172}, {64, 127, 100}};
static const struct row range_row = ZONE("");

struct special {
	struct domains *domains; /* 1 + the index of a row; behind them, range_row */
};

enum { ROWS = sizeof rows / sizeof *rows };

static void
put(struct special *s, const char *text, uint32_t number)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = name_from_text(text, name);
	must(bytes > 0);
	*domains_put(s->domains, name, bytes) = number;
}

struct special *
special_new(void)
{
	struct special *s = must_alloc(1, sizeof *s);
	s->domains = domains_new();
	for (uint32_t i = 0; i < ROWS; i++)
		put(s, rows[i].name, i + 1);
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		for (unsigned j = ranges[i].from; j <= ranges[i].to; j++) {
			char text[48];
			snprintf(text, sizeof text, "%u.%u.in-addr.arpa", j, ranges[i].net);
			put(s, text, ROWS + 1);
		}
	return s;
}

void
special_free(struct special *s)
{
	if (s == NULL)
		return;
	domains_free(s->domains);
	free(s);
}

void
special_find(const struct special *s, const uint8_t *name, size_t bytes, struct special_found *out)
{
	struct domains_match match;
	domains_find(s->domains, name, bytes, &match);
	if (match.numbered == 0) {
		out->kind = SPECIAL_NONE;
		return;
	}
	const struct row *row = match.numbered <= ROWS ? &rows[match.numbered - 1] : &range_row;
	bool whole = match.numbered_labels == match.labels;
	out->zone_at = match.numbered_at;
	for (unsigned i = 0; i < row->above; i++)
		out->zone_at += 1u + name[out->zone_at];
	out->zone_labels = match.numbered_labels - row->above;
	out->is_zone = whole && row->above == 0;
	out->delegated = row->delegated;
	out->kind = whole ? row->kind : row->below;
	/* on the way to a name that is there, and so there itself (RFC 8020) */
	if (!whole && match.known == match.labels)
		out->kind = SPECIAL_EMPTY;
}
