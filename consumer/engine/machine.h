/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's state machines: their states, which steps are legal, and a count of each step taken.
 * Every change of state goes through machine_step, which aborts on an illegal one.
 */
#ifndef ENGINE_MACHINE_H
#define ENGINE_MACHINE_H

#include "consumer/engine/engine.h"

enum machine { MACHINE_SHARD, MACHINE_LEASE, MACHINE_READER, MACHINE_CURSOR };
enum { MACHINE_N = 4, MACHINE_STATES_MAX = 8 };

enum shard_state {
	SHARD_DISCOVERED, /* known, nothing decided yet */
	SHARD_BLOCKED, /* no sink has finished its parent */
	SHARD_READY, /* some sink may read it; wants a lease */
	SHARD_OWNED, /* leased and being read */
	SHARD_DRAINED, /* every sink has all of it; not yet written down */
	SHARD_DONE, /* every sink has all of it, durably */
	SHARD_LOST, /* a gap that the policy does not let pass */
};

enum lease_state {
	LEASE_FREE,
	LEASE_TAKING,
	LEASE_OWNED,
	LEASE_WRITING, /* a write of the row is outstanding */
	LEASE_SETTLING, /* a write's outcome is unknown: the row is being read */
	LEASE_RELEASING, /* given back */
	LEASE_LOST, /* another owner has it */
};

enum reader_state {
	READER_NEED_ITERATOR,
	READER_IDLE, /* has an iterator, waits for its time or for budget */
	READER_POLLING, /* GetRecords is outstanding */
	READER_FULL, /* a cursor of its group has a full window */
	READER_BACKOFF, /* after trouble */
	READER_ENDED, /* the shard has no more records */
};

enum cursor_state {
	CURSOR_WAITING_PARENTS,
	CURSOR_IDLE, /* open, nothing outstanding */
	CURSOR_DELIVERING, /* deliveries are outstanding */
	CURSOR_WAITING_RETRY, /* after a refusal of its sink */
	CURSOR_LETTER, /* a record is given up; its dead letter is not acknowledged yet */
	CURSOR_DETACHED, /* left the lead; reads its own arrears */
	CURSOR_DONE, /* has all of the shard */
};

struct machine_counts {
	uint64_t n[MACHINE_N][MACHINE_STATES_MAX][MACHINE_STATES_MAX];
};

/* Counts a step of one object from one state to another; must be legal. Staying is no step. */
void machine_step(struct machine_counts *counts, enum machine machine, unsigned from, unsigned to);

/* The word for a state. */
const char *machine_word(enum machine machine, unsigned state);

/* Lists all legal steps with their counts, as engine_transitions does. */
size_t machine_list(const struct machine_counts *counts, struct engine_transition *out, size_t max);

#endif
