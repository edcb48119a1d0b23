/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/shard.h"

#include "consumer/engine/checkpoint.h"
#include "consumer/engine/children.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/opening.h"
#include "consumer/engine/reader.h"

bool shard_counts(const struct shard *shard)
{
	return (shard->ours || shard->lease == LEASE_TAKING) && shard->state != SHARD_DONE &&
	       shard->state != SHARD_LOST;
}

void shard_set_state(struct shard *shard, enum shard_state state)
{
	struct table *table = shard->stream->table;
	struct engine *engine = table->engine;
	bool was_read = shard->state == SHARD_OWNED;

	if (shard->state == state)
		return;
	machine_step(&engine->steps, MACHINE_SHARD, shard->state, state);
	io_log(engine->io, IO_DEBUG, "shard.state table=%.*s shard=%s from=%s to=%s",
	       STR_ARG(shard->source.table), shard->id, machine_word(MACHINE_SHARD, shard->state),
	       machine_word(MACHINE_SHARD, state));
	engine->leases -= shard_counts(shard);
	shard->state = state;
	engine->leases += shard_counts(shard);
	table->reading += (state == SHARD_OWNED) - was_read;
	/* Who reads nothing of it cannot know any more whether it can be read. */
	if (was_read && table->reading == 0)
		alarm_clear(table, ALARM_READ);
	if (state == SHARD_DONE)
		shard->done_ms = io_now_ms(engine->io);
}

/* Connects a new shard with its parent and with its children, as far as they are known. */
static void link_family(struct shard *shard)
{
	struct stream *stream = shard->stream;

	list_init(&shard->children);
	list_init(&shard->child_link);
	list_each(it, &stream->orphans, spare) {
		struct shard *child = CONTAINER_OF(it, struct shard, child_link);

		if (!str_eq(str_of(child->parent_id), str_of(shard->id)))
			continue;
		child->parent = shard;
		/* It was taken for the first of its line, but descends from one that is read. */
		if (child->latest && !child->has_row) {
			child->latest = false;
			child->start_wall_ms = ROW_START_ALL;
		}
		list_remove(it);
		list_add(&shard->children, it);
	}
	if (shard->parent_id[0] == '\0')
		return;
	shard->parent = map_get(&stream->shards, str_of(shard->parent_id));
	list_add(shard->parent == NULL ? &stream->orphans : &shard->parent->children,
		 &shard->child_link);
}

/* Makes the cursors, one per sink that gets the table. */
static void add_cursors(struct shard *shard)
{
	struct table *table = shard->stream->table;

	shard->n_cursors = table->sinks.n;
	shard->cursors = mem_alloc_n(shard->n_cursors, sizeof(*shard->cursors));
	for (size_t i = 0; i < shard->n_cursors; i++)
		cursor_init(&shard->cursors[i], shard, table->taps[i]);
}

struct shard *shard_get(struct stream *stream, struct str id, struct str parent_id)
{
	struct shard *shard = map_get(&stream->shards, id);

	if (shard != NULL)
		return shard;
	must(id.n <= SHARD_ID_MAX && parent_id.n <= SHARD_ID_MAX);
	/* Both ids in one piece with the rest: there may be ten thousand of these. */
	shard = mem_alloc(sizeof(*shard) + id.n + 1 + parent_id.n + 1);
	shard->stream = stream;
	shard->parent_id = shard->id + id.n + 1;
	mem_copy(shard->id, id.p, id.n);
	mem_copy(shard->parent_id, parent_id.p, parent_id.n);
	shard->source = (struct source){
		.key_names = &stream->table->key_names,
		.table = stream->table->options->name,
		.stream_arn = str_of(stream->arn),
		.region = stream->table->engine->options.region,
		.shard_id = str_of(shard->id),
	};
	shard->open = true;
	shard->late = stream->listings > 0;
	shard->start_wall_ms = ROW_START_ALL;
	list_init(&shard->dirty_link);
	checkpoint_init(shard);
	add_cursors(shard);
	link_family(shard);
	map_put(&stream->shards, str_of(shard->id), shard);
	return shard;
}

bool shard_each(const struct engine *engine, bool (*fn)(struct shard *shard))
{
	for (size_t t = 0; t < engine->options.n_tables; t++) {
		list_each(it, &engine->tables[t].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);
			struct shard *shard;
			size_t at = 0;

			while ((shard = map_next(&stream->shards, &at)) != NULL) {
				if (!fn(shard))
					return false;
			}
		}
	}
	return true;
}

void shard_free(struct shard *shard)
{
	children_forget(shard);
	reader_free(&shard->lead);
	reader_free(&shard->catchup);
	for (size_t i = 0; i < shard->n_cursors; i++)
		cursor_release(&shard->cursors[i]);
	checkpoint_release(shard);
	list_each(it, &shard->children, spare) {
		CONTAINER_OF(it, struct shard, child_link)->parent = NULL;
		list_remove(it);
	}
	list_remove(&shard->child_link);
	list_remove(&shard->dirty_link);
	mem_free(shard->cursors);
	mem_free(shard->first_seqno);
	mem_free(shard->owner);
	mem_free(shard);
}

bool shard_ended(const struct shard *shard)
{
	return (shard->lead != NULL && shard->lead->state == READER_ENDED) ||
	       shard->state == SHARD_DRAINED || shard->state == SHARD_DONE;
}

struct position shard_checkpoint(const struct shard *shard)
{
	struct position min = position_end();

	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (position_cmp(&shard->cursors[i].durable, &min) < 0)
			min = shard->cursors[i].durable;
	}
	return min;
}

void shard_acquired(struct shard *shard)
{
	shard_set_state(shard, SHARD_OWNED);
	opening_ready(shard);
	shard_cursor_done(shard);
}

void shard_dropped(struct shard *shard)
{
	reader_free(&shard->lead);
	reader_free(&shard->catchup);
	shard->tip_seen = false;
	for (size_t i = 0; i < shard->n_cursors; i++)
		cursor_reset(&shard->cursors[i]);
	if (shard->state == SHARD_OWNED || shard->state == SHARD_DRAINED)
		shard_set_state(shard, SHARD_READY);
}

void shard_cursor_done(struct shard *shard)
{
	bool all = true, durable = true;

	for (size_t i = 0; i < shard->n_cursors; i++) {
		all = all && shard->cursors[i].state == CURSOR_DONE;
		durable = durable && shard->cursors[i].durable.kind == POSITION_END;
	}
	if (all && shard->state == SHARD_OWNED)
		shard_set_state(shard, SHARD_DRAINED);
	if (durable && shard->state == SHARD_DRAINED) {
		shard_set_state(shard, SHARD_DONE);
		reader_free(&shard->lead);
		reader_free(&shard->catchup);
	}
}

int64_t shard_id_wall_ms(struct str id)
{
	struct str prefix = STR("shardId-"), digits = str_head(str_skip(id, prefix.n), 20);
	int64_t wall_ms;

	if (!str_starts(id, prefix) || digits.n != 20 || !str_to_i64(digits, &wall_ms))
		return -1;
	return wall_ms;
}
