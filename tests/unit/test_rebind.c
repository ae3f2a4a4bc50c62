/*
 * Which addresses are private, and that each place of an answer is looked into.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/rebind.h"
#include "message.h"

#include <arpa/inet.h>
#include <stdbool.h>

static struct message m;

static void
addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_private;
	} rows[] = {
	        {"0.0.0.0", true},
	        {"0.1.2.3", true},
	        {"1.0.0.0", false},
	        {"9.255.255.255", false},
	        {"10.0.0.0", true},
	        {"10.255.255.255", true},
	        {"11.0.0.0", false},
	        {"100.63.255.255", false},
	        {"100.64.0.0", true},
	        {"100.127.255.255", true},
	        {"100.128.0.0", false},
	        {"126.255.255.255", false},
	        {"127.0.0.1", true},
	        {"127.255.255.255", true},
	        {"128.0.0.0", false},
	        {"169.253.255.255", false},
	        {"169.254.0.1", true},
	        {"169.255.0.0", false},
	        {"172.15.255.255", false},
	        {"172.16.0.0", true},
	        {"172.31.255.255", true},
	        {"172.32.0.0", false},
	        {"192.0.0.170", false},
	        {"192.167.255.255", false},
	        {"192.168.0.0", true},
	        {"192.168.255.255", true},
	        {"192.169.0.0", false},
	        {"255.255.255.255", true},
	        {"192.0.2.1", false},
	        {"::", true},
	        {"::1", true},
	        {"::192.168.0.1", true},
	        {"::8.8.8.8", false},
	        {"::ffff:10.0.0.1", true},
	        {"::ffff:8.8.8.8", true},
	        {"64:ff9b::10.0.0.1", true},
	        {"64:ff9b::8.8.8.8", false},
	        {"64:ff9b::192.0.0.170", false},
	        {"64:ff9b:1::127.0.0.1", true},
	        {"64:ff9b:1::8.8.8.8", false},
	        {"2002:c0a8:101::1", true},
	        {"2002:808:808::1", false},
	        {"fbff::1", false},
	        {"fc00::", true},
	        {"fdff:ffff::1", true},
	        {"fe00::1", false},
	        {"fe80::1", true},
	        {"febf::1", true},
	        {"fec0::1", true},
	        {"ff02::1", false},
	        {"2001:db8::1", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t address[16];
		bool four = inet_pton(AF_INET, rows[i].text, address) == 1;
		assert_true(four || inet_pton(AF_INET6, rows[i].text, address) == 1);
		if ((four ? rebind_is_private4(address) : rebind_is_private6(address)) != rows[i].is_private)
			fail_msg("%s", rows[i].text);
	}
}

static void
begin(void)
{
	message_begin(&m, 1, 0x8180);
	message_question(&m, "www.example.", 1, 1);
}

#define FIND(section, type, rdata)                                                                           \
	(begin(), message_record(&m, SECTION_ANSWER, "a.", 1, "\10\10\10\10", 4),                            \
	        message_record(&m, section, "b.", type, rdata, sizeof rdata - 1),                            \
	        rebind_finds(m.bytes, m.length))

static void
places(void **state)
{
	(void)state;
	begin();
	assert_false(rebind_finds(m.bytes, m.length));
	assert_false(FIND(SECTION_ANSWER, 1, "\11\0\0\1"));
	assert_true(FIND(SECTION_ANSWER, 1, "\12\0\0\1"));
	assert_true(FIND(SECTION_AUTHORITY, 1, "\12\0\0\1"));
	assert_true(FIND(SECTION_ADDITIONAL, 1, "\12\0\0\1"));
	assert_true(FIND(SECTION_ADDITIONAL, 28, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
	assert_false(FIND(SECTION_ADDITIONAL, 28, "\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
	assert_false(FIND(SECTION_ANSWER, 16, "\4\12\0\0\1"));
	/* hints: alpn first, then one public address and one private one */
	assert_true(FIND(SECTION_ANSWER, 65, "\0\1\0\0\1\0\3\2h2\0\4\0\10\10\10\10\10\12\0\0\1"));
	assert_false(FIND(SECTION_ANSWER, 65, "\0\1\0\0\1\0\3\2h2\0\4\0\10\10\10\10\10\11\0\0\1"));
	assert_true(FIND(SECTION_ANSWER, 64, "\0\1\3svc\0\0\6\0\20\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
	assert_false(FIND(SECTION_ANSWER, 64, "\0\1\3svc\0\0\6\0\20\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
	assert_false(FIND(SECTION_ANSWER, 65, "\0\0\3svc\0"));
}

/* What runs out, or has half an address, is taken for the worst. */
static void
what_cannot_be_read(void **state)
{
	(void)state;
	assert_true(FIND(SECTION_ANSWER, 1, "\11\0\0"));
	assert_true(FIND(SECTION_ANSWER, 28, "\x20\1"));
	assert_true(FIND(SECTION_ANSWER, 65, "\0\1"));
	assert_true(FIND(SECTION_ANSWER, 65, "\0\1\0\0\4\0\3\10\10\10"));
	assert_true(FIND(SECTION_ANSWER, 65, "\0\1\0\0\4\0\4\10\10\10"));
	assert_true(FIND(SECTION_ANSWER, 65, "\0\1\0\0\4\0"));
	assert_true(rebind_finds(m.bytes, 12));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses),
	        cmocka_unit_test(places),
	        cmocka_unit_test(what_cannot_be_read),
	};
	return cmocka_run_group_tests_name("rebind", tests, NULL, NULL);
}
