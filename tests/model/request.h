/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request: its parameters as slices of the body, read on demand with the service's checks. A
 * parameter that the operation does not have here is refused, whether or not the real one has it.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include "tests/model/expr.h"

#define REQUEST_PARAMS(X)                                           \
	X(TABLE_NAME, "TableName")                                  \
	X(REQUEST_ITEMS, "RequestItems")                            \
	X(KEY, "Key")                                               \
	X(ITEM, "Item")                                             \
	X(CONSISTENT_READ, "ConsistentRead")                        \
	X(PROJECTION, "ProjectionExpression")                       \
	X(CONDITION, "ConditionExpression")                         \
	X(UPDATE, "UpdateExpression")                               \
	X(FILTER, "FilterExpression")                               \
	X(EXPECTED, "Expected")                                     \
	X(CONDITIONAL, "ConditionalOperator")                       \
	X(ATTRIBUTE_UPDATES, "AttributeUpdates")                    \
	X(NAMES, "ExpressionAttributeNames")                        \
	X(VALUES, "ExpressionAttributeValues")                      \
	X(RETURN_VALUES, "ReturnValues")                            \
	X(RETURN_ON_FAILURE, "ReturnValuesOnConditionCheckFailure") \
	X(RETURN_CAPACITY, "ReturnConsumedCapacity")                \
	X(RETURN_METRICS, "ReturnItemCollectionMetrics")            \
	X(LIMIT, "Limit")                                           \
	X(INDEX_NAME, "IndexName")                                  \
	X(KEY_CONDITION, "KeyConditionExpression")                  \
	X(FORWARD, "ScanIndexForward")                              \
	X(START_KEY, "ExclusiveStartKey")                           \
	X(SEGMENT, "Segment")                                       \
	X(TOTAL_SEGMENTS, "TotalSegments")                          \
	X(SELECT, "Select")                                         \
	X(START_TABLE, "ExclusiveStartTableName")                   \
	X(ATTRIBUTES, "AttributeDefinitions")                       \
	X(KEY_SCHEMA, "KeySchema")                                  \
	X(BILLING_MODE, "BillingMode")                              \
	X(THROUGHPUT, "ProvisionedThroughput")                      \
	X(GLOBAL_INDEXES, "GlobalSecondaryIndexes")                 \
	X(INDEX_UPDATES, "GlobalSecondaryIndexUpdates")             \
	X(LOCAL_INDEXES, "LocalSecondaryIndexes")                   \
	X(STREAM_SPEC, "StreamSpecification")                       \
	X(PROTECTION, "DeletionProtectionEnabled")                  \
	X(TABLE_CLASS, "TableClass")                                \
	X(TAGS, "Tags")                                             \
	X(RESOURCE_ARN, "ResourceArn")                              \
	X(STREAM_ARN, "StreamArn")                                  \
	X(START_STREAM, "ExclusiveStartStreamArn")                  \
	X(START_SHARD, "ExclusiveStartShardId")                     \
	X(SHARD_FILTER, "ShardFilter")                              \
	X(SHARD_ID, "ShardId")                                      \
	X(ITERATOR_TYPE, "ShardIteratorType")                       \
	X(SEQUENCE_NUMBER, "SequenceNumber")                        \
	X(ITERATOR, "ShardIterator")

#define REQUEST_ENUM(id, name) PARAM_##id,
enum param { REQUEST_PARAMS(REQUEST_ENUM) PARAM_N };
#undef REQUEST_ENUM

/* The bit of a parameter in an operation's set. */
#define PARAM_BIT(id) (UINT64_C(1) << PARAM_##id)

struct request {
	struct arena *arena;
	struct failure *failure;
	struct str raw[PARAM_N]; /* JSON text; n == 0: not given, or null */
	struct expr_scope scope; /* of the request's expressions */
};

/* Reads the body of an operation that has the parameters of `allowed`. */
bool request_parse(struct request *request, struct str body, uint64_t allowed);

/* Whether the parameter was given. */
bool request_has(const struct request *request, enum param param);

/* A string parameter; `*out` has n == 0 and p == NULL when it is not given. */
bool request_string(struct request *request, enum param param, struct str *out);

/* Refuses the request when a parameter is not given. */
bool request_need(struct request *request, enum param param);

/* A string parameter among `words` (NULL at the end); `*out` stays when it is not given. */
bool request_word(struct request *request, enum param param, const char *const *words,
		  unsigned *out);

/* An integer in [low, high]; `*out` stays when it is not given. */
bool request_integer(struct request *request, enum param param, int64_t low, int64_t high,
		     int64_t *out);

/* true or false; `*out` stays when it is not given. */
bool request_bool(struct request *request, enum param param, bool *out);

/* Fails as the service does when a value breaks a constraint of its model. */
bool request_constraint(struct request *request, enum param param, struct str value,
			const char *constraint);

/* Reads names and values of expressions; to be called before any expression is parsed. */
bool request_scope(struct request *request);

/* The condition in `param`, NULL in `*out` when there is none. */
bool request_condition(struct request *request, enum param param, struct expr **out);

/* Refuses names and values that were not used; to be called after the last expression. */
bool request_scope_end(struct request *request);

#endif
