/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Debezium format against golden files: a .page.json is the body of a GetRecords answer, and
 * tests/golden/debezium/NAME.tsv the keys and values that it gives, a removal followed by its tombstone.
 * To make one anew, after a change that is meant: build/release/property/debezium_tool --records FLAGS
 * <PAGE.page.json >NAME.tsv, and read the difference. (The tool puts a heartbeat at the end.)
 */
#include "sinks/formats/debezium.h"

#include <stdio.h>
#include <string.h>

#include "consumer/change/scan.h"
#include "tests/check.h"

enum { FILE_MAX = 1 << 20, OUT_MAX = 64 << 20 };

static char prefix[] = "ddbtap";

static const struct key_names key_names = {.hash = STR_INIT("id"), .range = STR_INIT("item")};

static const struct source source = {
	.key_names = &key_names,
	.table = STR_INIT("things"),
	.stream_arn = STR_INIT("arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/"
			       "2026-01-02T03:04:05.678"),
	.region = STR_INIT("eu-west-1"),
	.shard_id = STR_INIT("shardId-00000001550840986131-382ec8f8"),
};

static const struct debezium_options plain = {.prefix = prefix};
static const struct debezium_options numbers = {.prefix = prefix, .image.numbers_json = true};
static const struct debezium_options rows = {.prefix = prefix, .images = DEBEZIUM_ROW};
static const struct debezium_options row_numbers = {
	.prefix = prefix, .images = DEBEZIUM_ROW, .image.numbers_json = true};
static const struct debezium_options schemas = {.prefix = prefix, .schemas = true};
static const struct debezium_options strings = {
	.prefix = prefix, .schemas = true, .images = DEBEZIUM_STRING};
static const struct debezium_options masked = {.prefix = prefix, .image.mask = true};
static const struct debezium_options masked_rows = {
	.prefix = prefix, .images = DEBEZIUM_ROW, .image.mask = true, .image.raw_always = true};
static const struct debezium_options shown = {.prefix = prefix, .image.raw_always = true};

static const struct golden {
	const char *page, *lines;
	const struct debezium_options *options;
	const char *role; /* of the profile vinyldns */
} goldens[] = {
	{"native/types", "types", &plain, NULL},
	{"native/types", "types.numbers", &numbers, NULL},
	{"native/types", "types.rows", &rows, NULL},
	{"native/types", "types.row_numbers", &row_numbers, NULL},
	{"native/types", "types.schemas", &schemas, NULL},
	{"native/types", "types.strings", &strings, NULL},
	{"native/names", "names", &plain, NULL},
	{"native/names", "names.rows", &rows, NULL},
	{"native/ops", "ops", &plain, NULL},
	{"native/ops", "ops.schemas", &schemas, NULL},
	{"native/malformed", "malformed", &plain, NULL},
	{"native/malformed", "malformed.numbers", &numbers, NULL},
	{"native/deep", "deep", &plain, NULL},
	{"native/utf8", "utf8", &plain, NULL},
	{"native/utf8", "utf8.rows", &rows, NULL},
	{"native/record_set_change", "record_set_change", &masked, "record_set_change"},
	{"native/record_set_change", "record_set_change.rows", &masked_rows, "record_set_change"},
	{"native/record_set_change", "record_set_change.shown", &shown, "record_set_change"},
	{"native/user", "user", &masked, "user"},
	{"native/user", "user.rows", &masked_rows, "user"},
	{"debezium/views", "views", &plain, NULL},
	{"debezium/views", "views.rows", &rows, NULL},
	{"debezium/keys", "keys", &plain, NULL},
	{"debezium/keys", "keys.schemas", &schemas, NULL},
};

/* The content of a file of the golden folder. */
static void read_golden(struct buf *buf, const char *name, const char *ending)
{
	char path[200], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "tests/golden/%s%s", name, ending);
	file = fopen(path, "rb");
	if (!CHECK(file != NULL)) {
		fprintf(stderr, "   cannot open %s\n", path);
		return;
	}
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(buf, piece, n);
	fclose(file);
}

/* Appends what a sink with keys sends of an event. */
static void put_records(const struct encoder *encoder, const struct event *event, struct buf *out)
{
	encoder->key(encoder, &source, event, out);
	buf_c(out, '\t');
	encoder->encode(encoder, &source, event, out);
	if (event->op == EVENT_REMOVE && encoder->tombstones) {
		encoder->key(encoder, &source, event, out);
		buf_str(out, STR("\t\n"));
	}
}

/* Appends what a sink with keys sends of a page. */
static void put_page(const struct encoder *encoder, struct str body, struct buf *out)
{
	struct error err = {0};
	struct arena arena;
	struct page page;

	arena_init(&arena);
	if (!CHECK(scan_page(&arena, body, &page, &err)))
		fprintf(stderr, "   %s\n", err.text);
	for (size_t i = 0; i < page.n; i++)
		put_records(encoder, &page.events[i], out);
	arena_release(&arena);
}

/* An encoder with a schema to it. */
struct bound {
	struct schema *schema;
	struct encoder *encoder;
};

static struct bound bind(const struct debezium_options *options, const char *role_name)
{
	const struct profile *profile = profile_find(STR("vinyldns"));
	struct error err = {0};
	struct bound bound = {.schema = schema_vinyldns(&err)};
	struct format_env env = {
		.table = source.table,
		.region = source.region,
		.role = role_name == NULL ? NULL : profile_role(profile, str_of(role_name)),
		.schema = bound.schema,
	};

	bound.encoder = format_debezium.open(&env, options, &err);
	if (!CHECK(bound.encoder != NULL))
		fprintf(stderr, "   %s\n", err.text);
	return bound;
}

static void unbind(struct bound *bound)
{
	format_debezium.close(bound->encoder);
	schema_free(bound->schema);
}

/* Whether the records of one case are as on file, a second time too. */
static void check_golden(const struct golden *golden)
{
	struct bound bound = bind(golden->options, golden->role);
	struct buf body, want, got;
	char name[100];

	buf_init(&body, FILE_MAX);
	buf_init(&want, FILE_MAX);
	buf_init(&got, FILE_MAX);
	snprintf(name, sizeof(name), "debezium/%s", golden->lines);
	read_golden(&body, golden->page, ".page.json");
	read_golden(&want, name, ".tsv");
	for (int i = 0; i < 2; i++) {
		buf_clear(&got);
		put_page(bound.encoder, buf_view(&body), &got);
		if (!check_str(buf_view(&got), buf_view(&want), __FILE__, __LINE__))
			fprintf(stderr, "   in %s.tsv, turn %d\n", golden->lines, i + 1);
	}
	/* Whatever the corpus hides is called so. */
	if (golden->options->image.mask)
		CHECK(memmem(got.p, got.n, "SECRET", 6) == NULL);
	buf_release(&body);
	buf_release(&want);
	buf_release(&got);
	unbind(&bound);
}

static void records_are_as_on_file(void)
{
	for (size_t i = 0; i < ARRAY_N(goldens); i++)
		check_golden(&goldens[i]);
}

/* Whether the buffer holds `text`. */
static bool contains(const struct buf *buf, const char *text)
{
	return memmem(buf->p, buf->n, text, strlen(text)) != NULL;
}

/* Key and value of a hand-made event. */
static void check_record(const struct debezium_options *options, const struct event *event,
			 const char *want)
{
	struct bound bound = bind(options, NULL);
	struct buf out;

	buf_init(&out, OUT_MAX);
	put_records(bound.encoder, event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
	unbind(&bound);
}

#define PLACE                                                                                  \
	"\"table\":\"things\",\"stream_arn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/" \
	"things/stream/2026-01-02T03:04:05.678\",\"shard_id\":\"shardId-00000001550840986131-" \
	"382ec8f8\",\"event_id\":\""

static void a_gap_is_a_message_without_key(void)
{
	struct gap gap = {.reason = GAP_TRIMMED,
			  .certain = true,
			  .after = position_after(STR("300000000000000499660"))};
	struct event event = {.op = EVENT_GAP, .gap = &gap, .time_ms = 1767323045678};
	static const char want[] =
		"\t{\"before\":null,\"after\":null,\"source\":{\"version\":\"1.0\",\"connector\":"
		"\"dynamodb\",\"name\":\"ddbtap\",\"ts_ms\":1767323045678,\"snapshot\":\"false\","
		"\"db\":\"eu-west-1\",\"sequence\":null,\"ts_us\":1767323045678000,\"ts_ns\":"
		"1767323045678000000," PLACE
		"gap:shardId-00000001550840986131-382ec8f8:300000000000000499660:trimmed\","
		"\"view_type\":null,\"user_identity\":null,\"key\":null,\"gap\":{\"reason\":"
		"\"trimmed\",\"certain\":true,\"after\":\"300000000000000499660\"},\"notes\":null},"
		"\"transaction\":null,\"op\":\"m\",\"ts_ms\":1767323045678,\"ts_us\":"
		"1767323045678000,\"ts_ns\":1767323045678000000}\n";
	struct bound bound = bind(&schemas, NULL);
	struct buf out;

	check_record(&plain, &event, want);
	check_record(&rows, &event, want);
	/* Its schema is the one of the table's changes. */
	buf_init(&out, OUT_MAX);
	put_records(bound.encoder, &event, &out);
	CHECK(contains(&out,
		       "\t{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\","
		       "\"fields\":[{\"type\":\"string\",\"optional\":false,\"field\":\"id\"},"
		       "{\"type\":\"string\",\"optional\":false,\"field\":\"item\"},"));
	CHECK(contains(&out, "\"name\":\"ddbtap.things.Envelope\",\"version\":2},\"payload\":{"));
	buf_release(&out);
	unbind(&bound);
}

static void what_the_service_does_not_say_is_null(void)
{
	struct gap gap = {.reason = GAP_START_UNSURE, .after = position_start()};
	struct event event = {.op = EVENT_GAP, .gap = &gap};

	check_record(
		&plain, &event,
		"\t{\"before\":null,\"after\":null,\"source\":{\"version\":\"1.0\","
		"\"connector\":\"dynamodb\",\"name\":\"ddbtap\",\"ts_ms\":0,\"snapshot\":"
		"\"false\",\"db\":\"eu-west-1\",\"sequence\":null,\"ts_us\":null,\"ts_ns\":"
		"null," PLACE
		"gap:shardId-00000001550840986131-382ec8f8:TRIM_HORIZON:start_unsure\","
		"\"view_type\":null,\"user_identity\":null,\"key\":null,\"gap\":{\"reason\":"
		"\"start_unsure\",\"certain\":false,\"after\":\"TRIM_HORIZON\"},\"notes\":null},"
		"\"transaction\":null,\"op\":\"m\",\"ts_ms\":null,\"ts_us\":null,\"ts_ns\":null}"
		"\n");
}

static void an_event_without_id_gets_one_from_its_place(void)
{
	struct event event = {.op = EVENT_REMOVE,
			      .seqno = STR("42"),
			      .keys = STR("{\"id\":{\"S\":\"a\"}}"),
			      .time_ms = 253402300799999};

	/* In the year 9999, nanoseconds do not fit. */
	check_record(&plain, &event,
		     "{\"id\":\"a\"}\t{\"before\":null,\"after\":null,\"source\":{\"version\":"
		     "\"1.0\",\"connector\":\"dynamodb\",\"name\":\"ddbtap\",\"ts_ms\":"
		     "253402300799999,\"snapshot\":\"false\",\"db\":\"eu-west-1\",\"sequence\":"
		     "\"[\\\"42\\\"]\",\"ts_us\":253402300799999000,\"ts_ns\":null," PLACE
		     "shardId-00000001550840986131-382ec8f8:42\",\"view_type\":null,"
		     "\"user_identity\":null,\"key\":\"{\\\"id\\\":\\\"a\\\"}\",\"gap\":null,"
		     "\"notes\":null},\"transaction\":null,\"op\":\"d\",\"ts_ms\":253402300799999,"
		     "\"ts_us\":253402300799999000,\"ts_ns\":null}\n{\"id\":\"a\"}\t\n");
}

/* The part of a record before its payload. */
static struct str schema_of(const struct buf *record)
{
	const char *end = memmem(record->p, record->n, "\"payload\"", 9);

	CHECK(end != NULL);
	return str_make(record->p, end == NULL ? 0 : (size_t)(end - record->p));
}

static void schemas_do_not_depend_on_items(void)
{
	static const struct debezium_options *const both[] = {&schemas, &strings};
	static const struct event events[] = {
		{.op = EVENT_INSERT,
		 .seqno = STR_INIT("1"),
		 .keys = STR_INIT("{\"id\":{\"S\":\"a\"},\"item\":{\"N\":\"1\"}}"),
		 .new_image = STR_INIT("{\"id\":{\"S\":\"a\"},\"item\":{\"N\":\"1\"}}")},
		{.op = EVENT_MODIFY,
		 .ttl = true,
		 .keys = STR_INIT("{\"item\":{\"B\":\"AAAA\"},\"id\":{\"N\":\"1\"}}"),
		 .old_image = STR_INIT("{\"x\":{\"L\":[{\"NULL\":true},{\"Q\":1}]}}")},
	};

	for (size_t i = 0; i < ARRAY_N(both); i++) {
		struct bound bound = bind(both[i], NULL);
		struct buf first, second;

		buf_init(&first, OUT_MAX);
		buf_init(&second, OUT_MAX);
		bound.encoder->encode(bound.encoder, &source, &events[0], &first);
		bound.encoder->encode(bound.encoder, &source, &events[1], &second);
		check_str(schema_of(&second), schema_of(&first), __FILE__, __LINE__);
		buf_release(&first);
		buf_release(&second);
		unbind(&bound);
	}
}

static void heartbeats_name_the_prefix(void)
{
	static const struct {
		const struct debezium_options *options;
		const char *key, *value;
	} cases[] = {
		{&plain, "{\"serverName\":\"ddbtap\"}", "{\"ts_ms\":1767323045678}"},
		{&schemas,
		 "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":"
		 "false,\"field\":\"serverName\"}],\"optional\":false,\"name\":\"io.debezium."
		 "connector.common.ServerNameKey\",\"version\":1},\"payload\":{\"serverName\":"
		 "\"ddbtap\"}}",
		 "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"optional\":"
		 "false,\"field\":\"ts_ms\"}],\"optional\":false,\"name\":\"io.debezium.connector."
		 "common.Heartbeat\",\"version\":1},\"payload\":{\"ts_ms\":1767323045678}}"},
	};

	for (size_t i = 0; i < ARRAY_N(cases); i++) {
		struct bound bound = bind(cases[i].options, NULL);
		struct buf key, value;

		buf_init(&key, OUT_MAX);
		buf_init(&value, OUT_MAX);
		bound.encoder->heartbeat(bound.encoder, STR("other"), 1767323045678, &key, &value);
		CHECK_STR(buf_view(&key), cases[i].key);
		CHECK_STR(buf_view(&value), cases[i].value);
		buf_release(&key);
		buf_release(&value);
		unbind(&bound);
	}
}

static void schemas_follow_the_names_of_the_key(void)
{
	static const struct key_names other_names = {.hash = STR_INIT("h")}, no_names;
	static const struct gap gap = {.reason = GAP_TRIMMED};
	struct source others[] = {source, source, source};
	struct event event = {.op = EVENT_INSERT, .keys = STR("{\"h\":{\"S\":\"a\"}}")};
	static const char *const fields[] = {
		"[{\"type\":\"string\",\"optional\":false,\"field\":\"h\"}],\"optional\":false,",
		"[{\"type\":\"string\",\"optional\":false,\"field\":\"a\"},"
		"{\"type\":\"string\",\"optional\":false,\"field\":\"h\"}],\"optional\":false,",
		"[{\"type\":\"string\",\"optional\":false,\"field\":\"h\"},"
		"{\"type\":\"string\",\"optional\":false,\"field\":\"a\"}],\"optional\":false,",
	};
	struct bound bound = bind(&schemas, NULL);
	struct buf key, value;

	buf_init(&key, OUT_MAX);
	buf_init(&value, OUT_MAX);
	others[0].key_names = NULL;
	others[1].key_names = NULL;
	others[2].key_names = &other_names;
	for (size_t i = 0; i < ARRAY_N(others); i++) {
		if (i > 0)
			event.keys = STR("{\"h\":{\"S\":\"a\"},\"a\":{\"S\":\"b\"}}");
		buf_clear(&key);
		buf_clear(&value);
		bound.encoder->key(bound.encoder, &others[i], &event, &key);
		bound.encoder->encode(bound.encoder, &others[i], &event, &value);
		CHECK(contains(&key, fields[i]));
		CHECK(contains(&value,
			       i == 1 ? "\"field\":\"h\"},{\"type\":\"string\",\"optional\":"
					"true,\"name\":\"io.debezium.data.Json\","
					"\"version\":1,\"field\":\"item\"}"
				      : "\"field\":\"item\"}"));
	}
	/* A gap record has the names alone, of a table without range key only one. */
	event = (struct event){.op = EVENT_GAP, .gap = &gap};
	for (size_t i = 0; i < ARRAY_N(others); i++) {
		others[i].key_names = i == 0 ? NULL : i == 1 ? &no_names : &other_names;
		buf_clear(&value);
		bound.encoder->encode(bound.encoder, &others[i], &event, &value);
		CHECK(contains(&value,
			       i == 2 ? "\"fields\":[{\"type\":\"string\",\"optional\":false,"
					"\"field\":\"h\"},{\"type\":\"string\","
					"\"optional\":true,"
				      : "{\"type\":\"struct\",\"fields\":[{\"type\":"
					"\"string\",\"optional\":true,"));
	}
	buf_release(&key);
	buf_release(&value);
	unbind(&bound);
}

/* A name of `name_n` bytes over a list of `n` numbers: notes that would take name_n * n bytes. */
static void add_hostile_image(struct buf *image, size_t name_n, size_t n)
{
	buf_str(image, STR("{\"secretkey\":{\"S\":\"SECRET\"},\""));
	for (size_t i = 0; i < name_n; i++)
		buf_c(image, 'x');
	buf_str(image, STR("\":{\"L\":["));
	for (size_t i = 0; i < n; i++)
		buf_str(image, i == 0 ? STR("{\"N\":\"1\"}") : STR(",{\"N\":\"1\"}"));
	buf_str(image, STR("]}}"));
}

static void hostile_items_do_not_take_all_memory(void)
{
	const struct debezium_options *const options[] = {&plain, &masked, &rows, &masked_rows};

	for (size_t i = 0; i < ARRAY_N(options); i++) {
		struct event event = {.op = EVENT_INSERT, .keys = STR("{\"id\":{\"S\":\"1\"}}")};
		struct bound bound = bind(options[i], "user");
		struct buf image, out;

		buf_init(&image, FILE_MAX);
		buf_init(&out, OUT_MAX);
		add_hostile_image(&image, 60000, 20000);
		event.old_image = buf_view(&image);
		event.new_image = STR("{\"n\":{\"N\":\"1\"}}");
		bound.encoder->encode(bound.encoder, &source, &event, &out);
		CHECK(!out.failed);
		CHECK(out.n < image.n * 4 + 2000);
		CHECK(contains(&out, "its notes take too much room"));
		CHECK(contains(&out, "\\\"types\\\":{\\\"/after/n\\\":\\\"N\\\"}"));
		CHECK(contains(&out, "SECRET") != options[i]->image.mask);
		/* The next event is none the worse for it. */
		buf_clear(&out);
		event.old_image = STR_NONE;
		bound.encoder->encode(bound.encoder, &source, &event, &out);
		CHECK(!contains(&out, "undecodable"));
		buf_release(&image);
		buf_release(&out);
		unbind(&bound);
	}
}

static void text_that_is_too_long_is_told(void)
{
	enum { N = 129 << 20 };
	struct event event = {.op = EVENT_INSERT, .keys = STR("{\"id\":{\"S\":\"1\"}}")};
	struct bound bound = bind(&rows, NULL);
	struct buf image, out;
	char *room;

	buf_init(&image, N + FILE_MAX);
	buf_init(&out, N + FILE_MAX);
	buf_str(&image, STR("{\"x\":{\"S\":\""));
	room = buf_reserve(&image, N);
	if (CHECK(room != NULL)) {
		memset(room, 'x', N);
		image.n += N;
	}
	buf_str(&image, STR("\"}}"));
	event.new_image = buf_view(&image);
	for (int i = 0; i < 2; i++) {
		buf_clear(&out);
		event.utf8_bad = i == 1;
		bound.encoder->encode(bound.encoder, &source, &event, &out);
		CHECK(out.failed);
	}
	buf_release(&image);
	buf_release(&out);
	unbind(&bound);
}

static void options_that_do_not_go_together_are_refused(void)
{
	const struct debezium_options options = {
		.prefix = prefix, .schemas = true, .images = DEBEZIUM_OBJECT};
	const struct format_env env = {.table = source.table};
	struct option_fault fault = {0};
	struct error err = {0};

	CHECK(!format_debezium.check(&options, &fault));
	CHECK_STR(str_of(fault.option), "images");
	CHECK(format_debezium.check(&schemas, &fault));
	CHECK(format_debezium.check(&strings, &fault));
	CHECK(format_debezium.open(&env, &options, &err) == NULL);
	CHECK_INT(err.code, ERROR_CONFIG);
	CHECK_STR(
		str_of(err.text),
		"images: object does not go with schemas: true, for no schema holds for all items: "
		"use images: row or images: string");
	CHECK(format_debezium.shows_secrets(&plain));
	CHECK(!format_debezium.shows_secrets(&masked));
}

static void a_prefix_is_a_name(void)
{
	const char *(*check)(struct str text) = NULL;

	for (size_t i = 0; i < format_debezium.n_options; i++) {
		if (strcmp(format_debezium.options[i].name, "prefix") == 0)
			check = format_debezium.options[i].check;
	}
	if (!CHECK(check != NULL))
		return;
	CHECK(check(STR("ddbtap")) == NULL);
	CHECK(check(STR("A-z_0.9")) == NULL);
	CHECK_STR(str_of(check(STR(""))), "a name");
	CHECK_STR(str_of(check(STR("a b"))), "a name of letters, digits, \".\", \"_\" and \"-\"");
	CHECK(check(STR("\"")) != NULL);
}

static void a_role_needs_its_messages(void)
{
	static const struct profile_blob blobs[] = {{"blob", "Nothing"}};
	const struct profile_role role = {.name = "odd", .blobs = blobs, .n_blobs = 1};
	struct error err = {0};
	struct schema *schema = schema_vinyldns(&err);
	const struct format_env env = {.table = source.table, .role = &role, .schema = schema};

	CHECK(debezium_new(&plain, &env, &err) == NULL);
	CHECK_INT(err.code, ERROR_CONFIG);
	CHECK_STR(str_of(err.text), "role odd: the schema has no message Nothing");
	schema_free(schema);
}

static void it_says_which_images_it_is_made_of(void)
{
	const struct format_env env = {.table = source.table};
	struct error err = {0};
	struct encoder *encoder = debezium_new(&plain, &env, &err);

	CHECK_INT(encoder->images_needed, IMAGES_NEW);
	CHECK_INT(encoder->images_wanted, IMAGES_NEW | IMAGES_OLD);
	debezium_free(encoder);
}

int main(void)
{
	CHECK_RUN(records_are_as_on_file);
	CHECK_RUN(a_gap_is_a_message_without_key);
	CHECK_RUN(what_the_service_does_not_say_is_null);
	CHECK_RUN(an_event_without_id_gets_one_from_its_place);
	CHECK_RUN(schemas_do_not_depend_on_items);
	CHECK_RUN(heartbeats_name_the_prefix);
	CHECK_RUN(schemas_follow_the_names_of_the_key);
	CHECK_RUN(hostile_items_do_not_take_all_memory);
	CHECK_RUN(text_that_is_too_long_is_told);
	CHECK_RUN(options_that_do_not_go_together_are_refused);
	CHECK_RUN(a_prefix_is_a_name);
	CHECK_RUN(a_role_needs_its_messages);
	CHECK_RUN(it_says_which_images_it_is_made_of);
	return check_end();
}
