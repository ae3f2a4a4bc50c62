/*
 * The last step of a question's life. An answer is written straight into the place that the door gives for
 * it; a door without a place gets silence.
 */
#include "query/reply.h"

#include "base/clock.h"
#include "base/must.h"

#include <string.h>

enum {
	REPLY_OPT_BYTES = 352,     /* the most that our OPT adds to an answer */
	REPLY_REFUSAL_BYTES = 640, /* the most that an answer without records needs, unpadded */
	REPLY_PADDING_BLOCK = 468, /* RFC 8467 section 4.1 */
};

static const struct query_door *
door_of(const struct replies *rs, const struct query *q)
{
	return q->from.stream ? rs->stream_door : rs->udp_doors[q->from.listen];
}

static uint8_t *
door_reserve(const struct replies *rs, const struct query *q, size_t bytes)
{
	const struct query_door *door = door_of(rs, q);
	return door->reserve(door->arg, &q->from, bytes);
}

static void
door_commit(const struct replies *rs, const struct query *q, size_t bytes)
{
	const struct query_door *door = door_of(rs, q);
	door->commit(door->arg, &q->from, bytes);
}

/* For who looks for what goes wrong. Names and clients are the query log's business (log.queries). */
static void
log_answered(const struct query *q, uint16_t rcode, size_t bytes, const char *source)
{
	if (q->unlogged || !log_wants(LOG_LEVEL_DEBUG))
		return;
	char type[WIRE_WORD_BYTES], word[WIRE_WORD_BYTES];
	log_write(LOG_LEVEL_DEBUG,
	        "q=%u is answered protocol=%s type=%s rcode=%s bytes=%zu ms=%llu from=\"%s\"", q->number,
	        stats_protocol_words[query_protocol(&q->from)], wire_type_text(q->wire.question.type, type),
	        wire_rcode_text(rcode, word), bytes, (unsigned long long)(clock_now_ms() - q->begun_ms),
	        source);
}

static size_t
room_for(const struct replies *rs, const struct query *q)
{
	if (q->from.stream)
		return WIRE_MESSAGE_BYTES;
	return wire_udp_room(&q->wire, rs->config->limits.udp_answer_size);
}

/* What our OPT tells this client; RFC 7828 section 3.3.2 for the keepalive. An answer is padded if the
 * question was (RFC 7830 section 4), and if it helps: only where nobody can read along. */
static struct edns_write
opt_for(const struct replies *rs, const struct query *q)
{
	bool keepalive = q->from.stream && q->wire.edns.keepalive;
	bool padded = q->from.tls && q->wire.edns.padding;
	return (struct edns_write){
	        .padding_block = padded ? REPLY_PADDING_BLOCK : 0,
	        .udp_bytes = (uint16_t)rs->config->limits.udp_answer_size,
	        .cookie = q->cookie,
	        .cookie_bytes = q->cookie_bytes,
	        .keepalive = keepalive,
	        .keepalive_value = keepalive,
	        .keepalive_tenths =
	                rs->draining ? 0 : (uint16_t)(rs->config->limits.tcp_idle_timeout_ms / 100),
	};
}

static void
be_silent(const struct replies *rs, const struct query *q, const struct tale_cause *cause)
{
	teller_ended(rs->teller, q, NULL, 0, 0, cause, 0);
	door_commit(rs, q, 0);
}

void
reply_silence(const struct replies *rs, const struct query *q, enum tale_source source, const char *why)
{
	be_silent(rs, q, &(struct tale_cause){.source = source, .list = -1, .text = why});
}

/* What the log calls it. */
static const char *
word_of(const struct tale_cause *cause)
{
	if (cause->upstream != NULL)
		return cause->upstream;
	return cause->text != NULL ? cause->text : tale_source_word(cause->source);
}

/* Here and not by a tale, as it is always wanted and takes no more of it than this. Returns the time it saw,
 * or 0. */
static uint64_t
note_wait(const struct replies *rs, const struct query *q, enum tale_source source)
{
	if (source == TALE_POLICY || source == TALE_LIMIT || source == TALE_POISON)
		return 0;
	uint64_t now_us = clock_now_us();
	latency_note(&rs->stats->waits[source == TALE_CACHE ? STATS_HIT : STATS_MISS], now_us - q->begun_us);
	return now_us;
}

static void
leave_unmetered(const struct replies *rs, const struct query *q, const uint8_t *out, size_t bytes,
        uint16_t rcode, const struct tale_cause *cause)
{
	must(bytes > 0);
	if (out[2] & (WIRE_FLAG_TC >> 8))
		stats_one(rs->stats, STATS_truncated);
	stats_one(rs->stats, STATS_answered);
	stats_rcode(rs->stats, rcode);
	uint64_t now_us = note_wait(rs, q, cause->source);
	log_answered(q, rcode, bytes, word_of(cause));
	teller_ended(rs->teller, q, out, bytes, rcode, cause, now_us);
	door_commit(rs, q, bytes);
}

/* In a place of at least WIRE_UDP_FLOOR_BYTES. Who knows cookies is given one to come back with instead of
 * being told to come by TCP (RFC 7873 section 5.2.3). */
static void
slip(const struct replies *rs, const struct query *q, uint8_t *out, const char *limit)
{
	struct edns_write opt = opt_for(rs, q);
	bool cookie = q->cookie_bytes > 0;
	uint16_t rcode = cookie ? WIRE_RCODE_BADCOOKIE : WIRE_RCODE_NOERROR;
	size_t bytes = wire_refuse(out, WIRE_UDP_FLOOR_BYTES, &q->wire, rcode, EDNS_EDE_NONE, NULL, &opt);
	if (!cookie)
		out[2] |= WIRE_FLAG_TC >> 8;
	leave_unmetered(rs, q, out, bytes, rcode,
	        &(struct tale_cause){.source = TALE_LIMIT, .list = -1, .text = limit});
}

/* A written answer leaves, unless its like has left too often. */
static void
leave(const struct replies *rs, const struct query *q, uint8_t *out, size_t bytes, uint16_t rcode,
        const struct tale_cause *cause)
{
	enum meter_verdict verdict = METER_PASS;
	if (rs->config->limits.response_rate.per_second > 0 && !query_is_proven(q))
		verdict = meter_answer(
		        rs->meter, &q->from.peer, &q->wire.question, rcode, out, bytes, clock_now_us());
	if (verdict == METER_DROP)
		reply_silence(rs, q, TALE_LIMIT, "limits.response_rate");
	else if (verdict == METER_SLIP)
		slip(rs, q, out, "limits.response_rate");
	else
		leave_unmetered(rs, q, out, bytes, rcode, cause);
}

/* The question as the client asked it: `q`, or a copy with the name that is our alias. */
static const struct query *
as_asked(const struct query *q, struct query *copy)
{
	if (q->alias_bytes == 0)
		return q;
	memcpy(copy, q, sizeof *copy);
	memcpy(copy->wire.question.name, q->alias, q->alias_bytes);
	copy->wire.question.name_bytes = q->alias_bytes;
	copy->alias_bytes = 0;
	return copy;
}

static void
refuse(const struct replies *rs, const struct query *q, uint16_t rcode, enum edns_ede ede, const char *text,
        const struct tale_cause *cause)
{
	struct query asked;
	q = as_asked(q, &asked);
	struct edns_write opt = opt_for(rs, q);
	size_t room = room_for(rs, q);
	if (room > REPLY_REFUSAL_BYTES + opt.padding_block)
		room = REPLY_REFUSAL_BYTES + opt.padding_block;
	uint8_t *out = door_reserve(rs, q, room);
	if (out == NULL) {
		be_silent(rs, q, cause);
		return;
	}
	size_t bytes = wire_refuse(out, room, &q->wire, rcode, ede, text, &opt);
	leave(rs, q, out, bytes, rcode, cause);
}

void
reply_refuse(const struct replies *rs, const struct query *q, uint16_t rcode, enum edns_ede ede,
        const char *text, enum tale_source source)
{
	refuse(rs, q, rcode, ede, text, &(struct tale_cause){.source = source, .list = -1, .text = text});
}

bool
reply_metered(const struct replies *rs, const struct query *q, enum meter_verdict verdict)
{
	uint8_t *out = verdict == METER_SLIP ? door_reserve(rs, q, WIRE_UDP_FLOOR_BYTES) : NULL;
	if (verdict == METER_PASS)
		return false;
	if (verdict == METER_REFUSE)
		reply_refuse(rs, q, WIRE_RCODE_REFUSED, EDNS_EDE_OTHER, "too many questions", TALE_LIMIT);
	else if (out != NULL)
		slip(rs, q, out, "limits.rate");
	else
		reply_silence(rs, q, TALE_LIMIT, "limits.rate");
	return true;
}

/* Writes an answer and lets it leave; `recalled` is where it was found in the cache, or NULL. */
static void
pass_on(const struct replies *rs, const struct query *q, const struct wire_answer *answer,
        const struct tale_cause *cause, const struct recalled *recalled)
{
	struct edns_write opt = opt_for(rs, q);
	size_t room = room_for(rs, q), need = answer->bytes + REPLY_OPT_BYTES + opt.padding_block;
	if (need < WIRE_UDP_FLOOR_BYTES)
		need = WIRE_UDP_FLOOR_BYTES;
	if (room > need)
		room = need;
	uint8_t *out = door_reserve(rs, q, room);
	if (out == NULL) {
		be_silent(rs, q, cause);
		return;
	}
	if (rs->config->forward.client_subnet_forward && q->wire.edns.subnet_bytes > 0) {
		opt.subnet = answer->edns.subnet;
		opt.subnet_bytes = answer->edns.subnet_bytes;
	}
	size_t bytes = wire_fit(out, room, &q->wire, answer, &opt);
	if (recalled != NULL)
		recall_date(rs->recall, recalled, out);
	leave(rs, q, out, bytes, answer->rcode, cause);
}

/* The same for what an alias of our own leads to. */
static void
pass_on_behind(const struct replies *rs, const struct query *q, const struct wire_answer *answer,
        const struct tale_cause *cause, const struct recalled *recalled)
{
	struct query copy;
	struct wire_answer joined;
	if (q->alias_bytes == 0) {
		pass_on(rs, q, answer, cause, recalled);
		return;
	}
	const struct query *asked = as_asked(q, &copy);
	uint8_t *msg = alias_copy(rs->alias, answer);
	if (recalled != NULL)
		recall_date(rs->recall, recalled, msg);
	alias_join(rs->alias, &asked->wire.question, answer, &joined);
	pass_on(rs, asked, &joined, cause, NULL);
}

/* One that must not be passed on is answered without records. */
static bool
held_back(const struct replies *rs, const struct query *q, const struct wire_answer *answer)
{
	if (!screen_holds(rs->screen, &q->wire.question, answer))
		return false;
	stats_one(rs->stats, STATS_rebind_blocked);
	reply_refuse(rs, q, WIRE_RCODE_NOERROR, EDNS_EDE_BLOCKED, screen_reason, TALE_FAILURE);
	return true;
}

bool
reply_judged(const struct replies *rs, const struct query *q, const struct judgement *judgement)
{
	const struct tale_cause cause = {.source = TALE_POLICY,
	        .by = judgement->by,
	        .list = judgement->list,
	        .text = judgement->action == JUDGE_SILENCE ? NULL : judgement->text};
	switch (judgement->action) {
	case JUDGE_PASS:
		return false;
	case JUDGE_SILENCE:
		be_silent(rs, q, &cause);
		break;
	case JUDGE_REFUSE:
		refuse(rs, q, judgement->rcode, judgement->ede, judgement->text, &cause);
		break;
	case JUDGE_ANSWER:
		pass_on_behind(rs, q, &judgement->answer, &cause, NULL);
		break;
	}
	return true;
}

void
reply_answer(const struct replies *rs, const struct query *q, const struct upstream_result *result)
{
	const struct tale_cause cause = {.source = TALE_UPSTREAM,
	        .list = -1,
	        .upstream = result->upstream,
	        .address = result->address};
	if (result->answer == NULL) {
		stats_one(rs->stats, STATS_servfail);
		reply_refuse(rs, q, WIRE_RCODE_SERVFAIL, result->ede, result->why, TALE_FAILURE);
	} else if (!held_back(rs, q, result->answer)) {
		pass_on_behind(rs, q, screen_trim(rs->screen, &q->wire, result->answer), &cause, NULL);
	}
}

/* The same with a shorter message: the TTLs that went with its end go. */
static struct recalled
shortened(const struct recalled *recalled, const struct wire_answer *answer)
{
	struct recalled lean = *recalled;
	lean.entry.answer = *answer;
	while (lean.entry.ttl_count > 0 && lean.entry.ttls[lean.entry.ttl_count - 1] >= answer->bytes)
		lean.entry.ttl_count--;
	return lean;
}

void
reply_recalled(const struct replies *rs, const struct query *q, const struct recalled *recalled)
{
	const struct wire_answer *whole = &recalled->entry.answer;
	const struct tale_cause cause = {.source = recalled->stale ? TALE_STALE : TALE_CACHE, .list = -1};
	if (recalled->stale)
		stats_one(rs->stats, STATS_cache_stale);
	if (held_back(rs, q, whole))
		return;
	const struct wire_answer *answer = screen_trim(rs->screen, &q->wire, whole);
	if (answer == whole) {
		pass_on_behind(rs, q, answer, &cause, recalled);
		return;
	}
	struct recalled lean = shortened(recalled, answer);
	pass_on_behind(rs, q, answer, &cause, &lean);
}
