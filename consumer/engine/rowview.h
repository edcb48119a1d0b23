/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of the checkpoint table as a person wants to see it: whatever row.h reads, and what is in
 * it of sinks that the reader does not know beforehand. Pure.
 */
#ifndef ENGINE_ROWVIEW_H
#define ENGINE_ROWVIEW_H

#include "consumer/engine/heartbeat.h"
#include "consumer/engine/row.h"

/* How far one sink is ahead of its row's `checkpoint`. */
struct row_ahead {
	struct str name;
	int64_t generation; /* 1 for an attribute that is named by the sink alone */
	struct str attribute; /* as it is in the row */
	struct position at;
};

/* All slices lie in the arena or the raw item. */
struct row_view {
	struct row row; /* without positions of sinks */
	struct str raw; /* the item */
	/* ROW_LEASE */
	int64_t epoch; /* of replay; 0: none yet */
	enum lease_form form; /* of the key; then its parts, as far as the form has them */
	struct str account, region, table, label, shard;
	struct row_ahead *ahead; /* in the order of the item */
	size_t n_ahead;
};

/* Reads one raw item; ERROR_DATA when it is no row that can be understood. */
bool row_view_read(struct arena *arena, struct str raw_item, struct row_view *out,
		   struct error *err);

/*
 * Where the sink of this name and generation is: its own position or `checkpoint`, whichever is
 * larger.
 */
struct position row_view_position(const struct row_view *view, struct str name, int64_t generation);

/* The worker's id in an owner "<worker id>:<incarnation>"; empty for nobody. */
struct str row_owner_id(struct str owner);

/* Whether the owner has an incarnation, as those of ours do; else, say, a Kinesis client has the lease. */
bool row_owner_ours(struct str owner);

/* Whether the owner is the worker that this heartbeat row speaks of. */
bool row_owner_is(struct str owner, const struct heartbeat *beat);

#endif
