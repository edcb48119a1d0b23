/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenario files: known stories as lines of words. The language is described in
 * tests/scenarios/README.md; the table of commands in scenario.c is the truth.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "tests/sim/cluster.h"

/*
 * Runs one scenario, given as text; `name` is for messages. True when every expectation and every
 * invariant held; otherwise the reason is in the trace.
 */
bool scenario_run(const char *name, struct str text, struct world_trace *trace);

#endif
