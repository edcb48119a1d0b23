/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One lister at a time: whose turn it is, among all workers, to list the shards of streams.
 *
 * A whole listing of a large stream takes many requests of a rate that the whole account shares. So a
 * worker wants the row `ddbtap/lister` of the checkpoint table for it:
 *
 *	owner S (<worker id>:<incarnation>; absent: nobody's), counter N, listingMs N
 *
 * Taking it and giving it back are one small conditional write each, and nothing is written in between,
 * however many streams are listed meanwhile. Its owner says in listingMs how long that ought to take;
 * somebody else takes the row when its counter has stood still for that and the lease time, by the
 * clock of who waits. A worker that cannot have it waits; but the first listing of a stream goes ahead
 * without it after the lease time. Nothing breaks when two list at once: it is only slower for others.
 */
#ifndef ENGINE_LISTER_H
#define ENGINE_LISTER_H

#include "consumer/engine/io.h"

struct call;
struct engine;

enum lister_state {
	LISTER_IDLE, /* the row is not ours, and nobody here wants it */
	LISTER_WANTING, /* the row is looked at, or will be */
	LISTER_TAKING,
	LISTER_HELD,
	LISTER_GIVING, /* back */
};

/* One listing that wants its turn. */
struct lister_wish {
	struct list link; /* in lister->waiting or lister->served; initialised by lister_wish_init */
	void (*go)(struct lister_wish *wish);
	int64_t listing_ms; /* how long it ought to take */
	int64_t patience_ms; /* when, by io_now_ms, it goes ahead without the row; INT64_MAX: never */
};

struct lister {
	struct engine *engine;
	enum lister_state state;
	struct list waiting, served; /* struct lister_wish */
	struct io_timer timer;
	struct call *call;
	unsigned attempts;
	bool row_exists;
	int64_t counter; /* of the row, as it was seen last; -1: not seen yet */
	int64_t moved_ms; /* when that was first seen, by our clock */
};

/* A lister that wants nothing yet. */
void lister_init(struct lister *lister, struct engine *engine);

/* A wish that is not wished yet. */
void lister_wish_init(struct lister_wish *wish, void (*go)(struct lister_wish *wish));

/*
 * Wishes to list; wish->go is called from the loop when it is its turn. `first`: it goes ahead after the
 * lease time in any case. Wishing again is fine.
 */
void lister_want(struct lister *lister, struct lister_wish *wish, int64_t listing_ms, bool first);

/* The listing is over, or is not wanted any more; one that was not wished is fine. */
void lister_done(struct lister *lister, struct lister_wish *wish);

/* Ends what is under way. */
void lister_release(struct lister *lister);

#endif
