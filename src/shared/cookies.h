/*
 * The secret that DNS cookies are made of where the configuration names none: made at random, the same for
 * all workers and generations, another one every day. The one before is good for as long as its cookies are.
 *
 * Written by the master, read by all; nobody waits.
 */
#ifndef DOTWARD_SHARED_COOKIES_H
#define DOTWARD_SHARED_COOKIES_H

#include "dns/cookie.h"

struct cookies;

enum { COOKIES_ROTATE_MS = 24 * 3600 * 1000 };

/* What it needs of shared memory. */
size_t cookies_bytes(void) __attribute__((const));
/* To be called by the master now and then, in memory that was zeroed at first: makes the first secret, and
 * another one when it is time. now_ms: clock_boot_ms(). False: no random bytes are to be had. */
bool cookies_rotate(struct cookies *cookies, uint64_t now_ms);
/* When it is to be called again, in milliseconds. */
uint64_t cookies_wait_ms(const struct cookies *cookies, uint64_t now_ms);
/* The secrets in force; good for a day. False: there is none yet. */
bool cookies_secrets(const struct cookies *cookies, struct cookie_secrets *out);

#endif
