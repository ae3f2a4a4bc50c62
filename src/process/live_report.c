/*
 * A table with a row for each address, then what is wrong in words with the remedy, then the keys to paste.
 * The remedy follows from what was seen, not from the sentence that verification gave.
 */
#include "process/live_report.h"

#include "base/json.h"
#include "dns/wire.h"
#include "net/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIVE_DAY_S = 24 * 3600, LIVE_SOON_S = 14 * LIVE_DAY_S, LIVE_DATE_BYTES = 32, LIVE_MS_BYTES = 24 };

/* As they stand in the table, and in JSON. */
static const char *const state_words[LIVE_STATES] = {
        [LIVE_GOOD] = "good",
        [LIVE_NO_ADDRESS] = "no-address",
        [LIVE_NO_ROUTE] = "no-route",
        [LIVE_UNREACHABLE] = "unreachable",
        [LIVE_NO_TLS] = "no-tls",
        [LIVE_UNVERIFIED] = "unverified",
        [LIVE_SILENT] = "silent",
        [LIVE_REFUSING] = "refusing",
};

/* Where it is: its address, or the host that has none. */
static const char *
place_text(const struct live_finding *f, char out[ADDR_TEXT_BYTES])
{
	if (f->state != LIVE_NO_ADDRESS)
		return addr_text(&f->address, out);
	snprintf(out, ADDR_TEXT_BYTES, "%.*s", ADDR_TEXT_BYTES - 1, f->upstream->host);
	return out;
}

/* --- verdicts --------------------------------------------------------------------------------------------
 */

/* The n-th upstream's findings stand together. */
static bool
has_good(const struct live_report *r, const struct config_upstream *upstream)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->findings[i].upstream == upstream && r->findings[i].state == LIVE_GOOD)
			return true;
	return false;
}

enum live_class
live_classify(const struct live_report *r)
{
	bool good = false, bad = false;
	for (size_t i = 0; i < r->count; i++) {
		const struct live_finding *f = &r->findings[i];
		good |= f->state == LIVE_GOOD;
		bad |= f->state != LIVE_GOOD && !(f->state == LIVE_NO_ROUTE && has_good(r, f->upstream));
	}
	if (!good)
		return LIVE_CLASS_NONE;
	return bad ? LIVE_CLASS_SOME : LIVE_CLASS_GOOD;
}

static int
compare_us(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

uint32_t
live_median_us(const struct live_times *times)
{
	uint32_t sorted[LIVE_SAMPLES];
	if (times->count == 0)
		return 0;
	memcpy(sorted, times->us, times->count * sizeof *sorted);
	qsort(sorted, times->count, sizeof *sorted, compare_us);
	return sorted[times->count / 2];
}

void
live_time_add(struct live_times *times, uint64_t us)
{
	if (times->count < LIVE_SAMPLES)
		times->us[times->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

enum live_claim
live_pin_matches(const struct live_finding *f)
{
	if (f->upstream->pin_count == 0 || f->facts.chain_count == 0 || !f->facts.chain[0].has_pin)
		return LIVE_UNKNOWN;
	for (size_t i = 0; i < f->upstream->pin_count; i++)
		if (memcmp(f->upstream->pins[i], f->facts.chain[0].pin, CONFIG_PIN_BYTES) == 0)
			return LIVE_YES;
	return LIVE_NO;
}

/* --- remedies --------------------------------------------------------------------------------------------
 */

static const char *
date_text(int64_t when_s, char out[LIVE_DATE_BYTES])
{
	struct tm utc;
	time_t when = (time_t)when_s;
	out[0] = '\0';
	if (gmtime_r(&when, &utc) != NULL)
		strftime(out, LIVE_DATE_BYTES, "%Y-%m-%d %H:%M UTC", &utc);
	return out;
}

/* The chain's first certificate that is not valid yet (early) or any more; NULL: none. */
static const struct facts_certificate *
out_of_date(const struct facts *facts, int64_t now_s, bool early)
{
	for (size_t i = 0; i < facts->chain_count; i++)
		if (early ? now_s < facts->chain[i].from_s : now_s > facts->chain[i].until_s)
			return &facts->chain[i];
	return NULL;
}

static void
remedy_dates(int64_t now_s, bool early, char out[LIVE_REMEDY_BYTES])
{
	char clock[LIVE_DATE_BYTES];
	snprintf(out, LIVE_REMEDY_BYTES,
	        early ? "this machine's clock says %s: if that is behind, set it (NTP), and this is gone; if "
	                "it is right, the "
	                "server's operator put the certificate in place too early"
	              : "this machine's clock says %s: if that is right, the server's operator must renew "
	                "the certificate; "
	                "take the upstream out until then",
	        date_text(now_s, clock));
}

static void
remedy_unverified(const struct live_finding *f, int64_t now_s, char out[LIVE_REMEDY_BYTES])
{
	const struct facts *facts = &f->facts;
	char pin[VERIFY_PIN_TEXT_BYTES] = "";
	bool by_pin = f->upstream->pin_count > 0;
	if (facts->chain_count > 0 && facts->chain[0].has_pin)
		verify_pin_text(facts->chain[0].pin, pin);
	if (live_pin_matches(f) == LIVE_NO)
		snprintf(out, LIVE_REMEDY_BYTES,
		        "ask the server's operator whether its key was changed; if so, pins = [ \"%s\" ]; if "
		        "not, somebody "
		        "stands between",
		        pin);
	else if (out_of_date(facts, now_s, true) != NULL)
		remedy_dates(now_s, true, out);
	else if (out_of_date(facts, now_s, false) != NULL)
		remedy_dates(now_s, false, out);
	else if (facts->weak)
		snprintf(out, LIVE_REMEDY_BYTES,
		        "the server's operator must use keys of at least 2048 bits (RSA) or 256 (ECDSA), and "
		        "SHA-256 to sign");
	else if (facts->chain_count > 0 && !facts->owner)
		snprintf(out, LIVE_REMEDY_BYTES,
		        "set auth_name to a name that the certificate is for (%s) if that is whom you mean; "
		        "else the "
		        "address is another's",
		        facts->names);
	else if (facts->chain_count > 0)
		snprintf(out, LIVE_REMEDY_BYTES,
		        "if it is your own authority, name its certificate in ca_file; or trust this key "
		        "alone: leave "
		        "auth_name out and set pins = [ \"%s\" ], once the operator has confirmed it%s",
		        pin, by_pin ? " (a pin with auth_name needs the authority too)" : "");
	else
		snprintf(out, LIVE_REMEDY_BYTES,
		        "ask the server's operator: it shows no certificate of the usual kind");
}

void
live_remedy(const struct live_finding *f, int64_t now_s, char out[LIVE_REMEDY_BYTES])
{
	unsigned port = addr_port(&f->address);
	out[0] = '\0';
	switch (f->state) {
	case LIVE_NO_ADDRESS:
		snprintf(out, LIVE_REMEDY_BYTES,
		        "look whether host is spelled right, and whether the servers in bootstrap are: "
		        "address, port, the name or the pin behind the #, ca_file");
		break;
	case LIVE_NO_ROUTE:
		snprintf(out, LIVE_REMEDY_BYTES,
		        "this machine has no route to that %s address: give it one (ip %s route), "
		        "or take the "
		        "address out; dotward asks the others meanwhile",
		        f->address.any.sa_family == AF_INET6 ? "IPv6" : "IPv4",
		        f->address.any.sa_family == AF_INET6 ? "-6" : "-4");
		break;
	case LIVE_UNREACHABLE:
		snprintf(out, LIVE_REMEDY_BYTES,
		        "look whether address and port are right, whether a firewall lets TCP port %u out, "
		        "and whether the server "
		        "runs",
		        port);
		break;
	case LIVE_NO_TLS:
		snprintf(out, LIVE_REMEDY_BYTES,
		        "look whether DNS over TLS is what speaks on port %u there (853 is usual), and "
		        "whether tls_priority "
		        "has something in common with the server",
		        port);
		break;
	case LIVE_UNVERIFIED:
		remedy_unverified(f, now_s, out);
		break;
	case LIVE_SILENT:
		snprintf(out, LIVE_REMEDY_BYTES,
		        "the server takes connections and answers nothing: its operator must look");
		break;
	case LIVE_REFUSING:
		snprintf(out, LIVE_REMEDY_BYTES,
		        "if it serves certain names only, ask for one of them (check-live NAME TYPE); else "
		        "look whether it lets "
		        "this machine ask, and whether it can resolve");
		break;
	default:
		break;
	}
}

/* --- for people ------------------------------------------------------------------------------------------
 */

/* "12.3 ms", or "-" */
static const char *
ms_text(const struct live_times *times, char out[LIVE_MS_BYTES])
{
	uint32_t us = live_median_us(times);
	if (times->count == 0)
		snprintf(out, LIVE_MS_BYTES, "-");
	else
		snprintf(out, LIVE_MS_BYTES, "%" PRIu32 ".%" PRIu32 "ms", us / 1000, us % 1000 / 100);
	return out;
}

static const char *
claim_text(enum live_claim claim, const char *yes, const char *no)
{
	return claim == LIVE_UNKNOWN ? "-" : claim == LIVE_YES ? yes : no;
}

static void
print_row(const struct live_finding *f, FILE *out)
{
	char address[ADDR_TEXT_BYTES], connect[LIVE_MS_BYTES], handshake[LIVE_MS_BYTES],
	        answer[LIVE_MS_BYTES], keepalive[LIVE_MS_BYTES] = "no";
	bool asked = f->answers > 0;
	if (f->keepalive)
		snprintf(keepalive, sizeof keepalive, "%u.%us", f->keepalive_ms / 1000,
		        f->keepalive_ms % 1000 / 100);
	fprintf(out, "%-16s %-28s %-11s %-7s %-4s %9s %9s %9s %-7s %-8s %-7s %s\n", f->upstream->name,
	        place_text(f, address), state_words[f->state],
	        f->facts.version[0] != '\0' ? f->facts.version : "-",
	        f->facts.version[0] == '\0' ? "-"
	        : f->facts.alpn             ? "dot"
	                                    : "no",
	        ms_text(&f->connect, connect), ms_text(&f->handshake, handshake), ms_text(&f->answer, answer),
	        claim_text(f->resumed, "yes", "no"), claim_text(f->out_of_order, "any", "as-asked"),
	        !asked       ? "-"
	        : f->padding ? "yes"
	                     : "no",
	        asked ? keepalive : "-");
}

static void
print_lead(const struct live_finding *f, const char *kind, FILE *out)
{
	char address[ADDR_TEXT_BYTES];
	fprintf(out, "%s: %s %s: ", kind, f->upstream->name, place_text(f, address));
}

static void
print_problem(const struct live_report *r, const struct live_finding *f, FILE *out)
{
	char remedy[LIVE_REMEDY_BYTES];
	if (f->state == LIVE_GOOD)
		return;
	bool spared = f->state == LIVE_NO_ROUTE && has_good(r, f->upstream);
	live_remedy(f, r->now_s, remedy);
	print_lead(f, spared ? "note" : "problem", out);
	fprintf(out, "%s\n    %s\n", f->why, remedy);
}

/* What works, and could be better or will not work for long. */
static void
print_notes(const struct live_report *r, const struct live_finding *f, FILE *out)
{
	char date[LIVE_DATE_BYTES];
	const struct facts *facts = &f->facts;
	if (f->state != LIVE_GOOD && f->state != LIVE_REFUSING)
		return;
	if (facts->chain_count > 0 && facts->chain[0].until_s - r->now_s < LIVE_SOON_S &&
	        facts->chain[0].until_s >= r->now_s) {
		print_lead(f, "note", out);
		fprintf(out, "the certificate is valid until %s only; the operator should have renewed it\n",
		        date_text(facts->chain[0].until_s, date));
	}
	if (f->closes_early) {
		print_lead(f, "note", out);
		fprintf(out,
		        "it closed the connection after %u answer%s, so that questions will meet "
		        "handshakes\n",
		        f->answers, f->answers == 1 ? "" : "s");
	} else if (f->burst_answered < f->burst) {
		print_lead(f, "note", out);
		fprintf(out,
		        "of %u questions in one TLS record it answered %u within %u ms: max_outstanding = 1 "
		        "may help\n",
		        f->burst, f->burst_answered, r->answer_limit_ms);
	}
	if (f->lost > 0) {
		print_lead(f, "note", out);
		fprintf(out, "%u of its later connections failed: %s\n", f->lost, f->lost_why);
	}
}

static void
print_key(const struct live_finding *f, FILE *out)
{
	const struct facts *facts = &f->facts;
	char pin[VERIFY_PIN_TEXT_BYTES], date[LIVE_DATE_BYTES], address[ADDR_TEXT_BYTES];
	enum live_claim match = live_pin_matches(f);
	if (facts->chain_count == 0 || !facts->chain[0].has_pin)
		return;
	fprintf(out, "%s %s%s\n    pins = [ \"%s\" ];\n", f->upstream->name, place_text(f, address),
	        match == LIVE_UNKNOWN ? ""
	        : match == LIVE_YES   ? ": as configured"
	                              : ": NOT as configured",
	        verify_pin_text(facts->chain[0].pin, pin));
	fprintf(out, "    for %s, issued by %s, valid until %s\n", facts->names, facts->issuer,
	        date_text(facts->chain[0].until_s, date));
	if (facts->cipher[0] != '\0')
		fprintf(out, "    %s %s\n", facts->version, facts->cipher);
	for (size_t i = 1; i < facts->chain_count; i++)
		if (facts->chain[i].has_pin)
			fprintf(out, "    above it %s %s\n", verify_pin_text(facts->chain[i].pin, pin),
			        facts->chain[i].subject);
}

static void
print_people(const struct live_report *r, FILE *out)
{
	size_t good = 0;
	char clock[LIVE_DATE_BYTES];
	fprintf(out, "%-16s %-28s %-11s %-7s %-4s %9s %9s %9s %-7s %-8s %-7s %s\n", "UPSTREAM", "ADDRESS",
	        "STATE", "TLS", "ALPN", "CONNECT", "HANDSHAKE", "ANSWER", "RESUMES", "ORDER", "PADDING",
	        "KEEPALIVE");
	for (size_t i = 0; i < r->count; i++) {
		print_row(&r->findings[i], out);
		good += r->findings[i].state == LIVE_GOOD;
	}
	fputc('\n', out);
	for (size_t i = 0; i < r->count; i++)
		print_problem(r, &r->findings[i], out);
	for (size_t i = 0; i < r->count; i++)
		print_notes(r, &r->findings[i], out);
	fprintf(out, "\nKeys that the servers show now (a pin is for the server's own key, the first):\n");
	for (size_t i = 0; i < r->count; i++)
		print_key(&r->findings[i], out);
	fprintf(out, "\n%zu of %zu addresses are good; asked for %s; this machine's clock: %s\n", good,
	        r->count, r->question, date_text(r->now_s, clock));
}

/* --- for programs ----------------------------------------------------------------------------------------
 */

static void
json_claim(struct json *j, const char *key, enum live_claim claim)
{
	if (claim == LIVE_UNKNOWN)
		json_null(j, key);
	else
		json_bool(j, key, claim == LIVE_YES);
}

static void
json_times(struct json *j, const char *key, const struct live_times *times)
{
	if (times->count == 0)
		json_null(j, key);
	else
		json_number(j, key, live_median_us(times));
}

/* A date before 1970 is a stranger's joke. */
static void
json_date(struct json *j, const char *key, int64_t when_s)
{
	json_number(j, key, when_s > 0 ? (uint64_t)when_s : 0);
}

static void
print_json_certificate(const struct live_finding *f, struct json *j)
{
	const struct facts *facts = &f->facts;
	char pin[VERIFY_PIN_TEXT_BYTES];
	if (facts->chain_count == 0) {
		json_null(j, "certificate");
		return;
	}
	json_object(j, "certificate");
	json_text(j, "names", facts->names);
	json_bool(j, "for_us", facts->owner);
	json_text(j, "issuer", facts->issuer);
	json_bool(j, "self_signed", facts->self_signed);
	json_array(j, "chain");
	for (size_t i = 0; i < facts->chain_count; i++) {
		const struct facts_certificate *c = &facts->chain[i];
		json_object(j, NULL);
		json_text(j, "subject", c->subject);
		json_text(j, "pin", c->has_pin ? verify_pin_text(c->pin, pin) : NULL);
		json_date(j, "from_s", c->from_s);
		json_date(j, "until_s", c->until_s);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void
print_json_finding(const struct live_report *r, const struct live_finding *f, struct json *j)
{
	char address[ADDR_TEXT_BYTES], remedy[LIVE_REMEDY_BYTES], word[WIRE_WORD_BYTES];
	bool shaken = f->facts.version[0] != '\0', asked = f->answers > 0;
	live_remedy(f, r->now_s, remedy);
	json_object(j, NULL);
	json_text(j, "upstream", f->upstream->name);
	json_text(j, "address", f->state != LIVE_NO_ADDRESS ? addr_text(&f->address, address) : NULL);
	json_text(j, "host", config_is_by_host(f->upstream) ? f->upstream->host : NULL);
	json_text(j, "state", state_words[f->state]);
	json_text(j, "why", f->why);
	json_text(j, "remedy", remedy);
	json_text(j, "tls", shaken ? f->facts.version : NULL);
	json_text(j, "cipher", f->facts.cipher[0] != '\0' ? f->facts.cipher : NULL);
	json_claim(j, "alpn", !shaken ? LIVE_UNKNOWN : f->facts.alpn ? LIVE_YES : LIVE_NO);
	print_json_certificate(f, j);
	json_claim(j, "pin_matches", live_pin_matches(f));
	json_times(j, "connect_us", &f->connect);
	json_times(j, "handshake_us", &f->handshake);
	json_times(j, "answer_us", &f->answer);
	json_text(j, "rcode", asked ? wire_rcode_text(f->rcode, word) : NULL);
	json_claim(j, "resumes", f->resumed);
	json_claim(j, "out_of_order", f->out_of_order);
	json_number(j, "asked_at_once", f->burst);
	json_number(j, "answered_at_once", f->burst_answered);
	json_claim(j, "padding", !asked ? LIVE_UNKNOWN : f->padding ? LIVE_YES : LIVE_NO);
	if (f->keepalive)
		json_number(j, "keepalive_ms", f->keepalive_ms);
	else
		json_null(j, "keepalive_ms");
	json_bool(j, "closes_early", f->closes_early);
	json_number(j, "later_connections_failed", f->lost);
	json_end(j);
}

static void
print_json(const struct live_report *r, FILE *out)
{
	struct json j = {.out = out};
	json_object(&j, NULL);
	json_number(&j, "status", live_classify(r));
	json_date(&j, "clock_s", r->now_s);
	json_text(&j, "question", r->question);
	json_array(&j, "addresses");
	for (size_t i = 0; i < r->count; i++)
		print_json_finding(r, &r->findings[i], &j);
	json_end(&j);
	json_end(&j);
}

void
live_report_print(const struct live_report *r, bool json, FILE *out)
{
	if (json)
		print_json(r, out);
	else
		print_people(r, out);
}
