/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/debezium_key.h"

#include <openssl/sha.h>

#include "sinks/formats/key.h"

/* DynamoDB's keys have 4 KB at most; what is longer would make every buffer here large. In canonical form
   a text grows to three times its length at most: by bytes that are not UTF-8. */
enum { KEY_MAX = 1 << 20, TEXT_MAX = 4 << 20, HASH_MAX = 80 };

void debezium_key_init(struct debezium_key *key)
{
	*key = (struct debezium_key){0};
	buf_init(&key->text, TEXT_MAX);
	buf_init(&key->canonical, TEXT_MAX);
}

void debezium_key_release(struct debezium_key *key)
{
	buf_release(&key->text);
	buf_release(&key->canonical);
}

/* Whether the attribute `name`, unescaped, is or holds a secret that does not go out. */
static bool is_hidden(const struct image_rules *rules, struct str name)
{
	if (!rules->options.mask)
		return false;
	for (size_t i = 0; i < rules->n_secrets; i++) {
		if (rules->secrets[i].map.n == 0 && str_eq(rules->secrets[i].name, name))
			return true;
	}
	for (size_t i = 0; i < rules->n_blobs; i++) {
		if (rules->blobs[i].secret && str_eq(rules->blobs[i].attribute, name))
			return true;
	}
	return false;
}

/* Appends a raw string body of the canonical form unescaped; returns its slice. */
static struct str add_plain(struct buf *text, struct str raw)
{
	size_t from = text->n;

	must(json_unescape(text, raw));
	return str_make(text->p + from, text->n - from);
}

/* Appends what stands for a secret value and tells it from others; returns its slice. */
static struct str add_hash(struct buf *text, struct str value)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	size_t from = text->n;

	SHA256((const unsigned char *)value.p, value.n, digest);
	buf_str(text, STR("sha256:"));
	buf_hex(text, digest, sizeof(digest));
	return str_make(text->p + from, text->n - from);
}

/* Appends a value's text, of what no key can be its JSON; returns its slice. */
static struct str add_value(struct buf *text, const struct value *value)
{
	size_t from = text->n;

	if (value->tag == VALUE_S || value->tag == VALUE_N || value->tag == VALUE_B)
		return add_plain(text, value->payload);
	buf_str(text, value->text);
	return str_make(text->p + from, text->n - from);
}

/* Puts a field behind the others; of two that share a name the first stays. False when it is left out. */
static bool add_field(struct debezium_key *key, struct debezium_field field)
{
	for (size_t i = 0; i < key->n; i++) {
		if (str_eq(key->fields[i].name, field.name)) {
			key->fault = "two attributes have the same name";
			return false;
		}
	}
	if (key->n == DEBEZIUM_FIELDS_MAX) {
		key->fault = "more attributes than a key can have";
		return false;
	}
	key->fields[key->n++] = field;
	return true;
}

/* Takes over the names of a key whose values are not there. */
static void read_names(struct debezium_key *key, const struct key_names *names)
{
	if (names != NULL && names->hash.n > 0)
		add_field(key, (struct debezium_field){.name = names->hash});
	if (names != NULL && names->range.n > 0)
		add_field(key, (struct debezium_field){.name = names->range});
}

void debezium_key_read(struct debezium_key *key, const struct image_rules *rules,
		       const struct source *source, const struct event *event)
{
	struct value value;
	struct json json;
	struct str raw;

	key->n = 0;
	key->fault = NULL;
	key->known = event->keys.n > 0 && event->keys.n <= KEY_MAX;
	buf_clear(&key->text);
	if (!key->known) {
		if (event->keys.n > 0)
			key->fault = "longer than a key can be";
		read_names(key, source->key_names);
		return;
	}
	buf_clear(&key->canonical);
	key_put(source, event, &key->canonical);
	/* No text is longer than its escaped form, and what is left out is cut off again: the slices stay
	   where they are. */
	buf_reserve(&key->text, key->canonical.n + (DEBEZIUM_FIELDS_MAX + 1) * HASH_MAX);
	json_init(&json, buf_view(&key->canonical));
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &raw)) {
		size_t mark = key->text.n;
		struct debezium_field field = {.name = add_plain(&key->text, raw)};

		value_scan(&json, &value);
		field.value = add_value(&key->text, &value);
		if (is_hidden(rules, field.name))
			field.value = add_hash(&key->text, field.value);
		if (!add_field(key, field))
			buf_truncate(&key->text, mark);
	}
}

void debezium_key_put_members(const struct debezium_key *key, struct buf *out)
{
	for (size_t i = 0; i < key->n; i++) {
		json_comma(out);
		json_put(out, key->fields[i].name);
		buf_c(out, ':');
		json_put(out, key->fields[i].value);
	}
}
