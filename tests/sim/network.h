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

/* Ends every request that is still under way, without completing it. */
void network_release(struct world *world);

#endif
