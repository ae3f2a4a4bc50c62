/*
 * Lists of names as the master gets them: with real loaders, which read real files, are refused what they
 * bring, are killed, and find that nothing has changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "loading.h"
#include "process/librarian.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct sandbox_user stay = {.change = false};
static struct librarian *l;
static struct shelf *now; /* what the last load brought */
static char why[LIBRARIAN_WHY_BYTES];

static void
nothing_to_leave(void *arg)
{
	(void)arg;
}

static const struct librarian_setup setup = {.inherited = -1, .leave_master = nothing_to_leave};

static int
begin(void **state)
{
	log_set_level(LOG_LEVEL_ERROR);
	if (loading_begin(state) != 0 || log_open("file:/dev/null", LOG_LEVEL_ERROR) < 0)
		return -1;
	loading_write("ads", "ads.example\n");
	loading_write("fine", "good.ads.example\n");
	l = librarian_new(&setup);
	now = NULL;
	return 0;
}

static int
end(void **state)
{
	librarian_free(l);
	shelf_drop(now);
	unlink("ads");
	unlink("fine");
	return loading_end(state);
}

#define ADS  "{ file = \"ads\"; }"
#define BOTH "block_lists = ( " ADS " ); allow_lists = ( { file = \"fine\"; } );"

static struct config *
config_of(const char *policy)
{
	char text[1024];
	snprintf(text, sizeof text, UPSTREAM "policy: { %s };", policy);
	return loading_good(text);
}

static void
send_loader(const struct config *config)
{
	librarian_load(l, config, &stay, now, clock_now_ms());
}

static void
bury(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);
	assert_true(pid > 0);
	assert_false(librarian_bury(l, pid + 1, status));
	assert_true(librarian_is_busy(l));
	assert_true(librarian_bury(l, pid, status));
	assert_false(librarian_bury(l, pid, status));
}

static enum librarian_end
take(void)
{
	struct shelf *made;
	assert_false(librarian_is_busy(l));
	enum librarian_end how = librarian_take(l, &made, why);
	if (how == LIBRARIAN_FAILED) {
		assert_null(made);
		return how;
	}
	shelf_drop(now);
	now = made;
	return how;
}

static enum librarian_end
load(const char *policy)
{
	struct config *config = config_of(policy);
	send_loader(config);
	bury();
	config_free(config);
	return take();
}

/* The list that decides, or -1. */
static int
decides(const char *name)
{
	uint8_t wire[NAME_BYTES];
	struct lists_hit hit;
	size_t bytes = name_from_text(name, wire);
	return lists_find(shelf_lists(now), UINT64_MAX, wire, bytes, &hit, NULL) ? (int)hit.list : -1;
}

static const struct lists_list *
about(unsigned list)
{
	return lists_list(shelf_lists(now), list);
}

static void
what_is_in_files_is_on_the_shelf(void **state)
{
	char text[LIBRARIAN_TEXT_BYTES];
	(void)state;
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_int_equal(decides("www.ads.example"), 0);
	assert_int_equal(decides("good.ads.example"), 1);
	assert_int_equal(decides("example"), -1);
	assert_string_equal(about(0)->label, "ads");
	assert_int_equal(about(0)->format, LIST_PLAIN);
	assert_true(about(0)->loaded_s > 1500000000);
	assert_string_equal(librarian_text(now, text), "lists=2 names=2 bad=0 refused=0");
	assert_string_equal(librarian_text(NULL, text), "lists=0 names=0 bad=0 refused=0");
}

static void
without_lists_nobody_is_sent(void **state)
{
	struct config *config = config_of("");
	(void)state;
	send_loader(config);
	config_free(config);
	assert_int_equal(take(), LIBRARIAN_LOADED);
	assert_null(now);
	assert_true(librarian_next_ms(l) == UINT64_MAX);
}

static void
what_has_not_changed_is_not_read(void **state)
{
	(void)state;
	load(BOTH);
	struct shelf *first = shelf_hold(now);
	assert_int_equal(load(BOTH), LIBRARIAN_SAME);
	assert_ptr_equal(now, first);
	/* another list more: a new shelf, on which the old one was not read again */
	loading_write("ads", "ads.example\nads2.example\n");
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_ptr_not_equal(now, first);
	assert_true(shelf_number(now) > shelf_number(first));
	assert_int_equal(about(0)->names, 2);
	assert_int_equal(decides("ads2.example"), 0);
	assert_int_equal(decides("good.ads.example"), 1);
	shelf_drop(first);
	/* the same files for other lists */
	assert_int_equal(load("block_lists = ( " ADS ", { file = \"fine\"; } );"), LIBRARIAN_LOADED);
	assert_int_equal(decides("good.ads.example"), 0);
	assert_int_equal(load("block_lists = ( { file = \"fine\"; }, " ADS " );"), LIBRARIAN_LOADED);
	assert_int_equal(decides("good.ads.example"), 0);
	assert_int_equal(decides("ads.example"), 1);
	assert_int_equal(load("block_lists = ( { file = \"fine\"; } );"), LIBRARIAN_LOADED);
	assert_int_equal(decides("ads.example"), -1);
	/* ... or in another format */
	assert_int_equal(
	        load("block_lists = ( { file = \"fine\"; format = \"adblock\"; } );"), LIBRARIAN_LOADED);
	assert_int_equal(about(0)->format, LIST_ADBLOCK);
}

/* A mistake made on the same second is seen, too. */
static void
a_file_of_the_same_size_is_another(void **state)
{
	(void)state;
	load(BOTH);
	loading_write("ads.new", "xxx.example\n");
	assert_int_equal(rename("ads.new", "ads"), 0);
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_int_equal(decides("xxx.example"), 0);
	assert_int_equal(decides("ads.example"), -1);
}

static void
spoil(const char *file)
{
	FILE *out = fopen(file, "w");
	fputs("new.example\n", out);
	for (int i = 0; i < 20; i++)
		fputs("<p>no such page</p>\n", out);
	fclose(out);
}

static void
a_spoilt_file_leaves_the_old_names(void **state)
{
	char text[LIBRARIAN_TEXT_BYTES];
	(void)state;
	load(BOTH);
	int64_t before = about(0)->loaded_s;
	spoil("ads");
	loading_write("fine", "good.ads.example\nbetter.ads.example\n");
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_int_equal(decides("ads.example"), 0);
	assert_int_equal(decides("new.example"), -1);
	assert_int_equal(decides("better.ads.example"), 1);
	assert_true(loader_refused(about(0)) && !loader_refused(about(1)));
	assert_int_equal(about(0)->loaded_s, before);
	assert_int_equal(librarian_refused(now), 1);
	assert_string_equal(librarian_text(now, text), "lists=2 names=3 bad=0 refused=1");
	/* that it was refused is not forgotten while it is the same */
	assert_int_equal(load(BOTH), LIBRARIAN_SAME);
	assert_int_equal(load("block_lists = ( " ADS " );"), LIBRARIAN_LOADED);
	assert_int_equal(librarian_refused(now), 1);
	assert_int_equal(decides("ads.example"), 0);
	loading_write("ads", "new.example\n");
	assert_int_equal(load("block_lists = ( " ADS " );"), LIBRARIAN_LOADED);
	assert_int_equal(librarian_refused(now), 0);
	assert_int_equal(decides("ads.example"), -1);
}

static void
a_spoilt_file_without_old_names_is_an_empty_list(void **state)
{
	(void)state;
	spoil("ads");
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_int_equal(about(0)->names, 0);
	assert_true(loader_refused(about(0)));
	assert_int_equal(decides("new.example"), -1);
}

/* In a folder the others count, until there is something from before. */
static void
a_spoilt_file_in_a_folder(void **state)
{
	(void)state;
	assert_int_equal(mkdir("folder", 0700), 0);
	loading_write("folder/a", "a.example\n");
	spoil("folder/b");
	assert_int_equal(load("block_lists = ( { file = \"folder\"; } );"), LIBRARIAN_LOADED);
	assert_int_equal(decides("a.example"), 0);
	assert_true(loader_refused(about(0)));
	loading_write("folder/a", "other.example\n");
	assert_int_equal(load("block_lists = ( { file = \"folder\"; } );"), LIBRARIAN_LOADED);
	assert_int_equal(decides("a.example"), 0);
	assert_int_equal(decides("other.example"), -1);
	unlink("folder/a");
	unlink("folder/b");
	rmdir("folder");
}

static void
a_missing_file_is_a_failure(void **state)
{
	struct config *config = config_of(BOTH);
	(void)state;
	load(BOTH);
	struct shelf *before = now;
	unlink("ads");
	send_loader(config);
	bury();
	config_free(config);
	assert_int_equal(take(), LIBRARIAN_FAILED);
	assert_string_equal(why, "lists of names: ads: No such file or directory");
	assert_ptr_equal(now, before);
	assert_int_equal(decides("ads.example"), 0);
}

/* Called in the loader, which then never comes to its end. */
static void
stand_still(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void
a_loader_that_takes_too_long_is_killed(void **state)
{
	const struct librarian_setup slow = {.inherited = -1, .leave_master = stand_still};
	struct config *config = config_of(BOTH);
	uint64_t start_ms = clock_now_ms();
	(void)state;
	librarian_free(l);
	l = librarian_new(&slow);
	librarian_load(l, config, &stay, NULL, start_ms);
	librarian_tend(l, start_ms + LIBRARIAN_LIMIT_MS - 1);
	assert_true(librarian_next_ms(l) == start_ms + LIBRARIAN_LIMIT_MS);
	librarian_tend(l, start_ms + LIBRARIAN_LIMIT_MS);
	assert_true(librarian_next_ms(l) == UINT64_MAX);
	bury();
	assert_int_equal(take(), LIBRARIAN_FAILED);
	assert_string_equal(why, "lists of names: the loader died signal=9 (Killed): it took too long");
	config_free(config);
}

/* Called in the loader, which then dies of it. */
static void
die(void *arg)
{
	(void)arg;
	abort();
}

static void
a_loader_that_dies_is_a_failure(void **state)
{
	const struct librarian_setup deadly = {.inherited = -1, .leave_master = die};
	(void)state;
	librarian_free(l);
	l = librarian_new(&deadly);
	assert_int_equal(load(BOTH), LIBRARIAN_FAILED);
	assert_string_equal(why, "lists of names: the loader died signal=6 (Aborted)");
}

/* Called in the loader, which then ends well without having made anything. */
static void
end_early(void *arg)
{
	(void)arg;
	_exit(LOADER_MADE);
}

static void
what_is_no_table_is_a_failure(void **state)
{
	const struct librarian_setup lazy = {.inherited = -1, .leave_master = end_early};
	(void)state;
	librarian_free(l);
	l = librarian_new(&lazy);
	assert_int_equal(load(BOTH), LIBRARIAN_FAILED);
	assert_string_equal(why, "lists of names: what the loader made is no table of lists");
}

/* --- upgrades -------------------------------------------------------------------------------------------
 */

static void
heir(int fd)
{
	librarian_free(l);
	shelf_drop(now);
	now = NULL;
	const struct librarian_setup next = {.inherited = fd, .leave_master = nothing_to_leave};
	l = librarian_new(&next);
}

static void
another_master_goes_on_with_the_same(void **state)
{
	(void)state;
	load(BOTH);
	heir(fcntl(shelf_descriptor(now), F_DUPFD_CLOEXEC, 3));
	assert_int_equal(load(BOTH), LIBRARIAN_SAME);
	assert_int_equal(decides("ads.example"), 0);
	/* what has changed meanwhile is noticed */
	heir(fcntl(shelf_descriptor(now), F_DUPFD_CLOEXEC, 3));
	spoil("ads");
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_int_equal(decides("ads.example"), 0);
	assert_int_equal(librarian_refused(now), 1);
}

static void
what_is_no_shelf_is_not_inherited(void **state)
{
	(void)state;
	heir(open("ads", O_RDONLY | O_CLOEXEC));
	assert_int_equal(load(BOTH), LIBRARIAN_LOADED);
	assert_int_equal(decides("ads.example"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_in_files_is_on_the_shelf, begin, end),
	        cmocka_unit_test_setup_teardown(without_lists_nobody_is_sent, begin, end),
	        cmocka_unit_test_setup_teardown(what_has_not_changed_is_not_read, begin, end),
	        cmocka_unit_test_setup_teardown(a_file_of_the_same_size_is_another, begin, end),
	        cmocka_unit_test_setup_teardown(a_spoilt_file_leaves_the_old_names, begin, end),
	        cmocka_unit_test_setup_teardown(a_spoilt_file_without_old_names_is_an_empty_list, begin, end),
	        cmocka_unit_test_setup_teardown(a_spoilt_file_in_a_folder, begin, end),
	        cmocka_unit_test_setup_teardown(a_missing_file_is_a_failure, begin, end),
	        cmocka_unit_test_setup_teardown(a_loader_that_dies_is_a_failure, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_no_table_is_a_failure, begin, end),
	        cmocka_unit_test_setup_teardown(a_loader_that_takes_too_long_is_killed, begin, end),
	        cmocka_unit_test_setup_teardown(another_master_goes_on_with_the_same, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_no_shelf_is_not_inherited, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
