/*
 * Connections that get no more questions, although nothing is wrong with them: the server closes after so
 * many answers (quota.h). What waits meanwhile takes another connection, as soon as there may be one; and
 * when one of the spent stays open after its last answer, there is no such limit after all.
 */
#include "base/clock.h"
#include "upstream/place_inside.h"

bool
place_is_spent(const struct place *place, const struct uconn *conn)
{
	/* Nearly all have no limit, and every question comes by here. */
	return place->quota.limit != 0 && uconn_asked(conn) >= quota_limit(&place->quota, clock_now_ms());
}

bool
place_has_spent(const struct place *place)
{
	for (unsigned i = 0; i < place->conn_count; i++)
		if (place_is_spent(place, place->conns[i]))
			return true;
	return false;
}

/* It has answered all, and the server leaves it open: it is no server that closes then. */
static bool
is_contradicted(const struct place *place, uint64_t now_ms)
{
	for (unsigned i = 0; i < place->conn_count; i++) {
		const struct uconn *conn = place->conns[i];
		if (uconn_is_open(conn) && !uconn_is_suspect(conn) && uconn_outstanding(conn) == 0 &&
		        place_is_spent(place, conn) && now_ms >= uconn_heard_ms(conn) + QUOTA_GRACE_MS)
			return true;
	}
	return false;
}

void
place_relieve(struct place *place, uint64_t now_ms)
{
	if (!place_has_spent(place))
		return;
	if (is_contradicted(place, now_ms))
		place->quota = (struct quota){0};
	else if (place->waiting_count > 0 && place_has_room(place))
		(void)place_open_one(place);
}

bool
place_mind_spent(struct place *place)
{
	if (place->waiting_count == 0 || !place_has_spent(place))
		return false;
	place_prepare(place, QUOTA_GRACE_MS);
	return true;
}

void
place_note_end(struct place *place, const struct uconn *conn, bool unanswered)
{
	uint64_t now_ms = clock_now_ms();
	if (now_ms < uconn_heard_ms(conn) + QUOTA_GRACE_MS)
		quota_note(&place->quota, uconn_answers(conn), unanswered, now_ms);
}
