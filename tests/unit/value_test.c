/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/change/value.h"

#include "tests/check.h"

/* Reads one value that fills `text` and checks that the reader ends after it. */
static struct value read_one(const char *text)
{
	struct value value;
	struct json json;

	json_init(&json, str_of(text));
	value_scan(&json, &value);
	CHECK(json_end(&json));
	CHECK_STR(value.text, text);
	return value;
}

static void values_of_all_ten_types(void)
{
	const struct {
		const char *text;
		enum value_tag tag;
		const char *payload;
	} cases[] = {
		{"{\"S\":\"a \\\"b\\\"\"}", VALUE_S, "a \\\"b\\\""},
		{"{\"S\":\"\"}", VALUE_S, ""},
		{"{ \"N\" : \"-1.5E-130\" }", VALUE_N, "-1.5E-130"},
		{"{\"B\":\"AAEC\"}", VALUE_B, "AAEC"},
		{"{\"B\":\"AAE=\"}", VALUE_B, "AAE="},
		{"{\"B\":\"\"}", VALUE_B, ""},
		{"{\"B\":\"\\/\\/8=\"}", VALUE_B, "\\/\\/8="},
		{"{\"BOOL\":true}", VALUE_BOOL, "true"},
		{"{\"BOOL\":false}", VALUE_BOOL, "false"},
		{"{\"NULL\":true}", VALUE_NULL, "true"},
		{"{\"M\":{\"a\":{\"S\":\"x\"}}}", VALUE_M, "{\"a\":{\"S\":\"x\"}}"},
		{"{\"M\":{}}", VALUE_M, "{}"},
		{"{\"L\":[{\"N\":\"1\"}, 7]}", VALUE_L, "[{\"N\":\"1\"}, 7]"},
		{"{\"SS\":[\"a\",\"b\"]}", VALUE_SS, "[\"a\",\"b\"]"},
		{"{\"NS\":[\"1\",\"1E125\"]}", VALUE_NS, "[\"1\",\"1E125\"]"},
		{"{\"BS\":[\"AA==\"]}", VALUE_BS, "[\"AA==\"]"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct value value = read_one(cases[i].text);

		CHECK_INT(value.tag, cases[i].tag);
		CHECK_STR(value.payload, cases[i].payload);
		CHECK(value.error == NULL);
	}
}

static void malformed_values_keep_their_text(void)
{
	const char *cases[][2] = {
		{"{}", "no type tag"},
		{"7", "not an object"},
		{"\"S\"", "not an object"},
		{"null", "not an object"},
		{"[{\"S\":\"a\"}]", "not an object"},
		{"{\"X\":\"a\"}", "an unknown type tag"},
		{"{\"s\":\"a\"}", "an unknown type tag"},
		{"{\"\xe8\xa9\":\"a\"}", "an unknown type tag"},
		{"{\"S\":\"a\",\"N\":\"1\"}", "two type tags"},
		{"{\"S\":\"a\",\"S\":\"b\"}", "two type tags"},
		{"{\"S\":1}", "its content is not a string"},
		{"{\"N\":1}", "its content is not a string"},
		{"{\"N\":\"1x\"}", "not a number"},
		{"{\"N\":\"\"}", "not a number"},
		{"{\"N\":\"NaN\"}", "not a number"},
		{"{\"B\":\"AAE\"}", "not base64"},
		{"{\"B\":\"A===\"}", "not base64"},
		{"{\"B\":\"AA=A\"}", "not base64"},
		{"{\"B\":\"AA-=\"}", "not base64"},
		{"{\"B\":\"A-E_\"}", "not base64"},
		{"{\"BOOL\":\"true\"}", "its content is not true or false"},
		{"{\"BOOL\":null}", "its content is not true or false"},
		{"{\"NULL\":false}", "its content is not true"},
		{"{\"NULL\":null}", "its content is not true"},
		{"{\"M\":[]}", "its content is not an object"},
		{"{\"L\":{}}", "its content is not an array"},
		{"{\"SS\":\"a\"}", "its content is not an array"},
		{"{\"SS\":[\"a\",1]}", "its content is not a string"},
		{"{\"NS\":[\"1\",\"b\",\"2\"]}", "not a number"},
		{"{\"BS\":[\"AA==\",\"A\"]}", "not base64"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct value value = read_one(cases[i][0]);

		CHECK_INT(value.tag, VALUE_BAD);
		CHECK_STR(str_of(value.error), cases[i][1]);
		CHECK_INT(value.payload.n, 0);
	}
}

static void malformed_json_is_the_readers_error(void)
{
	const char *cases[] = {
		"",	      "{",	    "{\"S\"",	"{\"S\":", "{\"S\":\"",	  "{\"L\":[",
		"{\"SS\":[1", "{\"M\":{]}", "{\"S\":}", "{\"Q\"}", "{\"NS\":[,]}"};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct value value;
		struct json json;

		json_init(&json, str_of(cases[i]));
		value_scan(&json, &value);
		CHECK(!json_end(&json));
		CHECK_INT(value.tag, VALUE_BAD);
		CHECK(value.error != NULL);
	}
}

static void values_follow_one_another(void)
{
	const char *tags[] = {"S", "", "N", "SS"};
	struct value value;
	struct json json;
	struct str name;
	size_t n = 0;

	json_init(&json, STR("{\"a\":{\"S\":\"x\"},\"b\":{\"S\":{},\"N\":[]},\"c\":{\"N\":\"1\"},"
			     "\"d\":{\"SS\":[]}}"));
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &name)) {
		value_scan(&json, &value);
		CHECK_STR(value_tag_word(value.tag), tags[n++]);
	}
	CHECK(json_end(&json));
	CHECK_INT(n, 4);
}

static void numbers_in_the_grammar_of_json(void)
{
	const char *cases[][2] = {
		{"0", "0"},
		{"-0", "-0"},
		{"007", "7"},
		{"-00.50", "-0.50"},
		{"+1", "1"},
		{".5", "0.5"},
		{"-.5E3", "-0.5E3"},
		{"5.", "5"},
		{"5.e-3", "5e-3"},
		{"000", "0"},
		{"1E125", "1E125"},
		{"1E-130", "1E-130"},
		{"1e+05", "1e+05"},
		{"99999999999999999999999999999999999999",
		 "99999999999999999999999999999999999999"},
		{"0.12345678901234567890123456789012345678",
		 "0.12345678901234567890123456789012345678"},
	};
	const char *none[] = {"",   "-",  "+",	 ".",	"-.",  "e5",  "1e", "1e+",    "1.2.3",
			      "1 ", " 1", "0x1", "--1", "Inf", "1_0", "1,", "\\u0031"};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct json json;
		struct buf buf;

		buf_init(&buf, 100);
		CHECK(value_number_ok(str_of(cases[i][0])));
		value_put_number(&buf, str_of(cases[i][0]));
		CHECK_STR(buf_view(&buf), cases[i][1]);
		json_init(&json, buf_view(&buf));
		json_number(&json);
		CHECK(json_end(&json));
		buf_release(&buf);
	}
	for (size_t i = 0; i < ARRAY_N(none); i++)
		CHECK(!value_number_ok(str_of(none[i])));
}

int main(void)
{
	CHECK_RUN(values_of_all_ten_types);
	CHECK_RUN(malformed_values_keep_their_text);
	CHECK_RUN(malformed_json_is_the_readers_error);
	CHECK_RUN(values_follow_one_another);
	CHECK_RUN(numbers_in_the_grammar_of_json);
	return check_end();
}
