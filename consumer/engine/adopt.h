/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this worker makes of the registry (registry.h): which sinks there are besides those that it runs, and
 * which replay is the present one.
 *
 * At the start, once our heartbeat row is there, the registry is read and adopted; sinks of ours that it
 * lacks are added first, and while a seek is under way we wait, which the heartbeat says. From then on a
 * row's positions are written only after a read of the registry that began after the row was read or taken,
 * and that showed nothing new. When there is something new, the engine begins anew (engine_renew): other
 * sinks count now, or positions have moved under our feet.
 */
#ifndef ENGINE_ADOPT_H
#define ENGINE_ADOPT_H

#include "consumer/engine/state.h"

/* Reads the registry and adopts it; worker_adopted tells the end. */
void adopt_start(struct engine *engine);

/* The row of a shard has been read or taken: before positions are written there, the registry is read. */
void adopt_want(struct shard *shard);

/*
 * Whether the shard's row may be written, as far as the registry goes. When not, the registry is asked for;
 * then the row is written if it is marked as one that wants it (dirty_mark).
 */
bool adopt_may_write(struct shard *shard);

/* A look has read the registry's row. False with `err` when that makes no sense. */
bool adopt_look(struct engine *engine, struct arena *arena, struct str raw,
		struct error *err) MUST_CHECK;

/* Whether a worker that says it runs `sinks` runs all that are registered. */
bool adopt_is_whole(const struct engine *engine, const struct str *sinks, size_t n);

/* Ends what is under way and frees what is known. */
void adopt_release(struct engine *engine);

#endif
