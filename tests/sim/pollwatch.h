/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches how often the service is asked. A chain is what one reader does: an iterator, and those that
 * follow from it. Checks:
 *
 *	poll-rate	one chain polls not faster than the floor, unless the page before was full or the
 *			shard is closed
 *	poll-ration	an incarnation never reads more than max_reads_per_month allows: a bucket that is
 *			empty at the start, fills at that rate and holds ten minutes' worth, or ten reads
 *	two-readers	an incarnation never has more than two GetRecords of a shard under way
 *	describe-rate	an incarnation never sends more than ten DescribeStream in any second
 */
#ifndef SIM_POLLWATCH_H
#define SIM_POLLWATCH_H

#include "tests/sim/ledger.h"

enum { DESCRIBES_MAX = 10 }; /* a second */
/* What an incarnation may still read. */
struct poll_ration {
	int64_t counted_ms;
	double reads; /* as of counted_ms */
};

struct pollwatch {
	struct ledger *ledger;
	int64_t floor_ms;
	int64_t reads_per_month; /* 0: no limit */
	struct poll_ration rations[LEDGER_LIVES];
	struct map iterators; /* text -> struct poll_iterator */
	struct map calls; /* request id -> struct poll_call */
	struct poll_chain *chains;
	uint64_t polls;
	/* When each incarnation sent its last DescribeStream: a ring. */
	struct {
		int64_t sent_ms[DESCRIBES_MAX];
		size_t n;
	} describes[LEDGER_LIVES];
};

/* Starts watching; `floor_ms` is the least time between two polls of a shard. */
void pollwatch_init(struct pollwatch *watch, struct ledger *ledger, int64_t floor_ms);

/* Frees what the watch holds. */
void pollwatch_release(struct pollwatch *watch);

/* An incarnation starts: its ration of reads begins to fill. */
void pollwatch_started(struct pollwatch *watch, const struct proc *proc);

/* A request was sent. */
void pollwatch_sent(struct pollwatch *watch, const struct world_call *call);

/* The service carried a request out. */
void pollwatch_served(struct pollwatch *watch, const struct world_call *call);

/* A request came to its end; `ok`: with an answer that its sender could use. */
void pollwatch_ended(struct pollwatch *watch, const struct world_call *call, bool ok);

#endif
