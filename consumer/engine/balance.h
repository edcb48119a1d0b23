/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker should hold what.
 *
 * Who finishes a shard goes on with its children. Any other free shard has one worker that is to take it
 * (the highest hash of worker and shard), so that not all run for it at once; if nobody did for a while,
 * anybody may.
 *
 * A worker that holds at least two leases less than the one that holds the most asks that one, in its
 * heartbeat row, for half of the difference. The asked one stops reading those shards, waits for their
 * deliveries, and writes their last checkpoint and the new owner in one write: a row is never free on
 * the way. It picks them so that the bytes that both read come closer, too.
 */
#ifndef ENGINE_BALANCE_H
#define ENGINE_BALANCE_H

#include "consumer/engine/heartbeat.h"
#include "consumer/engine/state.h"

/* What balance.c keeps; balance_release frees it. */
struct balance *balance_new(void);

/* Whether this worker is the one to take a free shard now. */
bool balance_may_take(struct shard *shard);

/* A look is over: counts, asks, and goes after what is overdue. */
void balance_tick(struct engine *engine);

/* Our own heartbeat row, as a look or a heartbeat's answer shows it: somebody may ask for leases. */
void balance_own_row(struct engine *engine, const struct heartbeat *own);

/* A peer's heartbeat row: it may have handed leases over to us. */
void balance_peer_row(struct engine *engine, const struct heartbeat *row);

/* What our next heartbeat says besides being there; returns whether it answers a request. */
bool balance_fill_beat(struct engine *engine, struct heartbeat *beat);

/* A heartbeat got through; `answered` is what balance_fill_beat returned for it. */
void balance_beaten(struct engine *engine, bool answered);

/* The handover of a shard has ended, well or not: shard->heir is about to be cleared. */
void balance_handed(struct shard *shard, bool well);

/* Frees what balance.c owns. */
void balance_release(struct engine *engine);

#endif
