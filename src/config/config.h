/*
 * The configuration: a libconfig file, the environment and the command line become one immutable typed
 * struct, or a list of complaints that name place and remedy.
 *
 * Sources in order, the last wins: file, environment (DOTWARD_*), command line. Lists (listen, upstreams) are
 * replaced as a whole by a later source. Every scalar key is one row of a table (keys.c) with type, range,
 * default, unit and help; parser, printer (-T), man page and test all come from the row.
 */
#ifndef DOTWARD_CONFIG_CONFIG_H
#define DOTWARD_CONFIG_CONFIG_H

#include "base/addr.h"
#include "base/log.h"
#include "dns/name.h"

#include <stdbool.h>
#include <stdio.h>

enum { CONFIG_PIN_BYTES = 32 }; /* SHA-256 of the SubjectPublicKeyInfo */
enum { CONFIG_HOST_BYTES = 254 };

struct config_listen {
	struct addr address; /* with port */
	bool udp, tcp, tls;  /* protocols = [ "udp", "tcp" ]; both by default */
	bool proxy_protocol; /* everything that comes begins with a PROXY header */
	struct addr_net *proxy_from;
	size_t proxy_from_count;
	/* With tls, and else "" */
	char *certificate, *key;                /* PEM files */
	char *client_ca;                        /* "": clients show no certificate */
	char *ddr_name;                         /* as designated resolver (RFC 9462); "": the certificate's */
	bool only_tls13;                        /* tls_min = "1.3" */
	char certified_name[CONFIG_HOST_BYTES]; /* the first in the certificate, known once that is loaded */
};

/* Who is asked for the addresses of a host, over TLS. */
struct config_bootstrap {
	struct addr address; /* with port */
	bool pinned;
	uint8_t pin[CONFIG_PIN_BYTES]; /* of its key, if pinned */
	char name[CONFIG_HOST_BYTES]; /* that its certificate must be for; "": the pin, or else the address */
};

struct config_upstream {
	char *name;             /* unique; default: the host, or the first address */
	struct addr *addresses; /* with port; of one with a host, those known now, none at first */
	size_t address_count;
	char *host;                         /* "": none, it is known by its addresses */
	struct config_bootstrap *bootstrap; /* at least one with a host, else none */
	size_t bootstrap_count;
	char *auth_name; /* "": none; default: the host */
	uint8_t (*pins)[CONFIG_PIN_BYTES];
	size_t pin_count;
	char *ca_file;            /* "" : the system's trust store */
	char *tls_priority;       /* "" : dotward's own default */
	unsigned max_connections; /* per worker and address */
	unsigned max_outstanding; /* per connection */
	unsigned idle_timeout_ms; /* 0: as the upstream says, else 9500 */
	uint16_t port;
	struct addr source_address; /* AF_UNSPEC: as the machine will */
	bool opportunistic;         /* who cannot be verified is asked nevertheless */
	bool only_tls13;            /* tls_min = "1.3" */
	bool clock_bootstrap;       /* dates do not count while the clock is wrong */
	bool resumption;            /* TLS sessions may be resumed from tickets */
	bool early_data;            /* questions may go with the first flight of a resumed session */
	char *client_certificate;   /* "": none */
	char *client_key;
};

struct config_domain {
	uint8_t bytes;            /* of the name, with the root label; the root alone: 1 */
	uint8_t name[NAME_BYTES]; /* wire form, uncompressed, in the user's spelling */
};

enum { CONFIG_NAME_BYTES = ADDR_TEXT_BYTES }; /* an upstream may be called by its first address */

struct config_member {
	char name[CONFIG_NAME_BYTES];
};

/* Names at and below these domains are asked at these upstreams only. */
struct config_route {
	struct config_domain *domains; /* no domain is in any route twice */
	size_t domain_count;
	struct config_member *upstreams; /* each the name of one there is */
	size_t upstream_count;
};

/* So much in a second for each client network of these sizes. */
struct config_rate {
	unsigned per_second; /* 0: no limit */
	unsigned burst;      /* at once; 0: those of one second */
	unsigned slip; /* each so many-th UDP answer in excess is a TC, the others silence; 0: none is */
	unsigned ipv4_prefix, ipv6_prefix;
	struct addr_net *exempt;
	size_t exempt_count;
};

/* Clients that are served in another way than the rest. */
struct config_client {
	char *name;                /* unique */
	struct addr_net *networks; /* none is in two groups */
	size_t network_count;
	struct config_member *upstreams; /* each the name of one there is; none: those of everybody */
	size_t upstream_count;
	bool routes; /* names that have a route go there, whoever asks */
	/* Lists by name that count for it, or "*" for all of that kind. */
	struct config_member *block_lists, *allow_lists;
	size_t block_list_count, allow_list_count;
	bool log; /* its questions may be in the query log */
	bool own_rate;
	struct config_rate rate; /* with own_rate, in place of limits.rate */
};

enum config_policy { CONFIG_SEQUENTIAL, CONFIG_ROUND_ROBIN, CONFIG_FASTEST, CONFIG_HASHED };

struct config_forward {
	enum config_policy policy;
	unsigned timeout_ms;
	unsigned attempt_timeout_ms;
	unsigned connect_timeout_ms;
	unsigned connect_patience_ms; /* then what waits for a connection is asked elsewhere as well */
	unsigned handshake_timeout_ms;
	unsigned attempts;
	bool hedge;                 /* slow questions are asked once more */
	unsigned padding;           /* 0: off */
	bool client_subnet_forward; /* client_subnet = "forward" */
};

struct config_cache {
	uint64_t size; /* bytes, all workers together; 0: no cache */
	unsigned min_ttl_s, max_ttl_s;
	unsigned negative_max_ttl_s;
	unsigned failure_ttl_s; /* 0: failures are not kept */
	unsigned stale_s;       /* how long beyond its life an answer may help out; 0: never */
	unsigned stale_answer_ttl_s;
	unsigned stale_wait_ms;
	bool prefetch;
	char *file; /* where it is kept while dotward does not run; "": nowhere */
};

enum config_list_format {
	CONFIG_LIST_AUTO, /* what it looks like */
	CONFIG_LIST_PLAIN,
	CONFIG_LIST_HOSTS,
	CONFIG_LIST_ADBLOCK,
	CONFIG_LIST_RPZ,
};

enum config_list_answer { CONFIG_LIST_NXDOMAIN, CONFIG_LIST_NODATA, CONFIG_LIST_REFUSED, CONFIG_LIST_NULL };

/* A list of names. */
struct config_list {
	char *name; /* unique; default: the last part of `file` */
	char *file; /* or a folder of files */
	enum config_list_format format;
	enum config_list_answer answer; /* of a block list: what is answered for a name on it */
	bool filtered;                  /* of a block list, reason = "filtered" */
};

enum { CONFIG_LISTS_MOST = 64 /* block and allow lists together */ };

struct config_lists {
	struct config_list *block, *allow;
	size_t block_count, allow_count;
};

enum {
	CONFIG_RECORD_BYTES = 1024,
	CONFIG_RECORD_TTL_S = 300, /* of a record that names none */
};

/* One record in presentation format, found good. */
struct config_record {
	char text[CONFIG_RECORD_BYTES];
};

/* Names that are answered here, or not as an upstream would. */
struct config_names {
	struct config_record *records;
	size_t record_count;
	char *hosts_file; /* "": none */
	struct config_domain *local_zones;
	size_t local_zone_count;
	struct names *table; /* made of the three (dns/names.h); NULL: they say nothing */
	bool special;
	bool refuse_any;
	bool rebind_protection;
	bool minimal_responses;
	struct config_domain *rebind_allow;
	size_t rebind_allow_count;
	uint16_t *filter_types;
	size_t filter_type_count;
};

struct config_access {
	struct addr_net *allow, *deny;
	size_t allow_count, deny_count;
	bool drop; /* denied = "drop" */
};

/* A secret of 16 bytes; or none is set. */
struct config_secret {
	bool set;
	uint8_t bytes[16];
};

struct config_limits {
	unsigned queries_in_flight; /* per worker */
	unsigned tcp_clients;       /* per worker */
	unsigned tcp_clients_per_address;
	unsigned tcp_idle_timeout_ms;
	unsigned tcp_queries_per_client;
	unsigned tls_handshakes; /* under way at once, per worker */
	unsigned tls_handshake_timeout_ms;
	unsigned udp_answer_size;         /* bytes */
	uint64_t worker_memory;           /* bytes; 0: no limit */
	struct config_rate rate;          /* of questions */
	struct config_rate response_rate; /* of UDP answers that say the same; burst is 0 */
	bool cookies;                     /* DNS cookies are given and judged */
	struct config_secret cookie_secret, cookie_secret_also;
};

struct config_log {
	char *target;
	enum log_level level;
	bool json; /* format = "json" */
	bool queries;
	char *queries_target; /* "": where the log goes; else "file:PATH" */
	unsigned sample;      /* one question in so many is logged */
	bool anonymise;       /* clients are logged as networks */
};

/* Copies of questions and answers, as dnstap messages. */
struct config_dnstap {
	char *socket, *file; /* "": not there; one of them at most */
	char *identity;      /* "": the host's name */
	char *version;       /* "": dotward's */
	bool client, forwarder;
	unsigned sample; /* one question in so many */
};

/* Counters and the status page, over HTTP. */
struct config_metrics {
	bool enabled;
	struct addr *addresses; /* port 0: `port` */
	size_t address_count;
	uint16_t port;
	struct addr_net *allow; /* who may ask by TCP */
	size_t allow_count;
	char *socket;                            /* a unix socket as well; "": none */
	char *user, *password_file, *token_file; /* "": not asked for */
};

struct config {
	struct config_listen *listens;
	size_t listen_count;
	struct config_upstream *upstreams;
	size_t upstream_count;
	struct config_route *routes; /* there is an upstream for what they do not name */
	size_t route_count;
	struct config_client *clients; /* groups of them */
	size_t client_count;
	struct config_lists lists; /* policy.block_lists, policy.allow_lists */
	struct config_access access;
	struct config_names names;
	struct config_forward forward;
	struct config_cache cache;
	struct config_limits limits;
	struct config_log log;
	struct config_dnstap dnstap;
	struct config_metrics metrics;
	unsigned workers;     /* never 0 here: the number to fork */
	bool steer_all;       /* new questions go to all workers, however few they are */
	char *user;           /* "": stay who we are */
	char *pid_file;       /* "": none */
	bool sandbox;         /* false, for debugging: neither system calls nor files are forbidden */
	unsigned watchdog_ms; /* 0: no watchdog */
	struct {
		char *socket; /* "": none */
	} control;
	unsigned drain_timeout_ms;
};

/* One override from the command line: -o PATH=VALUE, or an option that stands for it. */
struct config_override {
	const char *origin; /* how the user wrote it, for complaints: "-o", "--listen" */
	const char *path;   /* "forward.timeout_ms", "listen", "upstreams"; "ca_file": that of all upstreams
	                       without one */
	const char *value;  /* a libconfig value, or bare text for a string; for "listen" and "upstreams" also
	                       the short forms ADDR[@PORT] and ADDR[@PORT][#AUTH_NAME]; given several times
	                       they add up */
};

struct config_sources {
	const char *file; /* NULL: none; the defaults and the overrides must do */
	const struct config_override *overrides;
	size_t override_count;
	char *const *environment; /* environ, or NULL */
};

/*
 * Reads all sources. Complaints, one a line, all of them in one run, go to `complaints`
 * (dotward.conf:41: forward.timeout_ms = 400000: at most 60000). Returns NULL if there was any that is an
 * error. Remarks (a key that is of no use as things are) begin with the same place and do not fail.
 */
struct config *config_load(const struct config_sources *sources, FILE *complaints);
void config_free(struct config *config);
/* The same once more, with everything it points to. */
struct config *config_copy(const struct config *config) __attribute__((returns_nonnull));
/*
 * The one change there is: an upstream that has a host gets these addresses (without port, copied) in place
 * of those it had. Before anybody works with the configuration.
 */
void config_set_addresses(struct config_upstream *upstream, const struct addr *addresses, size_t count);
/* Is it known by a host name, so that its addresses are to be found out? */
bool config_is_by_host(const struct config_upstream *upstream);
/* Is any upstream? */
bool config_has_host(const struct config *config);
/* Does any upstream have a source_address? */
bool config_has_source(const struct config *config);
/* Does any listener speak TLS? */
bool config_has_tls(const struct config *config);
/* Prints the effective configuration so that config_load() reads the same from it; every key, with its help
 * as comment. */
void config_print(const struct config *config, FILE *out);

#endif
