/*
 * An answer as text, for an administrator who knows dig.
 *
 *   ;; status: NOERROR; flags: qr rd ra; answer: 1, authority: 0, additional: 0
 *   ; EDE: 3 (Stale Answer)
 *
 *   ;; QUESTION SECTION:
 *   ;www.example. IN A
 *
 *   ;; ANSWER SECTION:
 *   www.example. 300 IN A 192.0.2.1
 *
 * A record is one line in the form of master files (RFC 1035 section 5.1); RDATA of a type not known here, or
 * that is not as its type says, is in the form of RFC 3597 section 5. All is printable ASCII: what a stranger
 * sent is escaped. TTLs are shown as they stand in the message. A message of names that are all pointers can
 * become 200 times as long.
 */
#ifndef DOTWARD_DNS_SHOW_H
#define DOTWARD_DNS_SHOW_H

#include "dns/wire.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes the answer: msg, bytes, rcode, and edns.ede count. No length in it is trusted. False when the
 * message ends before its sections do, or goes on behind them; then a last line says so.
 */
bool show_answer(FILE *out, const struct wire_answer *answer);

#endif
