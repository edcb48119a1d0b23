/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/streams.h"

#include "base/time.h"
#include "consumer/aws/wire.h"

enum { SHARD_ID_MAX = 255 };

void streams_describe_request(struct buf *buf, struct str stream_arn, struct str after_shard_id,
			      unsigned limit)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("StreamArn"), stream_arn);
	if (after_shard_id.n > 0)
		wire_put_text(buf, STR("ExclusiveStartShardId"), after_shard_id);
	wire_put_limit(buf, limit);
	buf_c(buf, '}');
}

void streams_children_request(struct buf *buf, struct str stream_arn, struct str parent_id,
			      struct str after_shard_id)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("StreamArn"), stream_arn);
	if (after_shard_id.n > 0)
		wire_put_text(buf, STR("ExclusiveStartShardId"), after_shard_id);
	wire_put_name(buf, STR("ShardFilter"));
	buf_str(buf, STR("{\"Type\":\"CHILD_SHARDS\""));
	wire_put_text(buf, STR("ShardId"), parent_id);
	buf_str(buf, STR("}}"));
}

void streams_list_request(struct buf *buf, struct str table, struct str after_arn)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("TableName"), table);
	if (after_arn.n > 0)
		wire_put_text(buf, STR("ExclusiveStartStreamArn"), after_arn);
	buf_c(buf, '}');
}

/* Reads the ARN of one stream of a list. */
static struct str read_listed(struct json *json, struct arena *arena)
{
	struct str arn = STR_NONE, key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "StreamArn"))
			arn = wire_text(json, arena);
		else
			json_skip(json);
	}
	return arn;
}

bool streams_list_read(struct arena *arena, struct str body, struct stream_list *out,
		       struct error *err)
{
	struct json json;
	struct str key, arn;

	*out = (struct stream_list){0};
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "LastEvaluatedStreamArn")) {
			out->next_arn = wire_text(&json, arena);
		} else if (json_key_is(key, "Streams") && wire_enter(&json, JSON_ARRAY)) {
			while (json_item(&json)) {
				arn = read_listed(&json, arena);
				out->arns = wire_room(&json, arena, out->arns, out->n,
						      sizeof(*out->arns), STREAMS_PAGE_MAX);
				if (json.error == NULL)
					out->arns[out->n++] = arn;
			}
		} else if (!json_key_is(key, "Streams")) {
			json_skip(&json);
		}
	}
	return wire_end(&json, "ListStreams", err);
}

/* Reads a sequence number: empty, or valid. */
static struct str read_seqno(struct json *json, struct arena *arena)
{
	struct str seqno = wire_text(json, arena);

	if (seqno.n > 0 && !seqno_valid(seqno))
		json_fail(json, "a malformed sequence number");
	return seqno;
}

/* Reads a shard id: empty, or not longer than any service's. */
static struct str read_shard_id(struct json *json, struct arena *arena)
{
	struct str id = wire_text(json, arena);

	if (id.n > SHARD_ID_MAX)
		json_fail(json, "a shard id is too long");
	return id;
}

/* Reads a SequenceNumberRange. */
static void read_range(struct json *json, struct arena *arena, struct stream_shard *shard)
{
	struct str key;

	if (!wire_enter(json, JSON_OBJECT))
		return;
	while (json_key(json, &key)) {
		if (json_key_is(key, "StartingSequenceNumber"))
			shard->first_seqno = read_seqno(json, arena);
		else if (json_key_is(key, "EndingSequenceNumber"))
			shard->last_seqno = read_seqno(json, arena);
		else
			json_skip(json);
	}
}

/* Reads one shard of a listing. */
static struct stream_shard read_shard(struct json *json, struct arena *arena)
{
	struct stream_shard shard = {0};
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "ShardId"))
			shard.id = read_shard_id(json, arena);
		else if (json_key_is(key, "ParentShardId"))
			shard.parent = read_shard_id(json, arena);
		else if (json_key_is(key, "SequenceNumberRange"))
			read_range(json, arena, &shard);
		else
			json_skip(json);
	}
	if (shard.id.n == 0)
		json_fail(json, "a shard without ShardId");
	return shard;
}

/* Reads the listing of shards. */
static void read_shards(struct json *json, struct arena *arena, struct stream_description *out)
{
	if (!wire_enter(json, JSON_ARRAY))
		return;
	while (json_item(json)) {
		struct stream_shard shard = read_shard(json, arena);

		out->shards = wire_room(json, arena, out->shards, out->n_shards,
					sizeof(*out->shards), STREAMS_PAGE_SHARDS_MAX);
		if (json->error == NULL)
			out->shards[out->n_shards++] = shard;
	}
}

/* Reads a status; a word that is not known is no error. */
static enum stream_status read_status(struct json *json, struct arena *arena)
{
	struct str word = wire_text(json, arena);

	if (str_eq(word, STR("ENABLING")))
		return STREAM_ENABLING;
	if (str_eq(word, STR("ENABLED")))
		return STREAM_ENABLED;
	if (str_eq(word, STR("DISABLING")))
		return STREAM_DISABLING;
	return str_eq(word, STR("DISABLED")) ? STREAM_DISABLED : STREAM_UNKNOWN;
}

/* Reads a time in seconds; some emulators write words instead, which count as not told. */
static int64_t read_time(struct json *json)
{
	int64_t wall_ms = 0;

	if (json_peek(json) != JSON_NUMBER)
		json_skip(json);
	else if (!time_parse_epoch(json_number(json), &wall_ms))
		wall_ms = 0;
	return wall_ms;
}

/* Reads the value of one member of a stream's description. */
static void read_member(struct json *json, struct arena *arena, struct str key,
			struct stream_description *out)
{
	if (json_key_is(key, "StreamStatus"))
		out->status = read_status(json, arena);
	else if (json_key_is(key, "StreamArn"))
		out->arn = wire_text(json, arena);
	else if (json_key_is(key, "TableName"))
		out->table = wire_text(json, arena);
	else if (json_key_is(key, "StreamViewType"))
		out->view_type = wire_text(json, arena);
	else if (json_key_is(key, "CreationRequestDateTime"))
		out->created_wall_ms = read_time(json);
	else if (json_key_is(key, "KeySchema"))
		wire_key_schema(json, arena, &out->hash_key, &out->range_key);
	else if (json_key_is(key, "Shards"))
		read_shards(json, arena, out);
	else if (json_key_is(key, "LastEvaluatedShardId"))
		out->next_shard_id = read_shard_id(json, arena);
	else
		json_skip(json);
}

bool streams_describe_read(struct arena *arena, struct str body, struct stream_description *out,
			   struct error *err)
{
	bool found = false;
	struct json json;
	struct str key;

	*out = (struct stream_description){0};
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (!json_key_is(key, "StreamDescription")) {
			json_skip(&json);
			continue;
		}
		found = true;
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &key))
			read_member(&json, arena, key, out);
	}
	if (!found)
		json_fail(&json, "no StreamDescription");
	return wire_end(&json, "DescribeStream", err);
}

/* The service's word for an iterator type. */
static struct str type_word(enum iterator_type type)
{
	switch (type) {
	case ITERATOR_TRIM_HORIZON:
		return STR("TRIM_HORIZON");
	case ITERATOR_LATEST:
		return STR("LATEST");
	case ITERATOR_AT:
		return STR("AT_SEQUENCE_NUMBER");
	case ITERATOR_AFTER:
		return STR("AFTER_SEQUENCE_NUMBER");
	}
	return STR_NONE;
}

void streams_iterator_request(struct buf *buf, struct str stream_arn, struct str shard_id,
			      enum iterator_type type, struct str seqno)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("StreamArn"), stream_arn);
	wire_put_text(buf, STR("ShardId"), shard_id);
	wire_put_text(buf, STR("ShardIteratorType"), type_word(type));
	if (type == ITERATOR_AT || type == ITERATOR_AFTER)
		wire_put_text(buf, STR("SequenceNumber"), seqno);
	buf_c(buf, '}');
}

bool streams_iterator_read(struct str body, struct str *raw_iterator_out, struct error *err)
{
	struct json json;
	struct str key;

	*raw_iterator_out = STR_NONE;
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "ShardIterator"))
			*raw_iterator_out = json_string(&json);
		else
			json_skip(&json);
	}
	if (raw_iterator_out->n == 0)
		json_fail(&json, "no ShardIterator");
	return wire_end(&json, "GetShardIterator", err);
}

void streams_records_request(struct buf *buf, struct str raw_iterator, unsigned limit)
{
	buf_c(buf, '{');
	wire_put_name(buf, STR("ShardIterator"));
	json_put_raw(buf, raw_iterator);
	wire_put_limit(buf, limit);
	buf_c(buf, '}');
}
