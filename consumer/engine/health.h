/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this worker does what it is there for: engine_health of engine.h tells the rule. Health
 * is progress, not a thread that lives: each reason is found by looking at what stands still, at
 * the moment when somebody asks.
 */
#ifndef ENGINE_HEALTH_H
#define ENGINE_HEALTH_H

#include "consumer/engine/state.h"

/* Logs the reasons why this worker is not ready, but for alarms, which alarm.h repeats. */
void health_log(struct engine *engine);

#endif
