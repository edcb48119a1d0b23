/* SPDX-License-Identifier: Apache-2.0 */
/* What happened how often, over many random runs: a thing that never did proves nothing. */
#ifndef SIM_COVERAGE_H
#define SIM_COVERAGE_H

#include "tests/sim/cluster.h"
#include "tests/sim/turmoil.h"

/* How often each step of the engine's machines, and each fault, was taken. Plain numbers and names. */
struct coverage {
	struct engine_transition steps[CLUSTER_STEPS_MAX];
	size_t n_steps;
	uint64_t faults[NET_N], modes[TARGET_MODES], turmoil[TURMOIL_N],
		workers[CLUSTER_WORKERS + 1];
	uint64_t cut[WORLD_SERVICES], answers_cut;
	uint64_t skew, credentials, pause, suspend, crash, drain, gap, detach, rejoin, late_writes;
	uint64_t letters, letters_doubled, poisons, memories, positions, bisections, blocked;
	uint64_t takeovers, fenced, lost, expired, resumed, superseded, refused, deleted;
	uint64_t lacking, half_added, again, removed, seeks, strays, renewed, aside, several;
	uint64_t checks[FLEET_CHECKS];
	uint64_t service[64];
	const char *service_names[64];
	size_t n_service;
};

/* Adds an engine's counts, before it is freed. `coverage` may be NULL, as below. */
void coverage_engine(struct coverage *coverage, const struct engine *engine);

/* Adds what a whole deployment saw, at its end. */
void coverage_cluster(struct coverage *coverage, struct cluster *cluster);

/* Adds what happened to the workers of a run. */
void coverage_turmoil(struct coverage *coverage, const struct turmoil *turmoil);

/* Adds the counts of other runs. */
void coverage_add(struct coverage *coverage, const struct coverage *other);

/* Prints all counts; how many of them are zero. */
size_t coverage_print(const struct coverage *coverage);

#endif
