/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/template.h"

#include "tests/check.h"

enum { OUT_MAX = 1 << 16 };

static const struct key_names key_names = {.hash = STR_INIT("pk"), .range = STR_INIT("sk")};
static const struct source source = {
	.key_names = &key_names,
	.table = STR_INIT("things"),
	.stream_arn = STR_INIT("arn"),
	.region = STR_INIT("eu-west-1"),
	.shard_id = STR_INIT("shardId-1-a"),
};

static struct event sample(const char *keys)
{
	return (struct event){
		.op = EVENT_MODIFY,
		.seqno = STR("42"),
		.time_ms = 1767323045678, /* 2026-01-02T03:04:05.678Z */
		.keys = str_of(keys),
	};
}

static void check_render(const char *text, const struct template_rule *rule,
			 const struct event *event, const char *want)
{
	const char *wrong = "";
	struct template template;
	struct buf out;

	buf_init(&out, OUT_MAX);
	CHECK(template_parse(str_of(text), &template, &wrong));
	CHECK(wrong == NULL);
	CHECK(template_check(str_of(text)) == NULL);
	template_render(&template, rule, &source, event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
}

static void every_word_has_its_value(void)
{
	struct event event = sample("{\"sk\":{\"N\":\"7\"},\"pk\":{\"S\":\"a/b\"}}");

	check_render("", NULL, &event, "");
	check_render("plain", NULL, &event, "plain");
	check_render("{table}-{region}-{shard}", NULL, &event, "things-eu-west-1-shardId-1-a");
	check_render("x{op}{seq}y", NULL, &event, "xmodify42y");
	check_render("{date}/{hour}.jsonl", NULL, &event, "2026-01-02/03.jsonl");
	check_render("{key}", NULL, &event, "{\"pk\":{\"S\":\"a/b\"},\"sk\":{\"N\":\"7\"}}");
	check_render("{partition}:{key.sk}:{key.pk}:{key.other}", NULL, &event, "a/b:7:a/b:");
	check_render("{{{table}}}{{}}", NULL, &event, "{things}{}");
	event.time_ms = 0;
	check_render("{date} {hour}", NULL, &event, "undated undated");
}

static void what_is_no_template_is_refused(void)
{
	const char *const wrong[] = {"{",	 "}",	   "{table", "table}",	"{}",
				     "{tabel}",	 "{key.}", "{ key}", "{TABLE}", "{{}",
				     "{{table}", "a}b",	   "{keys}", "{key.a"};
	struct template template;
	const char *must_be;

	for (size_t i = 0; i < ARRAY_N(wrong); i++) {
		CHECK(!template_parse(str_of(wrong[i]), &template, &must_be));
		CHECK(must_be != NULL && strstr(must_be, "key.NAME") != NULL);
		CHECK(template_check(str_of(wrong[i])) == must_be);
	}
}

static void a_template_has_so_many_parts(void)
{
	struct template template;
	char text[200] = "";

	for (size_t i = 0; i < TEMPLATE_PARTS_MAX; i++)
		mem_copy(text + i * 4, "{op}", 4);
	CHECK(template_parse(str_of(text), &template, NULL));
	CHECK_INT(template.n, TEMPLATE_PARTS_MAX);
	mem_copy(text + TEMPLATE_PARTS_MAX * 4, "x", 1);
	CHECK(!template_parse(str_of(text), &template, NULL));
	CHECK_STR(str_of(template_check(str_of(text))), "a template of 32 parts at most");
}

static void what_is_in_it_can_be_asked(void)
{
	struct template template;

	CHECK(template_parse(STR("{table}/x/{key.a}"), &template, NULL));
	CHECK(template_has(&template, TEMPLATE_TABLE));
	CHECK(template_has(&template, TEMPLATE_KEY_ATTRIBUTE));
	CHECK(!template_has(&template, TEMPLATE_KEY));
	CHECK(!template_has(&template, TEMPLATE_DATE));
}

static void values_cannot_leave_their_place_in_a_path(void)
{
	struct event event = sample("{\"pk\":{\"S\":\"../../etc/%\\u0000\\n~\\\\\"}}");

	check_render("/var/{partition}/x", &template_path, &event,
		     "/var/%2E.%2F..%2Fetc%2F%25%00%0A%7E%5C/x");
	event.keys = STR("{\"pk\":{\"S\":\".\"},\"sk\":{\"S\":\"..\"}}");
	check_render("{key.pk}{key.sk}/{key.pk}", &template_path, &event, "%2E%2E./%2E");
	check_render("{key.pk}.{key.pk}", &template_path, &event, "%2E.%2E");
	event.keys = STR("{\"pk\":{\"S\":\"\"},\"sk\":{\"S\":\"a.b-c_d=e+f@g,h:i\"}}");
	check_render("{key.pk}.{key.pk}/{key.sk}", &template_path, &event, "_._/a.b-c_d=e+f@g,h:i");
	event.keys = STR("{\"pk\":{\"S\":\"\xc3\xa9\xff\"}}");
	check_render("{partition}", &template_path, &event, "%C3%A9%EF%BF%BD");
}

/* Whether a byte is visible. */
static bool is_visible(unsigned char c)
{
	return c > 0x20 && c < 0x7F;
}

static void what_is_escaped_can_be_read_back(void)
{
	const struct template_rule rule = {.stays = is_visible};
	struct event event = sample("{\"pk\":{\"S\":\"%20 \"}}");

	check_render("%20{partition}", &rule, &event, "%20%2520%20");
}

static void topics_have_only_what_kafka_allows(void)
{
	struct event event = sample("{\"pk\":{\"S\":\"a/b.c d\xc3\xa9\"}}");

	check_render("cdc.{table}.{partition}", &template_topic, &event, "cdc.things.a_b.c_d__");
	event.keys = STR("{\"pk\":{\"S\":\"..\"}}");
	check_render("{partition}", &template_topic, &event, "_.");
}

static void a_gap_record_has_no_key_and_no_sequence_number(void)
{
	struct gap gap = {.reason = GAP_TRIMMED, .after = position_start()};
	struct event event = {.op = EVENT_GAP, .gap = &gap};

	check_render("[{op}{seq}{key}{partition}{key.pk}]", NULL, &event, "[gap]");
	check_render("{op}/{seq}/{key}/{date}", &template_path, &event, "gap/_/_/undated");
}

static void what_does_not_fit_fails(void)
{
	struct event event = sample("{\"pk\":{\"S\":\"0123456789\"}}");
	struct template template;
	struct buf out;

	CHECK(template_parse(STR("{partition}"), &template, NULL));
	buf_init(&out, 9);
	template_render(&template, &template_path, &source, &event, &out);
	CHECK(out.failed);
	buf_clear(&out);
	template_render(&template, NULL, &source, &event, &out);
	CHECK(out.failed);
	buf_release(&out);
}

int main(void)
{
	CHECK_RUN(every_word_has_its_value);
	CHECK_RUN(what_is_no_template_is_refused);
	CHECK_RUN(a_template_has_so_many_parts);
	CHECK_RUN(what_is_in_it_can_be_asked);
	CHECK_RUN(values_cannot_leave_their_place_in_a_path);
	CHECK_RUN(what_is_escaped_can_be_read_back);
	CHECK_RUN(topics_have_only_what_kafka_allows);
	CHECK_RUN(a_gap_record_has_no_key_and_no_sequence_number);
	CHECK_RUN(what_does_not_fit_fails);
	return check_end();
}
