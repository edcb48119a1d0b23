/* SPDX-License-Identifier: Apache-2.0 */
/* The sinks of a random run, and how they are to fail. */
#ifndef SIM_RANDOMSINKS_H
#define SIM_RANDOMSINKS_H

#include "tests/sim/cluster.h"

enum { RANDOMSINKS_EIGHT = 8 };

/* Eight sinks, each of which fails in its own way; two more take dead letters, one of them badly. */
void randomsinks_eight(struct cluster *cluster);

/* In which way the one of that number fails. */
enum target_mode randomsinks_mode(size_t i);

/* Some of the sinks that are there have dead letters, limits, or, if the one worker is alone, a memory. */
void randomsinks_poison(struct cluster *cluster, size_t n_sinks, bool alone);

#endif
