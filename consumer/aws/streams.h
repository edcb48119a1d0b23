/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers of the DynamoDB Streams API. Requests are appended to a buffer; answers are
 * read into slices of the given arena, unescaped. Answers of GetRecords are read by
 * consumer/change/scan.h.
 */
#ifndef AWS_STREAMS_H
#define AWS_STREAMS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "consumer/change/seqno.h"

/* X-Amz-Target values. */
#define STREAMS_LIST	 STR("DynamoDBStreams_20120810.ListStreams")
#define STREAMS_DESCRIBE STR("DynamoDBStreams_20120810.DescribeStream")
#define STREAMS_ITERATOR STR("DynamoDBStreams_20120810.GetShardIterator")
#define STREAMS_RECORDS	 STR("DynamoDBStreams_20120810.GetRecords")

/* The service's limit on a page of records, and ours on a page of a listing. */
enum { STREAMS_RECORDS_MAX = 1000, STREAMS_PAGE_SHARDS_MAX = 10000, STREAMS_PAGE_MAX = 1000 };

enum stream_status {
	STREAM_UNKNOWN, /* a word that is not known here */
	STREAM_ENABLING,
	STREAM_ENABLED,
	STREAM_DISABLING,
	STREAM_DISABLED,
};

struct stream_shard {
	struct str id;
	struct str parent; /* empty: none */
	struct str first_seqno; /* empty: not told; otherwise valid by seqno_valid */
	struct str last_seqno; /* empty: the shard is open; otherwise valid */
};

/* One page of a stream's description. */
struct stream_description {
	enum stream_status status;
	struct str arn, table, view_type; /* empty where the answer lacks them */
	struct str hash_key,
		range_key; /* names of the key's attributes; empty: not told, or none */
	int64_t created_wall_ms; /* 0: not told */
	struct stream_shard *shards;
	size_t n_shards;
	struct str next_shard_id; /* where the next page goes on (exclusive); empty: the last page */
};

enum iterator_type {
	ITERATOR_TRIM_HORIZON,
	ITERATOR_LATEST,
	ITERATOR_AT, /* at a sequence number */
	ITERATOR_AFTER, /* after a sequence number */
};

/* One page of the streams of a table, the disabled ones of the last day included. */
struct stream_list {
	struct str *arns; /* in the arena */
	size_t n;
	struct str next_arn; /* where the next page goes on (exclusive); empty: the last page */
};

/* Appends a ListStreams request; `after_arn` may be empty. */
void streams_list_request(struct buf *buf, struct str table, struct str after_arn);

/* Reads its answer; false with ERROR_DATA when it is malformed. */
bool streams_list_read(struct arena *arena, struct str body, struct stream_list *out,
		       struct error *err);

/* Appends a DescribeStream request; `after_shard_id` may be empty, `limit` 0: the service's own. */
void streams_describe_request(struct buf *buf, struct str stream_arn, struct str after_shard_id,
			      unsigned limit);

/* The same for the children of one shard alone; `after_shard_id` may be empty. */
void streams_children_request(struct buf *buf, struct str stream_arn, struct str parent_id,
			      struct str after_shard_id);

/* Reads the answer of both; false with ERROR_DATA when it is malformed. */
bool streams_describe_read(struct arena *arena, struct str body, struct stream_description *out,
			   struct error *err);

/* Appends a GetShardIterator request; `seqno` counts only with ITERATOR_AT and ITERATOR_AFTER. */
void streams_iterator_request(struct buf *buf, struct str stream_arn, struct str shard_id,
			      enum iterator_type type, struct str seqno);

/* Reads its answer: the iterator as a raw, still escaped slice of `body`. */
bool streams_iterator_read(struct str body, struct str *raw_iterator_out, struct error *err);

/* Appends a GetRecords request; `limit` 0: the service's own. */
void streams_records_request(struct buf *buf, struct str raw_iterator, unsigned limit);

#endif
