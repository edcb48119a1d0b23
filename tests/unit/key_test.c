/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/key.h"

#include "tests/check.h"

enum { OUT_MAX = 1 << 20 };

static const struct key_names both = {.hash = STR_INIT("pk"), .range = STR_INIT("a")};

/* The event of a key, and what the functions append for it. */
static void check_key(const struct key_names *names, const char *keys, const char *want)
{
	struct source source = {.key_names = names};
	struct event event = {.op = EVENT_INSERT, .keys = str_of(keys)};
	struct buf out;

	buf_init(&out, OUT_MAX);
	key_put(&source, &event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
}

static void check_partition(const struct key_names *names, const char *keys, const char *want)
{
	struct source source = {.key_names = names};
	struct event event = {.op = EVENT_INSERT, .keys = str_of(keys)};
	struct buf out;

	buf_init(&out, OUT_MAX);
	key_put_partition(&source, &event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
}

static void the_hash_key_comes_first(void)
{
	const char *want = "{\"pk\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"}}";

	check_key(&both, "{\"a\":{\"N\":\"1\"},\"pk\":{\"S\":\"x\"}}", want);
	check_key(&both, "{\"pk\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"}}", want);
	check_key(&both, "{\"b\":{\"N\":\"3\"},\"a\":{\"N\":\"2\"},\"pk\":{\"N\":\"1\"}}",
		  "{\"pk\":{\"N\":\"1\"},\"a\":{\"N\":\"2\"},\"b\":{\"N\":\"3\"}}");
}

static void unknown_names_come_in_byte_order(void)
{
	const struct key_names none = {0};
	const char *want = "{\"a\":{\"N\":\"1\"},\"pk\":{\"S\":\"x\"}}";

	check_key(NULL, "{\"pk\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"}}", want);
	check_key(&none, "{\"a\":{\"N\":\"1\"},\"pk\":{\"S\":\"x\"}}", want);
	/* By the bytes that are meant, not by their escapes: a quote is below "A". */
	check_key(NULL, "{\"A\":{\"N\":\"2\"},\"\\\"\":{\"N\":\"1\"}}",
		  "{\"\\\"\":{\"N\":\"1\"},\"A\":{\"N\":\"2\"}}");
	check_key(NULL, "{\"\xc3\xa9\":{\"N\":\"2\"},\"\\u007a\":{\"N\":\"1\"}}",
		  "{\"z\":{\"N\":\"1\"},\"\xc3\xa9\":{\"N\":\"2\"}}");
}

static void one_key_gives_one_text(void)
{
	const char *want = "{\"pk\":{\"S\":\"/\xc3\xa9\\n\\\"\\\\\xf0\x9d\x84\x9e\"}}";

	check_key(&both, "{\"pk\":{\"S\":\"/\xc3\xa9\\n\\\"\\\\\xf0\x9d\x84\x9e\"}}", want);
	check_key(&both,
		  "{ \"p\\u006B\" :\t{ \"\\u0053\" : "
		  "\"\\/\\u00E9\\u000A\\u0022\\u005c\\ud834\\udd1e\" }\r\n}",
		  want);
	check_key(&both, "{\"pk\":{\"B\":\"\\/\\/8=\"}}", "{\"pk\":{\"B\":\"//8=\"}}");
	check_key(&both, "{\"pk\":{\"S\":\" a \\\\\"}}", "{\"pk\":{\"S\":\" a \\\\\"}}");
}

static void numbers_stay_as_they_are(void)
{
	check_key(&both, "{\"pk\":{\"N\":\"-0\"}}", "{\"pk\":{\"N\":\"-0\"}}");
	check_key(&both, "{\"pk\":{\"N\":\"1.00\"}}", "{\"pk\":{\"N\":\"1.00\"}}");
	check_key(&both, "{\"pk\":{\"N\":\"99999999999999999999999999999999999999E+87\"}}",
		  "{\"pk\":{\"N\":\"99999999999999999999999999999999999999E+87\"}}");
}

static void what_no_key_can_be_is_kept(void)
{
	check_key(&both, "{\"pk\":{\"M\":{ \"x\" : {\"L\":[ 1e5 ,true,null]}}}}",
		  "{\"pk\":{\"M\":{\"x\":{\"L\":[1e5,true,null]}}}}");
	check_key(&both, "{\"pk\": 7 }", "{\"pk\":7}");
	check_key(&both, "{}", "{}");
	/* More attributes than are sorted: none is lost. */
	check_key(NULL,
		  "{\"9\":0,\"8\":0,\"7\":0,\"6\":0,\"5\":0,\"4\":0,\"3\":0,\"2\":0,\"1\" "
		  ": 0,\"\\u0030\":{ }}",
		  "{\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"9\":0,\"1\":0,"
		  "\"0\":{}}");
	check_partition(&both, "{\"pk\":{\"M\":{ \"x\" : 1}}}", "{\"M\":{\"x\":1}}");
}

static void invalid_text_is_replaced(void)
{
	check_key(&both, "{\"pk\":{\"S\":\"a\xff\"}}", "{\"pk\":{\"S\":\"a\xef\xbf\xbd\"}}");
	check_key(&both, "{\"pk\":{\"S\":\"a\\ud800\"}}", "{\"pk\":{\"S\":\"a\xef\xbf\xbd\"}}");
	check_partition(&both, "{\"pk\":{\"S\":\"a\xff\"}}", "a\xef\xbf\xbd");
}

static void the_partition_is_plain_text(void)
{
	check_partition(&both, "{\"a\":{\"N\":\"1\"},\"pk\":{\"S\":\"x \\\"\\u00e9\"}}",
			"x \"\xc3\xa9");
	check_partition(&both, "{\"a\":{\"S\":\"1\"},\"pk\":{\"N\":\"-1E125\"}}", "-1E125");
	check_partition(&both, "{\"a\":{\"S\":\"1\"},\"pk\":{\"B\":\"\\/w==\"}}", "/w==");
	check_partition(NULL, "{\"pk\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"}}", "1");
	check_partition(NULL, "{}", "");
}

static void attributes_by_name(void)
{
	struct event event = {.keys = STR("{\"a\":{\"N\":\"1\"},\"p\\u006b\":{\"S\":\"\\t\"}}")};
	struct buf out;

	buf_init(&out, OUT_MAX);
	CHECK(key_put_attribute(&event, STR("pk"), &out));
	CHECK_STR(buf_view(&out), "\t");
	CHECK(!key_put_attribute(&event, STR("p"), &out));
	CHECK(key_put_attribute(&event, STR("a"), &out));
	CHECK_STR(buf_view(&out), "\t1");
	buf_release(&out);
}

static void a_gap_has_no_key(void)
{
	struct gap gap = {.reason = GAP_TRIMMED, .after = position_start()};
	struct event event = {.op = EVENT_GAP, .gap = &gap};
	struct source source = {.key_names = &both};
	struct buf out;

	buf_init(&out, OUT_MAX);
	key_put(&source, &event, &out);
	key_put_partition(&source, &event, &out);
	CHECK(!key_put_attribute(&event, STR("pk"), &out));
	CHECK_INT(out.n, 0);
	buf_release(&out);
}

static void the_hash_is_the_same_for_ever(void)
{
	unsigned lanes[8] = {0};

	CHECK_INT(key_hash32(STR("")), 1572119809U);
	CHECK_INT(key_hash32(STR("{\"pk\":{\"S\":\"x\"}}")), 1079815239U);
	for (int i = 0; i < 1000; i++) {
		char text[40];

		snprintf(text, sizeof(text), "{\"pk\":{\"N\":\"%d\"}}", i);
		lanes[key_hash32(str_of(text)) % 8]++;
	}
	for (size_t i = 0; i < 8; i++)
		CHECK(lanes[i] > 80 && lanes[i] < 170);
}

int main(void)
{
	CHECK_RUN(the_hash_key_comes_first);
	CHECK_RUN(unknown_names_come_in_byte_order);
	CHECK_RUN(one_key_gives_one_text);
	CHECK_RUN(numbers_stay_as_they_are);
	CHECK_RUN(what_no_key_can_be_is_kept);
	CHECK_RUN(invalid_text_is_replaced);
	CHECK_RUN(the_partition_is_plain_text);
	CHECK_RUN(attributes_by_name);
	CHECK_RUN(a_gap_has_no_key);
	CHECK_RUN(the_hash_is_the_same_for_ever);
	return check_end();
}
