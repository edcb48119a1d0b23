/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ddbtap run` tells monitoring about its engine: the pages /livez, /readyz and /metrics, and
 * the line for a supervisor.
 */
#ifndef VERBS_MONITOR_H
#define VERBS_MONITOR_H

#include "config/config.h"
#include "consumer/engine/engine.h"
#include "consumer/host/loop.h"

struct monitor;

/*
 * Listens at `where`, an address as http.listen has it; NULL: nowhere. `engine` lives as long as
 * the monitor, which never looks at it but when it is asked. NULL with `err` when that address
 * cannot be had.
 */
struct monitor *monitor_new(struct loop *loop, struct engine *engine, const struct config *config,
			    const char *where, struct error *err);

/* Appends the line for a supervisor: figures, and the first reason for not being ready. */
void monitor_put_status(const struct monitor *monitor, struct buf *out);

/* Closes the listener; NULL is allowed. */
void monitor_free(struct monitor *monitor);

#endif
