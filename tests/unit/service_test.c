/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/service_fixture.h"

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

#define TAGGED(name, tags)                                                                      \
	"{'TableName':'" name "','AttributeDefinitions':[{'AttributeName':'id','AttributeType'" \
	":'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}],'BillingMode':"           \
	"'PAY_PER_REQUEST','Tags':[" tags "]}"

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
	{"CreateGlobalTable", "{'TableName':'tab'}", 400,
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
	{"CreateTable", TAGGED("tags", "{'Key':'k','Value':'v'},{'Value':'','Key':'\\u00e9'}"), 200,
	 "CREATING"},
	{"ListTagsOfResource",
	 "{'ResourceArn':'arn:aws:dynamodb:us-east-1:123456789012:table/tab'}", 200, "{'Tags':[]}"},
	{"ListTagsOfResource", "{'ResourceArn':'tab'}", 400, "Invalid TableArn"},
	{"ListTagsOfResource",
	 "{'ResourceArn':'arn:aws:dynamodb:us-east-1:123456789012:table/no1'}", 400,
	 "ResourceNotFoundException"},
	{"CreateTable", TAGGED("other", "{'Key':'k'}"), 400, "at 'tags' failed to satisfy"},
	{"CreateTable", TAGGED("other", "{'Key':'','Value':'v'}"), 400,
	 "at 'tags' failed to satisfy"},
	{"CreateTable", TAGGED("other", "{'Key':'k','Value':'v'},{'Key':'k','Value':'w'}"), 400,
	 "Duplicate tag key: k"},
	{"CreateTable", TAGGED("other", "{'Key':'k','Value':'v','x':1}"), 400,
	 "SerializationException"},
	{"CreateTable", TAGGED("other", "7"), 400, "SerializationException"},
	{"ListTagsOfResource",
	 "{'ResourceArn':'arn:aws:dynamodb:us-east-1:123456789012:table/tags'}", 200,
	 "{'Tags':[{'Key':'k','Value':'v'},{'Key':'é','Value':''}]}"},
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
	{"UpdateItem", "{" KEY ",'Nonsense':{}}", 400, "ValidationException"},
	{"GetItem", "{" KEY ",'Expected':{}}", 400, "ValidationException"},
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

/* Puts items 0 to n - 1, of which the even ones have v = 0. */
static void fill(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++)
		put(f, i, i % 2);
}

/* Scans by pages of `limit` and returns how many items came; `*pages` had more behind them. */
static size_t scan_all(struct fixture *f, const char *more, int limit, bool delete_last, int *pages)
{
	char start[200] = "";
	size_t n = 0;

	for (*pages = 0; *pages < 1000; ++*pages) {
		struct str rest, mark = STR("{\"pk\":{\"S\":\"p"),
				 last = STR("\"LastEvaluatedKey\":");
		const char *at;

		callf(f, "Scan", "{'TableName':'tab','Limit':%d%s%s%s}", limit,
		      start[0] != 0 ? ",'ExclusiveStartKey':" : "", start, more);
		if (!CHECK(f->status == 200))
			return n;
		rest = buf_view(&f->answer);
		while ((at = memmem(rest.p, rest.n, mark.p, mark.n)) != NULL) {
			n++;
			rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
		}
		at = memmem(f->answer.p, f->answer.n, last.p, last.n);
		if (at == NULL)
			return n;
		n--;
		rest = str_make(at + last.n, (size_t)(f->answer.p + f->answer.n - at) - last.n - 1);
		snprintf(start, sizeof(start), "%.*s", STR_ARG(rest));
		if (delete_last) {
			callf(f, "DeleteItem", "{'TableName':'tab','Key':%s}", start);
			CHECK_INT(f->status, 200);
		}
	}
	return n;
}

static void scans_walk_the_table(void)
{
	struct fixture f;
	int pages;
	size_t n = 0;

	setup(&f, 5, 1);
	fill(&f, 100);
	CHECK_INT(scan_all(&f, "", 1000, false, &pages), 100);
	CHECK_INT(pages, 0);
	/* The service says that there is more whenever a page is full, even if there is not. */
	CHECK_INT(scan_all(&f, "", 10, false, &pages), 100);
	CHECK_INT(pages, 10);
	CHECK_INT(
		scan_all(
			&f,
			",'FilterExpression':'v = :v','ExpressionAttributeValues':{':v':{'N':'0'}}",
			7, false, &pages),
		50);
	for (int i = 0; i < 4; i++) {
		char segment[100];
		size_t part;

		snprintf(segment, sizeof(segment), ",'Segment':%d,'TotalSegments':4", i);
		part = scan_all(&f, segment, 9, false, &pages);
		CHECK(part > 5 && part < 60);
		n += part;
	}
	CHECK_INT(n, 100);
	callf(&f, "Scan", "{'TableName':'tab','Select':'COUNT'}");
	expect(&f, 200, "{'Count':100,'ScannedCount':100}");
	callf(&f, "Scan", "{'TableName':'tab','ProjectionExpression':'v','Limit':1}");
	expect(&f, 200, "{'Items':[{'v':{'N':'");
	/* The key that a page starts after need not exist any more. */
	CHECK_INT(scan_all(&f, "", 10, true, &pages), 100);
	callf(&f, "DescribeTable", "{'TableName':'tab'}");
	expect(&f, 200, "'ItemCount':90");
	teardown(&f);
}

static const struct step scan_steps[] = {
	{"Scan", "{'TableName':'tab'}", 200, "{'Items':[],'Count':0,'ScannedCount':0}"},
	{"Scan", "{'TableName':'none'}", 400, "ResourceNotFoundException"},
	{"Scan", "{'TableName':'tab','Limit':0}", 400, "greater than or equal to 1"},
	{"Scan", "{'TableName':'tab','Segment':1}", 400, "ValidationException"},
	{"Scan", "{'TableName':'tab','Segment':4,'TotalSegments':4}", 400, "ValidationException"},
	{"Scan", "{'TableName':'tab','Select':'COUNT','ProjectionExpression':'v'}", 400,
	 "ValidationException"},
	{"Scan", "{'TableName':'tab','ExclusiveStartKey':{'pk':{'S':'x'}}}", 400,
	 "does not match the schema"},
	{"Scan", "{'TableName':'tab','FilterExpression':'v ='}", 400, "Invalid FilterExpression"},
	{"Scan", "{'TableName':'tab','ScanFilter':{}}", 400, "ValidationException"},
};

static void scans_are_checked(void)
{
	struct fixture f;

	setup(&f, 6, 1);
	run(&f, scan_steps, ARRAY_N(scan_steps));
	teardown(&f);
}

static void sizes_are_counted_and_pages_end_at_a_megabyte(void)
{
	struct fixture f;
	char text[60];
	struct buf big;

	setup(&f, 7, 1);
	buf_init(&big, 1 << 20);
	for (size_t i = 0; i < 300000; i++)
		buf_c(&big, 'x');
	for (int i = 0; i < 5; i++)
		callf(&f, "PutItem",
		      "{'TableName':'tab','Item':{'pk':{'S':'p%d'},'sk':{'N':'%d'},"
		      "'v':{'S':'%.*s'}}}",
		      i, i, STR_ARG(buf_view(&big)));
	callf(&f, "Scan", "{'TableName':'tab','Select':'COUNT'}");
	expect(&f, 200, "{'Count':4,'ScannedCount':4,'LastEvaluatedKey':{'pk'");
	callf(&f, "DescribeTable", "{'TableName':'tab'}");
	snprintf(text, sizeof(text), "'TableSizeBytes':%d", 5 * (300000 + 1 + 4) + 4 * 4 + 3);
	expect(&f, 200, text);
	put(&f, 0, 1);
	callf(&f, "DeleteItem", "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}}}");
	callf(&f, "DescribeTable", "{'TableName':'tab'}");
	snprintf(text, sizeof(text), "'TableSizeBytes':%d", 3 * (300000 + 1 + 8) + 7 + 3);
	expect(&f, 200, text);
	buf_release(&big);
	teardown(&f);
}

int main(void)
{
	CHECK_RUN(tables_come_and_go);
	CHECK_RUN(rows_are_written_and_read);
	CHECK_RUN(writes_that_change_nothing_leave_no_record);
	CHECK_RUN(items_have_a_size_limit);
	CHECK_RUN(scans_walk_the_table);
	CHECK_RUN(scans_are_checked);
	CHECK_RUN(sizes_are_counted_and_pages_end_at_a_megabyte);
	return check_end();
}
