/*
 * Whose word an answer is, when it says that there is nothing: the zone that the SOA in its authority section
 * belongs to (RFC 2308 section 2).
 */
#ifndef DOTWARD_DNS_APEX_H
#define DOTWARD_DNS_APEX_H

#include "dns/name.h"

/* The owner of the first SOA there, without compression. Returns its length; 0 when there is none, or the
 * message is malformed before it. */
size_t apex_find(const uint8_t *msg, size_t bytes, uint8_t out[NAME_BYTES]);

#endif
