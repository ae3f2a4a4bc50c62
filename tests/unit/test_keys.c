/*
 * The table of keys: that its rows make sense, and that the shipped file says what the table says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#include "config/keys.h"

#include <ctype.h>

static void
paths_are_unique_and_members_of_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < keys_count; i++) {
		char parent[KEY_MAX_NAME] = "";
		assert_ptr_equal(keys_find(keys[i].path), &keys[i]);
		assert_true(strlen(keys[i].path) + 2 < KEY_MAX_NAME);
		const char *name = keys_name(&keys[i]);
		if (name != keys[i].path)
			memcpy(parent, keys[i].path, (size_t)(name - 1 - keys[i].path));
		assert_ptr_equal(keys_member(parent, name), &keys[i]);
		parent[strcspn(parent, "[")] = '\0';
		assert_true(*parent == '\0' || keys_find(parent) != NULL);
	}
}

static void
rows_have_what_their_type_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < keys_count; i++) {
		const struct key *key = &keys[i];
		bool number = key->type == KEY_NUMBER || key->type == KEY_PORT;
		bool words = key->type == KEY_WORD || key->type == KEY_FLAGS;
		bool item = key->type == KEY_ITEM || key->type == KEY_ITEMS;
		assert_true(key->help != NULL && strlen(key->help) > 3);
		assert_int_equal(number, key->max > 0);
		assert_int_equal(words, key->words != NULL);
		assert_int_equal(item, key->item != NULL);
		if (number) {
			long fallback = strtol(key->fallback, NULL, 10);
			assert_true((fallback >= key->min && fallback <= key->max) ||
			            (key->or_zero && fallback == 0));
		}
	}
}

static void
slips_of_the_pen_are_recognised(void **state)
{
	(void)state;
	assert_string_equal(keys_suggest("upstreams[]", "adress"), "addresses");
	assert_string_equal(keys_suggest("listen[]", "adress"), "address");
	assert_string_equal(keys_suggest("", "upstream"), "upstreams");
	assert_string_equal(keys_suggest("", "wokrers"), "workers");
	assert_string_equal(keys_suggest("forward", "queries_in_flight"), "limits.queries_in_flight");
	assert_null(keys_suggest("", "recursion"));
}

static void
what_may_be_written_is_said(void **state)
{
	char out[256];
	(void)state;
	assert_string_equal(keys_expected(keys_find("forward.padding"), out, sizeof out),
	        "a whole number, 0 or 16 to 512 octets");
	assert_string_equal(
	        keys_expected(keys_find("access.denied"), out, sizeof out), "one of \"refuse\", \"drop\"");
	assert_string_equal(
	        keys_bounds(keys_find("forward.timeout_ms"), out, sizeof out), "10 to 60000 milliseconds");
	assert_string_equal(
	        keys_default(keys_find("listen[].protocols"), out, sizeof out), "[ \"udp\", \"tcp\" ]");
	assert_string_equal(keys_default(keys_find("user"), out, sizeof out), "\"dotward\"");
	assert_string_equal(keys_default(keys_find("access.deny"), out, sizeof out), "[ ]");
	assert_string_equal(keys_default(keys_find("workers"), out, 2), "0");
	assert_string_equal(keys_expected(keys_find("workers"), out, 8), "a whole");
}

static void
keys_are_printed_a_line_each(void **state)
{
	size_t bytes, lines = 0;
	char *text = NULL;
	(void)state;
	FILE *out = open_memstream(&text, &bytes);
	assert_non_null(out);
	keys_print(out);
	assert_int_equal(fclose(out), 0);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, keys_count);
	assert_non_null(
	        strstr(text, "\nforward.policy\tword\tsequential round-robin fastest hashed\t\"fastest\"\n"));
	assert_non_null(strstr(text, "\nworkers\tnumber\t\t0\n"));
	assert_non_null(strstr(text, "\nsandbox\tboolean\ttrue false\ttrue\n"));
	free(text);
}

/* The shipped file, as it is or with the # taken from before every key. */
static char *
shipped_file(bool uncommented)
{
	char path[4096], line[1024], *text = NULL;
	size_t bytes = 0;
	snprintf(path, sizeof path, "%s/etc/dotward.conf", loading_source);
	FILE *in = fopen(path, "r"), *out = open_memstream(&text, &bytes);
	assert_non_null(in);
	assert_non_null(out);
	while (fgets(line, sizeof line, in) != NULL) {
		char *first = line + strspn(line, " ");
		if (uncommented && first[0] == '#' && (isalpha((unsigned char)first[1]) || first[1] == '}'))
			*first = ' ';
		fputs(line, out);
	}
	fclose(in);
	assert_int_equal(fclose(out), 0);
	return text;
}

static bool
mentions(const char *text, const char *name)
{
	size_t bytes = strlen(name);
	for (const char *at = text; (at = strstr(at, name)) != NULL; at += bytes)
		if ((at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_')) &&
		        (strncmp(at + bytes, " = ", 3) == 0 || strncmp(at + bytes, ": {", 3) == 0))
			return true;
	return false;
}

static void
the_shipped_file_has_every_key(void **state)
{
	(void)state;
	char *text = shipped_file(true);
	for (size_t i = 0; i < keys_count; i++) {
		bool empty = strncmp(keys[i].path, "limits.rate", 11) == 0;
		if (empty)
			continue;
		if (!mentions(text, keys_name(&keys[i])))
			fail_msg("etc/dotward.conf does not mention %s", keys[i].path);
	}
	free(text);
}

/* Uncommented it is accepted without a word and says what is so without it. */
static void
the_shipped_file_shows_the_defaults(void **state)
{
	(void)state;
	char *shipped = shipped_file(false), *uncommented = shipped_file(true);
	assert_string_not_equal(shipped, uncommented);
	struct config *plain = loading_good(shipped), *full = loading_good(uncommented);
	char *first = loading_print(plain), *second = loading_print(full);
	assert_string_equal(first, second);
	free(shipped);
	free(uncommented);
	free(first);
	free(second);
	config_free(plain);
	config_free(full);
}

static void
the_shipped_lists_are_the_defaults(void **state)
{
	(void)state;
	char *text = shipped_file(true);
	struct config *shipped = loading_good(text), *bare = loading_good(UPSTREAM);
	assert_int_equal(shipped->listen_count, bare->listen_count);
	for (size_t i = 0; i < bare->listen_count; i++)
		assert_true(addr_equal(&shipped->listens[i].address, &bare->listens[i].address));
	assert_int_equal(shipped->access.allow_count, bare->access.allow_count);
	assert_memory_equal(shipped->access.allow, bare->access.allow,
	        bare->access.allow_count * sizeof *bare->access.allow);
	free(text);
	config_free(shipped);
	config_free(bare);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(paths_are_unique_and_members_of_rows),
	        cmocka_unit_test(rows_have_what_their_type_needs),
	        cmocka_unit_test(slips_of_the_pen_are_recognised),
	        cmocka_unit_test(what_may_be_written_is_said),
	        cmocka_unit_test(keys_are_printed_a_line_each),
	        cmocka_unit_test(the_shipped_file_has_every_key),
	        cmocka_unit_test(the_shipped_file_shows_the_defaults),
	        cmocka_unit_test(the_shipped_lists_are_the_defaults),
	};
	return cmocka_run_group_tests(tests, loading_begin, loading_end);
}
