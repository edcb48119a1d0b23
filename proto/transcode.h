/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf wire format to JSON, in one pass over the bytes, driven by the tables of a schema.
 *
 * The JSON: field names as in the schema, fields in the order of the schema's field numbers, absent
 * fields left out (no defaults are made up), repeated fields arrays, 64-bit integers strings, 32-bit
 * ones numbers, enums their names (a number that has none: the number), bytes base64, strings with
 * invalid UTF-8 replaced by U+FFFD, maps objects, float and double as text that reads back exactly
 * (not-a-number and infinities as strings). A masked field is shown as "***". Unknown fields are kept
 * in a member "unknown_fields": {"<number>": [...]}, each value as a string: varints decimal,
 * fixed32 and fixed64 "0x..." little-endian read, bytes base64. The same bytes always give the same JSON.
 *
 * Pure; nothing is kept between calls.
 */
#ifndef PROTO_TRANSCODE_H
#define PROTO_TRANSCODE_H

#include "base/buf.h"
#include "proto/schema.h"

enum { TRANSCODE_DEPTH_MAX = 100 };

struct transcode_options {
	bool show_secrets;
	/*
	 * Optional. Where the JSON Pointers of masked fields go, as a run of JSON strings parted by
	 * commas: each is `pointer` (raw JSON string text, such as `/after/blob`) plus the path in the
	 * message, escaped by RFC 6901 and JSON.
	 */
	struct buf *masked;
	struct str pointer;
};

/*
 * Appends the JSON object of `wire`, a serialized `message`. Missing required fields are no error. On
 * malformed input (truncated, wrong wire type, nested deeper than TRANSCODE_DEPTH_MAX, group that does
 * not end) appends nothing, to `masked` neither, and returns false with ERROR_DATA and where.
 */
bool transcode(const struct message *message, struct str wire,
	       const struct transcode_options *options, struct buf *out, struct error *err);

#endif
