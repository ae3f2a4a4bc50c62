/*
 * Ranks are drawn by Walker's alias method (as by Vose, 1991): exact, and two look-ups for each.
 */
#include "workload.h"

#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct workload workloads[] = {
        {.title = "zipf 0.8", .skew = 0.8},
        {.title = "zipf 0.9", .skew = 0.9},
        {.title = "zipf 1.0", .skew = 1.0},
        {.title = "zipf 1.1", .skew = 1.1},
        {.title = "zipf 1.0 + 25% scan", .skew = 1.0, .scan_percent = 25},
        {.title = "zipf 1.0, drifting", .skew = 1.0, .drift_percent = 10},
};
const size_t workload_count = sizeof workloads / sizeof *workloads;

struct alias {
	double keep; /* else it is `other` */
	uint32_t other;
};

static void *
allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);
	if (memory == NULL) {
		perror("workload");
		exit(2);
	}
	return memory;
}

/* Each entry's share times `names`, in `keep`. */
static void
weigh(struct alias *table, uint32_t names, double skew)
{
	double sum = 0;
	for (uint32_t i = 0; i < names; i++)
		sum += table[i].keep = pow(1.0 + i, -skew);
	for (uint32_t i = 0; i < names; i++)
		table[i].keep *= names / sum;
}

static struct alias *
alias_new(uint32_t names, double skew)
{
	struct alias *table = allocate(names, sizeof *table);
	uint32_t *scarce = allocate(names, sizeof *scarce), *ample = allocate(names, sizeof *ample);
	uint32_t scarces = 0, amples = 0;
	weigh(table, names, skew);
	for (uint32_t i = 0; i < names; i++) {
		table[i].other = i;
		if (table[i].keep < 1)
			scarce[scarces++] = i;
		else
			ample[amples++] = i;
	}
	while (scarces > 0 && amples > 0) {
		uint32_t poor = scarce[--scarces], rich = ample[amples - 1];
		table[poor].other = rich;
		table[rich].keep -= 1 - table[poor].keep;
		if (table[rich].keep < 1) {
			amples--;
			scarce[scarces++] = rich;
		}
	}
	free(scarce);
	free(ample);
	return table;
}

static uint32_t
alias_draw(const struct alias *table, uint32_t names, uint64_t *random)
{
	uint32_t at = random_below(random, names);
	return random_unit(random) < table[at].keep ? at : table[at].other;
}

/* Ranks lie around the centre, one to the right, one to the left. */
static uint32_t
around(uint32_t rank, uint32_t centre, uint32_t names)
{
	uint32_t far = (rank + 1) / 2;
	return (uint32_t)((rank & 1 ? centre + (uint64_t)far : centre + (uint64_t)names - far) % names);
}

struct trace
workload_trace(const struct workload *workload, uint32_t names, size_t requests, uint64_t seed)
{
	struct trace trace = {
	        .asked = allocate(requests, sizeof *trace.asked), .requests = requests, .names = names};
	struct alias *table = alias_new(names, workload->skew);
	double pace = (double)names * workload->drift_percent / 100 / (double)requests;
	for (size_t i = 0; i < requests; i++) {
		if (random_below(&seed, 100) < workload->scan_percent) {
			trace.asked[i] = trace.names++;
			continue;
		}
		uint32_t rank = alias_draw(table, names, &seed);
		trace.asked[i] = workload->drift_percent > 0
		                         ? around(rank, (uint32_t)((double)i * pace), names)
		                         : rank;
	}
	free(table);
	return trace;
}
