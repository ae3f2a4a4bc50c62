/*
 * The lists are short (a handful of networks), so they are walked.
 */
#include "query/policy.h"

static bool
is_in(const struct addr_net *nets, size_t count, const struct addr *client)
{
	for (size_t i = 0; i < count; i++)
		if (addr_net_holds(&nets[i], client))
			return true;
	return false;
}

enum policy_verdict
policy_judge(const struct config_access *access, const struct addr *client)
{
	if (!is_in(access->deny, access->deny_count, client) &&
	        is_in(access->allow, access->allow_count, client))
		return POLICY_ALLOW;
	return access->drop ? POLICY_DROP : POLICY_REFUSE;
}

bool
policy_trusts_proxy(const struct config_listen *listen, const struct addr *peer)
{
	return is_in(listen->proxy_from, listen->proxy_from_count, peer);
}
