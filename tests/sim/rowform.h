/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about rows of the checkpoint table, and the rows, as the watches read them: a reader of its
 * own, so that it cannot share the engine's mistakes.
 */
#ifndef SIM_ROWFORM_H
#define SIM_ROWFORM_H

#include "base/json.h"
#include "tests/sim/world.h"

/* What a request of one row names; empty when it names none. */
struct row_named {
	struct str table, key;
};

/* Which row a request is about; slices lie in `body`. */
struct row_named row_named(struct str body);

/* Whether the operation writes a row. */
bool row_writes(struct str operation);

/* Reads {"S":"..."} or {"N":"..."}; other types give nothing. */
struct str row_scalar(struct json *json);

/*
 * Asks the service for a row and calls `attribute` for each of its attributes, which has to read or skip
 * the value; false when there is no such row.
 */
bool row_fetch(const struct world *world, const char *table, struct str key,
	       void (*attribute)(void *arg, struct str name, struct json *json), void *arg);

#endif
