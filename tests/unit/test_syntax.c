/*
 * Texts that are no configuration at all, and what libconfig would have called a syntax error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#include "config/lex.h"
#include "config/syntax.h"

static const struct loading_row slips[] = {
        {"workers = 5s;", "dotward.conf:2: workers = 5s: no number; write 5 without a unit, which the key "
                          "has in its name\n"},
        {"workers = 1e3;",
                "dotward.conf:2: workers = 1e3: no number; if it is a text, write it in double quotes\n"},
        {"workers = 1.2.3.4;",
                "dotward.conf:2: workers = 1.2.3.4: no number; if it is a text, write it in double quotes\n"},
        {"workers = 0x;", "dotward.conf:2: workers = 0x: no number; write 0 without a unit, which the key "
                          "has in its name\n"},
        {"workers = 0x10000000000000001;",
                "dotward.conf:2: workers = 0x10000000000000001: this number is too large for any key\n"},
        {"workers = yes;", "dotward.conf:2: workers = yes: write true\n"},
        {"log: { queries = off; };", "dotward.conf:2: queries = off: write false\n"},
        {"user = nobody;", "dotward.conf:2: user = nobody: a text is written in double quotes: \"nobody\"\n"},
        {"user = 'nobody';",
                "dotward.conf:2: user = 'nobody': write strings in plain double quotes, \"like this\"\n"},
        {"user = “nobody”;",
                "dotward.conf:2: user = “nobody”: write strings in plain double quotes, \"like this\"\n"},
        {"user = \"nobody;\n"
         "workers = 2;",
                "dotward.conf:2: user = \"nobody;: this string is not closed on its line; end it with \"\n"},
        {"/* no end\n"
         "workers = 2;",
                "dotward.conf:2: /*: this comment is never closed; end it with */\n"},
        {"workers 2;", "dotward.conf:2: workers: no value; write workers = VALUE;\n"},
        {"workers\n"
         "user = \"x\";",
                "dotward.conf:2: workers: no value; write workers = VALUE;\n"},
        {"workers = ;", "dotward.conf:2: workers: no value; write workers = VALUE;\n"},
        {"access { };", "dotward.conf:2: access: write access: {\n"},
        {"forward.timeout_ms = 5;", "dotward.conf:2: forward.timeout_ms: no dots in a name; write forward: { "
                                    "timeout_ms = ...; };\n"},
        {"workers = 2;\n"
         "workers = 3;",
                "dotward.conf:3: workers: given twice, first in line 2; leave one out\n"},
        {"forward: { attempts = 1; };\n"
         "forward: { padding = 0; };",
                "dotward.conf:3: forward: given twice, first in line 2; leave one out\n"},
        {"access: { allow = [ \"10.0.0.0/8\" \"192.168.0.0/16\" ]; };",
                "dotward.conf:2: \"192.168.0.0/16\": a comma is missing before this\n"},
        {"access: { allow = [ \"10.0.0.0/8\", ]; };",
                "dotward.conf:2: ,: no comma behind the last element\n"},
        {"listen = ( { address = \"::1\"; } { address = \"127.0.0.1\"; } );",
                "dotward.conf:2: {: a comma is missing before this\n"},
        {"listen = ( { address = \"::1\"; }, );", "dotward.conf:2: ,: no comma behind the last element\n"},
        {"listen = (\n"
         "  { address = \"::1\"; };\n"
         ");",
                "dotward.conf:3: ;: \")\", to close the \"(\" of line 2, expected here\n"},
        {"forward: {\n"
         "  attempts = 1;",
                "dotward.conf:3: ;: the text ends behind this; \"}\", to close the \"{\" of line 2, "
                "expected\n"},
        {"access: {\n"
         "  allow = [ \"10.0.0.0/8\" );\n"
         "};",
                "dotward.conf:3: ): \"]\", to close the \"[\" of line 3, expected here\n"},
        {"};", "dotward.conf:2: }: closes nothing that is open\n"},
        {"workers = 2; }", "dotward.conf:2: }: closes nothing that is open\n"},
        {"access: { allow = [ { } ]; };",
                "dotward.conf:2: {: [ ] holds plain values only; lists of others are written ( )\n"},
        {"access: { allow = [ \"10.0.0.0/8\", 10 ]; };",
                "dotward.conf:2: 10: all elements of [ ] must be of one kind\n"},
        {"user = \"a\\x00b\";", "dotward.conf:2: user = \"a\\x00b\": a string cannot contain a zero byte\n"},
        {"@include \"missing.conf\"",
                "dotward.conf:2: cannot include \"missing.conf\": No such file or directory\n"},
        {"@include missing.conf", "dotward.conf:2: @include missing.conf: write @include \"FILE\"\n"},
        {"@include \"dotward.conf\"", "dotward.conf:2: cannot include \"dotward.conf\": it is being read "
                                      "already; a file cannot include itself\n"},
        {"user = @me;", "dotward.conf:2: user = @me: only @include \"FILE\" begins so, outside of strings "
                        "and comments\n"},
        {"workers = 2 %;",
                "dotward.conf:2: %: this means nothing here; strings are written in double quotes\n"},
        {"_x = 1;", "dotward.conf:2: _x: no name begins so\n"},
        {"\"workers\" = 2;", "dotward.conf:2: \"workers\": a name expected here\n"},
        {"forward = timeout_ms = 5;",
                "dotward.conf:2: forward = timeout_ms: a text is written in double quotes: \"timeout_ms\"\n"
                "dotward.conf:2: =: a name expected here\n"},
        {"a = ((((((((((((((((()))))))))))))))));", "dotward.conf:2: (: nested too deep\n"},
        {"addresses = 2620:fe::fe;", "dotward.conf:2: addresses = 2620:fe::fe: no number; if it is a text, "
                                     "write it in double quotes\n"},
        {"allow = 10.0.0.0/8;", "dotward.conf:2: allow = 10.0.0.0/8: no number; if it is a text, write it in "
                                "double quotes\n"},
};

static void
slips_are_named_with_the_remedy(void **state)
{
	(void)state;
	loading_refuses(UPSTREAM, slips, COUNT(slips));
}

static void
several_slips_are_named_in_one_run(void **state)
{
	char *said;
	(void)state;
	assert_null(loading_text("workers = 5s;\n"
	                         "log: { queries = yes; level = debug; };\n"
	                         "access { deny = [ \"10.0.0.0/8\" \"fe80::/10\", ]; };\n"
	                         "workers = 3;",
	        &said));
	assert_string_equal(said,
	        "dotward.conf:1: workers = 5s: no number; write 5 without a unit, which the key has in its "
	        "name\n"
	        "dotward.conf:2: queries = yes: write true\n"
	        "dotward.conf:2: level = debug: a text is written in double quotes: \"debug\"\n"
	        "dotward.conf:3: access: write access: {\n"
	        "dotward.conf:3: \"fe80::/10\": a comma is missing before this\n"
	        "dotward.conf:3: ,: no comma behind the last element\n"
	        "dotward.conf:4: workers: given twice, first in line 1; leave one out\n");
	free(said);
}

/* What libconfig accepts must not be refused before it sees it. */
static void
all_that_libconfig_reads_is_read(void **state)
{
	static const char *const texts[] = {
	        "",
	        "workers = 2",
	        "workers : 0x2L, user = \"a\" \"b\"\nlog = { queries = TRUE level = \"info\" }",
	        "/* a */ # b\n// c\nworkers = 2; /* d\n e */ user = \"\\x41\\\"\\\\\";",
	        "\xef\xbb\xbfworkers = +2;\r\nuser = \"\";\r\n\f",
	        "workers = 2;// right behind a number\nlog:{};access:{allow=[]}",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char text[512];
		snprintf(text, sizeof text, "%s\n%s", texts[i], UPSTREAM);
		config_free(loading_good(text));
	}
}

static bool
is_value(const char *text)
{
	struct complaints complaints = {0};
	struct lex lex = {.complaints = &complaints};
	struct place place = complain_place(&complaints, "-o", 0);
	lex_text(&lex, &place, text);
	bool well = syntax_check_value(&lex);
	assert_int_equal(well, complaints.errors == 0 && lex.count > 0);
	lex_free(&lex);
	complain_free(&complaints);
	return well;
}

static void
one_value_is_one_value(void **state)
{
	(void)state;
	assert_true(is_value("5"));
	assert_true(is_value("\"a\""));
	assert_true(is_value("( { a = 1; }, [ 1, 2 ] )"));
	assert_true(is_value("{ }"));
	assert_false(is_value(""));
	assert_false(is_value("5; b = 6"));
	assert_false(is_value("5 6"));
	assert_false(is_value("1; } x : { y = 2"));
	assert_false(is_value("[ 1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(slips_are_named_with_the_remedy),
	        cmocka_unit_test(several_slips_are_named_in_one_run),
	        cmocka_unit_test(all_that_libconfig_reads_is_read),
	        cmocka_unit_test(one_value_is_one_value),
	};
	return cmocka_run_group_tests(tests, loading_begin, loading_end);
}
