/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a record that a sink does not take.
 *
 * A delivery that was refused without a word about which record it was, or that went over the limits of
 * tries or age, is bisected: what comes next is half of what is under suspicion, one delivery at a time,
 * and each refusal makes the half that was refused the suspicion. What is fine passes; the record that is
 * not stands alone in the end: the poison. It gets a dead letter (letter.h), or it blocks its shard for
 * its sink and is tried again, slowly, for ever. After it, deliveries begin at one record and double, for
 * poison comes in swarms.
 *
 * All of it is kept as positions: it outlives the batches, which a detached cursor reads again.
 */
#ifndef ENGINE_POISON_H
#define ENGINE_POISON_H

#include "consumer/engine/state.h"

enum verdict {
	VERDICT_RETRY, /* the same again, later */
	VERDICT_NARROW, /* some of it is refused: half of it next */
	VERDICT_POISON, /* the record at the frontier is refused */
};

/*
 * What follows from a delivery's bad end, whose acknowledged part is taken in already. Counts a try of
 * the record at the frontier.
 */
enum verdict poison_judge(struct cursor *cu, const struct flight *flight);

/* How many of the link's next events a delivery may hold now. */
size_t poison_records_max(struct cursor *cu, const struct link *link);

/* Whether deliveries are kept small, and go one at a time. */
bool poison_careful(const struct cursor *cu);

/* The frontier has moved: `whole` when a delivery ended well. */
void poison_passed(struct cursor *cu, bool whole);

/* The record at the frontier was passed by a dead letter. */
void poison_buried(struct cursor *cu);

/* Forgets every suspicion. */
void poison_reset(struct cursor *cu);

/* Says once that the record at the frontier blocks the cursor, and what a person can do about it. */
void poison_blocks(struct cursor *cu, const struct flight *flight);

#endif
