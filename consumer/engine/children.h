/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks up the children of one shard that ended: DescribeStream with the filter CHILD_SHARDS, which is
 * one request where a whole listing may be fifty.
 *
 * A new child may be missing from answers for a moment, so a lookup is tried some times, and once more
 * after the first child is there, for its sibling. A stream that is disabled has no more children. When
 * no child appears, when the service refuses to say, and when so many shards end at once that a listing
 * takes fewer requests, the whole stream is listed. An endpoint that does not know the filter answers
 * with shards that are no children, or refuses it: from then on there are only listings.
 */
#ifndef ENGINE_CHILDREN_H
#define ENGINE_CHILDREN_H

#include "consumer/engine/state.h"

/* The shard was read to its end: its children are wanted soon. */
void children_want(struct shard *shard);

/* Whether children of some shard of the stream are being looked up. */
bool children_pending(const struct stream *stream);

/* Ends the lookup for a shard, if there is one. */
void children_forget(struct shard *shard);

#endif
