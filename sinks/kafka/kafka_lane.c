/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/kafka_lane.h"

/* The lane's key in the map. */
static struct str key_of(const void *const *cursor)
{
	return str_make((const char *)cursor, sizeof(*cursor));
}

void kafka_lanes_init(struct kafka_lanes *lanes, kafka_judge_fn *judge, void *arg)
{
	*lanes = (struct kafka_lanes){.judge = judge, .arg = arg};
	map_init(&lanes->by_cursor);
	list_init(&lanes->ready);
	list_init(&lanes->settling);
	list_init(&lanes->ended);
}

/* Frees a lane's parcels, or those that have ended. */
static void free_parcels(struct list *parcels)
{
	list_each(link, parcels, spare) {
		struct parcel *parcel = CONTAINER_OF(link, struct parcel, link);

		list_remove(link);
		mem_free(parcel->why);
		mem_free(parcel);
	}
}

/* Takes a lane without deliveries, or with those to be forgotten, out of the world. */
static void lane_free(struct kafka_lanes *lanes, struct kafka_lane *lane)
{
	map_remove(&lanes->by_cursor, key_of(&lane->cursor));
	list_remove(&lane->ready_link);
	list_remove(&lane->settling_link);
	free_parcels(&lane->parcels);
	mem_free(lane->claimed);
	mem_free(lane);
}

void kafka_lanes_release(struct kafka_lanes *lanes)
{
	struct kafka_lane *lane;
	size_t at = 0;

	while ((lane = map_next(&lanes->by_cursor, &at)) != NULL)
		lane_free(lanes, lane);
	free_parcels(&lanes->ended);
	map_release(&lanes->by_cursor);
	lanes->awaited = 0;
}

/* The lane of a cursor, made if need be. */
static struct kafka_lane *lane_of(struct kafka_lanes *lanes, const void *cursor, int64_t now_ms)
{
	struct kafka_lane *lane = map_get(&lanes->by_cursor, key_of(&cursor));

	if (lane != NULL)
		return lane;
	lane = mem_alloc(sizeof(*lane));
	lane->cursor = cursor;
	lane->touched_ms = now_ms;
	list_init(&lane->parcels);
	list_init(&lane->ready_link);
	list_init(&lane->settling_link);
	map_put(&lanes->by_cursor, key_of(&lane->cursor), lane);
	return lane;
}

void kafka_lanes_add(struct kafka_lanes *lanes, struct delivery *delivery, int64_t now_ms)
{
	struct kafka_lane *lane = lane_of(lanes, delivery->cursor, now_ms);
	struct parcel *parcel = mem_alloc(sizeof(*parcel) + delivery->n * sizeof(parcel->slots[0]));

	parcel->lane = lane;
	parcel->delivery = delivery;
	parcel->left = delivery->n;
	for (size_t i = 0; i < delivery->n; i++)
		parcel->slots[i].parcel = parcel;
	list_init(&parcel->link);
	list_add(&lane->parcels, &parcel->link);
	if (lane->sending == NULL)
		lane->sending = parcel;
	if (!lane->waiting)
		kafka_lane_wake(lanes, lane);
}

struct slot *kafka_lane_next(const struct kafka_lane *lane)
{
	return lane->sending == NULL ? NULL : &lane->sending->slots[lane->sending->sent];
}

void kafka_slot_sent(struct kafka_lanes *lanes, struct slot *slot, bool last, int64_t now_ms)
{
	struct parcel *parcel = slot->parcel;
	struct kafka_lane *lane = parcel->lane;

	slot->sent++;
	slot->awaited++;
	lane->awaited++;
	lanes->awaited++;
	lane->touched_ms = now_ms;
	if (!last)
		return;
	slot->whole = true;
	mem_free(lane->claimed);
	lane->claimed = NULL;
	if (++parcel->sent < parcel->delivery->n)
		return;
	lane->sending = parcel->link.next == &lane->parcels
				? NULL
				: CONTAINER_OF(parcel->link.next, struct parcel, link);
}

/* Has kafka_lanes_settle look at the lane, once. */
static void settle_later(struct kafka_lanes *lanes, struct kafka_lane *lane)
{
	if (list_empty(&lane->settling_link))
		list_add(&lanes->settling, &lane->settling_link);
}

/* The lane has a record that failed: it hands nothing over any more. */
static void set_failed(struct kafka_lanes *lanes, struct kafka_lane *lane)
{
	lane->failed = true;
	list_remove(&lane->ready_link);
	if (lane->awaited == 0)
		settle_later(lanes, lane);
}

void kafka_slot_reported(struct kafka_lanes *lanes, struct slot *slot, int err, int64_t now_ms)
{
	struct parcel *parcel = slot->parcel;
	struct kafka_lane *lane = parcel->lane;

	must(slot->awaited > 0);
	slot->awaited--;
	lane->awaited--;
	lanes->awaited--;
	lane->touched_ms = now_ms;
	if (err != 0 && slot->err == 0)
		slot->err = (int16_t)err;
	if (slot->err == 0 && slot->whole && slot->awaited == 0 && --parcel->left == 0)
		settle_later(lanes, lane);
	if (slot->err != 0 || lane->failed)
		set_failed(lanes, lane);
}

void kafka_lane_fail(struct kafka_lanes *lanes, struct kafka_lane *lane, int err,
		     enum delivery_result result, const struct error *why)
{
	struct slot *slot = kafka_lane_next(lane);

	must(slot != NULL && !lane->failed);
	if (slot->err == 0)
		slot->err = (int16_t)err;
	if (err == SLOT_LOCAL) {
		lane->result = result;
		lane->why = *why;
	}
	set_failed(lanes, lane);
}

void kafka_lane_wait(struct kafka_lane *lane)
{
	lane->waiting = true;
	list_remove(&lane->ready_link);
}

void kafka_lane_wake(struct kafka_lanes *lanes, struct kafka_lane *lane)
{
	if (lane->claim != NULL)
		return;
	lane->waiting = false;
	if (!lane->failed && lane->sending != NULL && list_empty(&lane->ready_link))
		list_add(&lanes->ready, &lane->ready_link);
}

void kafka_lane_hold(struct kafka_lanes *lanes, struct kafka_lane *lane, int64_t now_ms)
{
	lane->awaited++;
	lanes->awaited++;
	lane->touched_ms = now_ms;
	kafka_lane_wait(lane);
}

void kafka_lane_release(struct kafka_lanes *lanes, struct kafka_lane *lane, int64_t now_ms)
{
	must(lane->awaited > 0);
	lane->awaited--;
	lanes->awaited--;
	lane->touched_ms = now_ms;
	if (lane->failed)
		set_failed(lanes, lane);
	else
		kafka_lane_wake(lanes, lane);
}

void kafka_lanes_fail_all(struct kafka_lanes *lanes)
{
	struct kafka_lane *lane;
	size_t at = 0;

	must(lanes->awaited == 0);
	while ((lane = map_next(&lanes->by_cursor, &at)) != NULL)
		set_failed(lanes, lane);
}

size_t kafka_parcel_acked(const struct parcel *parcel)
{
	size_t n = 0;

	while (n < parcel->delivery->n && parcel->slots[n].whole && parcel->slots[n].awaited == 0 &&
	       parcel->slots[n].err == 0)
		n++;
	return n;
}

/* Moves the lane's first delivery to those that have ended. */
static void end_first(struct kafka_lanes *lanes, struct kafka_lane *lane,
		      enum delivery_result result, const struct error *why)
{
	struct parcel *parcel = list_first(&lane->parcels, struct parcel, link);

	parcel->result = result;
	if (result == DELIVERY_OK)
		parcel->acked = parcel->delivery->n;
	if (why != NULL) {
		parcel->why = mem_alloc(sizeof(*why));
		*parcel->why = *why;
	}
	list_remove(&parcel->link);
	list_add(&lanes->ended, &parcel->link);
}

/* Ends a lane that has failed: the first delivery as its hole is judged, the others to be retried. */
static void end_failed(struct kafka_lanes *lanes, struct kafka_lane *lane)
{
	struct parcel *first = list_first(&lane->parcels, struct parcel, link);
	enum delivery_result result = DELIVERY_RETRY;
	struct error why = {.code = ERROR_RETRY};
	int64_t retry_after_ms;

	first->acked = kafka_parcel_acked(first);
	lanes->judge(lanes->arg, first, first->acked, &result, &why);
	retry_after_ms = first->delivery->retry_after_ms;
	while (!list_empty(&lane->parcels)) {
		list_first(&lane->parcels, struct parcel, link)->delivery->retry_after_ms =
			retry_after_ms;
		end_first(lanes, lane, result, &why);
		result = DELIVERY_RETRY;
	}
	lane_free(lanes, lane);
}

/* Moves what has ended in one lane to `ended`, in order. */
static void settle_lane(struct kafka_lanes *lanes, struct kafka_lane *lane)
{
	while (!list_empty(&lane->parcels) &&
	       list_first(&lane->parcels, struct parcel, link)->left == 0)
		end_first(lanes, lane, DELIVERY_OK, NULL);
	if (list_empty(&lane->parcels))
		lane_free(lanes, lane);
	else if (lane->failed && lane->awaited == 0)
		end_failed(lanes, lane);
}

bool kafka_lanes_settle(struct kafka_lanes *lanes)
{
	bool any = false;

	while (!list_empty(&lanes->settling)) {
		struct kafka_lane *lane =
			list_first(&lanes->settling, struct kafka_lane, settling_link);

		list_remove(&lane->settling_link);
		settle_lane(lanes, lane);
	}
	while (!list_empty(&lanes->ended)) {
		struct parcel *parcel = list_first(&lanes->ended, struct parcel, link);
		struct error why = {.code = ERROR_NONE};

		any = true;
		list_remove(&parcel->link);
		if (parcel->why != NULL)
			why = *parcel->why;
		mem_free(parcel->why);
		parcel->why = NULL;
		delivery_done(parcel->delivery, parcel->result, parcel->acked,
			      parcel->result == DELIVERY_OK ? NULL : &why);
		mem_free(parcel);
	}
	return any;
}
