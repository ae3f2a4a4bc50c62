/*
 * What a profile is made of: for those who make it (tls_store) and who use it (tls), and nobody else.
 */
#ifndef DOTWARD_NET_TLS_PROFILE_H
#define DOTWARD_NET_TLS_PROFILE_H

#include "net/verify.h"
#include "shared/tickets.h"

struct tls_profile {
	gnutls_certificate_credentials_t trust; /* owned by the first profile that names this CA file */
	gnutls_priority_t priority;
	struct verify_identity identity;
	const char *ca_file;
	int loaded; /* authorities, or GnuTLS's word for why there are none */
	bool owns_trust;
	bool resumes, opportunistic;
	const char *client_certificate, *client_key; /* "": none */
	struct tickets *tickets;                     /* NULL: none are kept */
	struct ticket_identity tickets_of;           /* but for the address */
};

#endif
