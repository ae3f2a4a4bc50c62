/*
 * What others may know of a place.
 */
#include "upstream/place_inside.h"

enum {
	PLACE_DOUBT_MS = 60000, /* then a question may try */
};

bool
place_usable(const struct place *place, uint64_t now_ms)
{
	bool doubted = place->doubt_ms != 0 && now_ms < place->doubt_ms + PLACE_DOUBT_MS;
	return health_state(place->health, now_ms) == HEALTH_WELL && !doubted;
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

const struct addr *
place_address(const struct place *place)
{
	return &place->target.address;
}

unsigned
place_load(const struct place *place)
{
	unsigned load = place->waiting_count;
	for (unsigned i = 0; i < place->conn_count; i++)
		load += uconn_outstanding(place->conns[i]);
	return load;
}

int
place_family(const struct place *place)
{
	return place->target.address.any.sa_family;
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
