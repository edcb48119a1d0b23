/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the shards of a table begin that have no checkpoint: at the oldest record, at the tip, at a time,
 * or after a change. Decided once, when the first whole listing of a stream is in, and written into each
 * shard's row when that is made; what is in a row counts, whatever the configuration says later.
 *
 * A time holds for all shards, also for those that come later: their rows say it, too. It is in effect
 * when nothing of the stream was ever read, or when some row says it already.
 */
#ifndef ENGINE_START_H
#define ENGINE_START_H

#include "consumer/engine/state.h"

/* The first whole listing since the start: finds out where each shard stands. */
void start_place(struct stream *stream);

/* The same for a shard that a later listing has brought, before its row is made. */
void start_late(struct shard *shard);

/* Whether such a start in a row of the table says that its shard was begun with, whatever `checkpoint` says. */
bool start_begun(const struct table *table, int64_t start_wall_ms);

/* Whether the table begins anywhere but at its oldest record. */
bool start_chosen(const struct table *table);

/* False with `err` when the table is to begin at a time that is still to come, by the service's clock. */
bool start_check(const struct table *table, int64_t service_wall_ms, struct error *err);

#endif
