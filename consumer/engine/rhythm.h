/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a reader polls next, from what its own shard brings: at once behind a full page, else when the next
 * record is to be expected, but neither sooner than poll_floor nor so late that a record could wait for
 * longer than max_latency. A burst is believed at once, a lull by half; while nothing comes the wait
 * doubles.
 *
 * Waits count from the sending of the last poll, so that slow answers do not add to them.
 */
#ifndef ENGINE_RHYTHM_H
#define ENGINE_RHYTHM_H

#include "consumer/engine/state.h"

/*
 * A poll that was sent at `sent_ms` (0: never) has come to its end, whatever that is: counts how late it was,
 * and lets the floor hold.
 */
void rhythm_polled(struct reader *reader, int64_t sent_ms);

/* It brought a page of `n` records in `bytes`. */
void rhythm_answered(struct reader *reader, int64_t sent_ms, size_t n, size_t bytes);

/* For how long the reader is not to poll yet; 0: it may. */
int64_t rhythm_rest_ms(const struct reader *reader);

/* Counts a poll that was so late; early ones count as in time. */
void lateness_add(struct lateness *late, int64_t late_ms);

/* The lateness in milliseconds that `permille` of all polls did not pass. */
int64_t lateness_ms(const struct lateness *late, unsigned permille);

#endif
