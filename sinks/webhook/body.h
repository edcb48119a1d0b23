/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one request says: its body, its media type, its id, and what travels beside the record.
 */
#ifndef WEBHOOK_BODY_H
#define WEBHOOK_BODY_H

#include "sinks/webhook/lanes.h"
#include "sinks/webhook/requesthead.h"

enum { BODY_ID_N = 36, BODY_BYTES_MAX = 1 << 30 };

/* Whose requests they are; goes into their ids. */
struct body_sender {
	struct str application, sink;
	size_t lanes; /* per cursor */
};

/* Whether the bundle goes out as one bare record: asked for, or because its form knows no batches. */
bool body_is_single(const struct bundle *bundle, size_t batch_records);

/* Appends the body: the record without its line end, or all of them in the form's batch. */
void body_add(const struct bundle *bundle, bool single, struct buf *out);

/* Adds Content-Type, and a single record's attributes. */
void body_add_headers(const struct bundle *bundle, bool single, struct requesthead *head);

/*
 * Sets `id` to the message's id: the same for the same records of the same shard in the same lane, in
 * every process; BODY_ID_N bytes and a NUL.
 */
void body_id(const struct body_sender *sender, const struct bundle *bundle, char *id);

#endif
