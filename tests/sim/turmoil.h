/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to the workers of a random run: deaths and restarts, pauses longer than a lease, machines
 * that sleep, partitions, clocks that jump, rolling deployments, workers that join and leave, with a sink
 * more or less. Each thing begins by chance and has its end.
 */
#ifndef SIM_TURMOIL_H
#define SIM_TURMOIL_H

#include "tests/sim/cluster.h"

enum { TURMOIL_RUNNING_MAX = 5 };

/* TURMOIL(identifier, word, weight of 100) */
#define TURMOILS                                                                                 \
	TURMOIL(CRASH, "crash-restart", 12) /* kill -9, and again within a second */             \
	TURMOIL(CRASH_STAY, "crash-stay", 12) /* kill -9, and again when others took over */     \
	TURMOIL(PAUSE_SHORT, "pause-short", 6) /* SIGSTOP for less than the lease time */        \
	TURMOIL(PAUSE_LONG, "pause-long", 10) /* for longer */                                   \
	TURMOIL(SUSPEND, "suspend", 8) /* the machine sleeps, for less or for longer */          \
	TURMOIL(RESTART, "drain-restart", 8) /* SIGTERM, and again once it has ended */          \
	TURMOIL(ROLLING, "rolling", 4) /* that, for one after the other, as itself or another */ \
	TURMOIL(JOIN, "join", 8) /* one more */                                                  \
	TURMOIL(LEAVE, "leave", 6) /* SIGTERM, and not again */                                  \
	TURMOIL(CUT_TABLES, "cut-tables", 6) /* it does not reach the tables */                  \
	TURMOIL(CUT_STREAMS, "cut-streams", 3) /* it does not reach the streams */               \
	TURMOIL(CUT_ALL, "cut-all", 5) /* it reaches nothing */                                  \
	TURMOIL(CLOCK, "clock-jump", 4) /* its wall clock jumps by seconds or minutes */         \
	TURMOIL(CLOCK_HOURS, "clock-hours", 4) /* by hours */                                    \
	TURMOIL(TWIN, "twin", 4) /* another process under its worker id */

enum turmoil_kind {
#define TURMOIL(id, word, weight) TURMOIL_##id,
	TURMOILS
#undef TURMOIL
		TURMOIL_N,
};

/* The kind's name. */
const char *turmoil_word(enum turmoil_kind kind);

/* What is to become of a worker; 0: nothing. */
struct fate {
	int64_t resume_ms, start_ms;
	bool gone; /* it is not to be started again by itself */
};

struct turmoil {
	struct cluster *cluster;
	struct fate fates[CLUSTER_WORKERS];
	size_t rolling, rolling_end; /* which worker is being replaced; the end is not */
	bool rolling_asked, rolling_renames;
	int64_t cut_until_ms;
	bool partitions; /* things may happen that are not the workers' own */
	bool calm; /* nothing more happens */
	bool seeks; /* operators have tables read again */
	bool alone; /* there is one worker, and never another one */
	size_t optional; /* a sink that may be missing in configurations; LEDGER_SINKS: there is none */
	uint64_t hits[TURMOIL_N];
	uint64_t lacking, half_added; /* starts without that sink; adds of it that ended half way */
};

/* Nothing happens yet. */
void turmoil_init(struct turmoil *turmoil, struct cluster *cluster);

/* Something happens to some worker. */
void turmoil_act(struct turmoil *turmoil);

/* Chooses whether a worker that is about to start runs the sink that may be missing. */
void turmoil_configure(struct turmoil *turmoil, struct worker *worker);

/* An operator has a table read again, or removes that sink, if nobody runs it, or adds it, perhaps half way. */
void turmoil_administer(struct turmoil *turmoil);

/* What is due happens: a worker goes on, or starts again. */
void turmoil_tick(struct turmoil *turmoil);

/* Whether something keeps a worker from its services at the moment. */
bool turmoil_cut(const struct turmoil *turmoil);

/* Everybody who was not told to leave works again, as soon as possible; clocks stay as they are. */
void turmoil_calm(struct turmoil *turmoil);

#endif
