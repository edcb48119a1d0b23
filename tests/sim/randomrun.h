/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random runs: a seed chooses a deployment and what happens to it; at the end everything behaves, and
 * everything must be delivered.
 */
#ifndef SIM_RANDOMRUN_H
#define SIM_RANDOMRUN_H

#include "tests/sim/cluster.h"

/* Runs one seed; true when all invariants held. Adds to `coverage`, which may be NULL. */
bool random_run(uint64_t seed, enum plant plant, bool eight_sinks, struct world_trace *trace,
		struct coverage *coverage);

/* Prints the coverage; the number of things that never happened. */
size_t coverage_print(const struct coverage *coverage);

#endif
