/*
 * Rates are differences of counters, which outlive workers, reloads and upgrades; one that is smaller than
 * before belongs to another dotward, and its rate is 0. The tables share what rows the head leaves: workers
 * and upstreams get half each, and what one does not need the other has.
 */
#include "console/frame.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FRAME_BAR = 20 };

static void add(struct frame *f, enum frame_style style, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void
add(struct frame *f, enum frame_style style, const char *format, ...)
{
	unsigned most = f->rows > 0 && f->rows < FRAME_LINES ? f->rows : FRAME_LINES;
	if (f->count >= most)
		return;
	struct frame_line *line = &f->lines[f->count++];
	line->style = style;
	va_list args;
	va_start(args, format);
	vsnprintf(line->text, sizeof line->text, format, args);
	va_end(args);
	if (f->columns > 0 && f->columns < sizeof line->text)
		line->text[f->columns] = '\0';
	for (size_t end = strlen(line->text); end > 0 && line->text[end - 1] == ' ';)
		line->text[--end] = '\0';
}

/* --- numbers ---------------------------------------------------------------------------------------------
 */

struct number {
	char text[24];
};

/* "0", "950", "12.3k", "4.0M" */
static struct number
brief(double value)
{
	struct number n;
	if (value < 9.95 && value > 0.004)
		snprintf(n.text, sizeof n.text, "%.1f", value);
	else if (value < 9999.5)
		snprintf(n.text, sizeof n.text, "%.0f", value);
	else if (value < 999950)
		snprintf(n.text, sizeof n.text, "%.1fk", value / 1e3);
	else if (value < 999950e3)
		snprintf(n.text, sizeof n.text, "%.1fM", value / 1e6);
	else
		snprintf(n.text, sizeof n.text, "%.1fG", value / 1e9);
	return n;
}

/* The same of what there are no halves of. */
static struct number
brief_count(uint64_t count)
{
	struct number n;
	if (count > 9999)
		return brief((double)count);
	snprintf(n.text, sizeof n.text, "%u", (unsigned)count);
	return n;
}

static struct number
size_of(uint64_t bytes)
{
	struct number n;
	if (bytes < 1024 * 1024)
		snprintf(n.text, sizeof n.text, "%.0fK", (double)bytes / 1024);
	else if (bytes < 1024ull * 1024 * 1024)
		snprintf(n.text, sizeof n.text, "%.1fM", (double)bytes / 1048576);
	else
		snprintf(n.text, sizeof n.text, "%.1fG", (double)bytes / 1073741824);
	return n;
}

/* "12s", "4m05s", "3h04m", "12d03h" */
static struct number
duration(double seconds)
{
	struct number n;
	uint64_t s = seconds > 0 && seconds < 1e15 ? (uint64_t)seconds : 0;
	if (s < 60)
		snprintf(n.text, sizeof n.text, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(n.text, sizeof n.text, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(n.text, sizeof n.text, "%uh%02um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		snprintf(n.text, sizeof n.text, "%" PRIu64 "d%02uh", s / 86400, (unsigned)(s / 3600 % 24));
	return n;
}

static double
per_second(uint64_t before, uint64_t now, double seconds)
{
	return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100. * (double)part / (double)whole : 0;
}

/* --- latency ---------------------------------------------------------------------------------------------
 */

/* Those of a bucket that have come since `before`. */
static uint64_t
grown(const struct snapshot_latency *before, const struct snapshot_latency *now, size_t bucket)
{
	uint64_t old = before != NULL && before->buckets == now->buckets ? before->bucket[bucket].count : 0;
	uint64_t count = now->bucket[bucket].count;
	return count > old ? count - old : 0;
}

/* The bound under which this share of the answers since then took; "-" without any. */
static struct number
quantile(const struct snapshot *before, const struct snapshot *now, double share)
{
	struct number n = {"-"};
	const struct snapshot_latency *hit = &now->hit, *miss = &now->miss;
	size_t buckets = hit->buckets < miss->buckets ? hit->buckets : miss->buckets;
	uint64_t total = 0, wanted;
	if (buckets == 0)
		return n;
#define BOTH(i) (grown(before ? &before->hit : NULL, hit, i) + grown(before ? &before->miss : NULL, miss, i))
	total = BOTH(buckets - 1);
	wanted = (uint64_t)((double)total * share);
	for (size_t i = 0; i < buckets && total > 0; i++) {
		if (BOTH(i) < wanted || BOTH(i) == 0)
			continue;
		if (i + 1 == buckets || hit->bucket[i].le_s <= 0)
			snprintf(n.text, sizeof n.text, ">%.3g ms",
			        i > 0 ? hit->bucket[i - 1].le_s * 1e3 : 0.);
		else
			snprintf(n.text, sizeof n.text, "%.3g ms", hit->bucket[i].le_s * 1e3);
		break;
	}
#undef BOTH
	return n;
}

/* --- the head --------------------------------------------------------------------------------------------
 */

struct rates {
	const struct snapshot *before, *now;
	double seconds;
};

#define RATE(r, name) per_second((r)->before->counters.name, (r)->now->counters.name, (r)->seconds)
#define SINCE(r, name)                                                                                       \
	((r)->now->counters.name > (r)->before->counters.name                                                \
	                ? (r)->now->counters.name - (r)->before->counters.name                               \
	                : 0)

static void
compose_head(struct frame *f, const struct rates *r)
{
	const struct snapshot *now = r->now;
	uint64_t hits = SINCE(r, cache_hits) + SINCE(r, cache_stale), misses = SINCE(r, cache_misses);
	double refused = RATE(r, refused_denied) + RATE(r, refused_overload) + RATE(r, rate_refused);
	double dropped = RATE(r, dropped_malformed) + RATE(r, dropped_denied) + RATE(r, dropped_unsent) +
	                 RATE(r, rate_dropped) + RATE(r, rrl_dropped);
	double servfail = RATE(r, servfail);
	add(f, now->ready ? FRAME_STRONG : FRAME_WORRY, "dotward %s  %s%s  up %s  generation %" PRIu64,
	        now->version, now->state, now->ready ? "" : ", no upstream answers",
	        duration(now->uptime_s).text, now->generation);
	add(f, FRAME_PLAIN, "queries %8s/s   hits %5.1f %%   p50 %-9s p99 %-9s %s in all",
	        brief(RATE(r, queries)).text, percent(hits, hits + misses),
	        quantile(r->before, now, 0.5).text, quantile(r->before, now, 0.99).text,
	        brief_count(now->counters.queries).text);
	add(f, servfail > 0 || dropped > 0 ? FRAME_WORRY : FRAME_PLAIN,
	        "servfail %7s/s   blocked %s/s   refused %s/s   dropped %s/s", brief(servfail).text,
	        brief(RATE(r, blocked)).text, brief(refused).text, brief(dropped).text);
	add(f, FRAME_PLAIN, "upstream %7s/s   hedged %s/s   timeouts %s/s   handshakes %s/s (resumed %s/s)",
	        brief(RATE(r, upstream_asked)).text, brief(RATE(r, upstream_hedged)).text,
	        brief(RATE(r, upstream_timeouts)).text, brief(RATE(r, upstream_handshakes)).text,
	        brief(RATE(r, upstream_resumed)).text);
}

static void
compose_cache(struct frame *f, const struct rates *r)
{
	const struct snapshot *now = r->now;
	char bar[FRAME_BAR + 1];
	if (now->cache.size_bytes == 0) {
		add(f, FRAME_PLAIN, "cache    off");
		return;
	}
	double full = percent(now->cache.used_bytes, now->cache.size_bytes);
	for (int i = 0; i < FRAME_BAR; i++)
		bar[i] = full * FRAME_BAR / 100 > i ? '#' : '.';
	bar[FRAME_BAR] = '\0';
	add(f, FRAME_PLAIN, "cache    [%s] %.0f %% of %s, %s answers, stale %s/s", bar, full,
	        size_of(now->cache.size_bytes).text, brief_count(now->cache.entries).text,
	        brief(RATE(r, cache_stale)).text);
}

/* --- tables ----------------------------------------------------------------------------------------------
 */

static const struct snapshot_worker *
same_worker(const struct snapshot *before, const struct snapshot_worker *w)
{
	for (size_t i = 0; i < before->worker_count; i++)
		if (before->workers[i].pid == w->pid)
			return &before->workers[i];
	return NULL;
}

static void
compose_worker(struct frame *f, const struct rates *r, size_t i)
{
	const struct snapshot_worker *w = &r->now->workers[i], *old = same_worker(r->before, w);
	double cpu = old != NULL && r->seconds > 0 ? (w->cpu_s - old->cpu_s) / r->seconds * 100 : 0;
	add(f, strcmp(w->state, "serving") == 0 ? FRAME_PLAIN : FRAME_WORRY,
	        "%6u %8" PRIu64 "  %-9s %8s %5.1f %% %8s %7s  %s", w->slot, w->pid, w->state,
	        duration(w->uptime_s).text, cpu > 0 ? cpu : 0, size_of(w->memory_bytes).text,
	        brief_count(w->deaths).text, w->last_death);
}

/* The widest name and address there are, so that there is room for the reason why one is down. */
static void
upstream_widths(const struct snapshot *now, int *name, int *address)
{
	*name = (int)strlen("upstream");
	*address = (int)strlen("address");
	for (size_t i = 0; i < now->upstream_count; i++) {
		int a = (int)strlen(now->upstreams[i].name), b = (int)strlen(now->upstreams[i].address);
		*name = a > *name ? a : *name;
		*address = b > *address ? b : *address;
	}
}

static void
compose_upstream(struct frame *f, const struct rates *r, size_t i)
{
	const struct snapshot_upstream *u = &r->now->upstreams[i], *old = u;
	for (size_t k = 0; k < r->before->upstream_count; k++)
		if (strcmp(r->before->upstreams[k].address, u->address) == 0 &&
		        strcmp(r->before->upstreams[k].name, u->name) == 0)
			old = &r->before->upstreams[k];
	char latency[24] = "-";
	int name, address;
	upstream_widths(r->now, &name, &address);
	if (u->latency_ms > 0)
		snprintf(latency, sizeof latency, "%.1f ms", u->latency_ms);
	add(f, strcmp(u->state, "down") == 0 ? FRAME_WORRY : FRAME_PLAIN, "%-*s %-*s %-7s %8s %7s %8s  %s",
	        name, u->name, address, u->address, u->state, latency,
	        brief(per_second(old->asked, u->asked, r->seconds)).text,
	        brief(per_second(old->failed, u->failed, r->seconds)).text, u->why);
}

static void
compose_list(struct frame *f, const struct rates *r, size_t i)
{
	const struct snapshot_list *l = &r->now->lists[i], *old = l;
	for (size_t k = 0; k < r->before->list_count; k++)
		if (strcmp(r->before->lists[k].file, l->file) == 0)
			old = &r->before->lists[k];
	add(f, FRAME_PLAIN, "%-7s %10s %8s %10s  %s", l->kind, brief_count(l->names).text,
	        brief(per_second(old->hits, l->hits, r->seconds)).text, brief_count(l->hits).text, l->file);
}

/* `lines` for the title and the rows; fewer than three, and there is no table. */
static void
compose_table(struct frame *f, const struct rates *r, const char *title, size_t rows, unsigned lines,
        void (*row)(struct frame *, const struct rates *, size_t))
{
	if (rows == 0 || lines < 3)
		return;
	size_t shown = rows <= lines - 2 ? rows : lines - 3;
	add(f, FRAME_PLAIN, "%s", "");
	add(f, FRAME_TITLE, "%s", title);
	for (size_t i = 0; i < shown; i++)
		row(f, r, i);
	if (shown < rows)
		add(f, FRAME_FAINT, "%zu more", rows - shown);
}

void
frame_compose(struct frame *f, const struct snapshot *before, const struct snapshot *now)
{
	const struct rates r = {.before = before != NULL ? before : now,
	        .now = now,
	        .seconds = before != NULL ? now->now_s - before->now_s : 0};
	char title[FRAME_LINE_BYTES];
	int name, address;
	f->count = 0;
	compose_head(f, &r);
	compose_cache(f, &r);
	unsigned left = f->rows > f->count + 1 ? f->rows - f->count - 1 : 0;
	unsigned workers = (unsigned)now->worker_count + 2, upstreams = (unsigned)now->upstream_count + 2;
	if (f->rows == 0)
		left = FRAME_LINES;
	unsigned most = upstreams < left / 2 ? left - upstreams : left - left / 2;
	if (workers > most)
		workers = most;
	compose_table(f, &r, "worker      pid  state       uptime     cpu   memory  deaths  last death",
	        now->worker_count, workers, compose_worker);
	left -= workers < left ? workers : left;
	upstream_widths(now, &name, &address);
	snprintf(title, sizeof title, "%-*s %-*s state    latency asked/s failed/s  why", name, "upstream",
	        address, "address");
	compose_table(f, &r, title, now->upstream_count, left, compose_upstream);
	left -= upstreams < left ? upstreams : left;
	compose_table(
	        f, &r, "list         names   hits/s       hits  file", now->list_count, left, compose_list);
}

void
frame_say(struct frame *f, enum frame_style style, const char *text)
{
	unsigned most = f->rows > 0 && f->rows < FRAME_LINES ? f->rows : FRAME_LINES;
	if (f->count >= most)
		f->count = most - 1;
	add(f, style, "%s", text);
}
