/*
 * What the cache costs: time of a get and a put, what 64 writers do to a reader, and bytes for each of a
 * million answers. See README.md in this folder for what is measured and how.
 *
 * usage: cachetime [-n answers] [-w writers] [-r puts a second of all writers] [-p pairs] [-g ns] [-i]
 *
 * Times are of this thread on a CPU (CLOCK_THREAD_CPUTIME_ID), so what others do to the machine shows only
 * through caches and memory. Ends with 1 when one of the numbers to be shown (issue "shared cache") is not.
 */
#include "base/clock.h"
#include "base/must.h"
#include "cache/cache.h"
#include "dns/hash.h"
#include "judge.h"
#include "random.h"
#include "sample.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SEED = 4711,
	ENTRY_BYTES_MOST = 120, /* for an answer of the rig, over all */
	SLOWER_PERCENT_MOST = 20,
	WRITERS_MOST = 256,
	WINDOW = 200000, /* gets in one window of a pair */
	TIMED = 200000,  /* gets that are timed one by one */
	LIFE_S = 86400,
	RIG_NAME_BYTES = 40,
	CATCH_UP_NS = 20000000,
	BATCH = 32,
	WORK_NS = 150, /* of a get, memory not counted */
};

/* A question as it is at hand when the cache is asked. */
struct asked {
	uint64_t hash;
	uint8_t bytes;
	uint8_t name[RIG_NAME_BYTES];
};

struct setting {
	uint32_t answers;
	unsigned writers, pairs;
	unsigned puts_per_s;
	unsigned get_ns_most;
	bool instructions; /* only the loops, for a profiler */
	uint64_t now_ms;
};

static uint64_t
wall_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- answers of the rig: case g asks for u1234x1x0.miss.bench, u1234x1x1.miss.bench … --- */

static void
rig_name(struct asked *out, uint32_t number)
{
	char label[32];
	int length = snprintf(label, sizeof label, "u1234x1x%u", (unsigned)number);
	must(length > 0 && length + 13 < RIG_NAME_BYTES);
	out->name[0] = (uint8_t)length;
	memcpy(out->name + 1, label, (size_t)length);
	memcpy(out->name + 1 + length, "\004miss\005bench", 12);
	out->bytes = (uint8_t)(1 + length + 12);
	out->hash = hash_name(out->name, out->bytes, 1, 1, SEED);
}

static struct cache_key
rig_key(const struct asked *asked)
{
	static struct wire_query query = {.question = {.type = 1, .class = 1}};
	struct cache_key key = cache_key(&query, asked->hash);
	key.name = asked->name;
	key.name_bytes = asked->bytes;
	return key;
}

static enum cache_put
rig_put(struct cache *cache, const struct setting *set, const struct asked *asked)
{
	static uint8_t msg[256];
	struct wire_answer answer = {.msg = msg};
	uint16_t ttls[] = {(uint16_t)(WIRE_HEADER_BYTES + asked->bytes + 4 + 6)};
	struct cache_item item = {
	        .answer = &answer, .ttls = ttls, .ttl_count = 1, .stored_ms = set->now_ms, .life_s = LIFE_S};
	struct cache_key key = rig_key(asked);
	answer.bytes = sample_plain_answer(msg, asked->name, asked->bytes, 4);
	return cache_put(cache, &key, &item);
}

static struct cache *
cache_made(uint64_t bytes)
{
	struct cache *cache = cache_new(bytes, SEED);
	if (cache == NULL) {
		perror("cache_new");
		exit(2);
	}
	cache_join(cache, cache_next_member(cache), NULL);
	return cache;
}

static struct cache *
cache_filled(const struct setting *set, uint64_t bytes)
{
	struct cache *cache = cache_made(bytes);
	for (uint32_t i = 0; i < set->answers; i++) {
		struct asked asked;
		rig_name(&asked, i);
		(void)rig_put(cache, set, &asked);
	}
	return cache;
}

/* Numbers of answers in random order. */
static uint32_t *
shuffled(uint32_t count, uint64_t random)
{
	uint32_t *order = must_alloc(count, sizeof *order);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t other = random_below(&random, i + 1);
		order[i] = order[other];
		order[other] = i;
	}
	return order;
}

/* As they are asked for one after the other, each in memory of its own that is read in a row: so what is
 * timed is the cache, and not fetching the question, which a worker has just received. */
static struct asked *
questions(uint32_t count, uint32_t first, uint64_t random)
{
	struct asked *asked = must_alloc(count, sizeof *asked);
	uint32_t *order = shuffled(count, random);
	for (uint32_t i = 0; i < count; i++)
		rig_name(&asked[i], first + order[i]);
	free(order);
	return asked;
}

/* --- time of a get, of a put --- */

/* ns for each; *found is how many were there. */
static double
time_gets(struct cache *cache, const struct asked *asked, uint32_t count, bool hashing, uint32_t *found)
{
	struct cache_entry entry;
	uint64_t seen = 0;
	*found = 0;
	double start = cpu_ns();
	for (uint32_t i = 0; i < count; i++) {
		struct cache_key key = rig_key(&asked[i]);
		if (hashing)
			key.hash = hash_name(asked[i].name, asked[i].bytes, 1, 1, SEED);
		if (!cache_get(cache, &key, false, &entry))
			continue;
		seen += entry.answer.msg[entry.answer.bytes - 1];
		++*found;
	}
	double took = cpu_ns() - start;
	must(seen == *found * UINT64_C(0x55));
	return took / count;
}

/* As a worker does with what it received at once. */
static double
time_batches(struct cache *cache, const struct asked *asked, uint32_t count)
{
	struct cache_entry entry;
	uint32_t found = 0;
	double start = cpu_ns();
	for (uint32_t first = 0; first + BATCH <= count; first += BATCH) {
		for (uint32_t i = first; i < first + BATCH; i++)
			cache_hint(cache, asked[i].hash, CACHE_HINT_INDEX);
		for (uint32_t i = first; i < first + BATCH; i++)
			cache_hint(cache, asked[i].hash, CACHE_HINT_ENTRY);
		for (uint32_t i = first; i < first + BATCH; i++) {
			struct cache_key key = rig_key(&asked[i]);
			found += cache_get(cache, &key, false, &entry);
		}
	}
	double took = cpu_ns() - start;
	must(found <= count);
	return took / count;
}

/* What this machine's memory does at this moment, memory that is shared like the cache's (pages of private
 * memory may be large): each read says where the next one is. */
static double
time_memory(size_t bytes)
{
	uint32_t lines = (uint32_t)(bytes / 64), at = 0;
	uint32_t *order = shuffled(lines, 5);
	struct line {
		uint32_t next;
		uint8_t rest[60];
	} *memory = mmap(NULL, lines * sizeof *memory, PROT_READ | PROT_WRITE,
	        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	must(memory != MAP_FAILED);
	for (uint32_t i = 0; i < lines; i++)
		memory[order[i]].next = order[(i + 1) % lines];
	double start = cpu_ns();
	for (uint32_t i = 0; i < lines; i++)
		at = memory[at].next;
	double took = cpu_ns() - start;
	must(at == 0);
	free(order);
	munmap(memory, lines * sizeof *memory);
	return took / lines;
}

static double
time_puts(struct cache *cache, const struct setting *set, const struct asked *asked, uint32_t count)
{
	double start = cpu_ns();
	for (uint32_t i = 0; i < count; i++)
		(void)rig_put(cache, set, &asked[i]);
	return (cpu_ns() - start) / count;
}

static int
by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return left < right ? -1 : left > right;
}

static double
at_percent(double *sorted, size_t count, double percent)
{
	size_t at = (size_t)((double)count * percent / 100);
	return sorted[at < count ? at : count - 1];
}

/* One by one, by the wall's clock, less what reading that clock takes. */
static void
print_percentiles(struct cache *cache, const struct asked *asked, uint32_t count)
{
	static double took[TIMED], nothing[TIMED];
	struct cache_entry entry;
	size_t timed = count < TIMED ? count : TIMED;
	for (size_t i = 0; i < timed; i++) {
		uint64_t start = wall_ns();
		nothing[i] = (double)(wall_ns() - start);
	}
	for (size_t i = 0; i < timed; i++) {
		struct cache_key key = rig_key(&asked[i]);
		uint64_t start = wall_ns();
		bool hit = cache_get(cache, &key, false, &entry);
		took[i] = (double)(wall_ns() - start);
		must(hit || !hit);
	}
	qsort(took, timed, sizeof *took, by_size);
	qsort(nothing, timed, sizeof *nothing, by_size);
	double clock = at_percent(nothing, timed, 50);
	printf("  one by one, wall clock less %.0f ns: p50 %.0f, p90 %.0f, p99 %.0f, p99.9 %.0f ns\n", clock,
	        at_percent(took, timed, 50) - clock, at_percent(took, timed, 90) - clock,
	        at_percent(took, timed, 99) - clock, at_percent(took, timed, 99.9) - clock);
}

/* The least of several rounds: what else the machine does can only add. */
static double
best_of_gets(struct cache *cache, const struct asked *asked, uint32_t count, bool hashing, uint32_t *found)
{
	double best = 1e9;
	for (int round = 0; round < 5; round++) {
		double ns = time_gets(cache, asked, count, hashing, found);
		best = ns < best ? ns : best;
	}
	return best;
}

/* Large pages make the most of what a look-up waits for, and the machine says whether there are any. */
static void
print_pages(void)
{
	char line[128] = "";
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "r");
	if (file != NULL) {
		line[fread(line, 1, sizeof line - 1, file)] = '\0';
		fclose(file);
	}
	line[strcspn(line, "\n")] = '\0';
	printf("large pages for shared memory (shmem_enabled): %s\n", *line != '\0' ? line : "unknown");
}

static void
show_times(const struct setting *set)
{
	print_pages();
	struct cache *cache = cache_filled(set, (uint64_t)set->answers * 200);
	struct asked *present = questions(set->answers, 0, 1);
	struct asked *absent = questions(set->answers, set->answers, 2);
	uint32_t found;
	double hashed = best_of_gets(cache, present, set->answers, true, &found);
	double get = best_of_gets(cache, present, set->answers, false, &found);
	printf("%u answers, %u of them there\n", (unsigned)set->answers, (unsigned)found);
	/* It waits for the index, then for the entry; where two such reads and the work take longer than a
	 * get may take, that is the bound. */
	double read = time_memory((size_t)set->answers * 200), waiting = 2 * read + WORK_NS;
	judge("cache_get, present, at random, each alone", get,
	        waiting > set->get_ns_most ? waiting : set->get_ns_most, "ns");
	printf("  a read of memory that depends on another: %.1f ns\n", read);
	printf("  with the hash of its name: %.1f ns\n", hashed);
	double batched = 1e9;
	for (int round = 0; round < 5; round++) {
		double ns = time_batches(cache, present, set->answers);
		batched = ns < batched ? ns : batched;
	}
	/* A worker looks up what one system call brought it side by side; alone, a look-up waits for memory.
	 */
	judge("cache_get, in batches with hints, as a worker has them", batched, set->get_ns_most, "ns");
	print_percentiles(cache, present, set->answers);
	double miss = best_of_gets(cache, absent, set->answers, false, &found);
	printf("  a miss: %.1f ns (%u found)\n", miss, (unsigned)found);
	printf("  cache_put, replacing: %.1f ns\n", time_puts(cache, set, present, set->answers));
	printf("  cache_put, new, with eviction: %.1f ns\n", time_puts(cache, set, absent, set->answers));
	free(present);
	free(absent);
	cache_free(cache);
}

/* --- writers --- */

struct board {
	_Atomic uint64_t puts;
};

static _Noreturn void
write_on(struct cache *cache, const struct setting *set, uint32_t member, struct board *board)
{
	uint64_t random = member, last = wall_ns();
	double due = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	cache_join(cache, member, NULL);
	for (;;) {
		uint64_t now = wall_ns(), passed = now - last;
		/* What was missed while stopped is not made up for. */
		due += (double)(passed < CATCH_UP_NS ? passed : CATCH_UP_NS) * set->puts_per_s /
		       set->writers / 1e9;
		for (last = now; due >= 1; due--) {
			struct asked asked;
			rig_name(&asked, random_below(&random, set->answers));
			(void)rig_put(cache, set, &asked);
			atomic_fetch_add_explicit(&board->puts, 1, memory_order_relaxed);
		}
		struct timespec pause = {.tv_nsec = 1000000 + (long)random_below(&random, 4000000)};
		nanosleep(&pause, NULL);
	}
}

static void
writers_begin(struct cache *cache, const struct setting *set, struct board *board, pid_t *pids)
{
	for (unsigned i = 0; i < set->writers; i++) {
		uint32_t member = cache_next_member(cache);
		pids[i] = fork();
		if (pids[i] == 0)
			write_on(cache, set, member, board);
		must(pids[i] > 0);
	}
}

static void
writers_tell(const struct setting *set, const pid_t *pids, int signal)
{
	for (unsigned i = 0; i < set->writers; i++)
		kill(pids[i], signal);
	for (unsigned i = 0; signal == SIGKILL && i < set->writers; i++)
		waitpid(pids[i], NULL, 0);
	struct timespec settle = {.tv_nsec = 20000000};
	nanosleep(&settle, NULL);
}

/* Median of each pair's ratio, in percent above 1. */
static double
slower_percent(double *ratios, unsigned count)
{
	qsort(ratios, count, sizeof *ratios, by_size);
	return (ratios[count / 2] - 1) * 100;
}

/*
 * A reader with the writers at work, and with the writers stopped, window by window in turn. Once the writers
 * work in the reader's cache, and once in another of the same size: the difference is what sharing costs, the
 * rest is what 64 busy processes cost on this machine.
 */
static double
slowed_by(struct cache *cache, struct cache *written, const struct setting *set, const char *where)
{
	static struct asked *asked;
	double *ratios = must_alloc(set->pairs, sizeof *ratios), sums[2] = {0};
	pid_t pids[WRITERS_MOST];
	struct board *board =
	        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(board != MAP_FAILED);
	if (asked == NULL)
		asked = questions(set->answers, 0, 3);
	uint64_t since = wall_ns(), stopped = 0;
	writers_begin(written, set, board, pids);
	for (unsigned i = 0; i < set->pairs; i++) {
		double ns[2];
		for (unsigned turn = 0; turn < 2; turn++) {
			unsigned alone = (turn + i) % 2;
			uint32_t found,
			        first = (uint32_t)(random_mix(2 * i + turn) % (set->answers - WINDOW));
			uint64_t begin = wall_ns();
			writers_tell(set, pids, alone ? SIGSTOP : SIGCONT);
			ns[alone] = time_gets(cache, asked + first, WINDOW, false, &found);
			stopped += alone ? wall_ns() - begin : 0;
			sums[alone] += ns[alone];
		}
		ratios[i] = ns[0] / ns[1];
	}
	double seconds = (double)(wall_ns() - since - stopped) / 1e9;
	writers_tell(set, pids, SIGKILL);
	double percent = slower_percent(ratios, set->pairs);
	printf("  %u writers %s, %.0f puts a second in all: get %.1f ns, without them %.1f ns, median %+.1f "
	       "%%\n",
	        set->writers, where, (double)board->puts / seconds, sums[0] / set->pairs,
	        sums[1] / set->pairs, percent);
	munmap(board, sizeof *board);
	free(ratios);
	return percent;
}

static void
show_writers(const struct setting *set)
{
	struct cache *cache = cache_filled(set, (uint64_t)set->answers * 200);
	struct cache *other = cache_filled(set, (uint64_t)set->answers * 200);
	printf("\n");
	double elsewhere = slowed_by(cache, other, set, "in another cache");
	double here = slowed_by(cache, cache, set, "in this cache");
	judge("a reader is slower by, with the writers", here, SLOWER_PERCENT_MOST, "%");
	printf("  of that, by sharing the cache with them: %+.1f %%\n", here - elsewhere);
	cache_free(cache);
	cache_free(other);
}

/* --- bytes --- */

static bool
everybody_lives(void *arg, uint32_t member)
{
	(void)arg;
	return member != 0;
}

/* How many of the answers are not there. */
static uint32_t
lost_in(const struct setting *set, uint64_t bytes, struct cache_census *census)
{
	struct cache *cache = cache_filled(set, bytes);
	struct cache_entry entry;
	uint32_t lost = 0;
	for (uint32_t i = 0; i < set->answers; i++) {
		struct asked asked;
		rig_name(&asked, i);
		struct cache_key key = rig_key(&asked);
		lost += !cache_get(cache, &key, true, &entry);
	}
	cache_census(cache, everybody_lives, NULL, census);
	cache_free(cache);
	return lost;
}

static void
show_bytes(const struct setting *set)
{
	struct cache_census census;
	uint64_t bytes = (uint64_t)set->answers * ENTRY_BYTES_MOST;
	uint32_t lost = lost_in(set, bytes, &census);
	printf("\n%llu bytes for %u answers of the rig: %.1f bytes of record each, %llu places, %u of %u "
	       "segments "
	       "free\n",
	        (unsigned long long)bytes, (unsigned)set->answers,
	        (double)census.used_bytes / (double)(census.entries ? census.entries : 1),
	        (unsigned long long)census.places, census.segments_free, census.segments);
	judge("lost in 120 bytes for each", lost, 0, "answers");
	judge("lost in 144 bytes for each", lost_in(set, bytes * 12 / 10, &census), 0, "answers");
	uint64_t enough = bytes, little = bytes / 2;
	while (lost == 0 && enough - little > set->answers / 4u) {
		uint64_t middle = (enough + little) / 2;
		*(lost_in(set, middle, &census) == 0 ? &enough : &little) = middle;
	}
	if (lost == 0)
		printf("  the least in which none is lost: %.1f bytes for each\n",
		        (double)enough / set->answers);
}

static void
usage(void)
{
	fprintf(stderr, "usage: cachetime [-n answers] [-w writers] [-r puts a second of all writers]"
	                " [-p pairs] [-g most ns of a get] [-i]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct setting set = {.answers = 1000000,
	        .writers = 64,
	        .pairs = 31,
	        .puts_per_s = 32000,
	        .get_ns_most = 300,
	        .now_ms = clock_boot_ms()};
	int option;
	while ((option = getopt(argc, argv, "n:w:r:p:g:i")) != -1) {
		unsigned value = option != '?' && optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;
		switch (option) {
		case 'n':
			set.answers = value;
			break;
		case 'w':
			set.writers = value;
			break;
		case 'r':
			set.puts_per_s = value;
			break;
		case 'p':
			set.pairs = value;
			break;
		case 'g':
			set.get_ns_most = value;
			break;
		case 'i':
			set.instructions = true;
			break;
		default:
			usage();
		}
	}
	if (set.answers <= WINDOW || set.answers > 10000000 || set.writers == 0 ||
	        set.writers > WRITERS_MOST || set.pairs == 0 || optind != argc)
		usage();
	show_times(&set);
	if (!set.instructions) {
		show_writers(&set);
		show_bytes(&set);
	}
	printf("\n%u failed\n", judge_failed);
	return judge_failed > 0;
}
