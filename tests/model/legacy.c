/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/legacy.h"

enum { LEGACY_ENTRIES_MAX = 300 };

#define KIND_BIT(kind) (1u << VALUE_##kind)
#define KINDS_ORDERED  (KIND_BIT(S) | KIND_BIT(N) | KIND_BIT(B))
#define KINDS_ANY      (~0u)

static const char *const conditional_words[] = {"AND", "OR", NULL};

/* What a ComparisonOperator becomes, how many values it takes, and of which kinds. */
static const struct comparison {
	const char *word;
	enum expr_kind kind;
	bool negated;
	size_t least, most;
	unsigned kinds;
} comparisons[] = {
	{"EQ", EXPR_EQ, false, 1, 1, KINDS_ANY},
	{"NE", EXPR_NE, false, 1, 1, KINDS_ANY},
	{"IN", EXPR_IN, false, 1, 100, KINDS_ORDERED},
	{"LE", EXPR_LE, false, 1, 1, KINDS_ORDERED},
	{"LT", EXPR_LT, false, 1, 1, KINDS_ORDERED},
	{"GE", EXPR_GE, false, 1, 1, KINDS_ORDERED},
	{"GT", EXPR_GT, false, 1, 1, KINDS_ORDERED},
	{"BETWEEN", EXPR_BETWEEN, false, 2, 2, KINDS_ORDERED},
	{"NOT_NULL", EXPR_EXISTS, false, 0, 0, KINDS_ANY},
	{"NULL", EXPR_NOT_EXISTS, false, 0, 0, KINDS_ANY},
	{"CONTAINS", EXPR_CONTAINS, false, 1, 1, KINDS_ORDERED | KIND_BIT(BOOL) | KIND_BIT(NULL)},
	{"NOT_CONTAINS", EXPR_CONTAINS, true, 1, 1,
	 KINDS_ORDERED | KIND_BIT(BOOL) | KIND_BIT(NULL)},
	{"BEGINS_WITH", EXPR_BEGINS_WITH, false, 1, 1, KIND_BIT(S) | KIND_BIT(B)},
};

/* One member of Expected as it was read. */
struct expected {
	struct str name;
	bool has_exists, exists, has_value, has_list;
	struct value values; /* of Value or AttributeValueList, as a list */
	const struct comparison *comparison; /* or NULL */
};

/* Refuses the request with the words that most of these failures begin with. */
static bool invalid(struct request *request, const char *words, struct str name)
{
	return failure_set(request->failure, FAILURE_VALIDATION,
			   "One or more parameter values were invalid: %s for Attribute: %.*s",
			   words, STR_ARG(str_head(name, 200)));
}

/* Appends the name of a parameter to a list of those that were given. */
static void note_given(const struct request *request, enum param param, const char *name,
		       struct buf *list)
{
	if (!request_has(request, param))
		return;
	if (list->n > 0)
		buf_str(list, STR(", "));
	buf_str(list, str_of(name));
}

bool legacy_check_mixed(struct request *request)
{
	struct buf old, expressions;
	bool ok;

	buf_init(&old, 200);
	buf_init(&expressions, 200);
	note_given(request, PARAM_ATTRIBUTE_UPDATES, "AttributeUpdates", &old);
	note_given(request, PARAM_EXPECTED, "Expected", &old);
	note_given(request, PARAM_CONDITIONAL, "ConditionalOperator", &old);
	note_given(request, PARAM_UPDATE, "UpdateExpression", &expressions);
	note_given(request, PARAM_CONDITION, "ConditionExpression", &expressions);
	ok = old.n == 0 || expressions.n == 0 ||
	     failure_set(request->failure, FAILURE_VALIDATION,
			 "Can not use both expression and non-expression parameters in the same "
			 "request: Non-expression parameters: {%.*s} Expression parameters: {%.*s}",
			 STR_ARG(buf_view(&old)), STR_ARG(buf_view(&expressions)));
	buf_release(&old);
	buf_release(&expressions);
	return ok;
}

/* A path of one name, which may have any characters. */
static struct expr_path path_of(struct arena *arena, struct str name)
{
	struct expr_path path = {.n = 1};

	path.steps = arena_alloc(arena, sizeof(*path.steps));
	path.steps->name = name;
	return path;
}

/* A new node with room for so many operands. */
static struct expr *node(struct arena *arena, enum expr_kind kind, size_t n)
{
	struct expr *expr = arena_alloc(arena, sizeof(*expr));

	expr->kind = kind;
	expr->n = n;
	expr->args = arena_alloc_n(arena, n, sizeof(struct expr *));
	return expr;
}

/* Reads a ComparisonOperator. */
static bool comparison_read(struct request *request, struct str word, const struct comparison **out)
{
	for (size_t i = 0; i < ARRAY_N(comparisons); i++) {
		if (str_eq(word, str_of(comparisons[i].word))) {
			*out = &comparisons[i];
			return true;
		}
	}
	return failure_set(request->failure, FAILURE_VALIDATION,
			   "1 validation error detected: Value '%.*s' at "
			   "'expected.member.comparisonOperator' failed to satisfy constraint: "
			   "Member must satisfy enum value set",
			   STR_ARG(str_head(word, 100)));
}

/* Reads one value and adds it to those of the member. */
static bool value_read(struct request *request, struct json *json, struct expected *expected)
{
	struct value value;

	if (!item_value_read(request->arena, json, &value, request->failure))
		return false;
	value_append(request->arena, &expected->values, value);
	return true;
}

/* Reads one member of Expected. */
static bool expected_read(struct request *request, struct json *json, struct expected *expected)
{
	struct str key;
	bool ok = true;

	expected->values.kind = VALUE_L;
	json_enter(json, JSON_OBJECT);
	while (ok && json_key(json, &key)) {
		if (json_peek(json) == JSON_NULL) {
			json_null(json);
		} else if (json_key_is(key, "Exists")) {
			expected->has_exists = true;
			expected->exists = json_bool(json);
		} else if (json_key_is(key, "Value")) {
			expected->has_value = true;
			ok = value_read(request, json, expected);
		} else if (json_key_is(key, "AttributeValueList")) {
			expected->has_list = true;
			json_enter(json, JSON_ARRAY);
			while (ok && json_item(json))
				ok = value_read(request, json, expected);
		} else if (json_key_is(key, "ComparisonOperator")) {
			ok = comparison_read(request, json_string(json), &expected->comparison) ||
			     json->error != NULL;
		} else {
			json_fail(json, "an unknown member in Expected");
		}
	}
	if (json->error != NULL)
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json->error);
	return ok;
}

/* Refuses members that do not go together. */
static bool expected_check(struct request *request, const struct expected *expected)
{
	const struct comparison *comparison = expected->comparison;
	char words[100];

	if (expected->has_value && expected->has_list)
		return invalid(request, "Value and AttributeValueList cannot be used together",
			       expected->name);
	if (comparison == NULL) {
		if (expected->has_list)
			return invalid(request,
				       "AttributeValueList can only be used with a "
				       "ComparisonOperator",
				       expected->name);
		if (expected->has_exists && !expected->exists)
			return !expected->has_value ||
			       invalid(request, "Value cannot be used when Exists is false",
				       expected->name);
		return expected->has_value ||
		       invalid(request,
			       expected->has_exists ? "Value must be provided when Exists is true"
						    : "Value must be provided when Exists is null",
			       expected->name);
	}
	if (expected->has_exists)
		return invalid(request, "Exists and ComparisonOperator cannot be used together",
			       expected->name);
	if (comparison->most > 0 && !expected->has_value && !expected->has_list) {
		snprintf(words, sizeof(words),
			 "Value or AttributeValueList must be used with ComparisonOperator: %s",
			 comparison->word);
		return invalid(request, words, expected->name);
	}
	return true;
}

/* Refuses values that the comparison cannot take. */
static bool values_check(struct request *request, const struct comparison *comparison,
			 const struct value *values)
{
	if (values->n < comparison->least || values->n > comparison->most)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: Invalid number of "
				   "argument(s) for the %s ComparisonOperator",
				   comparison->word);
	for (size_t i = 0; i < values->n; i++) {
		enum value_kind kind = values->items[i].kind;

		if ((comparison->kinds & 1u << kind) == 0)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: "
					   "ComparisonOperator %s is not valid for %s "
					   "AttributeValue type",
					   comparison->word, value_kind_name(kind));
		if (kind != values->items[0].kind)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: "
					   "AttributeValues inside AttributeValueList must all be "
					   "of the same type");
	}
	return comparison->kind != EXPR_BETWEEN ||
	       value_cmp(request->arena, &values->items[0], &values->items[1]) <= 0 ||
	       failure_set(request->failure, FAILURE_VALIDATION,
			   "The BETWEEN condition was provided a range where the lower bound is "
			   "greater than the upper bound");
}

/* What one member of Expected becomes; NULL on failure. */
static struct expr *expected_expr(struct request *request, struct expected *expected)
{
	static const struct comparison equals = {"EQ", EXPR_EQ, false, 1, 1, KINDS_ANY};
	static const struct comparison absent = {"NULL", EXPR_NOT_EXISTS, false, 0, 0, KINDS_ANY};
	const struct comparison *comparison = expected->comparison;
	struct expr *expr, *not ;

	if (!expected_check(request, expected))
		return NULL;
	if (comparison == NULL)
		comparison = expected->has_value ? &equals : &absent;
	if (!values_check(request, comparison, &expected->values))
		return NULL;
	expr = node(request->arena, comparison->kind, 1 + expected->values.n);
	expr->args[0] = node(request->arena, EXPR_PATH, 0);
	expr->args[0]->path = path_of(request->arena, expected->name);
	for (size_t i = 0; i < expected->values.n; i++) {
		expr->args[1 + i] = node(request->arena, EXPR_VALUE, 0);
		expr->args[1 + i]->value = &expected->values.items[i];
	}
	if (!comparison->negated)
		return expr;
	not = node(request->arena, EXPR_NOT, 1);
	not ->args[0] = expr;
	return not ;
}

/* Joins two conditions. */
static struct expr *join(struct arena *arena, enum expr_kind kind, struct expr *left,
			 struct expr *right)
{
	struct expr *both;

	if (left == NULL)
		return right;
	both = node(arena, kind, 2);
	both->args[0] = left;
	both->args[1] = right;
	return both;
}

/* Refuses a ConditionalOperator that has nothing to join. */
static bool check_operator(struct request *request, size_t n)
{
	if (!request_has(request, PARAM_CONDITIONAL) || n > 1)
		return true;
	return failure_set(request->failure, FAILURE_VALIDATION, "%s",
			   n == 0 ? "ConditionalOperator cannot be used without Filter or Expected"
				  : "ConditionalOperator can only be used when Filter or Expected "
				    "has two or more elements");
}

bool legacy_expected(struct request *request, struct expr **out)
{
	struct json json;
	struct str key;
	unsigned word = 0;
	size_t n = 0;

	*out = NULL;
	if (!request_word(request, PARAM_CONDITIONAL, conditional_words, &word))
		return false;
	if (!request_has(request, PARAM_EXPECTED))
		return check_operator(request, 0);
	json_init(&json, request->raw[PARAM_EXPECTED]);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		struct expected *expected = arena_alloc(request->arena, sizeof(*expected));
		struct expr *expr;

		if (++n > LEGACY_ENTRIES_MAX)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "Expected has too many elements");
		expected->name = item_unescape(request->arena, key);
		if (!expected_read(request, &json, expected))
			return false;
		expr = expected_expr(request, expected);
		if (expr == NULL)
			return false;
		*out = join(request->arena, word == 0 ? EXPR_AND : EXPR_OR, *out, expr);
	}
	if (!json_end(&json))
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
	return check_operator(request, n);
}

/* What the words of an Action become, for an attribute with value. */
static const struct {
	const char *word;
	enum update_kind kind;
	unsigned kinds;
} actions[] = {
	{"PUT", UPDATE_SET, KINDS_ANY},
	{"ADD", UPDATE_ADD, KIND_BIT(N) | KIND_BIT(L) | KIND_BIT(SS) | KIND_BIT(NS) | KIND_BIT(BS)},
	{"DELETE", UPDATE_DELETE, KIND_BIT(SS) | KIND_BIT(NS) | KIND_BIT(BS)},
};

/* Reads {"Action":...,"Value":...}; `*action` is a place in the table, `*value` NULL without one. */
static bool action_read(struct request *request, struct json *json, size_t *action,
			struct value **value)
{
	struct str key, word = STR("PUT");

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_peek(json) == JSON_NULL) {
			json_null(json);
		} else if (json_key_is(key, "Action")) {
			word = json_string(json);
		} else if (json_key_is(key, "Value")) {
			*value = arena_alloc(request->arena, sizeof(**value));
			if (!item_value_read(request->arena, json, *value, request->failure))
				return false;
		} else {
			json_fail(json, "an unknown member in AttributeUpdates");
		}
	}
	if (json->error != NULL)
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json->error);
	for (*action = 0; *action < ARRAY_N(actions); ++*action) {
		if (str_eq(word, str_of(actions[*action].word)))
			return true;
	}
	return failure_set(request->failure, FAILURE_VALIDATION,
			   "1 validation error detected: Value '%.*s' at "
			   "'attributeUpdates.member.action' failed to satisfy constraint: Member "
			   "must satisfy enum value set: [ADD, PUT, DELETE]",
			   STR_ARG(str_head(word, 100)));
}

/* Makes SET list = list_append(if_not_exists(list, []), value) out of an ADD, which takes no lists. */
static void append_to_list(struct arena *arena, struct update *update)
{
	struct expr *old = node(arena, EXPR_IF_NOT_EXISTS, 2);
	struct expr *append = node(arena, EXPR_LIST_APPEND, 2);
	struct value *empty = arena_alloc(arena, sizeof(*empty));

	empty->kind = VALUE_L;
	old->args[0] = node(arena, EXPR_PATH, 0);
	old->args[0]->path = update->path;
	old->args[1] = node(arena, EXPR_VALUE, 0);
	old->args[1]->value = empty;
	append->args[0] = old;
	append->args[1] = update->operand;
	update->kind = UPDATE_SET;
	update->operand = append;
}

/* Reads one member of AttributeUpdates into an action. */
static bool update_read(struct request *request, struct json *json, struct update *update)
{
	struct value *value = NULL;
	size_t action;

	if (!action_read(request, json, &action, &value))
		return false;
	update->kind = actions[action].kind;
	if (value == NULL) {
		if (update->kind != UPDATE_DELETE)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Only DELETE "
					   "action is allowed when no attribute value is "
					   "specified");
		update->kind = UPDATE_REMOVE;
		return true;
	}
	if ((actions[action].kinds & 1u << value->kind) == 0)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: %s action %sis not "
				   "supported for the type %s",
				   actions[action].word,
				   update->kind == UPDATE_DELETE ? "with value " : "",
				   value_kind_name(value->kind));
	update->operand = node(request->arena, EXPR_VALUE, 0);
	update->operand->value = value;
	if (update->kind == UPDATE_ADD && value->kind == VALUE_L)
		append_to_list(request->arena, update);
	return true;
}

bool legacy_updates(struct request *request, struct updates *out)
{
	struct json json;
	struct str key;

	*out = (struct updates){.n = 0};
	if (!request_has(request, PARAM_ATTRIBUTE_UPDATES))
		return true;
	out->list = arena_alloc_n(request->arena, LEGACY_ENTRIES_MAX, sizeof(*out->list));
	json_init(&json, request->raw[PARAM_ATTRIBUTE_UPDATES]);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		struct update *update = &out->list[out->n];

		if (out->n == LEGACY_ENTRIES_MAX)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "AttributeUpdates has too many elements");
		update->path = path_of(request->arena, item_unescape(request->arena, key));
		if (!update_read(request, &json, update))
			return false;
		out->n++;
	}
	return json_end(&json) ||
	       failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
}
