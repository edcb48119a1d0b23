/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/machine.h"

struct machine_spec {
	const char *name;
	const char *words[MACHINE_STATES_MAX];
	/* Bit `to` of steps[from]: the step is legal. */
	unsigned steps[MACHINE_STATES_MAX];
};

#define TO(state) (1u << (state))

static const struct machine_spec specs[MACHINE_N] = {
	[MACHINE_SHARD] =
		{
			.name = "shard",
			.words = {"discovered", "blocked", "ready", "owned", "drained", "done",
				  "lost"},
			.steps =
				{
					[SHARD_DISCOVERED] = TO(SHARD_BLOCKED) | TO(SHARD_READY) |
							     TO(SHARD_DONE),
					[SHARD_BLOCKED] = TO(SHARD_READY) | TO(SHARD_DONE),
					[SHARD_READY] = TO(SHARD_OWNED) | TO(SHARD_DONE),
					[SHARD_OWNED] = TO(SHARD_DRAINED) | TO(SHARD_READY) |
							TO(SHARD_LOST),
					[SHARD_DRAINED] = TO(SHARD_DONE) | TO(SHARD_READY),
				},
		},
	[MACHINE_LEASE] =
		{
			.name = "lease",
			.words = {"free", "taking", "owned", "writing", "settling", "releasing",
				  "lost"},
			.steps =
				{
					[LEASE_FREE] = TO(LEASE_TAKING) | TO(LEASE_SETTLING),
					[LEASE_TAKING] = TO(LEASE_OWNED) | TO(LEASE_SETTLING),
					[LEASE_OWNED] = TO(LEASE_WRITING) | TO(LEASE_RELEASING),
					[LEASE_WRITING] = TO(LEASE_OWNED) | TO(LEASE_SETTLING),
					[LEASE_SETTLING] = TO(LEASE_OWNED) | TO(LEASE_LOST),
					[LEASE_RELEASING] = TO(LEASE_FREE) | TO(LEASE_SETTLING),
					[LEASE_LOST] = TO(LEASE_FREE),
				},
		},
	[MACHINE_READER] =
		{
			.name = "reader",
			.words = {"need-iterator", "idle", "polling", "full", "backoff", "ended"},
			.steps =
				{
					[READER_NEED_ITERATOR] =
						TO(READER_IDLE) | TO(READER_BACKOFF),
					[READER_IDLE] = TO(READER_POLLING) | TO(READER_FULL) |
							TO(READER_NEED_ITERATOR),
					[READER_POLLING] =
						TO(READER_IDLE) | TO(READER_BACKOFF) |
						TO(READER_NEED_ITERATOR) | TO(READER_ENDED),
					[READER_FULL] = TO(READER_IDLE) | TO(READER_NEED_ITERATOR),
					[READER_BACKOFF] =
						TO(READER_IDLE) | TO(READER_NEED_ITERATOR),
					[READER_ENDED] = TO(READER_NEED_ITERATOR),
				},
		},
	[MACHINE_CURSOR] =
		{
			.name = "cursor",
			.words = {"waiting-parents", "idle", "delivering", "waiting-retry",
				  "dead-letter", "detached", "done"},
			.steps =
				{
					[CURSOR_WAITING_PARENTS] = TO(CURSOR_IDLE) |
								   TO(CURSOR_DETACHED) |
								   TO(CURSOR_DONE),
					[CURSOR_IDLE] = TO(CURSOR_DELIVERING) | TO(CURSOR_DETACHED) |
							TO(CURSOR_DONE) |
							TO(CURSOR_WAITING_PARENTS),
					[CURSOR_DELIVERING] =
						TO(CURSOR_IDLE) | TO(CURSOR_WAITING_RETRY) |
						TO(CURSOR_LETTER) | TO(CURSOR_DETACHED) |
						TO(CURSOR_WAITING_PARENTS),
					[CURSOR_WAITING_RETRY] = TO(CURSOR_IDLE) |
								 TO(CURSOR_DETACHED) |
								 TO(CURSOR_WAITING_PARENTS),
					[CURSOR_LETTER] = TO(CURSOR_IDLE) | TO(CURSOR_DETACHED) |
							  TO(CURSOR_WAITING_PARENTS),
					[CURSOR_DETACHED] =
						TO(CURSOR_IDLE) | TO(CURSOR_WAITING_PARENTS),
					[CURSOR_DONE] = TO(CURSOR_WAITING_PARENTS),
				},
		},
};

void machine_step(struct machine_counts *counts, enum machine machine, unsigned from, unsigned to)
{
	if (from == to)
		return;
	must(from < MACHINE_STATES_MAX && to < MACHINE_STATES_MAX);
	must((specs[machine].steps[from] & TO(to)) != 0);
	counts->n[machine][from][to]++;
}

const char *machine_word(enum machine machine, unsigned state)
{
	return specs[machine].words[state];
}

size_t machine_list(const struct machine_counts *counts, struct engine_transition *out, size_t max)
{
	size_t n = 0;

	for (unsigned m = 0; m < MACHINE_N; m++) {
		for (unsigned from = 0; from < MACHINE_STATES_MAX; from++) {
			for (unsigned to = 0; to < MACHINE_STATES_MAX; to++) {
				if ((specs[m].steps[from] & TO(to)) == 0)
					continue;
				if (n < max)
					out[n] = (struct engine_transition){specs[m].name,
									    specs[m].words[from],
									    specs[m].words[to],
									    counts->n[m][from][to]};
				n++;
			}
		}
	}
	return n;
}
