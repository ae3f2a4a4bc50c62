/*
 * Only ends of messages are cut off: nothing points forward into them, so what is left needs no repair.
 */
#include "query/screen.h"

#include "base/must.h"
#include "dns/domains.h"
#include "dns/header.h"
#include "dns/octets.h"
#include "dns/rebind.h"
#include "dns/record.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_SOA = 6, TYPE_NSEC = 47, TYPE_NSEC3 = 50 };

const char screen_reason[] = "private address for a public name";

struct screen {
	struct domains *exempt; /* from rebinding; NULL: no protection */
	bool minimal;
	struct wire_answer answer; /* in `msg` */
	uint8_t msg[WIRE_MESSAGE_BYTES];
};

static void
add_domains(struct domains *exempt, const struct config_domain *domains, size_t count, bool root_too)
{
	for (size_t i = 0; i < count; i++)
		if (root_too || domains[i].bytes > 1)
			*domains_put(exempt, domains[i].name, domains[i].bytes) = 1;
}

struct screen *
screen_new(const struct config *config)
{
	const struct config_names *names = &config->names;
	if (!names->rebind_protection && !names->minimal_responses)
		return NULL;
	struct screen *screen = must_alloc(1, sizeof *screen);
	screen->minimal = names->minimal_responses;
	if (!names->rebind_protection)
		return screen;
	screen->exempt = domains_new();
	add_domains(screen->exempt, names->rebind_allow, names->rebind_allow_count, true);
	/* a route for "." is where the public names go */
	for (size_t i = 0; i < config->route_count; i++)
		add_domains(screen->exempt, config->routes[i].domains, config->routes[i].domain_count, false);
	return screen;
}

void
screen_free(struct screen *screen)
{
	if (screen == NULL)
		return;
	domains_free(screen->exempt);
	free(screen);
}

bool
screen_holds(
        const struct screen *screen, const struct wire_question *question, const struct wire_answer *answer)
{
	struct domains_match match;
	if (screen == NULL || screen->exempt == NULL)
		return false;
	domains_find(screen->exempt, question->name, question->name_bytes, &match);
	return match.numbered == 0 && rebind_finds(answer->msg, answer->bytes);
}

/* Walks `count` records from `at`. Returns where they end, 0 when they do not; *proves becomes true if one of
 * them is worth keeping. */
static size_t
skip_records(const struct wire_answer *answer, size_t at, unsigned count, bool dnssec, bool *proves)
{
	struct record record;
	for (; count > 0; count--) {
		if (!record_read(answer->msg, answer->bytes, at, &record))
			return 0;
		*proves |= record.type == TYPE_SOA ||
		           (dnssec && (record.type == TYPE_NSEC || record.type == TYPE_NSEC3));
		at = record.end;
	}
	return at;
}

static const struct wire_answer *
cut(struct screen *screen, const struct wire_answer *answer, size_t bytes, bool authority)
{
	screen->answer = *answer;
	screen->answer.msg = memcpy(screen->msg, answer->msg, bytes);
	screen->answer.bytes = bytes;
	octets_put16(screen->msg + HEADER_ARCOUNT, 0);
	if (!authority)
		octets_put16(screen->msg + HEADER_NSCOUNT, 0);
	return &screen->answer;
}

const struct wire_answer *
screen_trim(struct screen *screen, const struct wire_query *query, const struct wire_answer *answer)
{
	const uint8_t *msg = answer->msg;
	bool proves = false, ignored = false;
	if (screen == NULL || !screen->minimal)
		return answer;
	unsigned answers = octets_get16(msg + HEADER_ANCOUNT),
	         authorities = octets_get16(msg + HEADER_NSCOUNT);
	size_t at = record_first(msg, answer->bytes);
	size_t end = at == 0 ? 0 : skip_records(answer, at, answers, false, &ignored);
	size_t authority_end =
	        end == 0 ? 0 : skip_records(answer, end, authorities, query->edns.dnssec_ok, &proves);
	if (authority_end == 0)
		return answer;
	/* without answers, the authority section is the answer */
	if (proves || answers == 0)
		end = authority_end;
	return end == answer->bytes ? answer : cut(screen, answer, end, end == authority_end);
}
