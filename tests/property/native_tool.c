/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the body of a GetRecords answer on standard input and prints its events in the native
 * format. For tests that judge the output from outside.
 *
 *	native_tool [--numbers-json] [--raw-always] [--mask] [--summary] [--undecodable-raw]
 *	            [--role NAME]     a role of the profile vinyldns
 */
#include <stdio.h>

#include "consumer/change/scan.h"
#include "sinks/formats/native.h"

enum { INPUT_MAX = 64 << 20, OUTPUT_MAX = 512 << 20 };

/* Reads all of standard input. */
static void read_input(struct buf *buf)
{
	char piece[65536];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(buf, piece, n);
}

/* Reads the options; NULL, or the one that is wrong. */
static const char *parse(char **argv, struct native_options *options, const char **role_out)
{
	for (; *argv != NULL; argv++) {
		struct str arg = str_of(*argv);

		if (str_eq(arg, STR("--numbers-json")))
			options->image.numbers_json = true;
		else if (str_eq(arg, STR("--raw-always")))
			options->image.raw_always = true;
		else if (str_eq(arg, STR("--mask")))
			options->image.mask = true;
		else if (str_eq(arg, STR("--summary")))
			options->summary = true;
		else if (str_eq(arg, STR("--undecodable-raw")))
			options->image.undecodable_raw = true;
		else if (str_eq(arg, STR("--role")) && argv[1] != NULL)
			*role_out = *++argv;
		else
			return *argv;
	}
	return NULL;
}

/* Prints the events of one page; false with `err`. */
static bool print_page(const struct encoder *encoder, struct str body, struct error *err)
{
	struct source source = {
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
	for (size_t i = 0; ok && i < page.n; i++)
		encoder->encode(encoder, &source, &page.events[i], &out);
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
	struct native_options options = {0};
	const char *role_name = NULL, *wrong;
	const struct profile_role *role = NULL;
	struct schema *schema = NULL;
	struct encoder *encoder = NULL;
	struct error err = {0};
	struct buf body;

	buf_init(&body, INPUT_MAX);
	wrong = argc > 0 ? parse(argv + 1, &options, &role_name) : "";
	if (wrong != NULL) {
		error_set(&err, ERROR_USAGE, "what is %s?", wrong);
		goto out;
	}
	if (role_name != NULL) {
		role = profile_role(profile_find(STR("vinyldns")), str_of(role_name));
		schema = schema_vinyldns(&err);
		if (role == NULL || schema == NULL) {
			error_set(&err, ERROR_USAGE, "there is no role %s", role_name);
			goto out;
		}
	}
	encoder = native_new(&options, role, schema, &err);
	if (encoder == NULL)
		goto out;
	read_input(&body);
	print_page(encoder, buf_view(&body), &err);
out:
	native_free(encoder);
	schema_free(schema);
	buf_release(&body);
	if (err.code != ERROR_NONE)
		fprintf(stderr, "native_tool: %s\n", err.text);
	return err.code == ERROR_NONE ? 0 : 1;
}
