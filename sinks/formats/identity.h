/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names an event, and the item that it is about, in the same way in every format. Pure; any thread
 * may call these.
 */
#ifndef FORMATS_IDENTITY_H
#define FORMATS_IDENTITY_H

#include "consumer/change/event.h"
#include "sinks/formats/image.h"

/*
 * Appends the event's identity as a JSON string with quotes. It is the same for each delivery: the
 * stream's own eventID, still escaped as it came; "gap:SHARD:AFTER:REASON" of a gap record; SHARD:SEQ
 * where an emulator gives none.
 */
void identity_put_id(const struct source *source, const struct event *event, struct buf *out);

/* Appends the same as plain text, in valid UTF-8. */
void identity_put_plain_id(const struct source *source, const struct event *event, struct buf *out);

/* Whether the event's key has an attribute that is, or may hold, a secret that the rules hide. */
bool identity_key_is_secret(const struct image_rules *rules, const struct event *event);

/*
 * Appends the key of the event's item, as key_put does. Of a key with a secret it appends
 * {"sha256":"..."}, the digest of that in hexadecimal: it still tells items apart, and is always the
 * same.
 */
void identity_put_key(const struct image_rules *rules, const struct source *source,
		      const struct event *event, struct buf *out);

#endif
