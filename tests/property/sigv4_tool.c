/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs what it reads, for sigv4.py. One request per line, fields in base64, separated by blanks:
 * access key, secret, token, region, host, path, content type, target, body, then the time in
 * milliseconds. Prints "DATE AUTHORIZATION" for each, through one signer per region.
 */
#include <stdio.h>

#include "base/base64.h"
#include "consumer/aws/sigv4.h"

enum { FIELDS = 9, LINE_MAX_BYTES = 8 << 20 };

/* Signs one request, whose fields are decoded. */
static void sign(struct signer *signer, const struct buf *f, int64_t wall_ms)
{
	struct credentials credentials = {0};
	struct error err;
	struct signature out;
	struct sign_request request = {
		.host = buf_view(&f[4]),
		.path = buf_view(&f[5]),
		.content_type = buf_view(&f[6]),
		.target = buf_view(&f[7]),
		.body = buf_view(&f[8]),
		.wall_ms = wall_ms,
	};

	if (!str_eq(str_of(signer->region), buf_view(&f[3]))) {
		if (signer->digest != NULL)
			signer_release(signer);
		signer_init(signer, buf_view(&f[3]), SIGN_SERVICE);
	}
	if (!credentials_set(&credentials, buf_view(&f[0]), buf_view(&f[1]), buf_view(&f[2]),
			     &err)) {
		printf("error %s\n", err.text);
		return;
	}
	signer_sign(signer, &credentials, &request, &out);
	printf("%s %s\n", out.date, out.authorization);
	credentials_release(&credentials);
}

int main(void)
{
	struct signer signer = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		struct str rest = str_trim(str_make(line, (size_t)n));
		struct buf fields[FIELDS];
		int64_t wall_ms = 0;
		bool ok = true;

		for (size_t i = 0; i < FIELDS; i++) {
			buf_init(&fields[i], LINE_MAX_BYTES);
			ok = base64_decode(&fields[i], str_cut(&rest, ' ')) && ok;
		}
		if (ok && str_to_i64(rest, &wall_ms))
			sign(&signer, fields, wall_ms);
		else
			printf("error malformed line\n");
		for (size_t i = 0; i < FIELDS; i++)
			buf_release(&fields[i]);
	}
	if (signer.digest != NULL)
		signer_release(&signer);
	free(line);
	return 0;
}
