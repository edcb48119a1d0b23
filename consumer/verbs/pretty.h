/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON written anew: for people, a member or item a line, indented; or without any white space, in
 * one line.
 */
#ifndef VERBS_PRETTY_H
#define VERBS_PRETTY_H

#include "base/json.h"

/* Appends the JSON value in `text` readably, with a line end. Malformed text is appended as it is. */
void pretty_put(struct buf *out, struct str text);

/* Appends the JSON value in `text`, which is well-formed, without white space between its parts. */
void compact_put(struct buf *out, struct str text);

#endif
