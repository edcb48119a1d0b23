/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "tests/check.h"

/* Every code point goes through and comes back; surrogates become U+FFFD. */
static void utf8_round_trips_every_code_point(void)
{
	unsigned bad = 0;
	struct buf buf;

	buf_init(&buf, 16);
	for (uint32_t code = 0; code <= 0x110010; code++) {
		bool valid = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
		uint32_t back = 0;
		size_t n;

		buf_clear(&buf);
		utf8_put(&buf, code);
		n = utf8_next(buf_view(&buf), &back);
		bad += n != buf.n || back != (valid ? code : 0xFFFD) || !utf8_valid(buf_view(&buf));
		/* A cut sequence is none. */
		if (n > 1)
			bad += utf8_next(str_head(buf_view(&buf), n - 1), &back) != 0;
	}
	CHECK_INT(bad, 0);
	buf_release(&buf);
}

/* All sequences of two bytes, by the definition: ASCII twice, or a pair that makes U+0080 to U+07FF. */
static void utf8_knows_all_pairs(void)
{
	unsigned bad = 0;

	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char p[2] = {(char)a, (char)b};
			bool want = (a < 0x80 && b < 0x80) ||
				    (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);

			bad += utf8_valid(str_make(p, 2)) != want;
		}
	}
	CHECK_INT(bad, 0);
}

static void utf8_refuses_what_rfc_3629_refuses(void)
{
	static const struct {
		const char *text, *clean;
	} rows[] = {
		{"\x80", "\uFFFD"},
		{"\xBF\xBF", "\uFFFD\uFFFD"},
		{"\xC0\x80", "\uFFFD\uFFFD"},
		{"\xC1\xBF", "\uFFFD\uFFFD"},
		{"\xE0\x9F\xBF", "\uFFFD\uFFFD\uFFFD"},
		{"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
		{"\xF0\x8F\xBF\xBF", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xF5\x80\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xFE", "\uFFFD"},
		{"\xFF", "\uFFFD"},
		/* Maximal subparts, the example of the Unicode Standard, table 3-8 and after. */
		{"a\xF1\x80\x80\xE1\x80\xC2"
		 "b\x80"
		 "c\x80\xBF"
		 "d",
		 "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd"},
		{"\xE2\x82", "\uFFFD"},
		{"\xE2\x82\xE2\x82\xAC", "\uFFFD\u20AC"},
		{"\xF0\x9F\x98\x80\xF0\x9F\x98", "\U0001F600\uFFFD"},
	};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct buf buf;

		buf_init(&buf, 100);
		CHECK(!utf8_valid(str_of(rows[i].text)));
		utf8_add_clean(&buf, str_of(rows[i].text));
		CHECK_STR(buf_view(&buf), rows[i].clean);
		CHECK(utf8_valid(buf_view(&buf)));
		buf_release(&buf);
	}
}

/* The fast path must not hide a bad byte at any place. */
static void utf8_finds_a_bad_byte_anywhere(void)
{
	char text[40];
	uint32_t code;

	for (size_t n = 1; n <= sizeof(text); n++) {
		for (size_t at = 0; at < n; at++) {
			for (size_t i = 0; i < n; i++)
				text[i] = 'a';
			CHECK(utf8_valid(str_make(text, n)));
			text[at] = (char)0xFF;
			CHECK(!utf8_valid(str_make(text, n)));
		}
	}
	CHECK(utf8_valid(STR_NONE));
	CHECK_INT(utf8_next(STR_NONE, &code), 0);
	CHECK(utf8_valid(STR("gr\u00FC\u00DFe \u65E5\u672C \U0001F600 \u07FF\u0800\uFFFF")));
}

int main(void)
{
	CHECK_RUN(utf8_round_trips_every_code_point);
	CHECK_RUN(utf8_knows_all_pairs);
	CHECK_RUN(utf8_refuses_what_rfc_3629_refuses);
	CHECK_RUN(utf8_finds_a_bad_byte_anywhere);
	return check_end();
}
