/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be configured of the Kafka sink: the struct, its option table, and whether options go together.
 */
#ifndef KAFKA_OPTIONS_H
#define KAFKA_OPTIONS_H

#include "config/option.h"
#include "consumer/engine/sink.h"

/* Of which part of a change the message's key is made; in the order of the words. */
enum kafka_key { KAFKA_KEY_PRIMARY, KAFKA_KEY_PARTITION, KAFKA_KEY_TEMPLATE, KAFKA_KEY_NONE };
enum kafka_tombstones { KAFKA_TOMBSTONES_AUTO, KAFKA_TOMBSTONES_ALWAYS, KAFKA_TOMBSTONES_NEVER };
enum kafka_timestamp { KAFKA_TIMESTAMP_EVENT, KAFKA_TIMESTAMP_PRODUCER };
enum kafka_oversize { KAFKA_OVERSIZE_REJECT, KAFKA_OVERSIZE_CLAIM_CHECK };
enum kafka_sasl {
	KAFKA_SASL_NONE,
	KAFKA_SASL_PLAIN,
	KAFKA_SASL_SCRAM_256,
	KAFKA_SASL_SCRAM_512,
	KAFKA_SASL_OAUTHBEARER,
	KAFKA_SASL_MSK_IAM,
};

struct kafka_options {
	struct texts brokers;
	char *topic;
	int key; /* enum kafka_key */
	char *key_template;
	int partitioner, compression; /* indices into librdkafka's own words */
	int64_t linger_ms, batch_bytes, timeout_ms;
	int tombstones, timestamp; /* enum kafka_tombstones, enum kafka_timestamp */
	bool headers;
	int64_t heartbeat_ms;
	char *heartbeat_topic;
	bool create_topics;
	int64_t topic_partitions, topic_replication;
	int topic_cleanup;
	int64_t max_message_bytes;
	int oversize; /* enum kafka_oversize */
	char *claim_check_path;
	bool tls;
	char *ca_file, *client_cert, *client_key, *client_key_password_file;
	int sasl; /* enum kafka_sasl */
	char *username, *password_file, *oauth_token_file, *region;
	struct pairs librdkafka;
};

extern const char *const kafka_partitioner_words[];
extern const char *const kafka_compression_words[];
extern const char *const kafka_cleanup_words[];

enum { KAFKA_OPTIONS_N = 32 };

extern const struct option_spec kafka_option_specs[KAFKA_OPTIONS_N];

/* struct sink_type: whether the options go together. */
bool kafka_options_check(const void *options, const struct format_type *format,
			 struct option_fault *fault);

/* struct sink_type: what is unwise about them. */
const char *kafka_options_warning(const void *options);

#endif
