/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/handed.h"

#include "base/mem.h"

void handed_note(struct list *list, const struct handed *what)
{
	struct handed *handed = mem_alloc(sizeof(*handed));

	*handed = *what;
	list_init(&handed->link);
	list_add(list, &handed->link);
}

/* The same as handed_find, to be changed. */
static struct handed *find(const struct list *list, const struct delivery *delivery)
{
	struct handed *handed = NULL;

	list_each(it, list, spare) {
		handed = CONTAINER_OF(it, struct handed, link);
		if (handed->delivery == delivery)
			break;
	}
	must(handed != NULL && handed->delivery == delivery);
	return handed;
}

const struct handed *handed_find(const struct list *list, const struct delivery *delivery)
{
	return find(list, delivery);
}

void handed_end(struct list *list, const struct delivery *delivery)
{
	struct handed *handed = find(list, delivery);

	(void)list;
	list_remove(&handed->link);
	mem_free(handed);
}

void handed_release(struct list *list)
{
	list_each(it, list, spare) {
		mem_free(CONTAINER_OF(it, struct handed, link));
	}
}
