/*
 * Who may ask: the allow and deny lists. Deny wins; who is in neither list is denied.
 */
#ifndef DOTWARD_QUERY_POLICY_H
#define DOTWARD_QUERY_POLICY_H

#include "base/addr.h"
#include "config/config.h"

enum policy_verdict { POLICY_ALLOW, POLICY_REFUSE, POLICY_DROP };

enum policy_verdict policy_judge(const struct config_access *access, const struct addr *client);

#endif
