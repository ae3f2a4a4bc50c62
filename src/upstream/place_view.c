/*
 * What others may know of a place.
 */
#include "upstream/place_inside.h"

enum {
	PLACE_PATIENCE_US = 100000, /* with a connection that is being opened, at least */
	PLACE_DOUBT_MS = 60000,     /* then a question may try */
};

bool
place_usable(const struct place *place, uint64_t now_ms)
{
	bool doubted = place->doubt_ms != 0 && now_ms < place->doubt_ms + PLACE_DOUBT_MS;
	return health_state(place->health, now_ms) == HEALTH_WELL && !doubted;
}

bool
place_stuck(const struct place *place, uint64_t now_us)
{
	uint64_t begun_us = now_us;
	for (unsigned i = 0; i < place->conn_count; i++) {
		if (uconn_is_open(place->conns[i]))
			return false;
		if (uconn_begun_us(place->conns[i]) < begun_us)
			begun_us = uconn_begun_us(place->conns[i]);
	}
	uint64_t patience_us = 3 * (uint64_t)health_handshake_us(place->health);
	return now_us - begun_us > (patience_us > PLACE_PATIENCE_US ? patience_us : PLACE_PATIENCE_US);
}

struct health *
place_health(const struct place *place)
{
	return place->health;
}

uint64_t
place_identity(const struct place *place)
{
	return place->identity;
}

unsigned
place_load(const struct place *place)
{
	unsigned load = place->waiting_count;
	for (unsigned i = 0; i < place->conn_count; i++)
		load += uconn_outstanding(place->conns[i]);
	return load;
}

const struct config_upstream *
place_upstream(const struct place *place)
{
	return place->set.upstream;
}

const char *
place_text(const struct place *place)
{
	return place->target.text;
}

const char *
place_why(const struct place *place)
{
	return place->why;
}

bool
place_unreachable(const struct place *place)
{
	return !place->network_failure;
}
