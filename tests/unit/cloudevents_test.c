/* SPDX-License-Identifier: Apache-2.0 */
/* CloudEvents against golden files; the .tsv ones are of binary mode: attributes, then the record. */
#include "sinks/formats/cloudevents.h"

#include "tests/unit/golden_page.h"

#define ITEM_TYPE "com.amazonaws.dynamodb.item.{change}"

static const struct golden {
	const char *page, *lines;
	const char *role, *type;
	enum cloudevents_mode mode;
	bool more; /* numbers: json, summary: true */
} goldens[] = {
	{"native/types.page.json", "cloudevents/types.jsonl", NULL, ITEM_TYPE, 0},
	{"native/types.page.json", "cloudevents/types.numbers.jsonl", NULL, ITEM_TYPE, 0, true},
	{"native/names.page.json", "cloudevents/names.jsonl", NULL, ITEM_TYPE, 0},
	{"native/ops.page.json", "cloudevents/ops.jsonl", NULL, ITEM_TYPE, 0},
	{"native/ops.page.json", "cloudevents/ops.one_type.jsonl", NULL,
	 "com.amazon.dynamodb.stream_record", 0},
	{"native/utf8.page.json", "cloudevents/utf8.jsonl", NULL, ITEM_TYPE, 0},
	{"lambda/keys.page.json", "cloudevents/keys.jsonl", "user", ITEM_TYPE, 0},
	{"native/user.page.json", "cloudevents/user.jsonl", "user", ITEM_TYPE, 0},
	{"native/zone_change.page.json", "cloudevents/zone_change.jsonl", "zone_change", ITEM_TYPE,
	 0},
	{"native/types.page.json", "cloudevents/types.tsv", NULL, ITEM_TYPE, CLOUDEVENTS_BINARY},
	{"native/names.page.json", "cloudevents/names.tsv", NULL, ITEM_TYPE, CLOUDEVENTS_BINARY},
	{"native/ops.page.json", "cloudevents/ops.tsv", NULL, ITEM_TYPE, CLOUDEVENTS_BINARY},
	{"native/utf8.page.json", "cloudevents/utf8.tsv", NULL, ITEM_TYPE, CLOUDEVENTS_BINARY},
	{"lambda/keys.page.json", "cloudevents/keys.tsv", "user", ITEM_TYPE, CLOUDEVENTS_BINARY},
};

/* An encoder and what it stands on. */
struct made {
	char type[100];
	struct format_env env;
	struct encoder *encoder;
};

static void make(struct made *made, const char *role, const char *type, enum cloudevents_mode mode,
		 bool more)
{
	struct cloudevents_options options = {.native.image.mask = true,
					      .native.image.numbers_json = more,
					      .native.summary = more,
					      .mode = (int)mode,
					      .event_type = made->type};
	struct error err = {0};

	snprintf(made->type, sizeof(made->type), "%s", type);
	made->env = golden_env(role);
	made->encoder = cloudevents_new(&options, &made->env, &err);
	if (!CHECK(made->encoder != NULL))
		fprintf(stderr, "   %s\n", err.text);
}

static void unmake(struct made *made)
{
	cloudevents_free(made->encoder);
	schema_free((struct schema *)(uintptr_t)made->env.schema);
}

static void it_is_made_of_what_its_data_is_made_of(void)
{
	struct made made;

	make(&made, "record_set_change", "a", CLOUDEVENTS_STRUCTURED, false);
	CHECK_INT(made.encoder->images_needed, IMAGES_NEW | IMAGES_OLD);
	CHECK_INT(made.encoder->images_wanted, IMAGES_NEW | IMAGES_OLD);
	unmake(&made);
	make(&made, NULL, "a", CLOUDEVENTS_STRUCTURED, true);
	CHECK_INT(made.encoder->images_needed, 0);
	CHECK_INT(made.encoder->images_wanted, IMAGES_NEW | IMAGES_OLD);
	unmake(&made);
}

static void lines_are_as_on_file(void)
{
	for (size_t i = 0; i < ARRAY_N(goldens); i++) {
		struct made made;

		make(&made, goldens[i].role, goldens[i].type, goldens[i].mode, goldens[i].more);
		golden_check(made.encoder, goldens[i].page, goldens[i].lines, true);
		unmake(&made);
	}
}

#define ARN   "arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/2026-01-02T03:04:05.678"
#define SHARD "shardId-00000001550840986131-382ec8f8"

static void gap_records(void)
{
	struct gap gap = {.reason = GAP_TRIMMED, .certain = true, .after = position_start()};
	struct event event = {.op = EVENT_GAP, .gap = &gap};
	struct made made;
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	make(&made, "user", ITEM_TYPE, CLOUDEVENTS_STRUCTURED, false);
	made.encoder->encode(made.encoder, &golden_source, &event, &out);
	CHECK_STR(buf_view(&out),
		  "{\"specversion\":\"1.0\",\"id\":\"gap:" SHARD ":TRIM_HORIZON:trimmed\","
		  "\"source\":\"" ARN "\",\"type\":\"com.amazonaws.dynamodb.item.missed\","
		  "\"shard\":\"" SHARD "\",\"op\":\"gap\",\"datacontenttype\":"
		  "\"application/json\",\"data\":{\"id\":\"gap:" SHARD ":TRIM_HORIZON:trimmed\","
		  "\"op\":\"gap\",\"table\":\"things\",\"stream\":\"" ARN "\",\"shard\":\"" SHARD
		  "\",\"gap\":{\"reason\":\"trimmed\",\"certain\":true,\"after\":"
		  "\"TRIM_HORIZON\"}}}\n");
	buf_clear(&out);
	made.encoder->key(made.encoder, &golden_source, &event, &out);
	CHECK_INT(out.n, 0);
	unmake(&made);
	buf_release(&out);
}

static void what_stands_around_events(void)
{
	const struct framing *framing;
	struct made made;

	make(&made, NULL, ITEM_TYPE, CLOUDEVENTS_STRUCTURED, false);
	framing = made.encoder->framing;
	CHECK(made.encoder->attributes == NULL && !framing->lone);
	CHECK_STR(str_of(framing->single_type), "application/cloudevents+json; charset=utf-8");
	CHECK_STR(str_of(framing->batch_type), "application/cloudevents-batch+json; charset=utf-8");
	CHECK_STR(str_of(framing->batch_open), "[");
	CHECK_STR(str_of(framing->batch_close), "]");
	unmake(&made);
	make(&made, NULL, ITEM_TYPE, CLOUDEVENTS_BINARY, false);
	framing = made.encoder->framing;
	CHECK(made.encoder->attributes != NULL && framing->lone);
	CHECK_STR(str_of(framing->single_type), "application/json");
	unmake(&made);
}

/* Whether `text` can be an event's type. */
static bool type_ok(const char *text)
{
	for (size_t i = 0; i < format_cloudevents.n_options; i++) {
		if (str_eq(str_of(format_cloudevents.options[i].name), STR("event_type")))
			return format_cloudevents.options[i].check(str_of(text)) == NULL;
	}
	return !CHECK(false);
}

static void types_of_events(void)
{
	CHECK(type_ok("com.example.changed"));
	CHECK(type_ok("{change}"));
	CHECK(type_ok("x/{change}:v1"));
	CHECK(!type_ok(""));
	CHECK(!type_ok("with blank"));
	CHECK(!type_ok("{op}"));
	CHECK(!type_ok("{change}{change}"));
	CHECK(!type_ok("a{change"));
	CHECK(!type_ok("caf\xc3\xa9"));
}

static void a_source_is_always_a_uri(void)
{
	struct source source = golden_source;
	struct event event = {.op = EVENT_INSERT, .seqno = STR("1"), .keys = STR("{}")};
	struct made made;
	struct buf out;

	source.stream_arn = STR("arn:a b%\"[\xc3\xa9]/x?#y");
	buf_init(&out, GOLDEN_MAX);
	make(&made, NULL, "t", CLOUDEVENTS_BINARY, false);
	made.encoder->attributes(made.encoder, &source, &event, golden_attribute, &out);
	CHECK_STR(buf_view(&out),
		  "specversion=1.0\tid=" SHARD
		  ":1\tsource=arn:a%20b%25%22%5B%C3%A9%5D/x?#y\ttype=t\t"
		  "subject={}\tsequence=0000000000000000000000000000000000000001\tshard=" SHARD
		  "\top=insert\t");
	unmake(&made);
	buf_release(&out);
}

static void no_attribute_holds_what_is_forbidden(void)
{
	struct event event = {
		.op = EVENT_INSERT,
		.id = STR("a\\u0007\\u007f\xef\xb7\x90\xff"),
		.seqno = STR("1"),
		.utf8_bad = true,
		.keys = STR("{\"id\":{\"S\":\"\\n\\ufffe\xf4\x8f\xbf\xbf\xff\"}}"),
	};
	struct made made;
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	make(&made, NULL, "t", CLOUDEVENTS_BINARY, false);
	made.encoder->attributes(made.encoder, &golden_source, &event, golden_attribute, &out);
	CHECK_STR(buf_view(&out),
		  "specversion=1.0\tid=a\\u0007\\u007f\\ufdd0\xef\xbf\xbd\tsource=" ARN "\ttype=t\t"
		  "subject={\"id\":{\"S\":\"\\n\\ufffe\\udbff\\udfff\xef\xbf\xbd\"}}\t"
		  "partitionkey=\\u000a\\ufffe\\udbff\\udfff\xef\xbf\xbd\t"
		  "sequence=0000000000000000000000000000000000000001\tshard=" SHARD
		  "\top=insert\t");
	unmake(&made);
	buf_release(&out);
}

static void the_option_decides_on_secrets(void)
{
	struct cloudevents_options options = {.native.image.mask = true};

	CHECK(!format_cloudevents.shows_secrets(&options));
	options.native.image.mask = false;
	CHECK(format_cloudevents.shows_secrets(&options));
}

int main(void)
{
	CHECK_RUN(lines_are_as_on_file);
	CHECK_RUN(it_is_made_of_what_its_data_is_made_of);
	CHECK_RUN(gap_records);
	CHECK_RUN(what_stands_around_events);
	CHECK_RUN(types_of_events);
	CHECK_RUN(a_source_is_always_a_uri);
	CHECK_RUN(no_attribute_holds_what_is_forbidden);
	CHECK_RUN(the_option_decides_on_secrets);
	return check_end();
}
