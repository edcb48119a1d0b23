/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/key.h"

#include "base/utf8.h"
#include "consumer/change/value.h"

/* An attribute of a key. */
struct attribute {
	struct str name; /* unescaped */
	struct value value;
	unsigned rank; /* 0: the hash key, 1: the range key, 2: not known */
};

/* A key in canonical order; unescaped names lie in the arena. */
struct key {
	struct attribute list[KEY_ATTRIBUTES_MAX];
	size_t n;
	struct arena arena;
};

/* `raw` unescaped: itself when nothing in it is escaped, else in the arena. */
static struct str plain(struct arena *arena, struct str raw)
{
	return str_find(raw, '\\') == raw.n ? raw : json_plain(raw, arena);
}

/* Where an attribute of that name goes. */
static unsigned rank_of(const struct key_names *names, struct str name)
{
	if (names != NULL && names->hash.n > 0 && str_eq(name, names->hash))
		return 0;
	if (names != NULL && names->range.n > 0 && str_eq(name, names->range))
		return 1;
	return 2;
}

/* Whether `a` goes before `b`. */
static bool goes_before(const struct attribute *a, const struct attribute *b)
{
	return a->rank != b->rank ? a->rank < b->rank : str_cmp(a->name, b->name) < 0;
}

/* Reads what the reader `json` has left of a key, up to the maximum, into canonical order. */
static void read_key(struct json *json, const struct key_names *names, struct key *key)
{
	struct str raw;

	while (key->n < KEY_ATTRIBUTES_MAX && json_key(json, &raw)) {
		struct attribute attribute = {.name = plain(&key->arena, raw)};
		size_t i = key->n++;

		attribute.rank = rank_of(names, attribute.name);
		value_scan(json, &attribute.value);
		for (; i > 0 && goes_before(&attribute, &key->list[i - 1]); i--)
			key->list[i] = key->list[i - 1];
		key->list[i] = attribute;
	}
}

/* Appends a raw JSON string body as a canonical JSON string. */
static void put_string(struct str raw, struct buf *out)
{
	struct arena arena;

	arena_init(&arena);
	json_put(out, plain(&arena, raw));
	arena_release(&arena);
}

void key_put_json(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		size_t from = i + 1;

		if (text.p[i] == ' ' || text.p[i] == '\t' || text.p[i] == '\r' || text.p[i] == '\n')
			continue;
		if (text.p[i] != '"') {
			buf_c(out, text.p[i]);
			continue;
		}
		for (i = from; i < text.n && text.p[i] != '"'; i++)
			i += text.p[i] == '\\';
		must(i < text.n);
		put_string(str_make(text.p + from, i - from), out);
	}
}

/* Appends a value as plain text; of what no key can be, its JSON. */
static void put_plain(const struct value *value, struct buf *out)
{
	struct arena arena;

	if (value->tag != VALUE_S && value->tag != VALUE_N && value->tag != VALUE_B) {
		key_put_json(value->text, out);
		return;
	}
	arena_init(&arena);
	utf8_add_clean(out, plain(&arena, value->payload));
	arena_release(&arena);
}

void key_put(const struct source *source, const struct event *event, struct buf *out)
{
	struct key key = {0};
	struct json json;
	struct str raw;

	if (event->keys.n == 0)
		return;
	arena_init(&key.arena);
	json_init(&json, event->keys);
	json_enter(&json, JSON_OBJECT);
	read_key(&json, source->key_names, &key);
	buf_c(out, '{');
	for (size_t i = 0; i < key.n; i++) {
		json_comma(out);
		json_put(out, key.list[i].name);
		buf_c(out, ':');
		key_put_json(key.list[i].value.text, out);
	}
	while (json_key(&json, &raw)) {
		json_comma(out);
		put_string(raw, out);
		buf_c(out, ':');
		key_put_json(json_skip(&json), out);
	}
	buf_c(out, '}');
	arena_release(&key.arena);
}

void key_put_partition(const struct source *source, const struct event *event, struct buf *out)
{
	struct key key = {0};
	struct json json;

	if (event->keys.n == 0)
		return;
	arena_init(&key.arena);
	json_init(&json, event->keys);
	json_enter(&json, JSON_OBJECT);
	read_key(&json, source->key_names, &key);
	if (key.n > 0)
		put_plain(&key.list[0].value, out);
	arena_release(&key.arena);
}

bool key_put_attribute(const struct event *event, struct str name, struct buf *out)
{
	struct arena arena;
	struct value value;
	struct json json;
	struct str raw;
	bool found = false;

	if (event->keys.n == 0)
		return false;
	arena_init(&arena);
	json_init(&json, event->keys);
	json_enter(&json, JSON_OBJECT);
	while (!found && json_key(&json, &raw)) {
		found = str_eq(plain(&arena, raw), name);
		value_scan(&json, &value);
		if (found)
			put_plain(&value, out);
	}
	arena_release(&arena);
	return found;
}

uint32_t key_hash32(struct str key)
{
	/* FNV-1a, whose low bits alone would spread short keys badly: hence the mixing at the end. */
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < key.n; i++)
		hash = (hash ^ (unsigned char)key.p[i]) * 16777619U;
	hash ^= hash >> 16;
	hash *= 0x85EBCA6BU;
	hash ^= hash >> 13;
	return hash;
}
