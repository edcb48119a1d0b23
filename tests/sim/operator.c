/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/operator.h"

#include "base/json.h"
#include "base/time.h"
#include "consumer/engine/heartbeat.h"
#include "consumer/engine/registry.h"

enum { BODY_MAX = 1 << 20, LOOK_MS = 100, ADOPTED_MS = 5 * MINUTE_MS };

#define UPDATE_ITEM STR("DynamoDB_20120810.UpdateItem")
#define GET_ITEM    STR("DynamoDB_20120810.GetItem")

static const struct str table = STR_INIT(CLUSTER_CHECKPOINTS);

/* Sends a request and takes its answer; whether the service carried it out. */
static bool request(struct cluster *cluster, struct str target, struct buf *body,
		    struct buf *answer)
{
	must(!body->failed);
	buf_clear(answer);
	return service_call(cluster->world.service, target, buf_view(body),
			    world_wall_ms(&cluster->world), answer) == 200;
}

/* The registry's row has been written: everybody else has to find out by themselves. */
static void registry_changed(struct cluster *cluster)
{
	sinkwatch_look(&cluster->registry);
	cluster_renewed(cluster);
}

static const char *const step_words[] = {
	[ADDING_READ] = "read", [ADDING_REGISTER] = "register", [ADDING_SCAN] = "scan",
	[ADDING_BUMP] = "bump", [ADDING_ACTIVATE] = "activate",
};

/* Does the next step of an add; false when there is none. */
static bool add_step(struct cluster *cluster, struct adding *adding)
{
	enum adding_step step = adding->step;
	struct buf body, answer;
	struct error why = {0};
	struct str target;
	bool more, ok = true;

	buf_init(&body, BODY_MAX);
	buf_init(&answer, BODY_MAX);
	more = adding_next(adding, &target, &body);
	if (more) {
		ok = request(cluster, target, &body, &answer);
		must(adding_take(adding, ok ? ADDING_OK : ADDING_CONDITION, buf_view(&answer),
				 &why));
	}
	cluster->rows.bumps += more && ok && step == ADDING_BUMP;
	if (more && ok && (step == ADDING_REGISTER || step == ADDING_ACTIVATE))
		registry_changed(cluster);
	buf_release(&body);
	buf_release(&answer);
	return more;
}

/* Goes on with an add until behind a step of that name, or to the end: then it is forgotten. */
static void go_on(struct cluster *cluster, struct str last_step)
{
	struct adding *adding = cluster->adding;
	bool more = true;

	while (more) {
		enum adding_step step = adding->step;

		more = add_step(cluster, adding);
		if (more && str_eq(last_step, str_of(step_words[step])))
			return;
	}
	operator_release(cluster);
}

bool operator_add(struct cluster *cluster, const struct target *target, struct str last_step)
{
	bool known = last_step.n == 0;

	for (size_t i = 0; i < ARRAY_N(step_words); i++)
		known = known || str_eq(last_step, str_of(step_words[i]));
	if (!known)
		return false;
	operator_release(cluster);
	cluster->added_sink = str_of(target->name);
	cluster->adding = mem_alloc(sizeof(*cluster->adding));
	adding_init(cluster->adding, str_of(cluster->registry.table), table, &cluster->added_sink,
		    1);
	go_on(cluster, last_step);
	return true;
}

bool operator_add_goes_on(struct cluster *cluster)
{
	if (cluster->adding == NULL)
		return false;
	go_on(cluster, STR_NONE);
	return true;
}

void operator_release(struct cluster *cluster)
{
	if (cluster->adding == NULL)
		return;
	adding_release(cluster->adding);
	mem_free(cluster->adding);
	cluster->adding = NULL;
}

/* The item that a GetItem answered; empty: there is none. */
static struct str item_of(struct str answer)
{
	struct str key, item = STR_NONE;
	struct json json;

	json_init(&json, answer);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		struct str value = json_skip(&json);

		if (json_key_is(key, "Item"))
			item = value;
	}
	return item;
}

/* Reads the registry; slices lie in the arena. */
static void read_registry(struct cluster *cluster, struct arena *arena, struct registry *out)
{
	struct buf body, answer;
	struct error why = {0};

	buf_init(&body, BODY_MAX);
	buf_init(&answer, BODY_MAX);
	registry_ask(&body, str_of(cluster->registry.table));
	must(request(cluster, GET_ITEM, &body, &answer) &&
	     registry_read(arena, arena_str(arena, item_of(buf_view(&answer))), out, &why));
	buf_release(&body);
	buf_release(&answer);
}

/* Writes the registry as it was read and changed. */
static void write_registry(struct cluster *cluster, const struct registry *registry)
{
	struct buf body, answer;

	buf_init(&body, BODY_MAX);
	buf_init(&answer, BODY_MAX);
	registry_write(&body, str_of(cluster->registry.table), registry);
	must(request(cluster, UPDATE_ITEM, &body, &answer));
	registry_changed(cluster);
	buf_release(&body);
	buf_release(&answer);
}

bool operator_remove(struct cluster *cluster, struct str sink)
{
	struct registry registry;
	struct arena arena;
	bool there;

	arena_init(&arena);
	read_registry(cluster, &arena, &registry);
	there = registry_remove(&registry, sink);
	if (there)
		write_registry(cluster, &registry);
	arena_release(&arena);
	return there;
}

/* Fences a worker whose heartbeat stands still. */
static void fence(struct cluster *cluster, struct watched_worker *worker)
{
	struct heartbeat beat = {.id = str_of(worker->id),
				 .incarnation = str_of(worker->incarnation),
				 .counter = worker->counter};
	struct buf body, answer;

	buf_init(&body, BODY_MAX);
	buf_init(&answer, BODY_MAX);
	heartbeat_fence(&body, str_of(cluster->lives.table), &beat);
	must(request(cluster, UPDATE_ITEM, &body, &answer));
	lifewatch_look(&cluster->lives, worker);
	world_note(&cluster->world, "sim", "%s is fenced by the operator", worker->id);
	buf_release(&body);
	buf_release(&answer);
}

/* Whether all who live say the epoch; fences those whose counters were `counters` for the lease time. */
static bool all_adopted(struct cluster *cluster, int64_t epoch, int64_t *counters,
			int64_t *moved_ms)
{
	struct watched_worker *worker;
	size_t at = 0, i = 0;
	bool all = true;

	while ((worker = map_next(&cluster->lives.workers, &at)) != NULL && i < LEDGER_LIVES) {
		size_t slot = i++;

		if (!worker->exists || worker->fenced || worker->epoch >= epoch)
			continue;
		if (counters[slot] != worker->counter) {
			counters[slot] = worker->counter;
			moved_ms[slot] = cluster->world.now_ms;
		} else if (cluster->world.now_ms - moved_ms[slot] > cluster->options.lease_ms) {
			fence(cluster, worker);
			continue;
		}
		all = false;
	}
	return all;
}

/* Lets the world go on until all who live have adopted the epoch; false when that takes too long. */
static bool wait_for_all(struct cluster *cluster, int64_t epoch)
{
	int64_t counters[LEDGER_LIVES], moved_ms[LEDGER_LIVES] = {0};
	int64_t until_ms = cluster->world.now_ms + ADOPTED_MS;

	for (size_t i = 0; i < LEDGER_LIVES; i++)
		counters[i] = -1;
	while (!all_adopted(cluster, epoch, counters, moved_ms)) {
		if (cluster->world.now_ms >= until_ms || !cluster_run(cluster, LOOK_MS))
			return false;
	}
	return true;
}

/* Where a sink is by the row, as its text. */
static const char *position_of(const struct cluster *cluster, const struct watched_row *row,
			       size_t sink)
{
	if (!row->exists)
		return "SHARD_END";
	return rowwatch_position(&cluster->rows, row, sink) >
			       rowwatch_checkpoint(&cluster->rows, row)
		       ? row->sinks[sink]
		       : row->checkpoint;
}

/* Appends the attribute of a sink as a name for expressions. */
static void put_name(const struct cluster *cluster, struct buf *body, size_t sink)
{
	const struct ledger_sink *it = &cluster->ledger.sinks[sink];

	buf_fmt(body, ",\"#s%zu\":\"sink.%s", sink, cluster->targets[sink].name);
	if (it->generation > 1)
		buf_fmt(body, ".%lld", (long long)it->generation);
	buf_c(body, '"');
}

/* Whether the table's rows have something of the sink. */
static bool has_attribute(const struct cluster *cluster, const struct watched_row *row, size_t sink)
{
	return row->shard->table->sinks[sink] && cluster->ledger.sinks[sink].registered;
}

/* Appends the UpdateItem that has a shard read again. */
static void put_rewrite(const struct cluster *cluster, struct buf *body,
			const struct watched_row *row, const struct target *only, int64_t epoch)
{
	/* Where something is gone already, it begins at what is left, and says so. */
	bool cut = row->shard->n_writes > 0 &&
		   cluster->ledger.writes[row->shard->writes[0]].w->trimmed;
	const char *gap = cut ? " REMOVE leaseOwner" : " REMOVE leaseOwner, startAt";

	buf_fmt(body,
		"{\"TableName\":\"%s\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}},\"UpdateExpression\":"
		"\"SET %scheckpoint = :start, leaseCounter = :counter, #e = :epoch",
		CLUSTER_CHECKPOINTS, row->key, cut ? "startAt = :start, " : "");
	if (row->shard->parent_id[0] != '\0')
		buf_str(body, STR(", parentShardId = :parent"));
	for (size_t i = 0; only != NULL && i < cluster->n_targets; i++) {
		if (i != only->number && has_attribute(cluster, row, i))
			buf_fmt(body, ", #s%zu = :s%zu", i, i);
	}
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (!has_attribute(cluster, row, i) || (only != NULL && i != only->number))
			continue;
		buf_fmt(body, "%s, #s%zu", gap, i);
		gap = "";
	}
	buf_fmt(body, "%s\",\"ExpressionAttributeNames\":{\"#e\":\"epoch\"", gap);
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (has_attribute(cluster, row, i))
			put_name(cluster, body, i);
	}
	buf_fmt(body,
		"},\"ExpressionAttributeValues\":{\":start\":{\"S\":\"TRIM_HORIZON\"},"
		"\":counter\":{\"N\":\"%llu\"},\":epoch\":{\"N\":\"%lld\"}",
		(unsigned long long)row->counter + 1, (long long)epoch);
	if (row->shard->parent_id[0] != '\0')
		buf_fmt(body, ",\":parent\":{\"SS\":[\"%s\"]}", row->shard->parent_id);
	for (size_t i = 0; only != NULL && i < cluster->n_targets; i++) {
		if (i != only->number && has_attribute(cluster, row, i))
			buf_fmt(body, ",\":s%zu\":{\"S\":\"%s\"}", i, position_of(cluster, row, i));
	}
	buf_str(body, STR("}}"));
}

/* Has one shard read again, and tells the oracle. */
static void rewrite(struct cluster *cluster, struct watched_row *row, const struct target *only,
		    int64_t epoch)
{
	struct buf body, answer;

	buf_init(&body, BODY_MAX);
	buf_init(&answer, BODY_MAX);
	rowwatch_rewritten(&cluster->rows, row);
	put_rewrite(cluster, &body, row, only, epoch);
	must(request(cluster, UPDATE_ITEM, &body, &answer));
	rowwatch_rewritten(&cluster->rows, row);
	row->shard->epoch = epoch;
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (only == NULL || i == only->number)
			ledger_replay(&cluster->ledger, row->shard, i);
	}
	buf_release(&body);
	buf_release(&answer);
}

/* Whether the service has forgotten the shard, and all that came before it: then it stays as it is. */
static bool is_forgotten(const struct ledger *ledger, const struct ledger_shard *shard)
{
	for (unsigned depth = 0; shard != NULL && depth < LEDGER_DEPTH; depth++) {
		if (shard->listed_in == ledger->listings)
			return false;
		shard = shard->parent;
	}
	return true;
}

/* The row of the table with the youngest shard that is not of the epoch yet; NULL: all are. */
static struct watched_row *youngest(struct cluster *cluster, const struct ledger_table *of,
				    int64_t epoch)
{
	struct watched_row *row, *found = NULL;
	size_t at = 0;

	while ((row = map_next(&cluster->rows.rows, &at)) != NULL) {
		if (row->shard->table == of && row->shard->epoch < epoch &&
		    (row->exists || row->ended) && !is_forgotten(&cluster->ledger, row->shard) &&
		    (found == NULL ||
		     str_cmp(str_of(row->shard->id), str_of(found->shard->id)) > 0))
			found = row;
	}
	return found;
}

/*
 * Whether a row says where all begin who have not begun, and somebody has not whom the seek is not for: then no
 * sink can go back alone, and the command refuses that.
 */
static bool binds_others(const struct cluster *cluster, const struct watched_row *row,
			 const struct target *only)
{
	bool tip = row->start_at[0] != '\0' && !str_eq(str_of(row->start_at), STR("TRIM_HORIZON"));

	if (!row->exists || (!tip && !str_eq(str_of(row->checkpoint), STR("LATEST"))))
		return false;
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (i != only->number && has_attribute(cluster, row, i) &&
		    rowwatch_position(&cluster->rows, row, i) == 0)
			return true;
	}
	return false;
}

/* Whether one sink alone can go back in all shards of a table. */
static bool can_go_alone(struct cluster *cluster, const struct ledger_table *of,
			 const struct target *only)
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&cluster->rows.rows, &at)) != NULL) {
		if (row->shard->table == of && binds_others(cluster, row, only))
			return false;
	}
	return true;
}

bool operator_seek(struct cluster *cluster, const struct ledger_table *of,
		   const struct target *only, bool half)
{
	struct registry registry;
	struct watched_row *row;
	struct arena arena;
	bool ok;

	arena_init(&arena);
	read_registry(cluster, &arena, &registry);
	if (registry.seek.n == 0) {
		registry.epoch++;
		registry.seek = STR("again");
		write_registry(cluster, &registry);
	}
	ok = wait_for_all(cluster, registry.epoch);
	ledger_refresh(&cluster->ledger);
	if (only != NULL && !can_go_alone(cluster, of, only))
		only = NULL;
	while (ok && !half && (row = youngest(cluster, of, registry.epoch)) != NULL)
		rewrite(cluster, row, only, registry.epoch);
	if (ok && !half) {
		read_registry(cluster, &arena, &registry);
		registry.seek = STR_NONE;
		write_registry(cluster, &registry);
	}
	arena_release(&arena);
	return ok;
}
