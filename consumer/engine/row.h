/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the checkpoint table, as JSON in both directions. One table per application, hash key
 * `leaseKey`. Pure.
 *
 * A lease row is a superset of the row that the Kinesis Client Library writes:
 *
 *	leaseKey           S   <account>/<region>/<table>/<label>/<shard>
 *	leaseOwner         S   <worker id>:<incarnation>; absent: nobody's
 *	leaseCounter       N   bumped by every write of the row
 *	checkpoint         S   TRIM_HORIZON, a sequence number, SHARD_END: the least over all sinks
 *	sink.<name>        S   the same for one sink, only while it is ahead of `checkpoint`
 *	startAt            S   where it begins: LATEST, TRIM_HORIZON, or milliseconds since 1970
 *	parentShardId      SS, checkpointSubSequenceNumber N, ownerSwitchesSinceCheckpoint N: KCL's
 *
 * Other rows: `ddbtap/schema` says which version of this program the table needs, and
 * `ddbtap/worker/<id>` is a worker's heartbeat:
 *
 *	incarnation S, counter N, boot S, process S, fenced BOOL
 */
#ifndef ENGINE_ROW_H
#define ENGINE_ROW_H

#include "base/arena.h"
#include "base/err.h"
#include "consumer/change/seqno.h"
#include "consumer/engine/sink.h"

#define ROW_KEY		  STR("leaseKey")
#define ROW_SCHEMA_KEY	  STR("ddbtap/schema")
#define ROW_WORKER_PREFIX STR("ddbtap/worker/")

enum { ROW_SCHEMA_VERSION = 1, ROW_SINKS_MAX = 16 };

enum row_kind { ROW_LEASE, ROW_WORKER, ROW_SCHEMA, ROW_OTHER };

/*
 * Where in its shard a cursor without a position begins. ALL: at the shard's first record. HORIZON: that
 * was gone already when the table was first read; at what is left. LATEST: at the tip, not resolved yet.
 * Otherwise the time at which the tip was resolved.
 */
enum { ROW_START_ALL = -1, ROW_START_LATEST = -2, ROW_START_HORIZON = -3 };

/* A row as it was read; slices lie in the arena or the body. */
struct row {
	enum row_kind kind;
	struct str key;
	/* ROW_LEASE */
	struct str owner; /* empty: nobody's */
	int64_t counter; /* ROW_WORKER too */
	struct position checkpoint;
	struct position
		sinks[ROW_SINKS_MAX]; /* per sink of the caller's: never behind `checkpoint` */
	int64_t start_wall_ms; /* or ROW_START_ALL and so on */
	struct str parent; /* the parent shard's id, or empty */
	/* ROW_WORKER */
	struct str worker_id, incarnation, boot, process;
	bool fenced;
	/* ROW_SCHEMA */
	int64_t schema;
};

/* The names of the sinks, in the order of row.sinks. */
struct row_sinks {
	struct str names[ROW_SINKS_MAX];
	size_t n;
};

/* Reads one raw item; ERROR_DATA when it is no row that can be understood. */
bool row_read(struct arena *arena, struct str raw_item, const struct row_sinks *sinks,
	      struct row *out, struct error *err);

/* What a write of a lease row says. The counter becomes `counter` + 1. */
struct row_write {
	struct str table, key;
	struct str owner; /* ours: what the row must say, or comes to say */
	struct str old_owner; /* take: what it must say now; empty: nobody's */
	int64_t counter; /* what it must say now */
	struct str parent; /* create: the parent shard's id, or empty */
	struct position from; /* create: where all sinks begin */
	int64_t start_wall_ms; /* create and checkpoint: as in struct row */
	const struct position *sinks; /* checkpoint, release: one per sink */
};

/* Appends a PutItem of a new lease row that is ours from the start. */
void row_create(struct buf *buf, const struct row_write *write);

/* Appends an UpdateItem that takes the row, conditional on its owner and counter; answers the new row. */
void row_take(struct buf *buf, const struct row_write *write);

/* Appends an UpdateItem of checkpoint and positions, conditional on owner and counter. */
void row_checkpoint(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks);

/* The same, and gives the row back. */
void row_release(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks);

/* Appends a DeleteItem of a finished row, conditional on `owner` (empty: on there being none) and counter. */
void row_delete(struct buf *buf, const struct row_write *write);

/* A worker's heartbeat row. */
struct row_worker {
	struct str table, worker_id, incarnation, boot, process;
	int64_t counter; /* what the row must say now; -1: the row must not exist */
};

/* Appends a PutItem that replaces a heartbeat row whose counter is as given (or that is not there). */
void row_worker_put(struct buf *buf, const struct row_worker *worker);

/* Appends an UpdateItem that bumps our counter, conditional on our incarnation and on not being fenced. */
void row_worker_beat(struct buf *buf, const struct row_worker *worker);

/* Appends an UpdateItem that fences a dead worker, conditional on its counter. */
void row_worker_fence(struct buf *buf, const struct row_worker *worker);

/* Appends a DeleteItem of our own heartbeat row, conditional on our incarnation. */
void row_worker_delete(struct buf *buf, const struct row_worker *worker);

/* Appends a PutItem of the schema row, if there is none yet. */
void row_schema_put(struct buf *buf, struct str table);

#endif
