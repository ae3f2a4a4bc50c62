/*
 * Upstreams under test and the questions they are asked, on the servers of worlds.h. Include cmocka.h first.
 */
#ifndef DOTWARD_TESTS_UPSTREAMS_H
#define DOTWARD_TESTS_UPSTREAMS_H

#include "upstream/upstream.h"
#include "worlds.h"

enum { ASKS = 64 };

static struct upstreams *upstreams;
static struct upstream_ask asks[ASKS];
static struct wire_query queries[ASKS];
static unsigned done, done_of[ASKS];
static struct upstream_result last;
static uint16_t last_rcode;
static size_t last_bytes;

static inline void
on_done(void *arg, struct upstream_ask *ask, const struct upstream_result *result)
{
	assert_ptr_equal(arg, &queries);
	done++;
	done_of[ask - asks]++;
	last = *result;
	if (result->answer != NULL) {
		last_rcode = result->answer->rcode;
		last_bytes = result->answer->bytes;
		const struct wire_question *q = &queries[ask - asks].question;
		assert_memory_equal(result->answer->msg + WIRE_HEADER_BYTES, q->name, q->name_bytes);
	}
}

static inline int
start(void **state)
{
	(void)state;
	world_open(3);
	upstreams = NULL;
	done = 0;
	memset(done_of, 0, sizeof done_of);
	for (unsigned i = 0; i < ASKS; i++)
		world_query(&queries[i], i);
	return 0;
}

static inline int
stop(void **state)
{
	(void)state;
	upstreams_free(upstreams);
	world_close();
	return 0;
}

static inline void
ask(unsigned n)
{
	if (upstreams == NULL)
		upstreams = upstreams_new(world.loop, world.room, &world.config, world.tls, world.health,
		        &world.stats, on_done, &queries);
	upstream_ask(upstreams, &asks[n], &queries[n], n + 1, n);
}

static inline void
ask_and_wait(unsigned n)
{
	unsigned before = done;
	ask(n);
	LOOP_UNTIL(world.loop, done == before + 1);
	assert_int_equal(done_of[n], 1);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
