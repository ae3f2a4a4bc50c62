/*
 * A line of the log taken apart: what is a pair, what is words, and what a value says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/logline.h"

#include <stdio.h>
#include <string.h>

/* "key<value>" for each pair, "key'value'" for a quoted one, then "|run" for each run. */
static const char *
split(const char *text)
{
	static char out[4096];
	struct logline line;
	size_t used = 0;
	logline_split(&line, text);
	out[0] = '\0';
	for (unsigned i = 0; i < line.pair_count; i++) {
		const struct logline_pair *p = &line.pairs[i];
		used += (size_t)snprintf(out + used, sizeof out - used, "%.*s%s%.*s%s", (int)p->key.bytes,
		        p->key.text, p->quoted ? "'" : "<", (int)p->value.bytes, p->value.text,
		        p->quoted ? "'" : ">");
	}
	for (unsigned i = 0; i < line.run_count; i++)
		used += (size_t)snprintf(
		        out + used, sizeof out - used, "|%.*s", (int)line.runs[i].bytes, line.runs[i].text);
	return out;
}

static void
words_then_pairs(void **state)
{
	(void)state;
	assert_string_equal(
	        split("worker died slot=3 pid=812 uptime=41s"), "slot<3>pid<812>uptime<41s>|worker died");
	assert_string_equal(split("q=7 answered from=\"up one\""), "q<7>from'up one'|answered");
	assert_string_equal(split("log reopened"), "|log reopened");
	assert_string_equal(split(""), "");
	assert_string_equal(split("   "), "");
	assert_string_equal(split("a=1"), "a<1>");
}

static void
words_between_pairs_are_runs_of_their_own(void **state)
{
	(void)state;
	assert_string_equal(split("worker died signal=11 (Segmentation fault) next=5ms, left alone"),
	        "signal<11>next<5ms>|worker died|(Segmentation fault)|left alone");
	assert_string_equal(split("upstream connected tls=TLS1.3 resumed early"),
	        "tls<TLS1.3>|upstream connected|resumed early");
}

static void
the_mark_of_a_sentence_is_not_the_values(void **state)
{
	(void)state;
	assert_string_equal(
	        split("it makes no sense pid=812: it is killed"), "pid<812>|it makes no sense|it is killed");
	assert_string_equal(split("x why=\"a b\": gone"), "why'a b'|x|gone");
	assert_string_equal(split("x at=:: y=,"), "at<::>y<,>|x");
	assert_string_equal(split("x at=fe80::"), "at<fe80::>|x");
	assert_string_equal(split("x at=src/a.c:12"), "at<src/a.c:12>|x");
}

static void
what_only_looks_like_a_pair_is_words(void **state)
{
	(void)state;
	assert_string_equal(
	        split("log.target = \"x\" cannot be opened"), "|log.target = \"x\" cannot be opened");
	assert_string_equal(split("Key=1 =2 9a=3 a-b=4"), "|Key=1 =2 9a=3 a-b=4");
	assert_string_equal(split("x why=\"never closed"), "|x why=\"never closed");
	assert_string_equal(split("a= b"), "a<>|b");
	assert_string_equal(split("a=\"\" b"), "a''|b");
}

static void
a_quote_inside_ends_nothing_unless_a_word_ends_there(void **state)
{
	(void)state;
	assert_string_equal(split("x why=\"the \"good\"one\" y=1"), "why'the \"good\"one'y<1>|x");
}

static void
a_key_counts_once_and_ours_never(void **state)
{
	(void)state;
	assert_string_equal(split("x a=1 a=2 b=3"), "a<1>b<3>|x|a=2");
	assert_string_equal(split("x level=loud time=9 a=1"), "a<1>|x level=loud time=9");
}

static void
more_than_there_is_room_for_is_not_lost(void **state)
{
	char text[2048] = "", name[8], rest[32];
	struct logline line;
	(void)state;
	for (int i = 0; i < LOGLINE_PAIRS + 3; i++) {
		snprintf(name, sizeof name, "k%d=1 ", i);
		strcat(text, name);
	}
	logline_split(&line, text);
	assert_int_equal(line.pair_count, LOGLINE_PAIRS);
	assert_int_equal(line.run_count, 1);
	snprintf(rest, sizeof rest, "k%d=1 k%d=1 k%d=1", LOGLINE_PAIRS, LOGLINE_PAIRS + 1, LOGLINE_PAIRS + 2);
	assert_int_equal(line.runs[0].bytes, strlen(rest));
	assert_memory_equal(line.runs[0].text, rest, strlen(rest));
	assert_string_equal(split("a a=1 b b=1 c c=1 d d=1 e e=1 f f=1 g g=1 h h=1 i i=1 j"),
	        "a<1>b<1>c<1>d<1>e<1>f<1>g<1>h<1>i<1>|a|b|c|d|e|f|g|h h=1 i i=1 j");
}

static const char *
value(const char *text)
{
	static char out[64];
	struct logline line;
	logline_split(&line, text);
	assert_int_equal(line.pair_count, 1);
	size_t bytes = logline_value(&line.pairs[0], out, sizeof out);
	assert_int_equal(out[bytes], '\0');
	return out;
}

static void
quoted_values_say_bytes(void **state)
{
	char little[4];
	struct logline line;
	(void)state;
	assert_string_equal(value("w=\"caf\\195\\169 \\034x\\034\""), "caf\303\251 \"x\"");
	assert_string_equal(value("w=\"\\256\\12 \\x\""), "\\256\\12 \\x");
	assert_string_equal(value("w=a\\032b"), "a\\032b"); /* a name keeps the form that zone files have */
	logline_split(&line, "w=\"abcdef\"");
	assert_int_equal(logline_value(&line.pairs[0], little, sizeof little), 3);
	assert_string_equal(little, "abc");
}

static enum logline_kind
kind(const char *text)
{
	struct logline line;
	logline_split(&line, text);
	assert_int_equal(line.pair_count, 1);
	return logline_kind(&line.pairs[0]);
}

static void
numbers(void **state)
{
	static const char *const texts[] = {"a=", "a=-", "a=01", "a=1e5", "a=1.", "a=.5", "a=0x1",
	        "a=1234567890123456", "a=\"1\"", "a=5m", "a=5sec", "name=7", "upstream=7", "a=1.1.1.1",
	        "a=--1", "a=-s"};
	(void)state;
	assert_int_equal(kind("a=0"), LOGLINE_NUMBER);
	assert_int_equal(kind("a=812"), LOGLINE_NUMBER);
	assert_int_equal(kind("a=-1"), LOGLINE_NUMBER);
	assert_int_equal(kind("a=0.125"), LOGLINE_NUMBER);
	assert_int_equal(kind("a=123456789012345"), LOGLINE_NUMBER);
	assert_int_equal(kind("a=41s"), LOGLINE_S);
	assert_int_equal(kind("a=41ms"), LOGLINE_MS);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_int_equal(kind(texts[i]), LOGLINE_TEXT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(words_then_pairs),
	        cmocka_unit_test(words_between_pairs_are_runs_of_their_own),
	        cmocka_unit_test(the_mark_of_a_sentence_is_not_the_values),
	        cmocka_unit_test(what_only_looks_like_a_pair_is_words),
	        cmocka_unit_test(a_quote_inside_ends_nothing_unless_a_word_ends_there),
	        cmocka_unit_test(a_key_counts_once_and_ours_never),
	        cmocka_unit_test(more_than_there_is_room_for_is_not_lost),
	        cmocka_unit_test(quoted_values_say_bytes),
	        cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests_name("logline", tests, NULL, NULL);
}
