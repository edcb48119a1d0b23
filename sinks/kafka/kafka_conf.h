/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink's options as librdkafka's configuration. Settings that the sink's promises rest on are ours
 * alone:
 *
 *   enable.idempotence, acks=all	order and no doubles within one producer's life
 *   enable.gapless.guarantee		after a record that a broker refuses, none behind it gets through
 *   message.timeout.ms=0		librdkafka never gives up on one record and goes on with the next
 */
#ifndef KAFKA_CONF_H
#define KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "sinks/kafka/kafka_options.h"

/* The facility of the log line in which librdkafka says why a broker's certificate was not accepted. */
#define KAFKA_CERTIFICATE_LOG "SSLCERTVRFY"

/*
 * Makes a configuration, to be taken over by kafka_producer_new; reads the files with secrets. With
 * `alone` each record has a request of its own. NULL with `err` set when something cannot be used.
 */
rd_kafka_conf_t *kafka_conf_new(const struct kafka_options *options, const struct sink_env *env,
				bool alone, struct error *err);

/* Whether librdkafka takes the settings that are handed through; looks at no file. */
bool kafka_conf_try(const struct kafka_options *options, struct error *err);

/* struct option_spec: why a setting cannot be handed through to librdkafka; NULL: it can. */
const char *kafka_conf_check_name(struct str name);

#endif
