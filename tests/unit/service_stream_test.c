/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/service_fixture.h"

static void streams_are_described(void)
{
	struct fixture f;
	char arn[200], shard[80], child[80];

	setup(&f, 5, 1);
	find_shard(&f, arn, shard);
	CHECK_INT(strlen(shard), 37);
	CHECK(strncmp(shard, "shardId-00000001700000000123-", 29) == 0);
	expect(&f, 200, "'StreamStatus':'ENABLED','StreamViewType':'NEW_AND_OLD_IMAGES'");
	expect(&f, 200,
	       "'KeySchema':[{'AttributeName':'pk','KeyType':'HASH'},"
	       "{'AttributeName':'sk','KeyType':'RANGE'}]");
	CHECK(!has(buf_view(&f.answer), "EndingSequenceNumber"));
	callf(&f, "ListStreams", "{}");
	expect(&f, 200,
	       "{'Streams':[{'StreamArn':'arn:aws:dynamodb:us-east-1:123456789012:table/"
	       "tab/stream/2023-11-14T22:13:20.123','TableName':'tab','StreamLabel':'2023");
	callf(&f, "ListStreams", "{'TableName':'none'}");
	expect(&f, 200, "{'Streams':[]}");
	callf(&f, "ListStreams", "{'Limit':101}");
	expect(&f, 400, "less than or equal to 100");
	callf(&f, "DescribeStream", "{'StreamArn':'nonsense'}");
	expect(&f, 400, "ValidationException");
	callf(&f, "DescribeStream", "{'StreamArn':'%sx'}", arn);
	expect(&f, 400, "ResourceNotFoundException");
	callf(&f, "DescribeStream", "{'StreamArn':'%s','ShardFilter':{'Type':'CHILD_SHARDS'}}",
	      arn);
	expect(&f, 400, "ValidationException");
	callf(&f, "DescribeStream",
	      "{'StreamArn':'%s','ShardFilter':{'Type':'CHILD_SHARDS','ShardId':'%s'}}", arn,
	      shard);
	expect(&f, 200, "'Shards':[]");
	CHECK(service_split(f.service, STR("tab"), f.now_ms));
	callf(&f, "DescribeStream",
	      "{'StreamArn':'%s','ShardFilter':{'Type':'CHILD_SHARDS','ShardId':'%s'},'Limit':1}",
	      arn, shard);
	field(&f, "LastEvaluatedShardId", child, sizeof(child));
	CHECK_INT(strlen(child), 37);
	callf(&f, "DescribeStream",
	      "{'StreamArn':'%s','ShardFilter':{'Type':'CHILD_SHARDS','ShardId':'%s'},"
	      "'ExclusiveStartShardId':'%s'}",
	      arn, shard, child);
	CHECK(!has(buf_view(&f.answer), "LastEvaluatedShardId"));
	expect(&f, 200, "'ParentShardId'");
	callf(&f, "DescribeStream", "{'StreamArn':'%s','ExclusiveStartShardId':'%.28s%s'}", arn,
	      shard, "-11112222");
	expect(&f, 200, "'Shards':[]}}");
	teardown(&f);
}

static void records_are_read(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000], seqno[50];

	setup(&f, 6, 1);
	find_shard(&f, arn, shard);
	iterator(&f, arn, shard, "LATEST", NULL, it);
	put(&f, 1, 1);
	put(&f, 1, 2);
	callf(&f, "DeleteItem", "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}}}");
	callf(&f, "GetRecords", "{'ShardIterator':'%s','Limit':2}", it);
	CHECK_INT(records_n(&f), 2);
	expect(&f, 200,
	       "'eventName':'INSERT','eventVersion':'1.1','eventSource':'aws:dynamodb',"
	       "'awsRegion':'us-east-1','dynamodb':{'ApproximateCreationDateTime':1");
	expect(&f, 200,
	       "'Keys':{'pk':{'S':'p1'},'sk':{'N':'1'}},'NewImage':{'pk':{'S':'p1'},"
	       "'sk':{'N':'1'},'v':{'N':'1'}},'SequenceNumber':'");
	expect(&f, 200,
	       "'NewImage':{'pk':{'S':'p1'},'sk':{'N':'1'},'v':{'N':'2'}},'OldImage':{"
	       "'pk':{'S':'p1'},'sk':{'N':'1'},'v':{'N':'1'}},");
	expect(&f, 200,
	       "'SizeBytes':30,'StreamViewType':'NEW_AND_OLD_IMAGES'}}],'NextShardIterator'");
	field(&f, "SequenceNumber", seqno, sizeof(seqno));
	field(&f, "NextShardIterator", it, sizeof(it));
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 1);
	expect(&f, 200, "'eventName':'REMOVE'");
	CHECK(!has(buf_view(&f.answer), "NewImage"));
	CHECK(!has(buf_view(&f.answer), "userIdentity"));
	field(&f, "NextShardIterator", it, sizeof(it));
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	expect(&f, 200, "{'Records':[],'NextShardIterator':'");
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", seqno, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 3);
	iterator(&f, arn, shard, "AFTER_SEQUENCE_NUMBER", seqno, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 2);
	teardown(&f);
}

static void iterators_are_checked(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000], start[50];

	setup(&f, 7, 1);
	find_shard(&f, arn, shard);
	field(&f, "StartingSequenceNumber", start, sizeof(start));
	put(&f, 1, 1);
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", NULL, it);
	expect(&f, 400, "Requires SequenceNumber");
	iterator(&f, arn, shard, "LATEST", start, it);
	expect(&f, 400, "SequenceNumber is not allowed");
	iterator(&f, arn, shard, "AT_TIMESTAMP", NULL, it);
	expect(&f, 400, "enum value set");
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", "100000000000000000000", it);
	expect(&f, 400, "ValidationException");
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", "9999999999999999999999999999999999999999",
		 it);
	expect(&f, 400, "ValidationException");
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", "12", it);
	expect(&f, 400, "ValidationException");
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", start, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 1);
	iterator(&f, arn, "shardId-00000000000000000000-00000000", "LATEST", NULL, it);
	expect(&f, 400, "ResourceNotFoundException");
	iterator(&f, arn, "short", "LATEST", NULL, it);
	expect(&f, 400, "greater than or equal to 28");
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s','Limit':1001}", it);
	expect(&f, 400, "less than or equal to 1000");
	callf(&f, "GetRecords", "{'ShardIterator':'%s','Limit':0}", it);
	expect(&f, 400, "greater than or equal to 1");
	callf(&f, "GetRecords", "{'ShardIterator':'x%s'}", it);
	expect(&f, 400, "ValidationException");
	it[strlen(it) - 10] ^= 3;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	expect(&f, 400, "Invalid ShardIterator");
	callf(&f, "GetRecords", "{'ShardIterator':'nonsense'}");
	expect(&f, 400, "Invalid ShardIterator");
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	f.now_ms += 15 * MINUTE_MS;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(f.status, 200);
	f.now_ms++;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	expect(&f, 400, "ExpiredIteratorException");
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	service_expire_iterators(f.service);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	expect(&f, 400, "ExpiredIteratorException");
	teardown(&f);
}

static void records_are_trimmed(void)
{
	struct fixture f;
	char arn[200], shard[80], old[1000], it[1000], seqno[50], later[50];

	setup(&f, 8, 1);
	service_options(f.service)->shard_life_ms = 0;
	find_shard(&f, arn, shard);
	put(&f, 1, 1);
	f.now_ms += DAY_MS - 5 * MINUTE_MS;
	put(&f, 2, 1);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, old);
	mem_copy(seqno, service_write(f.service, 0)->seqno.p,
		 service_write(f.service, 0)->seqno.n + 1);
	mem_copy(later, service_write(f.service, 1)->seqno.p,
		 service_write(f.service, 1)->seqno.n + 1);
	f.now_ms += 5 * MINUTE_MS;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", old);
	CHECK_INT(records_n(&f), 2);
	CHECK(!service_write(f.service, 0)->trimmed);
	f.now_ms++;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", old);
	expect(&f, 400, "TrimmedDataAccessException");
	CHECK(service_write(f.service, 0)->trimmed);
	iterator(&f, arn, shard, "AFTER_SEQUENCE_NUMBER", seqno, it);
	expect(&f, 400, "TrimmedDataAccessException");
	iterator(&f, arn, shard, "AT_SEQUENCE_NUMBER", later, it);
	CHECK_INT(f.status, 200);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 1);
	CHECK(service_roll(f.service, STR("tab"), f.now_ms));
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	CHECK(service_trim(f.service, STR("tab"), service_write(f.service, 1)->wall_ms));
	CHECK(!service_write(f.service, 1)->trimmed);
	CHECK(service_trim(f.service, STR("tab"), f.now_ms + 1));
	CHECK(service_write(f.service, 1)->trimmed);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	expect(&f, 400, "ResourceNotFoundException");
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	expect(&f, 400, "ResourceNotFoundException");
	CHECK(!service_trim(f.service, STR("none"), f.now_ms));
	teardown(&f);
}

static void streams_are_switched_off_and_on(void)
{
	struct fixture f;
	char arn[200], again[200], shard[80], it[1000];

	setup(&f, 9, 2);
	find_shard(&f, arn, shard);
	put(&f, 1, 1);
	callf(&f, "UpdateTable",
	      "{'TableName':'tab','StreamSpecification':{'StreamEnabled':false}}");
	expect(&f, 200, "'TableStatus':'UPDATING'");
	put(&f, 1, 2);
	CHECK_INT(writes_n(&f), 1);
	callf(&f, "UpdateTable",
	      "{'TableName':'tab','StreamSpecification':{'StreamEnabled':true,"
	      "'StreamViewType':'KEYS_ONLY'}}");
	expect(&f, 400, "ResourceInUseException");
	f.now_ms += 1000;
	callf(&f, "UpdateTable",
	      "{'TableName':'tab','StreamSpecification':{'StreamEnabled':false}}");
	expect(&f, 400, "ValidationException");
	callf(&f, "UpdateTable",
	      "{'TableName':'tab','StreamSpecification':{'StreamEnabled':true,"
	      "'StreamViewType':'KEYS_ONLY'}}");
	CHECK_INT(f.status, 200);
	field(&f, "LatestStreamArn", again, sizeof(again));
	CHECK(strcmp(arn, again) < 0);
	put(&f, 1, 3);
	CHECK_INT(writes_n(&f), 2);
	CHECK_STR(service_write(f.service, 1)->stream_arn, again);
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	expect(&f, 200, "'StreamStatus':'DISABLED'");
	expect(&f, 200, "'EndingSequenceNumber'");
	mem_copy(shard, service_write(f.service, 0)->shard_id.p, 37);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 1);
	mem_copy(shard, service_write(f.service, 1)->shard_id.p, 37);
	iterator(&f, again, shard, "TRIM_HORIZON", NULL, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK(!has(buf_view(&f.answer), "Image'"));
	callf(&f, "ListStreams", "{'Limit':1}");
	expect(&f, 200, "'LastEvaluatedStreamArn'");
	callf(&f, "ListStreams", "{'ExclusiveStartStreamArn':'%s'}", arn);
	expect(&f, 200, again);
	callf(&f, "DeleteTable", "{'TableName':'tab'}");
	expect(&f, 400, "still in use");
	f.now_ms += 1000;
	callf(&f, "DeleteTable", "{'TableName':'tab'}");
	CHECK_INT(f.status, 200);
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", again);
	expect(&f, 200, "'StreamStatus':'DISABLED'");
	f.now_ms += DAY_MS + 1;
	callf(&f, "ListStreams", "{}");
	expect(&f, 200, "{'Streams':[]}");
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", again);
	expect(&f, 400, "ResourceNotFoundException");
	CHECK_STR(service_write(f.service, 0)->stream_arn, arn);
	teardown(&f);
}

static void a_lost_key_hides_the_records(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000];

	setup(&f, 9, 1);
	find_shard(&f, arn, shard);
	put(&f, 1, 1);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	CHECK(!service_key(f.service, STR("nowhere"), false, f.now_ms));
	CHECK(service_key(f.service, STR("tab"), false, f.now_ms));
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	expect(&f, 400, "AccessDeniedException");
	expect(&f, 400, "KMS key");
	callf(&f, "GetShardIterator",
	      "{'StreamArn':'%s','ShardId':'%s','ShardIteratorType':'LATEST'}", arn, shard);
	expect(&f, 400, "AccessDeniedException");
	callf(&f, "DescribeTable", "{'TableName':'tab'}");
	expect(&f, 200, "'TableStatus':'INACCESSIBLE_ENCRYPTION_CREDENTIALS'");
	CHECK(service_key(f.service, STR("tab"), true, f.now_ms));
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 1);
	teardown(&f);
}

static void ttl_deletes_are_marked(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000];
	struct str key = STR("{\"pk\":{\"S\":\"p1\"},\"sk\":{\"N\":\"1\"}}");

	setup(&f, 10, 1);
	find_shard(&f, arn, shard);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	CHECK(!service_ttl_delete(f.service, STR("tab"), key, f.now_ms));
	put(&f, 1, 1);
	CHECK(service_ttl_delete(f.service, STR("tab"), key, f.now_ms));
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 2);
	expect(&f, 200,
	       "},'userIdentity':{'PrincipalId':'dynamodb.amazonaws.com','Type':'Service'}}]");
	teardown(&f);
}

/* How often a part is in the last answer. */
static size_t times(const struct fixture *f, const char *part)
{
	struct str rest = buf_view(&f->answer);
	size_t n = 0, part_n = strlen(part);
	const char *at;

	while ((at = memmem(rest.p, rest.n, part, part_n)) != NULL) {
		n++;
		rest = str_skip(rest, (size_t)(at - rest.p) + part_n);
	}
	return n;
}

/* How often the service counted something. */
static uint64_t hits(const struct fixture *f, const char *name)
{
	const struct service_hit *hit = service_hits(f->service);

	while (hit->name != NULL && strcmp(hit->name, name) != 0)
		hit++;
	CHECK(hit->name != NULL);
	return hit->n;
}

static void shards_roll_and_vanish_with_time(void)
{
	struct fixture f;
	char arn[200], shard[80], child[80];

	setup(&f, 11, 2);
	find_shard(&f, arn, shard);
	CHECK_INT(times(&f, "\"ShardId\""), 2);
	f.now_ms = T0 + 4 * HOUR_MS - 1;
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "EndingSequenceNumber"), 0);
	f.now_ms++;
	service_tick(f.service, f.now_ms);
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "EndingSequenceNumber"), 2);
	CHECK_INT(times(&f, "ParentShardId"), 2);
	CHECK_INT(hits(&f, "roll"), 2);
	/* Rolled many times in one millisecond: still in order of birth. */
	for (int i = 0; i < 8; i++) {
		CHECK(service_roll(f.service, STR("tab"), f.now_ms));
		callf(&f, "DescribeStream",
		      "{'StreamArn':'%s','ShardFilter':{'Type':'CHILD_SHARDS','ShardId':'%s'}}",
		      arn, shard);
		field(&f, "ShardId", child, sizeof(child));
		CHECK(strcmp(shard, child) < 0);
		mem_copy(shard, child, sizeof(shard));
	}
	service_options(f.service)->shard_life_ms = 0;
	f.now_ms += DAY_MS;
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "\"ShardId\""), 2 + 2 * 9);
	f.now_ms++;
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "\"ShardId\""), 2);
	CHECK_INT(times(&f, "ParentShardId"), 2);
	teardown(&f);
}

static void pages_end_at_a_megabyte_or_a_thousand(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000];
	struct buf big;

	setup(&f, 12, 1);
	find_shard(&f, arn, shard);
	buf_init(&big, 1 << 20);
	for (size_t i = 0; i < 300000; i++)
		buf_c(&big, 'x');
	for (int i = 0; i < 5; i++)
		callf(&f, "PutItem",
		      "{'TableName':'tab','Item':{'pk':{'S':'p%d'},'sk':{'N':'%d'},"
		      "'v':{'S':'%.*s'}}}",
		      i, i, STR_ARG(buf_view(&big)));
	buf_release(&big);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 3);
	CHECK_INT(hits(&f, "page_bytes"), 1);
	field(&f, "NextShardIterator", it, sizeof(it));
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 2);
	field(&f, "NextShardIterator", it, sizeof(it));
	for (int i = 0; i < 1001; i++)
		put(&f, 9, i);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 1000);
	CHECK_INT(hits(&f, "page_records"), 1);
	teardown(&f);
}

static void times_are_written_in_two_forms(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000];
	size_t plain, exponent;

	setup(&f, 13, 1);
	service_options(f.service)->shard_life_ms = 0;
	find_shard(&f, arn, shard);
	f.now_ms = INT64_C(2000000000999);
	for (int i = 0; i < 100; i++)
		put(&f, i, i);
	f.now_ms = INT64_C(2000000120000);
	for (int i = 0; i < 100; i++)
		put(&f, i, i + 1);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 200);
	plain = times(&f, "\"ApproximateCreationDateTime\":2000000000,");
	exponent = times(&f, "\"ApproximateCreationDateTime\":2.0E9,");
	CHECK_INT(plain + exponent, 100);
	CHECK(plain > 40 && exponent > 10);
	plain = times(&f, "\"ApproximateCreationDateTime\":2000000120,");
	exponent = times(&f, "\"ApproximateCreationDateTime\":2.00000012E9,");
	CHECK_INT(plain + exponent, 100);
	CHECK(plain > 40 && exponent > 10);
	teardown(&f);
}

static void listings_lie_when_told_to(void)
{
	struct fixture f;
	char arn[200], shard[80];

	setup(&f, 14, 1);
	find_shard(&f, arn, shard);
	CHECK(service_split(f.service, STR("tab"), f.now_ms));
	service_options(f.service)->lie_missing_child = 100;
	f.now_ms += 1999;
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "\"ShardId\""), 1);
	CHECK_INT(times(&f, "EndingSequenceNumber"), 1);
	CHECK_INT(hits(&f, "lie_missing_child"), 2);
	f.now_ms++;
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "\"ShardId\""), 3);
	service_options(f.service)->lie_open_parent = 100;
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "\"ShardId\""), 3);
	CHECK_INT(times(&f, "EndingSequenceNumber"), 0);
	CHECK_INT(hits(&f, "lie_open_parent"), 1);
	/* Without children there is nothing to contradict the end, and it is told. */
	callf(&f, "UpdateTable",
	      "{'TableName':'tab','StreamSpecification':{'StreamEnabled':false}}");
	callf(&f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	CHECK_INT(times(&f, "EndingSequenceNumber"), 2);
	teardown(&f);
}

static void pages_lie_when_told_to(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000];

	setup(&f, 15, 1);
	find_shard(&f, arn, shard);
	for (int i = 0; i < 10; i++)
		put(&f, i, i);
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	service_options(f.service)->empty_page = 100;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK_INT(records_n(&f), 0);
	field(&f, "NextShardIterator", it, sizeof(it));
	service_options(f.service)->empty_page = 0;
	service_options(f.service)->short_page = 100;
	callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
	CHECK(records_n(&f) >= 1 && records_n(&f) <= 9);
	CHECK_INT(hits(&f, "empty_page"), 1);
	CHECK_INT(hits(&f, "short_page"), 1);
	teardown(&f);
}

static void shards_end_with_and_without_records(void)
{
	struct fixture f;
	char arn[200], shard[80], it[1000], again[1000];
	unsigned with = 0, without = 0;

	setup(&f, 16, 1);
	find_shard(&f, arn, shard);
	put(&f, 1, 1);
	CHECK(service_roll(f.service, STR("tab"), f.now_ms));
	iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
	for (int i = 0; i < 40; i++) {
		callf(&f, "GetRecords", "{'ShardIterator':'%s'}", it);
		CHECK_INT(records_n(&f), 1);
		field(&f, "NextShardIterator", again, sizeof(again));
		if (again[0] == 0) {
			with++;
			continue;
		}
		callf(&f, "GetRecords", "{'ShardIterator':'%s'}", again);
		expect(&f, 200, "{'Records':[]}");
		without++;
	}
	CHECK(with > 5 && without > 5);
	CHECK_INT(hits(&f, "end_with_records"), with);
	CHECK_INT(hits(&f, "end_empty"), without);
	teardown(&f);
}

static void equal_seeds_give_equal_answers(void)
{
	struct buf answers[2];

	for (int i = 0; i < 2; i++) {
		struct fixture f;
		char arn[200], shard[80], it[1000];

		setup(&f, 17, 3);
		service_split(f.service, STR("tab"), f.now_ms);
		put(&f, 1, 1);
		find_shard(&f, arn, shard);
		buf_init(&answers[i], 1 << 20);
		buf_str(&answers[i], buf_view(&f.answer));
		iterator(&f, arn, shard, "TRIM_HORIZON", NULL, it);
		buf_str(&answers[i], buf_view(&f.answer));
		buf_str(&answers[i], service_write(f.service, 0)->event_id);
		teardown(&f);
	}
	CHECK(str_eq(buf_view(&answers[0]), buf_view(&answers[1])));
	buf_release(&answers[0]);
	buf_release(&answers[1]);
}

int main(void)
{
	CHECK_RUN(streams_are_described);
	CHECK_RUN(records_are_read);
	CHECK_RUN(iterators_are_checked);
	CHECK_RUN(records_are_trimmed);
	CHECK_RUN(streams_are_switched_off_and_on);
	CHECK_RUN(a_lost_key_hides_the_records);
	CHECK_RUN(ttl_deletes_are_marked);
	CHECK_RUN(shards_roll_and_vanish_with_time);
	CHECK_RUN(pages_end_at_a_megabyte_or_a_thousand);
	CHECK_RUN(times_are_written_in_two_forms);
	CHECK_RUN(listings_lie_when_told_to);
	CHECK_RUN(pages_lie_when_told_to);
	CHECK_RUN(shards_end_with_and_without_records);
	CHECK_RUN(equal_seeds_give_equal_answers);
	return check_end();
}
