/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/wrapped.h"

#define HIDDEN_S "\"***\""
#define HIDDEN_N "\"0\""
#define HIDDEN_B "\"Kioq\""

/* What is secret about an attribute. */
enum cover {
	SHOWN, /* nothing */
	INSIDE, /* members of it, if it is a map, or else all of it */
	BYTES, /* all of it, unless it says nothing */
	HIDDEN, /* all of it */
};

/* Appends JSON text in one line: its strings hold no raw line ends. */
static void put_line(struct str text, struct buf *out)
{
	while (text.n > 0) {
		size_t n = str_find(text, '\n');

		if (str_find(str_head(text, n), '\r') < n)
			n = str_find(text, '\r');
		buf_str(out, str_head(text, n));
		text = str_skip(text, n + 1);
	}
}

/* Appends what stands for a secret value of the type `tag`. */
static void put_hidden(enum value_tag tag, struct buf *out)
{
	switch (tag) {
	case VALUE_BAD:
	case VALUE_S:
		buf_str(out, STR("{\"S\":" HIDDEN_S "}"));
		return;
	case VALUE_N:
		buf_str(out, STR("{\"N\":" HIDDEN_N "}"));
		return;
	case VALUE_B:
		buf_str(out, STR("{\"B\":" HIDDEN_B "}"));
		return;
	case VALUE_BOOL:
		buf_str(out, STR("{\"BOOL\":false}"));
		return;
	case VALUE_NULL:
		buf_str(out, STR("{\"NULL\":true}"));
		return;
	case VALUE_M:
		buf_str(out, STR("{\"M\":{}}"));
		return;
	case VALUE_L:
		buf_str(out, STR("{\"L\":[]}"));
		return;
	case VALUE_SS:
		buf_str(out, STR("{\"SS\":[" HIDDEN_S "]}"));
		return;
	case VALUE_NS:
		buf_str(out, STR("{\"NS\":[" HIDDEN_N "]}"));
		return;
	case VALUE_BS:
		buf_str(out, STR("{\"BS\":[" HIDDEN_B "]}"));
		return;
	}
}

/* Whether there is anything to hide in such items. */
static bool hides(const struct image_rules *rules)
{
	bool any = rules->n_secrets > 0;

	for (size_t i = 0; i < rules->n_blobs; i++)
		any = any || rules->blobs[i].secret;
	return rules->options.mask && any;
}

/* What is secret about the item's attribute `name`. */
static enum cover cover_of(const struct image_rules *rules, struct str name)
{
	enum cover cover = SHOWN;

	for (size_t i = 0; i < rules->n_blobs; i++) {
		if (rules->blobs[i].secret && image_name_is(name, rules->blobs[i].attribute))
			cover = BYTES;
	}
	for (size_t i = 0; i < rules->n_secrets; i++) {
		const struct image_secret *secret = &rules->secrets[i];

		if (secret->map.n > 0 && image_name_is(name, secret->map))
			cover = INSIDE;
		else if (secret->map.n == 0 && image_name_is(name, secret->name))
			return HIDDEN;
	}
	return cover;
}

/* Whether the member `name` of the item's map `map` is secret. */
static bool member_is_secret(const struct image_rules *rules, struct str map, struct str name)
{
	for (size_t i = 0; i < rules->n_secrets; i++) {
		const struct image_secret *secret = &rules->secrets[i];

		if (secret->map.n > 0 && image_name_is(map, secret->map) &&
		    image_name_is(name, secret->name))
			return true;
	}
	return false;
}

/* Begins a member of an object; its name is a raw JSON string body. */
static void put_name(struct str name, struct buf *out)
{
	json_comma(out);
	json_put_raw(out, name);
	buf_c(out, ':');
}

/* Appends the map called `map`, without its secret members. */
static void put_map(const struct image_rules *rules, struct str map, const struct value *value,
		    struct buf *out)
{
	struct value member;
	struct json json;
	struct str name;

	json_init(&json, value->payload);
	json_enter(&json, JSON_OBJECT);
	buf_str(out, STR("{\"M\":{"));
	while (json_key(&json, &name)) {
		put_name(name, out);
		value_scan(&json, &member);
		if (member_is_secret(rules, map, name))
			put_hidden(member.tag, out);
		else
			put_line(member.text, out);
	}
	buf_str(out, STR("}}"));
}

/* Appends the value of the item's attribute `name`, as far as it may be shown. */
static void put_value(const struct image_rules *rules, struct str name, const struct value *value,
		      struct buf *out)
{
	bool silent = value->tag == VALUE_NULL || value->tag == VALUE_BOOL;

	switch (cover_of(rules, name)) {
	case SHOWN:
		put_line(value->text, out);
		return;
	case INSIDE:
		if (value->tag == VALUE_M)
			put_map(rules, name, value, out);
		else
			put_hidden(value->tag, out);
		return;
	case BYTES:
		if (silent)
			put_line(value->text, out);
		else
			put_hidden(value->tag, out);
		return;
	case HIDDEN:
		put_hidden(value->tag, out);
		return;
	}
}

void wrapped_put(const struct image_rules *rules, struct str image, struct buf *out)
{
	struct value value;
	struct json json;
	struct str name;

	if (!hides(rules)) {
		put_line(image, out);
		return;
	}
	json_init(&json, image);
	json_enter(&json, JSON_OBJECT);
	buf_c(out, '{');
	while (json_key(&json, &name)) {
		put_name(name, out);
		value_scan(&json, &value);
		put_value(rules, name, &value, out);
	}
	buf_c(out, '}');
}
