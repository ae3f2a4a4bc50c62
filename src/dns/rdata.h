/*
 * RDATA as text, in the form of master files (RFC 1035 section 5.1), on one line.
 *
 * Serves dns/show.h.
 */
#ifndef DOTWARD_DNS_RDATA_H
#define DOTWARD_DNS_RDATA_H

#include "dns/record.h"

#include <stdint.h>
#include <stdio.h>

/*
 * Writes the RDATA of a record that record_read() found. A type that is not known here, or RDATA that is not
 * as its type says, comes in the form of RFC 3597 section 5: "\# 4 0A000001".
 */
void rdata_show(FILE *out, const uint8_t *msg, const struct record *record);

/* One octet of what stands in double quotes, escaped where need be: never more than printable ASCII. */
void rdata_octet(FILE *out, uint8_t octet);

#endif
