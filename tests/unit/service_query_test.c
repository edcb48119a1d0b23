/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/service_fixture.h"

/* One request and what it answers. */
struct step {
	const char *operation, *body;
	int status;
	const char *part;
};

/* Runs the steps one after the other, 10 ms apart. */
static void run(struct fixture *f, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		call(f, steps[i].operation, steps[i].body);
		expect(f, steps[i].status, steps[i].part);
		f->now_ms += 10;
	}
}

/* The sort keys of the last answer's items, as "1,2,3". */
static struct str sort_keys(const struct fixture *f, struct buf *out)
{
	struct str rest = buf_view(&f->answer), mark = STR("\"sk\":{\"N\":\"");
	size_t end = rest.n;
	const char *at = memmem(rest.p, rest.n, "]", 1);

	if (at != NULL)
		end = (size_t)(at - rest.p);
	rest = str_head(rest, end);
	buf_clear(out);
	while ((at = memmem(rest.p, rest.n, mark.p, mark.n)) != NULL) {
		rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
		if (out->n > 0)
			buf_c(out, ',');
		buf_str(out, str_head(rest, str_find(rest, '"')));
	}
	return buf_view(out);
}

#define OF_P "'KeyConditionExpression':'pk = :p%s','ExpressionAttributeValues':{':p':{'S':'p'}%s}"

/* Conditions on the sort key and what they find among -10, 1.5, 2, 3, 20. */
static const struct {
	const char *condition, *values, *more, *found;
} ranges[] = {
	{"", "", "", "-10,1.5,2,3,20"},
	{" AND sk = :s", ",':s':{'N':'2.0'}", "", "2"},
	{" AND sk < :s", ",':s':{'N':'2'}", "", "-10,1.5"},
	{" AND sk <= :s", ",':s':{'N':'2'}", "", "-10,1.5,2"},
	{" AND sk > :s", ",':s':{'N':'2'}", "", "3,20"},
	{" AND sk >= :s", ",':s':{'N':'2'}", "", "2,3,20"},
	{" AND sk BETWEEN :s AND :t", ",':s':{'N':'-1'},':t':{'N':'3'}", "", "1.5,2,3"},
	{"", "", ",'ScanIndexForward':false", "20,3,2,1.5,-10"},
	{"", "", ",'Limit':2", "-10,1.5"},
	{"", "", ",'Limit':2,'ScanIndexForward':false", "20,3"},
	{"", ",':v':{'S':'even'}", ",'FilterExpression':'v = :v'", "-10,2,20"},
	{"", "", ",'ExclusiveStartKey':{'pk':{'S':'p'},'sk':{'N':'1.5'}}", "2,3,20"},
	{"", "", ",'ExclusiveStartKey':{'pk':{'S':'p'},'sk':{'N':'0'}}", "1.5,2,3,20"},
	{"", "", ",'ScanIndexForward':false,'ExclusiveStartKey':{'pk':{'S':'p'},'sk':{'N':'2'}}",
	 "1.5,-10"},
	{"", "", ",'ExclusiveStartKey':{'pk':{'S':'p'},'sk':{'N':'20'}}", ""},
};

static void queries_find_a_partition_in_order(void)
{
	static const char *const keys[] = {"3", "20", "1.5", "-10", "2"};
	struct fixture f;
	struct buf found;

	setup(&f, 1, 1);
	buf_init(&found, 1000);
	for (size_t i = 0; i < ARRAY_N(keys); i++) {
		callf(&f, "PutItem",
		      "{'TableName':'tab','Item':{'pk':{'S':'p'},'sk':{'N':'%s'},'v':{'S':'%s'}}}",
		      keys[i], strchr(keys[i], '3') || strchr(keys[i], '.') ? "odd" : "even");
		callf(&f, "PutItem",
		      "{'TableName':'tab','Item':{'pk':{'S':'q%zu'},'sk':{'N':'%s'}}}", i, keys[i]);
	}
	for (size_t i = 0; i < ARRAY_N(ranges); i++) {
		callf(&f, "Query", "{'TableName':'tab'," OF_P "%s}", ranges[i].condition,
		      ranges[i].values, ranges[i].more);
		CHECK_INT(f.status, 200);
		CHECK_STR(sort_keys(&f, &found), ranges[i].found);
	}
	callf(&f, "Query",
	      "{'TableName':'tab'," OF_P ",'Select':'COUNT','ConsistentRead':true,"
	      "'ReturnConsumedCapacity':'TOTAL'}",
	      "", "");
	expect(&f, 200,
	       "{'Count':5,'ScannedCount':5,'ConsumedCapacity':{'TableName':'tab',"
	       "'CapacityUnits':1.0}}");
	callf(&f, "Query", "{'TableName':'tab'," OF_P ",'ProjectionExpression':'v','Limit':1}", "",
	      "");
	expect(&f, 200,
	       "{'Items':[{'v':{'S':'even'}}],'Count':1,'ScannedCount':1,"
	       "'LastEvaluatedKey':{'pk':{'S':'p'},'sk':{'N':'-10'}}}");
	buf_release(&found);
	teardown(&f);
}

#define LEASES                                                                      \
	"'TableName':'leases','AttributeDefinitions':[{'AttributeName':'leaseKey'," \
	"'AttributeType':'S'}"                                                      \
	"%s],'KeySchema':[{'AttributeName':'leaseKey','KeyType':'HASH'}],"          \
	"'BillingMode':'PAY_PER_REQUEST','DeletionProtectionEnabled':false"
#define OWNER	   ",{'AttributeName':'leaseOwner','AttributeType':'S'}"
#define OWNER_NAME "LeaseOwnerToLeaseKeyIndex"
#define OWNER_INDEX                                                                               \
	"{'IndexName':'" OWNER_NAME "','KeySchema':[{'AttributeName':'leaseOwner','KeyType':"     \
	"'HASH'},{'AttributeName':'leaseKey','KeyType':'RANGE'}],'Projection':{'ProjectionType':" \
	"'KEYS_ONLY'}"
#define OF_OWNER                                                                      \
	"'TableName':'leases','IndexName':'" OWNER_NAME "','KeyConditionExpression':" \
	"'leaseOwner = :o','ExpressionAttributeValues':{':o':{'S':'w1'}}"
#define ADD_INDEX                                                                     \
	"'TableName':'leases','AttributeDefinitions':[{'AttributeName':'leaseOwner'," \
	"'AttributeType':'S'},{'AttributeName':'leaseKey','AttributeType':'S'}],"     \
	"'GlobalSecondaryIndexUpdates':[{'Create':" OWNER_INDEX "}}]"

/* Puts the lease with that key and owner; without owner for NULL. */
static void put_lease(struct fixture *f, const char *key, const char *owner)
{
	char member[80] = "";

	if (owner != NULL)
		snprintf(member, sizeof(member), ",'leaseOwner':{'S':'%s'}", owner);
	callf(f, "PutItem",
	      "{'TableName':'leases','Item':{'leaseKey':{'S':'%s'},'leaseCounter':{'N':'1'}%s}}",
	      key, member);
	CHECK_INT(f->status, 200);
}

/* An index's life, asked for what w1 owns. */
static const struct step index_steps[] = {
	{"Query", "{" OF_OWNER "}", 400, "does not have the specified index: " OWNER_NAME},
	{"UpdateTable", "{" ADD_INDEX "}", 200, "'TableStatus':'UPDATING'"},
	{"DescribeTable", "{'TableName':'leases'}", 200,
	 "'IndexStatus':'CREATING','Backfilling':true"},
	{"UpdateTable", "{" ADD_INDEX "}", 400, "ResourceInUseException"},
	{"Query", "{" OF_OWNER "}", 400,
	 "Cannot read from backfilling global secondary index: " OWNER_NAME},
	{"PutItem", "{'TableName':'leases','Item':{'leaseKey':{'S':'s4'}}}", 200, "{}"},
	{"ListTables", "{}", 200, "leases"},
	{"DescribeTable", "{'TableName':'leases'}", 200, "'IndexStatus':'ACTIVE'"},
	{"DescribeTable", "{'TableName':'leases'}", 200,
	 "{'AttributeName':'leaseOwner','AttributeType':'S'}"},
	{"Query", "{" OF_OWNER "}", 200,
	 "{'Items':[{'leaseKey':{'S':'s1'},'leaseOwner':{'S':'w1'}},{'leaseKey':{'S':'s3'},"
	 "'leaseOwner':{'S':'w1'}}],'Count':2,'ScannedCount':2}"},
	{"Query", "{" OF_OWNER ",'Limit':1}", 200,
	 "{'Items':[{'leaseKey':{'S':'s1'},'leaseOwner':{'S':'w1'}}],'Count':1,"
	 "'ScannedCount':1,'LastEvaluatedKey':{'leaseKey':{'S':'s1'},'leaseOwner':{'S':"
	 "'w1'}}}"},
	{"Query",
	 "{" OF_OWNER ",'ExclusiveStartKey':{'leaseKey':{'S':'s1'},'leaseOwner':{'S':'w1'}}}", 200,
	 "{'Items':[{'leaseKey':{'S':'s3'}"},
	{"Query", "{" OF_OWNER ",'Select':'ALL_PROJECTED_ATTRIBUTES'}", 200, "'Count':2"},
	{"Query", "{" OF_OWNER ",'Select':'ALL_ATTRIBUTES'}", 400,
	 "its projection type is not ALL"},
	{"Query", "{" OF_OWNER ",'ProjectionExpression':'leaseCounter'}", 400,
	 "does not project [leaseCounter]"},
	{"Query", "{" OF_OWNER ",'ProjectionExpression':'leaseKey','Limit':1}", 200,
	 "{'Items':[{'leaseKey':{'S':'s1'}}]"},
	{"Query", "{" OF_OWNER ",'ConsistentRead':true}", 400,
	 "Consistent reads are not supported on global secondary indexes"},
	{"Query", "{" OF_OWNER ",'ExclusiveStartKey':{'leaseKey':{'S':'s1'}}}", 400,
	 "The provided starting key is invalid"},
	{"Query",
	 "{" OF_OWNER ",'ExclusiveStartKey':{'leaseKey':{'S':'s1'},'leaseOwner':{'S':'w2'}}}", 400,
	 "outside query boundaries"},
	{"UpdateTable", "{" ADD_INDEX "}", 400, "create an index which already exists"},
	{"UpdateTable",
	 "{'TableName':'leases','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'x'}}"
	 "]}",
	 400, "ResourceNotFoundException"},
	{"UpdateTable",
	 "{'TableName':'leases','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':'x'}}"
	 ","
	 "{'Delete':{'IndexName':'y'}}]}",
	 400, "LimitExceededException"},
	{"UpdateTable",
	 "{'TableName':'leases','GlobalSecondaryIndexUpdates':[{'Update':{'IndexName':'x'}}"
	 "]}",
	 400, "ValidationException"},
	{"UpdateTable", "{'TableName':'leases','GlobalSecondaryIndexUpdates':[]}", 400,
	 "At least one of"},
	{"UpdateTable",
	 "{'TableName':'leases','GlobalSecondaryIndexUpdates':[{'Delete':{'IndexName':"
	 "'" OWNER_NAME "'}}]}",
	 200,
	 "{'TableDescription':{'AttributeDefinitions':[{'AttributeName':'leaseKey',"
	 "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'leaseKey','KeyType':'HASH'}]"
	 ","
	 "'TableName'"},
	{"Query", "{" OF_OWNER "}", 400, "does not have the specified index"},
};

static void indexes_come_late_and_go(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	callf(&f, "CreateTable", "{" LEASES "}", "");
	expect(&f, 200, "'DeletionProtectionEnabled':false");
	f.now_ms += 100;
	put_lease(&f, "s3", "w1");
	put_lease(&f, "s2", "w2");
	put_lease(&f, "s1", "w1");
	put_lease(&f, "s0", NULL);
	run(&f, index_steps, ARRAY_N(index_steps));
	teardown(&f);
}

static void indexes_come_with_their_table(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	callf(&f, "CreateTable", "{" LEASES ",'GlobalSecondaryIndexes':[" OWNER_INDEX "}]}", OWNER);
	expect(&f, 200, "'IndexStatus':'CREATING','ProvisionedThroughput'");
	f.now_ms += 100;
	put_lease(&f, "s1", "w1");
	callf(&f, "Query", "{" OF_OWNER "}");
	expect(&f, 200, "'Count':1");
	/* An item is in the index as long as it has the attribute, of the right type. */
	call(&f, "UpdateItem",
	     "{'TableName':'leases','Key':{'leaseKey':{'S':'s1'}},"
	     "'AttributeUpdates':{'leaseOwner':{'Action':'DELETE'}}}");
	callf(&f, "Query", "{" OF_OWNER "}");
	expect(&f, 200, "'Count':0");
	callf(&f, "CreateTable", "{" LEASES "}", "");
	expect(&f, 400, "ResourceInUseException");
	teardown(&f);
}

/* What is asked for an index, and why it is refused. */
static const struct {
	const char *updates, *part;
} refused_indexes[] = {
	{"{'Create':" OWNER_INDEX ",'ProvisionedThroughput':{'ReadCapacityUnits':1,"
	 "'WriteCapacityUnits':1}}}",
	 "ProvisionedThroughput should not be specified for index: " OWNER_NAME},
	{"{'Create':" OWNER_INDEX "}},{'Create':" OWNER_INDEX "}}", "LimitExceededException"},
	{"{'Create':{'IndexName':'x','KeySchema':[{'AttributeName':'no','KeyType':'HASH'}],"
	 "'Projection':{'ProjectionType':'ALL'}}}",
	 "not defined in AttributeDefinitions"},
	{"{'Create':{'IndexName':'x'}}", "An index needs IndexName, KeySchema and Projection"},
	{"{'Delete':{}}", "SerializationException"},
	{"7", "SerializationException"},
};

static void indexes_are_refused(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	callf(&f, "CreateTable", "{" LEASES "}", "");
	f.now_ms += 100;
	for (size_t i = 0; i < ARRAY_N(refused_indexes); i++) {
		callf(&f, "UpdateTable",
		      "{'TableName':'leases','AttributeDefinitions':[{'AttributeName':'leaseOwner',"
		      "'AttributeType':'S'},{'AttributeName':'leaseKey','AttributeType':'S'}],"
		      "'GlobalSecondaryIndexUpdates':[%s]}",
		      refused_indexes[i].updates);
		expect(&f, 400, refused_indexes[i].part);
	}
	callf(&f, "UpdateTable",
	      "{'TableName':'leases','AttributeDefinitions':[{'AttributeName':'leaseOwner',"
	      "'AttributeType':'S'},{'AttributeName':'leaseKey','AttributeType':'N'}],"
	      "'GlobalSecondaryIndexUpdates':[{'Create':" OWNER_INDEX "}}]}");
	expect(&f, 400, "Attribute leaseKey is redefined with another type");
	callf(&f, "DescribeTable", "{'TableName':'leases'}");
	CHECK(!has(buf_view(&f.answer), "leaseOwner"));
	expect(&f, 200, "'TableStatus':'ACTIVE'");
	call(&f, "CreateTable",
	     "{'TableName':'other','AttributeDefinitions':[{'AttributeName':'leaseKey',"
	     "'AttributeType':'S'},{'AttributeName':'leaseOwner','AttributeType':'S'}],"
	     "'KeySchema':[{'AttributeName':'leaseKey','KeyType':'HASH'}],"
	     "'ProvisionedThroughput':{'ReadCapacityUnits':10,'WriteCapacityUnits':10},"
	     "'GlobalSecondaryIndexes':[" OWNER_INDEX "}]}");
	expect(&f, 400, "ProvisionedThroughput is not specified for index: " OWNER_NAME);
	teardown(&f);
}

/* What changes of a lease cost, in units: of the table, and of its index of owners. */
static const struct {
	const char *updates, *units, *parts;
} costs[] = {
	{"", "1.0", "'Table':{'CapacityUnits':1.0}}"},
	{"'leaseCounter':{'Value':{'N':'1'}}", "1.0", "'Table':{'CapacityUnits':1.0}}"},
	/* Into the index, within it, which is out and in, and out of it. */
	{"'leaseOwner':{'Value':{'S':'w1'}}", "2.0", "{'" OWNER_NAME "':{'CapacityUnits':1.0}}}"},
	{"'leaseCounter':{'Value':{'N':'2'}}", "1.0", "'Table':{'CapacityUnits':1.0}}"},
	{"'leaseOwner':{'Value':{'S':'w2'}}", "3.0", "{'" OWNER_NAME "':{'CapacityUnits':2.0}}}"},
	{"'leaseOwner':{'Value':{'N':'2'}}", "2.0", "{'" OWNER_NAME "':{'CapacityUnits':1.0}}}"},
	{"'leaseOwner':{'Action':'DELETE'}", "1.0", "'Table':{'CapacityUnits':1.0}}"},
};

static void indexes_are_paid_for(void)
{
	struct fixture f;
	struct service_capacity capacity = {0};
	size_t at = 0;

	setup(&f, 1, 1);
	callf(&f, "CreateTable", "{" LEASES ",'GlobalSecondaryIndexes':[" OWNER_INDEX "}]}", OWNER);
	f.now_ms += 100;
	for (size_t i = 0; i < ARRAY_N(costs); i++) {
		char want[200];

		callf(&f, "UpdateItem",
		      "{'TableName':'leases','Key':{'leaseKey':{'S':'s1'}},'AttributeUpdates':{%s},"
		      "'ReturnConsumedCapacity':'INDEXES'}",
		      costs[i].updates);
		snprintf(want, sizeof(want), "'CapacityUnits':%s,'Table':{'CapacityUnits':1.0}",
			 costs[i].units);
		expect(&f, 200, want);
		expect(&f, 200, costs[i].parts);
	}
	put_lease(&f, "s2", "w1");
	callf(&f, "Query", "{" OF_OWNER ",'ReturnConsumedCapacity':'INDEXES'}");
	expect(&f, 200,
	       "{'TableName':'leases','CapacityUnits':0.5,'Table':{'CapacityUnits':0.0},"
	       "'GlobalSecondaryIndexes':{'" OWNER_NAME "':{'CapacityUnits':0.5}}}");
	callf(&f, "DeleteItem",
	      "{'TableName':'leases','Key':{'leaseKey':{'S':'s2'}},'ReturnConsumedCapacity':'TOTAL'"
	      "}");
	expect(&f, 200, "'CapacityUnits':2.0}}");
	while (service_capacity_next(f.service, &at, &capacity) &&
	       !str_eq(capacity.table, STR("leases")))
		;
	CHECK_INT(capacity.write_half_units, 2 * (11 + 2 + 2));
	CHECK_INT(capacity.read_half_units, 1);
	teardown(&f);
}

static void indexes_of_all_are_paid_for_by_size(void)
{
	struct fixture f;
	struct buf big;

	setup(&f, 1, 1);
	buf_init(&big, 10000);
	for (int i = 0; i < 3000; i++)
		buf_c(&big, 'x');
	buf_c(&big, 0);
	call(&f, "CreateTable",
	     "{'TableName':'all','AttributeDefinitions':[{'AttributeName':'id','AttributeType':'S'}"
	     ","
	     "{'AttributeName':'g','AttributeType':'S'}],'KeySchema':[{'AttributeName':'id',"
	     "'KeyType':'HASH'}],'BillingMode':'PAY_PER_REQUEST','GlobalSecondaryIndexes':[{"
	     "'IndexName':'ig','KeySchema':[{'AttributeName':'g','KeyType':'HASH'}],'Projection':{"
	     "'ProjectionType':'ALL'}}]}");
	f.now_ms += 100;
	callf(&f, "PutItem",
	      "{'TableName':'all','Item':{'id':{'S':'a'},'g':{'S':'b'},'v':{'S':'%s'}},"
	      "'ReturnConsumedCapacity':'TOTAL'}",
	      big.p);
	expect(&f, 200, "'CapacityUnits':6.0}}");
	/* The entry stays where it is and changes: once, by the larger of both. */
	call(&f, "PutItem",
	     "{'TableName':'all','Item':{'id':{'S':'a'},'g':{'S':'b'},'v':{'S':'y'}},"
	     "'ReturnConsumedCapacity':'TOTAL'}");
	expect(&f, 200, "'CapacityUnits':6.0}}");
	call(&f, "DeleteItem",
	     "{'TableName':'all','Key':{'id':{'S':'a'}},'ReturnConsumedCapacity':'TOTAL'}");
	expect(&f, 200, "'CapacityUnits':2.0}}");
	buf_release(&big);
	teardown(&f);
}

/* Key conditions that cannot be, and why. */
static const struct {
	const char *condition, *values, *part;
} refused_conditions[] = {
	{"sk = :n", "':n':{'N':'1'}", "Query condition missed key schema element: pk"},
	{"pk < :s", "':s':{'S':'p'}", "Query key condition not supported"},
	{"pk = :s AND v = :n", "':s':{'S':'p'},':n':{'N':'1'}",
	 "Query key condition not supported"},
	{"pk = :s AND sk <> :n", "':s':{'S':'p'},':n':{'N':'1'}", "Invalid operator used in"},
	{"pk = :s OR sk = :n", "':s':{'S':'p'},':n':{'N':'1'}", "Invalid operator used in"},
	{"NOT pk = :s", "':s':{'S':'p'}", "Invalid operator used in KeyConditionExpression"},
	{"pk = :s AND attribute_exists(sk)", "':s':{'S':'p'}", "Invalid operator used in"},
	{"pk = :s AND pk = :s", "':s':{'S':'p'}", "must only contain one condition per key"},
	{"pk = :n", "':n':{'N':'1'}", "Condition parameter type does not match schema type"},
	{"pk = :s AND sk = :s", "':s':{'S':'p'}", "Condition parameter type does not match"},
	{"pk = sk", "':n':{'N':'1'}", "Query key condition not supported"},
	{"pk = :s AND sk = :n AND sk = :n", "':s':{'S':'p'},':n':{'N':'1'}", "not supported"},
	{"pk =", "':s':{'S':'p'}", "Invalid KeyConditionExpression: Syntax error"},
	{"pk = :s", "':s':{'S':'p'},':n':{'N':'1'}", "unused in expressions: keys: {:n}"},
};

static void queries_are_refused(void)
{
	static const struct step steps[] = {
		{"Query", "{'TableName':'tab'}", 400,
		 "Either the KeyConditions or KeyConditionExpression parameter must be specified"},
		{"Query", "{'TableName':'none','KeyConditionExpression':'pk = :p'}", 400,
		 "ResourceNotFoundException"},
		{"Query",
		 "{'TableName':'tab','KeyConditionExpression':'pk = :p','FilterExpression':"
		 "'attribute_exists(v) AND NOT sk = :n',"
		 "'ExpressionAttributeValues':{':p':{'S':'p'},':n':{'N':'1'}}}",
		 400,
		 "Filter Expression can only contain non-primary key attributes: Primary key "
		 "attribute: sk"},
		{"Query",
		 "{'TableName':'tab','KeyConditionExpression':'pk = :p','Select':"
		 "'ALL_PROJECTED_ATTRIBUTES','ExpressionAttributeValues':{':p':{'S':'p'}}}",
		 400, "can be used only when Querying using an IndexName"},
		{"Query",
		 "{'TableName':'tab','KeyConditionExpression':'pk = :p','Limit':0,"
		 "'ExpressionAttributeValues':{':p':{'S':'p'}}}",
		 400, "greater than or equal to 1"},
		{"Query",
		 "{'TableName':'tab','KeyConditionExpression':'pk = :p','ScanIndexForward':1,"
		 "'ExpressionAttributeValues':{':p':{'S':'p'}}}",
		 400, "SerializationException"},
		{"Query", "{'TableName':'tab','KeyConditions':{}}", 400,
		 "KeyConditions is not supported"},
	};
	struct fixture f;

	setup(&f, 1, 1);
	run(&f, steps, ARRAY_N(steps));
	for (size_t i = 0; i < ARRAY_N(refused_conditions); i++) {
		callf(&f, "Query",
		      "{'TableName':'tab','KeyConditionExpression':'%s','ExpressionAttributeValues'"
		      ":{"
		      "%s}}",
		      refused_conditions[i].condition, refused_conditions[i].values);
		expect(&f, 400, refused_conditions[i].part);
	}
	teardown(&f);
}

/* Walks through a partition of 100 items in pages of so many; returns how many pages there were. */
static int walk(struct fixture *f, int limit, bool forward)
{
	struct buf found, all, start;
	int pages = 0;

	buf_init(&found, 1000);
	buf_init(&all, 1000);
	buf_init(&start, 1000);
	for (bool more = true; more && pages < 200; pages++) {
		const char *at;

		buf_c(&start, 0);
		callf(f, "Query", "{'TableName':'tab'," OF_P ",'Limit':%d,'ScanIndexForward':%s%s}",
		      "", "", limit, forward ? "true" : "false", start.p);
		CHECK_INT(f->status, 200);
		sort_keys(f, &found);
		if (all.n > 0 && found.n > 0)
			buf_c(&all, ',');
		buf_str(&all, buf_view(&found));
		at = memmem(f->answer.p, f->answer.n, "\"LastEvaluatedKey\":", 19);
		more = at != NULL;
		buf_clear(&start);
		if (more)
			buf_fmt(&start, ",'ExclusiveStartKey':%.*s",
				(int)(f->answer.p + f->answer.n - 1 - (at + 19)), at + 19);
	}
	buf_clear(&found);
	for (int i = 0; i < 100; i++)
		buf_fmt(&found, "%s%d", i == 0 ? "" : ",", forward ? i : 99 - i);
	CHECK(str_eq(buf_view(&all), buf_view(&found)));
	buf_release(&found);
	buf_release(&all);
	buf_release(&start);
	return pages;
}

static void queries_go_page_by_page(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	for (int i = 0; i < 100; i++)
		callf(&f, "PutItem", "{'TableName':'tab','Item':{'pk':{'S':'p'},'sk':{'N':'%d'}}}",
		      i * 37 % 100);
	CHECK_INT(walk(&f, 1, true), 101);
	CHECK_INT(walk(&f, 7, true), 15);
	CHECK_INT(walk(&f, 7, false), 15);
	CHECK_INT(walk(&f, 100, false), 2);
	CHECK_INT(walk(&f, 101, true), 1);
	teardown(&f);
}

int main(void)
{
	CHECK_RUN(queries_find_a_partition_in_order);
	CHECK_RUN(indexes_come_late_and_go);
	CHECK_RUN(indexes_come_with_their_table);
	CHECK_RUN(indexes_are_refused);
	CHECK_RUN(indexes_are_paid_for);
	CHECK_RUN(indexes_of_all_are_paid_for_by_size);
	CHECK_RUN(queries_are_refused);
	CHECK_RUN(queries_go_page_by_page);
	return check_end();
}
