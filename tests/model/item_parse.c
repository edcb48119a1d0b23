/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "tests/model/decimal.h"
#include "tests/model/item.h"

/* What the recursive functions share. */
struct item_reader {
	struct arena *arena;
	struct json *json;
	struct failure *failure;
	bool trusted; /* an item at rest: canonical, nothing to check */
};

/* How the service calls sets of S, N and B when it refuses them. */
static const char *const set_words[] = {"An string set ", "An number set ", "Binary sets"};

static bool read_value(struct item_reader *reader, unsigned depth, struct value *out);

struct str item_unescape(struct arena *arena, struct str raw)
{
	struct buf buf;
	struct str out;

	if (memchr(raw.p == NULL ? "" : raw.p, '\\', raw.n) == NULL)
		return raw;
	buf_init(&buf, raw.n);
	must(json_unescape(&buf, raw));
	out = arena_str(arena, buf_view(&buf));
	buf_release(&buf);
	return out;
}

/* Reads a JSON string. */
static struct str read_string(struct item_reader *reader)
{
	struct str raw = json_string(reader->json);

	return reader->json->escaped ? item_unescape(reader->arena, raw) : raw;
}

/* Reads the text of a number and makes it canonical. */
static bool read_number(struct item_reader *reader, struct str *out)
{
	struct str text = read_string(reader);
	struct decimal decimal;
	enum decimal_problem problem;
	char canonical[DECIMAL_TEXT_MAX];

	if (reader->trusted || reader->json->error != NULL) {
		*out = text;
		return true;
	}
	problem = decimal_parse(&decimal, text);
	if (problem == DECIMAL_MALFORMED && text.n > 0)
		return failure_set(reader->failure, FAILURE_VALIDATION, "%s: %.*s",
				   decimal_words(problem), STR_ARG(str_head(text, 200)));
	if (problem != DECIMAL_OK)
		return failure_set(reader->failure, FAILURE_VALIDATION, "%s",
				   decimal_words(problem));
	*out = arena_str(reader->arena, str_make(canonical, decimal_format(&decimal, canonical)));
	return true;
}

/* Reads base64 and makes sure that it is the only text for its bytes. */
static bool read_binary(struct item_reader *reader, struct str *out)
{
	struct buf bytes, again;
	bool ok;

	*out = read_string(reader);
	if (reader->trusted || reader->json->error != NULL)
		return true;
	buf_init(&bytes, out->n);
	buf_init(&again, out->n + 4);
	ok = base64_decode(&bytes, *out);
	base64_encode(&again, bytes.p, bytes.n);
	ok = ok && str_eq(buf_view(&again), *out);
	buf_release(&bytes);
	buf_release(&again);
	return ok || failure_set(reader->failure, FAILURE_SERIALIZATION,
				 "A binary value is not well-formed Base64");
}

/* Reads what stands for a value of kind S, N or B. */
static bool read_scalar(struct item_reader *reader, struct value *out)
{
	if (out->kind == VALUE_N)
		return read_number(reader, &out->text);
	if (out->kind == VALUE_B)
		return read_binary(reader, &out->text);
	out->text = read_string(reader);
	return true;
}

/* Reads the elements of a set. */
static bool read_set(struct item_reader *reader, struct value *out)
{
	enum value_kind kind = value_element_kind(out->kind);

	if (!json_enter(reader->json, JSON_ARRAY))
		return true;
	while (json_item(reader->json)) {
		struct value element = {.kind = kind};

		if (!read_scalar(reader, &element))
			return false;
		value_append(reader->arena, out, element);
	}
	if (reader->trusted || reader->json->error != NULL)
		return true;
	if (out->n == 0)
		return failure_set(reader->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: %s %s be empty",
				   set_words[kind], kind == VALUE_B ? "should not" : "may not");
	return value_set_sort(out) ||
	       failure_set(reader->failure, FAILURE_VALIDATION,
			   "%sInput collection contains duplicates",
			   kind == VALUE_N ? "" : "One or more parameter values were invalid: ");
}

/* Reads the elements of a list, which have `depth` maps and lists around them. */
static bool read_list(struct item_reader *reader, unsigned depth, struct value *out)
{
	if (!json_enter(reader->json, JSON_ARRAY))
		return true;
	while (json_item(reader->json)) {
		struct value element;

		if (!read_value(reader, depth, &element))
			return false;
		value_append(reader->arena, out, element);
	}
	return true;
}

/* Orders members by name. */
static int member_cmp(const void *a, const void *b)
{
	return str_cmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* Sorts the members of a map; a name that comes twice is refused. */
static bool sort_members(struct item_reader *reader, struct value *map)
{
	bool sorted = true;

	for (size_t i = 1; i < map->n && sorted; i++)
		sorted = str_cmp(map->members[i - 1].name, map->members[i].name) < 0;
	if (sorted)
		return true;
	qsort(map->members, map->n, sizeof(*map->members), member_cmp);
	for (size_t i = 1; i < map->n; i++) {
		if (str_eq(map->members[i - 1].name, map->members[i].name))
			return failure_set(reader->failure, FAILURE_SERIALIZATION,
					   "An attribute name comes twice");
	}
	return true;
}

/* Reads the members of a map or an item, which have `depth` maps and lists around them. */
static bool read_map(struct item_reader *reader, unsigned depth, struct value *out)
{
	size_t cap = 0;
	struct str key;

	out->kind = VALUE_M;
	if (!json_enter(reader->json, JSON_OBJECT))
		return true;
	while (json_key(reader->json, &key)) {
		if (out->n == cap) {
			struct member *members;

			cap = cap == 0 ? 8 : cap * 2;
			members = arena_alloc_n(reader->arena, cap, sizeof(*members));
			mem_copy(members, out->members, out->n * sizeof(*members));
			out->members = members;
		}
		out->members[out->n].name = item_unescape(reader->arena, key);
		if (!read_value(reader, depth, &out->members[out->n].value))
			return false;
		out->n++;
	}
	return reader->json->error != NULL || sort_members(reader, out);
}

/* Reads what follows the tag of a value. */
static bool read_tagged(struct item_reader *reader, unsigned depth, struct value *out)
{
	switch (out->kind) {
	case VALUE_S:
	case VALUE_N:
	case VALUE_B:
		return read_scalar(reader, out);
	case VALUE_BOOL:
		out->yes = json_bool(reader->json);
		return true;
	case VALUE_NULL:
		if (!json_bool(reader->json) && reader->json->error == NULL)
			return failure_set(reader->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Null "
					   "attribute value types must have the value of true");
		return true;
	case VALUE_M:
		return read_map(reader, depth + 1, out);
	case VALUE_L:
		return read_list(reader, depth + 1, out);
	case VALUE_SS:
	case VALUE_NS:
	case VALUE_BS:
		return read_set(reader, out);
	}
	return false;
}

/* Reads {"TAG":...}. True with the reader's error set when the JSON itself is wrong. */
static bool read_value(struct item_reader *reader, unsigned depth, struct value *out)
{
	struct str key;
	unsigned tags = 0;

	*out = (struct value){0};
	if (depth > ITEM_DEPTH_MAX)
		return failure_set(reader->failure, FAILURE_VALIDATION,
				   "Nesting Levels have exceeded supported limits");
	if (!json_enter(reader->json, JSON_OBJECT))
		return true;
	while (json_key(reader->json, &key)) {
		if (!value_kind_of(key, &out->kind))
			json_skip(reader->json);
		else if (++tags > 1)
			break;
		else if (!read_tagged(reader, depth, out))
			return false;
	}
	if (reader->json->error != NULL)
		return true;
	if (tags == 0)
		return failure_set(reader->failure, FAILURE_VALIDATION,
				   "Supplied AttributeValue is empty, must contain exactly one of "
				   "the supported datatypes");
	return tags == 1 || failure_set(reader->failure, FAILURE_VALIDATION,
					"Supplied AttributeValue has more than one datatypes set, "
					"must contain exactly one of the supported datatypes");
}

/* Turns an error of the JSON reader into a failure. */
static bool json_ok(const struct json *json, struct failure *failure)
{
	return json->error == NULL ||
	       failure_set(failure, FAILURE_SERIALIZATION, "%s", json->error);
}

bool item_value_read(struct arena *arena, struct json *json, struct value *out,
		     struct failure *failure)
{
	struct item_reader reader = {arena, json, failure, false};

	return read_value(&reader, 0, out) && json_ok(json, failure);
}

bool item_parse(struct arena *arena, struct str text, struct value *out, struct failure *failure)
{
	struct json json;
	struct item_reader reader = {arena, &json, failure, false};

	json_init(&json, text);
	*out = (struct value){.kind = VALUE_M};
	if (!read_map(&reader, 0, out))
		return false;
	json_end(&json);
	return json_ok(&json, failure);
}

struct value item_parse_stored(struct arena *arena, struct str text)
{
	struct json json;
	struct failure failure = {FAILURE_NONE};
	struct item_reader reader = {arena, &json, &failure, true};
	struct value out = {.kind = VALUE_M};

	json_init(&json, text);
	must(read_map(&reader, 0, &out) && json_end(&json));
	return out;
}
