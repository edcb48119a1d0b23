/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemas of Debezium records, as Kafka Connect's JSON converter writes them. They depend on the
 * table and on the names of its key attributes, never on what is in an item.
 */
#ifndef FORMATS_DEBEZIUM_SCHEMA_H
#define FORMATS_DEBEZIUM_SCHEMA_H

#include "sinks/formats/debezium.h"
#include "sinks/formats/debezium_key.h"

/* The schemas' names: PREFIX.TABLE.Key, .Value and .Envelope. */
struct debezium_name {
	struct str prefix;
	struct str table;
};

/* The field of a row that holds the item: "item", with as many "_" behind it as no key attribute has. */
void debezium_put_item_name(const struct debezium_key *key, struct buf *out);

/* Appends the schema of a record's key. */
void debezium_put_key_schema(const struct debezium_name *name, const struct debezium_key *key,
			     struct buf *out);

/* Appends the schema of a record's value; `images` says what `before` and `after` are. */
void debezium_put_envelope_schema(const struct debezium_name *name, enum debezium_images images,
				  const struct debezium_key *key, struct buf *out);

/* The schemas of a heartbeat. */
extern const char debezium_heartbeat_key_schema[], debezium_heartbeat_schema[];

#endif
