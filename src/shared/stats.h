/*
 * Counters: one slab per worker slot in shared memory, written by its worker alone, summed by whoever asks.
 * They outlive the worker: a successor in the slot counts on.
 */
#ifndef DOTWARD_SHARED_STATS_H
#define DOTWARD_SHARED_STATS_H

#include "shared/latency.h"
#include "shared/shm.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* name as it is logged, and what it counts */
#define STATS_COUNTERS(X)                                                                                    \
	X(queries, "messages that came from clients, of whatever kind")                                      \
	X(queries_udp, "of them by UDP")                                                                     \
	X(queries_tcp, "of them by TCP")                                                                     \
	X(queries_tls, "of them by TLS")                                                                     \
	X(grouped, "of them from clients in a group (clients)")                                              \
	X(answered, "answers given to clients, of whatever rcode")                                           \
	X(dropped_malformed, "not a DNS query: a response, or shorter than a header; silence")               \
	X(dropped_denied, "from clients that are not allowed; silence")                                      \
	X(dropped_unsent, "UDP answers that the kernel did not take")                                        \
	X(dropped_gone, "answers whose TCP client had gone")                                                 \
	X(formerr, "malformed queries, answered FORMERR")                                                    \
	X(notimp, "opcodes other than QUERY, answered NOTIMP")                                               \
	X(badvers, "EDNS versions above 0, answered BADVERS")                                                \
	X(refused_denied, "from clients that are not allowed, answered REFUSED")                             \
	X(refused_overload, "no room for another question, answered REFUSED")                                \
	X(rate_dropped, "questions in excess of limits.rate; silence")                                       \
	X(rate_slipped, "of the same, told to come by TCP, or given a cookie")                               \
	X(rate_refused, "of the same, where no address can be forged; answered REFUSED")                     \
	X(rrl_dropped, "UDP answers in excess of limits.response_rate; silence")                             \
	X(rrl_slipped, "of the same, sent empty, with TC or a cookie")                                       \
	X(fair_refused, "from networks with more than their share under way, answered REFUSED")              \
	X(refused_transfer, "zone transfers asked for, answered REFUSED")                                    \
	X(blocked, "questions for names on a block list, of whatever answer")                                \
	X(allowed, "questions for names on an allow list")                                                   \
	X(answered_local,                                                                                    \
	        "questions for names of our own, answered from records, hosts file or local zones")          \
	X(answered_special, "questions for special names, answered here (RFC 6761, RFC 6303 and others)")    \
	X(filtered_type, "questions for filtered types, answered without records")                           \
	X(refused_any, "questions for ANY, answered as RFC 8482 says")                                       \
	X(rebind_blocked, "answers with private addresses for public names, given without records")          \
	X(servfail, "no upstream answered, answered SERVFAIL")                                               \
	X(replayed, "questions of a dead worker, taken up by its successor")                                 \
	X(quarantined, "questions that had crashed workers, answered SERVFAIL untouched")                    \
	X(log_dropped,                                                                                       \
	        "lines of the query log that were lost: what it is written to was too slow, or failed")      \
	X(dnstap_dropped,                                                                                    \
	        "dnstap messages that were lost: their reader was away or too slow, or the file failed")     \
	X(truncated, "answers sent with TC")                                                                 \
	X(tcp_clients, "TCP connections accepted")                                                           \
	X(tcp_refused, "TCP connections closed at once, for a limit")                                        \
	X(tcp_cut_off, "TCP clients cut off because they did not read")                                      \
	X(tls_clients, "TLS connections accepted")                                                           \
	X(tls_handshakes, "of them with a completed handshake")                                              \
	X(tls_resumed, "of them resumed from a ticket")                                                      \
	X(tls_failed, "of them lost in the handshake: refused, too slow, or gone")                           \
	X(ddr_answered, "questions below resolver.arpa answered here (RFC 9462)")                            \
	X(proxy_refused, "connections and datagrams for a proxied address from none of its proxies")         \
	X(proxy_malformed, "of its proxies without a sound PROXY header, or with one that names no client")  \
	X(cookies_first, "questions of clients that had no DNS cookie yet")                                  \
	X(cookies_good, "questions with a DNS cookie of ours")                                               \
	X(cookies_bad, "questions with a DNS cookie that was not ours, or not the client's, or too old")     \
	X(cache_hits, "questions answered from the cache, fresh")                                            \
	X(cache_stale, "questions answered from the cache with an expired answer (RFC 8767)")                \
	X(cache_misses, "questions for which the cache had no fresh answer")                                 \
	X(cache_joined, "questions that waited with the same one, which was under way already")              \
	X(cache_prefetches, "answers renewed before they expired")                                           \
	X(cache_inserts, "answers put into the cache, renewed ones as well")                                 \
	X(cache_unstored, "answers that could not be put in: too large, or somebody was in the way")         \
	X(cache_evicted_new, "entries thrown out for room, not asked again while they were new")             \
	X(cache_evicted_old, "entries thrown out for room, not asked again for long")                        \
	X(cache_evicted_expired, "entries thrown out because they were of no use any more")                  \
	X(cache_evicted_index, "entries thrown out because the index was full around them")                  \
	X(upstream_asked, "questions sent upstream, attempts of all kinds")                                  \
	X(upstream_answered, "answers from upstream that answered their question")                           \
	X(upstream_failed_over, "SERVFAIL and REFUSED from upstream for which another upstream was asked")   \
	X(upstream_timeouts, "attempts without an answer in time")                                           \
	X(upstream_resent, "questions re-sent because their connection was lost")                            \
	X(upstream_hedged, "questions asked once more elsewhere because their answer was slow")              \
	X(upstream_hedge_won, "of them answered from there first")                                           \
	X(upstream_raced, "questions asked elsewhere as well because a connection took too long to open")    \
	X(upstream_bad_answers, "answers from upstream that were no DNS or answered another question")       \
	X(upstream_stray, "answers from upstream with an id that nobody waits for")                          \
	X(upstream_connections, "connections to upstreams begun")                                            \
	X(upstream_warmed, "of them before a question needed them")                                          \
	X(upstream_handshakes, "TLS handshakes completed and verified")                                      \
	X(upstream_doubted, "of them unverified, as the profile is opportunistic")                           \
	X(upstream_resumed, "of them resumed from a ticket, without certificates")                           \
	X(upstream_early, "of them with questions in early data, which the upstream took")                   \
	X(upstream_early_refused, "of them with early data that it refused; the questions followed")         \
	X(upstream_failures, "connections that could not be opened or failed")                               \
	X(upstream_unverified, "of them because the certificate was not the right one")

#define STATS_ENUM(name, help) STATS_##name,
enum stats_counter { STATS_COUNTERS(STATS_ENUM) STATS_COUNT };
#undef STATS_ENUM

enum stats_protocol { STATS_BY_UDP, STATS_BY_TCP, STATS_BY_TLS, STATS_PROTOCOLS };
enum stats_family { STATS_BY_IPV4, STATS_BY_IPV6, STATS_FAMILIES };
/* How a client came to its answer. One that was decided here without looking any further is neither. */
enum stats_wait {
	STATS_HIT,  /* the cache had it, fresh */
	STATS_MISS, /* an upstream was waited for, whatever came of it */
	STATS_WAITS
};
/* "udp", "tcp", "tls"; "ipv4", "ipv6": as everybody is told. */
extern const char *const stats_protocol_words[STATS_PROTOCOLS], *const stats_family_words[STATS_FAMILIES];
enum { STATS_RCODES = 25 /* the last one stands for all above, too */ };

/* Words and nothing else: slabs are added to each other as they are. */
struct stats_slab {
	_Atomic uint64_t counters[STATS_COUNT];
	_Atomic uint64_t asked[STATS_PROTOCOLS][STATS_FAMILIES]; /* STATS_queries, apart */
	_Atomic uint64_t rcodes[STATS_RCODES];                   /* STATS_answered, apart */
	struct latency waits[STATS_WAITS];
};

struct stats;

/* What stats_carve() takes from shared memory. */
size_t stats_footprint(unsigned slots);
/* The creator frees; the slabs stay in shm. */
struct stats *stats_carve(struct shm *shm, unsigned slots);
void stats_free(struct stats *stats);
struct stats_slab *stats_slab(struct stats *stats, unsigned slot);
uint64_t stats_sum(const struct stats *stats, enum stats_counter counter);
/* Gives a slot a slab that lies elsewhere, outlives these, and may have counted before; sums begin with 0 all
 * the same. Before anybody counts. */
void stats_lend(struct stats *stats, unsigned slot, struct stats_slab *slab);
/* Adds what is in slabs of our own to one that outlives these. */
void stats_retire(const struct stats *stats, struct stats_slab *into);
/* Adds one to another, each word for itself. */
void stats_fold(struct stats_slab *into, const struct stats_slab *from);
const char *stats_name(enum stats_counter counter);
/* What it counts, in one line. */
const char *stats_help(enum stats_counter counter);

/* One writer per slab, so a plain load and store is enough; atomic only that a reader sees whole words. */
static inline void
stats_add(struct stats_slab *slab, enum stats_counter counter, uint64_t count)
{
	uint64_t now = atomic_load_explicit(&slab->counters[counter], memory_order_relaxed);
	atomic_store_explicit(&slab->counters[counter], now + count, memory_order_relaxed);
}

static inline void
stats_word_one(_Atomic uint64_t *word)
{
	atomic_store_explicit(
	        word, atomic_load_explicit(word, memory_order_relaxed) + 1, memory_order_relaxed);
}

static inline void
stats_rcode(struct stats_slab *slab, unsigned rcode)
{
	stats_word_one(&slab->rcodes[rcode < STATS_RCODES ? rcode : STATS_RCODES - 1]);
}

static inline void
stats_asked(struct stats_slab *slab, enum stats_protocol protocol, enum stats_family family)
{
	stats_word_one(&slab->asked[protocol][family]);
}

static inline void
stats_one(struct stats_slab *slab, enum stats_counter counter)
{
	stats_add(slab, counter, 1);
}

#endif
