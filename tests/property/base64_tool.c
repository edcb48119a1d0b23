/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes what base64_codec.py gives it: one text per line, behind a first byte that does not count
 * (a text may be empty, and may begin with blanks). Prints the bytes in hexadecimal and their
 * encoding, or "error".
 */
#include <stdio.h>

#include "base/base64.h"

enum { TEXT_MAX = 1 << 20 };

/* Prints one text's bytes and their encoding. */
static void print(struct str text)
{
	struct buf bytes, out;

	buf_init(&bytes, TEXT_MAX);
	buf_init(&out, TEXT_MAX * 4);
	if (base64_decode(&bytes, text) && bytes.n == base64_decoded_n(text)) {
		buf_hex(&out, bytes.p, bytes.n);
		buf_c(&out, ' ');
		base64_encode(&out, bytes.p, bytes.n);
	} else {
		buf_str(&out, STR("error"));
	}
	printf("%.*s\n", STR_ARG(buf_view(&out)));
	buf_release(&bytes);
	buf_release(&out);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 1)
		print(str_make(line + 1, (size_t)n - 2));
	free(line);
	return 0;
}
