/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd, or another supervisor that gave us NOTIFY_SOCKET, wants to hear (sd_notify(3)): that the
 * start is over, that the end has begun, what there is to say about it, and, when it asked for it by
 * WATCHDOG_USEC, that the loop still turns. One datagram each, by hand.
 *
 *	notifier = notify_new(io, status, arg);	NULL when nobody wants to hear: then the rest does nothing
 *	notify_ready(notifier);
 *	notify_stopping(notifier);
 *	notify_free(notifier);
 *
 * Nothing here waits: what the supervisor's queue has no room for is said again later. Belongs to the
 * loop's thread. A loop that hangs says nothing: that is the point.
 */
#ifndef HOST_NOTIFY_H
#define HOST_NOTIFY_H

#include "consumer/engine/io.h"

struct notifier;

/* Appends one line for a person, about what is going on. */
typedef void notify_status_fn(void *arg, struct buf *out);

/*
 * Looks at the environment, and from then on says regularly what `status` appends, from timers of the
 * loop. NULL without NOTIFY_SOCKET, or after logging that it cannot be used.
 */
struct notifier *notify_new(struct io *io, notify_status_fn *status, void *arg);

/* The start is over. */
void notify_ready(struct notifier *notifier);

/* The end has begun. */
void notify_stopping(struct notifier *notifier);

/* Falls silent; NULL is allowed. */
void notify_free(struct notifier *notifier);

#endif
