/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of records, from its arrival until the last cursor is through with it: the body, the events
 * that point into it, and its encoded forms. Freed in one go, with its share of the budget.
 */
#ifndef ENGINE_BATCH_H
#define ENGINE_BATCH_H

#include "consumer/engine/state.h"

/*
 * Makes a batch of an answer's body, which it takes over together with `reserved_bytes` of the budget.
 * `*next_iterator_out` lies in the batch. NULL with `err` when the page is malformed: then the body is
 * still the caller's. The caller holds one reference.
 */
struct batch *batch_new(struct shard *shard, struct buf *body, int64_t reserved_bytes,
			struct str *next_iterator_out, struct error *err);

/* Makes a batch of one gap record. After it, the shard is finished when `to_end`. */
struct batch *batch_new_gap(struct shard *shard, const struct gap *gap, bool to_end);

/* Makes a batch of a copy of event number `i`, whose records can do without the rest of their page. */
struct batch *batch_new_copy(const struct batch *batch, size_t i);

/* One more holder of the batch; each calls batch_unref once. */
void batch_ref(struct batch *batch);

/* Gives up a reference; frees the batch with the last one and wakes readers that wait for budget. */
void batch_unref(struct batch *batch);

/* The batch as `encoder` writes it; made once, lives as long as the batch. */
const struct encoding *batch_encoding(struct batch *batch, const struct encoder *encoder);

/* The position after event number `i`. */
struct position batch_position(const struct batch *batch, size_t i);

#endif
