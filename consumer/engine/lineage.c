/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/lineage.h"

#include "consumer/engine/checkpoint.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/opening.h"
#include "consumer/engine/reader.h"
#include "consumer/engine/retire.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/start.h"
#include "consumer/engine/sweep.h"

enum { GONE_MISSES = 3 };

/* The cursor of the sink in another shard of the same table. */
static const struct cursor *sibling(const struct shard *shard, const struct cursor *cu)
{
	return &shard->cursors[cu - cu->shard->cursors];
}

/* Whether the sink has all of the shard, durably. */
static bool finished_for(const struct shard *shard, const struct cursor *cu)
{
	return shard->adopted_done || sibling(shard, cu)->durable.kind == POSITION_END;
}

/* Whether the sink has finished all older streams of the table. */
static bool older_streams_finished(const struct cursor *cu)
{
	struct stream *stream = cu->shard->stream;

	list_each(it, &stream->table->streams, spare) {
		struct stream *older = CONTAINER_OF(it, struct stream, link);
		struct shard *shard;
		size_t at = 0;

		if (older == stream)
			return !(stream_replaces(stream) && stream->table->streams_pending);
		/* Its listing must be from after it was replaced: before, children may have been missing. */
		if (!older->listed || older->listed_ms < stream->found_ms)
			return false;
		while ((shard = map_next(&older->shards, &at)) != NULL) {
			if (!finished_for(shard, cu))
				return false;
		}
	}
	return true;
}

bool lineage_clear(const struct cursor *cu)
{
	const struct shard *shard = cu->shard;

	if (shard->parent != NULL && !finished_for(shard->parent, cu))
		return false;
	/* Who has begun with it had finished the parent, which no listing and no row has any more. */
	if (shard->parent == NULL && shard->parent_id[0] != '\0' && !shard->parent_gone &&
	    cu->durable.kind == POSITION_START)
		return false;
	/* Also behind a parent: a Kinesis client may have finished that, who knows no older streams. */
	return older_streams_finished(cu);
}

/* Whether any cursor of the shard may open. */
static bool any_clear(const struct shard *shard)
{
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (lineage_clear(&shard->cursors[i]))
			return true;
	}
	return false;
}

/*
 * Whether the row, or its absence, says that the shard was read to its end: before this start, or by others.
 * One whose `checkpoint` does not say so, because a sink that was taken out since held it back, is taken
 * once more, for that to be written.
 */
static bool finished_elsewhere(const struct shard *shard)
{
	return shard->lease == LEASE_FREE &&
	       (shard->adopted_done ||
		(shard_checkpoint(shard).kind == POSITION_END && !checkpoint_lags(shard)));
}

bool lineage_lags(const struct shard *shard)
{
	return shard->parent != NULL && shard->parent->has_row && shard->parent->lags;
}

void lineage_given(struct shard *shard)
{
	if (shard->state == SHARD_DISCOVERED || shard->state == SHARD_BLOCKED)
		shard_set_state(shard, SHARD_READY);
}

void lineage_consider(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;

	if (!engine->scanned || !shard->stream->listed || engine->draining || engine->stopped)
		return;
	/* What its row waited for may have come. */
	if (shard->ours && checkpoint_lags(shard) && !lineage_lags(shard))
		dirty_mark(shard, false);
	switch ((enum shard_state)shard->state) {
	case SHARD_DISCOVERED:
	case SHARD_BLOCKED:
		if (finished_elsewhere(shard)) {
			shard_set_state(shard, SHARD_DONE);
			lineage_advanced(shard);
		} else if (any_clear(shard)) {
			shard_set_state(shard, SHARD_READY);
			start_late(shard);
			lease_want(shard);
		} else {
			shard_set_state(shard, SHARD_BLOCKED);
		}
		break;
	case SHARD_READY:
		if (finished_elsewhere(shard)) {
			shard_set_state(shard, SHARD_DONE);
			lineage_advanced(shard);
		} else {
			lease_want(shard);
		}
		break;
	case SHARD_OWNED:
		opening_ready(shard);
		break;
	case SHARD_DRAINED:
	case SHARD_LOST:
		break;
	case SHARD_DONE:
		retire_row(shard);
		break;
	}
}

/* Considers every shard of the stream. */
static void consider_all(struct stream *stream)
{
	struct shard *shard;
	size_t at = 0;

	while ((shard = map_next(&stream->shards, &at)) != NULL)
		lineage_consider(shard);
}

void lineage_advanced(struct shard *shard)
{
	struct stream *stream = shard->stream;

	list_each(it, &shard->children, spare) {
		lineage_consider(CONTAINER_OF(it, struct shard, child_link));
	}
	if (shard->parent != NULL)
		lineage_consider(shard->parent); /* its row may be unneeded now */
	if (stream->link.next != &stream->table->streams)
		consider_all(CONTAINER_OF(stream->link.next, struct stream, link));
}

/*
 * Whether a newer stream of the table has rows. While none has, the last rows of the older one are what tells a
 * later start that there was one, and that changes may have passed unseen since.
 */
static bool followed(const struct stream *stream)
{
	for (struct list *it = stream->link.next; it != &stream->table->streams; it = it->next) {
		const struct stream *newer = CONTAINER_OF(it, struct stream, link);
		const struct shard *shard;
		size_t at = 0;

		while ((shard = map_next(&newer->shards, &at)) != NULL) {
			if (shard->has_row)
				return true;
		}
	}
	return false;
}

bool lineage_row_unneeded(const struct shard *shard)
{
	/* Parents first: else the parent would look new after a restart. */
	if (shard->parent != NULL && shard->parent->has_row)
		return false;
	if (!shard->listed || shard->misses >= GONE_MISSES)
		return !list_empty(&shard->children) || followed(shard->stream);
	if (list_empty(&shard->children))
		return false;
	list_each(it, &shard->children, spare) {
		const struct shard *child = CONTAINER_OF(it, struct shard, child_link);

		if (!child->adopted_done && shard_checkpoint(child).kind == POSITION_START)
			return false;
	}
	return true;
}

/* Whether the row shows that its stream was consumed before; not a start at the tip that found none. */
static bool row_was_read(const struct stream *stream, const struct row *row)
{
	for (size_t i = 0; i < stream->table->sinks.n; i++) {
		if (row->sinks[i].kind != POSITION_START)
			return true;
	}
	return start_begun(stream->table, row->start_wall_ms);
}

/* Notes when the stream began to be read, unless that is at a tip that nobody has found yet. */
static void note_beginning(struct stream *stream, const struct row *row)
{
	if (row->created_wall_ms != 0 && row->start_wall_ms != ROW_START_LATEST &&
	    (stream->began_wall_ms == 0 || row->created_wall_ms < stream->began_wall_ms))
		stream->began_wall_ms = row->created_wall_ms;
}

/* Takes over a row that was kept, unless more is known since: the shard may be ours already. */
static void adopt_kept(struct shard *shard, const struct row *row)
{
	if (shard->lease == LEASE_FREE && shard->row_call == NULL &&
	    (!shard->has_row || row->counter > shard->counter))
		checkpoint_adopt_row(shard, row);
}

/* Rows of the stream that were read before its shards were known. */
static void adopt_rows(struct stream *stream)
{
	struct engine *engine = stream->table->engine;
	struct str prefix = str_of(stream->key_prefix);
	struct kept_row *kept;
	size_t at = 0;

	while ((kept = map_next(&engine->rows, &at)) != NULL) {
		struct arena arena;
		struct error err = {0};
		struct row row;

		if (!str_starts(str_of(kept->key), prefix))
			continue;
		arena_init(&arena);
		if (row_read(&arena, str_of(kept->raw), &stream->table->sinks, &row, &err)) {
			struct str id = str_skip(row.key, prefix.n);

			if (!kcl_is_row_of(stream, &row)) {
				arena_release(&arena);
				continue;
			}
			if (id.n > 0 && id.n <= SHARD_ID_MAX && row.parent.n <= SHARD_ID_MAX)
				adopt_kept(shard_get(stream, id, row.parent), &row);
			if (row_was_read(stream, &row))
				stream->first_start = false;
			note_beginning(stream, &row);
		} else {
			/* Never guess where a sink was: a person has to look. */
			engine_stop(engine, &err);
		}
		arena_release(&arena);
		map_remove(&engine->rows, str_of(kept->key));
		kept_row_free(kept);
	}
}

/* Counts one listing that lacks a shard, unless it comes too soon after the last one counted. */
static void count_miss(const struct stream *stream, unsigned char *misses, int64_t *missed_ms)
{
	if (*misses > 0 && stream->listed_ms - *missed_ms < LINEAGE_SPACING_MS)
		return;
	if (*misses < UINT8_MAX)
		++*misses;
	*missed_ms = stream->listed_ms;
}

/* Judges a shard whose parent is unknown, and one that the listing lacks. */
static void judge_absence(struct stream *stream, struct shard *shard)
{
	struct engine *engine = stream->table->engine;
	int64_t now_wall_ms = call_service_wall_ms(engine), born_wall_ms;

	if (shard->parent == NULL && shard->parent_id[0] != '\0' && !shard->parent_gone) {
		born_wall_ms = shard_id_wall_ms(str_of(shard->parent_id));
		count_miss(stream, &shard->parent_misses, &shard->parent_missed_ms);
		shard->parent_gone =
			shard->parent_misses >= GONE_MISSES || stream->gone ||
			(born_wall_ms >= 0 && now_wall_ms - born_wall_ms > RETENTION_MS);
	}
	if (shard->seen_in == stream->listings)
		return;
	count_miss(stream, &shard->misses, &shard->missed_ms);
	if (stream->gone)
		shard->misses = GONE_MISSES;
	if (shard->refused)
		reader_shard_vanished(shard);
}

bool lineage_undecided(const struct stream *stream)
{
	list_each(it, &stream->orphans, spare) {
		if (!CONTAINER_OF(it, struct shard, child_link)->parent_gone)
			return true;
	}
	return false;
}

void lineage_listed(struct stream *stream)
{
	struct shard *shard;
	size_t at = 0;
	bool first = stream->listings == 1;

	adopt_rows(stream);
	if (first)
		start_place(stream);
	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		judge_absence(stream, shard);
		if (shard->seen_in == stream->listings)
			shard->refused = false;
	}
	consider_all(stream);
	if (stream->link.next != &stream->table->streams)
		consider_all(CONTAINER_OF(stream->link.next, struct stream, link));
}

void lineage_found(struct stream *stream)
{
	if (!stream->listed)
		return;
	adopt_rows(stream);
	consider_all(stream);
}
