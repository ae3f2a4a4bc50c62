/*
 * /proc/self/net/{udp,tcp}{,6} gives the inode of the socket on a port, /proc/PID/fd the process that has it
 * open. A process of somebody else cannot be looked into without the right to trace it, but the table has its
 * user as well, and daemons have users of their own. Only used when start-up has failed already, so it may be
 * slow, and any doubt is "not found".
 */
#include "net/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOLDER_INODES = 64 };

struct inodes {
	unsigned long numbers[HOLDER_INODES];
	size_t count;
	uid_t user; /* of the first one */
};

/* The address as the tables have it: the words of memory in hexadecimal. */
static void
table_text(const struct addr *address, char out[33])
{
	size_t count;
	const uint8_t *host = addr_host(address, &count);
	for (size_t i = 0; i < count; i += 4) {
		uint32_t word;
		memcpy(&word, host + i, sizeof word);
		snprintf(out + i * 2, 9, "%08X", word);
	}
}

/*
 * Collects the inodes of sockets of one table that are in the way of this address; for TCP only listeners
 * (state 0A). Of another family (`foreign`) only a wildcard is, if it speaks both, which the table does not
 * say.
 */
static void
inodes_collect(
        const char *table, const struct addr *address, bool foreign, bool listeners, struct inodes *found)
{
	char wanted[33], local[33], line[512];
	table_text(address, wanted);
	FILE *f = fopen(table, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL) {
		unsigned port, state, user;
		unsigned long inode;
		if (sscanf(line, " %*d: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*u %lu", local,
		            &port, &state, &user, &inode) != 5)
			continue;
		bool same_port = port == addr_port(address) && inode != 0 && (!listeners || state == 0x0a);
		bool clash = strspn(local, "0") == strlen(local);
		if (!foreign)
			clash = clash || addr_is_wildcard(address) || strcmp(local, wanted) == 0;
		if (same_port && clash && found->count == 0)
			found->user = user;
		if (same_port && clash && found->count < HOLDER_INODES)
			found->numbers[found->count++] = inode;
	}
	if (f != NULL)
		fclose(f);
}

static bool
inodes_have(const struct inodes *found, const char *link)
{
	unsigned long inode;
	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < found->count; i++)
		if (found->numbers[i] == inode)
			return true;
	return false;
}

static bool
process_holds(const char *pid, const struct inodes *found)
{
	char path[300], link[64];
	snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	DIR *fds = opendir(path);
	bool holds = false;
	for (struct dirent *e; fds != NULL && !holds && (e = readdir(fds)) != NULL;) {
		snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", pid, e->d_name);
		ssize_t length = readlink(path, link, sizeof link - 1);
		if (length <= 0)
			continue;
		link[length] = '\0';
		holds = inodes_have(found, link);
	}
	if (fds != NULL)
		closedir(fds);
	return holds;
}

static void
process_name(const char *pid, char *name, size_t room)
{
	char path[300];
	snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL || fgets(name, (int)room, f) == NULL)
		snprintf(name, room, "a process");
	if (f != NULL)
		fclose(f);
	name[strcspn(name, "\n")] = '\0';
}

/* What to do about it, by the holder's name as the kernel cuts it (15 bytes). */
static const struct {
	const char *name, *remedy;
} remedies[] = {
        {"systemd-resolve",
                "; set DNSStubListener=no in /etc/systemd/resolved.conf and restart systemd-resolved, or let "
                "dotward listen on another address or port"},
        {"dotward", "; it is running already"},
        {"dnsmasq",
                "; stop it, or put dotward on another port and point dnsmasq at it with server=ADDRESS#PORT"},
        {"unbound", "; stop it, or let dotward listen on another address or port"},
        {"named", "; stop it, or let dotward listen on another address or port"},
};

static const char *
remedy_for(const char *name)
{
	for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++)
		if (strcmp(name, remedies[i].name) == 0)
			return remedies[i].remedy;
	return "; stop it, or let dotward listen on another address or port";
}

static void
holder_name(const char *pid, char out[HOLDER_TEXT_BYTES])
{
	char name[32];
	process_name(pid, name, sizeof name);
	snprintf(out, HOLDER_TEXT_BYTES, " by %s (pid %.20s)%s", name, pid, remedy_for(name));
}

/* A user of the system's own, who is named like the daemon; root and people have processes of all kinds. */
static bool
holder_user(uid_t uid, char out[HOLDER_TEXT_BYTES])
{
	enum { PEOPLE = 1000 };
	const struct passwd *user = uid > 0 && uid < PEOPLE ? getpwuid(uid) : NULL;
	if (user == NULL)
		return false;
	char name[16]; /* as the kernel cuts names of processes */
	snprintf(name, sizeof name, "%s", user->pw_name);
	snprintf(out, HOLDER_TEXT_BYTES, " by a process of user %.32s%s", user->pw_name, remedy_for(name));
	return true;
}

const char *
holder_find(const struct addr *address, bool udp, char out[HOLDER_TEXT_BYTES])
{
	struct inodes found = {.count = 0};
	bool four = address->any.sa_family == AF_INET;
	if (four)
		inodes_collect(
		        udp ? "/proc/self/net/udp" : "/proc/self/net/tcp", address, false, !udp, &found);
	/* Ours of IPv6 speak nothing else, so that one of IPv4 is never in their way; the reverse may be. */
	if (found.count == 0)
		inodes_collect(
		        udp ? "/proc/self/net/udp6" : "/proc/self/net/tcp6", address, four, !udp, &found);
	DIR *processes = found.count > 0 ? opendir("/proc") : NULL;
	bool known = false;
	for (struct dirent *e; processes != NULL && !known && (e = readdir(processes)) != NULL;) {
		known = isdigit((unsigned char)e->d_name[0]) && process_holds(e->d_name, &found);
		if (known)
			holder_name(e->d_name, out);
	}
	if (processes != NULL)
		closedir(processes);
	if (!known && !(found.count > 0 && holder_user(found.user, out)))
		snprintf(out, HOLDER_TEXT_BYTES,
		        " by a process that cannot be seen from here; \"ss -lnp 'sport = :%u'\" as root "
		        "tells",
		        addr_port(address));
	return out;
}
