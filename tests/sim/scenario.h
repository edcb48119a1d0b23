/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario files: known stories as lines of words. The language is described in
 * tests/scenarios/README.md; the tables of commands in scenario.c and troubles.c are the truth.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "tests/sim/line.h"

/*
 * Runs one scenario, given as text; `name` is for messages. True when every expectation and every
 * invariant held; otherwise the reason is in the trace. A story that is told well comes out the same for
 * each seed, which decides latencies, names and what is poison.
 */
bool scenario_run(const char *name, struct str text, uint64_t seed, struct world_trace *trace);

/* The commands about workers, clocks and the network; a NULL word ends them. */
extern const struct command scenario_troubles[];

#endif
