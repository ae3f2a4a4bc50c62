/*
 * What routing messages mean. They are put together here, attribute by attribute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/netnews.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UP = IFF_UP | IFF_RUNNING, ETH = 2, LO = 1 };

static struct netnews news;
static struct netnews_sum sum;
static uint8_t room[4096];
static size_t used;

static void
message(uint16_t type, const void *body, size_t bytes)
{
	struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_len = (uint32_t)(sizeof head + bytes)};
	memset(room, 0, sizeof room);
	memcpy(room, &head, sizeof head);
	memcpy(room + sizeof head, body, bytes);
	used = sizeof head + bytes;
}

static void
attribute(uint16_t type, const void *value, size_t bytes)
{
	struct rtattr head = {.rta_type = type, .rta_len = (uint16_t)(sizeof head + bytes)};
	memcpy(room + used, &head, sizeof head);
	memcpy(room + used + sizeof head, value, bytes);
	used += (sizeof head + bytes + 3) & ~(size_t)3;
	uint32_t length = (uint32_t)used;
	memcpy(room, &length, sizeof length);
}

/* What is in the room is read. True when it was news. */
static bool
is_news(void)
{
	sum = (struct netnews_sum){0};
	netnews_read(&news, room, used, &sum);
	assert_int_equal(sum.why[0] != '\0', sum.gain || sum.loss);
	return sum.gain || sum.loss;
}

static bool
link_is_news(uint16_t type, int index, unsigned flags, const char *name)
{
	struct ifinfomsg body = {.ifi_index = index, .ifi_flags = flags, .ifi_change = ~0u};
	message(type, &body, sizeof body);
	attribute(IFLA_MTU, "\xdc\x05\0\0", 4);
	attribute(IFLA_IFNAME, name, strlen(name) + 1);
	return is_news();
}

static bool
address_is_news(uint16_t type, int index, const char *text, unsigned flags, unsigned scope)
{
	uint8_t bytes[16];
	bool v6 = strchr(text, ':') != NULL;
	struct ifaddrmsg body = {.ifa_family = v6 ? AF_INET6 : AF_INET,
	        .ifa_index = (unsigned)index,
	        .ifa_flags = (uint8_t)flags,
	        .ifa_scope = (uint8_t)scope};
	assert_int_equal(inet_pton(body.ifa_family, text, bytes), 1);
	message(type, &body, sizeof body);
	attribute(IFA_ADDRESS, v6 ? bytes : (const uint8_t *)"\xcb\0\x71\1", v6 ? 16 : 4); /* a peer's */
	if (!v6)
		attribute(IFA_LOCAL, bytes, 4);
	return is_news();
}

static bool
route_is_news(uint16_t type, struct rtmsg body)
{
	message(type, &body, sizeof body);
	return is_news();
}

static int
begin(void **state)
{
	(void)state;
	memset(&news, 0, sizeof news);
	assert_false(link_is_news(RTM_NEWLINK, LO, UP | IFF_LOOPBACK, "lo"));
	assert_false(link_is_news(RTM_NEWLINK, ETH, UP, "eth0"));
	assert_true(address_is_news(RTM_NEWADDR, ETH, "192.0.2.1", 0, RT_SCOPE_UNIVERSE));
	return 0;
}

static void
a_link_that_goes_and_comes(void **state)
{
	(void)state;
	assert_true(link_is_news(RTM_NEWLINK, ETH, IFF_UP, "eth0"));
	assert_true(sum.loss && !sum.gain);
	assert_string_equal(sum.why, "interface eth0 is down");
	assert_false(link_is_news(RTM_NEWLINK, ETH, 0, "eth0"));
	assert_true(link_is_news(RTM_NEWLINK, ETH, UP, "eth0"));
	assert_true(sum.gain && !sum.loss);
	assert_string_equal(sum.why, "interface eth0 is up");
	assert_true(link_is_news(RTM_DELLINK, ETH, UP, "eth0"));
	assert_string_equal(sum.why, "interface eth0 is down");
	/* its addresses have gone with it */
	assert_int_equal(news.address_count, 0);
	assert_int_equal(news.link_count, 1);
}

static void
a_repetition_is_no_news(void **state)
{
	(void)state;
	assert_false(link_is_news(RTM_NEWLINK, ETH, UP | IFF_PROMISC, "eth0"));
	assert_false(address_is_news(RTM_NEWADDR, ETH, "192.0.2.1", IFA_F_DEPRECATED, RT_SCOPE_UNIVERSE));
	assert_false(address_is_news(RTM_DELADDR, ETH, "192.0.2.9", 0, RT_SCOPE_UNIVERSE));
}

static void
a_link_without_an_address_is_no_news(void **state)
{
	(void)state;
	assert_false(link_is_news(RTM_NEWLINK, 7, 0, "veth7"));
	assert_false(link_is_news(RTM_NEWLINK, 7, UP, "veth7"));
	assert_false(address_is_news(RTM_NEWADDR, 7, "fe80::7", 0, RT_SCOPE_LINK));
	assert_false(link_is_news(RTM_DELLINK, 7, UP, "veth7"));
}

static void
loopback_is_no_news(void **state)
{
	(void)state;
	assert_false(address_is_news(RTM_NEWADDR, LO, "192.0.2.53", 0, RT_SCOPE_UNIVERSE));
	assert_false(link_is_news(RTM_NEWLINK, LO, IFF_LOOPBACK, "lo"));
	assert_false(address_is_news(RTM_NEWADDR, LO, "127.0.0.9", 0, RT_SCOPE_HOST));
}

static void
addresses_that_come_and_go(void **state)
{
	(void)state;
	assert_true(address_is_news(RTM_NEWADDR, ETH, "2001:db8::1", 0, RT_SCOPE_UNIVERSE));
	assert_true(sum.gain);
	assert_string_equal(sum.why, "address 2001:db8::1 is new");
	assert_true(address_is_news(RTM_DELADDR, ETH, "192.0.2.1", 0, RT_SCOPE_UNIVERSE));
	assert_true(sum.loss);
	assert_string_equal(sum.why, "address 192.0.2.1 is gone");
	assert_int_equal(news.address_count, 1);
}

static void
a_tentative_address_counts_when_it_is_not(void **state)
{
	(void)state;
	assert_false(address_is_news(RTM_NEWADDR, ETH, "2001:db8::1", IFA_F_TENTATIVE, RT_SCOPE_UNIVERSE));
	assert_false(address_is_news(
	        RTM_NEWADDR, ETH, "2001:db8::1", IFA_F_TENTATIVE | IFA_F_DADFAILED, RT_SCOPE_UNIVERSE));
	assert_false(address_is_news(RTM_DELADDR, ETH, "2001:db8::1", IFA_F_TENTATIVE, RT_SCOPE_UNIVERSE));
	assert_true(address_is_news(RTM_NEWADDR, ETH, "2001:db8::1", 0, RT_SCOPE_UNIVERSE));
}

/* It is told of when the link carries. */
static void
an_address_of_a_link_that_is_down_waits(void **state)
{
	(void)state;
	assert_false(link_is_news(RTM_NEWLINK, 3, 0, "wlan0"));
	assert_false(address_is_news(RTM_NEWADDR, 3, "198.51.100.1", 0, RT_SCOPE_UNIVERSE));
	assert_true(link_is_news(RTM_NEWLINK, 3, UP, "wlan0"));
}

static void
default_routes(void **state)
{
	struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
	(void)state;
	assert_true(route_is_news(RTM_NEWROUTE, route));
	assert_true(sum.gain && !sum.loss);
	assert_string_equal(sum.why, "the default route is new");
	assert_true(route_is_news(RTM_DELROUTE, route));
	assert_true(sum.loss && !sum.gain);
	route.rtm_type = RTN_BLACKHOLE;
	assert_true(route_is_news(RTM_NEWROUTE, route));
	assert_true(sum.loss && !sum.gain);
	assert_true(route_is_news(RTM_DELROUTE, route));
	assert_true(sum.gain && !sum.loss);
	route.rtm_type = RTN_UNICAST;
	route.rtm_table = 51; /* of a VPN */
	route.rtm_dst_len = 1;
	assert_true(route_is_news(RTM_NEWROUTE, route));
}

static void
other_routes_are_no_news(void **state)
{
	struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
	(void)state;
	route.rtm_dst_len = 8;
	assert_false(route_is_news(RTM_NEWROUTE, route));
	route.rtm_dst_len = 0;
	route.rtm_flags = RTM_F_CLONED;
	assert_false(route_is_news(RTM_NEWROUTE, route));
	route.rtm_flags = 0;
	route.rtm_table = RT_TABLE_LOCAL;
	assert_false(route_is_news(RTM_NEWROUTE, route));
	route.rtm_table = RT_TABLE_MAIN;
	route.rtm_type = RTN_MULTICAST;
	assert_false(route_is_news(RTM_NEWROUTE, route));
}

static void
several_messages_are_read(void **state)
{
	uint8_t both[8192];
	(void)state;
	link_is_news(RTM_NEWLINK, 5, UP, "eth5");
	address_is_news(RTM_NEWADDR, ETH, "192.0.2.2", 0, RT_SCOPE_UNIVERSE);
	memcpy(both, room, used);
	size_t first = used;
	message(NLMSG_DONE, "\0\0\0\0", 4);
	memcpy(both + first, room, used);
	assert_true(address_is_news(RTM_DELADDR, ETH, "192.0.2.2", 0, RT_SCOPE_UNIVERSE));
	message(NLMSG_DONE, "\0\0\0\0", 4);
	sum = (struct netnews_sum){0};
	netnews_read(&news, both, first + used, &sum);
	assert_true(sum.gain && sum.done);
	assert_string_equal(sum.why, "address 192.0.2.2 is new");
}

static void
a_name_of_rubbish_is_made_harmless(void **state)
{
	(void)state;
	assert_false(link_is_news(RTM_NEWLINK, ETH, UP, "a\"b\n\x1b[0m-and-much-too-long"));
	assert_true(link_is_news(RTM_NEWLINK, ETH, 0, "x"));
	assert_string_equal(sum.why, "interface a?b??[0m-and-mu is down");
}

static void
tables_that_are_full_make_everything_new(void **state)
{
	char text[32];
	(void)state;
	for (unsigned i = 0; i < 2 * NETNEWS_LINKS; i++) {
		snprintf(text, sizeof text, "if%u", i);
		link_is_news(RTM_NEWLINK, (int)(100 + i), 0, text);
	}
	assert_int_equal(news.link_count, NETNEWS_LINKS);
	for (unsigned i = 0; i < 2 * NETNEWS_ADDRESSES; i++) {
		snprintf(text, sizeof text, "10.0.%u.%u", i >> 8, i & 255);
		assert_true(address_is_news(RTM_NEWADDR, ETH, text, 0, RT_SCOPE_UNIVERSE));
	}
	assert_int_equal(news.address_count, NETNEWS_ADDRESSES);
	assert_true(address_is_news(RTM_NEWADDR, ETH, "10.0.1.255", 0, RT_SCOPE_UNIVERSE));
	assert_true(address_is_news(RTM_DELADDR, ETH, "10.0.1.255", 0, RT_SCOPE_UNIVERSE));
}

/* Whatever is cut off, nothing behind the end is read; valgrind and ASan watch. */
static void
cut_at_any_place(void **state)
{
	(void)state;
	address_is_news(RTM_NEWADDR, ETH, "192.0.2.7", 0, RT_SCOPE_UNIVERSE);
	for (size_t bytes = 0; bytes < used; bytes++) {
		uint8_t *exact = malloc(bytes + 1);
		assert_non_null(exact);
		memcpy(exact + 1, room, bytes); /* and not aligned */
		struct netnews copy = news;
		sum = (struct netnews_sum){0};
		netnews_read(&copy, exact + 1, bytes, &sum);
		assert_false(sum.gain || sum.loss);
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_link_that_goes_and_comes, begin),
	        cmocka_unit_test_setup(a_repetition_is_no_news, begin),
	        cmocka_unit_test_setup(a_link_without_an_address_is_no_news, begin),
	        cmocka_unit_test_setup(loopback_is_no_news, begin),
	        cmocka_unit_test_setup(addresses_that_come_and_go, begin),
	        cmocka_unit_test_setup(a_tentative_address_counts_when_it_is_not, begin),
	        cmocka_unit_test_setup(an_address_of_a_link_that_is_down_waits, begin),
	        cmocka_unit_test_setup(default_routes, begin),
	        cmocka_unit_test_setup(other_routes_are_no_news, begin),
	        cmocka_unit_test_setup(several_messages_are_read, begin),
	        cmocka_unit_test_setup(a_name_of_rubbish_is_made_harmless, begin),
	        cmocka_unit_test_setup(tables_that_are_full_make_everything_new, begin),
	        cmocka_unit_test_setup(cut_at_any_place, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
