/*
 * The authorities that credentials trust, for those of tls who tell by them whether a ticket is good here.
 */
#ifndef DOTWARD_NET_TLS_TRUST_H
#define DOTWARD_NET_TLS_TRUST_H

#include <gnutls/gnutls.h>
#include <stddef.h>

/* A certificate in DER, which is good for the time of the call. */
typedef void tls_trust_fn(void *arg, const void *bytes, size_t count);

/* Each of them, in their order. */
void tls_trust_each(gnutls_certificate_credentials_t credentials, tls_trust_fn *take, void *arg);

#endif
