/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an event format is to the engine: something that appends one event's bytes to a buffer. The
 * composition root binds a format's options and a table's schema into one encoder per (table, sink);
 * sinks that have the same encoder share its output.
 */
#ifndef ENGINE_FORMAT_H
#define ENGINE_FORMAT_H

#include "base/buf.h"
#include "consumer/change/event.h"

struct encoder {
	/*
	 * Appends `event` as one record, complete with its terminator. Never fails: what cannot be
	 * decoded goes out as such. The same event always gives the same bytes.
	 */
	void (*encode)(const struct encoder *encoder, const struct source *source,
		       const struct event *event, struct buf *out);
};

#endif
