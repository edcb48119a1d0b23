/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of DynamoDB and DynamoDB Streams: tables, items, conditions, streams, shards, iterators,
 * limits and errors, as one deterministic object without sockets, threads or clocks. The simulator
 * calls it directly; ddbfake puts HTTP in front of it.
 *
 * It includes base/ and nothing else of the product, so that it cannot share the product's mistakes.
 * Request and answer bodies are the service's own JSON (AWS JSON 1.0). What is not modelled gets the
 * error that the real service has for it, never a made-up success.
 */
#ifndef MODEL_SERVICE_H
#define MODEL_SERVICE_H

#include "base/buf.h"
#include "base/rng.h"

struct service;

struct service_options {
	uint64_t seed; /* of ids, sequence numbers and choices */
	const char *region; /* "us-east-1" */
	const char *account; /* "123456789012" */
	int64_t retention_ms; /* 24 h: records older than this are trimmed */
	int64_t shard_life_ms; /* 4 h: an open shard rolls to a child after this; 0: never by itself */
	int64_t iterator_life_ms; /* 15 min */
	unsigned shards_per_table; /* open shards that a new stream starts with, at least 1 */
	/* How often, in percent, the answers are as unhelpful as real ones may be: */
	unsigned lie_open_parent; /* DescribeStream shows a closed parent without EndingSequenceNumber */
	unsigned lie_missing_child; /* DescribeStream leaves out children younger than 2 s */
	unsigned empty_page; /* GetRecords answers with no records although there are some, and moves on */
	unsigned short_page; /* GetRecords answers with fewer records than it could */
	unsigned partial_batch; /* BatchGetItem leaves some keys unprocessed */
	unsigned no_child_filter; /* ShardFilter is, as with emulators, 1: ignored, 2: refused */
	int64_t create_ms; /* 50 ms: how long a table is CREATING or UPDATING */
};

/* The defaults of the real service, no lies. */
void service_defaults(struct service_options *options);

/* Makes a service without tables; copies the options. */
struct service *service_new(const struct service_options *options);

/* Frees the service and all it holds. */
void service_free(struct service *service);

/* The lies and limits may be changed at any time. */
struct service_options *service_options(struct service *service);

/*
 * Carries out one request at the wall-clock time `now_ms`, which never goes back. `target` is the
 * X-Amz-Target. Appends the answer's body and returns the HTTP status: 200, or 400 or 500 with an
 * error body {"__type":"...","message":"..."}.
 */
int service_call(struct service *service, struct str target, struct str body, int64_t now_ms,
		 struct buf *answer);

/* Lets time pass without a request: shards roll, old records are trimmed, tables become ACTIVE. */
void service_tick(struct service *service, int64_t now_ms);

/* What an administrator can make happen. All return false when there is no such table or stream. */

/* Every open shard rolls, 1 -> 1. */
bool service_roll(struct service *service, struct str table, int64_t now_ms);

/* One open shard splits, 1 -> 2. */
bool service_split(struct service *service, struct str table, int64_t now_ms);

/* The key that the table is encrypted with can be used from now on, or not. */
bool service_key(struct service *service, struct str table, bool usable, int64_t now_ms);

/* Trims all records older than `before_ms`, and forgets closed shards that became empty by it. */
bool service_trim(struct service *service, struct str table, int64_t before_ms);

/*
 * Deletes an item as the process behind TTL does: the record has a userIdentity. `key` is DynamoDB
 * JSON. False when there is no such table or item.
 */
bool service_ttl_delete(struct service *service, struct str table, struct str key, int64_t now_ms);

/* Makes every iterator handed out so far expired. */
void service_expire_iterators(struct service *service);

/* One write that reached a stream, as the service's own log has it: the oracle of the tests. */
struct service_write {
	uint64_t n; /* 0, 1, 2 ... over all tables, in order of commit */
	int64_t wall_ms;
	const char *op; /* "INSERT", "MODIFY" or "REMOVE" */
	struct str table, stream_arn, shard_id, seqno, event_id;
	struct str keys; /* DynamoDB JSON object */
	struct str old_image; /* the same, n == 0: none; complete whatever the stream's view type */
	struct str new_image;
	bool trimmed; /* no longer readable */
};

/* Write number `n`, or NULL when there are not so many yet. Valid until the service is freed. */
const struct service_write *service_write(const struct service *service, uint64_t n);

/* Called for each write as it is committed; for ddbfake's log file. */
void service_on_write(struct service *service, void (*fn)(void *arg, const struct service_write *w),
		      void *arg);

/* How often a fault or limit was hit. */
struct service_hit {
	const char *name;
	uint64_t n;
};

/* The hits of each since the start, for coverage; a NULL name at the end. */
const struct service_hit *service_hits(const struct service *service);

/* What the requests for one table have consumed, streams not counted. */
struct service_capacity {
	struct str table;
	uint64_t read_half_units, write_half_units;
};

/* Walks through the tables that there are: `*at` starts as 0; false at the end. */
bool service_capacity_next(const struct service *service, size_t *at, struct service_capacity *out);

#endif
