/*
 * What is answered here, question by question, as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/show.h"
#include "loading.h"
#include "query/own.h"

#define CONFIG                                                                                               \
	"upstreams = ( { addresses = [ \"9.9.9.9\" ]; }, { name = \"corp\"; addresses = [ \"9.9.9.10\" ]; "  \
	"} );"                                                                                               \
	"routes = ( { upstreams = [ \"corp\" ]; domains = [ \"lab.home\", \"corp.test\", "                   \
	"\"1.10.in-addr.arpa\","                                                                             \
	" \"home.arpa\" ]; } );"
#define NAMES                                                                                                \
	CONFIG "policy: { hosts_file = \"hosts\"; local_zones = [ \"home\", \"own.example\", "               \
	       "\"Canary.example\" ];"                                                                       \
	       "records = ( \"nas.home. 300 IN A 192.168.1.10\", \"NAS.Home. 300 IN A 192.168.1.11\","       \
	       "\"nas.home. AAAA fd00::10\", \"a.b.c.home. TXT \\\"x y\\\"\", \"*.dev.home. 60 A "           \
	       "10.0.0.1\","                                                                                 \
	       "\"x.dev.home. TXT x\", \"www.home. CNAME nas.home.\", \"ftp.home. 5 CNAME www.home.\","      \
	       "\"out.home. CNAME www.example.com.\", \"gone.home. CNAME nothing.home.\","                   \
	       "\"in.lab.home. A 10.0.0.3\", \"ad.example.com. A 0.0.0.0\", \"10.1.168.192.in-addr.arpa. "   \
	       "PTR given.\","                                                                               \
	       "\"own.example. 900 SOA ns.own.example. root.own.example. 7 1 2 3 400\", \"own.example. NS "  \
	       "ns.own.example.\","                                                                          \
	       "\"mx.own.example. MX 10 nas.home.\" ); };"

static struct config *config;
static struct own *own;

static void
load(const char *text)
{
	own_free(own);
	config_free(config);
	config = loading_good(text);
	own = own_new(config);
}

static int
stop(void **state)
{
	own_free(own);
	config_free(config);
	own = NULL;
	config = NULL;
	unlink("hosts");
	return loading_end(state);
}

/* Where the last answer leads to; 0 bytes: nowhere. */
static const uint8_t *alias;
static size_t alias_bytes;

static bool
record(struct own *o, const struct wire_question *question, struct wire_answer *out)
{
	alias_bytes = 0;
	return own_record(o, question, out, &alias, &alias_bytes);
}

/* "NXDOMAIN aa: home. 60 SOA": the status, and each record without what is the same in all; of a SOA only
 * whose it is. "-": it is not answered here. */
static const char *
ask(const char *name, const char *type)
{
	static char said[4096];
	typedef bool step(struct own *, const struct wire_question *, struct wire_answer *);
	static step *const steps[] = {record, own_special, own_filter, own_any};
	struct wire_question question = {.class = 1};
	struct wire_answer answer;
	assert_true(wire_type_find(type, &question.type));
	question.name_bytes = (uint16_t)name_from_text(name, question.name);
	assert_true(question.name_bytes > 0);
	size_t i = 0;
	while (i < COUNT(steps) && !steps[i](own, &question, &answer))
		i++;
	if (i == COUNT(steps))
		return "-";
	/* as the client would have it */
	static uint8_t copy[WIRE_MESSAGE_BYTES];
	struct wire_answer taken;
	assert_true(answer.bytes <= sizeof copy);
	memcpy(copy, answer.msg, answer.bytes);
	assert_int_equal(wire_answer_take(copy, answer.bytes, &question, &taken), WIRE_MATCH);
	assert_int_equal(taken.rcode, answer.rcode);

	char *text = NULL, *at, word[WIRE_WORD_BYTES];
	size_t bytes = 0, used;
	FILE *out = open_memstream(&text, &bytes);
	assert_true(show_answer(out, &answer));
	fclose(out);
	used = (size_t)snprintf(said, sizeof said, "%s%s", wire_rcode_text(answer.rcode, word),
	        answer.msg[2] & WIRE_FLAG_AA >> 8 ? " aa:" : ":");
	if (answer.edns.ede_bytes > 0)
		used += (size_t)snprintf(said + used, sizeof said - used, " (EDE %u)", answer.edns.ede[1]);
	for (char *line = strtok_r(text, "\n", &at); line != NULL; line = strtok_r(NULL, "\n", &at)) {
		char owner[256], ttl[16], kind[16];
		if (*line == ';' || sscanf(line, "%255s %15s IN %15s", owner, ttl, kind) != 3)
			continue;
		const char *rest = strcmp(kind, "SOA") == 0 ? "" : strstr(line, kind) + strlen(kind);
		used += (size_t)snprintf(said + used, sizeof said - used, " %s%s %s %s%s",
		        said[used - 1] == ':' || said[used - 1] == ')' ? "" : "| ", owner, ttl, kind, rest);
	}
	free(text);
	return said;
}

struct row {
	const char *name, *type, *said;
};

static void
check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *said = ask(rows[i].name, rows[i].type);
		assert_int_equal(alias_bytes != 0, strstr(rows[i].said, " CNAME www.example.com.") != NULL);
		if (strcmp(said, rows[i].said) != 0)
			fail_msg("%s %s: %s, not %s", rows[i].name, rows[i].type, said, rows[i].said);
	}
}

static void
names_of_our_own(void **state)
{
	(void)state;
	loading_write("hosts", "192.168.1.20 printer.home printer # by the door\n"
	                       "192.168.1.10\tnas.home nas\n"
	                       "::1 ip6-loopback\n"
	                       "0.0.0.0 ads.example\n");
	load(NAMES);
	static const struct row rows[] = {
	        {"nas.home", "A", "NOERROR aa: nas.home. 300 A 192.168.1.10 | nas.home. 300 A 192.168.1.11"},
	        {"NAS.home", "AAAA", "NOERROR aa: NAS.home. 300 AAAA fd00::10"},
	        {"nas.home", "MX", "NOERROR aa: home. 60 SOA"},
	        {"nas", "A", "NOERROR aa: nas. 60 A 192.168.1.10"},
	        {"nas", "AAAA", "NOERROR aa: nas. 60 SOA"}, /* in no zone of ours */
	        {"printer.home", "A", "NOERROR aa: printer.home. 60 A 192.168.1.20"},
	        {"ads.example", "A", "NOERROR aa: ads.example. 60 A 0.0.0.0"},
	        {"example", "A", "-"},
	        /* not there, above what is there, and the zone itself */
	        {"nothing.home", "A", "NXDOMAIN aa: home. 60 SOA"},
	        {"below.nas.home", "A", "NXDOMAIN aa: home. 60 SOA"},
	        {"c.home", "A", "NOERROR aa: home. 60 SOA"},
	        {"home", "A", "NOERROR aa: home. 60 SOA"},
	        {"home", "SOA", "NOERROR aa: home. 60 SOA"},
	        {"home", "NS", "NOERROR aa: home. 60 NS home."},
	        {"a.b.c.home", "TXT", "NOERROR aa: a.b.c.home. 300 TXT \"x y\""},
	        {"homer", "A", "-"},
	        {"com", "A", "-"}, /* above a name of ours, but the world's */
	        {"example.com", "A", "-"},
	        {"www.example.com", "A", "-"},
	        {"ad.example.com", "A", "NOERROR aa: ad.example.com. 300 A 0.0.0.0"},
	        {".", "NS", "-"},
	        /* wildcards, RFC 4592 */
	        {"any.dev.home", "A", "NOERROR aa: any.dev.home. 60 A 10.0.0.1"},
	        {"any.thing.dev.home", "A", "NOERROR aa: any.thing.dev.home. 60 A 10.0.0.1"},
	        {"any.dev.home", "AAAA", "NOERROR aa: home. 60 SOA"},
	        {"*.dev.home", "A", "NOERROR aa: *.dev.home. 60 A 10.0.0.1"},
	        {"dev.home", "A", "NOERROR aa: home. 60 SOA"},
	        {"x.dev.home", "A", "NOERROR aa: home. 60 SOA"},
	        {"y.x.dev.home", "A", "NXDOMAIN aa: home. 60 SOA"},
	        /* aliases */
	        {"www.home", "CNAME", "NOERROR aa: www.home. 300 CNAME nas.home."},
	        {"www.home", "AAAA",
	                "NOERROR aa: www.home. 300 CNAME nas.home. | nas.home. 300 AAAA fd00::10"},
	        {"ftp.home", "AAAA",
	                "NOERROR aa: ftp.home. 5 CNAME www.home. | www.home. 300 CNAME nas.home. | nas.home. "
	                "300 "
	                "AAAA fd00::10"},
	        {"www.home", "TXT", "NOERROR aa: www.home. 300 CNAME nas.home. | home. 60 SOA"},
	        {"gone.home", "A", "NXDOMAIN aa: gone.home. 300 CNAME nothing.home. | home. 60 SOA"},
	        {"out.home", "A", "NOERROR aa: out.home. 300 CNAME www.example.com."},
	        /* a route leads into the zone: what is not there is asked for */
	        {"in.lab.home", "A", "NOERROR aa: in.lab.home. 300 A 10.0.0.3"},
	        {"other.lab.home", "A", "-"},
	        {"lab.home", "A", "-"},
	        /* addresses to names */
	        {"10.1.168.192.in-addr.arpa", "PTR", "NOERROR aa: 10.1.168.192.in-addr.arpa. 300 PTR given."},
	        {"11.1.168.192.in-addr.arpa", "PTR",
	                "NOERROR aa: 11.1.168.192.in-addr.arpa. 300 PTR NAS.Home."},
	        {"20.1.168.192.in-addr.arpa", "PTR",
	                "NOERROR aa: 20.1.168.192.in-addr.arpa. 60 PTR printer.home."},
	        {"0.0.0.0.in-addr.arpa", "PTR", "NXDOMAIN aa: 0.in-addr.arpa. 10800 SOA"},
	        {"1.0.0.10.in-addr.arpa", "PTR",
	                "NXDOMAIN aa: 10.in-addr.arpa. 10800 SOA"}, /* a wildcard's */
	        {"1.168.192.in-addr.arpa", "PTR", "NOERROR aa: 168.192.in-addr.arpa. 10800 SOA"},
	        {"2.168.192.in-addr.arpa", "PTR", "NXDOMAIN aa: 168.192.in-addr.arpa. 10800 SOA"},
	        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "PTR",
	                "NOERROR aa: "
	                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. 60 "
	                "PTR ip6-loopback."},
	        /* a SOA of its own */
	        {"own.example", "SOA", "NOERROR aa: own.example. 900 SOA"},
	        {"own.example", "NS", "NOERROR aa: own.example. 300 NS ns.own.example."},
	        {"own.example", "A", "NOERROR aa: own.example. 400 SOA"},
	        {"no.own.example", "A", "NXDOMAIN aa: own.example. 400 SOA"},
	        {"canary.example", "A", "NOERROR aa: canary.example. 60 SOA"},
	        {"nas.home", "ANY", "NOERROR: nas.home. 3789 HINFO \"RFC8482\" \"\""},
	        {"nothing.home", "ANY", "NXDOMAIN aa: home. 60 SOA"},
	};
	check(rows, COUNT(rows));
}

static void
special_names(void **state)
{
	(void)state;
	load(CONFIG);
	static const struct row rows[] = {
	        {"localhost", "A", "NOERROR aa: localhost. 10800 A 127.0.0.1"},
	        {"a.b.LocalHost", "AAAA", "NOERROR aa: a.b.LocalHost. 10800 AAAA ::1"},
	        {"localhost", "MX", "NOERROR aa: localhost. 10800 SOA"},
	        {"test", "A", "NXDOMAIN aa: test. 10800 SOA"},
	        {"www.test", "A", "NXDOMAIN aa: test. 10800 SOA"},
	        {"corp.test", "A", "-"}, /* routed */
	        {"www.corp.test", "A", "-"},
	        {"a.invalid", "SOA", "NXDOMAIN aa: invalid. 10800 SOA"},
	        {"x.onion", "A", "NXDOMAIN aa: onion. 10800 SOA"},
	        {"onion", "DS", "NXDOMAIN aa: onion. 10800 SOA"},
	        {"x.alt", "A", "NXDOMAIN aa: alt. 10800 SOA"},
	        {"printer.local", "A", "NXDOMAIN aa: local. 10800 SOA"},
	        {"example", "A", "-"},
	        {"ipv4only.arpa", "AAAA", "-"},
	        {"arpa", "NS", "-"},
	        {"in-addr.arpa", "NS", "-"},
	        {"x.home.arpa", "A", "-"}, /* routed */
	        {"x.service.arpa", "A", "NXDOMAIN aa: service.arpa. 10800 SOA"},
	        {"resolver.arpa", "A", "NOERROR aa: resolver.arpa. 10800 SOA"},
	        {"resolver.arpa", "DS", "NOERROR aa: resolver.arpa. 10800 SOA"},
	        {"_dns.resolver.arpa", "SVCB", "NOERROR aa: resolver.arpa. 10800 SOA"},
	        {"x.resolver.arpa", "A", "NXDOMAIN aa: resolver.arpa. 10800 SOA"},
	        {"10.in-addr.arpa", "SOA", "NOERROR aa: 10.in-addr.arpa. 10800 SOA"},
	        {"10.in-addr.arpa", "NS", "NOERROR aa: 10.in-addr.arpa. 10800 NS 10.in-addr.arpa."},
	        {"10.in-addr.arpa", "DS", "-"}, /* its parent's */
	        {"2.10.in-addr.arpa", "DS", "NXDOMAIN aa: 10.in-addr.arpa. 10800 SOA"},
	        {"3.2.9.10.in-addr.arpa", "PTR", "NXDOMAIN aa: 10.in-addr.arpa. 10800 SOA"},
	        {"5.1.10.in-addr.arpa", "PTR", "-"}, /* routed */
	        {"1.0.0.127.in-addr.arpa", "PTR", "NOERROR aa: 1.0.0.127.in-addr.arpa. 10800 PTR localhost."},
	        {"0.0.127.in-addr.arpa", "PTR", "NOERROR aa: 127.in-addr.arpa. 10800 SOA"},
	        {"1.0.0.127.in-addr.arpa", "NS", "NOERROR aa: 127.in-addr.arpa. 10800 SOA"},
	        {"2.0.0.127.in-addr.arpa", "PTR", "NXDOMAIN aa: 127.in-addr.arpa. 10800 SOA"},
	        {"1.16.172.in-addr.arpa", "PTR", "NXDOMAIN aa: 16.172.in-addr.arpa. 10800 SOA"},
	        {"1.31.172.in-addr.arpa", "PTR", "NXDOMAIN aa: 31.172.in-addr.arpa. 10800 SOA"},
	        {"1.32.172.in-addr.arpa", "PTR", "-"},
	        {"1.15.172.in-addr.arpa", "PTR", "-"},
	        {"1.64.100.in-addr.arpa", "PTR", "NXDOMAIN aa: 64.100.in-addr.arpa. 10800 SOA"},
	        {"1.127.100.in-addr.arpa", "PTR", "NXDOMAIN aa: 127.100.in-addr.arpa. 10800 SOA"},
	        {"1.128.100.in-addr.arpa", "PTR", "-"},
	        {"254.169.in-addr.arpa", "TXT", "NOERROR aa: 254.169.in-addr.arpa. 10800 SOA"},
	        {"255.255.255.255.in-addr.arpa", "PTR",
	                "NOERROR aa: 255.255.255.255.in-addr.arpa. 10800 SOA"},
	        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", "PTR",
	                "NOERROR aa: "
	                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. "
	                "10800 PTR localhost."},
	        {"1.d.f.ip6.arpa", "PTR", "NXDOMAIN aa: d.f.ip6.arpa. 10800 SOA"},
	        {"1.b.e.f.ip6.arpa", "PTR", "NXDOMAIN aa: b.e.f.ip6.arpa. 10800 SOA"},
	        {"1.c.e.f.ip6.arpa", "PTR", "-"},
	        {"www.example.com", "A", "-"},
	        {"www.example.com", "ANY", "NOERROR: www.example.com. 3789 HINFO \"RFC8482\" \"\""},
	        {"www.test", "ANY", "NXDOMAIN aa: test. 10800 SOA"},
	};
	check(rows, COUNT(rows));
}

static void
types(void **state)
{
	(void)state;
	load(CONFIG "policy: { filter_types = [ \"aaaa\", \"TYPE65\" ]; refuse_any = false; special_names = "
	            "false;"
	            "records = [ \"nas.home. AAAA fd00::1\", \"nas.home. A 10.0.0.1\" ]; };");
	static const struct row rows[] = {
	        {"www.example", "AAAA", "NOERROR: (EDE 17) www.example. 60 SOA"},
	        {"www.example", "HTTPS", "NOERROR: (EDE 17) www.example. 60 SOA"},
	        {"www.example", "SVCB", "-"},
	        {"www.example", "A", "-"},
	        {"www.example", "ANY", "-"},
	        {"nas.home", "AAAA", "NOERROR aa: nas.home. 300 AAAA fd00::1"}, /* ours */
	        {"nas.home", "ANY", "NOERROR aa: nas.home. 300 AAAA fd00::1 | nas.home. 300 A 10.0.0.1"},
	        {"www.test", "A", "-"},
	        {"localhost", "A", "-"},
	};
	check(rows, COUNT(rows));
}

/* Of another class nothing is ours. */
static void
classes(void **state)
{
	(void)state;
	load(CONFIG);
	struct wire_question question = {.class = 3, .type = 16};
	struct wire_answer answer;
	question.name_bytes = (uint16_t)name_from_text("localhost", question.name);
	assert_false(record(own, &question, &answer));
	assert_false(own_special(own, &question, &answer));
	assert_false(own_filter(own, &question, &answer));
	assert_false(own_any(own, &question, &answer));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_of_our_own),
	        cmocka_unit_test(special_names),
	        cmocka_unit_test(types),
	        cmocka_unit_test(classes),
	};
	return cmocka_run_group_tests_name("own", tests, loading_begin, stop);
}
