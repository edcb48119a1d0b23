/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item's key as Debezium wants it: named fields in the canonical order of key.h, all of them
 * text.
 *
 * The memory is kept from event to event. Names and texts are slices of `text`, good until the next
 * debezium_key_read.
 */
#ifndef FORMATS_DEBEZIUM_KEY_H
#define FORMATS_DEBEZIUM_KEY_H

#include "consumer/change/event.h"
#include "sinks/formats/image.h"

/* A key has two attributes at most; the rest is for what an emulator may invent. */
enum { DEBEZIUM_FIELDS_MAX = 8 };

/* One attribute of a key, both parts unescaped. */
struct debezium_field {
	struct str name;
	struct str value;
};

struct debezium_key {
	struct debezium_field fields[DEBEZIUM_FIELDS_MAX];
	size_t n;
	bool known; /* the values are there too, not only the names */
	const char *fault; /* why something was left out, static words; NULL: nothing was */
	struct buf text;
	struct buf canonical; /* the key as sinks/formats/key.h writes it */
};

/* An empty key. */
void debezium_key_init(struct debezium_key *key);

/* Frees what the key holds. */
void debezium_key_release(struct debezium_key *key);

/*
 * Reads an event's key; of one without (a gap record) and of one that is far too long the names alone, as
 * far as they are known. The values of secret attributes are replaced by their hash when the rules mask:
 * they still tell items apart.
 */
void debezium_key_read(struct debezium_key *key, const struct image_rules *rules,
		       const struct source *source, const struct event *event);

/* Appends the members of the key as a JSON object has them: "id":"a","sort":"7". */
void debezium_key_put_members(const struct debezium_key *key, struct buf *out);

#endif
