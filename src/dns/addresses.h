/*
 * The addresses that an answer has for the name that was asked for.
 */
#ifndef DOTWARD_DNS_ADDRESSES_H
#define DOTWARD_DNS_ADDRESSES_H

#include "base/addr.h"
#include "dns/wire.h"

enum { ADDRESSES_TYPE_A = 1, ADDRESSES_TYPE_AAAA = 28, ADDRESSES_ALIASES = 16 };

/*
 * Of an answer that wire_answer_take() accepted for this question, whose type is A or AAAA: the addresses of
 * its name, or of the name that aliases (CNAME, so many in a row at most) lead to. Writes at most `room`,
 * each once and without port. *ttl_s becomes the least time to live of all records that led there, 0 when
 * there are none. Returns how many were written; *left_out says whether there were more. -EBADMSG when the
 * message is malformed after all.
 */
int addresses_read(const struct wire_answer *answer, const struct wire_question *question, struct addr *out,
        unsigned room, uint32_t *ttl_s, bool *left_out) __attribute__((warn_unused_result));

#endif
