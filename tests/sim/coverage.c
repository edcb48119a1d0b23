/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/coverage.h"

#include <stdio.h>

/* Adds the service's own counts. */
static void add_service(struct coverage *coverage, const struct service *service)
{
	size_t i = 0;

	for (const struct service_hit *hit = service_hits(service); hit->name != NULL; hit++, i++) {
		must(i < ARRAY_N(coverage->service));
		coverage->service_names[i] = hit->name;
		coverage->service[i] += hit->n;
	}
	coverage->n_service = i;
}

/* Adds what the engines logged. */
static void add_logs(struct coverage *coverage, const struct cluster *cluster)
{
	coverage->bisections += cluster_count(cluster, STR("sink.bisecting"));
	coverage->blocked += cluster_count(cluster, STR("sink.blocked"));
	coverage->positions += cluster_count(cluster, STR("cursor.position"));
	coverage->fenced += cluster_count(cluster, STR("worker.fenced"));
	coverage->lost += cluster_count(cluster, STR("lease.lost"));
	coverage->expired += cluster_count(cluster, STR("worker.paused"));
	coverage->resumed += cluster_count(cluster, STR("worker.resumed"));
	coverage->renewed += cluster_count(cluster, STR("worker.renewed"));
	coverage->aside += cluster_count(cluster, STR("worker.stands_aside"));
}

/* Adds what happened to the workers. */
static void add_workers(struct coverage *coverage, const struct cluster *cluster)
{
	for (unsigned i = 0; i < LEDGER_LIVES; i++)
		coverage->superseded += cluster->lives.lives[i].superseded;
	coverage->workers[cluster->fleet.most]++;
	coverage->takeovers += cluster->lives.takeovers;
	coverage->refused += cluster->rows.refusals;
	coverage->deleted += cluster->rows.deleted;
	coverage->again += cluster->registry.again;
	coverage->removed += cluster->registry.removed;
	coverage->seeks += cluster->registry.seeks;
	coverage->strays += cluster->ledger.strays;
	coverage->several += cluster->fleet.most > 1;
	for (enum fleet_check check = 0; check < FLEET_CHECKS; check++)
		coverage->checks[check] += cluster->fleet.checked[check];
}

void coverage_cluster(struct coverage *coverage, struct cluster *cluster)
{
	const struct world *world = &cluster->world;

	if (coverage == NULL)
		return;
	for (enum net_fault fault = NET_NONE; fault < NET_N; fault++)
		coverage->faults[fault] += world->hits[fault];
	for (size_t i = 0; i < cluster->n_targets; i++) {
		for (enum target_mode mode = TARGET_FAST; mode < TARGET_MODES; mode++)
			coverage->modes[mode] += cluster->targets[i].hits[mode];
		coverage->memories += cluster->targets[i].remembers;
		coverage->poisons += cluster->targets[i].poisons;
		coverage->letters += cluster->ledger.letters[i];
		coverage->letters_doubled += cluster->ledger.letters_doubled[i];
	}
	for (enum io_service service = IO_STREAMS; service <= IO_TABLES; service++)
		coverage->cut[service] += world->hits_cut[service];
	coverage->answers_cut += world->hits_answer_cut;
	coverage->skew += world->hits_skew;
	coverage->credentials += world->hits_credentials;
	coverage->pause += world->hits_pause;
	coverage->suspend += world->hits_suspend;
	add_logs(coverage, cluster);
	add_workers(coverage, cluster);
	add_service(coverage, world->service);
}

void coverage_engine(struct coverage *coverage, const struct engine *engine)
{
	struct engine_transition steps[CLUSTER_STEPS_MAX];
	struct engine_stats stats;
	size_t n;

	if (coverage == NULL)
		return;
	n = engine_transitions(engine, steps, CLUSTER_STEPS_MAX);
	must(n <= CLUSTER_STEPS_MAX && (coverage->n_steps == 0 || coverage->n_steps == n));
	for (size_t i = 0; i < n; i++) {
		steps[i].n += coverage->n_steps != 0 ? coverage->steps[i].n : 0;
		coverage->steps[i] = steps[i];
	}
	coverage->n_steps = n;
	engine_stats(engine, &stats);
	coverage->gap += stats.gaps;
	coverage->detach += stats.detaches;
	coverage->rejoin += stats.rejoins;
}

void coverage_turmoil(struct coverage *coverage, const struct turmoil *turmoil)
{
	if (coverage == NULL)
		return;
	for (enum turmoil_kind kind = 0; kind < TURMOIL_N; kind++)
		coverage->turmoil[kind] += turmoil->hits[kind];
	coverage->lacking += turmoil->lacking;
	coverage->half_added += turmoil->half_added;
}

/* Adds `n` numbers to others. */
static void add(uint64_t *to, const uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

void coverage_add(struct coverage *coverage, const struct coverage *other)
{
	/* All that lies between the first and the last counter is counters. */
	add(coverage->faults, other->faults,
	    (offsetof(struct coverage, service_names) - offsetof(struct coverage, faults)) /
		    sizeof(uint64_t));
	for (size_t i = 0; i < other->n_steps; i++) {
		uint64_t n = coverage->n_steps != 0 ? coverage->steps[i].n : 0;

		coverage->steps[i] = other->steps[i];
		coverage->steps[i].n += n;
	}
	if (other->n_steps != 0)
		coverage->n_steps = other->n_steps;
	for (size_t i = 0; i < other->n_service; i++)
		coverage->service_names[i] = other->service_names[i];
	if (other->n_service != 0)
		coverage->n_service = other->n_service;
}

/* Prints one count; 1 when it is zero. */
static size_t print_hit(const char *kind, const char *name, uint64_t n)
{
	printf("hits %s %s %llu\n", kind, name, (unsigned long long)n);
	return n == 0;
}

/* Whether random runs are too small for it: those hits come from scenarios and from the model's tests. */
static bool beyond_random(const char *service_hit)
{
	static const char *const names[] = {"page_bytes",   "shards_paged", "scan_paged",
					    "ttl_delete",   "stream_gone",  "batch_bytes",
					    "partial_batch"};

	for (size_t i = 0; i < ARRAY_N(names); i++) {
		if (str_eq(str_of(service_hit), str_of(names[i])))
			return true;
	}
	return false;
}

/* Prints what went wrong, and how often. */
static size_t print_faults(const struct coverage *coverage)
{
	size_t zeroes = 0;

	/* Requests are held by scenarios only. */
	for (enum net_fault fault = NET_NONE; fault < NET_HOLD; fault++)
		zeroes += print_hit("fault", net_fault_word(fault), coverage->faults[fault]);
	zeroes += print_hit("fault", "skew", coverage->skew);
	zeroes += print_hit("fault", "credentials", coverage->credentials);
	zeroes += print_hit("fault", "pause", coverage->pause);
	zeroes += print_hit("fault", "suspend", coverage->suspend);
	zeroes += print_hit("fault", "crash", coverage->crash);
	zeroes += print_hit("fault", "drain", coverage->drain);
	zeroes += print_hit("fault", "orphaned-request", coverage->late_writes);
	zeroes += print_hit("fault", "cut-from-streams", coverage->cut[IO_STREAMS]);
	zeroes += print_hit("fault", "cut-from-tables", coverage->cut[IO_TABLES]);
	zeroes += print_hit("fault", "answer-cut", coverage->answers_cut);
	return zeroes;
}

/* Whether there were runs with one worker: some things happen in those only. */
static bool are_alone(const struct coverage *coverage)
{
	return coverage->workers[1] != 0;
}

/* Prints what became of the workers and their leases. */
static size_t print_workers(const struct coverage *coverage)
{
	size_t zeroes = 0;
	char name[32];
	bool alone = are_alone(coverage);

	for (enum turmoil_kind kind = 0; kind < TURMOIL_N; kind++)
		zeroes += print_hit("turmoil", turmoil_word(kind), coverage->turmoil[kind]);
	for (size_t i = 1; i <= TURMOIL_RUNNING_MAX; i++) {
		snprintf(name, sizeof(name), "%zu-at-once", i);
		zeroes += print_hit("workers", name, coverage->workers[i]) && (i > 1 || alone);
	}
	zeroes += print_hit("leases", "takeover", coverage->takeovers);
	zeroes += print_hit("leases", "lost", coverage->lost);
	zeroes += print_hit("leases", "refused", coverage->refused);
	zeroes += print_hit("leases", "row-deleted", coverage->deleted);
	zeroes += print_hit("workers", "fenced", coverage->fenced);
	zeroes += print_hit("workers", "expired", coverage->expired);
	zeroes += print_hit("workers", "resumed", coverage->resumed);
	zeroes += print_hit("workers", "superseded", coverage->superseded);
	for (enum fleet_check check = 0; check < FLEET_CHECKS; check++)
		print_hit("checked", fleet_check_word(check), coverage->checks[check]);
	/* The others are not switched on yet. */
	return zeroes + (coverage->checks[FLEET_ORPHAN] == 0) +
	       (coverage->checks[FLEET_FOLLOWS] == 0) +
	       (coverage->checks[FLEET_ASIDE] == 0 && coverage->several != 0) +
	       (coverage->checks[FLEET_WRITES] == 0) + (coverage->checks[FLEET_HERD] == 0);
}

/* Prints what became of the registry; some of it takes several workers. */
static size_t print_registry(const struct coverage *coverage)
{
	size_t zeroes = 0;

	zeroes += print_hit("registry", "start-without-a-sink", coverage->lacking);
	zeroes += print_hit("registry", "removed", coverage->removed);
	zeroes += print_hit("registry", "seek", coverage->seeks);
	zeroes += print_hit("registry", "added-again", coverage->again);
	zeroes += print_hit("registry", "half-added", coverage->half_added);
	zeroes += print_hit("registry", "renewed", coverage->renewed);
	zeroes += print_hit("registry", "stood-aside", coverage->aside) && coverage->several != 0;
	print_hit("registry", "stray", coverage->strays);
	return zeroes;
}

/* Prints what sinks did, and what the engines made of it. */
static size_t print_sinks(const struct coverage *coverage)
{
	size_t zeroes = 0;

	for (enum target_mode mode = TARGET_FAST; mode < TARGET_MODES; mode++)
		zeroes += print_hit("sink", target_mode_word(mode), coverage->modes[mode]);
	zeroes += print_hit("sink", "poison", coverage->poisons);
	zeroes += print_hit("engine", "gap", coverage->gap);
	zeroes += print_hit("engine", "detach", coverage->detach);
	zeroes += print_hit("engine", "rejoin", coverage->rejoin);
	zeroes += print_hit("engine", "dead-letter", coverage->letters);
	zeroes += print_hit("engine", "dead-letter-again", coverage->letters_doubled);
	zeroes += print_hit("engine", "bisection", coverage->bisections);
	zeroes += print_hit("engine", "blocked", coverage->blocked);
	/* Sinks remember only where one worker is all there ever is. */
	zeroes += print_hit("engine", "position", coverage->positions) && coverage->memories != 0;
	return zeroes;
}

size_t coverage_print(const struct coverage *coverage)
{
	size_t zeroes = print_faults(coverage) + print_workers(coverage) + print_sinks(coverage) +
			print_registry(coverage);
	char name[128];

	for (size_t i = 0; i < coverage->n_service; i++) {
		if (!beyond_random(coverage->service_names[i]))
			zeroes += print_hit("service", coverage->service_names[i],
					    coverage->service[i]);
	}
	for (size_t i = 0; i < coverage->n_steps; i++) {
		const struct engine_transition *step = &coverage->steps[i];

		snprintf(name, sizeof(name), "%s->%s", step->from, step->to);
		zeroes += print_hit(step->machine, name, step->n);
	}
	return zeroes;
}
