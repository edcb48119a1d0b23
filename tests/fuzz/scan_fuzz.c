/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of a GetRecords answer: scanned, and each event through the native format,
 * or Debezium's. Every line must be one JSON object in valid UTF-8, and the same a second time.
 *
 * The first byte chooses options and role; the rest is the body, in an exact copy with its padding,
 * so that a read too far is noticed.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "consumer/change/scan.h"
#include "sinks/formats/debezium.h"
#include "sinks/formats/native.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const roles[] = {NULL, "record_set_change", "user_change", "group_change"};

/* Checks that `line` is one JSON object with an end of line, in valid UTF-8. */
static void check_line(struct str line)
{
	struct json json;

	must(line.n > 0 && str_find(line, '\n') == line.n - 1);
	must(utf8_valid(line));
	json_init(&json, line);
	must(json_peek(&json) == JSON_OBJECT);
	json_skip(&json);
	must(json_end(&json));
}

/* Encodes every event twice. */
static void encode_all(const struct encoder *encoder, const struct page *page)
{
	static const struct key_names names = {.hash = STR_INIT("id"), .range = STR_INIT("sort")};
	const struct source source = {.key_names = &names,
				      .table = STR("t"),
				      .stream_arn = STR("arn"),
				      .region = STR("r"),
				      .shard_id = STR("s")};
	struct buf first, second;

	buf_init(&first, 64 << 20);
	buf_init(&second, 64 << 20);
	for (size_t i = 0; i < page->n; i++) {
		buf_clear(&first);
		buf_clear(&second);
		encoder->encode(encoder, &source, &page->events[i], &first);
		encoder->encode(encoder, &source, &page->events[i], &second);
		must(!first.failed);
		must(str_eq(buf_view(&first), buf_view(&second)));
		check_line(buf_view(&first));
		if (encoder->key == NULL)
			continue;
		buf_clear(&first);
		encoder->key(encoder, &source, &page->events[i], &first);
		must(!first.failed);
		buf_c(&first, '\n');
		check_line(buf_view(&first));
	}
	buf_release(&first);
	buf_release(&second);
}

/* An encoder of Debezium's form; the choice that native's options are made of serves twice. */
static struct encoder *debezium_of(unsigned choice, const struct image_options *image,
				   const struct profile_role *role, const struct schema *schema)
{
	static char prefix[] = "p"; /* the encoder keeps it */
	struct debezium_options options = {
		.image = *image,
		.schemas = (choice & 8) != 0,
		.images = (int)(choice & 3),
		.prefix = prefix,
	};
	struct format_env env = {.table = STR("t"), .role = role, .schema = schema};
	struct error err = {0};

	if (options.schemas && options.images == DEBEZIUM_OBJECT)
		options.images = DEBEZIUM_AUTO;
	return debezium_new(&options, &env, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned choice = n == 0 ? 0 : data[0];
	struct native_options options = {
		.image.numbers_json = (choice & 1) != 0,
		.image.raw_always = (choice & 2) != 0,
		.image.mask = (choice & 4) != 0,
		.summary = (choice & 8) != 0,
		.image.undecodable_raw = (choice & 16) != 0,
	};
	const char *name = roles[choice >> 5 & 3];
	struct error err = {0};
	struct schema *schema = name == NULL ? NULL : schema_vinyldns(&err);
	const struct profile_role *role =
		name == NULL ? NULL : profile_role(profile_find(STR("vinyldns")), str_of(name));
	bool debezium = (choice & 128) != 0;
	struct encoder *encoder = debezium ? debezium_of(choice, &options.image, role, schema)
					   : native_new(&options, role, schema, &err);
	size_t body_n = n == 0 ? 0 : n - 1;
	char *body = mem_alloc(body_n + MEM_PADDING);
	struct arena arena;
	struct page page;

	must(encoder != NULL);
	mem_copy(body, data + 1, body_n);
	arena_init(&arena);
	if (scan_page(&arena, str_make(body, body_n), &page, &err))
		encode_all(encoder, &page);
	else
		must(err.code == ERROR_DATA && page.n == 0);
	arena_release(&arena);
	mem_free(body);
	if (debezium)
		debezium_free(encoder);
	else
		native_free(encoder);
	schema_free(schema);
	return 0;
}
