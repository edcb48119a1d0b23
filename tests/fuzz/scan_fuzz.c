/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the body of a GetRecords answer: scanned, and each event through the native format,
 * lambda and cloudevents, or through Debezium's. Every line must be one JSON object in valid UTF-8, and
 * the same a second time; the data of a CloudEvent must be the native object.
 *
 * The first byte chooses options and role; the rest is the body, in an exact copy with its padding,
 * so that a read too far is noticed.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "consumer/change/scan.h"
#include "sinks/formats/cloudevents.h"
#include "sinks/formats/debezium.h"
#include "sinks/formats/lambda.h"
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

static const struct key_names names = {.hash = STR_INIT("id"), .range = STR_INIT("sort")};
static const struct source source = {.key_names = &names,
				     .table = STR_INIT("t"),
				     .stream_arn = STR_INIT("arn"),
				     .region = STR_INIT("r"),
				     .shard_id = STR_INIT("s")};

/* Encodes every event twice. */
static void encode_all(const struct encoder *encoder, const struct page *page)
{
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

/* Takes an attribute that must be text without controls. */
static void check_attribute(void *arg, struct str name, struct str value)
{
	size_t *n = arg;

	(*n)++;
	must(name.n > 0 && name.n <= 20 && value.n > 0 && utf8_valid(value));
	for (size_t i = 0; i < value.n; i++)
		must((unsigned char)value.p[i] >= 0x20 && value.p[i] != 0x7F);
}

/* Checks that the lines of `ce` end in those of `native`, and that the attributes of `binary` are fit. */
static void compare_all(const struct encoder *native, const struct encoder *ce,
			const struct encoder *binary, const struct page *page)
{
	struct buf data, line;

	buf_init(&data, 64 << 20);
	buf_init(&line, 64 << 20);
	for (size_t i = 0; i < page->n; i++) {
		size_t n = 0;

		buf_clear(&data);
		buf_clear(&line);
		native->encode(native, &source, &page->events[i], &data);
		ce->encode(ce, &source, &page->events[i], &line);
		buf_truncate(&data, data.n - 1);
		buf_str(&data, STR("}\n"));
		must(!line.failed && str_ends(buf_view(&line), buf_view(&data)));
		binary->attributes(binary, &source, &page->events[i], check_attribute, &n);
		must(n >= 6);
	}
	buf_release(&data);
	buf_release(&line);
}

/* Sends the events through lambda and cloudevents too, with the options of `native`. */
static void encode_others(const struct native_options *options, const struct encoder *native,
			  const struct format_env *env, const struct page *page)
{
	static char type[] = "t.{change}"; /* the encoder keeps it */
	struct cloudevents_options ce_options = {.native = *options, .event_type = type};
	struct lambda_options lambda_options = {.mask = options->image.mask};
	struct error err = {0};
	struct encoder *lambda = lambda_new(&lambda_options, env, &err), *ce, *binary;

	ce = cloudevents_new(&ce_options, env, &err);
	ce_options.mode = CLOUDEVENTS_BINARY;
	binary = cloudevents_new(&ce_options, env, &err);
	must(lambda != NULL && ce != NULL && binary != NULL);
	encode_all(lambda, page);
	encode_all(ce, page);
	compare_all(native, ce, binary, page);
	lambda_free(lambda);
	cloudevents_free(ce);
	cloudevents_free(binary);
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
	struct format_env env = {
		.table = STR("t"), .region = STR("r"), .role = role, .schema = schema};
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
	if (!debezium && page.n > 0)
		encode_others(&options, encoder, &env, &page);
	arena_release(&arena);
	mem_free(body);
	if (debezium)
		debezium_free(encoder);
	else
		native_free(encoder);
	schema_free(schema);
	return 0;
}
