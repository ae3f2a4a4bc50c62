/*
 * GnuTLS's own list is walked: it has what was loaded, wherever that came from.
 */
#include "net/tls_trust.h"

#include <gnutls/x509.h>

void
tls_trust_each(gnutls_certificate_credentials_t credentials, tls_trust_fn *take, void *arg)
{
	gnutls_x509_trust_list_t list;
	gnutls_x509_trust_list_iter_t at = NULL;
	gnutls_x509_crt_t authority;
	gnutls_certificate_get_trust_list(credentials, &list);
	while (gnutls_x509_trust_list_iter_get_ca(list, &at, &authority) == 0) {
		gnutls_datum_t bytes = {0};
		if (gnutls_x509_crt_export2(authority, GNUTLS_X509_FMT_DER, &bytes) == 0)
			take(arg, bytes.data, bytes.size);
		gnutls_free(bytes.data);
		gnutls_x509_crt_deinit(authority);
	}
	gnutls_x509_trust_list_iter_deinit(at);
}
