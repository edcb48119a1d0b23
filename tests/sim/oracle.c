/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/oracle.h"

#include <stdio.h>

#include "tests/sim/coverage.h"

enum {
	SAMPLE_MS = 1000,
	ISOLATION_MS = 15 * 1000, /* how far a healthy sink may be behind */
	SETTLE_STEP_MS = 500,
	WINDOW_SLACK_BYTES = 64 << 10,
};

/* Counts one operation or log event. */
static void count(struct cluster *cluster, struct str word)
{
	struct log_count *counter = map_get(&cluster->counts, word);

	if (counter == NULL) {
		counter = mem_alloc(sizeof(*counter));
		word = str_head(word, sizeof(counter->word) - 1);
		mem_copy(counter->word, word.p, word.n);
		map_put(&cluster->counts, str_of(counter->word), counter);
	}
	counter->n++;
}

/* struct world_watch: a request leaves. */
static void sent(void *arg, const struct world_call *call)
{
	struct cluster *cluster = arg;

	cluster->requests++;
	count(cluster, call->operation);
	pollwatch_sent(&cluster->polls, call);
}

/* struct world_watch: a request was carried out. */
static void served(void *arg, const struct world_call *call)
{
	struct cluster *cluster = arg;

	lifewatch_served(&cluster->lives, call);
	rowwatch_served(&cluster->rows, call);
	if (sinkwatch_served(&cluster->registry, call))
		cluster_renewed(cluster);
	pollwatch_served(&cluster->polls, call);
	if (call->proc == NULL && cluster->coverage != NULL)
		cluster->coverage->late_writes++;
}

/* struct world_watch: a request came to its end. */
static void ended(void *arg, const struct world_call *call, bool ok)
{
	struct cluster *cluster = arg;

	pollwatch_ended(&cluster->polls, call, ok);
	lifewatch_ended(&cluster->lives, call, ok);
	rowwatch_answered(&cluster->rows, call, ok);
}

/* A delivery of a shard begins that has a row, or had one. */
static void oracle_begins(struct cluster *cluster, unsigned life, const char *shard_id,
			  const struct watched_row *row)
{
	/* What a foreign worker took and gave away again is known to who had it before within the lease time. */
	bool stolen = row->foreign_ms != 0 && cluster->world.now_ms - row->foreign_ms <=
						      cluster->lives.lives[life].lease_ms;

	lifewatch_begins(&cluster->lives, life, shard_id, row->exists && !stolen, row->holder);
	rowwatch_begins(&cluster->rows, row, life);
}

/* struct world_watch: a delivery begins. */
static uint64_t begins(void *arg, unsigned life, struct str shard_id)
{
	struct cluster *cluster = arg;
	const struct ledger_shard *shard = ledger_shard(&cluster->ledger, shard_id);
	const struct watched_row *row = shard == NULL ? NULL : shard->row;

	if (shard == NULL || row == NULL)
		world_fail(&cluster->world, "two-owners",
			   "incarnation %u begins a delivery of %.*s, which has no row", life,
			   STR_ARG(shard_id));
	else
		oracle_begins(cluster, life, shard->id, row);
	return lifewatch_token(&cluster->lives, life);
}

/* struct world_watch: something of a delivery becomes durable. */
static void lands(void *arg, unsigned life, uint64_t token)
{
	struct cluster *cluster = arg;

	lifewatch_lands(&cluster->lives, life, token);
}

/* struct world_watch: a log line. */
static void logged(void *arg, const char *process, enum io_level level, struct str line)
{
	struct cluster *cluster = arg;
	struct str rest = line;

	(void)level;
	count(cluster, str_cut(&rest, ' '));
	if (!str_starts(line, STR("registry.adopted ")))
		return;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];

		if (worker->proc != NULL && str_eq(str_of(process), str_of(worker->id)))
			cluster->lives.lives[worker->proc->life].epoch =
				sinkwatch_adopted(&cluster->registry, worker->proc->life, line);
	}
}

void oracle_check_engine(struct cluster *cluster, const struct worker *worker)
{
	struct world *world = &cluster->world;
	struct engine_stats stats;
	int64_t window_max;

	if (worker->engine == NULL)
		return;
	engine_stats(worker->engine, &stats);
	if (world->plant == PLANT_GREEDY && world->now_ms > 10000)
		stats.budget_peak_bytes = cluster->options.budget_bytes + 1;
	if (world->plant == PLANT_WIDE && world->now_ms > 10000)
		stats.window_peak_bytes = cluster->options.window_bytes * 1000;
	window_max =
		cluster->options.window_bytes + 2 * world->max_answer_bytes + WINDOW_SLACK_BYTES;
	if (stats.budget_peak_bytes > cluster->options.budget_bytes)
		world_fail(world, "budget", "%s used %lld bytes of %lld", worker->id,
			   (long long)stats.budget_peak_bytes,
			   (long long)cluster->options.budget_bytes);
	if (stats.window_peak_bytes > window_max)
		world_fail(world, "window", "%s had %lld bytes in a window of %lld", worker->id,
			   (long long)stats.window_peak_bytes,
			   (long long)cluster->options.window_bytes);
	if (stats.readers_peak > 2)
		world_fail(world, "two-readers", "%s had %u readers for one shard", worker->id,
			   stats.readers_peak);
}

/* Checks stall-isolation for one sink in one shard. */
static void check_isolation(struct cluster *cluster, const struct target *target,
			    struct ledger_shard *shard)
{
	struct world *world = &cluster->world;
	size_t front = ledger_front(&cluster->ledger, shard, target->number);
	int64_t since_ms = target_well_since_ms(target), written_ms;

	if (front == shard->n_writes || since_ms == INT64_MAX ||
	    cluster->quiet_since_ms == INT64_MAX || shard->table->gap_fail ||
	    !fleet_serves(cluster, target->number))
		return;
	written_ms = cluster->ledger.writes[shard->writes[front]].w->wall_ms - world->wall_base_ms;
	if (cluster->quiet_since_ms > since_ms)
		since_ms = cluster->quiet_since_ms;
	if (cluster->slow_until_ms > since_ms)
		since_ms = cluster->slow_until_ms;
	if (written_ms > since_ms)
		since_ms = written_ms;
	if (world->now_ms - since_ms > ISOLATION_MS)
		world_fail(
			world, "stall-isolation",
			"sink %s is well since %lld ms, but lacks change %zu of %s since %lld ms",
			target->name, (long long)target_well_since_ms(target), front, shard->id,
			(long long)written_ms);
}

/* Whether anybody is there to do the work. */
static bool anybody_runs(const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster->workers[i].engine != NULL && !cluster->workers[i].proc->paused)
			return true;
	}
	return false;
}

/* Looks at everything, once a second. */
static void sample(struct world_event *event)
{
	struct cluster *cluster = CONTAINER_OF(event, struct cluster, sample);
	struct ledger_shard *shard;
	size_t at = 0;

	service_tick(cluster->world.service, world_wall_ms(&cluster->world));
	ledger_note_trims(&cluster->ledger);
	if (cluster->ledger.stale)
		ledger_refresh(&cluster->ledger);
	for (size_t i = 0; i < cluster->n_workers; i++)
		oracle_check_engine(cluster, &cluster->workers[i]);
	fleet_sample(cluster);
	while (cluster->isolation && anybody_runs(cluster) && !cluster->foreign.alive &&
	       (shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		for (size_t i = 0; i < cluster->n_targets; i++)
			check_isolation(cluster, &cluster->targets[i], shard);
	}
	world_set(&cluster->world, &cluster->sample, cluster->world.now_ms + SAMPLE_MS);
}

void oracle_start(struct cluster *cluster)
{
	cluster->world.watch = (struct world_watch){
		.arg = cluster,
		.sent = sent,
		.served = served,
		.ended = ended,
		.logged = logged,
		.begins = begins,
		.lands = lands,
	};
	cluster->sample.run = sample;
	world_set(&cluster->world, &cluster->sample, SAMPLE_MS);
}

void oracle_check_freed(struct cluster *cluster, const struct proc *proc)
{
	size_t n = proc_outstanding(proc);

	if (cluster->world.plant == PLANT_LEAK)
		n++;
	if (n != 0)
		world_fail(&cluster->world, "memory",
			   "%s left %zu requests and %zu timers behind, or a plant did", proc->name,
			   proc->n_http, proc->timers.n);
}

/* Whether a shard is delivered and written down for all sinks; notes why not in `why`. */
static bool shard_settled(struct cluster *cluster, struct ledger_shard *shard, struct buf *why)
{
	const struct watched_row *row = shard->row;

	for (size_t i = 0; i < cluster->n_targets; i++) {
		size_t front = ledger_front(&cluster->ledger, shard, i);
		const struct ledger_sink *sink = &cluster->ledger.sinks[i];
		const struct ledger_write *last;

		if (!shard->table->sinks[i])
			continue;
		if (sink->generation == 0 || (sink->registered && !sink->active)) {
			buf_fmt(why, "sink %s was never registered, or is being added",
				cluster->targets[i].name);
			return false;
		}
		if (!sink->active)
			continue;
		if (front < shard->n_writes) {
			buf_fmt(why, "sink %s has %zu of %zu changes of %s",
				cluster->targets[i].name, front, shard->n_writes, shard->id);
			return false;
		}
		if (shard->n_writes == 0 || row == NULL || !row->exists)
			continue;
		/* When all of it is trimmed, nothing is left that could move the row. */
		last = &cluster->ledger.writes[shard->writes[shard->n_writes - 1]];
		if (rowwatch_position(&cluster->rows, row, i) < shard->n_writes &&
		    !last->w->trimmed && !ledger_unowed(&cluster->ledger, last)) {
			buf_fmt(why, "the row of %s says %s, which is not all of it for sink %s",
				shard->id, row->checkpoint, cluster->targets[i].name);
			return false;
		}
	}
	return true;
}

/*
 * Whether the worker that runs alone says that it is caught up. One of several cannot know it: what the
 * others hold is theirs.
 */
static bool workers_settled(const struct cluster *cluster, struct buf *why)
{
	const struct worker *alone = NULL;
	struct engine_stats stats;

	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster->workers[i].engine == NULL)
			continue;
		if (alone != NULL)
			return true;
		alone = &cluster->workers[i];
	}
	if (alone == NULL)
		return true;
	/* Who was to catch up on what is gone learns only from the next record that it is there. */
	if (cluster->trimmed)
		return true;
	/* A shard that its policy stopped blocks its children, and nobody is ever through with those. */
	for (size_t i = 0; i < cluster->n_tables; i++) {
		if (cluster->tables[i]->gap_fail)
			return true;
	}
	engine_stats(alone->engine, &stats);
	if (!stats.caught_up)
		buf_fmt(why, "worker %s does not say that it is caught up", alone->id);
	return stats.caught_up;
}

/* The same for the whole deployment. */
static bool settled(struct cluster *cluster, struct buf *why)
{
	struct ledger_shard *shard;
	size_t at = 0;

	if (cluster->ledger.stale)
		ledger_refresh(&cluster->ledger);
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		if (!shard->table->gap_fail && !shard_settled(cluster, shard, why))
			return false;
	}
	return workers_settled(cluster, why);
}

bool oracle_settled(struct cluster *cluster)
{
	struct buf why;
	bool ok;

	buf_init(&why, 4096);
	ok = settled(cluster, &why);
	buf_release(&why);
	return ok;
}

/* Whether a write that its sink has not got was lost without a word. */
static bool lost_in_silence(const struct ledger *ledger, const struct ledger_write *write,
			    size_t sink)
{
	const struct ledger_shard *shard = write->shard, *first = shard->table->first;

	if (shard->table->gap_fail || !shard->table->sinks[sink] || !ledger->sinks[sink].active ||
	    write->in_shard < shard->taken[sink].excused || ledger_has(ledger, write, sink))
		return false;
	if (shard->skipped)
		return first != NULL && str_cmp(shard->arn, first->arn) > 0 &&
		       !ledger_told(ledger, shard->arn, sink);
	return write->w->trimmed && !ledger_taken(ledger, write, sink);
}

/* Whether every change that a sink will never get is covered by a gap record; says in `why` which is not. */
static bool told_of_gaps(struct cluster *cluster, struct buf *why)
{
	struct ledger *ledger = &cluster->ledger;

	ledger_note_trims(ledger);
	for (size_t i = 0; i < ledger->n_writes; i++) {
		const struct ledger_write *write = &ledger->writes[i];

		for (size_t k = 0; k < cluster->n_targets; k++) {
			if (!lost_in_silence(ledger, write, k))
				continue;
			buf_clear(why);
			buf_fmt(why,
				"sink %s never got %.*s of %s, which is gone, nor a gap record",
				cluster->targets[k].name, STR_ARG(write->w->seqno),
				write->shard->id);
			return false;
		}
	}
	return true;
}

bool oracle_settle(struct cluster *cluster, int64_t ms)
{
	struct world *world = &cluster->world;
	int64_t until_ms = world->now_ms + ms;
	struct buf why;

	buf_init(&why, 4096);
	while (!world->failed && (!settled(cluster, &why) || !told_of_gaps(cluster, &why))) {
		if (world->now_ms >= until_ms) {
			/* When it is a missing gap record that keeps it from settling, say so. */
			world_fail(world, told_of_gaps(cluster, &why) ? "liveness" : "gap-reported",
				   "after %lld quiet ms: %.*s", (long long)ms,
				   STR_ARG(buf_view(&why)));
			break;
		}
		buf_clear(&why);
		cluster_run(cluster, SETTLE_STEP_MS);
	}
	buf_release(&why);
	return !world->failed;
}

/* A reason why a worker is not ready, where there ought to be none. */
static void unready(void *arg, const struct engine_reason *reason)
{
	const struct worker *worker = arg;

	/* What on_gap: fail stopped stays so. */
	if (reason->ill == ENGINE_ILL_STOPPED)
		return;
	world_fail(&worker->cluster->world, "ready",
		   "%s is not: %s table=%.*s sink=%.*s shard=%.*s: %s", worker->id,
		   engine_ill_word(reason->ill), STR_ARG(reason->table), STR_ARG(reason->sink),
		   STR_ARG(reason->shard), reason->advice);
}

void oracle_check_ready(struct cluster *cluster)
{
	const struct engine_reason secret = {.ill = ENGINE_ILL_PAUSED, .advice = "a secret"};

	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct worker *worker = &cluster->workers[i];

		if (worker->engine == NULL)
			continue;
		engine_health(worker->engine, unready, worker);
		if (cluster->world.plant == PLANT_GLOOMY)
			unready(worker, &secret);
	}
}
