/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native format against golden files: tests/golden/native/NAME.page.json is the body of a
 * GetRecords answer, a .jsonl file beside it the lines that it gives. To make one anew, after a
 * change that is meant: build/release/property/native_tool FLAGS <NAME.page.json >NAME.jsonl, and
 * read the difference.
 */
#include "sinks/formats/native.h"

#include <stdio.h>
#include <string.h>

#include "consumer/change/scan.h"
#include "tests/check.h"

enum { FILE_MAX = 1 << 20, OUT_MAX = 64 << 20 };

static const struct source source = {
	.table = STR_INIT("things"),
	.stream_arn = STR_INIT("arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/"
			       "2026-01-02T03:04:05.678"),
	.region = STR_INIT("eu-west-1"),
	.shard_id = STR_INIT("shardId-00000001550840986131-382ec8f8"),
};

static const struct native_options plain = {0};
static const struct native_options numbers = {.image.numbers_json = true};
static const struct native_options told = {.summary = true};
static const struct native_options audit = {.image.mask = true, .summary = true};
static const struct native_options masked_raw = {.image.mask = true, .image.raw_always = true};
static const struct native_options all_shown = {.image.raw_always = true};
static const struct native_options bytes_shown = {.image.mask = true,
						  .image.undecodable_raw = true};

static const struct golden {
	const char *page, *lines;
	const struct native_options *options;
	const char *role; /* of the profile vinyldns */
} goldens[] = {
	{"types", "types", &plain, NULL},
	{"types", "types.numbers", &numbers, NULL},
	{"names", "names", &plain, NULL},
	{"ops", "ops", &told, NULL},
	{"malformed", "malformed", &plain, NULL},
	{"malformed", "malformed.numbers", &numbers, NULL},
	{"deep", "deep", &plain, NULL},
	{"utf8", "utf8", &told, NULL},
	{"record_set", "record_set", &masked_raw, "record_set"},
	{"record_set", "record_set.audit", &audit, "record_set"},
	{"record_set_change", "record_set_change", &audit, "record_set_change"},
	{"record_set_change", "record_set_change.masked_raw", &masked_raw, "record_set_change"},
	{"record_set_change", "record_set_change.shown", &all_shown, "record_set_change"},
	{"record_set_change", "record_set_change.bytes", &bytes_shown, "record_set_change"},
	{"zone_change", "zone_change", &audit, "zone_change"},
	{"group_change", "group_change", &audit, "group_change"},
	{"group", "group", &audit, "group"},
	{"membership", "membership", &audit, "membership"},
	{"user", "user", &audit, "user"},
	{"user", "user.shown", &all_shown, "user"},
	{"user_change", "user_change", &audit, "user_change"},
};

/* The content of a file of the golden folder. */
static void read_golden(struct buf *buf, const char *name, const char *ending)
{
	char path[200], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "tests/golden/native/%s%s", name, ending);
	file = fopen(path, "rb");
	if (!CHECK(file != NULL)) {
		fprintf(stderr, "   cannot open %s\n", path);
		return;
	}
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(buf, piece, n);
	fclose(file);
}

/* Appends the lines of all events of a page. */
static void encode_page(const struct encoder *encoder, struct str body, struct buf *out)
{
	struct error err = {0};
	struct arena arena;
	struct page page;

	arena_init(&arena);
	if (!CHECK(scan_page(&arena, body, &page, &err)))
		fprintf(stderr, "   %s\n", err.text);
	for (size_t i = 0; i < page.n; i++)
		encoder->encode(encoder, &source, &page.events[i], out);
	arena_release(&arena);
}

/* An encoder with a schema to it. */
struct bound {
	struct schema *schema;
	struct encoder *encoder;
};

static struct bound bind(const struct native_options *options, const char *role_name)
{
	const struct profile *profile = profile_find(STR("vinyldns"));
	struct error err = {0};
	struct bound bound = {.schema = schema_vinyldns(&err)};

	bound.encoder =
		native_new(options,
			   role_name == NULL ? NULL : profile_role(profile, str_of(role_name)),
			   bound.schema, &err);
	if (!CHECK(bound.encoder != NULL))
		fprintf(stderr, "   %s\n", err.text);
	return bound;
}

static void unbind(struct bound *bound)
{
	native_free(bound->encoder);
	schema_free(bound->schema);
}

/* Whether the lines of one case are as on file, a second time too. */
static void check_golden(const struct golden *golden)
{
	struct bound bound = bind(golden->options, golden->role);
	struct buf body, want, got;

	buf_init(&body, FILE_MAX);
	buf_init(&want, FILE_MAX);
	buf_init(&got, FILE_MAX);
	read_golden(&body, golden->page, ".page.json");
	read_golden(&want, golden->lines, ".jsonl");
	for (int i = 0; i < 2; i++) {
		buf_clear(&got);
		encode_page(bound.encoder, buf_view(&body), &got);
		if (!check_str(buf_view(&got), buf_view(&want), __FILE__, __LINE__))
			fprintf(stderr, "   in %s.jsonl, turn %d\n", golden->lines, i + 1);
	}
	/* Whatever the corpus hides is called so. */
	if (golden->options->image.mask && !golden->options->image.undecodable_raw)
		CHECK(memmem(got.p, got.n, "SECRET", 6) == NULL);
	buf_release(&body);
	buf_release(&want);
	buf_release(&got);
	unbind(&bound);
}

static void lines_are_as_on_file(void)
{
	for (size_t i = 0; i < ARRAY_N(goldens); i++)
		check_golden(&goldens[i]);
}

/* One line of a hand-made event. */
static void check_line(const struct native_options *options, const struct event *event,
		       const char *want)
{
	struct bound bound = bind(options, NULL);
	struct buf out;

	buf_init(&out, OUT_MAX);
	bound.encoder->encode(bound.encoder, &source, event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
	unbind(&bound);
}

/* Whether the buffer holds `text`. */
static bool contains(const struct buf *buf, const char *text)
{
	return memmem(buf->p, buf->n, text, strlen(text)) != NULL;
}

#define HEAD                                                                                      \
	"\"table\":\"things\",\"stream\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/things/" \
	"stream/2026-01-02T03:04:05.678\",\"shard\":\"shardId-00000001550840986131-382ec8f8\""

static void gap_records(void)
{
	struct gap gap = {.reason = GAP_TRIMMED,
			  .certain = true,
			  .after = position_after(STR("300000000000000499660"))};
	struct event event = {.op = EVENT_GAP, .gap = &gap};

	check_line(&told, &event,
		   "{\"id\":\"gap:shardId-00000001550840986131-382ec8f8:300000000000000499660:"
		   "trimmed\",\"op\":\"gap\"," HEAD ",\"gap\":{\"reason\":\"trimmed\","
		   "\"certain\":true,\"after\":\"300000000000000499660\"},\"summary\":"
		   "\"changes are missing after 300000000000000499660 (trimmed)\"}\n");
	gap = (struct gap){.reason = GAP_START_UNSURE, .after = position_start()};
	event.time_ms = 1767323045678;
	check_line(&plain, &event,
		   "{\"id\":\"gap:shardId-00000001550840986131-382ec8f8:TRIM_HORIZON:"
		   "start_unsure\",\"op\":\"gap\"," HEAD
		   ",\"time\":\"2026-01-02T03:04:05.678Z\",\"gap\":{\"reason\":\"start_unsure\","
		   "\"certain\":false,\"after\":\"TRIM_HORIZON\"}}\n");
}

static void an_event_without_id_gets_one_from_its_place(void)
{
	struct event event = {.op = EVENT_REMOVE, .seqno = STR("42"), .keys = STR("{}")};

	check_line(&plain, &event,
		   "{\"id\":\"shardId-00000001550840986131-382ec8f8:42\",\"op\":\"remove\"," HEAD
		   ",\"seq\":\"42\",\"key\":{}}\n");
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
	const struct native_options *options[] = {&plain, &audit};

	for (size_t i = 0; i < ARRAY_N(options); i++) {
		struct event event = {.op = EVENT_INSERT,
				      .seqno = STR("42"),
				      .keys = STR("{\"id\":{\"N\":\"1\"}}")};
		struct bound bound = bind(options[i], "user");
		struct buf image, out;

		buf_init(&image, FILE_MAX);
		buf_init(&out, OUT_MAX);
		add_hostile_image(&image, 60000, 20000);
		event.old_image = buf_view(&image);
		event.new_image = STR("{\"id\":{\"N\":\"1\"}}");
		bound.encoder->encode(bound.encoder, &source, &event, &out);
		CHECK(!out.failed);
		CHECK(out.n < image.n * 2 + 1000);
		CHECK(contains(&out, "\"/before\":\"its notes take too much room\""));
		CHECK(contains(&out, "\"types\":{\"/key/id\":\"N\",\"/after/id\":\"N\"}"));
		CHECK(contains(&out, "SECRET") != options[i]->image.mask);
		/* The next event is none the worse for it. */
		buf_clear(&out);
		event.old_image = STR_NONE;
		event.new_image = STR("{\"n\":{\"N\":\"1\"}}");
		bound.encoder->encode(bound.encoder, &source, &event, &out);
		CHECK(contains(&out, "\"after\":{\"n\":\"1\"}"));
		CHECK(!contains(&out, "undecodable"));
		buf_release(&image);
		buf_release(&out);
		unbind(&bound);
	}
}

static void a_long_summary_becomes_a_short_one(void)
{
	struct event event = {.op = EVENT_INSERT, .seqno = STR("42")};
	struct bound bound = bind(&told, NULL);
	struct buf keys, out;

	buf_init(&keys, FILE_MAX);
	buf_init(&out, OUT_MAX);
	buf_str(&keys, STR("{\"id\":{\"S\":\""));
	for (size_t i = 0; i < 20000; i++)
		buf_c(&keys, 'x');
	buf_str(&keys, STR("\"}}"));
	event.keys = buf_view(&keys);
	bound.encoder->encode(bound.encoder, &source, &event, &out);
	CHECK(str_ends(buf_view(&out), STR(",\"summary\":\"inserted an item\"}\n")));
	buf_release(&keys);
	buf_release(&out);
	unbind(&bound);
}

static void a_key_tells_no_secret(void)
{
	struct event event = {.op = EVENT_INSERT, .keys = STR("{\"secretkey\": {\"S\":\"x\"}}")};
	const struct native_options *options[] = {&plain, &audit};

	for (size_t i = 0; i < ARRAY_N(options); i++) {
		struct bound bound = bind(options[i], "user");
		struct buf out;

		buf_init(&out, OUT_MAX);
		bound.encoder->key(bound.encoder, &source, &event, &out);
		if (options[i]->image.mask)
			CHECK(str_starts(buf_view(&out), STR("{\"sha256\":\"")));
		else
			CHECK_STR(buf_view(&out), "{\"secretkey\":{\"S\":\"x\"}}");
		buf_release(&out);
		unbind(&bound);
	}
}

static void a_role_needs_its_messages(void)
{
	static const struct profile_blob blobs[] = {{"blob", "Nothing"}};
	const struct profile_role role = {.name = "odd", .blobs = blobs, .n_blobs = 1};
	struct error err = {0};
	struct schema *schema = schema_vinyldns(&err);

	CHECK(native_new(&plain, &role, schema, &err) == NULL);
	CHECK_INT(err.code, ERROR_CONFIG);
	CHECK_STR(str_of(err.text), "role odd: the schema has no message Nothing");
	schema_free(schema);
}

static void it_says_which_images_it_is_made_of(void)
{
	struct bound nothing = bind(&plain, NULL), summary = bind(&told, NULL);
	struct bound decoded = bind(&plain, "record_set_change");

	CHECK_INT(nothing.encoder->images_needed, 0);
	CHECK_INT(nothing.encoder->images_wanted, 0);
	CHECK_INT(summary.encoder->images_needed, 0);
	CHECK_INT(summary.encoder->images_wanted, IMAGES_NEW | IMAGES_OLD);
	CHECK_INT(decoded.encoder->images_needed, IMAGES_NEW | IMAGES_OLD);
	CHECK_INT(decoded.encoder->images_wanted, IMAGES_NEW | IMAGES_OLD);
	unbind(&nothing);
	unbind(&summary);
	unbind(&decoded);
}

int main(void)
{
	CHECK_RUN(lines_are_as_on_file);
	CHECK_RUN(gap_records);
	CHECK_RUN(an_event_without_id_gets_one_from_its_place);
	CHECK_RUN(hostile_items_do_not_take_all_memory);
	CHECK_RUN(a_long_summary_becomes_a_short_one);
	CHECK_RUN(a_key_tells_no_secret);
	CHECK_RUN(a_role_needs_its_messages);
	CHECK_RUN(it_says_which_images_it_is_made_of);
	return check_end();
}
