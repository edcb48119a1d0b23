/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/time.h"
#include "tests/check.h"
#include "tests/model/service.h"

#define T0 INT64_C(1700000000123)

/* A service with one table "tab" (keys pk S, sk N) and the answer of the last call. */
struct fixture {
	struct service *service;
	int64_t now_ms;
	struct buf answer;
	int status;
};

/* Carries one request out; "'" stands for a quote in the body. Returns the answer. */
static struct str call(struct fixture *f, const char *operation, const char *body)
{
	struct buf target, text;

	buf_init(&target, 200);
	buf_init(&text, 4 << 20);
	buf_fmt(&target, "%s_20120810.%s",
		strstr(operation, "Stream") != NULL || strstr(operation, "Record") != NULL ||
				strstr(operation, "Iterator") != NULL
			? "DynamoDBStreams"
			: "DynamoDB",
		operation);
	for (; *body != 0; body++)
		buf_c(&text, *body == '\'' ? '"' : *body);
	buf_clear(&f->answer);
	f->status =
		service_call(f->service, buf_view(&target), buf_view(&text), f->now_ms, &f->answer);
	CHECK(!f->answer.failed);
	buf_release(&target);
	buf_release(&text);
	return buf_view(&f->answer);
}

/* The same with a body made by printf. */
static struct str __attribute__((format(printf, 3, 4)))
callf(struct fixture *f, const char *operation, const char *fmt, ...)
{
	struct buf body;
	struct str answer;
	va_list ap;

	buf_init(&body, 1 << 20);
	va_start(ap, fmt);
	buf_vfmt(&body, fmt, ap);
	va_end(ap);
	buf_c(&body, 0);
	answer = call(f, operation, body.p);
	buf_release(&body);
	return answer;
}

/* Whether the text has the part, as it is or with "'" standing for a quote. */
static bool has(struct str text, const char *part)
{
	struct buf want;
	bool found;

	buf_init(&want, 1 << 20);
	for (const char *p = part; *p != 0; p++)
		buf_c(&want, *p == '\'' ? '"' : *p);
	found = want.n == 0 || memmem(text.p, text.n, want.p, want.n) != NULL ||
		memmem(text.p, text.n, part, want.n) != NULL;
	buf_release(&want);
	return found;
}

/* Checks status and a part of the last answer. */
static void expect(struct fixture *f, int status, const char *part)
{
	struct str answer = buf_view(&f->answer);

	CHECK_INT(f->status, status);
	if (!has(answer, part))
		CHECK_STR(answer, part);
}

/* The string behind the first `"name":"` of the last answer, in memory of the caller's. */
static struct str field(struct fixture *f, const char *name, char *out, size_t n)
{
	struct buf mark;
	const char *at;
	struct str text;

	buf_init(&mark, 100);
	buf_fmt(&mark, "\"%s\":\"", name);
	at = f->answer.n == 0 ? NULL : memmem(f->answer.p, f->answer.n, mark.p, mark.n);
	out[0] = 0;
	if (at != NULL) {
		text = str_make(at + mark.n, (size_t)(f->answer.p + f->answer.n - at) - mark.n);
		text = str_head(text, str_find(text, '"'));
		CHECK(text.n < n);
		text = str_head(text, n - 1);
		mem_copy(out, text.p, text.n);
		out[text.n] = 0;
	}
	buf_release(&mark);
	return str_of(out);
}

#define CREATE                                                                                   \
	"{'TableName':'tab','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'}," \
	"{'AttributeName':'sk','AttributeType':'N'}],'KeySchema':[{'AttributeName':'pk',"        \
	"'KeyType':'HASH'},{'AttributeName':'sk','KeyType':'RANGE'}],"                           \
	"'BillingMode':'PAY_PER_REQUEST','StreamSpecification':{'StreamEnabled':true,"           \
	"'StreamViewType':'NEW_AND_OLD_IMAGES'}}"

/* A fresh service with its table, `shards` open ones. */
static void setup(struct fixture *f, uint64_t seed, unsigned shards)
{
	struct service_options options;

	service_defaults(&options);
	options.seed = seed;
	options.shards_per_table = shards;
	*f = (struct fixture){.service = service_new(&options), .now_ms = T0};
	buf_init(&f->answer, 8 << 20);
	call(f, "CreateTable", CREATE);
	CHECK_INT(f->status, 200);
	f->now_ms += 100;
}

/* Frees the fixture. */
static void teardown(struct fixture *f)
{
	service_free(f->service);
	buf_release(&f->answer);
}

/* One request and what it answers. */
struct step {
	const char *operation, *body;
	int status;
	const char *part;
};

/* Runs the steps one after the other. */
static void run(struct fixture *f, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		call(f, steps[i].operation, steps[i].body);
		expect(f, steps[i].status, steps[i].part);
		f->now_ms += 10;
	}
}

/* How many writes the log has. */
static uint64_t writes_n(const struct fixture *f)
{
	uint64_t n = 0;

	while (service_write(f->service, n) != NULL)
		n++;
	return n;
}

static const struct step table_steps[] = {
	{"DescribeTable", "{'TableName':'tab'}", 200, "'TableStatus':'ACTIVE'"},
	{"DescribeTable", "{'TableName':'tab'}", 200,
	 "'LatestStreamArn':'arn:aws:dynamodb:us-east-1:123456789012:table/tab/stream/"
	 "2023-11-14T22:13:20.123'"},
	{"DescribeTable", "{'TableName':'arn:aws:dynamodb:us-east-1:123456789012:table/tab'}", 200,
	 "'LatestStreamLabel':'2023-11-14T22:13:20.123'"},
	{"DescribeTable", "{'TableName':'tab'}", 200,
	 "'StreamSpecification':{'StreamEnabled':true,'StreamViewType':'NEW_AND_OLD_IMAGES'}"},
	{"CreateTable", CREATE, 400,
	 "ResourceInUseException','message':'Table already exists: tab'"},
	{"DescribeTable", "{'TableName':'other'}", 400,
	 "'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException'"},
	{"DescribeTable", "{}", 400, "Value null at 'tableName'"},
	{"DescribeTable", "{'TableName':'a b c'}", 400, "regular expression"},
	{"DescribeTable", "{'TableName':'ab'}", 400, "at least 3 characters"},
	{"DescribeTable", "{'TableName':7}", 400,
	 "com.amazon.coral.service#SerializationException"},
	{"DescribeTable", "{'TableName':", 400, "SerializationException"},
	{"DescribeTable", "{'TableName':'tab','Nonsense':1}", 400,
	 "com.amazon.coral.validate#ValidationException"},
	{"Query", "{'TableName':'tab'}", 400,
	 "{'__type':'com.amazon.coral.service#UnknownOperationException'}"},
	{"UpdateTable", "{'TableName':'tab'}", 400, "At least one of"},
	{"UpdateTable",
	 "{'TableName':'tab','StreamSpecification':{'StreamEnabled':true,"
	 "'StreamViewType':'KEYS_ONLY'}}",
	 400, "already has an enabled stream"},
	{"CreateTable",
	 "{'TableName':'tab2','AttributeDefinitions':[{'AttributeName':'id',"
	 "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'id',"
	 "'KeyType':'HASH'}]}",
	 400, "must both be specified"},
	{"CreateTable",
	 "{'TableName':'tab2','AttributeDefinitions':[{'AttributeName':'id',"
	 "'AttributeType':'S'},{'AttributeName':'x','AttributeType':'S'}],"
	 "'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}],"
	 "'BillingMode':'PAY_PER_REQUEST'}",
	 400, "AttributeDefinitions are not used"},
	{"CreateTable",
	 "{'TableName':'tab2','AttributeDefinitions':[{'AttributeName':'id',"
	 "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'no',"
	 "'KeyType':'HASH'}],'BillingMode':'PAY_PER_REQUEST'}",
	 400, "not defined in AttributeDefinitions"},
	{"CreateTable",
	 "{'TableName':'tab2','AttributeDefinitions':[{'AttributeName':'id',"
	 "'AttributeType':'S'},{'AttributeName':'own','AttributeType':'S'}],"
	 "'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}],"
	 "'ProvisionedThroughput':{'ReadCapacityUnits':5,'WriteCapacityUnits':6},"
	 "'GlobalSecondaryIndexes':[{'IndexName':'byown','KeySchema':["
	 "{'AttributeName':'own','KeyType':'HASH'}],'Projection':{"
	 "'ProjectionType':'INCLUDE','NonKeyAttributes':['z']},"
	 "'ProvisionedThroughput':{'ReadCapacityUnits':1,'WriteCapacityUnits':1}}]}",
	 200, "'TableStatus':'CREATING'"},
	{"PutItem", "{'TableName':'tab2','Item':{'id':{'S':'x'}}}", 400,
	 "ResourceNotFoundException"},
	{"UpdateTable", "{'TableName':'tab2','BillingMode':'PAY_PER_REQUEST'}", 400,
	 "ResourceInUseException"},
	{"ListTables", "{}", 200, "{'TableNames':['tab','tab2']}"},
	{"ListTables", "{'Limit':1}", 200, "{'TableNames':['tab'],'LastEvaluatedTableName':'tab'}"},
	{"ListTables", "{'ExclusiveStartTableName':'tab'}", 200, "{'TableNames':['tab2']}"},
	{"ListTables", "{'Limit':101}", 400,
	 "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member "
	 "must have value less than or equal to 100"},
	{"DescribeTable", "{'TableName':'tab2'}", 200, "'IndexStatus':'ACTIVE'"},
	{"DescribeTable", "{'TableName':'tab2'}", 200, "'NonKeyAttributes':['z']"},
	{"DescribeTable", "{'TableName':'tab2'}", 200, "'TableStatus':'ACTIVE'"},
	{"PutItem", "{'TableName':'tab2','Item':{'id':{'S':'x'}}}", 200, "{}"},
	{"DeleteTable", "{'TableName':'tab2'}", 200, "'TableStatus':'DELETING'"},
	{"DescribeTable", "{'TableName':'tab2'}", 400, "ResourceNotFoundException"},
};

static void tables_come_and_go(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	run(&f, table_steps, ARRAY_N(table_steps));
	CHECK_INT(writes_n(&f), 0);
	teardown(&f);
}

#define KEY	   "'TableName':'tab','Key':{'pk':{'S':'a'},'sk':{'N':'1'}}"
#define ITEM(more) "'TableName':'tab','Item':{'pk':{'S':'a'},'sk':{'N':'1'}" more "}"

static const struct step row_steps[] = {
	{"GetItem", "{" KEY "}", 200, "{}"},
	{"PutItem", "{" ITEM("") ",'ReturnValues':'ALL_OLD'}", 200, "{}"},
	{"PutItem", "{" ITEM(",'v':{'N':'1.0'}") ",'ReturnValues':'ALL_OLD'}", 200,
	 "{'Attributes':{'pk':{'S':'a'},'sk':{'N':'1'}}}"},
	{"GetItem", "{" KEY ",'ConsistentRead':true}", 200,
	 "{'Item':{'pk':{'S':'a'},'sk':{'N':'1'},'v':{'N':'1'}}}"},
	{"GetItem", "{" KEY ",'ProjectionExpression':'v, nothing'}", 200,
	 "{'Item':{'v':{'N':'1'}}}"},
	{"PutItem", "{" ITEM(",'v':{'N':'2'}") ",'ConditionExpression':'attribute_not_exists(pk)'}",
	 400,
	 "{'__type':'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException','message':"
	 "'The conditional request failed'}"},
	{"PutItem",
	 "{" ITEM(",'v':{'N':'2'}") ",'ConditionExpression':'v = :v',"
				    "'ExpressionAttributeValues':{':v':{'N':'3'}},"
				    "'ReturnValuesOnConditionCheckFailure':'ALL_OLD'}",
	 400, "'Item':{'pk':{'S':'a'},'sk':{'N':'1'},'v':{'N':'1'}}}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'SET v = v + :d, w = :w','ReturnValues':'UPDATED_NEW',"
	 "'ExpressionAttributeValues':{':d':{'N':'4'},':w':{'S':'x'}}}",
	 200, "{'Attributes':{'v':{'N':'5'},'w':{'S':'x'}}}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'REMOVE w SET v = :v','ReturnValues':'UPDATED_OLD',"
	 "'ExpressionAttributeValues':{':v':{'N':'6'}}}",
	 200, "{'Attributes':{'v':{'N':'5'},'w':{'S':'x'}}}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'ADD v :v','ReturnValues':'ALL_OLD',"
	 "'ExpressionAttributeValues':{':v':{'N':'1'}}}",
	 200, "'v':{'N':'6'}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'ADD v :v','ReturnValues':'ALL_NEW',"
	 "'ExpressionAttributeValues':{':v':{'N':'1'}}}",
	 200, "'v':{'N':'8'}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'SET pk = :v',"
	 "'ExpressionAttributeValues':{':v':{'S':'b'}}}",
	 400, "Cannot update attribute pk. This attribute is part of the key"},
	{"UpdateItem", "{" KEY ",'UpdateExpression':'SET v = :v'}", 400,
	 "attribute value used in expression is not defined; attribute value: :v"},
	{"UpdateItem", "{" KEY ",'AttributeUpdates':{}}", 400, "ValidationException"},
	{"PutItem", "{" ITEM("") ",'Expected':{}}", 400, "ValidationException"},
	{"PutItem", "{" ITEM("") ",'ReturnValues':'ALL_NEW'}", 400, "Return values set to invalid"},
	{"PutItem", "{" ITEM("") ",'ReturnValues':'ALL'}", 400, "enum value set"},
	{"PutItem", "{'TableName':'tab','Item':{'pk':{'S':'a'}}}", 400,
	 "Missing the key sk in the item"},
	{"PutItem", "{'TableName':'tab','Item':{'pk':{'S':'a'},'sk':{'S':'1'}}}", 400,
	 "Type mismatch for key sk expected: N actual: S"},
	{"PutItem", "{'TableName':'tab','Item':{'pk':{'S':''},'sk':{'N':'1'}}}", 400,
	 "cannot contain an empty string value. Key: pk"},
	{"GetItem", "{'TableName':'tab','Key':{'pk':{'S':'a'}}}", 400,
	 "The provided key element does not match the schema"},
	{"GetItem", "{'TableName':'tab','Key':{'pk':{'S':'a'},'sk':{'N':'1'},'x':{'S':'1'}}}", 400,
	 "The provided key element does not match the schema"},
	{"GetItem", "{'TableName':'tab'}", 400, "Value null at 'key'"},
	{"GetItem", "{" KEY ",'ExpressionAttributeNames':{'#a':'b'}}", 400,
	 "ExpressionAttributeNames can only be specified when using expressions"},
	{"GetItem", "{" KEY ",'ProjectionExpression':'v','ExpressionAttributeNames':{'#a':'b'}}",
	 400, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"},
	{"GetItem", "{" KEY ",'ReturnConsumedCapacity':'TOTAL'}", 200,
	 "'ConsumedCapacity':{'TableName':'tab','CapacityUnits':0.5}}"},
	{"DeleteItem",
	 "{" KEY ",'ConditionExpression':'v = :v',"
	 "'ExpressionAttributeValues':{':v':{'N':'1'}}}",
	 400, "ConditionalCheckFailedException"},
	{"DeleteItem", "{" KEY ",'ReturnValues':'ALL_OLD','ReturnConsumedCapacity':'INDEXES'}", 200,
	 "{'Attributes':{'pk':{'S':'a'},'sk':{'N':'1'},'v':{'N':'8'}},'ConsumedCapacity':{"
	 "'TableName':'tab','CapacityUnits':1.0,'Table':{'CapacityUnits':1.0}}}"},
	{"DeleteItem", "{" KEY ",'ReturnValues':'ALL_OLD'}", 200, "{}"},
	{"UpdateItem", "{" KEY "}", 200, "{}"},
	{"GetItem", "{" KEY "}", 200, "{'Item':{'pk':{'S':'a'},'sk':{'N':'1'}}}"},
};

static void rows_are_written_and_read(void)
{
	static const char *const ops[] = {"INSERT", "MODIFY", "MODIFY", "MODIFY",
					  "MODIFY", "MODIFY", "REMOVE", "INSERT"};
	struct fixture f;

	setup(&f, 2, 1);
	run(&f, row_steps, ARRAY_N(row_steps));
	CHECK_INT(writes_n(&f), ARRAY_N(ops));
	for (size_t i = 0; i < ARRAY_N(ops) && service_write(f.service, i) != NULL; i++)
		CHECK_STR(str_of(service_write(f.service, i)->op), ops[i]);
	teardown(&f);
}

/* Writes that change nothing. */
static const struct step idle_steps[] = {
	{"DeleteItem", "{" KEY "}", 200, "{}"},
	{"PutItem",
	 "{" ITEM(",'n':{'N':'1.0'},'s':{'SS':['a','b']},'m':{'M':{'x':{'S':'1'},"
		  "'y':{'NS':['1','2']}}}") "}",
	 200, "{}"},
	{"PutItem",
	 "{" ITEM(",'n':{'N':'01'},'s':{'SS':['b','a']},'m':{'M':{'y':{'NS':['2.0','1']},"
		  "'x':{'S':'1'}}}") "}",
	 200, "{}"},
	{"UpdateItem", "{" KEY ",'UpdateExpression':'REMOVE nothing'}", 200, "{}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'SET n = :n',"
	 "'ExpressionAttributeValues':{':n':{'N':'1E0'}}}",
	 200, "{}"},
	{"UpdateItem",
	 "{" KEY ",'UpdateExpression':'ADD s :s',"
	 "'ExpressionAttributeValues':{':s':{'SS':['a']}}}",
	 200, "{}"},
	{"UpdateItem", "{" KEY "}", 200, "{}"},
};

static void writes_that_change_nothing_leave_no_record(void)
{
	struct fixture f;

	setup(&f, 3, 1);
	run(&f, idle_steps, ARRAY_N(idle_steps));
	CHECK_INT(writes_n(&f), 1);
	teardown(&f);
}

static void items_have_a_size_limit(void)
{
	struct fixture f;
	struct buf item;

	setup(&f, 4, 1);
	buf_init(&item, 1 << 20);
	for (size_t n = 409500; n <= 409700; n += 200) {
		buf_clear(&item);
		buf_str(&item, STR("{" ITEM(",'v':{'S':'")));
		for (size_t i = 0; i < n; i++)
			buf_c(&item, 'x');
		buf_str(&item, STR("'}"));
		buf_str(&item, STR("}}"));
		buf_c(&item, 0);
		/* ITEM closes its object before the value: take that brace out. */
		memmove(strstr(item.p, "'v':{'S':'") + 10, strstr(item.p, "'v':{'S':'") + 11,
			strlen(strstr(item.p, "'v':{'S':'") + 11) + 1);
		call(&f, "PutItem", item.p);
		expect(&f, n == 409500 ? 200 : 400,
		       n == 409500 ? "{}" : "Item size has exceeded the maximum allowed size");
	}
	buf_release(&item);
	teardown(&f);
}

/* The ARN of the table's stream, and the id of the last shard in its listing. */
static void find_shard(struct fixture *f, char arn[200], char shard[80])
{
	callf(f, "DescribeTable", "{'TableName':'tab'}");
	field(f, "LatestStreamArn", arn, 200);
	callf(f, "DescribeStream", "{'StreamArn':'%s'}", arn);
	field(f, "ShardId", shard, 80);
}

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

/* Gets an iterator; the answer's status says how it went. */
static void iterator(struct fixture *f, const char *arn, const char *shard, const char *type,
		     const char *seqno, char out[1000])
{
	if (seqno == NULL)
		callf(f, "GetShardIterator",
		      "{'StreamArn':'%s','ShardId':'%s','ShardIteratorType':'%s'}", arn, shard,
		      type);
	else
		callf(f, "GetShardIterator",
		      "{'StreamArn':'%s','ShardId':'%s','ShardIteratorType':'%s',"
		      "'SequenceNumber':'%s'}",
		      arn, shard, type, seqno);
	field(f, "ShardIterator", out, 1000);
}

/* Puts the item with that sort key and value. */
static void put(struct fixture *f, int sk, int v)
{
	callf(f, "PutItem",
	      "{'TableName':'tab','Item':{'pk':{'S':'p%d'},'sk':{'N':'%d'},'v':{'N':'%d'}}}", sk,
	      sk, v);
	CHECK_INT(f->status, 200);
}

/* How often the last answer has a record. */
static size_t records_n(const struct fixture *f)
{
	size_t n = 0;
	struct str rest = buf_view(&f->answer), mark = STR("\"eventID\":");
	const char *at;

	while ((at = memmem(rest.p, rest.n, mark.p, mark.n)) != NULL) {
		n++;
		rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
	}
	return n;
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
	CHECK(service_trim(f.service, STR("tab"), f.now_ms + 1));
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

/*
 * A reader that follows the rules: parents before children, from the trim horizon, all pages. What it
 * read is compared with the log of writes.
 */
struct reader {
	struct fixture *f;
	struct map shards; /* of struct seen, by id */
	uint64_t *order; /* numbers of the writes in the order of reading */
	size_t order_n, order_cap;
	struct map writes; /* of (number + 1), by event id */
};

struct seen {
	char id[40], parent[40], start[50], end[50];
	bool done;
};

/* Copies a string of the object at `at`; empty when it is not there before `end`. */
static void member(const char *at, const char *end, const char *name, char *out, size_t n)
{
	struct buf mark;
	const char *found;
	struct str text;

	buf_init(&mark, 100);
	buf_fmt(&mark, "\"%s\":\"", name);
	found = memmem(at, (size_t)(end - at), mark.p, mark.n);
	out[0] = 0;
	if (found != NULL) {
		text = str_make(found + mark.n, (size_t)(end - found) - mark.n);
		text = str_head(text, str_find(text, '"'));
		CHECK(text.n < n);
		mem_copy(out, text.p, text.n < n ? text.n : n - 1);
		out[text.n < n ? text.n : n - 1] = 0;
	}
	buf_release(&mark);
}

/* Notes the shards of one page of DescribeStream. */
static void note_shards(struct reader *reader)
{
	struct str rest = buf_view(&reader->f->answer), mark = STR("{\"ShardId\":");
	const char *at;

	while ((at = memmem(rest.p, rest.n, mark.p, mark.n)) != NULL) {
		const char *next, *end = rest.p + rest.n;
		struct seen *seen = mem_alloc(sizeof(*seen));

		rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
		next = memmem(rest.p, rest.n, mark.p, mark.n);
		if (next != NULL)
			end = next;
		member(at, end, "ShardId", seen->id, sizeof(seen->id));
		member(at, end, "ParentShardId", seen->parent, sizeof(seen->parent));
		member(at, end, "StartingSequenceNumber", seen->start, sizeof(seen->start));
		member(at, end, "EndingSequenceNumber", seen->end, sizeof(seen->end));
		if (map_get(&reader->shards, str_of(seen->id)) != NULL) {
			mem_free(seen);
			continue;
		}
		map_put(&reader->shards, str_of(seen->id), seen);
	}
}

/* Lists all shards, page by page. */
static void list_shards(struct reader *reader, const char *arn)
{
	char last[80] = "";

	do {
		if (last[0] == 0)
			callf(reader->f, "DescribeStream", "{'StreamArn':'%s','Limit':7}", arn);
		else
			callf(reader->f, "DescribeStream",
			      "{'StreamArn':'%s','Limit':7,'ExclusiveStartShardId':'%s'}", arn,
			      last);
		CHECK_INT(reader->f->status, 200);
		note_shards(reader);
		field(reader->f, "LastEvaluatedShardId", last, sizeof(last));
	} while (last[0] != 0);
}

/* Notes the records of one page, which must be of this shard. */
static void note_records(struct reader *reader, const struct seen *seen)
{
	struct str rest = buf_view(&reader->f->answer), mark = STR("\"eventID\":\"");
	const char *at;

	while ((at = memmem(rest.p, rest.n, mark.p, mark.n)) != NULL) {
		const struct service_write *write;
		uintptr_t n;

		rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
		n = (uintptr_t)map_get(&reader->writes, str_head(rest, 32));
		if (!CHECK(n != 0))
			return;
		write = service_write(reader->f->service, n - 1);
		CHECK_STR(write->shard_id, seen->id);
		if (reader->order_n == reader->order_cap) {
			reader->order_cap = reader->order_cap * 2 + 64;
			reader->order = mem_resize_n(reader->order, reader->order_cap, 8);
		}
		reader->order[reader->order_n++] = n - 1;
	}
}

/* Reads one shard to its end, or, if it is open, until nothing more comes. */
static void read_shard(struct reader *reader, const char *arn, struct seen *seen)
{
	char it[1000];
	unsigned empty = 0;

	iterator(reader->f, arn, seen->id, "TRIM_HORIZON", NULL, it);
	while (it[0] != 0 && empty < 40) {
		size_t before = reader->order_n;

		callf(reader->f, "GetRecords", "{'ShardIterator':'%s','Limit':%d}", it,
		      1 + (int)(reader->order_n % 50));
		if (!CHECK(reader->f->status == 200))
			return;
		note_records(reader, seen);
		empty = reader->order_n == before ? empty + 1 : 0;
		field(reader->f, "NextShardIterator", it, sizeof(it));
	}
	CHECK((it[0] == 0) == (seen->end[0] != 0));
	seen->done = true;
}

/* Reads all shards, each after its parent. */
static void read_all(struct reader *reader, const char *arn)
{
	struct seen *seen;
	bool moved = true;

	list_shards(reader, arn);
	while (moved) {
		moved = false;
		for (size_t at = 0; (seen = map_next(&reader->shards, &at)) != NULL;) {
			struct seen *parent = map_get(&reader->shards, str_of(seen->parent));

			if (seen->done || (parent != NULL && !parent->done))
				continue;
			read_shard(reader, arn, seen);
			moved = true;
		}
	}
	for (size_t at = 0; (seen = map_next(&reader->shards, &at)) != NULL;)
		CHECK(seen->done);
}

/* Compares two sequence numbers as integers. */
static int seqno_order(struct str a, struct str b)
{
	return a.n != b.n ? (a.n < b.n ? -1 : 1) : str_cmp(a, b);
}

/* Checks that a child starts after its parent's end, and sorts behind it. */
static void check_lineage(struct reader *reader)
{
	const struct seen *seen;

	for (size_t at = 0; (seen = map_next(&reader->shards, &at)) != NULL;) {
		const struct seen *parent = map_get(&reader->shards, str_of(seen->parent));

		if (seen->end[0] != 0)
			CHECK(seqno_order(str_of(seen->start), str_of(seen->end)) < 0);
		if (parent == NULL)
			continue;
		CHECK(seqno_order(str_of(parent->end), str_of(seen->start)) < 0);
		CHECK(strcmp(parent->id, seen->id) < 0);
	}
}

/* Checks that every write that is not trimmed was read once, and each item's writes in order. */
static void check_order(struct reader *reader)
{
	struct map last;
	size_t kept = 0;

	map_init(&last);
	for (size_t i = 0; i < reader->order_n; i++) {
		const struct service_write *write =
			service_write(reader->f->service, reader->order[i]);
		uintptr_t before = (uintptr_t)map_get(&last, write->keys);

		CHECK(before < write->n + 1);
		CHECK(!write->trimmed);
		if (before > 0) {
			const struct service_write *prior =
				service_write(reader->f->service, before - 1);

			CHECK(seqno_order(prior->seqno, write->seqno) < 0);
			CHECK(str_eq(prior->new_image, write->old_image));
		}
		map_put(&last, write->keys, (void *)(uintptr_t)(write->n + 1));
	}
	for (uint64_t n = 0; service_write(reader->f->service, n) != NULL; n++)
		kept += !service_write(reader->f->service, n)->trimmed;
	CHECK_INT(reader->order_n, kept);
	map_release(&last);
}

/* One random write, or something that happens to the shards. */
static void random_step(struct fixture *f, struct rng *rng)
{
	int sk = (int)rng_below(rng, 60), v = (int)rng_below(rng, 4);
	uint64_t dice = rng_below(rng, 1000);

	f->now_ms += (int64_t)rng_below(rng, 2000);
	if (dice < 10 && (f->now_ms - T0) / HOUR_MS % 8 == 0) {
		CHECK(service_roll(f->service, STR("tab"), f->now_ms));
	} else if (dice < 25 && f->now_ms - T0 < HOUR_MS) {
		CHECK(service_split(f->service, STR("tab"), f->now_ms));
	} else if (dice < 600) {
		put(f, sk, v);
	} else if (dice < 800) {
		callf(f, "UpdateItem",
		      "{'TableName':'tab','Key':{'pk':{'S':'p%d'},'sk':{'N':'%d'}},"
		      "'UpdateExpression':'ADD v "
		      ":v','ExpressionAttributeValues':{':v':{'N':'%d'}}}",
		      sk, sk, v);
		CHECK_INT(f->status, 200);
	} else {
		callf(f, "DeleteItem",
		      "{'TableName':'tab','Key':{'pk':{'S':'p%d'},'sk':{'N':'%d'}}}", sk, sk);
		CHECK_INT(f->status, 200);
	}
}

/* Compares the items that are left with the last image of each in the log. */
static void check_items(struct fixture *f)
{
	struct map last;
	const struct service_write *write;
	char number[50];
	size_t n = 0;

	map_init(&last);
	for (uint64_t i = 0; (write = service_write(f->service, i)) != NULL; i++)
		map_put(&last, write->keys, (void *)(uintptr_t)(i + 1));
	callf(f, "Scan", "{'TableName':'tab'}");
	for (size_t at = 0;;) {
		uintptr_t i = (uintptr_t)map_next(&last, &at);
		struct buf image;

		if (i == 0)
			break;
		write = service_write(f->service, i - 1);
		buf_init(&image, 1000);
		buf_str(&image, write->new_image);
		buf_c(&image, 0);
		CHECK(has(buf_view(&f->answer), image.p));
		n += write->new_image.n > 0;
		buf_release(&image);
	}
	snprintf(number, sizeof(number), "'Count':%zu,'ScannedCount':%zu}", n, n);
	expect(f, 200, number);
	map_release(&last);
}

/* Writes, rolls and splits at random for so many steps, reads it all and compares. */
static void random_run(uint64_t seed, int steps, const struct service_options *lies)
{
	struct fixture f;
	struct reader reader = {.f = &f};
	struct rng rng;
	char arn[200], shard[80];
	struct seen *seen;

	setup(&f, seed, 1 + (unsigned)(seed % 3));
	rng_init(&rng, seed * 77);
	map_init(&reader.shards);
	map_init(&reader.writes);
	for (int i = 0; i < steps; i++)
		random_step(&f, &rng);
	find_shard(&f, arn, shard);
	service_options(f.service)->empty_page = lies->empty_page;
	service_options(f.service)->short_page = lies->short_page;
	for (uint64_t n = 0; service_write(f.service, n) != NULL; n++)
		map_put(&reader.writes, service_write(f.service, n)->event_id,
			(void *)(uintptr_t)(n + 1));
	read_all(&reader, arn);
	check_lineage(&reader);
	check_order(&reader);
	check_items(&f);
	for (size_t at = 0; (seen = map_next(&reader.shards, &at)) != NULL;)
		mem_free(seen);
	mem_free(reader.order);
	map_release(&reader.shards);
	map_release(&reader.writes);
	teardown(&f);
}

static void all_writes_come_out_in_order(void)
{
	struct service_options lies;

	service_defaults(&lies);
	random_run(1, 6000, &lies);
	random_run(2, 6000, &lies);
	lies.empty_page = 20;
	lies.short_page = 30;
	random_run(3, 6000, &lies);
	/* Longer than the retention: the first writes are gone. */
	random_run(4, 100000, &lies);
}

int main(void)
{
	CHECK_RUN(tables_come_and_go);
	CHECK_RUN(rows_are_written_and_read);
	CHECK_RUN(writes_that_change_nothing_leave_no_record);
	CHECK_RUN(items_have_a_size_limit);
	CHECK_RUN(streams_are_described);
	CHECK_RUN(records_are_read);
	CHECK_RUN(iterators_are_checked);
	CHECK_RUN(records_are_trimmed);
	CHECK_RUN(streams_are_switched_off_and_on);
	CHECK_RUN(ttl_deletes_are_marked);
	CHECK_RUN(all_writes_come_out_in_order);
	return check_end();
}
