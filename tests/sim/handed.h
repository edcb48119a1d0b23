/* SPDX-License-Identifier: Apache-2.0 */
/* What a scripted sink knows of the deliveries that it holds: what each counted for when it was handed over. */
#ifndef SIM_HANDED_H
#define SIM_HANDED_H

#include "consumer/engine/sink.h"

struct handed {
	struct list link;
	const struct delivery *delivery;
	int64_t generation, epoch; /* of the sink, and of the shard's replay */
	uint64_t token; /* the oracle's */
};

/* Takes note of a delivery; `what` says what of it, and is copied. */
void handed_note(struct list *list, const struct handed *what);

/* What was noted of the delivery, which there must be. */
const struct handed *handed_find(const struct list *list, const struct delivery *delivery);

/* The delivery ends: forgets it. */
void handed_end(struct list *list, const struct delivery *delivery);

/* Forgets all. */
void handed_release(struct list *list);

#endif
