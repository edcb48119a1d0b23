/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which workers live. One look cannot tell: a worker lives if its heartbeat's counter moves within
 * the lease time. One that shows no sign of life for so long is fenced, as another worker would do,
 * so that it cannot come back with what it remembers. A worker of a Kinesis client has no heartbeat: it
 * lives if the counter of a lease of its moves, and cannot be fenced, but any write of a lease ends its hold.
 *
 *	living_add(&living, owner);		"<worker id>:<incarnation>", as often as wanted
 *	if (living_judge(&living, visit))	takes up to the lease time
 *		... living_is(&living, owner) ...
 *	living_release(&living);
 *
 * A zeroed one is empty.
 */
#ifndef VERBS_LIVING_H
#define VERBS_LIVING_H

#include "consumer/verbs/snapshot.h"

struct living_worker;

struct living {
	struct living_worker *workers;
	size_t n, cap;
	bool quiet; /* does not say that it watches */
};

/* Adds an owner to be judged, once. */
void living_add(struct living *living, struct str owner);

/* Adds the worker of a heartbeat row. */
void living_add_beat(struct living *living, const struct heartbeat *beat);

/* Adds the owner of a lease; one of a Kinesis client is judged by that lease's counter. */
void living_add_owner(struct living *living, const struct snapshot *snapshot,
		      const struct row_view *lease);

/* Adds all workers that a snapshot lists unfenced, and owners of leases that have no heartbeat at all. */
void living_add_all(struct living *living, const struct snapshot *snapshot);

/*
 * Watches them until each was seen alive, or for the lease time; fences the silent. False with
 * visit->why.
 */
bool living_judge(struct living *living, struct visit *visit) MUST_CHECK;

/* Whether an owner that was judged lives. */
bool living_is(const struct living *living, struct str owner);

/* The id of one that lives, or the empty slice. */
struct str living_any(const struct living *living);

/* Frees it. */
void living_release(struct living *living);

/*
 * Whether none of the workers in a snapshot lives; else sets visit->why: `what` cannot be done
 * meanwhile.
 */
bool living_none(const struct snapshot *snapshot, struct visit *visit, const char *what) MUST_CHECK;

#endif
