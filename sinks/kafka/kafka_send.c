/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka/claim_check.h"
#include "sinks/kafka/kafka_error.h"
#include "sinks/kafka/kafka_sink.h"

enum { CLAIMS_MAX = 4, POINTER_MAX = 64 * 1024, HEARTBEAT_MAX = 1 << 20 };

/* How handing a record over went. */
enum sent {
	SENT,
	SENT_FULL, /* librdkafka takes no more for now, or not at all */
	SENT_NOT, /* the lane waits, or has failed */
};

/* One message on its way to librdkafka. */
struct message {
	rd_kafka_topic_t *rkt;
	struct str key, value; /* p NULL: none */
	rd_kafka_headers_t *headers; /* taken over */
	int64_t time_ms;
	int flags;
	void *opaque;
};

/* librdkafka's functions have no const; it only reads. */
static void *bare(const void *p)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	return (void *)(uintptr_t)p;
}

/* Hands one message over. */
static rd_kafka_resp_err_t produce(struct kafka *kafka, const struct message *message)
{
	rd_kafka_t *rk = kafka_producer_handle(kafka->producer);
	rd_kafka_resp_err_t code;

	if (message->headers == NULL)
		return rd_kafka_producev(rk, RD_KAFKA_V_RKT(message->rkt),
					 RD_KAFKA_V_MSGFLAGS(message->flags),
					 RD_KAFKA_V_VALUE(bare(message->value.p), message->value.n),
					 RD_KAFKA_V_KEY(bare(message->key.p), message->key.n),
					 RD_KAFKA_V_TIMESTAMP(message->time_ms),
					 RD_KAFKA_V_OPAQUE(message->opaque), RD_KAFKA_V_END);
	code = rd_kafka_producev(rk, RD_KAFKA_V_RKT(message->rkt),
				 RD_KAFKA_V_MSGFLAGS(message->flags),
				 RD_KAFKA_V_VALUE(bare(message->value.p), message->value.n),
				 RD_KAFKA_V_KEY(bare(message->key.p), message->key.n),
				 RD_KAFKA_V_TIMESTAMP(message->time_ms),
				 RD_KAFKA_V_HEADERS(message->headers),
				 RD_KAFKA_V_OPAQUE(message->opaque), RD_KAFKA_V_END);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_headers_destroy(message->headers);
	return code;
}

/* Wakes all lanes that wait for a topic or a file. */
static void wake_lanes(struct kafka *kafka)
{
	struct kafka_lane *lane;
	size_t at = 0;

	while ((lane = map_next(&kafka->lanes.by_cursor, &at)) != NULL) {
		if (lane->waiting)
			kafka_lane_wake(&kafka->lanes, lane);
	}
}

/* The lane that waits for a claim. */
static struct kafka_lane *lane_of_claim(struct kafka *kafka, const struct claim *claim)
{
	struct kafka_lane *lane;
	size_t at = 0;

	while ((lane = map_next(&kafka->lanes.by_cursor, &at)) != NULL) {
		if (lane->claim == claim)
			return lane;
	}
	return NULL;
}

/* claim_done_fn: the file of a lane's next record is written. */
static void on_claim(void *arg, struct claim *claim, bool ok, const struct error *why)
{
	struct kafka *kafka = arg;
	struct kafka_lane *lane = lane_of_claim(kafka, claim);
	struct buf pointer;

	must(lane != NULL);
	lane->claim = NULL;
	kafka->claims_n--;
	buf_init(&pointer, POINTER_MAX);
	claim_check_pointer(claim, &pointer);
	lane->claimed = buf_detach(&pointer);
	kafka_lane_release(&kafka->lanes, lane, io_now_ms(kafka->env->io));
	if (!ok && !lane->failed)
		kafka_lane_fail(&kafka->lanes, lane, SLOT_LOCAL, DELIVERY_RETRY, why);
	wake_lanes(kafka);
	kafka_turn_soon(kafka);
}

/* A record that is larger than a message may be: has it written to a file, or fails. */
static enum sent send_oversize(struct kafka *kafka, struct kafka_lane *lane, struct str value)
{
	if (kafka->options->oversize == KAFKA_OVERSIZE_REJECT || lane->claimed != NULL) {
		kafka_lane_fail(&kafka->lanes, lane, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
				DELIVERY_REJECT, NULL);
	} else if (kafka->claims_n >= CLAIMS_MAX) {
		kafka_lane_wait(lane);
	} else {
		kafka->claims_n++;
		lane->claim = claim_check_write(kafka->env->io, kafka->options->claim_check_path,
						value, on_claim, kafka);
		kafka_lane_hold(&kafka->lanes, lane, io_now_ms(kafka->env->io));
	}
	return SENT_NOT;
}

/* librdkafka did not take a message. */
static enum sent send_refused(struct kafka *kafka, struct kafka_lane *lane,
			      struct kafka_topic *topic, struct str value, rd_kafka_resp_err_t code)
{
	struct error why;

	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return SENT_FULL;
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		return send_oversize(kafka, lane, value);
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		error_set(&why, ERROR_RETRY, "the producer met a fatal error and is made anew");
		kafka_stop(kafka, DELIVERY_RETRY, &why);
		return SENT_FULL;
	}
	if (kafka_error_blame(code) == KAFKA_BLAME_TOPIC)
		kafka_topics_ask(&kafka->topics, topic);
	kafka_lane_fail(&kafka->lanes, lane, code, DELIVERY_RETRY, NULL);
	return SENT_NOT;
}

/* The topic of a lane's next record, when it can be written to; else NULL: the lane waits, or has failed. */
static struct kafka_topic *ready_topic(struct kafka *kafka, struct kafka_lane *lane, size_t i)
{
	struct str name = kafka_form_topic(&kafka->form, lane->sending->delivery, i);
	struct error why;
	struct kafka_topic *topic =
		kafka_topics_get(&kafka->topics, name, io_now_ms(kafka->env->io), &why);

	if (topic == NULL) {
		kafka_lane_fail(&kafka->lanes, lane, SLOT_LOCAL, DELIVERY_FATAL, &why);
	} else if (topic->state == KAFKA_TOPIC_CREATING) {
		kafka_lane_wait(lane);
		topic = NULL;
	} else if (topic->state == KAFKA_TOPIC_FAILED) {
		kafka_lane_fail(&kafka->lanes, lane, SLOT_LOCAL,
				topic->why.code == ERROR_AUTH ? DELIVERY_FATAL : DELIVERY_RETRY,
				&topic->why);
		topic = NULL;
	}
	return topic;
}

/* Hands over what is missing of a lane's next record: its value, its tombstone. */
static enum sent send_record(struct kafka *kafka, struct kafka_lane *lane, struct slot *slot)
{
	const struct delivery *delivery = slot->parcel->delivery;
	size_t i = kafka_slot_index(slot);
	struct kafka_topic *topic = ready_topic(kafka, lane, i);
	struct str record = delivery_record(delivery, i), key;
	bool tombstone, claimed = lane->claimed != NULL;
	struct message message = {.opaque = slot};
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int64_t now_ms = io_now_ms(kafka->env->io);

	if (topic == NULL)
		return SENT_NOT;
	key = kafka_form_key(&kafka->form, delivery, i);
	tombstone = kafka_form_tombstone(&kafka->form, delivery, i, key);
	message.rkt = topic->rkt;
	message.key = key.n > 0 ? key : STR_NONE;
	message.time_ms = kafka_form_time(&kafka->form, &delivery->events[i]);
	if (slot->sent == 0) {
		/* Without its terminator. The bytes stay until librdkafka has reported. */
		message.value = claimed ? str_of(lane->claimed) : str_head(record, record.n - 1);
		message.flags = claimed ? RD_KAFKA_MSG_F_COPY : 0;
		message.headers = kafka_form_headers(&kafka->form, delivery, i, claimed);
		code = produce(kafka, &message);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			kafka_slot_sent(&kafka->lanes, slot, !tombstone, now_ms);
	}
	if (tombstone && code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		message.value = STR_NONE;
		message.headers = NULL;
		message.flags = 0;
		code = produce(kafka, &message);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			kafka_slot_sent(&kafka->lanes, slot, true, now_ms);
	}
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return SENT;
	return send_refused(kafka, lane, topic, str_head(record, record.n - 1), code);
}

void kafka_send_all(struct kafka *kafka)
{
	struct list *ready = &kafka->lanes.ready;
	enum sent sent = SENT;

	while (!list_empty(ready) && !kafka->stop.on && kafka->producer != NULL &&
	       sent != SENT_FULL) {
		struct kafka_lane *lane = list_first(ready, struct kafka_lane, ready_link);
		struct slot *slot = kafka_lane_next(lane);

		sent = slot == NULL ? SENT_NOT : send_record(kafka, lane, slot);
		if (slot == NULL)
			list_remove(&lane->ready_link);
	}
}

void kafka_send_heartbeat(struct kafka *kafka)
{
	const struct encoder *encoder = kafka->encoder;
	struct message message = {.flags = RD_KAFKA_MSG_F_COPY};
	struct buf key, value, name;
	struct kafka_topic *topic;
	struct error why;

	if (encoder == NULL || encoder->heartbeat == NULL)
		return;
	buf_init(&key, HEARTBEAT_MAX);
	buf_init(&value, HEARTBEAT_MAX);
	buf_init(&name, KAFKA_TOPIC_NAME_MAX + 64);
	kafka_heartbeat_topic(kafka->options, kafka->env->application, &name);
	topic = kafka_topics_get(&kafka->topics, buf_view(&name), io_now_ms(kafka->env->io), &why);
	if (topic != NULL && topic->state == KAFKA_TOPIC_READY) {
		encoder->heartbeat(encoder, kafka->env->application, io_wall_ms(kafka->env->io),
				   &key, &value);
		message.rkt = topic->rkt;
		message.key = buf_view(&key);
		message.value = buf_view(&value);
		/* One that does not get through is followed by the next. */
		(void)produce(kafka, &message);
	}
	buf_release(&key);
	buf_release(&value);
	buf_release(&name);
}
