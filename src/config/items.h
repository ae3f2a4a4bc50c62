/*
 * The kinds of text that mean something: addresses, networks, pins, names, files. Each is read from text and
 * written back as text that reads the same.
 */
#ifndef DOTWARD_CONFIG_ITEMS_H
#define DOTWARD_CONFIG_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	ITEM_TEXT_BYTES = 1040, /* a domain name with every byte escaped */
	ITEM_NAME_LETTERS = 63, /* of an upstream, at most */
	ITEM_LISTEN_PORT = 53,  /* unless it is for TLS */
	ITEM_TLS_PORT = 853,
	ITEM_LEAST_MEMORY = 64 << 20,
	ITEM_LEAST_CACHE = 1 << 20
};

/* What is wrong and what would be right, for a complaint. */
struct why {
	char text[240];
};

/* Says it and returns false, so that a check can end in one line. */
bool why_not(struct why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct item {
	size_t bytes; /* of the value */
	const char *what;
	/* `object` is the struct that holds the value, for what else it says */
	bool (*take)(void *value, const void *object, const char *text, struct why *why);
	void (*show)(const void *value, const void *object, char out[ITEM_TEXT_BYTES]);
};

extern const struct item item_listen_address;   /* struct addr in struct config_listen */
extern const struct item item_upstream_address; /* struct addr in struct config_upstream */
extern const struct item item_source_address;   /* struct addr without port; AF_UNSPEC for "" */
extern const struct item item_metrics_address;  /* struct addr; port 0: that of metrics.port */
extern const struct item item_net;              /* struct addr_net */
extern const struct item item_pin;              /* uint8_t[CONFIG_PIN_BYTES] */
extern const struct item item_memory;           /* uint64_t of bytes: 0, or what a worker can live with */
extern const struct item item_secret;           /* struct config_secret */
extern const struct item item_cache;            /* uint64_t of bytes: 0, or what a cache can do with */
extern const struct item item_domain;           /* struct config_domain */
extern const struct item item_member;           /* struct config_member: the name of an upstream */
extern const struct item item_list;             /* struct config_member: the name of a list, or "*" */
extern const struct item item_bootstrap;        /* struct config_bootstrap */

bool item_check_name(const char *text, struct why *why);
bool item_check_host(const char *text, struct why *why); /* of a certificate; "": none */
bool item_check_upstream_host(const char *text, struct why *why);
bool item_check_file(const char *text, struct why *why);
/* "" or the absolute path of a unix socket. */
bool item_check_socket(const char *text, struct why *why);
/* "" or the absolute path of a file that need not be there. */
bool item_check_path(const char *text, struct why *why);
/* A file or a folder that can be read. */
bool item_check_list(const char *text, struct why *why);
bool item_check_log_target(const char *text, struct why *why);
bool item_check_queries_target(const char *text, struct why *why);
/* Paths for dnstap; none where it is left out of the build. */
bool item_check_tap_socket(const char *text, struct why *why);
bool item_check_tap_file(const char *text, struct why *why);
bool item_check_size(const char *text, struct why *why);

#endif
