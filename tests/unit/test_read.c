/*
 * Values that cannot be right, and what is said about each: the place, the key, the value, and the remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

static const struct loading_row values[] = {
        {"workers = 257;", "dotward.conf:2: workers = 257: at most 256\n"},
        {"workers = -1;", "dotward.conf:2: workers = -1: at least 0\n"},
        {"workers = 99999999999;", "dotward.conf:2: workers = 99999999999: at most 256\n"},
        {"workers = 4294967298;", "dotward.conf:2: workers = 4294967298: at most 256\n"},
        {"workers = -99999999999;", "dotward.conf:2: workers = -99999999999: at least 0\n"},
        {"workers = 99999999999999999999999;",
                "dotward.conf:2: workers = 9223372036854775807: at most 256\n"},
        {"workers = 0x100000001;", "dotward.conf:2: workers = 4294967297: at most 256\n"},
        {"workers = 99999999999999999999999L;",
                "dotward.conf:2: workers = 9223372036854775807: at most 256\n"},
        {"workers = \"4\";", "dotward.conf:2: workers = \"4\": write the number without quotes: 4\n"},
        {"workers = \"four\";", "dotward.conf:2: workers = \"four\": write a whole number, 0 to 256\n"},
        {"workers = 2.0;", "dotward.conf:2: workers = 2.0: write a whole number, 0 to 256\n"},
        {"workers = true;", "dotward.conf:2: workers = true: write a whole number, 0 to 256\n"},
        {"workers = [ 1 ];", "dotward.conf:2: workers: write a whole number, 0 to 256\n"},
        {"workers: { };", "dotward.conf:2: workers: write a whole number, 0 to 256\n"},
        {"worker = 2;", "dotward.conf:2: worker: no such key; did you mean \"workers\"?\n"},
        {"user = 5;", "dotward.conf:2: user = 5: write a text in double quotes\n"},
        {"user = true;", "dotward.conf:2: user = true: write a text in double quotes\n"},
        {"log: { queries = 1; };", "dotward.conf:2: log.queries = 1: write true or false\n"},
        {"log: { queries = \"true\"; };",
                "dotward.conf:2: log.queries = \"true\": write it without quotes: true\n"},
        {"log: { queries = \"yes\"; };", "dotward.conf:2: log.queries = \"yes\": write true or false\n"},
        {"log: { target = \"stdout\"; };",
                "dotward.conf:2: log.target = \"stdout\": one of \"stderr\", \"syslog\", \"file:PATH\"\n"},
        {"log: { target = \"/var/log/dotward.log\"; };",
                "dotward.conf:2: log.target = \"/var/log/dotward.log\": write "
                "\"file:/var/log/dotward.log\"\n"},
        {"log: { target = \"file:\"; };",
                "dotward.conf:2: log.target = \"file:\": one of \"stderr\", \"syslog\", \"file:PATH\"\n"},
        {"log: { level = \"warning\"; };", "dotward.conf:2: log.level = \"warning\": write one of \"error\", "
                                           "\"warn\", \"notice\", \"info\", \"debug\"\n"},
        {"log: { level = 3; };", "dotward.conf:2: log.level = 3: write one of \"error\", \"warn\", "
                                 "\"notice\", \"info\", \"debug\"\n"},
        {"log: { format = \"xml\"; };",
                "dotward.conf:2: log.format = \"xml\": write one of \"text\", \"json\"\n"},
        {"log: { sample = 0; };", "dotward.conf:2: log.sample = 0: at least 1\n"},
        {"log: { queries_target = \"/var/log/q\"; };",
                "dotward.conf:2: log.queries_target = \"/var/log/q\": write \"file:/var/log/q\"\n"},
        {"log: { queries_target = \"stderr\"; };", "dotward.conf:2: log.queries_target = \"stderr\": \"\", "
                                                   "for where log.target says, or \"file:PATH\"\n"},
        {"log = \"debug\";", "dotward.conf:2: log = \"debug\": write a group, log: { ... };\n"},
        {"forward: { timeout_ms = 400000; };",
                "dotward.conf:2: forward.timeout_ms = 400000: at most 60000\n"},
        {"forward: { timeout_ms = 9; };", "dotward.conf:2: forward.timeout_ms = 9: at least 10\n"},
        {"forward: { timeout = 5; };",
                "dotward.conf:2: forward.timeout: no such key; did you mean \"timeout_ms\"?\n"},
        {"forward: { padding = 15; };", "dotward.conf:2: forward.padding = 15: at least 16, or 0\n"},
        {"forward: { padding = 513; };", "dotward.conf:2: forward.padding = 513: at most 512\n"},
        {"forward: { policy = \"random\"; };", "dotward.conf:2: forward.policy = \"random\": write one of "
                                               "\"sequential\", \"round-robin\", \"fastest\", \"hashed\"\n"},
        {"forward: { client_subnet = \"keep\"; };",
                "dotward.conf:2: forward.client_subnet = \"keep\": write one of \"strip\", \"forward\"\n"},
        {"forward: { attempts = 0; };", "dotward.conf:2: forward.attempts = 0: at least 1\n"},
        {"forward: { attempts = 1.5; };",
                "dotward.conf:2: forward.attempts = 1.5: write a whole number, 1 to 16\n"},
        {"forward: { attempt_timeout_ms = 6000; };", "dotward.conf:2: forward.attempt_timeout_ms = 6000: at "
                                                     "most forward.timeout_ms, which is 5000\n"},
        {"forward: { timeout_ms = 1000; attempt_timeout_ms = 1001; };",
                "dotward.conf:2: forward.attempt_timeout_ms = 1001: at most forward.timeout_ms, which is "
                "1000\n"},
        {"forward: { hedge = 1; };", "dotward.conf:2: forward.hedge = 1: write true or false\n"},
        {"forward = ( );", "dotward.conf:2: forward: write a group, forward: { ... };\n"},
        {"timeout_ms = 5000;",
                "dotward.conf:2: timeout_ms: no such key; did you mean \"forward.timeout_ms\"?\n"},
        {"limits: { udp_answer_size = 511; };",
                "dotward.conf:2: limits.udp_answer_size = 511: at least 512\n"},
        {"limits: { udp_answer_size = 4097; };",
                "dotward.conf:2: limits.udp_answer_size = 4097: at most 4096\n"},
        {"limits: { tcp_clients = 0; };", "dotward.conf:2: limits.tcp_clients = 0: at least 1\n"},
        {"limits: { rate: { queries_per_second = 1000001; }; };",
                "dotward.conf:2: limits.rate.queries_per_second = 1000001: at most 1000000\n"},
        {"limits: { response_rate: { queries_per_second = 10; }; };",
                "dotward.conf:2: limits.response_rate.queries_per_second: no such key; did you mean "
                "\"limits.rate.queries_per_second\"?\n"},
        {"limits: { rate: { ipv4_prefix = 33; }; };",
                "dotward.conf:2: limits.rate.ipv4_prefix = 33: at most 32\n"},
        {"access: { allow = \"10.0.0.0/8\"; };",
                "dotward.conf:2: access.allow = \"10.0.0.0/8\": write [ \"10.0.0.0/8\" ]\n"},
        {"access: { allow = ( \"10.0.0.0/8\" ); };", "dotward.conf:2: access.allow: write it in square "
                                                     "brackets: an array of texts, [ \"...\", \"...\" ]\n"},
        {"access: { allow = [ 10 ]; };",
                "dotward.conf:2: access.allow.[0] = 10: write a text in double quotes\n"},
        {"access: { allow = [ \"10.0.0.1/8\" ]; };",
                "dotward.conf:2: access.allow.[0] = \"10.0.0.1/8\": there are bits behind the prefix; the "
                "network is \"10.0.0.0/8\"\n"},
        {"access: { deny = [ \"192.0.2.0/24\", \"fe80::1/10\" ]; };",
                "dotward.conf:2: access.deny.[1] = \"fe80::1/10\": there are bits behind the prefix; the "
                "network is \"fe80::/10\"\n"},
        {"access: { deny = [ \"192.0.2.0/33\" ]; };",
                "dotward.conf:2: access.deny.[0] = \"192.0.2.0/33\": no network; write \"192.0.2.0/24\", "
                "\"2001:db8::/32\" or one address\n"},
        {"access: { deny = [ \"example.com\" ]; };",
                "dotward.conf:2: access.deny.[0] = \"example.com\": no network; write \"192.0.2.0/24\", "
                "\"2001:db8::/32\" or one address\n"},
        {"access: { denied = \"ignore\"; };",
                "dotward.conf:2: access.denied = \"ignore\": write one of \"refuse\", \"drop\"\n"},
        {"access: { denies = [ ]; };",
                "dotward.conf:2: access.denies: no such key; did you mean \"denied\"?\n"},
        {"listen = ( );", "dotward.conf:2: listen: empty; name an address, or leave the list out for "
                          "127.0.0.1 and ::1\n"},
        {"listen = ( { } );", "dotward.conf:2: listen.[0]: no address; add address = \"192.0.2.1\";\n"},
        {"listen = { address = \"127.0.0.1\"; };",
                "dotward.conf:2: listen: write a list of groups, listen = ( { ... }, { ... } );\n"},
        {"listen = [ \"127.0.0.1\" ];",
                "dotward.conf:2: listen: write a list of groups, listen = ( { ... }, { ... } );\n"},
        {"listen = ( \"127.0.0.1\" );",
                "dotward.conf:2: listen.[0] = \"127.0.0.1\": each element is a group, { ... }\n"},
        {"listen = ( { address = \"localhost\"; } );",
                "dotward.conf:2: listen.[0].address = \"localhost\": no IP address; write \"192.0.2.1\" or "
                "\"2001:db8::1\", with another port \"192.0.2.1@853\"\n"},
        {"listen = ( { address = \"127.0.0.1:53\"; } );",
                "dotward.conf:2: listen.[0].address = \"127.0.0.1:53\": the port goes behind an @: "
                "\"192.0.2.1@853\", \"2001:db8::1@853\"\n"},
        {"listen = ( { address = \"[::1]:53\"; } );",
                "dotward.conf:2: listen.[0].address = \"[::1]:53\": the port goes behind an @: "
                "\"192.0.2.1@853\", \"2001:db8::1@853\"\n"},
        {"listen = ( { address = \"127.0.0.0/8\"; } );",
                "dotward.conf:2: listen.[0].address = \"127.0.0.0/8\": one address is wanted here, not a "
                "network\n"},
        {"listen = ( { address = \"127.0.0.1@0\"; } );",
                "dotward.conf:2: listen.[0].address = \"127.0.0.1@0\": the port behind the @ must be 1 to "
                "65535\n"},
        {"listen = ( { address = \"127.0.0.1@5300\"; port = 5301; } );",
                "dotward.conf:2: listen.[0].address = \"127.0.0.1@5300\": the port is given here and as port "
                "= 5301; leave one out\n"},
        {"listen = ( { address = \"127.0.0.1\"; port = -1; } );",
                "dotward.conf:2: listen.[0].port = -1: at least 1, or 0\n"},
        {"listen = ( { address = \"127.0.0.1\"; port = 65536; } );",
                "dotward.conf:2: listen.[0].port = 65536: at most 65535\n"},
        {"listen = ( { address = \"127.0.0.1\"; port = \"53\"; } );",
                "dotward.conf:2: listen.[0].port = \"53\": write the number without quotes: 53\n"},
        {"listen = ( { address = \"127.0.0.1\"; protocols = \"udp\"; } );",
                "dotward.conf:2: listen.[0].protocols = \"udp\": write [ \"udp\" ]\n"},
        {"listen = ( { address = \"127.0.0.1\"; protocols = [ ]; } );",
                "dotward.conf:2: listen.[0].protocols: empty; name at least one\n"},
        {"listen = ( { address = \"127.0.0.1\"; protocols = [ \"quic\" ]; } );",
                "dotward.conf:2: listen.[0].protocols.[0] = \"quic\": write one of \"udp\", \"tcp\", "
                "\"tls\"\n"},
        {"listen = ( { address = \"127.0.0.1\"; certificate = \"/none/cert.pem\"; } );",
                "dotward.conf:2: listen.[0].certificate = \"/none/cert.pem\": cannot be read: No such file "
                "or directory\n"},
        {"listen = ( { address = \"127.0.0.1\"; },\n"
         "  { address = \"::1\"; },\n"
         "  { address = \"127.0.0.1@53\"; protocols = [ \"tcp\" ]; } );",
                "dotward.conf:4: listen.[2]: 127.0.0.1@53 is in this list already, in line 2; leave one "
                "out\n"},
        {"listen = ( { adress = \"127.0.0.1\"; } );",
                "dotward.conf:2: listen.[0]: no address; add address = \"192.0.2.1\";\n"
                "dotward.conf:2: listen.[0].adress: no such key; did you mean \"address\"?\n"},
        {"routes = ( { domains = [ \"corp.example\" ]; } );",
                "dotward.conf:2: routes.[0]: no upstreams; add upstreams = [ \"corp\" ];\n"},
        {"routes = true;",
                "dotward.conf:2: routes = true: write a list of groups, routes = ( { ... }, { ... } );\n"},
        {"policy: { hosts_file = \"hosts\"; };",
                "dotward.conf:2: policy.hosts_file = \"hosts\": cannot be read: No such file or directory\n"},
        {"policy: { hosts_file = \"/\"; };", "dotward.conf:2: policy.hosts_file = \"/\": no regular file; "
                                             "name a hosts file, like /etc/hosts\n"},
        {"policy: { records = ( \"nas.home A 192.0.2.1\" ); };",
                "dotward.conf:2: policy.records.[0] = \"nas.home A 192.0.2.1\": a relative name: write it "
                "out, "
                "with a dot at its end\n"},
        {"policy: { records = [ \"nas.home. A 192.0.2\" ]; };",
                "dotward.conf:2: policy.records.[0] = \"nas.home. A 192.0.2\": invalid IPv4 address\n"},
        {"policy: { records = ( \"\" ); };",
                "dotward.conf:2: policy.records.[0] = \"\": no record; write one, like \"nas.home. 300 IN A "
                "192.168.1.10\"\n"},
        {"policy: { records = ( \"a. DNAME b.\" ); };",
                "dotward.conf:2: policy.records.[0] = \"a. DNAME b.\": DNAME is not followed here; write the "
                "names out, or a wildcard CNAME\n"},
        {"policy: { records = ( \"a. TYPE255 \\\\# 0\" ); };",
                "dotward.conf:2: policy.records.[0] = \"a. TYPE255 \\# 0\": ANY is no type that a name can "
                "have\n"},
        {"policy: { records = ( \"a.home. CNAME b.\", \"a.home. A 192.0.2.1\" ); };",
                "dotward.conf:2: policy.records: \"a.home. A 192.0.2.1\": a CNAME can have no other record "
                "beside it; leave one of them out\n"},
        {"policy: { records = ( \"a. CNAME b.\", \"a. CNAME c.\" ); };",
                "dotward.conf:2: policy.records: \"a. CNAME c.\": this name has a CNAME already; leave one "
                "of "
                "them out\n"},
        {"policy: { records = ( \"a. CNAME A.\" ); };",
                "dotward.conf:2: policy.records: \"a. CNAME A.\": this CNAME leads to a CNAME, and so on "
                "without end; let it lead to a name that has an address\n"},
        {"policy: { records = true; };",
                "dotward.conf:2: policy.records = true: write an array of texts, [ \"...\", \"...\" ]\n"},
        {"policy: { local_zones = [ \".\" ]; };", "dotward.conf:2: policy.local_zones: \".\": then no other "
                                                  "name could be resolved; name a domain "
                                                  "of your own\n"},
        {"policy: { filter_types = [ \"AAAAA\" ]; };",
                "dotward.conf:2: policy.filter_types.[0] = \"AAAAA\": no type of records; write \"AAAA\", "
                "\"HTTPS\" or \"TYPE65\"\n"},
        {"policy: { filter_types = [ \"ANY\" ]; };", "dotward.conf:2: policy.filter_types.[0] = \"ANY\": no "
                                                     "type that a name can have; refuse_any is "
                                                     "about ANY\n"},
        {"policy: { rebind_protection = 1; };",
                "dotward.conf:2: policy.rebind_protection = 1: write true or false\n"},
        {"cache: { size = 32; };", "dotward.conf:2: cache.size = 32: write a text in double quotes\n"},
        {"cache: { size = \"1023K\"; };",
                "dotward.conf:2: cache.size = \"1023K\": at least \"1M\", or \"0\" for no cache\n"},
        {"cache: { size = \"99999G\"; };", "dotward.conf:2: cache.size = \"99999G\": at most \"256G\"\n"},
        {"cache: { failure_ttl_s = 301; };", "dotward.conf:2: cache.failure_ttl_s = 301: at most 300\n"},
        {"cache: { file = \"cache\"; };", "dotward.conf:2: cache.file = \"cache\": write the whole path, "
                                          "from \"/\" on; \"\": nowhere\n"},
        {"cache: { file = \"/var/cache/\"; };",
                "dotward.conf:2: cache.file = \"/var/cache/\": a folder; add the name of a file in it\n"},
        {"cache: { min_ttl_s = 86400; max_ttl_s = 60; };",
                "dotward.conf:2: cache.max_ttl_s = 60: at least cache.min_ttl_s, which is 86400\n"},
        {"cache: { max_ttl_s = 60; min_ttl_s = 61; };",
                "dotward.conf:2: cache.min_ttl_s = 61: at most cache.max_ttl_s, which is 60\n"},
        {"cache: { max_ttl_s = 0; };\nbogus = 1;", "dotward.conf:3: bogus: no such key\n"},
        {"cache: { size = \"32 MB\"; };",
                "dotward.conf:2: cache.size = \"32 MB\": a size is written \"512K\", \"32M\" or \"1G\"\n"},
        {"cache: { prefetch = 1; };", "dotward.conf:2: cache.prefetch = 1: write true or false\n"},
        {"cache: { stale_answer_ttl_s = 0; };", "dotward.conf:2: cache.stale_answer_ttl_s = 0: at least 1\n"},
        {"cache: { sise = \"32M\"; };", "dotward.conf:2: cache.sise: no such key; did you mean \"size\"?\n"},
        {"watchdog_ms = -1;", "dotward.conf:2: watchdog_ms = -1: at least 0\n"},
        {"metrics: { port = 70000; };", "dotward.conf:2: metrics.port = 70000: at most 65535\n"},
        {"bogus = 1;", "dotward.conf:2: bogus: no such key\n"},
        {"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz = 1;",
                "dotward.conf:2: "
                "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz: no such "
                "key\n"},
};

static const struct loading_row upstreams[] = {
        {"upstreams = ( );", "dotward.conf: no upstream: add upstreams = ( { addresses = [ \"9.9.9.9\" ]; "
                             "auth_name = \"dns.quad9.net\"; } ); or --upstream ADDR#NAME\n"},
        {"workers = 1;", "dotward.conf: no upstream: add upstreams = ( { addresses = [ \"9.9.9.9\" ]; "
                         "auth_name = \"dns.quad9.net\"; } ); or --upstream ADDR#NAME\n"},
        {"upstreams = ( { name = \"a\"; } );",
                "dotward.conf:1: upstreams.[0]: no addresses; add addresses = [ \"192.0.2.1\" ]; or "
                "host\n"},
        {"upstreams = ( { addresses = [ ]; } );",
                "dotward.conf:1: upstreams.[0].addresses: empty; name at least one\n"},
        {"upstreams = ( { addresses = \"9.9.9.9\"; } );",
                "dotward.conf:1: upstreams.[0].addresses = \"9.9.9.9\": write [ \"9.9.9.9\" ]\n"},
        {"upstreams = ( { addresses = [ \"dns.quad9.net\" ]; } );",
                "dotward.conf:1: upstreams.[0].addresses.[0] = \"dns.quad9.net\": no IP address; write "
                "\"192.0.2.1\" or \"2001:db8::1\", with another port \"192.0.2.1@853\"\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9@70000\" ]; } );",
                "dotward.conf:1: upstreams.[0].addresses.[0] = \"9.9.9.9@70000\": the port behind the @ must "
                "be 1 to 65535\n"},
        {"upstreams = ( { addresses = [ \"0.0.0.0\" ]; } );",
                "dotward.conf:1: upstreams.[0].addresses.[0] = \"0.0.0.0\": this address means every "
                "address; nobody can be asked at it\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\", \"9.9.9.9@853\" ]; } );",
                "dotward.conf:1: upstreams.[0].addresses: 9.9.9.9@853 is given twice; leave one out\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; },\n"
         "  { addresses = [ \"9.9.9.9\" ]; } );",
                "dotward.conf:2: upstreams.[1]: \"9.9.9.9\" is the name of the one in line 1, too; give each "
                "a name of its own, name = \"...\"\n"},
        {"upstreams = ( { name = \"a\"; addresses = [ \"9.9.9.9\" ]; },\n"
         "  { name = \"a\"; addresses = [ \"1.1.1.1\" ]; } );",
                "dotward.conf:2: upstreams.[1]: \"a\" is the name of the one in line 1, too; give each a "
                "name of its own, name = \"...\"\n"},
        {"upstreams = ( { name = \"a b\"; addresses = [ \"9.9.9.9\" ]; } );",
                "dotward.conf:1: upstreams.[0].name = \"a b\": a name has no spaces, quotes or letters "
                "beyond ASCII\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = \"9.9.9.9\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = \"9.9.9.9\": an address is no name; without "
                "auth_name the certificate must name the address\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = \"dns.quad9.net.\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = \"dns.quad9.net.\": leave out the dot at the end: "
                "certificates have none\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = \"dns..net\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = \"dns..net\": no host name: there is nothing "
                "between two dots\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = \"-dns.net\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = \"-dns.net\": no host name: a hyphen stands at an "
                "edge\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = \"dns quad9\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = \"dns quad9\": no host name: only letters, "
                "digits, hyphens and dots\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = \"dns.bücher.example\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = \"dns.bücher.example\": write this name in its "
                "ASCII form (xn--...)\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; auth_name = "
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.net\"; } );",
                "dotward.conf:1: upstreams.[0].auth_name = "
                "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.net\": no host name: "
                "more than 63 characters between two dots\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = \"sha256//AAAA=\"; } );",
                "dotward.conf:1: upstreams.[0].pins = \"sha256//AAAA=\": write [ \"sha256//AAAA=\" ]\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = [ \"AAAA\" ]; } );",
                "dotward.conf:1: upstreams.[0].pins.[0] = \"AAAA\": a pin is written \"sha256//BASE64=\"\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = [ \"sha256//AAAA\" ]; } );",
                "dotward.conf:1: upstreams.[0].pins.[0] = \"sha256//AAAA\": this is 3 bytes in base64; a "
                "SHA-256 has 32 (44 characters)\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = [ "
         "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" ]; } );",
                "dotward.conf:1: upstreams.[0].pins.[0] = "
                "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\": base64 of 32 bytes ends with one "
                "=\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = [ "
         "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\" ]; } );",
                "dotward.conf:1: upstreams.[0].pins.[0] = "
                "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\": the last letter of the base64 has "
                "bits too many; copy the pin again\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = [ "
         "\"sha256//AAAAAAAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAAA=\" ]; } );",
                "dotward.conf:1: upstreams.[0].pins.[0] = "
                "\"sha256//AAAAAAAAAAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAAAAA=\": \"*\" is no letter of base64\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; pins = [ "
         "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" ]; } );",
                "dotward.conf:1: upstreams.[0].pins.[0] = "
                "\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\": this is 33 bytes in base64; a "
                "SHA-256 has 32 (44 characters)\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; ca_file = \"/does/not/exist.pem\"; } );",
                "dotward.conf:1: upstreams.[0].ca_file = \"/does/not/exist.pem\": cannot be read: No such "
                "file or directory\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; ca_file = \"/\"; } );",
                "dotward.conf:1: upstreams.[0].ca_file = \"/\": no regular file; name a file of certificates "
                "in PEM form\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; profile = \"opportune\"; tls_min = \"1.1\"; } );",
                "dotward.conf:1: upstreams.[0].profile = \"opportune\": write one of \"strict\", "
                "\"opportunistic\"\n"
                "dotward.conf:1: upstreams.[0].tls_min = \"1.1\": write one of \"1.2\", \"1.3\"\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; host = \"dns.quad9.net\"; } );",
                "dotward.conf:1: upstreams.[0].host = \"dns.quad9.net\": there is addresses, too; leave "
                "one of the two out\n"
                "dotward.conf:1: upstreams.[0].host = \"dns.quad9.net\": no bootstrap; add bootstrap = [ "
                "\"192.0.2.1\" ];\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; bootstrap = [ \"9.9.9.9\" ]; } );",
                "dotward.conf:1: upstreams.[0].bootstrap: no host; add host = \"dns.example\";\n"},
        {"upstreams = ( { host = \"dns.quad9.net\"; } );",
                "dotward.conf:1: upstreams.[0].host = \"dns.quad9.net\": no bootstrap; add bootstrap = [ "
                "\"192.0.2.1\" ];\n"},
        {"upstreams = ( { host = \"dns.quad9.net\"; bootstrap = [ ]; } );",
                "dotward.conf:1: upstreams.[0].host = \"dns.quad9.net\": no bootstrap; add bootstrap = [ "
                "\"192.0.2.1\" ];\n"},
        {"upstreams = ( { host = \"\"; bootstrap = [ ]; } );",
                "dotward.conf:1: upstreams.[0]: no addresses; add addresses = [ \"192.0.2.1\" ]; or "
                "host\n"},
        {"upstreams = ( { host = \"9.9.9.9\"; bootstrap = [ \"9.9.9.9\" ]; } );",
                "dotward.conf:1: upstreams.[0].host = \"9.9.9.9\": an address is no host name; write it in "
                "addresses, and leave host out\n"},
        {"upstreams = ( { host = \"dns.quad9.net.\"; bootstrap = \"9.9.9.9\"; } );",
                "dotward.conf:1: upstreams.[0].host = \"dns.quad9.net.\": leave out the dot at the end: "
                "certificates have none\n"
                "dotward.conf:1: upstreams.[0].bootstrap = \"9.9.9.9\": write [ \"9.9.9.9\" ]\n"},
        {"upstreams = ( { host = \"dns.quad9.net\"; bootstrap = [ \"dns.google\", \"9.9.9.9#\",\n"
         "  \"9.9.9.9#8.8.8.8\", \"9.9.9.9#sha256//AAA=\", \"9.9.9.9@0#a\", \"0.0.0.0\", "
         "\"9.9.9.9#-a\" ]; } );",
                "dotward.conf:1: upstreams.[0].bootstrap.[0] = \"dns.google\": no IP address; write "
                "\"192.0.2.1\" or \"2001:db8::1\", with another port \"192.0.2.1@853\"\n"
                "dotward.conf:1: upstreams.[0].bootstrap.[1] = \"9.9.9.9#\": behind the # stands the name "
                "that its certificate is for, or a pin; without #, the certificate must be for the address\n"
                "dotward.conf:2: upstreams.[0].bootstrap.[2] = \"9.9.9.9#8.8.8.8\": leave out the # and "
                "what follows: without it, the certificate must be for the address\n"
                "dotward.conf:2: upstreams.[0].bootstrap.[3] = \"9.9.9.9#sha256//AAA=\": this is 2 bytes "
                "in base64; a SHA-256 has 32 (44 characters)\n"
                "dotward.conf:2: upstreams.[0].bootstrap.[4] = \"9.9.9.9@0#a\": the port behind the @ must "
                "be 1 to 65535\n"
                "dotward.conf:2: upstreams.[0].bootstrap.[5] = \"0.0.0.0\": this address means every "
                "address; nobody can be asked at it\n"
                "dotward.conf:2: upstreams.[0].bootstrap.[6] = \"9.9.9.9#-a\": no host name: a hyphen "
                "stands at an edge\n"},
        {"upstreams = ( { host = \"a.example\"; bootstrap = [ \"::1\" ]; source_address = "
         "\"127.0.0.1\"; } );",
                "dotward.conf:1: upstreams.[0].bootstrap: ::1 cannot be reached from source_address "
                "127.0.0.1; name one of the same family\n"},
        {"upstreams = ( { host = \"a.example\"; bootstrap = [ \"::1\", \"::2\", \"::3\", \"::4\", "
         "\"::5\", \"::6\", \"::7\", \"::8\", \"::9\" ]; } );",
                "dotward.conf:1: upstreams.[0].bootstrap: at most 8 servers\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; client_key = \"k.pem\"; client_certificate = "
         "\"c.pem\"; } );",
                "dotward.conf:1: upstreams.[0].client_key = \"k.pem\": cannot be read: No such file or "
                "directory\n"
                "dotward.conf:1: upstreams.[0].client_certificate = \"c.pem\": cannot be read: No such file "
                "or directory\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; source_address = \"192.0.2.1@53\"; } );",
                "dotward.conf:1: upstreams.[0].source_address = \"192.0.2.1@53\": an address without a port "
                "is wanted here\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; source_address = \"::\"; } );",
                "dotward.conf:1: upstreams.[0].source_address = \"::\": this address means every address; "
                "leave it out\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; early_data = true; profile = \"opportunistic\"; "
         "resumption = false; } );",
                "dotward.conf:1: upstreams.[0].early_data: goes only to an upstream that is verified; leave "
                "profile = \"opportunistic\" out\n"
                "dotward.conf:1: upstreams.[0].early_data: goes only with a resumed session; leave "
                "resumption "
                "= false out\n"},
        {"upstreams = ( { addresses = [ \"9.9.9.9\" ]; max_connections = 17; max_outstanding = 0; "
         "idle_timeout_ms = 600001; } );",
                "dotward.conf:1: upstreams.[0].max_connections = 17: at most 16\n"
                "dotward.conf:1: upstreams.[0].max_outstanding = 0: at least 1\n"
                "dotward.conf:1: upstreams.[0].idle_timeout_ms = 600001: at most 600000\n"},
        {"upstreams = (\n"
         "  { addresses = [\n"
         "    \"9.9.9.9\",\n"
         "    \"1.1.1.l\"\n"
         "  ];\n"
         "  adress = \"x\"; }\n"
         ");",
                "dotward.conf:4: upstreams.[0].addresses.[1] = \"1.1.1.l\": no IP address; write "
                "\"192.0.2.1\" or \"2001:db8::1\", with another port \"192.0.2.1@853\"\n"
                "dotward.conf:6: upstreams.[0].adress: no such key; did you mean \"addresses\"?\n"},
        {"upstreams = ( \"9.9.9.9\" );",
                "dotward.conf:1: upstreams.[0] = \"9.9.9.9\": each element is a group, { ... }\n"},
        {"upstream = ( { addresses = [ \"9.9.9.9\" ]; } );",
                "dotward.conf:1: upstream: no such key; did you mean \"upstreams\"?\n"},
};

static void
wrong_values_are_named_with_the_remedy(void **state)
{
	(void)state;
	loading_refuses(UPSTREAM, values, COUNT(values));
}

static void
wrong_upstreams_are_named_with_the_remedy(void **state)
{
	(void)state;
	loading_refuses("", upstreams, COUNT(upstreams));
}

/* 65 addresses in one list, and 65 in several. */
static void
there_are_bounds_for_lists(void **state)
{
	char text[8192], *said;
	(void)state;
	size_t used = (size_t)snprintf(text, sizeof text, "upstreams = ( { addresses = [ \"192.0.2.1\"");
	for (unsigned i = 2; i <= 65; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, ", \"192.0.2.%u\"", i);
	snprintf(text + used, sizeof text - used, " ]; } );");
	assert_null(loading_text(text, &said));
	assert_string_equal(said, "dotward.conf:1: upstreams: at most 64 addresses over all upstreams\n");
	free(said);
	used = (size_t)snprintf(text, sizeof text, "%s", UPSTREAM "listen = ( { address = \"127.0.0.1\"; }");
	for (unsigned i = 2; i <= 65; i++)
		used += (size_t)snprintf(
		        text + used, sizeof text - used, ",\n{ address = \"127.0.0.%u\"; }", i);
	snprintf(text + used, sizeof text - used, " );");
	assert_null(loading_text(text, &said));
	assert_string_equal(said, "dotward.conf:66: listen: at most 64 addresses\n");
	free(said);
}

static void
all_complaints_come_in_one_run_in_the_order_of_the_file(void **state)
{
	char *said;
	(void)state;
	assert_null(loading_text("workers = 1000;\n"
	                         "upstreams = (\n"
	                         "  { addresses = [ \"9.9.9.9\", \"nine\" ];\n"
	                         "    port = 0; }\n"
	                         ");\n"
	                         "forward: { atempts = 3;\n"
	                         "  padding = \"128\"; };\n"
	                         "user = 5;",
	        &said));
	assert_string_equal(said,
	        "dotward.conf:1: workers = 1000: at most 256\n"
	        "dotward.conf:3: upstreams.[0].addresses.[1] = \"nine\": no IP address; "
	        "write \"192.0.2.1\" or "
	        "\"2001:db8::1\", with another port \"192.0.2.1@853\"\n"
	        "dotward.conf:4: upstreams.[0].port = 0: at least 1\n"
	        "dotward.conf:6: forward.atempts: no such key; did you mean \"attempts\"?\n"
	        "dotward.conf:7: forward.padding = \"128\": write the number without quotes: 128\n"
	        "dotward.conf:8: user = 5: write a text in double quotes\n");
	free(said);
}

/* Keys that close a hole may say that there is none to close. */
static void
what_is_absent_may_be_said_to_be_absent(void **state)
{
	(void)state;
	config_free(loading_good(
	        "upstreams = ( { addresses = [ \"9.9.9.9\" ]; client_certificate = \"\"; client_key = \"\"; "
	        "source_address = \"\"; bootstrap = [ ]; profile = \"strict\"; } );"
	        "routes = ( ); policy: { hosts_file = \"\"; records = "
	        "( ); "
	        "rebind_protection = false; }; limits: { rate: { queries_per_second = 0; }; };"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(wrong_values_are_named_with_the_remedy),
	        cmocka_unit_test(wrong_upstreams_are_named_with_the_remedy),
	        cmocka_unit_test(there_are_bounds_for_lists),
	        cmocka_unit_test(all_complaints_come_in_one_run_in_the_order_of_the_file),
	        cmocka_unit_test(what_is_absent_may_be_said_to_be_absent),
	};
	return cmocka_run_group_tests(tests, loading_begin, loading_end);
}
