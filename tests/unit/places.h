/*
 * A place under test, on one server of worlds.h, and the questions that are brought to it. Include cmocka.h
 * first.
 */
#ifndef DOTWARD_TESTS_PLACES_H
#define DOTWARD_TESTS_PLACES_H

#include "upstream/place.h"
#include "worlds.h"

enum { ASKS = 64 };

static struct place *place;
static struct place_ask asks[ASKS];
static struct wire_query queries[ASKS];
static struct world_server *server;
static unsigned answered, bad, lost, loss_calls;
static enum place_loss loss;
static bool put_again; /* what is lost comes back to the place at once */

static inline void
on_answered(void *arg, struct place *p, struct place_ask *ask, const struct wire_answer *answer)
{
	assert_ptr_equal(arg, &queries);
	assert_ptr_equal(p, place);
	assert_null(ask->at);
	answered += answer != NULL;
	bad += answer == NULL;
}

static inline void
on_lost(void *arg, struct place *p, enum place_loss how, struct list *orphans)
{
	(void)arg;
	loss = how;
	loss_calls++;
	assert_false(list_empty(orphans));
	while (!list_empty(orphans)) {
		struct uconn_ask *on = list_first(orphans, struct uconn_ask, link);
		struct place_ask *ask = list_entry(on, struct place_ask, on);
		list_remove(&on->link);
		assert_null(ask->at);
		lost++;
		if (put_again)
			assert_int_equal(place_put(p, ask, clock_now_ms()), 0);
	}
}

static const struct place_events events = {on_answered, on_lost};

static inline int
start(void **state)
{
	(void)state;
	world_open(1);
	server = &world.servers[0];
	answered = bad = lost = loss_calls = 0;
	put_again = false;
	struct place_settings settings = {.loop = world.loop,
	        .room = world.room,
	        .stats = &world.stats,
	        .upstream = &world.upstreams[0],
	        .forward = &world.config.forward,
	        .profile = tls_store_profile(world.tls, 0),
	        .events = &events,
	        .arg = &queries};
	place = place_new(&settings, &server->dot.address);
	for (unsigned i = 0; i < ASKS; i++) {
		world_query(&queries[i], i);
		memset(&asks[i], 0, sizeof asks[i]);
		asks[i].on.query = &queries[i];
		list_init(&asks[i].link);
		list_init(&asks[i].on.link);
	}
	return 0;
}

static inline int
stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ASKS; i++)
		place_withdraw(&asks[i]);
	place_free(place);
	world_close();
	return 0;
}

static inline void
put(unsigned first, unsigned count)
{
	uint64_t now_ms = clock_now_ms(); /* all at once, however slow we are */
	for (unsigned i = first; i < first + count; i++)
		assert_int_equal(place_put(place, &asks[i], now_ms), 0);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
