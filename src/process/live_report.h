/*
 * What check-live found out about each address of each upstream, what of it is wrong, and what to do about
 * it: for people and as JSON. Plain data in, text out.
 */
#ifndef DOTWARD_PROCESS_LIVE_REPORT_H
#define DOTWARD_PROCESS_LIVE_REPORT_H

#include "config/config.h"
#include "net/facts.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The later, the farther it came; but for the first. */
enum live_state {
	LIVE_GOOD,
	LIVE_NO_ADDRESS,  /* its host could not be looked up */
	LIVE_NO_ROUTE,    /* this machine knows no way there */
	LIVE_UNREACHABLE, /* no TCP connection */
	LIVE_NO_TLS,
	LIVE_UNVERIFIED, /* the certificate is not the right one; nothing was asked */
	LIVE_SILENT,     /* verified, and no answer came */
	LIVE_REFUSING,   /* answers, with an rcode that helps nobody */
	LIVE_STATES
};

enum live_claim { LIVE_UNKNOWN, LIVE_NO, LIVE_YES };

enum { LIVE_SAMPLES = 8 };

struct live_times {
	uint32_t us[LIVE_SAMPLES];
	unsigned count;
};

struct live_finding {
	const struct config_upstream *upstream;
	struct addr address; /* AF_UNSPEC: it has none, only a host */
	enum live_state state;
	char why[TLS_WHY_BYTES]; /* "" when it is good */
	struct facts facts;      /* of the first connection, as far as it came */
	struct live_times connect, handshake, answer;
	uint16_t rcode;                 /* of the last answer to the question */
	unsigned answers;               /* on the first connection */
	enum live_claim resumed;        /* was the second connection? */
	enum live_claim out_of_order;   /* did a quick answer overtake a slow one? NO: none did, this time */
	unsigned burst, burst_answered; /* questions asked at once */
	bool padding, keepalive;        /* in the answers; keepalive with a value */
	unsigned keepalive_ms;
	bool closes_early; /* the first connection ended while it was of use */
	unsigned lost;     /* of the later connections */
	char lost_why[TLS_WHY_BYTES];
};

struct live_report {
	struct live_finding *findings;
	size_t count;
	unsigned answer_limit_ms;
	int64_t now_s;                   /* our clock, since 1970 */
	char question[FACTS_TEXT_BYTES]; /* "example.com A" */
};

/* The exit status: all good; some not, but dotward has whom to ask; (2 is what was not understood;) nobody.
 */
enum live_class { LIVE_CLASS_GOOD = 0, LIVE_CLASS_SOME = 1, LIVE_CLASS_USAGE = 2, LIVE_CLASS_NONE = 3 };

/*
 * An address without a route is left out of account as long as its upstream has another that is good: a
 * machine without IPv6 need not take half of the addresses out of its configuration.
 */
enum live_class live_classify(const struct live_report *report);

/* The middle one of the samples; 0: there is none. */
uint32_t live_median_us(const struct live_times *times);
void live_time_add(struct live_times *times, uint64_t us);

/* Does the server show a key that is among the configured pins? UNKNOWN: none is configured, or it showed
 * none. */
enum live_claim live_pin_matches(const struct live_finding *finding);

/* What to do about a finding that is not good, in words; "" if it is good. */
enum { LIVE_REMEDY_BYTES = 512 };
void live_remedy(const struct live_finding *finding, int64_t now_s, char out[LIVE_REMEDY_BYTES]);

/* One object of JSON, or lines for people. */
void live_report_print(const struct live_report *report, bool json, FILE *out);

#endif
