/*
 * Text to value and back for everything that is written as text, with the remedy where it is not right.
 */
#include "config/items.h"

#include "autoconf.h"
#include "base/addr.h"
#include "config/config.h"
#include "dns/name.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	HOST_MAX_LETTERS = 253,
	LABEL_MAX_LETTERS = 63,
	SIZE_MAX_DIGITS = 9,
	PATH_MOST_BYTES = 1023,
};

static_assert((int)ITEM_TEXT_BYTES > (int)NAME_TEXT_BYTES, "any domain can be shown");

static const char pin_prefix[] = "sha256//";
static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool
why_not(struct why *why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why->text, sizeof why->text, format, args);
	va_end(args);
	return false;
}

static bool
address_take(struct addr *out, const char *text, uint16_t port, struct why *why)
{
	if (addr_parse(out, text, port) == 0)
		return true;
	const char *at = strchr(text, '@');
	struct addr host;
	char bare[ADDR_TEXT_BYTES];
	snprintf(bare, sizeof bare, "%.*s", (int)(at ? at - text : 0), text);
	if (at != NULL && addr_parse(&host, bare, port) == 0)
		return why_not(why, "the port behind the @ must be 1 to 65535");
	if (strchr(text, '/') != NULL)
		return why_not(why, "one address is wanted here, not a network");
	if (*text == '[' ||
	        (strchr(text, '.') != NULL && strchr(text, ':') != NULL && strstr(text, "::") == NULL))
		return why_not(why, "the port goes behind an @: \"192.0.2.1@853\", \"2001:db8::1@853\"");
	return why_not(why,
	        "no IP address; write \"192.0.2.1\" or \"2001:db8::1\", with another port \"192.0.2.1@853\"");
}

static bool
listen_take(void *value, const void *object, const char *text, struct why *why)
{
	const struct config_listen *listen = object;
	uint16_t port = addr_port(&listen->address);
	struct addr address;
	if (!address_take(&address, text, port, why))
		return false;
	if (addr_port(&address) != port && port != 0)
		return why_not(why, "the port is given here and as port = %u; leave one out", port);
	*(struct addr *)value = address;
	return true;
}

static void
listen_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	(void)object;
	addr_host_text(value, out);
}

static bool
upstream_take(void *value, const void *object, const char *text, struct why *why)
{
	const struct config_upstream *upstream = object;
	if (!address_take(value, text, upstream->port, why))
		return false;
	if (addr_is_wildcard(value))
		return why_not(why, "this address means every address; nobody can be asked at it");
	return true;
}

static void
upstream_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	const struct config_upstream *upstream = object;
	if (addr_port(value) == upstream->port)
		addr_host_text(value, out);
	else
		addr_text(value, out);
}

static bool
metrics_take(void *value, const void *object, const char *text, struct why *why)
{
	(void)object;
	return address_take(value, text, 0, why);
}

static void
metrics_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	(void)object;
	if (addr_port(value) == 0)
		addr_host_text(value, out);
	else
		addr_text(value, out);
}

static bool
source_take(void *value, const void *object, const char *text, struct why *why)
{
	struct addr address = {.any.sa_family = AF_UNSPEC};
	(void)object;
	if (*text != '\0' && !address_take(&address, text, 0, why))
		return false;
	if (*text != '\0' && addr_port(&address) != 0)
		return why_not(why, "an address without a port is wanted here");
	if (*text != '\0' && addr_is_wildcard(&address))
		return why_not(why, "this address means every address; leave it out");
	*(struct addr *)value = address;
	return true;
}

static void
source_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	const struct addr *address = value;
	(void)object;
	out[0] = '\0';
	if (address->any.sa_family != AF_UNSPEC)
		addr_host_text(address, out);
}

static bool
net_take(void *value, const void *object, const char *text, struct why *why)
{
	struct addr_net *net = value;
	(void)object;
	int result = addr_net_parse(net, text);
	if (result == 0)
		return true;
	if (result != -EDOM)
		return why_not(why, "no network; write \"192.0.2.0/24\", \"2001:db8::/32\" or one address");
	for (unsigned bit = net->prefix; bit < 8 * sizeof net->bytes; bit++)
		net->bytes[bit / 8] = (uint8_t)(net->bytes[bit / 8] & ~(0x80u >> (bit % 8)));
	char right[ADDR_TEXT_BYTES];
	return why_not(
	        why, "there are bits behind the prefix; the network is \"%s\"", addr_net_text(net, right));
}

static void
net_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	(void)object;
	addr_net_text(value, out);
}

/* The value of a letter, or -1. */
static int
base64_value(char letter)
{
	const char *found = letter ? strchr(base64_letters, letter) : NULL;
	return found ? (int)(found - base64_letters) : -1;
}

/* Says what is wrong with what should be 43 letters and one =. */
static bool
pin_why(const char *text, size_t letters, struct why *why)
{
	size_t length = strlen(text), padding = length - letters;
	if (strspn(text + letters, "=") != padding)
		return why_not(why, "\"%c\" is no letter of base64",
		        isprint((unsigned char)text[letters]) ? text[letters] : '?');
	size_t bytes = letters * 3 / 4;
	if (bytes != CONFIG_PIN_BYTES)
		return why_not(why, "this is %zu bytes in base64; a SHA-256 has %d (44 characters)", bytes,
		        CONFIG_PIN_BYTES);
	if (padding != 1)
		return why_not(why, "base64 of 32 bytes ends with one =");
	return why_not(why, "the last letter of the base64 has bits too many; copy the pin again");
}

static bool
pin_take(void *value, const void *object, const char *text, struct why *why)
{
	enum { LETTERS = 43, LEFT_OVER_BITS = 3 };
	uint8_t *out = value;
	(void)object;
	if (strncmp(text, pin_prefix, sizeof pin_prefix - 1) != 0)
		return why_not(why, "a pin is written \"sha256//BASE64=\"");
	text += sizeof pin_prefix - 1;
	size_t letters = strspn(text, base64_letters);
	if (letters != LETTERS || strcmp(text + letters, "=") != 0)
		return pin_why(text, letters, why);
	unsigned bits = 0, held = 0;
	for (size_t i = 0; i < LETTERS; i++) {
		bits = (bits << 6 | (unsigned)base64_value(text[i])) & 0xffff;
		held += 6;
		if (held >= 8)
			*out++ = (uint8_t)(bits >> (held -= 8));
	}
	return (bits & LEFT_OVER_BITS) == 0 || pin_why(text, letters, why);
}

static void
pin_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	const uint8_t *in = value;
	(void)object;
	out += sprintf(out, "%s", pin_prefix);
	unsigned bits = 0, held = 0;
	for (size_t i = 0; i < CONFIG_PIN_BYTES; i++) {
		bits = (bits << 8 | in[i]) & 0xffff;
		for (held += 8; held >= 6; held -= 6)
			*out++ = base64_letters[bits >> (held - 6) & 63];
	}
	*out++ = base64_letters[bits << (6 - held) & 63];
	*out++ = '=';
	*out = '\0';
}

/* Bytes of "512", "64K", "32M" or "1G"; false if it is none of these. */
static bool
size_read(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	if (digits == 0 || digits > SIZE_MAX_DIGITS)
		return false;
	const char *found = *unit != '\0' ? strchr(units, *unit) : NULL;
	if (*unit != '\0' && (found == NULL || unit[1] != '\0'))
		return false;
	*bytes = strtoull(text, NULL, 10) << (found != NULL ? 10 * (found - units + 1) : 0);
	return true;
}

static bool
memory_take(void *value, const void *object, const char *text, struct why *why)
{
	uint64_t bytes;
	(void)object;
	if (!item_check_size(text, why) || !size_read(text, &bytes))
		return false;
	if (bytes != 0 && bytes < ITEM_LEAST_MEMORY)
		return why_not(why, "at least \"%uM\", or \"0\" for no limit", ITEM_LEAST_MEMORY >> 20);
	*(uint64_t *)value = bytes;
	return true;
}

static bool
cache_take(void *value, const void *object, const char *text, struct why *why)
{
	/* what 32 bits can map beside everything else, and what the largest machines have to spare */
	static const uint64_t most = sizeof(void *) < 8 ? 1ull << 30 : 256ull << 30;
	uint64_t bytes;
	(void)object;
	if (!item_check_size(text, why) || !size_read(text, &bytes))
		return false;
	if (bytes != 0 && bytes < ITEM_LEAST_CACHE)
		return why_not(why, "at least \"%uM\", or \"0\" for no cache", ITEM_LEAST_CACHE >> 20);
	if (bytes > most)
		return why_not(why, "at most \"%uG\"", (unsigned)(most >> 30));
	*(uint64_t *)value = bytes;
	return true;
}

static void
memory_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	uint64_t bytes = *(const uint64_t *)value;
	unsigned unit = 0;
	(void)object;
	while (unit < 3 && bytes != 0 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, ITEM_TEXT_BYTES, "%llu%.1s", (unsigned long long)bytes, &"\0KMG"[unit]);
}

static bool
domain_take(void *value, const void *object, const char *text, struct why *why)
{
	struct config_domain *domain = value;
	struct addr_net net;
	(void)object;
	if (strncmp(text, "*.", 2) == 0)
		return why_not(why, "leave out the \"*.\": a domain stands for all names below it");
	if (text[0] == '.' && text[1] != '\0')
		return why_not(why, "leave out the dot in front: a domain stands for all names below it");
	if (addr_net_parse(&net, text) != -EINVAL)
		return why_not(why, "addresses are routed by the names of their reverse zones, like "
		                    "\"10.in-addr.arpa\" or \"d.f.ip6.arpa\"");
	for (const char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at >= 0x80)
			return why_not(why, "write this name in its ASCII form (xn--...)");
	domain->bytes = (uint8_t)name_from_text(text, domain->name);
	return domain->bytes > 0 ||
	       why_not(why, "no domain name; write \"corp.example\", or \".\" for all names");
}

static void
domain_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	const struct config_domain *domain = value;
	char text[NAME_TEXT_BYTES];
	(void)object;
	size_t length = strlen(name_text(domain->name, domain->bytes, text));
	/* without the last dot, as most people write it */
	snprintf(out, ITEM_TEXT_BYTES, "%.*s", (int)(length > 1 ? length - 1 : length), text);
}

static bool
take_name(void *value, const char *text, const char *if_empty, struct why *why)
{
	struct config_member *member = value;
	if (*text == '\0')
		return why_not(why, "empty; name %s", if_empty);
	if (strlen(text) >= sizeof member->name)
		return why_not(why, "at most %d characters", CONFIG_NAME_BYTES - 1);
	snprintf(member->name, sizeof member->name, "%s", text);
	return true;
}

static bool
member_take(void *value, const void *object, const char *text, struct why *why)
{
	(void)object;
	return take_name(value, text, "an upstream", why);
}

static bool
list_take(void *value, const void *object, const char *text, struct why *why)
{
	(void)object;
	return take_name(value, text, "a list, or \"*\" for all", why);
}

static void
member_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	(void)object;
	snprintf(out, ITEM_TEXT_BYTES, "%s", ((const struct config_member *)value)->name);
}

/* What stands behind the #. */
static bool
bootstrap_take_identity(struct config_bootstrap *b, const char *text, struct why *why)
{
	struct addr address;
	if (*text == '\0')
		return why_not(why, "behind the # stands the name that its certificate is for, or a pin; "
		                    "without #, the certificate must be for the address");
	if (strncmp(text, pin_prefix, strlen("sha256")) == 0) {
		b->pinned = true;
		return pin_take(b->pin, NULL, text, why);
	}
	if (addr_parse(&address, text, 1) == 0)
		return why_not(why,
		        "leave out the # and what follows: without it, the certificate must be for "
		        "the address");
	if (!item_check_host(text, why))
		return false;
	snprintf(b->name, sizeof b->name, "%s", text);
	return true;
}

static bool
bootstrap_take(void *value, const void *object, const char *text, struct why *why)
{
	struct config_bootstrap b = {.pinned = false};
	char address[ADDR_TEXT_BYTES];
	size_t bytes = strcspn(text, "#");
	(void)object;
	snprintf(address, sizeof address, "%.*s", (int)(bytes < sizeof address ? bytes : sizeof address - 1),
	        text);
	if (!address_take(&b.address, address, ITEM_TLS_PORT, why))
		return false;
	if (addr_is_wildcard(&b.address))
		return why_not(why, "this address means every address; nobody can be asked at it");
	if (text[bytes] == '#' && !bootstrap_take_identity(&b, text + bytes + 1, why))
		return false;
	*(struct config_bootstrap *)value = b;
	return true;
}

static void
bootstrap_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	const struct config_bootstrap *b = value;
	(void)object;
	if (addr_port(&b->address) == ITEM_TLS_PORT)
		addr_host_text(&b->address, out);
	else
		addr_text(&b->address, out);
	char pin[ITEM_TEXT_BYTES];
	size_t used = strlen(out);
	if (b->pinned) {
		pin_show(b->pin, NULL, pin);
		snprintf(out + used, ITEM_TEXT_BYTES - used, "#%.80s", pin);
	} else if (b->name[0] != '\0') {
		snprintf(out + used, ITEM_TEXT_BYTES - used, "#%s", b->name);
	}
}

static bool
secret_take(void *value, const void *object, const char *text, struct why *why)
{
	static const char digits[] = "0123456789abcdef";
	struct config_secret secret = {.set = *text != '\0'};
	(void)object;
	if (secret.set && (strlen(text) != 2 * sizeof secret.bytes ||
	                          strspn(text, "0123456789abcdefABCDEF") != 2 * sizeof secret.bytes))
		return why_not(why, "32 hexadecimal digits, as \"openssl rand -hex 16\" gives them; or \"\"");
	for (size_t i = 0; secret.set && i < 2 * sizeof secret.bytes; i++)
		secret.bytes[i / 2] = (uint8_t)(secret.bytes[i / 2] << 4 |
		                                (strchr(digits, tolower((unsigned char)text[i])) - digits));
	*(struct config_secret *)value = secret;
	return true;
}

static void
secret_show(const void *value, const void *object, char out[ITEM_TEXT_BYTES])
{
	const struct config_secret *secret = value;
	(void)object;
	out[0] = '\0';
	for (size_t i = 0; secret->set && i < sizeof secret->bytes; i++)
		sprintf(out + 2 * i, "%02x", secret->bytes[i]);
}

const struct item item_listen_address = {sizeof(struct addr), "an address", listen_take, listen_show};
const struct item item_upstream_address = {sizeof(struct addr), "an address", upstream_take, upstream_show};
const struct item item_metrics_address = {sizeof(struct addr), "an address", metrics_take, metrics_show};
const struct item item_net = {sizeof(struct addr_net), "a network", net_take, net_show};
const struct item item_pin = {CONFIG_PIN_BYTES, "a pin", pin_take, pin_show};
const struct item item_memory = {sizeof(uint64_t), "a size", memory_take, memory_show};
const struct item item_source_address = {sizeof(struct addr), "an address", source_take, source_show};
const struct item item_secret = {sizeof(struct config_secret), "a secret", secret_take, secret_show};
const struct item item_cache = {sizeof(uint64_t), "a size", cache_take, memory_show};
const struct item item_domain = {sizeof(struct config_domain), "a domain name", domain_take, domain_show};
const struct item item_member = {
        sizeof(struct config_member), "the name of an upstream", member_take, member_show};
const struct item item_list = {sizeof(struct config_member), "the name of a list", list_take, member_show};
const struct item item_bootstrap = {
        sizeof(struct config_bootstrap), "a bootstrap server", bootstrap_take, bootstrap_show};

bool
item_check_name(const char *text, struct why *why)
{
	size_t length = strlen(text);
	if (length > ITEM_NAME_LETTERS)
		return why_not(why, "at most %d characters", ITEM_NAME_LETTERS);
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)text[i]) || text[i] == '"' || text[i] == '\\')
			return why_not(why, "a name has no spaces, quotes or letters beyond ASCII");
	return true;
}

static bool
check_label(const char *label, size_t length, struct why *why)
{
	if (length == 0)
		return why_not(why, "no host name: there is nothing between two dots");
	if (length > LABEL_MAX_LETTERS)
		return why_not(
		        why, "no host name: more than %d characters between two dots", LABEL_MAX_LETTERS);
	if (label[0] == '-' || label[length - 1] == '-')
		return why_not(why, "no host name: a hyphen stands at an edge");
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)label[i] >= 0x80)
			return why_not(why, "write this name in its ASCII form (xn--...)");
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_')
			return why_not(why, "no host name: only letters, digits, hyphens and dots");
	}
	return true;
}

static bool
check_host(const char *text, const char *if_address, struct why *why)
{
	struct addr address;
	size_t length = strlen(text);
	if (length == 0)
		return true;
	if (addr_parse(&address, text, 1) == 0)
		return why_not(why, "%s", if_address);
	if (text[length - 1] == '.' && length > 1)
		return why_not(why, "leave out the dot at the end: certificates have none");
	if (length > HOST_MAX_LETTERS)
		return why_not(why, "no host name: at most %d characters", HOST_MAX_LETTERS);
	for (const char *label = text;; label++) {
		size_t bytes = strcspn(label, ".");
		if (!check_label(label, bytes, why))
			return false;
		label += bytes;
		if (*label == '\0')
			return true;
	}
}

bool
item_check_host(const char *text, struct why *why)
{
	return check_host(
	        text, "an address is no name; without auth_name the certificate must name the address", why);
}

bool
item_check_upstream_host(const char *text, struct why *why)
{
	return check_host(text, "an address is no host name; write it in addresses, and leave host out", why);
}

bool
item_check_file(const char *text, struct why *why)
{
	struct stat st;
	if (*text == '\0')
		return true;
	if (stat(text, &st) < 0 || access(text, R_OK) < 0)
		return why_not(why, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return why_not(why, "no regular file; name a file of certificates in PEM form");
	return true;
}

bool
item_check_list(const char *text, struct why *why)
{
	struct stat st;
	if (*text == '\0')
		return true; /* the default, and complained about where it is said */
	if (stat(text, &st) < 0 || access(text, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) < 0)
		return why_not(why, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return why_not(why, "neither a regular file nor a folder of such");
	if (strlen(text) > PATH_MOST_BYTES)
		return why_not(why, "at most %d bytes", PATH_MOST_BYTES);
	return true;
}

bool
item_check_log_target(const char *text, struct why *why)
{
	static const char file[] = "file:";
	if (strcmp(text, "stderr") == 0 || strcmp(text, "syslog") == 0)
		return true;
	if (strncmp(text, file, sizeof file - 1) == 0 && text[sizeof file - 1] != '\0')
		return true;
	if (*text == '/')
		return why_not(why, "write \"file:%.150s\"", text);
	return why_not(why, "one of \"stderr\", \"syslog\", \"file:PATH\"");
}

bool
item_check_queries_target(const char *text, struct why *why)
{
	static const char file[] = "file:";
	if (*text == '\0' || (strncmp(text, file, sizeof file - 1) == 0 && text[sizeof file - 1] != '\0'))
		return true;
	if (*text == '/')
		return why_not(why, "write \"file:%.150s\"", text);
	return why_not(why, "\"\", for where log.target says, or \"file:PATH\"");
}

static bool
is_built_with_dnstap(const char *text, struct why *why)
{
#ifdef DOTWARD_DNSTAP
	(void)text;
	(void)why;
	return true;
#else
	return *text == '\0' ||
	       why_not(why, "\"\": this dotward was built without dnstap (configure --with-dnstap)");
#endif
}

bool
item_check_tap_socket(const char *text, struct why *why)
{
	return is_built_with_dnstap(text, why) && item_check_socket(text, why);
}

bool
item_check_tap_file(const char *text, struct why *why)
{
	return is_built_with_dnstap(text, why) && item_check_path(text, why);
}

bool
item_check_size(const char *text, struct why *why)
{
	uint64_t bytes;
	return size_read(text, &bytes) || why_not(why, "a size is written \"512K\", \"32M\" or \"1G\"");
}

bool
item_check_socket(const char *text, struct why *why)
{
	enum { SOCKET_MOST_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };
	if (*text != '\0' && *text != '/')
		return why_not(why, "write the whole path, from \"/\" on; \"\": none");
	if (strlen(text) > SOCKET_MOST_BYTES)
		return why_not(why, "at most %d bytes, as the path of a socket", SOCKET_MOST_BYTES);
	return true;
}

bool
item_check_path(const char *text, struct why *why)
{
	size_t length = strlen(text);
	if (length == 0)
		return true;
	if (*text != '/')
		return why_not(why, "write the whole path, from \"/\" on; \"\": nowhere");
	if (text[length - 1] == '/')
		return why_not(why, "a folder; add the name of a file in it");
	if (length > PATH_MOST_BYTES)
		return why_not(why, "at most %d bytes", PATH_MOST_BYTES);
	return true;
}
