/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the checkpoint table: after each write that succeeded, the row is read back and compared
 * with what the sinks have. Checks:
 *
 *	checkpoint-behind-ack	a row's positions are never ahead of what the sinks have durably
 *	checkpoint-forward	what a worker writes takes no position back
 *	fenced-owner		counters only grow; nobody but the holder of a lease writes its row,
 *				except to take it, which moves no position
 *	foreign-alive		a lease is taken from a foreign worker only when its row stood still for
 *				the lease time
 *	row-kept		only rows that say SHARD_END for every registered sink are deleted, and not from
 *				under the living
 */
#ifndef SIM_ROWWATCH_H
#define SIM_ROWWATCH_H

#include "tests/sim/lifewatch.h"

enum { ROWWATCH_POSITION_MAX = 48 };

/* A lease row, as it was last read. */
struct watched_row {
	char key[320];
	struct ledger_shard *shard;
	bool exists;
	char owner[128];
	uint64_t counter;
	unsigned holder; /* the incarnation that last took it, or was given it */
	bool held;
	bool foreign; /* a worker of a Kinesis client owns it, since foreign_ms; written then or since */
	int64_t foreign_ms, foreign_wrote_ms;
	int64_t wrote_ms; /* when the holder wrote it last, seen from the service */
	int64_t renewed_ms; /* when that was sent, of what the holder knows to be written; -1: nothing */
	bool ended; /* it was deleted, and said SHARD_END for all sinks */
	char checkpoint[ROWWATCH_POSITION_MAX];
	char sinks[LEDGER_SINKS][ROWWATCH_POSITION_MAX]; /* empty: no attribute */
	char start_at[32];
	int64_t epoch; /* the replay that it belongs to */
};

struct rowwatch {
	struct ledger *ledger;
	struct lifewatch *lives;
	const char *table; /* the checkpoint table's name */
	bool kcl; /* it is a Kinesis client's */
	const char *sinks[LEDGER_SINKS];
	struct map rows;
	uint64_t writes;
	uint64_t takes, deleted; /* of lease rows */
	uint64_t bumps; /* writes that only make the holder's next one fail */
	uint64_t stolen; /* by a foreign worker */
	uint64_t progress; /* rows made, and writes that moved a position */
	/* Conditional writes of lease rows that failed: all but deletes, and those. */
	uint64_t refusals, refused_deletes;
	uint64_t plants;
};

/* Starts watching the rows of the checkpoint table `table`. */
void rowwatch_init(struct rowwatch *watch, struct ledger *ledger, struct lifewatch *lives,
		   const char *table);

/* Frees what the watch holds. */
void rowwatch_release(struct rowwatch *watch);

/* A request was carried out. */
void rowwatch_served(struct rowwatch *watch, const struct world_call *call);

/* A sink has another generation, and so other attributes: reads all rows again. */
void rowwatch_read_again(struct rowwatch *watch);

/* An operator has written the row, and nobody holds it now. */
void rowwatch_rewritten(struct rowwatch *watch, struct watched_row *row);

/* Whether the row says SHARD_END for the sink. */
bool rowwatch_ended(const struct watched_row *row, size_t sink);

/* Whether the shard is finished for all sinks that are registered, by its row or because that is gone. */
bool rowwatch_finished(const struct rowwatch *watch, const struct watched_row *row);

/* How many of the shard's writes the row's `checkpoint` covers; more than there are for SHARD_END. */
size_t rowwatch_checkpoint(const struct rowwatch *watch, const struct watched_row *row);
/* A request came to its end; `ok`: with an answer that its sender could use. */
void rowwatch_answered(struct rowwatch *watch, const struct world_call *call, bool ok);

/* A foreign worker has written the row with this key. */
void rowwatch_foreign(struct rowwatch *watch, struct str key);

/* Checks what must be true of a row when a delivery of its shard begins. */
void rowwatch_begins(struct rowwatch *watch, const struct watched_row *row, unsigned life);

/* How many of the shard's writes the row says that the sink has. */
size_t rowwatch_position(const struct rowwatch *watch, const struct watched_row *row, size_t sink);

#endif
