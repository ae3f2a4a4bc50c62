/*
 * Names as they are on block lists, the same ones for the same seed, and each another one: the n-th name is
 * worked out from n. Skewed as real lists are in what matters to a table: most names have two or three
 * labels, few top-level domains have most of them, and every third is one of many under the same few
 * providers.
 */
#ifndef DOTWARD_TESTS_LISTMAKE_H
#define DOTWARD_TESTS_LISTMAKE_H

#include <stddef.h>
#include <stdint.h>

enum {
	LISTMAKE_TEXT_BYTES = 128,
	LISTMAKE_NAMES = 26 * 26 * 26 * 26 * 26, /* there are as many */
};

/* Writes the name without a dot at its end, and a NUL. Returns its length. */
size_t listmake_name(char out[LISTMAKE_TEXT_BYTES], uint32_t number, uint64_t seed);

#endif
