/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that produces records to Kafka and acknowledges them by delivery reports. See kafka.md.
 */
#ifndef SINKS_KAFKA_H
#define SINKS_KAFKA_H

#include "consumer/engine/sink.h"

extern const struct sink_type sink_kafka;

#endif
