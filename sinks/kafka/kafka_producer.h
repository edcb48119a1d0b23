/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One librdkafka producer, its events brought to the loop's thread.
 *
 * Whatever librdkafka has to say (delivery reports, errors, log lines, tokens to be renewed) goes into its
 * one queue. When that stops being empty, a thread of librdkafka's calls us, and that only posts: the
 * queue is emptied on the loop's thread, a bounded number of events at a time.
 *
 * A producer can take long to go: a thread of its own may be in the resolver. Hence it is destroyed on a
 * thread (struct kafka_grave), for which only the sink's end waits, and not for ever.
 */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "consumer/engine/io.h"

struct kafka_producer;

/* Where producers go. All zero: empty. */
struct kafka_grave {
	struct kafka_burial *burials;
};

/*
 * Makes a producer of `conf`, which is gone in any case; NULL with `err` set when librdkafka refuses.
 * `turn` runs on the loop's thread when there are events.
 */
struct kafka_producer *kafka_producer_new(struct io *io, rd_kafka_conf_t *conf,
					  void (*turn)(void *arg), void *arg, struct error *err);

/* librdkafka's own handle. */
rd_kafka_t *kafka_producer_handle(const struct kafka_producer *producer);

/* The queue in which answers of its administrative calls are wanted. */
rd_kafka_queue_t *kafka_producer_queue(const struct kafka_producer *producer);

/* The next event, to be destroyed by the caller; NULL: none within `wait_ms`. */
rd_kafka_event_t *kafka_producer_event(struct kafka_producer *producer, int wait_ms);

/* Has `turn` run soon. */
void kafka_producer_wake(struct kafka_producer *producer);

/*
 * Has the producer destroyed; the caller has destroyed its topics and events. `turn` does not run any
 * more.
 */
void kafka_producer_bury(struct kafka_producer *producer, struct kafka_grave *grave);

/* Frees what has been destroyed by now; with `patience_ms` waits so long for the rest, and lets go of it. */
void kafka_grave_tend(struct kafka_grave *grave, int64_t patience_ms);

#endif
