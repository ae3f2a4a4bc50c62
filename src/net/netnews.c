/*
 * Headers are copied out before they are looked at: nothing says that what comes is aligned, and every length
 * is held against what is there.
 *
 * A link counts only while it has an address, and an address only while its link carries: either alone is of
 * no use to a connection, and the other one's coming will be told.
 */
#include "net/netnews.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	NETNEWS_WIDE_BITS = 3, /* 0.0.0.0/1 and 2000::/3 are what a VPN has in place of a default route */
};

struct netnews_bytes {
	const uint8_t *at;
	size_t count;
};

/* Takes a head of so many bytes off the front. */
static bool
take(struct netnews_bytes *b, void *head, size_t bytes)
{
	if (b->count < bytes)
		return false;
	memcpy(head, b->at, bytes);
	b->at += bytes;
	b->count -= bytes;
	return true;
}

/* The length of what is at hand is `length`, and the next begins at a multiple of four. */
static void
skip(struct netnews_bytes *b, size_t length)
{
	size_t padded = (length + 3) & ~(size_t)3;
	size_t bytes = padded < b->count ? padded : b->count;
	b->at += bytes;
	b->count -= bytes;
}

/* The value of the attribute of this type, or nothing. */
static struct netnews_bytes
attribute(struct netnews_bytes rest, unsigned type)
{
	struct rtattr head;
	struct netnews_bytes look = rest;
	while (take(&look, &head, sizeof head)) {
		if (head.rta_len < sizeof head || head.rta_len > rest.count)
			break;
		if ((head.rta_type & NLA_TYPE_MASK) == type)
			return (struct netnews_bytes){look.at, head.rta_len - sizeof head};
		skip(&rest, head.rta_len);
		look = rest;
	}
	return (struct netnews_bytes){NULL, 0};
}

__attribute__((format(printf, 2, 3))) static void
tell(struct netnews_sum *sum, const char *format, ...)
{
	va_list args;
	if (sum->why[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(sum->why, sizeof sum->why, format, args);
	va_end(args);
}

static void
note(struct netnews_sum *sum, bool comes)
{
	sum->gain |= comes;
	sum->loss |= !comes;
}

/* --- links */

static struct netnews_link *
link_find(struct netnews *n, int32_t index)
{
	for (unsigned i = 0; i < n->link_count; i++)
		if (n->links[i].index == index)
			return &n->links[i];
	return NULL;
}

static bool
has_address(const struct netnews *n, int32_t index)
{
	for (unsigned i = 0; i < n->address_count; i++)
		if (n->addresses[i].index == index)
			return true;
	return false;
}

/* A name is whatever its maker liked. */
static void
name_copy(char out[NETNEWS_NAME_BYTES], struct netnews_bytes name)
{
	size_t used = 0;
	for (; used < name.count && used + 1 < NETNEWS_NAME_BYTES && name.at[used] != '\0'; used++)
		out[used] = isgraph(name.at[used]) && name.at[used] != '"' ? (char)name.at[used] : '?';
	out[used] = '\0';
}

static void
link_forget(struct netnews *n, struct netnews_link *link)
{
	*link = n->links[--n->link_count];
	memset(&n->links[n->link_count], 0, sizeof *link);
}

static void
addresses_forget(struct netnews *n, int32_t index)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n->address_count; i++)
		if (n->addresses[i].index != index)
			n->addresses[kept++] = n->addresses[i];
	n->address_count = kept;
}

static void
link_tell(const struct netnews *n, const struct netnews_link *link, bool carries, struct netnews_sum *sum)
{
	if (link->carries == carries || link->loopback || !has_address(n, link->index))
		return;
	note(sum, carries);
	tell(sum, "interface %s is %s", link->name, carries ? "up" : "down");
}

static void
read_link(struct netnews *n, bool comes, struct netnews_bytes rest, struct netnews_sum *sum)
{
	struct ifinfomsg head;
	/* A bridge speaks of its ports in a family of its own. */
	if (!take(&rest, &head, sizeof head) || head.ifi_family != AF_UNSPEC)
		return;
	struct netnews_link *link = link_find(n, head.ifi_index);
	bool carries = comes && (head.ifi_flags & IFF_UP) && (head.ifi_flags & IFF_RUNNING);
	if (link != NULL)
		link_tell(n, link, carries, sum);
	if (!comes) {
		addresses_forget(n, head.ifi_index);
		if (link != NULL)
			link_forget(n, link);
		return;
	}
	if (link == NULL && n->link_count == NETNEWS_LINKS)
		return;
	if (link == NULL)
		link = &n->links[n->link_count++];
	link->index = head.ifi_index;
	link->carries = carries;
	link->loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
	name_copy(link->name, attribute(rest, IFLA_IFNAME));
}

/* --- addresses */

static struct netnews_address *
address_find(struct netnews *n, const struct netnews_address *like)
{
	for (unsigned i = 0; i < n->address_count; i++) {
		struct netnews_address *a = &n->addresses[i];
		if (a->index == like->index && a->family == like->family &&
		        memcmp(a->bytes, like->bytes, sizeof a->bytes) == 0)
			return a;
	}
	return NULL;
}

/* Keeps it, or forgets it. True when that changed something, or cannot be told. */
static bool
address_keep(struct netnews *n, const struct netnews_address *address, bool comes)
{
	struct netnews_address *known = address_find(n, address);
	bool full = n->address_count == NETNEWS_ADDRESSES;
	if (known == NULL && comes && !full)
		n->addresses[n->address_count++] = *address;
	if (known != NULL && !comes)
		*known = n->addresses[--n->address_count];
	return (known != NULL) != comes || (known == NULL && full);
}

static bool
address_take(const struct ifaddrmsg *head, struct netnews_bytes rest, struct netnews_address *out)
{
	size_t bytes = head->ifa_family == AF_INET ? 4 : head->ifa_family == AF_INET6 ? 16 : 0;
	struct netnews_bytes value = attribute(rest, IFA_LOCAL); /* the other one may be a peer's */
	if (value.at == NULL)
		value = attribute(rest, IFA_ADDRESS);
	if (bytes == 0 || value.count != bytes)
		return false;
	*out = (struct netnews_address){.index = (int32_t)head->ifa_index, .family = head->ifa_family};
	memcpy(out->bytes, value.at, bytes);
	return true;
}

static void
read_address(struct netnews *n, bool comes, struct netnews_bytes rest, struct netnews_sum *sum)
{
	struct ifaddrmsg head;
	struct netnews_address address;
	char text[INET6_ADDRSTRLEN] = "";
	if (!take(&rest, &head, sizeof head) || head.ifa_scope >= RT_SCOPE_LINK ||
	        !address_take(&head, rest, &address))
		return;
	/* Not usable yet; when it is, that is told as well. */
	if (comes && (head.ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return;
	const struct netnews_link *link = link_find(n, address.index);
	bool of_use = link == NULL || (link->carries && !link->loopback);
	if (!address_keep(n, &address, comes) || !of_use)
		return;
	note(sum, comes);
	inet_ntop(address.family, address.bytes, text, sizeof text);
	tell(sum, "address %s is %s", text, comes ? "new" : "gone");
}

/* --- routes */

static void
read_route(bool comes, struct netnews_bytes rest, struct netnews_sum *sum)
{
	struct rtmsg head;
	if (!take(&rest, &head, sizeof head) || head.rtm_dst_len > NETNEWS_WIDE_BITS)
		return;
	if (head.rtm_table == RT_TABLE_LOCAL || (head.rtm_flags & RTM_F_CLONED))
		return;
	bool blocks = head.rtm_type == RTN_BLACKHOLE || head.rtm_type == RTN_UNREACHABLE ||
	              head.rtm_type == RTN_PROHIBIT;
	if (head.rtm_type != RTN_UNICAST && !blocks)
		return;
	note(sum, comes != blocks);
	tell(sum, "%s route is %s", blocks ? "a blocking default" : "the default", comes ? "new" : "gone");
}

static void
read_message(struct netnews *n, unsigned type, struct netnews_bytes body, struct netnews_sum *sum)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		read_link(n, type == RTM_NEWLINK, body, sum);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		read_address(n, type == RTM_NEWADDR, body, sum);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		read_route(type == RTM_NEWROUTE, body, sum);
		break;
	case NLMSG_DONE:
	case NLMSG_ERROR:
		sum->done = true;
		break;
	default:
		break;
	}
}

void
netnews_read(struct netnews *n, const uint8_t *bytes, size_t count, struct netnews_sum *sum)
{
	struct netnews_bytes rest = {bytes, count}, look = rest;
	struct nlmsghdr head;
	while (take(&look, &head, sizeof head)) {
		if (head.nlmsg_len < sizeof head || head.nlmsg_len > rest.count)
			return;
		look.count = head.nlmsg_len - sizeof head;
		read_message(n, head.nlmsg_type, look, sum);
		skip(&rest, head.nlmsg_len);
		look = rest;
	}
}
