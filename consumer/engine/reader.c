/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/reader.h"

#include "consumer/aws/streams.h"
#include "consumer/engine/batch.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/page.h"
#include "consumer/engine/ration.h"
#include "consumer/engine/rhythm.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/shardlist.h"

enum {
	ITERATOR_LIFE_MS = 14 * MINUTE_MS, /* the service's are valid for 15 minutes */
	FULL_CHECK_MS = 250,
	SHORT_WAIT_MS = 50,
	UNSEEN_WAIT_MS = 200,
	JUST_BEGUN_MS = 5 * SECOND_MS,
};

static void reader_step(struct reader *reader);
static void ask_iterator(struct reader *reader);

void reader_set_state(struct reader *reader, enum reader_state state)
{
	struct engine *engine = reader_engine(reader);

	machine_step(&engine->steps, MACHINE_READER, reader->state, state);
	reader->state = state;
}

struct engine *reader_engine(const struct reader *reader)
{
	return reader->shard->stream->table->engine;
}

bool budget_take(struct engine *engine, int64_t bytes)
{
	if (engine->stats.budget_used_bytes + bytes > engine->options.budget_bytes)
		return false;
	engine->stats.budget_used_bytes += bytes;
	if (engine->stats.budget_used_bytes > engine->stats.budget_peak_bytes)
		engine->stats.budget_peak_bytes = engine->stats.budget_used_bytes;
	return true;
}

/* Lets the next reader in line go on, if there is enough for it. */
static void budget_wake(struct engine *engine)
{
	struct reader *next;

	if (list_empty(&engine->hungry) ||
	    engine->stats.budget_used_bytes + POLL_RESERVE_BYTES > engine->options.budget_bytes)
		return;
	next = list_first(&engine->hungry, struct reader, budget_link);
	reader_wait(next, 0);
}

void budget_give(struct engine *engine, int64_t bytes)
{
	must(bytes >= 0 && bytes <= engine->stats.budget_used_bytes);
	engine->stats.budget_used_bytes -= bytes;
	/* Not from in here: the giver may be in the middle of something. */
	if (bytes > 0)
		budget_wake(engine);
}

/* When the reader looks at its situation again. */
void reader_wait(struct reader *reader, int64_t delay_ms)
{
	struct io *io = reader_engine(reader)->io;

	reader->due_ms = io_now_ms(io) + delay_ms;
	io_timer_set(io, &reader->timer, reader->due_ms);
}

/* The reader's time has come. */
static void reader_due(struct io_timer *timer)
{
	struct reader *reader = CONTAINER_OF(timer, struct reader, timer);
	struct engine *engine = reader_engine(reader);

	list_remove(&reader->budget_link);
	ration_leave(reader);
	if (reader->state == READER_BACKOFF || reader->state == READER_FULL)
		reader_set_state(reader,
				 reader->iterator == NULL ? READER_NEED_ITERATOR : READER_IDLE);
	reader_step(reader);
	budget_wake(engine);
	ration_wake(engine);
}

struct reader *reader_new(struct shard *shard, enum group group, const struct position *at)
{
	struct engine *engine = shard->stream->table->engine;
	size_t marks = group == GROUP_CATCHUP;
	struct reader *reader = mem_alloc(sizeof(*reader) + marks * sizeof(*reader->mark));
	unsigned n = 1 + (shard->lead != NULL) + (shard->catchup != NULL);

	reader->shard = shard;
	reader->group = (unsigned char)group;
	reader->state = READER_NEED_ITERATOR;
	reader->at = *at;
	reader->limit = STREAMS_RECORDS_MAX;
	reader->timer.fire = reader_due;
	list_init(&reader->budget_link);
	ration_join(reader);
	engine->readers_n++;
	if (n > engine->stats.readers_peak)
		engine->stats.readers_peak = n;
	return reader;
}

/* Drops the iterator, and what was asked with it. */
static void forget_iterator(struct reader *reader)
{
	struct engine *engine = reader_engine(reader);
	int64_t reserved_bytes = reader->reserved_bytes;

	io_timer_cancel(engine->io, &reader->timer);
	call_cancel(&reader->call);
	list_remove(&reader->budget_link);
	ration_leave(reader);
	mem_free(reader->iterator);
	reader->iterator = NULL;
	reader->reserved_bytes = 0;
	budget_give(engine, reserved_bytes);
}

void reader_free(struct reader **reader)
{
	if (*reader == NULL)
		return;
	forget_iterator(*reader);
	reader_engine(*reader)->readers_n--;
	mem_free(*reader);
	*reader = NULL;
}

/* Goes on from another position. */
static void reader_move(struct reader *reader, const struct position *at)
{
	forget_iterator(reader);
	reader->gap_open = false;
	reader->at = *at;
	reader_set_state(reader, READER_NEED_ITERATOR);
	reader_wait(reader, 0);
}

void reader_go_back(struct reader *reader, const struct position *at)
{
	if (position_cmp(at, &reader->at) < 0)
		reader_move(reader, at);
}

/* The next cursor of the group that is not done, from `*i` on; NULL at the end. */
struct cursor *reader_cursor(const struct reader *reader, size_t *i)
{
	struct shard *shard = reader->shard;

	while (*i < shard->n_cursors) {
		struct cursor *cu = &shard->cursors[(*i)++];

		if (cu->group == reader->group)
			return cu;
	}
	return NULL;
}

/* How many cursors follow the reader. */
static size_t followers(const struct reader *reader)
{
	size_t n = 0, i = 0;

	while (reader_cursor(reader, &i) != NULL)
		n++;
	return n;
}

void reader_follow(struct reader *lead, const struct position *frontier)
{
	if (followers(lead) == 1 && position_cmp(frontier, &lead->at) > 0 &&
	    lead->state != READER_ENDED)
		reader_move(lead, frontier);
}

/* Whether somebody is held back by a full cursor of this group, or would like its place. */
static bool others_wait(const struct reader *reader)
{
	struct shard *shard = reader->shard;

	if (followers(reader) > 1)
		return true;
	for (size_t i = 0; reader->group == GROUP_CATCHUP && i < shard->n_cursors; i++) {
		if (cursor_wants_pass(&shard->cursors[i]))
			return true;
	}
	return false;
}

/* Detaches cursors that have been full for too long and hold others back. */
static void detach_stuck(struct reader *reader)
{
	struct engine *engine = reader_engine(reader);
	int64_t now_ms = io_now_ms(engine->io);
	struct cursor *cu;
	size_t i = 0;

	while (!reader->shard->stream->table->single_reader &&
	       (cu = reader_cursor(reader, &i)) != NULL) {
		if (cursor_full(cu) &&
		    now_ms - cu->full_since_ms >= engine->options.detach_after_ms &&
		    others_wait(reader))
			cursor_detach(cu);
	}
}

/* Whether a cursor of the group has no room for another page. */
static bool group_full(struct reader *reader)
{
	struct cursor *cu;
	bool full = false;
	size_t i = 0;

	while ((cu = reader_cursor(reader, &i)) != NULL)
		full = cursor_full(cu) || full;
	return full;
}

/*
 * Whether the reader is to begin at the first record of a shard that only its row has told of so far: where
 * that record is, and so whether it was trimmed, the next listing shows, unless it lacks the shard. One that
 * began before we had the row says nothing.
 */
static bool begins_unseen(const struct reader *reader)
{
	const struct shard *shard = reader->shard;

	return reader->at.kind == POSITION_START && !shard->listed && !shard->latest &&
	       shard->stream->listed_ms <= shard->known_ms;
}

/* Goes on with what is next for the reader. Frees a catch-up reader that nobody follows. */
static void reader_step(struct reader *reader)
{
	struct engine *engine = reader_engine(reader);
	struct shard *shard = reader->shard;

	if (reader == shard->catchup && reader->call == NULL && followers(reader) == 0) {
		reader_free(&shard->catchup);
		readers_catch_up(shard);
		return;
	}
	if (reader->call != NULL || reader->state == READER_ENDED || engine->draining ||
	    shard->vanished || shard->state != SHARD_OWNED || shard->heir != NULL)
		return;
	if (reader->state == READER_IDLE &&
	    io_now_ms(engine->io) - reader->iterator_ms > ITERATOR_LIFE_MS)
		reader_set_state(reader, READER_NEED_ITERATOR);
	detach_stuck(reader);
	if (followers(reader) == 0) {
		readers_tidy(shard);
		return; /* a lead waits until somebody joins */
	}
	if (reader->state == READER_NEED_ITERATOR && begins_unseen(reader)) {
		shardlist_rush(shard->stream);
		reader_wait(reader, UNSEEN_WAIT_MS);
	} else if (reader->state == READER_NEED_ITERATOR) {
		ask_iterator(reader);
	} else if (group_full(reader)) {
		reader_set_state(reader, READER_FULL);
		reader_wait(reader, FULL_CHECK_MS);
	} else if (engine->paused || shard->start_dirty) {
		reader_wait(reader, SHORT_WAIT_MS);
	} else if (rhythm_rest_ms(reader) > 0) {
		reader_wait(reader, rhythm_rest_ms(reader));
	} else if (!ration_ready(reader)) {
		return; /* it stands in line */
	} else if (reader->reserved_bytes == 0 && !budget_take(engine, POLL_RESERVE_BYTES)) {
		list_remove(&reader->budget_link);
		list_add(&engine->hungry, &reader->budget_link);
	} else {
		if (reader->reserved_bytes == 0)
			reader->reserved_bytes = POLL_RESERVE_BYTES;
		ration_spend(reader);
		page_ask(reader);
	}
}

/* Whether the reader waits for its cursors, and may go on now. */
static bool waits_for_cursors(struct reader *reader)
{
	if (reader->call != NULL)
		return false;
	if (reader->state == READER_FULL)
		return !group_full(reader);
	return (reader->state == READER_NEED_ITERATOR || reader->state == READER_IDLE) &&
	       reader->timer.node.place == 0 && reader->turn.place == 0 &&
	       list_empty(&reader->budget_link) && followers(reader) > 0;
}

void readers_kick(struct shard *shard)
{
	if (shard->lead != NULL && waits_for_cursors(shard->lead))
		reader_wait(shard->lead, 0);
	if (shard->catchup != NULL && waits_for_cursors(shard->catchup))
		reader_wait(shard->catchup, 0);
}

/* The least frontier of the cursors that want a pass; false when there are none. */
static bool least_willing(const struct shard *shard, struct position *out)
{
	bool any = false;

	for (size_t i = 0; i < shard->n_cursors; i++) {
		const struct cursor *cu = &shard->cursors[i];

		if (cursor_wants_pass(cu) && (!any || position_cmp(&cu->frontier, out) < 0)) {
			*out = cu->frontier;
			any = true;
		}
	}
	return any;
}

/*
 * Lets in the cursors that want a pass and are not behind the reader. Where it met a trim and read nothing
 * since, there is nothing behind it, and at the tip of an idle shard it stays.
 */
static void take_in(struct shard *shard)
{
	const struct reader *reader = shard->catchup;

	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];

		if (cursor_wants_pass(cu) &&
		    (reader->gap_open || position_cmp(&cu->frontier, &reader->at) >= 0))
			cursor_join(cu, GROUP_CATCHUP);
	}
}

void readers_catch_up(struct shard *shard)
{
	struct position least;

	if (shard->state != SHARD_OWNED || shard->lead == NULL || !least_willing(shard, &least))
		return;
	if (shard->vanished) {
		reader_shard_vanished(shard);
		return;
	}
	if (shard->catchup == NULL) {
		shard->catchup = reader_new(shard, GROUP_CATCHUP, &least);
		*shard->catchup->mark = shard->lead->at;
	} else if (position_cmp(&least, &shard->catchup->at) < 0 &&
		   position_cmp(&shard->catchup->at, shard->catchup->mark) >= 0) {
		reader_move(shard->catchup, &least);
		*shard->catchup->mark = shard->lead->at;
	}
	take_in(shard);
	/* Those that were detached with nothing to catch up on are at the lead already. */
	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];

		if (cu->group == GROUP_CATCHUP && cu->state == CURSOR_IDLE && cursor_at_lead(cu))
			cursor_join(cu, GROUP_LEAD);
	}
	readers_kick(shard);
}

void readers_tidy(struct shard *shard)
{
	/* Not from in here: the reader may be handing over a page. */
	if (shard->catchup != NULL && shard->catchup->call == NULL &&
	    followers(shard->catchup) == 0)
		reader_wait(shard->catchup, 0);
}

/* The gap policy stops the shard. */
static void stop_shard(struct shard *shard, enum gap_reason reason)
{
	struct engine *engine = shard->stream->table->engine;

	shard_set_state(shard, SHARD_LOST);
	shard->stream->table->failed = true;
	forget_iterator(shard->lead);
	if (shard->catchup != NULL)
		forget_iterator(shard->catchup);
	io_log(engine->io, IO_ERROR, "shard.stopped table=%.*s shard=%s reason=%.*s advice=\"%s\"",
	       STR_ARG(shard->source.table), shard->id, STR_ARG(gap_reason_word(reason)),
	       "changes were lost before they could be read; set on_gap: skip to report the gap "
	       "and go on");
}

bool reader_gap(struct reader *reader, enum gap_reason reason, bool certain)
{
	struct shard *shard = reader->shard;
	unsigned char group = reader->group;

	if (certain && shard->stream->table->options->gap_fail) {
		stop_shard(shard, reason);
		return false;
	}
	reader->gap_open = reason == GAP_TRIMMED;
	reader->gap_certain = certain;
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (shard->cursors[i].group == group)
			cursor_push_gap(&shard->cursors[i], reason, certain, false);
	}
	return true;
}

void reader_joined(struct reader *reader, struct cursor *cu)
{
	/* Who has read beyond it is not concerned, and who was told already knows. */
	if (reader->gap_open && !cu->told && position_cmp(&cu->frontier, &reader->at) <= 0)
		cursor_push_gap(cu, GAP_TRIMMED, reader->gap_certain, false);
}

/* Hands over that the rest of the shard is lost, unless the cursor knows, or is detached and busy. */
static void lose_rest(struct cursor *cu)
{
	if (cu->lost || cu->state == CURSOR_WAITING_PARENTS || cu->state == CURSOR_DONE)
		return;
	if (cursor_wants_pass(cu))
		cursor_join(cu, GROUP_CATCHUP);
	else if (cu->state == CURSOR_DETACHED)
		return; /* readers_catch_up comes back to it */
	cu->lost = true;
	cursor_push_gap(cu, GAP_SHARD_LOST, true, true);
}

void reader_shard_vanished(struct shard *shard)
{
	shard->refused = false;
	if (shard->state != SHARD_OWNED)
		return;
	if (shard->stream->table->options->gap_fail) {
		stop_shard(shard, GAP_SHARD_LOST);
		return;
	}
	if (!shard->vanished && shard->lead != NULL)
		forget_iterator(shard->lead);
	if (!shard->vanished && shard->catchup != NULL)
		forget_iterator(shard->catchup);
	shard->vanished = true;
	for (size_t i = 0; i < shard->n_cursors; i++)
		lose_rest(&shard->cursors[i]);
}

/* Which iterator goes on from where the reader is. */
static enum iterator_type iterator_type_for(const struct reader *reader)
{
	const struct shard *shard = reader->shard;

	if (reader->use_horizon)
		return ITERATOR_TRIM_HORIZON;
	if (reader->at.kind == POSITION_AFTER)
		return ITERATOR_AFTER;
	if (shard->latest)
		return ITERATOR_LATEST;
	/* At its first record, so that a trim is noticed. */
	if (shard->first_seqno != NULL &&
	    (shard->start_wall_ms != ROW_START_HORIZON || shard->horizon_known))
		return ITERATOR_AT;
	return ITERATOR_TRIM_HORIZON;
}

/*
 * Whether we made the shard's row so lately that what is trimmed was trimmed before anybody wanted it. A
 * process that stood still since it did cannot know.
 */
static bool just_begun(const struct reader *reader)
{
	const struct shard *shard = reader->shard;

	return shard->fresh_ms != 0 && iterator_type_for(reader) == ITERATOR_AT &&
	       io_now_ms(reader_engine(reader)->io) - shard->fresh_ms <= JUST_BEGUN_MS;
}

/* The service did not give an iterator: what that means, and when to ask again. */
static void iterator_refused(struct reader *reader, struct call *call)
{
	struct shard *shard = reader->shard;
	int64_t wall_ms = call_service_wall_ms(reader_engine(reader));
	int64_t born_ms = shard_id_wall_ms(str_of(shard->id));
	/* What was trimmed may be from before the time at which changes begin to be wanted. */
	bool certain = reader->at.kind != POSITION_START ||
		       (shard->start_wall_ms < 0 && shard->fresh_ms == 0);

	if (call->outcome == CALL_ERROR && call->error.kind == API_TRIMMED && just_begun(reader) &&
	    shard->start_wall_ms >= 0) {
		/* Nobody wanted what is older than the start; between that and the horizon is a gap. */
		reader->use_horizon = true;
		if (wall_ms - shard->start_wall_ms > RETENTION_MS)
			reader_gap(reader, GAP_TRIMMED, false);
		reader_set_state(reader, READER_BACKOFF);
		reader_wait(reader, 0);
		return;
	}
	if (call->outcome == CALL_ERROR && call->error.kind == API_TRIMMED && just_begun(reader)) {
		/* Trimmed before anybody wanted it: no gap, and the row says so. */
		shard->start_wall_ms = ROW_START_HORIZON;
		shard->start_dirty = true;
		dirty_mark(shard, true);
		reader_set_state(reader, READER_BACKOFF);
		reader_wait(reader, 0);
		return;
	}
	if (call->outcome == CALL_ERROR && call->error.kind == API_TRIMMED) {
		reader->use_horizon = true;
		if (!reader_gap(reader, GAP_TRIMMED, certain))
			return;
		reader_set_state(reader, READER_BACKOFF);
		reader_wait(reader, 0);
		return;
	}
	if (call->outcome == CALL_ERROR && call->error.kind == API_VALIDATION &&
	    iterator_type_for(reader) == ITERATOR_AT) {
		reader->use_horizon = true;
		if (born_ms >= 0 && wall_ms - born_ms > RETENTION_MS)
			reader_gap(reader, GAP_START_UNSURE, false);
		reader_set_state(reader, READER_BACKOFF);
		reader_wait(reader, 0);
		return;
	}
	page_trouble(reader, call);
}

/* GetShardIterator has been answered. */
static void iterator_done(struct call *call)
{
	struct reader *reader = call->owner;
	struct shard *shard = reader->shard;
	struct engine *engine = call->engine;
	struct error why = {0};
	struct str raw;

	reader->call = NULL;
	if (call->outcome != CALL_OK) {
		iterator_refused(reader, call);
		return;
	}
	if (!streams_iterator_read(buf_view(&call->http.answer), &raw, &why)) {
		page_malformed(reader, &why);
		return;
	}
	if (iterator_type_for(reader) == ITERATOR_LATEST) {
		shard->latest = false;
		shard->start_dirty = true;
		shard->start_wall_ms = call->http.date_wall_ms != 0 ? call->http.date_wall_ms
								    : call_service_wall_ms(engine);
		dirty_mark(shard, true);
	}
	/* From here on a trim is a loss. */
	shard->fresh_ms = 0;
	reader->use_horizon = false;
	reader->iterator = mem_dup(raw.p, raw.n);
	reader->iterator_ms = reader->due_ms = io_now_ms(engine->io);
	reader_set_state(reader, READER_IDLE);
	reader_step(reader);
}

/* Asks for an iterator at the reader's position. */
static void ask_iterator(struct reader *reader)
{
	static const char *const words[] = {
		[ITERATOR_TRIM_HORIZON] = "trim-horizon",
		[ITERATOR_LATEST] = "latest",
		[ITERATOR_AT] = "at",
		[ITERATOR_AFTER] = "after",
	};
	struct shard *shard = reader->shard;
	enum iterator_type type = iterator_type_for(reader);
	struct str seqno = type == ITERATOR_AT ? str_of(shard->first_seqno)
					       : str_make(reader->at.digits, reader->at.n);

	mem_free(reader->iterator);
	reader->iterator = NULL;
	io_log(reader_engine(reader)->io, IO_DEBUG,
	       "reader.iterator shard=%s group=%s type=%s at=%.*s", shard->id,
	       reader->group == GROUP_LEAD ? "lead" : "catch-up", words[type], STR_ARG(seqno));
	reader->call = call_new(reader_engine(reader), IO_STREAMS, STREAMS_ITERATOR, iterator_done,
				reader);
	streams_iterator_request(&reader->call->http.body, shard->source.stream_arn,
				 shard->source.shard_id, type, seqno);
	call_start(reader->call);
}
