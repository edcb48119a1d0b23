/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/cursor.h"

#include "consumer/engine/batch.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/letter.h"
#include "consumer/engine/poison.h"
#include "consumer/engine/reader.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/tap.h"
#include "consumer/engine/worker.h"

void cursor_set_state(struct cursor *cu, enum cursor_state state)
{
	struct engine *engine = cu->shard->stream->table->engine;

	if (cu->state == state)
		return;
	machine_step(&engine->steps, MACHINE_CURSOR, cu->state, state);
	io_log(engine->io, IO_DEBUG, "cursor.state sink=%.*s shard=%s from=%s to=%s",
	       STR_ARG(cu->tap->name), cu->shard->id, machine_word(MACHINE_CURSOR, cu->state),
	       machine_word(MACHINE_CURSOR, state));
	if (cu->state == CURSOR_WAITING_PARENTS)
		cu->moved_ms = io_now_ms(engine->io);
	cu->state = state;
}

/* The engine that the cursor belongs to. */
static struct engine *engine_of(const struct cursor *cu)
{
	return cu->shard->stream->table->engine;
}

/* The retry timer of a cursor that was refused. */
static void retry_due(struct io_timer *timer)
{
	struct cursor *cu = CONTAINER_OF(timer, struct cursor, timer);

	if (cu->state == CURSOR_WAITING_RETRY)
		cursor_set_state(cu, CURSOR_IDLE);
	cursor_pump(cu);
}

void cursor_init(struct cursor *cu, struct shard *shard, struct tap *tap)
{
	*cu = (struct cursor){.shard = shard, .tap = tap, .state = CURSOR_WAITING_PARENTS};
	cu->frontier = position_start();
	cu->durable = position_start();
	poison_reset(cu);
	cu->timer.fire = retry_due;
	list_init(&cu->links);
	list_init(&cu->flights);
	list_init(&cu->waiting_link);
}

/* Takes a batch out of the queue. */
static void link_free(struct cursor *cu, struct link *link)
{
	cu->window_bytes -= link->batch->bytes;
	cu->tap->held_bytes -= link->batch->bytes;
	list_remove(&link->node);
	batch_unref(link->batch);
	mem_free(link);
}

/* Lets go of everything that is queued or outstanding; what a sink still holds ends as an orphan. */
static void forget_all(struct cursor *cu)
{
	io_timer_cancel(engine_of(cu)->io, &cu->timer);
	list_remove(&cu->waiting_link);
	letter_forget(cu);
	tap_forget(cu);
	list_each(it, &cu->flights, spare) {
		struct flight *flight = CONTAINER_OF(it, struct flight, node);

		if (flight->done)
			flight_free(flight);
		else
			flight_orphan(flight);
	}
	cu->flights_n = 0;
	list_each(it, &cu->links, spare) {
		link_free(cu, CONTAINER_OF(it, struct link, node));
	}
}

void cursor_release(struct cursor *cu)
{
	forget_all(cu);
}

void cursor_reset(struct cursor *cu)
{
	forget_all(cu);
	cursor_set_state(cu, CURSOR_WAITING_PARENTS);
	cu->frontier = cu->durable;
	cu->group = GROUP_NONE;
	cu->willing = false;
	cu->ended = false;
	cu->lost = false;
	poison_reset(cu);
	cu->full_since_ms = 0;
}

bool cursor_quiet(const struct cursor *cu)
{
	return list_empty(&cu->links) && list_empty(&cu->flights) && cu->letter == NULL;
}

/* The time up to which the sink has everything is now that of the event acknowledged last. */
static void note_time(struct cursor *cu, const struct event *event)
{
	if (event->time_ms > cu->current_wall_ms)
		cu->current_wall_ms = event->time_ms;
}

/* Moves the frontier to after event `i` of the batch. */
static void advance(struct cursor *cu, const struct batch *batch, size_t i)
{
	struct position position = batch_position(batch, i);

	if (position_cmp(&position, &cu->frontier) > 0) {
		cu->frontier = position;
		cu->moved_ms = io_now_ms(engine_of(cu)->io);
		note_time(cu, &batch->events[i]);
		dirty_mark(cu->shard, position.kind == POSITION_END);
	}
}

/* Counts records that the sink has. */
static void count(struct cursor *cu, size_t n)
{
	engine_of(cu)->stats.records_delivered += n;
	cu->tap->stats.delivered += n;
}

/* Takes in the deliveries at the head of the queue that ended well. */
static void settle_good(struct cursor *cu)
{
	while (!list_empty(&cu->flights)) {
		struct flight *flight = list_first(&cu->flights, struct flight, node);

		if (!flight->done || flight->result != DELIVERY_OK)
			return;
		flight->link->acked = flight->first + flight->delivery.n;
		advance(cu, flight->link->batch, flight->link->acked - 1);
		count(cu, flight->delivery.n);
		poison_passed(cu, true);
		tap_well(cu);
		flight_free(flight);
	}
}

/* Drops the batches at the head of the queue that are finished. */
static void settle_links(struct cursor *cu)
{
	while (!list_empty(&cu->links)) {
		struct link *link = list_first(&cu->links, struct link, node);

		if (link->acked < link->batch->n)
			return;
		/* Also when nothing of it was wanted, and so nothing acknowledged. */
		advance(cu, link->batch, link->batch->n - 1);
		link_free(cu, link);
	}
}

/*
 * Drops what was queued and not acknowledged: it will be read again. Not so a gap record that was decided
 * on when the cursor opened: no reader comes to it any more.
 */
static void drop_links(struct cursor *cu)
{
	cu->told = false;
	list_each(it, &cu->links, spare) {
		struct link *link = CONTAINER_OF(it, struct link, node);
		const struct batch *batch = link->batch;

		if (link->next != link->acked)
			continue;
		if (batch->events[0].op == EVENT_GAP && batch->gap.reason != GAP_TRIMMED)
			cu->gaps_wanted |= (unsigned char)(1u << batch->gap.reason);
		link_free(cu, link);
	}
}

/* Decides what follows from a delivery's bad end, and when: a retry, or a dead letter at once. */
static int64_t judge(struct cursor *cu, const struct flight *flight)
{
	struct engine *engine = engine_of(cu);
	enum verdict verdict = poison_judge(cu, flight);
	enum retry_class class = flight->result == DELIVERY_RETRY ? RETRY_SINK : RETRY_SLOW;
	int64_t delay_ms;

	cu->tap->stats.rejected += verdict == VERDICT_POISON && !cu->blocked;
	if (verdict == VERDICT_POISON && cu->tap->letters != NULL) {
		letter_begin(cu, flight);
		return 0;
	}
	if (verdict == VERDICT_NARROW && flight->result == DELIVERY_REFUSED) {
		io_log(engine->io, IO_INFO,
		       "sink.bisecting sink=%.*s table=%.*s shard=%s records=%zu error=\"%s\"",
		       STR_ARG(cu->tap->name), STR_ARG(cu->shard->source.table), cu->shard->id,
		       flight->delivery.n - flight->acked, flight->why.text);
		return tap_wait_ms(flight, 0);
	}
	delay_ms = retry_delay_ms(&engine->caller.retry, engine->io, class, ++cu->attempts);
	delay_ms = tap_wait_ms(flight, delay_ms);
	tap_trouble(cu, flight, delay_ms);
	if (verdict == VERDICT_POISON)
		poison_blocks(cu, flight);
	return delay_ms;
}

/* The first delivery was refused, and all later ones have ended: everything again, after a wait. */
static void settle_bad(struct cursor *cu)
{
	struct engine *engine = engine_of(cu);
	struct flight *flight = list_first(&cu->flights, struct flight, node);
	int64_t delay_ms;

	if (flight->acked > 0) {
		flight->link->acked = flight->first + flight->acked;
		advance(cu, flight->link->batch, flight->link->acked - 1);
		count(cu, flight->acked);
		poison_passed(cu, false);
	}
	delay_ms = judge(cu, flight);
	list_each(it, &cu->flights, spare) {
		flight_free(CONTAINER_OF(it, struct flight, node));
	}
	list_each(it, &cu->links, spare) {
		struct link *link = CONTAINER_OF(it, struct link, node);

		link->next = link->acked;
	}
	settle_links(cu);
	cu->not_before_ms = io_now_ms(engine->io) + delay_ms;
	if (cu->letter != NULL)
		letter_send(cu);
	else
		io_timer_set(engine->io, &cu->timer, cu->not_before_ms);
	if (cu->state != CURSOR_DETACHED) {
		cursor_set_state(cu, cu->letter != NULL ? CURSOR_LETTER : CURSOR_WAITING_RETRY);
	} else {
		letter_drop_unsent(cu);
	}
}

/* Takes in what has ended so far. */
static void settle(struct cursor *cu)
{
	settle_good(cu);
	settle_links(cu);
	if (!list_empty(&cu->flights) && cu->flights_n == 0)
		settle_bad(cu);
	/* Also of a page that was being delivered when the cursor was detached. */
	if (cu->state == CURSOR_DETACHED && list_empty(&cu->flights))
		drop_links(cu);
}

void cursor_flight_done(struct cursor *cu, const struct flight *flight)
{
	/* Not so for a letter, which is none of the cursor's deliveries. */
	if (flight->link != NULL) {
		must(cu->flights_n > 0);
		cu->flights_n--;
	}
	cursor_pump(cu);
	checkpoint_sinks_idle(cu->shard);
}

void cursor_pass(struct cursor *cu, const struct batch *letter)
{
	struct link *link;

	advance(cu, letter, 0);
	/* Detached, what was queued is dropped; else nothing was submitted behind the record. */
	if (cu->state == CURSOR_DETACHED)
		return;
	link = list_first(&cu->links, struct link, node);
	must(link->next == link->acked);
	link->acked++;
	link->next++;
	settle_links(cu);
}

/* Whether a delivery was refused, and later ones that the sink holds have not ended yet. */
static bool refused(const struct cursor *cu)
{
	list_each(it, &cu->flights, spare) {
		const struct flight *flight = CONTAINER_OF(it, struct flight, node);

		if (flight->done && flight->result != DELIVERY_OK)
			return true;
	}
	return false;
}

/* Submits deliveries of queued events, as far as limits allow. */
static void submit(struct cursor *cu)
{
	struct engine *engine = engine_of(cu);

	/* What is submitted after a refusal would overtake what was refused. */
	if (!worker_may_deliver(engine) || !kcl_may_deliver(cu->shard) ||
	    cu->shard->state != SHARD_OWNED || cu->shard->heir != NULL || refused(cu))
		return;
	/* The sink wants to be left alone for a while: though a dead letter went past it, or the lease is new. */
	if (cu->timer.node.place != 0)
		return;
	if (io_now_ms(engine->io) < cu->not_before_ms) {
		io_timer_set(engine->io, &cu->timer, cu->not_before_ms);
		return;
	}
	list_each(it, &cu->links, spare) {
		struct link *link = CONTAINER_OF(it, struct link, node);

		while (link->next < link->batch->n) {
			if (cu->flights_n >= (poison_careful(cu) ? 1 : CURSOR_FLIGHTS_MAX))
				return;
			if (!tap_room(cu->tap)) {
				if (list_empty(&cu->waiting_link))
					list_add(&cu->tap->waiting, &cu->waiting_link);
				return;
			}
			flight_start(cu, link);
		}
	}
}

/* The sink has all of the shard. */
static void finish(struct cursor *cu)
{
	cu->frontier = position_end();
	cu->ended = true;
	cu->group = GROUP_NONE;
	cursor_set_state(cu, CURSOR_DONE);
	dirty_mark(cu->shard, true);
	shard_cursor_done(cu->shard);
	readers_tidy(cu->shard);
}

/* What follows for a cursor in a group, now that its deliveries were settled. */
static void settle_state(struct cursor *cu)
{
	cursor_set_state(cu, list_empty(&cu->flights) ? CURSOR_IDLE : CURSOR_DELIVERING);
	if (!cursor_quiet(cu))
		return;
	if (cu->ended || cu->frontier.kind == POSITION_END)
		finish(cu);
	else if (cu->group == GROUP_CATCHUP && cursor_at_lead(cu))
		cursor_join(cu, GROUP_LEAD);
}

void cursor_pump(struct cursor *cu)
{
	struct shard *shard = cu->shard;

	if (cu->state == CURSOR_WAITING_PARENTS || cu->state == CURSOR_DONE)
		return;
	settle(cu);
	if (cu->letter != NULL)
		letter_settle(cu);
	if (cu->letter != NULL) {
		letter_send(cu);
	} else if (cu->state == CURSOR_IDLE || cu->state == CURSOR_DELIVERING) {
		submit(cu);
		settle_state(cu);
	} else if (cu->state == CURSOR_DETACHED && list_empty(&cu->flights) &&
		   cu->timer.node.place == 0) {
		if (tap_room(cu->tap)) {
			cu->willing = true;
			readers_catch_up(shard);
		} else if (list_empty(&cu->waiting_link)) {
			list_add(&cu->tap->waiting, &cu->waiting_link);
		}
	}
	readers_kick(shard);
}

bool cursor_full(struct cursor *cu)
{
	struct engine *engine = engine_of(cu);

	/* One that holds nothing is not what fills its sink's share. */
	if (cu->window_bytes == 0 ||
	    (cu->window_bytes < engine->options.window_bytes && !tap_hoards(cu->tap))) {
		cu->full_since_ms = 0;
		return false;
	}
	if (cu->full_since_ms == 0)
		cu->full_since_ms = io_now_ms(engine->io);
	return true;
}

void cursor_detach(struct cursor *cu)
{
	struct engine *engine = engine_of(cu);

	io_log(engine->io, IO_WARN, "cursor.detached sink=%.*s table=%.*s shard=%s at=%.*s",
	       STR_ARG(cu->tap->name), STR_ARG(cu->shard->source.table), cu->shard->id,
	       STR_ARG(position_text(&cu->frontier)));
	engine->stats.detaches++;
	cursor_set_state(cu, CURSOR_DETACHED);
	cu->group = GROUP_NONE;
	cu->ended = false;
	cu->willing = false;
	cu->full_since_ms = 0;
	letter_drop_unsent(cu);
	drop_links(cu);
	cursor_pump(cu);
}

bool cursor_wants_pass(const struct cursor *cu)
{
	return cu->state == CURSOR_DETACHED && cu->willing && cursor_quiet(cu);
}

bool cursor_at_lead(const struct cursor *cu)
{
	const struct reader *lead = cu->shard->lead;

	/* Where the lead met a trim and read nothing since, nothing is left of what comes before. */
	return cursor_quiet(cu) && (lead->gap_open || position_cmp(&cu->frontier, &lead->at) >= 0);
}

void cursor_join(struct cursor *cu, enum group group)
{
	struct shard *shard = cu->shard;

	cursor_set_state(cu, CURSOR_IDLE);
	cu->willing = false;
	cu->full_since_ms = 0;
	cu->group = (unsigned char)group;
	if (group != GROUP_LEAD) {
		cursor_push_wanted_gaps(cu);
		if (shard->catchup != NULL)
			reader_joined(shard->catchup, cu);
		return;
	}
	engine_of(cu)->stats.rejoins++;
	io_log(engine_of(cu)->io, IO_INFO, "cursor.rejoined sink=%.*s table=%.*s shard=%s",
	       STR_ARG(cu->tap->name), STR_ARG(shard->source.table), shard->id);
	/* A lead that nobody followed goes on where its first follower is. */
	reader_follow(shard->lead, &cu->frontier);
	reader_joined(shard->lead, cu);
	readers_tidy(shard);
}

void cursor_push_wanted_gaps(struct cursor *cu)
{
	static const enum gap_reason reasons[] = {GAP_STREAM_NEW, GAP_SHARD_LOST, GAP_START_UNSURE};
	unsigned wanted = cu->gaps_wanted;

	cu->gaps_wanted = 0;
	for (size_t i = 0; i < ARRAY_N(reasons); i++) {
		if ((wanted & 1u << reasons[i]) != 0)
			cursor_push_gap(cu, reasons[i], false, false);
	}
}

/* Where a queue ends: the position that the cursor was handed everything up to. */
static struct position handed(const struct cursor *cu)
{
	const struct link *last;

	if (list_empty(&cu->links))
		return cu->frontier;
	last = CONTAINER_OF(cu->links.prev, struct link, node);
	return batch_position(last->batch, last->batch->n - 1);
}

bool cursor_falls_short(const struct cursor *cu, const struct position *of)
{
	struct position have = handed(cu);

	return have.kind == POSITION_AFTER && position_cmp(&have, of) < 0;
}

/* How many events at the start of the batch the cursor has already. */
static size_t had(const struct cursor *cu, const struct batch *batch)
{
	struct position have = handed(cu), each;
	size_t i = 0;

	if (batch->events[0].op == EVENT_GAP)
		return 0;
	for (; i < batch->n; i++) {
		each = batch_position(batch, i);
		if (position_cmp(&each, &have) > 0)
			break;
	}
	return i;
}

/* How many events from `i` on are from before the time at which changes begin to be wanted. */
static size_t unwanted(const struct cursor *cu, const struct batch *batch, size_t i)
{
	/* Record times are cut to the second. */
	int64_t from_ms = cu->shard->start_wall_ms / SECOND_MS * SECOND_MS;

	while (cu->shard->start_wall_ms >= 0 && i < batch->n && batch->events[i].op != EVENT_GAP &&
	       batch->events[i].time_ms < from_ms)
		i++;
	return i;
}

void cursor_push(struct cursor *cu, struct batch *batch)
{
	size_t first = had(cu, batch);
	struct link *link;

	if (first == batch->n)
		return;
	link = mem_alloc(sizeof(*link));
	link->batch = batch;
	link->next = link->acked = unwanted(cu, batch, first);
	list_init(&link->node);
	batch_ref(batch);
	cu->told = batch->events[0].op == EVENT_GAP && batch->gap.reason == GAP_TRIMMED;
	if (list_empty(&cu->links))
		cu->moved_ms = io_now_ms(engine_of(cu)->io);
	list_add(&cu->links, &link->node);
	cu->window_bytes += batch->bytes;
	cu->tap->held_bytes += batch->bytes;
	if (cu->window_bytes > engine_of(cu)->stats.window_peak_bytes)
		engine_of(cu)->stats.window_peak_bytes = cu->window_bytes;
	cursor_pump(cu);
}

void cursor_push_gap(struct cursor *cu, enum gap_reason reason, bool certain, bool to_end)
{
	struct engine *engine = engine_of(cu);
	struct gap gap = {.reason = reason, .certain = certain, .after = handed(cu)};
	struct batch *batch = batch_new_gap(cu->shard, &gap, to_end);

	engine->stats.gaps++;
	cu->shard->stream->table->gaps[reason]++;
	io_log(engine->io, IO_ERROR,
	       "gap sink=%.*s table=%.*s shard=%s reason=%.*s certain=%s after=%.*s",
	       STR_ARG(cu->tap->name), STR_ARG(cu->shard->source.table), cu->shard->id,
	       STR_ARG(gap_reason_word(reason)), certain ? "yes" : "no",
	       STR_ARG(position_text(&gap.after)));
	cursor_push(cu, batch);
	batch_unref(batch);
}

void cursor_reader_ended(struct cursor *cu)
{
	cu->ended = true;
	cursor_pump(cu);
}
