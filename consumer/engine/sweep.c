/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/sweep.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/shardlist.h"
#include "consumer/engine/worker.h"

enum {
	SLOW_ROWS = 100, /* of one page of a slow sweep */
	SLOW_UNITS_PER_S = 2,
	UNIT_BYTES = 2 * 4096, /* what one read unit reads, when it need not be consistent */
	ABSENT_LOOKS_MAX = 20, /* rows of one sweep that are looked for by themselves */
};

struct shard *sweep_shard(const struct engine *engine, struct str key)
{
	for (size_t t = 0; t < engine->options.n_tables; t++) {
		list_each(it, &engine->tables[t].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);
			struct str prefix = str_of(stream->key_prefix);
			struct shard *shard = NULL;

			if (str_starts(key, prefix))
				shard = map_get(&stream->shards, str_skip(key, prefix.n));
			if (shard != NULL)
				return shard;
		}
	}
	return NULL;
}

/* Whether this sweep is one that somebody waits for, and so reads consistently and at full speed. */
static bool in_hurry(const struct engine *engine)
{
	return !engine->swept || engine->sweep_wanted_ms != 0 || kcl_watch_ms(engine) > 0;
}

void kept_row_free(struct kept_row *kept)
{
	mem_free(kept->key);
	mem_free(kept->raw);
	mem_free(kept);
}

/* Keeps a lease row until its shard is known. */
static void keep(struct engine *engine, struct str key, struct str raw)
{
	struct kept_row *kept = map_remove(&engine->rows, key);

	if (kept != NULL)
		kept_row_free(kept);
	kept = mem_alloc(sizeof(*kept));
	kept->key = mem_dup(key.p, key.n);
	kept->raw = mem_dup(raw.p, raw.n);
	map_put(&engine->rows, str_of(kept->key), kept);
}

/* Takes in one row of the table. */
static bool see_row(struct engine *engine, struct arena *arena, struct str raw, struct error *err)
{
	static const struct row_sinks none = {.n = 0};
	struct shard *shard;
	struct row row;

	if (!row_read(arena, raw, &none, &row, err))
		return false;
	if (row.kind != ROW_LEASE)
		return true;
	if (!engine->swept && !kcl_see_key(engine, row.key, err))
		return false;
	shard = sweep_shard(engine, row.key);
	engine->foreign_seen += kcl_watched(engine, shard, &row);
	if (shard == NULL) {
		keep(engine, row.key, raw);
		return true;
	}
	shard->swept_in = engine->sweeps;
	/* What we hold, or are about to write or read, we know better. */
	if (shard->lease != LEASE_FREE || shard->row_call != NULL)
		return true;
	/* A slow sweep may show what was before, but a higher counter is news in any case. */
	if (!in_hurry(engine) && shard->has_row && row.counter <= shard->counter)
		return true;
	if (!row_read(arena, raw, &shard->stream->table->sinks, &row, err))
		return false;
	checkpoint_adopt_row(shard, &row);
	return true;
}

/* Looks by itself for a row that we know of and that the sweep lacks: its shard may be finished. */
static void look_for_absent(struct engine *engine)
{
	unsigned left = ABSENT_LOOKS_MAX;

	for (size_t t = 0; t < engine->options.n_tables; t++) {
		list_each(it, &engine->tables[t].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);
			struct shard *shard;
			size_t at = 0;

			while (left > 0 && (shard = map_next(&stream->shards, &at)) != NULL) {
				if (!shard->has_row || shard->swept_in == engine->sweeps ||
				    shard->known_ms >= engine->sweep_ms ||
				    shard->lease != LEASE_FREE || shard->row_call != NULL)
					continue;
				checkpoint_look(shard);
				left--;
			}
		}
	}
}

/* What the rows say may let a shard go on. */
static bool consider(struct shard *shard)
{
	if (shard->lease == LEASE_FREE)
		lineage_consider(shard);
	return true;
}

/* When a slow sweep may go on that has just read so many bytes. */
static int64_t pace_ms(int64_t bytes)
{
	return bytes * SECOND_MS / (UNIT_BYTES * SLOW_UNITS_PER_S);
}

/* The last page is in. */
static void sweep_over(struct engine *engine)
{
	int64_t pause_ms = pace_ms(engine->sweep_bytes), watch_ms;
	bool exact = in_hurry(engine);
	struct error why = {0};

	if (!engine->swept && !kcl_form_known(engine, &why)) {
		engine_stop(engine, &why);
		return;
	}
	engine->swept = true;
	engine->foreign_n = engine->foreign_seen;
	watch_ms = kcl_watch_ms(engine);
	if (engine->sweep_wanted_ms <= engine->sweep_ms)
		engine->sweep_wanted_ms = 0;
	if (engine->again_ms <= engine->sweep_ms)
		engine->again_ms = 0;
	worker_scanned(engine);
	if (exact)
		shardlist_rows_read(engine, engine->sweep_ms);
	look_for_absent(engine);
	shard_each(engine, consider);
	if (engine->sweep_wanted_ms != 0)
		pause_ms = 0;
	else if (watch_ms > 0)
		pause_ms = watch_ms;
	else if (pause_ms < engine->options.heartbeat_ms)
		pause_ms = engine->options.heartbeat_ms;
	io_timer_set(engine->io, &engine->sweep_timer, io_now_ms(engine->io) + pause_ms);
}

/* Reads all rows of one page; false with `err`. */
static bool take_page(struct engine *engine, struct call *call, struct error *err)
{
	struct table_page page;
	struct arena arena;
	bool ok;

	arena_init(&arena);
	ok = tables_scan_read(&arena, buf_view(&call->http.answer), &page, err);
	for (size_t i = 0; ok && i < page.n_items; i++)
		ok = see_row(engine, &arena, page.items[i], err);
	mem_free(engine->sweep_next);
	engine->sweep_next =
		ok && page.next_key.n > 0 ? mem_dup(page.next_key.p, page.next_key.n) : NULL;
	arena_release(&arena);
	return ok;
}

/* A page of the sweep was not to be had: again, later. */
static void sweep_failed(struct engine *engine, struct call *call)
{
	struct error why = {0};

	call_error(call, &why);
	engine->sweep_attempts++;
	if (!engine->swept &&
	    (call->outcome == CALL_REFUSED || start_is_futile(engine, engine->sweep_attempts))) {
		engine_stop(engine, &why);
		return;
	}
	io_log(engine->io, IO_WARN, "checkpoint.scan_failed error=\"%s\"", why.text);
	io_timer_set(engine->io, &engine->sweep_timer,
		     io_now_ms(engine->io) + call_delay_ms(call, engine->sweep_attempts));
}

/* A page of the sweep has been answered. */
static void page_done(struct call *call)
{
	struct engine *engine = call->owner;
	int64_t bytes = (int64_t)call->http.answer.n;
	struct error why = {0};

	engine->sweep_call = NULL;
	if (call->outcome != CALL_OK) {
		sweep_failed(engine, call);
		return;
	}
	engine->sweep_attempts = 0;
	/* One that is wanted since has to begin anew. */
	if (engine->sweep_wanted_ms > engine->sweep_ms && engine->swept) {
		mem_free(engine->sweep_next);
		engine->sweep_next = NULL;
		io_timer_set(engine->io, &engine->sweep_timer, io_now_ms(engine->io));
		return;
	}
	if (!take_page(engine, call, &why)) {
		engine_stop(engine, &why);
		return;
	}
	engine->sweep_bytes = bytes;
	if (engine->sweep_next == NULL)
		sweep_over(engine);
	else
		io_timer_set(engine->io, &engine->sweep_timer,
			     io_now_ms(engine->io) + (in_hurry(engine) ? 0 : pace_ms(bytes)));
}

/* Asks for the first or next page of all rows. */
static void sweep(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, sweep_timer);
	bool hurry = in_hurry(engine);

	if (engine->sweep_call != NULL || engine->draining || engine->stopped)
		return;
	if (engine->sweep_next == NULL) {
		engine->foreign_seen = 0;
		engine->sweeps++;
		engine->sweep_ms = io_now_ms(engine->io);
	}
	engine->sweep_call = call_new(engine, IO_TABLES, TABLES_SCAN, page_done, engine);
	tables_scan_request(&engine->sweep_call->http.body, engine->options.checkpoint_table,
			    str_of(engine->sweep_next), hurry ? 0 : SLOW_ROWS, hurry);
	call_start(engine->sweep_call);
}

void sweep_soon(struct engine *engine)
{
	/* Later than one that begins in this very millisecond. */
	engine->sweep_wanted_ms = io_now_ms(engine->io) + 1;
	if (engine->sweep_call == NULL && engine->sweep_attempts == 0 && engine->swept) {
		mem_free(engine->sweep_next);
		engine->sweep_next = NULL;
		io_timer_set(engine->io, &engine->sweep_timer, engine->sweep_wanted_ms);
	}
}

void sweep_start(struct engine *engine)
{
	engine->sweep_timer.fire = sweep;
	io_timer_set(engine->io, &engine->sweep_timer, io_now_ms(engine->io));
}

void sweep_release(struct engine *engine)
{
	struct kept_row *kept;
	size_t at = 0;

	call_cancel(&engine->sweep_call);
	io_timer_cancel(engine->io, &engine->sweep_timer);
	while ((kept = map_next(&engine->rows, &at)) != NULL)
		kept_row_free(kept);
	map_release(&engine->rows);
	mem_free(engine->sweep_next);
	engine->sweep_next = NULL;
}
