/*
 * The only place that goes from a row of the table to bytes in a struct.
 */
#include "config/value.h"

#include "base/addr.h"
#include "base/must.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *
field_of(const struct key *key, void *object)
{
	return key->offset == KEY_NO_FIELD ? NULL : (char *)object + key->offset;
}

static const void *
const_field_of(const struct key *key, const void *object)
{
	return key->offset == KEY_NO_FIELD ? NULL : (const char *)object + key->offset;
}

static size_t *
count_of(const struct key *key, void *object)
{
	return (size_t *)(void *)((char *)object + key->count_offset);
}

/* Fields that point are pointers of several types; bytes are what they have in common. */
static void *
load_pointer(const void *field)
{
	void *pointer;
	memcpy(&pointer, field, sizeof pointer);
	return pointer;
}

static void
store_pointer(void *field, void *pointer)
{
	memcpy(field, &pointer, sizeof pointer);
}

static void
store_number(const struct key *key, void *field, unsigned number)
{
	uint16_t narrow = (uint16_t)number;
	if (key->type == KEY_PORT) {
		addr_set_port(field, narrow);
	} else if (key->bytes == sizeof number) {
		memcpy(field, &number, sizeof number);
	} else {
		must(key->bytes == sizeof narrow);
		memcpy(field, &narrow, sizeof narrow);
	}
}

static unsigned
load_number(const struct key *key, const void *field)
{
	unsigned number;
	uint16_t narrow;
	if (key->type == KEY_PORT)
		return addr_port(field);
	if (key->bytes == sizeof number) {
		memcpy(&number, field, sizeof number);
		return number;
	}
	memcpy(&narrow, field, sizeof narrow);
	return narrow;
}

bool
value_set_number(const struct key *key, void *object, long long number, struct why *why)
{
	void *field = field_of(key, object);
	bool zero = number == 0 && key->or_zero;
	if (number > key->max)
		return why_not(why, "at most %ld", key->max);
	if (number < key->min && !zero)
		return why_not(why, key->or_zero ? "at least %ld, or 0" : "at least %ld", key->min);
	if (field != NULL)
		store_number(key, field, (unsigned)number);
	return true;
}

void
value_set_bool(const struct key *key, void *object, bool on)
{
	bool *field = field_of(key, object);
	if (field != NULL)
		*field = on;
}

/* The index of the word, or -1 and why not. */
static int
word_index(const struct key *key, const char *text, struct why *why)
{
	char words[160];
	for (int i = 0; key->words[i] != NULL; i++)
		if (strcmp(key->words[i], text) == 0)
			return i;
	why_not(why, "write %s%s", key->words[1] != NULL ? "one of " : "",
	        keys_bounds(key, words, sizeof words));
	return -1;
}

static bool
set_word(const struct key *key, void *field, const char *text, struct why *why)
{
	int index = word_index(key, text, why);
	if (index < 0 || field == NULL)
		return index >= 0;
	unsigned number = (unsigned)index;
	bool flag = index != 0;
	if (key->bytes == sizeof flag)
		memcpy(field, &flag, sizeof flag);
	else
		memcpy(field, &number, sizeof number);
	return true;
}

bool
value_set_text(const struct key *key, void *object, const char *text, struct why *why)
{
	void *field = field_of(key, object);
	if (key->type == KEY_WORD)
		return set_word(key, field, text, why);
	if (key->type == KEY_ITEM)
		return key->item->take(field, object, text, why);
	must(key->type == KEY_TEXT);
	if (key->check != NULL && !key->check(text, why))
		return false;
	if (field != NULL) {
		free(load_pointer(field));
		store_pointer(field, must_copy(text));
	}
	return true;
}

void
value_clear(const struct key *key, void *object, size_t room)
{
	void *field = field_of(key, object);
	if (field == NULL)
		return;
	if (key->type == KEY_FLAGS) {
		for (size_t i = 0; key->words[i] != NULL; i++)
			((bool *)field)[i] = false;
		return;
	}
	free(load_pointer(field));
	store_pointer(field, must_alloc(room, key->item->bytes));
	*count_of(key, object) = 0;
}

bool
value_add(const struct key *key, void *object, const char *text, struct why *why)
{
	union {
		struct addr address;
		struct addr_net net;
		uint8_t bytes[64];
	} unkept;
	void *field = field_of(key, object);
	if (key->type == KEY_FLAGS) {
		int index = word_index(key, text, why);
		if (index >= 0)
			((bool *)field)[index] = true;
		return index >= 0;
	}
	if (field == NULL)
		return key->item->take(&unkept, object, text, why);
	size_t *count = count_of(key, object);
	if (!key->item->take((char *)load_pointer(field) + *count * key->item->bytes, object, text, why))
		return false;
	++*count;
	return true;
}

size_t
value_count(const struct key *key, const void *object)
{
	const bool *flags = const_field_of(key, object);
	size_t count = 0;
	if (flags == NULL)
		return 0;
	if (key->type != KEY_FLAGS)
		return *(const size_t *)(const void *)((const char *)object + key->count_offset);
	for (size_t i = 0; key->words[i] != NULL; i++)
		count += flags[i];
	return count;
}

/* How many elements a default has. */
static size_t
element_count(const char *elements)
{
	size_t count = *elements != '\0';
	for (; *elements != '\0'; elements++)
		count += *elements == ' ';
	return count;
}

static bool
set_default_elements(const struct key *key, void *object, struct why *why)
{
	char element[ITEM_TEXT_BYTES];
	const char *at = key->fallback;
	value_clear(key, object, element_count(at));
	while (*at != '\0') {
		size_t length = strcspn(at, " ");
		snprintf(element, sizeof element, "%.*s", (int)length, at);
		if (!value_add(key, object, element, why))
			return false;
		at += length;
		at += strspn(at, " ");
	}
	return true;
}

static void
set_default(const struct key *key, void *object)
{
	struct why why;
	bool well = true;
	if (key->fallback == NULL || key->offset == KEY_NO_FIELD)
		return;
	if (key->type == KEY_NUMBER || key->type == KEY_PORT)
		well = value_set_number(key, object, strtoll(key->fallback, NULL, 10), &why);
	else if (key->type == KEY_BOOL)
		value_set_bool(key, object, strcmp(key->fallback, "true") == 0);
	else if (key->type == KEY_ITEMS || key->type == KEY_FLAGS)
		well = set_default_elements(key, object, &why);
	else
		well = value_set_text(key, object, key->fallback, &why);
	must(well);
}

void
value_set_defaults(const char *parent, void *object)
{
	for (size_t i = 0; i < keys_count; i++) {
		if (!keys_is_member(&keys[i], parent))
			continue;
		if (keys[i].type == KEY_GROUP)
			value_set_defaults(keys[i].path, object);
		else
			set_default(&keys[i], object);
	}
}

static void
list_free(const struct key *key, void *object)
{
	char parent[KEY_MAX_NAME];
	char *elements = load_pointer(field_of(key, object));
	snprintf(parent, sizeof parent, "%s[]", key->path);
	for (size_t i = 0; i < value_count(key, object); i++)
		value_free(parent, elements + i * key->bytes);
	free(elements);
}

void
value_free(const char *parent, void *object)
{
	for (size_t i = 0; i < keys_count; i++) {
		const struct key *key = &keys[i];
		if (!keys_is_member(key, parent))
			continue;
		if (key->type == KEY_GROUP)
			value_free(key->path, object);
		else if (key->offset == KEY_NO_FIELD)
			continue;
		else if (key->type == KEY_LIST)
			list_free(key, object);
		else if (key->type == KEY_TEXT || key->type == KEY_ITEMS)
			free(load_pointer(field_of(key, object)));
	}
}

static void *
copy_bytes(const void *bytes, size_t count, size_t each)
{
	void *copy = must_alloc(count, each);
	if (count > 0)
		memcpy(copy, bytes, count * each);
	return copy;
}

/* A text that was never set is none in the copy either. */
static char *
copy_text(const char *text)
{
	return text != NULL ? must_copy(text) : NULL;
}

static void
list_part(const struct key *key, void *object)
{
	char parent[KEY_MAX_NAME];
	void *field = field_of(key, object);
	size_t count = value_count(key, object);
	char *elements = copy_bytes(load_pointer(field), count, key->bytes);
	store_pointer(field, elements);
	snprintf(parent, sizeof parent, "%s[]", key->path);
	for (size_t i = 0; i < count; i++)
		value_part(parent, elements + i * key->bytes);
}

void
value_part(const char *parent, void *object)
{
	for (size_t i = 0; i < keys_count; i++) {
		const struct key *key = &keys[i];
		void *field = field_of(key, object);
		if (!keys_is_member(key, parent))
			continue;
		if (key->type == KEY_GROUP)
			value_part(key->path, object);
		else if (field == NULL)
			continue;
		else if (key->type == KEY_LIST)
			list_part(key, object);
		else if (key->type == KEY_TEXT)
			store_pointer(field, copy_text(load_pointer(field)));
		else if (key->type == KEY_ITEMS)
			store_pointer(field,
			        copy_bytes(load_pointer(field), value_count(key, object), key->item->bytes));
	}
}

void
value_quote(const char *text, FILE *out)
{
	fputc('"', out);
	for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (iscntrl(*at))
			fprintf(out, "\\x%02x", *at);
		else
			fputc(*at, out);
	}
	fputc('"', out);
}

static void
write_items(const struct key *key, const void *object, FILE *out)
{
	char text[ITEM_TEXT_BYTES];
	const char *items = load_pointer(const_field_of(key, object));
	size_t count = value_count(key, object);
	fputs("[", out);
	for (size_t i = 0; i < count; i++) {
		key->item->show(items + i * key->item->bytes, object, text);
		fputs(i ? ", " : " ", out);
		value_quote(text, out);
	}
	fputs(" ]", out);
}

static void
write_flags(const struct key *key, const void *object, FILE *out)
{
	const bool *flags = const_field_of(key, object);
	bool any = false;
	fputs("[", out);
	for (size_t i = 0; key->words[i] != NULL; i++) {
		if (!flags[i])
			continue;
		fprintf(out, "%s\"%s\"", any ? ", " : " ", key->words[i]);
		any = true;
	}
	fputs(" ]", out);
}

static const char *
word_of(const struct key *key, const void *field)
{
	unsigned index;
	if (key->bytes == sizeof(bool))
		return key->words[*(const bool *)field];
	memcpy(&index, field, sizeof index);
	return key->words[index];
}

static void
write_text(const struct key *key, const void *object, FILE *out)
{
	char text[ITEM_TEXT_BYTES];
	const void *field = const_field_of(key, object);
	if (key->type == KEY_WORD) {
		value_quote(word_of(key, field), out);
	} else if (key->type == KEY_ITEM) {
		key->item->show(field, object, text);
		value_quote(text, out);
	} else {
		value_quote(load_pointer(field), out);
	}
}

void
value_write(const struct key *key, const void *object, FILE *out)
{
	char text[256];
	const void *field = const_field_of(key, object);
	if (field == NULL)
		fputs(keys_default(key, text, sizeof text), out);
	else if (key->type == KEY_NUMBER || key->type == KEY_PORT)
		fprintf(out, "%u", load_number(key, field));
	else if (key->type == KEY_BOOL)
		fputs(*(const bool *)field ? "true" : "false", out);
	else if (key->type == KEY_ITEMS)
		write_items(key, object, out);
	else if (key->type == KEY_FLAGS)
		write_flags(key, object, out);
	else
		write_text(key, object, out);
}
