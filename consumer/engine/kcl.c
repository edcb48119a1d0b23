/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/kcl.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/peers.h"
#include "consumer/engine/rowview.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/start.h"
#include "consumer/engine/worker.h"

enum {
	RENEWALS_PER_HEARTBEAT = 4, /* how often we look which leases are due */
	LOOKS_PER_LEASE = 3, /* at others' rows */
};

bool kcl_see_key(struct engine *engine, struct str key, struct error *err)
{
	static const char *const words[] = {"native", "single-stream", "multi-stream"};
	struct arena arena;
	enum lease_form form;

	arena_init(&arena);
	form = lease_key_read(&arena, key).form;
	arena_release(&arena);
	if (engine->options.kcl != (form != FORM_NATIVE))
		return error_set(err, ERROR_CONFIG,
				 "checkpoint table %.*s has leases of %s, like \"%.*s\": set "
				 "checkpoint.leases to %s, or checkpoint.table to another name",
				 STR_ARG(engine->options.checkpoint_table),
				 form == FORM_NATIVE ? "ddbtap's own form" : "a Kinesis client",
				 STR_ARG(key), form == FORM_NATIVE ? "native" : "kcl");
	if (engine->form_seen && engine->form != form)
		return error_set(err, ERROR_CONFIG,
				 "checkpoint table %.*s has leases with %s and with %s keys, like "
				 "\"%.*s\": delete those that the application does not use",
				 STR_ARG(engine->options.checkpoint_table), words[engine->form],
				 words[form], STR_ARG(key));
	engine->form = form;
	engine->form_seen = true;
	return true;
}

bool kcl_form_known(struct engine *engine, struct error *err)
{
	if (!engine->options.kcl)
		return true;
	if (!engine->form_seen)
		engine->form = engine->options.n_tables == 1 ? FORM_SINGLE : FORM_MULTI;
	if (engine->form != FORM_SINGLE || engine->options.n_tables == 1)
		return true;
	return error_set(
		err, ERROR_CONFIG,
		"checkpoint table %.*s has leases with single-stream keys, which do not say "
		"of which table they are: configure that one table alone",
		STR_ARG(engine->options.checkpoint_table));
}

bool kcl_foreign(const struct engine *engine, struct str owner)
{
	return engine->options.kcl && owner.n > 0 && !row_owner_ours(owner);
}

bool kcl_watched(const struct engine *engine, const struct shard *shard, const struct row *row)
{
	if (row->checkpoint.kind == POSITION_END || !kcl_foreign(engine, row->owner))
		return false;
	return !engine->swept || (shard != NULL && shard->state == SHARD_READY);
}

bool kcl_owner_lives(struct shard *shard, int64_t *dead_ms)
{
	struct engine *engine = shard->stream->table->engine;

	if (!kcl_foreign(engine, str_of(shard->owner)))
		return peers_owner_lives(engine, str_of(shard->owner), dead_ms);
	*dead_ms = shard->moved_ms + engine->options.lease_ms + 1;
	/* Nobody looks at rows of finished shards again and again; deleting one depends on its counter. */
	return (shard->state == SHARD_DONE ? io_now_ms(engine->io) : shard->known_ms) < *dead_ms;
}

bool kcl_is_row_of(const struct stream *stream, const struct row *row)
{
	if (stream->table->engine->form != FORM_SINGLE)
		return true;
	if (row->label.n > 0)
		return str_eq(row->label, stream->label);
	return stream->link.next == &stream->table->streams;
}

int64_t kcl_start_of(const struct shard *shard, const struct row *row)
{
	int64_t start_wall_ms = shard->stream->table->options->start_wall_ms;

	if (row->start_wall_ms != ROW_START_TIMESTAMP)
		return row->start_wall_ms;
	return start_wall_ms > 0 ? start_wall_ms : ROW_START_ALL;
}

void kcl_name_children(const struct shard *shard, struct row_write *write)
{
	if (write->form == FORM_NATIVE || shard->n_cursors == 0)
		return;
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (write->sinks[i].kind != POSITION_END)
			return;
	}
	list_each(it, &shard->children, spare) {
		if (write->n_children < ROW_CHILDREN_MAX)
			write->children[write->n_children++] =
				str_of(CONTAINER_OF(it, struct shard, child_link)->id);
	}
}

void kcl_renewed(struct shard *shard, int64_t sent_ms)
{
	bool late = !kcl_may_deliver(shard);

	shard->renewed_ms = sent_ms;
	if (!late || shard->state != SHARD_OWNED)
		return;
	for (size_t i = 0; i < shard->n_cursors; i++)
		cursor_pump(&shard->cursors[i]);
}

bool kcl_may_deliver(const struct shard *shard)
{
	const struct engine *engine = shard->stream->table->engine;

	return !engine->options.kcl ||
	       (shard->renewed_ms != 0 &&
		io_now_ms(engine->io) - shard->renewed_ms <= engine->options.lease_ms);
}

/* Writes the row of a shard of ours, if that is due: others see that we live by its counter. */
static bool renew(struct shard *shard)
{
	const struct engine *engine = shard->stream->table->engine;
	/* Half a look: else each would come a look too early. */
	int64_t slack_ms = engine->options.heartbeat_ms / RENEWALS_PER_HEARTBEAT / 2;

	if (shard->lease == LEASE_OWNED &&
	    io_now_ms(engine->io) - shard->renewed_ms >= engine->options.heartbeat_ms - slack_ms)
		checkpoint_renew(shard);
	return true;
}

/* Renews what is due. */
static void renew_all(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, renew_timer);

	io_timer_set(engine->io, timer,
		     io_now_ms(engine->io) + engine->options.heartbeat_ms / RENEWALS_PER_HEARTBEAT);
	if (!engine->paused && !engine->stopped)
		shard_each(engine, renew);
}

/* The lease of a shard that nobody has begun was made, or could not be: then others will find it. */
static void offered(struct call *call)
{
	struct shard *shard = call->owner;

	shard->row_call = NULL;
	worker_consider_leaving(call->engine);
}

/* Makes the lease of a shard that may be begun and has none, as nobody's; false when that is under way. */
static bool offer(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;
	const struct shard *parent = shard->parent;
	struct row_write write;
	struct buf key;

	if (shard->has_row || shard->offered || shard->adopted_done || !shard->listed ||
	    parent == NULL || !parent->has_row || shard_checkpoint(parent).kind != POSITION_END)
		return true;
	shard->offered = true;
	start_late(shard);
	buf_init(&key, ROW_KEY_MAX);
	write = checkpoint_write_of(shard, &key);
	write.owner = STR_NONE;
	shard->row_call = call_new(engine, IO_TABLES, TABLES_PUT_ITEM, offered, shard);
	row_create(&shard->row_call->http.body, &write);
	call_start(shard->row_call);
	buf_release(&key);
	return false;
}

bool kcl_children_made(struct engine *engine)
{
	return !engine->options.kcl || shard_each(engine, offer);
}

void kcl_start(struct engine *engine)
{
	if (!engine->options.kcl)
		return;
	engine->renew_timer.fire = renew_all;
	io_timer_set(engine->io, &engine->renew_timer, io_now_ms(engine->io));
}

int64_t kcl_watch_ms(const struct engine *engine)
{
	return engine->foreign_n == 0 ? 0 : engine->options.lease_ms / LOOKS_PER_LEASE + 1;
}

void kcl_release(struct engine *engine)
{
	io_timer_cancel(engine->io, &engine->renew_timer);
}
