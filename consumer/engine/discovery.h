/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a table's streams and their shards, and keeps finding them.
 *
 * Each table is described (DescribeTable) at the start and every discovery interval: that shows its
 * present stream, and notices a replaced one. Each stream is listed (DescribeStream, page by page, what
 * was read of it is kept when a page fails) at the start, every interval, and soon after a shard ended.
 * Listings lie: an open parent may have children, children may be missing for a while. What follows
 * from that is lineage.c's.
 */
#ifndef ENGINE_DISCOVERY_H
#define ENGINE_DISCOVERY_H

#include "consumer/engine/state.h"

/* Begins to describe the table. */
void discovery_start(struct table *table);

/* The checkpoint rows have been read: streams may be listed. */
void discovery_rows_known(struct table *table);

/* A shard of the stream ended, or is said not to exist: lists again soon. */
void discovery_rush(struct stream *stream);

/* Whether the stream's listings are older than its last ended shard, or lack that one's children. */
bool discovery_pending(const struct stream *stream);

/* Stops all requests and timers of the table and frees its streams. */
void discovery_stop(struct table *table);

#endif
