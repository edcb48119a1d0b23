/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard's life: made when a listing or a row shows it, freed with its stream. It owns its cursors,
 * its readers and what is under way for its row.
 */
#ifndef ENGINE_SHARD_H
#define ENGINE_SHARD_H

#include "consumer/engine/state.h"

/* The stream's shard `id`, made if it is new; links it to its parent, and its children to it. */
struct shard *shard_get(struct stream *stream, struct str id, struct str parent_id);

/* Calls `fn` for every shard of the engine until it returns false; returns whether it never did. */
bool shard_each(const struct engine *engine, bool (*fn)(struct shard *shard));

/* Frees the shard and everything of it that is under way. */
void shard_free(struct shard *shard);

/* Whether the shard counts as a lease: it is ours or about to be, and not read to its end. */
bool shard_counts(const struct shard *shard);

/* The only way to change shard->state. */
void shard_set_state(struct shard *shard, enum shard_state state);

/* Our right to read the shard began: opens cursors and starts reading. */
void shard_acquired(struct shard *shard);

/* Our right to read the shard is gone: forgets everything that is not written down. */
void shard_dropped(struct shard *shard);

/* Whether a reader has seen the shard's end. */
bool shard_ended(const struct shard *shard);

/* A cursor of the shard is done: perhaps they all are. */
void shard_cursor_done(struct shard *shard);

/* The least position of the shard's cursors that is written down: the row's `checkpoint`. */
struct position shard_checkpoint(const struct shard *shard);

/* The creation time in milliseconds that the id tells, or -1. */
int64_t shard_id_wall_ms(struct str id);

#endif
