/* SPDX-License-Identifier: Apache-2.0 */
/* The options that a scenario may set: the engine's, the service's, the network's. */
#ifndef SIM_SCENARIO_OPTION_H
#define SIM_SCENARIO_OPTION_H

#include "tests/sim/cluster.h"

/* Sets the option of that name; false when there is none. */
bool scenario_option(struct cluster *cluster, struct str name, int64_t value);

#endif
