/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a short keyed hash that nobody without the key can compute or
 * guess, which is what RFC 9018 makes DNS cookies of.
 */
#ifndef DOTWARD_BASE_SIPHASH_H
#define DOTWARD_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_BYTES = 16, SIPHASH_BYTES = 8 };

/* Writes the hash in the order of octets that the reference implementation has. */
void siphash(
        const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count, uint8_t out[SIPHASH_BYTES]);

#endif
