/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows want to be written: they are, together, at every checkpoint interval, and those that are urgent
 * as soon as they may be.
 */
#ifndef ENGINE_DIRTY_H
#define ENGINE_DIRTY_H

#include "consumer/engine/state.h"

/* Positions have moved: the row is written at the next interval, or at once when `urgent`. */
void dirty_mark(struct shard *shard, bool urgent);

/* The row wants to be written and may not be yet: dirty_flush tries it again. */
void dirty_wait(struct shard *shard);

/* The row is being written, or is not ours to write any more. */
void dirty_clear(struct shard *shard);

/* Rows that are urgent are written, if they may be now. */
void dirty_flush(struct engine *engine);

/* Starts the interval. */
void dirty_start(struct engine *engine);

#endif
