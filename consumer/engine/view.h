/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a stream's view type has the images that the forms of a table's sinks are made of. What they
 * cannot do without stops the first start; what only makes them poorer is a warning. Once the table is
 * read a new stream may be poorer than that: then it is an error in the log, and everything goes on.
 */
#ifndef ENGINE_VIEW_H
#define ENGINE_VIEW_H

#include "consumer/engine/state.h"

/*
 * Looks at the view type of the table's stream; false with `err` when nobody has begun to read the table,
 * and the start cannot go on with it.
 */
bool view_check(struct table *table, struct str view_type, bool begun, struct error *err);

/*
 * Whether the stream lacks what sink number `i` of the table cannot do without; `err` is what, and
 * what to do.
 */
bool view_lacks(const struct table *table, size_t i, struct error *err);

#endif
