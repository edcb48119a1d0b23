/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transcoder as a filter, for a check against another implementation.
 *
 *	transcode_tool [DESCRIPTOR_SET]
 *
 * reads lines "MESSAGE HEX" or "MESSAGE HEX show" (secrets shown), and answers each with
 * "ok<TAB>JSON<TAB>POINTERS" or "bad<TAB>WHY". Without an argument the schema is VinylDNS's with its overlay.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/transcode.h"

enum { FILE_BYTES_MAX = 16 << 20, OUT_BYTES_MAX = 64 << 20 };

/* Reads a whole file; exits when it cannot be read. */
static void read_file(const char *path, struct buf *buf)
{
	FILE *file = fopen(path, "rb");
	char part[4096];
	size_t n;

	if (file == NULL) {
		fprintf(stderr, "transcode_tool: %s cannot be read\n", path);
		exit(1);
	}
	while ((n = fread(part, 1, sizeof(part), file)) > 0)
		buf_add(buf, part, n);
	fclose(file);
}

/* The schema to use; exits when there is none. */
static struct schema *open_schema(const char *path)
{
	struct error err;
	struct schema *schema;
	struct buf buf;

	if (path == NULL) {
		schema = schema_vinyldns(&err);
	} else {
		buf_init(&buf, FILE_BYTES_MAX);
		read_file(path, &buf);
		schema = schema_load(buf_view(&buf), NULL, 0, &err);
		buf_release(&buf);
	}
	if (schema == NULL) {
		fprintf(stderr, "transcode_tool: %s\n", err.text);
		exit(1);
	}
	return schema;
}

/* The value of a hexadecimal digit. */
static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Answers one line. */
static void answer(const struct schema *schema, struct str line)
{
	const struct message *message = schema_message(schema, str_cut(&line, ' '));
	struct str hex = str_cut(&line, ' ');
	struct buf wire, out, masked;
	struct transcode_options options = {.show_secrets = str_eq(line, STR("show")),
					    .masked = &masked,
					    .pointer = STR("/blob")};
	struct error err;

	buf_init(&wire, FILE_BYTES_MAX);
	buf_init(&out, OUT_BYTES_MAX);
	buf_init(&masked, OUT_BYTES_MAX);
	for (size_t i = 0; i + 1 < hex.n; i += 2)
		buf_c(&wire, (char)(digit(hex.p[i]) << 4 | digit(hex.p[i + 1])));
	if (message == NULL)
		printf("bad\tno such message\n");
	else if (transcode(message, buf_view(&wire), &options, &out, &err))
		printf("ok\t%.*s\t[%.*s]\n", (int)out.n, out.n == 0 ? "" : out.p, (int)masked.n,
		       masked.n == 0 ? "" : masked.p);
	else
		printf("bad\t%s\n", err.text);
	fflush(stdout);
	buf_release(&wire);
	buf_release(&out);
	buf_release(&masked);
}

int main(int argc, char **argv)
{
	struct schema *schema = open_schema(argc > 1 ? argv[1] : NULL);
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		answer(schema, str_make(line, (size_t)n));
	}
	free(line);
	schema_free(schema);
	return 0;
}
