/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the registry of sinks, the row `ddbtap/registry` of the checkpoint table, and tells the ledger
 * which sinks are owed what: nothing before a sink is active; from then on what no row's `checkpoint`
 * covered at that moment. Checks:
 *
 *	registry	versions, epochs and the generations of a sink only grow
 */
#ifndef SIM_SINKWATCH_H
#define SIM_SINKWATCH_H

#include "tests/sim/rowwatch.h"

struct sinkwatch {
	struct ledger *ledger;
	struct rowwatch *rows; /* which knows the sinks' names */
	const char *table; /* the checkpoint table's name */
	int64_t version, epoch;
	bool seeking;
	int64_t epochs[LEDGER_LIVES]; /* the replay that each incarnation says it goes by */
	/* What happened so far: a sink was added, one of them again; removed; a seek began. */
	uint64_t added, again, removed, seeks;
};

/* Starts watching the registry in the checkpoint table `table`. */
void sinkwatch_init(struct sinkwatch *watch, struct rowwatch *rows, const char *table);

/* A request was carried out; whether it changed the registry. */
bool sinkwatch_served(struct sinkwatch *watch, const struct world_call *call);

/* The registry was changed by an operator. */
void sinkwatch_look(struct sinkwatch *watch);

/* An incarnation has adopted the registry, by what it logs, as "epoch=N sinks=a.1,b.2"; the epoch. */
int64_t sinkwatch_adopted(struct sinkwatch *watch, unsigned life, struct str line);

/* Whether the incarnation goes by the registry as it is; `without`: a sink that it does not run. */
bool sinkwatch_follows(const struct sinkwatch *watch, unsigned life, size_t without);

#endif
