/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptor sets made by hand, so that a test can hold a schema that protoc would refuse.
 *
 *	struct buf message, file, set;
 *	descset_init(&message, "M"); descset_init(&file, "f.proto");
 *	descset_init(&set, NULL);
 *	descset_field(&message, "x", 1, DESCSET(OPTIONAL, INT32), NULL);
 *	descset_close(&file, 4, &message); descset_close(&set, 1, &file);
 */
#ifndef TESTS_DESCSET_H
#define TESTS_DESCSET_H

#include "base/buf.h"

enum { DESCSET_OPTIONAL = 1, DESCSET_REQUIRED = 2, DESCSET_REPEATED = 3 };
enum {
	DESCSET_DOUBLE = 1,
	DESCSET_FLOAT,
	DESCSET_INT64,
	DESCSET_UINT64,
	DESCSET_INT32,
	DESCSET_FIXED64,
	DESCSET_FIXED32,
	DESCSET_BOOL,
	DESCSET_STRING,
	DESCSET_GROUP,
	DESCSET_MESSAGE,
	DESCSET_BYTES,
	DESCSET_UINT32,
	DESCSET_ENUM,
	DESCSET_SFIXED32,
	DESCSET_SFIXED64,
	DESCSET_SINT32,
	DESCSET_SINT64,
};

/* Appends a varint. */
static inline void descset_varint(struct buf *buf, uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf_c(buf, (char)(v | 128));
	buf_c(buf, (char)v);
}

/* Appends a varint field. */
static inline void descset_int(struct buf *buf, unsigned number, uint64_t v)
{
	descset_varint(buf, number << 3);
	descset_varint(buf, v);
}

/* Appends a bytes field. */
static inline void descset_bytes(struct buf *buf, unsigned number, struct str bytes)
{
	descset_varint(buf, number << 3 | 2);
	descset_varint(buf, bytes.n);
	buf_str(buf, bytes);
}

/* Starts a file, message, enum or (without name) set: of all but the last the name is field 1. */
static inline void descset_init(struct buf *buf, const char *name)
{
	buf_init(buf, 1 << 20);
	if (name != NULL)
		descset_bytes(buf, 1, str_of(name));
}

/* Puts `inner` into `outer` as field `number` and releases it. */
static inline void descset_close(struct buf *outer, unsigned number, struct buf *inner)
{
	descset_bytes(outer, number, buf_view(inner));
	buf_release(inner);
}

/* Adds a field to a message; `type_name` is for enums, messages and groups. */
static inline void descset_field(struct buf *message, const char *name, unsigned number,
				 unsigned label_type, const char *type_name)
{
	struct buf field;

	descset_init(&field, name);
	descset_int(&field, 3, number);
	descset_int(&field, 4, label_type >> 8);
	descset_int(&field, 5, label_type & 255);
	if (type_name != NULL)
		descset_bytes(&field, 6, str_of(type_name));
	descset_close(message, 2, &field);
}

/* The label and type that descset_field takes in one. */
#define DESCSET(label, type) (DESCSET_##label << 8 | DESCSET_##type)

/* Adds a field that is a member of a oneof. */
static inline void descset_member(struct buf *message, const char *name, unsigned number,
				  unsigned type, unsigned oneof)
{
	struct buf field;

	descset_init(&field, name);
	descset_int(&field, 3, number);
	descset_int(&field, 4, DESCSET_OPTIONAL);
	descset_int(&field, 5, type);
	descset_int(&field, 9, oneof);
	descset_close(message, 2, &field);
}

/* Adds a value to an enum. */
static inline void descset_value(struct buf *type, const char *name, int32_t number)
{
	struct buf value;

	descset_init(&value, name);
	descset_int(&value, 2, (uint64_t)(int64_t)number);
	descset_close(type, 2, &value);
}

/* Marks a message as a map's entry. */
static inline void descset_map_entry(struct buf *message)
{
	descset_bytes(message, 7, STR("\x38\x01"));
}

#endif
