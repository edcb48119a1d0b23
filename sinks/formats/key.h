/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The primary key of an event as bytes: for records with keys, for lanes, for names made from it. In
 * this folder so that sinks and formats may both use it.
 *
 * The canonical form is JSON: {"pk":{"S":"x"},"sk":{"N":"1"}}. The hash key comes first, then the range
 * key, by the names of source->key_names; where these are not known, attributes come by the byte order
 * of their names. There are no blanks, and strings are escaped in one way whatever escapes the service
 * used, so that the same key always gives the same bytes. Invalid UTF-8 and lone surrogates become
 * U+FFFD. Numbers stay the text that was received: the service always writes a number in one way,
 * whatever a client wrote ("1.0" comes back as "1"), so equal numbers are equal texts. A writer that
 * did otherwise would have "1" and "1.0" taken for two keys.
 *
 * An event without key (a gap record) has nothing: all functions append nothing for it. They own
 * nothing and keep nothing; any thread may call them.
 */
#ifndef FORMATS_KEY_H
#define FORMATS_KEY_H

#include "base/buf.h"
#include "consumer/change/event.h"

/* A key has two attributes at most; what an emulator gives beyond this stays in the order received. */
enum { KEY_ATTRIBUTES_MAX = 8 };

/* Appends the canonical form. */
void key_put(const struct source *source, const struct event *event, struct buf *out);

/*
 * Appends the value of the hash key alone, as plain text: an S unescaped, an N as received, a B in
 * base64. Where its name is not known it is the attribute that comes first in the canonical form.
 */
void key_put_partition(const struct source *source, const struct event *event, struct buf *out);

/* Appends the value of the key attribute `name` likewise; false when the key has none. */
bool key_put_attribute(const struct event *event, struct str name, struct buf *out);

/*
 * Appends any JSON text, which must be well-formed, in the canonical way: no blanks, each string
 * escaped in one way, numbers and the order of members as they are.
 */
void key_put_json(struct str text, struct buf *out);

/* A hash of a key's bytes that is the same in every run and on every machine: for lanes. */
uint32_t key_hash32(struct str key);

#endif
