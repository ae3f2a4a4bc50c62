/*
 * The keys of metrics: what goes together, what files must hold, and what is told of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#include <sys/stat.h>

static int
start(void **state)
{
	(void)state;
	loading_write("secret", "word\n");
	loading_write("void", "\n");
	return chmod("secret", 0600);
}

static int
stop(void **state)
{
	(void)state;
	unlink("void");
	return unlink("secret");
}

/* The whole path of a file of this test. */
static char *
text_with(const char *before, const char *file, const char *after)
{
	char *text;
	assert_true(asprintf(&text, "%s%s/%s%s", before, loading_folder, file, after) > 0);
	return text;
}

static void
assert_said(const char *keys, const char *complaint)
{
	char *said, *text, *wanted;
	assert_true(asprintf(&text, UPSTREAM "metrics: { %s };", keys) > 0);
	assert_true(asprintf(&wanted, "dotward.conf:2: metrics.%s\n", complaint) > 0);
	struct config *config = loading_text(text, &said);
	assert_string_equal(said, wanted);
	assert_null(config);
	free(said);
	free(text);
	free(wanted);
}

static void
mistakes_are_named_with_the_remedy(void **state)
{
	(void)state;
	assert_said("user = \"me\";", "user: goes with metrics.password_file; add it");
	assert_said("enabled = true; address = [ ];",
	        "address: empty; name an address, or a socket, or leave metrics.enabled out");
	assert_said(
	        "address = [ \"::1\", \"::1@9353\" ];", "address: ::1@9353 is given twice; leave one out");
	assert_said("address = 5;", "address = 5: write an array of texts, [ \"...\", \"...\" ]");
	assert_said("port = 0;", "port = 0: at least 1");
	assert_said("token_file = \"here\";",
	        "token_file = \"here\": write the whole path, from \"/\" on; \"\": nowhere");
	assert_said("token_file = \"/nowhere/at/all\";",
	        "token_file: /nowhere/at/all: No such file or directory");
}

static void
files_must_hold_a_secret(void **state)
{
	char *keys = text_with("token_file = \"", "void", "\";"), *complaint;
	(void)state;
	complaint = text_with("token_file: ", "void", ": its first line is empty; put the secret there");
	assert_said(keys, complaint);
	free(keys);
	free(complaint);
}

static void
what_is_good_is_taken(void **state)
{
	char *text = text_with(UPSTREAM "metrics: { enabled = true; address = \"::\"; port = 9000; "
	                                "allow = [ \"10.0.0.0/8\" ]; socket = \"/run/web\"; user = \"me\"; "
	                                "password_file = \"",
	        "secret", "\"; };");
	(void)state;
	struct config *config = loading_good(text);
	assert_true(config->metrics.enabled);
	assert_int_equal(config->metrics.address_count, 1);
	assert_int_equal(addr_port(&config->metrics.addresses[0]), 0);
	assert_int_equal(config->metrics.port, 9000);
	assert_int_equal(config->metrics.allow_count, 1);
	config_free(config);
	free(text);
}

static void
defaults_are_loopback(void **state)
{
	struct config *config = loading_good(UPSTREAM);
	struct addr address;
	(void)state;
	assert_false(config->metrics.enabled);
	assert_int_equal(config->metrics.address_count, 1);
	assert_int_equal(config->metrics.allow_count, 2);
	assert_int_equal(addr_parse(&address, "127.1.2.3", 0), 0);
	assert_true(addr_net_holds(&config->metrics.allow[0], &address));
	assert_int_equal(config->metrics.port, 9353);
	config_free(config);
}

static void
what_others_can_read_is_remarked_on(void **state)
{
	char *text = text_with(UPSTREAM "metrics: { token_file = \"", "secret", "\"; };"), *said, *wanted;
	(void)state;
	assert_int_equal(chmod("secret", 0644), 0);
	struct config *config = loading_text(text, &said);
	assert_non_null(config);
	wanted = text_with("dotward.conf:2: metrics.token_file: ", "secret",
	        " can be read by others than its owner and group; chmod o-rwx it\n");
	assert_string_equal(said, wanted);
	config_free(config);
	free(said);
	free(wanted);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(mistakes_are_named_with_the_remedy, start, stop),
	        cmocka_unit_test_setup_teardown(files_must_hold_a_secret, start, stop),
	        cmocka_unit_test_setup_teardown(what_is_good_is_taken, start, stop),
	        cmocka_unit_test(defaults_are_loopback),
	        cmocka_unit_test_setup_teardown(what_others_can_read_is_remarked_on, start, stop),
	};
	return cmocka_run_group_tests_name("check_metrics", tests, loading_begin, loading_end);
}
