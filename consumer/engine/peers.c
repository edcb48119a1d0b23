/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/peers.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/adopt.h"
#include "consumer/engine/balance.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/sweep.h"
#include "consumer/engine/worker.h"

enum {
	SUSPECTS_MAX = 1000,
	LOOKS_PER_HEARTBEAT = 3,
	FORGOTTEN_MS = 5 * MINUTE_MS, /* how long a dead worker stays on the list */
};

static void look(struct io_timer *timer);

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

bool peer_lives(const struct peer *peer)
{
	return peer->dead_ms == 0 && peer->incarnation != NULL;
}

/* Whether a peer is the owner "<id>:<incarnation>". */
static bool peer_is(const struct peer *peer, struct str owner)
{
	return peer->incarnation != NULL && str_eq(id_of(owner), str_of(peer->id)) &&
	       str_eq(str_skip(owner, str_of(peer->id).n + 1), str_of(peer->incarnation));
}

struct heartbeat peer_row(const struct peer *peer)
{
	return (struct heartbeat){
		.id = str_of(peer->id),
		.incarnation = str_of(peer->incarnation),
		.counter = peer->counter,
	};
}

/* The worker whose heartbeat row has the owner's incarnation, or NULL. */
static struct peer *peer_of(const struct engine *engine, struct str owner)
{
	struct peer *peer = map_get(&engine->peers, id_of(owner));

	return peer != NULL && peer_is(peer, owner) ? peer : NULL;
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

void peers_look_soon(struct engine *engine, bool exact)
{
	engine->exact_wanted = engine->exact_wanted || exact;
	/* One that is under way began too early; its end starts the next one. */
	if (engine->look_call == NULL && engine->look_attempts == 0)
		io_timer_set(engine->io, &engine->look_timer, io_now_ms(engine->io));
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
	peers_look_soon(engine, true);
}

bool peers_owner_lives(struct engine *engine, struct str owner, int64_t *dead_ms)
{
	const struct peer *peer = peer_of(engine, owner);
	const struct suspect *known;

	*dead_ms = 0;
	if (str_eq(owner, str_of(engine->owner)))
		return true;
	if (peer != NULL && (peer->dead_ms == 0 || peer->fenced)) {
		*dead_ms = peer->dead_ms;
		return peer->dead_ms == 0;
	}
	known = map_get(&engine->suspects, owner);
	if (known == NULL)
		suspect(engine, owner);
	else
		*dead_ms = known->certain_ms;
	return *dead_ms == 0;
}

bool peers_known_alive(const struct engine *engine, struct str owner)
{
	const struct peer *peer = peer_of(engine, owner);

	return peer != NULL && peer_lives(peer);
}

/*
 * An exact look is over that began at `since_ms`: who was suspected before and still has no heartbeat row is
 * gone for certain. Returns whether younger suspects are left; `*news` whether somebody became certain.
 */
static bool judge_suspects(struct engine *engine, int64_t since_ms, bool *news)
{
	struct suspect *suspect;
	bool left = false;
	size_t at = 0;

	while ((suspect = map_next(&engine->suspects, &at)) != NULL) {
		const struct peer *peer = peer_of(engine, str_of(suspect->owner));

		if (suspect->certain_ms != 0 || (peer != NULL && peer->dead_ms == 0))
			continue;
		if (suspect->seen_ms > since_ms) {
			left = true;
			continue;
		}
		suspect->certain_ms = io_now_ms(engine->io);
		*news = true;
	}
	return left;
}

/* A request about another worker's row, by its key, has been answered: the next look shows more. */
static void peer_answered(struct call *call)
{
	struct peer *peer = call->owner;

	peer->call = NULL;
	peers_look_soon(call->engine, false);
}

/* A heartbeat row was fenced, or changed before that; or its worker has begun anew before we heard of it. */
static void fenced(struct call *call)
{
	struct peer *peer = call->owner;
	struct engine *engine = call->engine;

	if (call->outcome == CALL_OK && peer->fencing) {
		peer->fenced = true;
		peer->dead_ms = io_now_ms(engine->io);
		io_log(engine->io, IO_WARN, "worker.fenced worker=%s incarnation=%s", peer->id,
		       peer->incarnation);
		sweep_soon(engine);
	}
	peer_answered(call);
}

/* Sends a request that the caller has composed into peer->call's body. */
static struct buf *peer_call(struct engine *engine, struct peer *peer, struct str target,
			     void (*done)(struct call *call))
{
	peer->call = call_new(engine, IO_TABLES, target, done, peer);
	return &peer->call->http.body;
}

/* Fences a worker that showed no sign of life for the lease time; takes one long dead off the list. */
static void judge(struct engine *engine, struct peer *peer)
{
	struct heartbeat row = peer_row(peer);
	struct str table = engine->options.own_table;
	int64_t now_ms = io_now_ms(engine->io);

	if (peer->call != NULL || engine->paused)
		return;
	peer->fencing = peer_lives(peer) && now_ms - peer->changed_ms > engine->options.lease_ms;
	if (peer->fencing)
		heartbeat_fence(peer_call(engine, peer, TABLES_UPDATE_ITEM, fenced), table, &row);
	else if (peer->dead_ms == 0 || now_ms - peer->dead_ms <= FORGOTTEN_MS)
		return;
	else if (peer->fenced)
		heartbeat_delete(peer_call(engine, peer, TABLES_DELETE_ITEM, peer_answered), table,
				 &row);
	else
		roster_leave(peer_call(engine, peer, TABLES_UPDATE_ITEM, peer_answered), table,
			     row.id, engine->roster_version);
	call_start(peer->call);
}

/* The peer of that id, made when it is new. */
static struct peer *peer_get(struct engine *engine, struct str id)
{
	struct peer *peer = map_get(&engine->peers, id);

	if (peer != NULL)
		return peer;
	peer = mem_alloc(sizeof(*peer));
	peer->id = mem_dup(id.p, id.n);
	peer->counter = -1;
	map_put(&engine->peers, str_of(peer->id), peer);
	return peer;
}

/* We are on the list, or not: the next look shows it. */
static void joined(struct call *call)
{
	call->engine->join_call = NULL;
}

/* Takes in the list of workers. */
static bool see_members(struct engine *engine, struct arena *arena, struct str raw,
			struct error *err)
{
	struct roster members;
	bool listed = false;

	if (!roster_read(arena, raw, &members, err))
		return false;
	engine->roster_version = members.version;
	for (size_t i = 0; i < members.n; i++) {
		if (str_eq(members.ids[i], str_of(engine->worker_id)))
			listed = true;
		else
			peer_get(engine, members.ids[i])->listed_in = engine->looks;
	}
	if (listed || engine->join_call != NULL)
		return true;
	/* Whoever is not on the list is not seen to live. */
	engine->join_call = call_new(engine, IO_TABLES, TABLES_UPDATE_ITEM, joined, engine);
	roster_join(&engine->join_call->http.body, engine->options.own_table,
		    str_of(engine->worker_id));
	call_start(engine->join_call);
	return true;
}

/* Takes in our own heartbeat row. */
static void see_own(struct engine *engine, const struct heartbeat *row)
{
	if (str_eq(row->incarnation, str_of(engine->incarnation)) && !row->fenced)
		balance_own_row(engine, row);
	else if (engine->look_exact)
		worker_replaced(engine);
	else
		engine->exact_wanted = true;
}

/* Whether some living worker runs all sinks that are registered; perhaps we do. */
static bool some_whole(const struct engine *engine)
{
	const struct peer *peer;
	size_t at = 0;

	if (!engine->adoption.lacking)
		return true;
	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer_lives(peer) && peer->whole)
			return true;
	}
	return false;
}

bool peers_stand_aside(const struct engine *engine)
{
	return engine->adoption.lacking && some_whole(engine);
}

bool peer_serves(const struct engine *engine, const struct peer *peer)
{
	return peer_lives(peer) && (peer->whole || !some_whole(engine));
}

/* A worker that runs all sinks has come: gives it what we hold, and says so now and then. */
static void stand_aside(struct engine *engine)
{
	int64_t now_ms = io_now_ms(engine->io);

	if (!engine->scanned || !peers_stand_aside(engine))
		return;
	if (engine->aside_ms == 0 || now_ms - engine->aside_ms >= MINUTE_MS) {
		engine->aside_ms = now_ms;
		io_log(engine->io, IO_WARN, "worker.stands_aside worker=%s advice=\"%s\"",
		       engine->worker_id,
		       "another worker runs all sinks that are registered, this one does not: it "
		       "takes no shards meanwhile");
	}
	if (!checkpoint_all_released(engine))
		engine_renew(engine, "another worker runs all sinks");
}

/* Who shows a sign of life is suspected no more: when it has gone, that has to be found out anew. */
static void clear_suspicion(struct engine *engine, const struct heartbeat *row)
{
	struct suspect *suspect;
	struct buf owner;

	if (map_n(&engine->suspects) == 0)
		return;
	buf_init(&owner, 1024);
	buf_fmt(&owner, "%.*s:%.*s", STR_ARG(row->id), STR_ARG(row->incarnation));
	suspect = map_remove(&engine->suspects, buf_view(&owner));
	if (suspect != NULL) {
		mem_free(suspect->owner);
		mem_free(suspect);
	}
	buf_release(&owner);
}

/* Takes in another worker's heartbeat row. */
static void see_worker(struct engine *engine, const struct heartbeat *row)
{
	struct peer *peer = map_get(&engine->peers, row->id);
	bool same = str_eq(row->incarnation, str_of(peer->incarnation));

	peer->seen_in = engine->looks;
	/* A look that does not read consistently may show what was before. */
	if (!engine->look_exact && same && row->counter < peer->counter)
		return;
	if (!same || row->counter != peer->counter)
		peer->changed_ms = io_now_ms(engine->io);
	if (row->fenced && !(same && peer->fenced)) {
		peer->dead_ms = io_now_ms(engine->io);
		sweep_soon(engine);
	} else if (!row->fenced) {
		peer->dead_ms = 0;
	}
	if (!row->fenced)
		clear_suspicion(engine, row);
	peer->fenced = row->fenced;
	peer->fencing = peer->fencing && same;
	peer->counter = row->counter;
	peer->leases = row->leases;
	peer->load = row->load;
	peer->asked = row->ask.owner.n > 0;
	peer->whole = adopt_is_whole(engine, row->sinks, row->n_sinks);
	mem_free(peer->incarnation);
	peer->incarnation = mem_dup(row->incarnation.p, row->incarnation.n);
	if (engine->scanned)
		balance_peer_row(engine, row);
}

/* Takes in one item of a look. */
static bool see_item(struct engine *engine, struct arena *arena, struct str raw, struct error *err)
{
	static const struct row_sinks none = {.n = 0};
	struct heartbeat beat;
	struct row row;

	if (!row_read(arena, raw, &none, &row, err))
		return false;
	if (str_eq(row.key, ROW_REGISTRY_KEY))
		return adopt_look(engine, arena, raw, err);
	if (!heartbeat_is(row.key))
		return see_members(engine, arena, raw, err);
	if (!heartbeat_read(arena, raw, &beat, err))
		return false;
	if (str_eq(beat.id, str_of(engine->worker_id)))
		see_own(engine, &beat);
	else
		see_worker(engine, &beat);
	return true;
}

/* A worker without a row: it has left, or was taken off; forgotten when the list lacks it, too. */
static void see_absent(struct engine *engine, struct peer *peer)
{
	if (peer->dead_ms == 0 || peer->fenced) {
		peer->dead_ms = io_now_ms(engine->io);
		if (peer->incarnation != NULL)
			sweep_soon(engine);
	}
	peer->fenced = false;
	if (peer->listed_in == engine->looks || peer->call != NULL)
		return;
	map_remove(&engine->peers, str_of(peer->id));
	peer_free(peer);
}

/* When the next look is due: at the interval, or when the next lease time is over. */
static int64_t next_look_ms(const struct engine *engine)
{
	int64_t now_ms = io_now_ms(engine->io);
	int64_t due_ms = now_ms + engine->options.heartbeat_ms / LOOKS_PER_HEARTBEAT + 1;
	const struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		int64_t expiry_ms = peer->changed_ms + engine->options.lease_ms + 1;

		if (peer_lives(peer) && expiry_ms > now_ms && expiry_ms < due_ms)
			due_ms = expiry_ms;
	}
	return engine->exact_wanted ? now_ms : due_ms;
}

/* Every row was asked for and answered: what follows from it. */
static void look_over(struct engine *engine)
{
	struct peer *peer;
	size_t at = 0;
	bool news = false;

	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer->seen_in != engine->looks)
			see_absent(engine, peer);
	}
	at = 0;
	while ((peer = map_next(&engine->peers, &at)) != NULL)
		judge(engine, peer);
	if (engine->look_exact) {
		engine->looked = true;
		if (judge_suspects(engine, engine->look_ms, &news))
			engine->exact_wanted = true;
		if (news)
			sweep_soon(engine);
	}
	worker_scanned(engine);
	stand_aside(engine);
	balance_tick(engine);
	io_timer_set(engine->io, &engine->look_timer, next_look_ms(engine));
}

/* A part of a look failed: all of it again, later. */
static void look_failed(struct engine *engine, struct call *call, const struct error *why)
{
	engine->exact_wanted = engine->exact_wanted || engine->look_exact;
	engine->look_goes_on = false;
	if (!engine->looked &&
	    (call->outcome == CALL_REFUSED || start_is_futile(engine, engine->look_attempts))) {
		engine_stop(engine, why);
		return;
	}
	io_log(engine->io, IO_WARN, "workers.unseen error=\"%s\"", why->text);
	io_timer_set(engine->io, &engine->look_timer,
		     io_now_ms(engine->io) + call_delay_ms(call, engine->look_attempts));
}

static void ask_rows(struct engine *engine, bool first);

/* Whether this look has not asked for some worker's row yet. */
static bool rows_left(const struct engine *engine)
{
	const struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer->asked_in != engine->looks)
			return true;
	}
	return false;
}

/* Not all rows were read: this look goes on with those that did not come, after a pause. */
static void ask_rest(struct engine *engine, struct call *call)
{
	struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer->seen_in != engine->looks)
			peer->asked_in = 0;
	}
	engine->look_goes_on = true;
	call->outcome = CALL_THROTTLED;
	io_timer_set(engine->io, &engine->look_timer,
		     io_now_ms(engine->io) + call_delay_ms(call, ++engine->look_attempts));
}

/* A part of a look has been answered. */
static void look_answered(struct call *call)
{
	struct engine *engine = call->owner;
	struct table_page page = {0};
	struct error why = {0};
	struct arena arena;
	bool ok;

	engine->look_call = NULL;
	if (call->outcome != CALL_OK) {
		engine->look_attempts++;
		call_error(call, &why);
		look_failed(engine, call, &why);
		return;
	}
	arena_init(&arena);
	ok = tables_batch_read(&arena, buf_view(&call->http.answer), &page, &why);
	for (size_t i = 0; ok && i < page.n_items; i++)
		ok = see_item(engine, &arena, page.items[i], &why);
	arena_release(&arena);
	if (!ok) {
		engine_stop(engine, &why);
	} else if (page.incomplete) {
		ask_rest(engine, call);
	} else {
		engine->look_attempts = 0;
		if (rows_left(engine))
			ask_rows(engine, false);
		else
			look_over(engine);
	}
}

/* Asks for rows that this look has not asked for yet, as many as one request may; `first`: and ours. */
static void ask_rows(struct engine *engine, bool first)
{
	struct call *call = call_new(engine, IO_TABLES, TABLES_BATCH_GET, look_answered, engine);
	struct buf *body = &call->http.body, key;
	struct peer *peer;
	size_t at = 0, n = 0;

	buf_init(&key, 1024);
	tables_batch_open(body, engine->options.own_table);
	if (first) {
		tables_batch_key(body, ROW_KEY, ROSTER_KEY);
		buf_str(&key, HEARTBEAT_PREFIX);
		buf_str(&key, str_of(engine->worker_id));
		tables_batch_key(body, ROW_KEY, buf_view(&key));
		n = 2;
		/* Once a heartbeat is enough: whoever writes a row knows without it. */
		if (engine->looks % LOOKS_PER_HEARTBEAT == 0 || engine->look_exact) {
			tables_batch_key(body, ROW_KEY, ROW_REGISTRY_KEY);
			n++;
		}
	}
	while (n < TABLES_BATCH_MAX && (peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer->asked_in == engine->looks)
			continue;
		peer->asked_in = engine->looks;
		buf_clear(&key);
		buf_str(&key, HEARTBEAT_PREFIX);
		buf_str(&key, str_of(peer->id));
		tables_batch_key(body, ROW_KEY, buf_view(&key));
		n++;
	}
	tables_batch_close(body, engine->look_exact);
	buf_release(&key);
	engine->look_call = call;
	call_start(call);
}

/* Begins a look. */
static void look(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, look_timer);

	if (engine->look_call != NULL || engine->draining || engine->stopped)
		return;
	if (engine->look_goes_on) {
		engine->look_goes_on = false;
		ask_rows(engine, true);
		return;
	}
	engine->looks++;
	engine->look_ms = io_now_ms(engine->io);
	engine->look_exact = engine->exact_wanted || !engine->looked;
	engine->exact_wanted = false;
	ask_rows(engine, true);
}

void peers_start(struct engine *engine)
{
	engine->look_timer.fire = look;
	io_timer_set(engine->io, &engine->look_timer, io_now_ms(engine->io));
}

void peers_release(struct engine *engine)
{
	struct peer *peer;
	size_t at = 0;

	call_cancel(&engine->look_call);
	call_cancel(&engine->join_call);
	io_timer_cancel(engine->io, &engine->look_timer);
	while ((peer = map_next(&engine->peers, &at)) != NULL)
		peer_free(peer);
	map_release(&engine->peers);
	forget_suspects(engine);
}
