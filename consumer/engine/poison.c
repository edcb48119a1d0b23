/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/poison.h"

#include "consumer/engine/batch.h"

/* Whether the record at the frontier has had all the tries and the time that its sink's limits give it. */
static bool over_limits(const struct cursor *cu, const struct event *event)
{
	const struct tap *tap = cu->tap;

	if (tap->max_attempts > 0 && cu->tries >= tap->max_attempts)
		return true;
	return tap->max_age_ms > 0 && event->op != EVENT_GAP &&
	       call_service_wall_ms(tap->engine) - event->time_ms > tap->max_age_ms;
}

/* Everything up to event `i` of the batch is under suspicion. */
static void suspect(struct cursor *cu, const struct batch *batch, size_t i)
{
	cu->suspect = true;
	cu->suspect_end = batch_position(batch, i);
}

enum verdict poison_judge(struct cursor *cu, const struct flight *flight)
{
	size_t at = flight->first + flight->acked, rest = flight->delivery.n - flight->acked;
	bool hopeless;

	/* The sink's own trouble says nothing about the record. */
	if (flight->result == DELIVERY_FATAL)
		return VERDICT_RETRY;
	cu->tries++;
	hopeless = flight->result != DELIVERY_RETRY || over_limits(cu, &flight->batch->events[at]);
	if (flight->result == DELIVERY_REJECT || (hopeless && rest == 1)) {
		suspect(cu, flight->batch, at);
		return VERDICT_POISON;
	}
	if (rest == 1 || (!hopeless && !cu->suspect))
		return VERDICT_RETRY;
	suspect(cu, flight->batch, at + rest - 1);
	return VERDICT_NARROW;
}

bool poison_careful(const struct cursor *cu)
{
	return cu->suspect || cu->step != 0;
}

size_t poison_records_max(struct cursor *cu, const struct link *link)
{
	size_t max = DELIVERY_MAX_RECORDS, n = 0;

	while (cu->suspect && link->next + n < link->batch->n) {
		struct position position = batch_position(link->batch, link->next + n);

		if (position_cmp(&position, &cu->suspect_end) > 0)
			break;
		n++;
	}
	if (n > 0)
		max = (n + 1) / 2;
	if (cu->step != 0 && cu->step < max)
		max = cu->step;
	return max;
}

void poison_passed(struct cursor *cu, bool whole)
{
	cu->attempts = 0;
	cu->tries = 0;
	cu->blocked = false;
	if (position_cmp(&cu->frontier, &cu->suspect_end) >= 0)
		cu->suspect = false;
	if (whole)
		cu->step *= 2;
	if (cu->step >= DELIVERY_MAX_RECORDS)
		cu->step = 0;
}

void poison_buried(struct cursor *cu)
{
	poison_passed(cu, false);
	cu->suspect = false;
	cu->step = 1;
}

void poison_reset(struct cursor *cu)
{
	cu->attempts = 0;
	cu->tries = 0;
	cu->suspect = false;
	cu->suspect_end = position_start();
	cu->step = 0;
}

void poison_blocks(struct cursor *cu, const struct flight *flight)
{
	const struct event *event = &flight->batch->events[flight->first + flight->acked];

	if (cu->blocked)
		return;
	cu->blocked = true;
	io_log(cu->tap->engine->io, IO_ERROR,
	       "sink.blocked sink=%.*s table=%.*s shard=%s record=%.*s error=\"%s\" advice=\"%s\"",
	       STR_ARG(cu->tap->name), STR_ARG(cu->shard->source.table), cu->shard->id,
	       STR_ARG(event->seqno), flight->why.text,
	       "the sink refuses this record and its shard waits: make the sink accept it, or "
	       "set dead_letter to pass such records");
}
