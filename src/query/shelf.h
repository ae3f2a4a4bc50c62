/*
 * A table of lists (lists.h) in memory that was sealed: who holds it can read it, and nobody can change it.
 * Generations share it; it goes with the last of them. A worker inherits the mapping of its master, or is
 * given the descriptor of a newer one.
 */
#ifndef DOTWARD_QUERY_SHELF_H
#define DOTWARD_QUERY_SHELF_H

#include "query/lists.h"

#include <stddef.h>
#include <stdint.h>

struct shelf;

/* From a descriptor (taken over in every case) of sealed memory of this size; `number` says which one it is.
 * It is held once. NULL: no memory, or no table of ours. */
struct shelf *shelf_open(int descriptor, size_t bytes, uint64_t number) __attribute__((warn_unused_result));
/* The same, its size being the descriptor's; not in a sealed process. Memory that somebody could still change
 * is refused. */
struct shelf *shelf_adopt(int descriptor, uint64_t number) __attribute__((warn_unused_result));

/* Somebody else holds it as well. NULL is allowed here and below. */
struct shelf *shelf_hold(struct shelf *shelf);
/* It goes when nobody holds it any more. */
void shelf_drop(struct shelf *shelf);
/* In a child: lets go of all that its parent had but for this one, which it holds alone and without its
 * descriptor. */
void shelf_keep_only(struct shelf *shelf);
/* The descriptor is not needed any more. */
void shelf_close_descriptor(struct shelf *shelf);

/* NULL: there is no shelf. */
const struct lists *shelf_lists(const struct shelf *shelf);
/* -1: none, or closed. Stays the shelf's. */
int shelf_descriptor(const struct shelf *shelf);
size_t shelf_bytes(const struct shelf *shelf);
/* 0: there is no shelf. */
uint64_t shelf_number(const struct shelf *shelf);

#endif
