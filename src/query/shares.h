/*
 * Who has how many questions under way, by network of the client, so that one cannot take all the room there
 * is from the others.
 *
 * A network is given another place as long as it holds less than eight times what is still free. Alone it can
 * have eight ninths of all, two greedy ones eight seventeenths each, and there is always something left for
 * one who comes new (the dynamic thresholds of Choudhury and Hahne, IEEE/ACM Transactions on Networking
 * 1998). While there is plenty nobody is refused anything.
 */
#ifndef DOTWARD_QUERY_SHARES_H
#define DOTWARD_QUERY_SHARES_H

#include <stdbool.h>
#include <stdint.h>

struct shares;
struct share; /* what one network holds */

enum { SHARES_TIMES = 8 };

/* So many places there are in all. `key`: a network, told from others by nothing else. */
struct shares *shares_new(unsigned places) __attribute__((returns_nonnull));
/* NULL is allowed. */
void shares_free(struct shares *shares);
/* May this network have one more? */
bool shares_allow(const struct shares *shares, uint64_t key);
/* Takes a place for it, allowed or not; there must be one. To be given back once. */
struct share *shares_take(struct shares *shares, uint64_t key) __attribute__((returns_nonnull));
void shares_give(struct shares *shares, struct share *share);

#endif
