/*
 * What is answered to whom: paths, methods, passwords and tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"
#include "process/web.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct world *world;
static struct config config;
static struct overview_sources sources;
static struct web_secrets secrets;
static struct web_reply reply;

static int
begin(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	world = world_open(-1);
	secrets = (struct web_secrets){.basic = ""};
	sources = (struct overview_sources){.version = "1", .world = world, .config = &config};
	return world != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	world_close(world);
	free(reply.made);
	reply.made = NULL;
	return 0;
}

static unsigned
ask(const struct web_request *request)
{
	free(reply.made);
	web_answer(&reply, request, &secrets, &sources);
	assert_non_null(reply.type);
	assert_non_null(reply.policy);
	assert_non_null(reply.body);
	return reply.status;
}

static unsigned
get(const char *path)
{
	return ask(&(struct web_request){.method = "GET", .path = path});
}

static unsigned
get_as(const char *authorization)
{
	return ask(
	        &(struct web_request){.method = "GET", .path = "/metrics", .authorization = authorization});
}

static void
each_path_has_its_answer(void **state)
{
	(void)state;
	assert_int_equal(get("/"), 200);
	assert_memory_equal(reply.body, "<!DOCTYPE html>", 15);
	assert_int_equal(get("/metrics"), 200);
	assert_string_equal(reply.type, "text/plain; version=0.0.4; charset=utf-8");
	assert_memory_equal(reply.body, "# HELP dotward_", 15);
	assert_int_equal(get("/status.json"), 200);
	assert_string_equal(reply.type, "application/json");
	assert_int_equal(((const char *)reply.body)[0], '{');
	static const char *const nothing[] = {
	        "", "//", "/metrics/", "/Metrics", "/status", "/../etc/passwd", "*"};
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		assert_int_equal(get(nothing[i]), 404);
}

static void
only_the_page_may_run_anything(void **state)
{
	(void)state;
	get("/");
	assert_non_null(strstr(reply.policy, "script-src"));
	get("/metrics");
	assert_null(strstr(reply.policy, "script-src"));
	assert_non_null(strstr(reply.policy, "default-src 'none'"));
}

static void
health_and_readiness(void **state)
{
	struct roster_hold hold;
	(void)state;
	assert_int_equal(get("/healthz"), 503);
	assert_int_equal(get("/readyz"), 503);
	assert_string_equal(reply.body, "it is starting\n");
	assert_true(roster_claim(world->roster, getpid(), 1, 0, &hold));
	roster_born(world->roster, hold.row, 99, 1);
	atomic_store(&hold.row->serving, 1);
	atomic_store(&world->roster->state, ROSTER_SERVING);
	assert_int_equal(get("/healthz"), 200);
	assert_string_equal(reply.body, "ok\n");
	/* there is no upstream with an address in this configuration */
	assert_int_equal(get("/readyz"), 503);
	assert_string_equal(reply.body, "no upstream has an address yet\n");
}

static void
other_methods_and_bodies_are_refused(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", ""};
	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		assert_int_equal(ask(&(struct web_request){.method = methods[i], .path = "/metrics"}), 405);
		assert_string_equal(reply.extra[0], "Allow");
	}
	assert_int_equal(ask(&(struct web_request){.method = "HEAD", .path = "/metrics"}), 200);
	assert_int_equal(
	        ask(&(struct web_request){.method = "GET", .path = "/metrics", .has_body = true}), 413);
}

static void
passwords_and_tokens(void **state)
{
	(void)state;
	/* of RFC 7617 section 2 */
	strcpy(secrets.basic, "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_int_equal(get_as(NULL), 401);
	assert_string_equal(reply.extra[0], "WWW-Authenticate");
	assert_int_equal(get_as("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), 200);
	assert_int_equal(get_as("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), 200);
	static const char *const bad[] = {"", "Basic", "Basic ",
	        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ===",
	        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Bearer ",
	        "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(get_as(bad[i]), 401);
	strcpy(secrets.bearer, "token");
	assert_int_equal(get_as("Bearer token"), 200);
	assert_int_equal(get_as("Bearer tokentoken"), 401);
	assert_int_equal(get_as("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), 200);
	/* what there is not is told to nobody who may not look */
	assert_int_equal(get("/nothing"), 401);
	assert_int_equal(get("/"), 401);
	assert_int_not_equal(get("/healthz"), 401);
	assert_int_not_equal(get("/readyz"), 401);
	assert_int_equal(
	        ask(&(struct web_request){.method = "GET", .path = "/metrics", .trusted = true}), 200);
}

static void
write_secret(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void
secrets_come_from_files(void **state)
{
	char path[] = "/tmp/dotward-web.XXXXXX", user[] = "Aladdin", none[] = "",
	     why[CREDENTIALS_WHY_BYTES + 64];
	struct config_metrics metrics = {.user = user, .password_file = path, .token_file = none};
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	static const struct {
		const char *text, *basic;
	} good[] = {{"sesame", "QWxhZGRpbjpzZXNhbWU="}, {"sesame\r\nmore\n", "QWxhZGRpbjpzZXNhbWU="},
	        {"sesame1\n", "QWxhZGRpbjpzZXNhbWUx"}, {"sesame12\n", "QWxhZGRpbjpzZXNhbWUxMg=="}};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		write_secret(path, good[i].text);
		assert_true(web_secrets_read(&secrets, &metrics, why));
		assert_string_equal(secrets.basic, good[i].basic);
		assert_string_equal(secrets.bearer, "");
	}
	metrics.password_file = none;
	metrics.token_file = path;
	assert_true(web_secrets_read(&secrets, &metrics, why));
	assert_string_equal(secrets.bearer, "sesame12");
	static const char *const bad[] = {"", "\n", "\r\nx", "two words\n", "\x01\n", "\xc3\xa4\n"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_secret(path, bad[i]);
		assert_false(web_secrets_read(&secrets, &metrics, why));
		assert_memory_equal(why, "metrics.token_file: its first line", 34);
	}
	char longest[260];
	memset(longest, 'x', sizeof longest);
	longest[257] = '\0';
	write_secret(path, longest);
	assert_false(web_secrets_read(&secrets, &metrics, why));
	longest[256] = '\0';
	write_secret(path, longest);
	assert_true(web_secrets_read(&secrets, &metrics, why));
	unlink(path);
	assert_false(web_secrets_read(&secrets, &metrics, why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(each_path_has_its_answer, begin, end),
	        cmocka_unit_test_setup_teardown(only_the_page_may_run_anything, begin, end),
	        cmocka_unit_test_setup_teardown(health_and_readiness, begin, end),
	        cmocka_unit_test_setup_teardown(other_methods_and_bodies_are_refused, begin, end),
	        cmocka_unit_test_setup_teardown(passwords_and_tokens, begin, end),
	        cmocka_unit_test_setup_teardown(secrets_come_from_files, begin, end),
	};
	return cmocka_run_group_tests_name("web", tests, NULL, NULL);
}
