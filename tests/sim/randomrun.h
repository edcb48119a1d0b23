/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random runs: a seed chooses a deployment and what happens to it; at the end everything behaves, and
 * everything must be delivered.
 */
#ifndef SIM_RANDOMRUN_H
#define SIM_RANDOMRUN_H

#include "tests/sim/coverage.h"

/* What kind of deployment a run is about. */
enum shape {
	SHAPE_ANY,
	SHAPE_EIGHT, /* eight sinks that all fail, each in its own way; one worker */
	SHAPE_MANY, /* two to five workers, and more happens to them */
};

/* Runs one seed; true when all invariants held. Adds to `coverage`, which may be NULL. */
bool random_run(uint64_t seed, enum plant plant, enum shape shape, struct world_trace *trace,
		struct coverage *coverage);

#endif
