/*
 * One number for a question, from a message or from a name, whatever the message looks like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/hash.h"
#include "dns/name.h"
#include "message.h"

#include <stdbool.h>
#include <stdlib.h>

enum { SEED = 4711, A = 1, AAAA = 28, IN = 1, CH = 3 };

static struct message m;

static uint64_t
hash_of(const char *name, unsigned type, unsigned class)
{
	message_begin(&m, 0x1234, 0x0100);
	message_question(&m, name, type, class);
	return hash_question(m.bytes, m.length, SEED);
}

/* The same bytes where nothing lies behind them, so that the sanitizer sees a step too far. */
static uint64_t
hash_tight(const uint8_t *msg, size_t bytes)
{
	uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
	memcpy(copy, msg, bytes);
	uint64_t hash = hash_question(copy, bytes, SEED);
	free(copy);
	return hash;
}

static void
case_does_not_matter(void **state)
{
	uint64_t lower = hash_of("www.example.", A, IN);
	(void)state;
	assert_true(hash_of("WWW.EXAMPLE.", A, IN) == lower);
	assert_true(hash_of("wWw.ExAmPlE.", A, IN) == lower);
	/* Only letters have a case: '@' and '`', '[' and '{' are as far apart as 'A' and 'a'. */
	assert_true(hash_of("a@.", A, IN) != hash_of("a`.", A, IN));
	assert_true(hash_of("a[.", A, IN) != hash_of("a{.", A, IN));
}

/* Eight octets are folded at once: every octet, in every one of the places, beside every kind of neighbour.
 */
static void
exactly_letters_are_folded(void **state)
{
	static const uint8_t neighbours[] = {0, 'A', 'Z', 'z', 0x7f, 0x80, 0xff};
	(void)state;
	for (unsigned octet = 0; octet < 256; octet++)
		for (unsigned place = 1; place < 20; place++) {
			uint8_t name[22] = {20}, other[22];
			memset(name + 1, neighbours[(octet + place) % sizeof neighbours], 20);
			name[place] = (uint8_t)octet;
			memcpy(other, name, sizeof name);
			other[place] ^= 0x20;
			bool letter = (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z');
			assert_true((hash_name(name, sizeof name, A, IN, SEED) ==
			                    hash_name(other, sizeof other, A, IN, SEED)) == letter);
		}
}

static void
everything_else_does(void **state)
{
	uint64_t hash = hash_of("www.example.", A, IN);
	(void)state;
	assert_true(hash_of("www.example.", AAAA, IN) != hash);
	assert_true(hash_of("www.example.", A, CH) != hash);
	assert_true(hash_of("example.", A, IN) != hash);
	assert_true(hash_of("www.exampl.", A, IN) != hash);
	assert_true(hash_of("w.wwexample.", A, IN) != hash);
	assert_true(hash_of(".", A, IN) != hash);
	hash_of("www.example.", A, IN);
	assert_true(hash_question(m.bytes, m.length, SEED + 1) != hash);
}

/* A client that asks again has another id, and may set other flags and another OPT. */
static void
what_is_around_the_question_does_not_matter(void **state)
{
	uint64_t hash = hash_of("www.example.", A, IN);
	(void)state;
	message_begin(&m, 0xffff, 0x0010);
	message_question(&m, "www.example.", A, IN);
	message_opt(&m, 4096, 0x8000, "\0\13\0\0", 4);
	assert_true(hash_question(m.bytes, m.length, SEED) == hash);
}

static void
from_a_name_as_from_a_message(void **state)
{
	static const uint8_t name[] = "\3wwW\7eXample", root[] = "";
	(void)state;
	assert_true(hash_name(name, sizeof name, AAAA, CH, SEED) == hash_of("WWw.example.", AAAA, CH));
	assert_true(hash_name(root, 1, 0xfffe, 0x1234, SEED) == hash_of(".", 0xfffe, 0x1234));
	assert_true(hash_name(name, sizeof name, AAAA, CH, 1) != hash_of("www.example.", AAAA, CH));
}

static void
longest_name(void **state)
{
	uint8_t name[NAME_BYTES] = {0};
	(void)state;
	for (size_t at = 0; at < 254; at += 1u + name[at]) {
		name[at] = at < 192 ? 63 : 61;
		memset(name + at + 1, 'x', name[at]);
	}
	message_begin(&m, 1, 0);
	message_put(&m, name, sizeof name);
	message_put32(&m, 0x00010001);
	assert_true(hash_tight(m.bytes, m.length) == hash_name(name, sizeof name, A, IN, SEED));
	/* A name beyond that is cut, and still hashed to the same each time. */
	uint8_t much[400];
	memset(much, 'y', sizeof much);
	assert_true(hash_name(much, sizeof much, A, IN, SEED) == hash_name(much, NAME_BYTES, A, IN, SEED));
}

/* It is asked about messages that kill the parser. Never 0, which says that there is no question. */
static void
malformed_messages(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= 12; bytes++)
		assert_true(hash_tight((const uint8_t *)"\x12\x34\1\0\0\1\0\0\0\0\0\0", bytes) == 1);
	hash_of("www.example.", A, IN);
	for (size_t bytes = 13; bytes <= m.length; bytes++)
		assert_true(hash_tight(m.bytes, bytes) != 0);
	static const char *const tails[] = {"\300\14\0\1\0\1", "\100abc", "\77abc", "\377\377\377", "\1",
	        "\1a\1b\1c", "\1a\300\14\0\1\0\1", "\200\200\200\200\200"};
	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		message_begin(&m, 1, 0);
		message_put(&m, tails[i], strlen(tails[i]));
		uint64_t hash = hash_tight(m.bytes, m.length);
		assert_true(hash != 0);
		assert_true(hash_tight(m.bytes, m.length) == hash);
	}
	/* Labels without end. */
	message_begin(&m, 1, 0);
	for (unsigned i = 0; i < 2000; i++)
		message_put(&m, "\1a", 2);
	for (size_t bytes = 12; bytes <= m.length; bytes++)
		assert_true(hash_tight(m.bytes, bytes) != 0);
}

/* Messages that differ in their question alone, and in its broken rest too, are told apart. */
static void
random_garbage(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t bytes[64];
		size_t length = (size_t)rand() % sizeof bytes;
		for (size_t j = 0; j < length; j++)
			bytes[j] = (uint8_t)rand();
		assert_true(hash_tight(bytes, length) != 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(case_does_not_matter),
	        cmocka_unit_test(exactly_letters_are_folded),
	        cmocka_unit_test(everything_else_does),
	        cmocka_unit_test(what_is_around_the_question_does_not_matter),
	        cmocka_unit_test(from_a_name_as_from_a_message),
	        cmocka_unit_test(longest_name),
	        cmocka_unit_test(malformed_messages),
	        cmocka_unit_test(random_garbage),
	};
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
