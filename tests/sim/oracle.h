/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants that hold over a whole deployment, checked while it runs and at its end. Those of
 * single records, rows and polls are with the ledger, the rowwatch and the pollwatch.
 *
 *	budget, window		the engines' memory stays within the options
 *	stall-isolation		a dead or slow sink does not delay a healthy one
 *	liveness		once nothing misbehaves, everything is delivered and written down
 *	gap-reported		a trimmed change that a sink never got is covered by a gap record
 *	memory			an engine gives everything back
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "tests/sim/cluster.h"

/* Starts the oracle; it looks at everything each second of virtual time, and at all traffic. */
void oracle_start(struct cluster *cluster);

/* Checks one engine's own figures. */
void oracle_check_engine(struct cluster *cluster, const struct worker *worker);

/* After an engine was freed: what it did not give back. */
void oracle_check_freed(struct cluster *cluster, const struct proc *proc);

/* Whether every sink has everything, rows say so, and every running engine says so. */
bool oracle_settled(struct cluster *cluster);

/* Waits until that is so, for at most `ms`; breaks liveness otherwise. Then checks gap-reported. */
bool oracle_settle(struct cluster *cluster, int64_t ms);

/* When all is settled and has been for a while: every engine that runs says that it is ready. */
void oracle_check_ready(struct cluster *cluster);

#endif
