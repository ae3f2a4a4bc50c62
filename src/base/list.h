/*
 * A doubly linked list whose links lie in its members.
 *
 * <sys/queue.h> is not on musl, and a list head that is its own sentinel needs neither special cases nor
 * macros that declare types. A member that is in no list points at itself, so taking it out twice is
 * harmless.
 */
#ifndef DOTWARD_BASE_LIST_H
#define DOTWARD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_append(struct list *head, struct list *member)
{
	member->prev = head->prev;
	member->next = head;
	head->prev->next = member;
	head->prev = member;
}

static inline void
list_remove(struct list *member)
{
	member->prev->next = member->next;
	member->next->prev = member->prev;
	list_init(member);
}

/* Puts a member first. */
static inline void
list_push(struct list *head, struct list *member)
{
	list_append(head->next, member);
}

/* Moves all members of `from` behind those of `to`; `from` is empty afterwards. */
static inline void
list_take_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_each(at, head)            for (struct list *at = (head)->next; at != (head); at = at->next)
/* The member at hand may be removed while walking. */
#define list_each_safe(at, after, head)                                                                      \
	for (struct list *at = (head)->next, *after = at->next; at != (head); at = after, after = at->next)

#endif
