/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <string.h>

#include "tests/check.h"

/* Whether a text is one JSON value and nothing else. */
static bool accepts(struct str text)
{
	struct json json;

	json_init(&json, text);
	json_skip(&json);
	return json_end(&json);
}

static void json_accepts_the_well_formed(void)
{
	static const char *const good[] = {
		"0",
		"-0",
		"1",
		"-1",
		"10",
		"0.0",
		"1.5",
		"-0.1e-2",
		"1E5",
		"1e+5",
		"1E-05",
		"0e1",
		"0E+1",
		"123456789012345678901234567890.12345678901234567890e99999",
		"true",
		"false",
		"null",
		"\"\"",
		"\"a\"",
		" 1 ",
		"\t\n\r 1\t\n\r ",
		"[]",
		"[ ]",
		"{}",
		"{ }",
		"[1]",
		"[1,2]",
		"[ 1 , 2 ]",
		"[[],[[]],{}]",
		"{\"a\":1}",
		"{\"\":0}",
		"{ \"a\" : 1 , \"b\" : [ ] }",
		"{\"a\":{\"a\":{\"a\":null}}}",
		"{\"a\":1,\"a\":2}",
		"[null,true,false,1,\"x\",{},[]]",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\\u0000\\u001f\\uABCD\\uabcd\"",
		"\"\\uD83D\\uDE00\"",
		"\"\\uD83D\"",
		"\"\\uDE00\\uD83D\"",
		"\"\x7F\"",
		"\"\xC3\xA9\"",
		"\"/\"",
		"\"\xFF\""};

	for (size_t i = 0; i < ARRAY_N(good); i++) {
		if (!CHECK(accepts(str_of(good[i]))))
			fprintf(stderr, "  %s\n", good[i]);
	}
}

static void json_refuses_the_malformed(void)
{
	static const char *const bad[] = {
		/* numbers */
		"-", "+1", "01", "-01", "00", "1.", ".1", "-.1", "1.e1", "1e", "1e+", "1E-",
		"1e1.5", "0x1", "1a", "1 2", "--1", "-a", "NaN", "Infinity", "-Infinity", "1_000",
		"0e", "1.2.3", "\xEF\xBC\x91",
		/* words */
		"tru", "True", "nul", "truex", "fals", "TRUE", "undefined", "nullnull",
		/* strings */
		"\"", "\"a", "a\"", "'a'", "\"\\\"", "\"\\", "\"\\x\"", "\"\\u\"", "\"\\u12\"",
		"\"\\u123g\"", "\"\\u12 4\"", "\"\\U1234\"", "\"\\a\"", "\"\\0\"", "\"\n\"",
		"\"\t\"", "\"\x1F\"", "\"a\"b", "\"\\u00e", "\"a\" \"b\"", "\"\\\n\"",
		/* structure */
		"", " ", "[", "]", "{", "}", "[1", "[1,", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]",
		"[1}", "{]", "[1]]", "[[1]", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{,}",
		"{,\"a\":1}", "{a:1}", "{1:1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\",1}", "{\"a\";1}",
		"{\"a\"=1}", "{\"a\"\"1}", "{\"a\":1 \"b\":2}", "{\"a\":1}}", "{}{}", "[][]", ":",
		",", "{null:1}", "[1,2}", "{\"a\":[}", "[\"a\":1]", "{\"a\":1;}", "[\"\"", "[\"\",",
		/* white space and signs of other formats */
		"\v1", "\f1", "\302\2401", "\xEF\xBB\xBF{}", "//x\n1", "/**/1", "1#", "[1]x",
		"\x01", "(1)"};

	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		if (!CHECK(!accepts(str_of(bad[i]))))
			fprintf(stderr, "  %s\n", bad[i]);
	}
	CHECK(!accepts(STR_NONE));
	CHECK(!accepts(str_make("1\0", 2)));
	CHECK(!accepts(str_make("\"\0\"", 3)));
	CHECK(!accepts(str_make("\"\\\0\"", 4)));
	CHECK(!accepts(str_make("[\0]", 3)));
}

/* Every cut of a document that uses everything is refused, without reading past its end. */
static void json_refuses_every_cut(void)
{
	static const char text[] =
		"{\"key\\u0041 that is long enough\": [true, false, null, -1.5e+3,"
		" \"a string of more than sixteen bytes \\uD83D\\uDE00\"], \"\": {}}";

	CHECK(accepts(str_of(text)));
	for (size_t n = 0; n + 1 < sizeof(text); n++) {
		char *cut = mem_alloc(n + 1);

		memcpy(cut, text, n);
		CHECK(!accepts(str_make(cut, n)));
		mem_free(cut);
	}
}

/* Whatever stops a string is found at every place, also across the steps of the vector code. */
static void json_finds_string_stops_anywhere(void)
{
	char text[80];

	for (size_t n = 0; n < 70; n++) {
		for (size_t at = 0; at < n; at++) {
			struct json json;
			struct str got;

			memset(text, ' ', sizeof(text));
			text[0] = '"';
			text[n + 1] = '"';
			json_init(&json, str_make(text, n + 2));
			got = json_string(&json);
			CHECK(json_end(&json) && got.n == n && !json.high && !json.escaped);
			text[1 + at] = 0x1F;
			CHECK(!accepts(str_make(text, n + 2)));
			text[1 + at] = '"';
			CHECK(!accepts(str_make(text, n + 2)));
			text[1 + at] = (char)0x80;
			json_init(&json, str_make(text, n + 2));
			got = json_string(&json);
			CHECK(json_end(&json) && got.n == n && json.high);
			text[1 + at] = '\\';
			text[2 + at] = at + 1 < n ? 'n' : '"';
			json_init(&json, str_make(text, n + 2));
			got = json_string(&json);
			CHECK_INT(json_end(&json), at + 1 < n);
			CHECK(at + 1 == n || (json.escaped && got.n == n));
		}
	}
}

/* High bytes behind the closing quote do not count. */
static void json_high_is_about_strings_only(void)
{
	struct json json;
	struct str key;

	json_init(&json, STR("{\"a\":\"b\",\"c\":\"\xC3\xA9 and some more text\"}"));
	json_enter(&json, JSON_OBJECT);
	json_key(&json, &key);
	json_string(&json);
	CHECK(!json.high);
	json_key(&json, &key);
	CHECK(!json.high);
	json_string(&json);
	CHECK(json.high);
	CHECK(!json_key(&json, &key) && json_end(&json));
}

static void json_walks_a_document(void)
{
	static const char text[] = " {\"n\":-1.50e1, \"s\":\"a\\nb\", \"t\":true,\"f\":false,"
				   "\"z\":null,\"l\":[1, [2] ,{}],\"o\":{\"k\":\"v\"}} ";
	struct json json;
	struct str key;
	int n = 0;

	json_init(&json, str_of(text));
	CHECK_INT(json_peek(&json), JSON_OBJECT);
	CHECK(json_enter(&json, JSON_OBJECT));
	CHECK(json_key(&json, &key));
	CHECK_STR(key, "n");
	CHECK_INT(json_peek(&json), JSON_NUMBER);
	CHECK_STR(json_number(&json), "-1.50e1");
	CHECK(json_key(&json, &key));
	CHECK_INT(json_peek(&json), JSON_STRING);
	CHECK_STR(json_string(&json), "a\\nb");
	CHECK(json.escaped);
	CHECK(json_key(&json, &key) && !json.escaped);
	CHECK_INT(json_peek(&json), JSON_TRUE);
	CHECK(json_bool(&json));
	CHECK(json_key(&json, &key));
	CHECK_INT(json_peek(&json), JSON_FALSE);
	CHECK(!json_bool(&json));
	CHECK(json_key(&json, &key));
	CHECK_INT(json_peek(&json), JSON_NULL);
	json_null(&json);
	CHECK(json_key(&json, &key));
	CHECK_INT(json_peek(&json), JSON_ARRAY);
	CHECK(json_enter(&json, JSON_ARRAY));
	while (json_item(&json)) {
		static const char *const want[] = {"1", "[2]", "{}"};

		CHECK_STR(json_skip(&json), want[n++ % 3]);
	}
	CHECK_INT(n, 3);
	CHECK(json_key(&json, &key));
	CHECK_STR(json_skip(&json), "{\"k\":\"v\"}");
	CHECK(!json_key(&json, &key));
	CHECK_INT(json_peek(&json), JSON_NONE);
	CHECK(json_end(&json));
}

/* After an error nothing is returned any more, and the first words stay. */
static void json_errors_are_sticky(void)
{
	struct json json;
	struct str key;

	json_init(&json, STR("{\"a\":1,\"b\":[1,2]}"));
	json_enter(&json, JSON_OBJECT);
	json_key(&json, &key);
	CHECK_INT(json_string(&json).n, 0);
	CHECK(json.error != NULL);
	CHECK_STR(str_of(json.error), "a string was expected");
	CHECK_INT(json.p - json.start, 5);
	CHECK_INT(json_peek(&json), JSON_NONE);
	CHECK_INT(json_number(&json).n, 0);
	CHECK_INT(json_skip(&json).n, 0);
	CHECK(!json_bool(&json));
	json_null(&json);
	CHECK(!json_enter(&json, JSON_OBJECT));
	CHECK(!json_key(&json, &key) && key.n == 0);
	CHECK(!json_item(&json));
	json_fail(&json, "later words");
	CHECK(!json_end(&json));
	CHECK_STR(str_of(json.error), "a string was expected");

	json_init(&json, STR("[1]"));
	json_fail(&json, "own words");
	CHECK(!json_enter(&json, JSON_ARRAY));
	CHECK_STR(str_of(json.error), "own words");
}

static void json_refuses_the_wrong_kind(void)
{
	static const char *const values[] = {"{}", "[]", "\"s\"", "1", "true", "null"};

	for (size_t i = 0; i < ARRAY_N(values); i++) {
		struct json json;

		json_init(&json, str_of(values[i]));
		json_enter(&json, JSON_OBJECT);
		CHECK_INT(json.error == NULL, i == 0);
		json_init(&json, str_of(values[i]));
		json_enter(&json, JSON_ARRAY);
		CHECK_INT(json.error == NULL, i == 1);
		json_init(&json, str_of(values[i]));
		json_string(&json);
		CHECK_INT(json.error == NULL, i == 2);
		json_init(&json, str_of(values[i]));
		json_number(&json);
		CHECK_INT(json.error == NULL, i == 3);
		json_init(&json, str_of(values[i]));
		CHECK_INT(json_bool(&json), i == 4);
		CHECK_INT(json.error == NULL, i == 4);
		json_init(&json, str_of(values[i]));
		json_null(&json);
		CHECK_INT(json.error == NULL, i == 5);
	}
}

static void json_end_wants_the_end(void)
{
	struct json json;
	struct str key;

	json_init(&json, STR("[1]"));
	json_enter(&json, JSON_ARRAY);
	json_item(&json);
	json_skip(&json);
	CHECK(!json_end(&json));
	json_init(&json, STR("{\"a\":1} 2"));
	json_enter(&json, JSON_OBJECT);
	json_key(&json, &key);
	json_skip(&json);
	CHECK(!json_key(&json, &key));
	CHECK(!json_end(&json));
	CHECK_STR(str_of(json.error), "something follows the end");
}

static void json_limits_depth(void)
{
	for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
		struct buf buf;

		buf_init(&buf, 10000);
		for (int i = 0; i < depth; i++)
			buf_str(&buf, i % 2 == 0 ? STR("[") : STR("{\"a\":"));
		buf_c(&buf, '1');
		for (int i = depth; i-- > 0;)
			buf_c(&buf, i % 2 == 0 ? ']' : '}');
		CHECK_INT(accepts(buf_view(&buf)), depth <= JSON_DEPTH_MAX);
		buf_release(&buf);
	}
}

static void json_unescapes(void)
{
	static const struct {
		const char *raw, *plain; /* NULL: refused */
	} rows[] = {
		{"", ""},
		{"plain \xC3\xA9", "plain \xC3\xA9"},
		{"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
		{"\\u0041\\u00e9\\u20AC", "A\u00E9\u20AC"},
		{"x\\uD83D\\uDE00y", "x\U0001F600y"},
		{"\\uDBFF\\uDFFF", "\U0010FFFF"},
		{"\\uD800\\uDC00", "\U00010000"},
		{"\\uD83D", "\uFFFD"},
		{"\\uD83Dx", "\uFFFDx"},
		{"\\uD83D\\n", "\uFFFD\n"},
		{"\\uD83D\\u0041", "\uFFFD"
				   "A"},
		{"\\uDE00", "\uFFFD"},
		{"\\uD83D\\uD83D\\uDE00", "\uFFFD\U0001F600"},
		{"\\uDE00\\uD83D", "\uFFFD\uFFFD"},
		{"\\uDE00\\uDE00", "\uFFFD\uFFFD"},
		{"\\", NULL},
		{"a\\x", NULL},
		{"\\u12", NULL},
		{"\\u123x", NULL},
		{"\\uD83D\\u12", NULL},
		{"\\uD83D\\", NULL},
	};
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct buf buf;

		buf_init(&buf, 100);
		if (!CHECK_INT(json_unescape(&buf, str_of(rows[i].raw)), rows[i].plain != NULL))
			fprintf(stderr, "  %s\n", rows[i].raw);
		if (rows[i].plain != NULL) {
			CHECK_STR(buf_view(&buf), rows[i].plain);
			CHECK_STR(json_plain(str_of(rows[i].raw), &arena), rows[i].plain);
		}
		buf_release(&buf);
	}
	arena_release(&arena);
}

/* A buffer's maximum holds for unescaping as well. */
static void json_unescape_keeps_the_maximum(void)
{
	struct buf buf;

	buf_init(&buf, 3);
	CHECK(json_unescape(&buf, STR("a\\u0062c")));
	CHECK_STR(buf_view(&buf), "abc");
	CHECK(!json_unescape(&buf, STR("\\n")));
	CHECK(buf.failed);
	buf_release(&buf);
}

static void json_text_is_unescaped_and_owned(void)
{
	char text[] = "[\"a\\u0062\",\"plain\",7]";
	struct arena arena;
	struct json json;
	struct str a, b;

	arena_init(&arena);
	json_init(&json, str_of(text));
	json_enter(&json, JSON_ARRAY);
	json_item(&json);
	a = json_text(&json, &arena);
	json_item(&json);
	b = json_text(&json, &arena);
	json_item(&json);
	CHECK_INT(json_text(&json, &arena).n, 0);
	CHECK(json.error != NULL);
	memset(text, 'x', sizeof(text));
	CHECK_STR(a, "ab");
	CHECK_STR(b, "plain");
	arena_release(&arena);
}

static void json_compares_keys(void)
{
	CHECK(json_key_is(STR("Limit"), "Limit"));
	CHECK(json_key_is(STR("L\\u0069mit"), "Limit"));
	CHECK(json_key_is(STR("\\u004cimi\\u0074"), "Limit"));
	CHECK(!json_key_is(STR("limit"), "Limit"));
	CHECK(!json_key_is(STR("Limi"), "Limit"));
	CHECK(!json_key_is(STR("Limit\\u0073"), "Limit"));
	CHECK(!json_key_is(STR("Limi\\u0073"), "Limit"));
	CHECK(json_key_is(STR(""), ""));
	CHECK(!json_key_is(STR("\\u0061"), ""));
	CHECK(json_key_is(STR("\\/"), "/"));
}

static void json_puts_strings(void)
{
	static const char *const rows[][2] = {
		{"", "\"\""},
		{"plain", "\"plain\""},
		{"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
		{"\n\r\t\b\f\x01\x1F\x7F", "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\x7F\""},
		{"\u00E9\u20AC\U0001F600", "\"\u00E9\u20AC\U0001F600\""},
		{"a\xFFz", "\"a\uFFFDz\""},
		{"\xE2\x82", "\"\uFFFD\""},
		{"\xE2\x82x", "\"\uFFFDx\""},
		{"\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
		{"\x80\x80\"", "\"\uFFFD\uFFFD\\\"\""},
	};
	struct buf buf;

	buf_init(&buf, 1000);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		buf_clear(&buf);
		json_put(&buf, str_of(rows[i][0]));
		CHECK_STR(buf_view(&buf), rows[i][1]);
	}
	buf_clear(&buf);
	json_put(&buf, str_make("\0", 1));
	json_put_raw(&buf, STR("a\\n"));
	CHECK_STR(buf_view(&buf), "\"\\u0000\"\"a\\n\"");
	buf_release(&buf);
}

static void json_sets_commas(void)
{
	struct buf buf;

	buf_init(&buf, 100);
	json_comma(&buf);
	buf_c(&buf, '{');
	for (int i = 0; i < 3; i++) {
		json_comma(&buf);
		buf_fmt(&buf, "\"k%d\":", i);
		json_comma(&buf);
		buf_str(&buf, i == 1 ? STR("[]") : STR("[1"));
		if (i != 1)
			json_comma(&buf);
		buf_str(&buf, i == 1 ? STR("") : STR("2]"));
	}
	buf_c(&buf, '}');
	CHECK_STR(buf_view(&buf), "{\"k0\":[1,2],\"k1\":[],\"k2\":[1,2]}");
	buf_release(&buf);
}

/* What needs an escape, or is not UTF-8, is found at every place in texts of every length. */
static void json_puts_special_bytes_anywhere(void)
{
	static const struct {
		char byte;
		const char *shown;
	} cases[] = {
		{'"', "\\\""}, {'\n', "\\n"}, {'\x1f', "\\u001f"}, {(char)0xFF, "\xEF\xBF\xBD"}};
	struct buf got, want;
	char text[50];

	buf_init(&got, 1000);
	buf_init(&want, 1000);
	for (size_t n = 1; n <= sizeof(text); n++) {
		for (size_t k = 0; k < n * ARRAY_N(cases); k++) {
			size_t at = k / ARRAY_N(cases), i = k % ARRAY_N(cases);

			memset(text, 'x', n);
			buf_clear(&want);
			buf_c(&want, '"');
			buf_add(&want, text, at);
			buf_str(&want, str_of(cases[i].shown));
			buf_add(&want, text, n - at - 1);
			buf_c(&want, '"');
			text[at] = cases[i].byte;
			buf_clear(&got);
			json_put(&got, str_make(text, n));
			if (!CHECK(str_eq(buf_view(&got), buf_view(&want))))
				return;
		}
	}
	buf_release(&got);
	buf_release(&want);
}

int main(void)
{
	CHECK_RUN(json_accepts_the_well_formed);
	CHECK_RUN(json_refuses_the_malformed);
	CHECK_RUN(json_refuses_every_cut);
	CHECK_RUN(json_finds_string_stops_anywhere);
	CHECK_RUN(json_high_is_about_strings_only);
	CHECK_RUN(json_walks_a_document);
	CHECK_RUN(json_errors_are_sticky);
	CHECK_RUN(json_refuses_the_wrong_kind);
	CHECK_RUN(json_end_wants_the_end);
	CHECK_RUN(json_limits_depth);
	CHECK_RUN(json_unescapes);
	CHECK_RUN(json_unescape_keeps_the_maximum);
	CHECK_RUN(json_text_is_unescaped_and_owned);
	CHECK_RUN(json_compares_keys);
	CHECK_RUN(json_puts_strings);
	CHECK_RUN(json_sets_commas);
	CHECK_RUN(json_puts_special_bytes_anywhere);
	return check_end();
}
