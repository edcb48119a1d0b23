/* SPDX-License-Identifier: Apache-2.0 */
/* Words and comparisons that the sentences of summary.h are made of. */
#ifndef FORMATS_SENTENCE_H
#define FORMATS_SENTENCE_H

#include "base/json.h"

/*
 * A sentence's parts after its subject: ": " before the first one, the separator before the others.
 *
 *	struct parts parts = parts_begin(out, "; ");
 *	parts_changed(&parts, "email", before, after);
 */
struct parts {
	struct buf *out;
	size_t start;
	const char *separator;
};

/* The parts that follow what `out` holds now. */
struct parts parts_begin(struct buf *out, const char *separator);

/* Begins a part, to be appended to parts->out. */
void parts_next(const struct parts *parts);

/* Appends the part "what A to B", unless both are the same. */
void parts_changed(const struct parts *parts, const char *what, struct str before,
		   struct str after);

/* Appends the part "what a, b" with the items of a JSON array that `other` lacks, if any. */
void parts_missing(const struct parts *parts, const char *what, struct str array, struct str other);

/*
 * Appends the parts "changed a, b", "added c" and "removed d" with the names of the attributes in
 * which two maps or items differ, as DynamoDB writes them: {"a":{"S":"x"}}. Sets are compared as
 * sets.
 */
void parts_attributes(const struct parts *parts, struct str before, struct str after);

/* Begins to read a JSON text that should be of `kind`; false when it is absent or of another. */
bool sentence_enter(struct json *json, struct str value, enum json_kind kind);

/* The text of member `name` of a JSON object; n == 0 when it has none, or is no object. */
struct str sentence_member(struct str object, const char *name);

/* The same as words: strings without their quotes, still escaped, nothing for null, absent,
   objects and arrays. */
struct str sentence_text(struct str object, const char *name);

enum { MEMBERS_MAX = 24 };

/* The members of a JSON object, read once to be asked for one after the other. */
struct members {
	struct str object;
	struct {
		struct str name, value;
	} list[MEMBERS_MAX];
	size_t n;
	bool more; /* there are others, which are looked for in the object */
};

/* Reads the members of `object`, which has none when it is absent or no object. */
void members_read(struct members *members, struct str object);

/* As sentence_member. */
struct str members_get(const struct members *members, const char *name);

/* As sentence_text. */
struct str members_text(const struct members *members, const char *name);

/* A JSON value as words, likewise. */
struct str sentence_words(struct str value);

/* Whether two JSON arrays have the same items, in any order. */
bool sentence_same_items(struct str a, struct str b);

#endif
