/*
 * Connections that get no more questions, although nothing is wrong with them: the server closes after so
 * many answers (quota.h). What waits meanwhile takes another connection, and there is room for one as soon as
 * one of the spent is done.
 */
#include "base/clock.h"
#include "upstream/place_inside.h"

bool
place_is_spent(const struct place *place, const struct uconn *conn)
{
	return uconn_asked(conn) >= quota_limit(&place->quota, clock_now_ms());
}

bool
place_has_spent(const struct place *place)
{
	for (unsigned i = 0; i < place->conn_count; i++)
		if (place_is_spent(place, place->conns[i]))
			return true;
	return false;
}

void
place_drop_useless(struct place *place)
{
	for (unsigned i = 0; i < place->conn_count; i++) {
		struct uconn *conn = place->conns[i];
		if (uconn_outstanding(conn) > 0 || (!uconn_is_suspect(conn) && !place_is_spent(place, conn)))
			continue;
		place_drop_conn(place, conn);
		uconn_close(&conn);
		return;
	}
}

void
place_relieve(struct place *place)
{
	if (place->waiting_count == 0 || !place_has_spent(place))
		return;
	if (place->conn_count >= place->set.upstream->max_connections)
		place_drop_useless(place);
	if (place->conn_count < place->set.upstream->max_connections)
		(void)place_open_one(place);
}
