/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor: one sink's progress in one shard. Its frontier, up to which the sink has acknowledged
 * everything without a hole, is the only source of checkpoints.
 *
 * Readers push batches; the cursor submits them as deliveries, in order, as far as its sink has room;
 * acknowledgements move the frontier. After a refusal everything from the frontier on is submitted
 * again, later. A cursor whose window stays full is detached: what was not submitted is dropped, and
 * read again by the catch-up reader when the sink accepts again.
 */
#ifndef ENGINE_CURSOR_H
#define ENGINE_CURSOR_H

#include "consumer/engine/state.h"

/* The only way to change cu->state. */
void cursor_set_state(struct cursor *cu, enum cursor_state state);

/* Sets up the cursor of one of the shard's sinks; it waits for its parents. */
void cursor_init(struct cursor *cu, struct shard *shard, struct tap *tap);

/* Ends everything of the cursor; its sink may still complete a delivery, which is then ignored. */
void cursor_release(struct cursor *cu);

/* Forgets all but what is durable: the lease is gone. */
void cursor_reset(struct cursor *cu);

/* Hands over a batch; takes a reference of its own as far as the cursor needs it. */
void cursor_push(struct cursor *cu, struct batch *batch);

/* The reader has handed over the shard's last record. */
void cursor_reader_ended(struct cursor *cu);

/* Submits what may be submitted, and settles the state. */
void cursor_pump(struct cursor *cu);

/* Whether the cursor takes no more batches now; notes since when. */
bool cursor_full(struct cursor *cu);

/* Leaves the group, dropping what was not submitted. */
void cursor_detach(struct cursor *cu);

/* Whether the cursor could take part in a pass of the catch-up reader. */
bool cursor_wants_pass(const struct cursor *cu);

/* Joins the catch-up pass, or rejoins the lead. */
void cursor_join(struct cursor *cu, enum group group);

/* Whether it has caught up with the lead's position and nothing is outstanding. */
bool cursor_at_lead(const struct cursor *cu);

/* The dead letter of the record at the frontier is durable; `letter` is the batch with its one event. */
void cursor_pass(struct cursor *cu, const struct batch *letter);

/* Hands over the gap records that were decided on when the cursor opened, before everything else. */
void cursor_push_wanted_gaps(struct cursor *cu);

/* Whether it was handed something of the shard, but nothing as late as the position. */
bool cursor_falls_short(const struct cursor *cu, const struct position *of);

/* Hands over a gap record. */
void cursor_push_gap(struct cursor *cu, enum gap_reason reason, bool certain, bool to_end);

/* Whether nothing is queued or outstanding. */
bool cursor_quiet(const struct cursor *cu);

#endif
