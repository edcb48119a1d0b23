/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of leases that is shared with an application of the Kinesis Client Library (`leases:
 * kcl`): before, after, or beside us.
 *
 * Such an application has no heartbeats. Its leases live while their counters move: each is renewed
 * by a write of its row within a third of its lease time, and is anybody's once its counter has
 * stood still for the lease time, by the clock of who looks. So we
 *
 *	- judge an owner that is none of our workers by its rows' counters,
 *	- renew each of our own leases by writing its positions once in heartbeat_ms, and deliver nothing of a
 *	  shard whose row was not written for the lease time,
 *	- keep what our workers tell each other in a table of its own (options.own_table).
 *
 * The form of the keys is that of the rows which are there: see leasekey.h.
 */
#ifndef ENGINE_KCL_H
#define ENGINE_KCL_H

#include "consumer/engine/state.h"

/*
 * Takes in the key of a lease that the first sweep shows. False with `err` when the table has leases
 * of a form that does not go with the configuration or with the others.
 */
bool kcl_see_key(struct engine *engine, struct str key, struct error *err);

/*
 * The first sweep is over: the form of keys is known. False with `err` when the configuration does
 * not fit it.
 */
bool kcl_form_known(struct engine *engine, struct error *err);

/*
 * Whether the owner of a lease may be a worker of a Kinesis client; never in a table that is ours
 * alone.
 */
bool kcl_foreign(const struct engine *engine, struct str owner);

/*
 * Whether the rows are to be looked at again soon because of this one: a foreign owner stands between
 * us and its shard. `shard` is NULL if it is not known; before the first sweep is over none is.
 */
bool kcl_watched(const struct engine *engine, const struct shard *shard, const struct row *row);

/*
 * Whether the owner of the shard's row has to be taken for living, whoever it is. When not, `*dead_ms` is since
 * when that is known.
 */
bool kcl_owner_lives(struct shard *shard, int64_t *dead_ms);

/*
 * Whether a row whose key begins like the stream's is of that stream: keys of a single stream do not tell. A
 * Kinesis client's own rows count as the present one's.
 */
bool kcl_is_row_of(const struct stream *stream, const struct row *row);

/*
 * Where the row says that the shard begins; a Kinesis client that began at a time does not say at
 * which.
 */
int64_t kcl_start_of(const struct shard *shard, const struct row *row);

/*
 * Adds what a Kinesis client wants to find in a finished row: the children, as far as they are
 * known yet.
 */
void kcl_name_children(const struct shard *shard, struct row_write *write);

/* A write of the shard's row that was sent at `sent_ms` got through, and the row is ours. */
void kcl_renewed(struct shard *shard, int64_t sent_ms);

/* Whether the shard's lease is still ours by our own clock; true in a table that is ours alone. */
bool kcl_may_deliver(const struct shard *shard);

/*
 * We are about to leave: whether all shards have leases whose parents are finished. A Kinesis client
 * makes them when it finishes the parent, and finds what is missing only after minutes. Makes one
 * that is missing; worker_consider_leaving follows when that is answered.
 */
bool kcl_children_made(struct engine *engine);

/* Begins to renew. */
void kcl_start(struct engine *engine);

/* How long after a sweep the next one is due because leases of others are watched; 0: none are. */
int64_t kcl_watch_ms(const struct engine *engine);

/* Ends what kcl_start began. */
void kcl_release(struct engine *engine);

#endif
