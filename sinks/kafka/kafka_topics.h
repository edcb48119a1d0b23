/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topics that a producer writes to, by name, each looked up once, and created if that is wanted. They
 * belong to one producer and go before it does.
 */
#ifndef KAFKA_TOPICS_H
#define KAFKA_TOPICS_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/map.h"
#include "sinks/kafka/kafka_options.h"

enum { KAFKA_TOPIC_NAME_MAX = 249, KAFKA_TOPICS_MAX = 10000 };

enum kafka_topic_state {
	KAFKA_TOPIC_READY,
	KAFKA_TOPIC_CREATING, /* the answer is to come as an event */
	KAFKA_TOPIC_FAILED, /* `why` */
};

struct kafka_topic {
	enum kafka_topic_state state;
	rd_kafka_topic_t *rkt;
	int64_t failed_ms; /* when that was */
	struct error why;
	char name[];
};

struct kafka_topics {
	struct map by_name;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue; /* where answers of creations go */
	const struct kafka_options *options;
};

/* Whether Kafka takes `name` for a topic. */
bool kafka_topic_valid(struct str name);

/* No topics of `rk` yet. */
void kafka_topics_init(struct kafka_topics *topics, rd_kafka_t *rk, rd_kafka_queue_t *queue,
		       const struct kafka_options *options);

/* Forgets them all. */
void kafka_topics_release(struct kafka_topics *topics);

/*
 * The topic of that name, which becomes known with this. NULL with `err` set when there cannot be one.
 * One that could not be created is tried again after a while.
 */
struct kafka_topic *kafka_topics_get(struct kafka_topics *topics, struct str name, int64_t now_ms,
				     struct error *err);

/* Has the brokers asked again whether the topic is there; returns at once. */
void kafka_topics_ask(struct kafka_topics *topics, struct kafka_topic *topic);

/* Takes the answer to a creation: the topic is ready, or has failed. */
void kafka_topics_created(rd_kafka_event_t *event, int64_t now_ms);

#endif
