/*
 * Mistakes in lists of names, each with its place and its remedy; and lists that are printed as they read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "config/list.h"
#include "loading.h"

#include <string.h>
#include <sys/stat.h>

#define BLOCK(text) "policy: { block_lists = ( " text " ); };"
#define SAID(what)  "dotward.conf:2: policy.block_lists." what

static int
files_begin(void **state)
{
	if (loading_begin(state) != 0)
		return -1;
	loading_write("ads.txt", "ads.example\n");
	loading_write("two words", "ads.example\n");
	return mkdir("lists", 0700) == 0 && mkfifo("pipe", 0600) == 0 ? 0 : -1;
}

static int
files_end(void **state)
{
	unlink("ads.txt");
	unlink("two words");
	unlink("pipe");
	rmdir("lists");
	return loading_end(state);
}

static const struct loading_row rows[] = {
        {BLOCK("{ name = \"a\"; }"), SAID("[0]: no file; add file = \"/etc/dotward/blocked.txt\";\n")},
        {BLOCK("{ file = \"\"; }"), SAID("[0].file: empty; name a file, or leave the list out\n")},
        {BLOCK("{ file = \"nothing\"; }"),
                SAID("[0].file = \"nothing\": cannot be read: No such file or directory\n")},
        {BLOCK("{ file = \"pipe\"; }"),
                SAID("[0].file = \"pipe\": neither a regular file nor a folder of such\n")},
        {BLOCK("{ file = \"ads.txt\"; formt = \"plain\"; }"),
                SAID("[0].formt: no such key; did you mean \"format\"?\n")},
        {BLOCK("{ file = \"ads.txt\"; format = \"dnsmasq\"; }"),
                SAID("[0].format = \"dnsmasq\": write one of \"auto\", \"plain\", \"hosts\", \"adblock\", "
                     "\"rpz\"\n")},
        {BLOCK("{ file = \"ads.txt\"; answer = \"drop\"; }"),
                SAID("[0].answer = \"drop\": write one of \"nxdomain\", \"nodata\", \"refused\", "
                     "\"null\"\n")},
        {BLOCK("{ file = \"ads.txt\"; reason = \"\"; }"),
                SAID("[0].reason = \"\": write one of \"blocked\", \"filtered\"\n")},
        {BLOCK("{ file = \"ads.txt\"; },\n{ file = \"lists\"; name = \"ads.txt\"; }"),
                "dotward.conf:3: policy.block_lists.[1]: \"ads.txt\" is the name of the list in line 2, too; "
                "give each a name of its own, name = \"...\"\n"},
        {"policy: { block_lists = ( { file = \"ads.txt\"; name = \"x\"; } );\n"
         "allow_lists = ( { file = \"lists\"; name = \"x\"; } ); };",
                "dotward.conf:3: policy.allow_lists.[0]: \"x\" is the name of the list in line 2, too; give "
                "each a name of its own, name = \"...\"\n"},
        {BLOCK("{ file = \"two words\"; }"),
                SAID("[0].file: \"two words\" is no name for a list (a name has no spaces, quotes or letters "
                     "beyond ASCII); give it one, name = \"...\"\n")},
        {"policy: { allow_lists = ( { file = \"ads.txt\"; answer = \"null\"; } ); };",
                "dotward.conf:2: policy.allow_lists.[0].answer: no such key; did you mean "
                "\"policy.block_lists[].answer\"?\n"},
};

static void
mistakes_are_named_with_the_remedy(void **state)
{
	(void)state;
	loading_refuses(UPSTREAM, rows, COUNT(rows));
}

static void
there_are_64_lists_at_most(void **state)
{
	(void)state;
	for (int count = 64; count <= 65; count++) {
		char *text = NULL, *said;
		size_t bytes;
		FILE *out = open_memstream(&text, &bytes);
		fprintf(out, "%spolicy: { block_lists = (", UPSTREAM);
		for (int i = 0; i < 60; i++)
			fprintf(out, "%s { file = \"ads.txt\"; name = \"b%d\"; }", i ? "," : "", i);
		fprintf(out, ");\nallow_lists = (");
		for (int i = 60; i < count; i++)
			fprintf(out, "%s { file = \"ads.txt\"; name = \"a%d\"; }", i > 60 ? "," : "", i);
		fprintf(out, "); };\n");
		fclose(out);
		struct config *config = loading_text(text, &said);
		assert_string_equal(said, count == 64
		                                  ? ""
		                                  : "dotward.conf:3: policy.allow_lists.[4]: at most 64 "
		                                    "lists, block_lists and allow_lists "
		                                    "together; put the files of several into one folder\n");
		assert_int_equal(config != NULL, count == 64);
		config_free(config);
		free(text);
		free(said);
	}
}

static void
lists_read_as_they_print(void **state)
{
	(void)state;
	struct config *config =
	        loading_good(UPSTREAM "policy: { block_lists = ( { file = \"./lists//\"; }, { file = "
	                              "\"ads.txt\"; name = \"ads\"; format "
	                              "= \"hosts\"; answer = \"null\"; reason = \"filtered\"; } );"
	                              " allow_lists = ( { file = \"ads.txt\"; format = \"rpz\"; } ); };");
	assert_int_equal(config_lists_count(config), 3);
	assert_string_equal(config_lists_at(config, 0)->name, "lists");
	assert_int_equal(config_lists_at(config, 0)->format, CONFIG_LIST_AUTO);
	assert_int_equal(config_lists_at(config, 0)->answer, CONFIG_LIST_NXDOMAIN);
	assert_false(config_lists_at(config, 0)->filtered);
	assert_int_equal(config_lists_at(config, 1)->format, CONFIG_LIST_HOSTS);
	assert_int_equal(config_lists_at(config, 1)->answer, CONFIG_LIST_NULL);
	assert_true(config_lists_at(config, 1)->filtered);
	assert_string_equal(config_lists_at(config, 2)->name, "ads.txt");
	assert_int_equal(config_lists_at(config, 2)->format, CONFIG_LIST_RPZ);
	struct config *copy = config_copy(config);
	char *first = loading_print(config);
	config_free(config);
	config = loading_good(first);
	char *second = loading_print(config), *third = loading_print(copy);
	assert_string_equal(second, first);
	assert_string_equal(third, first);
	config_free(config);
	config_free(copy);
	free(first);
	free(second);
	free(third);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(mistakes_are_named_with_the_remedy),
	        cmocka_unit_test(there_are_64_lists_at_most),
	        cmocka_unit_test(lists_read_as_they_print),
	};
	return cmocka_run_group_tests(tests, files_begin, files_end);
}
