/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/sentence.h"

#include "consumer/change/value.h"

enum {
	ATTRIBUTES_MAX = 256, /* of one image; more are not compared */
	/* Of two arrays; longer ones are compared as text: members take quadratic time. */
	ARRAY_MAX_BYTES = 16 << 10,
};

bool sentence_enter(struct json *json, struct str value, enum json_kind kind)
{
	if (value.n == 0)
		return false;
	json_init(json, value);
	return json_peek(json) == kind && json_enter(json, kind);
}

struct str sentence_member(struct str object, const char *name)
{
	struct json json;
	struct str key;

	if (!sentence_enter(&json, object, JSON_OBJECT))
		return STR_NONE;
	while (json_key(&json, &key)) {
		struct str value = json_skip(&json);

		if (json_key_is(key, name))
			return value;
	}
	return STR_NONE;
}

struct str sentence_words(struct str value)
{
	if (value.n >= 2 && value.p[0] == '"')
		return str_make(value.p + 1, value.n - 2);
	if (value.n == 0 || value.p[0] == '{' || value.p[0] == '[' || str_eq(value, STR("null")))
		return STR_NONE;
	return value;
}

struct str sentence_text(struct str object, const char *name)
{
	return sentence_words(sentence_member(object, name));
}

void members_read(struct members *members, struct str object)
{
	struct json json;
	struct str name;

	members->object = object;
	members->n = 0;
	members->more = false;
	if (!sentence_enter(&json, object, JSON_OBJECT))
		return;
	while (json_key(&json, &name)) {
		if (members->n == MEMBERS_MAX) {
			members->more = true;
			return;
		}
		members->list[members->n].name = name;
		members->list[members->n++].value = json_skip(&json);
	}
}

struct str members_get(const struct members *members, const char *name)
{
	for (size_t i = 0; i < members->n; i++) {
		if (json_key_is(members->list[i].name, name))
			return members->list[i].value;
	}
	return members->more ? sentence_member(members->object, name) : STR_NONE;
}

struct str members_text(const struct members *members, const char *name)
{
	return sentence_words(members_get(members, name));
}

/* Whether the array has an item with the text `item`. */
static bool array_has(struct str array, struct str item)
{
	struct json json;

	if (!sentence_enter(&json, array, JSON_ARRAY))
		return false;
	while (json_item(&json)) {
		if (str_eq(json_skip(&json), item))
			return true;
	}
	return false;
}

/* Whether each item of `array` is in `other` too. */
static bool all_in(struct str array, struct str other)
{
	struct json json;

	if (!sentence_enter(&json, array, JSON_ARRAY))
		return false;
	while (json_item(&json)) {
		if (!array_has(other, json_skip(&json)))
			return false;
	}
	return true;
}

bool sentence_same_items(struct str a, struct str b)
{
	if (str_eq(a, b))
		return true;
	return a.n + b.n <= ARRAY_MAX_BYTES && all_in(a, b) && all_in(b, a);
}

struct parts parts_begin(struct buf *out, const char *separator)
{
	return (struct parts){.out = out, .start = out->n, .separator = separator};
}

void parts_next(const struct parts *parts)
{
	buf_str(parts->out, parts->out->n == parts->start ? STR(": ") : str_of(parts->separator));
}

void parts_changed(const struct parts *parts, const char *what, struct str before, struct str after)
{
	if (str_eq(before, after))
		return;
	parts_next(parts);
	buf_fmt(parts->out, "%s ", what);
	buf_str(parts->out, before.n == 0 ? STR("(none)") : before);
	buf_str(parts->out, STR(" to "));
	buf_str(parts->out, after.n == 0 ? STR("(none)") : after);
}

void parts_missing(const struct parts *parts, const char *what, struct str array, struct str other)
{
	bool first = true;
	struct json json;

	if (array.n + other.n > ARRAY_MAX_BYTES || !sentence_enter(&json, array, JSON_ARRAY))
		return;
	while (json_item(&json)) {
		struct str item = json_skip(&json);

		if (array_has(other, item))
			continue;
		if (first)
			parts_next(parts);
		buf_str(parts->out, first ? str_of(what) : STR(","));
		buf_c(parts->out, ' ');
		buf_str(parts->out, sentence_words(item));
		first = false;
	}
}

/* The attributes of an item or map. */
struct attributes {
	struct {
		struct str name;
		struct value value;
	} list[ATTRIBUTES_MAX];
	size_t n;
};

/* Reads the attributes of a raw image; false when there are too many. */
static bool read_attributes(struct str image, struct attributes *out)
{
	struct str name;
	struct json json;

	out->n = 0;
	if (!sentence_enter(&json, image, JSON_OBJECT))
		return true;
	while (json_key(&json, &name)) {
		if (out->n == ATTRIBUTES_MAX)
			return false;
		out->list[out->n].name = name;
		value_scan(&json, &out->list[out->n].value);
		out->n++;
	}
	return true;
}

/* The value of the attribute called `name`, or NULL. */
static const struct value *find_value(const struct attributes *attributes, struct str name)
{
	for (size_t i = 0; i < attributes->n; i++) {
		if (str_eq(attributes->list[i].name, name))
			return &attributes->list[i].value;
	}
	return NULL;
}

/* Whether two values are the same; sets are in any order. */
static bool same_value(const struct value *a, const struct value *b)
{
	if (a->tag != b->tag)
		return false;
	if (a->tag == VALUE_SS || a->tag == VALUE_NS || a->tag == VALUE_BS)
		return sentence_same_items(a->payload, b->payload);
	return a->tag == VALUE_BAD ? str_eq(a->text, b->text) : str_eq(a->payload, b->payload);
}

/*
 * Appends the part "what a, b" with the names of `attributes` that `other` has with another value
 * (`in_both`), or has not.
 */
static void put_names(const struct parts *parts, const char *what, bool in_both,
		      const struct attributes *attributes, const struct attributes *other)
{
	bool first = true;

	for (size_t i = 0; i < attributes->n; i++) {
		struct str name = attributes->list[i].name;
		const struct value *value = find_value(other, name);

		if (in_both ? value == NULL || same_value(&attributes->list[i].value, value)
			    : value != NULL)
			continue;
		if (first)
			parts_next(parts);
		buf_str(parts->out, first ? str_of(what) : STR(","));
		buf_c(parts->out, ' ');
		buf_str(parts->out, name);
		first = false;
	}
}

void parts_attributes(const struct parts *parts, struct str before, struct str after)
{
	struct attributes old, new;

	if (!read_attributes(before, &old) || !read_attributes(after, &new)) {
		parts_next(parts);
		buf_str(parts->out, STR("too many attributes to compare"));
		return;
	}
	put_names(parts, "changed", true, &new, &old);
	put_names(parts, "added", false, &new, &old);
	put_names(parts, "removed", false, &old, &new);
}
