/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/request.h"

#include <string.h>

#define REQUEST_NAME(id, name) name,
static const char *const param_names[PARAM_N] = {REQUEST_PARAMS(REQUEST_NAME)};
#undef REQUEST_NAME

/* The parameter of that name, or PARAM_N. */
static unsigned param_of(struct str name)
{
	unsigned i = 0;

	while (i < PARAM_N && !str_eq(name, str_of(param_names[i])))
		i++;
	return i;
}

bool request_parse(struct request *request, struct str body, uint64_t allowed)
{
	struct json json;
	struct str key, value;

	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		unsigned param = param_of(key);
		bool null = json_peek(&json) == JSON_NULL;

		value = json_skip(&json);
		if (json.error != NULL || null)
			continue;
		if (param == PARAM_N || (allowed & UINT64_C(1) << param) == 0)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "The parameter %.*s is not supported here",
					   STR_ARG(str_head(key, 100)));
		request->raw[param] = value;
	}
	return json_end(&json) ||
	       failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
}

bool request_has(const struct request *request, enum param param)
{
	return request->raw[param].n > 0;
}

/* Fails because a parameter has another JSON type than it should. */
static bool wrong_json(struct request *request, enum param param, const char *want)
{
	return failure_set(request->failure, FAILURE_SERIALIZATION, "%s must be %s",
			   param_names[param], want);
}

bool request_constraint(struct request *request, enum param param, struct str value,
			const char *constraint)
{
	const char *name = param_names[param];
	bool null = value.p == NULL;

	return failure_set(
		request->failure, FAILURE_VALIDATION,
		"1 validation error detected: Value %s%.*s%s at '%c%s' failed to satisfy "
		"constraint: %s",
		null ? "null" : "'", STR_ARG(str_head(value, 300)), null ? "" : "'", name[0] | 0x20,
		name + 1, constraint);
}

bool request_need(struct request *request, enum param param)
{
	return request_has(request, param) ||
	       request_constraint(request, param, STR_NONE, "Member must not be null");
}

bool request_string(struct request *request, enum param param, struct str *out)
{
	struct str raw = request->raw[param];

	*out = STR_NONE;
	if (raw.n == 0)
		return true;
	if (raw.p[0] != '"')
		return wrong_json(request, param, "a string");
	*out = item_unescape(request->arena, str_make(raw.p + 1, raw.n - 2));
	return true;
}

bool request_word(struct request *request, enum param param, const char *const *words,
		  unsigned *out)
{
	struct str value;

	if (!request_string(request, param, &value))
		return false;
	if (value.p == NULL)
		return true;
	for (unsigned i = 0; words[i] != NULL; i++) {
		if (str_eq(value, str_of(words[i]))) {
			*out = i;
			return true;
		}
	}
	return request_constraint(request, param, value, "Member must satisfy enum value set");
}

bool request_integer(struct request *request, enum param param, int64_t low, int64_t high,
		     int64_t *out)
{
	struct str raw = request->raw[param];
	struct buf words;
	int64_t v;

	if (raw.n == 0)
		return true;
	if (!str_to_i64(raw, &v))
		return wrong_json(request, param, "an integer");
	if (v >= low && v <= high) {
		*out = v;
		return true;
	}
	buf_init(&words, 100);
	buf_fmt(&words, "Member must have value %s than or equal to %lld%c",
		v < low ? "greater" : "less", (long long)(v < low ? low : high), 0);
	request_constraint(request, param, raw, words.p);
	buf_release(&words);
	return false;
}

bool request_bool(struct request *request, enum param param, bool *out)
{
	struct str raw = request->raw[param];

	if (raw.n == 0)
		return true;
	*out = str_eq(raw, STR("true"));
	return *out || str_eq(raw, STR("false")) || wrong_json(request, param, "a boolean");
}

bool request_scope(struct request *request)
{
	bool expressions =
		request_has(request, PARAM_CONDITION) || request_has(request, PARAM_UPDATE) ||
		request_has(request, PARAM_FILTER) || request_has(request, PARAM_PROJECTION) ||
		request_has(request, PARAM_KEY_CONDITION);

	for (unsigned param = PARAM_NAMES; param <= PARAM_VALUES && !expressions; param++) {
		if (request_has(request, (enum param)param))
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "%s can only be specified when using expressions",
					   param_names[param]);
	}
	if (request_has(request, PARAM_NAMES) &&
	    !expr_scope_names(&request->scope, request->raw[PARAM_NAMES]))
		return false;
	return !request_has(request, PARAM_VALUES) ||
	       expr_scope_values(&request->scope, request->raw[PARAM_VALUES]);
}

bool request_condition(struct request *request, enum param param, struct expr **out)
{
	struct str text;

	*out = NULL;
	if (!request_string(request, param, &text))
		return false;
	if (text.p == NULL)
		return true;
	*out = expr_parse_condition(&request->scope, param_names[param], text);
	return *out != NULL;
}

bool request_scope_end(struct request *request)
{
	return expr_scope_check_used(&request->scope);
}
