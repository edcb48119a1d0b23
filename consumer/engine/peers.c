/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/peers.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/shardlist.h"
#include "consumer/engine/worker.h"

enum { SUSPECTS_MAX = 1000 };

static void scan(struct io_timer *timer);

/* Frees one peer. */
static void peer_free(struct peer *peer)
{
	call_cancel(&peer->call);
	mem_free(peer->id);
	mem_free(peer->incarnation);
	mem_free(peer);
}

/* The worker's id in the owner of a lease. */
static struct str id_of(struct str owner)
{
	return str_head(owner, str_find_last(owner, ':'));
}

/* The worker whose heartbeat row has the owner's incarnation, or NULL. */
static struct peer *peer_of(const struct engine *engine, struct str owner)
{
	struct str id = id_of(owner);
	struct peer *peer = map_get(&engine->peers, id);

	return peer != NULL && str_eq(str_skip(owner, id.n + 1), str_of(peer->incarnation)) ? peer
											    : NULL;
}

/* Forgets who seemed to be gone; those who still matter are asked about again. */
static void forget_suspects(struct engine *engine)
{
	struct suspect *suspect;
	size_t at = 0;

	while ((suspect = map_next(&engine->suspects, &at)) != NULL) {
		mem_free(suspect->owner);
		mem_free(suspect);
	}
	map_release(&engine->suspects);
	map_init(&engine->suspects);
}

/* Begins to suspect an owner that no heartbeat row we know of has. */
static void suspect(struct engine *engine, struct str owner)
{
	struct suspect *suspect = mem_alloc(sizeof(*suspect));

	if (map_n(&engine->suspects) >= SUSPECTS_MAX)
		forget_suspects(engine);
	suspect->owner = mem_dup(owner.p, owner.n);
	suspect->seen_ms = io_now_ms(engine->io);
	map_put(&engine->suspects, str_of(suspect->owner), suspect);
	/* Our predecessor or our successor? Our next heartbeat knows. */
	if (str_eq(id_of(owner), str_of(engine->worker_id)))
		io_timer_set(engine->io, &engine->beat_timer, suspect->seen_ms);
}

bool worker_owner_lives(struct engine *engine, struct str owner)
{
	const struct peer *peer = peer_of(engine, owner);
	const struct suspect *known;

	if (str_eq(owner, str_of(engine->owner)))
		return true;
	if (peer != NULL)
		return !peer->fenced;
	known = map_get(&engine->suspects, owner);
	if (known == NULL)
		suspect(engine, owner);
	return known == NULL || !known->certain;
}

/* Takes the shard up if it has become free. */
static bool consider_free(struct shard *shard)
{
	if (shard->lease == LEASE_FREE)
		lineage_consider(shard);
	return true;
}

/*
 * A look that began at `since_ms` is over: at our own heartbeat row if `own`, otherwise at all others.
 * Suspects from before are gone for certain, unless they were found; returns whether younger ones are
 * left.
 */
static bool judge_suspects(struct engine *engine, bool own, int64_t since_ms)
{
	struct suspect *suspect;
	bool left = false;
	size_t at = 0;

	while ((suspect = map_next(&engine->suspects, &at)) != NULL) {
		struct str owner = str_of(suspect->owner);

		if (suspect->certain || str_eq(id_of(owner), str_of(engine->worker_id)) != own)
			continue;
		if (suspect->seen_ms <= since_ms && peer_of(engine, owner) == NULL)
			suspect->certain = true;
		else
			left = true;
	}
	return left;
}

void peers_beaten(struct engine *engine, int64_t sent_ms)
{
	if (map_n(&engine->suspects) == 0)
		return;
	if (judge_suspects(engine, true, sent_ms))
		io_timer_set(engine->io, &engine->beat_timer, io_now_ms(engine->io));
	if (engine->scanned)
		shard_each(engine, consider_free);
}

/* A heartbeat row was fenced, or changed before that. The next scan shows which. */
static void fenced(struct call *call)
{
	struct peer *peer = call->owner;

	peer->call = NULL;
	if (call->outcome == CALL_OK) {
		peer->fenced = true;
		io_log(call->engine->io, IO_WARN, "worker.fenced worker=%s incarnation=%s",
		       peer->id, peer->incarnation);
	}
	io_timer_set(call->engine->io, &call->engine->scan_timer, io_now_ms(call->engine->io));
}

/* Fences a worker that has shown no sign of life for the lease time. */
static void judge(struct engine *engine, struct peer *peer)
{
	struct row_worker worker = {
		.table = engine->options.checkpoint_table,
		.worker_id = str_of(peer->id),
		.counter = peer->counter,
	};

	if (peer->fenced || peer->call != NULL || engine->paused ||
	    io_now_ms(engine->io) - peer->changed_ms <= engine->options.lease_ms)
		return;
	peer->call = call_new(engine, IO_TABLES, TABLES_UPDATE_ITEM, fenced, peer);
	row_worker_fence(&peer->call->http.body, &worker);
	call_start(peer->call);
}

/* Takes in another worker's heartbeat row. */
static void see_worker(struct engine *engine, const struct row *row)
{
	struct peer *peer = map_get(&engine->peers, row->worker_id);

	if (str_eq(row->worker_id, str_of(engine->worker_id)))
		return;
	if (peer == NULL) {
		peer = mem_alloc(sizeof(*peer));
		peer->id = mem_dup(row->worker_id.p, row->worker_id.n);
		peer->counter = -1;
		map_put(&engine->peers, str_of(peer->id), peer);
	}
	if (peer->counter != row->counter)
		peer->changed_ms = io_now_ms(engine->io);
	peer->counter = row->counter;
	peer->fenced = row->fenced;
	mem_free(peer->incarnation);
	peer->incarnation = mem_dup(row->incarnation.p, row->incarnation.n);
	judge(engine, peer);
}

/* The shard that a lease row is about, if it is known; `*id_out` is its id in any case. */
static struct shard *shard_of(struct engine *engine, struct str key)
{
	for (size_t t = 0; t < engine->options.n_tables; t++) {
		list_each(it, &engine->tables[t].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);
			struct str prefix = str_of(stream->key_prefix);

			if (str_starts(key, prefix))
				return map_get(&stream->shards, str_skip(key, prefix.n));
		}
	}
	return NULL;
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
	if (row.kind == ROW_WORKER) {
		see_worker(engine, &row);
		return true;
	}
	if (row.kind != ROW_LEASE)
		return true;
	shard = shard_of(engine, row.key);
	if (shard == NULL) {
		keep(engine, row.key, raw);
		return true;
	}
	/* What we hold, or are about to write, we know better. */
	if (shard->lease != LEASE_FREE || shard->row_call != NULL)
		return true;
	if (!row_read(arena, raw, &shard->stream->table->sinks, &row, err))
		return false;
	checkpoint_adopt_row(shard, &row);
	return true;
}

/* Whether nobody else owns the shard, or there is nothing left to read in it. */
static bool not_foreign(struct shard *shard)
{
	return shard->owner == NULL || shard->state == SHARD_DONE;
}

/* The last page is in. */
static void scan_over(struct engine *engine)
{
	worker_scanned(engine);
	judge_suspects(engine, false, engine->scan_ms);
	shardlist_rows_read(engine, engine->scan_ms);
	shard_each(engine, consider_free);
	io_timer_set(engine->io, &engine->scan_timer,
		     io_now_ms(engine->io) +
			     (engine->look_wanted ? 0 : engine->options.heartbeat_ms));
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
	mem_free(engine->scan_next);
	engine->scan_next =
		ok && page.next_key.n > 0 ? mem_dup(page.next_key.p, page.next_key.n) : NULL;
	arena_release(&arena);
	return ok;
}

/* A page of the scan has been answered. */
static void scanned(struct call *call)
{
	struct engine *engine = call->owner;
	struct error why = {0};

	engine->scan_call = NULL;
	if (call->outcome != CALL_OK) {
		call_error(call, &why);
		if (!engine->scanned && (call->outcome == CALL_REFUSED ||
					 ++engine->worker_attempts >= STARTUP_ATTEMPTS)) {
			engine_stop(engine, &why);
			return;
		}
		io_log(engine->io, IO_WARN, "checkpoint.scan_failed error=\"%s\"", why.text);
		engine->look_wanted = true;
		io_timer_set(engine->io, &engine->scan_timer,
			     io_now_ms(engine->io) + call_delay_ms(call, engine->worker_attempts));
		return;
	}
	engine->worker_attempts = 0;
	if (!take_page(engine, call, &why))
		engine_stop(engine, &why);
	else if (engine->scan_next == NULL)
		scan_over(engine);
	else
		io_timer_set(engine->io, &engine->scan_timer, io_now_ms(engine->io));
}

/* Asks for the first or next page of all rows, when there is a need. */
static void scan(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, scan_timer);

	if (engine->scan_call != NULL || engine->draining)
		return;
	if (engine->scanned && engine->scan_next == NULL && !engine->look_wanted &&
	    shard_each(engine, not_foreign)) {
		io_timer_set(engine->io, timer,
			     io_now_ms(engine->io) + engine->options.heartbeat_ms);
		return;
	}
	if (engine->scan_next == NULL) {
		engine->scan_ms = io_now_ms(engine->io);
		engine->look_wanted = false;
	}
	engine->scan_call = call_new(engine, IO_TABLES, TABLES_SCAN, scanned, engine);
	tables_scan_request(&engine->scan_call->http.body, engine->options.checkpoint_table,
			    str_of(engine->scan_next), 0);
	call_start(engine->scan_call);
}

void peers_look(struct engine *engine)
{
	engine->look_wanted = true;
	if (engine->scan_call == NULL)
		io_timer_set(engine->io, &engine->scan_timer, io_now_ms(engine->io));
}

void peers_start(struct engine *engine)
{
	engine->scan_timer.fire = scan;
	io_timer_set(engine->io, &engine->scan_timer, io_now_ms(engine->io));
}

void peers_release(struct engine *engine)
{
	struct kept_row *kept;
	struct peer *peer;
	size_t at = 0;

	call_cancel(&engine->scan_call);
	io_timer_cancel(engine->io, &engine->scan_timer);
	while ((peer = map_next(&engine->peers, &at)) != NULL)
		peer_free(peer);
	map_release(&engine->peers);
	forget_suspects(engine);
	at = 0;
	while ((kept = map_next(&engine->rows, &at)) != NULL)
		kept_row_free(kept);
	map_release(&engine->rows);
	mem_free(engine->scan_next);
	engine->scan_next = NULL;
}
