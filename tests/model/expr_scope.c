/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/expr_parser.h"

void expr_scope_init(struct expr_scope *scope, struct arena *arena, struct failure *failure)
{
	*scope = (struct expr_scope){.arena = arena, .failure = failure, .what = ""};
	map_init(&scope->names);
	map_init(&scope->values);
}

void expr_scope_release(struct expr_scope *scope)
{
	map_release(&scope->names);
	map_release(&scope->values);
}

/* Whether a placeholder is its mark and at least one letter, digit or underscore. */
static bool placeholder_ok(struct str key, char mark)
{
	if (key.n < 2 || key.p[0] != mark)
		return false;
	for (size_t i = 1; i < key.n; i++) {
		char c = key.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_'))
			return false;
	}
	return true;
}

/* Refuses a placeholder that is malformed. */
static bool check_placeholder(struct expr_scope *scope, const char *what, struct str key, char mark)
{
	return placeholder_ok(key, mark) ||
	       failure_set(scope->failure, FAILURE_VALIDATION,
			   "%s contains invalid key: Syntax error; key: \"%.*s\"", what,
			   STR_ARG(key));
}

bool expr_scope_names(struct expr_scope *scope, struct str json_text)
{
	struct json json;
	struct str key;

	json_init(&json, json_text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		struct expr_name *name = arena_alloc(scope->arena, sizeof(*name));

		name->key = item_unescape(scope->arena, key);
		name->name = item_unescape(scope->arena, json_string(&json));
		if (!check_placeholder(scope, "ExpressionAttributeNames", name->key, '#'))
			return false;
		if (name->name.n == 0 && json.error == NULL)
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "ExpressionAttributeNames contains invalid value: Empty "
					   "attribute name for key %.*s",
					   STR_ARG(name->key));
		map_put(&scope->names, name->key, name);
	}
	if (!json_end(&json))
		return failure_set(scope->failure, FAILURE_SERIALIZATION, "%s", json.error);
	return map_n(&scope->names) > 0 ||
	       failure_set(scope->failure, FAILURE_VALIDATION,
			   "ExpressionAttributeNames must not be empty");
}

bool expr_scope_values(struct expr_scope *scope, struct str json_text)
{
	struct json json;
	struct str key;

	json_init(&json, json_text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		struct expr_value *value = arena_alloc(scope->arena, sizeof(*value));
		struct failure inner = {FAILURE_NONE};

		value->key = item_unescape(scope->arena, key);
		if (!check_placeholder(scope, "ExpressionAttributeValues", value->key, ':'))
			return false;
		if (!item_value_read(scope->arena, &json, &value->value, &inner))
			return failure_set(scope->failure, inner.kind,
					   inner.kind == FAILURE_SERIALIZATION
						   ? "%s"
						   : "ExpressionAttributeValues contains invalid "
						     "value: %s",
					   inner.text);
		map_put(&scope->values, value->key, value);
	}
	if (!json_end(&json))
		return failure_set(scope->failure, FAILURE_SERIALIZATION, "%s", json.error);
	return map_n(&scope->values) > 0 ||
	       failure_set(scope->failure, FAILURE_VALIDATION,
			   "ExpressionAttributeValues must not be empty");
}

bool expr_scope_check_used(struct expr_scope *scope)
{
	const struct expr_name *name;
	const struct expr_value *value;

	for (size_t at = 0; (name = map_next(&scope->names, &at)) != NULL;) {
		if (!name->used)
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "Value provided in ExpressionAttributeNames unused in "
					   "expressions: keys: {%.*s}",
					   STR_ARG(name->key));
	}
	for (size_t at = 0; (value = map_next(&scope->values, &at)) != NULL;) {
		if (!value->used)
			return failure_set(scope->failure, FAILURE_VALIDATION,
					   "Value provided in ExpressionAttributeValues unused in "
					   "expressions: keys: {%.*s}",
					   STR_ARG(value->key));
	}
	return true;
}
