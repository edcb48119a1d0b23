/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far everything is: lag by wall clock, also when nothing arrives; the state of each table; whether
 * all sinks have everything.
 */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#include "consumer/engine/state.h"

/* Whether every sink has everything up to the tips that were last seen. */
bool status_caught_up(const struct engine *engine);

/* Logs a line per table, throughput since the last time, lag, headroom, state; and how late polls were. */
void status_log(struct engine *engine);

#endif
