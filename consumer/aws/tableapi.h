/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers of the DynamoDB table API, as far as the checkpoint table and the discovery of
 * streams need them, and a reader of items. Items stay raw until they are read.
 */
#ifndef AWS_TABLEAPI_H
#define AWS_TABLEAPI_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* X-Amz-Target values. */
#define TABLES_DESCRIBE	   STR("DynamoDB_20120810.DescribeTable")
#define TABLES_CREATE	   STR("DynamoDB_20120810.CreateTable")
#define TABLES_GET_ITEM	   STR("DynamoDB_20120810.GetItem")
#define TABLES_PUT_ITEM	   STR("DynamoDB_20120810.PutItem")
#define TABLES_UPDATE_ITEM STR("DynamoDB_20120810.UpdateItem")
#define TABLES_DELETE_ITEM STR("DynamoDB_20120810.DeleteItem")
#define TABLES_SCAN	   STR("DynamoDB_20120810.Scan")
#define TABLES_BATCH_GET   STR("DynamoDB_20120810.BatchGetItem")

enum table_status {
	TABLE_UNKNOWN, /* a word that is not known here */
	TABLE_CREATING,
	TABLE_ACTIVE,
	TABLE_UPDATING,
	TABLE_DELETING,
	TABLE_INACCESSIBLE, /* its key is gone or disabled (INACCESSIBLE_ENCRYPTION_CREDENTIALS) */
	TABLE_ARCHIVED, /* ARCHIVING too */
};

/* How the replicas of a global table agree. */
enum table_replication {
	TABLE_LOCAL, /* not a global table */
	TABLE_EVENTUAL, /* MREC: replication itself reads the stream */
	TABLE_STRONG, /* MRSC */
};

struct table_description {
	enum table_status status;
	enum table_replication replication;
	struct str arn; /* empty where the answer lacks it */
	struct str hash_key, range_key; /* names of the key's attributes; empty: none */
	struct str stream_arn; /* LatestStreamArn; empty: there never was one */
	bool stream_enabled;
	struct str view_type; /* of the stream; empty: none */
};

/* One page of a scan, or the answer of a BatchGetItem. */
struct table_page {
	struct str *items; /* raw JSON objects, slices of the body; the array lies in the arena */
	size_t n_items;
	struct str next_key; /* raw JSON object to go on with; empty: the last page */
	bool incomplete; /* BatchGetItem: some keys were not looked at; ask for them again */
};

/* What an attribute holds, of the kinds that rows of the checkpoint table have. */
enum attribute_kind {
	ATTRIBUTE_STRING,
	ATTRIBUTE_NUMBER,
	ATTRIBUTE_STRINGS, /* a set */
	ATTRIBUTE_BOOL,
	ATTRIBUTE_MAP,
	ATTRIBUTE_OTHER, /* its value was skipped */
};

struct attribute {
	struct str name; /* unescaped */
	enum attribute_kind kind;
	struct str text; /* STRING: unescaped; NUMBER: as written; MAP: raw, for item_open */
	bool yes; /* BOOL */
	struct str *strings; /* STRINGS: unescaped */
	size_t n_strings;
};

/* Walks over an item's attributes. */
struct item {
	struct json json;
	struct arena *arena;
};

enum { TABLES_PAGE_ITEMS_MAX = 100000, TABLES_SET_MAX = 10000, TABLES_BATCH_MAX = 100 };

/* Appends a DescribeTable request. */
void tables_describe_request(struct buf *buf, struct str table);

/* Reads its answer, or CreateTable's; strings lie in the arena. ERROR_DATA when it is malformed. */
bool tables_describe_read(struct arena *arena, struct str body, struct table_description *out,
			  struct error *err);

/* Appends a CreateTable request: on demand, with one string `hash_key`. */
void tables_create_request(struct buf *buf, struct str table, struct str hash_key);

/* Appends a consistent GetItem request for a table whose whole key is one string. */
void tables_get_request(struct buf *buf, struct str table, struct str hash_key, struct str value);

/* Reads its answer: the raw item, empty when there is none. */
bool tables_get_read(struct str body, struct str *raw_item_out, struct error *err);

/*
 * Appends a Scan request; `raw_start_key` may be empty, `limit` 0: the service's own. `consistent` costs
 * twice as much.
 */
void tables_scan_request(struct buf *buf, struct str table, struct str raw_start_key,
			 unsigned limit, bool consistent);

/*
 * Appends a BatchGetItem request for rows of one table whose whole key is one string: open, one key for
 * each, at most TABLES_BATCH_MAX, close. `consistent` costs twice as much.
 */
void tables_batch_open(struct buf *buf, struct str table);

/* Appends one key of such a request. */
void tables_batch_key(struct buf *buf, struct str hash_key, struct str value);

/* Appends its end. */
void tables_batch_close(struct buf *buf, bool consistent);

/* Reads its answer. */
bool tables_batch_read(struct arena *arena, struct str body, struct table_page *out,
		       struct error *err);

/* Reads its answer. */
bool tables_scan_read(struct arena *arena, struct str body, struct table_page *out,
		      struct error *err);

/* Starts walking over a raw item; unescaped strings go into the arena. */
void item_open(struct item *item, struct arena *arena, struct str raw_item);

/* The next attribute; false at the end, and when the item is malformed. */
bool item_next(struct item *item, struct attribute *out);

/* Whether the walk came to the item's end without an error. */
bool item_end(struct item *item);

/* Appends `"name":{"S":"text"}`, with a comma before it where one is due. */
void item_put_s(struct buf *buf, struct str name, struct str text);

/* The same with a number. */
void item_put_n(struct buf *buf, struct str name, int64_t v);

/* The same with a set of strings, at least one. */
void item_put_ss(struct buf *buf, struct str name, const struct str *texts, size_t n);

#endif
