/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists the shards of a stream: DescribeStream, page by page; what was read of it is kept when a page
 * fails. At the start, every discovery interval, and soon when there is a reason. Every page waits for
 * its turn in the engine's pace, and a listing without hurry for the one lister's row.
 *
 * Listings lie: an open parent may have children, children may be missing for a while. What follows
 * from that is lineage.c's.
 */
#ifndef ENGINE_SHARDLIST_H
#define ENGINE_SHARDLIST_H

#include "consumer/aws/streams.h"
#include "consumer/engine/state.h"

/* Sets up what a new stream needs to be listed. */
void shardlist_init(struct stream *stream);

/* Starts listing a stream, unless that is under way already, or planned. */
void shardlist_start(struct stream *stream);

/* There is a reason to list soon: a shard is said not to exist, or its children are not found. */
void shardlist_rush(struct stream *stream);

/* A look at all rows of the checkpoint table that began at `since_ms` is over. */
void shardlist_rows_read(struct engine *engine, int64_t since_ms);

/* How many pages a whole listing has, about. */
size_t shardlist_pages(const struct stream *stream);

/* Takes in shards that an answer shows. */
void shardlist_take(struct stream *stream, const struct stream_description *page);

/* Whether the stream's listings are older than its last ended shard, or lack that one's children. */
bool shardlist_pending(const struct stream *stream);

/* Ends what is under way. */
void shardlist_stop(struct stream *stream);

#endif
