/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `ddbtap leases`: one function for each of its words. They return the exit status so
 * far; what goes wrong otherwise is in visit->why.
 */
#ifndef VERBS_LEASES_H
#define VERBS_LEASES_H

#include "consumer/verbs/visit.h"

/* What the command line says. */
struct leases {
	const char *table, *worker, *to, *into; /* NULL: not said */
	bool all, json, force, yes, replace;
	const char *operand; /* behind the configuration: a shard or a file; NULL: none */
};

/* Prints the lease rows, for people or as JSON lines. */
int leases_list(struct visit *visit, const struct leases *leases);

/* Prints all rows as they are, a JSON object a line. */
int leases_export(struct visit *visit, const struct leases *leases);

/* Puts exported rows back, but for those of workers. */
int leases_import(struct visit *visit, const struct leases *leases);

/* Gives back leases of workers that are gone, or of any with `force`. */
int leases_release(struct visit *visit, const struct leases *leases);

/* Says what the leases are in another form, and with `yes` writes them into another table. */
int leases_convert(struct visit *visit, const struct leases *leases);

/* Deletes the lease rows of a table, or of all. */
int leases_reset(struct visit *visit, const struct leases *leases);

#endif
