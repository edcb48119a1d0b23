/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that posts records to an HTTP receiver and acknowledges them by its 2xx. See webhook.md.
 */
#ifndef SINKS_WEBHOOK_H
#define SINKS_WEBHOOK_H

#include "consumer/engine/sink.h"

extern const struct sink_type sink_webhook;

#endif
