/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What librdkafka's and the brokers' errors mean: for a record, for all of the sink, and in one sentence.
 * Pure.
 */
#ifndef KAFKA_ERROR_H
#define KAFKA_ERROR_H

#include <librdkafka/rdkafka.h>

#include "sinks/kafka/kafka_options.h"

/* What a record's failure says. */
enum kafka_blame {
	KAFKA_BLAME_NOBODY, /* the record was only in company of one that failed, or was not sent */
	KAFKA_BLAME_WORLD, /* passing trouble */
	KAFKA_BLAME_BATCH, /* this record or one in the same batch is not acceptable */
	KAFKA_BLAME_TOPIC, /* there is no such topic */
	KAFKA_BLAME_PERSON, /* somebody has to act */
};

/* What a record's error says. */
enum kafka_blame kafka_error_blame(rd_kafka_resp_err_t code);

/*
 * The code that fits an error of a connection: an alert that TLS 1.3 brings only after the handshake is given
 * out as a broken connection.
 */
rd_kafka_resp_err_t kafka_error_kind(rd_kafka_resp_err_t code, const char *words);

/* Whether an error, of a connection, is one that no waiting mends: login, certificates. */
bool kafka_error_bars(rd_kafka_resp_err_t code);

/* The sentence for the error of a record that goes to `topic`. */
void kafka_error_record(rd_kafka_resp_err_t code, const char *topic,
			const struct kafka_options *options, struct error *why);

/*
 * The sentence for the error of a connection; `words` are librdkafka's. `version` is librdkafka's own,
 * as rd_kafka_version gives it.
 */
void kafka_error_connection(rd_kafka_resp_err_t code, const char *words, int version,
			    const struct kafka_options *options, struct error *why);

/* Appends words that others wrote so that they fit into a log line: one line, no double quotes. */
void kafka_error_words(const char *words, struct buf *out);

#endif
