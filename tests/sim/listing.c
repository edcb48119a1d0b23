/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the ledger that asks the service for its shards. */
#include <stdio.h>

#include "base/json.h"
#include "tests/sim/ledger.h"

enum { LISTING_MAX = 8 << 20, ID_MAX = 128 };

/* One shard as a listing has it. */
struct listed {
	struct str id, parent, end;
};

/* Carries out one request for the ledger itself. */
static bool ask(struct ledger *ledger, struct str target, const struct buf *body,
		struct buf *answer)
{
	buf_clear(answer);
	return service_call(ledger->world->service, target, buf_view(body),
			    world_wall_ms(ledger->world), answer) == 200;
}

/* Reads a SequenceNumberRange; its end, empty while the shard is open. */
static struct str read_range(struct json *json)
{
	struct str key, end = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "EndingSequenceNumber"))
			end = json_string(json);
		else
			json_skip(json);
	}
	return end;
}

/* Reads one member of Shards. */
static struct listed read_shard(struct json *json)
{
	struct listed listed = {.id = STR_NONE};
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "ShardId"))
			listed.id = json_string(json);
		else if (json_key_is(key, "ParentShardId"))
			listed.parent = json_string(json);
		else if (json_key_is(key, "SequenceNumberRange"))
			listed.end = read_range(json);
		else
			json_skip(json);
	}
	return listed;
}

/* Notes one listed shard. */
static void note(struct ledger *ledger, const struct listed *listed, struct str arn,
		 struct ledger_table *table)
{
	struct ledger_shard *shard = ledger_shard_made(ledger, listed->id, arn, table);

	if (listed->parent.n != 0 && listed->parent.n < sizeof(shard->parent_id) &&
	    shard->parent_id[0] == '\0')
		mem_copy(shard->parent_id, listed->parent.p, listed->parent.n);
	shard->listed_in = ledger->listings;
	if (listed->end.n != 0 && !shard->closed) {
		shard->closed = true;
		if (listed->end.n < sizeof(shard->end_seqno))
			mem_copy(shard->end_seqno, listed->end.p, listed->end.n);
	}
}

/* Reads one page of a stream's shards; the id to go on after, empty at the end. */
static void read_description(struct ledger *ledger, struct str text, struct str arn,
			     struct ledger_table *table, struct buf *after)
{
	struct json json;
	struct str key;

	buf_clear(after);
	json_init(&json, text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (!json_key_is(key, "StreamDescription")) {
			json_skip(&json);
			continue;
		}
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &key)) {
			if (json_key_is(key, "LastEvaluatedShardId")) {
				buf_str(after, json_string(&json));
			} else if (json_key_is(key, "Shards")) {
				json_enter(&json, JSON_ARRAY);
				while (json_item(&json)) {
					struct listed listed = read_shard(&json);

					note(ledger, &listed, arn, table);
				}
			} else {
				json_skip(&json);
			}
		}
	}
	must(json_end(&json));
}

/* Lists one stream's shards. */
static void refresh_stream(struct ledger *ledger, struct str arn, struct ledger_table *table)
{
	struct buf body, answer, after;

	buf_init(&body, 4096);
	buf_init(&answer, LISTING_MAX);
	buf_init(&after, ID_MAX);
	do {
		buf_clear(&body);
		buf_fmt(&body, "{\"StreamArn\":\"%.*s\"", STR_ARG(arn));
		if (after.n != 0)
			buf_fmt(&body, ",\"ExclusiveStartShardId\":\"%.*s\"",
				STR_ARG(buf_view(&after)));
		buf_c(&body, '}');
		if (!ask(ledger, STR("DynamoDBStreams_20120810.DescribeStream"), &body, &answer))
			break;
		read_description(ledger, buf_view(&answer), arn, table, &after);
	} while (after.n != 0);
	buf_release(&body);
	buf_release(&answer);
	buf_release(&after);
}

/* Lists the streams of one table. */
static void refresh_table(struct ledger *ledger, struct ledger_table *table)
{
	struct buf body, answer;
	struct json json;
	struct str key;

	buf_init(&body, 4096);
	buf_init(&answer, LISTING_MAX);
	buf_fmt(&body, "{\"TableName\":\"%s\"}", table->name);
	if (!ask(ledger, STR("DynamoDBStreams_20120810.ListStreams"), &body, &answer))
		goto out;
	json_init(&json, buf_view(&answer));
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (!json_key_is(key, "Streams")) {
			json_skip(&json);
			continue;
		}
		json_enter(&json, JSON_ARRAY);
		while (json_item(&json)) {
			json_enter(&json, JSON_OBJECT);
			while (json_key(&json, &key)) {
				if (json_key_is(key, "StreamArn"))
					refresh_stream(ledger, json_string(&json), table);
				else
					json_skip(&json);
			}
		}
	}
	must(json_end(&json));
out:
	buf_release(&body);
	buf_release(&answer);
}

void ledger_refresh(struct ledger *ledger)
{
	struct service_options *options = service_options(ledger->world->service);
	unsigned parent = options->lie_open_parent, child = options->lie_missing_child;
	struct ledger_table *table;
	struct ledger_shard *shard;
	size_t at = 0;

	options->lie_open_parent = 0;
	options->lie_missing_child = 0;
	ledger->listings++;
	while ((table = map_next(&ledger->tables, &at)) != NULL)
		refresh_table(ledger, table);
	options->lie_open_parent = parent;
	options->lie_missing_child = child;
	for (at = 0; (shard = map_next(&ledger->shards, &at)) != NULL;) {
		if (shard->parent == NULL && shard->parent_id[0] != '\0')
			shard->parent = ledger_shard(ledger, str_of(shard->parent_id));
	}
	ledger->stale = false;
}
