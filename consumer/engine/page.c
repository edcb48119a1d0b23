/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/page.h"

#include "consumer/aws/streams.h"
#include "consumer/engine/batch.h"
#include "consumer/engine/children.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/reader.h"
#include "consumer/engine/rhythm.h"
#include "consumer/engine/shard.h"
#include "consumer/engine/shardlist.h"

/* Logs trouble of a reader. */
static void log_trouble(const struct reader *reader, enum io_level level, const char *event,
			int64_t delay_ms, const struct error *why)
{
	io_log(reader_engine(reader)->io, level,
	       "%s table=%.*s shard=%s retry_ms=%lld error=\"%s\"", event,
	       STR_ARG(reader->shard->source.table), reader->shard->id, (long long)delay_ms,
	       why->text);
}

void page_malformed(struct reader *reader, const struct error *why)
{
	struct engine *engine = reader_engine(reader);
	int64_t delay_ms = retry_delay_ms(&engine->caller.retry, engine->io, RETRY_THROTTLED,
					  ++reader->attempts);

	log_trouble(reader, IO_ERROR, "page.malformed", delay_ms, why);
	reader_set_state(reader, READER_BACKOFF);
	reader_wait(reader, delay_ms);
}

/* Drops the iterator, so that the next step asks for a new one. */
static void drop_iterator(struct reader *reader)
{
	mem_free(reader->iterator);
	reader->iterator = NULL;
}

void page_trouble(struct reader *reader, struct call *call)
{
	struct error why = {0};
	int64_t delay_ms;

	if (call->outcome == CALL_ERROR && call->error.kind == API_NOT_FOUND) {
		/* The listing decides whether the shard is gone. */
		reader->shard->refused = true;
		shardlist_rush(reader->shard->stream);
		call->outcome = CALL_THROTTLED; /* for the wait: as for throttling */
	}
	delay_ms = call_delay_ms(call, ++reader->attempts);
	call_error(call, &why);
	alarm_judge(reader->shard->stream->table, ALARM_READ, call);
	if (call->outcome == CALL_REFUSED && !call->engine->read_once &&
	    call->error.kind != API_KEY) {
		/* Nothing was ever read: better not to start than to look alive. */
		engine_stop(call->engine, &why);
		return;
	}
	log_trouble(reader, call->outcome == CALL_REFUSED ? IO_ERROR : IO_WARN, "read.failed",
		    delay_ms, &why);
	reader_set_state(reader, READER_BACKOFF);
	reader_wait(reader, delay_ms);
}

/* Whether an answer of `n` bytes may be read: the budget is topped up before. */
static bool page_admit(struct call *call, size_t n)
{
	struct reader *reader = call->owner;
	int64_t want = 2 * (int64_t)n - reader->reserved_bytes;

	if (n > ANSWER_MAX_BYTES)
		return false;
	if (want <= 0)
		return true;
	if (budget_take(call->engine, want)) {
		reader->reserved_bytes += want;
		return true;
	}
	return (int64_t)n <= reader->reserved_bytes;
}

/* Gives back what was reserved for an answer that brought nothing. */
static void give_back(struct reader *reader)
{
	int64_t bytes = reader->reserved_bytes;

	reader->reserved_bytes = 0;
	budget_give(reader_engine(reader), bytes);
}

/* An answer that is no page. */
static void page_failed(struct reader *reader, struct call *call)
{
	give_back(reader);
	if (call->outcome == CALL_ERROR && call->error.kind == API_EXPIRED_ITERATOR) {
		/* From the position that was read last; never the same iterator again. */
		drop_iterator(reader);
		reader_set_state(reader, READER_NEED_ITERATOR);
		reader_wait(reader, 0);
	} else if (call->outcome == CALL_ERROR && call->error.kind == API_TRIMMED) {
		drop_iterator(reader);
		reader->use_horizon = true;
		if (!reader_gap(reader, GAP_TRIMMED, true))
			return;
		reader_set_state(reader, READER_NEED_ITERATOR);
		reader_wait(reader, 0);
	} else if (call->outcome == CALL_TOO_BIG && reader->limit > 1) {
		reader->limit /= 2;
		io_log(call->engine->io, IO_INFO, "page.too_big table=%.*s shard=%s limit=%u",
		       STR_ARG(reader->shard->source.table), reader->shard->id, reader->limit);
		reader_set_state(reader, READER_IDLE);
		reader_wait(reader, 0);
	} else if (call->outcome == CALL_TOO_BIG) {
		struct error why;

		error_set(&why, ERROR_DATA, "one record is larger than the budget allows");
		page_malformed(reader, &why);
	} else {
		page_trouble(reader, call);
	}
}

/* The first record of a shard whose beginning was trimmed already: later trims are noticed by it. */
static void note_horizon(struct shard *shard, const struct batch *batch)
{
	struct str first = batch->events[0].seqno;

	if (shard->start_wall_ms != ROW_START_HORIZON || shard->horizon_known)
		return;
	shard->horizon_known = true;
	mem_free(shard->first_seqno);
	shard->first_seqno = mem_dup(first.p, first.n);
}

/*
 * A reader that began at the horizon, without asking for a record or behind a trim, has met the first one, or
 * the end. What a cursor has of the shard would have come again, if it were still there: behind it something
 * may be lost, unless it was told. False: the policy stops the shard.
 */
static bool note_unseen_trim(struct reader *reader, const struct position *first)
{
	struct shard *shard = reader->shard;

	if (reader->at.kind != POSITION_START && !reader->gap_open)
		return true;
	for (size_t i = 0; i < shard->n_cursors; i++) {
		struct cursor *cu = &shard->cursors[i];

		if (cu->group != reader->group || cu->told || !cursor_falls_short(cu, first))
			continue;
		if (shard->stream->table->options->gap_fail)
			return reader_gap(reader, GAP_TRIMMED, true);
		cursor_push_gap(cu, GAP_TRIMMED, true, false);
	}
	return true;
}

/* Hands the batch to the group; false when the policy stops the shard before it. */
static bool hand_over(struct reader *reader, struct batch *batch)
{
	struct position first = batch_position(batch, 0);
	struct table *table = reader->shard->stream->table;
	struct shard *shard = reader->shard;
	unsigned char group = reader->group;

	if (!note_unseen_trim(reader, &first))
		return false;
	if (group == GROUP_LEAD)
		table->records += batch->n;
	if (reader->at.kind == POSITION_START)
		note_horizon(shard, batch);
	reader->gap_open = false;
	reader->at = batch_position(batch, batch->n - 1);
	/* By index: a cursor may leave the group, and the catch-up reader end, while they are served. */
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (shard->cursors[i].group == group)
			cursor_push(&shard->cursors[i], batch);
	}
	return true;
}

/* The sinks that have everything have it up to the time when the empty page was asked for. */
static void note_tip(struct reader *reader)
{
	struct cursor *cu;
	size_t i = 0;

	if (reader->group == GROUP_LEAD)
		reader->shard->tip_seen = true;
	while ((cu = reader_cursor(reader, &i)) != NULL) {
		if (cursor_quiet(cu) && cu->current_wall_ms < reader->asked_wall_ms)
			cu->current_wall_ms = reader->asked_wall_ms;
	}
}

/* The page was the shard's last one. */
static void shard_end(struct reader *reader)
{
	struct shard *shard = reader->shard;
	unsigned char group = reader->group;
	struct position end = position_end();

	if (!note_unseen_trim(reader, &end))
		return;
	reader->at = end;
	/* Nobody joins any more: a reader that has ended has no end to give. */
	reader->gap_open = false;
	reader_set_state(reader, READER_ENDED);
	if (group == GROUP_LEAD)
		children_want(shard);
	for (size_t i = 0; i < shard->n_cursors; i++) {
		if (shard->cursors[i].group == group)
			cursor_reader_ended(&shard->cursors[i]);
	}
}

/* Puts the next iterator in its place and sets the time of the next poll. */
static void go_on(struct reader *reader, struct str raw_iterator)
{
	size_t room = str_of(reader->iterator).n;

	/* In the old one's place: thousands that move with every poll would be all over the heap. */
	if (raw_iterator.n > room) {
		mem_free(reader->iterator);
		reader->iterator = mem_dup(raw_iterator.p, raw_iterator.n);
	} else {
		mem_copy(reader->iterator, raw_iterator.p, raw_iterator.n);
		reader->iterator[raw_iterator.n] = '\0';
	}
	reader->iterator_ms = io_now_ms(reader_engine(reader)->io);
	reader_set_state(reader, READER_IDLE);
	reader_wait(reader, rhythm_rest_ms(reader));
}

/* Takes in a well-formed page. */
static void take_page(struct reader *reader, struct batch *batch, struct str raw_iterator)
{
	struct shard *shard = reader->shard;

	reader_engine(reader)->read_once = true;
	shard->read_bytes += batch->n > 0 ? batch->bytes : 0;
	shard->stream->table->bytes += batch->n > 0 ? (uint64_t)batch->bytes : 0;
	alarm_clear(shard->stream->table, ALARM_READ);
	reader->attempts = 0;
	reader->limit =
		reader->limit * 2 < STREAMS_RECORDS_MAX ? reader->limit * 2 : STREAMS_RECORDS_MAX;
	/* The iterator first: handing over may end the reader, and the records come before the end. */
	if (raw_iterator.n > 0)
		go_on(reader, raw_iterator);
	if (batch->n == 0 && raw_iterator.n > 0)
		note_tip(reader);
	if (batch->n > 0 && !hand_over(reader, batch))
		return;
	if (raw_iterator.n == 0)
		shard_end(reader);
	readers_tidy(shard);
	readers_catch_up(shard);
}

/* GetRecords has been answered. */
static void page_done(struct call *call)
{
	struct reader *reader = call->owner;
	struct error why = {0};
	struct str raw_iterator;
	struct batch *batch;
	int64_t kept;

	reader->call = NULL;
	rhythm_polled(reader, call->http.sent_ms);
	if (call->outcome != CALL_OK) {
		page_failed(reader, call);
		return;
	}
	batch = batch_new(reader->shard, &call->http.answer, 0, &raw_iterator, &why);
	if (batch == NULL) {
		give_back(reader);
		drop_iterator(reader);
		page_malformed(reader, &why);
		return;
	}
	/* What the page and its encoded form need stays reserved until the batch is freed. */
	kept = batch->n == 0 ? 0 : 2 * batch->bytes;
	if (kept > reader->reserved_bytes)
		kept = reader->reserved_bytes;
	batch->reserved_bytes = kept;
	reader->reserved_bytes -= kept;
	give_back(reader);
	rhythm_answered(reader, call->http.sent_ms, batch->n, (size_t)batch->bytes);
	take_page(reader, batch, raw_iterator);
	batch_unref(batch);
}

void page_ask(struct reader *reader)
{
	struct engine *engine = reader_engine(reader);

	reader->shard->stream->table->reads++;
	reader->asked_wall_ms = call_service_wall_ms(engine);
	reader->call = call_new(engine, IO_STREAMS, STREAMS_RECORDS, page_done, reader);
	reader->call->admit = page_admit;
	reader->call->http.max_bytes = ANSWER_MAX_BYTES;
	streams_records_request(&reader->call->http.body, str_of(reader->iterator), reader->limit);
	reader_set_state(reader, READER_POLLING);
	call_start(reader->call);
}
