/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/letter.h"

#include "base/json.h"
#include "base/time.h"
#include "consumer/engine/batch.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/poison.h"
#include "consumer/engine/tap.h"
#include "consumer/engine/worker.h"

/* One record that is given up. */
struct letter {
	struct error why;
	unsigned tries;
	int64_t given_up_wall_ms;
	int64_t rest_until_ms; /* before then, the sink wants no other record either */
	unsigned attempts; /* of the letter itself */
	struct flight *flight; /* NULL: not under way */
};

/* What writes one letter; in the arena of the letter's batch, so that it lives as long as its delivery. */
struct letter_form {
	struct encoder encoder; /* first: the engine's pointer is ours */
	const struct encoder *event_encoder;
	struct str sink, reason;
	unsigned tries;
	int64_t given_up_wall_ms;
};

/* Appends one string member. */
static void put_member(struct buf *out, const char *name, struct str value)
{
	json_comma(out);
	json_put(out, str_of(name));
	buf_c(out, ':');
	json_put(out, value);
}

/* struct encoder: the letter's line. The event's own line goes in whole, but for its end. */
static void encode(const struct encoder *encoder, const struct source *source,
		   const struct event *event, struct buf *out)
{
	const struct letter_form *form = (const struct letter_form *)(const void *)encoder;

	buf_str(out, STR("{\"dead_letter\":{"));
	put_member(out, "sink", form->sink);
	put_member(out, "reason", form->reason);
	buf_fmt(out, ",\"attempts\":%u", form->tries);
	put_member(out, "table", source->table);
	put_member(out, "stream", source->stream_arn);
	put_member(out, "shard", source->shard_id);
	put_member(out, "seq", event->seqno);
	/* The id is a raw JSON string already. */
	buf_str(out, STR(",\"id\":"));
	json_put_raw(out, event->id);
	buf_str(out, STR(",\"time\":\""));
	time_add_rfc3339(out, form->given_up_wall_ms);
	buf_str(out, STR("\"},\"event\":"));
	form->event_encoder->encode(form->event_encoder, source, event, out);
	if (!out->failed && out->p[out->n - 1] == '\n')
		buf_truncate(out, out->n - 1);
	buf_str(out, STR("}\n"));
}

void letter_begin(struct cursor *cu, const struct flight *flight)
{
	struct letter *letter = mem_alloc(sizeof(*letter));

	must(cu->letter == NULL && cu->tap->letters != NULL);
	letter->why = flight->why;
	letter->tries = cu->tries;
	letter->given_up_wall_ms = call_service_wall_ms(cu->tap->engine);
	letter->rest_until_ms = io_now_ms(cu->tap->engine->io) + tap_wait_ms(flight, 0);
	cu->letter = letter;
}

/* The letter's batch: the record at the head of the queue, and what writes it. */
static struct flight *submit(struct cursor *cu, const struct letter *letter)
{
	const struct link *link = list_first(&cu->links, struct link, node);
	struct batch *batch = batch_new_copy(link->batch, link->acked);
	struct letter_form *form = arena_alloc(&batch->arena, sizeof(*form));

	*form = (struct letter_form){
		.encoder = {.encode = encode, .framing = &framing_json},
		.event_encoder = cu->shard->stream->table->letter_encoders[cu - cu->shard->cursors],
		.sink = cu->tap->name,
		.reason = arena_str(&batch->arena, str_of(letter->why.text)),
		.tries = letter->tries,
		.given_up_wall_ms = letter->given_up_wall_ms,
	};
	return flight_start_letter(cu, batch, &form->encoder);
}

void letter_send(struct cursor *cu)
{
	struct tap *tap = cu->tap->letters;

	if (cu->letter->flight != NULL || cu->timer.node.place != 0 ||
	    !worker_may_deliver(tap->engine) || !kcl_may_deliver(cu->shard) ||
	    cu->shard->state != SHARD_OWNED)
		return;
	list_remove(&cu->waiting_link);
	if (!tap_room(tap))
		list_add(&tap->waiting, &cu->waiting_link);
	else
		cu->letter->flight = submit(cu, cu->letter);
}

/* The letter is durable: the frontier passes the record. */
static void taken(struct cursor *cu)
{
	struct engine *engine = cu->tap->engine;
	struct letter *letter = cu->letter;
	struct flight *flight = letter->flight;

	io_log(engine->io, IO_WARN,
	       "sink.dead_letter sink=%.*s table=%.*s shard=%s record=%.*s reason=\"%s\" to=%.*s",
	       STR_ARG(cu->tap->name), STR_ARG(cu->shard->source.table), cu->shard->id,
	       STR_ARG(flight->batch->events[0].seqno), letter->why.text,
	       STR_ARG(flight->tap->name));
	engine->stats.dead_letters++;
	cu->tap->stats.dead_letters++;
	cursor_pass(cu, flight->batch);
	poison_buried(cu);
	tap_well(cu);
	if (letter->rest_until_ms > io_now_ms(engine->io))
		io_timer_set(engine->io, &cu->timer, letter->rest_until_ms);
	flight_free(flight);
	mem_free(letter);
	cu->letter = NULL;
	if (cu->state == CURSOR_LETTER)
		cursor_set_state(cu, CURSOR_IDLE);
}

void letter_settle(struct cursor *cu)
{
	struct engine *engine = cu->tap->engine;
	struct letter *letter = cu->letter;
	struct flight *flight = letter->flight;
	enum retry_class class;
	int64_t delay_ms;

	if (flight == NULL || !flight->done)
		return;
	if (flight->result == DELIVERY_OK) {
		taken(cu);
		return;
	}
	class = flight->result == DELIVERY_RETRY ? RETRY_SINK : RETRY_SLOW;
	delay_ms = retry_delay_ms(&engine->caller.retry, engine->io, class, ++letter->attempts);
	delay_ms = tap_wait_ms(flight, delay_ms);
	tap_log_trouble(flight, delay_ms);
	cu->blocked = true;
	flight_free(flight);
	letter->flight = NULL;
	io_timer_set(engine->io, &cu->timer, io_now_ms(engine->io) + delay_ms);
	if (cu->state == CURSOR_DETACHED)
		letter_drop_unsent(cu);
}

void letter_drop_unsent(struct cursor *cu)
{
	if (cu->letter != NULL && cu->letter->flight == NULL)
		letter_forget(cu);
}

void letter_forget(struct cursor *cu)
{
	struct letter *letter = cu->letter;

	if (letter == NULL)
		return;
	if (letter->flight != NULL && letter->flight->done)
		flight_free(letter->flight);
	else if (letter->flight != NULL)
		flight_orphan(letter->flight);
	mem_free(letter);
	cu->letter = NULL;
}
