/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/children.h"

#include "consumer/aws/streams.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/shardlist.h"

enum {
	TRIES_MAX = 10,
	WAIT_MIN_MS = 100, /* doubled from try to try */
	WAIT_MAX_MS = SECOND_MS,
	JITTER_PERCENT = 20, /* up or down */
	SIBLING_MS = 2500, /* after a split, answers may show one child before the other */
	LOOKUPS_FREE = 2, /* at once, besides one per page that a listing has */
};

/* The children of one shard that are being looked up. */
struct lookup {
	struct shard *shard;
	struct list link; /* in stream->lookups */
	struct pace_ticket ticket;
	struct io_timer timer;
	struct call *call;
	char *after; /* where the answer goes on; NULL: at its start */
	int64_t ended_ms; /* when the shard was seen to end */
	unsigned tries;
	bool last; /* children are known; this looks for a sibling once more */
};

/* The engine that the lookup belongs to. */
static struct engine *engine_of(const struct lookup *lookup)
{
	return lookup->shard->stream->table->engine;
}

/* The time has come for a try. */
static void due(struct io_timer *timer)
{
	struct lookup *lookup = CONTAINER_OF(timer, struct lookup, timer);

	pace_wait(&engine_of(lookup)->pace, &lookup->ticket, true);
}

void children_forget(struct shard *shard)
{
	struct lookup *lookup = shard->lookup;

	if (lookup == NULL)
		return;
	shard->lookup = NULL;
	call_cancel(&lookup->call);
	io_timer_cancel(engine_of(lookup)->io, &lookup->timer);
	pace_leave(&lookup->ticket);
	list_remove(&lookup->link);
	mem_free(lookup->after);
	mem_free(lookup);
}

bool children_pending(const struct stream *stream)
{
	return !list_empty(&stream->lookups);
}

/* The whole stream is listed instead, for this shard and all others whose children are looked up. */
static void list_instead(struct stream *stream)
{
	list_each(it, &stream->lookups, spare) {
		children_forget(CONTAINER_OF(it, struct lookup, link)->shard);
	}
	shardlist_rush(stream);
}

/* Tries again, after a wait that grows from try to try. */
static void try_later(struct lookup *lookup)
{
	struct io *io = engine_of(lookup)->io;
	int64_t wait_ms = WAIT_MIN_MS, spread_ms;

	for (unsigned i = 1; i < lookup->tries && wait_ms < WAIT_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > WAIT_MAX_MS)
		wait_ms = WAIT_MAX_MS;
	spread_ms = wait_ms * JITTER_PERCENT / 100;
	wait_ms += (int64_t)(io_random(io) % (uint64_t)(2 * spread_ms + 1)) - spread_ms;
	io_timer_set(io, &lookup->timer, io_now_ms(io) + wait_ms);
}

/* How many children of the shard are known. */
static size_t known_children(const struct shard *shard)
{
	size_t n = 0;

	list_each(it, &shard->children, spare) {
		n++;
	}
	return n;
}

/* Whether all shards of an answer are children of the one that it was asked about. */
static bool only_children(const struct shard *shard, const struct stream_description *page)
{
	for (size_t i = 0; i < page->n_shards; i++) {
		if (!str_eq(page->shards[i].parent, str_of(shard->id)))
			return false;
	}
	return true;
}

/* Takes in a well-formed answer. */
static void take_answer(struct lookup *lookup, const struct stream_description *page)
{
	struct shard *shard = lookup->shard;
	struct stream *stream = shard->stream;
	struct engine *engine = engine_of(lookup);
	size_t n;

	engine->child_filter = true;
	io_log(engine->io, IO_DEBUG, "children.%s shard=%s children=%zu ms=%lld",
	       page->n_shards > 0 ? "found" : "missing", shard->id, page->n_shards,
	       (long long)(io_now_ms(engine->io) - lookup->ended_ms));
	mem_free(lookup->after);
	lookup->after = NULL;
	shardlist_take(stream, page);
	lineage_found(stream);
	if (engine->stopped)
		return;
	n = known_children(shard);
	if (page->next_shard_id.n > 0 && lookup->tries < TRIES_MAX) {
		lookup->after = mem_dup(page->next_shard_id.p, page->next_shard_id.n);
		pace_wait(&engine->pace, &lookup->ticket, true);
	} else if (n > 1 || lookup->last || page->status == STREAM_DISABLED) {
		children_forget(shard);
	} else if (n == 1) {
		lookup->last = true;
		io_timer_set(engine->io, &lookup->timer, lookup->ended_ms + SIBLING_MS);
	} else if (lookup->tries < TRIES_MAX) {
		try_later(lookup);
	} else {
		list_instead(stream);
	}
}

/* The endpoint does not know the filter. */
static void no_filter(struct lookup *lookup)
{
	struct engine *engine = engine_of(lookup);

	engine->no_child_filter = true;
	io_log(engine->io, IO_INFO, "discovery.no_child_filter table=%.*s advice=\"%s\"",
	       STR_ARG(lookup->shard->source.table),
	       "this endpoint cannot be asked for the children of one shard: streams are listed "
	       "when shards end");
	for (size_t i = 0; i < engine->options.n_tables; i++) {
		list_each(it, &engine->tables[i].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);

			if (children_pending(stream))
				list_instead(stream);
		}
	}
}

/* DescribeStream has been answered. */
static void answered(struct call *call)
{
	struct lookup *lookup = call->owner;
	struct engine *engine = call->engine;
	struct stream_description page;
	struct error why = {0};
	struct arena arena;
	int64_t delay_ms;
	bool ok;

	lookup->call = NULL;
	pace_judge(&engine->pace, call);
	if (call->outcome == CALL_THROTTLED || call->outcome == CALL_TRANSIENT) {
		if (lookup->tries >= TRIES_MAX) {
			list_instead(lookup->shard->stream);
			return;
		}
		delay_ms = call_delay_ms(call, lookup->tries);
		call_log_trouble(call, "children.failed", str_of(lookup->shard->id), delay_ms);
		io_timer_set(engine->io, &lookup->timer, io_now_ms(engine->io) + delay_ms);
		return;
	}
	arena_init(&arena);
	ok = call->outcome == CALL_OK &&
	     streams_describe_read(&arena, buf_view(&call->http.answer), &page, &why);
	if (ok ? !only_children(lookup->shard, &page)
	       : call->outcome == CALL_ERROR && call->error.kind == API_VALIDATION &&
			    !engine->child_filter)
		no_filter(lookup);
	else if (ok)
		take_answer(lookup, &page);
	else
		list_instead(lookup->shard->stream);
	arena_release(&arena);
}

/* The pace lets a try go. */
static void ask(struct pace_ticket *ticket)
{
	struct lookup *lookup = CONTAINER_OF(ticket, struct lookup, ticket);
	struct shard *shard = lookup->shard;

	lookup->tries++;
	lookup->call = call_new(engine_of(lookup), IO_STREAMS, STREAMS_DESCRIBE, answered, lookup);
	streams_children_request(&lookup->call->http.body, str_of(shard->stream->arn),
				 str_of(shard->id), str_of(lookup->after));
	call_start(lookup->call);
}

/* How many lookups of the stream there are. */
static size_t lookups(const struct stream *stream)
{
	size_t n = 0;

	list_each(it, &stream->lookups, spare) {
		n += !CONTAINER_OF(it, struct lookup, link)->last;
	}
	return n;
}

void children_want(struct shard *shard)
{
	struct stream *stream = shard->stream;
	struct engine *engine = stream->table->engine;
	struct lookup *lookup;

	if (stream->gone || shard->lookup != NULL)
		return;
	if (engine->no_child_filter || lookups(stream) >= LOOKUPS_FREE + shardlist_pages(stream)) {
		list_instead(stream);
		return;
	}
	lookup = mem_alloc(sizeof(*lookup));
	lookup->shard = shard;
	lookup->ended_ms = io_now_ms(engine->io);
	lookup->timer.fire = due;
	pace_ticket_init(&lookup->ticket, ask);
	list_init(&lookup->link);
	list_add(&stream->lookups, &lookup->link);
	shard->lookup = lookup;
	pace_wait(&engine->pace, &lookup->ticket, true);
}
