/*
 * An upstream that is known by a host name has no address before its name was resolved; that is what there is
 * to say, if one is to be asked.
 */
#include "upstream/nobody.h"

void
nobody_text(const struct config *config, uint64_t upstreams, char *out, size_t room)
{
	for (size_t i = 0; i < config->upstream_count; i++) {
		const struct config_upstream *upstream = &config->upstreams[i];
		if ((upstreams >> i & 1) == 0 || upstream->address_count > 0)
			continue;
		snprintf(out, room, "%s: no address of %s is known yet", upstream->name, upstream->host);
		return;
	}
	snprintf(out, room, "no upstream left to ask");
}
