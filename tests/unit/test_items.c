/*
 * Texts that mean something, there and back; what is wrong with the others is in test_read.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "config/items.h"

#include "base/addr.h"
#include "config/config.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
there_and_back(const struct item *item, const void *object, const char *text, const char *back)
{
	union {
		struct addr address;
		struct addr_net net;
		uint8_t pin[CONFIG_PIN_BYTES];
		struct config_bootstrap bootstrap;
	} value = {0};
	struct why why;
	char out[ITEM_TEXT_BYTES];
	assert_true(item->bytes <= sizeof value);
	assert_true(item->take(&value, object, text, &why));
	item->show(&value, object, out);
	assert_string_equal(out, back);
}

static void
upstream_addresses_show_a_port_of_their_own(void **state)
{
	struct config_upstream upstream = {.port = 853};
	(void)state;
	there_and_back(&item_upstream_address, &upstream, "192.0.2.1", "192.0.2.1");
	there_and_back(&item_upstream_address, &upstream, "192.0.2.1@853", "192.0.2.1");
	there_and_back(&item_upstream_address, &upstream, "2001:DB8::1@443", "2001:db8::1@443");
}

static void
bootstrap_servers_have_a_name_a_pin_or_neither(void **state)
{
	static const char pinned[] = "192.0.2.1@443#sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	struct config_bootstrap b;
	struct why why;
	(void)state;
	there_and_back(&item_bootstrap, NULL, "192.0.2.1", "192.0.2.1");
	there_and_back(&item_bootstrap, NULL, "2001:DB8::1@853#Dns.Example", "2001:db8::1#Dns.Example");
	there_and_back(&item_bootstrap, NULL, pinned, pinned);
	assert_true(item_bootstrap.take(&b, NULL, pinned, &why));
	assert_true(b.pinned);
	assert_int_equal(b.pin[31], 31);
	assert_string_equal(b.name, "");
	assert_int_equal(addr_port(&b.address), 443);
	assert_true(item_bootstrap.take(&b, NULL, "::1#a.example", &why));
	assert_false(b.pinned);
	assert_string_equal(b.name, "a.example");
	assert_int_equal(addr_port(&b.address), 853);
	assert_false(item_bootstrap.take(&b, NULL, "", &why));
	assert_false(item_bootstrap.take(&b, NULL, "#a.example", &why));
	assert_false(item_bootstrap.take(&b, NULL, "192.0.2.1#a#b", &why));
}

static void
networks_are_shown_with_their_prefix(void **state)
{
	(void)state;
	there_and_back(&item_net, NULL, "192.0.2.1", "192.0.2.1/32");
	there_and_back(&item_net, NULL, "0.0.0.0/0", "0.0.0.0/0");
	there_and_back(&item_net, NULL, "2001:db8::/32", "2001:db8::/32");
}

static void
pins_are_their_bytes(void **state)
{
	static const char *const pins[] = {
	        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	        "sha256////////////////////////////////////////////8=",
	        "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	};
	uint8_t bytes[CONFIG_PIN_BYTES];
	struct why why;
	(void)state;
	assert_true(item_pin.take(bytes, NULL, pins[3], &why));
	assert_int_equal(bytes[0], 0xe3);
	assert_int_equal(bytes[1], 0xb0);
	assert_int_equal(bytes[30], 0xb8);
	assert_int_equal(bytes[31], 0x55);
	for (size_t i = 0; i < COUNT(pins); i++)
		there_and_back(&item_pin, NULL, pins[i], pins[i]);
}

static void
host_names_are_told_from_others(void **state)
{
	static const char *const good[] = {
	        "", "dns.quad9.net", "a", "x-1.example", "_dns.example", "1.example"};
	static const char *const bad[] = {
	        ".", "a..b", ".a", "a.", "-a", "a-", "a b", "192.0.2.1", "::1", "a/b", "*.example"};
	struct why why;
	char name[300];
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(item_check_host(good[i], &why));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(item_check_host(bad[i], &why));
	memset(name, 'a', sizeof name);
	for (size_t i = 50; i < sizeof name; i += 50)
		name[i] = '.';
	name[253] = '\0';
	assert_true(item_check_host(name, &why));
	name[253] = 'a';
	name[254] = '\0';
	assert_false(item_check_host(name, &why));
}

static void
sizes_and_targets_are_told_from_others(void **state)
{
	struct why why;
	(void)state;
	assert_true(item_check_size("0", &why));
	assert_true(item_check_size("512K", &why));
	assert_true(item_check_size("1G", &why));
	assert_false(item_check_size("", &why));
	assert_false(item_check_size("M", &why));
	assert_false(item_check_size("5MB", &why));
	assert_false(item_check_size("-5M", &why));
	assert_true(item_check_log_target("stderr", &why));
	assert_true(item_check_log_target("file:x", &why));
	assert_false(item_check_log_target("", &why));
	assert_false(item_check_log_target("stdout", &why));
}

static void
memory_is_bytes_and_back(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *shown;
	} rows[] = {
	        {"0", 0, "0"},
	        {"64M", 64ull << 20, "64M"},
	        {"65536K", 64ull << 20, "64M"},
	        {"1G", 1ull << 30, "1G"},
	        {"1536M", 1536ull << 20, "1536M"},
	        {"100000001", 100000001, "100000001"},
	        {"999999999G", 999999999ull << 30, "999999999G"},
	};
	static const char *const bad[] = {
	        "", "M", "-1", "64MB", "64m", "1.5G", " 1G", "63M", "1", "1000000000G"};
	struct why why;
	char shown[ITEM_TEXT_BYTES];
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t bytes = 1;
		assert_true(item_memory.take(&bytes, NULL, rows[i].text, &why));
		assert_true(bytes == rows[i].bytes);
		item_memory.show(&bytes, NULL, shown);
		assert_string_equal(shown, rows[i].shown);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(item_memory.take(&(uint64_t){0}, NULL, bad[i], &why));
	assert_false(item_memory.take(&(uint64_t){0}, NULL, "63M", &why));
	assert_string_equal(why.text, "at least \"64M\", or \"0\" for no limit");
}

static void
a_cache_is_off_or_of_some_size(void **state)
{
	static const char *const bad[] = {"", "1", "1023K", "-1M", "4097G", "999999999G"};
	struct why why;
	uint64_t bytes = 1;
	(void)state;
	assert_true(item_cache.take(&bytes, NULL, "0", &why));
	assert_true(bytes == 0);
	assert_true(item_cache.take(&bytes, NULL, "1M", &why));
	assert_true(bytes == 1u << 20);
	assert_true(item_cache.take(&bytes, NULL, "1000000K", &why));
	assert_true(bytes == 1000000u << 10);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(item_cache.take(&bytes, NULL, bad[i], &why));
	assert_true(bytes == 1000000u << 10);
}

static void
paths_are_whole(void **state)
{
	char longest[1026];
	struct why why;
	(void)state;
	memset(longest, '/', sizeof longest);
	longest[1022] = 'x';
	longest[1023] = '\0';
	assert_true(item_check_path(longest, &why));
	longest[1023] = 'x';
	longest[1024] = '\0';
	assert_false(item_check_path(longest, &why));
	assert_true(item_check_path("", &why));
	assert_true(item_check_path("/x", &why));
	assert_false(item_check_path("x", &why));
	assert_false(item_check_path("./x", &why));
	assert_false(item_check_path("/var/cache/", &why));
	assert_false(item_check_path("/", &why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(upstream_addresses_show_a_port_of_their_own),
	        cmocka_unit_test(bootstrap_servers_have_a_name_a_pin_or_neither),
	        cmocka_unit_test(networks_are_shown_with_their_prefix),
	        cmocka_unit_test(pins_are_their_bytes),
	        cmocka_unit_test(host_names_are_told_from_others),
	        cmocka_unit_test(memory_is_bytes_and_back),
	        cmocka_unit_test(a_cache_is_off_or_of_some_size),
	        cmocka_unit_test(paths_are_whole),
	        cmocka_unit_test(sizes_and_targets_are_told_from_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
