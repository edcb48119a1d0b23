/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the checkpoint table: after each write that succeeded, the row is read back and compared
 * with what the sinks have. Checks:
 *
 *	checkpoint-behind-ack	a row's positions are never ahead of what the sinks have durably
 *	fenced-owner		counters only grow; nobody but the holder of a lease moves its positions
 */
#ifndef SIM_ROWWATCH_H
#define SIM_ROWWATCH_H

#include "tests/sim/ledger.h"

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
	char checkpoint[ROWWATCH_POSITION_MAX];
	char sinks[LEDGER_SINKS][ROWWATCH_POSITION_MAX]; /* empty: no attribute */
	char start_at[32];
};

struct rowwatch {
	struct ledger *ledger;
	const char *table; /* the checkpoint table's name */
	const char *sinks[LEDGER_SINKS];
	struct map rows;
	char owners[LEDGER_LIVES][128]; /* the owner that each incarnation calls itself */
	uint64_t writes;
	uint64_t plants;
};

/* Starts watching the rows of the checkpoint table `table`. */
void rowwatch_init(struct rowwatch *watch, struct ledger *ledger, const char *table);

/* Frees what the watch holds. */
void rowwatch_release(struct rowwatch *watch);

/* A request was carried out. */
void rowwatch_served(struct rowwatch *watch, const struct world_call *call);

/* The shard's row, or NULL when there never was one. */
struct watched_row *rowwatch_row(struct rowwatch *watch, const struct ledger_shard *shard);

/* How many of the shard's writes the row says that the sink has. */
size_t rowwatch_position(const struct rowwatch *watch, const struct watched_row *row, size_t sink);

#endif
