/*
 * A table of domains: by hand, and at random against a reference that compares the name with every domain.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/domains.h"

#include <stdio.h>
#include <string.h>

static size_t
wire(const char *text, uint8_t name[NAME_BYTES])
{
	size_t bytes = name_from_text(text, name);
	assert_true(bytes > 0);
	return bytes;
}

static void
put(struct domains *d, const char *text, uint32_t number)
{
	uint8_t name[NAME_BYTES];
	size_t bytes = wire(text, name);
	*domains_put(d, name, bytes) = number;
}

static struct domains_match
find(const struct domains *d, const char *text)
{
	uint8_t name[NAME_BYTES];
	struct domains_match match;
	domains_find(d, name, wire(text, name), &match);
	return match;
}

static void
by_hand(void **state)
{
	(void)state;
	struct domains *d = domains_new();
	struct domains_match m = find(d, "a.b");
	assert_int_equal(m.labels, 2);
	assert_int_equal(m.known, 0);
	assert_int_equal(m.numbered, 0);
	put(d, "Lab.Corp.example", 7);
	put(d, "example", 3);
	m = find(d, "www.lab.CORP.example");
	assert_int_equal(m.labels, 4);
	assert_int_equal(m.known, 3);
	assert_int_equal(m.number, 7);
	assert_int_equal(m.numbered, 7);
	assert_int_equal(m.numbered_labels, 3);
	assert_int_equal(m.numbered_at, 4);
	/* on the way to another */
	m = find(d, "corp.example");
	assert_int_equal(m.known, 2);
	assert_int_equal(m.known_at, 0);
	assert_int_equal(m.number, 0);
	assert_int_equal(m.numbered, 3);
	assert_int_equal(m.numbered_labels, 1);
	assert_int_equal(m.numbered_at, 5);
	/* ends of labels are none of domains */
	assert_int_equal(find(d, "xexample").known, 0);
	assert_int_equal(find(d, "xcorp.example").known, 1);
	assert_int_equal(find(d, ".").labels, 0);
	assert_int_equal(find(d, ".").numbered, 0);
	put(d, ".", 9);
	assert_int_equal(find(d, "a.b").numbered, 9);
	assert_int_equal(find(d, "a.b").numbered_labels, 0);
	assert_int_equal(find(d, "corp.example").numbered, 3);
	put(d, "EXAMPLE", 4); /* the same once more */
	assert_int_equal(find(d, "example").number, 4);
	domains_free(d);
	domains_free(NULL);
}

/* --- at random --- */

static uint32_t
next(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

/* Few labels, so that names meet. */
static size_t
random_name(uint32_t *random, uint8_t name[NAME_BYTES])
{
	static const char *const labels[] = {"\1a", "\1B", "\2ab", "\3www", "\1b"};
	size_t bytes = 0;
	for (unsigned i = next(random) % 6; i > 0; i--) {
		const char *label = labels[next(random) % 5];
		memcpy(name + bytes, label, 1u + (uint8_t)label[0]);
		bytes += 1u + (uint8_t)label[0];
	}
	name[bytes++] = 0;
	return bytes;
}

enum { DOMAINS = 200 };

static struct {
	uint8_t name[NAME_BYTES];
	size_t bytes;
} put_names[DOMAINS];

/* The longest of the first `count` that the name is or is in; -1: none. The last put counts. */
static int
reference(const uint8_t *name, size_t bytes, unsigned count)
{
	for (;; bytes -= 1u + name[0], name += 1u + name[0]) {
		for (unsigned i = count; i > 0; i--)
			if (put_names[i - 1].bytes == bytes && name_equal(put_names[i - 1].name, name, bytes))
				return (int)i - 1;
		if (name[0] == 0)
			return -1;
	}
}

static void
at_random(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++) {
		uint32_t random = seed;
		struct domains *d = domains_new();
		unsigned count = next(&random) % DOMAINS;
		for (unsigned i = 0; i < count; i++) {
			put_names[i].bytes = random_name(&random, put_names[i].name);
			*domains_put(d, put_names[i].name, put_names[i].bytes) = i + 1;
		}
		for (unsigned i = 0; i < 500; i++) {
			uint8_t name[NAME_BYTES];
			struct domains_match m;
			size_t bytes = random_name(&random, name);
			domains_find(d, name, bytes, &m);
			int wanted = reference(name, bytes, count);
			assert_int_equal((int)m.numbered - 1, wanted);
			if (wanted >= 0)
				assert_int_equal(bytes - m.numbered_at, put_names[wanted].bytes);
		}
		domains_free(d);
	}
}

static void
many(void **state)
{
	(void)state;
	char text[64];
	struct domains *d = domains_new();
	for (unsigned i = 1; i <= 20000; i++) {
		snprintf(text, sizeof text, "host-%u.net-%u.example", i, i % 100);
		put(d, text, i);
	}
	for (unsigned i = 1; i <= 20000; i++) {
		snprintf(text, sizeof text, "host-%u.net-%u.example", i, i % 100);
		assert_int_equal(find(d, text).number, i);
	}
	assert_int_equal(find(d, "host-1.net-2.example").number, 0);
	domains_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(by_hand),
	        cmocka_unit_test(at_random),
	        cmocka_unit_test(many),
	};
	return cmocka_run_group_tests_name("domains", tests, NULL, NULL);
}
