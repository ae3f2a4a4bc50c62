/*
 * Writes a configuration as a file that reads the same: every key in effect, in the order of the table, with
 * its help, range and default. Inside a list the help stands with the first element only.
 */
#include "config/config.h"
#include "config/keys.h"
#include "config/value.h"

#include <string.h>

struct printer {
	FILE *out;
	unsigned depth;
	bool silent; /* no help */
};

static void print_members(struct printer *p, const char *parent, const void *object);

static void
indent(const struct printer *p)
{
	for (unsigned i = 0; i < p->depth; i++)
		fputc('\t', p->out);
}

static void
print_help(const struct printer *p, const struct key *key)
{
	for (const char *line = key->help; *line != '\0';) {
		int bytes = (int)strcspn(line, "\n");
		indent(p);
		fprintf(p->out, "# %.*s\n", bytes, line);
		line += bytes;
		line += *line == '\n';
	}
}

static void
print_bounds(const struct printer *p, const struct key *key)
{
	char bounds[256], fallback[256];
	keys_bounds(key, bounds, sizeof bounds);
	keys_default(key, fallback, sizeof fallback);
	if (*bounds == '\0' && *fallback == '\0')
		return;
	indent(p);
	fprintf(p->out, "# %s%s%s%s\n", bounds, *bounds && *fallback ? "; " : "", *fallback ? "default " : "",
	        fallback);
}

static void
print_group(struct printer *p, const struct key *key, const void *object)
{
	indent(p);
	fprintf(p->out, "%s: {\n", keys_name(key));
	p->depth++;
	print_members(p, key->path, object);
	p->depth--;
	indent(p);
	fputs("};\n", p->out);
}

static void
print_list(struct printer *p, const struct key *key, const void *object)
{
	char parent[KEY_MAX_NAME];
	const char *elements;
	size_t count = value_count(key, object);
	memcpy(&elements, (const char *)object + key->offset, sizeof elements);
	snprintf(parent, sizeof parent, "%s[]", key->path);
	indent(p);
	fprintf(p->out, "%s = (\n", keys_name(key));
	for (size_t i = 0; i < count; i++) {
		p->depth++;
		indent(p);
		fputs("{\n", p->out);
		p->depth++;
		p->silent = i > 0;
		print_members(p, parent, elements + i * key->bytes);
		p->depth--;
		indent(p);
		fprintf(p->out, "}%s\n", i + 1 < count ? "," : "");
		p->depth--;
	}
	p->silent = false;
	indent(p);
	fputs(");\n", p->out);
}

static void
print_value(struct printer *p, const struct key *key, const void *object)
{
	if (!p->silent)
		print_bounds(p, key);
	indent(p);
	fprintf(p->out, "%s = ", keys_name(key));
	value_write(key, object, p->out);
	fputs(";\n", p->out);
}

/* One that says something by being there, and is not. */
static bool
is_left_out(const struct key *key, const void *object)
{
	bool said = true;
	if (key->type == KEY_GROUP && key->offset != KEY_NO_FIELD)
		memcpy(&said, (const char *)object + key->offset, sizeof said);
	return !said;
}

static void
print_key(struct printer *p, const struct key *key, const void *object)
{
	if (is_left_out(key, object))
		return;
	if (p->depth == 0)
		fputc('\n', p->out);
	if (!p->silent)
		print_help(p, key);
	if (key->type == KEY_GROUP)
		print_group(p, key, object);
	else if (key->type == KEY_LIST)
		print_list(p, key, object);
	else
		print_value(p, key, object);
}

static void
print_members(struct printer *p, const char *parent, const void *object)
{
	for (size_t i = 0; i < keys_count; i++)
		if (keys_is_member(&keys[i], parent))
			print_key(p, &keys[i], object);
}

void
config_print(const struct config *config, FILE *out)
{
	struct printer p = {.out = out};
	fputs("# The configuration in effect.\n", out);
	print_members(&p, "", config);
}
