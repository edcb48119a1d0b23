/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as a Kafka message: its topic's name, its key, its headers, its time, and whether a tombstone
 * follows.
 */
#ifndef KAFKA_RECORD_H
#define KAFKA_RECORD_H

#include <librdkafka/rdkafka.h>

#include "sinks/kafka/kafka_options.h"
#include "sinks/template.h"

/* How messages are made; one per sink. */
struct kafka_form {
	const struct kafka_options *options;
	struct template topic, key;
	struct buf topic_text, key_text, text; /* of the record at hand */
};

/* Reads the templates, which the option table has checked; they stay the options'. */
void kafka_form_init(struct kafka_form *form, const struct kafka_options *options);

/* Frees the buffers. */
void kafka_form_release(struct kafka_form *form);

/* struct option_spec: as template_check, for a template that makes topics. */
const char *kafka_topic_template_check(struct str text);

/* Appends the name of the topic that heartbeats go to. */
void kafka_heartbeat_topic(const struct kafka_options *options, struct str application,
			   struct buf *out);

/* The name of the topic of record `i`; valid until the next call. */
struct str kafka_form_topic(struct kafka_form *form, const struct delivery *delivery, size_t i);

/* The key of record `i`, of length 0 when it has none; valid until the next call. */
struct str kafka_form_key(struct kafka_form *form, const struct delivery *delivery, size_t i);

/*
 * The headers of record `i`, for the caller to destroy or to give to librdkafka; NULL: none. `claimed`: the
 * message holds the pointer to the value.
 */
rd_kafka_headers_t *kafka_form_headers(struct kafka_form *form, const struct delivery *delivery,
				       size_t i, bool claimed);

/* The time to stamp record `i` with, in milliseconds since 1970; 0: that of sending. */
int64_t kafka_form_time(const struct kafka_form *form, const struct event *event);

/* Whether a message with the same key and no value follows the record; `key` is the record's. */
bool kafka_form_tombstone(const struct kafka_form *form, const struct delivery *delivery, size_t i,
			  struct str key);

#endif
