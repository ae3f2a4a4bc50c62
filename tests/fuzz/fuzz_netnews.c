/*
 * Any bytes as routing messages, cut in two where the first byte says: what is remembered stays within its
 * bounds, no link is there twice, and what is told is told in plain text.
 */
#include "base/must.h"
#include "net/netnews.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_exactly(struct netnews *n, const uint8_t *data, size_t size)
{
	struct netnews_sum sum = {0};
	/* of exactly the size it may have, so that a sanitizer sees one byte more */
	uint8_t *bytes = malloc(size > 0 ? size : 1);
	must(bytes != NULL);
	if (size > 0)
		memcpy(bytes, data, size);
	netnews_read(n, bytes, size, &sum);
	free(bytes);
	must(n->link_count <= NETNEWS_LINKS && n->address_count <= NETNEWS_ADDRESSES);
	must((sum.why[0] != '\0') == (sum.gain || sum.loss));
	must(memchr(sum.why, '\0', sizeof sum.why) != NULL);
	for (const char *c = sum.why; *c != '\0'; c++)
		must(isprint((unsigned char)*c) && *c != '"');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct netnews news;
	memset(&news, 0, sizeof news);
	if (size == 0)
		return 0;
	size_t first = data[0] < size ? data[0] : size - 1;
	read_exactly(&news, data + 1, first);
	read_exactly(&news, data + 1 + first, size - 1 - first);
	read_exactly(&news, data + 1, size - 1);
	for (unsigned i = 0; i < news.link_count; i++) {
		must(memchr(news.links[i].name, '\0', NETNEWS_NAME_BYTES) != NULL);
		for (unsigned j = 0; j < i; j++)
			must(news.links[i].index != news.links[j].index);
	}
	return 0;
}
