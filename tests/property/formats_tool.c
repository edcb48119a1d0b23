/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the body of a GetRecords answer on standard input and prints its events as lambda or
 * cloudevents. For tests that judge the output from outside.
 *
 *	formats_tool lambda|cloudevents|binary [--mask] [--role NAME] [--type TEXT] [--numbers-json]
 *	             [--summary] [--keys]
 *
 * binary is cloudevents in binary mode: each record is one line of "name=value" for every attribute,
 * parted by tabs, then the record. --keys prints the records' keys instead, and --type is the option
 * event_type of cloudevents.
 */
#include <stdio.h>

#include "consumer/change/scan.h"
#include "sinks/formats/cloudevents.h"
#include "sinks/formats/lambda.h"

enum { INPUT_MAX = 64 << 20, OUTPUT_MAX = 512 << 20 };

/* What the command line asks for. */
struct request {
	const char *format, *role, *type;
	bool mask, numbers_json, summary, keys;
};

/* Reads all of standard input. */
static void read_input(struct buf *buf)
{
	char piece[65536];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(buf, piece, n);
}

/* Reads the arguments; NULL, or the one that is wrong. */
static const char *parse(char **argv, struct request *request)
{
	if (*argv == NULL)
		return "no format";
	request->format = *argv++;
	for (; *argv != NULL; argv++) {
		struct str arg = str_of(*argv);

		if (str_eq(arg, STR("--mask")))
			request->mask = true;
		else if (str_eq(arg, STR("--numbers-json")))
			request->numbers_json = true;
		else if (str_eq(arg, STR("--summary")))
			request->summary = true;
		else if (str_eq(arg, STR("--keys")))
			request->keys = true;
		else if (str_eq(arg, STR("--role")) && argv[1] != NULL)
			request->role = *++argv;
		else if (str_eq(arg, STR("--type")) && argv[1] != NULL)
			request->type = *++argv;
		else
			return *argv;
	}
	return NULL;
}

/* The encoder that is asked for. */
static struct encoder *make_encoder(const struct request *request, const struct format_env *env,
				    struct error *err)
{
	struct lambda_options lambda = {.mask = request->mask};
	static struct cloudevents_options ce;
	static char type[200];

	snprintf(type, sizeof(type), "%s", request->type);
	ce.native.image.mask = request->mask;
	ce.native.image.numbers_json = request->numbers_json;
	ce.native.summary = request->summary;
	ce.event_type = type;
	if (str_eq(str_of(request->format), STR("lambda")))
		return lambda_new(&lambda, env, err);
	if (str_eq(str_of(request->format), STR("binary")))
		ce.mode = CLOUDEVENTS_BINARY;
	else if (!str_eq(str_of(request->format), STR("cloudevents")))
		error_set(err, ERROR_USAGE, "there is no format %s", request->format);
	return err->code == ERROR_NONE ? cloudevents_new(&ce, env, err) : NULL;
}

/* Prints one attribute. */
static void put_attribute(void *arg, struct str name, struct str value)
{
	struct buf *out = arg;

	buf_str(out, name);
	buf_c(out, '=');
	buf_str(out, value);
	buf_c(out, '\t');
}

/* Prints the events of one page; false with `err`. */
static bool print_page(const struct encoder *encoder, bool keys, struct str body, struct error *err)
{
	struct key_names key_names = {.hash = STR("id"), .range = STR("sort")};
	struct source source = {
		.key_names = &key_names,
		.table = STR("things"),
		.stream_arn = STR("arn:aws:dynamodb:eu-west-1:123456789012:table/things/stream/"
				  "2026-01-02T03:04:05.678"),
		.region = STR("eu-west-1"),
		.shard_id = STR("shardId-00000001550840986131-382ec8f8"),
	};
	struct arena arena;
	struct page page;
	struct buf out;
	bool ok;

	arena_init(&arena);
	buf_init(&out, OUTPUT_MAX);
	ok = scan_page(&arena, body, &page, err);
	for (size_t i = 0; ok && i < page.n; i++) {
		const struct event *event = &page.events[i];

		if (keys) {
			encoder->key(encoder, &source, event, &out);
			buf_c(&out, '\n');
			continue;
		}
		if (encoder->attributes != NULL)
			encoder->attributes(encoder, &source, event, put_attribute, &out);
		encoder->encode(encoder, &source, event, &out);
	}
	if (ok && out.failed)
		ok = error_set(err, ERROR_DATA, "the output is too long");
	if (ok && out.n > 0 && fwrite(out.p, 1, out.n, stdout) != out.n)
		ok = error_set(err, ERROR_IO, "cannot write");
	arena_release(&arena);
	buf_release(&out);
	return ok;
}

int main(int argc, char **argv)
{
	struct request request = {.type = "com.amazonaws.dynamodb.item.{change}"};
	struct format_env env = {.table = STR("things"), .region = STR("eu-west-1")};
	struct schema *schema = NULL;
	struct encoder *encoder = NULL;
	struct error err = {0};
	const char *wrong;
	struct buf body;

	buf_init(&body, INPUT_MAX);
	wrong = argc > 0 ? parse(argv + 1, &request) : "";
	if (wrong != NULL) {
		error_set(&err, ERROR_USAGE, "what is %s?", wrong);
		goto out;
	}
	if (request.role != NULL) {
		env.role = profile_role(profile_find(STR("vinyldns")), str_of(request.role));
		env.schema = schema = schema_vinyldns(&err);
		if (env.role == NULL || schema == NULL) {
			error_set(&err, ERROR_USAGE, "there is no role %s", request.role);
			goto out;
		}
	}
	encoder = make_encoder(&request, &env, &err);
	if (encoder == NULL)
		goto out;
	read_input(&body);
	print_page(encoder, request.keys, buf_view(&body), &err);
out:
	if (encoder != NULL && str_eq(str_of(request.format), STR("lambda")))
		lambda_free(encoder);
	else
		cloudevents_free(encoder);
	schema_free(schema);
	buf_release(&body);
	if (err.code != ERROR_NONE)
		fprintf(stderr, "formats_tool: %s\n", err.text);
	return err.code == ERROR_NONE ? 0 : 1;
}
