/* SPDX-License-Identifier: Apache-2.0 */
/* The entry, and the quick way: proto/transcoder.h tells the two ways apart. */
#include "proto/transcode.h"

#include "proto/transcoder.h"

struct mark transcoder_mark(const struct transcoder *t)
{
	const struct buf *masked = t->options->masked;

	return (struct mark){t->out->n, masked == NULL ? 0 : masked->n};
}

void transcoder_rewind(struct transcoder *t, struct mark mark)
{
	buf_truncate(t->out, mark.out_n);
	if (t->options->masked != NULL)
		buf_truncate(t->options->masked, mark.masked_n);
}

bool transcoder_bad(struct transcoder *t, const struct frame *frame, size_t at, const char *words)
{
	struct str path;
	struct buf buf;

	buf_init(&buf, 1 << 16);
	put_path(&buf, frame->parent, false);
	path = buf_view(&buf);
	error_set(t->err, ERROR_DATA, "%s at byte %zu of %.*s%s%.*s", words, at,
		  STR_ARG(frame->message->name), path.n == 0 ? "" : " in ", STR_ARG(path));
	buf_release(&buf);
	return false;
}

void begin_element(struct transcoder *t, struct frame *frame)
{
	if (frame->shown_n++ > 0) {
		buf_c(t->out, ',');
		return;
	}
	begin_member(t, frame, frame->field->member);
	buf_c(t->out, '[');
}

bool show_packed(struct transcoder *t, struct frame *frame, const struct wire_field *got)
{
	struct wire wire;
	struct wire_field one = {.number = got->number, .type = frame->field->wire};

	wire_init(&wire, got->bytes, 0);
	while (wire.p < wire.end) {
		bool ok = one.type == WIRE_VARINT
				  ? wire_varint(&wire, &one.v)
				  : wire_fixed(&wire, one.type == WIRE_FIXED32 ? 4 : 8, &one.v);

		if (!ok)
			return transcoder_bad(t, frame, got->at, wire.error);
		begin_element(t, frame);
		if (!show_value(t, frame, &one))
			return false;
	}
	return true;
}

/* Gives the quick way up; returns false. */
static bool give_up(struct transcoder *t)
{
	t->unusual = true;
	return false;
}

/* Appends one known field, the quick way. `*oneofs` are the oneofs that were met. */
static bool show_next(struct transcoder *t, struct frame *frame, const struct field *field,
		      const struct wire_field *got, uint64_t *oneofs)
{
	bool packed;

	if (!wire_suits(field, got->type, &packed))
		return transcoder_bad(t, frame, got->at, "a wire type that the field cannot have");
	if (packed && got->bytes.n == 0)
		return true;
	if (field != frame->field) {
		uint64_t oneof = field->oneof == 0 ? 0 : 1ull << (field->oneof - 1);

		if ((frame->field != NULL && field->number < frame->field->number) ||
		    (*oneofs & oneof) != 0)
			return give_up(t);
		end_field(t, frame);
		*oneofs |= oneof;
		frame->field = field;
		frame->shown_n = 0;
		if (!field->repeated)
			begin_member(t, frame, field->member);
	} else if (!field->repeated) {
		return give_up(t);
	}
	if (packed)
		return show_packed(t, frame, got);
	if (field->repeated)
		begin_element(t, frame);
	return show_value(t, frame, got);
}

/* Appends the members of a message, the quick way. */
static bool show_quickly(struct transcoder *t, struct frame *frame)
{
	struct wire wire;
	struct wire_field got;
	uint64_t oneofs = 0;
	bool unknown = false;

	wire_init(&wire, frame->wire, TRANSCODE_DEPTH_MAX - t->depth);
	while (wire_next(&wire, &got)) {
		const struct field *field = message_field(frame->message, got.number);

		if (field == NULL)
			unknown = true;
		else if (!show_next(t, frame, field, &got, &oneofs))
			return false;
	}
	if (wire.error != NULL)
		return transcoder_bad(t, frame, got.at, wire.error);
	end_field(t, frame);
	return !unknown || show_unknown(t, frame);
}

bool show_message(struct transcoder *t, struct frame *frame)
{
	bool ok;

	if (t->depth == TRANSCODE_DEPTH_MAX)
		return transcoder_bad(t, frame, 0, "nested too deep");
	t->depth++;
	buf_c(t->out, '{');
	ok = t->careful || frame->message->careful ? show_carefully(t, frame)
						   : show_quickly(t, frame);
	buf_c(t->out, '}');
	t->depth--;
	return ok;
}

bool transcode(const struct message *message, struct str wire,
	       const struct transcode_options *options, struct buf *out, struct error *err)
{
	struct transcoder t = {.options = options, .out = out, .err = err};
	struct mark mark = transcoder_mark(&t);
	struct frame root = {.message = message, .wire = wire};
	bool ok;

	if (wire.n > TRANSCODE_BYTES_MAX)
		return error_set(err, ERROR_DATA, "longer than %d bytes", TRANSCODE_BYTES_MAX);
	ok = show_message(&t, &root);
	if (!ok && t.unusual) {
		transcoder_rewind(&t, mark);
		t.careful = true;
		t.unusual = false;
		root = (struct frame){.message = message, .wire = wire};
		ok = show_message(&t, &root);
	}
	if (out->failed || (options->masked != NULL && options->masked->failed))
		ok = error_set(err, ERROR_DATA, "its JSON would be longer than %zu bytes",
			       out->max);
	if (!ok)
		transcoder_rewind(&t, mark);
	mem_free(t.entries);
	return ok;
}
