/*
 * Random numbers that are the same everywhere for the same seed: splitmix64 (Steele, Lea, Flood, 2014).
 */
#ifndef DOTWARD_TESTS_RANDOM_H
#define DOTWARD_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t
random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t
random_next(uint64_t *state)
{
	return random_mix(*state += 0x9e3779b97f4a7c15u);
}

/* 0 … below - 1 */
static inline uint32_t
random_below(uint64_t *state, uint32_t below)
{
	return (uint32_t)((random_next(state) >> 32) * below >> 32);
}

/* 0 … 1, without 1 */
static inline double
random_unit(uint64_t *state)
{
	return (double)(random_next(state) >> 11) * 0x1p-53;
}

#endif
