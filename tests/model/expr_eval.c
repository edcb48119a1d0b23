/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/model/decimal.h"
#include "tests/model/expr.h"

const struct value *expr_at(const struct expr_path *path, const struct value *item)
{
	const struct value *value = item;

	for (size_t i = 0; i < path->n && value != NULL; i++) {
		const struct expr_step *step = &path->steps[i];

		if (step->is_index)
			value = value->kind == VALUE_L && step->index < value->n
					? &value->items[step->index]
					: NULL;
		else
			value = value->kind == VALUE_M ? map_member(value, step->name) : NULL;
	}
	return value;
}

/* The number that size() gives for a value, or NULL when it has no size. */
static const struct value *size_of(struct arena *arena, const struct value *value)
{
	struct value *number;
	char text[24];
	size_t n;

	if (value == NULL || value->kind == VALUE_N || value->kind == VALUE_BOOL ||
	    value->kind == VALUE_NULL)
		return NULL;
	n = value->kind == VALUE_S || value->kind == VALUE_B ? value_size(value) : value->n;
	number = arena_alloc(arena, sizeof(*number));
	number->kind = VALUE_N;
	snprintf(text, sizeof(text), "%zu", n);
	number->text = arena_str(arena, str_of(text));
	return number;
}

/* The value of a condition's operand, or NULL when it does not exist. */
static const struct value *operand(struct arena *arena, const struct expr *expr,
				   const struct value *item)
{
	if (expr->kind == EXPR_VALUE)
		return expr->value;
	if (expr->kind == EXPR_SIZE)
		return size_of(arena, operand(arena, expr->args[0], item));
	return expr->kind == EXPR_PATH ? expr_at(&expr->path, item) : NULL;
}

/* Whether two operands are equal; what does not exist equals nothing. */
static bool equal(const struct value *a, const struct value *b)
{
	return a != NULL && b != NULL && value_equal(a, b);
}

/* Whether a <= b (or a < b); false when they cannot be ordered. */
static bool in_order(struct arena *arena, const struct value *a, const struct value *b, bool strict)
{
	int order;

	if (a == NULL || b == NULL || a->kind != b->kind || a->kind > VALUE_B)
		return false;
	order = value_cmp(arena, a, b);
	return strict ? order < 0 : order <= 0;
}

/* Whether the bytes of `a` begin with those of `b`, or, with `anywhere`, contain them. */
static bool has_part(struct arena *arena, const struct value *a, const struct value *b,
		     bool anywhere)
{
	struct str whole, part;

	if (a == NULL || b == NULL || a->kind != b->kind ||
	    (a->kind != VALUE_S && a->kind != VALUE_B))
		return false;
	whole = a->kind == VALUE_B ? value_bytes(arena, a) : a->text;
	part = b->kind == VALUE_B ? value_bytes(arena, b) : b->text;
	if (!anywhere || part.n == 0)
		return str_starts(whole, part);
	return memmem(whole.p, whole.n, part.p, part.n) != NULL;
}

/* Whether `a` contains `b`: a part of a string, an element of a set, an item of a list. */
static bool contains(struct arena *arena, const struct value *a, const struct value *b)
{
	if (a == NULL || b == NULL)
		return false;
	if (value_is_set(a))
		return b->kind == value_element_kind(a->kind) && value_set_find(a, b) < a->n;
	if (a->kind != VALUE_L)
		return has_part(arena, a, b, true);
	for (size_t i = 0; i < a->n; i++) {
		if (value_equal(&a->items[i], b))
			return true;
	}
	return false;
}

/* Whether the first operand equals one of the others. */
static bool is_in(struct arena *arena, const struct expr *expr, const struct value *item)
{
	const struct value *value = operand(arena, expr->args[0], item);

	for (size_t i = 1; i < expr->n; i++) {
		if (equal(value, operand(arena, expr->args[i], item)))
			return true;
	}
	return false;
}

/* Whether the first operand is of the type that the second one names. */
static bool is_of_type(struct arena *arena, const struct expr *expr, const struct value *item)
{
	const struct value *value = operand(arena, expr->args[0], item);
	const struct value *name = operand(arena, expr->args[1], item);

	return value != NULL && name != NULL &&
	       str_eq(name->text, str_of(value_kind_name(value->kind)));
}

bool expr_holds(struct arena *arena, const struct expr *condition, const struct value *item)
{
	struct expr *const *args = condition->args;
	const struct value *v[3] = {NULL, NULL, NULL};

	if (condition->kind > EXPR_NOT) {
		for (size_t i = 0; i < condition->n && i < 3; i++)
			v[i] = operand(arena, args[i], item);
	}
	switch (condition->kind) {
	case EXPR_OR:
		return expr_holds(arena, args[0], item) || expr_holds(arena, args[1], item);
	case EXPR_AND:
		return expr_holds(arena, args[0], item) && expr_holds(arena, args[1], item);
	case EXPR_NOT:
		return !expr_holds(arena, args[0], item);
	case EXPR_EQ:
		return equal(v[0], v[1]);
	case EXPR_NE:
		return !equal(v[0], v[1]);
	case EXPR_LT:
		return in_order(arena, v[0], v[1], true);
	case EXPR_LE:
		return in_order(arena, v[0], v[1], false);
	case EXPR_GT:
		return in_order(arena, v[1], v[0], true);
	case EXPR_GE:
		return in_order(arena, v[1], v[0], false);
	case EXPR_BETWEEN:
		return in_order(arena, v[1], v[0], false) && in_order(arena, v[0], v[2], false);
	case EXPR_IN:
		return is_in(arena, condition, item);
	case EXPR_EXISTS:
		return v[0] != NULL;
	case EXPR_NOT_EXISTS:
		return v[0] == NULL;
	case EXPR_TYPE:
		return is_of_type(arena, condition, item);
	case EXPR_BEGINS_WITH:
		return has_part(arena, v[0], v[1], false);
	case EXPR_CONTAINS:
		return contains(arena, v[0], v[1]);
	case EXPR_SIZE:
	case EXPR_PATH:
	case EXPR_VALUE:
	case EXPR_PLUS:
	case EXPR_MINUS:
	case EXPR_IF_NOT_EXISTS:
	case EXPR_LIST_APPEND:
		break;
	}
	must(!"an operand is no condition");
	return false;
}

/* A tree of the paths of a projection: what hangs below each step. */
struct branch {
	struct expr_step step;
	bool whole; /* a path ends here */
	struct branch *below, *next;
};

/* Orders steps as they come in the result. */
static int step_cmp(const struct expr_step *a, const struct expr_step *b)
{
	if (a->is_index != b->is_index)
		return a->is_index ? 1 : -1;
	if (a->is_index)
		return (a->index > b->index) - (a->index < b->index);
	return str_cmp(a->name, b->name);
}

/* The branch of `step` below `*below`, added when it is not there. */
static struct branch *branch_of(struct arena *arena, struct branch **below,
				const struct expr_step *step)
{
	struct branch *branch;

	while (*below != NULL && step_cmp(&(*below)->step, step) < 0)
		below = &(*below)->next;
	if (*below != NULL && step_cmp(&(*below)->step, step) == 0)
		return *below;
	branch = arena_alloc(arena, sizeof(*branch));
	branch->step = *step;
	branch->next = *below;
	*below = branch;
	return branch;
}

/* What of `value` lies on the branches, which are as deep as a path is long; false: nothing. */
static bool prune(struct arena *arena, const struct branch *branches, const struct value *value,
		  struct value *out)
{
	*out = (struct value){.kind = value->kind};
	if (value->kind != VALUE_M && value->kind != VALUE_L)
		return false;
	for (const struct branch *branch = branches; branch != NULL; branch = branch->next) {
		struct expr_step step = branch->step;
		struct expr_path path = {1, &step};
		const struct value *inner = expr_at(&path, value);
		struct value part;

		if (inner == NULL)
			continue;
		if (branch->whole)
			part = *inner;
		else if (!prune(arena, branch->below, inner, &part))
			continue;
		if (step.is_index)
			value_append(arena, out, part);
		else
			map_member_set(arena, out, step.name, part);
	}
	return out->n > 0;
}

struct value expr_project(struct arena *arena, const struct paths *paths, const struct value *item)
{
	struct branch root = {.whole = false};
	struct value out;

	for (size_t i = 0; i < paths->n; i++) {
		struct branch *branch = &root;

		for (size_t k = 0; k < paths->list[i].n; k++)
			branch = branch_of(arena, &branch->below, &paths->list[i].steps[k]);
		branch->whole = true;
	}
	prune(arena, root.below, item, &out);
	out.kind = VALUE_M;
	return out;
}
