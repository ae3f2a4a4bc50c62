/*
 * The cache in bad hands: processes that read and write it are killed at random instants, stopped for a
 * while, and replaced, and in a second act somebody writes rubbish all over the memory. Answers can be worked
 * out from their number and version (bench/sample.h), so each that is found is checked byte for byte.
 *
 * usage: torture [-k kills] [-t seconds of rubbish] [-p processes] [-b bytes] [-n numbers] [-S seed]
 *
 * Speaks TAP. Says the seed, though two runs with the same seed are not the same: the scheduler has a say.
 */
#include "../bench/random.h"
#include "../bench/sample.h"

#include "base/clock.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PROCESSES_MOST = 64,
	BASE_MS = 10000000,
	VERSION_MS = 10, /* the time at which a version is put in follows from it */
	TOLERANCE_MS = 100,
	PAUSE_MOST_US = 3000, /* between two kills */
	ROUND_KILLS = 1000,   /* from one look at everything to the next */
	HANG_MS = 20000,
	LEAK_PERCENT = 2,
	SMALL_BYTES = 64,
	WRONG = 3, /* exit status */
};

/* What a process tells; in memory that outlives it. */
struct tale {
	_Atomic uint64_t hits, misses, puts, busy, walked;
};

struct stage {
	struct tale tales[PROCESSES_MOST];
	_Atomic uint64_t spoilt;
	char wrong[256];
};

struct act {
	struct cache *cache;
	uint64_t bytes, seed, random;
	uint32_t numbers;
	unsigned processes;
	size_t most_bytes;
	struct stage *stage;
	pid_t pids[PROCESSES_MOST];
	uint32_t members[PROCESSES_MOST];
	uint64_t kills, stops, rounds;
	unsigned tests, failed;
};

static struct act act;

static void
verdict(bool holds, const char *claim)
{
	act.tests++;
	act.failed += !holds;
	printf("%sok %u - %s\n", holds ? "" : "not ", act.tests, claim);
	fflush(stdout);
}

static bool
lives(void *arg, uint32_t member)
{
	(void)arg;
	for (unsigned i = 0; i < act.processes; i++)
		if (act.members[i] == member)
			return true;
	return false;
}

/* --- those who are killed --- */

static _Noreturn void
tell_wrong(uint32_t number, const char *wrong)
{
	snprintf(act.stage->wrong, sizeof act.stage->wrong, "number %u: %s", number, wrong);
	_exit(WRONG);
}

static struct sample sample, room;

static void
check(uint32_t number, const struct cache_entry *entry)
{
	uint32_t version;
	const char *wrong = sample_wrong(&room, number, entry, act.most_bytes, &version);
	if (wrong != NULL)
		tell_wrong(number, wrong);
	uint64_t stored_ms = BASE_MS + (uint64_t)version * VERSION_MS;
	if (entry->stored_ms > stored_ms || stored_ms - entry->stored_ms > TOLERANCE_MS ||
	        entry->expires_ms != entry->stored_ms + (uint64_t)entry->life_s * 1000)
		tell_wrong(number, "its times are wrong");
	if (entry->asked > 3)
		tell_wrong(number, "it was asked for more often than anybody counts");
}

static bool
on_visit(void *arg, const struct cache_entry *entry)
{
	struct tale *tale = arg;
	uint32_t number;
	if (!sample_number(entry, &number) || number >= act.numbers)
		tell_wrong(number, "the walk comes by an answer to another question");
	check(number, entry);
	atomic_fetch_add_explicit(&tale->walked, 1, memory_order_relaxed);
	return true;
}

static bool
is_in_zone(void *arg, const struct cache_entry *entry)
{
	const unsigned *zone = arg;
	uint32_t number;
	return sample_number(entry, &number) && sample_zone(number) == *zone;
}

static void
get(struct cache *cache, struct tale *tale, uint32_t number)
{
	struct cache_entry entry;
	sample_ask(&sample, number, act.seed);
	if (cache_get(cache, &sample.key, number % 16 == 0, &entry)) {
		check(number, &entry);
		atomic_fetch_add_explicit(&tale->hits, 1, memory_order_relaxed);
	} else {
		atomic_fetch_add_explicit(&tale->misses, 1, memory_order_relaxed);
	}
}

static void
put(struct cache *cache, struct tale *tale, uint32_t number, uint32_t version)
{
	sample_ask(&sample, number, act.seed);
	sample_answer(&sample, number, version, act.most_bytes);
	sample.item.stored_ms = BASE_MS + (uint64_t)version * VERSION_MS;
	enum cache_put result = cache_put(cache, &sample.key, &sample.item);
	atomic_fetch_add_explicit(&tale->puts, 1, memory_order_relaxed);
	if (result == CACHE_BUSY)
		atomic_fetch_add_explicit(&tale->busy, 1, memory_order_relaxed);
}

static void
deed(struct cache *cache, struct tale *tale, uint64_t *random)
{
	double unit = random_unit(random);
	uint32_t number = (uint32_t)(unit * unit * act.numbers), draw = random_below(random, 10000);
	unsigned zone = draw % SAMPLE_ZONES;
	sample_ask(&sample, number, act.seed);
	if (draw < 5000)
		get(cache, tale, number);
	else if (draw < 9500)
		put(cache, tale, number, random_below(random, SAMPLE_VERSIONS));
	else if (draw < 9800)
		cache_flush(cache, &sample.key);
	else if (draw < 9997)
		cache_claim(cache, &sample.key, BASE_MS, 1000);
	else if (draw < 9998)
		cache_flush_if(cache, is_in_zone, &zone);
	else
		cache_walk(cache, on_visit, tale);
}

static _Noreturn void
live(unsigned i, uint64_t random)
{
	struct cache *cache = act.cache;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (random % 2 == 0)
		cache = cache_adopt(dup(cache_descriptor(cache)), act.bytes, act.seed);
	if (cache == NULL)
		tell_wrong(0, "the memory cannot be adopted");
	cache_join(cache, act.members[i], NULL);
	for (;;)
		deed(cache, &act.stage->tales[i], &random);
}

static void
bear(unsigned i)
{
	uint64_t random = random_next(&act.random);
	act.members[i] = cache_next_member(act.cache);
	act.pids[i] = fork();
	if (act.pids[i] == 0)
		live(i, random);
	if (act.pids[i] < 0) {
		perror("fork");
		exit(2);
	}
}

/* --- who kills them --- */

static void
wait_us(unsigned us)
{
	struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L};
	nanosleep(&pause, NULL);
}

/* False: it died of something else. */
static bool
end(unsigned i)
{
	int status = 0;
	kill(act.pids[i], SIGKILL);
	waitpid(act.pids[i], &status, 0);
	act.members[i] = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	printf("# a process ended with %s %d: %s\n", WIFSIGNALED(status) ? "signal" : "status",
	        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), act.stage->wrong);
	return false;
}

static bool
end_all(void)
{
	bool fine = true;
	for (unsigned i = 0; i < act.processes; i++)
		fine &= end(i);
	cache_sweep(act.cache, lives, NULL);
	return fine;
}

/* Nobody is there any more: now the books must be in order. */
static bool
look_at_everything(void)
{
	struct cache_census census;
	struct tale tale = {0};
	int status = 0;
	cache_census(act.cache, lives, NULL, &census);
	unsigned sum = census.segments_free + census.segments_small + census.segments_main;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		cache_walk(act.cache, on_visit, &tale);
		_exit(tale.walked == census.entries ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	if (status == 0 && census.segments_lost == 0 && census.entries_wrong == 0 && sum == census.segments &&
	        census.used_bytes + census.dead_bytes <= census.room_bytes)
		return true;
	printf("# after %llu kills: walk %d (%s); %u segments lost, %u of %u accounted for; %llu entries, "
	       "%llu wrong\n",
	        (unsigned long long)act.kills, status, act.stage->wrong, census.segments_lost, sum,
	        census.segments, (unsigned long long)census.entries,
	        (unsigned long long)census.entries_wrong);
	return false;
}

static uint64_t
progress_of(unsigned i)
{
	return act.stage->tales[i].hits + act.stage->tales[i].misses + act.stage->tales[i].puts;
}

static uint64_t
progress(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < act.processes; i++)
		sum += progress_of(i);
	return sum;
}

/* One is stopped in the midst of whatever it does, and goes on when everything has changed. */
static void
stop_one(unsigned i)
{
	kill(act.pids[i], SIGSTOP);
	wait_us(random_below(&act.random, 10 * PAUSE_MOST_US));
	kill(act.pids[i], SIGCONT);
	act.stops++;
}

static bool
kill_some(uint64_t kills)
{
	bool fine = true;
	for (unsigned i = 0; i < act.processes; i++)
		bear(i);
	for (uint64_t n = 0; n < kills && fine; n++) {
		unsigned i = random_below(&act.random, act.processes);
		wait_us(random_below(&act.random, PAUSE_MOST_US));
		if (random_below(&act.random, 30) == 0)
			stop_one(i);
		fine = end(i);
		cache_sweep(act.cache, lives, NULL);
		bear(i);
		act.kills++;
	}
	fine &= end_all();
	act.kills += act.processes;
	return fine;
}

static void
act_of_kills(uint64_t kills)
{
	bool right = true, orderly = true;
	while (act.kills < kills && right && orderly) {
		uint64_t left = kills - act.kills;
		right = kill_some(left < ROUND_KILLS ? left : ROUND_KILLS);
		orderly = look_at_everything();
		act.rounds++;
	}
	verdict(right, "not one wrong byte was found, and nobody died of anything but the kill");
	verdict(orderly, "no segment is lost, no entry is wrong, the census adds up and the walk agrees");
}

/* --- leaks --- */

/* The most that fit of small answers, each put in once. */
static uint64_t
fill(struct cache *cache)
{
	static const uint16_t ttls[] = {WIRE_HEADER_BYTES + SAMPLE_NAME_BYTES + 4 + 6};
	struct wire_query query = {.question = {.type = 1, .class = 1, .name_bytes = SAMPLE_NAME_BYTES}};
	struct wire_answer answer = {.msg = sample.msg};
	struct cache_item item = {.answer = &answer, .ttls = ttls, .ttl_count = 1, .life_s = SAMPLE_LIFE_S};
	uint64_t most = 0, least_bytes = 64;
	item.stored_ms = BASE_MS;
	for (uint32_t i = 0; i < 2 * act.bytes / least_bytes; i++) {
		struct cache_census census;
		uint8_t *name = query.question.name;
		sample_plain_name(name, i);
		struct cache_key key = cache_key(&query, random_mix(i + 1u));
		answer.bytes = sample_plain_answer(sample.msg, name, SAMPLE_NAME_BYTES, 4);
		(void)cache_put(cache, &key, &item);
		if (i % 1024 != 0)
			continue;
		cache_census(cache, lives, NULL, &census);
		most = census.entries > most ? census.entries : most;
	}
	return most;
}

static void
look_for_leaks(const char *claim)
{
	struct cache_census census;
	struct cache *fresh = cache_new(act.bytes, act.seed);
	if (fresh == NULL) {
		perror("cache_new");
		exit(2);
	}
	cache_flush_all(act.cache);
	cache_census(act.cache, lives, NULL, &census);
	act.members[0] = cache_next_member(act.cache);
	cache_join(act.cache, act.members[0], NULL);
	cache_join(fresh, act.members[0], NULL);
	uint64_t now = fill(act.cache), then = fill(fresh);
	printf("# flushed, %llu of %llu entries have room again\n", (unsigned long long)now,
	        (unsigned long long)then);
	verdict(census.entries == 0 && now + then * LEAK_PERCENT / 100 >= then, claim);
	act.members[0] = 0;
	cache_sweep(act.cache, lives, NULL);
	cache_free(fresh);
}

/* --- rubbish --- */

/* Bytes, words from elsewhere (which are right, but not here), and stretches. */
static void
spoil(uint8_t *memory, uint64_t *random)
{
	uint64_t at = random_next(random) % act.bytes, from = random_next(random) % act.bytes;
	uint64_t front = random_below(random, 1 << 16); /* header, states and index come first */
	size_t stretch = random_below(random, 64);
	uint32_t draw = random_below(random, 100);
	if (draw < 40)
		memory[at] = (uint8_t)random_next(random);
	else if (draw < 50)
		memory[front] ^= (uint8_t)(1u << draw % 8);
	else if (draw < 70)
		memcpy(memory + at / 8 * 8, memory + from / 8 * 8, 8);
	else if (draw < 80)
		memcpy(memory + front / 8 * 8, memory + from % (1 << 16) / 8 * 8, 8);
	else if (draw < 90)
		memset(memory + at, draw & 1 ? 0xff : 0, stretch < act.bytes - at ? stretch : 1);
	else
		memmove(memory + at, memory + from,
		        stretch < act.bytes - (at > from ? at : from) ? stretch : 1);
}

static _Noreturn void
live_to_spoil(uint64_t random)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int descriptor = cache_descriptor(act.cache);
	uint8_t *memory = mmap(NULL, act.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	if (memory == MAP_FAILED)
		_exit(2);
	for (;;) {
		unsigned count = random_below(&random, 64);
		for (unsigned i = 0; i < count; i++)
			spoil(memory, &random);
		atomic_fetch_add(&act.stage->spoilt, count);
		wait_us(random_below(&random, 500));
	}
}

/* Any that is dead is so because of what it read. */
static bool
all_live(void)
{
	for (unsigned i = 0; i < act.processes; i++) {
		siginfo_t info = {0};
		if (waitid(P_PID, (id_t)act.pids[i], &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		        info.si_pid != 0)
			return false;
	}
	return true;
}

static void
act_of_rubbish(unsigned seconds)
{
	uint64_t random = random_next(&act.random), hits = 0;
	bool fine = true, hung = false;
	/* All are at work first: who finds rubbish in the header adopts nothing, and rightly so. */
	for (unsigned i = 0; i < act.processes; i++) {
		uint64_t begun = progress_of(i), patience_ms = clock_now_ms() + HANG_MS;
		bear(i);
		while (progress_of(i) == begun && clock_now_ms() < patience_ms)
			wait_us(1000);
	}
	pid_t spoiler = fork();
	if (spoiler == 0)
		live_to_spoil(random);
	uint64_t until_ms = clock_now_ms() + seconds * 1000u, before = progress(), since_ms = clock_now_ms();
	while (clock_now_ms() < until_ms && fine && !hung) {
		uint64_t now = progress();
		since_ms = now != before ? clock_now_ms() : since_ms;
		before = now;
		hung = clock_now_ms() - since_ms > HANG_MS;
		wait_us(20000);
		fine = all_live();
	}
	for (unsigned i = 0; i < act.processes; i++)
		hits += act.stage->tales[i].hits;
	fine &= end_all();
	kill(spoiler, SIGKILL);
	waitpid(spoiler, NULL, 0);
	printf("# %llu spots spoilt, %llu hits\n", (unsigned long long)act.stage->spoilt,
	        (unsigned long long)hits);
	verdict(fine && !hung && hits > 0,
	        "rubbish all over the memory: not one wrong byte was found, nobody crashed or hung");
}

/* --- */

static void
raise_stage(void)
{
	act.stage = mmap(NULL, sizeof *act.stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (act.stage == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
}

/* Answers of up to half a segment; or small ones, of which there are more than the index has places for. */
static void
open_cache(bool small)
{
	struct cache_census census;
	cache_free(act.cache);
	act.cache = cache_new(act.bytes, act.seed);
	if (act.cache == NULL) {
		perror("cache_new");
		exit(2);
	}
	cache_census(act.cache, lives, NULL, &census);
	act.most_bytes =
	        census.segment_bytes / 2 < WIRE_MESSAGE_BYTES ? census.segment_bytes / 2 : WIRE_MESSAGE_BYTES;
	if (small)
		act.most_bytes = SMALL_BYTES;
	act.kills = act.stops = act.rounds = 0;
	memset(act.stage, 0, sizeof *act.stage);
}

static void
tell_of_kills(void)
{
	struct tale sum = {0};
	for (unsigned i = 0; i < act.processes; i++) {
		const struct tale *tale = &act.stage->tales[i];
		sum.hits += tale->hits;
		sum.misses += tale->misses;
		sum.puts += tale->puts;
		sum.busy += tale->busy;
		sum.walked += tale->walked;
	}
	printf("# %llu kills, %llu stops, %llu looks at everything: %llu hits, %llu misses, %llu puts (%llu "
	       "busy), %llu walked\n",
	        (unsigned long long)act.kills, (unsigned long long)act.stops, (unsigned long long)act.rounds,
	        (unsigned long long)sum.hits, (unsigned long long)sum.misses, (unsigned long long)sum.puts,
	        (unsigned long long)sum.busy, (unsigned long long)sum.walked);
}

static void
usage(void)
{
	fprintf(stderr, "usage: torture [-k kills] [-t seconds of rubbish] [-p processes] [-b bytes]"
	                " [-n numbers] [-S seed]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	unsigned long kills = 500, seconds = 3;
	int option;
	act.processes = 4;
	act.bytes = 2 << 20;
	act.numbers = 20000;
	act.seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid();
	while ((option = getopt(argc, argv, "k:t:p:b:n:S:")) != -1) {
		unsigned long value = option != '?' ? strtoul(optarg, NULL, 10) : 0;
		switch (option) {
		case 'k':
			kills = value;
			break;
		case 't':
			seconds = value;
			break;
		case 'p':
			act.processes = (unsigned)value;
			break;
		case 'b':
			act.bytes = value;
			break;
		case 'n':
			act.numbers = (uint32_t)value;
			break;
		case 'S':
			act.seed = value;
			break;
		default:
			usage();
		}
	}
	if (act.processes == 0 || act.processes > PROCESSES_MOST || act.bytes < CACHE_LEAST_BYTES ||
	        act.numbers == 0 || optind != argc)
		usage();
	act.random = act.seed;
	printf("# seed %llu\n", (unsigned long long)act.seed);
	raise_stage();
	for (int small = 0; small < 2; small++) {
		printf("# %s answers\n", small ? "small" : "all kinds of");
		open_cache(small);
		act_of_kills(kills / 2);
		tell_of_kills();
		look_for_leaks("after all kills, the whole room can be used again");
	}
	open_cache(false);
	act_of_rubbish((unsigned)seconds);
	printf("1..%u\n", act.tests);
	return act.failed > 0;
}
