/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "tests/sim/coverage.h"
#include "tests/sim/operator.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sinkform.h"

enum { REQUEST_MAX = 1 << 20, STEPS_MAX = 20 * 1000 * 1000, STREAM_NOTICED_MS = 90 * 1000 };

void cluster_init(struct cluster *cluster, uint64_t seed, struct world_trace *trace)
{
	*cluster = (struct cluster){.isolation = true, .fleet.balanced = true};
	world_init(&cluster->world, seed, trace);
	ledger_init(&cluster->ledger, &cluster->world);
	lifewatch_init(&cluster->lives, &cluster->world, CLUSTER_CHECKPOINTS);
	rowwatch_init(&cluster->rows, &cluster->ledger, &cluster->lives, CLUSTER_CHECKPOINTS);
	sinkwatch_init(&cluster->registry, &cluster->rows, CLUSTER_CHECKPOINTS);
	engine_options_init(&cluster->options);
	pollwatch_init(&cluster->polls, &cluster->ledger, cluster->options.poll_floor_ms);
	map_init(&cluster->counts);
	oracle_start(cluster);
}

void cluster_kcl(struct cluster *cluster)
{
	cluster->options.kcl = true;
	cluster->options.own_table = STR(CLUSTER_OWN);
	cluster->lives.table = CLUSTER_OWN;
	cluster->registry.table = CLUSTER_OWN;
	cluster->rows.kcl = true;
}

/* Frees a worker's engine, sinks and process, in that order. */
static void cluster_clear(struct worker *worker)
{
	struct cluster *cluster = worker->cluster;

	if (worker->engine == NULL)
		return;
	oracle_check_engine(cluster, worker);
	coverage_engine(cluster->coverage, worker->engine);
	world_unset(&cluster->world, &worker->reap);
	engine_free(&worker->engine);
	must(worker->engine == NULL);
	for (size_t i = 0; i < cluster->n_targets; i++)
		worker->sinks[i]->type->close(worker->sinks[i]);
	oracle_check_freed(cluster, worker->proc);
	proc_free(&worker->proc);
}

void cluster_release(struct cluster *cluster)
{
	struct log_count *counter;
	size_t at = 0;

	for (size_t i = 0; i < cluster->n_workers; i++)
		cluster_clear(&cluster->workers[i]);
	coverage_cluster(cluster->coverage, cluster);
	operator_release(cluster);
	world_unset(&cluster->world, &cluster->sample);
	world_unset(&cluster->world, &cluster->foreign.tick);
	pollwatch_release(&cluster->polls);
	rowwatch_release(&cluster->rows);
	lifewatch_release(&cluster->lives);
	while ((counter = map_next(&cluster->counts, &at)) != NULL)
		mem_free(counter);
	map_release(&cluster->counts);
	world_release(&cluster->world);
	ledger_release(&cluster->ledger);
}

struct target *cluster_sink(struct cluster *cluster, const char *name)
{
	struct target *target = &cluster->targets[cluster->n_targets];

	must(cluster->n_targets < LEDGER_SINKS);
	ledger_add_sink(&cluster->ledger);
	target_init(target, &cluster->ledger, cluster->n_targets, name);
	cluster->rows.sinks[cluster->n_targets++] = target->name;
	return target;
}

/* Targets that are there for dead letters only get no table. */
static void starve(struct cluster *cluster, struct ledger_table *table)
{
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (cluster->targets[i].letters_only)
			table->sinks[i] = false;
	}
}

void cluster_letters(struct cluster *cluster, struct target *from, struct target *to, bool only)
{
	must(from != to);
	from->letters = to;
	to->letters_only = to->letters_only || only;
	for (size_t i = 0; i < cluster->n_tables; i++)
		starve(cluster, cluster->tables[i]);
}

/* Carries out one request of the operator or a writer; it must succeed. */
static void admin(struct cluster *cluster, struct str target, struct buf *body)
{
	struct buf answer;
	int status;

	must(!body->failed);
	buf_init(&answer, REQUEST_MAX);
	status = service_call(cluster->world.service, target, buf_view(body),
			      world_wall_ms(&cluster->world), &answer);
	if (status != 200)
		world_fail(&cluster->world, "simulator", "%.*s %.*s: %.*s", STR_ARG(target),
			   STR_ARG(buf_view(body)), STR_ARG(buf_view(&answer)));
	buf_release(&answer);
	buf_release(body);
}

struct ledger_table *cluster_table(struct cluster *cluster, const char *name, unsigned shards)
{
	size_t i = cluster->n_tables;
	struct engine_table *engine_table = &cluster->engine_tables[i];
	struct service_options *service = service_options(cluster->world.service);
	int64_t create_ms = service->create_ms;
	struct buf body;

	must(i < CLUSTER_TABLES);
	cluster->tables[i] = ledger_table(&cluster->ledger, name);
	engine_table->name = str_of(cluster->tables[i]->name);
	cluster->n_tables++;
	starve(cluster, cluster->tables[i]);
	if (shards == 0)
		return cluster->tables[i];
	/* This table is active at once; the engines' own table is not. */
	service->shards_per_table = shards;
	service->create_ms = 0;
	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body,
		"{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\","
		"\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"
		"\"StreamSpecification\":{\"StreamEnabled\":true,"
		"\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}",
		name);
	admin(cluster, STR("DynamoDB_20120810.CreateTable"), &body);
	service->create_ms = create_ms;
	cluster->ledger.stale = true;
	return cluster->tables[i];
}

struct target *cluster_find_sink(struct cluster *cluster, struct str name)
{
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (str_eq(name, str_of(cluster->targets[i].name)))
			return &cluster->targets[i];
	}
	return NULL;
}

size_t cluster_find_table(const struct cluster *cluster, struct str name)
{
	size_t i = 0;

	while (i < cluster->n_tables && !str_eq(name, str_of(cluster->tables[i]->name)))
		i++;
	return i;
}

/* How long a worker's machine has been up when the world begins: up to a month, always the same. */
static int64_t uptime_ms(const char *id)
{
	uint32_t hash = 2166136261u;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619u;
	return hash % (30u * DAY_MS);
}

struct worker *cluster_worker(struct cluster *cluster, const char *id)
{
	struct worker *worker;

	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (str_eq(str_of(id), str_of(cluster->workers[i].id)))
			return &cluster->workers[i];
	}
	must(cluster->n_workers < CLUSTER_WORKERS);
	worker = &cluster->workers[cluster->n_workers++];
	worker->cluster = cluster;
	worker->vouched = true;
	worker->without = LEDGER_SINKS;
	snprintf(worker->id, sizeof(worker->id), "%s", id);
	worker->boot_ms = uptime_ms(worker->id);
	return worker;
}

void cluster_put(struct cluster *cluster, const char *table, const char *key, size_t bytes)
{
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body,
		"{\"TableName\":\"%s\",\"Item\":{\"pk\":{\"S\":\"%s\"},\"n\":{\"N\":\"%zu\"}",
		table, key, cluster->ledger.n_writes + 1);
	if (bytes != 0) {
		buf_str(&body, STR(",\"pad\":{\"S\":\""));
		while (bytes-- > 0)
			buf_c(&body, 'x');
		buf_str(&body, STR("\"}"));
	}
	buf_str(&body, STR("}}"));
	admin(cluster, STR("DynamoDB_20120810.PutItem"), &body);
}

void cluster_delete(struct cluster *cluster, const char *table, const char *key)
{
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body, "{\"TableName\":\"%s\",\"Key\":{\"pk\":{\"S\":\"%s\"}}}", table, key);
	admin(cluster, STR("DynamoDB_20120810.DeleteItem"), &body);
}

void cluster_stream(struct cluster *cluster, const char *table, bool on, struct str view)
{
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body, "{\"TableName\":\"%s\",\"StreamSpecification\":{\"StreamEnabled\":%s", table,
		on ? "true" : "false");
	if (on)
		buf_fmt(&body, ",\"StreamViewType\":\"%.*s\"",
			STR_ARG(view.n > 0 ? view : STR("NEW_AND_OLD_IMAGES")));
	buf_str(&body, STR("}}"));
	admin(cluster, STR("DynamoDB_20120810.UpdateTable"), &body);
	cluster->ledger.stale = true;
	cluster_faulty(cluster, STREAM_NOTICED_MS);
}

void cluster_drop_table(struct cluster *cluster, const char *table)
{
	struct buf body;

	buf_init(&body, REQUEST_MAX);
	buf_fmt(&body, "{\"TableName\":\"%s\"}", table);
	admin(cluster, STR("DynamoDB_20120810.DeleteTable"), &body);
}

void cluster_forget_rows(struct cluster *cluster, const char *table)
{
	struct watched_row *row;
	size_t at = 0;

	while ((row = map_next(&cluster->rows.rows, &at)) != NULL) {
		struct buf body;

		if (!str_eq(str_of(row->shard->table->name), str_of(table)))
			continue;
		buf_init(&body, REQUEST_MAX);
		buf_fmt(&body, "{\"TableName\":\"%s\",\"Key\":{\"leaseKey\":{\"S\":\"%s\"}}}",
			CLUSTER_CHECKPOINTS, row->key);
		admin(cluster, STR("DynamoDB_20120810.DeleteItem"), &body);
		row->exists = false;
		row->held = false;
	}
}

void cluster_start_after(struct cluster *cluster, struct ledger_table *table, const char *key)
{
	const struct ledger *ledger = &cluster->ledger;
	const struct ledger_write *last = NULL;
	struct ledger_start *start = &table->starts[table->n_starts];
	size_t index = cluster_find_table(cluster, str_of(table->name));
	char keys[128];

	must(table->n_starts < LEDGER_STARTS);
	snprintf(keys, sizeof(keys), "{\"pk\":{\"S\":\"%s\"}}", key);
	for (size_t i = 0; i < ledger->n_writes; i++) {
		if (ledger->writes[i].shard->table == table &&
		    str_eq(ledger->writes[i].w->keys, str_of(keys)))
			last = &ledger->writes[i];
	}
	if (last == NULL) {
		world_fail(&cluster->world, "scenario", "no change of %s", key);
		return;
	}
	*start = (struct ledger_start){last->shard, last->in_shard + 1};
	cluster->starts[index][table->n_starts++] = (struct engine_start){
		.shard_id = str_of(last->shard->id),
		.seqno = last->w->seqno,
	};
}

/* A worker comes, goes or stops: others need some time to notice and to take over. */
static void fleet_changes(struct worker *worker)
{
	const struct engine_options *options = &worker->cluster->options;

	cluster_slow(worker->cluster,
		     2 * options->lease_ms + 2 * options->heartbeat_ms + options->discovery_ms);
}

void cluster_renewed(struct cluster *cluster)
{
	const struct engine_options *options = &cluster->options;

	cluster_slow(cluster, 2 * options->lease_ms + 2 * options->heartbeat_ms +
				      options->discovery_ms + options->drain_timeout_ms);
}

/* Frees an engine that stopped, from the loop. */
static void reap(struct world_event *event)
{
	struct worker *worker = CONTAINER_OF(event, struct worker, reap);

	cluster_clear(worker);
}

/* struct engine_options: the engine has stopped. */
static void stopped(void *arg, const struct error *why)
{
	struct worker *worker = arg;
	struct world *world = &worker->cluster->world;

	world_note(world, worker->id, "stopped: %s",
		   why->code == ERROR_NONE ? "drained" : why->text);
	fleet_changes(worker);
	worker->end = END_STOPPED;
	worker->why = *why;
	worker->reap.run = reap;
	world_set(world, &worker->reap, world->now_ms);
}

/* Predecessors of this process are certainly dead. */
static bool always_dead(struct str boot, struct str process)
{
	(void)boot;
	(void)process;
	return true;
}

/* Nobody knows whether predecessors of this process are dead. */
static bool never_certain(struct str boot, struct str process)
{
	(void)boot;
	(void)process;
	return false;
}

/* Opens the sinks of a worker that starts. */
static void open_sinks(struct worker *worker, struct engine_sink *sinks)
{
	struct cluster *cluster = worker->cluster;

	for (size_t i = 0; i < cluster->n_targets; i++) {
		struct target *target = &cluster->targets[i];

		worker->sinks[i] = target_open(target, worker->proc);
		sinks[i] = (struct engine_sink){
			.name = str_of(target->name),
			.sink = worker->sinks[i],
			.dead_letter = target->letters == NULL ? -1 : (int)target->letters->number,
			.max_attempts = target->max_attempts,
			.max_age_ms = target->max_age_ms,
		};
	}
}

/* Says what the engine of a worker that starts is to know of the tables. */
static void fill_tables(const struct worker *worker)
{
	struct cluster *cluster = worker->cluster;

	for (size_t i = 0; i < cluster->n_tables; i++) {
		cluster->engine_tables[i].latest = cluster->tables[i]->latest;
		cluster->engine_tables[i].start_wall_ms = cluster->tables[i]->start_wall_ms;
		cluster->engine_tables[i].start_after = cluster->starts[i];
		cluster->engine_tables[i].n_start_after = cluster->tables[i]->n_starts;
		cluster->engine_tables[i].gap_fail = cluster->tables[i]->gap_fail;
		for (size_t k = 0; k < cluster->n_targets; k++)
			cluster->engine_tables[i].encoders[k] =
				cluster->tables[i]->sinks[k] && k != worker->without
					? record_encoder(cluster->tables[i]->of_images)
					: NULL;
		for (size_t k = 0; k < cluster->n_targets; k++)
			cluster->engine_tables[i].letter_encoders[k] = record_encoder(false);
	}
}

void cluster_start(struct worker *worker)
{
	struct cluster *cluster = worker->cluster;
	struct engine_options options = cluster->options;
	struct engine_sink sinks[LEDGER_SINKS];

	must(worker->engine == NULL);
	worker->proc = proc_new(&cluster->world, worker->id);
	worker->proc->boot_ms = worker->boot_ms;
	worker->proc->skew_ms = worker->skew_ms;
	worker->draining = false;
	pollwatch_started(&cluster->polls, worker->proc);
	must(worker->proc->life < LEDGER_LIVES - 1);
	snprintf(worker->process, sizeof(worker->process), "%u", 1000 + worker->proc->life);
	open_sinks(worker, sinks);
	fill_tables(worker);
	if (options.region.n == 0)
		options.region = STR("us-east-1");
	options.checkpoint_table = STR(CLUSTER_CHECKPOINTS);
	options.worker_id = str_of(worker->alias[0] != '\0' ? worker->alias : worker->id);
	options.worker_id_vouched = worker->vouched;
	options.boot = STR("boot");
	options.process = str_of(worker->process);
	options.process_is_dead = worker->unproven ? never_certain : always_dead;
	options.tables = cluster->engine_tables;
	options.n_tables = cluster->n_tables;
	options.sinks = sinks;
	options.n_sinks = cluster->n_targets;
	options.stopped = stopped;
	options.arg = worker;
	cluster->polls.floor_ms = options.poll_floor_ms;
	cluster->polls.reads_per_month = options.max_reads_per_month;
	world_note(&cluster->world, worker->id, "starts as incarnation %u", worker->proc->life);
	fleet_changes(worker);
	worker->end = END_NONE;
	worker->started_ms = cluster->world.now_ms;
	lifewatch_started(&cluster->lives, worker->proc->life, options.worker_id, options.lease_ms);
	worker->engine = engine_new(&worker->proc->io, &options);
	engine_start(worker->engine);
}

void cluster_crash(struct worker *worker)
{
	if (worker->engine == NULL)
		return;
	world_note(&worker->cluster->world, worker->id, "is killed");
	if (worker->cluster->coverage != NULL)
		worker->cluster->coverage->crash++;
	for (size_t i = 0; i < worker->cluster->n_targets; i++)
		target_crash(worker->sinks[i]);
	fleet_changes(worker);
	worker->end = END_CRASHED;
	cluster_clear(worker);
}

void cluster_drain(struct worker *worker)
{
	if (worker->engine == NULL)
		return;
	world_note(&worker->cluster->world, worker->id, "is asked to drain");
	if (worker->cluster->coverage != NULL)
		worker->cluster->coverage->drain++;
	fleet_changes(worker);
	worker->draining = true;
	engine_drain(worker->engine);
}

void cluster_pause(struct worker *worker, bool asleep)
{
	if (worker->engine == NULL || worker->proc->paused)
		return;
	world_note(&worker->cluster->world, worker->id, asleep ? "falls asleep" : "is paused");
	fleet_changes(worker);
	proc_pause(worker->proc, asleep);
}

void cluster_clock(struct worker *worker, int64_t skew_ms)
{
	worker->skew_ms = skew_ms;
	if (worker->proc != NULL)
		worker->proc->skew_ms = skew_ms;
	world_note(&worker->cluster->world, worker->id, "its wall clock is off by %lld ms",
		   (long long)skew_ms);
}

bool cluster_works(const struct worker *worker)
{
	return worker->engine != NULL && !worker->proc->paused && !worker->draining &&
	       worker->end == END_NONE;
}

size_t cluster_n_working(const struct cluster *cluster)
{
	size_t n = 0;

	for (size_t i = 0; i < cluster->n_workers; i++)
		n += cluster_works(&cluster->workers[i]);
	return n;
}

void cluster_resume(struct worker *worker)
{
	if (worker->engine == NULL || !worker->proc->paused)
		return;
	world_note(&worker->cluster->world, worker->id, "goes on");
	fleet_changes(worker);
	proc_resume(worker->proc);
}

bool cluster_run(struct cluster *cluster, int64_t ms)
{
	int64_t until_ms = cluster->world.now_ms + ms;

	while (world_step(&cluster->world, until_ms)) {
		if (cluster->world.trace->step > STEPS_MAX)
			world_fail(&cluster->world, "liveness", "%d steps and no end", STEPS_MAX);
	}
	return !cluster->world.failed;
}

void cluster_disturbed(struct cluster *cluster)
{
	cluster->quiet_since_ms = INT64_MAX;
}

void cluster_quiet(struct cluster *cluster)
{
	cluster->quiet_since_ms = cluster->world.now_ms;
}

void cluster_slow(struct cluster *cluster, int64_t ms)
{
	if (cluster->slow_until_ms < cluster->world.now_ms + ms)
		cluster->slow_until_ms = cluster->world.now_ms + ms;
}

void cluster_faulty(struct cluster *cluster, int64_t ms)
{
	cluster_slow(cluster, ms);
	if (cluster->faulty_until_ms < cluster->world.now_ms + ms)
		cluster->faulty_until_ms = cluster->world.now_ms + ms;
}

uint64_t cluster_count(const struct cluster *cluster, struct str word)
{
	const struct log_count *counter = map_get(&cluster->counts, word);

	return counter == NULL ? 0 : counter->n;
}
