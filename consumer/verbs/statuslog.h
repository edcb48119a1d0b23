/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a running worker has read each table, from its log: the `table.status` lines that it writes once a
 * minute and at its end, and the `worker.running` lines of its starts, from which on it counts from 0. Other
 * lines are passed over, and so is what stands before a line, as in a journal.
 */
#ifndef VERBS_STATUSLOG_H
#define VERBS_STATUSLOG_H

#include "base/str.h"

struct statuslog_table {
	struct str name; /* borrowed */
	int64_t first_wall_ms, last_wall_ms; /* of what was told of it; 0: nothing yet */
	int64_t last_reads; /* of the present start */
	int64_t reads; /* in between */
};

/* Takes one line into account; those of other tables than these are passed over. */
void statuslog_take(struct statuslog_table *tables, size_t n, struct str line);

#endif
