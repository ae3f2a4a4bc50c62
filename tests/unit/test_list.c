/*
 * The list whose links lie in its members.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/list.h"

#include <string.h>

struct letter {
	char letter;
	struct list link;
};

static struct letter letters[8];
static struct list head, other;

static int
start(void **state)
{
	(void)state;
	list_init(&head);
	list_init(&other);
	for (int i = 0; i < 8; i++) {
		letters[i].letter = (char)('a' + i);
		list_init(&letters[i].link);
	}
	return 0;
}

static void
assert_spells(const struct list *l, const char *word)
{
	char forth[16] = "", back[16] = "";
	size_t count = 0;
	for (struct list *at = l->next; at != l; at = at->next)
		forth[count++] = list_entry(at, struct letter, link)->letter;
	size_t left = count;
	for (struct list *at = l->prev; at != l; at = at->prev)
		back[--left] = list_entry(at, struct letter, link)->letter;
	assert_string_equal(forth, word);
	assert_string_equal(back, word);
	assert_int_equal(list_empty(l), word[0] == '\0');
}

static void
append_and_push(void **state)
{
	(void)state;
	assert_spells(&head, "");
	list_append(&head, &letters[1].link);
	list_append(&head, &letters[2].link);
	list_push(&head, &letters[0].link);
	assert_spells(&head, "abc");
	assert_int_equal(list_first(&head, struct letter, link)->letter, 'a');
}

static void
remove_anywhere_and_twice(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		list_append(&head, &letters[i].link);
	list_remove(&letters[1].link);
	assert_spells(&head, "acd");
	list_remove(&letters[1].link);
	assert_spells(&head, "acd");
	list_remove(&letters[0].link);
	list_remove(&letters[3].link);
	assert_spells(&head, "c");
	list_remove(&letters[2].link);
	assert_spells(&head, "");
	list_append(&head, &letters[2].link);
	assert_spells(&head, "c");
}

static void
take_all(void **state)
{
	(void)state;
	list_take_all(&other, &head);
	assert_spells(&other, "");
	for (int i = 0; i < 3; i++)
		list_append(&head, &letters[i].link);
	list_take_all(&other, &head);
	assert_spells(&other, "abc");
	assert_spells(&head, "");
	list_append(&head, &letters[3].link);
	list_append(&head, &letters[4].link);
	list_take_all(&other, &head);
	assert_spells(&other, "abcde");
	list_take_all(&other, &head);
	assert_spells(&other, "abcde");
}

static void
walking_while_removing(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		list_append(&head, &letters[i].link);
	list_each_safe (at, after, &head) {
		if (list_entry(at, struct letter, link)->letter % 2)
			list_remove(at);
	}
	assert_spells(&head, "bdfh");
	char seen[16] = "";
	list_each (at, &head)
		strncat(seen, &list_entry(at, struct letter, link)->letter, 1);
	assert_string_equal(seen, "bdfh");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(append_and_push, start),
	        cmocka_unit_test_setup(remove_anywhere_and_twice, start),
	        cmocka_unit_test_setup(take_all, start),
	        cmocka_unit_test_setup(walking_while_removing, start),
	};
	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
