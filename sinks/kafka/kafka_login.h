/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens for librdkafka, which asks for one before it connects and again before it expires: from a
 * file, or made for Amazon MSK. On the loop's thread.
 */
#ifndef KAFKA_LOGIN_H
#define KAFKA_LOGIN_H

#include <librdkafka/rdkafka.h>

#include "sinks/kafka/kafka_options.h"

/* Answers one request for a token; what goes wrong is logged, told librdkafka, and left in `why` (false). */
bool kafka_login_renew(rd_kafka_t *rk, const struct sink_env *env,
		       const struct kafka_options *options, struct error *why);

/*
 * When a JSON Web Token expires, by its own claim "exp", in milliseconds since 1970; 0 when `token` is none
 * or does not say.
 */
int64_t kafka_login_expiry(struct str token);

#endif
