/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/kafka.h"

#include "base/time.h"
#include "sinks/kafka/claim_check.h"
#include "sinks/kafka/kafka_conf.h"
#include "sinks/kafka/kafka_error.h"
#include "sinks/kafka/kafka_sink.h"
#include "sinks/kafka/msk_policy.h"

enum {
	EVENTS_PER_TURN = 200,
	TICK_MS = 500,
	STOP_TICK_MS = 50,
	SETTLE_MS = 3000, /* for what is under way when the producer is stopped */
	BARRED_MS = 2000, /* that records wait until a refused login counts for all brokers */
	CLOSE_REPORTS_MS = 2000,
	CLOSE_MS = 3000,
};

void kafka_turn_soon(struct kafka *kafka)
{
	io_timer_set(kafka->env->io, &kafka->timer, io_now_ms(kafka->env->io));
}

void kafka_stop(struct kafka *kafka, enum delivery_result result, const struct error *why)
{
	if (kafka->stop.on || kafka->producer == NULL)
		return;
	kafka->stop = (struct kafka_stop){
		.on = true,
		.purge_ms = io_now_ms(kafka->env->io) + SETTLE_MS,
		.result = result,
		.why = *why,
	};
	rd_kafka_purge(kafka_producer_handle(kafka->producer),
		       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
	kafka_turn_soon(kafka);
}

/* struct kafka_producer: there are events. */
static void on_events(void *arg)
{
	kafka_turn_soon(arg);
}

/* Makes a producer; false with `err` set. */
static bool make_producer(struct kafka *kafka, struct error *err)
{
	const struct sink_env *env = kafka->env;
	int64_t now_ms = io_now_ms(env->io);
	rd_kafka_conf_t *conf;

	kafka->alone = now_ms < kafka->alone_until_ms;
	conf = kafka_conf_new(kafka->options, env, kafka->alone, err);
	if (conf == NULL)
		return false;
	kafka->producer = kafka_producer_new(env->io, conf, on_events, kafka, err);
	if (kafka->producer == NULL)
		return false;
	kafka_topics_init(&kafka->topics, kafka_producer_handle(kafka->producer),
			  kafka_producer_queue(kafka->producer), kafka->options);
	kafka->stop.on = false;
	kafka->barred = false;
	kafka->trouble.code = ERROR_NONE;
	return true;
}

/* Gets rid of the producer, on which nothing depends any more. */
static void bury_producer(struct kafka *kafka)
{
	kafka_topics_release(&kafka->topics);
	kafka_producer_bury(kafka->producer, &kafka->grave);
	kafka->producer = NULL;
}

/* A sentence for a lane that gets nowhere. */
static void explain_silence(const struct kafka *kafka, struct error *why)
{
	const char *first = kafka->options->brokers.list[0];
	long long seconds = (long long)kafka->options->timeout_ms / SECOND_MS;

	if (kafka->trouble.code != ERROR_NONE)
		error_set(why, ERROR_RETRY,
			  "no acknowledgement from the brokers (%s%s) for %lld s: %s", first,
			  kafka->options->brokers.n > 1 ? ", ..." : "", seconds,
			  kafka->trouble.text);
	else
		error_set(
			why, ERROR_RETRY,
			"no acknowledgement from the brokers (%s%s) for %lld s, though they can be "
			"reached: see whether their partitions have leaders and enough replicas",
			first, kafka->options->brokers.n > 1 ? ", ..." : "", seconds);
}

/* Whether some lane has waited for reports for too long. */
static bool is_stuck(const struct kafka *kafka, int64_t now_ms, int64_t limit_ms)
{
	const struct kafka_lane *lane;
	size_t at = 0;

	while ((lane = map_next(&kafka->lanes.by_cursor, &at)) != NULL) {
		if (lane->awaited > 0 && lane->claim == NULL &&
		    now_ms - lane->touched_ms >= limit_ms)
			return true;
	}
	return false;
}

/*
 * Purges what has gone back into the queue since the last time, to be sent again; `all`: what is under
 * way, too.
 */
static void purge(struct kafka *kafka, bool all)
{
	int flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING;

	if (all)
		flags |= RD_KAFKA_PURGE_F_INFLIGHT;
	if (kafka->lanes.awaited > 0)
		rd_kafka_purge(kafka_producer_handle(kafka->producer), flags);
}

/* What the time demands: giving up, purging, heartbeats. */
static void look_at_clock(struct kafka *kafka)
{
	int64_t now_ms = io_now_ms(kafka->env->io);
	struct error why;

	if (kafka->producer == NULL)
		return;
	if (kafka->stop.on) {
		purge(kafka, now_ms >= kafka->stop.purge_ms);
	} else if (map_n(&kafka->lanes.by_cursor) == 0) {
		return;
	} else if (kafka->barred && is_stuck(kafka, now_ms, BARRED_MS)) {
		kafka_stop(kafka, DELIVERY_FATAL, &kafka->trouble);
	} else if (is_stuck(kafka, now_ms, kafka->options->timeout_ms)) {
		explain_silence(kafka, &why);
		kafka_stop(kafka, DELIVERY_RETRY, &why);
	}
}

/* Sends the heartbeat that is due. */
static void beat(struct kafka *kafka)
{
	int64_t now_ms = io_now_ms(kafka->env->io);

	if (kafka->options->heartbeat_ms == 0 || now_ms < kafka->heartbeat_ms)
		return;
	kafka->heartbeat_ms = now_ms + kafka->options->heartbeat_ms;
	if (kafka->producer != NULL && !kafka->stop.on)
		kafka_send_heartbeat(kafka);
}

/* Ends what has ended; false when the sink was closed meanwhile. */
static bool settle(struct kafka *kafka)
{
	kafka_lanes_settle(&kafka->lanes);
	return !kafka->closed;
}

/* The producer is stopped, and all is known about it: ends everything and makes another. */
static bool finish_stop(struct kafka *kafka)
{
	struct error why;

	bury_producer(kafka);
	kafka_lanes_fail_all(&kafka->lanes);
	/* Now, while `alone` is still the old one's. */
	if (!settle(kafka))
		return false;
	kafka->stop.on = false;
	if (!make_producer(kafka, &why))
		io_log(kafka->env->io, IO_ERROR, "kafka.no_producer sink=%.*s error=\"%s\"",
		       STR_ARG(kafka->env->name), why.text);
	return true;
}

/* Without a producer, makes one, or fails what would need it. */
static void want_producer(struct kafka *kafka)
{
	struct error why;

	if (kafka->producer != NULL || list_empty(&kafka->lanes.ready) ||
	    make_producer(kafka, &why))
		return;
	while (!list_empty(&kafka->lanes.ready))
		kafka_lane_fail(&kafka->lanes,
				list_first(&kafka->lanes.ready, struct kafka_lane, ready_link),
				SLOT_LOCAL, DELIVERY_FATAL, &why);
}

/* Takes events; false when there may be more. */
static bool drain(struct kafka *kafka)
{
	rd_kafka_event_t *event;

	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		event = kafka->producer == NULL ? NULL : kafka_producer_event(kafka->producer, 0);
		if (event == NULL)
			return true;
		kafka_event_take(kafka, event);
		rd_kafka_event_destroy(event);
	}
	return false;
}

/* Sets the timer for the next look at the clock, if anything is to be looked at. */
static void set_timer(struct kafka *kafka, bool soon)
{
	struct io *io = kafka->env->io;
	int64_t now_ms = io_now_ms(io);

	if (soon)
		io_timer_set(io, &kafka->timer, now_ms);
	else if (kafka->stop.on || kafka->grave.burials != NULL ||
		 kafka->options->heartbeat_ms > 0 || map_n(&kafka->lanes.by_cursor) > 0)
		io_timer_set(io, &kafka->timer, now_ms + (kafka->stop.on ? STOP_TICK_MS : TICK_MS));
}

/* Frees a sink that was closed. */
static void kafka_free(struct kafka *kafka)
{
	kafka_form_release(&kafka->form);
	mem_free(kafka);
}

/* One turn: events in, deliveries ended, records out. */
static void turn(struct kafka *kafka)
{
	bool drained;

	kafka->depth++;
	drained = drain(kafka);
	look_at_clock(kafka);
	kafka_grave_tend(&kafka->grave, 0);
	if (kafka->stop.on && kafka->lanes.awaited == 0 && !finish_stop(kafka))
		goto out;
	if (!settle(kafka))
		goto out;
	want_producer(kafka);
	kafka_send_all(kafka);
	beat(kafka);
	/* What could not be handed over is ended in the next turn. */
	set_timer(kafka, !drained || !list_empty(&kafka->lanes.settling));
out:
	kafka->depth--;
	if (kafka->closed && kafka->depth == 0)
		kafka_free(kafka);
}

/* struct io_timer: a turn is due. */
static void on_timer(struct io_timer *timer)
{
	turn(CONTAINER_OF(timer, struct kafka, timer));
}

/* struct sink_type: makes the producer, which begins to connect. */
static struct sink *kafka_open(const struct sink_env *env, const void *options, struct error *err)
{
	const char *claims = ((const struct kafka_options *)options)->claim_check_path;
	struct kafka *kafka;

	if (claims != NULL && !claim_check_usable(claims, err))
		return NULL;
	kafka = mem_alloc(sizeof(*kafka));
	kafka->sink.type = &sink_kafka;
	kafka->env = env;
	kafka->options = options;
	kafka->timer.fire = on_timer;
	kafka_form_init(&kafka->form, options);
	kafka_lanes_init(&kafka->lanes, kafka_event_judge, kafka);
	if (!make_producer(kafka, err)) {
		kafka_lanes_release(&kafka->lanes);
		kafka_free(kafka);
		return NULL;
	}
	return &kafka->sink;
}

/* struct sink_type: hands records over, as far as there is room for them. */
static void kafka_submit(struct sink *sink, struct delivery *delivery)
{
	struct kafka *kafka = CONTAINER_OF(sink, struct kafka, sink);

	kafka->encoder = delivery->encoder;
	kafka_lanes_add(&kafka->lanes, delivery, io_now_ms(kafka->env->io));
	if (kafka->depth > 0)
		return; /* the turn under way sends it, after it has ended what has ended */
	kafka_send_all(kafka);
	set_timer(kafka, kafka->producer == NULL || !list_empty(&kafka->lanes.settling));
}

/* Waits a moment for librdkafka to let go of the deliveries' bytes. */
static void await_reports(struct kafka *kafka)
{
	int64_t until_ms = io_now_ms(kafka->env->io) + CLOSE_REPORTS_MS;

	rd_kafka_purge(kafka_producer_handle(kafka->producer),
		       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
			       RD_KAFKA_PURGE_F_NON_BLOCKING);
	while (kafka->lanes.awaited > 0 && io_now_ms(kafka->env->io) < until_ms) {
		rd_kafka_event_t *event = kafka_producer_event(kafka->producer, 50);

		if (event == NULL)
			continue;
		kafka_event_take(kafka, event);
		rd_kafka_event_destroy(event);
	}
}

/* Waits for the files that are being written. */
static void forget_claims(struct kafka *kafka)
{
	struct kafka_lane *lane;
	size_t at = 0;

	while ((lane = map_next(&kafka->lanes.by_cursor, &at)) != NULL) {
		if (lane->claim == NULL)
			continue;
		claim_check_forget(lane->claim);
		lane->claim = NULL;
		kafka_lane_release(&kafka->lanes, lane, io_now_ms(kafka->env->io));
	}
}

/* struct sink_type: lets go of the producer, within some seconds. */
static void kafka_close(struct sink *sink)
{
	struct kafka *kafka = CONTAINER_OF(sink, struct kafka, sink);

	kafka->closed = true;
	forget_claims(kafka);
	if (kafka->producer != NULL) {
		await_reports(kafka);
		bury_producer(kafka);
	}
	kafka_grave_tend(&kafka->grave, CLOSE_MS);
	kafka_lanes_release(&kafka->lanes);
	io_timer_cancel(kafka->env->io, &kafka->timer);
	if (kafka->depth == 0)
		kafka_free(kafka);
}

/* struct sink_type: a new producer reads certificates and secrets again. */
static void kafka_reopen(struct sink *sink)
{
	struct kafka *kafka = CONTAINER_OF(sink, struct kafka, sink);
	struct error why;

	error_set(&why, ERROR_RETRY, "certificates and secrets are read again");
	kafka_stop(kafka, DELIVERY_RETRY, &why);
}

const struct sink_type sink_kafka = {
	.name = "kafka",
	.help = "produces to Apache Kafka",
	.options = kafka_option_specs,
	.n_options = KAFKA_OPTIONS_N,
	.options_bytes = sizeof(struct kafka_options),
	.headers = true,
	.check = kafka_options_check,
	.warning = kafka_options_warning,
	.permissions = msk_policy,
	.open = kafka_open,
	.submit = kafka_submit,
	.close = kafka_close,
	.reopen = kafka_reopen,
};
