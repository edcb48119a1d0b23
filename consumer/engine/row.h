/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the checkpoint table, as JSON in both directions. One table per application, hash key
 * `leaseKey`. Pure.
 *
 * A lease row is a superset of the row that the Kinesis Client Library writes:
 *
 *	leaseKey           S   <account>/<region>/<table>/<label>/<shard>, or as KCL has it: leasekey.h
 *	leaseOwner         S   <worker id>:<incarnation>; absent: nobody's
 *	leaseCounter       N   bumped by every write of the row
 *	checkpoint         S   TRIM_HORIZON, a sequence number, SHARD_END: the least over all sinks
 *	sink.<name>        S   the same for one sink, only while it is ahead of `checkpoint`; of a later
 *	                       generation of the name: sink.<name>.<generation>
 *	startAt            S   where it begins: LATEST, TRIM_HORIZON, or milliseconds since 1970
 *	createdAt          N   when the row was made, by the service's clock: ms since 1970
 *	epoch              N   the replay that the positions are of: see registry.h; absent: 0
 *	parentShardId      SS, checkpointSubSequenceNumber N, ownerSwitchesSinceCheckpoint N: KCL's
 *
 * In a table that is shared with a KCL (kcl.h) `checkpoint` may be LATEST or AT_TIMESTAMP, too;
 * childShardIds SS is written, and attributes that are not known here stay as they are. Where keys
 * are those of a single stream, streamLabel S says which one it was when we wrote the row. What is
 * neither a lease nor ours has an entityType other than LEASE, or no `checkpoint`.
 *
 * `ddbtap/schema` says which version of this program the table needs; the rows by which workers know each
 * other are in heartbeat.h, and `ddbtap/lister`, by which they list one at a time, in lister.h.
 */
#ifndef ENGINE_ROW_H
#define ENGINE_ROW_H

#include "base/arena.h"
#include "base/err.h"
#include "consumer/change/seqno.h"
#include "consumer/engine/leasekey.h"
#include "consumer/engine/sink.h"

#define ROW_KEY	       STR("leaseKey")
#define ROW_SCHEMA_KEY STR("ddbtap/schema")
#define ROW_OWN_PREFIX STR("ddbtap/") /* of the keys of rows that are no leases, but ours */

enum { ROW_SCHEMA_VERSION = 1, ROW_SINKS_MAX = 16, ROW_CHILDREN_MAX = 8 };

enum row_kind { ROW_LEASE, ROW_SCHEMA, ROW_OTHER, ROW_FOREIGN };

/*
 * Where in its shard a cursor without a position begins. ALL: at the shard's first record. HORIZON: that
 * was gone already when the table was first read; at what is left. LATEST: at the tip, not resolved yet.
 * TIMESTAMP: at the configuration's time. Otherwise a time: at which the tip was resolved, or that the
 * configuration says.
 */
enum {
	ROW_START_ALL = -1,
	ROW_START_LATEST = -2,
	ROW_START_HORIZON = -3,
	ROW_START_TIMESTAMP = -4, /* only read: of a KCL, which does not say which time */
};

/* A row as it was read; slices lie in the arena or the body. */
struct row {
	enum row_kind kind;
	struct str key;
	/* ROW_LEASE */
	struct str owner; /* empty: nobody's */
	int64_t counter;
	struct position checkpoint;
	struct position
		sinks[ROW_SINKS_MAX]; /* per sink of the caller's: never behind `checkpoint` */
	int64_t start_wall_ms; /* or ROW_START_ALL and so on */
	int64_t created_wall_ms; /* 0: not told */
	int64_t epoch;
	struct str parent; /* the parent shard's id, or empty */
	struct str label; /* of the stream, where the row says it besides the key; or empty */
	/* ROW_SCHEMA */
	int64_t schema;
};

/* The names of the sinks, with their generations, in the order of row.sinks. */
struct row_sinks {
	struct str names[ROW_SINKS_MAX];
	size_t n;
};

/* Reads one raw item; ERROR_DATA when it is no row that can be understood. */
bool row_read(struct arena *arena, struct str raw_item, const struct row_sinks *sinks,
	      struct row *out, struct error *err);

/* Appends `{"TableName":...` and, for requests that name a row (`key` not empty), its key. */
void row_open_request(struct buf *buf, struct str table, struct str key);

/* Appends startAt's value by that `name`, if there is one to be written: not for ROW_START_ALL. */
void row_put_start(struct buf *buf, struct str name, int64_t start_wall_ms);

/* What a write of a lease row says. The counter becomes `counter` + 1. */
struct row_write {
	enum lease_form form;
	struct str table, key;
	struct str shard; /* the id in the key */
	struct str label; /* the stream's */
	struct str owner; /* ours: what the row must say, or comes to say */
	struct str old_owner; /* take: what it must say now; empty: nobody's */
	struct str heir; /* release: the owner that it is handed over to; empty: nobody */
	int64_t counter; /* what it must say now */
	struct str parent; /* create: the parent shard's id, or empty */
	struct position from; /* create: where all sinks begin */
	int64_t start_wall_ms; /* create and checkpoint: as in struct row */
	int64_t created_wall_ms; /* create */
	int64_t epoch; /* create */
	const struct position *sinks; /* checkpoint, release: one per sink */
	bool partial; /* there are other sinks, too: `checkpoint`, the least of all, stays as it is */
	/* checkpoint, release, in a table shared with a KCL: the shard's children, once it is finished. */
	struct str children[ROW_CHILDREN_MAX];
	size_t n_children;
};

/* Appends a PutItem of a new lease row that is `owner`'s from the start; empty: nobody's. */
void row_create(struct buf *buf, const struct row_write *write);

/* Appends an UpdateItem that takes the row, conditional on its owner and counter; answers the new row. */
void row_take(struct buf *buf, const struct row_write *write);

/*
 * Appends an UpdateItem of checkpoint and positions, conditional on owner and counter. Without sinks: of the
 * counter alone.
 */
void row_checkpoint(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks);

/* The same, and gives the row back, or hands it over to `heir`. Without sinks: positions stay as they are. */
void row_release(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks);

/* Appends a DeleteItem of a finished row, conditional on `owner` (empty: on there being none) and counter. */
void row_delete(struct buf *buf, const struct row_write *write);

/* Appends a PutItem of the schema row, if there is none yet. */
void row_schema_put(struct buf *buf, struct str table);

#endif
