/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of the checkpoint table by which workers know each other, as JSON in both directions. Pure.
 *
 * `ddbtap/worker/<id>`, a worker's heartbeat:
 *
 *	incarnation S, counter N, boot S, process S	who it is; the counter moves while it lives
 *	fenced BOOL				judged dead; its leases are free
 *	leases N, load N			what it holds, and the bytes a second that it reads
 *	sinks SS, epoch N			the sinks that it runs, "<name>.<generation>", and the replay
 *						that it has adopted; absent while it has not
 *	askedBy S, asked N, askerLeases N, askerLoad N	somebody who holds less asks for leases
 *	gaveTo S, gave SS			lease keys that it has handed over to that owner
 *
 * `ddbtap/workers`, the list of them, so that one BatchGetItem finds all: ids SS, version N.
 */
#ifndef ENGINE_HEARTBEAT_H
#define ENGINE_HEARTBEAT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define ROSTER_KEY	 STR("ddbtap/workers")
#define HEARTBEAT_PREFIX STR("ddbtap/worker/")

enum { HEARTBEAT_GAVE_MAX = 100 };

/* One worker asks another one for leases, and says what it holds itself. */
struct ask {
	struct str owner; /* who asks, "<id>:<incarnation>"; empty: nobody */
	int64_t n, leases, load;
};

/* A heartbeat row as it was read, or is to be written; slices lie in the arena or the body. */
struct heartbeat {
	struct str id, incarnation, boot, process;
	int64_t counter;
	bool fenced;
	int64_t leases, load;
	int64_t epoch; /* of replay; 0: none yet */
	const struct str *sinks; /* in any order */
	size_t n_sinks;
	struct ask ask;
	struct str gave_to; /* an owner; empty: nothing was handed over lately */
	const struct str *gave;
	size_t n_gave;
};

/* The list of workers as it was read. */
struct roster {
	const struct str *ids;
	size_t n;
	int64_t version;
};

/* Whether a row's key is a heartbeat's. */
bool heartbeat_is(struct str key);

/* Reads one raw item; ERROR_DATA when it cannot be understood. */
bool heartbeat_read(struct arena *arena, struct str raw_item, struct heartbeat *out,
		    struct error *err);

/* Reads the raw item of the list. */
bool roster_read(struct arena *arena, struct str raw_item, struct roster *out, struct error *err);

/* Appends an UpdateItem that puts `id` on the list, whether or not it is there. */
void roster_join(struct buf *buf, struct str table, struct str id);

/* Appends an UpdateItem that takes `id` off the list, if the list is still at `version`. */
void roster_leave(struct buf *buf, struct str table, struct str id, int64_t version);

/*
 * Appends a PutItem that replaces the row if its counter is as given; -1: if there is none. It says who the
 * worker is and nothing else.
 */
void heartbeat_put(struct buf *buf, struct str table, const struct heartbeat *beat);

/*
 * Appends an UpdateItem that moves the counter and says what is run, held and was handed over, conditional on
 * our incarnation and on not being fenced. `answered`: takes the request of beat->ask away.
 */
void heartbeat_beat(struct buf *buf, struct str table, const struct heartbeat *beat, bool answered);

/* Appends an UpdateItem that fences the worker, conditional on its counter and incarnation. */
void heartbeat_fence(struct buf *buf, struct str table, const struct heartbeat *beat);

/* Appends an UpdateItem that asks a living worker for leases, unless somebody else does already. */
void heartbeat_ask(struct buf *buf, struct str table, const struct heartbeat *beat,
		   const struct ask *ask);

/* Appends a DeleteItem of the row, conditional on its incarnation. */
void heartbeat_delete(struct buf *buf, struct str table, const struct heartbeat *beat);

#endif
