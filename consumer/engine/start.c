/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/start.h"

#include "base/time.h"
#include "consumer/engine/shard.h"

enum {
	LINEAGE_DEPTH_MAX = 64,
	CLOSED_SLACK_MS = 2 * SECOND_MS, /* the service's times are cut to the second */
};

bool start_chosen(const struct table *table)
{
	return table->options->latest || table->options->start_wall_ms > 0 ||
	       table->options->n_start_after > 0;
}

bool start_begun(const struct table *table, int64_t start_wall_ms)
{
	/* Where the tip is to be looked for, a row that does not say so was made, or made anew, later. */
	return start_wall_ms >= 0 || (table->options->latest && start_wall_ms != ROW_START_LATEST);
}

bool start_check(const struct table *table, int64_t service_wall_ms, struct error *err)
{
	int64_t start_wall_ms = table->options->start_wall_ms;
	struct buf when;

	/* The service tells its time in whole seconds. */
	if (start_wall_ms / SECOND_MS <= service_wall_ms / SECOND_MS)
		return true;
	buf_init(&when, 64);
	time_add_rfc3339(&when, start_wall_ms);
	error_set(err, ERROR_CONFIG,
		  "table %.*s: start is %.*s, which is still to come; to begin with the next "
		  "change write start: latest",
		  STR_ARG(table->options->name), STR_ARG(buf_view(&when)));
	buf_release(&when);
	return false;
}

/* Whether rows show that the stream was read before; those that came with its shards. */
static void note_consumed(struct stream *stream)
{
	const struct shard *shard;
	size_t at = 0;

	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		if (shard->has_row && start_begun(stream->table, shard->start_wall_ms))
			stream->first_start = false;
		for (size_t i = 0; shard->has_row && i < shard->n_cursors; i++) {
			if (shard->cursors[i].durable.kind != POSITION_START)
				stream->first_start = false;
		}
	}
}

/* Whether a listed shard without a row was finished before: a child of it has been started. */
static bool child_started(struct shard *shard, unsigned depth)
{
	if (depth > LINEAGE_DEPTH_MAX)
		return false;
	list_each(it, &shard->children, spare) {
		struct shard *child = CONTAINER_OF(it, struct shard, child_link);

		if (child->has_row ? shard_checkpoint(child).kind != POSITION_START ||
					     child->start_wall_ms != ROW_START_ALL
				   : child_started(child, depth + 1))
			return true;
	}
	return false;
}

/* A shard that begins after a change; what it descends from counts as read. */
static void begin_after(struct stream *stream, const struct engine_start *start)
{
	struct engine *engine = stream->table->engine;
	struct shard *shard = map_get(&stream->shards, start->shard_id), *up;

	if (shard == NULL) {
		io_log(engine->io, IO_ERROR, "start.no_shard table=%.*s shard=%.*s advice=\"%s\"",
		       STR_ARG(stream->table->options->name), STR_ARG(start->shard_id),
		       "the stream does not list this shard of start_after, or not any more: a gap "
		       "record stands for what it had");
		shard = shard_get(stream, start->shard_id, STR_NONE);
	}
	if (shard->has_row)
		return;
	shard->adopted_done = false;
	for (size_t i = 0; i < shard->n_cursors; i++)
		shard->cursors[i].frontier = position_after(start->seqno);
	shard->latest = false;
	shard->start_wall_ms = ROW_START_ALL;
	shard->started_after = true;
	for (up = shard->parent; up != NULL && !up->started_after; up = up->parent)
		up->adopted_done = !up->has_row;
}

/* Whether a shard that it descends from is read: then all of it was written after the first start. */
static bool descends_from_read(const struct shard *shard)
{
	unsigned depth = 0;

	while ((shard = shard->parent) != NULL && depth++ < LINEAGE_DEPTH_MAX) {
		if (shard->has_row || shard->started_after)
			return true;
	}
	return false;
}

/* Whether a row of the stream says that it begins at the table's time. */
static bool time_in_effect(const struct stream *stream)
{
	int64_t start_wall_ms = stream->table->options->start_wall_ms;
	const struct shard *shard;
	size_t at = 0;

	if (stream->first_start)
		return true;
	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		if (shard->has_row && shard->start_wall_ms == start_wall_ms)
			return true;
	}
	return false;
}

/* The table's time, if it holds for a shard without a row: not behind one that begins otherwise. */
static int64_t time_for(const struct shard *shard)
{
	int64_t start_wall_ms = shard->stream->start_wall_ms;
	unsigned depth = 0;

	while ((shard = shard->parent) != NULL && depth++ < LINEAGE_DEPTH_MAX) {
		if (shard->started_after || shard->has_row)
			return shard->start_wall_ms == start_wall_ms ? start_wall_ms
								     : ROW_START_ALL;
	}
	return start_wall_ms;
}

/* The first time at which, as the rows say, a tip of the stream was found; INT64_MAX: none yet. */
static int64_t first_tip_ms(const struct stream *stream)
{
	int64_t least_ms = INT64_MAX;
	const struct shard *shard;
	size_t at = 0;

	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		if (shard->has_row && shard->start_wall_ms >= 0 && shard->start_wall_ms < least_ms)
			least_ms = shard->start_wall_ms;
	}
	return least_ms;
}

/* Whether the shard ended before the stream's time, as a child of it is older: nothing of it is wanted. */
static bool ended_before(const struct shard *shard)
{
	if (shard->stream->start_wall_ms < 0 || descends_from_read(shard))
		return false;
	list_each(it, &shard->children, spare) {
		const struct shard *child = CONTAINER_OF(it, struct shard, child_link);
		int64_t born_wall_ms = shard_id_wall_ms(str_of(child->id));

		if (born_wall_ms >= 0 &&
		    born_wall_ms < shard->stream->start_wall_ms - CLOSED_SLACK_MS)
			return true;
	}
	return false;
}

/*
 * Whether the tip is where shards without rows begin: nothing of the stream was ever read. What others, or
 * an earlier life, have begun with, but not with all shards, begins everywhere at the time of that.
 */
static bool at_the_tip(struct stream *stream)
{
	int64_t tip_ms = first_tip_ms(stream);

	if (!stream->table->options->latest || stream_replaces(stream))
		return false;
	/* What began after a change began before the first tip was found, and may have roots by now. */
	if (stream->table->options->n_start_after > 0 && stream->began_wall_ms != 0 &&
	    stream->began_wall_ms < tip_ms)
		tip_ms = stream->began_wall_ms;
	if (!stream->first_start && tip_ms != INT64_MAX)
		stream->start_wall_ms = tip_ms;
	return stream->first_start;
}

/* Where a shard stands that has no row. */
static void place(struct shard *shard, bool latest)
{
	if (shard->started_after || shard->adopted_done)
		return;
	if (child_started(shard, 0) || ended_before(shard) ||
	    (latest && !shard->open && !descends_from_read(shard))) {
		shard->adopted_done = true;
	} else if (latest && (shard->parent == NULL || shard->parent->adopted_done)) {
		/* Not a child whose parent is read too: parents come first in a listing. */
		shard->latest = true;
		shard->start_wall_ms = ROW_START_LATEST;
	} else {
		shard->start_wall_ms = time_for(shard);
	}
}

void start_late(struct shard *shard)
{
	if (!shard->has_row && shard->late && shard->start_wall_ms == ROW_START_ALL)
		shard->start_wall_ms = time_for(shard);
}

void start_place(struct stream *stream)
{
	const struct engine_table *options = stream->table->options;
	bool fresh, latest;
	struct shard *shard;
	size_t at = 0;

	note_consumed(stream);
	fresh = stream->first_start && !stream_replaces(stream);
	latest = at_the_tip(stream);
	if (options->start_wall_ms > 0 && !stream_replaces(stream) && time_in_effect(stream))
		stream->start_wall_ms = options->start_wall_ms;
	for (size_t i = 0; fresh && i < options->n_start_after; i++)
		begin_after(stream, &options->start_after[i]);
	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		if (shard->has_row)
			shard->latest = shard->start_wall_ms == ROW_START_LATEST;
		else
			place(shard, latest);
	}
}
