/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/streams.h"

#include "tests/check.h"

#define ARN "arn:aws:dynamodb:us-east-1:123456789012:table/T/stream/2026-01-02T03:04:05.678"

/* Compares what a request appended, and empties the buffer. */
static void check_body(struct buf *buf, const char *want)
{
	CHECK(!buf->failed);
	CHECK_STR(buf_view(buf), want);
	buf_clear(buf);
}

static void streams_writes_requests(void)
{
	struct buf buf;

	buf_init(&buf, 4096);
	streams_describe_request(&buf, STR(ARN), STR_NONE, 0);
	check_body(&buf, "{\"StreamArn\":\"" ARN "\"}");
	streams_describe_request(&buf, STR(ARN), STR("shardId-1"), 100);
	check_body(&buf, "{\"StreamArn\":\"" ARN
			 "\",\"ExclusiveStartShardId\":\"shardId-1\",\"Limit\":100}");
	streams_children_request(&buf, STR("a"), STR("p"), STR_NONE);
	check_body(&buf, "{\"StreamArn\":\"a\",\"ShardFilter\":{\"Type\":\"CHILD_SHARDS\","
			 "\"ShardId\":\"p\"}}");
	streams_children_request(&buf, STR("a"), STR("p"), STR("c"));
	check_body(&buf, "{\"StreamArn\":\"a\",\"ExclusiveStartShardId\":\"c\",\"ShardFilter\":"
			 "{\"Type\":\"CHILD_SHARDS\",\"ShardId\":\"p\"}}");
	streams_iterator_request(&buf, STR("a"), STR("s"), ITERATOR_TRIM_HORIZON, STR("1"));
	check_body(&buf, "{\"StreamArn\":\"a\",\"ShardId\":\"s\",\"ShardIteratorType\":"
			 "\"TRIM_HORIZON\"}");
	streams_iterator_request(&buf, STR("a"), STR("s"), ITERATOR_LATEST, STR_NONE);
	check_body(&buf,
		   "{\"StreamArn\":\"a\",\"ShardId\":\"s\",\"ShardIteratorType\":\"LATEST\"}");
	streams_iterator_request(&buf, STR("a"), STR("s"), ITERATOR_AT, STR("12"));
	check_body(&buf, "{\"StreamArn\":\"a\",\"ShardId\":\"s\",\"ShardIteratorType\":"
			 "\"AT_SEQUENCE_NUMBER\",\"SequenceNumber\":\"12\"}");
	streams_iterator_request(&buf, STR("a"), STR("s"), ITERATOR_AFTER,
				 STR("300000000000000499659"));
	check_body(&buf, "{\"StreamArn\":\"a\",\"ShardId\":\"s\",\"ShardIteratorType\":"
			 "\"AFTER_SEQUENCE_NUMBER\",\"SequenceNumber\":\"300000000000000499659\"}");
	streams_iterator_request(&buf, STR("a"), STR("s\"\n"), ITERATOR_TRIM_HORIZON, STR_NONE);
	check_body(&buf, "{\"StreamArn\":\"a\",\"ShardId\":\"s\\\"\\n\",\"ShardIteratorType\":"
			 "\"TRIM_HORIZON\"}");
	/* The iterator goes back as it came. */
	streams_records_request(&buf, STR("arn|1|AA\\/\\u003d"), 1000);
	check_body(&buf, "{\"ShardIterator\":\"arn|1|AA\\/\\u003d\",\"Limit\":1000}");
	streams_records_request(&buf, STR("i"), 0);
	check_body(&buf, "{\"ShardIterator\":\"i\"}");
	buf_release(&buf);
}

static void streams_reads_a_description(void)
{
	static const char body[] =
		"{\"StreamDescription\":{\"StreamArn\":\"" ARN "\",\"StreamLabel\":\"l\","
		"\"StreamStatus\":\"ENABLED\",\"StreamViewType\":\"NEW_AND_OLD_IMAGES\","
		"\"CreationRequestDateTime\":1.767323045678E9,\"TableName\":\"T\","
		"\"KeySchema\":[{\"AttributeName\":\"p\\u006b\",\"KeyType\":\"HASH\"},"
		"{\"KeyType\":\"RANGE\",\"AttributeName\":\"sk\"}],"
		"\"Shards\":[{\"ShardId\":\"shardId-00000001550840986131-382ec8f8\","
		"\"SequenceNumberRange\":{\"StartingSequenceNumber\":"
		"\"24438822900000000000168706143\","
		"\"EndingSequenceNumber\":\"24438822900000000000168706144\"}},"
		"{\"ShardId\":\"shardId-2\",\"ParentShardId\":\"shardId-1\","
		"\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"1\"},\"New\":[{}]}],"
		"\"LastEvaluatedShardId\":\"shardId-2\",\"Future\":{\"a\":[1,null]}},\"More\":1}";
	struct stream_description d;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	CHECK(streams_describe_read(&arena, str_of(body), &d, &err));
	CHECK_INT(d.status, STREAM_ENABLED);
	CHECK_STR(d.arn, ARN);
	CHECK_STR(d.table, "T");
	CHECK_STR(d.view_type, "NEW_AND_OLD_IMAGES");
	CHECK_STR(d.hash_key, "pk");
	CHECK_STR(d.range_key, "sk");
	CHECK_INT(d.created_wall_ms, 1767323045678);
	CHECK_STR(d.next_shard_id, "shardId-2");
	CHECK_INT(d.n_shards, 2);
	CHECK_STR(d.shards[0].id, "shardId-00000001550840986131-382ec8f8");
	CHECK_INT(d.shards[0].parent.n, 0);
	CHECK_STR(d.shards[0].first_seqno, "24438822900000000000168706143");
	CHECK_STR(d.shards[0].last_seqno, "24438822900000000000168706144");
	CHECK_STR(d.shards[1].id, "shardId-2");
	CHECK_STR(d.shards[1].parent, "shardId-1");
	CHECK_STR(d.shards[1].first_seqno, "1");
	CHECK_INT(d.shards[1].last_seqno.n, 0);
	arena_release(&arena);
}

/* What emulators leave out or write otherwise. */
static void streams_tolerates_emulators(void)
{
	static const char body[] =
		"{\"StreamDescription\":{\"StreamStatus\":\"SLEEPING\",\"KeySchema\":null,"
		"\"CreationRequestDateTime\":\"2026-01-02T03:04:05Z\",\"StreamViewType\":null,"
		"\"LastEvaluatedShardId\":null,\"Shards\":[{\"ShardId\":\"a\"},"
		"{\"ShardId\":\"b\",\"ParentShardId\":\"\",\"SequenceNumberRange\":{}},"
		"{\"ShardId\":\"c\",\"ParentShardId\":null,\"SequenceNumberRange\":null},"
		"{\"ShardId\":\"d\",\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"0\","
		"\"EndingSequenceNumber\":null}}]}}";
	struct stream_description d;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	CHECK(streams_describe_read(&arena, str_of(body), &d, &err));
	CHECK_INT(d.status, STREAM_UNKNOWN);
	CHECK_INT(d.created_wall_ms, 0);
	CHECK_INT(d.n_shards, 4);
	for (size_t i = 0; i < d.n_shards; i++) {
		CHECK_INT(d.shards[i].parent.n, 0);
		CHECK_INT(d.shards[i].last_seqno.n, 0);
		CHECK_INT(d.shards[i].first_seqno.n, i == 3 ? 1 : 0);
	}
	CHECK(streams_describe_read(&arena, STR("{\"StreamDescription\":{}}"), &d, &err));
	CHECK_INT(d.n_shards, 0);
	CHECK(streams_describe_read(
		&arena,
		STR("{\"StreamDescription\":{\"Shards\":null,\"StreamStatus\":\"DISABLED\"}}"), &d,
		&err));
	CHECK_INT(d.status, STREAM_DISABLED);
	arena_release(&arena);
}

static void streams_refuses_malformed_descriptions(void)
{
	static const char *const bad[] = {
		"",
		"null",
		"{}",
		"[]",
		"{\"StreamDescription\":null}",
		"{\"StreamDescription\":{}",
		"{\"StreamDescription\":{}}x",
		"{\"StreamDescription\":{\"Shards\":[{}]}}",
		"{\"StreamDescription\":{\"Shards\":[{\"ShardId\":\"\"}]}}",
		"{\"StreamDescription\":{\"Shards\":[null]}}",
		"{\"StreamDescription\":{\"Shards\":[{\"ShardId\":7}]}}",
		"{\"StreamDescription\":{\"Shards\":{}}}",
		"{\"StreamDescription\":{\"KeySchema\":[7]}}",
	};
	struct stream_description d;
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		struct error err = {0};

		if (!CHECK(!streams_describe_read(&arena, str_of(bad[i]), &d, &err)))
			fprintf(stderr, "  %s\n", bad[i]);
		CHECK_INT(err.code, ERROR_DATA);
		CHECK(str_starts(str_of(err.text), STR("DescribeStream: malformed answer: ")));
	}
	arena_release(&arena);
}

static void streams_refuses_malformed_ranges(void)
{
	static const char *const bad[] = {
		"7",
		"[]",
		"{\"StartingSequenceNumber\":\"x\"}",
		"{\"StartingSequenceNumber\":5}",
		"{\"EndingSequenceNumber\":\"-1\"}",
		"{\"EndingSequenceNumber\":\"12345678901234567890123456789012345678901\"}",
	};
	struct stream_description d;
	struct arena arena;
	struct error err;
	struct buf body;

	arena_init(&arena);
	buf_init(&body, 1000);
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		buf_clear(&body);
		buf_fmt(&body,
			"{\"StreamDescription\":{\"Shards\":[{\"ShardId\":\"a\","
			"\"SequenceNumberRange\":%s}]}}",
			bad[i]);
		CHECK(!streams_describe_read(&arena, buf_view(&body), &d, &err));
	}
	buf_release(&body);
	arena_release(&arena);
}

/* Cuts a good answer everywhere: each is refused, none is overrun. */
static void streams_refuses_every_cut(void)
{
	static const char body[] = "{\"StreamDescription\":{\"Shards\":[{\"ShardId\":\"a\\u0062\","
				   "\"SequenceNumberRange\":{\"StartingSequenceNumber\":\"1\"}}],"
				   "\"CreationRequestDateTime\":1E9}}";
	struct stream_description d;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	CHECK(streams_describe_read(&arena, str_of(body), &d, &err));
	for (size_t n = 0; n + 1 < sizeof(body); n++) {
		struct str cut = arena_str(&arena, str_make(body, n));

		CHECK(!streams_describe_read(&arena, cut, &d, &err));
	}
	arena_release(&arena);
}

/* Makes a listing of `n` shards. */
static void make_listing(struct buf *buf, unsigned n)
{
	buf_clear(buf);
	buf_str(buf, STR("{\"StreamDescription\":{\"Shards\":["));
	for (unsigned i = 0; i < n; i++)
		buf_fmt(buf, "%s{\"ShardId\":\"shard-%u\"}", i == 0 ? "" : ",", i);
	buf_str(buf, STR("]}}"));
}

static void streams_reads_long_listings(void)
{
	static const unsigned sizes[] = {
		1, 15, 16, 17, 31, 32, 33, 100, 999, 1025, STREAMS_PAGE_SHARDS_MAX};
	struct stream_description d;
	struct arena arena;
	struct error err;
	struct buf buf;

	arena_init(&arena);
	buf_init(&buf, 1 << 20);
	for (size_t i = 0; i < ARRAY_N(sizes); i++) {
		make_listing(&buf, sizes[i]);
		CHECK(streams_describe_read(&arena, buf_view(&buf), &d, &err));
		CHECK_INT(d.n_shards, sizes[i]);
		for (unsigned k = 0; k < sizes[i]; k++) {
			uint64_t number;

			CHECK(str_to_u64(str_skip(d.shards[k].id, 6), &number) && number == k);
		}
	}
	make_listing(&buf, STREAMS_PAGE_SHARDS_MAX + 1);
	CHECK(!streams_describe_read(&arena, buf_view(&buf), &d, &err));
	buf_release(&buf);
	arena_release(&arena);
}

static void streams_reads_iterators_raw(void)
{
	struct str raw;
	struct error err;

	CHECK(streams_iterator_read(STR("{\"x\":1,\"ShardIterator\":\"a|1|b\\/\\u003d\"}"), &raw,
				    &err));
	CHECK_STR(raw, "a|1|b\\/\\u003d");
	CHECK(!streams_iterator_read(STR("{\"ShardIterator\":\"\"}"), &raw, &err));
	CHECK(!streams_iterator_read(STR("{\"ShardIterator\":null}"), &raw, &err));
	CHECK(!streams_iterator_read(STR("{}"), &raw, &err));
	CHECK_INT(err.code, ERROR_DATA);
	CHECK(!streams_iterator_read(STR("{\"ShardIterator\":\"a\"}}"), &raw, &err));
}

int main(void)
{
	CHECK_RUN(streams_writes_requests);
	CHECK_RUN(streams_reads_a_description);
	CHECK_RUN(streams_tolerates_emulators);
	CHECK_RUN(streams_refuses_malformed_descriptions);
	CHECK_RUN(streams_refuses_malformed_ranges);
	CHECK_RUN(streams_refuses_every_cut);
	CHECK_RUN(streams_reads_long_listings);
	CHECK_RUN(streams_reads_iterators_raw);
	return check_end();
}
