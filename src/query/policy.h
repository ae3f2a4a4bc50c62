/*
 * Who may ask: the allow and deny lists. Deny wins; who is in neither list is denied. And who may ask for
 * others.
 */
#ifndef DOTWARD_QUERY_POLICY_H
#define DOTWARD_QUERY_POLICY_H

#include "base/addr.h"
#include "config/config.h"

enum policy_verdict { POLICY_ALLOW, POLICY_REFUSE, POLICY_DROP };

enum policy_verdict policy_judge(const struct config_access *access, const struct addr *client);
/* Whether this peer may say, at a listen address with proxy_protocol, whom it asks for. */
bool policy_trusts_proxy(const struct config_listen *listen, const struct addr *peer);

#endif
