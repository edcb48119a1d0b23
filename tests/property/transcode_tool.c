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

/* Appends a whole file; false when it cannot be read. */
static bool read_file(const char *path, struct buf *buf)
{
	FILE *file = fopen(path, "rb");
	char part[4096];
	size_t n;

	if (file == NULL)
		return false;
	while ((n = fread(part, 1, sizeof(part), file)) > 0)
		buf_add(buf, part, n);
	fclose(file);
	return true;
}

/* The schema to use, or NULL after saying why. */
static struct schema *open_schema(const char *path)
{
	struct error err = {.code = ERROR_NONE};
	struct schema *schema = NULL;
	struct buf buf;

	buf_init(&buf, FILE_BYTES_MAX);
	if (path == NULL)
		schema = schema_vinyldns(&err);
	else if (!read_file(path, &buf))
		error_set(&err, ERROR_IO, "%s cannot be read", path);
	else
		schema = schema_load(buf_view(&buf), NULL, 0, &err);
	if (schema == NULL)
		fprintf(stderr, "transcode_tool: %s\n", err.text);
	buf_release(&buf);
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

	if (schema == NULL)
		return 1;
	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		answer(schema, str_make(line, (size_t)n));
	}
	free(line);
	schema_free(schema);
	return 0;
}
