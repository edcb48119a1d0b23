/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the cursors of a shard begin: which may, from where, and where its lead reader starts. The row
 * says how far a sink was, and a sink that remembers it durably itself may know better.
 */
#ifndef ENGINE_OPENING_H
#define ENGINE_OPENING_H

#include "consumer/engine/state.h"

/* Opens those cursors of an owned shard whose sink has finished what comes before, and starts readers. */
void opening_ready(struct shard *shard);

/* The sink holds nothing any more that its cursors have forgotten: those that waited for that open. */
void opening_tap_empty(struct tap *tap);

#endif
