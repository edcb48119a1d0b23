/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast DescribeStream is asked: one pace for all streams and tables of the process.
 *
 * The service allows ten of them a second for a whole account and region. We ask five, which leaves as
 * many for others; a few may go in a row, so that no second ever sees more than nine of ours. Lookups of
 * children go before pages of listings, and pages leave some of the row to them. When the service
 * throttles, everything becomes slower, and faster again little by little.
 *
 * Who wants to ask waits with a ticket of its own; its `go` is called from the loop, never from within
 * pace_wait, and then exactly one request may be sent.
 */
#ifndef ENGINE_PACE_H
#define ENGINE_PACE_H

#include "consumer/engine/call.h"

struct pace_ticket {
	struct list link; /* in the pace; initialised by pace_ticket_init */
	void (*go)(struct pace_ticket *ticket);
};

struct pace {
	struct io *io;
	struct list lookups, pages; /* struct pace_ticket, in order */
	struct io_timer timer;
	int64_t interval_ms; /* between requests, in the long run */
	int64_t credit_ms; /* saved up, as of counted_ms: a request costs interval_ms */
	int64_t counted_ms;
	int64_t slowed_ms; /* when it last became slower; 0: never */
};

/* A pace at its usual speed. */
void pace_init(struct pace *pace, struct io *io);

/* A ticket that does not wait. */
void pace_ticket_init(struct pace_ticket *ticket, void (*go)(struct pace_ticket *ticket));

/* Waits for a lookup of children, or for a page of a listing; a ticket that waits already stays. */
void pace_wait(struct pace *pace, struct pace_ticket *ticket, bool lookup);

/* Waits no longer; one that does not wait is fine. */
void pace_leave(struct pace_ticket *ticket);

/* A DescribeStream came to its end: slower after throttling, a little faster after an answer. */
void pace_judge(struct pace *pace, const struct call *call);

/* Ends the pace; all tickets must have left. */
void pace_release(struct pace *pace);

#endif
