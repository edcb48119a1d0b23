/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "base/mem.h"
#include "tests/check.h"

static void str_compares(void)
{
	static const struct {
		const char *a, *b;
		int sign;
	} rows[] = {
		{"", "", 0},	 {"", "a", -1},	 {"a", "a", 0},	       {"a", "b", -1},
		{"a", "aa", -1}, {"b", "aa", 1}, {"\x7F", "\x80", -1}, {"A", "a", -1},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct str a = str_of(rows[i].a), b = str_of(rows[i].b);
		int there = str_cmp(a, b), back = str_cmp(b, a);

		CHECK_INT((there > 0) - (there < 0), rows[i].sign);
		CHECK_INT((back > 0) - (back < 0), -rows[i].sign);
		CHECK_INT(str_eq(a, b), rows[i].sign == 0);
	}
	CHECK(str_eq(STR_NONE, STR("")));
	CHECK(str_eq(str_of(NULL), STR_NONE));
	CHECK(!str_eq(str_make("a\0b", 3), str_make("a\0c", 3)));
	CHECK(str_eq_nocase(STR("aZ-0"), STR("Az-0")));
	CHECK(!str_eq_nocase(STR("@"), STR("`")));
	CHECK(!str_eq_nocase(STR("["), STR("{")));
	CHECK(!str_eq_nocase(STR("a"), STR("aa")));
}

static void str_finds_and_slices(void)
{
	CHECK(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR("")));
	CHECK(!str_starts(STR("ab"), STR("abc")) && !str_starts(STR_NONE, STR("a")));
	CHECK(str_ends(STR("abc"), STR("bc")) && str_ends(STR_NONE, STR_NONE));
	CHECK(!str_ends(STR("bc"), STR("abc")));
	CHECK_INT(str_find(STR("abcb"), 'b'), 1);
	CHECK_INT(str_find_last(STR("abcb"), 'b'), 3);
	CHECK_INT(str_find(STR("abc"), 'x'), 3);
	CHECK_INT(str_find_last(STR("abc"), 'x'), 3);
	CHECK_INT(str_find(STR_NONE, 'x'), 0);
	CHECK_STR(str_skip(STR("abc"), 2), "c");
	CHECK_STR(str_skip(STR("abc"), 9), "");
	CHECK_STR(str_head(STR("abc"), 2), "ab");
	CHECK_STR(str_head(STR("abc"), 9), "abc");
	CHECK_STR(str_trim(STR(" \t\r\n a b \n")), "a b");
	CHECK_STR(str_trim(STR(" \t ")), "");
	CHECK_STR(str_trim(STR("\v")), "\v");
}

static void str_cuts_at_separators(void)
{
	struct str rest = STR("a,,b,");

	CHECK_STR(str_cut(&rest, ','), "a");
	CHECK_STR(str_cut(&rest, ','), "");
	CHECK_STR(str_cut(&rest, ','), "b");
	/* Something empty follows the last separator; after that there is nothing. */
	CHECK(rest.p != NULL && rest.n == 0);
	CHECK_STR(str_cut(&rest, ','), "");
	CHECK(rest.p == NULL);
	rest = STR("whole");
	CHECK_STR(str_cut(&rest, ','), "whole");
	CHECK(rest.p == NULL && rest.n == 0);
}

static void str_parses_integers(void)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t v;
	} rows[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"+7", true, 7},
		{"007", true, 7},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"99999999999999999999999999", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"+-1", false, 0},
		{"--1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1e3", false, 0},
		{"0x1", false, 0},
		{"1.0", false, 0},
	};
	uint64_t u = 5;

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		int64_t v = 0;

		CHECK_INT(str_to_i64(str_of(rows[i].text), &v), rows[i].ok);
		CHECK_INT(v, rows[i].v);
	}
	CHECK(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
	CHECK(!str_to_u64(STR("18446744073709551616"), &u) && u == UINT64_MAX);
	CHECK(!str_to_u64(STR("18446744073709551620"), &u));
	CHECK(!str_to_u64(STR("+1"), &u) && !str_to_u64(STR("-1"), &u));
	CHECK(!str_to_u64(str_make("1\0", 2), &u));
}

int main(void)
{
	CHECK_RUN(str_compares);
	CHECK_RUN(str_finds_and_slices);
	CHECK_RUN(str_cuts_at_separators);
	CHECK_RUN(str_parses_integers);
	return check_end();
}
