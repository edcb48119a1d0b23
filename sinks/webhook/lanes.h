/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order per key and parallel across keys, for sinks that send runs of records by requests.
 *
 * Each cursor has so many lanes; a record's lane is chosen by a hash of its item's key. A lane's records
 * are cut into bundles; of a lane one bundle is away at a time, and the next one follows when it has been
 * taken. A gap record, which has no key, is a barrier: it goes out when everything before it was taken,
 * and nothing after it goes out before it was.
 *
 *	delivery 1   a b c a d        lane 0   [a a] [a b]
 *	delivery 2   a d b            lane 1   [b c d] [d]
 *
 * Bundles never reach over deliveries, so how they are composed depends on the delivery alone. A delivery
 * ends when all of its records have: well when they were all taken, and in the order of submission. When
 * a bundle fails, its cursor stops: what is away comes back, what is unsent is dropped (but for what
 * stands before a record that was refused for good, which must be durable before that can be said), and
 * all deliveries of the cursor end as the sink contract has it. Other cursors do not notice. When a cursor
 * begins anew after a failure, its first bundle, which holds what failed, goes alone: else all that follows
 * would go out again with each try, for as long as the trouble lasts.
 *
 * Nothing is sent and no delivery ends inside lanes_submit or lanes_ended, but in a later turn of the
 * loop. All functions belong to the loop's thread.
 */
#ifndef WEBHOOK_LANES_H
#define WEBHOOK_LANES_H

#include "base/arena.h"
#include "consumer/engine/sink.h"

enum { LANES_MAX = 64 };

struct cargo;

/* Records that go out together: some of one delivery, all of one lane, in order. */
struct bundle {
	const struct delivery *delivery;
	const uint32_t *records; /* which of the delivery's */
	uint32_t n;
	unsigned lane;
	/* The lanes' own. */
	struct list link; /* in its lane */
	struct list ready; /* among those that may be sent */
	struct cargo *cargo;
	uint64_t stage; /* of its cursor: nothing of a stage goes out before the former one is through */
	bool is_sent;
};

/* What became of a bundle. */
struct outcome {
	/* As for deliveries. DELIVERY_REJECT says that record number `taken` was refused. */
	enum delivery_result result;
	size_t taken; /* so many of its records, from the start, are durable; all when DELIVERY_OK */
	int64_t retry_after_ms; /* 0: as the engine likes */
	struct error why;
};

struct lanes_options {
	size_t lanes; /* per cursor, 1 to LANES_MAX */
	size_t batch_records, batch_bytes; /* of a bundle; one record may be larger */
	size_t at_once; /* bundles away at most, of all cursors */
	/* Sends a bundle, which lanes_ended brings back; that may happen inside the call. */
	void (*send)(void *arg, struct bundle *bundle);
	void *arg;
};

struct lanes;

/* Empty lanes. `options` is copied. */
struct lanes *lanes_new(struct io *io, const struct lanes_options *options);

/* Frees; deliveries still held are forgotten. May be called by what delivery_done runs. */
void lanes_free(struct lanes *lanes);

/* Takes a delivery. */
void lanes_submit(struct lanes *lanes, struct delivery *delivery);

/* Brings back a bundle, which is gone when this returns. */
void lanes_ended(struct lanes *lanes, struct bundle *bundle, const struct outcome *outcome);

/* The record of a bundle that is number `i` of it, from 0. */
static inline struct str bundle_record(const struct bundle *bundle, size_t i)
{
	return delivery_record(bundle->delivery, bundle->records[i]);
}

/* The event that it was made of. */
static inline const struct event *bundle_event(const struct bundle *bundle, size_t i)
{
	return &bundle->delivery->events[bundle->records[i]];
}

#endif
