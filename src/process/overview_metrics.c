/*
 * The overview in Prometheus' text format. Each family has its HELP and TYPE before all of its samples, in
 * one place. A counter of the table in shared/stats.h that has no row here is a family of its own, called as
 * there, so that none is ever left out.
 */
#include "process/overview.h"

#include "dns/wire.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* A counter as a sample of a family, or, without a name, as another one of the family before it. Without a
 * help as well: it is told elsewhere. */
static const struct metric {
	enum stats_counter counter;
	const char *name, *label, *value, *help;
} metrics[] = {
#define FAMILY(counter, name, help)                                                                          \
	{                                                                                                    \
		STATS_##counter, name, NULL, NULL, help                                                      \
	}
#define FIRST(counter, name, label, value, help)                                                             \
	{                                                                                                    \
		STATS_##counter, name, label, value, help                                                    \
	}
#define ALSO(counter, value)                                                                                 \
	{                                                                                                    \
		STATS_##counter, NULL, NULL, value, NULL                                                     \
	}
#define ELSEWHERE(counter)                                                                                   \
	{                                                                                                    \
		STATS_##counter, NULL, NULL, NULL, NULL                                                      \
	}
        ELSEWHERE(queries), /* by protocol and family */
        ELSEWHERE(queries_udp),
        ELSEWHERE(queries_tcp),
        ELSEWHERE(queries_tls),
        ELSEWHERE(answered), /* by rcode */
        FAMILY(grouped, "grouped_queries", "Queries from clients in a group (clients)."),
        FIRST(dropped_malformed, "drops", "cause", "malformed",
                "Messages left without an answer, and answers that could not be sent."),
        ALSO(dropped_denied, "denied"),
        ALSO(dropped_unsent, "unsent"),
        ALSO(dropped_gone, "gone"),
        ALSO(rate_dropped, "rate"),
        ALSO(rrl_dropped, "response_rate"),
        FIRST(formerr, "refusals", "cause", "malformed", "Queries that were answered with a refusal."),
        ALSO(notimp, "opcode"),
        ALSO(badvers, "edns_version"),
        ALSO(refused_denied, "denied"),
        ALSO(refused_overload, "overload"),
        ALSO(rate_refused, "rate"),
        ALSO(fair_refused, "fair_share"),
        ALSO(refused_transfer, "transfer"),
        FIRST(rate_slipped, "slips", "cause", "rate",
                "Queries in excess that were told to come by TCP, or given a cookie."),
        ALSO(rrl_slipped, "response_rate"),
        FIRST(blocked, "policy_verdicts", "verdict", "blocked",
                "Queries that a step of the policy decided, or took note of."),
        ALSO(allowed, "allowed"),
        ALSO(answered_local, "local"),
        ALSO(answered_special, "special"),
        ALSO(filtered_type, "filtered_type"),
        ALSO(refused_any, "any"),
        ALSO(rebind_blocked, "rebind"),
        ALSO(ddr_answered, "ddr"),
        FAMILY(servfail, "servfails", "Queries that no upstream answered."),
        FAMILY(replayed, "replayed", "Queries of dead workers, taken up by their successors."),
        FAMILY(quarantined, "quarantined",
                "Queries that had crashed workers, answered SERVFAIL without being looked at."),
        FAMILY(truncated, "truncated_answers", "Answers sent with TC."),
        FAMILY(tcp_clients, "tcp_connections", "TCP connections of clients accepted."),
        FAMILY(tcp_refused, "tcp_refusals", "TCP connections of clients closed at once, for a limit."),
        FAMILY(tcp_cut_off, "tcp_cutoffs", "TCP clients cut off because they did not read."),
        FAMILY(tls_clients, "tls_connections", "TLS connections of clients accepted."),
        FAMILY(tls_handshakes, "tls_handshakes", "TLS handshakes completed with clients, resumed ones too."),
        FAMILY(tls_resumed, "tls_resumptions", "TLS handshakes with clients resumed from a ticket."),
        FAMILY(tls_failed, "tls_failures",
                "TLS handshakes with clients that came to nothing: refused, too slow, or gone."),
        FIRST(proxy_refused, "proxy_failures", "cause", "refused",
                "Connections and datagrams for a proxied address that were not taken."),
        ALSO(proxy_malformed, "malformed"),
        FIRST(cookies_first, "cookies", "state", "first", "Queries of clients that know DNS cookies."),
        ALSO(cookies_good, "good"),
        ALSO(cookies_bad, "bad"),
        FIRST(cache_hits, "cache_lookups", "outcome", "hit", "Queries that the cache was asked for."),
        ALSO(cache_misses, "miss"),
        FAMILY(cache_stale, "cache_stale_answers", "Expired answers given to clients (RFC 8767)."),
        FAMILY(cache_joined, "cache_joins", "Queries that waited with the same one, under way already."),
        FAMILY(cache_prefetches, "cache_prefetches", "Answers renewed before they expired."),
        FAMILY(cache_inserts, "cache_inserts", "Answers put into the cache."),
        FAMILY(cache_unstored, "cache_insert_failures", "Answers that could not be put into the cache."),
        FIRST(cache_evicted_new, "cache_evictions", "reason", "new", "Entries thrown out of the cache."),
        ALSO(cache_evicted_old, "old"),
        ALSO(cache_evicted_expired, "expired"),
        ALSO(cache_evicted_index, "index"),
        FAMILY(upstream_asked, "upstream_attempts", "Queries sent upstream, attempts of all kinds."),
        FAMILY(upstream_answered, "upstream_answers", "Answers from upstream that answered their query."),
        FIRST(upstream_failed_over, "upstream_retries", "reason", "refused",
                "Queries that were asked once more, by reason."),
        ALSO(upstream_timeouts, "timeout"),
        ALSO(upstream_resent, "connection_lost"),
        ALSO(upstream_raced, "connecting"),
        FAMILY(upstream_hedged, "upstream_hedges", "Queries asked elsewhere too, as their answer was slow."),
        FAMILY(upstream_hedge_won, "upstream_hedges_won", "Hedged queries answered from there first."),
        FIRST(upstream_bad_answers, "upstream_bad_answers", "reason", "malformed",
                "Answers from upstream of no use."),
        ALSO(upstream_stray, "stray"),
        FAMILY(upstream_connections, "upstream_connections_begun", "Connections to upstreams begun."),
        FAMILY(upstream_warmed, "upstream_connections_warmed",
                "Connections to upstreams begun before a query needed them."),
        FAMILY(upstream_handshakes, "upstream_handshakes", "TLS handshakes with upstreams completed."),
        FAMILY(upstream_doubted, "upstream_handshakes_unverified",
                "TLS handshakes with upstreams whose profile is opportunistic and who were not verified."),
        FAMILY(upstream_resumed, "upstream_handshakes_resumed",
                "TLS handshakes with upstreams resumed from a ticket."),
        FIRST(upstream_early, "upstream_early_data", "outcome", "accepted",
                "TLS handshakes with upstreams that had queries in early data."),
        ALSO(upstream_early_refused, "refused"),
        FAMILY(upstream_failures, "upstream_connection_failures",
                "Connections to upstreams that could not be opened, or failed."),
        FAMILY(upstream_unverified, "upstream_certificate_failures",
                "Connections to upstreams given up because the certificate was not the right one."),
#undef FAMILY
#undef FIRST
#undef ALSO
#undef ELSEWHERE
};
enum { METRICS = sizeof metrics / sizeof *metrics };

/* --- the format */

static void
family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP dotward_%s %s\n# TYPE dotward_%s %s\n", name, help, name, type);
}

static void
put_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			putc(*text, out);
}

/* Labels: pairs of name and value, up to a NULL. Without the blank behind. */
static void
sample(FILE *out, const char *name, const char *const *labels)
{
	const char *before = "{";
	fprintf(out, "dotward_%s", name);
	for (; *labels != NULL; labels += 2, before = ",") {
		fprintf(out, "%s%s=\"", before, labels[0]);
		put_escaped(out, labels[1]);
		putc('"', out);
	}
	if (*before == ',')
		putc('}', out);
}

#define LABELS(...)                                                                                          \
	(const char *const[])                                                                                \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}
#define NO_LABELS                                                                                            \
	(const char *const[])                                                                                \
	{                                                                                                    \
		NULL                                                                                         \
	}

static void
number(FILE *out, const char *name, const char *const *labels, uint64_t value)
{
	sample(out, name, labels);
	fprintf(out, " %" PRIu64 "\n", value);
}

static void
seconds(FILE *out, const char *name, const char *const *labels, uint64_t us)
{
	sample(out, name, labels);
	fprintf(out, " %" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

static void
gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
	family(out, name, "gauge", help);
	number(out, name, NO_LABELS, value);
}

/* `labels`: of all its samples; at most two. */
static void
histogram(FILE *out, const char *name, const char *const *labels, const struct latency_view *view)
{
	char full[80], bound[24];
	const char *all[7] = {NULL};
	unsigned count = 0;
	for (; labels[count] != NULL; count++)
		all[count] = labels[count];
	snprintf(full, sizeof full, "%s_bucket", name);
	all[count] = "le";
	all[count + 1] = bound;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (i < LATENCY_BOUNDS)
			snprintf(bound, sizeof bound, "%g", latency_bounds_us[i] / 1e6);
		else
			snprintf(bound, sizeof bound, "+Inf");
		number(out, full, all, view->below[i]);
	}
	snprintf(full, sizeof full, "%s_sum", name);
	seconds(out, full, labels, view->sum_us);
	snprintf(full, sizeof full, "%s_count", name);
	number(out, full, labels, view->count);
}

/* --- what is told */

static const struct metric *
row_of(enum stats_counter counter)
{
	for (unsigned i = 0; i < METRICS; i++)
		if (metrics[i].counter == counter)
			return &metrics[i];
	return NULL;
}

static void
print_metric(const struct overview *o, FILE *out, const struct metric *m, const struct metric *head)
{
	char name[80];
	snprintf(name, sizeof name, "%s_total", head->name);
	if (m == head)
		family(out, name, "counter", head->help);
	uint64_t value = atomic_load(&o->sums.counters[m->counter]);
	if (head->label != NULL)
		number(out, name, LABELS(head->label, m->value), value);
	else
		number(out, name, NO_LABELS, value);
}

static void
print_counters(const struct overview *o, FILE *out)
{
	const struct metric *head = NULL;
	for (unsigned i = 0; i < METRICS; i++) {
		if (metrics[i].name == NULL && metrics[i].value == NULL)
			continue;
		if (metrics[i].name != NULL)
			head = &metrics[i];
		print_metric(o, out, &metrics[i], head);
	}
	for (enum stats_counter c = 0; c < STATS_COUNT; c++) {
		const struct metric plain = {c, stats_name(c), NULL, NULL, stats_help(c)};
		if (row_of(c) == NULL)
			print_metric(o, out, &plain, &plain);
	}
}

static void
print_clients(const struct overview *o, FILE *out)
{
	char word[WIRE_WORD_BYTES];
	family(out, "queries_total", "counter", "Messages that came from clients, of whatever kind.");
	for (unsigned p = 0; p < STATS_PROTOCOLS; p++)
		for (unsigned f = 0; f < STATS_FAMILIES; f++)
			number(out, "queries_total",
			        LABELS("protocol", stats_protocol_words[p], "family", stats_family_words[f]),
			        atomic_load(&o->sums.asked[p][f]));
	family(out, "responses_total", "counter", "Answers given to clients.");
	for (unsigned i = 0; i < STATS_RCODES; i++) {
		uint64_t count = atomic_load(&o->sums.rcodes[i]);
		if (count > 0 || i <= WIRE_RCODE_REFUSED)
			number(out, "responses_total", LABELS("rcode", overview_rcode(i, word)), count);
	}
	family(out, "response_duration_seconds", "histogram",
	        "From a query to its answer, where the cache had it (hit) or an upstream was asked (miss).");
	histogram(out, "response_duration_seconds", LABELS("source", "hit"), &o->waits[STATS_HIT]);
	histogram(out, "response_duration_seconds", LABELS("source", "miss"), &o->waits[STATS_MISS]);
}

static void
print_cache(const struct overview *o, FILE *out)
{
	gauge(out, "cache_size_bytes", "Memory of the cache; 0: there is none.", o->cache.bytes);
	gauge(out, "cache_used_bytes", "Of it, what answers take.", o->cache.used_bytes);
	gauge(out, "cache_entries", "Answers in the cache.", o->cache.entries);
}

/* One number of each upstream address. */
static void
print_of_upstreams(const struct overview *o, FILE *out, const char *name, const char *type, const char *help,
        uint64_t (*value)(const struct upstream_row *row))
{
	family(out, name, type, help);
	for (size_t i = 0; i < o->upstream_count; i++) {
		const struct upstream_row *row = &o->upstreams[i];
		number(out, name, LABELS("upstream", row->name, "address", row->address), value(row));
	}
}

static uint64_t
is_up(const struct upstream_row *row)
{
	return !row->known || !row->view.down;
}

static uint64_t
connections(const struct upstream_row *row)
{
	return row->view.connections;
}

static uint64_t
in_flight(const struct upstream_row *row)
{
	return row->view.in_flight;
}

static uint64_t
asked(const struct upstream_row *row)
{
	return row->view.asked;
}

static uint64_t
answered(const struct upstream_row *row)
{
	return row->view.answers;
}

static void
print_upstream_details(const struct overview *o, FILE *out)
{
	family(out, "upstream_failures_total", "counter",
	        "What went wrong at an upstream address, by cause.");
	for (size_t i = 0; i < o->upstream_count; i++)
		for (unsigned c = 0; c < HEALTH_CAUSES; c++)
			number(out, "upstream_failures_total",
			        LABELS("upstream", o->upstreams[i].name, "address", o->upstreams[i].address,
			                "cause", health_cause_text((enum health_cause)c)),
			        o->upstreams[i].view.failed[c]);
	family(out, "upstream_tls_handshakes_total", "counter",
	        "TLS handshakes completed with an upstream address; those that failed are among the "
	        "failures.");
	for (size_t i = 0; i < o->upstream_count; i++) {
		const struct upstream_row *row = &o->upstreams[i];
		number(out, "upstream_tls_handshakes_total",
		        LABELS("upstream", row->name, "address", row->address, "kind", "full"),
		        row->view.handshakes_full);
		number(out, "upstream_tls_handshakes_total",
		        LABELS("upstream", row->name, "address", row->address, "kind", "resumed"),
		        row->view.handshakes_resumed);
	}
	family(out, "upstream_response_duration_seconds", "histogram",
	        "From a query sent to an upstream address to its answer.");
	for (size_t i = 0; i < o->upstream_count; i++)
		histogram(out, "upstream_response_duration_seconds",
		        LABELS("upstream", o->upstreams[i].name, "address", o->upstreams[i].address),
		        &o->upstreams[i].view.latency);
}

static void
print_upstreams(const struct overview *o, FILE *out)
{
	print_of_upstreams(o, out, "upstream_up", "gauge",
	        "1: this upstream address answers, or was not tried yet.", is_up);
	print_of_upstreams(o, out, "upstream_connections", "gauge",
	        "Connections to an upstream address, of all workers.", connections);
	print_of_upstreams(o, out, "upstream_queries_in_flight", "gauge",
	        "Queries that wait for an upstream address.", in_flight);
	print_of_upstreams(
	        o, out, "upstream_queries_total", "counter", "Queries sent to an upstream address.", asked);
	print_of_upstreams(o, out, "upstream_responses_total", "counter",
	        "Answers that came from an upstream address.", answered);
	print_upstream_details(o, out);
}

/* Rows are in the order of the slots: those of one slot add up to one sample. */
static void
print_of_slots(const struct overview *o, FILE *out, const char *name, const char *help,
        uint64_t (*value)(const struct overview_worker *w))
{
	char slot[12];
	family(out, name, "gauge", help);
	for (size_t i = 0; i < o->worker_count;) {
		uint64_t sum = 0;
		unsigned of = o->workers[i].slot;
		for (; i < o->worker_count && o->workers[i].slot == of; i++)
			sum += value(&o->workers[i]);
		snprintf(slot, sizeof slot, "%u", of);
		number(out, name, LABELS("slot", slot), sum);
	}
}

static uint64_t
worker_memory(const struct overview_worker *w)
{
	return w->memory_bytes;
}

static uint64_t
worker_in_flight(const struct overview_worker *w)
{
	return w->in_flight;
}

static uint64_t
worker_tcp_clients(const struct overview_worker *w)
{
	return w->tcp_clients;
}

static void
print_slots(const struct overview *o, FILE *out)
{
	char slot[12];
	print_of_slots(o, out, "queries_in_flight", "Queries that a worker has under way.", worker_in_flight);
	print_of_slots(
	        o, out, "tcp_clients", "TCP and TLS clients connected to a worker.", worker_tcp_clients);
	print_of_slots(o, out, "worker_resident_memory_bytes",
	        "Resident memory of a worker, what it shares with others included.", worker_memory);
	family(out, "worker_cpu_seconds_total", "counter", "CPU time of all workers that had this slot.");
	for (size_t i = 0; i < o->worker_count; i++) {
		if (i > 0 && o->workers[i].slot == o->workers[i - 1].slot)
			continue;
		snprintf(slot, sizeof slot, "%u", o->workers[i].slot);
		seconds(out, "worker_cpu_seconds_total", LABELS("slot", slot), o->workers[i].cpu_us);
	}
}

static void
print_workers(const struct overview *o, FILE *out)
{
	static const char *const states[] = {"starting", "serving", "draining", "down"};
	char room[OVERVIEW_SIGNAL_BYTES];
	family(out, "workers", "gauge", "Workers by state, of all generations.");
	for (size_t s = 0; s < sizeof states / sizeof *states; s++) {
		uint64_t count = 0;
		for (size_t i = 0; i < o->worker_count; i++)
			count += strcmp(o->workers[i].state, states[s]) == 0;
		number(out, "workers", LABELS("state", states[s]), count);
	}
	family(out, "worker_births_total", "counter", "Workers forked.");
	number(out, "worker_births_total", NO_LABELS, o->events[ROSTER_BIRTHS]);
	family(out, "worker_deaths_total", "counter", "Workers that ended without having been told to.");
	for (unsigned i = 0; i < ROSTER_SIGNALS; i++)
		if (o->ended[i] > 0 || i == 0 || i == SIGABRT || i == SIGKILL || i == SIGSEGV)
			number(out, "worker_deaths_total", LABELS("signal", overview_signal(i, room)),
			        o->ended[i]);
}

static void
print_helpers(const struct overview *o, FILE *out)
{
	static const char *const names[] = {"helper_births_total", "helper_deaths_total",
	        "process_cpu_seconds_total", "process_resident_memory_bytes"},
	                         *const helps[] = {"Processes forked that are no workers.",
	                                 "Of them, those that ended without having been told to.",
	                                 "CPU time of processes that are no workers, of all their lives.",
	                                 "Resident memory of processes that are no workers."};
	for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
		family(out, names[n], n < 3 ? "counter" : "gauge", helps[n]);
		for (unsigned i = 0; i < ROSTER_HELPERS; i++) {
			const struct overview_helper *h = &o->helpers[i];
			const uint64_t values[] = {h->births, h->deaths, h->cpu_us, h->memory_bytes};
			if (h->births == 0 && h->pid == 0)
				continue;
			(n == 2 ? seconds : number)(out, names[n], LABELS("process", h->name), values[n]);
		}
	}
}

static void
print_lists(const struct overview *o, FILE *out)
{
	if (o->list_count == 0)
		return;
	family(out, "list_hits_total", "counter", "Queries that a list of names decided.");
	for (size_t i = 0; i < o->list_count; i++)
		number(out, "list_hits_total",
		        LABELS("list", o->lists[i].name, "kind", o->lists[i].blocks ? "block" : "allow"),
		        o->lists[i].hits);
	family(out, "list_names", "gauge", "Names on a list.");
	for (size_t i = 0; i < o->list_count; i++)
		number(out, "list_names",
		        LABELS("list", o->lists[i].name, "kind", o->lists[i].blocks ? "block" : "allow"),
		        o->lists[i].names);
}

static void
print_master(const struct overview *o, FILE *out)
{
	family(out, "build_info", "gauge", "Always 1; which dotward this is.");
	number(out, "build_info", LABELS("version", o->version), 1);
	family(out, "start_time_seconds", "gauge", "When the master began, in seconds since 1970.");
	seconds(out, "start_time_seconds", NO_LABELS, o->started_wall_ms * 1000);
	gauge(out, "generation", "The number of the configuration that serves, one more with each reload.",
	        o->generation);
	gauge(out, "ready", "1: it serves, and an upstream answers.", o->ready);
	family(out, "reloads_total", "counter", "Reloads of the configuration.");
	number(out, "reloads_total", LABELS("outcome", "ok"), o->events[ROSTER_RELOADED]);
	number(out, "reloads_total", LABELS("outcome", "failed"), o->events[ROSTER_RELOAD_FAILED]);
	family(out, "upgrades_total", "counter", "Upgrades of the program while it serves.");
	number(out, "upgrades_total", LABELS("outcome", "ok"), o->events[ROSTER_UPGRADED]);
	number(out, "upgrades_total", LABELS("outcome", "failed"), o->events[ROSTER_UPGRADE_FAILED]);
}

void
overview_metrics(const struct overview *o, FILE *out)
{
	print_master(o, out);
	print_clients(o, out);
	print_counters(o, out);
	print_cache(o, out);
	print_upstreams(o, out);
	print_workers(o, out);
	print_slots(o, out);
	print_helpers(o, out);
	print_lists(o, out);
}
