/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/service_fixture.h"

/* The units that table "tab" has consumed, in halves. */
static struct service_capacity capacity(const struct fixture *f)
{
	struct service_capacity found = {0};
	size_t at = 0;

	CHECK(service_capacity_next(f->service, &at, &found));
	CHECK_STR(found.table, "tab");
	return found;
}

/* The hits of that name. */
static uint64_t hits(const struct fixture *f, const char *name)
{
	const struct service_hit *hit = service_hits(f->service);

	while (hit->name != NULL && strcmp(hit->name, name) != 0)
		hit++;
	CHECK(hit->name != NULL);
	return hit->n;
}

/* How often the part comes in the text. */
static size_t times(struct str text, const char *part)
{
	size_t n = 0;
	const char *at;

	while ((at = memmem(text.p, text.n, part, strlen(part))) != NULL) {
		n++;
		text = str_skip(text, (size_t)(at - text.p) + strlen(part));
	}
	return n;
}

/* Asks for the items with the sort keys [from, to), with `more` members for the table. */
static void batch(struct fixture *f, int from, int to, const char *more)
{
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_str(&body, STR("{'RequestItems':{'tab':{'Keys':["));
	for (int sk = from; sk < to; sk++)
		buf_fmt(&body, "%s{'pk':{'S':'p%d'},'sk':{'N':'%d'}}", sk == from ? "" : ",", sk,
			sk);
	buf_fmt(&body, "]%s}},'ReturnConsumedCapacity':'TOTAL'}%c", more, 0);
	call(f, "BatchGetItem", body.p);
	buf_release(&body);
}

/* The last answer's Responses, and what stands behind them. */
static void parts(const struct fixture *f, struct str *responses, struct str *rest)
{
	struct str answer = buf_view(&f->answer), mark = STR("\"UnprocessedKeys\":");
	const char *at = memmem(answer.p, answer.n, mark.p, mark.n);

	CHECK(at != NULL);
	*responses = str_head(answer, at == NULL ? 0 : (size_t)(at - answer.p));
	*rest = str_skip(answer, responses->n);
}

static void batches_get_what_is_there(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	for (int sk = 0; sk < 99; sk++)
		put(&f, sk, 1000 + sk);
	batch(&f, 0, 100, "");
	expect(&f, 200,
	       "'UnprocessedKeys':{},'ConsumedCapacity':[{'TableName':'tab',"
	       "'CapacityUnits':50.0}]}");
	CHECK_INT(times(buf_view(&f.answer), "\"pk\":"), 99);
	for (int sk = 0; sk < 99; sk++) {
		char want[80];

		snprintf(want, sizeof(want), "{'pk':{'S':'p%d'},'sk':{'N':'%d'},'v':{'N':'%d'}}",
			 sk, sk, 1000 + sk);
		expect(&f, 200, want);
	}
	batch(&f, 98, 100, ",'ConsistentRead':true");
	expect(&f, 200, "'CapacityUnits':2.0}]}");
	batch(&f, 99, 100, "");
	expect(&f, 200,
	       "{'Responses':{'tab':[]},'UnprocessedKeys':{},'ConsumedCapacity':[{"
	       "'TableName':'tab','CapacityUnits':0.5}]}");
	batch(&f, 7, 8, ",'ProjectionExpression':'#v','ExpressionAttributeNames':{'#v':'v'}");
	expect(&f, 200, "{'Responses':{'tab':[{'v':{'N':'1007'}}]}");
	call(&f, "BatchGetItem",
	     "{'RequestItems':{'arn:aws:dynamodb:us-east-1:123456789012:table/tab':{'Keys':["
	     "{'pk':{'S':'p1'},'sk':{'N':'1'}}]}}}");
	expect(&f, 200, "{'Responses':{'arn:aws:dynamodb:us-east-1:123456789012:table/tab':[{");
	teardown(&f);
}

static void batches_do_not_keep_the_order(void)
{
	struct fixture f;
	struct str answer;
	bool sorted = true;
	const char *last = NULL;

	setup(&f, 1, 1);
	for (int sk = 10; sk < 50; sk++)
		put(&f, sk, sk);
	batch(&f, 10, 50, "");
	answer = buf_view(&f.answer);
	for (int sk = 10; sk < 50; sk++) {
		char mark[40];
		const char *at;

		snprintf(mark, sizeof(mark), "\"sk\":{\"N\":\"%d\"}", sk);
		at = memmem(answer.p, answer.n, mark, strlen(mark));
		CHECK(at != NULL);
		sorted = sorted && (last == NULL || at > last);
		last = at;
	}
	CHECK(!sorted);
	teardown(&f);
}

static void batches_of_two_tables(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	call(&f, "CreateTable",
	     "{'TableName':'other','AttributeDefinitions':[{'AttributeName':'id',"
	     "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}],"
	     "'BillingMode':'PAY_PER_REQUEST'}");
	f.now_ms += 100;
	put(&f, 1, 1);
	call(&f, "PutItem", "{'TableName':'other','Item':{'id':{'S':'x'},'w':{'N':'2'}}}");
	call(&f, "BatchGetItem",
	     "{'RequestItems':{'other':{'Keys':[{'id':{'S':'x'}},{'id':{'S':'y'}}],"
	     "'ConsistentRead':true},'tab':{'Keys':[{'pk':{'S':'p1'},'sk':{'N':'1'}}]}},"
	     "'ReturnConsumedCapacity':'INDEXES'}");
	expect(&f, 200,
	       "{'Responses':{'other':[{'id':{'S':'x'},'w':{'N':'2'}}],'tab':[{'pk':{'S':'p1'},"
	       "'sk':{'N':'1'},'v':{'N':'1'}}]},'UnprocessedKeys':{},'ConsumedCapacity':[{"
	       "'TableName':'other','CapacityUnits':2.0,'Table':{'CapacityUnits':2.0}},"
	       "{'TableName':'tab','CapacityUnits':0.5,'Table':{'CapacityUnits':0.5}}]}");
	teardown(&f);
}

#define ONE "{'pk':{'S':'a'},'sk':{'N':'1'}}"

static const struct {
	const char *body, *part;
} refusals[] = {
	{"{}", "Value null at 'requestItems'"},
	{"{'RequestItems':{}}", "Value '{}' at 'requestItems' failed to satisfy constraint: Member "
				"must have length greater than or equal to 1"},
	{"{'RequestItems':{'tab':{}}}", "'requestItems.tab.member.keys' failed"},
	{"{'RequestItems':{'tab':{'Keys':[]}}}", "'requestItems.tab.member.keys' failed"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE "," ONE "]}}}",
	 "Provided list of item keys contains duplicates"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE ",{'pk':{'S':'a'},'sk':{'N':'1.0'}}]}}}",
	 "Provided list of item keys contains duplicates"},
	{"{'RequestItems':{'tab':{'Keys':[{'pk':{'S':'a'}}]}}}",
	 "The provided key element does not match the schema"},
	{"{'RequestItems':{'nobody':{'Keys':[" ONE "]}}}", "ResourceNotFoundException"},
	{"{'RequestItems':{'a b':{'Keys':[" ONE "]}}}", "regular expression"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE "],'Nonsense':1}}}", "Nonsense is not supported"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE "],'ExpressionAttributeNames':{'#a':'b'}}}}",
	 "can only be specified when using expressions"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE "],'ProjectionExpression':'a',"
	 "'ExpressionAttributeNames':{'#a':'b'}}}}",
	 "unused in expressions: keys: {#a}"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE "],'ProjectionExpression':1}}}",
	 "SerializationException"},
	{"{'RequestItems':{'tab':{'Keys':{}}}}", "SerializationException"},
	{"{'RequestItems':{'tab':{'Keys':[" ONE "]}},'ReturnConsumedCapacity':'ALL'}",
	 "enum value set"},
};

static void batches_are_refused(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	for (size_t i = 0; i < ARRAY_N(refusals); i++) {
		call(&f, "BatchGetItem", refusals[i].body);
		expect(&f, 400, refusals[i].part);
	}
	batch(&f, 0, 101, "");
	expect(&f, 400, "Member must have length less than or equal to 100");
	call(&f, "CreateTable",
	     "{'TableName':'other','AttributeDefinitions':[{'AttributeName':'id',"
	     "'AttributeType':'S'}],'KeySchema':[{'AttributeName':'id','KeyType':'HASH'}],"
	     "'BillingMode':'PAY_PER_REQUEST'}");
	f.now_ms += 100;
	batch(&f, 0, 100, "},'other':{'Keys':[{'id':{'S':'x'}}]");
	expect(&f, 400, "Too many items requested for the BatchGetItem call");
	CHECK_INT(capacity(&f).read_half_units, 0);
	teardown(&f);
}

static void batches_end_at_16_mib(void)
{
	struct fixture f;
	struct buf item;
	struct str responses, rest;
	size_t got;

	setup(&f, 1, 1);
	buf_release(&f.answer);
	buf_init(&f.answer, 32 << 20);
	buf_init(&item, 1 << 20);
	for (int i = 0; i < 350 * 1024; i++)
		buf_c(&item, 'x');
	buf_c(&item, 0);
	for (int sk = 0; sk < 60; sk++)
		callf(&f, "PutItem",
		      "{'TableName':'tab','Item':{'pk':{'S':'p%d'},'sk':{'N':'%d'},'v':{'S':'%s'}}"
		      "}",
		      sk, sk, item.p);
	CHECK_INT(capacity(&f).write_half_units, 60 * 351 * 2);
	batch(&f, 0, 60,
	      ",'ConsistentRead':true,'ProjectionExpression':'#v',"
	      "'ExpressionAttributeNames':{'#v':'sk'}");
	CHECK_INT(f.status, 200);
	parts(&f, &responses, &rest);
	got = times(responses, "\"sk\":");
	CHECK_INT(got, 46);
	CHECK_INT(times(rest, "\"pk\":"), 60 - got);
	CHECK(has(rest, "'ConsistentRead':true,'ProjectionExpression':'#v',"
			"'ExpressionAttributeNames':{'#v':'sk'}"));
	CHECK_INT(hits(&f, "batch_bytes"), 1);
	CHECK_INT(hits(&f, "partial_batch"), 0);
	CHECK_INT(capacity(&f).read_half_units, got * 88 * 2);
	buf_release(&item);
	teardown(&f);
}

static void batches_may_be_partial(void)
{
	struct fixture f;
	struct str responses, rest;
	size_t got, least = 100, most = 0;

	setup(&f, 1, 1);
	for (int sk = 0; sk < 20; sk++)
		put(&f, sk, sk);
	service_options(f.service)->partial_batch = 100;
	for (int i = 0; i < 50; i++) {
		batch(&f, 0, 20, "");
		CHECK_INT(f.status, 200);
		parts(&f, &responses, &rest);
		got = times(responses, "\"pk\":");
		CHECK_INT(times(rest, "\"pk\":"), 20 - got);
		least = got < least ? got : least;
		most = got > most ? got : most;
	}
	CHECK(least >= 1 && least < 9);
	CHECK(most > 11);
	CHECK(hits(&f, "partial_batch") > 45);
	/* A single key is never left: the service has an error for that. */
	batch(&f, 3, 4, "");
	expect(&f, 200, "'UnprocessedKeys':{}");
	teardown(&f);
}

static void capacity_is_counted(void)
{
	struct fixture f;

	setup(&f, 1, 1);
	CHECK_INT(capacity(&f).read_half_units, 0);
	CHECK_INT(capacity(&f).write_half_units, 0);
	put(&f, 1, 1);
	CHECK_INT(capacity(&f).write_half_units, 2);
	call(&f, "GetItem", "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}}}");
	CHECK_INT(capacity(&f).read_half_units, 1);
	call(&f, "GetItem",
	     "{'TableName':'tab','Key':{'pk':{'S':'no'},'sk':{'N':'1'}},'ConsistentRead':true}");
	CHECK_INT(capacity(&f).read_half_units, 3);
	call(&f, "Scan", "{'TableName':'tab'}");
	CHECK_INT(capacity(&f).read_half_units, 4);
	call(&f, "DeleteItem",
	     "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}},"
	     "'ConditionExpression':'attribute_exists(nothing)'}");
	expect(&f, 400, "ConditionalCheckFailed");
	CHECK_INT(capacity(&f).write_half_units, 4);
	call(&f, "UpdateItem",
	     "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}},'ReturnConsumedCapacity':"
	     "'TOTAL'}");
	expect(&f, 200, "'CapacityUnits':1.0");
	CHECK_INT(capacity(&f).write_half_units, 6);
	/* What is refused before it reaches the table costs nothing. */
	call(&f, "GetItem", "{'TableName':'tab','Key':{'pk':{'S':'p1'}}}");
	call(&f, "DeleteItem", "{'TableName':'tab'}");
	CHECK_INT(capacity(&f).read_half_units, 4);
	CHECK_INT(capacity(&f).write_half_units, 6);
	teardown(&f);
}

int main(void)
{
	CHECK_RUN(batches_get_what_is_there);
	CHECK_RUN(batches_do_not_keep_the_order);
	CHECK_RUN(batches_of_two_tables);
	CHECK_RUN(batches_are_refused);
	CHECK_RUN(batches_end_at_16_mib);
	CHECK_RUN(batches_may_be_partial);
	CHECK_RUN(capacity_is_counted);
	return check_end();
}
