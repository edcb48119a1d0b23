/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a table's streams, and keeps finding them.
 *
 * Each table is described (DescribeTable) at the start and every discovery interval: that shows its
 * present stream, and notices a replaced one. The shards of each stream are shardlist.c's, the children
 * of a shard that ended children.c's.
 */
#ifndef ENGINE_DISCOVERY_H
#define ENGINE_DISCOVERY_H

#include "consumer/engine/state.h"

struct stream_description;

/* Begins to describe the table. */
void discovery_start(struct table *table);

/*
 * Whether the worker may run, as far as this table goes, now that the checkpoint rows have been read; else the
 * engine is stopped: what is wrong with the table was wrong before anybody read it.
 */
bool discovery_may_run(struct table *table);

/* The checkpoint rows have been read, and the worker runs: streams may be listed. */
void discovery_rows_known(struct table *table);

/* A stream of the table tells what it is: that counts as long as the table itself does not. */
void discovery_stream_described(struct table *table, const struct stream_description *page);

/*
 * Whether a failed request about the table stops the engine, and does that: before the first success, when
 * only a person can cure the error, or after a long silence.
 */
bool discovery_stops_start(struct call *call, const struct table *table, unsigned attempts,
			   bool known);

/* Stops all requests and timers of the table and frees its streams. */
void discovery_stop(struct table *table);

#endif
