/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf wire format, one field at a time: a strict reader that allocates nothing.
 *
 *	struct wire wire;
 *	struct wire_field got;
 *	wire_init(&wire, bytes, depth);
 *	while (wire_next(&wire, &got))
 *		...
 *	if (wire.error != NULL) ... static words, at byte got.at
 */
#ifndef PROTO_WIRE_READER_H
#define PROTO_WIRE_READER_H

#include "base/mem.h"
#include "base/str.h"

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2, /* a length and so many bytes */
	WIRE_GROUP = 3,
	WIRE_GROUP_END = 4,
	WIRE_FIXED32 = 5,
};

enum { WIRE_NUMBER_MAX = 536870911 };

struct wire {
	const unsigned char *p, *start, *end;
	const char *error; /* static words, NULL while all is well */
	unsigned depth; /* how many groups may be open in each other */
};

/* One field as it stands on the wire. */
struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t v; /* varint, fixed64, fixed32 */
	struct str bytes; /* bytes; a group's content without its tags */
	size_t at; /* where its tag stands */
};

/* Starts reading `bytes`, in which groups may nest `depth` deep. */
static inline void wire_init(struct wire *wire, struct str bytes, unsigned depth)
{
	wire->start = wire->p = (const unsigned char *)(bytes.n == 0 ? "" : bytes.p);
	wire->end = wire->p + bytes.n;
	wire->error = NULL;
	wire->depth = depth;
}

/* Notes what is wrong; returns false. */
static inline bool wire_fail(struct wire *wire, const char *words)
{
	wire->error = words;
	return false;
}

/* Reads a varint of more than one byte; bits beyond the 64th are dropped, as every reader does. */
bool wire_long_varint(struct wire *wire, uint64_t *v);

/* Reads a varint. */
static inline bool wire_varint(struct wire *wire, uint64_t *v)
{
	if (wire->p < wire->end && *wire->p < 0x80) {
		*v = *wire->p++;
		return true;
	}
	return wire_long_varint(wire, v);
}

/* Reads `n` (4 or 8) bytes, little-endian. */
bool wire_fixed(struct wire *wire, size_t n, uint64_t *v);

/* Reads a group's content up to the end tag of `number`. */
bool wire_group(struct wire *wire, uint32_t number, struct str *content);

/* Reads a length and so many bytes. */
static inline bool wire_bytes(struct wire *wire, struct str *bytes)
{
	uint64_t n;

	if (!wire_varint(wire, &n))
		return false;
	if (n > (size_t)(wire->end - wire->p))
		return wire_fail(wire, "a length that passes the end");
	*bytes = str_make((const char *)wire->p, (size_t)n);
	wire->p += n;
	return true;
}

/* Reads the tag of a field; false at a fault. */
static inline bool wire_tag(struct wire *wire, uint32_t *number, enum wire_type *type)
{
	uint64_t tag;

	if (!wire_varint(wire, &tag))
		return false;
	if (tag >> 3 == 0 || tag >> 3 > WIRE_NUMBER_MAX)
		return wire_fail(wire, "a field number out of range");
	*number = (uint32_t)(tag >> 3);
	*type = (enum wire_type)(tag & 7);
	return true;
}

/* Reads the next field; false at the end, or at a fault (`wire->error`). */
static inline bool wire_next(struct wire *wire, struct wire_field *got)
{
	got->at = (size_t)(wire->p - wire->start);
	if (wire->p == wire->end || !wire_tag(wire, &got->number, &got->type))
		return false;
	if (got->type == WIRE_BYTES)
		return wire_bytes(wire, &got->bytes);
	if (got->type == WIRE_VARINT)
		return wire_varint(wire, &got->v);
	if (got->type == WIRE_FIXED64)
		return wire_fixed(wire, 8, &got->v);
	if (got->type == WIRE_FIXED32)
		return wire_fixed(wire, 4, &got->v);
	if (got->type == WIRE_GROUP)
		return wire_group(wire, got->number, &got->bytes);
	if (got->type == WIRE_GROUP_END)
		return wire_fail(wire, "the end of a group that was not opened");
	return wire_fail(wire, "an unknown wire type");
}

#endif
