/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shards of a table's streams, as the service lists them and the checkpoint table has them, and
 * where each stands, by the rules of the engine's lineage.c and start.c. Asks the tables alone, so
 * that it does not matter whether workers run.
 */
#ifndef VERBS_SHARDTREE_H
#define VERBS_SHARDTREE_H

#include "base/list.h"
#include "consumer/verbs/snapshot.h"

enum tree_state {
	TREE_WAITING, /* no sink has finished what comes before */
	TREE_FREE, /* to be read, but nobody does */
	TREE_OWNED, /* by a worker that is listed */
	TREE_FINISHED, /* every sink has all of it */
	TREE_FORGOTTEN, /* the same, and its row is deleted */
};

struct tree_shard {
	struct str id, parent_id; /* parent_id: empty if there is none */
	struct str first_seqno; /* empty: not told */
	bool listed; /* else only its row is there */
	bool open;
	enum tree_state state;
	const struct row_view *lease; /* NULL: no row */
	struct tree_shard *parent; /* NULL: none that is known */
	struct list children; /* struct tree_shard by `sibling`, by id */
	struct list sibling;
	unsigned finished; /* a bit for each sink that has all of it */
	unsigned depth; /* of parents above it, once the tree is walked */
	bool walked;
};

/* One stream of a table. */
struct tree {
	struct str table, label, arn;
	bool listed; /* the service knows it */
	struct tree_shard *shards; /* by id */
	size_t n;
	struct tree_shard **order; /* all of them, each behind its parent, depth first */
	struct tree *next; /* the stream that replaced it */
};

/* The streams of a table, and the sinks that get it. */
struct forest {
	struct str table;
	struct str arn; /* of the present stream */
	struct tree *first;
	struct snapshot_sink sinks[ROW_SINKS_MAX];
	size_t n_sinks;
};

/*
 * Asks for the streams of a table and lists their shards, slowly enough for the service. What it
 * returns lies in the snapshot's arena. NULL with visit->why: ERROR_NOT_FOUND or ERROR_CONFIG if
 * there is no such table or stream.
 */
struct forest *forest_load(struct visit *visit, struct snapshot *snapshot, struct str table);

/*
 * Where a sink is in a shard: its row's position; without a row the start or, if it is finished,
 * the end.
 */
struct position tree_position(const struct tree_shard *shard, const struct snapshot_sink *sink);

/* "waiting", "free", "owned" or "finished". */
struct str tree_state_word(enum tree_state state);

#endif
