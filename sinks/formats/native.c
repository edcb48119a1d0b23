/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/native.h"

#include "base/time.h"
#include "base/utf8.h"
#include "sinks/formats/identity.h"
#include "sinks/formats/summary.h"

enum { LINE_MAX_BYTES = 128 << 20, SUMMARY_MAX = 16 << 10 };

/* The options as struct format_type wants them. */
struct whole {
	struct native_options native;
};

static const struct option_spec native_option_specs[] = {
	NATIVE_OPTIONS(struct whole, native),
};

/* Working memory that is kept from event to event. */
struct work {
	struct image_notes notes;
	struct buf line; /* a line before its UTF-8 is cleaned */
	struct buf summary; /* raw JSON string body */
};

struct native {
	struct encoder encoder; /* first: the engine's pointer is ours */
	struct image_rules rules;
	const struct profile_role *role;
	bool summary;
	struct work *work;
};

/* Where the images stand in the line that is being made. */
struct spans {
	size_t key, key_end;
	size_t before, before_end;
	size_t after, after_end;
};

/* Begins the member `name`, which needs no escaping. */
static void put_name(struct buf *out, struct str name)
{
	json_comma(out);
	json_put_raw(out, name);
	buf_c(out, ':');
}

/* Appends a member that is a string, escaping it. */
static void put_text(struct buf *out, struct str name, struct str text)
{
	put_name(out, name);
	json_put(out, text);
}

/* Appends the members that say which event this is and where it comes from. */
static void put_head(const struct source *source, const struct event *event, struct buf *out)
{
	put_name(out, STR("id"));
	identity_put_id(source, event, out);
	put_text(out, STR("op"), event_op_word(event->op));
	put_text(out, STR("table"), source->table);
	put_text(out, STR("stream"), source->stream_arn);
	put_text(out, STR("shard"), source->shard_id);
	if (event->seqno.n > 0)
		put_text(out, STR("seq"), event->seqno);
	if (event->time_ms != 0) {
		put_name(out, STR("time"));
		buf_c(out, '"');
		time_add_rfc3339(out, event->time_ms);
		buf_c(out, '"');
	}
	if (event->ttl)
		buf_str(out, STR(",\"ttl\":true"));
}

/* Appends one image, unless it is absent; returns where its JSON begins. */
static size_t put_image(const struct native *native, struct str name, struct str image,
			struct buf *out)
{
	size_t from = out->n;

	if (image.n == 0)
		return from;
	put_name(out, name);
	from = out->n;
	image_put(&native->rules, &native->work->notes, name, image, out);
	return from;
}

/* Appends key and images and says where they stand. */
static void put_images(const struct native *native, const struct event *event, struct spans *spans,
		       struct buf *out)
{
	spans->key = put_image(native, STR("key"), event->keys, out);
	spans->key_end = out->n;
	spans->before = put_image(native, STR("before"), event->old_image, out);
	spans->before_end = out->n;
	spans->after = put_image(native, STR("after"), event->new_image, out);
	spans->after_end = out->n;
}

/* Appends what a gap record says about the gap. */
static void put_gap(const struct gap *gap, struct buf *out)
{
	put_name(out, STR("gap"));
	buf_c(out, '{');
	put_text(out, STR("reason"), gap_reason_word(gap->reason));
	put_name(out, STR("certain"));
	buf_str(out, gap->certain ? STR("true") : STR("false"));
	put_text(out, STR("after"), position_text(&gap->after));
	buf_c(out, '}');
}

/* Appends the member `name` with the members of its object or array, unless there are none. */
static void put_note(struct buf *out, struct str name, const struct buf *note, char open,
		     char close)
{
	if (note->n == 0)
		return;
	put_name(out, name);
	buf_c(out, open);
	buf_str(out, buf_view(note));
	buf_c(out, close);
}

/* Appends the notes on the images. */
static void put_notes(const struct image_notes *notes, struct buf *out)
{
	put_note(out, STR("types"), &notes->types, '{', '}');
	put_note(out, STR("masked"), &notes->masked, '[', ']');
	put_note(out, STR("raw"), &notes->raw, '{', '}');
	put_note(out, STR("undecodable"), &notes->undecodable, '{', '}');
}

/* Appends the sentence, made from the images as the line shows them: what is masked stays so. */
static void put_summary(const struct native *native, const struct event *event,
			const struct spans *spans, struct buf *out)
{
	struct buf *text = &native->work->summary;
	struct summary_input input = {
		.role = native->role,
		.event = event,
		.key = str_make(out->p + spans->key, spans->key_end - spans->key),
		.before = str_make(out->p + spans->before, spans->before_end - spans->before),
		.after = str_make(out->p + spans->after, spans->after_end - spans->after),
	};

	if (out->failed)
		return;
	buf_clear(text);
	summary_put(&input, text);
	put_name(out, STR("summary"));
	json_put_raw(out, buf_view(text));
}

/* Appends the line of one event. */
static void put_line(const struct native *native, const struct source *source,
		     const struct event *event, struct buf *out)
{
	struct image_notes *notes = &native->work->notes;
	struct spans spans = {0};

	image_notes_clear(notes);
	buf_c(out, '{');
	put_head(source, event, out);
	if (event->op == EVENT_GAP)
		put_gap(event->gap, out);
	else
		put_images(native, event, &spans, out);
	if (event->utf8_bad)
		image_note_undecodable(notes, STR_NONE, STR("invalid UTF-8 was replaced"));
	put_notes(notes, out);
	if (native->summary)
		put_summary(native, event, &spans, out);
	buf_str(out, STR("}\n"));
}

/* The engine's way in. */
static void encode(const struct encoder *encoder, const struct source *source,
		   const struct event *event, struct buf *out)
{
	const struct native *native = (const struct native *)(const void *)encoder;
	struct buf *line = &native->work->line;

	if (!event->utf8_bad) {
		put_line(native, source, event, out);
		return;
	}
	/* All texts were copied as they came; cleaning the line cleans them all in one place. */
	buf_clear(line);
	put_line(native, source, event, line);
	out->failed |= line->failed;
	utf8_add_clean(out, buf_view(line));
}

/* struct encoder: the record's key, without secrets. */
static void encode_key(const struct encoder *encoder, const struct source *source,
		       const struct event *event, struct buf *out)
{
	const struct native *native = (const struct native *)(const void *)encoder;

	identity_put_key(&native->rules, source, event, out);
}

struct encoder *native_new(const struct native_options *options, const struct profile_role *role,
			   const struct schema *schema, struct error *err)
{
	struct native *native = mem_alloc(sizeof(*native));

	if (!image_rules_init(&native->rules, &options->image, role, schema, err)) {
		mem_free(native);
		return NULL;
	}
	native->encoder.encode = encode;
	native->encoder.key = encode_key;
	native->encoder.framing = &framing_json;
	if (role != NULL)
		native->encoder.images_needed = IMAGES_NEW | IMAGES_OLD;
	if (role != NULL || options->summary)
		native->encoder.images_wanted = IMAGES_NEW | IMAGES_OLD;
	native->role = role;
	native->summary = options->summary;
	native->work = mem_alloc(sizeof(*native->work));
	image_notes_init(&native->work->notes);
	buf_init(&native->work->line, LINE_MAX_BYTES);
	buf_init(&native->work->summary, SUMMARY_MAX);
	return &native->encoder;
}

void native_free(struct encoder *encoder)
{
	struct native *native = (struct native *)(void *)encoder;

	if (encoder == NULL)
		return;
	image_rules_release(&native->rules);
	image_notes_release(&native->work->notes);
	buf_release(&native->work->line);
	buf_release(&native->work->summary);
	mem_free(native->work);
	mem_free(native);
}

/* struct format_type: the encoder of one table. */
static struct encoder *native_open(const struct format_env *env, const void *options,
				   struct error *err)
{
	return native_new(options, env->role, env->schema, err);
}

/* struct format_type: whether secrets go out in clear. */
static bool native_shows_secrets(const void *options_p)
{
	const struct native_options *options = options_p;

	return !options->image.mask;
}

const struct format_type format_native = {
	.name = "native",
	.help = "one JSON object per change: plain values, decoded, with notes on their types",
	.options = native_option_specs,
	.n_options = ARRAY_N(native_option_specs),
	.options_bytes = sizeof(struct whole),
	.open = native_open,
	.close = native_free,
	.shows_secrets = native_shows_secrets,
};
