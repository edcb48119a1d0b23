/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This worker among others: the checkpoint table, our heartbeat row, and who else is alive.
 *
 * The owner of a lease is "<worker id>:<incarnation>"; an incarnation is one life of one process. A
 * heartbeat row per worker carries its present incarnation; a lease is free when no unfenced heartbeat
 * row carries its owner's. So a restart, which replaces the heartbeat row, frees its predecessor's
 * leases at once, and the predecessor, should it still run, finds out by its next heartbeat.
 *
 * The start goes through the states of enum worker_state: look for the table, create it if it is
 * missing, check the schema row, replace our heartbeat row, read all rows, run. An observer judges
 * others by its own clock since their counter last changed, and fences a dead one's heartbeat row
 * before its leases count as free.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "consumer/engine/state.h"

/* Begins the start. */
void worker_start(struct engine *engine);

/*
 * Whether the lease owner "<id>:<incarnation>" is us or an unfenced worker. One who is not known might
 * have started after the heartbeat rows were read: it counts as alive until a later look says no, which
 * this asks for.
 */
bool worker_owner_lives(struct engine *engine, struct str owner);

/* Whether our leases are still ours by our own clock: the holder's side of their expiry. */
bool worker_may_deliver(struct engine *engine);

/* Draining: once all leases are given back, deletes our heartbeat row and stops the engine. */
void worker_consider_leaving(struct engine *engine);

/* Ends everything that is under way, and frees what worker.c owns. */
void worker_release(struct engine *engine);

#endif
