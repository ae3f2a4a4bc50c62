/*
 * A worker's upstream side in a test: a loop, a few upstreams that are small servers on that same loop, the
 * configuration that names them, and counters.
 */
#ifndef DOTWARD_TESTS_WORLDS_H
#define DOTWARD_TESTS_WORLDS_H

#include "certs.h"
#include "config/config.h"
#include "dns/wire.h"
#include "dotserver.h"
#include "looping.h"
#include "net/stream.h"
#include "query/query.h"
#include "shared/quarantine.h"
#include "shared/shm.h"
#include "shared/stats.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORLD_SERVERS = 4, WORLD_HELD = 600, WORLD_SEED = 4711 };

/* What a server does with a question. */
enum world_manner {
	ANSWERS,
	HOLDS,
	REFUSES,
	FAILS,
	HANGS_UP,
	RESETS,
	ANSWERS_ANOTHER,
	BABBLES,
	ANSWERS_SHORT
};

/* A question that a server has got and may answer later. */
struct world_held {
	struct dot_conn *conn;
	size_t bytes;
	uint8_t msg[1280];
};

struct world_server {
	struct dot_server dot;
	enum world_manner manner;
	unsigned asked;
	int keepalive; /* tenths to tell, or -1 */
	unsigned ttl;  /* of the address that it gives, which counts its answers; 0: gives no record */
	uint8_t answers;
	struct world_held held[WORLD_HELD];
	unsigned held_count;
};

static struct {
	struct ev_loop *loop;
	struct stream_room *room;
	struct world_server *servers;
	unsigned count;
	struct config config;
	struct config_upstream upstreams[WORLD_SERVERS];
	struct tls_store *tls;
	struct stats_slab stats;
	struct quarantine quarantine;
	struct health_table *health; /* NULL: each place learns for itself */
	struct limits *limits;       /* NULL: none */
	struct cache *cache;         /* NULL: none */
	struct shm *memory;          /* of the questions, when there are any */
	char ca_path[64];
} world;

static inline uint64_t
counted(enum stats_counter counter)
{
	return atomic_load(&world.stats.counters[counter]);
}

/* Turns a question into its answer, without records; the length. */
static inline size_t
world_answer(uint8_t *out, const uint8_t *msg, unsigned rcode, int keepalive)
{
	size_t end = WIRE_HEADER_BYTES;
	while (msg[end] != 0)
		end += 1u + msg[end];
	end += 5;
	memcpy(out, msg, end);
	out[2] |= 0x80;
	out[3] = (uint8_t)(0x80 | rcode);
	memset(out + 6, 0, 6);
	if (keepalive < 0)
		return end;
	const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 11, 0, 2, (uint8_t)(keepalive >> 8),
	        (uint8_t)keepalive};
	out[11] = 1;
	memcpy(out + end, opt, sizeof opt);
	return end + sizeof opt;
}

static inline void
world_reply(struct world_server *s, struct dot_conn *c, const uint8_t *msg, unsigned rcode)
{
	uint8_t out[1280];
	size_t bytes = world_answer(out, msg, rcode, s->keepalive);
	if (s->ttl > 0 && rcode == WIRE_RCODE_NOERROR) {
		const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, (uint8_t)(s->ttl >> 8), (uint8_t)s->ttl,
		        0, 4, 192, 0, 2, ++s->answers};
		assert_int_equal(s->keepalive, -1);
		out[7] = 1;
		memcpy(out + bytes, record, sizeof record);
		bytes += sizeof record;
	}
	dot_send(c, out, bytes);
}

static inline void
world_asked(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	struct world_server *s = dot->arg;
	uint8_t other[1280];
	s->asked++;
	switch (s->manner) {
	case ANSWERS:
		world_reply(s, c, msg, WIRE_RCODE_NOERROR);
		return;
	case REFUSES:
		world_reply(s, c, msg, WIRE_RCODE_REFUSED);
		return;
	case FAILS:
		world_reply(s, c, msg, WIRE_RCODE_SERVFAIL);
		return;
	case HOLDS:
		assert_true(s->held_count < WORLD_HELD && bytes <= sizeof s->held[0].msg);
		s->held[s->held_count].conn = c;
		s->held[s->held_count].bytes = bytes;
		memcpy(s->held[s->held_count++].msg, msg, bytes);
		return;
	case HANGS_UP:
		dot_close(c, DOT_BYE);
		return;
	case RESETS:
		dot_close(c, DOT_RESET);
		return;
	case ANSWERS_ANOTHER:
		memcpy(other, msg, bytes);
		other[WIRE_HEADER_BYTES + 1] ^= 1;
		world_reply(s, c, other, WIRE_RCODE_NOERROR);
		return;
	case BABBLES:
		msg[2] |= 0x80;
		dot_send(c, msg, WIRE_HEADER_BYTES + 3);
		return;
	case ANSWERS_SHORT:
		dot_send(c, msg, 5);
		return;
	}
}

/* Answers the n-th question that was held. */
static inline void
world_release(struct world_server *s, unsigned n)
{
	world_reply(s, s->held[n].conn, s->held[n].msg, WIRE_RCODE_NOERROR);
}

static inline void
world_configure(unsigned count)
{
	static char up[WORLD_SERVERS][4] = {"u0", "u1", "u2", "u3"}, name[] = CERTS_NAME, none[] = "";
	world.config = (struct config){
	        .upstreams = world.upstreams,
	        .upstream_count = count,
	        .forward = {.policy = CONFIG_SEQUENTIAL,
	                .timeout_ms = 60000,
	                .attempt_timeout_ms = 50000,
	                .connect_timeout_ms = 50000,
	                .connect_patience_ms = 2000,
	                .handshake_timeout_ms = 50000,
	                .attempts = 3,
	                .padding = 128},
	        .limits = {.queries_in_flight = 16,
	                .tcp_clients = 8,
	                .tcp_clients_per_address = 8,
	                .tcp_idle_timeout_ms = 30000,
	                .tcp_queries_per_client = 16,
	                .udp_answer_size = 1232,
	                .rate = {.ipv4_prefix = 32, .ipv6_prefix = 128},
	                .response_rate = {.ipv4_prefix = 32, .ipv6_prefix = 128}},
	};
	for (unsigned i = 0; i < count; i++)
		world.upstreams[i] = (struct config_upstream){.name = up[i],
		        .addresses = &world.servers[i].dot.address,
		        .address_count = 1,
		        .auth_name = name,
		        .ca_file = world.ca_path,
		        .tls_priority = none,
		        .max_connections = 2,
		        .max_outstanding = 8,
		        .resumption = true, /* from tls_store_keep_tickets() on */
		        .port = 853};
}

/* So many upstreams that answer; what the test wants otherwise it changes before world_trust(). */
static inline void
world_open(unsigned count)
{
	memset(&world, 0, sizeof world);
	world.count = count;
	world.loop = ev_loop_new(EVFLAG_AUTO);
	world.room = stream_room_new(world.loop);
	world.servers = calloc(WORLD_SERVERS, sizeof *world.servers);
	for (unsigned i = 0; i < count; i++) {
		struct world_server *s = &world.servers[i];
		dot_begin(&s->dot, world.loop, &certs.good, world_asked);
		s->dot.arg = s;
		s->keepalive = -1;
	}
	world_configure(count);
	snprintf(world.ca_path, sizeof world.ca_path, "/tmp/dotward-world.XXXXXX");
	int fd = mkstemp(world.ca_path);
	assert_true(fd >= 0);
	close(fd);
	cert_write(&certs.authority, world.ca_path);
	char why[TLS_WHY_BYTES];
	world.tls = tls_store_open(world.upstreams, count, why);
	assert_non_null(world.tls);
	unlink(world.ca_path);
}

static inline void
world_close(void)
{
	looping_turn(world.loop);
	for (unsigned i = 0; i < world.count; i++)
		dot_end(&world.servers[i].dot);
	stream_room_free(world.room);
	tls_store_close(world.tls);
	ev_loop_destroy(world.loop);
	free(world.servers);
	shm_free(world.memory);
	cache_free(world.cache);
}

/* The questions' part of it, with zeroed memory; as a successor, with what is left in it. */
static inline struct queries *
world_queries_anew(void)
{
	const struct queries_setup setup = {
	        .loop = world.loop,
	        .room = world.room,
	        .config = &world.config,
	        .tls = world.tls,
	        .health = world.health,
	        .stats = &world.stats,
	        .quarantine = &world.quarantine,
	        .limits = world.limits,
	        .cache = world.cache,
	        .seed = WORLD_SEED,
	        .memory = shm_start(world.memory),
	};
	return queries_new(&setup);
}

static inline struct queries *
world_queries(void)
{
	shm_free(world.memory);
	world.memory = shm_new(queries_footprint(&world.config));
	assert_non_null(world.memory);
	return world_queries_anew();
}

/* A cache for the questions, and what its configuration says by default. Before world_queries(). */
static inline void
world_remember(void)
{
	world.config.cache = (struct config_cache){.size = CACHE_LEAST_BYTES,
	        .max_ttl_s = 86400,
	        .negative_max_ttl_s = 3600,
	        .failure_ttl_s = 2,
	        .stale_s = 86400,
	        .stale_answer_ttl_s = 30,
	        .stale_wait_ms = 1800,
	        .prefetch = true};
	world.cache = cache_new(CACHE_LEAST_BYTES, WORLD_SEED);
	assert_non_null(world.cache);
	cache_join(world.cache, 1, &world.stats);
}

/* The query for "<n>.example." A. */
static inline void
world_query(struct wire_query *out, unsigned n)
{
	char label[12];
	memset(out, 0, sizeof *out);
	int digits = snprintf(label, sizeof label, "%u", n);
	out->id = (uint16_t)n;
	out->flags = WIRE_FLAG_RD;
	out->question.type = out->question.class = 1;
	out->question.name[0] = (uint8_t)digits;
	memcpy(out->question.name + 1, label, (size_t)digits);
	memcpy(out->question.name + 1 + digits, "\7example", 9);
	out->question.name_bytes = (uint16_t)(digits + 10);
}

static inline int
world_begin(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	certs_make();
	return 0;
}

static inline int
world_finish(void **state)
{
	(void)state;
	certs_free();
	return 0;
}

#endif
