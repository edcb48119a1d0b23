/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the JSON objects that verbs print: after a comma where one is due. */
#ifndef VERBS_MEMBER_H
#define VERBS_MEMBER_H

#include "base/buf.h"

/* Appends `"name":"text"`, or null for an empty text. */
void member_text(struct buf *out, struct str name, struct str text);

/* Appends `"name":7`. */
void member_number(struct buf *out, struct str name, int64_t v);

/* Appends `"name":` and true or false. */
void member_bool(struct buf *out, struct str name, bool yes);

#endif
