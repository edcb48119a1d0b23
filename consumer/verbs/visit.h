/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verb's visit to the checkpoint table: the configuration, the way there, and the questions that
 * every such verb has.
 *
 *	if (visit_open(&visit, program, path))
 *		... visit_ask, visit_scan ...
 *	return visit_close(&visit, status);
 *
 * What goes wrong is in `why`, which visit_close prints; functions here and those of verbs that
 * return false have set it.
 */
#ifndef VERBS_VISIT_H
#define VERBS_VISIT_H

#include "consumer/engine/row.h"
#include "consumer/host/ask.h"
#include "consumer/verbs/cloud.h"
#include "consumer/verbs/verb.h"

struct visit {
	struct config *config;
	struct cloud cloud;
	struct asker asker;
	struct str table; /* the checkpoint table's name */
	struct str
		own_table; /* where workers find each other: the same, or, with `kcl`, another one */
	bool kcl; /* the checkpoint table is shared with a Kinesis client */
	bool own_there; /* own_table is: else no worker of ours ever ran */
	struct error why;
};

/*
 * Reads the configuration, finds the way, and makes sure that the checkpoint table is there and one
 * that this version understands. False after saying on standard error what is wrong with the
 * configuration, or with `why`.
 */
bool visit_open(struct visit *visit, const struct program *program, const char *path) MUST_CHECK;

/* The same for a table that may be missing: it is created. */
bool visit_open_created(struct visit *visit, const struct program *program,
			const char *path) MUST_CHECK;

/*
 * Says what went wrong, if anything did, and frees all; returns the exit status, which is `status` if
 * all is well.
 */
int visit_close(struct visit *visit, int status);

/* The table that has, or is to have, the row with this key. */
struct str visit_table_of(const struct visit *visit, struct str key);

/* Creates a table like the checkpoint table, if it is missing, and waits until it can be used. */
bool visit_create(struct visit *visit, struct str table) MUST_CHECK;

/* asker_ask. */
bool visit_ask(struct visit *visit, struct question *question) MUST_CHECK;

/* asker_sleep. */
bool visit_sleep(struct visit *visit, int64_t ms) MUST_CHECK;

/*
 * Reads all rows, those of own_table included, consistently, and hands each raw item to `take`,
 * which returns false with `err` to end that.
 */
bool visit_scan(struct visit *visit,
		bool (*take)(void *arg, struct str raw_item, struct error *err),
		void *arg) MUST_CHECK;

/* The same for the rows of one table. */
bool visit_scan_table(struct visit *visit, struct str table,
		      bool (*take)(void *arg, struct str raw_item, struct error *err),
		      void *arg) MUST_CHECK;

/* Reads one row into the arena: the raw item, empty when there is none. */
bool visit_row(struct visit *visit, struct str key, struct arena *arena,
	       struct str *raw_out) MUST_CHECK;

/* What came of a conditional write. */
enum written {
	WRITTEN, /* it is in the table */
	WRITTEN_NOT, /* its condition did not hold */
	WRITTEN_MAYBE, /* the same, but an earlier try of it may have been carried out */
	WRITTEN_ERROR, /* visit->why says what else */
};

/* Sends a write whose body is in `question`. */
enum written visit_write(struct visit *visit, struct question *question) MUST_CHECK;

#endif
