/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"

/* Kept out of the way of what runs for every string. */
#define APART __attribute__((noinline))

void json_init(struct json *json, struct str text)
{
	if (text.n == 0)
		text = STR("");
	*json = (struct json){.p = text.p, .start = text.p, .end = text.p + text.n};
}

void json_fail(struct json *json, const char *words)
{
	if (json->error == NULL)
		json->error = words;
}

/* The rest of next(), when it is not as simple as most often. */
static APART char next_far(struct json *json)
{
	if (json->error != NULL)
		return 0;
	while (json->p < json->end) {
		char c = *json->p;

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return c;
		json->p++;
	}
	return 0;
}

/* Skips white space; returns the next byte, or 0 at the end and after an error. */
static inline char next(struct json *json)
{
	if (json->error == NULL && json->p < json->end && (unsigned char)*json->p > ' ')
		return *json->p;
	return next_far(json);
}

enum json_kind json_peek(struct json *json)
{
	char c = next(json);

	switch (c) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? JSON_NUMBER : JSON_NONE;
	}
}

bool json_enter(struct json *json, enum json_kind kind)
{
	if (json_peek(json) != kind) {
		json_fail(json,
			  kind == JSON_OBJECT ? "an object was expected" : "an array was expected");
		return false;
	}
	if (json->depth >= JSON_DEPTH_MAX) {
		json_fail(json, "nested too deep");
		return false;
	}
	json->depth++;
	json->p++;
	json->first = true;
	return true;
}

/* Consumes `close` or, before every element but the first, a comma; whether an element follows. */
static inline bool step(struct json *json, char close)
{
	char c = next(json);

	if (c == close) {
		json->p++;
		json->depth--;
		json->first = false;
		return false;
	}
	if (json->first) {
		json->first = false;
		return json->error == NULL;
	}
	if (c != ',') {
		json_fail(json, "a comma or a closing bracket was expected");
		return false;
	}
	json->p++;
	return true;
}

bool json_item(struct json *json)
{
	return step(json, ']');
}

#ifdef __SSE2__
/* A bit for each of 16 bytes that a JSON string cannot hold as it is: quote, backslash, control. */
static inline unsigned special_bits(__m128i v)
{
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	__m128i control = _mm_cmpeq_epi8(v, _mm_min_epu8(v, _mm_set1_epi8(0x1F)));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

/* Sixteen bytes from anywhere. */
static inline __m128i load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}
#endif

/* Notes whether a byte of 16 is high that stands before all that are in `stop`. */
static inline void note_high(struct json *json, unsigned high, unsigned stop)
{
	if (high != 0)
		json->high |= (high & (stop - 1) & ~stop) != 0;
}

/* The same as string_stop, for the last bytes of the text. */
static APART const char *string_stop_near_end(struct json *json, const char *p)
{
#ifdef __SSE2__
	if (json->end - json->start >= 16) {
		/* They are looked at together with some that were seen already. */
		unsigned seen = 16 - (unsigned)(json->end - p);
		__m128i v = load(json->end - 16);
		unsigned stop = special_bits(v) >> seen;

		note_high(json, (unsigned)_mm_movemask_epi8(v) >> seen, stop);
		return stop == 0 ? json->end : p + __builtin_ctz(stop);
	}
#endif
	for (; p < json->end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\' || c < 0x20)
			break;
		json->high |= c >= 0x80;
	}
	return p;
}

/* The first of quote, backslash or control character at or after `p`; also notes high bytes. */
static inline const char *string_stop(struct json *json, const char *p)
{
#ifdef __SSE2__
	for (; json->end - p >= 16; p += 16) {
		__m128i v = load(p);
		unsigned stop = special_bits(v);

		note_high(json, (unsigned)_mm_movemask_epi8(v), stop);
		if (stop != 0)
			return p + __builtin_ctz(stop);
	}
#endif
	return string_stop_near_end(json, p);
}

/* The number of bytes of the escape at `p` (after its backslash), or 0 when it is none. */
static size_t escape_n(const char *p, const char *end)
{
	if (p >= end)
		return 0;
	if (*p != 'u')
		return memchr("\"\\/bfnrt", *p, 8) != NULL ? 1 : 0;
	if (end - p < 5)
		return 0;
	for (int i = 1; i <= 4; i++) {
		char c = p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
			return 0;
	}
	return 5;
}

/* Where the string ends that is not plain up to `p`: its closing quote, or NULL after an error. */
static APART const char *string_end(struct json *json, const char *p)
{
	while (p < json->end && *p == '\\') {
		size_t n = escape_n(p + 1, json->end);

		if (n == 0) {
			json->p = p;
			json_fail(json, "a malformed escape in a string");
			return NULL;
		}
		json->escaped = true;
		p = string_stop(json, p + 1 + n);
	}
	if (p < json->end && *p == '"')
		return p;
	json->p = p;
	json_fail(json, p >= json->end ? "a string has no end" : "a control character in a string");
	return NULL;
}

/* What json_string does, for the functions here that it would cost too much to call it. */
static inline struct str read_string(struct json *json)
{
	const char *from, *p;

	json->escaped = false;
	if (next(json) != '"') {
		json_fail(json, "a string was expected");
		return STR_NONE;
	}
	from = json->p + 1;
	p = string_stop(json, from);
	if (p == json->end || *p != '"')
		p = string_end(json, p);
	if (p == NULL)
		return STR_NONE;
	json->p = p + 1;
	return str_make(from, (size_t)(p - from));
}

struct str json_string(struct json *json)
{
	return read_string(json);
}

/* What json_key does, likewise. */
static inline bool read_key(struct json *json, struct str *raw_out)
{
	*raw_out = STR_NONE;
	if (!step(json, '}'))
		return false;
	*raw_out = read_string(json);
	if (next(json) != ':') {
		json_fail(json, "a colon was expected");
		return false;
	}
	json->p++;
	return true;
}

bool json_key(struct json *json, struct str *raw_out)
{
	return read_key(json, raw_out);
}

/* Skips digits from `p`; returns where they end. */
static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

struct str json_number(struct json *json)
{
	const char *from, *p, *q;
	bool ok;

	if (json_peek(json) != JSON_NUMBER) {
		json_fail(json, "a number was expected");
		return STR_NONE;
	}
	from = json->p;
	p = *from == '-' ? from + 1 : from;
	q = skip_digits(p, json->end);
	ok = q > p && (*p != '0' || q == p + 1);
	if (q < json->end && *q == '.') {
		p = q + 1;
		q = skip_digits(p, json->end);
		ok = ok && q > p;
	}
	if (q < json->end && (*q == 'e' || *q == 'E')) {
		p = q + 1;
		if (p < json->end && (*p == '+' || *p == '-'))
			p++;
		q = skip_digits(p, json->end);
		ok = ok && q > p;
	}
	if (!ok) {
		json_fail(json, "a malformed number");
		return STR_NONE;
	}
	json->p = q;
	return str_make(from, (size_t)(q - from));
}

/* Consumes `word`, which must come next. */
static void literal(struct json *json, struct str word)
{
	next(json);
	if (json->error != NULL)
		return;
	if (!str_starts(str_make(json->p, (size_t)(json->end - json->p)), word))
		json_fail(json, "an unexpected character");
	else
		json->p += word.n;
}

bool json_bool(struct json *json)
{
	bool yes = json_peek(json) == JSON_TRUE;

	literal(json, yes ? STR("true") : STR("false"));
	return yes && json->error == NULL;
}

void json_null(struct json *json)
{
	literal(json, STR("null"));
}

/* Consumes one value that is neither object, array nor string. */
static void skip_scalar(struct json *json)
{
	switch (json_peek(json)) {
	case JSON_NUMBER:
		json_number(json);
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		json_bool(json);
		return;
	case JSON_NULL:
		json_null(json);
		return;
	case JSON_STRING:
	case JSON_NONE:
	case JSON_OBJECT:
	case JSON_ARRAY:
		json_fail(json, "a value was expected");
		return;
	}
}

struct str json_skip(struct json *json)
{
	bool in_object[JSON_DEPTH_MAX + 1];
	unsigned outer = json->depth;
	const char *from;

	next(json);
	from = json->p;
	do {
		char c = next(json);
		struct str key;

		if (c == '"') {
			read_string(json);
		} else if (c == '{' || c == '[') {
			if (json_enter(json, c == '{' ? JSON_OBJECT : JSON_ARRAY))
				in_object[json->depth] = c == '{';
		} else {
			skip_scalar(json);
		}
		/* Close what ends here, until another value is due. */
		while (json->error == NULL && json->depth > outer) {
			if (in_object[json->depth] ? read_key(json, &key) : step(json, ']'))
				break;
		}
	} while (json->error == NULL && json->depth > outer);
	return json->error != NULL ? STR_NONE : str_make(from, (size_t)(json->p - from));
}

bool json_end(struct json *json)
{
	next(json);
	if (json->depth != 0)
		json_fail(json, "the text ends too early");
	if (json->p < json->end)
		json_fail(json, "something follows the end");
	return json->error == NULL;
}

/* The number of four hexadecimal digits, which the caller has checked. */
static uint32_t hex4(const char *p)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
	}
	return v;
}

/* Appends what the escape at `p` (after its backslash) stands for; returns its length. */
static size_t unescape_one(struct buf *buf, const char *p, const char *end)
{
	size_t n = escape_n(p, end);
	uint32_t code, low;

	if (n == 1) {
		const char *at = memchr("b\bf\fn\nr\rt\t", *p, 10);

		buf_c(buf, at == NULL ? *p : at[1]);
		return 1;
	}
	if (n == 0)
		return 0;
	code = hex4(p + 1);
	if (code >= 0xD800 && code < 0xDC00 && end - p > 6 && p[5] == '\\' && p[6] == 'u' &&
	    escape_n(p + 6, end) == 5) {
		low = hex4(p + 7);
		if (low >= 0xDC00 && low < 0xE000) {
			utf8_put(buf, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
			return 11;
		}
	}
	utf8_put(buf, code);
	return 5;
}

bool json_unescape(struct buf *buf, struct str raw)
{
	while (raw.n > 0) {
		size_t at = str_find(raw, '\\'), n;

		buf_str(buf, str_head(raw, at));
		if (at == raw.n)
			break;
		n = unescape_one(buf, raw.p + at + 1, raw.p + raw.n);
		if (n == 0)
			return false;
		raw = str_skip(raw, at + 1 + n);
	}
	return !buf->failed;
}

bool json_escaped_is(struct str raw, struct str plain)
{
	struct buf buf;
	bool same;

	if (str_find(raw, '\\') == raw.n)
		return false;
	buf_init(&buf, plain.n);
	same = json_unescape(&buf, raw) && str_eq(buf_view(&buf), plain);
	buf_release(&buf);
	return same;
}

struct str json_plain(struct str raw, struct arena *arena)
{
	struct str text;
	struct buf plain;

	if (str_find(raw, '\\') == raw.n)
		return arena_str(arena, raw);
	/* No escape is shorter than what it stands for. */
	buf_init(&plain, raw.n);
	must(json_unescape(&plain, raw));
	text = arena_str(arena, buf_view(&plain));
	buf_release(&plain);
	return text;
}

struct str json_text(struct json *json, struct arena *arena)
{
	return json_plain(json_string(json), arena);
}

/* The bytes that json_put cannot copy unseen. */
static const bool special[256] = {
	[0 ... 0x1F] = true,
	['"'] = true,
	['\\'] = true,
	[0x80 ... 0xFF] = true,
};

/* How many bytes at the start of `s` need no escape and are ASCII. */
static inline size_t plain_n(struct str s)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; s.n - i >= 16; i += 16) {
		__m128i v = load(s.p + i);
		unsigned stop = special_bits(v) | (unsigned)_mm_movemask_epi8(v);

		if (stop != 0)
			return i + (size_t)__builtin_ctz(stop);
	}
#endif
	while (i < s.n && !special[(unsigned char)s.p[i]])
		i++;
	return i;
}

/* Appends one character that is not plain; returns how many bytes of `s` it took. */
static size_t put_special(struct buf *buf, struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	uint32_t code;
	size_t n;

	if (c >= 0x80) {
		n = utf8_next(s, &code);
		if (n > 0) {
			buf_str(buf, str_head(s, n));
			return n;
		}
		/* One replacement for each maximal invalid part: the cleaner sees the whole run. */
		for (n = 1; n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80; n++)
			;
		utf8_add_clean(buf, str_head(s, n));
		return n;
	}
	buf_c(buf, '\\');
	switch (c) {
	case '"':
	case '\\':
		buf_c(buf, (char)c);
		break;
	case '\n':
		buf_c(buf, 'n');
		break;
	case '\r':
		buf_c(buf, 'r');
		break;
	case '\t':
		buf_c(buf, 't');
		break;
	default:
		buf_fmt(buf, "u%04x", c);
		break;
	}
	return 1;
}

/* Appends `s`, of which the first `n` bytes are known to be plain, escaped. */
static void put_escaped(struct buf *buf, struct str s, size_t n)
{
	while (s.n > 0) {
		if (n > 0)
			buf_str(buf, str_head(s, n));
		else
			n = put_special(buf, s);
		s = str_skip(s, n);
		n = plain_n(s);
	}
}

void json_put_inside(struct buf *buf, struct str s)
{
	put_escaped(buf, s, plain_n(s));
}

void json_put(struct buf *buf, struct str s)
{
	size_t n = plain_n(s);

	if (n == s.n) {
		json_put_raw(buf, s);
		return;
	}
	buf_c(buf, '"');
	put_escaped(buf, s, n);
	buf_c(buf, '"');
}
