/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base64.h"
#include "tests/model/model.h"

enum { ITERATOR_TEXT_MAX = 2048 };

/*
 * What an iterator carries, so that the service need not remember it. The text is
 * `<stream ARN>|1|<base64 of this>`.
 */
struct token {
	uint32_t stream, shard;
	uint64_t record;
	int64_t issued_ms;
	uint64_t generation;
	uint64_t check;
};

/* What makes a token genuine: a mix of its content and the service's secret. */
static uint64_t token_check(const struct service *service, const struct token *token)
{
	uint64_t parts[] = {(uint64_t)token->stream << 32 | token->shard, token->record,
			    (uint64_t)token->issued_ms, token->generation};
	uint64_t mix = service->secret;

	for (size_t i = 0; i < ARRAY_N(parts); i++) {
		mix = (mix ^ parts[i]) * 0x9e3779b97f4a7c15u;
		mix ^= mix >> 31;
	}
	return mix;
}

void iterator_put(struct service *service, const struct position *position, struct buf *answer)
{
	struct token token = {.stream = position->stream->n,
			      .shard = position->shard->n,
			      .record = position->record,
			      .issued_ms = service->now_ms,
			      .generation = service->iterator_generation};

	token.check = token_check(service, &token);
	buf_c(answer, '"');
	buf_str(answer, str_of(position->stream->arn));
	buf_str(answer, STR("|1|"));
	base64_encode(answer, &token, sizeof(token));
	buf_c(answer, '"');
}

/* Reads the token out of the iterator's text; false when it is none of ours. */
static bool read_token(struct service *service, struct str text, struct token *out)
{
	size_t bar = str_find_last(text, '|');
	struct str prefix = str_head(text, bar + 1), arn;
	const struct stream *stream;
	struct buf bytes;
	bool ok;

	if (!str_ends(prefix, STR("|1|")))
		return false;
	arn = str_head(text, prefix.n - 3);
	buf_init(&bytes, sizeof(*out));
	ok = base64_decode(&bytes, str_skip(text, bar + 1)) && bytes.n == sizeof(*out);
	if (ok)
		mem_copy(out, bytes.p, sizeof(*out));
	buf_release(&bytes);
	if (!ok || token_check(service, out) != out->check || out->stream >= service->streams_n)
		return false;
	stream = service->streams[out->stream];
	return str_eq(arn, str_of(stream->arn)) && out->shard < stream->shards_n;
}

bool iterator_read(struct service *service, struct request *request, struct str text,
		   struct position *out)
{
	struct token token;

	if (text.n == 0 || text.n > ITERATOR_TEXT_MAX || !read_token(service, text, &token))
		return failure_set(request->failure, FAILURE_VALIDATION, "Invalid ShardIterator.");
	if (token.generation != service->iterator_generation ||
	    service->now_ms - token.issued_ms > service->options.iterator_life_ms) {
		service_hit(service, HIT_EXPIRED_ITERATOR);
		return failure_set(request->failure, FAILURE_EXPIRED_ITERATOR,
				   "The provided iterator has expired: it was issued too long ago");
	}
	out->stream = service->streams[token.stream];
	out->shard = out->stream->shards[token.shard];
	out->record = token.record;
	if (out->stream->gone) {
		service_hit(service, HIT_STREAM_GONE);
		return failure_set(request->failure, FAILURE_NOT_FOUND,
				   "Requested resource not found: Stream: %s not found",
				   out->stream->arn);
	}
	if (!out->shard->listed) {
		service_hit(service, HIT_SHARD_GONE);
		return failure_set(request->failure, FAILURE_NOT_FOUND,
				   "Requested resource not found: Shard does not exist");
	}
	return true;
}
