/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/rowwatch.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { ROW_MAX = 1 << 20 };

/* What a request to the checkpoint table names. */
struct named {
	struct str table, key;
	struct str incarnation; /* of a heartbeat row that is put */
};

void rowwatch_init(struct rowwatch *watch, struct ledger *ledger, const char *table)
{
	*watch = (struct rowwatch){.ledger = ledger, .table = table};
	map_init(&watch->rows);
}

void rowwatch_release(struct rowwatch *watch)
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&watch->rows, &at)) != NULL)
		mem_free(row);
	map_release(&watch->rows);
}

/* Copies a slice into a terminated field; it must fit. */
static void put(char *to, size_t size, struct str s)
{
	must(s.n < size);
	mem_copy(to, s.p, s.n);
	to[s.n] = '\0';
}

/* Reads {"S":"..."} or {"N":"..."}; other types give nothing. */
static struct str read_scalar(struct json *json)
{
	struct str key, value = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "S") || json_key_is(key, "N"))
			value = json_string(json);
		else
			json_skip(json);
	}
	return value;
}

/* Reads what names a row out of a Key or an Item. */
static void read_names(struct json *json, struct named *named)
{
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "leaseKey"))
			named->key = read_scalar(json);
		else if (json_key_is(key, "incarnation"))
			named->incarnation = read_scalar(json);
		else
			json_skip(json);
	}
}

/* Which row a request is about. */
static struct named read_request(struct str body)
{
	struct named named = {.table = STR_NONE};
	struct json json;
	struct str key;

	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "TableName"))
			named.table = json_string(&json);
		else if (json_key_is(key, "Key") || json_key_is(key, "Item"))
			read_names(&json, &named);
		else
			json_skip(&json);
	}
	return named;
}

/* Reads one attribute of a row, into `row`. */
static void read_attribute(const struct rowwatch *watch, struct watched_row *row, struct str name,
			   struct json *json)
{
	if (json_key_is(name, "leaseOwner")) {
		put(row->owner, sizeof(row->owner), read_scalar(json));
	} else if (json_key_is(name, "leaseCounter")) {
		must(str_to_u64(read_scalar(json), &row->counter));
	} else if (json_key_is(name, "checkpoint")) {
		put(row->checkpoint, sizeof(row->checkpoint), read_scalar(json));
	} else if (json_key_is(name, "startAt")) {
		put(row->start_at, sizeof(row->start_at), read_scalar(json));
	} else if (str_starts(name, STR("sink."))) {
		struct str sink = str_skip(name, strlen("sink."));

		for (size_t i = 0; i < watch->ledger->n_sinks; i++) {
			if (watch->sinks[i] == NULL || !str_eq(sink, str_of(watch->sinks[i])))
				continue;
			put(row->sinks[i], sizeof(row->sinks[i]), read_scalar(json));
			return;
		}
		json_skip(json);
	} else {
		json_skip(json);
	}
}

/* Reads the answer of a GetItem into `row`; false when there is no such row. */
static bool read_row(const struct rowwatch *watch, struct watched_row *row, struct str text)
{
	struct json json;
	struct str key;
	bool found = false;

	json_init(&json, text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (!json_key_is(key, "Item")) {
			json_skip(&json);
			continue;
		}
		found = true;
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &key))
			read_attribute(watch, row, key, &json);
	}
	must(json_end(&json));
	return found;
}

/* Asks the service for a row. */
static bool fetch_row(struct rowwatch *watch, struct watched_row *row, struct str lease_key)
{
	struct world *world = watch->ledger->world;
	struct buf body, answer;
	bool found = false;

	buf_init(&body, ROW_MAX);
	buf_init(&answer, ROW_MAX);
	buf_fmt(&body,
		"{\"TableName\":\"%s\",\"ConsistentRead\":true,\"Key\":{\"leaseKey\":{\"S\":\"%.*"
		"s\"}}}",
		watch->table, STR_ARG(lease_key));
	row->owner[0] = '\0';
	row->counter = 0;
	row->checkpoint[0] = '\0';
	row->start_at[0] = '\0';
	for (size_t i = 0; i < LEDGER_SINKS; i++)
		row->sinks[i][0] = '\0';
	if (service_call(world->service, STR("DynamoDB_20120810.GetItem"), buf_view(&body),
			 world_wall_ms(world), &answer) == 200)
		found = read_row(watch, row, buf_view(&answer));
	buf_release(&body);
	buf_release(&answer);
	return found;
}

/* How many of the shard's writes a position covers; more than all of them for SHARD_END. */
static size_t position_count(const struct rowwatch *watch, const struct ledger_shard *shard,
			     struct str position)
{
	if (position.n == 0 || str_eq(position, STR("TRIM_HORIZON")) ||
	    str_eq(position, STR("LATEST")))
		return 0;
	if (str_eq(position, STR("SHARD_END")))
		return shard->n_writes + 1;
	return ledger_until(watch->ledger, shard, position);
}

size_t rowwatch_position(const struct rowwatch *watch, const struct watched_row *row, size_t sink)
{
	size_t least = position_count(watch, row->shard, str_of(row->checkpoint));
	size_t own = position_count(watch, row->shard, str_of(row->sinks[sink]));

	return own > least ? own : least;
}

/* Checks checkpoint-behind-ack for all sinks of a row. */
static void check_positions(struct rowwatch *watch, const struct watched_row *row)
{
	struct ledger *ledger = watch->ledger;
	struct ledger_shard *shard = row->shard;

	for (size_t i = 0; i < ledger->n_sinks; i++) {
		size_t says, front;

		if (!shard->table->sinks[i])
			continue;
		says = rowwatch_position(watch, row, i);
		front = ledger_front(ledger, shard, i);
		if (says > shard->n_writes) {
			if (!shard->closed)
				ledger_refresh(ledger);
			if (!shard->closed)
				world_fail(ledger->world, "checkpoint-behind-ack",
					   "%s is open, but its row says SHARD_END for sink %zu",
					   shard->id, i);
			says = shard->n_writes;
		}
		if (says > front)
			world_fail(
				ledger->world, "checkpoint-behind-ack",
				"sink %zu has %zu of %zu changes of %s, its row says %zu (%s, %s)",
				i, front, shard->n_writes, shard->id, says, row->checkpoint,
				row->sinks[i]);
	}
}

/* Whether two states of a row have the same positions. */
static bool same_positions(const struct watched_row *a, const struct watched_row *b)
{
	if (!str_eq(str_of(a->checkpoint), str_of(b->checkpoint)))
		return false;
	for (size_t i = 0; i < LEDGER_SINKS; i++) {
		if (!str_eq(str_of(a->sinks[i]), str_of(b->sinks[i])))
			return false;
	}
	return true;
}

/* The incarnation that calls itself so. */
static unsigned life_of(const struct rowwatch *watch, struct str owner)
{
	unsigned life = 0;

	while (life < LEDGER_LIVES && !str_eq(str_of(watch->owners[life]), owner))
		life++;
	must(life < LEDGER_LIVES);
	return life;
}

/* Notes under which name an incarnation owns leases, when it puts its heartbeat row. */
static void note_owner(struct rowwatch *watch, const struct named *named, unsigned life)
{
	struct str prefix = STR("ddbtap/worker/");

	if (named->incarnation.n > 0 && str_starts(named->key, prefix))
		snprintf(watch->owners[life], sizeof(watch->owners[life]), "%.*s:%.*s",
			 STR_ARG(str_skip(named->key, prefix.n)), STR_ARG(named->incarnation));
}

/* Checks fenced-owner for a row's step from `was` to `row`, and notes takes. */
static void check_fence(struct rowwatch *watch, struct watched_row *row,
			const struct watched_row *was, unsigned life)
{
	struct world *world = watch->ledger->world;
	bool taken = row->owner[0] != '\0' && !str_eq(str_of(row->owner), str_of(was->owner));

	if (was->exists && row->counter <= was->counter)
		world_fail(world, "fenced-owner", "counter of %s went from %llu to %llu", row->key,
			   (unsigned long long)was->counter, (unsigned long long)row->counter);
	if (!taken && was->exists && was->held && was->holder != life && !same_positions(row, was))
		world_fail(world, "fenced-owner",
			   "incarnation %u moved %s to %s, which incarnation %u holds as %s", life,
			   row->key, row->checkpoint, was->holder, was->owner);
	/* The holder, and nobody else, may make another one the owner. */
	if (taken && was->held && was->holder == life)
		life = life_of(watch, str_of(row->owner));
	if (taken || !was->exists) {
		row->holder = life;
		row->held = row->owner[0] != '\0';
		row->shard->takes[life]++;
	} else if (row->owner[0] == '\0') {
		row->held = false;
	}
}

/* Says that the first worker started with this shard, once that is settled. */
static void note_start(struct rowwatch *watch, const struct watched_row *row)
{
	if (row->shard->start_wall_ms != 0 || str_eq(str_of(row->start_at), STR("LATEST")))
		return;
	ledger_started(watch->ledger, row->shard);
}

/* The row of that key, made when it is new; NULL when the key is not a shard's. */
static struct watched_row *row_of(struct rowwatch *watch, struct str key)
{
	struct watched_row *row = map_get(&watch->rows, key);
	struct str id = str_skip(key, str_find_last(key, '/') + 1);
	struct ledger_shard *shard;

	if (row != NULL)
		return row;
	if (!str_starts(id, STR("shardId-")) || key.n >= sizeof(row->key))
		return NULL;
	shard = ledger_shard(watch->ledger, id);
	if (shard == NULL) {
		ledger_refresh(watch->ledger);
		shard = ledger_shard(watch->ledger, id);
	}
	if (shard == NULL)
		return NULL;
	row = mem_alloc(sizeof(*row));
	put(row->key, sizeof(row->key), key);
	row->shard = shard;
	map_put(&watch->rows, str_of(row->key), row);
	return row;
}

/* Plant: a checkpoint of a dead incarnation that passes its condition. */
static unsigned plant_zombie(struct rowwatch *watch, const struct watched_row *row,
			     const struct watched_row *was, unsigned life)
{
	if (watch->ledger->world->plant == PLANT_ZOMBIE && was->exists && row->exists &&
	    !same_positions(row, was) && ++watch->plants == 5)
		return life + 1;
	return life;
}

void rowwatch_served(struct rowwatch *watch, const struct world_call *call)
{
	struct named named;
	struct watched_row *row, was;
	unsigned life = call->life;

	if (call->status != 200 || (!str_eq(call->operation, STR("UpdateItem")) &&
				    !str_eq(call->operation, STR("PutItem")) &&
				    !str_eq(call->operation, STR("DeleteItem"))))
		return;
	named = read_request(call->body);
	if (!str_eq(named.table, str_of(watch->table)))
		return;
	watch->writes++;
	must(life < LEDGER_LIVES);
	note_owner(watch, &named, life);
	row = row_of(watch, named.key);
	if (row == NULL)
		return;
	was = *row;
	row->exists = fetch_row(watch, row, named.key);
	if (!row->exists)
		return;
	life = plant_zombie(watch, row, &was, life);
	check_fence(watch, row, &was, life);
	note_start(watch, row);
	check_positions(watch, row);
}

struct watched_row *rowwatch_row(struct rowwatch *watch, const struct ledger_shard *shard)
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&watch->rows, &at)) != NULL) {
		if (row->shard == shard)
			return row;
	}
	return NULL;
}
