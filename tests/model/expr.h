/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expression language: conditions, filters, updates and projections.
 *
 *	expr_scope_init(&scope, &arena, &failure)	names and values of the request
 *	expr_parse_condition(&scope, "ConditionExpression", text)
 *	expr_scope_check_used(&scope)
 *	expr_holds(&arena, condition, item)
 *
 * Trees live in the request's arena. A failing call has filled in the failure.
 */
#ifndef MODEL_EXPR_H
#define MODEL_EXPR_H

#include "base/map.h"
#include "tests/model/item.h"

enum expr_kind {
	EXPR_OR,
	EXPR_AND,
	EXPR_NOT,
	EXPR_EQ,
	EXPR_NE,
	EXPR_LT,
	EXPR_LE,
	EXPR_GT,
	EXPR_GE,
	EXPR_BETWEEN,
	EXPR_IN,
	EXPR_EXISTS,
	EXPR_NOT_EXISTS,
	EXPR_TYPE,
	EXPR_BEGINS_WITH,
	EXPR_CONTAINS,
	EXPR_SIZE,
	EXPR_PATH,
	EXPR_VALUE,
	EXPR_PLUS,
	EXPR_MINUS,
	EXPR_IF_NOT_EXISTS,
	EXPR_LIST_APPEND,
};

/* One step of a document path: a name, or an index into a list. */
struct expr_step {
	bool is_index;
	struct str name;
	size_t index;
};

struct expr_path {
	size_t n;
	struct expr_step *steps;
};

struct expr {
	enum expr_kind kind;
	size_t n; /* of operands */
	struct expr **args;
	struct expr_path path; /* of EXPR_PATH */
	const struct value *value; /* of EXPR_VALUE */
};

enum update_kind { UPDATE_SET, UPDATE_REMOVE, UPDATE_ADD, UPDATE_DELETE };

/* One action of an update expression. */
struct update {
	enum update_kind kind;
	struct expr_path path;
	struct expr *operand; /* SET: what to; ADD, DELETE: EXPR_VALUE; REMOVE: NULL */
};

struct updates {
	size_t n;
	struct update *list;
};

struct paths {
	size_t n;
	struct expr_path *list;
};

/* What `#name` and `:value` stand for in one request. */
struct expr_scope {
	struct arena *arena;
	struct failure *failure;
	struct map names, values; /* of struct expr_name, struct expr_value */
	const char *what; /* the expression that is being parsed, for failures */
};

/* An empty scope that allocates from the arena. */
void expr_scope_init(struct expr_scope *scope, struct arena *arena, struct failure *failure);

/* Frees the maps. */
void expr_scope_release(struct expr_scope *scope);

/* Reads the JSON of ExpressionAttributeNames. */
bool expr_scope_names(struct expr_scope *scope, struct str json_text);

/* Reads ExpressionAttributeValues, the same. */
bool expr_scope_values(struct expr_scope *scope, struct str json_text);

/* Refuses names and values that no expression used. */
bool expr_scope_check_used(struct expr_scope *scope);

/* Parses a condition; `what` is the parameter's name. Returns NULL on failure. */
struct expr *expr_parse_condition(struct expr_scope *scope, const char *what, struct str text);

/* Parses an UpdateExpression. */
bool expr_parse_update(struct expr_scope *scope, struct str text, struct updates *out);

/* Parses a ProjectionExpression. */
bool expr_parse_projection(struct expr_scope *scope, struct str text, struct paths *out);

/* Whether the condition holds for the item; an item that does not exist is an empty map. */
bool expr_holds(struct arena *arena, const struct expr *condition, const struct value *item);

/* The value at a path, or NULL. */
const struct value *expr_at(const struct expr_path *path, const struct value *item);

/* Carries the updates out: operands see `before`, the result is written to `after`, a copy of it. */
bool expr_update(struct expr_scope *scope, const struct updates *updates,
		 const struct value *before, struct value *after);

/* What of the item lies at the paths, as an item of its own. */
struct value expr_project(struct arena *arena, const struct paths *paths, const struct value *item);

#endif
