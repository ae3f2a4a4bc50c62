/*
 * A table with a row for each address, and then what is wrong with those that are down, or were of late. A
 * name that is in the JSON once stays there: others read it.
 */
#include "process/upstream_report.h"

#include "base/json.h"
#include "base/log.h"
#include "base/must.h"
#include "process/report.h"
#include "upstream/identity.h"

#include <inttypes.h>
#include <string.h>

enum { LATELY_MS = 3600000, TIME_BYTES = 24, FEATURES_BYTES = 64 };

static const struct {
	enum health_feature feature;
	const char *word, *key;
} features[] = {
        {HEALTH_OUT_OF_ORDER, "any-order", "out_of_order"},
        {HEALTH_KEEPALIVE, "keepalive", "keepalive"},
        {HEALTH_PADDING, "padding", "padding"},
        {HEALTH_RESUMPTION, "resumes", "resumption"},
        {HEALTH_EARLY_DATA, "early", "early_data"},
};
enum { FEATURES = sizeof features / sizeof features[0] };

struct upstream_row *
upstream_rows(const struct config *config, const struct health_table *health, uint64_t now_ms, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < config->upstream_count; i++)
		*count += config->upstreams[i].address_count;
	struct upstream_row *rows = *count > 0 ? must_alloc(*count, sizeof *rows) : NULL, *row = rows;
	for (size_t i = 0; i < config->upstream_count; i++) {
		const struct config_upstream *upstream = &config->upstreams[i];
		for (size_t k = 0; k < upstream->address_count; k++, row++) {
			uint64_t key = upstream_identity(upstream, &upstream->addresses[k]);
			row->name = upstream->name;
			addr_text(&upstream->addresses[k], row->address);
			row->known = health != NULL && health_find(health, key, &row->view, now_ms) &&
			             (row->view.handshakes_full + row->view.handshakes_resumed > 0 ||
			                     row->view.failed_ago_ms != UINT64_MAX);
		}
	}
	return rows;
}

const char *
upstream_row_state(const struct upstream_row *row)
{
	if (!row->known)
		return "untried";
	return row->view.down ? "down" : "up";
}

static uint64_t
count_failed(const struct health_view *view)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < HEALTH_CAUSES; i++)
		sum += view->failed[i];
	return sum;
}

/* --- for people ------------------------------------------------------------------------------------------
 */

static const char *
time_text(uint32_t us, char out[TIME_BYTES])
{
	if (us == 0)
		snprintf(out, TIME_BYTES, "-");
	else
		snprintf(out, TIME_BYTES, "%" PRIu32 ".%" PRIu32 "ms", us / 1000, us % 1000 / 100);
	return out;
}

static const char *
features_text(unsigned seen, char out[FEATURES_BYTES])
{
	size_t used = 0;
	snprintf(out, FEATURES_BYTES, "-");
	for (size_t i = 0; i < FEATURES; i++)
		if (seen & features[i].feature)
			used += (size_t)snprintf(out + used, FEATURES_BYTES - used, "%s%s",
			        used > 0 ? "," : "", features[i].word);
	return out;
}

static const char row_format[] = "%-16s %-28s %-7s %9s %9s %9s %9s %5s %12s %8s %8s %s\n";

static void
print_row(const struct upstream_row *row, FILE *out)
{
	const struct health_view *v = &row->view;
	char latency[TIME_BYTES], slow[TIME_BYTES], handshake[TIME_BYTES], flight[TIME_BYTES],
	        open[TIME_BYTES], handshakes[48], failed[TIME_BYTES], idle[TIME_BYTES], seen[FEATURES_BYTES];
	if (!row->known) {
		fprintf(out, row_format, row->name, row->address, "untried", "-", "-", "-", "-", "-", "-",
		        "-", "-", "-");
		return;
	}
	snprintf(flight, sizeof flight, "%u", v->in_flight);
	snprintf(open, sizeof open, "%u", v->connections);
	snprintf(handshakes, sizeof handshakes, "%" PRIu64 "+%" PRIu64, v->handshakes_full,
	        v->handshakes_resumed);
	snprintf(failed, sizeof failed, "%" PRIu64, count_failed(v));
	snprintf(idle, sizeof idle, "%" PRIu32 ".%" PRIu32 "s", v->idle_ms / 1000, v->idle_ms % 1000 / 100);
	fprintf(out, row_format, row->name, row->address, upstream_row_state(row),
	        time_text(v->latency_us, latency), time_text(v->slow_us, slow),
	        time_text(v->handshake_us, handshake), flight, open, handshakes, failed, idle,
	        features_text(v->features, seen));
}

/* "connect 3, verify 1" */
static void
print_causes(const struct health_view *v, FILE *out)
{
	const char *before = "";
	for (unsigned i = 0; i < HEALTH_CAUSES; i++) {
		if (v->failed[i] == 0)
			continue;
		fprintf(out, "%s%s %" PRIu64, before, health_cause_text(i), v->failed[i]);
		before = ", ";
	}
}

static void
print_trouble(const struct upstream_row *row, FILE *out)
{
	const struct health_view *v = &row->view;
	char why[4 * HEALTH_WHY_BYTES], ago[REPORT_DURATION_BYTES], left[REPORT_DURATION_BYTES];
	if (!row->known || v->failed_ago_ms == UINT64_MAX || (!v->down && v->failed_ago_ms > LATELY_MS))
		return;
	fprintf(out, "%s: %s %s: %s, %s ago", v->down ? "problem" : "was down", row->name, row->address,
	        log_quote(why, sizeof why, v->why, strnlen(v->why, sizeof v->why)),
	        report_duration(v->failed_ago_ms, ago));
	if (v->down && v->backoff_left_ms > 0)
		fprintf(out, "; asked again in %s", report_duration(v->backoff_left_ms + 999, left));
	else if (v->down)
		fprintf(out, "; asked again with the next question");
	fprintf(out, " (");
	print_causes(v, out);
	fprintf(out, ")\n");
}

static void
print_people(
        const struct upstream_row *rows, size_t count, const struct hosts *hosts, uint64_t now_ms, FILE *out)
{
	fprintf(out, row_format, "UPSTREAM", "ADDRESS", "STATE", "LATENCY", "P95", "HANDSHAKE", "IN-FLIGHT",
	        "OPEN", "FULL+RESUMED", "FAILURES", "IDLE", "SEEN");
	for (size_t i = 0; i < count; i++)
		print_row(&rows[i], out);
	hosts_print(hosts, now_ms, out);
	for (size_t i = 0; i < count; i++)
		print_trouble(&rows[i], out);
}

/* --- for programs ----------------------------------------------------------------------------------------
 */

static void
json_measured(struct json *j, const char *key, uint32_t value)
{
	if (value == 0)
		json_null(j, key);
	else
		json_number(j, key, value);
}

static void
print_json_failures(const struct health_view *v, struct json *j)
{
	json_object(j, "failures");
	for (unsigned i = 0; i < HEALTH_CAUSES; i++)
		json_number(j, health_cause_text(i), v->failed[i]);
	json_end(j);
	json_number(j, "failures_in_a_row", v->failures);
	json_text(j, "last_failure", v->failed_ago_ms != UINT64_MAX ? v->why : NULL);
	if (v->failed_ago_ms != UINT64_MAX)
		json_number(j, "last_failure_ago_ms", v->failed_ago_ms);
	else
		json_null(j, "last_failure_ago_ms");
	json_number(j, "backoff_left_ms", v->backoff_left_ms);
}

static void
print_json_row(const struct upstream_row *row, struct json *j)
{
	const struct health_view *v = &row->view;
	json_object(j, NULL);
	json_text(j, "upstream", row->name);
	json_text(j, "address", row->address);
	json_text(j, "state", upstream_row_state(row));
	if (row->known) {
		json_measured(j, "latency_us", v->latency_us);
		json_measured(j, "p95_us", v->slow_us);
		json_measured(j, "handshake_us", v->handshake_us);
		json_number(j, "in_flight", v->in_flight);
		json_number(j, "connections", v->connections);
		json_number(j, "answers", v->answers);
		json_number(j, "handshakes_full", v->handshakes_full);
		json_number(j, "handshakes_resumed", v->handshakes_resumed);
		print_json_failures(v, j);
		json_number(j, "idle_ms", v->idle_ms);
		json_bool(j, "idle_learned", v->idle_learned);
		json_measured(j, "keepalive_ms", v->keepalive_ms);
		json_text(j, "tls", v->tls_version[0] != '\0' ? v->tls_version : NULL);
		json_object(j, "seen");
		for (size_t i = 0; i < FEATURES; i++)
			json_bool(j, features[i].key, (v->features & features[i].feature) != 0);
		json_end(j);
	}
	json_end(j);
}

static void
print_json(
        const struct upstream_row *rows, size_t count, const struct hosts *hosts, uint64_t now_ms, FILE *out)
{
	struct json j = {.out = out};
	json_object(&j, NULL);
	json_array(&j, "addresses");
	for (size_t i = 0; i < count; i++)
		print_json_row(&rows[i], &j);
	json_end(&j);
	hosts_print_json(hosts, now_ms, &j);
	json_end(&j);
}

void
upstream_report_print(const struct upstream_row *rows, size_t count, const struct hosts *hosts,
        uint64_t now_ms, bool json, FILE *out)
{
	if (json)
		print_json(rows, count, hosts, now_ms, out);
	else
		print_people(rows, count, hosts, now_ms, out);
}
