/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All rows of the checkpoint table at one time, in order: leases by table, stream and shard, then
 * the others; and the heartbeats of the workers.
 *
 *	if (snapshot_take(&snapshot, visit))
 *		...
 *	snapshot_release(&snapshot);
 */
#ifndef VERBS_SNAPSHOT_H
#define VERBS_SNAPSHOT_H

#include "base/map.h"
#include "consumer/engine/registry.h"
#include "consumer/engine/rowview.h"
#include "consumer/verbs/visit.h"

struct snapshot {
	struct arena arena;
	struct row_view *rows;
	size_t n, cap;
	size_t n_leases; /* the first rows are leases */
	struct heartbeat *beats; /* of the workers */
	size_t n_beats, beats_cap;
	struct map leases; /* struct row_view by key */
	struct registry registry; /* empty if there is no such row */
	const struct config *config;
	bool kcl; /* leases may be a Kinesis client's */
	size_t malformed; /* rows that make no sense, and are not among the others */
};

/* Reads it; complains about each malformed row on standard error. False with visit->why. */
bool snapshot_take(struct snapshot *snapshot, struct visit *visit) MUST_CHECK;

/* Makes malformed rows an error, for verbs that must not guess. */
bool snapshot_whole(const struct snapshot *snapshot, struct visit *visit) MUST_CHECK;

/* Frees it; a zeroed one is fine. */
void snapshot_release(struct snapshot *snapshot);

/* The heartbeat row of a lease's owner "<worker id>:<incarnation>", or NULL. */
const struct heartbeat *snapshot_owner(const struct snapshot *snapshot, struct str owner);

/* The lease row with this key, or NULL. */
const struct row_view *snapshot_lease(const struct snapshot *snapshot, struct str key);

/* The name of the worker that owns a lease: its id, or all that there is of a Kinesis client's. */
struct str snapshot_worker(const struct snapshot *snapshot, struct str owner);

/* Whether the owner of a lease is none of our workers. */
bool snapshot_foreign(const struct snapshot *snapshot, struct str owner);

/*
 * What a heartbeat row says of an owner, in one word: "listed", "fenced" or "unknown"; empty without
 * an owner; "foreign" for a worker of a Kinesis client, which has none. Only watching shows whether
 * one that is listed lives.
 */
struct str snapshot_owner_word(const struct snapshot *snapshot, struct str owner);

/* "finished", "owned" by a worker that is listed or foreign, or "free". */
struct str snapshot_state(const struct snapshot *snapshot, const struct row_view *lease);

/* A sink, of which rows may have a position. */
struct snapshot_sink {
	struct str name;
	int64_t generation;
};

/*
 * The sinks that get the table: those of the registry, or of the configuration if there are none.
 * Returns how many were filled in.
 */
size_t snapshot_sinks(const struct snapshot *snapshot, const struct config *config,
		      struct str table, struct snapshot_sink out[ROW_SINKS_MAX]);

/*
 * Appends a position in a shard whose row has this start: a sequence number or SHARD_END; where nothing
 * was taken yet TRIM_HORIZON, LATEST, AT_TIMESTAMP, or the time at which that begins.
 */
void snapshot_put_position(struct buf *buf, const struct position *at, int64_t start_wall_ms);

/* Appends "name" for the first generation of a sink, "name.7" for later ones. */
void snapshot_put_sink(struct buf *buf, struct str name, int64_t generation);

/* The configured table of this name, or NULL. */
const struct config_table *snapshot_table(const struct config *config, struct str name);

/*
 * Whether the name is a table's, of the configuration or of a row; else sets visit->why, with the
 * nearest name.
 */
bool snapshot_knows(const struct snapshot *snapshot, struct visit *visit,
		    const char *table) MUST_CHECK;

#endif
