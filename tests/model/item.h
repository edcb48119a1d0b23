/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items and attribute values. Inside one request they are trees in an arena; at rest an item is its
 * canonical DynamoDB JSON: attributes, map members and set elements sorted, numbers in one form. So
 * two items are equal when their texts are, and an image in a stream is the text itself.
 */
#ifndef MODEL_ITEM_H
#define MODEL_ITEM_H

#include "base/arena.h"
#include "base/json.h"
#include "tests/model/failure.h"

enum { ITEM_BYTES_MAX = 400 * 1024, ITEM_DEPTH_MAX = 32 };

enum value_kind {
	VALUE_S,
	VALUE_N,
	VALUE_B,
	VALUE_BOOL,
	VALUE_NULL,
	VALUE_M,
	VALUE_L,
	VALUE_SS,
	VALUE_NS,
	VALUE_BS,
};

struct member;

struct value {
	enum value_kind kind;
	bool yes; /* BOOL */
	struct str text; /* S: the bytes; N: canonical; B: canonical base64 */
	size_t n; /* of items or members */
	struct value *items; /* L; SS, NS, BS: sorted, of kind S, N, B */
	struct member *members; /* M: sorted by name */
};

struct member {
	struct str name;
	struct value value;
};

/* "S", "N", ... */
const char *value_kind_name(enum value_kind kind);

/* The kind of that name; false when there is none. */
bool value_kind_of(struct str name, enum value_kind *out);

/* The kind of a set's elements; `set` is SS, NS or BS. */
enum value_kind value_element_kind(enum value_kind set);

/* Whether the value is a set. */
bool value_is_set(const struct value *value);

/* The unescaped form of a raw JSON string; borrows `raw` when there is nothing to unescape. */
struct str item_unescape(struct arena *arena, struct str raw);

/* Reads one attribute value, e.g. {"S":"x"}, with all of the service's checks. */
bool item_value_read(struct arena *arena, struct json *json, struct value *out,
		     struct failure *failure);

/* Parses an item (an object of attribute values) that came with a request. */
bool item_parse(struct arena *arena, struct str text, struct value *out, struct failure *failure);

/* Parses an item at rest; the tree borrows from `text`. */
struct value item_parse_stored(struct arena *arena, struct str text);

/* Appends {"S":"x"} and so on. */
void value_put(struct buf *buf, const struct value *value);

/* Appends the item {"name":{"S":"x"},...}; `item` is of kind M. */
void item_put(struct buf *buf, const struct value *item);

/* Whether both have the same kind and the same content. */
bool value_equal(const struct value *a, const struct value *b);

/* Orders two values of one kind among S, N and B; for bytes beyond base64's order, needs an arena. */
int value_cmp(struct arena *arena, const struct value *a, const struct value *b);

/* The bytes that a B value stands for. */
struct str value_bytes(struct arena *arena, const struct value *value);

/* The size by which the service bills and limits. */
size_t value_size(const struct value *value);

/* The same for a whole item, names included. */
size_t item_size(const struct value *item);

/* How deep maps and lists nest: 0 for a scalar. */
unsigned value_depth(const struct value *value);

/* The member of a map, or NULL. */
struct value *map_member(const struct value *map, struct str name);

/* Adds a member or replaces it. */
void map_member_set(struct arena *arena, struct value *map, struct str name, struct value value);

/* Takes a member out, if it is in. */
void map_member_remove(struct value *map, struct str name);

/* Appends to a list; the caller keeps its elements sorted where it is a set. */
void value_append(struct arena *arena, struct value *list, struct value item);

/* Where `element` stands in a set, or set->n. */
size_t value_set_find(const struct value *set, const struct value *element);

/* Sorts a set's elements; false when two are equal. */
bool value_set_sort(struct value *set);

/* A copy whose maps and lists can be changed without touching the original's. */
struct value value_copy(struct arena *arena, const struct value *value);

#endif
