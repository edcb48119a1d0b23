/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of a table that came and went while nobody was looking.
 *
 * A table's description names only its present stream, and our rows only those that were read. When the
 * present one has replaced another, ListStreams is asked for those in between, which the service keeps
 * for a day after they were disabled. Until it has answered, no newer stream is opened. A service that
 * does not let us ask is not an obstacle: the gap record between the streams says what may be missing.
 */
#ifndef ENGINE_STREAMLIST_H
#define ENGINE_STREAMLIST_H

#include "consumer/engine/state.h"

/* Begins to ask; table->streams_pending until it is answered. */
void streamlist_start(struct table *table);

/* Ends what is under way. */
void streamlist_stop(struct table *table);

/* discovery.c's side: makes the stream known that this ARN names. */
void discovery_add_stream(struct table *table, struct str arn);

/* All of them are known: lists their shards. */
void discovery_streams_known(struct table *table);

#endif
