/*
 * Tokens and their places, and the text that libconfig gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#include "config/lex.h"

static void
lex_it(struct lex *lex, struct complaints *complaints, const char *text)
{
	*complaints = (struct complaints){0};
	*lex = (struct lex){.complaints = complaints};
	loading_write("dotward.conf", text);
	lex_file(lex, "dotward.conf");
}

static void
tokens_have_kinds_and_lines(void **state)
{
	static const struct {
		const char *text;
		enum lex_kind kind;
	} expected[] = {
	        {"a-b*", LEX_WORD},
	        {"=", LEX_MARK},
	        {"\"x # y\\\" z\"", LEX_STRING},
	        {"5", LEX_NUMBER},
	        {";", LEX_MARK},
	        {"-1.5e+3", LEX_FLOAT},
	        {"0x1fLL", LEX_NUMBER},
	        {"+1e5", LEX_FLOAT},
	        {".5", LEX_FLOAT},
	};
	struct complaints complaints;
	struct lex lex;
	(void)state;
	lex_it(&lex, &complaints, "a-b* = # x\n/* \n\n*/ \"x # y\\\" z\" 5//c\n; -1.5e+3 0x1fLL +1e5 .5");
	assert_int_equal(complaints.errors, 0);
	for (size_t i = 0; i < COUNT(expected); i++) {
		const struct lex_token *t = &lex.tokens[i];
		assert_int_equal(t->kind, expected[i].kind);
		assert_int_equal(t->length, strlen(expected[i].text));
		assert_memory_equal(t->start, expected[i].text, t->length);
	}
	assert_int_equal(lex.count, COUNT(expected));
	assert_int_equal(lex.tokens[0].place.line, 1);
	assert_int_equal(lex.tokens[2].place.line, 4);
	assert_int_equal(lex.tokens[4].place.line, 5);
	lex_free(&lex);
	complain_free(&complaints);
}

static void
libconfig_gets_wide_numbers_and_a_line_for_each_token(void **state)
{
	struct complaints complaints;
	struct lex lex;
	size_t *lines, count;
	(void)state;
	lex_it(&lex, &complaints, "a = 99999999999;\nb = [ 5L,\n \"x\" ]; c = 1.5; d = 0xff;");
	char *text = lex_rewrite(&lex, &lines, &count);
	assert_string_equal(text, "\na =\n99999999999L ;\nb =\n[\n5L ,\n\"x\" ] ;\nc =\n1.5 ;\nd =\n0xffL ;");
	assert_int_equal(lex.tokens[lines[2]].place.line, 1);
	assert_int_equal(lex.tokens[lines[7]].place.line, 3);
	assert_memory_equal(lex.tokens[lines[7]].start, "\"x\"", 3);
	free(text);
	free(lines);
	lex_free(&lex);
	complain_free(&complaints);
}

static void
zero_bytes_are_found(void **state)
{
	static const char text[] = "user = \"a\0b\";\nworkers\0 = 1;";
	struct complaints complaints = {0};
	struct lex lex = {.complaints = &complaints};
	(void)state;
	FILE *out = fopen("dotward.conf", "w");
	assert_non_null(out);
	fwrite(text, 1, sizeof text - 1, out);
	assert_int_equal(fclose(out), 0);
	lex_file(&lex, "dotward.conf");
	assert_int_equal(complaints.errors, 2);
	lex_free(&lex);
	complain_free(&complaints);
}

/* "extra.conf" lies where the file lies that includes it, not where we happen to be. */
static void
includes_follow_the_folder_of_their_file(void **state)
{
	struct complaints complaints = {0};
	struct lex lex = {.complaints = &complaints};
	char path[128];
	(void)state;
	loading_write("extra.conf", "b = 2;");
	loading_write("dotward.conf", "a = 1;\n@include \"extra.conf\"\nc = 3;");
	assert_int_equal(chdir("/"), 0);
	snprintf(path, sizeof path, "%s/dotward.conf", loading_folder);
	lex_file(&lex, path);
	assert_int_equal(chdir(loading_folder), 0);
	assert_int_equal(complaints.errors, 0);
	assert_int_equal(lex.count, 12);
	assert_memory_equal(lex.tokens[4].start, "b", 1);
	assert_int_equal(lex.tokens[4].place.line, 1);
	assert_int_equal(lex.tokens[8].place.line, 3);
	assert_true(lex.tokens[3].place.order < lex.tokens[4].place.order);
	lex_free(&lex);
	complain_free(&complaints);
}

static void
in_comments_and_strings_nothing_is_included(void **state)
{
	struct complaints complaints;
	struct lex lex;
	(void)state;
	lex_it(&lex, &complaints, "/*\n@include \"missing\"\n*/ # @include \"missing\"\na = \"@include\";");
	assert_int_equal(complaints.errors, 0);
	assert_int_equal(lex.count, 4);
	lex_free(&lex);
	complain_free(&complaints);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(tokens_have_kinds_and_lines),
	        cmocka_unit_test(libconfig_gets_wide_numbers_and_a_line_for_each_token),
	        cmocka_unit_test(zero_bytes_are_found),
	        cmocka_unit_test(includes_follow_the_folder_of_their_file),
	        cmocka_unit_test(in_comments_and_strings_nothing_is_included),
	};
	return cmocka_run_group_tests(tests, loading_begin, loading_end);
}
