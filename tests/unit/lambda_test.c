/* SPDX-License-Identifier: Apache-2.0 */
/* The lambda format against golden files, and what those cannot hold: gap records, keys, framing. */
#include "sinks/formats/lambda.h"

#include "tests/unit/golden_page.h"

static const struct golden {
	const char *page, *lines;
	const char *role;
	bool mask;
} goldens[] = {
	{"native/types.page.json", "lambda/types.jsonl", NULL, true},
	{"native/names.page.json", "lambda/names.jsonl", NULL, true},
	{"native/ops.page.json", "lambda/ops.jsonl", NULL, true},
	{"native/malformed.page.json", "lambda/malformed.jsonl", NULL, true},
	{"native/deep.page.json", "lambda/deep.jsonl", NULL, true},
	{"native/utf8.page.json", "lambda/utf8.jsonl", NULL, true},
	{"lambda/keys.page.json", "lambda/keys.jsonl", "user", true},
	{"lambda/keys.page.json", "lambda/keys.shown.jsonl", NULL, false},
	{"native/user.page.json", "lambda/user.jsonl", "user", true},
	{"native/user.page.json", "lambda/user.shown.jsonl", "user", false},
	{"native/user_change.page.json", "lambda/user_change.jsonl", "user_change", true},
	{"native/zone_change.page.json", "lambda/zone_change.jsonl", "zone_change", true},
	{"native/zone_change.page.json", "lambda/zone_change.shown.jsonl", "zone_change", false},
	{"native/record_set_change.page.json", "lambda/record_set_change.jsonl",
	 "record_set_change", true},
};

/* An encoder for a table with that role, of which `*env_out` owns the schema. */
static struct encoder *make(const char *role, bool mask, struct format_env *env_out)
{
	struct lambda_options options = {.mask = mask};
	struct error err = {0};
	struct encoder *encoder;

	*env_out = golden_env(role);
	encoder = lambda_new(&options, env_out, &err);
	if (!CHECK(encoder != NULL))
		fprintf(stderr, "   %s\n", err.text);
	return encoder;
}

static void unmake(struct encoder *encoder, struct format_env *env)
{
	lambda_free(encoder);
	schema_free((struct schema *)(uintptr_t)env->schema);
}

static void lines_are_as_on_file(void)
{
	for (size_t i = 0; i < ARRAY_N(goldens); i++) {
		struct format_env env;
		struct encoder *encoder = make(goldens[i].role, goldens[i].mask, &env);

		golden_check(encoder, goldens[i].page, goldens[i].lines, goldens[i].mask);
		unmake(encoder, &env);
	}
}

/* The record of a hand-made event. */
static void check_record(const char *role, const struct event *event, const char *want)
{
	struct format_env env;
	struct encoder *encoder = make(role, true, &env);
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	encoder->encode(encoder, &golden_source, event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
	unmake(encoder, &env);
}

#define ARN "arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/2026-01-02T03:04:05.678"

static void gap_records(void)
{
	struct gap gap = {.reason = GAP_TRIMMED,
			  .certain = true,
			  .after = position_after(STR("300000000000000499660"))};
	struct event event = {.op = EVENT_GAP, .gap = &gap};

	check_record(NULL, &event,
		     "{\"Records\":[{\"eventID\":\"gap:shardId-00000001550840986131-382ec8f8:"
		     "300000000000000499660:trimmed\",\"eventName\":\"GAP\",\"eventVersion\":"
		     "\"1.1\",\"eventSource\":\"ddbtap:gap\",\"awsRegion\":\"eu-west-1\","
		     "\"dynamodb\":{\"Keys\":{}},\"eventSourceARN\":\"" ARN "\",\"gap\":"
		     "{\"reason\":\"trimmed\",\"certain\":true,\"after\":"
		     "\"300000000000000499660\"}}]}\n");
	gap = (struct gap){.reason = GAP_START_UNSURE, .after = position_start()};
	event.time_ms = 1767323045678;
	check_record("user", &event,
		     "{\"Records\":[{\"eventID\":\"gap:shardId-00000001550840986131-382ec8f8:"
		     "TRIM_HORIZON:start_unsure\",\"eventName\":\"GAP\",\"eventVersion\":"
		     "\"1.1\",\"eventSource\":\"ddbtap:gap\",\"awsRegion\":\"eu-west-1\","
		     "\"dynamodb\":{\"ApproximateCreationDateTime\":1767323045,\"Keys\":{}},"
		     "\"eventSourceARN\":\"" ARN "\",\"gap\":{\"reason\":\"start_unsure\","
		     "\"certain\":false,\"after\":\"TRIM_HORIZON\"}}]}\n");
}

static void bodies_join_to_a_batch(void)
{
	struct event event = {.op = EVENT_INSERT, .seqno = STR("42"), .keys = STR("{}")};
	struct format_env env;
	struct encoder *encoder = make(NULL, true, &env);
	const struct framing *framing = encoder->framing;
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	encoder->encode(encoder, &golden_source, &event, &out);
	CHECK_STR(record_body(framing, buf_view(&out)),
		  "{\"eventID\":\"shardId-00000001550840986131-382ec8f8:42\",\"eventName\":"
		  "\"INSERT\",\"eventVersion\":\"1.1\",\"eventSource\":\"aws:dynamodb\","
		  "\"awsRegion\":\"eu-west-1\",\"dynamodb\":{\"Keys\":{},\"SequenceNumber\":"
		  "\"42\"},\"eventSourceARN\":\"" ARN "\"}");
	CHECK_STR(str_of(framing->batch_open), "{\"Records\":[");
	CHECK_STR(str_of(framing->batch_close), "]}");
	CHECK_STR(str_of(framing->single_open), framing->batch_open);
	CHECK_STR(str_of(framing->single_close), framing->batch_close);
	CHECK_STR(str_of(framing->batch_type), "application/json");
	CHECK(!framing->lone);
	CHECK(encoder->attributes == NULL);
	buf_release(&out);
	unmake(encoder, &env);
}

static void check_key(const char *role, bool mask, const char *keys, const char *want)
{
	struct event event = {.op = EVENT_INSERT, .keys = str_of(keys)};
	struct format_env env;
	struct encoder *encoder = make(role, mask, &env);
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	encoder->key(encoder, &golden_source, &event, &out);
	CHECK_STR(buf_view(&out), want);
	buf_release(&out);
	unmake(encoder, &env);
}

static void keys_tell_no_secrets(void)
{
	const char *keys = "{\"id\":{\"S\":\"a\"},\"secret\\u006bey\":{\"S\":\"x\"}}";
	const char *hash =
		"{\"sha256\":\"9320ee19734b7e33d544bdfb75cb355f92af3f4440f3540f36aafed75ca09eea\"}";

	check_key(NULL, true, keys, "{\"id\":{\"S\":\"a\"},\"secretkey\":{\"S\":\"x\"}}");
	check_key("user", false, keys, "{\"id\":{\"S\":\"a\"},\"secretkey\":{\"S\":\"x\"}}");
	check_key("user", true, keys, hash);
	check_key("user", true, "{\"secretkey\":{\"S\":\"x\"} , \"id\":{\"S\":\"a\"}}", hash);
	check_key("user", true, "{\"userid\":{\"S\":\"a\"}}", "{\"userid\":{\"S\":\"a\"}}");
	check_key("user", true, "", "");
}

static void a_key_that_is_a_secret_message_is_a_secret(void)
{
	struct format_env env;
	struct encoder *encoder = make("zone_change", true, &env);
	struct event event = {.op = EVENT_INSERT, .keys = STR("{\"blob\":{\"B\":\"U0VDUkVU\"}}")};
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	encoder->key(encoder, &golden_source, &event, &out);
	CHECK(str_starts(buf_view(&out), STR("{\"sha256\":\"")));
	buf_release(&out);
	unmake(encoder, &env);
}

#define LITERAL(text) (text), sizeof(text) - 1

static void secrets_in_maps(void)
{
	static const char *const secrets[] = {"m/x", "n/y"};
	static const struct profile_role role = {
		.name = "odd", .secrets = secrets, .n_secrets = ARRAY_N(secrets)};
	struct format_env env = {.table = STR("things"), .role = &role};
	struct lambda_options options = {.mask = true};
	struct event event = {
		.op = EVENT_INSERT,
		.seqno = STR("42"),
		.keys = STR("{\"n\":{\"S\":\"k\"}}"),
		.new_image = STR("{\"m\":{\"M\":{\"x\":{\"N\":\"5\"},\"y\":{\"N\":\"6\"},"
				 "\"m\":{\"M\":{\"x\":{\"N\":\"7\"}}}}},"
				 "\"o\":{\"M\":{\"x\":{\"N\":\"8\"}}},\"x\":{\"N\":\"9\"}}"),
	};
	struct error err = {0};
	struct encoder *encoder = lambda_new(&options, &env, &err);
	struct buf out;

	buf_init(&out, GOLDEN_MAX);
	encoder->encode(encoder, &golden_source, &event, &out);
	CHECK(memmem(out.p, out.n,
		     LITERAL("\"Keys\":{\"n\":{\"S\":\"***\"}},\"NewImage\":{\"m\":{\"M\":{"
			     "\"x\":{\"N\":\"0\"},\"y\":{\"N\":\"6\"},\"m\":{\"M\":{"
			     "\"x\":{\"N\":\"7\"}}}}},\"o\":{\"M\":{\"x\":{\"N\":\"8\"}}},"
			     "\"x\":{\"N\":\"9\"}},")) != NULL);
	buf_clear(&out);
	encoder->key(encoder, &golden_source, &event, &out);
	CHECK(str_starts(buf_view(&out), STR("{\"sha256\":\"")));
	buf_release(&out);
	lambda_free(encoder);
}

static void what_says_nothing_is_not_hidden_as_a_message(void)
{
	struct event event = {.op = EVENT_INSERT,
			      .seqno = STR("42"),
			      .keys = STR("{\"id\":{\"S\":\"a\"}}"),
			      .new_image = STR("{\"blob\":{\"BOOL\":true}}"),
			      .old_image = STR("{\"blob\":{\"NULL\":true}}")};

	check_record("zone_change", &event,
		     "{\"Records\":[{\"eventID\":\"shardId-00000001550840986131-382ec8f8:42\","
		     "\"eventName\":\"INSERT\",\"eventVersion\":\"1.1\",\"eventSource\":"
		     "\"aws:dynamodb\",\"awsRegion\":\"eu-west-1\",\"dynamodb\":{\"Keys\":"
		     "{\"id\":{\"S\":\"a\"}},\"NewImage\":{\"blob\":{\"BOOL\":true}},"
		     "\"OldImage\":{\"blob\":{\"NULL\":true}},\"SequenceNumber\":\"42\"},"
		     "\"eventSourceARN\":\"" ARN "\"}]}\n");
}

static void the_option_decides_on_secrets(void)
{
	struct lambda_options options = {.mask = true};

	CHECK(!format_lambda.shows_secrets(&options));
	options.mask = false;
	CHECK(format_lambda.shows_secrets(&options));
}

int main(void)
{
	CHECK_RUN(lines_are_as_on_file);
	CHECK_RUN(gap_records);
	CHECK_RUN(bodies_join_to_a_batch);
	CHECK_RUN(keys_tell_no_secrets);
	CHECK_RUN(a_key_that_is_a_secret_message_is_a_secret);
	CHECK_RUN(secrets_in_maps);
	CHECK_RUN(what_says_nothing_is_not_hidden_as_a_message);
	CHECK_RUN(the_option_decides_on_secrets);
	return check_end();
}
