/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other rows of the checkpoint table: read once at the start, and again as long as a shard that we
 * could read belongs to somebody else. Workers whose counter stands still for the lease time, by our
 * own clock, are fenced; then their leases are free.
 */
#ifndef ENGINE_PEERS_H
#define ENGINE_PEERS_H

#include "consumer/engine/state.h"

/* Reads all rows; worker_scanned is called when they are read. */
void peers_start(struct engine *engine);

/* A heartbeat that was sent at `sent_ms` got through: other incarnations of our id seen before are gone. */
void peers_beaten(struct engine *engine, int64_t sent_ms);

/* Reads all rows once more; then shardlist_rows_read is called. */
void peers_look(struct engine *engine);

/* Implemented in worker.c. */
void worker_scanned(struct engine *engine);

/* Ends what is under way and frees what was read. */
void peers_release(struct engine *engine);

#endif
