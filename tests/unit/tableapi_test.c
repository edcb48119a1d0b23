/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/tableapi.h"

#include "tests/check.h"

/* Compares what a request appended, and empties the buffer. */
static void check_body(struct buf *buf, const char *want)
{
	CHECK(!buf->failed);
	CHECK_STR(buf_view(buf), want);
	buf_clear(buf);
}

static void tables_writes_requests(void)
{
	struct buf buf;

	buf_init(&buf, 4096);
	tables_describe_request(&buf, STR("T"));
	check_body(&buf, "{\"TableName\":\"T\"}");
	tables_create_request(&buf, STR("T"), STR("leaseKey"));
	check_body(&buf,
		   "{\"TableName\":\"T\",\"AttributeDefinitions\":[{\"AttributeName\":"
		   "\"leaseKey\",\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":"
		   "\"leaseKey\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}");
	tables_get_request(&buf, STR("T"), STR("leaseKey"), STR("a\"b"));
	check_body(&buf, "{\"TableName\":\"T\",\"Key\":{\"leaseKey\":{\"S\":\"a\\\"b\"}},"
			 "\"ConsistentRead\":true}");
	tables_scan_request(&buf, STR("T"), STR_NONE, 0, true);
	check_body(&buf, "{\"TableName\":\"T\",\"ConsistentRead\":true}");
	tables_scan_request(&buf, STR("T"), STR("{\"leaseKey\":{\"S\":\"\\u0061\"}}"), 25, false);
	check_body(&buf, "{\"TableName\":\"T\",\"ConsistentRead\":false,\"ExclusiveStartKey\":"
			 "{\"leaseKey\":{\"S\":\"\\u0061\"}},\"Limit\":25}");
	buf_release(&buf);
}

static void tables_reads_a_description(void)
{
	static const char body[] =
		"{\"Table\":{\"TableStatus\":\"ACTIVE\",\"TableArn\":\"arn:t\",\"KeySchema\":"
		"[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}],\"LatestStreamArn\":\"arn:s\","
		"\"LatestStreamLabel\":\"l\",\"StreamSpecification\":{\"StreamEnabled\":true,"
		"\"StreamViewType\":\"KEYS_ONLY\"},\"ItemCount\":7,\"Replicas\":[{\"RegionName\":"
		"\"r\"}],\"CreationDateTime\":1.5E9}}";
	struct table_description d;
	struct arena arena;
	struct error err;

	arena_init(&arena);
	CHECK(tables_describe_read(&arena, str_of(body), &d, &err));
	CHECK_INT(d.status, TABLE_ACTIVE);
	CHECK_INT(d.replication, TABLE_EVENTUAL);
	CHECK_STR(d.arn, "arn:t");
	CHECK_STR(d.hash_key, "id");
	CHECK_INT(d.range_key.n, 0);
	CHECK_STR(d.stream_arn, "arn:s");
	CHECK(d.stream_enabled);
	CHECK_STR(d.view_type, "KEYS_ONLY");
	arena_release(&arena);
}

static void tables_reads_variants(void)
{
	static const struct {
		const char *body;
		enum table_status status;
		enum table_replication replication;
		bool enabled;
	} rows[] = {
		{"{\"Table\":{}}", TABLE_UNKNOWN, TABLE_LOCAL, false},
		{"{\"TableDescription\":{\"TableStatus\":\"CREATING\"}}", TABLE_CREATING,
		 TABLE_LOCAL, false},
		{"{\"Table\":{\"TableStatus\":\"UPDATING\",\"Replicas\":[]}}", TABLE_UPDATING,
		 TABLE_LOCAL, false},
		{"{\"Table\":{\"TableStatus\":\"DELETING\",\"Replicas\":null}}", TABLE_DELETING,
		 TABLE_LOCAL, false},
		{"{\"Table\":{\"TableStatus\":\"INACCESSIBLE_ENCRYPTION_CREDENTIALS\","
		 "\"Replicas\":[{}],\"MultiRegionConsistency\":\"EVENTUAL\"}}",
		 TABLE_INACCESSIBLE, TABLE_EVENTUAL, false},
		{"{\"Table\":{\"TableStatus\":\"ARCHIVING\",\"MultiRegionConsistency\":\"STRONG\","
		 "\"Replicas\":[{}]}}",
		 TABLE_ARCHIVED, TABLE_STRONG, false},
		{"{\"Table\":{\"StreamSpecification\":null,\"LatestStreamArn\":null}}",
		 TABLE_UNKNOWN, TABLE_LOCAL, false},
		{"{\"Table\":{\"StreamSpecification\":{\"StreamEnabled\":false}}}", TABLE_UNKNOWN,
		 TABLE_LOCAL, false},
		{"{\"Table\":{\"StreamSpecification\":{\"StreamEnabled\":true}}}", TABLE_UNKNOWN,
		 TABLE_LOCAL, true},
	};
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(rows); i++) {
		struct table_description d;
		struct error err;

		CHECK(tables_describe_read(&arena, str_of(rows[i].body), &d, &err));
		CHECK_INT(d.status, rows[i].status);
		CHECK_INT(d.replication, rows[i].replication);
		CHECK_INT(d.stream_enabled, rows[i].enabled);
	}
	arena_release(&arena);
}

static void tables_refuses_malformed_answers(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{",
		"{\"Table\":7}",
		"{\"Table\":{\"KeySchema\":7}}",
		"{\"Table\":{\"StreamSpecification\":{\"StreamEnabled\":\"yes\"}}}",
		"{\"Items\":7}",
		"{\"Items\":[7]}",
		"{\"Items\":[{]}",
		"{\"Items\":[{}]",
		"{\"Item\":7,\"Attributes\":7,\"Items\":{}}",
		"{\"LastEvaluatedKey\":\"x\",\"Item\":[],\"Attributes\":[],\"Table\":[]}"};
	struct arena arena;
	struct error err;
	struct str raw;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		struct table_description d;
		struct table_page page;

		err = (struct error){0};
		CHECK(!tables_describe_read(&arena, str_of(bad[i]), &d, &err));
		CHECK_INT(err.code, ERROR_DATA);
		if (i < 4 || i > 5)
			CHECK_INT(tables_scan_read(&arena, str_of(bad[i]), &page, &err), i == 3);
	}
	CHECK(!tables_get_read(STR("{\"Item\":7}"), &raw, &err));
	CHECK(!tables_get_read(STR("{\"Item\":{}"), &raw, &err));
	CHECK_INT(err.code, ERROR_DATA);
	arena_release(&arena);
}

static void tables_reads_single_items(void)
{
	struct error err;
	struct str raw;

	CHECK(tables_get_read(STR("{\"ConsumedCapacity\":{},\"Item\": {\"a\" :{\"N\":\"1\"}} }"),
			      &raw, &err));
	CHECK_STR(raw, "{\"a\" :{\"N\":\"1\"}}");
	CHECK(tables_get_read(STR("{}"), &raw, &err));
	CHECK_INT(raw.n, 0);
	CHECK(tables_get_read(STR("{\"Item\":null}"), &raw, &err));
	CHECK_INT(raw.n, 0);
}

static void tables_reads_scan_pages(void)
{
	struct table_page page;
	struct arena arena;
	struct error err;
	struct buf buf;

	arena_init(&arena);
	CHECK(tables_scan_read(&arena,
			       STR("{\"Items\":[{\"a\":{\"S\":\"1\"}}, {}],\"Count\":2,"
				   "\"LastEvaluatedKey\":{\"a\":{\"S\":\"1\"}}}"),
			       &page, &err));
	CHECK_INT(page.n_items, 2);
	CHECK_STR(page.items[0], "{\"a\":{\"S\":\"1\"}}");
	CHECK_STR(page.items[1], "{}");
	CHECK_STR(page.next_key, "{\"a\":{\"S\":\"1\"}}");
	CHECK(tables_scan_read(&arena, STR("{\"Items\":[]}"), &page, &err));
	CHECK_INT(page.n_items, 0);
	CHECK_INT(page.next_key.n, 0);
	buf_init(&buf, 1 << 20);
	buf_str(&buf, STR("{\"Items\":[{\"n\":0}"));
	for (unsigned i = 1; i < 5000; i++)
		buf_fmt(&buf, ",{\"n\":%u}", i);
	buf_str(&buf, STR("]}"));
	CHECK(tables_scan_read(&arena, buf_view(&buf), &page, &err));
	CHECK_INT(page.n_items, 5000);
	CHECK_STR(page.items[16], "{\"n\":16}");
	CHECK_STR(page.items[4999], "{\"n\":4999}");
	buf_release(&buf);
	arena_release(&arena);
}

static void item_yields_attributes(void)
{
	static const char raw[] =
		"{\"leaseKey\":{\"S\":\"a\\u0062\\n\"}, \"leaseCounter\":{\"N\":\"42\"},"
		"\"p\\u0061rent\":{\"SS\":[\"x\",\"\\u0079\"]},\"yes\":{\"BOOL\":true},"
		"\"no\":{\"BOOL\":false},\"map\":{\"M\":{\"S\":{\"S\":\"in\"}}},"
		"\"gone\":{\"NULL\":true},\"bin\":{\"B\":\"AAAA\"},\"\":{\"S\":\"\"}}";
	struct attribute a;
	struct arena arena;
	struct item item;

	arena_init(&arena);
	item_open(&item, &arena, str_of(raw));
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_STRING);
	CHECK_STR(a.name, "leaseKey");
	CHECK_STR(a.text, "ab\n");
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_NUMBER);
	CHECK_STR(a.text, "42");
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_STRINGS);
	CHECK_STR(a.name, "parent");
	CHECK_INT(a.n_strings, 2);
	CHECK_STR(a.strings[0], "x");
	CHECK_STR(a.strings[1], "y");
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_BOOL && a.yes);
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_BOOL && !a.yes);
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_MAP);
	CHECK_STR(a.text, "{\"S\":{\"S\":\"in\"}}");
	for (int i = 0; i < 2; i++)
		CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_OTHER);
	CHECK_STR(a.name, "bin");
	CHECK(item_next(&item, &a) && a.kind == ATTRIBUTE_STRING && a.name.n == 0);
	CHECK(!item_next(&item, &a));
	CHECK(item_end(&item));
	CHECK(!item_next(&item, &a));
	arena_release(&arena);
}

static void item_refuses_malformed_ones(void)
{
	static const char *const bad[] = {"",
					  "[]",
					  "{\"a\":7}",
					  "{\"a\":{}}",
					  "{\"a\":{\"S\":\"x\",\"N\":\"1\"}}",
					  "{\"a\":{\"S\":7}}",
					  "{\"a\":{\"N\":7}}",
					  "{\"a\":{\"SS\":\"x\"}}",
					  "{\"a\":{\"SS\":[7]}}",
					  "{\"a\":{\"BOOL\":\"true\"}}",
					  "{\"a\":{\"M\":{]}}",
					  "{\"a\":{\"S\":\"x\"}",
					  "{\"a\":{\"S\":\"x\"}} x"};
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < ARRAY_N(bad); i++) {
		struct attribute a;
		struct item item;
		int n = 0;

		item_open(&item, &arena, str_of(bad[i]));
		while (item_next(&item, &a))
			n++;
		if (!CHECK(!item_end(&item)))
			fprintf(stderr, "  %s\n", bad[i]);
		CHECK(n <= 1);
	}
	arena_release(&arena);
}

int main(void)
{
	CHECK_RUN(tables_writes_requests);
	CHECK_RUN(tables_reads_a_description);
	CHECK_RUN(tables_reads_variants);
	CHECK_RUN(tables_refuses_malformed_answers);
	CHECK_RUN(tables_reads_single_items);
	CHECK_RUN(tables_reads_scan_pages);
	CHECK_RUN(item_yields_attributes);
	CHECK_RUN(item_refuses_malformed_ones);
	return check_end();
}
