/* SPDX-License-Identifier: Apache-2.0 */
/* JSON for people: a member or item a line, indented. */
#ifndef VERBS_PRETTY_H
#define VERBS_PRETTY_H

#include "base/json.h"

/* Appends the JSON value in `text` readably, with a line end. Malformed text is appended as it is. */
void pretty_put(struct buf *out, struct str text);

#endif
