/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka sink's state, which kafka.c (life and turns), kafka_send.c (records out) and kafka_event.c
 * (reports in) share.
 *
 *	running --(a record is refused, a fatal error, no progress, SIGHUP)--> stopping
 *	stopping: nothing is handed over; what is queued is purged; what is under way is waited for, and
 *		  purged when that takes too long
 *	stopping --(no report is awaited any more)--> everything held is ended; a new producer: running
 *
 * Order rests on this: a producer of which one record failed never gets another one through, and its
 * successor starts when all is known about it. Everything belongs to the loop's thread.
 */
#ifndef KAFKA_SINK_H
#define KAFKA_SINK_H

#include "sinks/kafka/kafka_lane.h"
#include "sinks/kafka/kafka_producer.h"
#include "sinks/kafka/kafka_record.h"
#include "sinks/kafka/kafka_topics.h"

/* Why and how far the producer is being stopped. */
struct kafka_stop {
	bool on;
	int64_t purge_ms; /* when what is under way is given up, too */
	enum delivery_result result; /* of the deliveries that are not to blame themselves */
	struct error why;
};

struct kafka {
	struct sink sink;
	const struct sink_env *env;
	const struct kafka_options *options;
	struct kafka_form form;
	struct kafka_lanes lanes;
	struct kafka_producer *producer; /* NULL: none could be made; tried again with each turn */
	struct kafka_topics topics; /* the producer's */
	struct kafka_grave grave;
	struct kafka_stop stop;
	struct io_timer timer;
	bool alone; /* the producer sends each record in a request of its own */
	int64_t alone_until_ms;
	struct error trouble; /* with connections, since a record was acknowledged */
	char certificate[200]; /* what was wrong with a broker's certificate, if anything */
	bool barred; /* which a person has to mend */
	size_t claims_n; /* files being written */
	const struct encoder *encoder; /* of the last delivery, for heartbeats */
	int64_t heartbeat_ms; /* when the next one is due */
	unsigned depth; /* calls under way that use us after they called the engine */
	bool closed;
};

/* Begins to stop the producer, unless that is under way. */
void kafka_stop(struct kafka *kafka, enum delivery_result result, const struct error *why);

/* Has a turn run soon. */
void kafka_turn_soon(struct kafka *kafka);

/* Hands over what can be. */
void kafka_send_all(struct kafka *kafka);

/* Sends a heartbeat, if the format has one and its topic is ready. */
void kafka_send_heartbeat(struct kafka *kafka);

/* Takes one event of the producer's. */
void kafka_event_take(struct kafka *kafka, rd_kafka_event_t *event);

/* kafka_judge_fn. */
void kafka_event_judge(void *arg, const struct parcel *parcel, size_t i,
		       enum delivery_result *result, struct error *why);

#endif
