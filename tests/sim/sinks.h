/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripted sinks. A target is what outlives every worker: the durable place that a sink's name stands
 * for, and how it behaves at the moment. Each incarnation of a worker opens a sink onto each target.
 *
 * A record is durable when it was given to the ledger; acknowledgements come from the process's loop.
 */
#ifndef SIM_SINKS_H
#define SIM_SINKS_H

#include "consumer/engine/sink.h"
#include "tests/sim/ledger.h"

enum target_mode {
	TARGET_FAST, /* some milliseconds */
	TARGET_SHUFFLED, /* acknowledges out of order what has no key in common */
	TARGET_SLOW, /* a fixed time per delivery */
	TARGET_DEAD, /* holds everything, for ever */
	TARGET_FAILING, /* half of the deliveries end in RETRY after a part */
	TARGET_LOSSY, /* durable, but the acknowledgement says less */
	TARGET_REJECTING, /* every delivery ends in REJECT after a part */
	TARGET_FULL, /* nothing goes in: a full disk */
	TARGET_FATAL, /* some deliveries end in FATAL */
	TARGET_POISONED, /* poison ends in REJECT, all else goes through */
	TARGET_REFUSING, /* a delivery with poison in it ends in REFUSED, which says not where */
	TARGET_CHOKING, /* the same, but in RETRY */
	TARGET_BUSY, /* half of the deliveries end in RETRY, not to be tried again before some time */
	TARGET_MODES,
};

/* The mode's name. */
const char *target_mode_word(enum target_mode mode);

/* The mode of that name; TARGET_MODES: none. */
enum target_mode target_mode_find(struct str word);

struct target {
	struct world *world;
	struct ledger *ledger;
	size_t number; /* which sink it is, in the ledger */
	char name[32];
	enum target_mode mode;
	int64_t slow_ms;
	/* Fixed before the first worker starts. */
	struct target *letters; /* takes its dead letters; NULL: none, poison blocks */
	bool letters_only; /* gets no table */
	bool remembers; /* says durably what it has, and must never get it twice */
	int64_t max_attempts, max_age_ms; /* as in struct engine_sink */
	unsigned poison_every; /* one record of so many is poison to it, which ones is fixed */
	char poison_item[64]; /* the changes of that item are poison to it; empty: of none */
	/* Since when it counts as healthy; INT64_MAX while it is not. A wait after a refusal counts. */
	int64_t well_since_ms, ill_until_ms;
	struct list sinks; /* open onto it */
	uint64_t hits[TARGET_MODES];
	uint64_t poisons; /* deliveries with poison in them */
	/* For plants. */
	uint64_t n_seen;
	bool planted;
};

/* A target that is fast. */
void target_init(struct target *target, struct ledger *ledger, size_t number, const char *name);

/* Whether the target is well and needs no other one that is not: since when, INT64_MAX if not. */
int64_t target_well_since_ms(const struct target *target);

/* Changes how it behaves; what its sinks hold goes on accordingly. */
void target_set_mode(struct target *target, enum target_mode mode, int64_t slow_ms);

/* Opens a sink of a process onto the target; closed through its type. */
struct sink *target_open(struct target *target, struct proc *proc);

/*
 * The process is about to die (its engine still exists): what the sink holds may become durable in part
 * without anybody learning of it.
 */
void target_crash(struct sink *sink);

#endif
