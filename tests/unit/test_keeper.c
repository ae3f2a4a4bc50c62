/*
 * What the master does about caches. Generations are real, but nobody serves in them; errands are real
 * processes. Whose members live, and whether a predecessor does, is what the test says.
 *
 * The module is included, not linked, to say that, and to see what it holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "answers.h"
#include "loading.h"
#include "ports.h"
#include "process/generation.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t living;  /* the member that lives; 0: none */
static pid_t the_parent; /* who getppid() says it is */

static bool
said_to_live(const struct generation *g, uint32_t member)
{
	(void)g;
	return member == living;
}

static pid_t
said_to_be_parent(void)
{
	return the_parent;
}

static uint64_t to_spare = UINT64_MAX; /* memory */

static uint64_t
said_to_be_spare(void)
{
	return to_spare;
}

#define generation_has_member said_to_live
#define memory_spare          said_to_be_spare
#define getppid               said_to_be_parent
#include "process/keeper.c"
#undef getppid

static struct generation_world world;
static struct epoch epoch;
static struct quarantine quarantine;
static struct keeper_setup setup;
static struct keeper *k;
static struct generation *g, *next;
static char file[128];
static const char *routes; /* of who is born next */

static void
leave_master(void *arg)
{
	(void)arg;
}

static struct generation *
born(const char *cache)
{
	char text[512], listen[ADDR_TEXT_BYTES], reason[GENERATION_WHY_BYTES] = "";
	struct addr address = ports_free("127.0.0.1");
	struct cache *given;
	snprintf(text, sizeof text,
	        "listen = ( { address = \"%s\"; } );\nuser = \"\";\nworkers = 1;\n"
	        "upstreams = ( { addresses = [ \"127.0.0.1@1\" ]; },"
	        " { name = \"corp\"; addresses = [ \"127.0.0.1@2\" ]; } );\n"
	        "cache: { %s };\nroutes = ( %s );\nsandbox = %s;",
	        addr_text(&address, listen), cache, routes, loading_sandbox());
	struct config *config = loading_good(text);
	if (keeper_provide(k, config, &given, reason) < 0)
		fail_msg("%s", reason);
	if (given != NULL)
		cache_join(given, cache_next_member(given), NULL);
	struct generation *made = generation_new(&world, 1, config, given, NULL, reason);
	if (made == NULL)
		fail_msg("%s", reason);
	return made;
}

static int
start(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	world = (struct generation_world){.quarantine = &quarantine,
	        .epoch = &epoch,
	        .seed = ANSWERS_SEED,
	        .leave_master = leave_master};
	setup = (struct keeper_setup){.seed = ANSWERS_SEED, .inherited = -1, .leave_master = leave_master};
	snprintf(file, sizeof file, "%s/cache", loading_folder);
	routes = "";
	living = 0;
	the_parent = 1;
	g = next = NULL;
	k = keeper_new(&setup);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	generation_free(g);
	generation_free(next);
	keeper_free(k);
	unlink(file);
	return 0;
}

/* Another master, or the same program started again. */
static void
begin_anew(int inherited)
{
	generation_free(g);
	g = NULL;
	keeper_free(k);
	setup.inherited = inherited;
	k = keeper_new(&setup);
}

static void
finish_errand(void)
{
	int status;
	assert_true(keeper_is_busy(k));
	pid_t pid = k->pid;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(keeper_bury(k, pid + 1, status));
	assert_true(keeper_bury(k, pid, status));
	assert_int_equal(status, 0);
	assert_false(keeper_is_busy(k));
	assert_false(keeper_bury(k, pid, status));
}

static void
tend(uint64_t now_ms)
{
	struct generation *all[2];
	unsigned count = 0;
	if (g != NULL)
		all[count++] = g;
	if (next != NULL)
		all[count++] = next;
	keeper_tend(k, all, count, now_ms);
}

static void
fill(unsigned count)
{
	for (unsigned n = 0; n < count; n++) {
		struct answers_one one;
		answers_make(&one, n, 300, 0);
		one.item.stored_ms = clock_boot_ms();
		answers_put(generation_cache(g), &one);
	}
}

/* --- size --- */

static void
one_size_is_one_cache(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	struct cache *first = generation_cache(g);
	assert_non_null(first);
	assert_int_equal(cache_bytes(first), 1 << 20);
	keeper_carry(k, g);
	assert_false(keeper_is_busy(k));
	keeper_serve(k, g);
	next = born("size = \"1024K\"; stale_s = 1;");
	assert_ptr_equal(generation_cache(next), first);
	keeper_carry(k, next);
	assert_false(keeper_is_busy(k));
}

static void
none_is_none(void **state)
{
	(void)state;
	g = born("size = \"0\";");
	assert_null(generation_cache(g));
	keeper_load(k, g);
	keeper_carry(k, g);
	keeper_serve(k, g);
	keeper_save(k);
	assert_false(keeper_is_busy(k));
	tend(1);
}

static void
another_size_is_filled_from_the_one_before(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	fill(100);
	next = born("size = \"2M\";");
	assert_int_equal(k->count, 2);
	keeper_carry(k, next);
	tend(1);
	assert_int_equal(k->count, 2);
	finish_errand();
	assert_int_equal(answers_count(generation_cache(next)), 100);
	keeper_serve(k, next);
	tend(1); /* the old generation drains and has the old one still */
	assert_int_equal(k->count, 2);
	generation_free(g);
	g = NULL;
	tend(1);
	assert_int_equal(k->count, 1);
	assert_ptr_equal(k->caches[0], generation_cache(next));
}

/* A generation that does not come up takes its cache with it. */
static void
a_cache_that_nobody_came_to_use_goes(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	fill(10);
	next = born("size = \"2M\";");
	keeper_carry(k, next);
	generation_free(next);
	next = NULL;
	tend(1);
	assert_int_equal(k->count, 2); /* the errand is under way in it */
	finish_errand();
	tend(1);
	assert_int_equal(k->count, 1);
	assert_int_equal(answers_count(generation_cache(g)), 10);
}

static void
what_does_not_fit_into_the_machine_is_refused(void **state)
{
	char why[KEEPER_WHY_BYTES];
	struct cache *given;
	(void)state;
	struct config *config = loading_good(UPSTREAM "cache: { size = \"256G\"; };");
	to_spare = 1 << 30;
	assert_int_equal(keeper_provide(k, config, &given, why), -ENOMEM);
	to_spare = UINT64_MAX;
	assert_null(given);
	assert_memory_equal(why, "cache.size: 262144M is more than the ", 37);
	config_free(config);
}

/* --- the file --- */

static void
it_is_saved_and_loaded(void **state)
{
	char more[200];
	(void)state;
	snprintf(more, sizeof more, "size = \"1M\"; file = \"%s\";", file);
	g = born(more);
	keeper_load(k, g);
	finish_errand(); /* there is no file yet */
	keeper_carry(k, g);
	assert_false(keeper_is_busy(k));
	keeper_serve(k, g);
	fill(50);
	keeper_save(k);
	finish_errand();
	begin_anew(-1);
	g = born(more);
	assert_int_equal(answers_count(generation_cache(g)), 0);
	keeper_load(k, g);
	finish_errand();
	tend(1);
	assert_int_equal(answers_count(generation_cache(g)), 50);
}

static void
without_a_file_nothing_is_done(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	keeper_load(k, g);
	keeper_serve(k, g);
	keeper_save(k);
	assert_false(keeper_is_busy(k));
	assert_true(keeper_next_ms(k) == UINT64_MAX);
}

/* --- the master before us --- */

static void
what_is_inherited_is_used(void **state)
{
	char more[200];
	(void)state;
	snprintf(more, sizeof more, "size = \"1M\"; file = \"%s\";", file);
	g = born(more);
	fill(20);
	begin_anew(dup(cache_descriptor(generation_cache(g))));
	g = born(more);
	assert_int_equal(answers_count(generation_cache(g)), 20);
	keeper_load(k, g); /* it is newer than any file */
	keeper_carry(k, g);
	assert_false(keeper_is_busy(k));
}

static void
what_is_inherited_in_another_size_is_carried_over(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	fill(20);
	begin_anew(dup(cache_descriptor(generation_cache(g))));
	g = born("size = \"3M\";");
	assert_int_equal(answers_count(generation_cache(g)), 0);
	keeper_load(k, g);
	assert_false(keeper_is_busy(k));
	keeper_carry(k, g);
	finish_errand();
	assert_int_equal(answers_count(generation_cache(g)), 20);
	keeper_serve(k, g);
	tend(1);
	assert_int_equal(k->count, 1);
}

static void
what_is_inherited_and_not_like_ours_is_left_alone(void **state)
{
	struct shm *strange = shm_new(1 << 20);
	(void)state;
	assert_non_null(strange);
	begin_anew(dup(shm_descriptor(strange)));
	g = born("size = \"1M\";");
	assert_int_equal(answers_count(generation_cache(g)), 0);
	assert_int_equal(k->count, 1);
	shm_free(strange);
}

/* --- routes --- */

#define ROUTE(domains) "{ domains = [ " domains " ]; upstreams = [ \"corp\" ]; }"

static bool
has(const struct generation *of, unsigned n)
{
	struct cache_entry entry;
	return answers_has(generation_cache(of), n, &entry);
}

/* Into the cache of other routes goes what neither they nor those before have. */
static void
other_routes_get_another_cache(void **state)
{
	(void)state;
	routes = ROUTE("\"4.example\", \"5.EXAMPLE\"");
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	fill(20);
	routes = ROUTE("\"5.example\", \"6.example\"");
	next = born("size = \"1M\";");
	assert_ptr_not_equal(generation_cache(next), generation_cache(g));
	keeper_carry(k, next);
	finish_errand();
	for (unsigned n = 0; n < 20; n++)
		assert_int_equal(has(next, n), n < 4 || n > 6);
	keeper_serve(k, next);
	generation_free(g);
	g = NULL;
	tend(1);
	assert_int_equal(k->count, 1);
	/* and when they are given up */
	routes = "";
	g = born("size = \"1M\";");
	answers_add(generation_cache(next), 5, 300, 0);
	keeper_carry(k, g);
	finish_errand();
	assert_false(has(g, 5));
	assert_true(has(g, 7));
}

static void
the_same_routes_have_the_same_cache(void **state)
{
	(void)state;
	routes = ROUTE("\"4.example\", \"5.example\"");
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	fill(20);
	routes = ROUTE("\"5.example\", \"4.example\"");
	next = born("size = \"1M\"; stale_s = 1;");
	assert_ptr_equal(generation_cache(next), generation_cache(g));
	generation_free(next);
	next = born("size = \"2M\";");
	keeper_carry(k, next);
	finish_errand();
	for (unsigned n = 0; n < 20; n++)
		assert_true(has(next, n));
}

/* The one that serves is left as it is. */
static void
there_must_be_room_for_a_second_one(void **state)
{
	char why[KEEPER_WHY_BYTES];
	struct cache *given;
	(void)state;
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	struct config *config = loading_good(
	        "upstreams = ( { addresses = [ \"127.0.0.1\" ]; },"
	        " { name = \"corp\"; addresses = [ \"127.0.0.2\" ]; } ); cache: { size = \"1M\"; };"
	        "routes = ( { domains = [ \"x\" ]; upstreams = [ \"corp\" ]; } );");
	to_spare = (1 << 20) - 1;
	assert_int_equal(keeper_provide(k, config, &given, why), -ENOMEM);
	to_spare = UINT64_MAX;
	assert_memory_equal(why,
	        "other routes take a second cache while the old one is in use, or a restart: "
	        "cache.size: 1M is more than the 0M of memory",
	        118);
	assert_null(given);
	config_free(config);
	tend(1);
	assert_int_equal(k->count, 1);
}

/* Whose it was took its routes along. */
static void
what_is_inherited_is_for_the_same_routes(void **state)
{
	(void)state;
	routes = ROUTE("\"4.example\"");
	g = born("size = \"1M\";");
	fill(20);
	begin_anew(dup(cache_descriptor(generation_cache(g))));
	g = born("size = \"1M\";");
	assert_int_equal(answers_count(generation_cache(g)), 20);
	begin_anew(dup(cache_descriptor(generation_cache(g))));
	routes = ROUTE("\"5.example\"");
	g = born("size = \"1M\";");
	keeper_load(k, g);
	keeper_carry(k, g);
	assert_false(keeper_is_busy(k));
	assert_int_equal(answers_count(generation_cache(g)), 0);
}

static void
what_is_inherited_without_routes_is_carried_over(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	fill(20);
	begin_anew(dup(cache_descriptor(generation_cache(g))));
	routes = ROUTE("\"5.example\"");
	g = born("size = \"1M\";");
	assert_int_equal(answers_count(generation_cache(g)), 0);
	keeper_carry(k, g);
	finish_errand();
	assert_int_equal(answers_count(generation_cache(g)), 19);
	assert_false(has(g, 5));
}

/* Neither what was routed when it was written, nor what is when it is read. */
static void
nothing_routed_is_in_a_file(void **state)
{
	char more[200];
	(void)state;
	snprintf(more, sizeof more, "size = \"1M\"; file = \"%s\";", file);
	routes = ROUTE("\"4.example\"");
	g = born(more);
	keeper_serve(k, g);
	fill(20);
	keeper_save(k);
	finish_errand();
	begin_anew(-1);
	routes = ROUTE("\"5.example\"");
	g = born(more);
	keeper_load(k, g);
	finish_errand();
	for (unsigned n = 0; n < 20; n++)
		assert_int_equal(has(g, n), n != 4 && n != 5);
}

/* --- members --- */

static bool
nobody_lives(void *arg, uint32_t member)
{
	(void)arg, (void)member;
	return false;
}

/* Segments that are held by anybody. */
static unsigned
held(void)
{
	struct cache_census census;
	cache_census(generation_cache(g), nobody_lives, NULL, &census);
	return census.segments_lost;
}

static void
what_the_dead_held_is_given_back(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	cache_join(generation_cache(g), 77, NULL);
	fill(1);
	assert_int_equal(held(), 1);
	tend(5);
	assert_int_equal(held(), 1);
	living = 77;
	keeper_member_died(k, 10);
	assert_true(keeper_next_ms(k) == 10);
	tend(10);
	assert_int_equal(held(), 1); /* another has died, not this one */
	assert_true(keeper_next_ms(k) == UINT64_MAX);
	living = 0;
	keeper_member_died(k, 20);
	tend(20);
	assert_int_equal(held(), 0);
	/* in this process nobody must go on as that member */
	cache_join(generation_cache(g), 78, NULL);
}

static void
nothing_is_given_back_while_a_successor_is_there(void **state)
{
	(void)state;
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	cache_join(generation_cache(g), 77, NULL);
	fill(1);
	keeper_share(k, true, 10);
	keeper_member_died(k, 20);
	tend(30);
	assert_int_equal(held(), 1);
	assert_true(keeper_next_ms(k) == UINT64_MAX);
	keeper_share(k, false, 40);
	tend(40);
	assert_int_equal(held(), 1); /* its workers may have an instant left */
	assert_true(keeper_next_ms(k) == 40 + KEEPER_LAST_BREATH_MS);
	tend(40 + KEEPER_LAST_BREATH_MS);
	assert_int_equal(held(), 0);
	cache_join(generation_cache(g), 78, NULL);
}

static void
nothing_is_given_back_while_a_predecessor_is_there(void **state)
{
	(void)state;
	the_parent = 4711;
	setup.predecessor = 4711;
	begin_anew(-1);
	g = born("size = \"1M\";");
	keeper_serve(k, g);
	cache_join(generation_cache(g), 77, NULL);
	fill(1);
	keeper_member_died(k, 20);
	tend(30);
	assert_int_equal(held(), 1);
	assert_true(keeper_next_ms(k) == 30 + KEEPER_LOOK_MS);
	the_parent = 1;
	tend(600);
	assert_int_equal(held(), 1);
	tend(600 + KEEPER_LAST_BREATH_MS);
	assert_int_equal(held(), 0);
	assert_true(keeper_next_ms(k) == UINT64_MAX);
	cache_join(generation_cache(g), 78, NULL);
	setup.predecessor = 0;
}

/* --- patience --- */

static void
an_errand_that_takes_too_long_is_ended(void **state)
{
	int status;
	(void)state;
	g = born("size = \"1M\";");
	k->pid = fork();
	assert_true(k->pid >= 0);
	if (k->pid == 0)
		for (;;)
			pause();
	k->until_ms = 100;
	tend(99);
	assert_int_equal(waitpid(k->pid, &status, WNOHANG), 0);
	assert_true(keeper_next_ms(k) == 100);
	tend(100);
	assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(keeper_bury(k, k->pid, status));
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        HOUSED(one_size_is_one_cache),
	        HOUSED(none_is_none),
	        HOUSED(another_size_is_filled_from_the_one_before),
	        HOUSED(a_cache_that_nobody_came_to_use_goes),
	        HOUSED(what_does_not_fit_into_the_machine_is_refused),
	        HOUSED(it_is_saved_and_loaded),
	        HOUSED(without_a_file_nothing_is_done),
	        HOUSED(what_is_inherited_is_used),
	        HOUSED(what_is_inherited_in_another_size_is_carried_over),
	        HOUSED(what_is_inherited_and_not_like_ours_is_left_alone),
	        HOUSED(other_routes_get_another_cache),
	        HOUSED(the_same_routes_have_the_same_cache),
	        HOUSED(there_must_be_room_for_a_second_one),
	        HOUSED(what_is_inherited_is_for_the_same_routes),
	        HOUSED(what_is_inherited_without_routes_is_carried_over),
	        HOUSED(nothing_routed_is_in_a_file),
	        HOUSED(what_the_dead_held_is_given_back),
	        HOUSED(nothing_is_given_back_while_a_successor_is_there),
	        HOUSED(nothing_is_given_back_while_a_predecessor_is_there),
	        HOUSED(an_errand_that_takes_too_long_is_ended),
	};
	return cmocka_run_group_tests_name("keeper", tests, loading_begin, loading_end);
}
