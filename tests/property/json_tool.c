/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads JSON documents, one per line in hexadecimal, and prints each again in one canonical form, or
 * "error", for json_reader.py. The document is read twice, piece by piece and by json_skip: "differ" means
 * that the two do not agree on whether it is well formed.
 */
#include <stdio.h>

#include "base/json.h"

enum { DOCUMENT_MAX = 1 << 20 };

/* Appends what a raw string stands for, escaped our way. */
static void put_string(struct buf *out, struct str raw)
{
	struct buf plain;

	buf_init(&plain, DOCUMENT_MAX);
	if (!json_unescape(&plain, raw))
		buf_str(out, STR("(bad string)"));
	json_put(out, buf_view(&plain));
	buf_release(&plain);
}

/* Reads a value and appends it; calls itself no deeper than JSON_DEPTH_MAX. */
static void put_value(struct json *json, struct buf *out)
{
	enum json_kind kind = json_peek(json);
	struct str key;

	switch (kind) {
	case JSON_OBJECT:
		json_enter(json, kind);
		buf_c(out, '{');
		while (json_key(json, &key)) {
			json_comma(out);
			put_string(out, key);
			buf_c(out, ':');
			put_value(json, out);
		}
		buf_c(out, '}');
		return;
	case JSON_ARRAY:
		json_enter(json, kind);
		buf_c(out, '[');
		while (json_item(json)) {
			json_comma(out);
			put_value(json, out);
		}
		buf_c(out, ']');
		return;
	case JSON_STRING:
		put_string(out, json_string(json));
		return;
	case JSON_NUMBER:
		buf_str(out, json_number(json));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_str(out, json_bool(json) ? STR("true") : STR("false"));
		return;
	case JSON_NULL:
		json_null(json);
		buf_str(out, STR("null"));
		return;
	case JSON_NONE:
		json_fail(json, "a value was expected");
		return;
	}
}

/* Prints one document. */
static void print(struct str text)
{
	struct json json, again;
	struct buf out;
	bool ok;

	buf_init(&out, DOCUMENT_MAX * 8);
	json_init(&json, text);
	put_value(&json, &out);
	ok = json_end(&json);
	json_init(&again, text);
	json_skip(&again);
	if (ok != json_end(&again))
		printf("differ\n");
	else if (!ok)
		printf("error\n");
	else
		printf("%.*s\n", STR_ARG(buf_view(&out)));
	buf_release(&out);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct str hex = str_trim(str_make(line, (size_t)n));
		struct buf text;

		buf_init(&text, DOCUMENT_MAX);
		for (size_t i = 0; i + 1 < hex.n; i += 2) {
			unsigned high = (unsigned)str_find(STR("0123456789abcdef"), hex.p[i]);
			unsigned low = (unsigned)str_find(STR("0123456789abcdef"), hex.p[i + 1]);

			buf_c(&text, (char)(high << 4 | low));
		}
		print(buf_view(&text));
		buf_release(&text);
	}
	free(line);
	return 0;
}
