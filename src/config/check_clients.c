/*
 * The checks of groups of clients against each other, the upstreams and the access lists. There may be many
 * thousand networks, so what is given twice is found by sorting.
 */
#include "config/check_clients.h"

#include "base/must.h"
#include "config/check_routes.h"

#include <stdlib.h>
#include <string.h>

enum { SUBJECT_BYTES = 64, SHOWN_BYTES = 100 };

/* A network and where it stands. */
struct stand {
	const struct addr_net *net;
	size_t group;
};

static const char *
subject_of(size_t group, const char *key, char out[SUBJECT_BYTES])
{
	snprintf(out, SUBJECT_BYTES, "clients.[%zu]%s", group, key);
	return out;
}

static void
check_name(struct draft *draft, size_t second)
{
	const struct config_client *clients = draft->config->clients;
	char subject[SUBJECT_BYTES];
	subject_of(second, ".name", subject);
	if (*clients[second].name == '\0' && draft->complaints.errors == 0)
		complain(&draft->complaints, &draft->client_places[second], subject, "empty; give it a name");
	for (size_t first = 0; first < second; first++) {
		if (*clients[first].name == '\0' || strcmp(clients[first].name, clients[second].name) != 0)
			continue;
		unsigned line = draft->client_places[first].line;
		complain(&draft->complaints, &draft->client_places[second], subject,
		        line ? "\"%s\" is the name of the group in line %u, too; give each a name of its own"
		             : "\"%s\" is the name of another group, too; give each a name of its own",
		        clients[second].name, line);
		return;
	}
}

static void
check_members(struct draft *draft, size_t index)
{
	const struct config_client *client = &draft->config->clients[index];
	const struct place *place = &draft->client_places[index];
	char subject[SUBJECT_BYTES], shown[SHOWN_BYTES];
	subject_of(index, ".upstreams", subject);
	for (size_t i = 0; i < client->upstream_count; i++) {
		const char *name = client->upstreams[i].name;
		check_upstream(draft, place, subject, name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(client->upstreams[j].name, name) == 0)
				complain(&draft->complaints, place, subject,
				        "\"%s\" is given twice; leave one out",
				        complain_show(shown, sizeof shown, name, strlen(name)));
	}
}

/* --- lists --- */

static const char *
suggest_list(const struct config_list *lists, size_t count, const char *name)
{
	const char *best = NULL;
	size_t nearest = SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		size_t distance = complain_distance(name, lists[i].name);
		if (complain_is_near(name, lists[i].name) && distance < nearest) {
			best = lists[i].name;
			nearest = distance;
		}
	}
	return best;
}

static bool
is_list(const struct config_list *lists, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(lists[i].name, name) == 0)
			return true;
	return strcmp(name, "*") == 0;
}

/* `kind` is "block" or "allow". */
static void
check_lists_of(struct draft *draft, size_t index, const char *kind, const struct config_member *named,
        size_t named_count, const struct config_list *lists, size_t count)
{
	const struct place *place = &draft->client_places[index];
	char subject[SUBJECT_BYTES], key[24], shown[SHOWN_BYTES];
	snprintf(key, sizeof key, ".%s_lists", kind);
	subject_of(index, key, subject);
	for (size_t i = 0; i < named_count; i++) {
		if (is_list(lists, count, named[i].name))
			continue;
		const char *meant = suggest_list(lists, count, named[i].name);
		complain_show(shown, sizeof shown, named[i].name, strlen(named[i].name));
		if (meant != NULL)
			complain(&draft->complaints, place, subject,
			        "no %s list is called \"%s\"; did you mean \"%s\"?", kind, shown, meant);
		else
			complain(&draft->complaints, place, subject,
			        "no %s list is called \"%s\"; give it that name, name = \"...\", in "
			        "policy.%s_lists",
			        kind, shown, kind);
	}
}

static void
check_lists_named(struct draft *draft, size_t index)
{
	const struct config *config = draft->config;
	const struct config_client *client = &config->clients[index];
	check_lists_of(draft, index, "block", client->block_lists, client->block_list_count,
	        config->lists.block, config->lists.block_count);
	check_lists_of(draft, index, "allow", client->allow_lists, client->allow_list_count,
	        config->lists.allow, config->lists.allow_count);
}

/* --- networks --- */

static bool
same_net(const struct addr_net *a, const struct addr_net *b)
{
	return a->family == b->family && a->prefix == b->prefix &&
	       memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Whatever the order is; equal networks are neighbours in it, in the order of the file. */
static int
compare(const void *a, const void *b)
{
	const struct stand *p = a, *q = b;
	int bytes = memcmp(p->net->bytes, q->net->bytes, sizeof p->net->bytes);
	if (p->net->family != q->net->family)
		return p->net->family < q->net->family ? -1 : 1;
	if (p->net->prefix != q->net->prefix)
		return p->net->prefix < q->net->prefix ? -1 : 1;
	if (bytes != 0)
		return bytes;
	if (p->group != q->group)
		return p->group < q->group ? -1 : 1;
	return p->net < q->net ? -1 : p->net > q->net;
}

static void
refuse_twice(struct draft *draft, const struct stand *first, const struct stand *second)
{
	char subject[SUBJECT_BYTES], net[ADDR_TEXT_BYTES];
	const struct place *place = &draft->client_places[second->group];
	unsigned line = draft->client_places[first->group].line;
	subject_of(second->group, ".networks", subject);
	addr_net_text(second->net, net);
	if (first->group == second->group || line == 0)
		complain(&draft->complaints, place, subject, "%s is given twice; leave one out", net);
	else
		complain(&draft->complaints, place, subject,
		        "%s is in the group of line %u, too; leave one out", net, line);
}

static void
check_networks(struct draft *draft)
{
	const struct config *config = draft->config;
	size_t count = 0, used = 0;
	for (size_t i = 0; i < config->client_count; i++)
		count += config->clients[i].network_count;
	struct stand *all = must_alloc(count + 1, sizeof *all);
	for (size_t i = 0; i < config->client_count; i++)
		for (size_t j = 0; j < config->clients[i].network_count; j++)
			all[used++] = (struct stand){&config->clients[i].networks[j], i};
	qsort(all, used, sizeof *all, compare);
	for (size_t i = 1; i < used; i++)
		if (same_net(all[i].net, all[i - 1].net))
			refuse_twice(draft, &all[i - 1], &all[i]);
	free(all);
}

/* --- who may ask at all --- */

/* Is `inner` a part of `outer`, or all of it? */
static bool
is_part(const struct addr_net *inner, const struct addr_net *outer)
{
	if (inner->family != outer->family || inner->prefix < outer->prefix)
		return false;
	unsigned whole = outer->prefix / 8u, rest = outer->prefix % 8u;
	return memcmp(inner->bytes, outer->bytes, whole) == 0 &&
	       (rest == 0 || (inner->bytes[whole] ^ outer->bytes[whole]) >> (8 - rest) == 0);
}

static bool
may_ask(const struct config_access *access, const struct addr_net *net)
{
	bool allowed = false;
	for (size_t i = 0; i < access->deny_count; i++)
		if (is_part(net, &access->deny[i]))
			return false;
	for (size_t i = 0; i < access->allow_count; i++)
		allowed |= is_part(net, &access->allow[i]) || is_part(&access->allow[i], net);
	return allowed;
}

static void
check_access(struct draft *draft, size_t index)
{
	const struct config_client *client = &draft->config->clients[index];
	char subject[SUBJECT_BYTES], net[ADDR_TEXT_BYTES];
	for (size_t i = 0; i < client->network_count; i++)
		if (!may_ask(&draft->config->access, &client->networks[i]))
			complain_remark(&draft->complaints, &draft->client_places[index],
			        subject_of(index, ".networks", subject),
			        "%s may not ask at all: a group does not allow it, access.allow does",
			        addr_net_text(&client->networks[i], net));
}

void
check_clients(struct draft *draft)
{
	size_t count = draft->config->client_count;
	if (count == 0)
		return;
	bool sound = draft->complaints.errors == 0;
	if (count > CHECK_MAX_CLIENTS)
		complain(&draft->complaints, &draft->client_places[CHECK_MAX_CLIENTS], "clients",
		        "at most %d groups", CHECK_MAX_CLIENTS);
	for (size_t i = 0; i < count; i++) {
		check_name(draft, i);
		/* what is wrong with the upstreams themselves has been said; their names may be, too */
		if (sound) {
			check_members(draft, i);
			check_lists_named(draft, i);
		}
		check_access(draft, i);
	}
	check_networks(draft);
}
