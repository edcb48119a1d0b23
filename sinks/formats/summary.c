/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/summary.h"

#include "sinks/formats/sentence.h"
#include "sinks/formats/summary_vinyldns.h"

/* "inserted", "modified", "removed". */
static struct str past(enum event_op op)
{
	switch (op) {
	case EVENT_INSERT:
		return STR("inserted");
	case EVENT_MODIFY:
		return STR("modified");
	case EVENT_REMOVE:
		return STR("removed");
	case EVENT_GAP:
		break;
	}
	return STR("missed");
}

/* Appends "changes may be missing after 123 (trimmed)". */
static void put_gap(const struct gap *gap, struct buf *out)
{
	buf_str(out, gap->certain ? STR("changes are missing after ")
				  : STR("changes may be missing after "));
	buf_str(out, position_text(&gap->after));
	buf_str(out, STR(" ("));
	buf_str(out, gap_reason_word(gap->reason));
	buf_c(out, ')');
}

/* Appends "modified item id=1, sort=a: changed x, y; added z". */
static void put_item(const struct summary_input *input, struct buf *out)
{
	const struct event *event = input->event;
	struct str name, separator = STR(" ");
	struct parts parts;
	struct json json;

	buf_str(out, past(event->op));
	buf_str(out, STR(" item"));
	if (sentence_enter(&json, input->key, JSON_OBJECT)) {
		for (; json_key(&json, &name); separator = STR(", ")) {
			buf_str(out, separator);
			buf_str(out, name);
			buf_c(out, '=');
			buf_str(out, sentence_words(json_skip(&json)));
		}
	}
	if (event->ttl)
		buf_str(out, STR(" (expired)"));
	parts = parts_begin(out, "; ");
	if (event->old_image.n > 0 && event->new_image.n > 0)
		parts_attributes(&parts, event->old_image, event->new_image);
}

void summary_put(const struct summary_input *input, struct buf *out)
{
	if (input->event->op == EVENT_GAP) {
		put_gap(input->event->gap, out);
		return;
	}
	if (input->role != NULL)
		summary_vinyldns(input, out);
	if (out->n == 0 || out->failed) {
		buf_clear(out);
		put_item(input, out);
	}
	if (out->failed) {
		buf_clear(out);
		buf_str(out, past(input->event->op));
		buf_str(out, STR(" an item"));
	}
}
