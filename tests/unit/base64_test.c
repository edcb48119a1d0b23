/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include "base/rng.h"
#include "tests/check.h"

/* The vectors of RFC 4648, section 10. */
static void base64_rfc_vectors(void)
{
	static const char *const rows[][2] = {{"", ""},
					      {"f", "Zg=="},
					      {"fo", "Zm8="},
					      {"foo", "Zm9v"},
					      {"foob", "Zm9vYg=="},
					      {"fooba", "Zm9vYmE="},
					      {"foobar", "Zm9vYmFy"}};

	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct buf buf;

		buf_init(&buf, 100);
		base64_encode(&buf, rows[i][0], str_of(rows[i][0]).n);
		CHECK_STR(buf_view(&buf), rows[i][1]);
		buf_clear(&buf);
		CHECK(base64_decode(&buf, str_of(rows[i][1])));
		CHECK_STR(buf_view(&buf), rows[i][0]);
		CHECK_INT(base64_decoded_n(str_of(rows[i][1])), str_of(rows[i][0]).n);
		buf_release(&buf);
	}
}

static void base64_refuses_the_uncanonical(void)
{
	static const char *const bad[] = {
		"=",	    "==",	"===",	      "====",	  "A",	     "AA",	 "AAA",
		"A===",	    "AA=A",	"A=AA",	      "=AAA",	  "AB==",    "AAB=",	 "AA==A",
		"AA==AAAA", "AAA=AAAA", "AA A",	      " AAAA",	  "AAAA ",   "AAAA\n",	 "AA-_",
		"AA,A",	    "AA\200A",	"AA\xFF\xFF", "Zg==Zg==", "AAAAAAA", "AAAAA===", "////\n"};
	struct buf buf;

	buf_init(&buf, 100);
	buf_str(&buf, STR("kept"));
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		if (!CHECK(!base64_decode(&buf, str_of(bad[i]))))
			fprintf(stderr, "  %s\n", bad[i]);
		CHECK_STR(buf_view(&buf), "kept");
		CHECK(!buf.failed);
	}
	CHECK(!base64_decode(&buf, str_make("AA\0A", 4)));
	buf_release(&buf);
}

/* Each of the 64 x 256 last pairs: exactly those with zero spare bits decode. */
static void base64_padding_has_one_spelling(void)
{
	struct buf buf;
	unsigned ok2 = 0, ok3 = 0;

	buf_init(&buf, 100);
	for (unsigned b = 0; b < 256; b++) {
		char two[4] = {'A', (char)b, '=', '='}, three[4] = {'A', 'A', (char)b, '='};

		buf_clear(&buf);
		ok2 += base64_decode(&buf, str_make(two, 4));
		/* "AA==" is well formed too, with two bytes of padding. */
		ok3 += base64_decode(&buf, str_make(three, 4)) && b != '=';
	}
	CHECK_INT(ok2, 4);
	CHECK_INT(ok3, 16);
	buf_release(&buf);
}

static void base64_round_trips(void)
{
	unsigned char bytes[300];
	struct buf text, back;
	struct rng rng;

	rng_init(&rng, 3);
	buf_init(&text, 1000);
	buf_init(&back, 1000);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		for (size_t i = 0; i < n; i++)
			bytes[i] = (unsigned char)rng_next(&rng);
		buf_clear(&text);
		buf_clear(&back);
		base64_encode(&text, bytes, n);
		CHECK_INT(text.n, (n + 2) / 3 * 4);
		CHECK_INT(base64_decoded_n(buf_view(&text)), n);
		CHECK(base64_decode(&back, buf_view(&text)));
		CHECK(str_eq(buf_view(&back), str_make((char *)bytes, n)));
	}
	buf_release(&text);
	buf_release(&back);
}

static void base64_keeps_the_maximum(void)
{
	struct buf buf;

	buf_init(&buf, 7);
	base64_encode(&buf, "abcd", 4);
	CHECK(buf.failed && buf.n == 0);
	buf_clear(&buf);
	base64_encode(&buf, "abcdefghi", 9);
	CHECK(buf.failed && buf.n == 0);
	buf_clear(&buf);
	CHECK(!base64_decode(&buf, STR("AAAAAAAAAAA=")));
	CHECK(buf.failed && buf.n == 0);
	CHECK(!base64_decode(&buf, STR("")));
	buf_clear(&buf);
	CHECK(base64_decode(&buf, STR("AAAAAAAAAA==")));
	CHECK_INT(buf.n, 7);
	CHECK(base64_decode(&buf, STR_NONE));
	buf_release(&buf);
}

int main(void)
{
	CHECK_RUN(base64_rfc_vectors);
	CHECK_RUN(base64_refuses_the_uncanonical);
	CHECK_RUN(base64_padding_has_one_spelling);
	CHECK_RUN(base64_round_trips);
	CHECK_RUN(base64_keeps_the_maximum);
	return check_end();
}
