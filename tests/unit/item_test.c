/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/rng.h"
#include "tests/check.h"
#include "tests/model/decimal.h"
#include "tests/model/item.h"

/* Parses and formats; an empty string when it is refused. */
static struct str canonical(const char *text, char out[DECIMAL_TEXT_MAX])
{
	struct decimal decimal;

	if (decimal_parse(&decimal, str_of(text)) != DECIMAL_OK)
		return STR("");
	return str_make(out, decimal_format(&decimal, out));
}

static const struct {
	const char *text, *want;
} numbers[] = {
	{"0", "0"},
	{"-0", "0"},
	{"0.000", "0"},
	{"0E+125", "0"},
	{"007", "7"},
	{"+7", "7"},
	{"-7.50", "-7.5"},
	{".5", "0.5"},
	{"5.", "5"},
	{"100", "100"},
	{"1e2", "100"},
	{"1E-2", "0.01"},
	{"12.30E1", "123"},
	{"1E-20", "0.00000000000000000001"},
	{"1E-21", "1E-21"},
	{"1E39", "1000000000000000000000000000000000000000"},
	{"1E40", "1E+40"},
	{"-1.25E+125", "-1.25E+125"},
	{"1E-130", "1E-130"},
	{"99999999999999999999999999999999999999E88",
	 "9.9999999999999999999999999999999999999E+125"},
	{"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
	{"0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"},
	{"1234567890123456789012345678901234567800", "1234567890123456789012345678901234567800"},
	{"123456789012345678901234567890123456789", ""},
	{"1.00000000000000000000000000000000000001", ""},
	{"1E126", ""},
	{"1E-131", ""},
	{"1E99999999999999", ""},
	{"", ""},
	{"-", ""},
	{".", ""},
	{"1e", ""},
	{"1e+", ""},
	{"1.2.3", ""},
	{" 1", ""},
	{"1 ", ""},
	{"0x10", ""},
	{"NaN", ""},
	{"Infinity", ""},
};

static void numbers_have_one_form(void)
{
	char out[DECIMAL_TEXT_MAX], again[DECIMAL_TEXT_MAX + 1] = {0};

	for (size_t i = 0; i < ARRAY_N(numbers); i++) {
		struct str got = canonical(numbers[i].text, out);

		CHECK_STR(got, numbers[i].want);
		mem_copy(again, got.p, got.n);
		again[got.n] = 0;
		CHECK_STR(canonical(again, out), numbers[i].want);
	}
}

static void numbers_out_of_range_say_why(void)
{
	struct decimal d;

	CHECK_INT(decimal_parse(&d, STR("1E126")), DECIMAL_TOO_LARGE);
	CHECK_INT(decimal_parse(&d, STR("1E-131")), DECIMAL_TOO_SMALL);
	CHECK_INT(decimal_parse(&d, STR("123456789012345678901234567890123456789")),
		  DECIMAL_TOO_PRECISE);
	CHECK_INT(decimal_parse(&d, STR("x")), DECIMAL_MALFORMED);
}

static const struct {
	const char *a, *b, *sum;
	int order;
} sums[] = {
	{"1", "2", "3", -1},
	{"2", "-2", "0", 1},
	{"-1", "-2", "-3", 1},
	{"0", "5", "5", -1},
	{"0.1", "0.2", "0.3", -1},
	{"999", "1", "1000", 1},
	{"1000", "-1", "999", 1},
	{"-1000", "1", "-999", -1},
	{"1E+125", "1E+125", "2E+125", 0},
	{"1E-130", "-1E-130", "0", 1},
	{"9007199254740993", "1", "9007199254740994", 1},
	{"12345678901234567890123456789012345678", "1", "12345678901234567890123456789012345679",
	 1},
	{"99999999999999999999999999999999999999", "1", "100000000000000000000000000000000000000",
	 1},
	{"99999999999999999999999999999999999999", "2", "", 1},
	{"1E+125", "1", "", 1},
	{"9E+125", "9E+125", "", 0},
	{"1.5", "1.50", "3", 0},
	{"10", "9", "19", 1},
	{"-10", "9", "-1", -1},
};

static void numbers_add_and_compare(void)
{
	for (size_t i = 0; i < ARRAY_N(sums); i++) {
		struct decimal a, b, sum;
		char out[DECIMAL_TEXT_MAX];
		bool ok;

		CHECK_INT(decimal_parse(&a, str_of(sums[i].a)), DECIMAL_OK);
		CHECK_INT(decimal_parse(&b, str_of(sums[i].b)), DECIMAL_OK);
		CHECK_INT(decimal_cmp(&a, &b), sums[i].order);
		CHECK_INT(decimal_cmp(&b, &a), -sums[i].order);
		ok = decimal_add(&sum, &a, &b) == DECIMAL_OK;
		CHECK_STR(ok ? str_make(out, decimal_format(&sum, out)) : STR(""), sums[i].sum);
		ok = decimal_add(&sum, &b, &a) == DECIMAL_OK;
		CHECK_STR(ok ? str_make(out, decimal_format(&sum, out)) : STR(""), sums[i].sum);
	}
}

/* Makes a decimal of v / 10^places. */
static struct decimal decimal_of(int64_t v, int places)
{
	struct decimal decimal;
	struct buf text;

	buf_init(&text, 64);
	buf_fmt(&text, "%lldE-%d", (long long)v, places);
	CHECK_INT(decimal_parse(&decimal, buf_view(&text)), DECIMAL_OK);
	buf_release(&text);
	return decimal;
}

static void random_sums_agree_with_integers(void)
{
	struct rng rng;

	rng_init(&rng, 7);
	for (int i = 0; i < 20000; i++) {
		int64_t bound = INT64_C(1) << (1 + rng_below(&rng, 60));
		int64_t a = (int64_t)rng_below(&rng, (uint64_t)bound) - bound / 2;
		int64_t b = (int64_t)rng_below(&rng, (uint64_t)bound) - bound / 2;
		int places = (int)rng_below(&rng, 100);
		struct decimal da = decimal_of(a, places), db = decimal_of(b, places), sum;
		struct decimal want = decimal_of(a + b, places);

		CHECK_INT(decimal_add(&sum, &da, &db), DECIMAL_OK);
		CHECK_INT(decimal_cmp(&sum, &want), 0);
		CHECK_INT(decimal_cmp(&da, &db), (a > b) - (a < b));
	}
}

/* Items as they come, and as they are kept; NULL: refused with the words of `error`. */
static const struct {
	const char *text, *want, *error;
} items[] = {
	{"{}", "{}", NULL},
	{" { \"b\" : {\"S\":\"x\"} , \"a\":{\"N\":\"01.50\"} } ",
	 "{\"a\":{\"N\":\"1.5\"},\"b\":{\"S\":\"x\"}}", NULL},
	{"{\"a\":{\"S\":\"\"}}", "{\"a\":{\"S\":\"\"}}", NULL},
	{"{\"a\":{\"S\":\"\\u0041\\/\\n\\u00e9\"}}", "{\"a\":{\"S\":\"A/\\n\u00e9\"}}", NULL},
	{"{\"\\u0061\":{\"BOOL\":false}}", "{\"a\":{\"BOOL\":false}}", NULL},
	{"{\"a\":{\"NULL\":true}}", "{\"a\":{\"NULL\":true}}", NULL},
	{"{\"a\":{\"B\":\"AAE=\"}}", "{\"a\":{\"B\":\"AAE=\"}}", NULL},
	{"{\"a\":{\"B\":\"\"}}", "{\"a\":{\"B\":\"\"}}", NULL},
	{"{\"a\":{\"SS\":[\"b\",\"a\"]}}", "{\"a\":{\"SS\":[\"a\",\"b\"]}}", NULL},
	{"{\"a\":{\"NS\":[\"2\",\"1.0\"]}}", "{\"a\":{\"NS\":[\"1\",\"2\"]}}", NULL},
	{"{\"a\":{\"BS\":[\"Ag==\",\"AQ==\"]}}", "{\"a\":{\"BS\":[\"AQ==\",\"Ag==\"]}}", NULL},
	{"{\"a\":{\"L\":[]}}", "{\"a\":{\"L\":[]}}", NULL},
	{"{\"a\":{\"L\":[{\"S\":\"z\"},{\"N\":\"1\"}]}}",
	 "{\"a\":{\"L\":[{\"S\":\"z\"},{\"N\":\"1\"}]}}", NULL},
	{"{\"a\":{\"M\":{\"y\":{\"S\":\"1\"},\"x\":{\"M\":{}}}}}",
	 "{\"a\":{\"M\":{\"x\":{\"M\":{}},\"y\":{\"S\":\"1\"}}}}", NULL},
	{"{\"a\":{}}", NULL, "Supplied AttributeValue is empty"},
	{"{\"a\":{\"X\":\"1\"}}", NULL, "Supplied AttributeValue is empty"},
	{"{\"a\":{\"S\":\"1\",\"N\":\"1\"}}", NULL, "more than one datatypes"},
	{"{\"a\":{\"NULL\":false}}", NULL, "Null attribute value types must have"},
	{"{\"a\":{\"SS\":[]}}", NULL, "An string set  may not be empty"},
	{"{\"a\":{\"NS\":[]}}", NULL, "An number set  may not be empty"},
	{"{\"a\":{\"BS\":[]}}", NULL, "Binary sets should not be empty"},
	{"{\"a\":{\"SS\":[\"a\",\"b\",\"a\"]}}", NULL, "contains duplicates"},
	{"{\"a\":{\"NS\":[\"1\",\"1.0\"]}}", NULL, "contains duplicates"},
	{"{\"a\":{\"N\":\"\"}}", NULL, "cannot be converted to a numeric value"},
	{"{\"a\":{\"N\":\"abc\"}}", NULL, "cannot be converted to a numeric value: abc"},
	{"{\"a\":{\"N\":\"1E126\"}}", NULL, "Number overflow"},
	{"{\"a\":{\"N\":\"1E-131\"}}", NULL, "Number underflow"},
	{"{\"a\":{\"N\":\"123456789012345678901234567890123456789\"}}", NULL, "more than 38"},
	{"{\"a\":{\"N\":1}}", NULL, "a string was expected"},
	{"{\"a\":{\"S\":null}}", NULL, "a string was expected"},
	{"{\"a\":\"x\"}", NULL, "an object was expected"},
	{"{\"a\":{\"B\":\"AAE\"}}", NULL, "Base64"},
	{"{\"a\":{\"B\":\"AA E=\"}}", NULL, "Base64"},
	{"{\"a\":{\"B\":\"AAF=\"}}", NULL, "Base64"},
	{"{\"a\":{\"S\":\"1\"},\"a\":{\"S\":\"2\"}}", NULL, "comes twice"},
	{"{\"a\":{\"S\":\"1\"}", NULL, "comma or a closing"},
	{"{\"a\":{\"S\":\"1\"}}x", NULL, "something follows"},
};

static void items_have_one_form(void)
{
	for (size_t i = 0; i < ARRAY_N(items); i++) {
		struct failure failure = {FAILURE_NONE};
		struct arena arena;
		struct value item;
		struct buf out;
		bool ok;

		arena_init(&arena);
		buf_init(&out, 4096);
		ok = item_parse(&arena, str_of(items[i].text), &item, &failure);
		CHECK_INT(ok, items[i].want != NULL);
		if (ok) {
			item_put(&out, &item);
			CHECK_STR(buf_view(&out), items[i].want);
			item = item_parse_stored(&arena, str_of(items[i].want));
			buf_clear(&out);
			item_put(&out, &item);
			CHECK_STR(buf_view(&out), items[i].want);
		} else if (items[i].error != NULL && strstr(failure.text, items[i].error) == NULL) {
			CHECK_STR(str_of(failure.text), items[i].error);
		}
		buf_release(&out);
		arena_release(&arena);
	}
}

/* Whether an attribute in so many lists around it is taken. */
static bool nested_ok(unsigned depth)
{
	struct failure failure = {FAILURE_NONE};
	struct arena arena;
	struct value item;
	struct buf text;
	bool ok;

	arena_init(&arena);
	buf_init(&text, 4096);
	buf_str(&text, STR("{\"a\":"));
	for (unsigned i = 0; i < depth; i++)
		buf_str(&text, i % 2 == 0 ? STR("{\"L\":[") : STR("{\"M\":{\"m\":"));
	buf_str(&text, STR("{\"S\":\"x\"}"));
	for (unsigned i = depth; i-- > 0;)
		buf_str(&text, i % 2 == 0 ? STR("]}") : STR("}}"));
	buf_c(&text, '}');
	ok = item_parse(&arena, buf_view(&text), &item, &failure);
	CHECK(ok || strstr(failure.text, "Nesting Levels") != NULL);
	if (ok)
		CHECK_INT(value_depth(&item), depth + 1);
	buf_release(&text);
	arena_release(&arena);
	return ok;
}

static void items_nest_so_deep(void)
{
	CHECK(nested_ok(0));
	CHECK(nested_ok(32));
	CHECK(!nested_ok(33));
	CHECK(!nested_ok(60));
}

static const struct {
	const char *text;
	size_t size;
} sizes[] = {
	{"{\"a\":{\"S\":\"xyz\"}}", 4},
	{"{\"ab\":{\"S\":\"\u00e9\"}}", 4},
	{"{\"a\":{\"N\":\"12345\"}}", 1 + 4},
	{"{\"a\":{\"N\":\"-1\"}}", 1 + 3},
	{"{\"a\":{\"B\":\"AAE=\"}}", 3},
	{"{\"a\":{\"BOOL\":true},\"b\":{\"NULL\":true}}", 4},
	{"{\"a\":{\"SS\":[\"x\",\"yz\"]}}", 4},
	{"{\"a\":{\"L\":[{\"S\":\"x\"}]}}", 1 + 3 + 1 + 1},
	{"{\"a\":{\"M\":{\"k\":{\"S\":\"x\"}}}}", 1 + 3 + 1 + 2},
};

static void items_have_sizes(void)
{
	for (size_t i = 0; i < ARRAY_N(sizes); i++) {
		struct arena arena;
		struct value item;

		arena_init(&arena);
		item = item_parse_stored(&arena, str_of(sizes[i].text));
		CHECK_INT(item_size(&item), sizes[i].size);
		arena_release(&arena);
	}
}

static void maps_and_sets_change(void)
{
	struct arena arena;
	struct value item, copy, number = {.kind = VALUE_N, .text = STR("5")};
	struct buf out;

	arena_init(&arena);
	buf_init(&out, 1000);
	item = item_parse_stored(&arena, STR("{\"b\":{\"S\":\"x\"},\"m\":{\"M\":{}}}"));
	copy = value_copy(&arena, &item);
	map_member_set(&arena, &copy, STR("a"), number);
	map_member_set(&arena, &copy, STR("c"), number);
	map_member_set(&arena, map_member(&copy, STR("m")), STR("k"), number);
	map_member_remove(&copy, STR("b"));
	map_member_remove(&copy, STR("nothing"));
	item_put(&out, &copy);
	CHECK_STR(buf_view(&out),
		  "{\"a\":{\"N\":\"5\"},\"c\":{\"N\":\"5\"},\"m\":{\"M\":{\"k\":{\"N\":\"5\"}}}}");
	buf_clear(&out);
	item_put(&out, &item);
	CHECK_STR(buf_view(&out), "{\"b\":{\"S\":\"x\"},\"m\":{\"M\":{}}}");
	buf_release(&out);
	arena_release(&arena);
}

int main(void)
{
	CHECK_RUN(numbers_have_one_form);
	CHECK_RUN(numbers_out_of_range_say_why);
	CHECK_RUN(numbers_add_and_compare);
	CHECK_RUN(random_sums_agree_with_integers);
	CHECK_RUN(items_have_one_form);
	CHECK_RUN(items_nest_so_deep);
	CHECK_RUN(items_have_sizes);
	CHECK_RUN(maps_and_sets_change);
	return check_end();
}
