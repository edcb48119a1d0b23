/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before trying again: full jitter under a growing cap, and one token bucket for all
 * requests of an engine, which turns a service's bad day into slow retries instead of a storm. This is
 * the only place that knows; nothing below the engine retries.
 */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include "consumer/engine/io.h"

enum retry_class {
	RETRY_THROTTLED, /* base 1 s, cap 20 s */
	RETRY_TRANSIENT, /* base 50 ms, cap 20 s */
	RETRY_SLOW, /* a person has to act: base 5 s, cap 60 s */
	RETRY_SINK, /* base 250 ms, cap 30 s */
};

struct retry {
	int64_t tokens;
};

/* A full bucket. */
void retry_init(struct retry *retry);

/* A success refills the bucket a little. */
void retry_success(struct retry *retry);

/*
 * Milliseconds to wait before try number `attempt` (the first repetition is 1): random between 0 and
 * base * 2^(attempt-1), but at most the cap; with an empty bucket, between half the cap and the cap.
 */
int64_t retry_delay_ms(struct retry *retry, struct io *io, enum retry_class class,
		       unsigned attempt);

#endif
