/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator does to the checkpoint table by hand or by the verbs of the program: adds and removes
 * sinks, and has tables read again. Each request is carried out at once, and no faults meet it.
 */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H

#include "tests/sim/cluster.h"

/*
 * Adds a sink, or completes what was left half done; stops behind the first step of that name ("read",
 * "register", "scan", "bump"), or goes on to the end (empty). False: no such step.
 */
bool operator_add(struct cluster *cluster, const struct target *target, struct str last_step);

/* Whoever stopped while adding a sink was not dead, and goes on to the end; false when nobody did. */
bool operator_add_goes_on(struct cluster *cluster);

/* Forgets whoever stopped while adding. */
void operator_release(struct cluster *cluster);

/* Takes a sink out of the registry; false when it is not there. */
bool operator_remove(struct cluster *cluster, struct str sink);

/*
 * Has a table read again from the horizon, for one sink or (NULL) for all; for all, too, where a row holds
 * that one sink cannot go alone. The registry gets a new epoch and `seek`; the world goes on until all who
 * live say that epoch, those that are silent are fenced; the rows are written anew; `seek` goes. `half`:
 * stops before the rows, and goes on there when it is asked again. False when somebody neither adopts the
 * epoch nor dies.
 */
bool operator_seek(struct cluster *cluster, const struct ledger_table *table,
		   const struct target *only, bool half);

#endif
