/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page /readyz: "ready", or a line for each reason why not, which names what it is about and
 * says what to do.
 *
 *	readiness_init(&readiness, io_now_ms(io));
 *	engine_health(engine, readiness_add, &readiness);
 *	... readiness.n == 0 ...
 *	readiness_put(&readiness, out);
 *	readiness_release(&readiness);
 */
#ifndef VERBS_READINESS_H
#define VERBS_READINESS_H

#include "consumer/engine/engine.h"

enum { READINESS_LINES_MAX = 100 }; /* what is more is only counted */

struct readiness {
	int64_t now_ms;
	size_t n; /* reasons */
	uint64_t ills[ENGINE_ILLS]; /* by kind */
	struct buf lines; /* of the first READINESS_LINES_MAX, each with its '\n' */
};

/* No reason yet. */
void readiness_init(struct readiness *readiness, int64_t now_ms);

/* Takes one reason; `arg` is the readiness. */
void readiness_add(void *arg, const struct engine_reason *reason);

/* The first reason's line, without its end; empty when there is none. */
struct str readiness_first(const struct readiness *readiness);

/* Appends the page. */
void readiness_put(const struct readiness *readiness, struct buf *out);

/* Frees the lines. */
void readiness_release(struct readiness *readiness);

#endif
