/*
 * Which of the messages that are queued may go as early data: what is sent that way can be sent again by
 * anybody who sees it, so nothing but what may as well be asked twice.
 */
#ifndef DOTWARD_NET_EARLY_H
#define DOTWARD_NET_EARLY_H

#include <stddef.h>
#include <stdint.h>

/*
 * How many bytes at the front of these, messages with their lengths before them, may go: whole messages, each
 * a question with opcode QUERY, together no more than `most`.
 */
size_t early_cut(const uint8_t *framed, size_t bytes, size_t most) __attribute__((pure));

#endif
