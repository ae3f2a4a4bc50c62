/*
 * The secret behind the TLS session tickets that clients are given, in shared memory: any worker resumes what
 * another began, also one that is born later, of another generation or after an upgrade of the binary.
 *
 * There is a new one each day, made by whoever first needs it then; the old one is gone for good, and with it
 * what could open sessions recorded before. Within the day GnuTLS makes another key of it every few hours.
 * Nobody waits for anybody.
 */
#ifndef DOTWARD_SHARED_STEK_H
#define DOTWARD_SHARED_STEK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { STEK_BYTES = 64, STEK_LIFE_MS = 24 * 3600 * 1000 };

/* Plain data, zeroed at first. */
struct stek {
	_Atomic uint64_t made_ms; /* the one in use; 0: there is none yet */
	uint8_t keys[2][STEK_BYTES];
	_Atomic uint32_t turn; /* its lowest bit: which is in use */
};

/* The secret of today, now_ms being clock_boot_ms(); the caller wipes it after use. False: there is no
 * randomness to make one of, and no ticket can be given. */
bool stek_get(struct stek *stek, uint64_t now_ms, uint8_t out[STEK_BYTES])
        __attribute__((warn_unused_result));

#endif
