/*
 * Names that are asked for, one after the other, as traces in memory.
 *
 * Zipf: the name of rank k is asked for with a probability in proportion to 1 / k^skew. A scan: some of the
 * requests are for names that nobody asks for again. A drift: who has which rank moves through the names, so
 * that each becomes popular slowly and ceases to be so in the same way.
 */
#ifndef DOTWARD_TESTS_WORKLOAD_H
#define DOTWARD_TESTS_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

struct workload {
	const char *title;
	double skew;
	unsigned scan_percent;  /* of the requests */
	unsigned drift_percent; /* of the names, over the whole trace */
};

extern const struct workload workloads[];
extern const size_t workload_count;

struct trace {
	uint32_t *asked;
	size_t requests;
	uint32_t names; /* all that occur are below this */
};

/* Ends the program when there is no memory for it. The taker frees `asked`. */
struct trace workload_trace(const struct workload *workload, uint32_t names, size_t requests, uint64_t seed);

#endif
