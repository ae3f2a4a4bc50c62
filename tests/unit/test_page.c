/*
 * The status page as it is built in: whole, small, with nothing from elsewhere, and a policy whose hashes are
 * those of what is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/page.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 60 * 1024 };

static char *page;

static int
begin(void **state)
{
	size_t bytes;
	(void)state;
	const void *text = page_text(&bytes);
	page = strndup(text, bytes);
	return page != NULL && strlen(page) == bytes ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	free(page);
	return 0;
}

static void
is_a_whole_document(void **state)
{
	(void)state;
	assert_int_equal(strncmp(page, "<!DOCTYPE html>\n", 16), 0);
	assert_string_equal(page + strlen(page) - 8, "</html>\n");
	assert_true(strlen(page) < MOST_BYTES);
	assert_null(strstr(page, "<style></style>"));
	assert_null(strstr(page, "module\"></script>"));
}

/* Of the text between two others; both must be there. */
static void
hash_between(const char *before, const char *after, char out[64])
{
	uint8_t digest[32];
	char *from = strstr(page, before);
	assert_non_null(from);
	from += strlen(before);
	const char *to = strstr(from, after);
	assert_non_null(to);
	assert_true(to - from > 1000);
	assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA256, from, (size_t)(to - from), digest), 0);
	gnutls_datum_t encoded, raw = {digest, sizeof digest};
	assert_int_equal(gnutls_base64_encode2(&raw, &encoded), 0);
	snprintf(out, 64, "'sha256-%.*s'", (int)encoded.size, encoded.data);
	gnutls_free(encoded.data);
}

static void
has_a_policy_for_what_is_in_it_alone(void **state)
{
	char style[64], script[64];
	(void)state;
	hash_between("<style>", "</style>", style);
	hash_between("<script type=\"module\">", "</script>", script);
	assert_non_null(strstr(page_policy, style));
	assert_non_null(strstr(page_policy, script));
	assert_int_equal(strncmp(page_policy, "default-src 'none'; ", 20), 0);
	assert_null(strstr(page_policy, "unsafe"));
	assert_null(strpbrk(page_policy, "*\r\n"));
}

/* Nothing that the policy would forbid, and nothing from elsewhere. */
static void
needs_nothing_else(void **state)
{
	static const char *const strange[] = {
	        "//cdn", "https:", " style=", " onclick=", " src=", "innerHTML", "eval(", "@import", "url("};
	(void)state;
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
		if (strstr(page, strange[i]) != NULL)
			fail_msg("the page has %s in it", strange[i]);
	/* the name of a namespace is no address */
	char *http = strstr(page, "http:");
	assert_true(http == strstr(page, "http://www.w3.org/2000/svg"));
	assert_null(strstr(http + 1, "http:"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(is_a_whole_document),
	        cmocka_unit_test(has_a_policy_for_what_is_in_it_alone),
	        cmocka_unit_test(needs_nothing_else),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
