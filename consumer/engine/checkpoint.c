/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/checkpoint.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/adopt.h"
#include "consumer/engine/balance.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/peers.h"
#include "consumer/engine/retire.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/worker.h"

void lease_set_state(struct shard *shard, enum lease_state state)
{
	struct engine *engine = shard->stream->table->engine;

	bool ours = state == LEASE_OWNED || state == LEASE_WRITING || state == LEASE_RELEASING ||
		    (state == LEASE_SETTLING && shard->ours);

	machine_step(&engine->steps, MACHINE_LEASE, shard->lease, state);
	engine->stats.shards_owned += (unsigned)ours - (unsigned)shard->ours;
	engine->stats.leases_gained += ours && !shard->ours;
	engine->stats.leases_lost += shard->ours && state == LEASE_LOST;
	engine->stats.leases_given += shard->ours && state == LEASE_FREE;
	engine->leases -= shard_counts(shard);
	shard->ours = ours;
	shard->lease = state;
	if (state == LEASE_FREE)
		shard->renewed_ms = 0;
	engine->leases += shard_counts(shard);
}

/* The row's timer: time to try again. */
static void row_due(struct io_timer *timer)
{
	lease_step(CONTAINER_OF(timer, struct shard, row_timer));
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
	mem_free(shard->heir);
	shard->heir = NULL;
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
	int64_t now_ms = io_now_ms(shard->stream->table->engine->io);

	if (!shard->has_row || row->counter != shard->counter ||
	    !str_eq(row->owner, str_of(shard->owner)))
		shard->moved_ms = now_ms;
	shard->has_row = true;
	shard->counter = row->counter;
	shard->known_ms = now_ms;
	shard->source.epoch = row->epoch;
	shard->lags = row->checkpoint.kind != POSITION_END;
	adopt_want(shard);
	shard->named =
		!shard->ours && str_eq(row->owner, str_of(shard->stream->table->engine->owner));
	set_owner(shard, row->owner);
	if (!shard->start_dirty) {
		shard->start_wall_ms = kcl_start_of(shard, row);
		/* Another worker may have found the tip for us, since we first saw the shard. */
		shard->latest = row->start_wall_ms == ROW_START_LATEST;
	}
	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];

		cu->durable = row->sinks[i];
		shard->lags = shard->lags && position_cmp(&row->checkpoint, &cu->durable) < 0;
		if (position_cmp(&cu->frontier, &cu->durable) < 0 ||
		    cu->state == CURSOR_WAITING_PARENTS)
			cu->frontier = cu->durable;
	}
}

struct row_write checkpoint_write_of(const struct shard *shard, struct buf *key)
{
	const struct engine *engine = shard->stream->table->engine;

	buf_str(key, str_of(shard->stream->key_prefix));
	buf_str(key, str_of(shard->id));
	return (struct row_write){
		.form = engine->form,
		.shard = str_of(shard->id),
		.label = shard->stream->label,
		.table = engine->options.checkpoint_table,
		.key = buf_view(key),
		.owner = str_of(engine->owner),
		.old_owner = str_of(shard->owner),
		.counter = shard->counter,
		.parent = str_of(shard->parent_id),
		.from = shard->cursors[0].frontier,
		.start_wall_ms = shard->start_wall_ms,
		.created_wall_ms = call_dated_wall_ms(engine),
		.epoch = engine->adoption.epoch,
		.partial = engine->adoption.lacking || lineage_lags(shard),
	};
}

bool checkpoint_lags(const struct shard *shard)
{
	return shard->lags && !shard->stream->table->engine->adoption.lacking;
}

/* Whether some sink's frontier, the least of all, or the start, is not written down yet. */
static bool row_behind(const struct shard *shard)
{
	if (checkpoint_lags(shard) && !lineage_lags(shard))
		return true;
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
		retire_row(shard);
}

/* The outstanding write is in the table. */
static void write_landed(struct shard *shard)
{
	shard->counter++;
	shard->giving = false; /* what was sent before depends on the last counter */
	for (size_t i = 0; i < shard->n_cursors; i++)
		shard->cursors[i].durable = shard->writing[i];
	shard->lags = shard->writing_partial;
	if (shard->writing_start_wall_ms == shard->start_wall_ms)
		shard->start_dirty = false;
}

/* The shard is not handed over any more: it was, or it cannot be. */
static void end_handover(struct shard *shard, bool well)
{
	if (shard->heir == NULL)
		return;
	balance_handed(shard, well);
	mem_free(shard->heir);
	shard->heir = NULL;
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
	dirty_clear(shard);
	shard->giving = false;
	end_handover(shard, shard->heir != NULL && shard->owner != NULL &&
				    str_eq(str_of(shard->owner), str_of(shard->heir)));
	/* A row that nobody has, but that could not be written: not at once again. */
	if (shard->owner == NULL && shard->row_attempts > 0)
		io_timer_set(engine->io, &shard->row_timer,
			     io_now_ms(engine->io) + retry_delay_ms(&engine->caller.retry,
								    engine->io, RETRY_TRANSIENT,
								    shard->row_attempts));
	shard_dropped(shard);
	lineage_consider(shard);
	worker_consider_leaving(engine);
}

/* The row is not there (any more). One that was another's was deleted because its shard is finished. */
static void forget_row(struct shard *shard, bool finished)
{
	shard->has_row = false;
	shard->named = false;
	shard->counter = 0;
	shard->known_ms = io_now_ms(shard->stream->table->engine->io);
	set_owner(shard, STR_NONE);
	shard->adopted_done = shard->adopted_done || finished;
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
		bool finished = shard->has_row && !shard->ours;

		forget_row(shard, finished);
		lease_lost(shard);
	} else if (str_eq(row.owner, str_of(engine->owner))) {
		bool fresh = shard->state == SHARD_READY;

		shard->row_attempts = 0;
		shard->giving = shard->giving && row.counter == shard->counter;
		checkpoint_adopt_row(shard, &row);
		shard->named = false;
		if (shard->start_dirty && row.start_wall_ms == shard->start_wall_ms)
			shard->start_dirty = false;
		lease_set_state(shard, LEASE_OWNED);
		if (fresh)
			shard_acquired(shard);
		positions_durable(shard);
		/* What the unknown write was to say may not be in the row. */
		if (row_behind(shard))
			dirty_mark(shard, true);
		lease_step(shard);
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

/* Asks for the row, reading consistently. */
static void read_row(struct shard *shard, void (*done)(struct call *call))
{
	struct engine *engine = shard->stream->table->engine;
	struct row_write write;
	struct buf key;

	buf_init(&key, ROW_KEY_MAX);
	write = checkpoint_write_of(shard, &key);
	shard->row_call = call_new(engine, IO_TABLES, TABLES_GET_ITEM, done, shard);
	tables_get_request(&shard->row_call->http.body, write.table, ROW_KEY, write.key);
	call_start(shard->row_call);
	buf_release(&key);
}

/* The row of a shard that is not ours has been read. */
static void look_done(struct call *call)
{
	struct shard *shard = call->owner;
	struct arena arena;
	struct error err = {0};
	struct row row;
	struct str raw;

	shard->row_call = NULL;
	if (call->outcome != CALL_OK)
		return; /* whoever wants it asks again */
	arena_init(&arena);
	if (!tables_get_read(buf_view(&call->http.answer), &raw, &err) ||
	    (raw.n > 0 && !row_read(&arena, raw, &shard->stream->table->sinks, &row, &err))) {
		engine_stop(call->engine, &err);
	} else if (raw.n > 0 && str_eq(row.owner, str_of(call->engine->owner))) {
		/* It was handed over to us, or a write of ours got there after we had given it up. */
		lineage_given(shard);
		lease_set_state(shard, LEASE_SETTLING);
		settle_by(shard, call);
	} else {
		if (raw.n > 0)
			checkpoint_adopt_row(shard, &row);
		else
			forget_row(shard, shard->has_row);
		lineage_consider(shard);
		lineage_advanced(shard);
	}
	arena_release(&arena);
	worker_consider_leaving(call->engine);
}

void checkpoint_look(struct shard *shard)
{
	if (shard->lease == LEASE_FREE && shard->row_call == NULL)
		read_row(shard, look_done);
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
			lease_step(shard);
		else
			row_retry(shard, call);
		return;
	}
	shard->row_attempts = 0;
	call->engine->updated_once |= shard->lease != LEASE_TAKING;
	if (shard->lease == LEASE_TAKING) {
		shard->fresh_ms = !shard->has_row && parent_aged_out(shard) ? call->extra : 0;
		/* A new row says where the cursors begin, which is the same for all. */
		for (size_t i = 0; !shard->has_row && i < shard->n_cursors; i++)
			shard->cursors[i].durable = shard->cursors[i].frontier;
		shard->counter = shard->has_row ? shard->counter + 1 : 1;
		if (!shard->has_row)
			shard->source.epoch = call->engine->adoption.epoch;
		shard->has_row = true;
		shard->known_ms = io_now_ms(call->engine->io);
		adopt_want(shard);
		set_owner(shard, STR_NONE);
		lease_set_state(shard, LEASE_OWNED);
		kcl_renewed(shard, call->extra);
		shard_acquired(shard);
		if (checkpoint_lags(shard))
			dirty_mark(shard, true);
		lease_step(shard);
	} else if (shard->lease == LEASE_RELEASING) {
		write_landed(shard);
		lease_set_state(shard, LEASE_FREE);
		shard->known_ms = io_now_ms(call->engine->io);
		set_owner(shard, str_of(shard->heir));
		end_handover(shard, true);
		shard_dropped(shard);
		/* The heir may have died meanwhile, and be known to be dead. */
		lineage_consider(shard);
		worker_consider_leaving(call->engine);
	} else {
		write_landed(shard);
		lease_set_state(shard, LEASE_OWNED);
		kcl_renewed(shard, call->extra);
		positions_durable(shard);
		if (shard->lease == LEASE_OWNED)
			lease_step(shard);
	}
}

/* Sends a write of the row; `compose` says what it says. */
static struct call *write_call(struct shard *shard, struct str target)
{
	struct engine *engine = shard->stream->table->engine;

	shard->row_call = call_new(engine, IO_TABLES, target, write_done, shard);
	shard->row_call->extra = io_now_ms(engine->io);
	return shard->row_call;
}

/* Creates the row, or takes it from nobody or a dead owner. */
static void take(struct shard *shard)
{
	struct row_write write;
	struct buf key;

	buf_init(&key, ROW_KEY_MAX);
	write = checkpoint_write_of(shard, &key);
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

enum write_kind { WRITE_CHECKPOINT, WRITE_RELEASE, WRITE_RENEW, WRITE_GIVE_BACK };

/* Writes the positions, gives the row back in the same write, or does either with positions as they are. */
static void write_row(struct shard *shard, enum write_kind kind)
{
	bool says = kind == WRITE_CHECKPOINT || kind == WRITE_RELEASE;
	bool gives = kind == WRITE_RELEASE || kind == WRITE_GIVE_BACK;
	struct engine *engine = shard->stream->table->engine;
	struct row_write write;
	struct buf key;

	buf_init(&key, ROW_KEY_MAX);
	write = checkpoint_write_of(shard, &key);
	if (shard->writing == NULL)
		shard->writing = mem_alloc_n(shard->n_cursors, sizeof(*shard->writing));
	for (size_t i = 0; i < shard->n_cursors; i++) {
		shard->writing[i] = says ? shard->cursors[i].frontier : shard->cursors[i].durable;
		/* A cursor that waits for its parents has nothing to say. */
		must(position_cmp(&shard->writing[i], &shard->cursors[i].durable) >= 0);
	}
	write.sinks = says ? shard->writing : NULL;
	if (says)
		kcl_name_children(shard, &write);
	write.heir = str_of(shard->heir);
	shard->giving = shard->giving || gives;
	shard->writing_partial = says ? write.partial : shard->lags;
	shard->writing_start_wall_ms = says ? shard->start_wall_ms : INT64_MIN;
	if (kind != WRITE_RENEW)
		dirty_clear(shard);
	lease_set_state(shard, gives ? LEASE_RELEASING : LEASE_WRITING);
	write_call(shard, TABLES_UPDATE_ITEM);
	(gives ? row_release : row_checkpoint)(&shard->row_call->http.body, &write,
					       &shard->stream->table->sinks);
	must(!engine->stopped);
	call_start(shard->row_call);
	buf_release(&key);
}

/* Whether the sinks have ended everything that they were given of the shard. */
static bool sinks_idle(const struct shard *shard)
{
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (!list_empty(&shard->cursors[i].flights) || shard->cursors[i].letter != NULL)
			return false;
	}
	return true;
}

/*
 * Whether the row may be taken: it is nobody's, or a dead worker's and was read since that is known, and we
 * are the one to take it.
 */
static bool may_take(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;
	int64_t dead_ms = 0;

	if (shard->state != SHARD_READY || engine->draining || engine->paused ||
	    peers_stand_aside(engine) || shard->source.epoch > engine->adoption.epoch)
		return false; /* the last: a replay is not for who has not adopted it */
	if (shard->owner != NULL &&
	    (kcl_owner_lives(shard, &dead_ms) || shard->known_ms < dead_ms)) {
		shard->free_ms = 0;
		shard->overdue = false;
		return false;
	}
	return balance_may_take(shard);
}

/* Writes the row of a shard of ours, once the registry is known to be what we think it is. */
static void write_step(struct shard *shard, enum write_kind kind)
{
	struct engine *engine = shard->stream->table->engine;

	if (adopt_may_write(shard)) {
		write_row(shard, kind);
	} else if (kind == WRITE_RELEASE && engine->adoption.changed) {
		write_row(shard, WRITE_GIVE_BACK);
	} else {
		dirty_wait(shard);
	}
}

void checkpoint_renew(struct shard *shard)
{
	if (shard->row_call == NULL && shard->row_timer.node.place == 0)
		write_row(shard, adopt_may_write(shard) ? WRITE_CHECKPOINT : WRITE_RENEW);
}

void lease_step(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;

	if (shard->row_call != NULL || shard->row_timer.node.place != 0 || engine->stopped)
		return;
	switch ((enum lease_state)shard->lease) {
	case LEASE_SETTLING:
		read_row(shard, read_done);
		break;
	case LEASE_OWNED:
		if (shard->heir != NULL && shard->state != SHARD_OWNED)
			end_handover(shard, false);
		if (engine->drain_over || (shard->heir != NULL && sinks_idle(shard)))
			write_step(shard, WRITE_RELEASE);
		else if (shard->urgent && row_behind(shard))
			write_step(shard, WRITE_CHECKPOINT);
		break;
	case LEASE_FREE:
		if (shard->named && !engine->draining)
			checkpoint_look(shard);
		else if (may_take(shard))
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
		lease_step(shard);
}

void checkpoint_hand_over(struct shard *shard, struct str heir)
{
	must(shard->heir == NULL && shard->ours);
	shard->heir = mem_dup(heir.p, heir.n);
	lease_step(shard);
}

void checkpoint_keep(struct shard *shard)
{
	if ((shard->lease == LEASE_OWNED || shard->lease == LEASE_WRITING) && !shard->giving)
		end_handover(shard, false);
}

void checkpoint_sinks_idle(struct shard *shard)
{
	if (shard->heir != NULL)
		lease_step(shard);
}

/* Draining: releases the shard's lease. */
static bool release_one(struct shard *shard)
{
	lease_step(shard);
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
