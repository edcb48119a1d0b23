/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/service.h"

#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "tests/model/model.h"

enum { BODY_BYTES_MAX = 16 * 1024 * 1024 };

#define DYNAMODB "DynamoDB_20120810."
#define STREAMS	 "DynamoDBStreams_20120810."

/* What an item's operations have in common. */
#define PARAMS_ROW \
	(PARAM_BIT(TABLE_NAME) | PARAM_BIT(NAMES) | PARAM_BIT(VALUES) | PARAM_BIT(RETURN_CAPACITY))
#define PARAMS_WRITE                                                                        \
	(PARAMS_ROW | PARAM_BIT(CONDITION) | PARAM_BIT(EXPECTED) | PARAM_BIT(CONDITIONAL) | \
	 PARAM_BIT(RETURN_VALUES) | PARAM_BIT(RETURN_ON_FAILURE) | PARAM_BIT(RETURN_METRICS))

/* The operations, and the parameters that each has. */
static const struct {
	const char *target;
	operation_fn *run;
	uint64_t params;
} operations[] = {
	{DYNAMODB "PutItem", op_put_item, PARAMS_WRITE | PARAM_BIT(ITEM)},
	{DYNAMODB "GetItem", op_get_item,
	 (PARAMS_ROW & ~PARAM_BIT(VALUES)) | PARAM_BIT(KEY) | PARAM_BIT(CONSISTENT_READ) |
		 PARAM_BIT(PROJECTION)},
	{DYNAMODB "UpdateItem", op_update_item,
	 PARAMS_WRITE | PARAM_BIT(KEY) | PARAM_BIT(UPDATE) | PARAM_BIT(ATTRIBUTE_UPDATES)},
	{DYNAMODB "DeleteItem", op_delete_item, PARAMS_WRITE | PARAM_BIT(KEY)},
	{DYNAMODB "BatchGetItem", op_batch_get_item,
	 PARAM_BIT(REQUEST_ITEMS) | PARAM_BIT(RETURN_CAPACITY)},
	{DYNAMODB "Scan", op_scan,
	 PARAMS_ROW | PARAM_BIT(CONSISTENT_READ) | PARAM_BIT(PROJECTION) | PARAM_BIT(FILTER) |
		 PARAM_BIT(LIMIT) | PARAM_BIT(START_KEY) | PARAM_BIT(SEGMENT) |
		 PARAM_BIT(TOTAL_SEGMENTS) | PARAM_BIT(SELECT)},
	{DYNAMODB "Query", op_query,
	 PARAMS_ROW | PARAM_BIT(CONSISTENT_READ) | PARAM_BIT(PROJECTION) | PARAM_BIT(FILTER) |
		 PARAM_BIT(LIMIT) | PARAM_BIT(START_KEY) | PARAM_BIT(SELECT) |
		 PARAM_BIT(INDEX_NAME) | PARAM_BIT(KEY_CONDITION) | PARAM_BIT(FORWARD)},
	{DYNAMODB "CreateTable", op_create_table,
	 PARAM_BIT(TABLE_NAME) | PARAM_BIT(ATTRIBUTES) | PARAM_BIT(KEY_SCHEMA) |
		 PARAM_BIT(BILLING_MODE) | PARAM_BIT(THROUGHPUT) | PARAM_BIT(GLOBAL_INDEXES) |
		 PARAM_BIT(LOCAL_INDEXES) | PARAM_BIT(STREAM_SPEC) | PARAM_BIT(PROTECTION) |
		 PARAM_BIT(TAGS)},
	{DYNAMODB "DescribeTable", op_describe_table, PARAM_BIT(TABLE_NAME)},
	{DYNAMODB "UpdateTable", op_update_table,
	 PARAM_BIT(TABLE_NAME) | PARAM_BIT(BILLING_MODE) | PARAM_BIT(THROUGHPUT) |
		 PARAM_BIT(STREAM_SPEC) | PARAM_BIT(PROTECTION) | PARAM_BIT(ATTRIBUTES) |
		 PARAM_BIT(INDEX_UPDATES)},
	{DYNAMODB "DeleteTable", op_delete_table, PARAM_BIT(TABLE_NAME)},
	{DYNAMODB "ListTagsOfResource", op_list_tags_of_resource, PARAM_BIT(RESOURCE_ARN)},
	{DYNAMODB "ListTables", op_list_tables, PARAM_BIT(LIMIT) | PARAM_BIT(START_TABLE)},
	{STREAMS "ListStreams", op_list_streams,
	 PARAM_BIT(TABLE_NAME) | PARAM_BIT(LIMIT) | PARAM_BIT(START_STREAM)},
	{STREAMS "DescribeStream", op_describe_stream,
	 PARAM_BIT(STREAM_ARN) | PARAM_BIT(LIMIT) | PARAM_BIT(START_SHARD) |
		 PARAM_BIT(SHARD_FILTER)},
	{STREAMS "GetShardIterator", op_get_shard_iterator,
	 PARAM_BIT(STREAM_ARN) | PARAM_BIT(SHARD_ID) | PARAM_BIT(ITERATOR_TYPE) |
		 PARAM_BIT(SEQUENCE_NUMBER)},
	{STREAMS "GetRecords", op_get_records, PARAM_BIT(ITERATOR) | PARAM_BIT(LIMIT)},
};

/* In the order of enum hit. */
static const char *const hit_names[HIT_N] = {
	"lie_open_parent",
	"lie_missing_child",
	"empty_page",
	"short_page",
	"expired_iterator",
	"trimmed_iterator",
	"trimmed_position",
	"shard_gone",
	"stream_gone",
	"end_with_records",
	"end_empty",
	"page_bytes",
	"page_records",
	"shards_paged",
	"children_asked",
	"scan_paged",
	"batch_bytes",
	"partial_batch",
	"condition_failed",
	"no_op",
	"roll",
	"split",
	"trim",
	"seqno_grew",
	"stream_disabled",
	"ttl_delete",
};

void service_defaults(struct service_options *options)
{
	*options = (struct service_options){
		.seed = 1,
		.region = "us-east-1",
		.account = "123456789012",
		.retention_ms = DAY_MS,
		.shard_life_ms = 4 * HOUR_MS,
		.iterator_life_ms = 15 * MINUTE_MS,
		.shards_per_table = 1,
		.create_ms = 50,
	};
}

/* The first part of ARNs in that region. */
static const char *partition_of(struct str region)
{
	if (str_starts(region, STR("cn-")))
		return "aws-cn";
	return str_starts(region, STR("us-gov-")) ? "aws-us-gov" : "aws";
}

struct service *service_new(const struct service_options *options)
{
	struct service *service = mem_alloc(sizeof(*service));
	const char *partition = partition_of(str_of(options->region));

	service->options = *options;
	service->region = mem_dup(options->region, strlen(options->region));
	service->account = mem_dup(options->account, strlen(options->account));
	service->partition = mem_dup(partition, strlen(partition));
	service->options.region = service->region;
	service->options.account = service->account;
	rng_init(&service->rng, options->seed);
	service->secret = rng_next(&service->rng);
	map_init(&service->tables);
	map_init(&service->streams_by_arn);
	heap_init(&service->open_shards);
	list_init(&service->closed_shards);
	arena_init(&service->arena);
	buf_init(&service->body, BODY_BYTES_MAX);
	buf_init(&service->scratch, BODY_BYTES_MAX);
	for (unsigned i = 0; i < HIT_N; i++)
		service->hits[i].name = hit_names[i];
	return service;
}

/* Frees the log of writes. */
static void free_writes(struct service *service)
{
	for (uint64_t n = 0; n < service->writes_n; n++) {
		struct write *write = &service->chunks[n / WRITES_PER_CHUNK][n % WRITES_PER_CHUNK];

		text_unref(write->keys);
		text_unref(write->old_image);
		text_unref(write->new_image);
	}
	for (size_t i = 0; i < service->chunks_n; i++)
		mem_free(service->chunks[i]);
	mem_free(service->chunks);
}

void service_free(struct service *service)
{
	struct table *table;

	if (service == NULL)
		return;
	for (size_t at = 0; (table = map_next(&service->tables, &at)) != NULL;)
		table_free(table);
	free_writes(service);
	for (unsigned i = 0; i < service->streams_n; i++)
		stream_free(service->streams[i]);
	mem_free(service->streams);
	map_release(&service->tables);
	map_release(&service->streams_by_arn);
	heap_release(&service->open_shards);
	arena_release(&service->arena);
	buf_release(&service->body);
	buf_release(&service->scratch);
	mem_free(service->region);
	mem_free(service->account);
	mem_free(service->partition);
	mem_free(service);
}

struct service_options *service_options(struct service *service)
{
	return &service->options;
}

void service_hit(struct service *service, enum hit hit)
{
	service->hits[hit].n++;
}

const struct service_hit *service_hits(const struct service *service)
{
	return service->hits;
}

/* Rolls the shards that have lived long enough. */
static void roll_old(struct service *service)
{
	int64_t life = service->options.shard_life_ms;
	struct heap_node *node;

	if (life <= 0)
		return;
	while ((node = heap_first(&service->open_shards)) != NULL &&
	       node->key + life <= service->now_ms)
		shard_roll(service, CONTAINER_OF(node, struct shard, age));
}

/* Trims the records that are older than the retention; they are in the log in order of time. */
static void trim_old(struct service *service)
{
	int64_t before_ms = service->now_ms - service->options.retention_ms;

	while (service->untrimmed < service->writes_n) {
		uint64_t n = service->untrimmed;
		struct write *write = &service->chunks[n / WRITES_PER_CHUNK][n % WRITES_PER_CHUNK];

		if (write->log.wall_ms >= before_ms)
			return;
		shard_trim(service, write->shard, before_ms);
		service->untrimmed++;
	}
}

/* Forgets the closed shards that are older than the retention. */
static void forget_old(struct service *service)
{
	int64_t before_ms = service->now_ms - service->options.retention_ms;

	while (!list_empty(&service->closed_shards)) {
		struct shard *shard = list_first(&service->closed_shards, struct shard, closed);

		if (shard->closed_ms >= before_ms)
			return;
		shard_forget(service, shard);
	}
}

void service_advance(struct service *service, int64_t now_ms)
{
	if (now_ms > service->now_ms)
		service->now_ms = now_ms;
	roll_old(service);
	trim_old(service);
	forget_old(service);
}

void service_tick(struct service *service, int64_t now_ms)
{
	service_advance(service, now_ms);
}

/* Finds the operation and carries it out. */
static bool dispatch(struct service *service, struct str target, struct request *request,
		     struct buf *answer)
{
	for (size_t i = 0; i < ARRAY_N(operations); i++) {
		if (!str_eq(target, str_of(operations[i].target)))
			continue;
		return request_parse(request, buf_view(&service->body), operations[i].params) &&
		       operations[i].run(service, request, answer);
	}
	return failure_set(request->failure, FAILURE_UNKNOWN_OPERATION, "Unknown operation");
}

int service_call(struct service *service, struct str target, struct str body, int64_t now_ms,
		 struct buf *answer)
{
	struct failure failure = {FAILURE_NONE};
	struct request request = {.arena = &service->arena, .failure = &failure};
	size_t start = answer->n;
	int status = 200;

	service_advance(service, now_ms);
	arena_release(&service->arena);
	expr_scope_init(&request.scope, &service->arena, &failure);
	/* A copy of our own, which may be read a little past its end. */
	buf_clear(&service->body);
	buf_str(&service->body, body);
	if (service->body.failed)
		failure_set(&failure, FAILURE_VALIDATION, "The request is too large");
	else if (!utf8_valid(body))
		failure_set(&failure, FAILURE_SERIALIZATION, "The request is not UTF-8");
	else
		dispatch(service, target, &request, answer);
	if (failure.kind != FAILURE_NONE) {
		buf_truncate(answer, start);
		status = failure_put(&failure, answer);
	}
	expr_scope_release(&request.scope);
	return status;
}
