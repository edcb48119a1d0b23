/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading forward in a shard without delivering anything: what follows a position, and where a time
 * is. Reads are billed, and count against what the service lets the shard's readers have.
 */
#ifndef VERBS_FORWARD_H
#define VERBS_FORWARD_H

#include "consumer/verbs/visit.h"

enum forward_end {
	FORWARD_FOUND, /* a record that is late enough */
	FORWARD_TIP, /* nothing follows yet: the shard is open */
	FORWARD_SHARD_END, /* nothing follows: the shard is closed */
	FORWARD_TRIMMED, /* the position is older than what the stream keeps */
	FORWARD_GONE, /* the service does not know the shard any more */
};

/* What to look for, and what was found. */
struct forward {
	struct str stream_arn, shard;
	struct position from; /* read from here on */
	int64_t since_wall_ms; /* the first record of this time or later; 0: the first of all */
	unsigned limit; /* records a page; 0: the service's own */
	/* Optional, after each page; false, with visit->why, ends the reading. */
	bool (*paged)(void *arg, const struct forward *forward);
	void *arg;
	enum forward_end end;
	struct position
		before; /* the last record before the one that was found; `from` if there is none */
	int64_t wall_ms; /* FORWARD_FOUND: the time of the record; else of the last one read, 0: none */
	uint64_t records; /* read so far */
};

/* Reads; false with visit->why. */
bool forward_find(struct visit *visit, struct forward *forward) MUST_CHECK;

#endif
