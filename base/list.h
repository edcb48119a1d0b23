/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A doubly linked list whose links are embedded in its members. The head is a link of its own; a
 * link that is in no list points to itself. Membership of a list is often an object's state.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/mem.h"

struct list {
	struct list *next, *prev;
};

/* Makes a head, or a link that is in no list. */
static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

/* Whether a head has no members, or a link is in no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Takes a link out of its list, if it is in one. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* Puts `link`, which is in no list, before `at`; with a head for `at`, at the end. */
static inline void list_add(struct list *at, struct list *link)
{
	must(list_empty(link));
	link->next = at;
	link->prev = at->prev;
	at->prev->next = link;
	at->prev = link;
}

/* The first member's struct; the list is not empty. */
#define list_first(head, type, member) CONTAINER_OF((head)->next, type, member)

/* Visits the members; the body may remove the current one, but no other. */
#define list_each(it, head, spare)                                            \
	for (struct list *it = (head)->next, *spare = it->next; it != (head); \
	     it = spare, spare = it->next)

#endif
