/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/randomrun.h"

#include <stdio.h>

#include "base/time.h"
#include "tests/sim/oracle.h"
#include "tests/sim/randomsinks.h"
#include "tests/sim/turmoil.h"

enum {
	SLICES_MIN = 60, /* a slice is one thing that happens, and some time */
	SLICES_MAX = 160,
	SLICE_MAX_MS = 700,
	KEYS = 6,
	SETTLE_MS = 240 * 1000,
	FAULT_RETRIED_MS = 20 * 1000, /* the longest wait after a fault of the network */
	AUTH_RETRIED_MS = 60 * 1000, /* what is forbidden is tried again slowly */
	STREAM_CHANGE_MS = 1000,
	SHARD_GONE_MS = 60 * 1000, /* three listings, ten seconds apart, have to lack it */
	CLOCK_OFF_MS = 10 * MINUTE_MS, /* a wall clock that the service still accepts */
	AGE_STEPS = 700, /* seconds: rows of finished shards are deleted after ten minutes */
	KCL_EVERY = 4, /* of so many seeds one has a Kinesis client's table */
	FOREIGN_PERCENT = 4, /* of its slices in which a foreign worker does something */
	IDLE_MS = 60 * 1000, /* long enough for what fleet.c looks at */
};

/* One seed's run. */
struct run {
	struct cluster cluster;
	struct rng *rng;
	int64_t fault_until_ms; /* when the present fault mix ends */
	int64_t lie_until_ms;
	int64_t credentials_ms; /* when credentials are renewed, 0: they are fine */
	bool trims, recreates, rough, moves, ages; /* what this run has in it */
	struct turmoil turmoil;
	uint64_t foreign_took; /* leases */
	bool stream_off;
	int64_t stream_ms; /* when that last changed */
	bool eight; /* there are eight sinks, and each has its own way to fail */
};

/* A number in [from, to]. */
static int64_t between(struct run *run, int64_t from, int64_t to)
{
	return world_between(&run->cluster.world, from, to);
}

/* Chooses the options of all engines. */
static void choose_options(struct run *run)
{
	struct engine_options *options = &run->cluster.options;
	struct service_options *service = service_options(run->cluster.world.service);

	options->lease_ms = between(run, 3, 8) * 1000;
	options->heartbeat_ms = options->lease_ms / 4;
	options->checkpoint_ms = between(run, 1, 10) * 100;
	options->budget_bytes = between(run, 8, 40) << 20;
	options->window_bytes = rng_chance(run->rng, 60) ? between(run, 1, 16) << 10 : 1 << 20;
	options->detach_after_ms = between(run, 5, 50) * 100;
	options->poll_floor_ms = 250;
	options->max_latency_ms = between(run, 1, 4) * 500;
	options->discovery_ms = between(run, 2, 10) * 1000;
	options->request_timeout_ms = between(run, 1, 4) * 1000;
	options->drain_timeout_ms = between(run, 2, 10) * 1000;
	options->stalled_after_ms = 3 * options->drain_timeout_ms;
	service->shard_life_ms = 0;
	if (rng_chance(run->rng, 30))
		service->empty_page = (unsigned)between(run, 1, 25);
	if (rng_chance(run->rng, 30))
		service->short_page = (unsigned)between(run, 1, 80);
	if (rng_chance(run->rng, 30))
		service->partial_batch = (unsigned)between(run, 1, 15);
	if (rng_chance(run->rng, 20))
		run->cluster.world.latency_max_ms = between(run, 50, 300);
	if (rng_chance(run->rng, 10))
		service->no_child_filter = (unsigned)between(run, 1, 2);
	if (rng_chance(run->rng, 10)) {
		/* Large pages go slowly through a small budget: nobody is isolated from that. */
		run->cluster.world.bloat_bytes = (size_t)between(run, 10, 200) << 10;
		run->cluster.isolation = false;
	}
	if (rng_chance(run->rng, 8) || run->cluster.world.plant == PLANT_WASTEFUL) {
		/* So many reads a second: enough for the end, not for isolation on the way. */
		options->max_reads_per_month = between(run, 5, 20) * 31 * 86400;
		run->cluster.isolation = false;
	}
}

/* Chooses the workers, and how their machines' clocks are off. */
static void choose_workers(struct run *run, size_t n)
{
	char id[32];

	for (size_t i = 0; i < n; i++) {
		struct worker *worker;

		snprintf(id, sizeof(id), "w%zu", i + 1);
		worker = cluster_worker(&run->cluster, id);
		worker->vouched = rng_chance(run->rng, 50);
		worker->unproven = rng_chance(run->rng, 30);
		if (rng_chance(run->rng, 30))
			worker->skew_ms = between(run, -CLOCK_OFF_MS, CLOCK_OFF_MS);
	}
	if (n > 1)
		run->cluster.options.lease_ms = between(run, 2, 6) * 1000;
	run->cluster.options.heartbeat_ms = run->cluster.options.lease_ms / 4;
}

/* How many workers there are at first. */
static size_t choose_n_workers(struct run *run, enum shape shape)
{
	enum plant plant = run->cluster.world.plant;
	bool several = plant == PLANT_ROBBER || plant == PLANT_LOPSIDED;

	if (run->eight || plant == PLANT_AMNESIA)
		return 1;
	if (shape != SHAPE_MANY && !several && rng_chance(run->rng, 40))
		return 1;
	return (size_t)between(run, 2, TURMOIL_RUNNING_MAX);
}

/* Chooses what may happen. */
static void choose_trouble(struct run *run)
{
	enum plant plant = run->cluster.world.plant;

	run->trims = rng_chance(run->rng, 25) || plant == PLANT_SILENT;
	run->cluster.tables[0]->gap_fail = run->trims && rng_chance(run->rng, 10);
	run->recreates = rng_chance(run->rng, 12) || plant == PLANT_SILENT;
	run->rough = rng_chance(run->rng, 75);
	run->moves = run->rough || rng_chance(run->rng, 70);
	run->ages = rng_chance(run->rng, 3) || plant == PLANT_UNTIDY;
	if (plant == PLANT_NONE || plant == PLANT_SILENT || plant == PLANT_AMNESIA)
		return;
	run->rough = false;
	run->moves = plant == PLANT_ROBBER || plant == PLANT_POSTHUMOUS;
}

/* A sink that some workers may not run, now and then: no table's only one, and none that remembers. */
static void choose_optional(struct run *run, size_t n_sinks, enum shape shape)
{
	struct cluster *cluster = &run->cluster;
	enum plant plant = cluster->world.plant;
	size_t sink = rng_below(run->rng, n_sinks);
	bool fed = false;

	if (!rng_chance(run->rng, shape == SHAPE_MANY ? 35 : 20) ||
	    (plant != PLANT_NONE && plant != PLANT_INTRUDER) || cluster->targets[sink].remembers)
		return;
	for (size_t i = 0; i < cluster->n_tables; i++) {
		size_t others = 0;

		fed = fed || cluster->tables[i]->sinks[sink];
		for (size_t k = 0; k < n_sinks; k++)
			others += k != sink && cluster->tables[i]->sinks[k];
		if (others == 0)
			return;
	}
	if (fed)
		run->turmoil.optional = sink;
}

/* Chooses sinks, tables and workers. */
static void choose_deployment(struct run *run, enum shape shape, bool kcl)
{
	static const char *const sinks[] = {"alpha", "beta", "gamma"};
	static const char *const tables[] = {"users", "orders", "zones"};
	size_t n_sinks = (size_t)between(run, 1, 3), n_tables = 1;
	size_t n_workers = choose_n_workers(run, shape);
	bool many = run->eight;

	n_tables += rng_chance(run->rng, 30) + rng_chance(run->rng, 10);
	for (size_t i = 0; i < n_sinks && !many; i++)
		cluster_sink(&run->cluster, sinks[i]);
	if (many)
		randomsinks_eight(&run->cluster);
	else
		randomsinks_poison(&run->cluster, n_sinks, n_workers == 1);
	for (size_t i = 0; i < n_tables; i++) {
		int64_t n_shards = between(run, 1, n_workers > 1 ? 4 : 2);
		struct ledger_table *table =
			cluster_table(&run->cluster, tables[i], (unsigned)n_shards);

		table->latest = rng_chance(run->rng, 20);
		table->sinks[0] = n_sinks == 1 || many || !rng_chance(run->rng, 15);
	}
	choose_workers(run, n_workers);
	choose_trouble(run);
	if (kcl)
		cluster_kcl(&run->cluster);
	turmoil_init(&run->turmoil, &run->cluster);
	run->turmoil.alone = n_workers == 1;
	run->turmoil.partitions = run->rough;
	choose_optional(run, many ? RANDOMSINKS_EIGHT : n_sinks, shape);
	run->turmoil.seeks = run->cluster.world.plant == PLANT_NONE && rng_chance(run->rng, 12) &&
			     !run->cluster.tables[0]->gap_fail;
}

/* A random table's name. */
static const char *any_table(struct run *run)
{
	return run->cluster.tables[rng_below(run->rng, run->cluster.n_tables)]->name;
}

/* Some changes of some items. */
static void do_writes(struct run *run)
{
	const char *table = any_table(run);
	int64_t n = rng_chance(run->rng, 15) ? between(run, 20, 60) : between(run, 1, 5);
	char key[16];

	if (run->stream_off)
		return;
	for (int64_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%d", (int)rng_below(run->rng, KEYS));
		if (rng_chance(run->rng, 15))
			cluster_delete(&run->cluster, table, key);
		else
			cluster_put(&run->cluster, table, key,
				    rng_chance(run->rng, 10) ? rng_below(run->rng, 3000) : 0);
	}
}

/* Shards split and roll. */
static void do_reshard(struct run *run)
{
	struct world *world = &run->cluster.world;
	struct str table = str_of(any_table(run));

	if (run->cluster.ledger.shards.n_live > 24)
		return;
	if (rng_chance(run->rng, 50))
		service_split(world->service, table, world_wall_ms(world));
	else
		service_roll(world->service, table, world_wall_ms(world));
	world_note(world, "sim", "shards of %.*s change", STR_ARG(table));
	ledger_refresh(&run->cluster.ledger);
}

/* A sink changes its ways. */
static void do_sink(struct run *run)
{
	size_t i = rng_below(run->rng, run->cluster.n_targets);
	struct target *target = &run->cluster.targets[i];
	enum target_mode mode = (enum target_mode)rng_below(run->rng, TARGET_MODES);

	if (run->eight && i < RANDOMSINKS_EIGHT)
		mode = randomsinks_mode(i);
	if (rng_chance(run->rng, 40) ||
	    (run->eight && str_eq(str_of(target->name), STR("letters"))))
		mode = TARGET_FAST;
	target_set_mode(target, mode, between(run, 20, 400));
}

/* A window of faults on the network. */
static void do_faults(struct run *run)
{
	struct world *world = &run->cluster.world;
	int64_t n = between(run, 1, 3);

	for (int64_t i = 0; i < n; i++) {
		enum net_fault fault = (enum net_fault)(1 + rng_below(run->rng, NET_HOLD - 1));

		world->mix[IO_TABLES][fault] = (unsigned)between(run, 20, 400);
		if (fault == NET_BLOAT)
			world->mix[IO_TABLES][fault] /= 8;
		world->mix[IO_STREAMS][fault] = world->mix[IO_TABLES][fault];
	}
	run->fault_until_ms = world->now_ms + between(run, 500, 6000);
	world_note(world, "sim", "faults until %lld", (long long)run->fault_until_ms);
}

/* The listings lie for a while. */
static void do_lies(struct run *run)
{
	struct service_options *options = service_options(run->cluster.world.service);

	options->lie_open_parent = rng_chance(run->rng, 50) ? (unsigned)between(run, 10, 100) : 0;
	options->lie_missing_child = rng_chance(run->rng, 50) ? (unsigned)between(run, 10, 100) : 0;
	run->lie_until_ms = run->cluster.world.now_ms + between(run, 500, 8000);
}

/* A window of faults on the way to the checkpoint table: late and doubtful writes, throttling. */
static void do_lease_faults(struct run *run)
{
	static const enum net_fault kinds[] = {NET_LATE,	NET_LATE,    NET_BREAK_AFTER,
					       NET_BREAK_AFTER, NET_TIMEOUT, NET_THROTTLE};
	struct world *world = &run->cluster.world;
	int64_t n = between(run, 1, 2);

	for (int64_t i = 0; i < n; i++)
		world->mix[IO_TABLES][kinds[rng_below(run->rng, ARRAY_N(kinds))]] =
			(unsigned)between(run, 50, 600);
	run->fault_until_ms = world->now_ms + between(run, 500, 2 * run->cluster.options.lease_ms);
	world_note(world, "sim", "faults of tables until %lld", (long long)run->fault_until_ms);
}

/* Something happens to a worker. */
static void do_worker(struct run *run)
{
	if (run->moves)
		turmoil_act(&run->turmoil);
	if (rng_chance(run->rng, 30))
		turmoil_administer(&run->turmoil);
}

/* Credentials and iterators expire. */
static void do_expiry(struct run *run)
{
	struct world *world = &run->cluster.world;

	if (rng_chance(run->rng, 50)) {
		world->credentials = world->credentials_new + 1;
		run->credentials_ms = world->now_ms + between(run, 0, 4000);
	} else {
		service_expire_iterators(world->service);
	}
	cluster_disturbed(&run->cluster);
}

/* Old records are trimmed. */
static void do_trim(struct run *run)
{
	struct world *world = &run->cluster.world;

	if (!run->trims)
		return;
	ledger_refresh(&run->cluster.ledger);
	service_trim(world->service, str_of(any_table(run)),
		     world_wall_ms(world) - between(run, 0, 20000));
	ledger_note_trims(&run->cluster.ledger);
	run->cluster.trimmed = run->cluster.fleet.trimmed = true;
	world_note(world, "sim", "trim");
	cluster_faulty(&run->cluster, SHARD_GONE_MS);
	cluster_disturbed(&run->cluster);
}

/* Whether somebody has begun to read the table. */
static bool has_begun(const struct run *run, const struct ledger_table *table)
{
	const struct ledger_shard *shard;
	size_t at = 0;

	while ((shard = map_next(&run->cluster.ledger.shards, &at)) != NULL) {
		if (shard->table == table && shard->start_wall_ms != 0)
			return true;
	}
	return false;
}

/*
 * A stream is switched off, and later on again. Not before somebody has begun with it: workers that start for
 * the first time around that moment may begin with different streams, as DESIGN.md says.
 */
static void do_recreate(struct run *run)
{
	struct ledger_table *table = run->cluster.tables[0];

	/* The service refuses the next change of a stream while it is at the last one. */
	if (!run->recreates || run->cluster.world.now_ms < run->stream_ms + STREAM_CHANGE_MS)
		return;
	if (!run->stream_off && !has_begun(run, table))
		return;
	run->stream_ms = run->cluster.world.now_ms;
	if (!run->stream_off)
		ledger_refresh(&run->cluster.ledger);
	run->stream_off = !run->stream_off;
	cluster_stream(&run->cluster, table->name, !run->stream_off, STR_NONE);
	world_note(&run->cluster.world, "sim", "stream %s", run->stream_off ? "off" : "on");
	cluster_disturbed(&run->cluster);
}

/* What happens, how often (of 100), and whether only in rough runs. */
static const struct {
	void (*act)(struct run *run);
	unsigned weight;
	bool rough;
} acts[] = {
	{do_writes, 52, false},	    {do_reshard, 6, false}, {do_sink, 9, false},
	{do_faults, 4, true},	    {do_lies, 3, true},	    {do_worker, 14, false},
	{do_expiry, 2, true},	    {do_trim, 3, true},	    {do_recreate, 3, true},
	{do_lease_faults, 4, true},
};

/* Ends what is to end by now. */
static void end_windows(struct run *run, bool all)
{
	struct world *world = &run->cluster.world;
	struct service_options *options = service_options(world->service);

	if (run->fault_until_ms != 0 && (all || world->now_ms >= run->fault_until_ms)) {
		cluster_faulty(&run->cluster, world->mix[IO_STREAMS][NET_AUTH] != 0
						      ? AUTH_RETRIED_MS
						      : FAULT_RETRIED_MS);
		for (enum net_fault fault = NET_NONE; fault < NET_N; fault++)
			world->mix[IO_STREAMS][fault] = world->mix[IO_TABLES][fault] = 0;
		run->fault_until_ms = 0;
	}
	if (run->lie_until_ms != 0 && (all || world->now_ms >= run->lie_until_ms)) {
		options->lie_open_parent = 0;
		options->lie_missing_child = 0;
		run->lie_until_ms = 0;
	}
	if (run->credentials_ms != 0 && (all || world->now_ms >= run->credentials_ms)) {
		world->credentials_new = world->credentials;
		run->credentials_ms = 0;
		cluster_faulty(&run->cluster, AUTH_RETRIED_MS);
	}
}

/* Whether anything but sinks and workers misbehaves at the moment. */
static bool disturbed(const struct run *run)
{
	return run->fault_until_ms != 0 || run->lie_until_ms != 0 || run->credentials_ms != 0 ||
	       turmoil_cut(&run->turmoil);
}

/* Lets some time pass; what is to end or to happen by then does. */
static void pass(struct run *run, int64_t ms)
{
	cluster_run(&run->cluster, ms);
	end_windows(run, false);
	turmoil_tick(&run->turmoil);
	if (disturbed(run))
		cluster_disturbed(&run->cluster);
	else if (run->cluster.quiet_since_ms == INT64_MAX)
		cluster_quiet(&run->cluster);
}

/* A foreign worker comes and takes some leases, or reads on, or dies, or leaves. */
static void do_foreign(struct run *run)
{
	struct cluster *cluster = &run->cluster;
	struct ledger_shard *shard;
	size_t at = 0;

	cluster_slow(cluster, 3 * cluster->options.lease_ms + MINUTE_MS / 4);
	if (!cluster->foreign.alive) {
		foreign_start(cluster, cluster->options.lease_ms / 3);
		while ((shard = map_next(&cluster->ledger.shards, &at)) != NULL) {
			if (rng_chance(run->rng, 50))
				run->foreign_took += foreign_take(cluster, shard);
		}
	} else if (rng_chance(run->rng, 50)) {
		foreign_read(cluster);
	} else if (rng_chance(run->rng, 50)) {
		foreign_leave(cluster);
	} else {
		foreign_die(cluster);
	}
}

/* Does one thing and lets some time pass. */
static void slice(struct run *run)
{
	uint64_t dice = rng_below(run->rng, 100);

	for (size_t i = 0; i < ARRAY_N(acts); i++) {
		if (dice >= acts[i].weight) {
			dice -= acts[i].weight;
			continue;
		}
		if (run->rough || !acts[i].rough)
			acts[i].act(run);
		break;
	}
	if (run->cluster.options.kcl && rng_chance(run->rng, FOREIGN_PERCENT))
		do_foreign(run);
	pass(run, between(run, 0, SLICE_MAX_MS));
}

/* Everything behaves from now on. */
static void calm(struct run *run)
{
	struct cluster *cluster = &run->cluster;

	world_note(&cluster->world, "sim", "calm");
	end_windows(run, true);
	if (run->stream_off) {
		cluster_run(cluster, STREAM_CHANGE_MS);
		do_recreate(run);
	}
	for (size_t i = 0; i < cluster->n_targets; i++) {
		struct target *target = &cluster->targets[i];

		/* Poison need not hold up a sink that has dead letters. */
		if (target->letters == NULL || rng_chance(run->rng, 50) ||
		    (target->mode != TARGET_POISONED && target->mode != TARGET_REFUSING))
			target_set_mode(target, TARGET_FAST, 0);
	}
	if (cluster->world.plant == PLANT_FORGET) {
		target_set_mode(&cluster->targets[cluster->n_targets - 1], TARGET_DEAD, 0);
		cluster_put(cluster, cluster->tables[0]->name, "k0", 0);
	}
	foreign_die(cluster);
	turmoil_calm(&run->turmoil);
	/* A worker that was asked to drain may still do so; it starts again when it has. */
	for (int i = 0; i < 20 && !cluster->world.failed && (i < 12 || !oracle_settled(cluster));
	     i++)
		pass(run, SECOND_MS);
}

/* Everybody has caught up: nothing happens any more, and nothing should. */
static void idle(struct run *run)
{
	enum plant plant = run->cluster.world.plant;

	if (run->cluster.n_workers > 1 || plant == PLANT_CHATTY || plant == PLANT_IDLER ||
	    plant == PLANT_GLOOMY || rng_chance(run->rng, 10))
		cluster_run(&run->cluster, IDLE_MS);
	else
		return;
	if (!run->cluster.world.failed)
		oracle_check_ready(&run->cluster);
}

/* The first table begins at a time, or after a change; some seconds of writes are before that, some after. */
static void choose_start(struct run *run)
{
	struct ledger_table *table = run->cluster.tables[0];
	struct service *service = run->cluster.world.service;
	int64_t n = between(run, 1, 6), chosen = between(run, 1, n);

	for (int64_t i = 1; i <= n; i++) {
		do_writes(run);
		if (rng_chance(run->rng, 30))
			service_split(service, str_of(table->name),
				      world_wall_ms(&run->cluster.world));
		cluster_run(&run->cluster, between(run, 1, 2000));
		if (i != chosen)
			continue;
		cluster_put(&run->cluster, table->name, "k0", 0);
		/* A shard of a stream that is replaced before anybody comes is none of the present one's. */
		if (rng_chance(run->rng, 50) && !run->recreates)
			cluster_start_after(&run->cluster, table, "k0");
		else
			table->start_wall_ms = world_wall_ms(&run->cluster.world);
	}
	ledger_refresh(&run->cluster.ledger);
}

/* Chooses a run's deployment and starts it. */
static void begin(struct run *run, enum shape shape, bool kcl, int64_t writes)
{
	choose_options(run);
	choose_deployment(run, shape, kcl);
	for (int64_t i = 0; i < writes && rng_chance(run->rng, 50); i++)
		do_writes(run);
	if (rng_chance(run->rng, 20))
		choose_start(run);
	for (size_t i = 0; i < run->cluster.n_workers; i++) {
		turmoil_configure(&run->turmoil, &run->cluster.workers[i]);
		cluster_start(&run->cluster.workers[i]);
	}
}

bool random_run(uint64_t seed, enum plant plant, enum shape shape, struct world_trace *trace,
		struct coverage *coverage)
{
	struct run *run = mem_alloc(sizeof(*run));
	int64_t slices;
	bool ok;

	cluster_init(&run->cluster, seed, trace);
	run->cluster.coverage = coverage;
	run->cluster.world.plant = plant;
	run->rng = &run->cluster.world.rng;
	run->eight = plant == PLANT_NONE && shape != SHAPE_MANY &&
		     (rng_chance(run->rng, 12) || shape == SHAPE_EIGHT);
	slices = between(run, SLICES_MIN, SLICES_MAX);
	/* By the seed itself, so that the other runs are what they are without it. */
	begin(run, shape, plant == PLANT_NONE && seed % KCL_EVERY == 0, slices / 10);
	for (int64_t i = 0; i < slices && !run->cluster.world.failed; i++)
		slice(run);
	for (int64_t i = 0; run->ages && i < AGE_STEPS && !run->cluster.world.failed; i++)
		pass(run, SECOND_MS);
	for (int64_t i = 0; run->ages && i < slices / 4 && !run->cluster.world.failed; i++)
		slice(run);
	if (!run->cluster.world.failed)
		calm(run);
	if (!run->cluster.world.failed && oracle_settle(&run->cluster, SETTLE_MS))
		idle(run);
	coverage_turmoil(coverage, &run->turmoil);
	cluster_release(&run->cluster);
	ok = !run->cluster.world.failed;
	mem_free(run);
	return ok;
}
