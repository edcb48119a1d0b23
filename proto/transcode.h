/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf wire format to JSON, in one pass over the bytes, driven by the tables of a schema.
 *
 * The JSON: field names as in the schema, fields in the order of the schema's field numbers, absent
 * fields left out (no defaults are made up), repeated fields arrays, 64-bit integers strings, 32-bit
 * ones numbers, enums their names (a number that has none: the number), bytes base64, strings with
 * invalid UTF-8 replaced by U+FFFD, maps objects, float and double as text that reads back exactly
 * (not-a-number and infinities as strings). A masked field is shown as "***". Unknown fields are kept
 * in a last member "unknown_fields": {"<number>": [...]}, each value as a string: varints decimal
 * (unsigned), fixed32 and fixed64 "0x..." with all digits, bytes and the content of groups base64.
 * The same bytes always give the same JSON.
 *
 * Present means present on the wire, a zero too. What is legal but unusual means what protobuf says it
 * means: of a scalar given again the last one counts, a message given again is merged, of a oneof only
 * the last member is left, packed and single elements mix, order is free. But an enum's unlisted number
 * stays, as a number. A map is sorted by key (writers give it in any order), a key given again has its
 * last value, a key or value left out its zero; what else is in an entry is not shown. A masked map is
 * "***" as a whole, a masked repeated field element by element.
 *
 * A field chosen by type (OVERLAY_BY_TYPE) holds its message's object; where the type is missing or
 * has no message, or the bytes are malformed as such, base64, or "***" if that message has secrets.
 *
 * Pure; nothing is kept between calls.
 */
#ifndef PROTO_TRANSCODE_H
#define PROTO_TRANSCODE_H

#include "base/buf.h"
#include "proto/schema.h"

enum {
	TRANSCODE_DEPTH_MAX =
		90, /* messages in each other, so that JSON_DEPTH_MAX holds for the result */
	TRANSCODE_BYTES_MAX = 1 << 30,
};

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
 * not end) appends nothing, to `masked` neither, and returns false with ERROR_DATA and where; so it does
 * when a buffer's maximum is passed, whose `failed` is then set as always. The error never quotes data.
 */
bool transcode(const struct message *message, struct str wire,
	       const struct transcode_options *options, struct buf *out, struct error *err);

#endif
