/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/msk_token.h"

#include "base/base64.h"
#include "consumer/aws/sigv4.h"

/* The base64 of `text` in the alphabet of URLs, without padding. */
static void add_base64url(struct buf *out, struct str text)
{
	size_t at = out->n;

	base64_encode(out, text.p, text.n);
	while (out->n > at && out->p[out->n - 1] == '=')
		buf_truncate(out, out->n - 1);
	for (size_t i = at; i < out->n; i++) {
		if (out->p[i] == '+')
			out->p[i] = '-';
		else if (out->p[i] == '/')
			out->p[i] = '_';
	}
}

void msk_token(const struct credentials *credentials, struct str region, int64_t wall_ms,
	       struct buf *out)
{
	struct buf host, url;
	struct signer signer;
	struct presign_request request = {
		.path = STR("/"),
		.query = STR("Action=kafka-cluster%3AConnect"),
		.expires_s = MSK_TOKEN_LIFE_MS / 1000,
		.wall_ms = wall_ms,
	};

	buf_init(&host, 256);
	buf_fmt(&host, "kafka.%.*s.amazonaws.com", STR_ARG(region));
	request.host = buf_view(&host);
	buf_init(&url, MSK_TOKEN_MAX);
	signer_init(&signer, region, STR("kafka-cluster"));
	signer_presign(&signer, credentials, &request, &url);
	signer_release(&signer);
	/* It says who made the token; it is not signed. */
	buf_str(&url, STR("&User-Agent=ddbtap"));
	add_base64url(out, buf_view(&url));
	buf_release(&url);
	buf_release(&host);
}
