/*
 * Each override is written out as the little piece of file it stands for and then read like one, so that
 * there is one parser, one table and one wording of complaints. Only its value is looked at before: it must
 * be one value, or a text that needs quotes.
 */
#include "config/override.h"

#include "base/must.h"
#include "config/keys.h"
#include "config/read.h"
#include "config/syntax.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

struct variable {
	const char *name;
	const char *path;
	bool list;
};

static const char variable_prefix[] = "DOTWARD_";
static const struct variable variables[] = {
        {"DOTWARD_LISTEN", "listen", true},
        {"DOTWARD_UPSTREAM", "upstreams", true},
        {"DOTWARD_CA_FILE", "ca_file", false},
        {"DOTWARD_LOG_LEVEL", "log.level", false},
        {"DOTWARD_LOG_FORMAT", "log.format", false},
};
static const char separators[] = ", \t\r\n";

enum { VARIABLES = sizeof variables / sizeof *variables, SHOWN_BYTES = 96 };

/* A FILE that ends as a string. */
struct script {
	FILE *out;
	char *text;
	size_t bytes;
};

static void
script_open(struct script *s)
{
	*s = (struct script){0};
	s->out = open_memstream(&s->text, &s->bytes);
	must(s->out != NULL);
}

/* The caller frees it. */
static char *
script_close(struct script *s)
{
	must(fclose(s->out) == 0);
	return s->text;
}

static void
complain_value(struct draft *draft, const struct place *place, const struct config_override *o,
        const char *verb, const char *what)
{
	char shown[SHOWN_BYTES], subject[SHOWN_BYTES * 2];
	complain_show(shown, sizeof shown, o->value, strlen(o->value));
	snprintf(subject, sizeof subject, "%.80s = %s", o->path, shown);
	complain(&draft->complaints, place, subject, "%s%s", verb, what);
}

static char *
quoted(const char *text)
{
	struct script s;
	script_open(&s);
	value_quote(text, s.out);
	return script_close(&s);
}

/* a,b becomes [ "a", "b" ]. */
static char *
quoted_elements(const char *text)
{
	struct script s;
	char *copy = must_copy(text), *rest = copy;
	script_open(&s);
	fputs("[ ", s.out);
	const char *between = "";
	for (char *word = strtok_r(copy, separators, &rest); word != NULL;
	        word = strtok_r(NULL, separators, &rest)) {
		fputs(between, s.out);
		value_quote(word, s.out);
		between = ", ";
	}
	fputs(" ]", s.out);
	free(copy);
	return script_close(&s);
}

/* The value as a file would have it. */
static char *
spelled_out(const struct key *key, const char *value)
{
	value += strspn(value, " \t");
	bool text = key->type == KEY_TEXT || key->type == KEY_WORD || key->type == KEY_ITEM;
	if (text && *value != '"')
		return quoted(value);
	if ((key->type == KEY_ITEMS || key->type == KEY_FLAGS) && *value != '[')
		return quoted_elements(value);
	return must_copy(value);
}

/* Whether the text is one value; what is wrong goes to `complaints`. */
static bool
is_one_value(struct complaints *complaints, const struct place *place, const char *text)
{
	struct lex lex = {.complaints = complaints};
	size_t errors = complaints->errors;
	lex_text(&lex, place, text);
	bool well = syntax_check_value(&lex) && complaints->errors == errors;
	lex_free(&lex);
	return well;
}

/* "forward.timeout_ms" and 5 become forward: { timeout_ms = 5; }; */
static void
read_at_path(struct draft *draft, const struct place *place, const char *path, const char *value)
{
	struct lex lex = {.complaints = &draft->complaints};
	struct script s;
	unsigned depth = 0;
	script_open(&s);
	for (const char *name = path; *name != '\0'; depth++) {
		size_t bytes = strcspn(name, ".");
		fprintf(s.out, name[bytes] ? "%.*s: { " : "%.*s = ", (int)bytes, name);
		name += bytes + (name[bytes] == '.');
	}
	fputs(value, s.out);
	for (; depth > 1; depth--)
		fputs(" }", s.out);
	char *text = script_close(&s);
	lex_text(&lex, place, text);
	if (syntax_check(&lex))
		read_tokens(draft, &lex);
	lex_free(&lex);
	free(text);
}

static void
apply_value(struct draft *draft, const struct place *place, const struct config_override *o,
        const struct key *key)
{
	struct complaints unsaid = {0};
	char expected[256];
	char *text = spelled_out(key, o->value);
	bool parts = key->type == KEY_GROUP;
	if (is_one_value(parts ? &draft->complaints : &unsaid, place, text))
		read_at_path(draft, place, o->path, text);
	else if (!parts)
		complain_value(draft, place, o, "write ", keys_expected(key, expected, sizeof expected));
	complain_free(&unsaid);
	free(text);
}

static void
apply_ca_file(struct draft *draft, const struct place *place, const struct config_override *o)
{
	struct why why;
	if (!item_check_file(o->value, &why)) {
		complain_value(draft, place, o, "", why.text);
		return;
	}
	free(draft->ca_file);
	draft->ca_file = must_copy(o->value);
}

static void
complain_path(struct draft *draft, const struct place *place, const char *path)
{
	char parent[KEY_MAX_NAME] = "";
	const char *dot = strrchr(path, '.');
	if (dot != NULL && (size_t)(dot - path) < sizeof parent)
		memcpy(parent, path, (size_t)(dot - path));
	const char *meant = keys_suggest(parent, dot ? dot + 1 : path);
	meant = meant ? meant : keys_suggest("", path);
	if (meant != NULL && keys_member(parent, meant) != NULL)
		meant = keys_member(parent, meant)->path;
	if (strchr(path, '[') != NULL)
		complain(&draft->complaints, place, path,
		        "elements cannot be set one by one; give the whole list");
	else if (meant != NULL)
		complain(&draft->complaints, place, path, "no such key; did you mean \"%s\"?", meant);
	else
		complain(&draft->complaints, place, path, "no such key");
}

static void
apply_one(struct draft *draft, const struct config_override *o)
{
	struct place place = complain_place(&draft->complaints, o->origin, 0);
	const struct key *key = keys_find(o->path);
	if (strcmp(o->path, "ca_file") == 0)
		apply_ca_file(draft, &place, o);
	else if (key == NULL || strchr(o->path, '[') != NULL)
		complain_path(draft, &place, o->path);
	else
		apply_value(draft, &place, o, key);
}

/* ADDR[@PORT] or ADDR[@PORT][#AUTH_NAME] as the group it stands for. */
static char *
element_of(const char *path, const char *text)
{
	struct script s;
	char *address = must_copy(text);
	char *hash = strchr(address, '#');
	bool upstream = strcmp(path, "upstreams") == 0;
	script_open(&s);
	if (upstream && hash != NULL)
		*hash = '\0';
	fputs(upstream ? "{ addresses = [ " : "{ address = ", s.out);
	value_quote(address, s.out);
	if (upstream)
		fputs(" ]", s.out);
	if (upstream && hash != NULL) {
		fputs("; auth_name = ", s.out);
		value_quote(hash + 1, s.out);
	}
	fputs("; }", s.out);
	free(address);
	return script_close(&s);
}

/* Adds what the override says to the elements of the list so far. */
static bool
list_add(struct draft *draft, struct lex *lex, const struct config_override *o, bool first)
{
	struct place place = complain_place(&draft->complaints, o->origin, 0);
	const char *value = o->value + strspn(o->value, " \t");
	bool whole = *value == '(' || *value == '{';
	char *text = whole ? must_copy(value) : element_of(o->path, value);
	bool well = is_one_value(&draft->complaints, &place, text);
	size_t elements = lex->count;
	if (well) {
		char *open = text, *close = strrchr(text, ')');
		if (*value == '(' && close != NULL) {
			open++;
			*close = '\0';
		}
		if (!first)
			lex_text(lex, &place, ",");
		elements = lex->count;
		lex_text(lex, &place, open);
		lex->count -= !first && lex->count == elements; /* ( ) adds none, and no comma */
	}
	free(text);
	return well;
}

static void
apply_list(struct draft *draft, const struct config_override *overrides, size_t count, const char *path)
{
	struct lex lex = {.complaints = &draft->complaints};
	char head[KEY_MAX_NAME];
	bool well = true;
	size_t head_tokens = 0;
	struct place place = {0};
	snprintf(head, sizeof head, "%s = (", path);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(overrides[i].path, path) != 0)
			continue;
		if (lex.count == 0) {
			place = complain_place(&draft->complaints, overrides[i].origin, 0);
			lex_text(&lex, &place, head);
			head_tokens = lex.count;
		}
		well &= list_add(draft, &lex, &overrides[i], lex.count == head_tokens);
	}
	if (well && lex.count > 0) {
		lex_text(&lex, &place, ")");
		if (syntax_check(&lex))
			read_tokens(draft, &lex);
	}
	lex_free(&lex);
}

void
override_apply(struct draft *draft, const struct config_override *overrides, size_t count)
{
	apply_list(draft, overrides, count, "listen");
	apply_list(draft, overrides, count, "upstreams");
	for (size_t i = 0; i < count; i++)
		if (strcmp(overrides[i].path, "listen") != 0 && strcmp(overrides[i].path, "upstreams") != 0)
			apply_one(draft, &overrides[i]);
}

static const struct variable *
variable_find(const char *entry)
{
	size_t bytes = strcspn(entry, "=");
	for (size_t i = 0; i < VARIABLES; i++)
		if (strlen(variables[i].name) == bytes && memcmp(variables[i].name, entry, bytes) == 0)
			return &variables[i];
	return NULL;
}

/* What a service called "dotward" makes Kubernetes put into the environment of every pod. */
static bool
is_of_kubernetes(const char *entry)
{
	return strncmp(entry, "DOTWARD_SERVICE_", 16) == 0 || strncmp(entry, "DOTWARD_PORT=", 13) == 0 ||
	       strncmp(entry, "DOTWARD_PORT_", 13) == 0;
}

static void
remark_unknown(struct draft *draft, const char *entry)
{
	char name[64];
	const char *meant = NULL;
	if (strncmp(entry, variable_prefix, sizeof variable_prefix - 1) != 0 || is_of_kubernetes(entry))
		return;
	complain_show(name, sizeof name, entry, strcspn(entry, "="));
	for (size_t i = 0; i < VARIABLES; i++)
		if (complain_is_near(name, variables[i].name))
			meant = variables[i].name;
	struct place place = complain_place(&draft->complaints, NULL, 0);
	complain_remark(&draft->complaints, &place, name,
	        meant ? "no such variable; did you mean %s?" : "no such variable", meant);
}

static void
apply_list_variable(struct draft *draft, const struct variable *v, const char *value)
{
	char *copy = must_copy(value), *rest = copy;
	size_t room = strlen(value) / 2 + 1, count = 0;
	struct config_override *overrides = must_alloc(room, sizeof *overrides);
	for (char *word = strtok_r(copy, separators, &rest); word != NULL;
	        word = strtok_r(NULL, separators, &rest)) {
		must(count < room);
		overrides[count++] = (struct config_override){v->name, v->path, word};
	}
	override_apply(draft, overrides, count);
	free(overrides);
	free(copy);
}

void
override_from_environment(struct draft *draft, char *const *environment)
{
	for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
		const struct variable *v = variable_find(environment[i]);
		const char *value = strchr(environment[i], '=');
		if (v == NULL || value == NULL) {
			remark_unknown(draft, environment[i]);
			continue;
		}
		struct config_override one = {v->name, v->path, value + 1};
		if (v->list)
			apply_list_variable(draft, v, value + 1);
		else if (value[1] != '\0') /* set to nothing is how a container says unset */
			override_apply(draft, &one, 1);
	}
}
