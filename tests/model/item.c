/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "tests/model/decimal.h"

static const char *const kind_names[] = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};

const char *value_kind_name(enum value_kind kind)
{
	return kind_names[kind];
}

bool value_kind_of(struct str name, enum value_kind *out)
{
	for (size_t i = 0; i < ARRAY_N(kind_names); i++) {
		if (str_eq(name, str_of(kind_names[i]))) {
			*out = (enum value_kind)i;
			return true;
		}
	}
	return false;
}

enum value_kind value_element_kind(enum value_kind set)
{
	return set == VALUE_SS ? VALUE_S : set == VALUE_NS ? VALUE_N : VALUE_B;
}

bool value_is_set(const struct value *value)
{
	return value->kind == VALUE_SS || value->kind == VALUE_NS || value->kind == VALUE_BS;
}

/* Appends the elements of a set as JSON strings, or those of a list as values. */
static void items_put(struct buf *buf, const struct value *value)
{
	buf_c(buf, '[');
	for (size_t i = 0; i < value->n; i++) {
		if (i > 0)
			buf_c(buf, ',');
		if (value->kind == VALUE_L)
			value_put(buf, &value->items[i]);
		else
			json_put(buf, value->items[i].text);
	}
	buf_c(buf, ']');
}

void value_put(struct buf *buf, const struct value *value)
{
	buf_str(buf, STR("{\""));
	buf_str(buf, str_of(kind_names[value->kind]));
	buf_str(buf, STR("\":"));
	switch (value->kind) {
	case VALUE_S:
		json_put(buf, value->text);
		break;
	case VALUE_N:
	case VALUE_B:
		json_put_raw(buf, value->text);
		break;
	case VALUE_BOOL:
		buf_str(buf, value->yes ? STR("true") : STR("false"));
		break;
	case VALUE_NULL:
		buf_str(buf, STR("true"));
		break;
	case VALUE_M:
		item_put(buf, value);
		break;
	case VALUE_L:
	case VALUE_SS:
	case VALUE_NS:
	case VALUE_BS:
		items_put(buf, value);
		break;
	}
	buf_c(buf, '}');
}

void item_put(struct buf *buf, const struct value *item)
{
	buf_c(buf, '{');
	for (size_t i = 0; i < item->n; i++) {
		if (i > 0)
			buf_c(buf, ',');
		json_put(buf, item->members[i].name);
		buf_c(buf, ':');
		value_put(buf, &item->members[i].value);
	}
	buf_c(buf, '}');
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind || a->n != b->n || a->yes != b->yes || !str_eq(a->text, b->text))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->kind == VALUE_M
			    ? !str_eq(a->members[i].name, b->members[i].name) ||
				      !value_equal(&a->members[i].value, &b->members[i].value)
			    : !value_equal(&a->items[i], &b->items[i]))
			return false;
	}
	return true;
}

struct str value_bytes(struct arena *arena, const struct value *value)
{
	struct buf buf;
	struct str out;

	buf_init(&buf, value->text.n);
	must(base64_decode(&buf, value->text));
	out = arena_str(arena, buf_view(&buf));
	buf_release(&buf);
	return out;
}

int value_cmp(struct arena *arena, const struct value *a, const struct value *b)
{
	struct decimal da, db;

	must(a->kind == b->kind);
	if (a->kind == VALUE_B)
		return str_cmp(value_bytes(arena, a), value_bytes(arena, b));
	if (a->kind == VALUE_S)
		return str_cmp(a->text, b->text);
	must(a->kind == VALUE_N && decimal_parse(&da, a->text) == DECIMAL_OK);
	must(decimal_parse(&db, b->text) == DECIMAL_OK);
	return decimal_cmp(&da, &db);
}

/* A number's size: a byte for two digits, one for the exponent, one for a minus sign. */
static size_t number_size(struct str text)
{
	struct decimal decimal;

	must(decimal_parse(&decimal, text) == DECIMAL_OK);
	return (size_t)(decimal.n + 1) / 2 + 1 + decimal.negative;
}

size_t value_size(const struct value *value)
{
	size_t n = 0;

	switch (value->kind) {
	case VALUE_S:
		return value->text.n;
	case VALUE_N:
		return number_size(value->text);
	case VALUE_B:
		return base64_decoded_n(value->text);
	case VALUE_BOOL:
	case VALUE_NULL:
		return 1;
	case VALUE_M:
		return 3 + value->n + item_size(value);
	case VALUE_L:
		n = 3 + value->n;
		break;
	case VALUE_SS:
	case VALUE_NS:
	case VALUE_BS:
		break;
	}
	for (size_t i = 0; i < value->n; i++)
		n += value_size(&value->items[i]);
	return n;
}

size_t item_size(const struct value *item)
{
	size_t n = 0;

	for (size_t i = 0; i < item->n; i++)
		n += item->members[i].name.n + value_size(&item->members[i].value);
	return n;
}

unsigned value_depth(const struct value *value)
{
	unsigned deepest = 0;

	if (value->kind != VALUE_M && value->kind != VALUE_L)
		return 0;
	for (size_t i = 0; i < value->n; i++) {
		unsigned depth = value_depth(value->kind == VALUE_M ? &value->members[i].value
								    : &value->items[i]);

		if (depth > deepest)
			deepest = depth;
	}
	return deepest + 1;
}

/* Where `name` is, or would go. */
static size_t member_place(const struct value *map, struct str name)
{
	size_t from = 0, to = map->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (str_cmp(map->members[middle].name, name) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct value *map_member(const struct value *map, struct str name)
{
	size_t at = member_place(map, name);

	return at < map->n && str_eq(map->members[at].name, name) ? &map->members[at].value : NULL;
}

void map_member_set(struct arena *arena, struct value *map, struct str name, struct value value)
{
	size_t at = member_place(map, name);
	struct member *members;

	if (at < map->n && str_eq(map->members[at].name, name)) {
		map->members[at].value = value;
		return;
	}
	members = arena_alloc_n(arena, map->n + 1, sizeof(*members));
	if (map->n > 0) {
		mem_copy(members, map->members, at * sizeof(*members));
		mem_copy(members + at + 1, map->members + at, (map->n - at) * sizeof(*members));
	}
	members[at] = (struct member){name, value};
	map->members = members;
	map->n++;
}

void map_member_remove(struct value *map, struct str name)
{
	size_t at = member_place(map, name);

	if (at == map->n || !str_eq(map->members[at].name, name))
		return;
	map->n--;
	memmove(map->members + at, map->members + at + 1, (map->n - at) * sizeof(*map->members));
}

void value_append(struct arena *arena, struct value *list, struct value item)
{
	struct value *items;

	/* Capacities are powers of two, so that a full array is seen by its count. */
	if ((list->n & (list->n - 1)) == 0) {
		items = arena_alloc_n(arena, list->n == 0 ? 1 : list->n * 2, sizeof(*items));
		mem_copy(items, list->items, list->n * sizeof(*items));
		list->items = items;
	}
	list->items[list->n++] = item;
}

/* Orders set elements by their text. */
static int element_cmp(const void *a, const void *b)
{
	return str_cmp(((const struct value *)a)->text, ((const struct value *)b)->text);
}

size_t value_set_find(const struct value *set, const struct value *element)
{
	const struct value *found;

	if (set->n == 0)
		return 0;
	found = bsearch(element, set->items, set->n, sizeof(*set->items), element_cmp);
	return found == NULL ? set->n : (size_t)(found - set->items);
}

bool value_set_sort(struct value *set)
{
	bool sorted = true;

	for (size_t i = 1; i < set->n && sorted; i++)
		sorted = str_cmp(set->items[i - 1].text, set->items[i].text) < 0;
	if (sorted)
		return true;
	qsort(set->items, set->n, sizeof(*set->items), element_cmp);
	for (size_t i = 1; i < set->n; i++) {
		if (str_eq(set->items[i - 1].text, set->items[i].text))
			return false;
	}
	return true;
}

struct value value_copy(struct arena *arena, const struct value *value)
{
	struct value copy = *value;

	if (value->kind == VALUE_M) {
		copy.members = arena_alloc_n(arena, value->n, sizeof(*copy.members));
		for (size_t i = 0; i < value->n; i++) {
			copy.members[i].name = value->members[i].name;
			copy.members[i].value = value_copy(arena, &value->members[i].value);
		}
	} else if (value->n > 0) {
		copy.n = 0;
		copy.items = NULL;
		for (size_t i = 0; i < value->n; i++)
			value_append(arena, &copy, value_copy(arena, &value->items[i]));
	}
	return copy;
}
