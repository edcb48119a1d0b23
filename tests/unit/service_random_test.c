/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"
#include "tests/unit/service_fixture.h"

/*
 * A reader that follows the rules: parents before children, from the trim horizon, all pages. What
 * it read is compared with the log of writes.
 */
struct reader {
	struct fixture *f;
	struct map shards; /* of struct seen, by id */
	uint64_t *order; /* numbers of the writes in the order of reading */
	size_t order_n, order_cap;
	struct map writes; /* of struct slot, by event id */
	struct slot *slots; /* one for each write, in the order of the log */
};

/* Where a map can point to for a write of the log. */
struct slot {
	const struct service_write *write;
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
		const struct slot *slot;

		rest = str_skip(rest, (size_t)(at - rest.p) + mark.n);
		slot = map_get(&reader->writes, str_head(rest, 32));
		if (!CHECK(slot != NULL))
			return;
		CHECK_STR(slot->write->shard_id, seen->id);
		if (reader->order_n == reader->order_cap) {
			reader->order_cap = reader->order_cap * 2 + 64;
			reader->order = mem_resize_n(reader->order, reader->order_cap, 8);
		}
		reader->order[reader->order_n++] = slot->write->n;
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
		struct slot *slot = &reader->slots[reader->order[i]];
		const struct service_write *write = slot->write;
		const struct slot *before = map_get(&last, write->keys);

		CHECK(!write->trimmed);
		if (before != NULL) {
			CHECK(before->write->n < write->n);
			CHECK(seqno_order(before->write->seqno, write->seqno) < 0);
			CHECK(str_eq(before->write->new_image, write->old_image));
		}
		map_put(&last, write->keys, slot);
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
static void check_items(struct reader *reader)
{
	struct fixture *f = reader->f;
	const struct slot *slot;
	struct map last;
	char number[50];
	size_t n = 0;

	map_init(&last);
	for (uint64_t i = 0; service_write(f->service, i) != NULL; i++)
		map_put(&last, reader->slots[i].write->keys, &reader->slots[i]);
	callf(f, "Scan", "{'TableName':'tab'}");
	for (size_t at = 0; (slot = map_next(&last, &at)) != NULL;) {
		struct buf image;

		buf_init(&image, 1000);
		buf_str(&image, slot->write->new_image);
		buf_c(&image, 0);
		CHECK(has(buf_view(&f->answer), image.p));
		n += slot->write->new_image.n > 0;
		buf_release(&image);
	}
	snprintf(number, sizeof(number), "'Count':%zu,'ScannedCount':%zu}", n, n);
	expect(f, 200, number);
	map_release(&last);
}

/* Gives every write its slot. */
static void find_writes(struct reader *reader)
{
	uint64_t n = writes_n(reader->f);

	reader->slots = mem_alloc_n(n, sizeof(*reader->slots));
	for (uint64_t i = 0; i < n; i++) {
		reader->slots[i].write = service_write(reader->f->service, i);
		map_put(&reader->writes, reader->slots[i].write->event_id, &reader->slots[i]);
	}
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
	find_writes(&reader);
	read_all(&reader, arn);
	check_lineage(&reader);
	check_order(&reader);
	check_items(&reader);
	for (size_t at = 0; (seen = map_next(&reader.shards, &at)) != NULL;)
		mem_free(seen);
	mem_free(reader.order);
	mem_free(reader.slots);
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

static const struct {
	const char *operation, *body;
} samples[] = {
	{"CreateTable",
	 "{'TableName':'other','AttributeDefinitions':[{'AttributeName':'pk','AttributeType':'S'},"
	 "{'AttributeName':'g','AttributeType':'B'}],'KeySchema':[{'AttributeName':'pk',"
	 "'KeyType':'HASH'}],'GlobalSecondaryIndexes':[{'IndexName':'gg','KeySchema':["
	 "{'AttributeName':'g','KeyType':'HASH'}],'Projection':{'ProjectionType':'INCLUDE',"
	 "'NonKeyAttributes':['z']}}],'BillingMode':'PAY_PER_REQUEST','Tags':[{'Key':'k','Value':'"
	 "v'}]}"},
	{"UpdateTable", "{'TableName':'tab','StreamSpecification':{'StreamEnabled':false}}"},
	{"DescribeTable", "{'TableName':'tab'}"},
	{"DeleteTable", "{'TableName':'other'}"},
	{"ListTables", "{'Limit':1,'ExclusiveStartTableName':'tab'}"},
	{"PutItem",
	 "{'TableName':'tab','Item':{'pk':{'S':'p1'},'sk':{'N':'1'},'a':{'L':[{'B':'AAE='},"
	 "{'M':{'x':{'NS':['1','2E3']},'y':{'NULL':true}}}]},'c':{'SS':['u\\u00e9','v']}},"
	 "'ConditionExpression':'attribute_not_exists(#p) OR size(a[1].x) > :n',"
	 "'ExpressionAttributeNames':{'#p':'pk'},'ExpressionAttributeValues':{':n':{'N':'0'}},"
	 "'ReturnValues':'ALL_OLD'}"},
	{"UpdateItem",
	 "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}},'UpdateExpression':"
	 "'SET a[0] = :n, d = if_not_exists(d, :n) - :n REMOVE a[1].y, c ADD e :n, f :s DELETE g "
	 ":s',"
	 "'ConditionExpression':'NOT (e BETWEEN :n AND :n AND f IN (:s, :n))',"
	 "'ExpressionAttributeValues':{':n':{'N':'-1.5E3'},':s':{'SS':['x','y']}},"
	 "'ReturnValues':'UPDATED_NEW'}"},
	{"DeleteItem", "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}}}"},
	{"GetItem",
	 "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}},'ProjectionExpression':"
	 "'a[1].x, c, a[0]','ReturnConsumedCapacity':'TOTAL'}"},
	{"Scan", "{'TableName':'tab','Limit':3,'FilterExpression':'begins_with(pk, :p)',"
		 "'ExpressionAttributeValues':{':p':{'S':'p'}},'TotalSegments':2,'Segment':1,"
		 "'ExclusiveStartKey':{'pk':{'S':'p1'},'sk':{'N':'1'}}}"},
	{"Query", "{'TableName':'other','IndexName':'gg','KeyConditionExpression':'g = :g',"
		  "'ExpressionAttributeValues':{':g':{'B':'AAE='}},'ScanIndexForward':false,"
		  "'ExclusiveStartKey':{'pk':{'S':'p1'},'g':{'B':'AAE='}}}"},
	{"Query", "{'TableName':'tab','KeyConditionExpression':'pk = :p AND sk BETWEEN :s AND :t',"
		  "'ExpressionAttributeValues':{':p':{'S':'p1'},':s':{'N':'1'},':t':{'N':'2'}},"
		  "'FilterExpression':'attribute_exists(a)','Limit':1}"},
	{"BatchGetItem",
	 "{'RequestItems':{'tab':{'Keys':[{'pk':{'S':'p1'},'sk':{'N':'1'}},{'pk':{'S':'p2'},"
	 "'sk':{'N':'2'}}],'ProjectionExpression':'#a','ExpressionAttributeNames':{'#a':'a'}},"
	 "'other':{'Keys':[{'pk':{'S':'p1'}}],'ConsistentRead':true}},"
	 "'ReturnConsumedCapacity':'INDEXES'}"},
	{"PutItem",
	 "{'TableName':'other','Item':{'pk':{'S':'p1'},'g':{'B':'AAE='}},'Expected':{'pk':{"
	 "'Exists':false},'g':{'ComparisonOperator':'BETWEEN','AttributeValueList':[{'N':'1'},"
	 "{'N':'2'}]}},'ConditionalOperator':'OR','ReturnConsumedCapacity':'INDEXES'}"},
	{"UpdateItem",
	 "{'TableName':'tab','Key':{'pk':{'S':'p1'},'sk':{'N':'1'}},'AttributeUpdates':{'e':{"
	 "'Action':'ADD','Value':{'N':'1'}},'f':{'Action':'DELETE','Value':{'SS':['x']}},'a':{"
	 "'Action':'DELETE'},'l':{'Action':'ADD','Value':{'L':[{'NULL':true}]}}},"
	 "'Expected':{'z':{'Exists':false}},'ReturnValues':'UPDATED_NEW'}"},
	{"UpdateTable",
	 "{'TableName':'other','AttributeDefinitions':[{'AttributeName':'h','AttributeType':'N'}],"
	 "'GlobalSecondaryIndexUpdates':[{'Create':{'IndexName':'hh','KeySchema':[{"
	 "'AttributeName':'h','KeyType':'HASH'}],'Projection':{'ProjectionType':'ALL'}}}]}"},
	{"UpdateTable", "{'TableName':'other','GlobalSecondaryIndexUpdates':[{'Delete':{"
			"'IndexName':'hh'}}]}"},
	{"ListTagsOfResource",
	 "{'ResourceArn':'arn:aws:dynamodb:us-east-1:123456789012:table/other'}"},
	{"ListStreams", "{'TableName':'tab','Limit':1}"},
	{"DescribeStream",
	 "{'StreamArn':'arn:aws:dynamodb:us-east-1:123456789012:table/tab/stream/"
	 "2023-11-14T22:13:20.123','Limit':5,'ShardFilter':{'Type':'CHILD_SHARDS',"
	 "'ShardId':'shardId-00000001700000000123-00000000'}}"},
	{"GetShardIterator",
	 "{'StreamArn':'arn:aws:dynamodb:us-east-1:123456789012:table/tab/stream/"
	 "2023-11-14T22:13:20.123','ShardId':'shardId-00000001700000000123-00000000',"
	 "'ShardIteratorType':'AT_SEQUENCE_NUMBER','SequenceNumber':'999999999999999999999999'}"},
	{"GetRecords",
	 "{'ShardIterator':'arn:aws:dynamodb:us-east-1:123456789012:table/tab/stream/"
	 "2023-11-14T22:13:20.123|1|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==',"
	 "'Limit':5}"},
};

/* Changes a few bytes of the text: others, none, or some of its own again. */
static void mangle(struct rng *rng, struct buf *text)
{
	const char bytes[] = "'{}[]:,()#=<>.+-0159aeES_\\\"\xc3\xff \n";

	for (uint64_t n = rng_below(rng, 4); n > 0 && text->n > 1; n--) {
		size_t at = (size_t)rng_below(rng, text->n - 1), from;

		switch (rng_below(rng, 4)) {
		case 0:
			text->p[at] = bytes[rng_below(rng, sizeof(bytes) - 1)];
			break;
		case 1:
			memmove(text->p + at, text->p + at + 1, text->n - at - 1);
			buf_truncate(text, text->n - 1);
			break;
		case 2:
			from = (size_t)rng_below(rng, text->n - 1);
			text->p[at] = text->p[from];
			break;
		default:
			from = 1 + (size_t)rng_below(rng, text->n - at);
			buf_truncate(text, rng_chance(rng, 5) ? at + from : text->n);
			break;
		}
	}
}

static void mangled_requests_get_well_formed_answers(void)
{
	struct fixture f;
	struct rng rng;
	struct buf body;
	unsigned good = 0;

	setup(&f, 21, 2);
	rng_init(&rng, 99);
	buf_init(&body, 10000);
	for (int i = 0; i < 60000; i++) {
		size_t sample = (size_t)rng_below(&rng, ARRAY_N(samples));
		struct json json;

		buf_clear(&body);
		buf_str(&body, str_of(samples[sample].body));
		mangle(&rng, &body);
		buf_c(&body, 0);
		call(&f, samples[sample].operation, body.p);
		CHECK(f.status == 200 || f.status == 400);
		good += f.status == 200;
		json_init(&json, buf_view(&f.answer));
		json_skip(&json);
		CHECK(json_end(&json));
		f.now_ms += 100;
	}
	CHECK(good > 6000 && good < 50000);
	buf_release(&body);
	teardown(&f);
}

int main(void)
{
	CHECK_RUN(all_writes_come_out_in_order);
	CHECK_RUN(mangled_requests_get_well_formed_answers);
	return check_end();
}
