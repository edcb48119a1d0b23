/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a seek makes of the lease rows of a table: plans only, and asks the service where times are.
 * Writing is seek.c's.
 */
#ifndef VERBS_SEEK_H
#define VERBS_SEEK_H

#include "consumer/engine/rowadmin.h"
#include "consumer/verbs/shardtree.h"

enum seek_kind {
	SEEK_HORIZON, /* everything that the stream still has */
	SEEK_LATEST, /* what comes from now on */
	SEEK_TIME, /* what is from this time on */
	SEEK_AFTER, /* what follows a sequence number, in one shard */
};

struct seek_target {
	enum seek_kind kind;
	int64_t wall_ms; /* SEEK_TIME */
	struct position after; /* SEEK_AFTER */
	struct str shard; /* this one, and for what goes back in it, those below it; empty: all */
	struct str sink; /* empty: all */
};

/* What is to become of one shard's row. */
struct seek_row {
	struct tree *tree;
	struct tree_shard *shard;
	bool write; /* else it stays as it is */
	bool revive; /* it was deleted as finished: to be there again before anything is written */
	struct position at[ROW_SINKS_MAX]; /* per sink of the forest */
	int64_t start_wall_ms;
};

struct seek_plan {
	struct seek_row *rows; /* by stream and shard: parents before their children;
	                          to be written from the last to the first */
	size_t n;
};

/*
 * Plans it for one table, whose rows of the replay `epoch` are done already. The plan lies in the
 * arena. False with visit->why.
 */
bool seek_plan(struct visit *visit, struct arena *arena, const struct forest *forest,
	       const struct seek_target *target, int64_t epoch, struct seek_plan *out) MUST_CHECK;

/*
 * Whether the target makes sense for the table: its shard and sink are there. False with
 * visit->why.
 */
bool seek_check(struct visit *visit, const struct forest *forest,
		const struct seek_target *target) MUST_CHECK;

#endif
