/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/turmoil.h"

#include <stdio.h>

#include "base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/operator.h"

enum {
	SPARE_LIVES = 20, /* of LEDGER_LIVES, for the end of the run */
	RESTART_MAX_MS = SECOND_MS, /* what a supervisor takes */
	CUT_NOTICED_MS = 20 * SECOND_MS,
};

static const struct {
	const char *word;
	unsigned weight;
} kinds[TURMOIL_N] = {
#define TURMOIL(id, word_, weight_) [TURMOIL_##id] = {word_, weight_},
	TURMOILS
#undef TURMOIL
};

const char *turmoil_word(enum turmoil_kind kind)
{
	return kinds[kind].word;
}

void turmoil_init(struct turmoil *turmoil, struct cluster *cluster)
{
	*turmoil = (struct turmoil){.cluster = cluster, .optional = LEDGER_SINKS};
}

/* A time from now on. */
static int64_t after(struct turmoil *turmoil, int64_t from_ms, int64_t to_ms)
{
	struct world *world = &turmoil->cluster->world;

	return world->now_ms + world_between(world, from_ms, to_ms);
}

/* What is to become of the worker. */
static struct fate *fate_of(struct turmoil *turmoil, const struct worker *worker)
{
	return &turmoil->fates[worker - turmoil->cluster->workers];
}

/* A worker that works, by chance; NULL: none does. */
static struct worker *any_working(struct turmoil *turmoil)
{
	struct cluster *cluster = turmoil->cluster;
	size_t n = cluster_n_working(cluster), at;

	if (n == 0)
		return NULL;
	at = rng_below(&cluster->world.rng, n);
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster_works(&cluster->workers[i]) && at-- == 0)
			return &cluster->workers[i];
	}
	return NULL;
}

/* How many workers there are, whatever they do, or will be again by themselves. */
static size_t n_present(const struct turmoil *turmoil)
{
	size_t n = 0;

	for (size_t i = 0; i < turmoil->cluster->n_workers; i++)
		n += turmoil->cluster->workers[i].engine != NULL || !turmoil->fates[i].gone;
	return n;
}

/* Whether the worker is the last one that will always be there again. */
static bool is_last(const struct turmoil *turmoil, const struct worker *worker)
{
	for (size_t i = 0; i < turmoil->cluster->n_workers; i++) {
		const struct worker *other = &turmoil->cluster->workers[i];

		if (other != worker && !turmoil->fates[i].gone && other->alias[0] == '\0')
			return false;
	}
	return true;
}

/* A worker that is not there: one that left, or a new one. NULL: there are enough. */
static struct worker *newcomer(struct turmoil *turmoil)
{
	struct cluster *cluster = turmoil->cluster;
	char id[32];

	if (turmoil->alone || n_present(turmoil) >= TURMOIL_RUNNING_MAX ||
	    cluster->world.lives >= LEDGER_LIVES - SPARE_LIVES)
		return NULL;
	for (size_t i = 0; i < cluster->n_workers; i++) {
		if (cluster->workers[i].engine == NULL && turmoil->fates[i].gone &&
		    (cluster->n_workers == CLUSTER_WORKERS || rng_chance(&cluster->world.rng, 50)))
			return &cluster->workers[i];
	}
	if (cluster->n_workers == CLUSTER_WORKERS)
		return NULL;
	snprintf(id, sizeof(id), "w%zu", cluster->n_workers + 1);
	return cluster_worker(cluster, id);
}

void turmoil_configure(struct turmoil *turmoil, struct worker *worker)
{
	struct cluster *cluster = turmoil->cluster;

	worker->without = LEDGER_SINKS;
	if (turmoil->optional == LEDGER_SINKS || turmoil->calm ||
	    rng_chance(&cluster->world.rng, 50))
		return;
	worker->without = turmoil->optional;
	turmoil->lacking++;
}

/* Whether somebody runs the sink that may be missing in configurations. */
static bool anybody_runs_it(const struct turmoil *turmoil)
{
	for (size_t i = 0; i < turmoil->cluster->n_workers; i++) {
		const struct worker *worker = &turmoil->cluster->workers[i];

		if (worker->engine != NULL && worker->without != turmoil->optional)
			return true;
	}
	return false;
}

/* A table is read again, by one sink or by all; sometimes that stops half way. */
static void seek(struct turmoil *turmoil)
{
	struct cluster *cluster = turmoil->cluster;
	struct rng *rng = &cluster->world.rng;
	const struct ledger_table *table = cluster->tables[rng_below(rng, cluster->n_tables)];
	size_t sink = rng_below(rng, cluster->n_targets);
	bool one = rng_chance(rng, 30) && cluster->ledger.sinks[sink].active;

	world_note(&cluster->world, "sim", "%s is read again", table->name);
	operator_seek(cluster, table, one ? &cluster->targets[sink] : NULL, rng_chance(rng, 20));
}

/* An operator removes the sink that may be missing, if nobody runs it, or adds it, perhaps half way. */
static void change_sinks(struct turmoil *turmoil)
{
	static const char *const steps[] = {"", "", "read", "register", "scan", "bump"};
	struct cluster *cluster = turmoil->cluster;
	struct rng *rng = &cluster->world.rng;
	const struct ledger_sink *sink = &cluster->ledger.sinks[turmoil->optional];
	struct str name;

	name = str_of(cluster->targets[turmoil->optional].name);
	if (sink->registered && !anybody_runs_it(turmoil)) {
		world_note(&cluster->world, "sim", "sink %.*s is removed", STR_ARG(name));
		operator_remove(cluster, name);
	} else if (cluster->adding != NULL && rng_chance(rng, 30)) {
		operator_add_goes_on(cluster);
	} else if (!sink->active && rng_chance(rng, 50)) {
		const char *step = steps[rng_below(rng, ARRAY_N(steps))];

		world_note(&cluster->world, "sim", "sink %.*s is added%s%s", STR_ARG(name),
			   step[0] != '\0' ? ", but not behind " : "", step);
		operator_add(cluster, &cluster->targets[turmoil->optional], str_of(step));
		turmoil->half_added += step[0] != '\0';
	}
}

void turmoil_administer(struct turmoil *turmoil)
{
	struct cluster *cluster = turmoil->cluster;

	if (cluster->registry.version == 0)
		return;
	if (turmoil->seeks && rng_chance(&cluster->world.rng, 25))
		seek(turmoil);
	else if (turmoil->optional != LEDGER_SINKS)
		change_sinks(turmoil);
}

/* Starts a worker, unless there have been too many lives: `spare` of them are for later. */
static void start(struct turmoil *turmoil, struct worker *worker, unsigned spare)
{
	struct fate *fate = fate_of(turmoil, worker);

	fate->start_ms = 0;
	fate->gone = false;
	if (turmoil->cluster->world.lives >= LEDGER_LIVES - spare)
		return;
	turmoil_configure(turmoil, worker);
	cluster_start(worker);
}

/* Keeps a worker from some of its services for a while. */
static void cut(struct turmoil *turmoil, const struct worker *worker, bool streams, bool tables)
{
	struct cluster *cluster = turmoil->cluster;
	struct net_partition partition = {
		.services = {[IO_STREAMS] = streams, [IO_TABLES] = tables},
		.silent = rng_chance(&cluster->world.rng, 50),
		.until_ms = after(turmoil, SECOND_MS, 3 * cluster->options.lease_ms),
	};

	snprintf(partition.worker, sizeof(partition.worker), "%s", worker->id);
	if (!network_partition(&cluster->world, &partition))
		return;
	if (turmoil->cut_until_ms < partition.until_ms)
		turmoil->cut_until_ms = partition.until_ms;
	world_note(&cluster->world, worker->id, "is cut off from%s%s until %lld",
		   streams ? " streams" : "", tables ? " tables" : "",
		   (long long)partition.until_ms);
	cluster_faulty(cluster, partition.until_ms - cluster->world.now_ms + CUT_NOTICED_MS);
}

/* Stops a worker for a while. */
static void stop_for_a_while(struct turmoil *turmoil, struct worker *worker, enum turmoil_kind kind)
{
	int64_t lease_ms = turmoil->cluster->options.lease_ms;
	bool brief = kind == TURMOIL_PAUSE_SHORT ||
		     (kind == TURMOIL_SUSPEND && rng_chance(&turmoil->cluster->world.rng, 30));

	cluster_pause(worker, kind == TURMOIL_SUSPEND);
	fate_of(turmoil, worker)->resume_ms =
		brief ? after(turmoil, 1, lease_ms - 1) : after(turmoil, lease_ms, 4 * lease_ms);
}

/* One after the other is to be replaced. */
static void begin_rolling(struct turmoil *turmoil)
{
	if (turmoil->rolling < turmoil->rolling_end)
		return;
	turmoil->rolling = 0;
	turmoil->rolling_end = turmoil->cluster->n_workers;
	turmoil->rolling_asked = false;
	turmoil->rolling_renames = !turmoil->alone && rng_chance(&turmoil->cluster->world.rng, 40);
}

/* A second process comes up under the id of a worker: by mistake, or because the first is thought dead. */
static void begin_twin(struct turmoil *turmoil, const struct worker *worker)
{
	struct worker *twin = newcomer(turmoil);

	if (twin == NULL)
		return;
	snprintf(twin->alias, sizeof(twin->alias), "%s",
		 worker->alias[0] != '\0' ? worker->alias : worker->id);
	twin->vouched = rng_chance(&turmoil->cluster->world.rng, 50);
	twin->unproven = true;
	start(turmoil, twin, SPARE_LIVES);
}

/* A new worker joins. */
static void join(struct turmoil *turmoil)
{
	struct worker *worker = newcomer(turmoil);

	if (worker == NULL)
		return;
	worker->vouched = rng_chance(&turmoil->cluster->world.rng, 50);
	start(turmoil, worker, SPARE_LIVES);
}

/* A worker's wall clock jumps. */
static void jump(struct turmoil *turmoil, struct worker *worker, int64_t most_ms)
{
	cluster_clock(worker, world_between(&turmoil->cluster->world, -most_ms, most_ms));
	cluster_faulty(turmoil->cluster, CUT_NOTICED_MS);
}

/* A thing of that kind happens to the worker. */
static void happen(struct turmoil *turmoil, struct worker *worker, enum turmoil_kind kind)
{
	struct fate *fate = fate_of(turmoil, worker);
	int64_t lease_ms = turmoil->cluster->options.lease_ms;

	switch (kind) {
	case TURMOIL_CRASH:
		cluster_crash(worker);
		fate->start_ms = after(turmoil, 1, RESTART_MAX_MS);
		break;
	case TURMOIL_CRASH_STAY:
		cluster_crash(worker);
		fate->start_ms = after(turmoil, lease_ms, 4 * lease_ms);
		break;
	case TURMOIL_PAUSE_SHORT:
	case TURMOIL_PAUSE_LONG:
	case TURMOIL_SUSPEND:
		stop_for_a_while(turmoil, worker, kind);
		break;
	case TURMOIL_RESTART:
		cluster_drain(worker);
		break;
	case TURMOIL_ROLLING:
		begin_rolling(turmoil);
		break;
	case TURMOIL_JOIN:
		join(turmoil);
		break;
	case TURMOIL_LEAVE:
		fate->gone = !is_last(turmoil, worker);
		cluster_drain(worker);
		break;
	case TURMOIL_CUT_TABLES:
	case TURMOIL_CUT_STREAMS:
	case TURMOIL_CUT_ALL:
		cut(turmoil, worker, kind != TURMOIL_CUT_TABLES, kind != TURMOIL_CUT_STREAMS);
		break;
	case TURMOIL_CLOCK:
		jump(turmoil, worker, 20 * MINUTE_MS);
		break;
	case TURMOIL_CLOCK_HOURS:
		jump(turmoil, worker, 12 * HOUR_MS);
		break;
	case TURMOIL_TWIN:
		begin_twin(turmoil, worker);
		break;
	case TURMOIL_N:
		break;
	}
}

void turmoil_act(struct turmoil *turmoil)
{
	struct worker *worker = any_working(turmoil);
	unsigned sum = 0, dice;

	for (enum turmoil_kind kind = 0; kind < TURMOIL_N; kind++)
		sum += kinds[kind].weight;
	dice = (unsigned)rng_below(&turmoil->cluster->world.rng, sum);
	for (enum turmoil_kind kind = 0; kind < TURMOIL_N; kind++) {
		bool outside = kind >= TURMOIL_CUT_TABLES && kind <= TURMOIL_CLOCK_HOURS;

		if (dice >= kinds[kind].weight) {
			dice -= kinds[kind].weight;
			continue;
		}
		if (worker == NULL || (outside && !turmoil->partitions))
			return;
		turmoil->hits[kind]++;
		happen(turmoil, worker, kind);
		return;
	}
}

/* The next step of a rolling deployment. */
static void roll(struct turmoil *turmoil)
{
	struct worker *worker = &turmoil->cluster->workers[turmoil->rolling], *next;

	if (turmoil->rolling >= turmoil->rolling_end)
		return;
	if (!turmoil->rolling_asked && cluster_works(worker)) {
		fate_of(turmoil, worker)->gone = turmoil->rolling_renames;
		cluster_drain(worker);
		turmoil->rolling_asked = true;
	} else if (worker->engine == NULL) {
		turmoil->rolling++;
		if (turmoil->rolling_asked && turmoil->rolling_renames) {
			next = newcomer(turmoil);
			start(turmoil, next == NULL ? worker : next, SPARE_LIVES);
		}
		turmoil->rolling_asked = false;
	} else if (!turmoil->rolling_asked) {
		turmoil->rolling++; /* something else happens to it */
	}
}

void turmoil_tick(struct turmoil *turmoil)
{
	struct cluster *cluster = turmoil->cluster;
	int64_t now_ms = cluster->world.now_ms;

	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct worker *worker = &cluster->workers[i];
		struct fate *fate = &turmoil->fates[i];

		if (fate->resume_ms != 0 && now_ms >= fate->resume_ms) {
			fate->resume_ms = 0;
			cluster_resume(worker);
		}
		/* A twin that ended is not started again: they would take turns for ever. */
		if (worker->engine == NULL && worker->alias[0] != '\0') {
			worker->alias[0] = '\0';
			fate->gone = true;
		}
		if (worker->engine != NULL || fate->gone)
			continue;
		if (fate->start_ms == 0)
			fate->start_ms = after(turmoil, 1, RESTART_MAX_MS);
		else if (now_ms >= fate->start_ms)
			start(turmoil, worker, turmoil->calm ? 2 : SPARE_LIVES);
	}
	roll(turmoil);
}

bool turmoil_cut(const struct turmoil *turmoil)
{
	return turmoil->cut_until_ms > turmoil->cluster->world.now_ms;
}

void turmoil_calm(struct turmoil *turmoil)
{
	struct cluster *cluster = turmoil->cluster;

	network_heal(&cluster->world);
	turmoil->calm = true;
	/* Who was to be replaced comes back itself. */
	if (turmoil->rolling < turmoil->rolling_end && turmoil->rolling_asked)
		turmoil->fates[turmoil->rolling].gone = false;
	turmoil->rolling = turmoil->rolling_end;
	if (turmoil->cut_until_ms > cluster->world.now_ms) {
		turmoil->cut_until_ms = 0;
		cluster_faulty(cluster, CUT_NOTICED_MS);
	}
	if (cluster->registry.seeking)
		operator_seek(cluster, cluster->tables[0], NULL, false);
	for (size_t i = 0; i < cluster->n_workers; i++) {
		struct fate *fate = &turmoil->fates[i];

		fate->resume_ms = 0;
		cluster_resume(&cluster->workers[i]);
		/* Of two under one id, one is enough. */
		if (cluster->workers[i].alias[0] != '\0') {
			fate->gone = true;
			cluster_drain(&cluster->workers[i]);
		}
		/* Who lacks a sink starts again, with all of them. */
		if (cluster->workers[i].without != LEDGER_SINKS)
			cluster_drain(&cluster->workers[i]);
		if (cluster->workers[i].engine == NULL && !fate->gone)
			start(turmoil, &cluster->workers[i], 2);
	}
}
