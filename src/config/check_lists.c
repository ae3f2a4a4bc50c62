/*
 * The checks of block and allow lists against each other. That a file can be read was seen to when it was
 * named; what is in it is for the loader.
 */
#include "config/check_lists.h"

#include "config/items.h"
#include "config/list.h"

#include <stdio.h>
#include <string.h>

enum { SUBJECT_BYTES = 48, SHOWN_BYTES = 80 };

static const struct place *
place_of(const struct draft *draft, size_t index)
{
	size_t blocks = draft->config->lists.block_count;
	return index < blocks ? &draft->block_list_places[index] : &draft->allow_list_places[index - blocks];
}

static const char *
subject_of(const struct draft *draft, size_t index, const char *key, char out[SUBJECT_BYTES])
{
	size_t blocks = draft->config->lists.block_count;
	bool blocks_names = index < blocks;
	snprintf(out, SUBJECT_BYTES, "policy.%s_lists.[%zu]%s", blocks_names ? "block" : "allow",
	        blocks_names ? index : index - blocks, key);
	return out;
}

static bool
is_named(const struct config_list *list)
{
	return list->name != NULL && *list->name != '\0';
}

/* One that was named for its file did not go through the check of names. */
static void
check_letters(struct draft *draft, size_t index)
{
	char subject[SUBJECT_BYTES], shown[SHOWN_BYTES];
	const struct config_list *list = config_lists_at(draft->config, index);
	struct why why;
	if (is_named(list) && !item_check_name(list->name, &why))
		complain(&draft->complaints, place_of(draft, index),
		        subject_of(draft, index, ".file", subject),
		        "\"%s\" is no name for a list (%s); give it one, name = \"...\"",
		        complain_show(shown, sizeof shown, list->name, strlen(list->name)), why.text);
}

static void
check_twins(struct draft *draft, size_t second)
{
	char subject[SUBJECT_BYTES], shown[SHOWN_BYTES];
	const struct config_list *list = config_lists_at(draft->config, second);
	for (size_t first = 0; first < second && is_named(list); first++) {
		const struct config_list *other = config_lists_at(draft->config, first);
		if (!is_named(other) || strcmp(list->name, other->name) != 0)
			continue;
		complain_show(shown, sizeof shown, list->name, strlen(list->name));
		unsigned line = place_of(draft, first)->line;
		complain(&draft->complaints, place_of(draft, second), subject_of(draft, second, "", subject),
		        line ? "\"%s\" is the name of the list in line %u, too; give each a name of its own, "
		               "name = "
		               "\"...\""
		             : "\"%s\" is the name of another list, too; give each a name of its own, name = "
		               "\"...\"",
		        shown, line);
		return;
	}
}

static void
check_file(struct draft *draft, size_t index)
{
	char subject[SUBJECT_BYTES];
	const struct config_list *list = config_lists_at(draft->config, index);
	if (list->file != NULL && *list->file == '\0' && draft->complaints.errors == 0)
		complain(&draft->complaints, place_of(draft, index),
		        subject_of(draft, index, ".file", subject),
		        "empty; name a file, or leave the list out");
}

void
check_lists(struct draft *draft)
{
	size_t count = config_lists_count(draft->config);
	char subject[SUBJECT_BYTES];
	if (count > CONFIG_LISTS_MOST) {
		complain(&draft->complaints, place_of(draft, CONFIG_LISTS_MOST),
		        subject_of(draft, CONFIG_LISTS_MOST, "", subject),
		        "at most %d lists, block_lists and allow_lists together; put the files of several "
		        "into "
		        "one folder",
		        CONFIG_LISTS_MOST);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		check_letters(draft, i);
		check_twins(draft, i);
		check_file(draft, i);
	}
}
