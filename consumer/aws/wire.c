/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/wire.h"

void wire_put_name(struct buf *buf, struct str name)
{
	json_comma(buf);
	json_put_raw(buf, name);
	buf_c(buf, ':');
}

void wire_put_text(struct buf *buf, struct str name, struct str value)
{
	wire_put_name(buf, name);
	json_put(buf, value);
}

void wire_put_limit(struct buf *buf, unsigned limit)
{
	if (limit == 0)
		return;
	wire_put_name(buf, STR("Limit"));
	buf_u64(buf, limit);
}

struct str wire_text(struct json *json, struct arena *arena)
{
	if (json_peek(json) == JSON_NULL) {
		json_null(json);
		return STR_NONE;
	}
	return json_text(json, arena);
}

struct str wire_object(struct json *json)
{
	if (json_peek(json) == JSON_NULL) {
		json_null(json);
		return STR_NONE;
	}
	if (json_peek(json) != JSON_OBJECT)
		json_fail(json, "an object was expected");
	return json_skip(json);
}

bool wire_enter(struct json *json, enum json_kind kind)
{
	if (json_peek(json) == JSON_NULL) {
		json_null(json);
		return false;
	}
	return json_enter(json, kind);
}

/* Reads one element of a key schema. */
static void key_element(struct json *json, struct arena *arena, struct str *hash_key_out,
			struct str *range_key_out)
{
	struct str key, name = STR_NONE, type = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "AttributeName"))
			name = json_text(json, arena);
		else if (json_key_is(key, "KeyType"))
			type = json_text(json, arena);
		else
			json_skip(json);
	}
	if (str_eq(type, STR("HASH")))
		*hash_key_out = name;
	else if (str_eq(type, STR("RANGE")))
		*range_key_out = name;
}

void wire_key_schema(struct json *json, struct arena *arena, struct str *hash_key_out,
		     struct str *range_key_out)
{
	if (!wire_enter(json, JSON_ARRAY))
		return;
	while (json_item(json))
		key_element(json, arena, hash_key_out, range_key_out);
}

void *wire_room(struct json *json, struct arena *arena, void *array, size_t n, size_t size,
		size_t max)
{
	void *wider;

	if (n >= max)
		json_fail(json, "more elements than are allowed");
	/* The array grows when it has 0, 16, 32, 64 and so on elements. */
	if (n >= max || (n > 0 && (n < 16 || (n & (n - 1)) != 0)))
		return array;
	wider = arena_alloc_n(arena, n == 0 ? 16 : n * 2, size);
	mem_copy(wider, array, n * size);
	return wider;
}

bool wire_end(struct json *json, const char *operation, struct error *err)
{
	if (json_end(json))
		return true;
	return error_set(err, ERROR_DATA, "%s: malformed answer: %s at byte %zu", operation,
			 json->error, (size_t)(json->p - json->start));
}
