/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: how each kind of field looks in JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "proto/transcoder.h"

/* Appends a floating-point value that JSON has no number for, as a string. */
static void put_not_finite(struct buf *out, double v)
{
	if (isnan(v))
		buf_str(out, STR("\"NaN\""));
	else
		buf_str(out, v > 0 ? STR("\"Infinity\"") : STR("\"-Infinity\""));
}

/* Appends a double in the shortest of three precisions that reads back as the same. */
static void put_double(struct buf *out, uint64_t bits)
{
	char text[40];
	double v, back;

	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v)) {
		put_not_finite(out, v);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		/* NOLINTNEXTLINE(cert-err34-c): the text is ours */
		if (sscanf(text, "%lf", &back) == 1 && back == v)
			break;
	}
	buf_str(out, str_of(text));
}

/* The same for single precision. */
static void put_float(struct buf *out, uint32_t bits)
{
	char text[40];
	float v, back;

	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v)) {
		put_not_finite(out, (double)v);
		return;
	}
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)v);
		/* NOLINTNEXTLINE(cert-err34-c): the text is ours */
		if (sscanf(text, "%f", &back) == 1 && back == v)
			break;
	}
	buf_str(out, str_of(text));
}

/* Appends a 64-bit number as a string: many readers of JSON keep only 53 bits. */
static void put_quoted(struct buf *out, bool negative, uint64_t magnitude)
{
	buf_c(out, '"');
	if (negative)
		buf_c(out, '-');
	buf_u64(out, magnitude);
	buf_c(out, '"');
}

/* Appends a signed 64-bit number as a string. */
static void put_quoted_i64(struct buf *out, uint64_t v)
{
	bool negative = v >> 63 != 0;

	put_quoted(out, negative, negative ? 0 - v : v);
}

/* Undoes the zigzag of sint32 and sint64: 0, 1, 2, 3 mean 0, -1, 1, -2. */
static uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

/* Appends an enum's name, or its number when it has none. */
static void put_enum(struct buf *out, const struct enum_type *type, int32_t number)
{
	struct str text = enum_text(type, number);

	if (text.p == NULL)
		buf_i64(out, number);
	else
		buf_str(out, text);
}

/* Appends bytes as base64. */
static void put_bytes(struct buf *out, struct str bytes)
{
	buf_c(out, '"');
	base64_encode(out, bytes.p, bytes.n);
	buf_c(out, '"');
}

/* Appends bytes as hexadecimal digits. */
static void put_hex(struct buf *out, struct str bytes)
{
	buf_c(out, '"');
	buf_hex(out, bytes.p, bytes.n);
	buf_c(out, '"');
}

void show_raw(struct buf *out, const struct wire_field *got)
{
	switch (got->type) {
	case WIRE_VARINT:
		put_quoted(out, false, got->v);
		break;
	case WIRE_FIXED32:
		buf_fmt(out, "\"0x%08" PRIx64 "\"", got->v);
		break;
	case WIRE_FIXED64:
		buf_fmt(out, "\"0x%016" PRIx64 "\"", got->v);
		break;
	case WIRE_BYTES:
	case WIRE_GROUP:
		put_bytes(out, got->bytes);
		break;
	case WIRE_GROUP_END:
		mem_bug("not a value", __FILE__, __LINE__);
	}
}

/* Appends a scalar, enum, string or bytes value. */
static void show_scalar(struct buf *out, const struct field *field, const struct wire_field *got)
{
	uint32_t low = (uint32_t)got->v;

	switch (field->kind) {
	case FIELD_DOUBLE:
		put_double(out, got->v);
		break;
	case FIELD_FLOAT:
		put_float(out, low);
		break;
	case FIELD_INT32:
	case FIELD_SFIXED32:
		buf_i64(out, (int32_t)low);
		break;
	case FIELD_UINT32:
	case FIELD_FIXED32:
		buf_u64(out, low);
		break;
	case FIELD_SINT32:
		buf_i64(out, (int32_t)(uint32_t)unzigzag(low));
		break;
	case FIELD_INT64:
	case FIELD_SFIXED64:
		put_quoted_i64(out, got->v);
		break;
	case FIELD_UINT64:
	case FIELD_FIXED64:
		put_quoted(out, false, got->v);
		break;
	case FIELD_SINT64:
		put_quoted_i64(out, unzigzag(got->v));
		break;
	case FIELD_BOOL:
		buf_str(out, got->v != 0 ? STR("true") : STR("false"));
		break;
	case FIELD_ENUM:
		put_enum(out, field->enums, (int32_t)low);
		break;
	case FIELD_STRING:
		json_put(out, got->bytes);
		break;
	case FIELD_HEX:
		put_hex(out, got->bytes);
		break;
	case FIELD_BYTES:
		put_bytes(out, got->bytes);
		break;
	case FIELD_MESSAGE:
	case FIELD_MAP:
	case FIELD_BY_TYPE:
	case FIELD_EITHER:
		mem_bug("not a scalar", __FILE__, __LINE__);
	}
}

/* Appends one step of a pointer, escaped by RFC 6901 and as part of a JSON string. */
static void put_step(struct buf *buf, struct str step)
{
	buf_c(buf, '/');
	while (step.n > 0) {
		size_t n = 0;

		while (n < step.n && step.p[n] != '~' && step.p[n] != '/')
			n++;
		json_put_inside(buf, str_head(step, n));
		if (n < step.n)
			buf_str(buf, step.p[n++] == '~' ? STR("~0") : STR("~1"));
		step = str_skip(step, n);
	}
}

void put_path(struct buf *buf, const struct frame *frame, bool keys)
{
	if (frame == NULL)
		return;
	put_path(buf, frame->parent, keys);
	if (frame->key.p != NULL) {
		put_step(buf, keys ? frame->key : STR("*"));
	} else if (frame->field != NULL) {
		put_step(buf, frame->field->name);
		if (frame->field->repeated) {
			buf_c(buf, '/');
			buf_u64(buf, frame->shown_n == 0 ? 0 : frame->shown_n - 1);
		}
	}
}

void show_mask(struct transcoder *t, struct frame *frame)
{
	struct buf *masked = t->options->masked;

	buf_str(t->out, STR("\"***\""));
	if (masked == NULL)
		return;
	json_comma(masked);
	buf_c(masked, '"');
	buf_str(masked, t->options->pointer);
	put_path(masked, frame, true);
	buf_c(masked, '"');
}

/* The last value of the type field of the nearest message that has one, or STR_NONE. */
static struct str chosen_type(struct transcoder *t, struct frame *frame,
			      const struct choice *choice)
{
	struct wire wire;
	struct wire_field got;

	while (frame != NULL && frame->message != choice->type_message)
		frame = frame->parent;
	if (frame == NULL)
		return STR_NONE;
	if (frame->type_known)
		return frame->type;
	wire_init(&wire, frame->wire, TRANSCODE_DEPTH_MAX - t->depth);
	while (wire_next(&wire, &got))
		if (got.number == choice->type_number && got.type == WIRE_BYTES)
			frame->type = got.bytes;
	frame->type_known = true;
	return frame->type;
}

/* Appends bytes that are `message`, if they are; false after taking back what was appended. */
static bool show_inner(struct transcoder *t, struct frame *frame, const struct message *message,
		       struct str bytes)
{
	struct mark mark = transcoder_mark(t);
	struct frame inner = {.parent = frame, .message = message, .wire = bytes};

	if (show_message(t, &inner))
		return true;
	transcoder_rewind(t, mark);
	return false;
}

/* Appends bytes that hold a message chosen by a type elsewhere; as bytes when they do not. */
static bool show_by_type(struct transcoder *t, struct frame *frame, const struct wire_field *got)
{
	const struct choice *choice = frame->field->choice;
	const struct message *message = map_get(&choice->messages, chosen_type(t, frame, choice));

	if (message != NULL && show_inner(t, frame, message, got->bytes))
		return true;
	if (t->unusual)
		return false;
	if (message != NULL && message->secrets && !t->options->show_secrets)
		show_mask(t, frame);
	else
		put_bytes(t->out, got->bytes);
	return true;
}

bool looks_like(const struct message *message, struct str bytes)
{
	struct wire wire;
	struct wire_field got;

	wire_init(&wire, bytes, 0);
	while (wire_next(&wire, &got)) {
		const struct field *field = message_field(message, got.number);
		bool packed;

		if (field == NULL || !wire_suits(field, got.type, &packed))
			return false;
	}
	return wire.error == NULL;
}

/* Appends a message that may be a text instead. */
static bool show_either(struct transcoder *t, struct frame *frame, const struct wire_field *got)
{
	const struct message *message = frame->field->sub;

	if (looks_like(message, got->bytes) && show_inner(t, frame, message, got->bytes))
		return true;
	if (t->unusual)
		return false;
	if (message->secrets && !t->options->show_secrets)
		show_mask(t, frame);
	else
		json_put(t->out, got->bytes);
	return true;
}

/* Appends a message inside another. */
static bool show_sub(struct transcoder *t, struct frame *frame, const struct wire_field *got)
{
	struct frame inner = {.parent = frame, .message = frame->field->sub, .wire = got->bytes};

	return show_message(t, &inner);
}

bool show_value(struct transcoder *t, struct frame *frame, const struct wire_field *got)
{
	const struct field *field = frame->field;

	if (field->masked && !t->options->show_secrets) {
		show_mask(t, frame);
		return true;
	}
	if (field->kind == FIELD_STRING) { /* the most frequent */
		json_put(t->out, got->bytes);
		return true;
	}
	if (field->kind == FIELD_MESSAGE)
		return show_sub(t, frame, got);
	if (field->kind == FIELD_BY_TYPE)
		return show_by_type(t, frame, got);
	if (field->kind == FIELD_EITHER)
		return show_either(t, frame, got);
	show_scalar(t->out, field, got);
	return true;
}
