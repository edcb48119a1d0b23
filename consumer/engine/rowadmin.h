/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes of lease rows by somebody who does not hold the lease: the operator's verbs. They keep the
 * rule that every write depends on the counter and bumps it, so that a worker which holds the lease
 * after all notices. Pure.
 */
#ifndef ENGINE_ROWADMIN_H
#define ENGINE_ROWADMIN_H

#include "consumer/engine/rowview.h"

/* Appends an UpdateItem that gives the row back, conditional on its owner and counter. */
void row_admin_release(struct buf *buf, struct str table, const struct row_view *lease);

/* Appends a DeleteItem, conditional on the counter. */
void row_admin_delete(struct buf *buf, struct str table, const struct row_view *lease);

/*
 * Appends a PutItem of a raw item without its owner; unless `replace`, only if there is no such
 * row.
 */
void row_admin_restore(struct buf *buf, struct str table, struct str raw_item, bool replace);

/* A lease row as a seek wants it. */
struct row_rewrite {
	const struct row_view *lease; /* as it was read; NULL: it is created */
	struct str key, parent; /* of a new one; the parent shard's id may be empty */
	struct str shard; /* of a new one whose key is of the multi-stream form; else empty */
	struct str label; /* of the stream of a new one with a single-stream key; else empty */
	int64_t epoch;
	int64_t start_wall_ms; /* as in struct row */
	struct position checkpoint;
	const struct row_ahead *ahead; /* the sinks that are ahead of `checkpoint` */
	size_t n_ahead;
};

/*
 * Appends an UpdateItem that makes the row say this and nothing else of sinks, and nobody's. Depends on
 * the counter, or on there being no such row.
 */
void row_admin_rewrite(struct buf *buf, struct str table, const struct row_rewrite *rewrite);

#endif
