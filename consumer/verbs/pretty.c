/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/pretty.h"

/* Begins a line at this depth. */
static void new_line(struct buf *out, unsigned depth)
{
	buf_c(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		buf_str(out, STR("  "));
}

/* Appends the next value; the reader's own limit of depth bounds the recursion. */
static void put_value(struct json *json, struct buf *out, unsigned depth)
{
	enum json_kind kind = json_peek(json);
	bool object = kind == JSON_OBJECT, any = false;
	struct str key;

	if (!object && kind != JSON_ARRAY) {
		buf_str(out, json_skip(json));
		return;
	}
	json_enter(json, kind);
	buf_c(out, object ? '{' : '[');
	while (object ? json_key(json, &key) : json_item(json)) {
		if (any)
			buf_c(out, ',');
		any = true;
		new_line(out, depth + 1);
		if (object) {
			json_put_raw(out, key);
			buf_str(out, STR(": "));
		}
		put_value(json, out, depth + 1);
	}
	if (any)
		new_line(out, depth);
	buf_c(out, object ? '}' : ']');
}

void pretty_put(struct buf *out, struct str text)
{
	size_t start = out->n;
	struct json json;

	json_init(&json, text);
	put_value(&json, out, 0);
	if (!json_end(&json)) {
		buf_truncate(out, start);
		buf_str(out, text);
	}
	buf_c(out, '\n');
}

void compact_put(struct buf *out, struct str text)
{
	bool inside = false;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		/* A string cannot hold a quote or a control character that is not escaped. */
		if (c == '"')
			inside = !inside;
		else if (inside && c == '\\')
			buf_c(out, text.p[i++]);
		if (i < text.n && (inside || (unsigned char)text.p[i] > ' '))
			buf_c(out, text.p[i]);
	}
}
