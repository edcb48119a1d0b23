/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which shard may be read by which sink, and when.
 *
 * Lineage is per cursor: a cursor opens when the same sink's cursor on the parent is done durably,
 * that is, when the parent's row says so; memory is not enough, for a restart would forget it. Shards
 * of a stream that replaced another one wait for the whole of the older one in the same way.
 * A parent that is not listed counts as gone only if it is older than what streams keep, or three whole
 * listings at least ten seconds apart lack it.
 */
#ifndef ENGINE_LINEAGE_H
#define ENGINE_LINEAGE_H

#include "consumer/engine/state.h"

/* Listings closer to each other than this count as one when a shard is missed. */
enum { LINEAGE_SPACING_MS = 10 * SECOND_MS };

/* Whether a shard waits for more listings, to learn whether its unlisted parent is gone. */
bool lineage_undecided(const struct stream *stream);

/* A whole listing of the stream is done: decides about every shard of it. */
void lineage_listed(struct stream *stream);

/* Shards of a listed stream were found between listings. */
void lineage_found(struct stream *stream);

/* Decides what is next for one shard; call it whenever something that it depends on has changed. */
void lineage_consider(struct shard *shard);

/* Another worker has given us the shard, and knows that it may be read. */
void lineage_given(struct shard *shard);

/* Something of this shard has become durable: its children, or a newer stream, may go on. */
void lineage_advanced(struct shard *shard);

/* Whether the cursor may open: its sink has finished everything that comes before. */
bool lineage_clear(const struct cursor *cu);

/* Whether the finished shard's row may be deleted: its children no longer depend on it. */
bool lineage_row_unneeded(const struct shard *shard);

/*
 * Whether the parent's row says of every sink that it has all, and its `checkpoint` does not yet: the
 * shard's own one waits for that. A sink that is added meanwhile would get the rest of the parent after
 * what it gets of the shard's children.
 */
bool lineage_lags(const struct shard *shard);

#endif
