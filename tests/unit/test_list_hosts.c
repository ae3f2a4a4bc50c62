/*
 * Lists in the form of a hosts file, corner by corner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "listing.h"

static void
texts(void **state)
{
	(void)state;
	static const struct listing_row rows[] = {
	        {"0.0.0.0 a.example", "=a.example."},
	        {"127.0.0.1\ta.example\r\n", "=a.example."},
	        {"127.0.0.2 a.example\n", "=a.example."},
	        {":: a.example\n::1 b.example\n", "=a.example. =b.example."},
	        {"0:0:0:0:0:0:0:0 a.example\n", "=a.example."},
	        {"0.0.0.0 a.example b.example  c.example\n", "=a.example. =b.example. =c.example."},
	        {"0.0.0.0 A.Example.\n", "=A.Example."},
	        {"0.0.0.0 a.example # b.example\n", "=a.example."},
	        {"0.0.0.0 a.example #b.example\n", "=a.example."},
	        {"0.0.0.0 b\xc3\xbc"
	         "cher.example\n",
	                "=xn--bcher-kva.example."},
	        {"\xef\xbb\xbf# x\n0.0.0.0 a.example\n", "=a.example."},
	        {"# a\n! b\n\n   # c\n", ""},
	        {"0.0.0.0 a_b.example\n", "=a_b.example."},
	        {"0.0.0.0 nodots\n", "=nodots."},
	        /* what real files begin with */
	        {"127.0.0.1 localhost\n127.0.0.1 localhost.localdomain\n127.0.0.1 local\n"
	         "255.255.255.255 broadcasthost\n::1 localhost\n::1 ip6-localhost\n::1 ip6-loopback\n"
	         "fe80::1%lo0 localhost\nff00::0 ip6-localnet\nff02::1 ip6-allnodes\n0.0.0.0 0.0.0.0\n"
	         "0.0.0.0 a.example\n",
	                "=a.example. skip11"},
	        {"127.0.0.1 localhost a.example\n", "=a.example."},
	        {"127.0.0.1 LocalHost\n", "skip1"},
	        {"192.168.1.10 nas.example\n2001:db8::1 nas.example\n", "skip2"},
	        /* bad ones */
	        {"a.example\n", "bad1"},
	        {"0.0.0.0\n", "bad1"},
	        {"0.0.0.0 # a.example\n", "bad1"},
	        {"0.0.0 a.example\n", "bad1"},
	        {"0.0.0.0a.example\n", "bad1"},
	        {"0.0.0.0 *.a.example\n", "bad1"},
	        {"0.0.0.0 a.example b/c d.example\n", "=a.example. bad1"},
	        {"0.0.0.0 a..example\n", "bad1"},
	        {"||a.example^\n", "bad1"},
	};
	listing_try(rows, sizeof rows / sizeof *rows, LIST_HOSTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
