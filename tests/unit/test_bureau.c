/*
 * What the master does about scribes: real ones, who write real files. What workers do with their spools, and
 * what the master does in its loop, the test does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "loading.h"
#include "looping.h"
#include "process/bureau.h"
#include "query/querylog.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bureau *b;
static struct stats_slab retired;
static struct config *config;
static char path[128], said[1 << 20];
static unsigned living[4], living_count; /* generations */

static void
leave_master(void *arg)
{
	(void)arg;
}

static int
start(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	memset(&retired, 0, sizeof retired);
	snprintf(path, sizeof path, "%s/queries", loading_folder);
	const struct bureau_setup setup = {.leave_master = leave_master, .retired = &retired};
	b = bureau_new(&setup);
	config = NULL;
	living_count = 0;
	return 0;
}

static void
configure(const char *log)
{
	char text[1024];
	config_free(config);
	snprintf(text, sizeof text,
	        UPSTREAM "user = \"\"; workers = 2; drain_timeout_ms = 300; sandbox = %s; log: { %s };",
	        loading_sandbox(), log);
	config = loading_good(text);
}

/* Its workers, and scribes. */
static void
begin(unsigned generation)
{
	char why[BUREAU_WHY_BYTES] = "";
	static const struct sandbox_user stay = {.change = false};
	if (bureau_provide(b, generation, config, why) < 0)
		fail_msg("%s", why);
	living[living_count++] = generation;
	bureau_begin(b, generation, &stay, clock_now_ms());
}

/* As the master's loop does it. */
static void
turn(void)
{
	int status;
	usleep(1000);
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		assert_true(bureau_bury(b, pid, status, clock_now_ms()));
	bureau_tend(b, living, living_count, clock_now_ms());
}

#define TURN_UNTIL(claim)                                                                                    \
	do {                                                                                                 \
		uint64_t until_ms = clock_now_ms() + LOOPING_DEADLINE_MS;                                    \
		while (!(claim)) {                                                                           \
			if (clock_now_ms() > until_ms)                                                       \
				fail_msg("never came: %s", #claim);                                          \
			turn();                                                                              \
		}                                                                                            \
	} while (0)

static int
stop(void **state)
{
	(void)state;
	living_count = 0;
	bureau_kill(b);
	TURN_UNTIL(bureau_is_empty(b));
	bureau_free(b);
	config_free(config);
	unlink(path);
	return 0;
}

/* A worker says a line, with this word as the name that was asked for. */
static void
say(unsigned generation, unsigned slot, const char *word)
{
	static struct query_from from;
	static struct wire_query query;
	struct tale tale = {.from = &from, .query = &query, .cause.list = -1};
	assert_int_equal(addr_parse(&from.peer, "192.0.2.7@4660", 0), 0);
	query.question.name_bytes = (uint16_t)name_from_text(word, query.question.name);
	struct querylog *log =
	        querylog_new(config, bureau_spool(b, generation, BUREAU_QUERYLOG, slot), &retired, slot);
	struct tale_hearer hearer = querylog_hearer(log);
	hearer.ended(hearer.arg, &tale);
	querylog_free(log);
	bell_ring(bureau_bell(b, generation, BUREAU_QUERYLOG));
}

/* Where the line with this word is; NULL: nowhere. */
static const char *
find(const char *text, const char *word)
{
	char member[128];
	snprintf(member, sizeof member, " name=%s. ", word);
	return strstr(text, member);
}

static const char *
in_file(const char *name)
{
	FILE *in = fopen(name, "r");
	size_t got = in != NULL ? fread(said, 1, sizeof said - 1, in) : 0;
	said[got] = '\0';
	if (in != NULL)
		fclose(in);
	return said;
}

static void
log_to_path(void)
{
	char log[256];
	snprintf(log, sizeof log, "queries = true; queries_target = \"file:%s\"", path);
	configure(log);
}

static pid_t
a_scribe(void)
{
	char name[64], line[256] = "";
	snprintf(name, sizeof name, "/proc/self/task/%d/children", (int)getpid());
	FILE *in = fopen(name, "r");
	assert_non_null(in);
	if (fgets(line, sizeof line, in) == NULL)
		line[0] = '\0';
	fclose(in);
	return (pid_t)strtol(line, NULL, 10);
}

static void
nothing_is_wanted(void **state)
{
	(void)state;
	configure("queries = false");
	begin(1);
	assert_null(bureau_spool(b, 1, BUREAU_QUERYLOG, 0));
	assert_null(bureau_bell(b, 1, BUREAU_QUERYLOG));
	assert_null(bureau_spool(NULL, 1, BUREAU_QUERYLOG, 0));
	assert_true(bureau_is_empty(b));
	assert_int_equal(bureau_next_ms(b), UINT64_MAX);
}

static void
lines_of_all_workers(void **state)
{
	(void)state;
	log_to_path();
	begin(1);
	assert_null(bureau_spool(b, 2, BUREAU_QUERYLOG, 0));
	assert_ptr_not_equal(bureau_spool(b, 1, BUREAU_QUERYLOG, 0), bureau_spool(b, 1, BUREAU_QUERYLOG, 1));
	say(1, 0, "one");
	TURN_UNTIL(find(in_file(path), "one") != NULL);
	say(1, 1, "two");
	say(1, 0, "three");
	say(1, 0, "four");
	TURN_UNTIL(find(in_file(path), "four") != NULL && find(in_file(path), "two") != NULL);
	assert_true(find(said, "three") < find(said, "four"));
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
}

/* What was said before the end is written, and then the scribe goes. */
static void
the_end(void **state)
{
	(void)state;
	log_to_path();
	begin(1);
	for (unsigned i = 0; i < 3000; i++)
		say(1, i % 2, i == 2999 ? "last" : "line");
	living_count = 0;
	TURN_UNTIL(bureau_is_empty(b));
	in_file(path);
	unsigned lines = 0;
	for (const char *at = said; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 3000);
	assert_non_null(find(said, "last"));
	assert_int_equal(atomic_load(&retired.counters[STATS_log_dropped]), 0);
}

static void
two_generations(void **state)
{
	(void)state;
	log_to_path();
	begin(1);
	begin(2);
	say(1, 0, "old");
	say(2, 0, "new");
	TURN_UNTIL(find(in_file(path), "old") != NULL && find(in_file(path), "new") != NULL);
	living[0] = 2;
	living_count = 1;
	TURN_UNTIL(bureau_spool(b, 1, BUREAU_QUERYLOG, 0) == NULL);
	say(2, 1, "on");
	TURN_UNTIL(find(in_file(path), "on") != NULL);
}

static void
a_scribe_that_dies(void **state)
{
	(void)state;
	log_to_path();
	begin(1);
	say(1, 0, "before");
	TURN_UNTIL(find(in_file(path), "before") != NULL);
	pid_t first = a_scribe();
	assert_true(first > 0);
	assert_int_equal(kill(first, SIGKILL), 0);
	say(1, 0, "between");
	TURN_UNTIL(a_scribe() > 0 && a_scribe() != first);
	TURN_UNTIL(find(in_file(path), "between") != NULL);
}

static void
another_file(void **state)
{
	(void)state;
	char moved[160];
	log_to_path();
	begin(1);
	say(1, 0, "before");
	TURN_UNTIL(find(in_file(path), "before") != NULL);
	snprintf(moved, sizeof moved, "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	bureau_reopen(b);
	say(1, 0, "after");
	/* one that was being written may still be in the old one */
	TURN_UNTIL(find(in_file(moved), "after") != NULL || find(in_file(path), "after") != NULL);
	say(1, 0, "later");
	TURN_UNTIL(find(in_file(path), "later") != NULL);
	unlink(moved);
}

/* Whoever reads the pipe does not: what is there is lost when the time is up, and nobody waits for longer. */
static void
a_pipe_that_nobody_reads(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	log_to_path();
	char why[BUREAU_WHY_BYTES];
	assert_true(bureau_provide(b, 1, config, why) < 0);
	assert_non_null(strstr(why, "cannot be opened: a pipe that nobody reads"));
	int reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	begin(1);
	for (unsigned i = 0; i < 3000; i++)
		say(1, 0, "many-of-them-are-more-than-a-pipe-has-room-for");
	uint64_t begun_ms = clock_now_ms();
	living_count = 0;
	turn();
	assert_true(bureau_next_ms(b) <= begun_ms + 1000);
	TURN_UNTIL(bureau_is_empty(b));
	assert_true(clock_now_ms() - begun_ms >= 290);
	close(reader);
}

static void
a_target_that_fails(void **state)
{
	(void)state;
	configure("queries = true; queries_target = \"file:/dev/full\"");
	begin(1);
	for (unsigned i = 0; i < 10; i++)
		say(1, 0, "line");
	TURN_UNTIL(atomic_load(&retired.counters[STATS_log_dropped]) == 10);
}

static void
what_cannot_be_opened(void **state)
{
	(void)state;
	char why[BUREAU_WHY_BYTES];
	configure("queries = true; queries_target = \"file:/nowhere/at/all\"");
	assert_true(bureau_provide(b, 1, config, why) < 0);
	assert_string_equal(why,
	        "log.queries_target = \"file:/nowhere/at/all\" cannot be opened: No such file or directory");
	assert_true(bureau_is_empty(b));
}

/* A worker in a bad way may leave anything. */
static void
records_that_are_none(void **state)
{
	(void)state;
	log_to_path();
	begin(1);
	static const uint8_t bad[][8] = {"", "\0", "\7abc\n", "\1abc"};
	struct spool_writer w;
	spool_write_begin(&w, bureau_spool(b, 1, BUREAU_QUERYLOG, 0));
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t *record = spool_reserve(&w, 8);
		memcpy(record, bad[i], 8);
		spool_commit(&w, i + 1);
	}
	say(1, 0, "good");
	TURN_UNTIL(find(in_file(path), "good") != NULL);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	TURN_UNTIL(atomic_load(&retired.counters[STATS_log_dropped]) == COUNT(bad));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
	        TEST(nothing_is_wanted),
	        TEST(lines_of_all_workers),
	        TEST(the_end),
	        TEST(two_generations),
	        TEST(a_scribe_that_dies),
	        TEST(another_file),
	        TEST(a_pipe_that_nobody_reads),
	        TEST(a_target_that_fails),
	        TEST(what_cannot_be_opened),
	        TEST(records_that_are_none),
	};
	return cmocka_run_group_tests(tests, loading_begin, loading_end);
}
