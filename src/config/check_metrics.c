/*
 * Whoever sets a password means that one is asked for: half of what that takes is a mistake, not less of it.
 */
#include "config/check_metrics.h"

#include "config/credentials.h"
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

enum { MOST_ADDRESSES = 16 };

static const struct place *
place_of_key(const struct draft *draft, const char *path)
{
	return &draft->places[keys_find(path) - keys];
}

static void
check_addresses(struct draft *draft)
{
	const struct config_metrics *m = &draft->config->metrics;
	const struct place *place = place_of_key(draft, "metrics.address");
	char text[ADDR_TEXT_BYTES];
	if (m->enabled && m->address_count == 0 && *m->socket == '\0')
		complain(&draft->complaints, place, "metrics.address",
		        "empty; name an address, or a socket, or leave metrics.enabled out");
	if (m->address_count > MOST_ADDRESSES)
		complain(
		        &draft->complaints, place, "metrics.address", "at most %d addresses", MOST_ADDRESSES);
	for (size_t second = 1; second < m->address_count && second < MOST_ADDRESSES; second++)
		for (size_t first = 0; first < second; first++) {
			struct addr a = m->addresses[first], b = m->addresses[second];
			if (addr_port(&a) == 0)
				addr_set_port(&a, m->port);
			if (addr_port(&b) == 0)
				addr_set_port(&b, m->port);
			if (addr_equal(&a, &b))
				complain(&draft->complaints, place, "metrics.address",
				        "%s is given twice; leave one out", addr_text(&b, text));
		}
}

static void
check_file(struct draft *draft, const char *path, const char *file)
{
	char secret[CREDENTIALS_BYTES], why[CREDENTIALS_WHY_BYTES];
	bool exposed;
	if (*file == '\0')
		return;
	if (!credentials_read(file, secret, &exposed, why))
		complain(&draft->complaints, place_of_key(draft, path), path, "%s: %s", file, why);
	else if (exposed)
		complain_remark(&draft->complaints, place_of_key(draft, path), path,
		        "%s can be read by others than its owner and group; chmod o-rwx it", file);
	explicit_bzero(secret, sizeof secret);
}

static void
check_together(struct draft *draft)
{
	const struct config_metrics *m = &draft->config->metrics;
	bool user = *m->user != '\0', password = *m->password_file != '\0';
	const char *said = user ? "metrics.user" : "metrics.password_file";
	if (user != password)
		complain(&draft->complaints, place_of_key(draft, said), said, "goes with metrics.%s; add it",
		        user ? "password_file" : "user");
	if (strchr(m->user, ':') != NULL)
		complain(&draft->complaints, place_of_key(draft, "metrics.user"), "metrics.user",
		        "a name has no colon here; write it without");
	if (*m->socket != '\0' && strcmp(m->socket, draft->config->control.socket) == 0)
		complain(&draft->complaints, place_of_key(draft, "metrics.socket"), "metrics.socket",
		        "%s is control.socket already; give it a path of its own", m->socket);
}

void
check_metrics(struct draft *draft)
{
	check_addresses(draft);
	check_together(draft);
	check_file(draft, "metrics.password_file", draft->config->metrics.password_file);
	check_file(draft, "metrics.token_file", draft->config->metrics.token_file);
}
