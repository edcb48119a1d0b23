/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request to a process of this machine or its network, awaited: no proxy, no redirect, no
 * second try.
 */
#ifndef HOST_PROBE_H
#define HOST_PROBE_H

#include "base/buf.h"
#include "base/err.h"

struct probe {
	const char *url;
	int64_t timeout_ms; /* for all of it */
	struct buf *answer; /* gets the body, as far as it has room */
	int status; /* HTTP's, when it was answered */
};

/* Asks. False with `err` when nobody answers, or not in HTTP, or not in time. */
bool probe_ask(struct probe *probe, struct error *err) MUST_CHECK;

#endif
