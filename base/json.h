/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as RFC 8259 has it: a strict pull reader that allocates nothing, and an append-only writer.
 *
 *	struct json j;
 *	struct str key;
 *	json_init(&j, text);
 *	json_enter(&j, JSON_OBJECT);
 *	while (json_key(&j, &key)) {
 *		if (json_key_is(key, "Limit"))
 *			limit = json_number(&j);
 *		else
 *			json_skip(&j);
 *	}
 *	if (!json_end(&j)) ... j.error says what is wrong, at byte j.p - j.start
 *
 * Errors are sticky: after the first one every call returns nothing and loops end, so it is tested
 * once, at the end. Each key must be followed by exactly one call that consumes its value. Strings
 * and keys come as raw slices, still escaped: output that copies them needs no work.
 * The reader may look at MEM_PADDING bytes after the end of the text.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

enum { JSON_DEPTH_MAX = 200 };

enum json_kind {
	JSON_NONE, /* end of text, or an error */
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json {
	const char *p, *start, *end;
	const char *error; /* static words, NULL while all is well */
	unsigned depth;
	bool first; /* nothing was read of the innermost open object or array yet */
	bool escaped; /* the string read last has a backslash in it */
	bool high; /* a byte above 0x7F was read in a string: UTF-8 is still to be checked */
};

/* Starts reading `text`, which must stay as long as the slices are used. */
void json_init(struct json *json, struct str text);

/* What comes next; consumes only white space. */
enum json_kind json_peek(struct json *json);

/* Consumes the "{" or "[" of an object or array, which must come next. */
bool json_enter(struct json *json, enum json_kind kind);

/* Reads the next key of the innermost object; false after consuming its "}", or on an error. */
bool json_key(struct json *json, struct str *raw_out);

/* Whether the innermost array has another item, to be consumed now; false after its "]". */
bool json_item(struct json *json);

/* Consumes a string and returns what stands between the quotes, still escaped. */
struct str json_string(struct json *json);

/* The same, unescaped and copied into the arena. */
struct str json_text(struct json *json, struct arena *arena);

/* Consumes a number and returns its text. */
struct str json_number(struct json *json);

/* Consumes true or false. */
bool json_bool(struct json *json);

/* Consumes null. */
void json_null(struct json *json);

/* Consumes any value and returns its text, checked. */
struct str json_skip(struct json *json);

/* Whether the text ended here and no error was met. */
bool json_end(struct json *json);

/* Records an error of the caller's own ("static words"), unless there is one already. */
void json_fail(struct json *json, const char *words);

/* The slow half of json_key_is: whether `raw` has escapes and is `plain` without them. */
bool json_escaped_is(struct str raw, struct str plain);

/* Whether a raw key or string, unescaped, is `word`, which has no backslash. */
static inline bool json_key_is(struct str raw, const char *word)
{
	struct str plain = str_of(word);

	/* No escape is as short as what it stands for. */
	if (raw.n <= plain.n)
		return str_eq(raw, plain);
	return (raw.p[0] == '\\' || raw.p[0] == word[0]) && json_escaped_is(raw, plain);
}

/*
 * Appends the unescaped form of a raw string. A lone surrogate escape becomes U+FFFD. False, with
 * part of it appended, when `raw` is not a well-formed JSON string body.
 */
bool json_unescape(struct buf *buf, struct str raw);

/* The unescaped form of a key or string that the reader returned, copied into the arena. */
struct str json_plain(struct str raw, struct arena *arena);

/* Appends `s` as a JSON string with quotes; invalid UTF-8 is replaced by U+FFFD. */
void json_put(struct buf *buf, struct str s);

/* The same without the quotes. */
void json_put_inside(struct buf *buf, struct str s);

/* Appends a raw (still escaped) string with quotes. */
static inline void json_put_raw(struct buf *buf, struct str raw)
{
	char *to = buf_reserve(buf, raw.n + 2);

	if (to == NULL)
		return;
	to[0] = '"';
	mem_copy(to + 1, raw.p, raw.n);
	to[raw.n + 1] = '"';
	buf->n += raw.n + 2;
}

/* Appends `,` unless the buffer ends in an opening bracket, a colon or a comma, or is empty. */
static inline void json_comma(struct buf *buf)
{
	char last = buf->n == 0 ? '[' : buf->p[buf->n - 1];

	if (last != '{' && last != '[' && last != ':' && last != ',')
		buf_c(buf, ',');
}

#endif
