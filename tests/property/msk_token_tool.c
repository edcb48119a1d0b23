/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes tokens for Amazon MSK, for msk_token.py. One a line, fields in base64, separated by blanks: access
 * key, secret, session token, region, then the time in milliseconds. Prints the token for each.
 */
#include <stdio.h>

#include "base/base64.h"
#include "sinks/kafka/msk_token.h"

enum { FIELDS = 4, FIELD_MAX_BYTES = 1 << 20 };

/* Prints one token; the fields are decoded. */
static void print_token(const struct buf *f, int64_t wall_ms)
{
	struct credentials credentials = {0};
	struct buf token;
	struct error err;

	if (!credentials_set(&credentials, buf_view(&f[0]), buf_view(&f[1]), buf_view(&f[2]),
			     &err)) {
		printf("error %s\n", err.text);
		return;
	}
	buf_init(&token, MSK_TOKEN_MAX);
	msk_token(&credentials, buf_view(&f[3]), wall_ms, &token);
	printf("%.*s\n", STR_ARG(buf_view(&token)));
	buf_release(&token);
	credentials_release(&credentials);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct str rest = str_trim(str_make(line, (size_t)n));
		struct buf fields[FIELDS];
		int64_t wall_ms = 0;
		bool ok = true;

		for (size_t i = 0; i < FIELDS; i++) {
			buf_init(&fields[i], FIELD_MAX_BYTES);
			ok = base64_decode(&fields[i], str_cut(&rest, ' ')) && ok;
		}
		if (ok && str_to_i64(rest, &wall_ms))
			print_token(fields, wall_ms);
		else
			printf("error malformed line\n");
		for (size_t i = 0; i < FIELDS; i++)
			buf_release(&fields[i]);
	}
	free(line);
	return 0;
}
