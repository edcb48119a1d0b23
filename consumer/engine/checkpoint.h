/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard's lease row: taking it, writing down the sinks' positions, giving it back, deleting it.
 *
 * Every write is conditional on our owner string and on the counter, and bumps the counter; one write
 * per row is outstanding at a time. After a failed condition or an unknown outcome the row is read: if
 * it still says that we are the owner, its counter and positions are adopted and we go on, otherwise
 * the lease is lost and everything that is not in the row is forgotten.
 */
#ifndef ENGINE_CHECKPOINT_H
#define ENGINE_CHECKPOINT_H

#include "consumer/engine/state.h"

/* Sets up what belongs to a shard's row. */
void checkpoint_init(struct shard *shard);

/* Ends what is under way for a shard's row and frees what belongs to it. */
void checkpoint_release(struct shard *shard);

/* Takes over what a row says that was read from the table. */
void checkpoint_adopt_row(struct shard *shard, const struct row *row);

/* The only way to change shard->lease. */
void lease_set_state(struct shard *shard, enum lease_state state);

/* Whether the row's `checkpoint` is behind what all sinks have, and we may move it. */
bool checkpoint_lags(const struct shard *shard);

/* Does what is next for the row: settle, release, write, take. */
void lease_step(struct shard *shard);

enum { ROW_KEY_MAX = 1024 };

/* What every request about the row starts from; `key` gets its key, and is the caller's to release. */
struct row_write checkpoint_write_of(const struct shard *shard, struct buf *key);

/* The shard is ready: takes its lease as soon as it is free. */
void lease_want(struct shard *shard);

/*
 * Reads the row of a shard that is not ours by itself, consistently, and adopts what it says: also that it
 * names us as the owner, or that it is gone because its shard is finished.
 */
void checkpoint_look(struct shard *shard);

/* Hands a shard of ours over to another owner, once its sinks are idle; balance_handed tells the end. */
void checkpoint_hand_over(struct shard *shard, struct str heir);

/* Keeps a shard that was to be handed over, unless that is written already, or may be. */
void checkpoint_keep(struct shard *shard);

/* The sinks have ended some delivery of the shard: what waited for that goes on. */
void checkpoint_sinks_idle(struct shard *shard);

/* Writes the positions of a shard of ours, though they may not have moved, unless its row is busy. */
void checkpoint_renew(struct shard *shard);

/* Draining: writes the last positions and gives all leases back. */
void checkpoint_release_all(struct engine *engine);

/* Whether we hold no lease any more and no write is outstanding. */
bool checkpoint_all_released(const struct engine *engine);

#endif
