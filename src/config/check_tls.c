/*
 * The checks of one TLS listener's keys against each other. Whether certificate and key are any good shows
 * when they are loaded (net/tls_server.h).
 */
#include "config/check_tls.h"

#include <stdarg.h>
#include <stdio.h>

enum { SUBJECT_BYTES = 48 };

__attribute__((format(printf, 4, 5))) static void
object(struct draft *draft, size_t index, const char *key, const char *format, ...)
{
	char subject[SUBJECT_BYTES], text[160];
	va_list args;
	snprintf(subject, sizeof subject, "listen.[%zu]%s", index, key);
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	complain(&draft->complaints, &draft->listen_places[index], subject, "%s", text);
}

/* Who leaves "tls" out would serve in clear text what was meant to be secret. */
static void
check_plain(struct draft *draft, size_t index)
{
	const struct config_listen *listen = &draft->config->listens[index];
	const struct {
		const char *name, *text;
	} keys[] = {{"certificate", listen->certificate}, {"key", listen->key},
	        {"client_ca", listen->client_ca}, {"ddr_name", listen->ddr_name}};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (*keys[i].text != '\0') {
			object(draft, index, "",
			        "%s is for TLS; write protocols = [ \"tls\" ], or leave it out",
			        keys[i].name);
			return;
		}
}

static void
check_secret(struct draft *draft, size_t index)
{
	const struct config_listen *listen = &draft->config->listens[index];
	if (listen->udp || listen->tcp)
		object(draft, index, ".protocols",
		        "\"tls\" stands alone; give what is asked in clear text a listener and a port of its "
		        "own");
	if (*listen->certificate == '\0')
		object(draft, index, "",
		        "\"tls\" needs a certificate; add certificate = \"/etc/dotward/cert.pem\"");
	if (*listen->key == '\0')
		object(draft, index, "",
		        "\"tls\" needs the key of its certificate; add key = "
		        "\"/etc/dotward/key.pem\"");
}

void
check_tls(struct draft *draft)
{
	for (size_t i = 0; i < draft->config->listen_count; i++) {
		if (draft->config->listens[i].tls)
			check_secret(draft, i);
		else
			check_plain(draft, i);
	}
}
