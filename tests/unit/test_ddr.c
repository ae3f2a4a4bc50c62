/*
 * What is answered below resolver.arpa, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "query/ddr.h"

#include <string.h>

static struct config_listen listens[12];
static struct config config = {.listens = listens};
static uint8_t out[DDR_ANSWER_BYTES];

static void
listen_on(const char *address, bool tls, const char *name)
{
	struct config_listen *l = &listens[config.listen_count++];
	*l = (struct config_listen){.tls = tls, .udp = !tls, .ddr_name = (char *)(uintptr_t) ""};
	assert_int_equal(addr_parse(&l->address, address, tls ? 853 : 53), 0);
	strcpy(l->certified_name, name);
}

static int
start(void **state)
{
	(void)state;
	config.listen_count = 0;
	listen_on("192.0.2.1", false, "");
	return 0;
}

static struct wire_question
question(const char *name, uint16_t type)
{
	struct wire_question q = {.type = type, .class = 1};
	q.name_bytes = (uint16_t)name_from_text(name, q.name);
	assert_true(q.name_bytes > 0);
	return q;
}

/* The records of an answer, behind header and question. */
static size_t
ask(const struct ddr *ddr, const char *name, uint16_t type, const uint8_t **records, unsigned *count)
{
	struct wire_answer answer;
	struct wire_question q = question(name, type);
	if (!ddr_answer(ddr, &q, out, &answer))
		return SIZE_MAX;
	size_t head = WIRE_HEADER_BYTES + q.name_bytes + 4u;
	assert_ptr_equal(answer.msg, out);
	assert_int_equal(answer.rcode, 0);
	assert_int_equal(out[2] << 8 | out[3], WIRE_FLAG_QR | WIRE_FLAG_AA | WIRE_FLAG_RA);
	assert_memory_equal(out + WIRE_HEADER_BYTES, q.name, q.name_bytes);
	*records = out + head;
	*count = out[7];
	/* what it says must be a sound answer to the question */
	static uint8_t copy[DDR_ANSWER_BYTES];
	struct wire_answer taken;
	memcpy(copy, answer.msg, answer.bytes);
	assert_int_equal(wire_answer_take(copy, answer.bytes, &q, &taken), WIRE_MATCH);
	return answer.bytes - head;
}

/* Nobody can come by himself to where only proxies are heard. */
static void
behind_a_proxy(void **state)
{
	(void)state;
	listen_on("192.0.2.2", true, "dns.test");
	listens[1].proxy_protocol = true;
	assert_null(ddr_new(&config));
}

#define RECORD(length) 0xc0, 12, 0, 64, 0, 1, 0, 0, 1, 44, 0, (length)
#define TARGET         0, 1, 3, 'd', 'n', 's', 4, 't', 'e', 's', 't', 0
#define ALPN           0, 1, 0, 4, 3, 'd', 'o', 't'

static void
without_a_tls_listener_nothing_is(void **state)
{
	const uint8_t *records;
	unsigned count;
	(void)state;
	assert_null(ddr_new(&config));
	listen_on("192.0.2.1", true, ""); /* nor without a name */
	assert_null(ddr_new(&config));
	assert_int_equal(ask(NULL, "_dns.resolver.arpa", 64, &records, &count), SIZE_MAX);
}

static void
the_listener_is_told(void **state)
{
	static const uint8_t wanted[] = {
	        RECORD(34), TARGET, ALPN, 0, 3, 0, 2, 3, 85, 0, 4, 0, 4, 192, 0, 2, 1};
	const uint8_t *records;
	unsigned count;
	(void)state;
	listen_on("192.0.2.1", true, "dns.test");
	struct ddr *ddr = ddr_new(&config);
	assert_int_equal(ask(ddr, "_dns.resolver.arpa", 64, &records, &count), sizeof wanted);
	assert_int_equal(count, 1);
	assert_memory_equal(records, wanted, sizeof wanted);
	assert_int_equal(ask(ddr, "_DNS.Resolver.Arpa.", 64, &records, &count), sizeof wanted);
	ddr_free(ddr);
}

static void
what_else_there_could_be_is_not(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		bool ours;
	} rows[] = {
	        {"_dns.resolver.arpa", 1, true},
	        {"_dns.resolver.arpa", 65, true},
	        {"resolver.arpa", 64, true},
	        {"a._dns.resolver.arpa", 64, true},
	        {"_dnz.resolver.arpa", 64, true},
	        {"_dns.resolver.arpa.example", 64, false},
	        {"_dns.myresolver.arpa", 64, false},
	        {"_dns.res.lver.arpa", 64, false},
	        {"arpa", 64, false},
	        {".", 64, false},
	};
	const uint8_t *records;
	unsigned count;
	(void)state;
	listen_on("192.0.2.1", true, "dns.test");
	struct ddr *ddr = ddr_new(&config);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t bytes = ask(ddr, rows[i].name, rows[i].type, &records, &count);
		assert_int_equal(bytes, rows[i].ours ? 0 : SIZE_MAX);
		assert_true(!rows[i].ours || count == 0);
	}
	struct wire_question chaos = question("_dns.resolver.arpa", 64);
	struct wire_answer answer;
	chaos.class = 3;
	assert_false(ddr_answer(ddr, &chaos, out, &answer));
	ddr_free(ddr);
}

/* One record for a name and port, whatever families and spellings; another for another port. */
static void
addresses_are_hints(void **state)
{
	static const uint8_t wanted[] = {RECORD(54), TARGET, ALPN, 0, 3, 0, 2, 3, 85, 0, 4, 0, 4, 192, 0, 2,
	        1, 0, 6, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	        1, /* and the other one */
	        RECORD(26), TARGET, ALPN, 0, 3, 0, 2, 0x21, 0x52};
	const uint8_t *records;
	unsigned count;
	(void)state;
	listen_on("192.0.2.1", true, "dns.test");
	listen_on("2001:db8::1", true, "DNS.test");
	listen_on("0.0.0.0@8530", true, "dns.test");
	struct ddr *ddr = ddr_new(&config);
	assert_int_equal(ask(ddr, "_dns.resolver.arpa", 64, &records, &count), sizeof wanted);
	assert_int_equal(count, 2);
	assert_memory_equal(records, wanted, sizeof wanted);
	ddr_free(ddr);
}

static void
what_is_configured_comes_before_the_certificate(void **state)
{
	const uint8_t *records;
	unsigned count;
	(void)state;
	listen_on("0.0.0.0", true, "other.test");
	listens[1].ddr_name = (char *)(uintptr_t) "dns.test";
	struct ddr *ddr = ddr_new(&config);
	assert_int_equal(ask(ddr, "_dns.resolver.arpa", 64, &records, &count), 12 + 26);
	assert_memory_equal(records + 14, "\3dns\4test", 10);
	ddr_free(ddr);
}

/* Names as long as they can be, and more of them than are told. */
static void
many_long_names_fit(void **state)
{
	const uint8_t *records;
	unsigned count;
	char label[64], name[CONFIG_HOST_BYTES];
	(void)state;
	memset(label, 'x', 63);
	label[63] = '\0';
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "%c%.61s.%s.%s.%.61s", 'a' + (int)i, label, label, label, label);
		listen_on("192.0.2.1", true, name);
	}
	struct ddr *ddr = ddr_new(&config);
	size_t bytes = ask(ddr, "_dns.resolver.arpa", 64, &records, &count);
	assert_int_equal(count, 8);
	assert_int_equal(bytes % 8, 0);
	assert_int_equal(out[2] & (WIRE_FLAG_TC >> 8), 0);
	ddr_free(ddr);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(without_a_tls_listener_nothing_is, start),
	        cmocka_unit_test_setup(the_listener_is_told, start),
	        cmocka_unit_test_setup(what_else_there_could_be_is_not, start),
	        cmocka_unit_test_setup(behind_a_proxy, start),
	        cmocka_unit_test_setup(addresses_are_hints, start),
	        cmocka_unit_test_setup(what_is_configured_comes_before_the_certificate, start),
	        cmocka_unit_test_setup(many_long_names_fit, start),
	};
	return cmocka_run_group_tests_name("ddr", tests, NULL, NULL);
}
