/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who called what: requests by client, operation and table. For tests that compare a program's calls with
 * what it says that it calls.
 */
#ifndef FAKE_CALLS_H
#define FAKE_CALLS_H

#include "base/buf.h"
#include "base/map.h"

enum { FAKE_CALLS_MAX = 1000 };

struct fake_calls {
	struct map counts; /* struct fake_call by key */
	uint64_t dropped; /* requests of combinations that there were too many of */
};

/* Nobody called yet. */
void fake_calls_init(struct fake_calls *calls);

/* Frees it. */
void fake_calls_release(struct fake_calls *calls);

/*
 * Counts one request. Of `agent` ("ddbtap/1.0 ...") the first word counts, without its version; the table
 * is what the body names, in whichever way.
 */
void fake_calls_count(struct fake_calls *calls, struct str agent, struct str operation,
		      struct str body);

/* Appends {"calls":[{"client":...,"operation":...,"table":...,"requests":N},...],"dropped":N}. */
void fake_calls_put(const struct fake_calls *calls, struct buf *out);

#endif
