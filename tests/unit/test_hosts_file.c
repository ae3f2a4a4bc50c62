/*
 * Lines of a hosts file, right and wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "config/hosts_file.h"

#include "dns/name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static char said[2048];

static void
note_entry(void *arg, const struct hosts_entry *entry)
{
	char address[INET6_ADDRSTRLEN], name[NAME_TEXT_BYTES];
	size_t used = strlen(said);
	assert_null(arg);
	inet_ntop(entry->address_bytes == 4 ? AF_INET : AF_INET6, entry->address, address, sizeof address);
	snprintf(said + used, sizeof said - used, "%lu %s %s\n", entry->line, address,
	        name_text(entry->name, entry->name_bytes, name));
}

static void
note_error(void *arg, unsigned long line, const char *why)
{
	size_t used = strlen(said);
	assert_null(arg);
	snprintf(said + used, sizeof said - used, "%lu! %s\n", line, why);
}

static void
lines(void **state)
{
	(void)state;
	static const struct {
		const char *text, *said;
	} rows[] = {
	        {"", ""},
	        {"\n\n# only a comment\n   \t\r\n", ""},
	        {"127.0.0.1 localhost", "1 127.0.0.1 localhost.\n"},
	        {"127.0.0.1\tlocalhost  loop.lan\t\r\n::1 localhost#x y\r\n",
	                "1 127.0.0.1 localhost.\n1 127.0.0.1 loop.lan.\n2 ::1 localhost.\n"},
	        {"  10.0.0.1 A.B.", "1 10.0.0.1 A.B.\n"},
	        {"10.0.0.1 _x-y.lan", "1 10.0.0.1 _x-y.lan.\n"},
	        {"fe80::1%eth0 a", "1! an address that is good on one interface only cannot be an answer\n"},
	        {"10.0.0 a\n10.0.0.1 b", "1! no address at its beginning\n2 10.0.0.1 b.\n"},
	        {"name 10.0.0.1", "1! no address at its beginning\n"},
	        {"10.0.0.1", "1! no name behind the address\n"},
	        {"10.0.0.1 # none", "1! no name behind the address\n"},
	        {"10.0.0.1 good bad..name", "1! a name that is none\n"},
	        {"10.0.0.1 .", "1! a name that is none\n"},
	        {"10.0.0.1 a\\046b",
	                "1! a name with other characters than letters, digits, hyphens and dots\n"},
	        {"10.0.0.1 *.lan",
	                "1! a name with other characters than letters, digits, hyphens and dots\n"},
	        {"10.0.0.1 m\xc3\xbcller", "1! a name that is not in its ASCII form (xn--...)\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		said[0] = '\0';
		hosts_file_parse(rows[i].text, strlen(rows[i].text), note_entry, note_error, NULL);
		assert_string_equal(said, rows[i].said);
	}
}

static void
bytes_that_are_no_text(void **state)
{
	(void)state;
	char wide[400];
	said[0] = '\0';
	hosts_file_parse("10.0.0.1 a\0b\n10.0.0.2\0 c\n", 24, note_entry, note_error, NULL);
	assert_string_equal(said, "1! a name with a null byte in it\n2! no address at its beginning\n");
	said[0] = '\0';
	memset(wide, 'x', sizeof wide);
	memcpy(wide, "10.0.0.1 ", 9);
	hosts_file_parse(wide, sizeof wide, note_entry, note_error, NULL);
	assert_string_equal(said, "1! a name that is too long\n");
	/* nobody wants to hear of errors */
	said[0] = '\0';
	hosts_file_parse("x\n10.0.0.1 a", 12, note_entry, NULL, NULL);
	assert_string_equal(said, "2 10.0.0.1 a.\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lines),
	        cmocka_unit_test(bytes_that_are_no_text),
	};
	return cmocka_run_group_tests_name("hosts_file", tests, NULL, NULL);
}
