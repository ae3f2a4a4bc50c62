/*
 * Addresses and networks: from text to value and back, and who is the same as whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/addr.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct addr
addr_of(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53), 0);
	return a;
}

static struct addr_net
net_of(const char *text)
{
	struct addr_net n;
	assert_int_equal(addr_net_parse(&n, text), 0);
	return n;
}

static void
good_texts_come_back(void **state)
{
	static const char *const rows[][2] = {
	        {"127.0.0.1", "127.0.0.1@53"},
	        {"127.0.0.1@5353", "127.0.0.1@5353"},
	        {"0.0.0.0@1", "0.0.0.0@1"},
	        {"255.255.255.255@65535", "255.255.255.255@65535"},
	        {"::", "::@53"},
	        {"::1@853", "::1@853"},
	        {"2001:DB8:0:0::1", "2001:db8::1@53"},
	        {"::ffff:192.0.2.1@9", "::ffff:192.0.2.1@9"},
	        {"fe80::1%7@53", "fe80::1%7@53"},
	        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%999999999@65535",
	                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%999999999@65535"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[ADDR_TEXT_BYTES];
		struct addr a = addr_of(rows[i][0]);
		assert_string_equal(addr_text(&a, out), rows[i][1]);
	}
}

static void
bad_texts_are_refused(void **state)
{
	static const char *const rows[] = {"", "@53", "localhost", "127.0.0", "127.0.0.1.1", "127.0.0.256",
	        "127.0.0.1@", "127.0.0.1@0", "127.0.0.1@65536", "127.0.0.1@99999", "127.0.0.1@+53",
	        "127.0.0.1@-1", "127.0.0.1@53 ", " 127.0.0.1", "127.0.0.1@53@54", "127.0.0.1@000053",
	        "127.0.0.1%1", "127.0.0.1:53", "[::1]", ":::", "::1%", "::1%0", "::1%no-such-interface",
	        "1::2::3", "12345::",
	        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a;
		if (addr_parse(&a, rows[i], 53) != -EINVAL)
			fail_msg("accepted: \"%s\"", rows[i]);
	}
}

static void
interface_by_name(void **state)
{
	(void)state;
	unsigned index = if_nametoindex("lo");
	if (index == 0)
		skip();
	assert_int_equal(addr_of("fe80::1%lo").in6.sin6_scope_id, index);
}

static void
host_text_has_no_port(void **state)
{
	char out[ADDR_TEXT_BYTES];
	struct addr four = addr_of("192.0.2.1@53"), six = addr_of("2001:db8::1@53"), none = {0};
	(void)state;
	assert_string_equal(addr_host_text(&four, out), "192.0.2.1");
	assert_string_equal(addr_host_text(&six, out), "2001:db8::1");
	assert_string_equal(addr_host_text(&none, out), "none");
}

static void
port_can_be_changed(void **state)
{
	struct addr a = addr_of("2001:db8::1@53");
	(void)state;
	assert_int_equal(addr_port(&a), 53);
	addr_set_port(&a, 0xabcd);
	assert_int_equal(addr_port(&a), 0xabcd);
	assert_int_equal(ntohs(a.in6.sin6_port), 0xabcd);
	struct addr same = addr_of("2001:db8::1@43981");
	assert_true(addr_equal(&a, &same));
}

static void
bytes_fit_the_family(void **state)
{
	struct addr four = addr_of("192.0.2.1"), six = addr_of("2001:db8::1");
	size_t count;
	(void)state;
	assert_int_equal(addr_bytes(&four), sizeof(struct sockaddr_in));
	assert_int_equal(addr_bytes(&six), sizeof(struct sockaddr_in6));
	assert_memory_equal(addr_host(&four, &count), "\300\0\2\1", 4);
	assert_int_equal(count, 4);
	assert_memory_equal(addr_host(&six, &count), "\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	assert_int_equal(count, 16);
}

static void
wildcards(void **state)
{
	static const struct {
		const char *text;
		bool wild;
	} rows[] = {{"0.0.0.0", true}, {"::", true}, {"0.0.0.1", false}, {"::1", false}, {"1::", false}};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = addr_of(rows[i].text);
		assert_int_equal(addr_is_wildcard(&a), rows[i].wild);
	}
}

static void
what_is_an_address(void **state)
{
	struct addr four = addr_of("192.0.2.1@53"), six = addr_of("::1@53"), none = {0}, local = {0};
	(void)state;
	local.any.sa_family = AF_UNIX;
	assert_true(addr_is_ip(&four));
	assert_true(addr_is_ip(&six));
	assert_false(addr_is_ip(&none));
	assert_false(addr_is_ip(&local));
}

static void
who_is_the_same(void **state)
{
	static const struct {
		const char *left, *right;
		bool equal, same_host;
	} rows[] = {
	        {"127.0.0.1@53", "127.0.0.1@53", true, true},
	        {"127.0.0.1@53", "127.0.0.1@54", false, true},
	        {"127.0.0.1@53", "127.0.0.2@53", false, false},
	        {"::1@53", "::1@53", true, true},
	        {"::1@53", "::2@53", false, false},
	        {"::ffff:127.0.0.1@53", "127.0.0.1@53", false, false},
	        {"0.0.0.0@53", "::@53", false, false},
	        {"fe80::1%1@53", "fe80::1%2@53", false, false},
	        {"fe80::1%2@53", "fe80::1%2@53", true, true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr left = addr_of(rows[i].left), right = addr_of(rows[i].right);
		assert_int_equal(addr_equal(&left, &right), rows[i].equal);
		assert_int_equal(addr_equal(&right, &left), rows[i].equal);
		assert_int_equal(addr_same_host(&left, &right), rows[i].same_host);
	}
}

static void
nets_come_back(void **state)
{
	static const char *const rows[][2] = {
	        {"10.0.0.0/8", "10.0.0.0/8"},
	        {"0.0.0.0/0", "0.0.0.0/0"},
	        {"192.0.2.1", "192.0.2.1/32"},
	        {"192.0.2.128/25", "192.0.2.128/25"},
	        {"::/0", "::/0"},
	        {"::1", "::1/128"},
	        {"2001:db8::/33", "2001:db8::/33"},
	        {"fe80::/10", "fe80::/10"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[ADDR_TEXT_BYTES];
		struct addr_net n = net_of(rows[i][0]);
		assert_string_equal(addr_net_text(&n, out), rows[i][1]);
	}
}

static void
bad_nets_are_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
	        {"", -EINVAL},
	        {"/8", -EINVAL},
	        {"10.0.0.0/", -EINVAL},
	        {"10.0.0.0/33", -EINVAL},
	        {"10.0.0.0/8x", -EINVAL},
	        {"10.0.0.0/-1", -EINVAL},
	        {"10.0.0.0/0008", -EINVAL},
	        {"10.0.0/8", -EINVAL},
	        {"::/129", -EINVAL},
	        {"fe80::%lo/10", -EINVAL},
	        {"10.0.0.1/8", -EDOM},
	        {"10.128.0.0/8", -EDOM},
	        {"192.0.2.192/25", -EDOM},
	        {"128.0.0.0/0", -EDOM},
	        {"2001:db8::1/127", -EDOM},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr_net n;
		int error = addr_net_parse(&n, rows[i].text);
		if (error != rows[i].error)
			fail_msg("%s: %d", rows[i].text, error);
	}
}

static void
what_a_net_holds(void **state)
{
	static const struct {
		const char *net, *address;
		bool holds;
	} rows[] = {
	        {"10.0.0.0/8", "10.255.255.255", true},
	        {"10.0.0.0/8", "11.0.0.0", false},
	        {"10.0.0.0/8", "9.255.255.255", false},
	        {"192.0.2.128/25", "192.0.2.128", true},
	        {"192.0.2.128/25", "192.0.2.127", false},
	        {"172.16.0.0/12", "172.31.255.255", true},
	        {"172.16.0.0/12", "172.32.0.0", false},
	        {"0.0.0.0/0", "255.255.255.255", true},
	        {"0.0.0.0/0", "::1", false},
	        {"::/0", "127.0.0.1", false},
	        {"::/0", "ffff::", true},
	        {"192.0.2.1/32", "192.0.2.1", true},
	        {"192.0.2.1/32", "192.0.2.0", false},
	        {"2001:db8::/33", "2001:db8:7fff::1", true},
	        {"2001:db8::/33", "2001:db8:8000::", false},
	        {"::1/128", "::1", true},
	        {"::1/128", "::", false},
	        {"fe80::/10", "fe80::1%5", true},
	        {"10.0.0.0/8", "::ffff:10.0.0.1", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr_net n = net_of(rows[i].net);
		struct addr a = addr_of(rows[i].address);
		if (addr_net_holds(&n, &a) != rows[i].holds)
			fail_msg("%s in %s", rows[i].address, rows[i].net);
	}
}

static void
the_net_of_an_address(void **state)
{
	static const struct {
		const char *address;
		unsigned prefix;
		const char *net;
	} rows[] = {
	        {"192.0.2.255", 24, "192.0.2.0/24"},
	        {"192.0.2.255", 25, "192.0.2.128/25"},
	        {"192.0.2.255", 31, "192.0.2.254/31"},
	        {"192.0.2.255", 32, "192.0.2.255/32"},
	        {"192.0.2.255", 128, "192.0.2.255/32"},
	        {"192.0.2.255", 0, "0.0.0.0/0"},
	        {"192.0.2.255", 1, "128.0.0.0/1"},
	        {"2001:db8:1:ffff::1", 56, "2001:db8:1:ff00::/56"},
	        {"2001:db8:1:ffff::1", 49, "2001:db8:1:8000::/49"},
	        {"fe80::1%1", 128, "fe80::1/128"},
	        {"fe80::1", 0, "::/0"},
	};
	char text[ADDR_TEXT_BYTES];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct addr a = addr_of(rows[i].address);
		struct addr_net n = addr_net_of(&a, rows[i].prefix);
		assert_string_equal(addr_net_text(&n, text), rows[i].net);
		assert_true(addr_net_holds(&n, &a));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(good_texts_come_back),
	        cmocka_unit_test(bad_texts_are_refused),
	        cmocka_unit_test(interface_by_name),
	        cmocka_unit_test(host_text_has_no_port),
	        cmocka_unit_test(port_can_be_changed),
	        cmocka_unit_test(bytes_fit_the_family),
	        cmocka_unit_test(wildcards),
	        cmocka_unit_test(what_is_an_address),
	        cmocka_unit_test(who_is_the_same),
	        cmocka_unit_test(nets_come_back),
	        cmocka_unit_test(bad_nets_are_refused),
	        cmocka_unit_test(what_a_net_holds),
	        cmocka_unit_test(the_net_of_an_address),
	};
	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
