/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/opening.h"

#include "consumer/engine/cursor.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/reader.h"
#include "consumer/engine/shard.h"

/* Whether the shard is where a stream begins that replaced another one: its first root. */
static bool begins_replacement(const struct shard *shard)
{
	struct stream *stream = shard->stream;
	struct shard *other;
	size_t at = 0;

	if (!stream_replaces(stream) || shard->parent != NULL)
		return false;
	while ((other = map_next(&stream->shards, &at)) != NULL) {
		if (other->parent == NULL && str_cmp(str_of(other->id), str_of(shard->id)) < 0)
			return false;
	}
	return true;
}

/* Whether the shard is younger than the oldest row of its stream: what came before it was to be read, too. */
static bool born_since(const struct shard *shard)
{
	int64_t born_wall_ms = shard_id_wall_ms(str_of(shard->id));

	return shard->stream->began_wall_ms != 0 && born_wall_ms > shard->stream->began_wall_ms;
}

/* Opens one cursor with the lead, or detached when the lead is ahead of it. */
static void open_one(struct cursor *cu)
{
	struct shard *shard = cu->shard;

	cu->current_wall_ms = call_service_wall_ms(shard->stream->table->engine);
	if (cu->frontier.kind == POSITION_END) {
		cursor_set_state(cu, CURSOR_DONE);
	} else if (position_cmp(&cu->frontier, &shard->lead->at) >= 0) {
		cursor_set_state(cu, CURSOR_IDLE);
		cu->group = GROUP_LEAD;
	} else {
		cursor_set_state(cu, CURSOR_DETACHED);
		cu->willing = true;
	}
	if (cu->frontier.kind != POSITION_START)
		return;
	if (begins_replacement(shard))
		cu->gaps_wanted |= 1u << GAP_STREAM_NEW;
	/* A parent that came and went unseen, in a stream that was read before: by others, or by us. */
	if (shard->parent == NULL && shard->parent_id[0] != '\0' &&
	    (!shard->stream->first_start || stream_replaces(shard->stream) || shard->late ||
	     born_since(shard)))
		cu->gaps_wanted |= 1u << GAP_SHARD_LOST;
	if (shard->start_wall_ms == ROW_START_HORIZON)
		cu->gaps_wanted |= 1u << GAP_START_UNSURE;
}

/*
 * Whether the cursor may open now: its sink has finished what comes before. A sink that remembers what
 * it has is asked for that only when it holds nothing any more that was forgotten here.
 */
static bool may_open(const struct cursor *cu)
{
	const struct tap *tap = cu->tap;

	return cu->state == CURSOR_WAITING_PARENTS && lineage_clear(cu) &&
	       (tap->sink->type->position == NULL || tap->orphans_n == 0);
}

/* Lets the cursors that may open go on from where their sinks say that they are; how many may. */
static size_t ask_positions(struct shard *shard)
{
	size_t n = 0;

	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];
		const struct sink_type *type = cu->tap->sink->type;
		struct position has;

		if (!may_open(cu))
			continue;
		n++;
		if (type->position == NULL)
			continue;
		has = type->position(cu->tap->sink, &shard->source);
		if (position_cmp(&has, &cu->frontier) <= 0)
			continue;
		io_log(shard->stream->table->engine->io, IO_INFO,
		       "cursor.position sink=%.*s table=%.*s shard=%s row=%.*s sink_has=%.*s",
		       STR_ARG(cu->tap->name), STR_ARG(shard->source.table), shard->id,
		       STR_ARG(position_text(&cu->frontier)), STR_ARG(position_text(&has)));
		cu->frontier = has;
		dirty_mark(shard, has.kind == POSITION_END);
	}
	return n;
}

/* Where the lead reader of an opening shard begins: at the most advanced of the opening cursors, whose
   sinks become current at once; where only one reader is allowed, at the least advanced. */
static struct position lead_start(struct shard *shard)
{
	bool least = shard->stream->table->single_reader, any = false;
	struct position start = position_end();

	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];
		int order = position_cmp(&cu->frontier, &start);

		if (!may_open(cu) || cu->frontier.kind == POSITION_END)
			continue;
		if (!any || (least ? order < 0 : order > 0))
			start = cu->frontier;
		any = true;
	}
	return start;
}

void opening_ready(struct shard *shard)
{
	struct position start;

	if (shard->state != SHARD_OWNED || (ask_positions(shard) == 0 && shard->lead == NULL))
		return;
	start = lead_start(shard);
	if (shard->lead == NULL)
		shard->lead = reader_new(shard, GROUP_LEAD, &start);
	else if (shard->stream->table->single_reader)
		reader_go_back(shard->lead, &start);
	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];

		if (!may_open(cu))
			continue;
		open_one(cu);
		if (cu->group == GROUP_LEAD)
			reader_joined(shard->lead, cu);
	}
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (shard->cursors[i].group == GROUP_LEAD)
			cursor_push_wanted_gaps(&shard->cursors[i]);
	}
	if (shard->vanished)
		reader_shard_vanished(shard);
	readers_catch_up(shard);
	readers_kick(shard);
	shard_cursor_done(shard);
}

/* Opens what waited in one shard; false never: all shards are looked at. */
static bool open_again(struct shard *shard)
{
	opening_ready(shard);
	return true;
}

void opening_tap_empty(struct tap *tap)
{
	if (tap->sink->type->position != NULL)
		shard_each(tap->engine, open_again);
}
