/*
 * Who may ask: deny wins, and who is in neither list is denied.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "query/policy.h"

enum { NETS = 4 };

static struct addr_net allow[NETS], deny[NETS];

static size_t
nets_of(const char *const texts[NETS], struct addr_net out[NETS])
{
	size_t count = 0;
	while (count < NETS && texts[count] != NULL) {
		assert_int_equal(addr_net_parse(&out[count], texts[count]), 0);
		count++;
	}
	return count;
}

static const struct row {
	const char *allow[NETS], *deny[NETS], *client;
	bool drop;
	enum policy_verdict verdict;
} rows[] = {
        {{NULL}, {NULL}, "127.0.0.1", false, POLICY_REFUSE},
        {{NULL}, {NULL}, "127.0.0.1", true, POLICY_DROP},
        {{"127.0.0.0/8"}, {NULL}, "127.0.0.1", false, POLICY_ALLOW},
        {{"127.0.0.0/8"}, {NULL}, "127.0.0.1", true, POLICY_ALLOW},
        {{"127.0.0.0/8"}, {NULL}, "128.0.0.1", false, POLICY_REFUSE},
        {{"127.0.0.0/8"}, {NULL}, "::1", false, POLICY_REFUSE},
        {{"0.0.0.0/0"}, {NULL}, "::1", false, POLICY_REFUSE},
        {{"0.0.0.0/0"}, {NULL}, "203.0.113.9", false, POLICY_ALLOW},
        {{"::/0"}, {NULL}, "2001:db8::9", false, POLICY_ALLOW},
        {{"::/0"}, {NULL}, "203.0.113.9", true, POLICY_DROP},
        {{"0.0.0.0/0", "::/0"}, {"10.0.0.0/8"}, "10.1.2.3", false, POLICY_REFUSE},
        {{"0.0.0.0/0", "::/0"}, {"10.0.0.0/8"}, "10.1.2.3", true, POLICY_DROP},
        {{"0.0.0.0/0", "::/0"}, {"10.0.0.0/8"}, "11.1.2.3", false, POLICY_ALLOW},
        {{"10.1.2.3"}, {"10.0.0.0/8"}, "10.1.2.3", false, POLICY_REFUSE}, /* not the longest match */
        {{"10.0.0.0/8"}, {"0.0.0.0/0"}, "10.1.2.3", false, POLICY_REFUSE},
        {{NULL}, {"10.0.0.0/8"}, "11.1.2.3", false, POLICY_REFUSE},
        {{"192.0.2.0/25", "192.0.2.192/26"}, {NULL}, "192.0.2.127", false, POLICY_ALLOW},
        {{"192.0.2.0/25", "192.0.2.192/26"}, {NULL}, "192.0.2.128", false, POLICY_REFUSE},
        {{"192.0.2.0/25", "192.0.2.192/26"}, {NULL}, "192.0.2.255", false, POLICY_ALLOW},
        {{"fe80::/10"}, {"fe80::bad"}, "fe80::1%3", false, POLICY_ALLOW},
        {{"fe80::/10"}, {"fe80::bad"}, "fe80::bad%3", false, POLICY_REFUSE},
};

static void
verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config_access access = {.allow = allow, .deny = deny, .drop = rows[i].drop};
		struct addr client;
		access.allow_count = nets_of(rows[i].allow, allow);
		access.deny_count = nets_of(rows[i].deny, deny);
		assert_int_equal(addr_parse(&client, rows[i].client, 4096), 0);
		if (policy_judge(&access, &client) != rows[i].verdict)
			fail_msg("row %zu, %s", i, rows[i].client);
	}
}

static void
proxies(void **state)
{
	static const char *const nets[NETS] = {"10.1.0.0/16", "2001:db8::/32"};
	struct config_listen listen = {.proxy_from = allow, .proxy_from_count = nets_of(nets, allow)};
	struct addr peer;
	(void)state;
	assert_int_equal(addr_parse(&peer, "10.1.2.3@4000", 0), 0);
	assert_true(policy_trusts_proxy(&listen, &peer));
	assert_int_equal(addr_parse(&peer, "10.2.2.3@4000", 0), 0);
	assert_false(policy_trusts_proxy(&listen, &peer));
	assert_int_equal(addr_parse(&peer, "2001:db8::1@4000", 0), 0);
	assert_true(policy_trusts_proxy(&listen, &peer));
	listen.proxy_from_count = 0;
	assert_false(policy_trusts_proxy(&listen, &peer));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts), cmocka_unit_test(proxies)};
	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
