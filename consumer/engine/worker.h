/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This worker among others: the checkpoint table, and our heartbeat row.
 *
 * The owner of a lease is "<worker id>:<incarnation>"; an incarnation is one life of one process. A
 * heartbeat row per worker carries its present incarnation; a lease is free when no unfenced heartbeat
 * row carries its owner's. So a restart, which replaces the heartbeat row, frees its predecessor's
 * leases at once, and the predecessor, should it still run, finds out by its next heartbeat.
 *
 * The start goes through the states of enum worker_state: look for the table, create it if it is
 * missing, check the schema row, join the list of workers, replace our heartbeat row, adopt the registry
 * (adopt.h), look at the others (peers.h) and read all rows (sweep.h), run.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "consumer/engine/state.h"

/* Names the worker: its id, a fresh incarnation, and the owner that both make. */
void worker_name(struct engine *engine);

/* Begins the start; of an engine that begins anew, with our heartbeat row. */
void worker_start(struct engine *engine);

/* The registry is adopted. */
void worker_adopted(struct engine *engine);

/* The other workers and all rows may have been seen by now: then the leases are next. */
void worker_scanned(struct engine *engine);

/* Sends the next heartbeat now: it has something to say. */
void worker_beat_soon(struct engine *engine);

/* Another process is the worker of our id now, or judged us dead: stops the engine. */
void worker_replaced(struct engine *engine);

/* Whether our leases are still ours by our own clock: the holder's side of their expiry. */
bool worker_may_deliver(struct engine *engine);

/* Draining: once all leases are given back, deletes our heartbeat row and stops the engine. */
void worker_consider_leaving(struct engine *engine);

/* Ends everything that is under way, and frees what worker.c owns. */
void worker_release(struct engine *engine);

#endif
