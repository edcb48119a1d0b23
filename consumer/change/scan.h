/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scanner of GetRecords answers: one pass over the body, no tree, events as slices into it.
 *
 * Pure: bytes in, slices out. Unknown members are skipped. A record that lacks what every record has
 * (eventName, SequenceNumber, Keys) makes the whole page malformed: it is never skipped in silence.
 */
#ifndef CHANGE_SCAN_H
#define CHANGE_SCAN_H

#include "base/arena.h"
#include "base/err.h"
#include "consumer/change/event.h"

enum { SCAN_EVENTS_MAX = 10000 };

struct page {
	struct event *events; /* in the arena */
	size_t n;
	struct str
		next_iterator; /* raw JSON string body; n == 0: the shard is closed and this is its end */
};

/*
 * Scans `body`, which must outlive `*out` and be followed by MEM_PADDING readable bytes. On malformed
 * input returns false with ERROR_DATA, naming what and at which byte.
 */
bool scan_page(struct arena *arena, struct str body, struct page *out, struct error *err);

#endif
