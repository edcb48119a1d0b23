/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire_reader.h"

#include "proto/transcode.h"

bool wire_long_varint(struct wire *wire, uint64_t *v)
{
	uint64_t sum = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		unsigned char c;

		if (wire->p == wire->end)
			return wire_fail(wire, "cut off");
		c = *wire->p++;
		sum |= (uint64_t)(c & 0x7F) << shift;
		if (c < 0x80) {
			*v = sum;
			return true;
		}
	}
	return wire_fail(wire, "a varint longer than 10 bytes");
}

bool wire_fixed(struct wire *wire, size_t n, uint64_t *v)
{
	uint64_t sum = 0;

	if ((size_t)(wire->end - wire->p) < n)
		return wire_fail(wire, "cut off");
	for (size_t i = 0; i < n; i++)
		sum |= (uint64_t)wire->p[i] << 8 * i;
	wire->p += n;
	*v = sum;
	return true;
}

/* Skips the value of a field that is not a group's start or end. */
static bool skip_plain(struct wire *wire, enum wire_type type)
{
	struct str bytes;
	uint64_t v;

	switch (type) {
	case WIRE_VARINT:
		return wire_varint(wire, &v);
	case WIRE_FIXED64:
		return wire_fixed(wire, 8, &v);
	case WIRE_BYTES:
		return wire_bytes(wire, &bytes);
	case WIRE_FIXED32:
		return wire_fixed(wire, 4, &v);
	case WIRE_GROUP:
	case WIRE_GROUP_END:
		break;
	}
	return wire_fail(wire, "an unknown wire type");
}

bool wire_group(struct wire *wire, uint32_t number, struct str *content)
{
	uint32_t open[TRANSCODE_DEPTH_MAX + 1]; /* numbers of the groups that are open */
	unsigned n = 0;
	const unsigned char *start = wire->p;

	if (wire->depth == 0)
		return wire_fail(wire, "nested too deep");
	open[n++] = number;
	for (;;) {
		const unsigned char *at = wire->p;
		enum wire_type type;

		if (!wire_tag(wire, &number, &type))
			return false;
		if (type == WIRE_GROUP) {
			if (n == wire->depth || n == ARRAY_N(open))
				return wire_fail(wire, "nested too deep");
			open[n++] = number;
		} else if (type != WIRE_GROUP_END) {
			if (!skip_plain(wire, type))
				return false;
		} else if (open[--n] != number) {
			return wire_fail(wire, "the end of a group that was not opened");
		} else if (n == 0) {
			*content = str_make((const char *)start, (size_t)(at - start));
			return true;
		}
	}
}
