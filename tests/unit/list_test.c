/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include "tests/check.h"

struct thing {
	int n;
	struct list link;
};

/* Checks that the list holds the things whose numbers `want` spells, both ways. */
static void check_list(struct list *head, const char *want)
{
	char there[20] = "", back[20] = "";
	size_t n = 0, m = 0;

	for (struct list *l = head->next; l != head && n < 19; l = l->next)
		there[n++] = (char)('0' + CONTAINER_OF(l, struct thing, link)->n);
	for (struct list *l = head->prev; l != head && m < 19; l = l->prev)
		back[m++] = (char)('0' + CONTAINER_OF(l, struct thing, link)->n);
	CHECK_STR(str_make(there, n), want);
	CHECK_INT(m, n);
	for (size_t i = 0; i < n; i++)
		CHECK(back[n - 1 - i] == there[i]);
}

static void list_adds_and_removes(void)
{
	struct thing things[5];
	struct list head;

	list_init(&head);
	CHECK(list_empty(&head));
	for (int i = 0; i < 5; i++) {
		things[i].n = i;
		list_init(&things[i].link);
		CHECK(list_empty(&things[i].link));
		list_add(&head, &things[i].link);
	}
	check_list(&head, "01234");
	CHECK_INT(list_first(&head, struct thing, link)->n, 0);
	list_remove(&things[2].link);
	CHECK(list_empty(&things[2].link));
	list_remove(&things[2].link);
	check_list(&head, "0134");
	list_add(&things[1].link, &things[2].link);
	check_list(&head, "02134");
	list_remove(&things[0].link);
	list_add(head.next, &things[0].link);
	check_list(&head, "02134");
	list_remove(&things[4].link);
	check_list(&head, "0213");
}

static void list_walk_may_remove(void)
{
	struct thing things[5];
	struct list head;
	int seen = 0;

	list_init(&head);
	list_each(none, &head, spare)
		seen++;
	CHECK_INT(seen, 0);
	for (int i = 0; i < 5; i++) {
		things[i].n = i;
		list_init(&things[i].link);
		list_add(&head, &things[i].link);
	}
	list_each(it, &head, spare) {
		seen++;
		if (CONTAINER_OF(it, struct thing, link)->n % 2 == 0)
			list_remove(it);
	}
	CHECK_INT(seen, 5);
	check_list(&head, "13");
	list_each(it, &head, spare)
		list_remove(it);
	CHECK(list_empty(&head));
}

int main(void)
{
	CHECK_RUN(list_adds_and_removes);
	CHECK_RUN(list_walk_may_remove);
	return check_end();
}
