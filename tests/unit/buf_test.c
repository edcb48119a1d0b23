/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <string.h>

#include "tests/check.h"

static void buf_appends(void)
{
	struct buf buf;
	char *text;

	buf_init(&buf, 1000);
	CHECK_STR(buf_view(&buf), "");
	buf_str(&buf, STR("ab"));
	buf_c(&buf, '-');
	buf_u64(&buf, 0);
	buf_c(&buf, ' ');
	buf_u64(&buf, UINT64_MAX);
	buf_c(&buf, ' ');
	buf_i64(&buf, INT64_MIN);
	buf_c(&buf, ' ');
	buf_i64(&buf, -1);
	buf_hex(&buf, "\x00\xAb\xFF", 3);
	buf_fmt(&buf, "[%5d|%s]", 42, "x");
	buf_str(&buf, STR_NONE);
	buf_add(&buf, NULL, 0);
	CHECK(!buf.failed);
	CHECK_STR(buf_view(&buf),
		  "ab-0 18446744073709551615 -9223372036854775808 -100abff[   42|x]");
	buf_truncate(&buf, 3);
	buf_truncate(&buf, 300);
	CHECK_STR(buf_view(&buf), "ab-");
	text = buf_detach(&buf);
	CHECK_STR(str_of(text), "ab-");
	CHECK(buf.p == NULL && buf.n == 0 && buf.max == 1000);
	mem_free(text);
	text = buf_detach(&buf);
	CHECK_STR(str_of(text), "");
	mem_free(text);
}

static void buf_stops_at_its_maximum(void)
{
	volatile size_t huge = SIZE_MAX; /* the compiler need not know */
	struct buf buf;

	buf_init(&buf, 10);
	buf_str(&buf, STR("12345678"));
	buf_str(&buf, STR("9a"));
	CHECK(!buf.failed);
	CHECK_INT(buf.n, 10);
	buf_c(&buf, 'b');
	CHECK(buf.failed);
	CHECK_STR(buf_view(&buf), "123456789a");
	buf_clear(&buf);
	CHECK(!buf.failed && buf.n == 0);
	buf_str(&buf, STR("1234567"));
	buf_fmt(&buf, "%s", "four");
	CHECK(buf.failed);
	/* Sticky: what would fit is not appended either. */
	buf_c(&buf, 'x');
	buf_u64(&buf, 1);
	CHECK(buf_reserve(&buf, 0) == NULL);
	CHECK_STR(buf_view(&buf), "1234567");
	buf_release(&buf);
	CHECK(!buf.failed && buf.max == 10);
	buf_add(&buf, "x", huge);
	CHECK(buf.failed && buf.p == NULL);
	buf_clear(&buf);
	buf_hex(&buf, "123456", 6);
	CHECK(buf.failed && buf.n == 0);
	buf_clear(&buf);
	buf_hex(&buf, "12345", 5);
	CHECK(!buf.failed && buf.n == 10);
	buf_release(&buf);
	buf_init(&buf, 0);
	buf_str(&buf, STR(""));
	CHECK(!buf.failed);
	buf_c(&buf, 'x');
	CHECK(buf.failed);
	buf_release(&buf);
}

/* The bytes after the end may be read: under ASan this proves that they are there, and are set. */
static void buf_has_padding(void)
{
	volatile unsigned char seen;
	struct buf buf;

	buf_init(&buf, 70);
	for (size_t n = 1; n <= 70; n++) {
		buf_c(&buf, 'x');
		for (size_t i = 0; i < MEM_PADDING; i++)
			seen = (unsigned char)buf.p[buf.n + i]; /* the sanitizer allows it */
	}
	(void)seen;
	CHECK(buf.cap <= 70);
	buf_release(&buf);
}

static void buf_grows_and_keeps(void)
{
	struct buf buf;
	bool same = true;

	buf_init(&buf, 1 << 20);
	for (unsigned i = 0; i < 100000; i++)
		buf_c(&buf, (char)(i * 7 % 251));
	for (unsigned i = 0; i < 100000; i++)
		same = same && (unsigned char)buf.p[i] == i * 7 % 251;
	CHECK(same);
	buf_clear(&buf);
	CHECK(buf.cap >= 100000);
	memcpy(buf_reserve(&buf, 5), "hello", 5);
	CHECK_INT(buf.n, 0);
	buf.n += 5;
	CHECK_STR(buf_view(&buf), "hello");
	buf_release(&buf);
}

int main(void)
{
	CHECK_RUN(buf_appends);
	CHECK_RUN(buf_stops_at_its_maximum);
	CHECK_RUN(buf_has_padding);
	CHECK_RUN(buf_grows_and_keeps);
	return check_end();
}
