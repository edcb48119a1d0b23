/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleet.h"

#include "base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"

enum {
	SLACK_MS = 4 * SECOND_MS, /* a start, or some requests one after the other */
	BALANCE_MS = 30 * SECOND_MS,
	IDLE_MS = 30 * SECOND_MS,
	USAGE_S = 20,
	HERD_S = 20,
	HERD_QUIET_MS = 60 * SECOND_MS, /* so late the last delayed write arrives */
	GONE_MS = 30 * SECOND_MS,
	PLANT_MS = 15 * SECOND_MS,
	SPARE_UNITS = 4, /* to tidy up after workers that are gone */
};

const char *fleet_check_word(enum fleet_check check)
{
	static const char *const words[FLEET_CHECKS] = {
		[FLEET_ORPHAN] = "no-orphan",	 [FLEET_BALANCE] = "balance",
		[FLEET_WRITES] = "lease-writes", [FLEET_READS] = "lease-reads",
		[FLEET_HERD] = "herd",		 [FLEET_ASIDE] = "aside",
		[FLEET_FOLLOWS] = "follows",	 [FLEET_RENEWED] = "lease-renewed",
	};

	return words[check];
}

/* How long workers may take to begin anew, with all that they may have to wait for on the way. */
static int64_t crew_ms(const struct cluster *cluster)
{
	const struct engine_options *options = &cluster->options;

	return 2 * options->drain_timeout_ms + 2 * options->lease_ms + options->heartbeat_ms +
	       options->request_timeout_ms + SLACK_MS + 10 * cluster->world.latency_max_ms;
}

/* Since when nothing but sinks and workers may have misbehaved; INT64_MAX: something does. */
static int64_t fine_since_ms(const struct cluster *cluster)
{
	if (cluster->quiet_since_ms == INT64_MAX ||
	    cluster->quiet_since_ms > cluster->faulty_until_ms)
		return cluster->quiet_since_ms;
	return cluster->faulty_until_ms;
}

/* Whether some sink gets the table. */
static bool is_fed(const struct cluster *cluster, const struct ledger_table *table)
{
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (table->sinks[i])
			return true;
	}
	return false;
}

/* Whether the shard is finished for all sinks, by its row. */
static bool is_finished(const struct cluster *cluster, const struct ledger_shard *shard)
{
	return shard->row != NULL && rowwatch_finished(&cluster->rows, shard->row);
}

/* Whether the worker runs all sinks that are registered. */
static bool is_whole(const struct cluster *cluster, const struct worker *worker)
{
	return worker->without == LEDGER_SINKS ||
	       !cluster->ledger.sinks[worker->without].registered;
}

/* Whether the worker works, under an id that nobody else works under. */
static bool is_there(const struct cluster *cluster, const struct worker *worker)
{
	return cluster_works(worker) && lifewatch_there(&cluster->lives, worker->proc->life);
}

/* How many working workers run all sinks that are registered. */
static size_t n_whole(const struct cluster *cluster)
{
	size_t n = 0;

	for (size_t i = 0; i < cluster->n_workers; i++)
		n += is_there(cluster, &cluster->workers[i]) &&
		     is_whole(cluster, &cluster->workers[i]);
	return n;
}

bool fleet_serves(const struct cluster *cluster, size_t sink)
{
	if (cluster->registry.seeking)
		return false;
	if (n_whole(cluster) > 0)
		return true;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster_works(&cluster->workers[i]) && cluster->workers[i].without == sink)
			return false;
	}
	return true;
}

/* Whether every working worker, of which none runs all sinks, has something to do in the shard. */
static bool all_have_work(const struct cluster *cluster, const struct ledger_shard *shard)
{
	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];
		bool any = !cluster_works(worker);

		for (size_t k = 0; k < cluster->n_targets; k++)
			any = any || (k != worker->without && shard->table->sinks[k] &&
				      !rowwatch_ended(shard->row, k));
		if (!any)
			return false;
	}
	return true;
}

/* Whether some sink stops the workers again and again: a person has to act. */
static bool is_fatal(const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (cluster->targets[i].mode == TARGET_FATAL)
			return true;
	}
	return false;
}

/* Whether all shards of the table are of one stream. */
static bool one_stream(const struct cluster *cluster, const struct ledger_shard *shard)
{
	const struct ledger_shard *other;
	size_t at = 0;

	while ((other = map_next(&cluster->ledger.shards, &at)) != NULL) {
		if (other->table == shard->table && !str_eq(other->arn, shard->arn))
			return false;
	}
	return true;
}

/*
 * Whether somebody has to have the shard. One that has a row could be read already; others are judged
 * by their parents, and left alone when it is not clear whether they are to be read at all.
 */
static bool is_wanted(const struct cluster *cluster, const struct ledger_shard *shard)
{
	if (is_finished(cluster, shard) || shard->skipped || shard->table->gap_fail ||
	    !is_fed(cluster, shard->table))
		return false;
	if (shard->row != NULL && shard->row->exists)
		return n_whole(cluster) > 0 || all_have_work(cluster, shard);
	if (n_whole(cluster) == 0 || cluster->fleet.trimmed || shard->table->latest ||
	    shard->table->start_wall_ms != 0 || shard->table->n_starts != 0 ||
	    !one_stream(cluster, shard))
		return false;
	return shard->parent == NULL ? shard->parent_id[0] == '\0'
				     : is_finished(cluster, shard->parent);
}

/* The worker that has the shard's lease, by its row, and runs, be it to drain; NULL: nobody. */
static const struct worker *worker_with(const struct cluster *cluster,
					const struct ledger_shard *shard)
{
	const struct watched_row *row = shard->row;

	/* What a worker held before it began anew is nobody's. */
	if (row == NULL || !row->exists || !row->held ||
	    lifewatch_gone(&cluster->lives, row->owner) ||
	    (cluster->world.plant == PLANT_IDLER && cluster->world.now_ms > PLANT_MS))
		return NULL;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];

		if (worker->engine != NULL && !worker->proc->paused &&
		    worker->proc->life == row->holder)
			return worker;
	}
	return NULL;
}

/* Whether a foreign worker that lives has the shard, or what comes before it. */
static bool is_foreign(const struct cluster *cluster, const struct ledger_shard *shard)
{
	for (; cluster->foreign.alive && shard != NULL; shard = shard->parent) {
		if (shard->row != NULL && shard->row->foreign)
			return true;
	}
	return false;
}

/* How long it may take until a lease has an owner again. */
static int64_t orphan_ms(const struct cluster *cluster)
{
	const struct engine_options *options = &cluster->options;
	int64_t ms = options->lease_ms + 2 * options->heartbeat_ms + options->discovery_ms +
		     SLACK_MS + 20 * cluster->world.latency_max_ms;

	if (cluster->fleet.mixed)
		ms += crew_ms(cluster);

	/* After a start, three listings have to lack a parent that is trimmed. */
	if (cluster->fleet.trimmed)
		ms += GONE_MS + 3 * options->discovery_ms;
	/* A foreign worker's death shows at the third look after it. */
	if (options->kcl)
		ms += options->lease_ms;
	/* Who comes back without a proof waits for the lease time before it begins. */
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster->workers[i].unproven)
			return ms + options->lease_ms;
	}
	return ms;
}

/* Since when some worker has worked without a break: those that come and go find out nothing. */
static int64_t at_work_ms(const struct cluster *cluster)
{
	int64_t since_ms = INT64_MAX;

	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];
		int64_t began_ms = worker->started_ms;

		if (!cluster_works(worker))
			continue;
		if (worker->proc->woke_ms > began_ms)
			began_ms = worker->proc->woke_ms;
		if (began_ms < since_ms)
			since_ms = began_ms;
	}
	return since_ms;
}

/* Checks no-orphan for one shard; whether somebody should have it and does not. */
static bool check_orphan(struct cluster *cluster, struct ledger_shard *shard, size_t working)
{
	struct world *world = &cluster->world;
	int64_t since_ms = fine_since_ms(cluster);
	/* A seek makes the rows of a parent and of its children at once. */
	bool waits =
		shard->epoch > 0 && shard->parent != NULL && !is_finished(cluster, shard->parent);

	if (working == 0 || cluster->registry.seeking || waits || !is_wanted(cluster, shard) ||
	    worker_with(cluster, shard) != NULL || is_foreign(cluster, shard)) {
		shard->orphan_ms = -1;
		return false;
	}
	if (shard->orphan_ms < 0)
		shard->orphan_ms = world->now_ms;
	if (since_ms < shard->orphan_ms)
		since_ms = shard->orphan_ms;
	if (since_ms < at_work_ms(cluster))
		since_ms = at_work_ms(cluster);
	/* Who stands aside for somebody may do so until that one is known to be dead. */
	if (cluster->fleet.mixed && since_ms < cluster->fleet.crew_ms)
		since_ms = cluster->fleet.crew_ms;
	if (since_ms != INT64_MAX && world->now_ms - since_ms > orphan_ms(cluster))
		world_fail(world, "no-orphan", "nobody reads %s since %lld ms: %s", shard->id,
			   (long long)(world->now_ms - shard->orphan_ms),
			   shard->row == NULL ? "it has no row" : shard->row->owner);
	return true;
}

/* Notes when the workers, or what they have to do, changed. */
static void note_moves(struct cluster *cluster, size_t wanted, bool orphans)
{
	struct fleet *fleet = &cluster->fleet;
	struct world *world = &cluster->world;
	uint64_t sum = (uint64_t)cluster->registry.version,
		 writes = cluster->ledger.n_writes + cluster->rows.deleted +
			  cluster->rows.refused_deletes + cluster->rows.progress +
			  cluster->lives.changes;

	for (size_t i = 0; i < cluster->n_workers; i++)
		sum = sum * 1000003 + (cluster_works(&cluster->workers[i])
					       ? cluster->workers[i].proc->life + 1
					       : 0);
	if (sum != fleet->crew_sum || cluster->registry.seeking ||
	    fine_since_ms(cluster) > world->now_ms)
		fleet->crew_ms = world->now_ms;
	fleet->crew_sum = sum;
	fleet->mixed = fleet->mixed || cluster->registry.epoch > 0 ||
		       n_whole(cluster) < cluster_n_working(cluster);
	sum = sum * 1000003 + wanted;
	if (sum != fleet->moved_sum || orphans || fine_since_ms(cluster) > world->now_ms)
		fleet->moved_ms = world->now_ms;
	if (writes != fleet->writes || fleet->moved_ms == world->now_ms) {
		fleet->idle_since_ms = world->now_ms;
		fleet->even_ms = 0;
	}
	if (cluster->rows.takes != fleet->takes_then) {
		fleet->takes_then = cluster->rows.takes;
		fleet->taken_ms = world->now_ms;
	}
	fleet->moved_sum = sum;
	fleet->writes = writes;
}

/*
 * Since when all sinks are well; INT64_MAX: one is not, or a gap stopped a shard. A lease moves on only when
 * its sinks are idle.
 */
static int64_t sinks_well_ms(const struct cluster *cluster)
{
	int64_t since_ms = 0;

	for (size_t i = 0; i < cluster->n_tables; i++) {
		if (cluster->tables[i]->gap_fail)
			return INT64_MAX;
	}

	for (size_t i = 0; i < cluster->n_targets; i++) {
		if (target_well_since_ms(&cluster->targets[i]) > since_ms)
			since_ms = target_well_since_ms(&cluster->targets[i]);
	}
	return since_ms;
}

/* Checks aside. */
static void check_aside(struct cluster *cluster, size_t working)
{
	const struct ledger_shard *shard;
	size_t at = 0;
	bool planted = cluster->world.plant == PLANT_INTRUDER;

	if (cluster->world.now_ms - cluster->fleet.crew_ms <= crew_ms(cluster) || working == 0 ||
	    (n_whole(cluster) == 0 || (n_whole(cluster) == working && !planted)))
		return;
	cluster->fleet.checked[FLEET_ASIDE]++;
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		const struct worker *worker = worker_with(cluster, shard);

		if (worker != NULL && (!is_whole(cluster, worker) || planted))
			world_fail(&cluster->world, "aside",
				   "%s has %s, but does not run all sinks, as others do",
				   worker->id, shard->id);
	}
}

/* Checks follows. */
static void check_follows(struct cluster *cluster, size_t working)
{
	if (cluster->world.now_ms - cluster->fleet.crew_ms <= crew_ms(cluster) || working == 0)
		return;
	cluster->fleet.checked[FLEET_FOLLOWS]++;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		const struct worker *worker = &cluster->workers[i];

		if (is_there(cluster, worker) &&
		    !sinkwatch_follows(&cluster->registry, worker->proc->life, worker->without))
			world_fail(&cluster->world, "follows",
				   "%s does not go by version %lld of the registry", worker->id,
				   (long long)cluster->registry.version);
	}
}

/* Checks balance. */
static void check_balance(struct cluster *cluster, size_t wanted)
{
	struct fleet *fleet = &cluster->fleet;
	size_t working = n_whole(cluster);
	size_t counts[CLUSTER_WORKERS] = {0}, most = 0, least = SIZE_MAX, at = 0;
	const struct ledger_shard *shard;
	bool planted = cluster->world.plant == PLANT_LOPSIDED;
	int64_t balance_ms = BALANCE_MS + 10 * cluster->world.latency_max_ms;

	if (working < 2 || wanted < working || cluster->foreign.alive ||
	    !(fleet->balanced || planted) ||
	    cluster->world.now_ms - fleet->moved_ms <= balance_ms ||
	    cluster->world.now_ms - fleet->taken_ms <= balance_ms ||
	    sinks_well_ms(cluster) > cluster->world.now_ms - balance_ms)
		return;
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		const struct worker *worker = worker_with(cluster, shard);

		if (worker != NULL && is_wanted(cluster, shard))
			counts[worker - cluster->workers]++;
	}
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (!is_there(cluster, &cluster->workers[i]) ||
		    !is_whole(cluster, &cluster->workers[i]))
			continue;
		if (planted && most == 0)
			counts[i] += wanted;
		most = counts[i] > most ? counts[i] : most;
		least = counts[i] < least ? counts[i] : least;
	}
	fleet->checked[FLEET_BALANCE]++;
	if (most > least + 1)
		world_fail(&cluster->world, "balance",
			   "of %zu leases one of %zu workers has %zu, another one %zu", wanted,
			   working, most, least);
	if (fleet->even_ms == 0) {
		fleet->even_ms = cluster->world.now_ms;
		fleet->even_takes = cluster->rows.takes;
	}
	if (cluster->rows.takes > fleet->even_takes)
		world_fail(&cluster->world, "balance",
			   "leases change hands, which have been even for %lld ms",
			   (long long)(cluster->world.now_ms - fleet->even_ms));
}

/* How many streams there are, or were, that somebody may list. */
static size_t n_streams(const struct cluster *cluster)
{
	const struct ledger_shard *shard, *other;
	size_t n = 0, at = 0;

	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		size_t before = 0;

		while ((other = map_next(&cluster->ledger.shards, &before)) != shard &&
		       !str_eq(other->arn, shard->arn))
			;
		n += other == shard;
	}
	return n;
}

/* How many writes renew the leases that workers have, in USAGE_S. */
static uint64_t renewals(const struct cluster *cluster)
{
	const struct watched_row *row;
	uint64_t n = 0;
	size_t at = 0;

	while ((row = map_next(&cluster->rows.rows, &at)) != NULL)
		n += row->exists && row->held;
	/* Each is a quarter early at most: checkpoints come in between. */
	return !cluster->options.kcl ? 0
				     : n * (uint64_t)(USAGE_S * SECOND_MS * 4 /
							      (cluster->options.heartbeat_ms * 3) +
						      2);
}

/* Checks lease-renewed. */
static void check_renewed(struct cluster *cluster)
{
	struct world *world = &cluster->world;
	int64_t lease_ms = cluster->options.lease_ms;
	struct watched_row *row;
	size_t at = 0;

	if (!cluster->options.kcl || fine_since_ms(cluster) > world->now_ms - lease_ms)
		return;
	while ((row = map_next(&cluster->rows.rows, &at)) != NULL) {
		const struct worker *worker = worker_with(cluster, row->shard);

		/* What was handed over is nobody's to renew until its new owner knows of it. */
		if (worker == NULL || !is_there(cluster, worker) || row->renewed_ms < 0 ||
		    world->now_ms - cluster->fleet.moved_ms <= lease_ms)
			continue;
		cluster->fleet.checked[FLEET_RENEWED]++;
		if (world->now_ms - row->wrote_ms > lease_ms)
			world_fail(world, "lease-renewed", "%s has not written %s for %lld ms",
				   worker->id, row->key,
				   (long long)(world->now_ms - row->wrote_ms));
	}
}

/* Checks lease-writes. */
static void check_usage(struct cluster *cluster, size_t working)
{
	struct fleet *fleet = &cluster->fleet;
	struct world *world = &cluster->world;
	struct net_usage used = network_usage(world, USAGE_S);
	uint64_t listings;
	uint64_t beats =
		working * (uint64_t)(USAGE_S * SECOND_MS / cluster->options.heartbeat_ms + 1);
	uint64_t renewed = renewals(cluster);

	if (working == 0 || cluster->foreign.alive ||
	    world->now_ms - fleet->idle_since_ms <= IDLE_MS ||
	    world->now_ms - fleet->taken_ms <= IDLE_MS || !oracle_settled(cluster))
		return;
	listings = working * n_streams(cluster) *
		   (uint64_t)(USAGE_S * SECOND_MS / cluster->options.discovery_ms + 1);
	if (world->plant == PLANT_CHATTY)
		used.written += 2 * beats + 6 * listings + 2 * SPARE_UNITS;
	fleet->checked[FLEET_WRITES]++;
	/*
	 * In half units: a heartbeat is one unit, and whoever lists shards takes and gives back the turn,
	 * which somebody else may have at first.
	 */
	if (used.written > 2 * (beats + working + 3 * listings + renewed + SPARE_UNITS))
		world_fail(
			world, "lease-writes",
			"%zu idle workers wrote %llu.%llu units in %d s, %llu heartbeats are due",
			working, (unsigned long long)used.written / 2,
			(unsigned long long)used.written % 2 * 5, USAGE_S,
			(unsigned long long)beats);
	if (!fleet->frugal)
		return;
	fleet->checked[FLEET_READS]++;
	if (used.read > 2 * working * (beats + working))
		world_fail(
			world, "lease-writes",
			"%zu idle workers read %llu units in %d s, a look at all heartbeats each "
			"time is %llu",
			working, (unsigned long long)used.read / 2, USAGE_S,
			(unsigned long long)working * beats);
}

/* Checks herd. */
static void check_herd(struct cluster *cluster, size_t working)
{
	struct fleet *fleet = &cluster->fleet;
	struct world *world = &cluster->world;
	size_t now = (size_t)(world->now_ms / SECOND_MS) % FLEET_SECONDS;
	size_t then = (now + FLEET_SECONDS - HERD_S) % FLEET_SECONDS;
	uint64_t refusals, takes;

	fleet->refusals[now] = cluster->rows.refusals;
	fleet->takes[now] = cluster->rows.takes + cluster->rows.deleted + cluster->rows.stolen +
			    cluster->rows.bumps;
	if (world->plant == PLANT_STAMPEDE)
		fleet->refusals[now] += (uint64_t)world->now_ms / 10;
	if (world->now_ms < FLEET_SECONDS * SECOND_MS ||
	    fine_since_ms(cluster) > world->now_ms - HERD_QUIET_MS ||
	    world->faulty_ms > world->now_ms - HERD_QUIET_MS)
		return;
	refusals = fleet->refusals[now] - fleet->refusals[then];
	/* Who was too late may learn of it late. */
	then = (now + FLEET_SECONDS - 2 * HERD_S) % FLEET_SECONDS;
	takes = fleet->takes[now] - fleet->takes[then];
	fleet->checked[FLEET_HERD]++;
	if (refusals > (working + 1) * (takes + 2))
		world_fail(world, "herd",
			   "%llu conditional writes failed in %d s, %llu leases changed hands",
			   (unsigned long long)refusals, HERD_S, (unsigned long long)takes);
}

void fleet_sample(struct cluster *cluster)
{
	size_t working = is_fatal(cluster) ? 0 : cluster_n_working(cluster), wanted = 0, at = 0;
	struct ledger_shard *shard;
	bool orphans = false;

	if (working > cluster->fleet.most)
		cluster->fleet.most = working;
	while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
		wanted += is_wanted(cluster, shard);
		orphans = check_orphan(cluster, shard, working) || orphans;
	}
	if (working != 0 && !orphans && fine_since_ms(cluster) <= cluster->world.now_ms)
		cluster->fleet.checked[FLEET_ORPHAN]++;
	note_moves(cluster, wanted, orphans);
	check_aside(cluster, working);
	check_follows(cluster, working);
	check_balance(cluster, wanted);
	check_usage(cluster, working);
	check_renewed(cluster);
	check_herd(cluster, working);
}
