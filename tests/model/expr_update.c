/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/decimal.h"
#include "tests/model/expr.h"

/* Refuses an operand of the wrong type. */
static bool wrong_type(struct expr_scope *scope)
{
	return failure_set(scope->failure, FAILURE_VALIDATION,
			   "An operand in the update expression has an incorrect data type");
}

/* Refuses a path whose parent is not there. */
static bool wrong_path(struct expr_scope *scope)
{
	return failure_set(scope->failure, FAILURE_VALIDATION,
			   "The document path provided in the update expression is invalid for "
			   "update");
}

/* a + b or a - b. */
static bool add_numbers(struct expr_scope *scope, const struct value *a, const struct value *b,
			bool minus, struct value *out)
{
	struct decimal da, db, sum;
	enum decimal_problem problem;
	char text[DECIMAL_TEXT_MAX];

	if (a->kind != VALUE_N || b->kind != VALUE_N)
		return wrong_type(scope);
	must(decimal_parse(&da, a->text) == DECIMAL_OK &&
	     decimal_parse(&db, b->text) == DECIMAL_OK);
	db.negative = db.n > 0 && db.negative != minus;
	problem = decimal_add(&sum, &da, &db);
	if (problem != DECIMAL_OK)
		return failure_set(scope->failure, FAILURE_VALIDATION, "%s",
				   decimal_words(problem));
	*out = (struct value){.kind = VALUE_N};
	out->text = arena_str(scope->arena, str_make(text, decimal_format(&sum, text)));
	return true;
}

/* A list of the items of both. */
static bool append_lists(struct expr_scope *scope, const struct value *a, const struct value *b,
			 struct value *out)
{
	if (a->kind != VALUE_L || b->kind != VALUE_L)
		return wrong_type(scope);
	*out = (struct value){.kind = VALUE_L};
	for (size_t i = 0; i < a->n; i++)
		value_append(scope->arena, out, a->items[i]);
	for (size_t i = 0; i < b->n; i++)
		value_append(scope->arena, out, b->items[i]);
	return true;
}

/* What a SET action assigns; the result may share its inner parts with the item. */
static bool assigned(struct expr_scope *scope, const struct expr *expr, const struct value *item,
		     struct value *out)
{
	const struct value *found;
	struct value a, b;

	if (expr->kind == EXPR_VALUE) {
		*out = *expr->value;
		return true;
	}
	if (expr->kind == EXPR_PATH) {
		found = expr_at(&expr->path, item);
		if (found == NULL)
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "The provided expression refers to an attribute that "
					   "does not exist in the item");
		*out = *found;
		return true;
	}
	if (expr->kind == EXPR_IF_NOT_EXISTS) {
		found = expr_at(&expr->args[0]->path, item);
		if (found != NULL)
			*out = *found;
		return found != NULL || assigned(scope, expr->args[1], item, out);
	}
	if (!assigned(scope, expr->args[0], item, &a) || !assigned(scope, expr->args[1], item, &b))
		return false;
	if (expr->kind == EXPR_LIST_APPEND)
		return append_lists(scope, &a, &b, out);
	return add_numbers(scope, &a, &b, expr->kind == EXPR_MINUS, out);
}

/* What the last step of the path stands in, in the item that is being changed; NULL: nothing. */
static struct value *parent_of(const struct expr_path *path, struct value *item)
{
	bool index = path->steps[path->n - 1].is_index;
	struct value *value = item;

	for (size_t i = 0; i + 1 < path->n && value != NULL; i++) {
		const struct expr_step *step = &path->steps[i];

		if (step->is_index)
			value = value->kind == VALUE_L && step->index < value->n
					? &value->items[step->index]
					: NULL;
		else
			value = value->kind == VALUE_M ? map_member(value, step->name) : NULL;
	}
	return value != NULL && value->kind == (index ? VALUE_L : VALUE_M) ? value : NULL;
}

/* Puts a value where the path leads to. */
static bool put_at(struct expr_scope *scope, const struct expr_path *path, struct value *item,
		   struct value value)
{
	const struct expr_step *last = &path->steps[path->n - 1];
	struct value *parent = parent_of(path, item);

	if (parent == NULL)
		return wrong_path(scope);
	if (!last->is_index)
		map_member_set(scope->arena, parent, last->name, value);
	else if (last->index < parent->n)
		parent->items[last->index] = value;
	else
		value_append(scope->arena, parent, value);
	return true;
}

/* Takes out what the path leads to, if it is there. */
static bool remove_at(struct expr_scope *scope, const struct expr_path *path, struct value *item)
{
	const struct expr_step *last = &path->steps[path->n - 1];
	struct value *parent = parent_of(path, item);

	if (parent == NULL)
		return wrong_path(scope);
	if (!last->is_index) {
		map_member_remove(parent, last->name);
	} else if (last->index < parent->n) {
		parent->n--;
		memmove(parent->items + last->index, parent->items + last->index + 1,
			(parent->n - last->index) * sizeof(*parent->items));
	}
	return true;
}

/* The elements of `a` that are in `b` (or are not), followed, for a union, by those of `b`. */
static struct value combine_sets(struct arena *arena, const struct value *a, const struct value *b,
				 bool join)
{
	struct value out = {.kind = a->kind};

	for (size_t i = 0; i < a->n; i++) {
		if (value_set_find(b, &a->items[i]) == b->n)
			value_append(arena, &out, a->items[i]);
	}
	for (size_t i = 0; join && i < b->n; i++)
		value_append(arena, &out, b->items[i]);
	must(value_set_sort(&out));
	return out;
}

/* Carries an ADD out. */
static bool apply_add(struct expr_scope *scope, const struct update *update,
		      const struct value *before, struct value *after)
{
	const struct value *old = expr_at(&update->path, before), *by = update->operand->value;
	struct value sum;

	if (old == NULL)
		return put_at(scope, &update->path, after, *by);
	if (old->kind != by->kind)
		return wrong_type(scope);
	if (by->kind != VALUE_N)
		sum = combine_sets(scope->arena, old, by, true);
	else if (!add_numbers(scope, old, by, false, &sum))
		return false;
	return put_at(scope, &update->path, after, sum);
}

/* Carries a DELETE out; a set that becomes empty goes away. */
static bool apply_delete(struct expr_scope *scope, const struct update *update,
			 const struct value *before, struct value *after)
{
	const struct value *old = expr_at(&update->path, before), *by = update->operand->value;
	struct value rest;

	if (old == NULL)
		return true;
	if (old->kind != by->kind)
		return wrong_type(scope);
	rest = combine_sets(scope->arena, old, by, false);
	return rest.n > 0 ? put_at(scope, &update->path, after, rest)
			  : remove_at(scope, &update->path, after);
}

/* Orders paths so that what comes later in a list goes first. */
static int path_cmp_back(const void *x, const void *y)
{
	const struct expr_path *a = &(*(const struct update *const *)x)->path;
	const struct expr_path *b = &(*(const struct update *const *)y)->path;

	for (size_t i = 0; i < a->n && i < b->n; i++) {
		const struct expr_step *p = &a->steps[i], *q = &b->steps[i];
		int order;

		if (p->is_index && q->is_index)
			order = (p->index > q->index) - (p->index < q->index);
		else
			order = str_cmp(p->name, q->name);
		if (order != 0)
			return -order;
	}
	return (a->n < b->n) - (a->n > b->n);
}

/* Carries the REMOVE actions out, so that indexes mean the list as it was. */
static bool apply_removes(struct expr_scope *scope, const struct updates *updates,
			  struct value *after)
{
	const struct update **removes =
		arena_alloc_n(scope->arena, updates->n, sizeof(const struct update *));
	size_t n = 0;

	for (size_t i = 0; i < updates->n; i++) {
		if (updates->list[i].kind == UPDATE_REMOVE)
			removes[n++] = &updates->list[i];
	}
	qsort(removes, n, sizeof(const struct update *), path_cmp_back);
	for (size_t i = 0; i < n; i++) {
		if (!remove_at(scope, &removes[i]->path, after))
			return false;
	}
	return true;
}

bool expr_update(struct expr_scope *scope, const struct updates *updates,
		 const struct value *before, struct value *after)
{
	for (size_t i = 0; i < updates->n; i++) {
		const struct update *update = &updates->list[i];
		struct value value;
		bool ok = true;

		switch (update->kind) {
		case UPDATE_SET:
			ok = assigned(scope, update->operand, before, &value) &&
			     put_at(scope, &update->path, after, value);
			break;
		case UPDATE_ADD:
			ok = apply_add(scope, update, before, after);
			break;
		case UPDATE_DELETE:
			ok = apply_delete(scope, update, before, after);
			break;
		case UPDATE_REMOVE:
			break;
		}
		if (!ok)
			return false;
	}
	return apply_removes(scope, updates, after);
}
