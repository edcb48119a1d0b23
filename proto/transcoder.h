/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the transcoder, private to this folder.
 *
 * There are two ways to show a message. The quick one follows the wire once and appends as it goes; it
 * works as long as fields come in the order of their numbers and nothing is given twice, as every
 * usual writer has it. At the first thing that is legal but different it gives up (`unusual`), and
 * all is done again the careful way, which for each message first lists where its fields are, sorts
 * the list, and lets the last one win. The restart is for the whole, not for the message at hand:
 * restarts inside of restarts would double the work at each level.
 */
#ifndef PROTO_TRANSCODER_H
#define PROTO_TRANSCODER_H

#include "proto/tables.h"
#include "proto/transcode.h"

/* A message being shown. Frames lie on the stack and know who opened them. */
struct frame {
	struct frame *parent;
	const struct message *message;
	struct str wire;
	bool started; /* has a member */
	const struct field *field; /* the one being shown */
	size_t shown_n; /* elements of it so far, when repeated */
	struct str key; /* a map entry's key as text; key.p == NULL in other frames */
	struct str type; /* of FIELD_BY_TYPE below, once type_known */
	bool type_known;
};

struct transcoder {
	const struct transcode_options *options;
	struct buf *out;
	struct error *err;
	unsigned depth;
	bool careful; /* which way it goes */
	bool unusual; /* why the quick way failed */
	uint64_t *entries; /* of the careful way: number << 32 | offset, a run for each open message */
	size_t n_entries, cap_entries;
};

/* What has been appended so far, to go back to. */
struct mark {
	size_t out_n, masked_n;
};

/* Notes how much has been appended. */
struct mark transcoder_mark(const struct transcoder *t);

/* Takes back what was appended after the mark. */
void transcoder_rewind(struct transcoder *t, struct mark mark);

/* Reports malformed input at byte `at` of the frame's message; returns false. */
bool transcoder_bad(struct transcoder *t, const struct frame *frame, size_t at, const char *words);

/* Appends the object of `frame`'s message, whose parent, message, wire and key are set. */
bool show_message(struct transcoder *t, struct frame *frame);

/* Appends one value of frame->field. */
bool show_value(struct transcoder *t, struct frame *frame, const struct wire_field *got);

/* Appends the careful way all members of `frame`'s message. */
bool show_carefully(struct transcoder *t, struct frame *frame);

/* Appends the member that holds the unknown fields. */
bool show_unknown(struct transcoder *t, struct frame *frame);

/* Starts the member of frame->field; `text` is `,"name":`. */
static inline void begin_member(struct transcoder *t, struct frame *frame, struct str text)
{
	buf_str(t->out, frame->started ? text : str_skip(text, 1));
	frame->started = true;
}

/* Appends what comes before the next element of frame->field, which is repeated. */
void begin_element(struct transcoder *t, struct frame *frame);

/* Appends what closes frame->field. */
static inline void end_field(struct transcoder *t, struct frame *frame)
{
	if (frame->field != NULL && frame->field->repeated && frame->shown_n > 0)
		buf_c(t->out, ']');
}

/* Appends all elements of a packed run of frame->field. */
bool show_packed(struct transcoder *t, struct frame *frame, const struct wire_field *got);

/* Whether `field` may come as `type`; `*packed_out`: as a packed run. */
static inline bool wire_suits(const struct field *field, enum wire_type type, bool *packed_out)
{
	*packed_out = field->packable && type == WIRE_BYTES;
	return field->wire == type || *packed_out;
}

/* Appends the value of an unknown field, as a string. */
void show_raw(struct buf *out, const struct wire_field *got);

/* Whether `bytes` may be the message that an OVERLAY_EITHER field holds, by its top-level fields. */
bool looks_like(const struct message *message, struct str bytes);

/* Appends "***" for frame->field, and notes its pointer where the caller wants it. */
void show_mask(struct transcoder *t, struct frame *frame);

/* Appends where `frame` is, as a JSON Pointer inside a JSON string; map keys only with `keys`. */
void put_path(struct buf *buf, const struct frame *frame, bool keys);

#endif
