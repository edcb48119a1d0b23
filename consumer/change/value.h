/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attribute values as DynamoDB writes them in JSON: {"S":"text"}, {"N":"12"}, {"M":{...}}...
 *
 *	struct json json;
 *	struct value value;
 *	json_init(&json, image);
 *	json_enter(&json, JSON_OBJECT);
 *	while (json_key(&json, &name)) {
 *		value_scan(&json, &value);
 *		...
 *	}
 *
 * Values are read one level at a time, as slices: who wants what is in a map or list reads its
 * payload with another reader, and keeps to VALUE_DEPTH_MAX. A value that is well-formed JSON but
 * no attribute value is VALUE_BAD with its text, so that it can be passed on as it is.
 */
#ifndef CHANGE_VALUE_H
#define CHANGE_VALUE_H

#include "base/json.h"

/* DynamoDB nests 32 levels; what goes deeper than this is passed on unread. */
enum { VALUE_DEPTH_MAX = 40 };

enum value_tag {
	VALUE_BAD,
	VALUE_S,
	VALUE_N,
	VALUE_B,
	VALUE_BOOL,
	VALUE_NULL,
	VALUE_M,
	VALUE_L,
	VALUE_SS,
	VALUE_NS,
	VALUE_BS,
};

struct value {
	enum value_tag tag;
	struct str text; /* the whole value, {"S":"text"} */
	/*
	 * S, N, B: the raw string body, still escaped (numbers never hold escapes). BOOL, NULL:
	 * true or false. M: a JSON object, L, SS, NS, BS: a JSON array, as it stands. BAD: none.
	 */
	struct str payload;
	const char *error; /* VALUE_BAD: what is wrong, static words */
};

/*
 * Consumes one value of any kind and says what it is. Strings, numbers, base64 and the members of
 * sets are checked, members of maps and lists are not. Malformed JSON is the reader's error, and
 * VALUE_BAD.
 */
void value_scan(struct json *json, struct value *out);

/* "S", "N" and so on; empty for VALUE_BAD. */
struct str value_tag_word(enum value_tag tag);

/* Whether `text` is a number as DynamoDB may write it: sign, digits, point, exponent; "+1", "007"
   and ".5" too, which JSON does not allow. */
bool value_number_ok(struct str text);

/*
 * Appends a number that value_number_ok accepts in the grammar of JSON, changing nothing but its
 * syntax: a leading "+", leading zeros and an idle point go, ".5" gets its zero. All other digits,
 * and the exponent, stay as they are.
 */
void value_put_number(struct buf *buf, struct str text);

#endif
