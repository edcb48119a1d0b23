/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/value.h"

#include "base/base64.h"

/* The parts of a number's text. */
struct number {
	bool minus;
	struct str whole, fraction; /* digits */
	struct str exponent; /* "E-10", empty when there is none */
};

/* Cuts the digits off the front of `*rest`. */
static struct str cut_digits(struct str *rest)
{
	struct str digits;
	size_t n = 0;

	while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
		n++;
	digits = str_head(*rest, n);
	*rest = str_skip(*rest, n);
	return digits;
}

/* Whether `s` begins with one of two characters. */
static bool starts_with_either(struct str s, char a, char b)
{
	return s.n > 0 && (s.p[0] == a || s.p[0] == b);
}

/* Takes a number apart; false when it is none. */
static bool number_parse(struct str text, struct number *out)
{
	struct str rest = text;

	*out = (struct number){0};
	if (starts_with_either(rest, '-', '+')) {
		out->minus = rest.p[0] == '-';
		rest = str_skip(rest, 1);
	}
	out->whole = cut_digits(&rest);
	if (starts_with_either(rest, '.', '.')) {
		rest = str_skip(rest, 1);
		out->fraction = cut_digits(&rest);
	}
	if (out->whole.n + out->fraction.n == 0)
		return false;
	if (starts_with_either(rest, 'e', 'E')) {
		out->exponent = rest;
		rest = str_skip(rest, 1);
		if (starts_with_either(rest, '-', '+'))
			rest = str_skip(rest, 1);
		if (cut_digits(&rest).n == 0)
			return false;
	}
	return rest.n == 0;
}

bool value_number_ok(struct str text)
{
	struct number number;

	return number_parse(text, &number);
}

void value_put_number(struct buf *buf, struct str text)
{
	struct number number;

	must(number_parse(text, &number));
	while (number.whole.n > 0 && number.whole.p[0] == '0')
		number.whole = str_skip(number.whole, 1);
	if (number.minus)
		buf_c(buf, '-');
	buf_str(buf, number.whole.n == 0 ? STR("0") : number.whole);
	if (number.fraction.n > 0) {
		buf_c(buf, '.');
		buf_str(buf, number.fraction);
	}
	buf_str(buf, number.exponent);
}

/* Whether `text`, without escapes, is base64 with its padding. */
static bool base64_plain_ok(struct str text)
{
	size_t n = text.n, i = base64_chars_n(text);

	if (n % 4 != 0)
		return false;
	return n - i == 0 || (n - i <= 2 && text.p[i] == '=' && text.p[n - 1] == '=');
}

/* Whether a raw JSON string body is base64; some writers escape its slashes. */
static bool base64_ok(struct str raw)
{
	struct buf plain;
	bool ok;

	if (str_find(raw, '\\') == raw.n)
		return base64_plain_ok(raw);
	buf_init(&plain, raw.n);
	ok = json_unescape(&plain, raw) && base64_plain_ok(buf_view(&plain));
	buf_release(&plain);
	return ok;
}

/* Reads the string of an S, N or B, or of a set's member; returns what is wrong, or NULL. */
static const char *read_string(struct json *json, enum value_tag tag, struct str *out)
{
	if (json_peek(json) != JSON_STRING) {
		json_skip(json);
		return "its content is not a string";
	}
	*out = json_string(json);
	if (tag == VALUE_N && !value_number_ok(*out))
		return "not a number";
	if (tag == VALUE_B && !base64_ok(*out))
		return "not base64";
	return NULL;
}

/* Reads the array of a set whose members are of `tag`. */
static const char *read_set(struct json *json, enum value_tag tag, struct str *out)
{
	const char *error = NULL, *from;
	struct str member;

	if (json_peek(json) != JSON_ARRAY) {
		json_skip(json);
		return "its content is not an array";
	}
	from = json->p;
	json_enter(json, JSON_ARRAY);
	while (json_item(json)) {
		const char *wrong = read_string(json, tag, &member);

		if (error == NULL)
			error = wrong;
	}
	*out = str_make(from, (size_t)(json->p - from));
	return error;
}

/* Reads a BOOL's true or false, or a NULL's true. */
static const char *read_bool(struct json *json, enum value_tag tag, struct str *out)
{
	enum json_kind kind = json_peek(json);

	*out = json_skip(json);
	if (kind == JSON_TRUE || (kind == JSON_FALSE && tag == VALUE_BOOL))
		return NULL;
	return tag == VALUE_BOOL ? "its content is not true or false" : "its content is not true";
}

/* Reads a map's object or a list's array. */
static const char *read_nested(struct json *json, enum value_tag tag, struct str *out)
{
	enum json_kind kind = json_peek(json);

	*out = json_skip(json);
	if (kind == (tag == VALUE_M ? JSON_OBJECT : JSON_ARRAY))
		return NULL;
	return tag == VALUE_M ? "its content is not an object" : "its content is not an array";
}

/* Reads what follows the tag; returns what is wrong, or NULL. */
static const char *read_payload(struct json *json, enum value_tag tag, struct str *out)
{
	switch (tag) {
	case VALUE_S:
	case VALUE_N:
	case VALUE_B:
		return read_string(json, tag, out);
	case VALUE_SS:
		return read_set(json, VALUE_S, out);
	case VALUE_NS:
		return read_set(json, VALUE_N, out);
	case VALUE_BS:
		return read_set(json, VALUE_B, out);
	case VALUE_BOOL:
	case VALUE_NULL:
		return read_bool(json, tag, out);
	case VALUE_M:
	case VALUE_L:
		return read_nested(json, tag, out);
	case VALUE_BAD:
		break;
	}
	json_skip(json);
	return "an unknown type tag";
}

struct str value_tag_word(enum value_tag tag)
{
	switch (tag) {
	case VALUE_BAD:
		return STR_NONE;
	case VALUE_S:
		return STR("S");
	case VALUE_N:
		return STR("N");
	case VALUE_B:
		return STR("B");
	case VALUE_BOOL:
		return STR("BOOL");
	case VALUE_NULL:
		return STR("NULL");
	case VALUE_M:
		return STR("M");
	case VALUE_L:
		return STR("L");
	case VALUE_SS:
		return STR("SS");
	case VALUE_NS:
		return STR("NS");
	case VALUE_BS:
		return STR("BS");
	}
	return STR_NONE;
}

/* Two characters as one number, to switch by. */
#define PAIR(a, b) ((unsigned char)(a) << 8 | (unsigned char)(b))

/* The tag of a raw key, VALUE_BAD when it is none. */
static enum value_tag tag_of(struct str raw)
{
	if (raw.n == 1) {
		switch (raw.p[0]) {
		case 'S':
			return VALUE_S;
		case 'N':
			return VALUE_N;
		case 'B':
			return VALUE_B;
		case 'M':
			return VALUE_M;
		case 'L':
			return VALUE_L;
		default:
			return VALUE_BAD;
		}
	}
	if (raw.n == 2) {
		switch (PAIR(raw.p[0], raw.p[1])) {
		case PAIR('S', 'S'):
			return VALUE_SS;
		case PAIR('N', 'S'):
			return VALUE_NS;
		case PAIR('B', 'S'):
			return VALUE_BS;
		default:
			return VALUE_BAD;
		}
	}
	if (str_eq(raw, STR("BOOL")))
		return VALUE_BOOL;
	return str_eq(raw, STR("NULL")) ? VALUE_NULL : VALUE_BAD;
}

/* Reads the object of a value: one tag and what belongs to it; returns what is wrong, or NULL. */
static const char *read_tagged(struct json *json, struct value *out)
{
	const char *error = "no type tag";
	struct str key;

	json_enter(json, JSON_OBJECT);
	if (json_key(json, &key)) {
		out->tag = tag_of(key);
		error = read_payload(json, out->tag, &out->payload);
		while (json_key(json, &key)) {
			error = "two type tags";
			json_skip(json);
		}
	}
	return error;
}

/*
 * Reads what most values are, {"S":"text"} without white space. False, with nothing consumed, when
 * it is anything else, or wrong.
 */
static bool read_simple(struct json *json, struct value *out)
{
	const char *from = json->p;

	if (json->end - from < 8 || memcmp(from, "{\"", 2) != 0 ||
	    memcmp(from + 3, "\":\"", 3) != 0 || json->depth >= JSON_DEPTH_MAX ||
	    json->error != NULL)
		return false;
	out->tag = tag_of(str_make(from + 2, 1));
	if (out->tag != VALUE_S && out->tag != VALUE_N && out->tag != VALUE_B)
		return false;
	json->p = from + 5;
	if (read_string(json, out->tag, &out->payload) == NULL && json->p < json->end &&
	    *json->p == '}') {
		json->p++;
		out->text = str_make(from, (size_t)(json->p - from));
		return true;
	}
	json->p = from;
	json->error = NULL;
	return false;
}

/* Reads any value. */
static void read_any(struct json *json, struct value *out)
{
	enum json_kind kind = json_peek(json);
	const char *from = json->p, *error;

	*out = (struct value){0};
	if (kind == JSON_OBJECT) {
		error = read_tagged(json, out);
	} else {
		json_skip(json);
		error = "not an object";
	}
	if (json->error != NULL)
		error = json->error;
	out->text = str_make(from, (size_t)(json->p - from));
	if (error == NULL)
		return;
	out->tag = VALUE_BAD;
	out->payload = STR_NONE;
	out->error = error;
}

void value_scan(struct json *json, struct value *out)
{
	*out = (struct value){0};
	if (!read_simple(json, out))
		read_any(json, out);
}
