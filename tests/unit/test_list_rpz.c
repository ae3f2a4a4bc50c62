/*
 * Zones of response policies: triggers, actions, and where the zone is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "listing.h"

#define SOA "@ 60 IN SOA ns. host. 1 3600 600 86400 60\n@ NS ns.\n"

static void
texts(void **state)
{
	(void)state;
	static const struct listing_row rows[] = {
	        {"", ""},
	        {"$TTL 2h\n" SOA "a.example CNAME .\n", "nx=a.example."},
	        {SOA "a.example CNAME *.\n", "nodata=a.example."},
	        {SOA "a.example CNAME rpz-passthru.\n", "pass=a.example."},
	        {SOA "a.example CNAME RPZ-Passthru.\n", "pass=a.example."},
	        {SOA "a.example CNAME rpz-drop.\n", "drop=a.example."},
	        {SOA "a.example CNAME rpz-tcp-only.\n", "tcp=a.example."},
	        {SOA "*.a.example CNAME .\n", "nx-a.example."},
	        {SOA "a.example CNAME .\n*.a.example CNAME *.\n", "nx=a.example. nodata-a.example."},
	        {SOA "* CNAME .\n", "nx-."},
	        {SOA "A.Example IN CNAME .\r\n", "nx=A.Example."},
	        {SOA "; comment\na.example CNAME . ; why\n", "nx=a.example."},
	        {SOA "a.example 300 IN A 192.0.2.1\n\tAAAA 2001:db8::1\n",
	                "data1/300=a.example. data28/60=a.example."},
	        {SOA "a.example CNAME garden.example.\n", "data5/60=a.example."},
	        {SOA "*.a.example TXT \"x\"\n", "data16/60-a.example."},
	        {SOA "a.example (\n 60\n CNAME\n . )\nb.example CNAME .\n", "nx=a.example. nx=b.example."},
	        {"a.example CNAME .\n", "nx=a.example."},
	        {"a.example. CNAME .\n", "nx=a.example."},
	        {"\xef\xbb\xbf" SOA "a.example CNAME .\n", "nx=a.example."},
	        /* where the zone is */
	        {"$ORIGIN rpz.test.\n" SOA
	         "a.example CNAME .\nb.example.rpz.test. CNAME .\n*.c.RPZ.test. CNAME .\n",
	                "nx=a.example. nx=b.example. nx-c."},
	        {"rpz.test. SOA ns. host. 1 1 1 1 1\nrpz.test. NS ns.\na.example.rpz.test. CNAME .\n",
	                "nx=a.example."},
	        {"$ORIGIN rpz.test.\n" SOA "a.example. CNAME .\nb.example CNAME .\n", "bad4 nx=b.example."},
	        {"$ORIGIN rpz.test.\n" SOA "xrpz.test. CNAME .\n", "bad4"},
	        /* what is not a trigger by name */
	        {SOA "32.1.2.0.192.rpz-ip CNAME .\n24.0.2.0.192.rpz-client-ip CNAME .\n"
	             "32.1.2.0.192.rpz-nsip CNAME .\nns.example.rpz-nsdname CNAME .\na.example CNAME .\n",
	                "no3 no4 no5 no6 nx=a.example. skip4"},
	        {SOA "rpz-ip.example CNAME .\n", "nx=rpz-ip.example."},
	        {SOA "a.example CNAME *.garden.example.\n", "no3 skip1"},
	        /* upkeep of the zone */
	        {SOA "a.example RRSIG CNAME 8 2 60 20300101000000 20200101000000 1 . AAAA\na.example CNAME "
	             ".\n",
	                "nx=a.example."},
	        {SOA "a.example NS ns.example.\n", ""},
	        /* bad ones */
	        {SOA "a.example CNAME\nb.example CNAME .\n", "bad3 nx=b.example."},
	        {SOA "a.example A 1.2.3\nb.example CNAME .\n", "bad3 nx=b.example."},
	        {SOA "a.example DNAME b.\n", "bad3"},
	        {SOA "a.example CH TXT x\n", "bad3"},
	        {SOA "$INCLUDE /etc/passwd\na.example CNAME .\n", "bad3 nx=a.example."},
	        {"||a.example^\n", "bad1"},
	        /* no line that there is not */
	        {"$TTL(x 1", "bad1"},
	};
	listing_try(rows, sizeof rows / sizeof *rows, LIST_RPZ);
}

/* Nothing behind it can be read: the file is refused, however many lines were good. */
static void
cut(void **state)
{
	(void)state;
	static struct listing l;
	listing_read(&l,
	        "a.example CNAME .\nb.example CNAME .\nc.example CNAME .\nd.example CNAME .\n"
	        "e.example CNAME .\nf.example CNAME .\ng.example CNAME .\nh.example CNAME .\n"
	        "i.example CNAME .\nj.example CNAME .\nk.example CNAME .\nl.example CNAME .\nx (\ny CNAME "
	        ".\n",
	        LIST_RPZ);
	assert_int_equal(l.tally.used, 12);
	assert_in_range(l.tally.bad, 1, 2);
	assert_true(l.tally.cut);
	assert_true(list_spoilt(&l.tally));
}

static void
tally(void **state)
{
	(void)state;
	static struct listing l;
	listing_read(&l, SOA "\n; x\na.example CNAME .\nb.example A 1\nc.rpz-ip CNAME .", LIST_RPZ);
	assert_int_equal(l.tally.lines, 7);
	assert_int_equal(l.tally.used, 1);
	assert_int_equal(l.tally.bad, 1);
	assert_int_equal(l.tally.skipped, 1);
	assert_false(l.tally.cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts),
	        cmocka_unit_test(cut),
	        cmocka_unit_test(tally),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
