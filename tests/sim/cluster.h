/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole deployment in the simulated world: tables with writers, sinks' targets, workers with their
 * engines, and the oracle that watches them. What a scenario or a random run does, it does through
 * here.
 */
#ifndef SIM_CLUSTER_H
#define SIM_CLUSTER_H

#include "consumer/engine/engine.h"
#include "tests/sim/fleet.h"
#include "tests/sim/foreign.h"
#include "tests/sim/pollwatch.h"
#include "tests/sim/sinks.h"
#include "tests/sim/sinkwatch.h"

struct adding;
struct coverage;

enum { CLUSTER_TABLES = 4, CLUSTER_WORKERS = 12, CLUSTER_STEPS_MAX = 128 };

#define CLUSTER_CHECKPOINTS "ddbtap-checkpoints"
#define CLUSTER_OWN	    "ddbtap-checkpoints-ddbtap" /* where workers find each other beside a KCL */

/* How a worker's last life ended. */
enum worker_end { END_NONE, END_CRASHED, END_STOPPED };

struct worker {
	struct cluster *cluster;
	char id[16], process[16]; /* its name, and the present process's on its machine */
	char alias[16]; /* the worker id that it runs under; empty: its name */
	bool vouched; /* an operator says that nobody else has the id */
	size_t without; /* the number of a sink that it does not run; LEDGER_SINKS: it runs all */
	bool unproven; /* nobody can say that its predecessors are dead */
	bool draining;
	int64_t boot_ms, skew_ms; /* of its machine's clocks */
	enum worker_end end;
	struct error why; /* when it stopped by itself */
	struct proc *proc;
	struct engine *engine;
	struct sink *sinks[LEDGER_SINKS];
	struct world_event reap; /* frees an engine that stopped */
	int64_t started_ms;
};

/* A log line that a scenario waits for. */
struct log_count {
	char word[64];
	uint64_t n;
};

struct cluster {
	struct world world;
	struct ledger ledger;
	struct lifewatch lives;
	struct rowwatch rows;
	struct sinkwatch registry;
	struct adding *adding; /* an operator's, who stopped half way; NULL: there is none */
	struct str added_sink; /* what that one adds */
	struct fleet fleet;
	struct pollwatch polls;
	struct foreign foreign;
	struct engine_options options; /* of every engine; ids and sinks are filled in at the start */
	struct ledger_table *tables[CLUSTER_TABLES];
	struct engine_table engine_tables[CLUSTER_TABLES];
	struct engine_start starts[CLUSTER_TABLES][LEDGER_STARTS];
	size_t n_tables;
	struct target targets[LEDGER_SINKS];
	size_t n_targets;
	struct worker workers[CLUSTER_WORKERS];
	size_t n_workers;
	struct coverage *coverage; /* may be NULL */
	/* The oracle's: see oracle.c. */
	struct world_event sample;
	int64_t quiet_since_ms; /* since when nothing but sinks misbehaves; INT64_MAX: it does now */
	int64_t slow_until_ms; /* until when the engine may need time to find out what happened */
	int64_t faulty_until_ms; /* the same, after something was wrong outside of the workers */
	bool isolation; /* stall-isolation is checked */
	bool trimmed; /* records were taken from under the engines: they may not know the tips */
	uint64_t requests;
	struct map counts; /* operation or log event -> struct log_count */
};

/* An empty deployment; sinks and tables are added before the first worker starts. */
void cluster_init(struct cluster *cluster, uint64_t seed, struct world_trace *trace);

/* Ends all workers without a word and frees everything; adds to the coverage. */
void cluster_release(struct cluster *cluster);

/* The table of leases is a Kinesis client's, from the first start on. */
void cluster_kcl(struct cluster *cluster);

/* Adds a sink's target. */
struct target *cluster_sink(struct cluster *cluster, const char *name);

/* `to` takes the dead letters of `from`; `only`: it gets no table besides. Before the first start. */
void cluster_letters(struct cluster *cluster, struct target *from, struct target *to, bool only);

/* Adds a consumed table with its stream, of `shards` open shards. */
struct ledger_table *cluster_table(struct cluster *cluster, const char *name, unsigned shards);

/* The target of that name; NULL: none. */
struct target *cluster_find_sink(struct cluster *cluster, struct str name);

/* The index of the table of that name; the number of tables: none. */
size_t cluster_find_table(const struct cluster *cluster, struct str name);

/* The worker of that name; NULL: none. */
struct worker *cluster_worker(struct cluster *cluster, const char *id);

/* Writes a new value to the item `key`; `bytes` of padding go with it. */
void cluster_put(struct cluster *cluster, const char *table, const char *key, size_t bytes);

/* Deletes the item `key`. */
void cluster_delete(struct cluster *cluster, const char *table, const char *key);

/* Switches a table's stream off or on; on again makes a new stream, with both images or as `view` says. */
void cluster_stream(struct cluster *cluster, const char *table, bool on, struct str view);

/* Deletes or creates the table itself. */
void cluster_drop_table(struct cluster *cluster, const char *table);

/* Deletes the lease rows of a table's shards, as an operator may who knows no better. */
void cluster_forget_rows(struct cluster *cluster, const char *table);

/* The table's reading begins, in its present shard, after the last change of the item `key`. */
void cluster_start_after(struct cluster *cluster, struct ledger_table *table, const char *key);

/* Starts a worker that does not run. */
void cluster_start(struct worker *worker);

/* Ends a worker as kill -9 does. */
void cluster_crash(struct worker *worker);

/* Asks a worker to drain. */
void cluster_drain(struct worker *worker);

/* Stops a worker as SIGSTOP does; `asleep`: as a machine that is suspended does. */
void cluster_pause(struct worker *worker, bool asleep);

/* Lets a stopped worker go on. */
void cluster_resume(struct worker *worker);

/* The wall clock of the worker's machine is off by that much, from now on. */
void cluster_clock(struct worker *worker, int64_t skew_ms);

/* Whether the worker does its work: it runs, is not stopped and not about to leave. */
bool cluster_works(const struct worker *worker);

/* How many do. */
size_t cluster_n_working(const struct cluster *cluster);

/* Runs for so long; false when an invariant broke. */
bool cluster_run(struct cluster *cluster, int64_t ms);

/* Something but a sink begins to misbehave: for stall-isolation. */
void cluster_disturbed(struct cluster *cluster);

/* It ceases to misbehave. */
void cluster_quiet(struct cluster *cluster);

/* What just happened takes the engine up to so long to notice: for stall-isolation. */
void cluster_slow(struct cluster *cluster, int64_t ms);

/* The registry has changed: workers begin anew, which takes them some time. */
void cluster_renewed(struct cluster *cluster);

/* The same, for something outside of the workers. */
void cluster_faulty(struct cluster *cluster, int64_t ms);

/* How often an operation was sent, or a log event was logged. */
uint64_t cluster_count(const struct cluster *cluster, struct str word);

#endif
