/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/policy.h"

#include "base/json.h"

enum { COLUMNS = 100 };

void policy_init(struct policy *policy)
{
	arena_init(&policy->arena);
	policy->n = 0;
}

void policy_release(struct policy *policy)
{
	for (size_t i = 0; i < policy->n; i++)
		map_release(&policy->actions[i].resources);
	arena_release(&policy->arena);
	policy->n = 0;
}

/* The place of an action, which is made with this. */
static struct policy_action *action_called(struct policy *policy, const char *name)
{
	struct policy_action *action = policy->actions;

	for (size_t i = 0; i < policy->n; i++, action++) {
		if (str_eq(str_of(action->name), str_of(name)))
			return action;
	}
	must(policy->n < POLICY_ACTIONS_MAX);
	policy->n++;
	action->name = name;
	map_init(&action->resources);
	return action;
}

void policy_allow(struct policy *policy, const char *action, struct str resource)
{
	struct map *resources = &action_called(policy, action)->resources;
	char *copy;

	if (map_get(resources, resource) != NULL)
		return;
	copy = arena_alloc(&policy->arena, resource.n + 1);
	mem_copy(copy, resource.p, resource.n);
	map_put(resources, str_make(copy, resource.n), copy);
}

/* Whether two actions are allowed on the same resources, told in the same order. */
static bool same_resources(const struct policy_action *a, const struct policy_action *b)
{
	size_t at_a = 0, at_b = 0;

	if (map_n(&a->resources) != map_n(&b->resources))
		return false;
	for (size_t i = 0; i < map_n(&a->resources); i++) {
		if (!str_eq(str_of(map_next(&a->resources, &at_a)),
			    str_of(map_next(&b->resources, &at_b))))
			return false;
	}
	return true;
}

/* A list of a statement that is being written: one item stands for itself, several are in brackets. */
struct list_writer {
	struct buf *out;
	size_t n, i;
	size_t indent, column;
};

/* Begins a list of `n` items. */
static struct list_writer begin_list(struct buf *out, const char *name, size_t n)
{
	struct list_writer list = {.out = out, .n = n};
	size_t start = out->n;

	buf_fmt(out, "   \"%s\": %s", name, n == 1 ? "" : "[");
	list.indent = list.column = out->n - start;
	return list;
}

/* Appends one item, on a new line where this one would be too long, and what ends the list after the last. */
static void put_item(struct list_writer *list, const char *text)
{
	size_t n = str_of(text).n + 4;

	if (list->i > 0 && list->column + n > COLUMNS) {
		buf_fmt(list->out, "\n%*s", (int)list->indent, "");
		list->column = list->indent;
	} else if (list->i > 0) {
		buf_c(list->out, ' ');
	}
	json_put(list->out, str_of(text));
	list->column += n;
	if (++list->i < list->n)
		buf_c(list->out, ',');
	else if (list->n > 1)
		buf_c(list->out, ']');
}

/* Appends the statement of an action and all later ones that are allowed on the same. */
static void put_statement(const struct policy *policy, size_t first, struct buf *out)
{
	const struct policy_action *action = &policy->actions[first];
	struct list_writer list;
	const char *resource;
	size_t n = 0, at = 0;

	for (size_t i = first; i < policy->n; i++)
		n += same_resources(action, &policy->actions[i]);
	buf_str(out, STR("  {\"Effect\": \"Allow\",\n"));
	list = begin_list(out, "Action", n);
	for (size_t i = first; i < policy->n; i++) {
		if (same_resources(action, &policy->actions[i]))
			put_item(&list, policy->actions[i].name);
	}
	buf_str(out, STR(",\n"));
	list = begin_list(out, "Resource", map_n(&action->resources));
	while ((resource = map_next(&action->resources, &at)) != NULL)
		put_item(&list, resource);
	buf_c(out, '}');
}

/* Whether an action has been told in the statement of an earlier one. */
static bool is_told(const struct policy *policy, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (same_resources(&policy->actions[k], &policy->actions[i]))
			return true;
	}
	return false;
}

void policy_write(const struct policy *policy, struct buf *out)
{
	bool first = true;

	buf_str(out, STR("{\"Version\": \"2012-10-17\", \"Statement\": ["));
	for (size_t i = 0; i < policy->n; i++) {
		if (is_told(policy, i))
			continue;
		buf_str(out, first ? STR("\n") : STR(",\n"));
		put_statement(policy, i, out);
		first = false;
	}
	buf_str(out, STR("\n]}\n"));
}
