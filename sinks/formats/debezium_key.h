/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item's key as Debezium wants it: named fields in a fixed order, all of them text. The hash key
 * comes first, then the range key; where the names are not known, fields come by name.
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
	const char *fault; /* why attributes were left out, static words; NULL: none was */
	struct buf text;
};

/* An empty key. */
void debezium_key_init(struct debezium_key *key);

/* Frees what the key holds. */
void debezium_key_release(struct debezium_key *key);

/*
 * Reads `keys`, the JSON object of an event; without one (n == 0) the names alone, as far as `names`
 * (may be NULL) has them. The values of secret attributes are replaced by their hash when the rules
 * mask: they still tell items apart.
 */
void debezium_key_read(struct debezium_key *key, const struct image_rules *rules,
		       const struct key_names *names, struct str keys);

/* Appends the members of the key as a JSON object has them: "id":"a","sort":"7". */
void debezium_key_put_members(const struct debezium_key *key, struct buf *out);

#endif
