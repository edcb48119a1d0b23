/* SPDX-License-Identifier: Apache-2.0 */
/* The checks are checked: each plant must be noticed, by the invariant that is meant to. */
#ifndef SIM_SELFTEST_H
#define SIM_SELFTEST_H

#include "tests/sim/world.h"

/* The plant of that name; PLANT_N when there is none. */
enum plant plant_find(struct str word);

/* Runs all plants and prints a line for each; true when every one was noticed. */
bool selftest_run(struct world_trace *trace);

#endif
