/*
 * One row for each key there is, in the order of the file.
 */
#include "config/keys.h"

#include "base/must.h"
#include "config/complain.h"
#include "config/config.h"
#include "config/items_names.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef DOTWARD_CONTROL
#define DOTWARD_CONTROL "/run/dotward/control"
#endif

static_assert(
        offsetof(struct config_listen, tcp) == offsetof(struct config_listen, udp) + sizeof(bool) &&
                offsetof(struct config_listen, tls) == offsetof(struct config_listen, udp) + 2 * sizeof(bool),
        "KEY_FLAGS: one bool after the other, in the order of the words");
static_assert(sizeof(enum config_policy) == sizeof(unsigned) && sizeof(enum log_level) == sizeof(unsigned),
        "KEY_WORD: an index");

#define FIELD(type, member) .offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member)
#define CONFIG(member)      FIELD(struct config, member)
#define LISTEN(member)      FIELD(struct config_listen, member)
#define UPSTREAM(member)    FIELD(struct config_upstream, member)
#define CLIENT(member)      FIELD(struct config_client, member)
#define LIST(member)        FIELD(struct config_list, member)
#define ITEMS(type, member, member_count)                                                                    \
	.offset = offsetof(type, member), .count_offset = offsetof(type, member_count),                      \
	.bytes = sizeof(void *)
#define NO_FIELD       .offset = KEY_NO_FIELD
#define RANGE(low, up) .min = (low), .max = (up)
#define WORDS(...)                                                                                           \
	.words = (const char *const[])                                                                       \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}
#define IN_MS .unit = "milliseconds"
#define IN_S  .unit = "seconds"

#define LOCAL_NETWORKS                                                                                       \
	"127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 fc00::/7 fe80::/10"

/* clang-format off */
const struct key keys[] = {
	/* --- what to listen on */
	{ "listen", KEY_LIST, .offset = offsetof(struct config, listens),
		.count_offset = offsetof(struct config, listen_count), .bytes = sizeof(struct config_listen),
		.help = "Where clients ask. Without this list: 127.0.0.1 and ::1, port 53." },
	{ "listen[].address", KEY_ITEM, LISTEN(address), .item = &item_listen_address, .needed = true,
		.example = "\"192.0.2.1\"",
		.help = "IPv4 or IPv6 address; \"0.0.0.0\" and \"::\" are all of the machine's.\n"
			"\"ADDRESS@PORT\" is understood, too." },
	{ "listen[].port", KEY_PORT, LISTEN(address), RANGE(1, 65535), .or_zero = true, .fallback = "0",
		.help = "UDP and TCP port. 0: 53, and 853 for protocol \"tls\"." },
	{ "listen[].protocols", KEY_FLAGS, LISTEN(udp), WORDS("udp", "tcp", "tls"), .fallback = "udp tcp",
		.help = "What is spoken there. Without \"tcp\", long answers do not reach the client. \"tls\"\n"
			"(DNS over TLS, RFC 7858) stands alone: no question is taken in clear text there." },
	{ "listen[].proxy_protocol", KEY_BOOL, LISTEN(proxy_protocol), .fallback = "false",
		.help = "Every connection, and every datagram, begins with a header of the PROXY protocol, version 2,\n"
			"and is the client's that the header names; without one it is not taken." },
	{ "listen[].proxy_from", KEY_ITEMS, ITEMS(struct config_listen, proxy_from, proxy_from_count),
		.item = &item_net, .fallback = "",
		.help = "The proxies' networks, with proxy_protocol; nobody else is served there. By UDP the sender's\n"
			"address is all that tells a proxy: no other must be able to send from it." },
	{ "listen[].certificate", KEY_TEXT, LISTEN(certificate), .fallback = "", .check = item_check_file,
		.help = "Certificate chain (PEM), the server's own first, for protocol \"tls\". Read anew at each\n"
			"reload." },
	{ "listen[].key", KEY_TEXT, LISTEN(key), .fallback = "", .check = item_check_file,
		.help = "Private key (PEM) of certificate; need only be readable for who starts dotward." },
	{ "listen[].client_ca", KEY_TEXT, LISTEN(client_ca), .fallback = "", .check = item_check_file,
		.help = "With protocol \"tls\": clients must show a certificate that one of these authorities (PEM)\n"
			"has signed. \"\": none is asked for." },
	{ "listen[].tls_min", KEY_WORD, LISTEN(only_tls13), WORDS("1.2", "1.3"), .fallback = "1.2",
		.help = "The oldest version of TLS that is spoken with clients." },
	{ "listen[].ddr_name", KEY_TEXT, LISTEN(ddr_name), .fallback = "", .check = item_check_host,
		.help = "With protocol \"tls\": the name that clients who ask in clear text are told to come here by,\n"
			"in the answer to _dns.resolver.arpa (RFC 9462). \"\": the first one in certificate." },

	/* --- whom to ask */
	{ "upstreams", KEY_LIST, .offset = offsetof(struct config, upstreams),
		.count_offset = offsetof(struct config, upstream_count), .bytes = sizeof(struct config_upstream),
		.help = "The resolvers that are asked, over TLS and nothing else. At least one is needed." },
	{ "upstreams[].name", KEY_TEXT, UPSTREAM(name), .fallback = "", .check = item_check_name,
		.help = "What the log calls it; unique. \"\": its host, or its first address." },
	{ "upstreams[].addresses", KEY_ITEMS, ITEMS(struct config_upstream, addresses, address_count),
		.item = &item_upstream_address, .fallback = "", .needed = true, .instead = "host", .example = "[ \"192.0.2.1\" ]",
		.help = "All addresses of this resolver; \"ADDRESS@PORT\" for another port than the rest." },
	{ "upstreams[].host", KEY_TEXT, UPSTREAM(host), .fallback = "", .check = item_check_upstream_host,
		.together = "bootstrap", .example = "\"dns.example\"",
		.help = "Host name whose addresses (IPv4 and IPv6) are looked up, instead of addresses, and looked up\n"
			"again when their time to live is over. \"\": none." },
	{ "upstreams[].bootstrap", KEY_ITEMS, ITEMS(struct config_upstream, bootstrap, bootstrap_count),
		.item = &item_bootstrap, .fallback = "", .together = "host", .example = "[ \"192.0.2.1\" ]",
		.help = "Who is asked for the addresses of host, over verified TLS and nothing else, with ca_file,\n"
			"tls_priority, tls_min, clock_bootstrap and source_address of this upstream:\n"
			"\"ADDRESS[@PORT]#NAME\" (its certificate must be for the name),\n"
			"\"ADDRESS[@PORT]#sha256//BASE64=\" (its key must be that one), or\n"
			"\"ADDRESS[@PORT]\" (its certificate must be for the address)." },
	{ "upstreams[].port", KEY_NUMBER, UPSTREAM(port), RANGE(1, 65535), .fallback = "853", .help = "TCP port." },
	{ "upstreams[].auth_name", KEY_TEXT, UPSTREAM(auth_name), .fallback = "", .check = item_check_host,
		.help = "The name its certificate must have. \"\": its host; without one, the certificate must have\n"
			"the address, or, if there are pins, one of them must match." },
	{ "upstreams[].pins", KEY_ITEMS, ITEMS(struct config_upstream, pins, pin_count), .item = &item_pin,
		.fallback = "",
		.help = "SHA-256 of public keys (RFC 7858), \"sha256//BASE64=\"; one of them must match,\n"
			"and with auth_name both the name and the pin." },
	{ "upstreams[].profile", KEY_WORD, UPSTREAM(opportunistic), WORDS("strict", "opportunistic"), .fallback = "strict",
		.help = "\"strict\" (RFC 8310): who cannot be verified is not asked. \"opportunistic\": it is, over\n"
			"TLS, whoever it may be; only a listener on the line is kept out." },
	{ "upstreams[].ca_file", KEY_TEXT, UPSTREAM(ca_file), .fallback = "", .check = item_check_file,
		.help = "Trusted certificates (PEM). \"\": those of the system." },
	{ "upstreams[].tls_priority", KEY_TEXT, UPSTREAM(tls_priority), .fallback = "",
		.help = "GnuTLS priority string. \"\": dotward's own." },
	{ "upstreams[].tls_min", KEY_WORD, UPSTREAM(only_tls13), WORDS("1.2", "1.3"), .fallback = "1.2",
		.help = "The oldest version of TLS that is spoken." },
	{ "upstreams[].clock_bootstrap", KEY_BOOL, UPSTREAM(clock_bootstrap), .fallback = "false",
		.help = "While the clock is wrong for certain (before dotward was built), certificates may be out of\n"
			"date, but for nobody else: for machines that need DNS to learn the time." },
	{ "upstreams[].client_certificate", KEY_TEXT, UPSTREAM(client_certificate), .fallback = "", .check = item_check_file,
		.help = "Certificate chain (PEM) to show to the upstream, for one that wants to know who asks. \"\": none." },
	{ "upstreams[].client_key", KEY_TEXT, UPSTREAM(client_key), .fallback = "", .check = item_check_file,
		.help = "Private key (PEM) of client_certificate." },
	{ "upstreams[].source_address", KEY_ITEM, UPSTREAM(source_address), .item = &item_source_address, .fallback = "",
		.help = "Local address to connect from, of the family of all its addresses. \"\": as the machine will." },
	{ "upstreams[].resumption", KEY_BOOL, UPSTREAM(resumption), .fallback = "true",
		.help = "Resume TLS sessions from tickets, each used once (in TLS 1.2 for up to two hours). A ticket tells\n"
			"the upstream which connection came before; false: none does." },
	{ "upstreams[].early_data", KEY_BOOL, UPSTREAM(early_data), .fallback = "false",
		.help = "Send the first questions with the handshake (TLS 1.3 early data) where a ticket allows it: a\n"
			"round trip less after a pause. Whoever records them can send them to the upstream again, and\n"
			"learn from its traffic whether it had to look the answer up; so it is off." },
	{ "upstreams[].max_connections", KEY_NUMBER, UPSTREAM(max_connections), RANGE(1, 16), .fallback = "2",
		.help = "Connections at once, of each worker to each address." },
	{ "upstreams[].max_outstanding", KEY_NUMBER, UPSTREAM(max_outstanding), RANGE(1, 1000), .fallback = "100",
		.help = "Questions without an answer yet, on one connection." },
	{ "upstreams[].idle_timeout_ms", KEY_NUMBER, UPSTREAM(idle_timeout_ms), RANGE(0, 600000), .fallback = "0", IN_MS,
		.help = "How long an unused connection stays open. 0: as the upstream says, else as it is seen to do." },

	/* --- who may ask */
	{ "access", KEY_GROUP, NO_FIELD, .help = "Who may ask." },
	{ "access.allow", KEY_ITEMS, ITEMS(struct config, access.allow, access.allow_count), .item = &item_net,
		.fallback = LOCAL_NETWORKS, .help = "Networks whose questions are answered. Without this key: local ones only." },
	{ "access.deny", KEY_ITEMS, ITEMS(struct config, access.deny, access.deny_count), .item = &item_net,
		.fallback = "", .help = "Networks whose questions are not, even if allowed above." },
	{ "access.denied", KEY_WORD, CONFIG(access.drop), WORDS("refuse", "drop"), .fallback = "refuse",
		.help = "What the others get: REFUSED, or silence." },

	/* --- the process */
	{ "workers", KEY_NUMBER, CONFIG(workers), RANGE(0, 256), .fallback = "0",
		.help = "Processes that serve. 0: one for each CPU available." },
	{ "steering", KEY_WORD, CONFIG(steer_all), WORDS("auto", "all"), .fallback = "auto",
		.help = "Which workers are given new questions: as many as there is something to do for, so that\n"
			"their connections upstream stay open, or all." },
	{ "user", KEY_TEXT, CONFIG(user), .fallback = "dotward",
		.help = "Who the workers are once the sockets are open. \"\": who started them." },
	{ "pid_file", KEY_TEXT, CONFIG(pid_file), .fallback = "", .help = "Where the master writes its process id. \"\": nowhere." },
	{ "watchdog_ms", KEY_NUMBER, CONFIG(watchdog_ms), RANGE(0, 600000), .fallback = "5000", IN_MS,
		.help = "A worker silent for so long is replaced. 0: off." },
	{ "drain_timeout_ms", KEY_NUMBER, CONFIG(drain_timeout_ms), RANGE(0, 600000), .fallback = "5000", IN_MS,
		.help = "How long questions in flight are waited for when stopping." },
	{ "sandbox", KEY_BOOL, CONFIG(sandbox), .fallback = "true",
		.help = "Forbid the workers all system calls and all files they do not need. false: for debugging." },
	{ "control", KEY_GROUP, NO_FIELD, .help = "Control by dotwardctl." },
	{ "control.socket", KEY_TEXT, CONFIG(control.socket), .fallback = DOTWARD_CONTROL, .check = item_check_socket,
		.help = "Where dotwardctl reaches it: root, who started it, and the group of user. \"\": nowhere." },

	/* --- forwarding */
	{ "forward", KEY_GROUP, NO_FIELD, .help = "How upstreams are asked." },
	{ "forward.policy", KEY_WORD, CONFIG(forward.policy), WORDS("sequential", "round-robin", "fastest", "hashed"),
		.fallback = "fastest",
		.help = "Which upstream is asked first, of those that are well: the first of the list, each in turn,\n"
			"one of the fastest, or one chosen by the name asked for (so that none sees all names)." },
	{ "forward.timeout_ms", KEY_NUMBER, CONFIG(forward.timeout_ms), RANGE(10, 60000), .fallback = "5000", IN_MS,
		.help = "What a client waits at most." },
	{ "forward.attempt_timeout_ms", KEY_NUMBER, CONFIG(forward.attempt_timeout_ms), RANGE(10, 60000),
		.fallback = "1500", IN_MS, .help = "When to ask another upstream; at most timeout_ms." },
	{ "forward.connect_timeout_ms", KEY_NUMBER, CONFIG(forward.connect_timeout_ms), RANGE(10, 60000),
		.fallback = "2000", IN_MS, .help = "When a TCP connection that does not open is given up." },
	{ "forward.connect_patience_ms", KEY_NUMBER, CONFIG(forward.connect_patience_ms), RANGE(10, 60000),
		.fallback = "150", IN_MS,
		.help = "What waits for a connection for longer than this is asked elsewhere as well (RFC 8305), and another\n"
			"attempt to connect is made; sooner or later where connections are known to open faster or slower." },
	{ "forward.handshake_timeout_ms", KEY_NUMBER, CONFIG(forward.handshake_timeout_ms), RANGE(10, 60000),
		.fallback = "3000", IN_MS, .help = "When a TLS handshake that does not end is given up." },
	{ "forward.attempts", KEY_NUMBER, CONFIG(forward.attempts), RANGE(1, 16), .fallback = "3",
		.help = "How often a question is asked before it is given up; upstreams that cannot be reached do not count." },
	{ "forward.hedge", KEY_BOOL, CONFIG(forward.hedge), .fallback = "true",
		.help = "Ask once more elsewhere when an answer is slower than nearly all; a tenth of all questions at most." },
	{ "forward.padding", KEY_NUMBER, CONFIG(forward.padding), RANGE(16, 512), .or_zero = true, .fallback = "128",
		.unit = "octets", .help = "Questions are padded to a multiple of this (RFC 8467). 0: off." },
	{ "forward.client_subnet", KEY_WORD, CONFIG(forward.client_subnet_forward), WORDS("strip", "forward"),
		.fallback = "strip", .help = "What happens to a client subnet option (RFC 7871) in a question." },
	{ "routes", KEY_LIST, .offset = offsetof(struct config, routes),
		.count_offset = offsetof(struct config, route_count), .bytes = sizeof(struct config_route),
		.help = "Names that are asked elsewhere. An upstream that a route names is asked for its domains only." },
	{ "routes[].domains", KEY_ITEMS, ITEMS(struct config_route, domains, domain_count), .item = &item_domain,
		.needed = true, .example = "[ \"corp.example\", \"10.in-addr.arpa\" ]",
		.help = "Each stands for itself and all names below it; the longest one that fits a name wins.\n"
			"\".\": all that no other route has." },
	{ "routes[].upstreams", KEY_ITEMS, ITEMS(struct config_route, upstreams, upstream_count), .item = &item_member,
		.needed = true, .example = "[ \"corp\" ]",
		.help = "By name. What they cannot answer is asked nowhere else." },

	/* --- cache */
	{ "cache", KEY_GROUP, NO_FIELD, .help = "Answers that are remembered." },
	{ "cache.size", KEY_ITEM, CONFIG(cache.size), .item = &item_cache, .fallback = "32M",
		.help = "Memory for them, shared by all workers and taken at once: \"1M\" and more; \"0\": no cache." },
	{ "cache.min_ttl_s", KEY_NUMBER, CONFIG(cache.min_ttl_s), RANGE(0, 86400), .fallback = "0", IN_S,
		.help = "Least time a positive answer is kept: lower TTLs are raised to it. At most max_ttl_s." },
	{ "cache.max_ttl_s", KEY_NUMBER, CONFIG(cache.max_ttl_s), RANGE(0, 604800), .fallback = "86400", IN_S,
		.help = "Longest time an answer is kept." },
	{ "cache.negative_max_ttl_s", KEY_NUMBER, CONFIG(cache.negative_max_ttl_s), RANGE(0, 604800), .fallback = "3600", IN_S,
		.help = "The same for \"no such name\" and \"no such record\" (RFC 2308)." },
	{ "cache.failure_ttl_s", KEY_NUMBER, CONFIG(cache.failure_ttl_s), RANGE(0, 300), .fallback = "2", IN_S,
		.help = "How long a failure is kept (RFC 9520). 0: every question for it is asked upstream." },
	{ "cache.stale_s", KEY_NUMBER, CONFIG(cache.stale_s), RANGE(0, 604800), .fallback = "86400", IN_S,
		.help = "How long an expired answer may help out (RFC 8767). 0: never." },
	{ "cache.stale_answer_ttl_s", KEY_NUMBER, CONFIG(cache.stale_answer_ttl_s), RANGE(1, 3600), .fallback = "30", IN_S,
		.help = "TTL of such an answer." },
	{ "cache.stale_wait_ms", KEY_NUMBER, CONFIG(cache.stale_wait_ms), RANGE(0, 60000), .fallback = "1800", IN_MS,
		.help = "How long a fresh answer is waited for before an expired one is given." },
	{ "cache.prefetch", KEY_BOOL, CONFIG(cache.prefetch), .fallback = "true",
		.help = "Renew what is asked often before it expires." },
	{ "cache.file", KEY_TEXT, CONFIG(cache.file), .fallback = "", .check = item_check_path,
		.help = "Where the answers are while dotward does not run: written when it stops and read when it\n"
			"starts, as whoever started it. \"\": nowhere." },

	/* --- limits */
	{ "limits", KEY_GROUP, NO_FIELD, .help = "Bounds, each for one worker, but rate and response_rate, for which all workers count together." },
	{ "limits.queries_in_flight", KEY_NUMBER, CONFIG(limits.queries_in_flight), RANGE(1, 65536), .fallback = "4096",
		.help = "Questions that wait for an answer; more are REFUSED at once." },
	{ "limits.tcp_clients", KEY_NUMBER, CONFIG(limits.tcp_clients), RANGE(1, 65536), .fallback = "1024",
		.help = "Clients connected by TCP." },
	{ "limits.tcp_clients_per_address", KEY_NUMBER, CONFIG(limits.tcp_clients_per_address), RANGE(1, 65536),
		.fallback = "64", .help = "Clients connected by TCP from one address." },
	{ "limits.tcp_idle_timeout_ms", KEY_NUMBER, CONFIG(limits.tcp_idle_timeout_ms), RANGE(10, 600000),
		.fallback = "10000", IN_MS, .help = "When an idle client is disconnected." },
	{ "limits.tcp_queries_per_client", KEY_NUMBER, CONFIG(limits.tcp_queries_per_client), RANGE(1, 4096),
		.fallback = "128", .help = "Questions of one TCP client that are worked on at once." },
	{ "limits.tls_handshakes", KEY_NUMBER, CONFIG(limits.tls_handshakes), RANGE(1, 65536), .fallback = "256",
		.help = "TLS handshakes with clients that are under way at once. Beyond that, those that stand still\n"
			"give way for new ones, or new ones wait." },
	{ "limits.tls_handshake_timeout_ms", KEY_NUMBER, CONFIG(limits.tls_handshake_timeout_ms), RANGE(100, 60000),
		.fallback = "5000", IN_MS, .help = "How long such a handshake may take." },
	{ "limits.udp_answer_size", KEY_NUMBER, CONFIG(limits.udp_answer_size), RANGE(512, 4096), .fallback = "1232",
		.unit = "bytes", .help = "Longer answers are truncated, and the client asks again by TCP." },
	{ "limits.cookies", KEY_BOOL, CONFIG(limits.cookies), .fallback = "true",
		.help = "DNS cookies (RFC 7873) for clients that send them: who has one of ours is where it says it is." },
	{ "limits.cookie_secret", KEY_ITEM, CONFIG(limits.cookie_secret), .item = &item_secret, .fallback = "",
		.help = "What cookies are made of: 32 hexadecimal digits, for servers that share an address and are to\n"
			"know each other's cookies (RFC 9018). \"\": made at random, and another one every day." },
	{ "limits.cookie_secret_also", KEY_ITEM, CONFIG(limits.cookie_secret_also), .item = &item_secret, .fallback = "",
		.help = "Cookies made of this one are good as well: the next secret or the last, while all servers change it." },
	{ "limits.worker_memory", KEY_ITEM, CONFIG(limits.worker_memory), .item = &item_memory, .fallback = "1G",
		.help = "A worker that wants more dies and is replaced: \"512M\", \"2G\"; \"0\": no limit." },
	{ "limits.rate", KEY_GROUP, NO_FIELD,
		.help = "Questions of each client network, counted over all workers: once for UDP, where addresses can be\n"
			"forged, and once for TCP and DNS cookies. Loopback has no exception unless it is listed." },
	{ "limits.rate.queries_per_second", KEY_NUMBER, CONFIG(limits.rate.per_second), RANGE(0, 1000000), .fallback = "0",
		.help = "How many go on being answered. 0: no limit." },
	{ "limits.rate.burst", KEY_NUMBER, CONFIG(limits.rate.burst), RANGE(0, 1000000), .fallback = "0",
		.help = "How many at once, after a pause. 0: as many as in one second." },
	{ "limits.rate.slip", KEY_NUMBER, CONFIG(limits.rate.slip), RANGE(0, 100), .fallback = "2",
		.help = "Of the UDP questions in excess each so many-th gets an empty, truncated answer, after which a real\n"
			"client comes by TCP (or a cookie to come back with, if it knows cookies); the others get silence.\n"
			"1: each does, 0: none does. By TCP, or with a cookie: REFUSED." },
	{ "limits.rate.ipv4_prefix", KEY_NUMBER, CONFIG(limits.rate.ipv4_prefix), RANGE(8, 32), .fallback = "24",
		.help = "Size of an IPv4 client network." },
	{ "limits.rate.ipv6_prefix", KEY_NUMBER, CONFIG(limits.rate.ipv6_prefix), RANGE(16, 128), .fallback = "56",
		.help = "Size of an IPv6 client network." },
	{ "limits.rate.exempt", KEY_ITEMS, ITEMS(struct config, limits.rate.exempt, limits.rate.exempt_count),
		.item = &item_net, .fallback = "", .help = "Networks without that limit." },
	{ "limits.response_rate", KEY_GROUP, NO_FIELD,
		.help = "UDP answers to each client network that say the same: for who forges addresses to have a third party\n"
			"flooded. The same is said of one name, of no such names in one zone, by errors, and by answers to ANY." },
	{ "limits.response_rate.per_second", KEY_NUMBER, CONFIG(limits.response_rate.per_second), RANGE(0, 1000000),
		.fallback = "0", .help = "How many of each are given in a second. 0: no limit." },
	{ "limits.response_rate.slip", KEY_NUMBER, CONFIG(limits.response_rate.slip), RANGE(0, 100), .fallback = "2",
		.help = "As limits.rate.slip." },
	{ "limits.response_rate.ipv4_prefix", KEY_NUMBER, CONFIG(limits.response_rate.ipv4_prefix), RANGE(8, 32),
		.fallback = "24", .help = "Size of an IPv4 client network." },
	{ "limits.response_rate.ipv6_prefix", KEY_NUMBER, CONFIG(limits.response_rate.ipv6_prefix), RANGE(16, 128),
		.fallback = "56", .help = "Size of an IPv6 client network." },
	{ "limits.response_rate.exempt", KEY_ITEMS,
		ITEMS(struct config, limits.response_rate.exempt, limits.response_rate.exempt_count), .item = &item_net, .fallback = "",
		.help = "Networks without that limit." },

	/* --- names answered here */
	{ "policy", KEY_GROUP, NO_FIELD, .help = "Lists of names that are not resolved, and names that are answered here." },
	{ "policy.block_lists", KEY_LIST, .offset = offsetof(struct config, lists.block),
		.count_offset = offsetof(struct config, lists.block_count), .bytes = sizeof(struct config_list),
		.help = "Lists of names that are not resolved; at most 64 lists with those below. They are read at the\n"
			"start, at a reload, and when \"dotwardctl lists reload\" says so." },
	{ "policy.block_lists[].name", KEY_TEXT, LIST(name), .fallback = "", .check = item_check_name,
		.help = "What clients and the log are told; unique. \"\": the last part of file." },
	{ "policy.block_lists[].file", KEY_TEXT, LIST(file), .fallback = "", .check = item_check_list, .needed = true,
		.example = "\"/etc/dotward/blocked.txt\"",
		.help = "The file, or a folder: all regular files in it but those that begin with a dot and editors'\n"
			"backups (NAME~, #NAME#, NAME.bak, NAME.orig, NAME.swp)." },
	{ "policy.block_lists[].format", KEY_WORD, LIST(format), WORDS("auto", "plain", "hosts", "adblock", "rpz"),
		.fallback = "auto", .help = "How it is written. \"auto\": as each file looks." },
	{ "policy.block_lists[].answer", KEY_WORD, LIST(answer), WORDS("nxdomain", "nodata", "refused", "null"),
		.fallback = "nxdomain",
		.help = "No such name, no such record, REFUSED, or the addresses 0.0.0.0 and :: (for other types: no such\n"
			"record). What an RPZ file says itself comes first." },
	{ "policy.block_lists[].reason", KEY_WORD, LIST(filtered), WORDS("blocked", "filtered"), .fallback = "blocked",
		.help = "The Extended DNS Error (RFC 8914) beside it: 15, blocked by who runs this server, or 17, filtered\n"
			"because who asks wants it so." },
	{ "policy.allow_lists", KEY_LIST, .offset = offsetof(struct config, lists.allow),
		.count_offset = offsetof(struct config, lists.allow_count), .bytes = sizeof(struct config_list),
		.help = "Lists of names that are resolved, whatever block lists say." },
	{ "policy.allow_lists[].name", KEY_TEXT, LIST(name), .fallback = "", .check = item_check_name,
		.help = "Unique among all lists. \"\": the last part of file." },
	{ "policy.allow_lists[].file", KEY_TEXT, LIST(file), .fallback = "", .check = item_check_list, .needed = true,
		.example = "\"/etc/dotward/allowed.txt\"", .help = "As that of a block list." },
	{ "policy.allow_lists[].format", KEY_WORD, LIST(format), WORDS("auto", "plain", "hosts", "adblock", "rpz"),
		.fallback = "auto", .help = "How it is written. \"auto\": as each file looks." },
	{ "policy.records", KEY_ITEMS, ITEMS(struct config, names.records, names.record_count), .item = &item_record,
		.round = true, .fallback = "",
		.help = "Records of our own, one a text, as in a zone file: \"nas.home. 300 IN A 192.168.1.10\". Names are\n"
			"written out, with a dot at their end; a TTL left out is 300; \"*.dev.home. A ...\" stands for all\n"
			"names below that are not there. Addresses get a PTR, unless there is one." },
	{ "policy.hosts_file", KEY_TEXT, CONFIG(names.hosts_file), .fallback = "", .check = item_check_hosts,
		.help = "A hosts file, as hosts(5) has it: \"/etc/hosts\". Read when dotward starts and at each reload; wrong\n"
			"lines are named and skipped. The TTL is 60. \"\": none." },
	{ "policy.local_zones", KEY_ITEMS, ITEMS(struct config, names.local_zones, names.local_zone_count),
		.item = &item_domain, .fallback = "",
		.help = "Domains that are ours altogether: of a name in them that neither records nor the hosts file have,\n"
			"nobody is asked; there is no such name. Unless a route leads deeper into the domain." },
	{ "policy.special_names", KEY_BOOL, CONFIG(names.special), .fallback = "true",
		.help = "Answer here what is not to be asked outside: localhost, reverse names of private addresses, and\n"
			"names in test, invalid, local, onion, alt and home.arpa (RFC 6761, RFC 6303, RFC 7686, RFC 8375,\n"
			"RFC 9476). Records of our own and a route for, or in, such a domain come first." },
	{ "policy.filter_types", KEY_ITEMS, ITEMS(struct config, names.filter_types, names.filter_type_count),
		.item = &item_type, .fallback = "",
		.help = "Types of records that no name has, as far as clients are told: [ \"AAAA\", \"HTTPS\", \"TYPE65\" ]." },
	{ "policy.refuse_any", KEY_BOOL, CONFIG(names.refuse_any), .fallback = "true",
		.help = "Answer ANY with one short record that says nothing (RFC 8482), and ask nobody." },
	{ "policy.rebind_protection", KEY_BOOL, CONFIG(names.rebind_protection), .fallback = "false",
		.help = "No private addresses from outside: an answer with one is given as if it had no records. Names that\n"
			"are routed, and those of our own, may have them." },
	{ "policy.rebind_allow", KEY_ITEMS, ITEMS(struct config, names.rebind_allow, names.rebind_allow_count),
		.item = &item_domain, .fallback = "", .help = "Domains that may have them in spite of that: [ \"plex.direct\" ]." },
	{ "policy.minimal_responses", KEY_BOOL, CONFIG(names.minimal_responses), .fallback = "false",
		.help = "Leave out of answers what nobody asked for: the authority and additional sections, but for what\n"
			"proves something." },

	/* --- groups of clients */
	{ "clients", KEY_LIST, .offset = offsetof(struct config, clients),
		.count_offset = offsetof(struct config, client_count), .bytes = sizeof(struct config_client),
		.help = "Groups of clients that are served in another way than the rest. Who may ask at all, access says." },
	{ "clients[].name", KEY_TEXT, CLIENT(name), .fallback = "", .check = item_check_name, .needed = true,
		.example = "\"kids\"", .help = "What dotwardctl calls it; unique." },
	{ "clients[].networks", KEY_ITEMS, ITEMS(struct config_client, networks, network_count), .item = &item_net,
		.needed = true, .example = "[ \"192.168.7.0/24\" ]",
		.help = "Whose addresses are in it; of all networks of all groups the smallest that holds a client wins." },
	{ "clients[].upstreams", KEY_ITEMS, ITEMS(struct config_client, upstreams, upstream_count), .item = &item_member,
		.fallback = "",
		.help = "By name: who is asked for this group, and nobody else. An upstream that a group names is asked\n"
			"for others only if a route names it, too. [ ]: those who are asked for everybody." },
	{ "clients[].routes", KEY_BOOL, CLIENT(routes), .fallback = "true",
		.help = "Whether names that have a route are asked there for this group, too. A route for \".\" is for\n"
			"those without upstreams of their own." },
	{ "clients[].block_lists", KEY_ITEMS, ITEMS(struct config_client, block_lists, block_list_count),
		.item = &item_list, .fallback = "*",
		.help = "By name: the block lists of policy that count for this group. \"*\": all; [ ]: none." },
	{ "clients[].allow_lists", KEY_ITEMS, ITEMS(struct config_client, allow_lists, allow_list_count),
		.item = &item_list, .fallback = "*", .help = "The same of the allow lists." },
	{ "clients[].rate", KEY_GROUP, CLIENT(own_rate),
		.help = "Holds for this group in place of limits.rate, as a whole. Without it: limits.rate." },
	{ "clients[].rate.queries_per_second", KEY_NUMBER, CLIENT(rate.per_second), RANGE(0, 1000000), .fallback = "0",
		.help = "As limits.rate.queries_per_second; 0: no limit." },
	{ "clients[].rate.burst", KEY_NUMBER, CLIENT(rate.burst), RANGE(0, 1000000), .fallback = "0",
		.help = "As limits.rate.burst." },
	{ "clients[].rate.slip", KEY_NUMBER, CLIENT(rate.slip), RANGE(0, 100), .fallback = "2", .help = "As limits.rate.slip." },
	{ "clients[].rate.ipv4_prefix", KEY_NUMBER, CLIENT(rate.ipv4_prefix), RANGE(8, 32), .fallback = "24", .help = "As limits.rate.ipv4_prefix." },
	{ "clients[].rate.ipv6_prefix", KEY_NUMBER, CLIENT(rate.ipv6_prefix), RANGE(16, 128), .fallback = "56", .help = "As limits.rate.ipv6_prefix." },
	{ "clients[].rate.exempt", KEY_ITEMS, ITEMS(struct config_client, rate.exempt, rate.exempt_count), .item = &item_net,
		.fallback = "", .help = "As limits.rate.exempt." },
	{ "clients[].log", KEY_BOOL, CLIENT(log), .fallback = "true",
		.help = "Whether its questions may be in the log, where log.queries allows it." },

	/* --- log and metrics */
	{ "log", KEY_GROUP, NO_FIELD, .help = "What is written down." },
	{ "log.target", KEY_TEXT, CONFIG(log.target), .fallback = "stderr", .check = item_check_log_target,
		.help = "\"stderr\", \"syslog\" or \"file:PATH\"; a file is opened anew on SIGUSR1." },
	{ "log.level", KEY_WORD, CONFIG(log.level), WORDS("error", "warn", "notice", "info", "debug"),
		.fallback = "notice", .help = "How much: from what a human must see to, to every question." },
	{ "log.format", KEY_WORD, CONFIG(log.json), WORDS("text", "json"), .fallback = "text",
		.help = "Form of all lines; \"json\": one object a line, its key=value pairs as members." },
	{ "log.queries", KEY_BOOL, CONFIG(log.queries), .fallback = "false",
		.help = "Whether names and clients may appear in the log: a line for each question." },
	{ "log.queries_target", KEY_TEXT, CONFIG(log.queries_target), .fallback = "", .check = item_check_queries_target,
		.help = "Where these lines go: \"\", where log.target says, or \"file:PATH\"; a file is opened anew on SIGUSR1." },
	{ "log.sample", KEY_NUMBER, CONFIG(log.sample), RANGE(1, 1000000), .fallback = "1",
		.help = "One question in so many has a line; 1: all." },
	{ "log.anonymise", KEY_BOOL, CONFIG(log.anonymise), .fallback = "false",
		.help = "Whether clients are written as their networks only, /24 and /56." },
	{ "dnstap", KEY_GROUP, NO_FIELD,
		.help = "Copies of questions and answers, with names and clients, for a reader of dnstap. Those of a group\n"
			"with log = false are left out." },
	{ "dnstap.socket", KEY_TEXT, CONFIG(dnstap.socket), .fallback = "", .check = item_check_tap_socket,
		.help = "Local socket of a reader (Frame Streams, both ways), which must be open to the user. \"\": none." },
	{ "dnstap.file", KEY_TEXT, CONFIG(dnstap.file), .fallback = "", .check = item_check_tap_file,
		.help = "File to append to instead; opened anew on SIGUSR1. \"\": none." },
	{ "dnstap.identity", KEY_TEXT, CONFIG(dnstap.identity), .fallback = "",
		.help = "What this machine is called there. \"\": its host name." },
	{ "dnstap.version", KEY_TEXT, CONFIG(dnstap.version), .fallback = "",
		.help = "What this program is called there. \"\": \"dotward\" and its version." },
	{ "dnstap.client", KEY_BOOL, CONFIG(dnstap.client), .fallback = "true",
		.help = "Whether what clients ask and get is told (CLIENT_QUERY, CLIENT_RESPONSE)." },
	{ "dnstap.forwarder", KEY_BOOL, CONFIG(dnstap.forwarder), .fallback = "true",
		.help = "Whether what upstreams are asked and say is told (FORWARDER_QUERY, FORWARDER_RESPONSE)." },
	{ "dnstap.sample", KEY_NUMBER, CONFIG(dnstap.sample), RANGE(1, 1000000), .fallback = "1",
		.help = "One question in so many is told, with all its messages; 1: all." },
	{ "metrics", KEY_GROUP, NO_FIELD, .help = "Counters, health and a status page, over HTTP." },
	{ "metrics.enabled", KEY_BOOL, CONFIG(metrics.enabled), .fallback = "false",
		.help = "Whether. /metrics is for Prometheus, / for people, /healthz and /readyz for who watches over it." },
	{ "metrics.address", KEY_ITEMS, ITEMS(struct config, metrics.addresses, metrics.address_count),
		.item = &item_metrics_address, .alone = true, .fallback = "127.0.0.1",
		.help = "Where: one address or an array of them; \"ADDRESS@PORT\" is understood, too. [ ]: none, socket\n"
			"is all there is." },
	{ "metrics.port", KEY_NUMBER, CONFIG(metrics.port), RANGE(1, 65535), .fallback = "9353", .help = "TCP port." },
	{ "metrics.allow", KEY_ITEMS, ITEMS(struct config, metrics.allow, metrics.allow_count), .item = &item_net,
		.fallback = "127.0.0.0/8 ::1/128",
		.help = "Networks that may connect; for others the connection is closed at once." },
	{ "metrics.socket", KEY_TEXT, CONFIG(metrics.socket), .fallback = "", .check = item_check_socket,
		.help = "Unix socket that speaks the same, for root and members of the group of user. \"\": none." },
	{ "metrics.user", KEY_TEXT, CONFIG(metrics.user), .fallback = "", .check = item_check_name,
		.help = "Who asks by TCP must say this name and the password (HTTP basic authentication), but for\n"
			"/healthz and /readyz. It goes in clear text, so use it on loopback or behind a proxy with TLS." },
	{ "metrics.password_file", KEY_TEXT, CONFIG(metrics.password_file), .fallback = "", .check = item_check_path,
		.help = "The password of metrics.user is its first line. Need only be readable for who starts dotward." },
	{ "metrics.token_file", KEY_TEXT, CONFIG(metrics.token_file), .fallback = "", .check = item_check_path,
		.help = "The same with a bearer token, the first line of this file; with both, either will do." },
};
/* clang-format on */

const size_t keys_count = sizeof keys / sizeof *keys;

const struct key *
keys_find(const char *path)
{
	for (size_t i = 0; i < keys_count; i++)
		if (strcmp(keys[i].path, path) == 0)
			return &keys[i];
	return NULL;
}

const char *
keys_name(const struct key *key)
{
	const char *dot = strrchr(key->path, '.');
	return dot ? dot + 1 : key->path;
}

bool
keys_is_member(const struct key *key, const char *parent)
{
	const char *name = keys_name(key);
	size_t parent_bytes = name == key->path ? 0 : (size_t)(name - 1 - key->path);
	return parent_bytes == strlen(parent) && memcmp(key->path, parent, parent_bytes) == 0;
}

const struct key *
keys_member(const char *parent, const char *name)
{
	for (size_t i = 0; i < keys_count; i++)
		if (keys_is_member(&keys[i], parent) && strcmp(keys_name(&keys[i]), name) == 0)
			return &keys[i];
	return NULL;
}

/* First among its brothers, then anywhere: a right name in the wrong group is a slip, too. */
const char *
keys_suggest(const char *parent, const char *name)
{
	const struct key *best = NULL;
	size_t nearest = SIZE_MAX;
	for (size_t i = 0; i < keys_count; i++) {
		size_t distance = complain_distance(name, keys_name(&keys[i]));
		if (keys_is_member(&keys[i], parent) && complain_is_near(name, keys_name(&keys[i])) &&
		        distance < nearest) {
			best = &keys[i];
			nearest = distance;
		}
	}
	if (best != NULL)
		return keys_name(best);
	for (size_t i = 0; i < keys_count; i++)
		if (strcmp(name, keys_name(&keys[i])) == 0 || strcmp(name, keys[i].path) == 0)
			return keys[i].path;
	for (size_t i = 0; i < keys_count; i++)
		if (strchr(name, '.') != NULL && complain_is_near(name, keys[i].path))
			return keys[i].path;
	return NULL;
}

/* A text that is written bit by bit into a room that may be too small. */
struct phrase {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void
say(struct phrase *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int wanted = vsnprintf(p->at, p->room, format, args);
	va_end(args);
	size_t used = wanted < 0 ? 0 : (size_t)wanted < p->room ? (size_t)wanted : p->room - 1;
	p->at += used;
	p->room -= used;
}

static void
say_words(struct phrase *p, const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		say(p, "%s\"%s\"", i ? ", " : "", words[i]);
}

static void
say_range(struct phrase *p, const struct key *key)
{
	bool from_zero = key->or_zero && key->min == 1;
	say(p, "%s%ld to %ld", key->or_zero && !from_zero ? "0 or " : "", from_zero ? 0 : key->min, key->max);
	if (key->unit != NULL)
		say(p, " %s", key->unit);
}

const char *
keys_expected(const struct key *key, char *out, size_t room)
{
	struct phrase p = {out, room};
	switch (key->type) {
	case KEY_GROUP:
		say(&p, "a group, %s: { ... };", keys_name(key));
		break;
	case KEY_LIST:
		say(&p, "a list of groups, %s = ( { ... }, { ... } );", keys_name(key));
		break;
	case KEY_NUMBER:
	case KEY_PORT:
		say(&p, "a whole number, ");
		say_range(&p, key);
		break;
	case KEY_BOOL:
		say(&p, "true or false");
		break;
	case KEY_WORD:
		say(&p, key->words[1] ? "one of " : "");
		say_words(&p, key->words);
		break;
	case KEY_FLAGS:
		say(&p, "an array of ");
		say_words(&p, key->words);
		break;
	case KEY_TEXT:
	case KEY_ITEM:
		say(&p, "a text in double quotes");
		break;
	case KEY_ITEMS:
		say(&p, "an array of texts, [ \"...\", \"...\" ]");
		break;
	}
	return out;
}

static void
say_array(struct phrase *p, const char *elements)
{
	say(p, "[ ");
	while (*elements != '\0') {
		int length = (int)strcspn(elements, " ");
		say(p, "\"%.*s\"", length, elements);
		elements += length;
		elements += strspn(elements, " ");
		say(p, *elements ? ", " : " ");
	}
	say(p, "]");
}

const char *
keys_default(const struct key *key, char *out, size_t room)
{
	struct phrase p = {out, room};
	*out = '\0';
	if (key->fallback == NULL)
		return out;
	if (key->type == KEY_ITEMS || key->type == KEY_FLAGS)
		say_array(&p, key->fallback);
	else if (key->type == KEY_NUMBER || key->type == KEY_PORT || key->type == KEY_BOOL)
		say(&p, "%s", key->fallback);
	else
		say(&p, "\"%s\"", key->fallback);
	return out;
}

const char *
keys_bounds(const struct key *key, char *out, size_t room)
{
	struct phrase p = {out, room};
	*out = '\0';
	if (key->type == KEY_NUMBER || key->type == KEY_PORT)
		say_range(&p, key);
	else if (key->type == KEY_WORD || key->type == KEY_FLAGS)
		say_words(&p, key->words);
	return out;
}
