/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part that sinks have in common which write bytes somewhere and may block while they do: a thread
 * of its own, and group commit.
 *
 * Deliveries queue up on the loop's thread. While the writer is idle, everything queued is handed to it as
 * one group; it calls `commit`, and the outcome comes back to the loop as one post. There is never more
 * than one group away, so when one fails, all deliveries that could depend on it are still here and are
 * returned in order: no lock has to be thought about beyond the hand-over itself.
 *
 *	submit -> [queue] -> group -> commit on the writer's thread -> post -> delivery_done of each
 *	                      ^                                          |
 *	                      +------------- the next group <------------+
 *
 * All functions belong to the loop's thread, `commit` alone to the writer's.
 */
#ifndef SINKS_LINES_H
#define SINKS_LINES_H

#include <sys/uio.h>

#include "consumer/engine/sink.h"

/* One group on its way, and what became of it. */
struct lines_group {
	/* Set before commit. */
	struct iovec *parts; /* one per delivery, in order; commit may alter the array */
	size_t n;
	size_t total_bytes;
	/* The deliveries themselves by their `link`, one per part. They stay as they are while commit
	   runs, and so do their events and sources. */
	const struct list *deliveries;
	int64_t wall_ms; /* when it was handed over */
	/*
	 * Set by commit. With DELIVERY_OK all bytes are durable, else the first `durable_bytes`: the
	 * delivery in which that stands ends with `result` and `why`, and those after it are to be retried.
	 */
	enum delivery_result result;
	size_t durable_bytes;
	struct error why;
};

/* Writes a group and makes it durable; may block. A group of none, which lines_nudge asks for, is for what
   else there is to do; it ends with DELIVERY_OK. */
typedef void lines_commit_fn(void *arg, struct lines_group *group);

struct lines;

/* Starts the thread. `commit` and `arg` must be usable until lines_close returns. */
struct lines *lines_new(struct io *io, lines_commit_fn *commit, void *arg);

/* Has `back` called with `arg`, on the loop's thread, each time that a commit is over. */
void lines_on_back(struct lines *lines, void (*back)(void *arg));

/* Runs commit soon, even if there is nothing to write. */
void lines_nudge(struct lines *lines);

/* Takes a delivery. */
void lines_submit(struct lines *lines, struct delivery *delivery);

/* Drops the first `bytes` bytes of `*n` parts, once they are written. */
void lines_skip(struct iovec **parts, size_t *n, size_t bytes);

/* Becomes readable when lines_close waits: a commit that would block for long should give up. */
int lines_stop_fd(const struct lines *lines);

/* Waits for the commit at hand, ends the thread and frees; deliveries still held are forgotten. */
void lines_close(struct lines *lines);

#endif
