/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the body of a GetRecords answer on standard input and prints its events in the Debezium format.
 * For tests that judge the output from outside.
 *
 *	debezium_tool [--schemas] [--images object|row|string] [--prefix TEXT] [--table NAME]
 *	              [--hash NAME] [--range NAME] [--numbers-json] [--raw-always] [--mask]
 *	              [--role NAME] [--records] [--gap]
 *
 * With --gap there is a gap record at the end.
 * With --records it prints what a sink with keys sends: key, tab, value, and behind a removal the key
 * with no value; at the end a heartbeat.
 */
#include <stdio.h>

#include "consumer/change/scan.h"
#include "sinks/formats/debezium.h"

enum { INPUT_MAX = 64 << 20, OUTPUT_MAX = 512 << 20 };

/* What the command line asks for. */
struct request {
	struct debezium_options options;
	struct key_names key_names;
	const char *table, *role;
	bool records, gap;
};

/* Reads all of standard input. */
static void read_input(struct buf *buf)
{
	char piece[65536];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(buf, piece, n);
}

/* Reads a flag without a value; false when it is none. */
static bool parse_flag(struct request *request, struct str arg)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{"--schemas", &request->options.schemas},
		{"--raw-always", NULL},
		{"--numbers-json", NULL},
		{"--mask", &request->options.image.mask},
		{"--records", &request->records},
		{"--gap", &request->gap},
	};

	for (size_t i = 0; i < ARRAY_N(flags); i++) {
		if (!str_eq(arg, str_of(flags[i].name)))
			continue;
		if (flags[i].flag != NULL)
			*flags[i].flag = true;
		else if (i == 1)
			request->options.image.raw_always = 1;
		else
			request->options.image.numbers_json = 1;
		return true;
	}
	return false;
}

/* Reads the options; NULL, or the one that is wrong. */
static const char *parse(char **argv, struct request *request)
{
	static const char *const images[] = {"auto", "object", "row", "string"};

	for (; *argv != NULL; argv++) {
		struct str arg = str_of(*argv);

		if (parse_flag(request, arg))
			continue;
		if (argv[1] == NULL)
			return *argv;
		argv++;
		if (str_eq(arg, STR("--prefix")))
			request->options.prefix = *argv;
		else if (str_eq(arg, STR("--table")))
			request->table = *argv;
		else if (str_eq(arg, STR("--hash")))
			request->key_names.hash = str_of(*argv);
		else if (str_eq(arg, STR("--range")))
			request->key_names.range = str_of(*argv);
		else if (str_eq(arg, STR("--role")))
			request->role = *argv;
		else if (!str_eq(arg, STR("--images")))
			return argv[-1];
		for (int i = 0; i < 4 && str_eq(arg, STR("--images")); i++) {
			if (str_eq(str_of(*argv), str_of(images[i])))
				request->options.images = i;
		}
	}
	return NULL;
}

/* Appends one event as the request wants it. */
static void put_event(const struct request *request, const struct encoder *encoder,
		      const struct source *source, const struct event *event, struct buf *out)
{
	if (!request->records) {
		encoder->encode(encoder, source, event, out);
		return;
	}
	encoder->key(encoder, source, event, out);
	buf_c(out, '\t');
	encoder->encode(encoder, source, event, out);
	if (event->op == EVENT_REMOVE && encoder->tombstones) {
		encoder->key(encoder, source, event, out);
		buf_str(out, STR("\t\n"));
	}
}

/* Appends a heartbeat. */
static void put_heartbeat(const struct encoder *encoder, struct buf *out)
{
	struct buf value;

	buf_init(&value, OUTPUT_MAX);
	encoder->heartbeat(encoder, STR("name"), 1767323045678, out, &value);
	buf_c(out, '\t');
	buf_str(out, buf_view(&value));
	buf_c(out, '\n');
	buf_release(&value);
}

/* Appends a gap record. */
static void put_gap(const struct request *request, const struct encoder *encoder,
		    const struct source *source, struct buf *out)
{
	struct gap gap = {.reason = GAP_TRIMMED,
			  .certain = true,
			  .after = position_after(STR("300000000000000499660"))};
	struct event event = {.op = EVENT_GAP, .gap = &gap};

	put_event(request, encoder, source, &event, out);
}

/* Prints the events of one page; false with `err`. */
static bool print_page(const struct request *request, const struct encoder *encoder,
		       struct str body, struct error *err)
{
	struct source source = {
		.key_names = &request->key_names,
		.table = str_of(request->table),
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
	for (size_t i = 0; ok && i < page.n; i++)
		put_event(request, encoder, &source, &page.events[i], &out);
	if (ok && request->gap)
		put_gap(request, encoder, &source, &out);
	if (ok && request->records)
		put_heartbeat(encoder, &out);
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
	char prefix[] = "ddbtap";
	struct request request = {.options.prefix = prefix, .table = "things"};
	struct format_env env = {0};
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
	env.table = str_of(request.table);
	if (request.role != NULL) {
		schema = schema_vinyldns(&err);
		env.role = profile_role(profile_find(STR("vinyldns")), str_of(request.role));
		env.schema = schema;
		if (env.role == NULL || schema == NULL) {
			error_set(&err, ERROR_USAGE, "there is no role %s", request.role);
			goto out;
		}
	}
	encoder = debezium_new(&request.options, &env, &err);
	if (encoder == NULL)
		goto out;
	read_input(&body);
	print_page(&request, encoder, buf_view(&body), &err);
out:
	debezium_free(encoder);
	schema_free(schema);
	buf_release(&body);
	if (err.code != ERROR_NONE)
		fprintf(stderr, "debezium_tool: %s\n", err.text);
	return err.code == ERROR_NONE ? 0 : 1;
}
