/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that any reader of a stream does: asks for the same pages as ddbtap, with libcurl, and
 * throws them away. Unsigned, so the service must not check signatures.
 *
 *	fetch_bench URL TABLE     prints shards, pages, bytes
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"

enum { ANSWER_MAX = 64 << 20, BUFFER_BYTES = 128 << 10, EDGE = 4096, EMPTY_MAX = 2048 };

/* One connection, and the answer of the last call. */
struct fetch {
	CURL *curl;
	const char *url;
	struct buf request, answer;
	uint64_t shards, pages, bytes;
};

/* Takes a piece of an answer. */
static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *fetch = arg;

	buf_add(&fetch->answer, p, size * n);
	return fetch->answer.failed ? 0 : size * n;
}

/* Sends fetch->request to `operation`; the answer is in fetch->answer. */
static void call(struct fetch *fetch, const char *operation)
{
	struct curl_slist *headers = NULL;
	char target[100];
	long status = 0;

	snprintf(target, sizeof(target), "X-Amz-Target: %s", operation);
	headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.0");
	headers = curl_slist_append(headers, target);
	buf_clear(&fetch->answer);
	curl_easy_setopt(fetch->curl, CURLOPT_URL, fetch->url);
	curl_easy_setopt(fetch->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(fetch->curl, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	curl_easy_setopt(fetch->curl, CURLOPT_POSTFIELDS, fetch->request.p);
	curl_easy_setopt(fetch->curl, CURLOPT_POSTFIELDSIZE, (long)fetch->request.n);
	curl_easy_setopt(fetch->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(fetch->curl, CURLOPT_WRITEDATA, fetch);
	must(curl_easy_perform(fetch->curl) == CURLE_OK);
	curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		fprintf(stderr, "%s: status %ld: %.*s\n", operation, status,
			STR_ARG(buf_view(&fetch->answer)));
		must(status == 200);
	}
	curl_slist_free_all(headers);
}

/* The string member called `name`, wherever it is first found in `text`; n == 0: there is none. */
static struct str find_member(struct str text, const char *name)
{
	char quoted[80];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":\"", name);
	at = text.n == 0 ? NULL : memmem(text.p, text.n, quoted, strlen(quoted));
	if (at == NULL)
		return STR_NONE;
	text = str_skip(text, (size_t)(at - text.p) + strlen(quoted));
	return str_head(text, str_find(text, '"'));
}

/* The iterator for the next page: at the beginning or at the end of an answer. */
static struct str next_iterator(struct str answer)
{
	struct str found = find_member(str_head(answer, EDGE), "NextShardIterator");

	if (found.n > 0 || answer.n <= EDGE)
		return found;
	return find_member(str_skip(answer, answer.n - EDGE), "NextShardIterator");
}

/* Reads one shard until a page is empty. */
static void read_shard(struct fetch *fetch, struct str arn, struct str shard)
{
	struct str iterator;

	buf_clear(&fetch->request);
	buf_fmt(&fetch->request,
		"{\"StreamArn\":\"%.*s\",\"ShardId\":\"%.*s\","
		"\"ShardIteratorType\":\"TRIM_HORIZON\"}",
		STR_ARG(arn), STR_ARG(shard));
	call(fetch, "DynamoDBStreams_20120810.GetShardIterator");
	iterator = find_member(buf_view(&fetch->answer), "ShardIterator");
	while (iterator.n > 0) {
		buf_clear(&fetch->request);
		buf_fmt(&fetch->request, "{\"Limit\":1000,\"ShardIterator\":\"%.*s\"}",
			STR_ARG(iterator));
		call(fetch, "DynamoDBStreams_20120810.GetRecords");
		if (fetch->answer.n < EMPTY_MAX)
			break;
		fetch->pages++;
		fetch->bytes += fetch->answer.n;
		iterator = next_iterator(buf_view(&fetch->answer));
	}
	fetch->shards++;
}

/* Reads all shards of a stream. */
static void read_stream(struct fetch *fetch, struct str arn)
{
	struct arena arena;
	struct str text, id, last;

	arena_init(&arena);
	buf_clear(&fetch->request);
	buf_fmt(&fetch->request, "{\"StreamArn\":\"%.*s\"}", STR_ARG(arn));
	call(fetch, "DynamoDBStreams_20120810.DescribeStream");
	text = arena_str(&arena, buf_view(&fetch->answer));
	last = find_member(text, "LastEvaluatedShardId");
	must(last.n == 0);
	for (;;) {
		id = find_member(text, "ShardId");
		if (id.n == 0)
			break;
		read_shard(fetch, arn, id);
		text = str_skip(text, (size_t)(id.p - text.p));
	}
	arena_release(&arena);
}

int main(int argc, char **argv)
{
	struct fetch fetch = {0};
	struct arena arena;
	struct str arn;

	if (argc != 3) {
		fprintf(stderr, "usage: fetch_bench URL TABLE\n");
		return 64;
	}
	fetch.url = argv[1];
	fetch.curl = curl_easy_init();
	must(fetch.curl != NULL);
	arena_init(&arena);
	buf_init(&fetch.request, 1 << 16);
	buf_init(&fetch.answer, ANSWER_MAX);
	buf_fmt(&fetch.request, "{\"TableName\":\"%s\"}", argv[2]);
	call(&fetch, "DynamoDB_20120810.DescribeTable");
	arn = arena_str(&arena, find_member(buf_view(&fetch.answer), "LatestStreamArn"));
	read_stream(&fetch, arn);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", fetch.shards, fetch.pages, fetch.bytes);
	curl_easy_cleanup(fetch.curl);
	buf_release(&fetch.request);
	buf_release(&fetch.answer);
	arena_release(&arena);
	return 0;
}
