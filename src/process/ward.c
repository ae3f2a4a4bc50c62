/*
 * The ward: files and ports by landlock, in kernels that have it (5.13 and later). By bare system calls, as
 * there is no library for it everywhere, and with names of our own for what older headers lack. It is a
 * second wall: the seal refuses open() already, but not what a descriptor from elsewhere might lead to.
 *
 * Whatever the kernel's version knows is refused as a whole; the exceptions are rules.
 */
#include "process/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum {
	WARD_VERSION = 1 << 0, /* LANDLOCK_CREATE_RULESET_VERSION */
	WARD_RULE_NET_PORT = 2,
	WARD_BIND_TCP = 1 << 0,    /* LANDLOCK_ACCESS_NET_BIND_TCP */
	WARD_CONNECT_TCP = 1 << 1, /* LANDLOCK_ACCESS_NET_CONNECT_TCP */
};

/* struct landlock_ruleset_attr as it is since Linux 6.12; the kernel takes a shorter or longer one. */
struct ward_rules {
	uint64_t files, net, scoped;
};

/* struct landlock_net_port_attr */
struct ward_port {
	uint64_t allowed, port;
};

/* What came with which version of the interface. */
static const struct {
	int version;
	struct ward_rules refused;
} wards[] = {
        {1, {.files = 0x1fff}},        /* execute, read, write, list, make and remove, of all kinds */
        {2, {.files = 1u << 13}},      /* link and rename across directories */
        {3, {.files = 1u << 14}},      /* truncate */
        {4, {.net = 1u | 1u << 1}},    /* bind and connect TCP */
        {5, {.files = 1u << 15}},      /* ioctl on devices */
        {6, {.scoped = 1u | 1u << 1}}, /* abstract local sockets of others, and signals to them */
};

static int
rules_open(int version)
{
	struct ward_rules rules = {0};
	for (size_t i = 0; i < sizeof wards / sizeof wards[0] && wards[i].version <= version; i++) {
		rules.files |= wards[i].refused.files;
		rules.net |= wards[i].refused.net;
		rules.scoped |= wards[i].refused.scoped;
	}
	return (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
}

/* Out by TCP to the upstreams' ports, and to no other. */
static int
allow_ports(int rules, const struct config *config)
{
	for (size_t i = 0; config != NULL && i < config->upstream_count; i++)
		for (size_t k = 0; k < config->upstreams[i].address_count; k++) {
			struct ward_port port = {.allowed = WARD_CONNECT_TCP,
			        .port = addr_port(&config->upstreams[i].addresses[k])};
			if (syscall(SYS_landlock_add_rule, rules, WARD_RULE_NET_PORT, &port, 0) < 0)
				return -errno;
		}
	/* Port 0: one that the kernel chooses. */
	struct ward_port any = {.allowed = WARD_BIND_TCP, .port = 0};
	if (config != NULL && config_has_source(config) &&
	        syscall(SYS_landlock_add_rule, rules, WARD_RULE_NET_PORT, &any, 0) < 0)
		return -errno;
	return 0;
}

static int
restrict_self(int version, const struct config *config)
{
	enum { NET_VERSION = 4 };
	int rules = rules_open(version), failed = 0;
	if (rules < 0)
		return -errno;
	if (version >= NET_VERSION)
		failed = allow_ports(rules, config);
	if (failed == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		failed = -errno;
	close(rules);
	return failed;
}

int
sandbox_ward(const struct config *config, char why[SANDBOX_WHY_BYTES])
{
#if defined DOTWARD_SANITIZERS || defined DOTWARD_COVERAGE
	/* their reports are files */
	(void)config;
	(void)why;
	return 0;
#endif
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, WARD_VERSION);
	if (version <= 0) {
		log_debug("this kernel has no landlock; files are refused by system call only");
		return 0;
	}
	int failed = restrict_self(version, config);
	if (failed < 0)
		snprintf(why, SANDBOX_WHY_BYTES,
		        "files cannot be refused (landlock): %s; sandbox = false goes without",
		        strerror(-failed));
	return failed;
}
