/*
 * Sources and their order, defaults, and that what is printed reads the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#include <sched.h>

static const char everything[] =
        "listen = ( { address = \"0.0.0.0\"; port = 5300; protocols = [ \"udp\" ]; }, { address = "
        "\"fe80::1%1@54\"; } );"
        "upstreams = ( { name = \"one\"; addresses = [ \"192.0.2.1\", \"2001:db8::1@8853\" ]; port = 443;"
        "  auth_name = \"one.example\"; pins = [ \"sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\" ];"
        "  ca_file = \"extra.conf\"; tls_priority = \"NORMAL:-\\x41\\\"\\\\\\n\"; max_connections = 16;"
        "  max_outstanding = 1; idle_timeout_ms = 600000; }, { addresses = [ \"192.0.2.2@1\" ]; } );"
        "access: { allow = [ ]; deny = [ \"192.0.2.0/24\", \"::/0\", \"2001:db8::1\" ]; denied = \"drop\"; };"
        "workers = 3; user = \"\"; pid_file = \"/run/a b.pid\"; drain_timeout_ms = 0; sandbox = false;"
        "forward: { policy = \"hashed\"; timeout_ms = 60000; attempt_timeout_ms = 60000; connect_timeout_ms "
        "= 10;"
        "  handshake_timeout_ms = 11; attempts = 16; padding = 0; client_subnet = \"forward\"; };"
        "limits: { queries_in_flight = 1; tcp_clients = 2; tcp_clients_per_address = 3; tcp_idle_timeout_ms "
        "= 40;"
        "  tcp_queries_per_client = 5; udp_answer_size = 4096; worker_memory = \"524288K\"; };"
        "cache: { size = \"2M\"; min_ttl_s = 1; max_ttl_s = 2; negative_max_ttl_s = 3; failure_ttl_s = 0; "
        "stale_s "
        "= 0;"
        "  stale_answer_ttl_s = 4; stale_wait_ms = 5; prefetch = false; file = \"/var/a cache\"; };"
        "log: { target = \"file:/var/log/x\"; level = \"debug\"; format = \"text\"; queries = true; };";

static void
without_lists_it_listens_to_loopback_and_allows_local_networks(void **state)
{
	(void)state;
	struct config *config = loading_good(UPSTREAM);
	char text[ADDR_TEXT_BYTES];
	assert_int_equal(config->listen_count, 2);
	assert_string_equal(addr_text(&config->listens[0].address, text), "127.0.0.1@53");
	assert_string_equal(addr_text(&config->listens[1].address, text), "::1@53");
	assert_true(config->listens[0].udp && config->listens[0].tcp && config->listens[1].udp &&
	            config->listens[1].tcp);
	assert_int_equal(config->access.allow_count, 8);
	assert_string_equal(addr_net_text(&config->access.allow[3], text), "172.16.0.0/12");
	assert_int_equal(config->access.deny_count, 0);
	assert_false(config->access.drop);
	config_free(config);
}

static void
defaults_are_those_of_the_design(void **state)
{
	cpu_set_t cpus;
	(void)state;
	struct config *config = loading_good(UPSTREAM);
	assert_int_equal(sched_getaffinity(0, sizeof cpus, &cpus), 0);
	assert_int_equal(config->workers, CPU_COUNT(&cpus) > 256 ? 256 : CPU_COUNT(&cpus));
	assert_string_equal(config->user, "dotward");
	assert_string_equal(config->pid_file, "");
	assert_int_equal(config->drain_timeout_ms, 5000);
	assert_int_equal(config->forward.policy, CONFIG_FASTEST);
	assert_int_equal(config->forward.timeout_ms, 5000);
	assert_int_equal(config->forward.attempt_timeout_ms, 1500);
	assert_int_equal(config->forward.connect_timeout_ms, 2000);
	assert_int_equal(config->forward.handshake_timeout_ms, 3000);
	assert_int_equal(config->forward.attempts, 3);
	assert_int_equal(config->forward.padding, 128);
	assert_false(config->forward.client_subnet_forward);
	assert_int_equal(config->limits.queries_in_flight, 4096);
	assert_int_equal(config->limits.tcp_clients, 1024);
	assert_int_equal(config->limits.tcp_clients_per_address, 64);
	assert_int_equal(config->limits.tcp_idle_timeout_ms, 10000);
	assert_int_equal(config->limits.tcp_queries_per_client, 128);
	assert_int_equal(config->limits.udp_answer_size, 1232);
	assert_true(config->limits.worker_memory == 1ull << 30);
	assert_true(config->cache.size == 32u << 20);
	assert_int_equal(config->cache.min_ttl_s, 0);
	assert_int_equal(config->cache.max_ttl_s, 86400);
	assert_int_equal(config->cache.negative_max_ttl_s, 3600);
	assert_int_equal(config->cache.failure_ttl_s, 2);
	assert_int_equal(config->cache.stale_s, 86400);
	assert_int_equal(config->cache.stale_answer_ttl_s, 30);
	assert_int_equal(config->cache.stale_wait_ms, 1800);
	assert_true(config->cache.prefetch);
	assert_string_equal(config->cache.file, "");
	assert_true(config->sandbox);
	assert_string_equal(config->log.target, "stderr");
	assert_int_equal(config->log.level, LOG_LEVEL_NOTICE);
	assert_false(config->log.queries);
	config_free(config);
}

static void
an_upstream_has_defaults(void **state)
{
	char text[ADDR_TEXT_BYTES];
	(void)state;
	struct config *config = loading_good(UPSTREAM);
	const struct config_upstream *u = &config->upstreams[0];
	assert_int_equal(config->upstream_count, 1);
	assert_string_equal(u->name, "9.9.9.9");
	assert_int_equal(u->address_count, 1);
	assert_string_equal(addr_text(&u->addresses[0], text), "9.9.9.9@853");
	assert_string_equal(u->auth_name, "");
	assert_string_equal(u->ca_file, "");
	assert_string_equal(u->tls_priority, "");
	assert_int_equal(u->pin_count, 0);
	assert_int_equal(u->port, 853);
	assert_int_equal(u->max_connections, 2);
	assert_int_equal(u->max_outstanding, 100);
	assert_int_equal(u->idle_timeout_ms, 0);
	config_free(config);
}

#define HOST                                                                                                 \
	"upstreams = ( { host = \"dns.example\"; port = 8853; bootstrap = [ \"9.9.9.9#dns.quad9.net\", "     \
	"\"::1@5\" ]; } );\n"

static void
an_upstream_may_have_a_host(void **state)
{
	char text[ADDR_TEXT_BYTES];
	struct addr found[2];
	(void)state;
	struct config *config = loading_good(HOST);
	struct config_upstream *u = &config->upstreams[0];
	assert_string_equal(u->name, "dns.example");
	assert_string_equal(u->auth_name, "dns.example");
	assert_int_equal(u->address_count, 0);
	assert_int_equal(u->bootstrap_count, 2);
	assert_string_equal(u->bootstrap[0].name, "dns.quad9.net");
	assert_string_equal(addr_text(&u->bootstrap[1].address, text), "::1@5");
	assert_true(config_has_host(config));
	assert_int_equal(addr_parse(&found[0], "192.0.2.1", 1), 0);
	assert_int_equal(addr_parse(&found[1], "2001:db8::1", 1), 0);
	config_set_addresses(u, found, 2);
	assert_string_equal(addr_text(&u->addresses[0], text), "192.0.2.1@8853");
	assert_string_equal(addr_text(&u->addresses[1], text), "2001:db8::1@8853");
	config_set_addresses(u, NULL, 0);
	assert_int_equal(u->address_count, 0);
	config_free(config);
	config = loading_good(
	        "upstreams = ( { host = \"dns.example\"; name = \"n\"; auth_name = \"other.example\"; "
	        "bootstrap = [ \"9.9.9.9\" ]; } );");
	assert_string_equal(config->upstreams[0].name, "n");
	assert_string_equal(config->upstreams[0].auth_name, "other.example");
	config_free(config);
	config = loading_good(UPSTREAM);
	assert_false(config_has_host(config));
	config_free(config);
}

static void
the_name_of_a_long_host_is_cut(void **state)
{
	(void)state;
	struct config *config =
	        loading_good("upstreams = ( { host = "
	                     "\"a123456789.b123456789.c123456789.d123456789.e123456789.f123456789\"; "
	                     "bootstrap = [ \"9.9.9.9\" ]; } );");
	assert_string_equal(
	        config->upstreams[0].name, "a123456789.b123456789.c123456789.d123456789.e123456789.f1234567");
	assert_int_equal(strlen(config->upstreams[0].auth_name), 65);
	config_free(config);
}

static void
a_copy_is_the_same_and_its_own(void **state)
{
	static const char *const texts[] = {everything, UPSTREAM, HOST};
	(void)state;
	loading_write("extra.conf", "not looked into");
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config *config = loading_good(texts[i]);
		struct config *copy = config_copy(config);
		char *first = loading_print(config);
		assert_int_equal(copy->workers, config->workers);
		config_free(config);
		char *second = loading_print(copy);
		assert_string_equal(first, second);
		config_free(copy);
		free(first);
		free(second);
	}
}

static void
every_key_reaches_its_field(void **state)
{
	char text[ADDR_TEXT_BYTES];
	(void)state;
	loading_write("extra.conf", "not looked into");
	struct config *config = loading_good(everything);
	const struct config_upstream *u = &config->upstreams[0];
	assert_string_equal(addr_text(&config->listens[0].address, text), "0.0.0.0@5300");
	assert_true(config->listens[0].udp && !config->listens[0].tcp);
	assert_string_equal(addr_text(&config->listens[1].address, text), "fe80::1%1@54");
	assert_string_equal(u->name, "one");
	assert_string_equal(addr_text(&u->addresses[0], text), "192.0.2.1@443");
	assert_string_equal(addr_text(&u->addresses[1], text), "2001:db8::1@8853");
	assert_string_equal(u->auth_name, "one.example");
	assert_int_equal(u->pin_count, 1);
	for (uint8_t i = 0; i < CONFIG_PIN_BYTES; i++)
		assert_int_equal(u->pins[0][i], i);
	assert_string_equal(u->ca_file, "extra.conf");
	assert_string_equal(u->tls_priority, "NORMAL:-A\"\\\n");
	assert_int_equal(u->max_connections, 16);
	assert_int_equal(u->max_outstanding, 1);
	assert_int_equal(u->idle_timeout_ms, 600000);
	assert_string_equal(config->upstreams[1].name, "192.0.2.2@1");
	assert_int_equal(config->access.allow_count, 0);
	assert_int_equal(config->access.deny_count, 3);
	assert_true(config->access.drop);
	assert_int_equal(config->workers, 3);
	assert_string_equal(config->user, "");
	assert_string_equal(config->pid_file, "/run/a b.pid");
	assert_int_equal(config->forward.policy, CONFIG_HASHED);
	assert_int_equal(config->forward.handshake_timeout_ms, 11);
	assert_int_equal(config->forward.padding, 0);
	assert_true(config->forward.client_subnet_forward);
	assert_int_equal(config->limits.tcp_queries_per_client, 5);
	assert_true(config->limits.worker_memory == 512u << 20);
	assert_true(config->cache.size == 2u << 20);
	assert_int_equal(config->cache.min_ttl_s, 1);
	assert_int_equal(config->cache.max_ttl_s, 2);
	assert_int_equal(config->cache.negative_max_ttl_s, 3);
	assert_int_equal(config->cache.failure_ttl_s, 0);
	assert_int_equal(config->cache.stale_s, 0);
	assert_int_equal(config->cache.stale_answer_ttl_s, 4);
	assert_int_equal(config->cache.stale_wait_ms, 5);
	assert_false(config->cache.prefetch);
	assert_string_equal(config->cache.file, "/var/a cache");
	assert_false(config->sandbox);
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_true(config->log.queries);
	config_free(config);
}

static void
what_is_printed_reads_the_same(void **state)
{
	static const char *const texts[] = {everything, UPSTREAM, HOST};
	(void)state;
	loading_write("extra.conf", "not looked into");
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct config *config = loading_good(texts[i]);
		char *first = loading_print(config);
		struct config *again = loading_good(first);
		char *second = loading_print(again);
		assert_string_equal(first, second);
		free(first);
		free(second);
		config_free(config);
		config_free(again);
	}
}

/* Loads UPSTREAM with timeout_ms = 1000, these overrides, and these variables. */
static struct config *
load_with(const struct config_override *overrides, size_t count, char *const *environment, char **said)
{
	loading_write(
	        "dotward.conf", UPSTREAM "forward: { timeout_ms = 2000; };\nlog: { level = \"error\"; };");
	return loading_sources(&(struct config_sources){"dotward.conf", overrides, count, environment}, said);
}

static void
the_last_source_wins(void **state)
{
	static char level[] = "DOTWARD_LOG_LEVEL=info", listen[] = "DOTWARD_LISTEN=127.0.0.1@1, ::1@2";
	char *const environment[] = {level, listen, NULL};
	const struct config_override overrides[] = {
	        {"--log-level", "log.level", "debug"},
	        {"-o", "forward.timeout_ms", "3000"},
	        {"-o", "forward.timeout_ms", "4000"},
	        {"--listen", "listen", "127.0.0.1@3"},
	};
	char *said, text[ADDR_TEXT_BYTES];
	(void)state;
	struct config *config = load_with(NULL, 0, environment, &said);
	assert_string_equal(said, "");
	assert_int_equal(config->log.level, LOG_LEVEL_INFO);
	assert_int_equal(config->forward.timeout_ms, 2000);
	assert_int_equal(config->listen_count, 2);
	assert_string_equal(addr_text(&config->listens[1].address, text), "::1@2");
	config_free(config);
	free(said);
	config = load_with(overrides, COUNT(overrides), environment, &said);
	assert_string_equal(said, "");
	assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->forward.timeout_ms, 4000);
	assert_int_equal(config->listen_count, 1);
	assert_string_equal(addr_text(&config->listens[0].address, text), "127.0.0.1@3");
	config_free(config);
	free(said);
}

static void
no_file_is_needed(void **state)
{
	const struct config_override overrides[] = {
	        {"--listen", "listen", "127.0.0.1@5300"},
	        {"-o", "listen", "( )"},
	        {"--listen", "listen", "::1"},
	        {"--upstream", "upstreams", "9.9.9.9#dns.quad9.net"},
	        {"--upstream", "upstreams", "2606:4700:4700::1111@8853"},
	        {"-o", "upstreams", "( { addresses = [ \"192.0.2.1\" ]; name = \"third\"; } )"},
	};
	char *said, text[ADDR_TEXT_BYTES];
	(void)state;
	struct config *config =
	        loading_sources(&(struct config_sources){NULL, overrides, COUNT(overrides), NULL}, &said);
	assert_string_equal(said, "");
	assert_int_equal(config->listen_count, 2);
	assert_string_equal(addr_text(&config->listens[0].address, text), "127.0.0.1@5300");
	assert_string_equal(addr_text(&config->listens[1].address, text), "::1@53");
	assert_int_equal(config->upstream_count, 3);
	assert_string_equal(config->upstreams[0].auth_name, "dns.quad9.net");
	assert_string_equal(addr_text(&config->upstreams[1].addresses[0], text), "2606:4700:4700::1111@8853");
	assert_string_equal(config->upstreams[2].name, "third");
	config_free(config);
	free(said);
}

static void
overrides_are_values_or_bare_text(void **state)
{
	const struct config_override overrides[] = {
	        {"-o", "user", ""},
	        {"-o", "pid_file", "/run/a b; x = \"1\".pid"},
	        {"-o", "access.allow", "192.0.2.0/24,2001:db8::/32"},
	        {"-o", "access.deny", "[ \"192.0.2.128/25\" ]"},
	        {"-o", "workers", "0x10"},
	        {"-o", "log", "{ queries = true; level = \"info\"; }"},
	        {"-o", "log.target", "\"syslog\""},
	};
	char *said;
	(void)state;
	struct config *config = load_with(overrides, COUNT(overrides), NULL, &said);
	assert_string_equal(said, "");
	assert_string_equal(config->user, "");
	assert_string_equal(config->pid_file, "/run/a b; x = \"1\".pid");
	assert_int_equal(config->access.allow_count, 2);
	assert_int_equal(config->access.deny_count, 1);
	assert_int_equal(config->workers, 16);
	assert_true(config->log.queries);
	assert_string_equal(config->log.target, "syslog");
	config_free(config);
	free(said);
}

static void
wrong_overrides_are_named_by_the_option(void **state)
{
	const struct config_override overrides[] = {
	        {"--listen", "listen", "localhost"},
	        {"--upstream", "upstreams", "9.9.9.9#9.9.9.9"},
	        {"-o", "forward.timeout_ms", "400000"},
	        {"-o", "workers", "many"},
	        {"-o", "workers", "1; user = \"root\""},
	        {"-o", "forward.timout_ms", "5"},
	        {"-o", "timeout_ms", "5"},
	        {"-o", "upstreams[].port", "5"},
	        {"--ca-file", "ca_file", "/does/not/exist.pem"},
	        {"-o", "log.level", "loud"},
	};
	char *said;
	(void)state;
	assert_null(load_with(overrides, COUNT(overrides), NULL, &said));
	assert_string_equal(said,
	        "--listen: listen.[0].address = \"localhost\": no IP address; write \"192.0.2.1\" or "
	        "\"2001:db8::1\", "
	        "with another port \"192.0.2.1@853\"\n"
	        "--upstream: upstreams.[0].auth_name = \"9.9.9.9\": an address is no name; without auth_name "
	        "the "
	        "certificate must name the address\n"
	        "-o: forward.timeout_ms = 400000: at most 60000\n"
	        "-o: workers = many: write a whole number, 0 to 256\n"
	        "-o: workers = 1; user = \"root\": write a whole number, 0 to 256\n"
	        "-o: forward.timout_ms: no such key; did you mean \"forward.timeout_ms\"?\n"
	        "-o: timeout_ms: no such key; did you mean \"forward.timeout_ms\"?\n"
	        "-o: upstreams[].port: elements cannot be set one by one; give the whole list\n"
	        "--ca-file: ca_file = /does/not/exist.pem: cannot be read: No such file or directory\n"
	        "-o: log.level = \"loud\": write one of \"error\", \"warn\", \"notice\", \"info\", "
	        "\"debug\"\n");
	free(said);
}

static void
one_ca_file_serves_all_that_have_none(void **state)
{
	static char ca[] = "DOTWARD_CA_FILE=extra.conf";
	char *const environment[] = {ca, NULL};
	const struct config_override upstreams[] = {
	        {"-o", "upstreams", "( { addresses = [ \"192.0.2.1\" ]; ca_file = \"more.conf\"; } )"},
	        {"--upstream", "upstreams", "192.0.2.2"},
	        {"--ca-file", "ca_file", "dotward.conf"},
	};
	char *said;
	(void)state;
	loading_write("extra.conf", "");
	loading_write("more.conf", "");
	struct config *config = load_with(upstreams, 2, environment, &said);
	assert_string_equal(said, "");
	assert_string_equal(config->upstreams[0].ca_file, "more.conf");
	assert_string_equal(config->upstreams[1].ca_file, "extra.conf");
	config_free(config);
	free(said);
	config = load_with(upstreams, 3, environment, &said);
	assert_string_equal(config->upstreams[1].ca_file, "dotward.conf");
	config_free(config);
	free(said);
}

static void
unknown_variables_are_remarked_on(void **state)
{
	static char typo[] = "DOTWARD_UPSTREAMS=9.9.9.9", other[] = "DOTWARD_ZZZ=1",
	            kube[] = "DOTWARD_PORT=tcp://x", kube2[] = "DOTWARD_SERVICE_HOST=x", foreign[] = "HOME=/",
	            empty[] = "DOTWARD_LISTEN=";
	char *const environment[] = {typo, other, kube, kube2, foreign, empty, NULL};
	char *said;
	(void)state;
	struct config *config = load_with(NULL, 0, environment, &said);
	assert_non_null(config);
	assert_string_equal(said, "DOTWARD_UPSTREAMS: no such variable; did you mean DOTWARD_UPSTREAM?\n"
	                          "DOTWARD_ZZZ: no such variable\n");
	assert_int_equal(config->listen_count, 2);
	config_free(config);
	free(said);
}

/* A default that nobody wrote gives way; one that somebody wrote is a contradiction (test_read.c). */
static void
a_short_timeout_shortens_the_attempts(void **state)
{
	(void)state;
	struct config *config = loading_good(UPSTREAM "forward: { timeout_ms = 1000; };");
	assert_int_equal(config->forward.attempt_timeout_ms, 1000);
	config_free(config);
}

static void
files_that_cannot_be_read_are_named(void **state)
{
	char *said;
	(void)state;
	assert_null(loading_sources(&(struct config_sources){.file = "missing.conf"}, &said));
	assert_string_equal(said,
	        "missing.conf: cannot be read: No such file or directory; name another file, or "
	        "give --upstream ADDR#NAME and no file\n");
	free(said);
	assert_null(loading_sources(&(struct config_sources){.file = "."}, &said));
	assert_string_equal(said,
	        ".: cannot be read: it is a directory; name another file, or give --upstream "
	        "ADDR#NAME and no file\n");
	free(said);
	assert_null(loading_sources(&(struct config_sources){.file = "/dev/zero"}, &said));
	assert_non_null(strstr(said, "/dev/zero: cannot be read: it is too large"));
	free(said);
	assert_null(loading_sources(&(struct config_sources){0}, &said));
	assert_string_equal(said, "no upstream: add upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = "
	                          "\"dns.quad9.net\"; } ); or --upstream ADDR#NAME\n");
	free(said);
}

static void
included_files_are_read_and_named(void **state)
{
	char *said;
	(void)state;
	loading_write("extra.conf", "workers = 99999999999;\n@include \"more.conf\"\n user = 5;");
	loading_write("more.conf", UPSTREAM "\nworker = 2;");
	assert_null(loading_text("# first\n@include \"extra.conf\"\npid_file = 1;", &said));
	assert_string_equal(said, "extra.conf:1: workers = 99999999999: at most 256\n"
	                          "more.conf:3: worker: no such key; did you mean \"workers\"?\n"
	                          "extra.conf:3: user = 5: write a text in double quotes\n"
	                          "dotward.conf:3: pid_file = 1: write a text in double quotes\n");
	free(said);
	loading_write("extra.conf", "workers = 2;");
	assert_null(loading_text("workers = 1;\n@include \"extra.conf\"", &said));
	assert_string_equal(
	        said, "extra.conf:1: workers: given twice, first in dotward.conf:1; leave one out\n");
	free(said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(without_lists_it_listens_to_loopback_and_allows_local_networks),
	        cmocka_unit_test(defaults_are_those_of_the_design),
	        cmocka_unit_test(an_upstream_has_defaults),
	        cmocka_unit_test(an_upstream_may_have_a_host),
	        cmocka_unit_test(the_name_of_a_long_host_is_cut),
	        cmocka_unit_test(a_copy_is_the_same_and_its_own),
	        cmocka_unit_test(every_key_reaches_its_field),
	        cmocka_unit_test(what_is_printed_reads_the_same),
	        cmocka_unit_test(the_last_source_wins),
	        cmocka_unit_test(no_file_is_needed),
	        cmocka_unit_test(overrides_are_values_or_bare_text),
	        cmocka_unit_test(wrong_overrides_are_named_by_the_option),
	        cmocka_unit_test(one_ca_file_serves_all_that_have_none),
	        cmocka_unit_test(unknown_variables_are_remarked_on),
	        cmocka_unit_test(a_short_timeout_shortens_the_attempts),
	        cmocka_unit_test(files_that_cannot_be_read_are_named),
	        cmocka_unit_test(included_files_are_read_and_named),
	};
	return cmocka_run_group_tests(tests, loading_begin, loading_end);
}
