/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One answer on its way out: status and body, and the head that the real service puts before it.
 */
#ifndef FAKE_REPLY_H
#define FAKE_REPLY_H

#include "base/buf.h"
#include "base/rng.h"

enum { FAKE_REPLY_MAX = 64 * 1024 * 1024 };

struct fake_reply {
	unsigned status;
	struct str content_type; /* static words */
	struct buf body;
	bool keep_alive;
	bool bad_crc; /* x-amz-crc32 shall not fit the body */
};

/* An empty answer of status 200 that says JSON 1.0. */
void fake_reply_init(struct fake_reply *reply);

/* Frees the body. */
void fake_reply_release(struct fake_reply *reply);

/* Makes it empty again and keeps the memory, unless it is much. */
void fake_reply_clear(struct fake_reply *reply);

/* Fills in an error as the service words it: `type` is "prefix#Code". */
void fake_reply_error(struct fake_reply *reply, unsigned status, const char *type, const char *fmt,
		      ...) __attribute__((format(printf, 4, 5)));

/* Appends the status line and headers to `head`; `now_ms` is for Date, `ids` for the request id. */
void fake_reply_head(const struct fake_reply *reply, int64_t now_ms, struct rng *ids,
		     struct buf *head);

#endif
