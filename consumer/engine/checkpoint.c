/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/checkpoint.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/worker.h"

enum { ROW_KEY_MAX = 1024 };

static void row_step(struct shard *shard);

/* The only way to change shard->lease. */
static void lease_set_state(struct shard *shard, enum lease_state state)
{
	struct engine *engine = shard->stream->table->engine;

	bool ours = state == LEASE_OWNED || state == LEASE_WRITING || state == LEASE_RELEASING ||
		    (state == LEASE_SETTLING && shard->ours);

	machine_step(&engine->steps, MACHINE_LEASE, shard->lease, state);
	engine->stats.shards_owned += (unsigned)ours - (unsigned)shard->ours;
	shard->ours = ours;
	shard->lease = state;
}

/* The row's timer: time to try again. */
static void row_due(struct io_timer *timer)
{
	row_step(CONTAINER_OF(timer, struct shard, row_timer));
}

void checkpoint_init(struct shard *shard)
{
	shard->row_timer.fire = row_due;
	shard->lease = LEASE_FREE;
}

void checkpoint_release(struct shard *shard)
{
	call_cancel(&shard->row_call);
	io_timer_cancel(shard->stream->table->engine->io, &shard->row_timer);
	mem_free(shard->writing);
	shard->writing = NULL;
}

void kept_row_free(struct kept_row *kept)
{
	mem_free(kept->key);
	mem_free(kept->raw);
	mem_free(kept);
}

/* Who owns the row, in memory. */
static void set_owner(struct shard *shard, struct str owner)
{
	const struct engine *engine = shard->stream->table->engine;

	mem_free(shard->owner);
	shard->owner = owner.n == 0 || str_eq(owner, str_of(engine->owner))
			       ? NULL
			       : mem_dup(owner.p, owner.n);
}

void checkpoint_adopt_row(struct shard *shard, const struct row *row)
{
	shard->has_row = true;
	shard->counter = row->counter;
	set_owner(shard, row->owner);
	if (!shard->start_dirty) {
		shard->start_wall_ms = row->start_wall_ms;
		/* Another worker may have found the tip for us, since we first saw the shard. */
		shard->latest = row->start_wall_ms == ROW_START_LATEST;
	}
	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];

		cu->durable = row->sinks[i];
		if (position_cmp(&cu->frontier, &cu->durable) < 0 ||
		    cu->state == CURSOR_WAITING_PARENTS)
			cu->frontier = cu->durable;
	}
}

/* What every request about the row starts from. */
static struct row_write row_write_of(const struct shard *shard, struct buf *key)
{
	const struct engine *engine = shard->stream->table->engine;

	buf_str(key, str_of(shard->stream->key_prefix));
	buf_str(key, str_of(shard->id));
	return (struct row_write){
		.table = engine->options.checkpoint_table,
		.key = buf_view(key),
		.owner = str_of(engine->owner),
		.old_owner = str_of(shard->owner),
		.counter = shard->counter,
		.parent = str_of(shard->parent_id),
		.from = shard->cursors[0].frontier,
		.start_wall_ms = shard->start_wall_ms,
	};
}

/* Whether some sink's frontier, or the start, is not written down yet. */
static bool row_behind(const struct shard *shard)
{
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (position_cmp(&shard->cursors[i].frontier, &shard->cursors[i].durable) > 0)
			return true;
	}
	return shard->start_dirty;
}

/* Sinks have got further, durably: what waited for that goes on. */
static void positions_durable(struct shard *shard)
{
	bool ended = false;

	for (size_t i = 0; i < shard->n_cursors; i++)
		ended = ended || shard->cursors[i].durable.kind == POSITION_END;
	shard_cursor_done(shard);
	if (ended || shard_checkpoint(shard).kind != POSITION_START)
		lineage_advanced(shard);
	if (shard->state == SHARD_DONE)
		checkpoint_consider_delete(shard);
}

/* The outstanding write is in the table. */
static void write_landed(struct shard *shard)
{
	shard->counter++;
	for (size_t i = 0; i < shard->n_cursors; i++)
		shard->cursors[i].durable = shard->writing[i];
	if (shard->writing_start_wall_ms == shard->start_wall_ms)
		shard->start_dirty = false;
}

/* The lease is another's now, or the row is gone. */
static void lease_lost(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;

	io_log(engine->io, IO_WARN, "lease.lost table=%.*s shard=%s owner=%s",
	       STR_ARG(shard->source.table), shard->id,
	       shard->owner == NULL ? "nobody" : shard->owner);
	lease_set_state(shard, LEASE_LOST);
	lease_set_state(shard, LEASE_FREE);
	list_remove(&shard->dirty_link);
	/* A row that nobody has, but that could not be written: not at once again. */
	if (shard->owner == NULL && shard->row_attempts > 0)
		io_timer_set(engine->io, &shard->row_timer,
			     io_now_ms(engine->io) + retry_delay_ms(&engine->retry, engine->io,
								    RETRY_TRANSIENT,
								    shard->row_attempts));
	shard_dropped(shard);
	lineage_consider(shard);
	worker_consider_leaving(engine);
}

/* What the row says after a write whose outcome was not known. */
static void settle_by(struct shard *shard, struct call *call)
{
	struct engine *engine = shard->stream->table->engine;
	struct arena arena;
	struct error err = {0};
	struct row row;
	struct str raw;

	arena_init(&arena);
	if (!tables_get_read(buf_view(&call->http.answer), &raw, &err) ||
	    (raw.n > 0 && !row_read(&arena, raw, &shard->stream->table->sinks, &row, &err))) {
		engine_stop(engine, &err);
	} else if (raw.n == 0) {
		shard->has_row = false;
		shard->counter = 0;
		set_owner(shard, STR_NONE);
		lease_lost(shard);
	} else if (str_eq(row.owner, str_of(engine->owner))) {
		bool fresh = shard->state == SHARD_READY;

		shard->row_attempts = 0;
		checkpoint_adopt_row(shard, &row);
		if (shard->start_dirty && row.start_wall_ms == shard->start_wall_ms)
			shard->start_dirty = false;
		lease_set_state(shard, LEASE_OWNED);
		if (fresh)
			shard_acquired(shard);
		positions_durable(shard);
		/* What the unknown write was to say may not be in the row. */
		if (row_behind(shard))
			checkpoint_mark(shard, true);
		row_step(shard);
	} else {
		checkpoint_adopt_row(shard, &row);
		lease_lost(shard);
	}
	arena_release(&arena);
}

/* A request about the row failed in a way that says nothing about it: the same again, later. */
static void row_retry(struct shard *shard, struct call *call)
{
	struct io *io = call->engine->io;
	int64_t delay_ms = call_delay_ms(call, ++shard->row_attempts);
	struct error why = {0};

	call_error(call, &why);
	io_log(io, IO_WARN, "checkpoint.failed table=%.*s shard=%s retry_ms=%lld error=\"%s\"",
	       STR_ARG(shard->source.table), shard->id, (long long)delay_ms, why.text);
	io_timer_set(io, &shard->row_timer, io_now_ms(io) + delay_ms);
}

/* The row has been read. */
static void read_done(struct call *call)
{
	struct shard *shard = call->owner;

	shard->row_call = NULL;
	if (call->outcome != CALL_OK) {
		row_retry(shard, call);
		return;
	}
	settle_by(shard, call);
}

/* Reads the row, to learn what became of a write. */
static void ask_row(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;
	struct row_write write;
	struct buf key;

	buf_init(&key, ROW_KEY_MAX);
	write = row_write_of(shard, &key);
	shard->row_call = call_new(engine, IO_TABLES, TABLES_GET_ITEM, read_done, shard);
	tables_get_request(&shard->row_call->http.body, write.table, ROW_KEY, write.key);
	call_start(shard->row_call);
	buf_release(&key);
}

/*
 * Whether what comes before the shard is gone because the service keeps nothing for so long, and not
 * because it vanished while somebody may have been reading.
 */
static bool parent_aged_out(const struct shard *shard)
{
	int64_t born_wall_ms = shard_id_wall_ms(str_of(shard->parent_id));

	return shard->parent == NULL &&
	       (born_wall_ms < 0 ||
		call_service_wall_ms(shard->stream->table->engine) - born_wall_ms > RETENTION_MS);
}

/* A write has been answered: taking, checkpointing or releasing, as the lease's state says. */
static void write_done(struct call *call)
{
	struct shard *shard = call->owner;

	shard->row_call = NULL;
	if (call->outcome != CALL_OK) {
		/* Not carried out, carried out, or not ours: the row knows. */
		lease_set_state(shard, LEASE_SETTLING);
		if (call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED)
			row_step(shard);
		else
			row_retry(shard, call);
		return;
	}
	shard->row_attempts = 0;
	call->engine->updated_once |= shard->lease != LEASE_TAKING;
	if (shard->lease == LEASE_TAKING) {
		shard->fresh_root = !shard->has_row && parent_aged_out(shard);
		/* A new row says where the cursors begin, which is the same for all. */
		for (size_t i = 0; !shard->has_row && i < shard->n_cursors; i++)
			shard->cursors[i].durable = shard->cursors[i].frontier;
		shard->counter = shard->has_row ? shard->counter + 1 : 1;
		shard->has_row = true;
		set_owner(shard, STR_NONE);
		lease_set_state(shard, LEASE_OWNED);
		shard_acquired(shard);
		row_step(shard);
	} else if (shard->lease == LEASE_RELEASING) {
		write_landed(shard);
		lease_set_state(shard, LEASE_FREE);
		shard_dropped(shard);
		worker_consider_leaving(call->engine);
	} else {
		write_landed(shard);
		lease_set_state(shard, LEASE_OWNED);
		positions_durable(shard);
		if (shard->lease == LEASE_OWNED)
			row_step(shard);
	}
}

/* Sends a write of the row; `compose` says what it says. */
static struct call *write_call(struct shard *shard, struct str target)
{
	shard->row_call =
		call_new(shard->stream->table->engine, IO_TABLES, target, write_done, shard);
	return shard->row_call;
}

/* Creates the row, or takes it from nobody or a dead owner. */
static void take(struct shard *shard)
{
	struct row_write write;
	struct buf key;

	buf_init(&key, ROW_KEY_MAX);
	write = row_write_of(shard, &key);
	lease_set_state(shard, LEASE_TAKING);
	if (shard->has_row) {
		write_call(shard, TABLES_UPDATE_ITEM);
		row_take(&shard->row_call->http.body, &write);
	} else {
		write_call(shard, TABLES_PUT_ITEM);
		row_create(&shard->row_call->http.body, &write);
	}
	call_start(shard->row_call);
	buf_release(&key);
}

/* Writes the positions; with `release`, gives the row back in the same write. */
static void write_positions(struct shard *shard, bool release)
{
	struct engine *engine = shard->stream->table->engine;
	struct row_write write;
	struct buf key;

	buf_init(&key, ROW_KEY_MAX);
	write = row_write_of(shard, &key);
	if (shard->writing == NULL)
		shard->writing = mem_alloc_n(shard->n_cursors, sizeof(*shard->writing));
	for (size_t i = 0; i < shard->n_cursors; i++) {
		shard->writing[i] = shard->cursors[i].frontier;
		/* A cursor that waits for its parents has nothing to say. */
		must(position_cmp(&shard->writing[i], &shard->cursors[i].durable) >= 0);
	}
	write.sinks = shard->writing;
	shard->writing_start_wall_ms = shard->start_wall_ms;
	list_remove(&shard->dirty_link);
	shard->urgent = false;
	lease_set_state(shard, release ? LEASE_RELEASING : LEASE_WRITING);
	write_call(shard, TABLES_UPDATE_ITEM);
	(release ? row_release : row_checkpoint)(&shard->row_call->http.body, &write,
						 &shard->stream->table->sinks);
	must(!engine->stopped);
	call_start(shard->row_call);
	buf_release(&key);
}

/* Does what is next for the row: settle, release, write, take. */
static void row_step(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;

	if (shard->row_call != NULL || shard->row_timer.node.place != 0 || engine->stopped)
		return;
	switch ((enum lease_state)shard->lease) {
	case LEASE_SETTLING:
		ask_row(shard);
		break;
	case LEASE_OWNED:
		if (engine->drain_over)
			write_positions(shard, true);
		else if (shard->urgent && row_behind(shard))
			write_positions(shard, false);
		break;
	case LEASE_FREE:
		if (shard->state == SHARD_READY && !engine->draining && !engine->paused &&
		    (shard->owner == NULL || !worker_owner_lives(engine, str_of(shard->owner))))
			take(shard);
		break;
	case LEASE_TAKING:
	case LEASE_WRITING:
	case LEASE_RELEASING:
	case LEASE_LOST:
		break;
	}
}

void lease_want(struct shard *shard)
{
	if (shard->lease == LEASE_FREE)
		row_step(shard);
}

void checkpoint_mark(struct shard *shard, bool urgent)
{
	struct engine *engine = shard->stream->table->engine;

	if (list_empty(&shard->dirty_link))
		list_add(&engine->dirty, &shard->dirty_link);
	shard->urgent = shard->urgent || urgent;
	if (urgent)
		row_step(shard);
}

/* The interval is over: every row that is behind gets written. */
static void interval_over(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, checkpoint_timer);

	list_each(it, &engine->dirty, spare) {
		struct shard *shard = CONTAINER_OF(it, struct shard, dirty_link);

		list_remove(it);
		shard->urgent = true;
		row_step(shard);
	}
	io_timer_set(engine->io, timer, io_now_ms(engine->io) + engine->options.checkpoint_ms);
}

void checkpoint_start(struct engine *engine)
{
	engine->checkpoint_timer.fire = interval_over;
	io_timer_set(engine->io, &engine->checkpoint_timer,
		     io_now_ms(engine->io) + engine->options.checkpoint_ms);
}

/* The finished row has been deleted, or not. */
static void delete_done(struct call *call)
{
	struct shard *shard = call->owner;
	bool refused = call->outcome == CALL_ERROR && call->error.kind == API_CONDITION_FAILED;
	struct error why = {0};

	shard->row_call = NULL;
	if (call->outcome != CALL_OK && !refused) {
		call_error(call, &why);
		io_log(call->engine->io, IO_WARN,
		       "checkpoint.undeleted table=%.*s shard=%s error=\"%s\"",
		       STR_ARG(shard->source.table), shard->id, why.text);
	}
	if (call->outcome != CALL_OK && shard->ours) {
		lease_set_state(shard, LEASE_SETTLING);
		row_step(shard);
	} else if (call->outcome == CALL_OK || refused) {
		/* Refused and not ours: somebody else has it, who will delete it. */
		if (shard->ours)
			lease_set_state(shard, LEASE_FREE);
		shard->has_row = false;
		shard->adopted_done = true;
		lineage_advanced(shard);
	}
	worker_consider_leaving(call->engine);
}

void checkpoint_consider_delete(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;
	struct row_write write;
	struct buf key;

	if (!shard->has_row || shard->row_call != NULL || engine->draining ||
	    io_now_ms(engine->io) - shard->done_ms < ROW_LINGER_MS ||
	    (shard->lease != LEASE_OWNED && shard->lease != LEASE_FREE) ||
	    !lineage_row_unneeded(shard))
		return;
	if (shard->owner != NULL && worker_owner_lives(engine, str_of(shard->owner)))
		return;
	buf_init(&key, ROW_KEY_MAX);
	write = row_write_of(shard, &key);
	if (shard->lease == LEASE_OWNED)
		lease_set_state(shard, LEASE_RELEASING);
	else
		write.owner = write.old_owner;
	shard->row_call = call_new(engine, IO_TABLES, TABLES_DELETE_ITEM, delete_done, shard);
	row_delete(&shard->row_call->http.body, &write);
	call_start(shard->row_call);
	buf_release(&key);
}

/* Draining: releases the shard's lease. */
static bool release_one(struct shard *shard)
{
	row_step(shard);
	return true;
}

void checkpoint_release_all(struct engine *engine)
{
	shard_each(engine, release_one);
}

/* Whether nothing of the shard's lease is left to do. */
static bool released(struct shard *shard)
{
	return shard->lease == LEASE_FREE && shard->row_call == NULL;
}

bool checkpoint_all_released(const struct engine *engine)
{
	return shard_each(engine, released);
}
