/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated network: requests of processes on their way to the model of the service and back,
 * and what can happen to them.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "tests/sim/world.h"

/* Sends a request of `proc`; its completion comes later, by world_step. */
void network_send(struct proc *proc, struct io_http *http);

/* The sender gives a request up; it may reach the service all the same. */
void network_cancel(struct proc *proc, struct io_http *http);

/* The process's connections are gone: what it waits for ends now, without an answer. */
void network_cut(struct proc *proc);

/* What was held on its way (NET_HOLD) goes on to the service; `operation` empty: all of it. How many. */
size_t network_let_go(struct world *world, struct str operation);

/* From now on the process of that name does not reach some services for `ms`; false: too many do not. */
bool network_partition(struct world *world, const struct net_partition *partition);

/* All partitions are over. */
void network_heal(struct world *world);

/* What was used of the checkpoint table in the last `seconds` whole seconds, this one not included. */
struct net_usage network_usage(const struct world *world, int64_t seconds);

/* Ends every request that is still under way, without completing it. */
void network_release(struct world *world);

#endif
