/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/foreign.h"

#include <string.h>

#include "tests/sim/cluster.h"

enum { REQUEST_MAX = 64 << 10 };

/* Whether a word is in the answer. */
static bool has(const struct buf *answer, const char *word)
{
	return memmem(answer->p, answer->n, word, strlen(word)) != NULL;
}

/* Sends one request; whether it was carried out. */
static bool ask(struct cluster *cluster, struct str target, struct buf *body)
{
	struct buf answer;
	int status;

	must(!body->failed);
	buf_init(&answer, REQUEST_MAX);
	status = service_call(cluster->world.service, target, buf_view(body),
			      world_wall_ms(&cluster->world), &answer);
	if (status != 200 && !has(&answer, "ConditionalCheck") && !has(&answer, "ResourceInUse"))
		world_fail(&cluster->world, "simulator", "the foreign worker's %.*s: %.*s",
			   STR_ARG(buf_view(body)), STR_ARG(buf_view(&answer)));
	buf_release(&answer);
	buf_release(body);
	return status == 200;
}

/* Updates the row if its counter is as it was seen last; `and` also bumps it. */
static bool update(struct cluster *cluster, struct watched_row *row, const char *set,
		   const char *remove, struct str value)
{
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body,
		"{\"TableName\":\"%s\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}},"
		"\"UpdateExpression\":\"SET leaseCounter = :next%s%s\","
		"\"ConditionExpression\":\"leaseCounter = :now\",\"ExpressionAttributeValues\":{",
		CLUSTER_CHECKPOINTS, row->key, set, remove);
	if (value.n > 0)
		buf_fmt(&body, "\":value\":{\"S\":\"%.*s\"},", STR_ARG(value));
	buf_fmt(&body, "\":now\":{\"N\":\"%llu\"},\":next\":{\"N\":\"%llu\"}}}",
		(unsigned long long)row->counter, (unsigned long long)row->counter + 1);
	if (!ask(cluster, STR("DynamoDB_20120810.UpdateItem"), &body))
		return false;
	rowwatch_foreign(&cluster->rows, str_of(row->key));
	return true;
}

/* Calls `fn` for each row that the worker has. */
static void each(struct cluster *cluster, void (*fn)(struct cluster *, struct watched_row *))
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&cluster->rows.rows, &at)) != NULL) {
		if (row->exists && row->foreign)
			fn(cluster, row);
	}
}

/* Renews a lease. */
static void renew(struct cluster *cluster, struct watched_row *row)
{
	if (!update(cluster, row, "", "", STR_NONE))
		row->foreign = false;
}

/* Renews all. */
static void tick(struct world_event *event)
{
	struct foreign *foreign = CONTAINER_OF(event, struct foreign, tick);
	struct world *world = &foreign->cluster->world;

	each(foreign->cluster, renew);
	world_set(world, event, world->now_ms + foreign->every_ms);
}

/* Makes the table of leases, unless it is there. */
static void make_table(struct cluster *cluster)
{
	struct service_options *service = service_options(cluster->world.service);
	int64_t create_ms = service->create_ms;
	struct buf body;

	service->create_ms = 0;
	buf_init(&body, REQUEST_MAX);
	buf_str(&body,
		STR("{\"TableName\":\"" CLUSTER_CHECKPOINTS
		    "\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":[{"
		    "\"AttributeName\":\"leaseKey\",\"AttributeType\":\"S\"}],\"KeySchema\":[{"
		    "\"AttributeName\":\"leaseKey\",\"KeyType\":\"HASH\"}]}"));
	ask(cluster, STR("DynamoDB_20120810.CreateTable"), &body);
	service->create_ms = create_ms;
}

void foreign_start(struct cluster *cluster, int64_t every_ms)
{
	struct foreign *foreign = &cluster->foreign;

	make_table(cluster);
	foreign->cluster = cluster;
	foreign->every_ms = every_ms;
	foreign->alive = true;
	foreign->tick.run = tick;
	world_note(&cluster->world, "java", "starts");
	world_set(&cluster->world, &foreign->tick, cluster->world.now_ms + every_ms);
}

bool foreign_take(struct cluster *cluster, struct ledger_shard *shard)
{
	struct watched_row *row = shard->row;

	if (row == NULL || !row->exists || row->foreign)
		return false;
	world_note(&cluster->world, "java", "takes %s from %s", shard->id, row->owner);
	return update(cluster, row, ", leaseOwner = :value", "", STR(FOREIGN_OWNER));
}

/* Makes the row of a shard of a single stream. */
static void make(struct cluster *cluster, const struct ledger_shard *shard)
{
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body,
		"{\"TableName\":\"%s\",\"Item\":{\"leaseKey\":{\"S\":\"%s\"},\"leaseOwner\":{\"S\":"
		"\"%s\"},"
		"\"leaseCounter\":{\"N\":\"1\"},\"checkpoint\":{\"S\":\"TRIM_HORIZON\"},"
		"\"checkpointSubSequenceNumber\":{\"N\":\"0\"},"
		"\"ownerSwitchesSinceCheckpoint\":{\"N\":\"0\"}}}",
		CLUSTER_CHECKPOINTS, shard->id, FOREIGN_OWNER);
	if (ask(cluster, STR("DynamoDB_20120810.PutItem"), &body))
		rowwatch_foreign(&cluster->rows, str_of(shard->id));
}

void foreign_take_all(struct cluster *cluster, struct str table)
{
	struct ledger_shard *shard;
	size_t at = 0;

	ledger_refresh(&cluster->ledger);
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		if (shard->closed || !str_eq(str_of(shard->table->name), table))
			continue;
		if (shard->row == NULL || !shard->row->exists)
			make(cluster, shard);
		else
			foreign_take(cluster, shard);
	}
}

/* Whether a shard's parent is read to its end, as far as rows tell. */
static bool parent_finished(const struct ledger_shard *shard)
{
	const struct watched_row *row = shard->parent == NULL ? NULL : shard->parent->row;

	if (shard->parent == NULL)
		return true;
	return row != NULL &&
	       (row->exists ? str_eq(str_of(row->checkpoint), STR("SHARD_END")) : row->ended);
}

/* Reads what a shard has. */
static void read_shard(struct cluster *cluster, struct watched_row *row)
{
	struct ledger_shard *shard = row->shard;
	struct str at = STR("SHARD_END");

	if (str_eq(str_of(row->checkpoint), at) || !parent_finished(shard))
		return;
	if (!shard->closed) {
		if (shard->n_writes == 0)
			return;
		at = cluster->ledger.writes[shard->writes[shard->n_writes - 1]].w->seqno;
	}
	shard->others_n = shard->n_writes;
	world_note(&cluster->world, "java", "has %zu changes of %s", shard->others_n, shard->id);
	update(cluster, row, ", checkpoint = :value", "", at);
}

void foreign_read(struct cluster *cluster)
{
	ledger_refresh(&cluster->ledger);
	each(cluster, read_shard);
}

void foreign_die(struct cluster *cluster)
{
	if (cluster->foreign.alive) {
		world_note(&cluster->world, "java", "dies");
		/* That shows when its rows have stood still for the lease time. */
		cluster_slow(cluster, 2 * cluster->options.lease_ms);
	}
	cluster->foreign.alive = false;
	world_unset(&cluster->world, &cluster->foreign.tick);
}

/* Gives one lease back. */
static void give_back(struct cluster *cluster, struct watched_row *row)
{
	update(cluster, row, "", " REMOVE leaseOwner", STR_NONE);
	row->foreign = false;
}

void foreign_leave(struct cluster *cluster)
{
	each(cluster, give_back);
	foreign_die(cluster);
}
