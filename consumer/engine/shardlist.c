/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/shardlist.h"

#include "consumer/engine/discovery.h"
#include "consumer/engine/lineage.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/start.h"
#include "consumer/engine/sweep.h"

enum {
	RUSH_MIN_MS = 500, /* between listings that are asked for in a hurry */
	CHILDLESS_MS = MINUTE_MS, /* how long a finished shard is expected to get children */
	SETTLED_MS = 2500, /* after a split, listings may show one child before the other */
	PAGE_SHARDS = 100, /* as the service pages */
	PAGE_MS = 400, /* what a page may take, in the pace and on its way */
};

static void ask_page(struct pace_ticket *ticket);
static void due(struct io_timer *timer);
static void my_turn(struct lister_wish *wish);

void shardlist_init(struct stream *stream)
{
	stream->timer.fire = due;
	pace_ticket_init(&stream->ticket, ask_page);
	lister_wish_init(&stream->wish, my_turn);
}

/* Whether a listing is under way: some page is asked for, or is to be. */
static bool under_way(const struct stream *stream)
{
	return stream->call != NULL || stream->next_shard != NULL || stream->rows_wanted_ms != 0 ||
	       !list_empty(&stream->ticket.link);
}

void shardlist_start(struct stream *stream)
{
	struct io *io = stream->table->engine->io;

	if (!under_way(stream) && list_empty(&stream->wish.link) && stream->timer.node.place == 0)
		io_timer_set(io, &stream->timer, io_now_ms(io));
}

size_t shardlist_pages(const struct stream *stream)
{
	return 1 + map_n(&stream->shards) / PAGE_SHARDS;
}

void shardlist_take(struct stream *stream, const struct stream_description *page)
{
	stream->disabled = page->status == STREAM_DISABLED;
	for (size_t i = 0; i < page->n_shards; i++) {
		const struct stream_shard *seen = &page->shards[i];
		struct shard *shard;

		if (seen->id.n > SHARD_ID_MAX || seen->parent.n > SHARD_ID_MAX)
			continue;
		shard = shard_get(stream, seen->id, seen->parent);
		shard->listed = true;
		shard->misses = 0;
		shard->seen_in = stream->listings + 1;
		shard->open = seen->last_seqno.n == 0;
		if (shard->first_seqno == NULL && seen->first_seqno.n > 0)
			shard->first_seqno = mem_dup(seen->first_seqno.p, seen->first_seqno.n);
	}
}

/* Whether the shard is finished for so long that its children, if any, have aged out before it. */
static bool childless(const struct shard *shard)
{
	return shard->state == SHARD_DONE &&
	       io_now_ms(shard->stream->table->engine->io) - shard->done_ms > CHILDLESS_MS;
}

/* Whether a shard that ended has no child in the listing yet, or one is in doubt. */
static bool children_missing(const struct stream *stream)
{
	const struct shard *shard;
	size_t at = 0;

	if (stream->disabled || stream->gone)
		return false;
	while ((shard = map_next(&stream->shards, &at)) != NULL) {
		if (shard->refused)
			return true;
		/* A shard that ended has a child, unless one of them has aged out of the listing. */
		if (shard->listed && shard->seen_in >= stream->listings &&
		    list_empty(&shard->children) && shard->lookup == NULL && !shard->adopted_done &&
		    !childless(shard) && (!shard->open || shard_ended(shard)))
			return true;
	}
	return false;
}

/* Whether the listing that is known is late enough to have all children of shards that ended. */
static bool settled(const struct stream *stream)
{
	return stream->rushed_ms == 0 || stream->listed_ms >= stream->rushed_ms + SETTLED_MS;
}

/* When to list again, after a whole listing; sets whether that one is in a hurry. */
static int64_t next_delay_ms(struct stream *stream)
{
	struct engine *engine = stream->table->engine;
	int64_t delay_ms = engine->options.discovery_ms, followup_ms, due_ms;

	/* A shard that ended must get children: ask again, ever more slowly. */
	if (children_missing(stream)) {
		followup_ms = (int64_t)RUSH_MIN_MS
			      << (stream->followups < 8 ? stream->followups++ : 8);
		if (followup_ms < delay_ms)
			delay_ms = followup_ms;
	} else {
		stream->followups = 0;
	}
	if (!settled(stream)) {
		due_ms = stream->rushed_ms + SETTLED_MS - io_now_ms(engine->io);
		if (due_ms < delay_ms)
			delay_ms = due_ms > 0 ? due_ms : 0;
	}
	if (lineage_undecided(stream) && delay_ms > LINEAGE_SPACING_MS)
		delay_ms = LINEAGE_SPACING_MS;
	stream->hurried = delay_ms < engine->options.discovery_ms;
	return delay_ms;
}

/* A whole listing is in: what it means, and when to list again. */
static void conclude(struct stream *stream)
{
	struct io *io = stream->table->engine->io;

	stream->rows_wanted_ms = 0;
	stream->rush = false;
	stream->listings++;
	stream->listed_ms = stream->listing_began_ms;
	stream->listed = true;
	lineage_listed(stream);
	io_timer_set(io, &stream->timer, io_now_ms(io) + next_delay_ms(stream));
}

/*
 * The last page is in. The first time, for a table that does not begin with what it has, the rows of
 * others must be younger than the listing: a child of a shard that somebody reads already is read from
 * its beginning.
 */
static void listing_done(struct stream *stream)
{
	struct engine *engine = stream->table->engine;

	mem_free(stream->next_shard);
	stream->next_shard = NULL;
	stream->attempts = 0;
	lister_done(&engine->lister, &stream->wish);
	if (!stream->listed && start_chosen(stream->table)) {
		stream->rows_wanted_ms = io_now_ms(engine->io);
		sweep_soon(engine);
	} else {
		conclude(stream);
	}
}

void shardlist_rows_read(struct engine *engine, int64_t since_ms)
{
	for (size_t i = 0; i < engine->options.n_tables; i++) {
		list_each(it, &engine->tables[i].streams, spare) {
			struct stream *stream = CONTAINER_OF(it, struct stream, link);

			if (stream->rows_wanted_ms != 0 && stream->rows_wanted_ms <= since_ms)
				conclude(stream);
		}
	}
}

/* DescribeStream has been answered. */
static void page_done(struct call *call)
{
	struct stream *stream = call->owner;
	struct engine *engine = stream->table->engine;
	struct stream_description page;
	struct error why = {0};
	struct arena arena;
	int64_t delay_ms;

	stream->call = NULL;
	pace_judge(&engine->pace, call);
	arena_init(&arena);
	if (call->outcome == CALL_ERROR && call->error.kind == API_NOT_FOUND) {
		/* The stream itself is gone: the same as a listing without shards. */
		stream->gone = true;
		listing_done(stream);
	} else if (call->outcome == CALL_OK &&
		   streams_describe_read(&arena, buf_view(&call->http.answer), &page, &why)) {
		alarm_clear(stream->table, ALARM_LIST);
		discovery_stream_described(stream->table, &page);
		shardlist_take(stream, &page);
		mem_free(stream->next_shard);
		stream->next_shard = page.next_shard_id.n == 0
					     ? NULL
					     : mem_dup(page.next_shard_id.p, page.next_shard_id.n);
		stream->attempts = 0;
		if (stream->next_shard == NULL)
			listing_done(stream);
		else
			pace_wait(&engine->pace, &stream->ticket, false);
	} else if (!discovery_stops_start(call, stream->table, ++stream->attempts,
					  stream->listed || stream->table->begun ||
						  stream_replaces(stream))) {
		delay_ms = call_delay_ms(call, stream->attempts);
		alarm_judge(stream->table, ALARM_LIST, call);
		call_log_trouble(call, "stream.list_failed", str_of(stream->arn), delay_ms);
		io_timer_set(engine->io, &stream->timer, io_now_ms(engine->io) + delay_ms);
	}
	arena_release(&arena);
}

/* The pace lets a listing's first or next page go. */
static void ask_page(struct pace_ticket *ticket)
{
	struct stream *stream = CONTAINER_OF(ticket, struct stream, ticket);
	struct engine *engine = stream->table->engine;

	if (stream->next_shard == NULL)
		stream->listing_began_ms = io_now_ms(engine->io);
	stream->call = call_new(engine, IO_STREAMS, STREAMS_DESCRIBE, page_done, stream);
	streams_describe_request(&stream->call->http.body, str_of(stream->arn),
				 str_of(stream->next_shard), 0);
	call_start(stream->call);
}

/* It is this stream's turn among all that are listed. */
static void my_turn(struct lister_wish *wish)
{
	struct stream *stream = CONTAINER_OF(wish, struct stream, wish);

	pace_wait(&stream->table->engine->pace, &stream->ticket, false);
}

/* The time has come for a listing, or for a page that failed. */
static void due(struct io_timer *timer)
{
	struct stream *stream = CONTAINER_OF(timer, struct stream, timer);
	struct engine *engine = stream->table->engine;

	if (under_way(stream) || stream->attempts > 0 || stream->rush || stream->hurried)
		pace_wait(&engine->pace, &stream->ticket, false);
	else
		lister_want(&engine->lister, &stream->wish,
			    (int64_t)shardlist_pages(stream) * PAGE_MS, !stream->listed);
}

void shardlist_rush(struct stream *stream)
{
	struct engine *engine = stream->table->engine;
	int64_t due_ms = stream->listed_ms + RUSH_MIN_MS, now_ms = io_now_ms(engine->io);

	stream->rush = true;
	stream->rushed_ms = now_ms;
	stream->followups = 0;
	if (under_way(stream))
		return; /* listing_done sees what is missing */
	lister_done(&engine->lister, &stream->wish);
	io_timer_set(engine->io, &stream->timer, due_ms > now_ms ? due_ms : now_ms);
}

bool shardlist_pending(const struct stream *stream)
{
	return !stream->listed || stream->rush || children_missing(stream) ||
	       (!stream->disabled && !stream->gone && !settled(stream));
}

void shardlist_stop(struct stream *stream)
{
	call_cancel(&stream->call);
	io_timer_cancel(stream->table->engine->io, &stream->timer);
	pace_leave(&stream->ticket);
	lister_done(&stream->table->engine->lister, &stream->wish);
	mem_free(stream->next_shard);
	stream->next_shard = NULL;
}
