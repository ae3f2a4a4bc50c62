/*
 * The secrets of the configuration win; without, those that all workers share.
 */
#include "query/proof.h"

static bool
secrets_find(const struct proof *proof, struct cookie_secrets *out)
{
	const struct config_limits *limits = &proof->config->limits;
	if (!limits->cookies)
		return false;
	if (!limits->cookie_secret.set)
		return proof->cookies != NULL && cookies_secrets(proof->cookies, out);
	out->secret = limits->cookie_secret.bytes;
	out->also = limits->cookie_secret_also.set ? limits->cookie_secret_also.bytes : NULL;
	return true;
}

void
proof_look(const struct proof *proof, struct query *q, uint64_t now_s)
{
	static const enum stats_counter counters[] = {[COOKIE_FIRST] = STATS_cookies_first,
	        [COOKIE_GOOD] = STATS_cookies_good,
	        [COOKIE_BAD] = STATS_cookies_bad};
	const struct edns *edns = &q->wire.edns;
	struct cookie_secrets secrets;
	if (!secrets_find(proof, &secrets))
		return;
	enum cookie_verdict verdict = cookie_judge(
	        &secrets, edns->cookie, edns->cookie_bytes, &q->from.peer, (uint32_t)now_s, q->cookie);
	q->cookie_bytes = COOKIE_BYTES;
	q->verified = verdict == COOKIE_GOOD;
	stats_one(proof->stats, counters[verdict]);
}
