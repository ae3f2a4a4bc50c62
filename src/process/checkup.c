/*
 * The name nobody has asked for is a label of 64 random bits. An upstream that says there is no such name has
 * answered; one that has nothing to say leaves SERVFAIL, whose Extended DNS Error goes into the line.
 */
#include "process/checkup.h"

#include "base/log.h"
#include "process/ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { CHECKUP_TEXT_BYTES = 320 };

bool
checkup_find_server(const struct config *config, struct addr *out)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct config_listen *listen = &config->listens[i];
		if (!listen->udp || listen->proxy_protocol)
			continue;
		*out = listen->address;
		if (addr_is_wildcard(out) && out->any.sa_family == AF_INET)
			out->in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		else if (addr_is_wildcard(out))
			out->in6.sin6_addr = in6addr_loopback;
		return true;
	}
	return false;
}

/* Its name; false when the zone is none, or leaves no room. */
static bool
name_write(const struct checkup *checkup, struct wire_question *question)
{
	char text[CHECKUP_TEXT_BYTES];
	uint64_t random = (uint64_t)getpid();
	const char *zone = checkup->zone != NULL ? checkup->zone : "example.";
	if (checkup->alive)
		snprintf(text, sizeof text, "localhost.");
	else if (getrandom(&random, sizeof random, 0) >= 0)
		snprintf(text, sizeof text, "health-%016" PRIx64 ".%s", random,
		        strcmp(zone, ".") == 0 ? "" : zone);
	question->name_bytes = (uint16_t)name_from_text(text, question->name);
	return question->name_bytes != 0;
}

static bool
is_stale(const struct edns *edns)
{
	unsigned code =
	        edns->ede_bytes < EDNS_EDE_CODE_BYTES ? 0 : (unsigned)edns->ede[0] << 8 | edns->ede[1];
	return code == EDNS_EDE_STALE || code == EDNS_EDE_STALE_NXDOMAIN;
}

static bool
is_healthy(const struct checkup *checkup, const struct ask_reply *reply)
{
	if (checkup->alive)
		return reply->rcode >= 0;
	bool answered = reply->rcode == WIRE_RCODE_NOERROR || reply->rcode == WIRE_RCODE_NXDOMAIN;
	return answered && !is_stale(&reply->edns);
}

/* The answer in words, with what its Extended DNS Error says. */
static void
describe(const struct ask_reply *reply, char out[CHECKUP_TEXT_BYTES])
{
	char word[WIRE_WORD_BYTES], why[CHECKUP_TEXT_BYTES];
	const struct edns *edns = &reply->edns;
	if (reply->rcode < 0) {
		snprintf(out, CHECKUP_TEXT_BYTES, "no answer");
		return;
	}
	const char *rcode = wire_rcode_text((uint16_t)reply->rcode, word);
	if (edns->ede_bytes <= EDNS_EDE_CODE_BYTES) {
		snprintf(out, CHECKUP_TEXT_BYTES, "%s", rcode);
		return;
	}
	log_quote(why, sizeof why, edns->ede + EDNS_EDE_CODE_BYTES, edns->ede_bytes - EDNS_EDE_CODE_BYTES);
	snprintf(out, CHECKUP_TEXT_BYTES, "%s (%.*s)", rcode, CHECKUP_TEXT_BYTES - WIRE_WORD_BYTES - 4, why);
}

enum checkup_status
checkup_run(const struct checkup *checkup)
{
	char server[ADDR_TEXT_BYTES], text[CHECKUP_TEXT_BYTES];
	struct wire_query query = {.flags = WIRE_FLAG_RD, .question = {.type = 1, .class = 1}};
	struct ask_reply reply;
	if (!name_write(checkup, &query.question)) {
		fprintf(stderr, "dotward: check-health: %s is no name, or too long a one\n", checkup->zone);
		return CHECKUP_USAGE;
	}
	if (getrandom(&query.id, sizeof query.id, 0) < 0)
		query.id = (uint16_t)getpid();
	ask_server(&checkup->server, &query, &reply);
	bool healthy = is_healthy(checkup, &reply);
	describe(&reply, text);
	printf("%s: %s: %s\n", addr_text(&checkup->server, server), healthy ? "healthy" : "unhealthy", text);
	return healthy ? CHECKUP_HEALTHY : CHECKUP_UNHEALTHY;
}
