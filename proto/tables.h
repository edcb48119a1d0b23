/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables behind proto/schema.h. Private to this folder: the loader fills them, the transcoder
 * reads them. All of it lies in the schema's arena.
 */
#ifndef PROTO_TABLES_H
#define PROTO_TABLES_H

#include "base/arena.h"
#include "base/map.h"
#include "proto/schema.h"
#include "proto/wire_reader.h"

/* What a field is shown as: its type, unless an overlay says otherwise. */
enum field_kind {
	FIELD_DOUBLE,
	FIELD_FLOAT,
	FIELD_INT32, /* int32 */
	FIELD_UINT32,
	FIELD_SINT32,
	FIELD_FIXED32,
	FIELD_SFIXED32,
	FIELD_INT64,
	FIELD_UINT64,
	FIELD_SINT64,
	FIELD_FIXED64,
	FIELD_SFIXED64,
	FIELD_BOOL,
	FIELD_ENUM,
	FIELD_STRING,
	FIELD_BYTES,
	FIELD_MESSAGE, /* a group, too */
	FIELD_MAP,
	FIELD_HEX,
	FIELD_BY_TYPE,
	FIELD_EITHER,
};

struct enum_value {
	int32_t number;
	uint32_t order; /* of declaration */
	struct str text; /* the name as JSON, with quotes */
};

struct enum_type {
	struct str name;
	struct enum_value *values; /* by number; of aliases the one declared first */
	size_t n_values;
	int32_t first; /* what a field of this type is by default */
};

/* How FIELD_BY_TYPE finds its message. */
struct choice {
	const struct message *type_message;
	uint32_t type_number;
	struct map messages; /* value of the type field -> struct message */
	struct choice *next; /* of the schema's */
};

struct field {
	uint32_t number;
	enum field_kind kind;
	enum wire_type wire;
	bool repeated; /* not set for maps */
	bool masked;
	bool packable; /* a repeated scalar: may come packed as well */
	unsigned oneof; /* 1 + index of the oneof that it is in, or 0 */
	struct str name;
	struct str member; /* `,"name":` */
	const struct message *sub;
	const struct enum_type *enums;
	const struct choice *choice;
};

struct message {
	struct str name;
	struct field *fields; /* by number */
	uint32_t n_fields;
	uint32_t n_direct;
	const uint16_t *direct; /* for numbers below n_direct: 1 + index into fields, or 0 */
	unsigned n_oneofs;
	struct str unknown_member; /* `,"unknown_fields":` */
	bool careful; /* cannot be shown by the quick way, whatever the wire */
	bool map_entry;
	bool secrets;
};

struct schema {
	struct arena arena;
	struct map messages, enums; /* by full name */
	struct choice *choices; /* the last one first */
	const struct message **sorted;
	size_t n_sorted;
};

/* What the quick way can follow: it notes the oneofs that it met in one 64-bit word. */
enum { ONEOFS_QUICK_MAX = 64 };

/* The field with this number, or NULL. */
const struct field *message_far_field(const struct message *message, uint32_t number);

/* The same, quick for small numbers. */
static inline const struct field *message_field(const struct message *message, uint32_t number)
{
	uint16_t at;

	if (number >= message->n_direct)
		return message_far_field(message, number);
	at = message->direct[number];
	return at == 0 ? NULL : &message->fields[at - 1];
}

/* The name of an enum's number as JSON, or STR_NONE. */
struct str enum_text(const struct enum_type *type, int32_t number);

/* Makes fields what the overlays say, and marks the messages that have secrets. */
bool schema_overlay(struct schema *schema, const struct overlay *overlays, size_t n,
		    struct error *err);

#endif
