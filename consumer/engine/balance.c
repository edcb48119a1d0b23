/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/balance.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/discovery.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/peers.h"
#include "consumer/engine/reader.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/sweep.h"
#include "consumer/engine/worker.h"

enum {
	LOOKS_MAX = 20, /* rows that one tick reads by themselves */
	FRUITLESS_MS = 10 * SECOND_MS, /* after a request that brought nothing */
	LOAD_MIN = 64 << 10, /* bytes a second that are worth moving a shard for */
	GAVE_BEATS = 2, /* heartbeats that tell what was handed over */
};

struct balance {
	/* Somebody asks us. */
	char *asker; /* NULL: nobody */
	int64_t stranger_ms; /* since when somebody asks whom we do not know; 0: nobody does */
	unsigned leaving; /* shards that are being handed over to it */
	int64_t leaving_ms;
	bool answered; /* the next heartbeat says so */
	/* What was handed over lately. */
	char *gave_to;
	char *gave[HEARTBEAT_GAVE_MAX];
	struct str gave_keys[HEARTBEAT_GAVE_MAX];
	size_t n_gave;
	unsigned gave_beats; /* heartbeats that told it */
	/* We ask somebody. */
	char *asked; /* the worker's id; NULL: nobody */
	int64_t asked_ms, asked_leases;
	int64_t quiet_until_ms; /* do not ask before */
	int64_t swept_ms; /* when all rows were last asked for, because so many had to be read */
};

struct balance *balance_new(void)
{
	return mem_alloc(sizeof(struct balance));
}

/* Calls `fn` for every shard; a void shard_each with an argument. */
static void each(struct engine *engine, void (*fn)(struct shard *shard, void *arg), void *arg)
{
	for (size_t t = 0; t < engine->options.n_tables; t++) {
		list_each(it, &engine->tables[t].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);
			struct shard *shard;
			size_t at = 0;

			while ((shard = map_next(&stream->shards, &at)) != NULL)
				fn(shard, arg);
		}
	}
}

/* How much a worker wants a shard: the same on every worker. */
static uint64_t wish(struct str worker_id, const struct shard *shard)
{
	uint64_t mixed = map_hash(worker_id) ^ map_hash(str_of(shard->id)) * 3;

	return map_hash(str_make((const char *)&mixed, sizeof(mixed)));
}

/* Whether no other living worker wants the shard more than we do. */
static bool first_choice(const struct engine *engine, const struct shard *shard)
{
	uint64_t ours = wish(str_of(engine->worker_id), shard);
	const struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer_serves(engine, peer) && wish(str_of(peer->id), shard) > ours)
			return false;
	}
	return true;
}

/* Whether somebody else who lives holds the parent, and so will go on with the shard. */
static bool with_its_parent(struct engine *engine, const struct shard *shard)
{
	const struct shard *parent = shard->parent;
	int64_t dead_ms;

	/* A Kinesis client gives its leases to any of its workers. */
	return parent != NULL && !parent->ours && parent->owner != NULL &&
	       !kcl_foreign(engine, str_of(parent->owner)) &&
	       peers_owner_lives(engine, str_of(parent->owner), &dead_ms);
}

bool balance_may_take(struct shard *shard)
{
	struct engine *engine = shard->stream->table->engine;

	if (engine->leases >= engine->options.max_leases)
		return false;
	/* A tip that nobody has found yet moves away. */
	if (shard->latest || shard->overdue || (shard->parent != NULL && shard->parent->ours))
		return true;
	if (!with_its_parent(engine, shard) && first_choice(engine, shard))
		return true;
	if (shard->free_ms == 0)
		shard->free_ms = io_now_ms(engine->io);
	return false;
}

/* What one walk over the shards finds. */
struct tally {
	struct engine *engine;
	int64_t passed_ms; /* since the last walk */
	int64_t load;
	unsigned free; /* shards that are ready and that nobody has */
	unsigned looks; /* rows read by themselves so far */
	unsigned unseen; /* rows that should have been, but were too many */
};

/* The bytes a second that were read of the shard, smoothed. */
static void measure(struct shard *shard, int64_t passed_ms)
{
	int64_t fresh = shard->read_bytes - shard->read_before_bytes;

	if (passed_ms <= 0)
		return;
	shard->read_before_bytes = shard->read_bytes;
	shard->load += (fresh * SECOND_MS / passed_ms - shard->load) / 4;
}

/* Whether some sink of a shard of ours waits for what another worker has to finish first. */
static bool waits_for_parent(const struct shard *shard)
{
	if (!shard->ours || shard->parent == NULL || shard->parent->ours ||
	    shard->parent->adopted_done)
		return false;
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (shard->cursors[i].state == CURSOR_WAITING_PARENTS)
			return true;
	}
	return false;
}

/* Reads a row by itself, unless this tick has read enough. */
static void look_at(struct tally *tally, struct shard *shard)
{
	if (shard->lease != LEASE_FREE || shard->row_call != NULL)
		return;
	if (tally->looks >= LOOKS_MAX) {
		tally->unseen++;
		return;
	}
	tally->looks++;
	checkpoint_look(shard);
}

/* Takes one shard into account, and goes after what nobody took or told. */
static void take_stock(struct shard *shard, void *arg)
{
	struct tally *tally = arg;
	struct engine *engine = tally->engine;

	measure(shard, tally->passed_ms);
	if (shard_counts(shard))
		tally->load += shard->load;
	if (waits_for_parent(shard))
		look_at(tally, shard->parent);
	if (shard->named)
		look_at(tally, shard);
	if (shard->state != SHARD_READY || shard->lease != LEASE_FREE || shard->free_ms == 0)
		return;
	tally->free++;
	if (io_now_ms(engine->io) - shard->free_ms <= engine->options.lease_ms / 2)
		return;
	/* What we know of it may be old; if it is still free after another look, it is ours to take. */
	shard->overdue = true;
	look_at(tally, shard);
}

/*
 * Ends our request, of which nothing more is to be expected. What was given is not counted before its rows
 * were read, and others may wait to ask: not again at once.
 */
static void asked_over(struct engine *engine, bool fruitless)
{
	struct balance *b = engine->balance;

	mem_free(b->asked);
	b->asked = NULL;
	b->quiet_until_ms = io_now_ms(engine->io) +
			    (fruitless ? FRUITLESS_MS : engine->options.heartbeat_ms / 2);
}

/* Our request is on the other worker's row, or it is not. */
static void asked(struct call *call)
{
	struct peer *peer = call->owner;
	struct engine *engine = call->engine;

	peer->call = NULL;
	if (call->outcome != CALL_OK)
		asked_over(engine, call->outcome != CALL_ERROR);
}

/* Asks a worker that holds more than we do. */
static void ask(struct engine *engine, struct peer *peer, int64_t n)
{
	struct balance *b = engine->balance;
	struct heartbeat row = peer_row(peer);
	struct ask request = {
		.owner = str_of(engine->owner),
		.n = n,
		.leases = engine->leases,
		.load = engine->load,
	};

	b->asked = mem_dup(peer->id, str_of(peer->id).n);
	b->asked_ms = io_now_ms(engine->io);
	b->asked_leases = engine->leases;
	io_log(engine->io, IO_INFO, "leases.asked worker=%s from=%s n=%lld ours=%lld theirs=%lld",
	       engine->worker_id, peer->id, (long long)n, (long long)engine->leases,
	       (long long)peer->leases);
	peer->call = call_new(engine, IO_TABLES, TABLES_UPDATE_ITEM, asked, peer);
	heartbeat_ask(&peer->call->http.body, engine->options.own_table, &row, &request);
	call_start(peer->call);
}

/* How many leases it is fair to move from one who holds `theirs` to one who holds `ours`. */
static int64_t fair_share(int64_t theirs, int64_t ours, int64_t their_load, int64_t our_load)
{
	if (theirs - ours >= 2)
		return (theirs - ours) / 2;
	/* Of two who hold about the same, the one with the one more may still read most of the bytes. */
	if (theirs - ours == 1 && their_load > 2 * our_load + LOAD_MIN)
		return 1;
	return 0;
}

/* The living worker that we should ask: the one with the most leases. */
static struct peer *richest(const struct engine *engine)
{
	struct peer *peer, *best = NULL;
	size_t at = 0;

	while ((peer = map_next(&engine->peers, &at)) != NULL) {
		if (peer_serves(engine, peer) && (best == NULL || peer->leases > best->leases))
			best = peer;
	}
	return best;
}

/* Whether the shards are known, all of them: what is given to us before that, nobody would read. */
static bool all_listed(const struct engine *engine)
{
	for (size_t i = 0; i < engine->options.n_tables; i++) {
		const struct table *table = &engine->tables[i];

		/* Nor those of a table that tells none: they could be all of what others give. */
		if (list_empty(&table->streams))
			return false;
		list_each(it, &table->streams, spare) {
			if (!CONTAINER_OF(it, struct stream, link)->listed)
				return false;
		}
	}
	return true;
}

/* Asks for leases, when somebody holds more than is fair. */
static void consider_asking(struct engine *engine)
{
	struct balance *b = engine->balance;
	struct peer *peer = richest(engine);
	int64_t now_ms = io_now_ms(engine->io), room, n;

	if (b->asked != NULL &&
	    now_ms - b->asked_ms > engine->options.lease_ms + engine->options.drain_timeout_ms)
		asked_over(engine, true);
	if (b->asked != NULL || b->leaving > 0 || peer == NULL || peer->asked ||
	    peer->call != NULL || now_ms < b->quiet_until_ms || engine->paused ||
	    peers_stand_aside(engine))
		return;
	n = fair_share(peer->leases, engine->leases, peer->load, engine->load);
	room = engine->options.max_leases - engine->leases;
	if (n > HEARTBEAT_GAVE_MAX)
		n = HEARTBEAT_GAVE_MAX;
	if (n > room)
		n = room;
	if (n > 0)
		ask(engine, peer, n);
}

/* Keeps a shard whose sinks do not let go of it in time. */
static void keep_late(struct shard *shard, void *arg)
{
	struct engine *engine = arg;

	if (shard->heir == NULL)
		return;
	checkpoint_keep(shard);
	if (shard->heir != NULL)
		return;
	io_log(engine->io, IO_INFO, "lease.kept table=%.*s shard=%s why=\"%s\"",
	       STR_ARG(shard->source.table), shard->id,
	       "its sinks did not end their deliveries in time");
	readers_kick(shard);
	for (size_t i = 0; i < shard->n_cursors; i++)
		cursor_pump(&shard->cursors[i]);
}

void balance_tick(struct engine *engine)
{
	struct balance *b = engine->balance;
	int64_t now_ms = io_now_ms(engine->io);
	struct tally tally = {.engine = engine, .passed_ms = now_ms - engine->tick_ms};

	if (!engine->scanned || engine->draining || engine->stopped)
		return;
	engine->tick_ms = now_ms;
	each(engine, take_stock, &tally);
	engine->load = tally.load;
	if (b->leaving > 0 && now_ms - b->leaving_ms > engine->options.drain_timeout_ms)
		each(engine, keep_late, engine);
	/* Workers that start together each believe that the others' shards are free: one sweep shows all. */
	if (tally.unseen > 0 && now_ms - b->swept_ms > engine->options.lease_ms) {
		b->swept_ms = now_ms;
		sweep_soon(engine);
	}
	/* What nobody has is there to be taken first. */
	if (tally.free == 0 && all_listed(engine))
		consider_asking(engine);
}

/* Shards that may be handed over, to choose from. */
struct offer {
	struct shard **shards;
	size_t n, max;
};

/* Adds a shard that may be handed over. */
static void add_offer(struct shard *shard, void *arg)
{
	struct offer *offer = arg;

	if (offer->n < offer->max && shard->state == SHARD_OWNED && shard->heir == NULL &&
	    (shard->lease == LEASE_OWNED || shard->lease == LEASE_WRITING))
		offer->shards[offer->n++] = shard;
}

/* For qsort: by load, the largest first; then by id, so that the order is always the same. */
static int by_load(const void *a, const void *b)
{
	const struct shard *x = *(struct shard *const *)a, *y = *(struct shard *const *)b;

	if (x->load != y->load)
		return x->load > y->load ? -1 : 1;
	return str_cmp(str_of(x->id), str_of(y->id));
}

/*
 * Hands `n` shards over, so that about `bytes` a second go with them: of the largest those that fit, and
 * the rest from the smallest.
 */
static void hand_over(struct engine *engine, size_t n, int64_t bytes)
{
	struct balance *b = engine->balance;
	struct offer offer = {.max = (size_t)engine->leases};
	size_t taken = 0;

	offer.shards = mem_alloc_n(offer.max + 1, sizeof(struct shard *));
	each(engine, add_offer, &offer);
	qsort(offer.shards, offer.n, sizeof(*offer.shards), by_load);
	if (n > offer.n)
		n = offer.n;
	b->leaving_ms = io_now_ms(engine->io);
	/* Until the last one is on its way, none of them is the last one to end. */
	b->leaving = 1;
	for (size_t i = 0; i < offer.n && taken < n; i++) {
		struct shard *shard = offer.shards[i];

		/* From here on all are needed to make up the number. */
		if (shard->load > bytes && offer.n - i > n - taken)
			continue;
		bytes -= shard->load;
		taken++;
		b->leaving++;
		checkpoint_hand_over(shard, str_of(b->asker));
	}
	mem_free(offer.shards);
	if (--b->leaving == 0) {
		b->answered = true;
		worker_beat_soon(engine);
	}
}

void balance_own_row(struct engine *engine, const struct heartbeat *own)
{
	struct balance *b = engine->balance;
	const struct ask *request = &own->ask;
	int64_t n;

	if (request->owner.n == 0 || b->asker != NULL || !engine->scanned || engine->draining ||
	    engine->paused)
		return;
	n = fair_share(engine->leases, request->leases, engine->load, request->load);
	if (n > request->n)
		n = request->n;
	if (n > HEARTBEAT_GAVE_MAX)
		n = HEARTBEAT_GAVE_MAX;
	if (!peers_known_alive(engine, request->owner)) {
		/* It may have come after our last look at the others. */
		if (b->stranger_ms == 0)
			b->stranger_ms = io_now_ms(engine->io);
		if (io_now_ms(engine->io) - b->stranger_ms <= engine->options.lease_ms)
			return;
		n = 0;
	}
	b->stranger_ms = 0;
	b->asker = mem_dup(request->owner.p, request->owner.n);
	hand_over(engine, n > 0 ? (size_t)n : 0, (engine->load - request->load) / 2);
}

/* Forgets what was handed over. */
static void forget_gave(struct balance *b)
{
	for (size_t i = 0; i < b->n_gave; i++)
		mem_free(b->gave[i]);
	mem_free(b->gave_to);
	b->gave_to = NULL;
	b->n_gave = 0;
	b->gave_beats = 0;
}

/* Notes that the shard was handed over, for the heartbeat to tell. */
static void note_gave(struct balance *b, const struct shard *shard)
{
	struct buf key;

	if (b->gave_to != NULL &&
	    (b->gave_beats > 0 || !str_eq(str_of(b->gave_to), str_of(shard->heir))))
		forget_gave(b);
	if (b->n_gave == HEARTBEAT_GAVE_MAX)
		return; /* the new owner finds it by a sweep */
	if (b->gave_to == NULL)
		b->gave_to = mem_dup(shard->heir, str_of(shard->heir).n);
	buf_init(&key, 1024);
	buf_str(&key, str_of(shard->stream->key_prefix));
	buf_str(&key, str_of(shard->id));
	b->gave[b->n_gave] = buf_detach(&key);
	b->gave_keys[b->n_gave] = str_of(b->gave[b->n_gave]);
	b->n_gave++;
}

void balance_handed(struct shard *shard, bool well)
{
	struct engine *engine = shard->stream->table->engine;
	struct balance *b = engine->balance;

	if (well) {
		io_log(engine->io, IO_INFO, "lease.handed_over table=%.*s shard=%s to=%s",
		       STR_ARG(shard->source.table), shard->id, shard->heir);
		note_gave(b, shard);
	}
	must(b->leaving > 0);
	if (--b->leaving == 0) {
		b->answered = true;
		worker_beat_soon(engine);
	}
}

void balance_peer_row(struct engine *engine, const struct heartbeat *row)
{
	struct balance *b = engine->balance;
	bool pending = str_eq(row->ask.owner, str_of(engine->owner));

	if (str_eq(row->gave_to, str_of(engine->owner))) {
		for (size_t i = 0; i < row->n_gave; i++) {
			struct shard *shard = sweep_shard(engine, row->gave[i]);

			if (shard != NULL && !shard->ours)
				checkpoint_look(shard);
		}
	}
	/* One that is under way may not be there yet. */
	if (b->asked != NULL && str_eq(str_of(b->asked), row->id) && !pending &&
	    engine->look_ms > b->asked_ms)
		asked_over(engine,
			   row->n_gave == 0 || !str_eq(row->gave_to, str_of(engine->owner)));
}

bool balance_fill_beat(struct engine *engine, struct heartbeat *beat)
{
	struct balance *b = engine->balance;

	beat->leases = engine->leases;
	beat->load = engine->load;
	if (b->gave_beats >= GAVE_BEATS)
		forget_gave(b);
	if (b->n_gave > 0 && b->leaving == 0) {
		beat->gave_to = str_of(b->gave_to);
		beat->gave = b->gave_keys;
		beat->n_gave = b->n_gave;
	}
	return b->answered;
}

void balance_beaten(struct engine *engine, bool answered)
{
	struct balance *b = engine->balance;

	if (b->n_gave > 0 && b->leaving == 0)
		b->gave_beats++;
	if (!answered)
		return;
	b->answered = false;
	mem_free(b->asker);
	b->asker = NULL;
}

void balance_release(struct engine *engine)
{
	struct balance *b = engine->balance;

	if (b == NULL)
		return;
	forget_gave(b);
	mem_free(b->asker);
	mem_free(b->asked);
	mem_free(b);
	engine->balance = NULL;
}
