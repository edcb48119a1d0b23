/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sweeps: reading all rows of the checkpoint table. The first one at the start, and one whenever a worker
 * has died or left, or many shards have seemed to be free for long, go at full speed. In between one after
 * the other goes slowly, a few read units a second, and shows what nobody told us.
 *
 * What a slow sweep says is a hint: it may be older than what we know. Before something is done about it,
 * the row is read by itself (checkpoint_look).
 */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include "consumer/engine/state.h"

/* Begins the first sweep. */
void sweep_start(struct engine *engine);

/* Wants a whole sweep that begins now or later, at full speed. */
void sweep_soon(struct engine *engine);

/* The shard whose lease row has this key; NULL: not known. */
struct shard *sweep_shard(const struct engine *engine, struct str key);

/* Frees a row that was kept for a shard that is not known yet. */
void kept_row_free(struct kept_row *kept);

/* Ends what is under way and frees the rows that were kept. */
void sweep_release(struct engine *engine);

#endif
