/*
 * The lists are short (a handful of networks), so they are walked.
 */
#include "query/policy.h"

static const struct addr_net *
find(const struct addr_net *nets, size_t count, const struct addr *client)
{
	for (size_t i = 0; i < count; i++)
		if (addr_net_holds(&nets[i], client))
			return &nets[i];
	return NULL;
}

enum policy_verdict
policy_explain(const struct config_access *access, const struct addr *client, const struct addr_net **net)
{
	*net = find(access->deny, access->deny_count, client);
	if (*net == NULL && (*net = find(access->allow, access->allow_count, client)) != NULL)
		return POLICY_ALLOW;
	return access->drop ? POLICY_DROP : POLICY_REFUSE;
}

enum policy_verdict
policy_judge(const struct config_access *access, const struct addr *client)
{
	const struct addr_net *net;
	return policy_explain(access, client, &net);
}

bool
policy_trusts_proxy(const struct config_listen *listen, const struct addr *peer)
{
	return find(listen->proxy_from, listen->proxy_from_count, peer) != NULL;
}
