/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/tap.h"

#include "consumer/engine/batch.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/opening.h"
#include "consumer/engine/poison.h"

/* The bytes of pages that may wait for one sink; halved, for an encoded page counts as much again. */
static int64_t share_bytes(const struct tap *tap)
{
	const struct engine *engine = tap->engine;

	return engine->options.budget_bytes / (int64_t)(engine->options.n_sinks + 1) / 2;
}

bool tap_room(const struct tap *tap)
{
	return tap->flight_bytes < SINK_FLIGHT_MAX_BYTES &&
	       tap->flight_bytes < share_bytes(tap) / 2;
}

bool tap_hoards(const struct tap *tap)
{
	return tap->held_bytes >= share_bytes(tap);
}

void tap_forget(struct cursor *cu)
{
	cu->blocked = false;
	if (!cu->troubled)
		return;
	cu->troubled = false;
	must(cu->tap->troubled_n > 0);
	cu->tap->troubled_n--;
	/* What it said of the last one is for who tries that now. */
	if (cu->tap->troubled_n == 0)
		cu->tap->fatal = false;
}

void tap_well(struct cursor *cu)
{
	struct tap *tap = cu->tap;

	tap->fatal = false;
	if (!cu->troubled)
		return;
	tap_forget(cu);
	if (tap->troubled_n == 0)
		io_log(tap->engine->io, IO_INFO, "sink.recovered sink=%.*s", STR_ARG(tap->name));
}

/* Whether no sink is left that could take anything. */
static bool all_fatal(const struct engine *engine)
{
	for (size_t i = 0; i < engine->options.n_sinks; i++) {
		if (engine->taps[i].fed && !engine->taps[i].fatal)
			return false;
	}
	return true;
}

int64_t tap_wait_ms(const struct flight *flight, int64_t delay_ms)
{
	int64_t least_ms = flight->delivery.retry_after_ms;

	if (least_ms > RETRY_AFTER_MAX_MS)
		least_ms = RETRY_AFTER_MAX_MS;
	return delay_ms > least_ms ? delay_ms : least_ms;
}

void tap_log_trouble(const struct flight *flight, int64_t delay_ms)
{
	static const char *const words[] = {
		[DELIVERY_OK] = "ok",	      [DELIVERY_RETRY] = "retry",
		[DELIVERY_REJECT] = "reject", [DELIVERY_REFUSED] = "refused",
		[DELIVERY_FATAL] = "fatal",
	};
	const struct source *source = flight->delivery.source;
	const struct tap *tap = flight->tap;

	io_log(tap->engine->io, flight->result == DELIVERY_RETRY ? IO_WARN : IO_ERROR,
	       "sink.trouble sink=%.*s result=%s table=%.*s shard=%.*s record=%.*s retry_ms=%lld "
	       "error=\"%s\"",
	       STR_ARG(tap->name), words[flight->result], STR_ARG(source->table),
	       STR_ARG(source->shard_id),
	       STR_ARG(flight->batch->events[flight->first + flight->acked].seqno),
	       (long long)delay_ms, flight->why.text);
}

void tap_trouble(struct cursor *cu, const struct flight *flight, int64_t delay_ms)
{
	struct tap *tap = cu->tap;

	tap->troubled_n += !cu->troubled;
	cu->troubled = true;
	tap->fatal = flight->result == DELIVERY_FATAL;
	tap->why = flight->why;
	tap_log_trouble(flight, delay_ms);
	if (tap->fatal && all_fatal(tap->engine))
		engine_stop(tap->engine, &flight->why);
}

/* Lets cursors submit that waited for room. */
static void tap_wake(struct tap *tap)
{
	while (!list_empty(&tap->waiting) && tap_room(tap)) {
		struct cursor *cu = list_first(&tap->waiting, struct cursor, waiting_link);

		list_remove(&cu->waiting_link);
		cursor_pump(cu);
	}
}

/* The sink has ended a delivery. */
static void flight_ended(struct delivery *delivery, enum delivery_result result, size_t acked,
			 const struct error *why)
{
	struct flight *flight = CONTAINER_OF(delivery, struct flight, delivery);
	struct tap *tap = flight->tap;

	must(!flight->done);
	must(result == DELIVERY_OK || acked < delivery->n);
	flight->done = true;
	flight->result = result;
	flight->acked = result == DELIVERY_OK ? delivery->n : acked;
	if (why != NULL)
		flight->why = *why;
	tap->stats.deliveries[result]++;
	if (!delivery->letter)
		tap->stats.retried += delivery->n - flight->acked;
	tap->flight_bytes -= flight->weight_bytes;
	tap->flights_n--;
	if (flight->cursor != NULL) {
		cursor_flight_done(flight->cursor, flight);
	} else {
		flight_free(flight);
		if (--tap->orphans_n == 0)
			opening_tap_empty(tap);
	}
	tap_wake(tap);
}

/* How many events from `first` on, at most `max`, make a delivery of bounded size. */
static size_t count_events(const struct batch *batch, const struct encoding *encoding, size_t first,
			   size_t max)
{
	uint32_t base = first == 0 ? 0 : encoding->ends[first - 1];
	size_t n = 1;

	while (first + n < batch->n && n < DELIVERY_MAX_RECORDS && n < max &&
	       encoding->ends[first + n] - base <= DELIVERY_MAX_BYTES)
		n++;
	return n;
}

/* Makes the delivery of the batch's events from `first` on, at most `max` of them. Takes the batch over. */
static struct flight *flight_new(struct cursor *cu, struct batch *batch,
				 const struct encoder *encoder, size_t first, size_t max)
{
	struct flight *flight = mem_alloc(sizeof(*flight));
	const struct encoding *encoding = batch_encoding(batch, encoder);
	size_t n = count_events(batch, encoding, first, max);
	uint32_t base = first == 0 ? 0 : encoding->ends[first - 1];

	flight->cursor = cu;
	flight->batch = batch;
	flight->first = first;
	flight->delivery = (struct delivery){
		.bytes = str_make(encoding->bytes.p + base, encoding->ends[first + n - 1] - base),
		.ends = &encoding->ends[first],
		.base = base,
		.n = n,
		.events = &batch->events[first],
		.encoder = encoder,
		.source = &batch->source,
		.cursor = cu,
		.done = flight_ended,
	};
	list_init(&flight->delivery.link);
	list_init(&flight->node);
	flight->weight_bytes = (int64_t)flight->delivery.bytes.n;
	return flight;
}

/* Hands a delivery to a sink. */
static void flight_submit(struct flight *flight, struct tap *tap)
{
	flight->tap = tap;
	tap->flight_bytes += flight->weight_bytes;
	tap->flights_n++;
	tap->sink->type->submit(tap->sink, &flight->delivery);
}

void flight_start(struct cursor *cu, struct link *link)
{
	const struct encoder *encoder = cu->shard->stream->table->encoders[cu - cu->shard->cursors];
	size_t max = poison_records_max(cu, link);
	struct flight *flight;

	batch_ref(link->batch);
	flight = flight_new(cu, link->batch, encoder, link->next, max);
	/* A short delivery keeps its whole page all the same. */
	if (poison_careful(cu) && flight->weight_bytes < link->batch->bytes)
		flight->weight_bytes = link->batch->bytes;
	flight->link = link;
	link->next += flight->delivery.n;
	list_add(&cu->flights, &flight->node);
	cu->flights_n++;
	flight_submit(flight, cu->tap);
}

struct flight *flight_start_letter(struct cursor *cu, struct batch *batch,
				   const struct encoder *encoder)
{
	struct flight *flight = flight_new(cu, batch, encoder, 0, 1);

	flight->delivery.letter = true;
	flight->weight_bytes += batch->bytes;
	flight_submit(flight, cu->tap->letters);
	return flight;
}

void flight_free(struct flight *flight)
{
	list_remove(&flight->node);
	batch_unref(flight->batch);
	mem_free(flight);
}

void flight_orphan(struct flight *flight)
{
	flight->cursor = NULL;
	flight->link = NULL;
	list_remove(&flight->node);
	list_add(&flight->tap->engine->orphans, &flight->node);
	flight->tap->orphans_n++;
}
