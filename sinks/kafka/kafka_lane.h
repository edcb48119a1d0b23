/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Kafka sink holds: one lane per cursor, in it the cursor's deliveries in order, and for each
 * record what is known of its messages. Decides when a delivery has ended and how; knows nothing of
 * librdkafka but that its error codes are integers and 0 means acknowledged.
 *
 *	submit -> lane -> ready: its next record may be handed over
 *	                  reports come in, in any order between partitions
 *	       -> settling: its first delivery is whole, or a record failed and no report is awaited any more
 *	       -> ended: delivery_done
 *
 * librdkafka points into a delivery's bytes until it has reported on them: a delivery never ends before.
 * A lane with a failed record hands nothing over any more; when its last report is in, the delivery in
 * which the first hole is ends with that failure, those behind it with DELIVERY_RETRY. Deliveries that come
 * later find a new lane. Everything belongs to the loop's thread.
 */
#ifndef KAFKA_LANE_H
#define KAFKA_LANE_H

#include "base/map.h"
#include "consumer/engine/sink.h"

/* In place of librdkafka's codes, which are none of these. */
enum {
	SLOT_LOCAL = 10000, /* the lane's `why` says what is wrong with this record */
};

struct claim;
struct parcel;

/* What is known of one record. */
struct slot {
	struct parcel *parcel;
	int16_t err; /* of the first message that failed */
	uint8_t sent; /* messages handed over: the value, and perhaps a tombstone */
	uint8_t awaited; /* of these, not reported yet */
	bool whole; /* all of its messages were handed over */
};

/* A delivery. */
struct parcel {
	struct list link; /* in the lane, then in `ended` */
	struct kafka_lane *lane;
	struct delivery *delivery;
	size_t sent; /* records of which all messages were handed over */
	size_t left; /* records not acknowledged */
	/* How it ended. */
	enum delivery_result result;
	size_t acked;
	struct error *why; /* owned; NULL when it ended well */
	struct slot slots[];
};

struct kafka_lane {
	const void *cursor; /* also the key in the map, by its address */
	struct list parcels;
	struct parcel *sending; /* the first that is not wholly handed over; NULL: none */
	struct list ready_link, settling_link;
	size_t awaited; /* reports */
	bool failed, waiting; /* waiting: for a topic or a file, not to be made ready */
	int64_t touched_ms; /* when something was handed over or reported last */
	enum delivery_result result; /* of a SLOT_LOCAL record */
	struct error why;
	struct claim *claim; /* a file that is being written for the next record */
	char *claimed; /* owned: the record that takes the next record's place, once it is */
};

/* Says what became of a record that has no acknowledgement. */
typedef void kafka_judge_fn(void *arg, const struct parcel *parcel, size_t i,
			    enum delivery_result *result, struct error *why);

struct kafka_lanes {
	struct map by_cursor;
	struct list ready, settling, ended;
	size_t awaited; /* reports, of all lanes */
	kafka_judge_fn *judge;
	void *arg;
};

/* No lanes; `judge` is called from kafka_lanes_settle. */
void kafka_lanes_init(struct kafka_lanes *lanes, kafka_judge_fn *judge, void *arg);

/* Frees everything; deliveries are forgotten. */
void kafka_lanes_release(struct kafka_lanes *lanes);

/* Takes a delivery; its lane is ready, unless it waits or has failed. */
void kafka_lanes_add(struct kafka_lanes *lanes, struct delivery *delivery, int64_t now_ms);

/* The slot of the lane's next record, or NULL when all was handed over. */
struct slot *kafka_lane_next(const struct kafka_lane *lane);

/* One message of `slot`, the lane's next record, was handed over; `last`: the record has no other. */
void kafka_slot_sent(struct kafka_lanes *lanes, struct slot *slot, bool last, int64_t now_ms);

/* One message of `slot` was reported: `err` is 0 when it is durable. */
void kafka_slot_reported(struct kafka_lanes *lanes, struct slot *slot, int err, int64_t now_ms);

/* The lane's next record cannot be handed over, for a reason of our own or one that was said at once. */
void kafka_lane_fail(struct kafka_lanes *lanes, struct kafka_lane *lane, int err,
		     enum delivery_result result, const struct error *why);

/* The lane does not go on before kafka_lane_wake. */
void kafka_lane_wait(struct kafka_lane *lane);

/* The lane may go on, if it has anything to hand over. */
void kafka_lane_wake(struct kafka_lanes *lanes, struct kafka_lane *lane);

/* The lane's next record needs a file first (kafka_lane_release): it counts as one awaited report. */
void kafka_lane_hold(struct kafka_lanes *lanes, struct kafka_lane *lane, int64_t now_ms);

/* That is over: the lane goes on. */
void kafka_lane_release(struct kafka_lanes *lanes, struct kafka_lane *lane, int64_t now_ms);

/* Everything that is held fails: nothing is awaited, and nothing will be handed over. */
void kafka_lanes_fail_all(struct kafka_lanes *lanes);

/*
 * Ends what has to end, by delivery_done; false when nothing had to. Those calls may submit, and may
 * release the lanes: whoever calls this keeps the memory of `lanes` until it returns.
 */
bool kafka_lanes_settle(struct kafka_lanes *lanes);

/* The records of a delivery that are durable, from the start, without a hole. */
size_t kafka_parcel_acked(const struct parcel *parcel);

/* The index of a slot in its parcel. */
static inline size_t kafka_slot_index(const struct slot *slot)
{
	return (size_t)(slot - slot->parcel->slots);
}

#endif
