/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a finished shard's row: it is deleted when nothing depends on it any more, parents first. Without
 * it a restart would take the shard for a new one, but for what its children's rows say.
 */
#ifndef ENGINE_RETIRE_H
#define ENGINE_RETIRE_H

#include "consumer/engine/state.h"

/* Deletes the row of a finished shard, if it may go and is ours to delete. */
void retire_row(struct shard *shard);

#endif
