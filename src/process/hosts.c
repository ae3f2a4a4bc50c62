/*
 * An entry for each upstream with a host, of the configuration that is served and of the one before it, so
 * that one that comes back, or a reload that fails, finds what was known. Only the former are asked for.
 *
 * Invariant: while a child runs, `asked` has a bit for each host that it has not answered for, by the place
 * of its upstream in `config`; another configuration kills it first.
 */
#include "process/hosts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "config/check.h"
#include "process/report.h"
#include "process/resolver.h"
#include "upstream/host.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	HOSTS_MOST = 2 * CHECK_MAX_ADDRESSES, /* of two configurations */
	HOSTS_CHILD_MS = 20000,               /* it ends long before, unless it hangs */
	HOSTS_FORK_RETRY_MS = 1000,
	HOSTS_LEGACY_BYTES = 65536, /* an environment takes twice as much in one variable */
	HOSTS_LIST_BYTES = 600,     /* of a log line */
};

struct entry {
	char *name; /* the host */
	/* In `config`; NULL: of the configuration before it, or of the master before us. */
	const struct config_upstream *upstream;
	bool fresh; /* nobody has waited for it yet */
	struct host host;
};

struct hosts {
	struct hosts_setup setup;
	struct config *config; /* a copy; NULL: nothing is asked for */
	struct sandbox_user user;
	struct entry entries[HOSTS_MOST];
	unsigned count, version;
	struct resolver child;
	uint64_t asked;    /* of the child */
	uint64_t until_ms; /* when it is killed */
	uint64_t fork_ms;  /* not before */
};

/* --- the book --------------------------------------------------------------------------------------------
 */

static struct entry *
add(struct hosts *h, const char *name)
{
	if (h->count == HOSTS_MOST)
		return NULL;
	struct entry *e = &h->entries[h->count++];
	*e = (struct entry){.name = must_copy(name)};
	return e;
}

static void
entries_free(struct entry *entries, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(entries[i].name);
}

static bool
same_server(const struct config_bootstrap *a, const struct config_bootstrap *b)
{
	return addr_equal(&a->address, &b->address) && strcasecmp(a->name, b->name) == 0 &&
	       a->pinned == b->pinned && memcmp(a->pin, b->pin, sizeof a->pin) == 0;
}

/* Asking for one would give what asking for the other gives. */
static bool
same_question(const struct config_upstream *a, const struct config_upstream *b)
{
	bool same = strcasecmp(a->host, b->host) == 0 && a->bootstrap_count == b->bootstrap_count &&
	            a->source_address.any.sa_family == b->source_address.any.sa_family &&
	            strcmp(a->ca_file, b->ca_file) == 0 && strcmp(a->tls_priority, b->tls_priority) == 0;
	for (size_t i = 0; same && i < a->bootstrap_count; i++)
		same = same_server(&a->bootstrap[i], &b->bootstrap[i]);
	return same;
}

/* What is known of this upstream's host: by the same question, or by whatever question there was. */
static const struct entry *
find(const struct entry *entries, unsigned count, const struct config_upstream *upstream)
{
	const struct entry *found = NULL;
	for (unsigned i = 0; i < count; i++) {
		const struct entry *e = &entries[i];
		if (e->upstream != NULL && same_question(e->upstream, upstream))
			return e;
		if (strcasecmp(e->name, upstream->host) == 0 && (found == NULL || found->host.count == 0))
			found = e;
	}
	return found;
}

static void
adopt(struct hosts *h, const struct config_upstream *upstream, const struct entry *before, unsigned count)
{
	const struct entry *known = find(before, count, upstream);
	struct entry *e = add(h, upstream->host);
	must(e != NULL);
	e->upstream = upstream;
	e->fresh = known == NULL;
	if (known == NULL)
		return;
	e->host = known->host;
	if (known->upstream == NULL || !same_question(known->upstream, upstream)) {
		/* better than nothing until it was asked for */
		e->host.due_ms = 0;
		e->host.failures = 0;
	}
}

void
hosts_serve(struct hosts *h, const struct config *config, const struct sandbox_user *user)
{
	struct entry *before = must_alloc(HOSTS_MOST, sizeof *before);
	unsigned count = h->count;
	struct config *old = h->config;
	memcpy(before, h->entries, count * sizeof *before);
	resolver_kill(&h->child);
	h->asked = 0;
	h->count = 0;
	h->config = config_copy(config);
	h->user = *user;
	for (size_t i = 0; i < h->config->upstream_count; i++)
		if (config_is_by_host(&h->config->upstreams[i]))
			adopt(h, &h->config->upstreams[i], before, count);
	for (unsigned i = 0; i < count; i++) {
		struct entry *kept = before[i].upstream != NULL ? add(h, before[i].name) : NULL;
		if (kept != NULL)
			kept->host = before[i].host;
	}
	entries_free(before, count);
	free(before);
	config_free(old);
}

void
hosts_stop(struct hosts *h)
{
	resolver_kill(&h->child);
	h->asked = 0;
	for (unsigned i = 0; i < h->count; i++)
		h->entries[i].upstream = NULL;
	config_free(h->config);
	h->config = NULL;
}

bool
hosts_are_awaited(const struct hosts *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		const struct entry *e = &h->entries[i];
		if (e->upstream != NULL && e->fresh && e->host.count == 0 && e->host.why[0] == '\0')
			return true;
	}
	return false;
}

unsigned
hosts_version(const struct hosts *h)
{
	return h->version;
}

void
hosts_hurry(struct hosts *h, uint64_t now_ms)
{
	for (unsigned i = 0; i < h->count; i++)
		host_hurry(&h->entries[i].host, now_ms);
}

/* --- addresses for a configuration -----------------------------------------------------------------------
 */

/* Those that can be connected to from its source_address. */
static unsigned
usable(const struct host *host, const struct config_upstream *upstream, struct addr out[HOST_ADDRESSES])
{
	sa_family_t source = upstream->source_address.any.sa_family;
	unsigned count = 0;
	for (unsigned i = 0; i < host->count; i++)
		if (source == AF_UNSPEC || host->addresses[i].any.sa_family == source)
			out[count++] = host->addresses[i];
	return count;
}

static unsigned
known_of(const struct hosts *h, const struct config_upstream *upstream, struct addr out[HOST_ADDRESSES])
{
	const struct entry *e = config_is_by_host(upstream) ? find(h->entries, h->count, upstream) : NULL;
	return e != NULL ? usable(&e->host, upstream, out) : 0;
}

void
hosts_apply(const struct hosts *h, struct config *config)
{
	struct addr found[HOST_ADDRESSES];
	unsigned wanted[CHECK_MAX_ADDRESSES], given[CHECK_MAX_ADDRESSES], room = CHECK_MAX_ADDRESSES;
	must(config->upstream_count <= CHECK_MAX_ADDRESSES);
	for (size_t i = 0; i < config->upstream_count; i++) {
		const struct config_upstream *upstream = &config->upstreams[i];
		wanted[i] = known_of(h, upstream, found);
		if (!config_is_by_host(upstream))
			room -= (unsigned)upstream->address_count;
	}
	host_share(wanted, given, config->upstream_count, room);
	for (size_t i = 0; i < config->upstream_count; i++) {
		struct config_upstream *upstream = &config->upstreams[i];
		if (!config_is_by_host(upstream))
			continue;
		known_of(h, upstream, found);
		config_set_addresses(upstream, found, given[i]);
		if (given[i] < wanted[i])
			log_warn("upstream %s: of %u addresses %u are used, for there are %d places in all "
			         "host=%s",
			        upstream->name, wanted[i], given[i], CHECK_MAX_ADDRESSES, upstream->host);
	}
}

static bool
has_address(const struct config_upstream *upstream, const struct addr *address)
{
	for (size_t i = 0; i < upstream->address_count; i++)
		if (addr_equal(&upstream->addresses[i], address))
			return true;
	return false;
}

static enum hosts_difference
compare(const struct config_upstream *serving, const struct config_upstream *upstream)
{
	size_t common = 0;
	bool same = serving->address_count == upstream->address_count;
	for (size_t i = 0; i < serving->address_count; i++) {
		common += has_address(upstream, &serving->addresses[i]);
		same = same && addr_equal(&serving->addresses[i], &upstream->addresses[i]);
	}
	return same ? HOSTS_SAME : common > 0 ? HOSTS_OTHERS : HOSTS_STRANGERS;
}

enum hosts_difference
hosts_compare(const struct config *serving, const struct config *config)
{
	enum hosts_difference most = HOSTS_SAME;
	for (size_t i = 0; i < serving->upstream_count; i++) {
		enum hosts_difference one = compare(&serving->upstreams[i], &config->upstreams[i]);
		most = one > most ? one : most;
	}
	return most;
}

/* --- asking ----------------------------------------------------------------------------------------------
 */

/* "192.0.2.1,2001:db8::1", or as many as there is room for */
static const char *
list_text(const struct host *host, char out[HOSTS_LIST_BYTES])
{
	char text[ADDR_TEXT_BYTES];
	size_t used = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < host->count && used + ADDR_TEXT_BYTES + 4 < HOSTS_LIST_BYTES; i++)
		used += (size_t)snprintf(out + used, HOSTS_LIST_BYTES - used, "%s%s", i > 0 ? "," : "",
		        addr_host_text(&host->addresses[i], text));
	return out;
}

static void
tell_failure(const struct entry *e, uint64_t now_ms, enum log_level level)
{
	char why[2 * HOST_WHY_BYTES];
	log_at(level, "upstream %s: %s host=%s why=\"%s\" next=%" PRIu64 "ms", e->upstream->name,
	        e->host.count == 0 ? "has no address, its host cannot be looked up"
	                           : "its host cannot be looked up, the addresses known are used on",
	        e->name, log_quote(why, sizeof why, e->host.why, strlen(e->host.why)),
	        e->host.due_ms - now_ms);
}

/* A line for each change of state. */
static void
tell(const struct entry *e, enum host_news news, const struct host_answer *answer, uint64_t now_ms)
{
	char list[HOSTS_LIST_BYTES];
	uint64_t next_s = e->host.due_ms > now_ms ? (e->host.due_ms - now_ms) / 1000 : 0;
	switch (news) {
	case HOST_CHANGED:
	case HOST_WELL:
		log_notice("upstream %s: %s host=%s addresses=%s next=%" PRIu64 "s", e->upstream->name,
		        news == HOST_CHANGED ? "its host was looked up" : "its host can be looked up again",
		        e->name, list_text(&e->host, list), next_s);
		if (answer->left_out)
			log_warn("upstream %s: its host has more than %d addresses, the others are left out "
			         "host=%s",
			        e->upstream->name, HOST_ADDRESSES, e->name);
		break;
	case HOST_SAME:
		log_debug("upstream %s: its host has the same addresses host=%s next=%" PRIu64 "s",
		        e->upstream->name, e->name, next_s);
		break;
	case HOST_FAILS:
		tell_failure(e, now_ms, LOG_LEVEL_WARN);
		break;
	case HOST_FAILS_ON:
		tell_failure(e, now_ms, LOG_LEVEL_INFO);
		break;
	}
}

static struct entry *
entry_of(struct hosts *h, size_t upstream)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->entries[i].upstream == &h->config->upstreams[upstream])
			return &h->entries[i];
	return NULL;
}

static void
learn(struct hosts *h, size_t upstream, const struct host_answer *answer, uint64_t now_ms)
{
	uint32_t random = 0;
	struct entry *e = entry_of(h, upstream);
	if ((h->asked >> upstream & 1) == 0 || e == NULL) {
		resolver_kill(&h->child); /* it was asked for each once */
		return;
	}
	h->asked &= ~(1ull << upstream);
	if (getrandom(&random, sizeof random, 0) < 0)
		random = 0;
	enum host_news news = host_learn(&e->host, answer, now_ms, random);
	h->version += news == HOST_CHANGED;
	tell(e, news, answer, now_ms);
}

static void
hear(struct hosts *h, uint64_t now_ms)
{
	struct host_answer answer;
	size_t upstream, upstreams = h->config != NULL ? h->config->upstream_count : 0;
	while (resolver_read(&h->child, upstreams, &upstream, &answer))
		if (h->config != NULL)
			learn(h, upstream, &answer, now_ms);
}

/* Those that are due, a bit each. */
static uint64_t
due(const struct hosts *h, uint64_t now_ms)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < h->count; i++)
		if (h->entries[i].upstream != NULL && h->entries[i].host.due_ms <= now_ms)
			bits |= 1ull << (h->entries[i].upstream - h->config->upstreams);
	return bits;
}

static void
send_child(struct hosts *h, uint64_t now_ms)
{
	const struct resolver_setup setup = {.config = h->config,
	        .upstreams = due(h, now_ms),
	        .user = h->user,
	        .leave_master = h->setup.leave_master,
	        .arg = h->setup.arg};
	if (setup.upstreams == 0 || now_ms < h->fork_ms)
		return;
	int failed = resolver_start(&h->child, &setup);
	if (failed < 0) {
		log_error("no process to look hosts up why=\"%s\" next=%dms", strerror(-failed),
		        HOSTS_FORK_RETRY_MS);
		h->fork_ms = now_ms + HOSTS_FORK_RETRY_MS;
		return;
	}
	h->asked = setup.upstreams;
	h->until_ms = now_ms + HOSTS_CHILD_MS;
}

void
hosts_poll(const struct hosts *h, struct pollfd *fd)
{
	*fd = (struct pollfd){.fd = h->child.fd, .events = POLLIN};
}

void
hosts_tend(struct hosts *h, uint64_t now_ms)
{
	hear(h, now_ms);
	if (h->child.pid != 0 && now_ms >= h->until_ms) {
		h->until_ms = UINT64_MAX;
		resolver_kill(&h->child);
	}
	if (h->child.pid == 0 && h->config != NULL)
		send_child(h, now_ms);
}

uint64_t
hosts_next_ms(const struct hosts *h)
{
	uint64_t next_ms = UINT64_MAX;
	if (h->child.pid != 0)
		return h->until_ms;
	for (unsigned i = 0; i < h->count; i++)
		if (h->entries[i].upstream != NULL && h->entries[i].host.due_ms < next_ms)
			next_ms = h->entries[i].host.due_ms;
	return next_ms < h->fork_ms ? h->fork_ms : next_ms;
}

/* What it has not answered for has failed. */
static void
fail_asked(struct hosts *h, int status, uint64_t now_ms)
{
	struct host_answer nothing = {.count = 0};
	if (WIFSIGNALED(status))
		snprintf(nothing.why, sizeof nothing.why,
		        "the process that was to ask died of signal %d (%s)", WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	else
		snprintf(nothing.why, sizeof nothing.why, "the process that was to ask could not");
	for (size_t i = 0; h->config != NULL && i < h->config->upstream_count; i++)
		if (h->asked >> i & 1)
			learn(h, i, &nothing, now_ms);
}

bool
hosts_bury(struct hosts *h, pid_t pid, int status, uint64_t now_ms)
{
	if (h->child.pid == 0 || pid != h->child.pid)
		return false;
	hear(h, now_ms);
	fail_asked(h, status, now_ms);
	h->asked = 0;
	resolver_forget(&h->child);
	return true;
}

/* --- an upgrade ------------------------------------------------------------------------------------------
 */

/* A line for each: the host, and its addresses behind it. */
char *
hosts_legacy(const struct hosts *h)
{
	char *text = NULL, one[ADDR_TEXT_BYTES];
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	must(out != NULL);
	for (unsigned i = 0; i < h->count && ftell(out) < HOSTS_LEGACY_BYTES; i++) {
		const struct entry *e = &h->entries[i];
		if (e->upstream == NULL || e->host.count == 0)
			continue;
		fputs(e->name, out);
		for (unsigned k = 0; k < e->host.count; k++)
			fprintf(out, " %s", addr_host_text(&e->host.addresses[k], one));
		fputc('\n', out);
	}
	must(fclose(out) == 0);
	return text;
}

static void
inherit_line(struct hosts *h, char *line)
{
	char *rest = line, *name = strsep(&rest, " ");
	struct entry *e = *name != '\0' ? add(h, name) : NULL;
	for (char *word; e != NULL && (word = strsep(&rest, " ")) != NULL;) {
		struct addr *address = &e->host.addresses[e->host.count];
		if (e->host.count < HOST_ADDRESSES && addr_parse(address, word, 0) == 0 &&
		        host_address_fits(address))
			e->host.count++;
	}
}

struct hosts *
hosts_new(const struct hosts_setup *setup)
{
	struct hosts *h = must_alloc(1, sizeof *h);
	h->setup = *setup;
	h->setup.inherited = NULL;
	h->child.fd = -1;
	char *copy = must_copy(setup->inherited != NULL ? setup->inherited : ""), *rest = copy;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		inherit_line(h, line);
	free(copy);
	return h;
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	resolver_kill(&h->child);
	resolver_forget(&h->child);
	entries_free(h->entries, h->count);
	config_free(h->config);
	free(h);
}

void
hosts_leave(const struct hosts *h)
{
	if (h->child.fd >= 0)
		close(h->child.fd);
}

/* --- reports ---------------------------------------------------------------------------------------------
 */

static uint64_t
left_ms(const struct entry *e, uint64_t now_ms)
{
	return e->host.due_ms > now_ms ? e->host.due_ms - now_ms : 0;
}

static void
print_one(const struct entry *e, uint64_t now_ms, FILE *out)
{
	char text[ADDR_TEXT_BYTES], left[REPORT_DURATION_BYTES], why[2 * HOST_WHY_BYTES];
	bool fails = e->host.why[0] != '\0';
	fprintf(out, "%s: %s %s:", fails ? "problem" : "host", e->upstream->name, e->name);
	for (unsigned i = 0; i < e->host.count; i++)
		fprintf(out, " %s", addr_host_text(&e->host.addresses[i], text));
	if (e->host.count == 0)
		fprintf(out, " no address is known yet");
	if (fails)
		fprintf(out, "; it cannot be looked up: %s",
		        log_quote(why, sizeof why, e->host.why, strlen(e->host.why)));
	if (left_ms(e, now_ms) > 0)
		fprintf(out, "; asked for again in %s", report_duration(left_ms(e, now_ms) + 999, left));
	fputc('\n', out);
}

void
hosts_print(const struct hosts *h, uint64_t now_ms, FILE *out)
{
	for (unsigned i = 0; h != NULL && i < h->count; i++)
		if (h->entries[i].upstream != NULL)
			print_one(&h->entries[i], now_ms, out);
}

static void
print_json_one(const struct entry *e, uint64_t now_ms, struct json *j)
{
	char text[ADDR_TEXT_BYTES];
	json_object(j, NULL);
	json_text(j, "upstream", e->upstream->name);
	json_text(j, "host", e->name);
	json_array(j, "addresses");
	for (unsigned i = 0; i < e->host.count; i++)
		json_text(j, NULL, addr_host_text(&e->host.addresses[i], text));
	json_end(j);
	json_text(j, "failure", e->host.why[0] != '\0' ? e->host.why : NULL);
	json_number(j, "next_ms", left_ms(e, now_ms));
	json_end(j);
}

void
hosts_print_json(const struct hosts *h, uint64_t now_ms, struct json *j)
{
	json_array(j, "hosts");
	for (unsigned i = 0; h != NULL && i < h->count; i++)
		if (h->entries[i].upstream != NULL)
			print_json_one(&h->entries[i], now_ms, j);
	json_end(j);
}
