/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants over all workers together: whether their leases are where they should be, and what that
 * costs. Looked at once a second. Checks:
 *
 *	no-orphan	a shard that can be read, and is not finished, is some working worker's
 *	balance		the working workers have about as many of those each, and leave it at that while
 *			nothing is written; only while fleet.balanced
 *	lease-writes	the table of idle workers is written by heartbeats and by turns to list, and read
 *			about as often; the latter only while fleet.frugal
 *	aside		who does not run all registered sinks holds nothing while a working worker does
 *	follows		a working worker goes by the registry as it is: its sinks and the replay
 *	lease-renewed	beside a Kinesis client, every row that a working worker has is written within
 *			the lease time
 *	herd		few conditional writes fail for each lease that changes hands
 *
 * Each has its time to come true after something happened, by the workers' own options.
 */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "base/mem.h"

enum { FLEET_SECONDS = 64 };

/* What was checked, rather than passed over because something was going on. */
enum fleet_check {
	FLEET_ORPHAN,
	FLEET_BALANCE,
	FLEET_WRITES,
	FLEET_READS,
	FLEET_HERD,
	FLEET_ASIDE,
	FLEET_FOLLOWS,
	FLEET_RENEWED,
	FLEET_CHECKS
};

/* The check's name. */
const char *fleet_check_word(enum fleet_check check);

struct cluster;

struct fleet {
	bool balanced; /* workers even out their leases */
	bool frugal; /* they look at each other's heartbeats alone, not at all rows */
	bool trimmed; /* the service may have forgotten shards */
	int64_t idle_since_ms; /* nothing has been written to any stream since; -1: unknown */
	int64_t crew_ms; /* when the workers or the registry last changed, or something misbehaved */
	uint64_t crew_sum; /* what that was judged by */
	bool mixed; /* some worker lacks a sink, or did */
	int64_t moved_ms; /* when the workers, or what can be read, last changed */
	uint64_t writes, moved_sum; /* what that was judged by */
	int64_t even_ms; /* since when the leases are known to be even and nothing is written; 0: not */
	int64_t taken_ms; /* when a lease last changed hands */
	uint64_t takes_then; /* how many had by then */
	uint64_t even_takes; /* leases that had changed hands by then */
	uint64_t refusals[FLEET_SECONDS], takes[FLEET_SECONDS]; /* so far, by second: rings */
	size_t most; /* workers at once */
	uint64_t checked[FLEET_CHECKS];
};

/* Whether somebody who runs the sink has its shards, or takes them: else it need not get anything. */
bool fleet_serves(const struct cluster *cluster, size_t sink);

/* Looks at the workers and their leases. */
void fleet_sample(struct cluster *cluster);

#endif
