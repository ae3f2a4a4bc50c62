/*
 * Any bytes as an OPT record, and once more with a length that fits them; what was understood is written
 * again, into a room of every kind, and must read back the same.
 */
#include "base/must.h"
#include "dns/edns.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 600, USED = 29 };

static void
bounds_check(const struct edns *edns)
{
	must(edns->subnet_bytes == 0 || edns->subnet_bytes >= 4);
	must(edns->subnet_bytes <= EDNS_SUBNET_BYTES);
	must(edns->ede_bytes != 1);
	must(edns->ede_bytes <= EDNS_EDE_BYTES);
	must(edns->keepalive || !edns->keepalive_value);
	must(edns->keepalive_value || edns->keepalive_tenths == 0);
}

static void
same_check(const struct edns *a, const struct edns *b, bool brief)
{
	must(a->udp_bytes == b->udp_bytes && a->extended_rcode == b->extended_rcode);
	must(a->dnssec_ok == b->dnssec_ok && b->version == 0);
	must(a->keepalive == b->keepalive && a->keepalive_value == b->keepalive_value);
	must(a->keepalive_tenths == b->keepalive_tenths);
	must(a->subnet_bytes == b->subnet_bytes && memcmp(a->subnet, b->subnet, a->subnet_bytes) == 0);
	must(a->ede_bytes == b->ede_bytes || (brief && b->ede_bytes == EDNS_EDE_CODE_BYTES));
	must(memcmp(a->ede, b->ede, b->ede_bytes) == 0);
}

static void
write_check(const struct edns *edns, size_t room, unsigned block)
{
	const struct edns_write what = {
	        .udp_bytes = edns->udp_bytes,
	        .extended_rcode = edns->extended_rcode,
	        .dnssec_ok = edns->dnssec_ok,
	        .keepalive = edns->keepalive,
	        .keepalive_value = edns->keepalive_value,
	        .keepalive_tenths = edns->keepalive_tenths,
	        .subnet = edns->subnet_bytes > 0 ? edns->subnet : NULL,
	        .subnet_bytes = edns->subnet_bytes,
	        .ede = edns->ede_bytes > 0 ? edns->ede : NULL,
	        .ede_bytes = edns->ede_bytes,
	        .padding_block = block,
	};
	static struct edns again;
	uint8_t *msg = calloc(1, room);

	size_t length = edns_append(msg, USED, room, &what);
	size_t brief = edns_append_brief(msg, USED, room, &what);
	must(length <= room && brief <= room);
	must(length == 0 || length == brief);
	must(brief > 0 || room < USED + EDNS_OPT_BYTES + 4 + EDNS_SUBNET_BYTES + 6 + 6);
	if (brief > 0) {
		must(edns_parse(msg + USED, brief - USED, &again) == 0);
		same_check(edns, &again, length == 0);
		must(block == 0 || brief % block == 0 || brief + 4 + block > room);
	}
	free(msg);
}

static void
record_check(const uint8_t *record, size_t size)
{
	static struct edns edns;

	int result = edns_parse(record, size, &edns);
	bounds_check(&edns);
	must(edns.present == (size >= EDNS_OPT_BYTES));
	if (result < 0)
		return;
	write_check(&edns, ROOM, 128);
	write_check(&edns, USED + size % ROOM, edns.udp_bytes % 500);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	record_check(data, size);
	if (size < EDNS_OPT_BYTES || size > UINT16_MAX)
		return 0;
	uint8_t *copy = malloc(size);
	memcpy(copy, data, size);
	copy[9] = (uint8_t)((size - EDNS_OPT_BYTES) >> 8);
	copy[10] = (uint8_t)(size - EDNS_OPT_BYTES);
	record_check(copy, size);
	free(copy);
	return 0;
}
