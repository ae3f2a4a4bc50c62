/*
 * Walks libconfig's tree beside the table of keys. Nothing is converted between types: a number in quotes, a
 * 1 for true or a lone text where an array belongs is a mistake somebody should know of.
 */
#include "config/read.h"

#include "base/must.h"
#include "config/keys.h"
#include "config/value.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct draft *draft;
	const struct lex *lex;
	size_t *line_tokens;
	size_t line_count;
};

static void read_group(struct reader *r, const char *parent, const config_setting_t *group, void *object);

static struct place
place_of_line(const struct reader *r, unsigned line)
{
	must(r->lex->count > 0);
	size_t token = line < r->line_count ? r->line_tokens[line] : r->lex->count - 1;
	return r->lex->tokens[token].place;
}

static struct place
place_of(const struct reader *r, const config_setting_t *setting)
{
	return place_of_line(r, config_setting_source_line(setting));
}

static void
write_path(const config_setting_t *setting, FILE *out)
{
	const config_setting_t *parent = config_setting_parent(setting);
	if (parent == NULL)
		return;
	write_path(parent, out);
	if (!config_setting_is_root(parent))
		fputc('.', out);
	if (config_setting_name(setting) != NULL)
		fputs(config_setting_name(setting), out);
	else
		fprintf(out, "[%d]", config_setting_index(setting));
}

static void
write_value(const config_setting_t *setting, FILE *out)
{
	char text[96];
	const char *string;
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		fprintf(out, " = %lld", config_setting_get_int64(setting));
		break;
	case CONFIG_TYPE_FLOAT:
		snprintf(text, sizeof text, "%g", config_setting_get_float(setting));
		fprintf(out, " = %s%s", text, strpbrk(text, ".en") ? "" : ".0");
		break;
	case CONFIG_TYPE_BOOL:
		fprintf(out, " = %s", config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_STRING:
		string = config_setting_get_string(setting);
		fprintf(out, " = \"%s\"", complain_show(text, sizeof text, string, strlen(string)));
		break;
	default: /* what has parts is known by its path */
		break;
	}
}

/* "forward.timeout_ms = 400000"; the caller frees. */
static char *
subject_of(const config_setting_t *setting)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	must(out != NULL);
	write_path(setting, out);
	write_value(setting, out);
	must(fclose(out) == 0);
	return text;
}

static void
refuse(struct reader *r, const config_setting_t *setting, const char *why)
{
	struct place place = place_of(r, setting);
	char *subject = subject_of(setting);
	complain(&r->draft->complaints, &place, subject, "%s", why);
	free(subject);
}

/* The setting has a type the key cannot have. */
static void
refuse_type(struct reader *r, const struct key *key, const config_setting_t *setting)
{
	struct why why;
	char expected[256];
	bool text = config_setting_type(setting) == CONFIG_TYPE_STRING;
	const char *string = text ? config_setting_get_string(setting) : "";
	bool array = key->type == KEY_ITEMS || key->type == KEY_FLAGS;
	bool plain = key->type == KEY_NUMBER || key->type == KEY_PORT || key->type == KEY_BOOL;
	keys_expected(key, expected, sizeof expected);
	if (text && plain && *string != '\0' && strlen(string) < 10 &&
	        (strspn(string, "0123456789") == strlen(string) || !strcmp(string, "true") ||
	                !strcmp(string, "false")))
		why_not(&why, "%s without quotes: %s",
		        key->type == KEY_BOOL ? "write it" : "write the number", string);
	else if (text && array && strlen(string) < 64 && strchr(string, '"') == NULL)
		why_not(&why, "write [ \"%s\" ]", string);
	else if (array && config_setting_is_list(setting))
		why_not(&why, "write it in square brackets: %s", expected);
	else
		why_not(&why, "write %s", expected);
	refuse(r, setting, why.text);
}

static void
read_number(struct reader *r, const struct key *key, const config_setting_t *setting, void *object)
{
	struct why why;
	if (config_setting_type(setting) != CONFIG_TYPE_INT64)
		refuse_type(r, key, setting);
	else if (!value_set_number(key, object, config_setting_get_int64(setting), &why))
		refuse(r, setting, why.text);
}

static void
read_bool(struct reader *r, const struct key *key, const config_setting_t *setting, void *object)
{
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
		refuse_type(r, key, setting);
	else
		value_set_bool(key, object, config_setting_get_bool(setting));
}

static void
read_text(struct reader *r, const struct key *key, const config_setting_t *setting, void *object)
{
	struct why why;
	if (config_setting_type(setting) != CONFIG_TYPE_STRING)
		refuse_type(r, key, setting);
	else if (!value_set_text(key, object, config_setting_get_string(setting), &why))
		refuse(r, setting, why.text);
}

static bool
read_element(struct reader *r, const struct key *key, const config_setting_t *element, void *object)
{
	struct why why;
	if (config_setting_type(element) != CONFIG_TYPE_STRING) {
		refuse(r, element, "write a text in double quotes");
		return false;
	}
	if (value_add(key, object, config_setting_get_string(element), &why))
		return true;
	refuse(r, element, why.text);
	return false;
}

/* Whether a member of the group says something, be it right or wrong. */
static bool
is_said(const config_setting_t *group, const char *name)
{
	const config_setting_t *setting = name != NULL ? config_setting_get_member(group, name) : NULL;
	if (setting == NULL)
		return false;
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return *config_setting_get_string(setting) != '\0';
	return !config_setting_is_aggregate(setting) || config_setting_length(setting) > 0;
}

static void
read_array(struct reader *r, const struct key *key, const config_setting_t *setting, void *object)
{
	bool needed = key->needed && !is_said(config_setting_parent(setting), key->instead);
	bool well = true; /* all that is in it */
	if (key->alone && config_setting_type(setting) == CONFIG_TYPE_STRING) {
		value_clear(key, object, 1);
		read_element(r, key, setting, object);
		return;
	}
	if (!config_setting_is_array(setting) && !(key->round && config_setting_is_list(setting))) {
		refuse_type(r, key, setting);
		return;
	}
	unsigned count = (unsigned)config_setting_length(setting);
	value_clear(key, object, count);
	for (unsigned i = 0; i < count; i++)
		well &= read_element(r, key, config_setting_get_elem(setting, i), object);
	if (well && count == 0 && (needed || key->type == KEY_FLAGS))
		refuse(r, setting, "empty; name at least one");
}

static void
need_key(struct reader *r, const struct key *key, const config_setting_t *group)
{
	struct why why;
	const char *name = keys_name(key);
	bool instead = is_said(group, key->instead);
	if (instead && is_said(group, name)) {
		why_not(&why, "there is %s, too; leave one of the two out", name);
		refuse(r, config_setting_get_member(group, key->instead), why.text);
	} else if (!instead && config_setting_get_member(group, name) == NULL) {
		why_not(&why, "no %s; add %s = %s;%s%s", name, name, key->example,
		        key->instead != NULL ? " or " : "", key->instead != NULL ? key->instead : "");
		refuse(r, group, why.text);
	}
}

static void
need_partner(struct reader *r, const char *parent, const struct key *key, const config_setting_t *group)
{
	struct why why;
	const struct key *partner = keys_member(parent, key->together);
	if (!is_said(group, keys_name(key)) || is_said(group, key->together))
		return;
	why_not(&why, "no %s; add %s = %s;", key->together, key->together, partner->example);
	refuse(r, config_setting_get_member(group, keys_name(key)), why.text);
}

static void
read_list_element(struct reader *r, const char *parent, const config_setting_t *group, void *object)
{
	for (size_t i = 0; i < keys_count; i++) {
		if (keys_is_member(&keys[i], parent) && keys[i].needed)
			need_key(r, &keys[i], group);
		if (keys_is_member(&keys[i], parent) && keys[i].together != NULL)
			need_partner(r, parent, &keys[i], group);
	}
	read_group(r, parent, group, object);
}

static struct place **
element_places(struct reader *r, const struct key *key)
{
	if (key->offset == offsetof(struct config, listens))
		return &r->draft->listen_places;
	if (key->offset == offsetof(struct config, upstreams))
		return &r->draft->upstream_places;
	if (key->offset == offsetof(struct config, clients))
		return &r->draft->client_places;
	if (key->offset == offsetof(struct config, lists.block))
		return &r->draft->block_list_places;
	if (key->offset == offsetof(struct config, lists.allow))
		return &r->draft->allow_list_places;
	must(key->offset == offsetof(struct config, routes));
	return &r->draft->route_places;
}

/* Makes room for the elements of a list that replaces an earlier one. */
static char *
list_renew(struct reader *r, const struct key *key, const char *parent, size_t count)
{
	char *object = (char *)r->draft->config;
	void *elements;
	memcpy(&elements, object + key->offset, sizeof elements);
	for (size_t i = 0; i < value_count(key, object); i++)
		value_free(parent, (char *)elements + i * key->bytes);
	free(elements);
	elements = must_alloc(count, key->bytes);
	memcpy(object + key->offset, &elements, sizeof elements);
	memcpy(object + key->count_offset, &count, sizeof count);
	struct place **places = element_places(r, key);
	free(*places);
	*places = must_alloc(count, sizeof **places);
	return elements;
}

static void
read_list(struct reader *r, const struct key *key, const config_setting_t *setting)
{
	char parent[KEY_MAX_NAME];
	if (!config_setting_is_list(setting)) {
		refuse_type(r, key, setting);
		return;
	}
	unsigned count = (unsigned)config_setting_length(setting);
	snprintf(parent, sizeof parent, "%s[]", key->path);
	char *elements = list_renew(r, key, parent, count);
	for (unsigned i = 0; i < count; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, i);
		(*element_places(r, key))[i] = place_of(r, element);
		value_set_defaults(parent, elements + i * key->bytes);
		if (config_setting_is_group(element))
			read_list_element(r, parent, element, elements + i * key->bytes);
		else
			refuse(r, element, "each element is a group, { ... }");
	}
}

static void
read_scalar(struct reader *r, const struct key *key, const config_setting_t *setting, void *object)
{
	switch (key->type) {
	case KEY_NUMBER:
	case KEY_PORT:
		read_number(r, key, setting, object);
		break;
	case KEY_BOOL:
		read_bool(r, key, setting, object);
		break;
	case KEY_FLAGS:
	case KEY_ITEMS:
		read_array(r, key, setting, object);
		break;
	default:
		read_text(r, key, setting, object);
	}
}

static void
read_setting(struct reader *r, const struct key *key, const config_setting_t *setting, void *object)
{
	if (key->type == KEY_LIST) {
		read_list(r, key, setting);
	} else if (key->type != KEY_GROUP) {
		read_scalar(r, key, setting, object);
	} else if (config_setting_is_group(setting)) {
		read_group(r, key->path, setting, object);
		value_set_bool(key, object, true);
	} else {
		refuse_type(r, key, setting);
	}
	r->draft->places[key - keys] = place_of(r, setting);
}

static void
refuse_unknown(struct reader *r, const char *parent, const config_setting_t *setting)
{
	struct why why;
	const char *meant = keys_suggest(parent, config_setting_name(setting));
	struct place place = place_of(r, setting);
	char *path = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&path, &bytes);
	must(out != NULL);
	write_path(setting, out);
	must(fclose(out) == 0);
	if (meant != NULL)
		why_not(&why, "no such key; did you mean \"%s\"?", meant);
	else
		why_not(&why, "no such key");
	complain(&r->draft->complaints, &place, path, "%s", why.text);
	free(path);
}

static bool
is_address(const struct key *key)
{
	return key->type == KEY_ITEM || key->type == KEY_ITEMS;
}

static void
read_known(struct reader *r, const char *parent, const config_setting_t *group, void *object, bool addresses)
{
	for (size_t i = 0; i < keys_count; i++) {
		if (!keys_is_member(&keys[i], parent) || is_address(&keys[i]) != addresses)
			continue;
		const config_setting_t *setting = config_setting_get_member(group, keys_name(&keys[i]));
		if (setting != NULL)
			read_setting(r, &keys[i], setting, object);
	}
}

/* Addresses last, since what they mean depends on the port. */
static void
read_group(struct reader *r, const char *parent, const config_setting_t *group, void *object)
{
	read_known(r, parent, group, object, false);
	read_known(r, parent, group, object, true);
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		if (keys_member(parent, config_setting_name(setting)) == NULL)
			refuse_unknown(r, parent, setting);
	}
}

void
read_tokens(struct draft *draft, const struct lex *lex)
{
	struct reader r = {.draft = draft, .lex = lex};
	char *text = lex_rewrite(lex, &r.line_tokens, &r.line_count);
	config_t tree;
	config_init(&tree);
	if (config_read_string(&tree, text)) {
		read_group(&r, "", config_root_setting(&tree), draft->config);
	} else if (lex->count > 0) {
		/* syntax_check() should have found it; if not, libconfig's words are better than none */
		struct place place = place_of_line(&r, (unsigned)config_error_line(&tree));
		complain(&draft->complaints, &place, NULL, "%s", config_error_text(&tree));
	}
	config_destroy(&tree);
	free(text);
	free(r.line_tokens);
}
