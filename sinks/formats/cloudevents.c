/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/cloudevents.h"

#include "base/time.h"
#include "base/utf8.h"
#include "sinks/formats/identity.h"
#include "sinks/formats/key.h"

enum {
	LINE_MAX_BYTES = 128 << 20,
	TEXT_MAX = 64 << 20, /* of one attribute */
};

#define CHANGE_WORD "{change}"

static const char *const mode_words[] = {"structured", "binary", NULL};

/* struct option_spec: whether a text can be an event's type. */
static const char *check_event_type(struct str text)
{
	static const char must_be[] =
		"a name of letters, digits and \".-_:/\", in which {change} may stand once";
	const char *word = memmem(text.p, text.n, CHANGE_WORD, sizeof(CHANGE_WORD) - 1);

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (word != NULL && text.p + i == word)
			i += sizeof(CHANGE_WORD) - 2;
		else if (!letter && !(c >= '0' && c <= '9') && strchr(".-_:/", c) == NULL)
			return must_be;
	}
	return text.n == 0 ? must_be : NULL;
}

static const struct option_spec cloudevents_option_specs[] = {
	{.name = "content_mode",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct cloudevents_options, mode),
	 .fallback = "structured",
	 .words = mode_words,
	 .help = "Where an event's attributes are: with its data in one JSON object, or in the "
		 "headers of the request or record, whose body is then the data alone."},
	{.name = "event_type",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct cloudevents_options, event_type),
	 .fallback = "com.amazonaws.dynamodb.item." CHANGE_WORD,
	 .check = check_event_type,
	 .help = "The type of the events. {change} stands for inserted, modified, removed, expired "
		 "or missed; without it all events have one type."},
	NATIVE_OPTIONS(struct cloudevents_options, native),
};

static const struct framing structured_framing = {
	.single_open = "",
	.single_close = "",
	.batch_open = "[",
	.batch_close = "]",
	.single_type = "application/cloudevents+json; charset=utf-8",
	.batch_type = "application/cloudevents-batch+json; charset=utf-8",
};

static const struct framing binary_framing = {
	.single_open = "",
	.single_close = "",
	.batch_open = "",
	.batch_close = "",
	.single_type = "application/json",
	.batch_type = "application/json",
	.lone = true,
};

/* Working memory that is kept from event to event. */
struct work {
	struct buf value; /* an attribute's */
	struct buf clean; /* the same in the characters that CloudEvents allows */
};

struct cloudevents {
	struct encoder encoder; /* first: the engine's pointer is ours */
	struct encoder *native; /* makes the data */
	struct image_rules rules;
	struct str type_before, type_after; /* around the change's word */
	bool type_varies;
	struct work *work;
};

/* What happened to the item, as the type tells it. */
static struct str change_word(const struct event *event)
{
	switch (event->op) {
	case EVENT_INSERT:
		return STR("inserted");
	case EVENT_MODIFY:
		return STR("modified");
	case EVENT_REMOVE:
		return event->ttl ? STR("expired") : STR("removed");
	case EVENT_GAP:
		break;
	}
	return STR("missed");
}

/*
 * Whether an attribute may not hold a character: controls and what is no character (CloudEvents 1.0,
 * type system, String).
 */
static bool is_forbidden(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code <= 0x9F) ||
	       (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
}

/* Appends valid UTF-8, each forbidden character escaped as JSON does it: \u0085. */
static void put_allowed(struct str text, struct buf *out)
{
	while (text.n > 0) {
		uint32_t code = 0;
		size_t n = utf8_next(text, &code);

		must(n > 0);
		if (!is_forbidden(code)) {
			buf_add(out, text.p, n);
		} else if (code <= 0xFFFF) {
			buf_fmt(out, "\\u%04x", code);
		} else {
			code -= 0x10000;
			buf_fmt(out, "\\u%04x\\u%04x", 0xD800 + (code >> 10),
				0xDC00 + (code & 0x3FF));
		}
		text = str_skip(text, n);
	}
}

/* Where attributes go, one after the other. */
struct attributes {
	const struct cloudevents *ce;
	attribute_fn *put;
	void *arg;
	bool failed; /* a value was too long */
};

/* Begins an attribute's value, to be appended to what is returned. */
static struct buf *begin(const struct attributes *attributes)
{
	buf_clear(&attributes->ce->work->value);
	return &attributes->ce->work->value;
}

/* Hands over the attribute whose value was made; an empty one is absent. */
static void end(struct attributes *attributes, struct str name)
{
	struct work *work = attributes->ce->work;

	buf_clear(&work->clean);
	put_allowed(buf_view(&work->value), &work->clean);
	attributes->failed |= work->value.failed || work->clean.failed;
	if (work->clean.n > 0)
		attributes->put(attributes->arg, name, buf_view(&work->clean));
}

/* Hands over an attribute whose value is at hand. */
static void give(struct attributes *attributes, struct str name, struct str value)
{
	utf8_add_clean(begin(attributes), value);
	end(attributes, name);
}

/* Appends what `source` must be, a URI reference: bytes that cannot stand in one go in as %XX. */
static void put_uri(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c > 0x20 && c < 0x7F && strchr("\"<>[\\]^`{|}%", c) == NULL)
			buf_c(out, text.p[i]);
		else
			buf_fmt(out, "%%%02X", c);
	}
}

/* Hands over what an item's key gives. */
static void give_key(struct attributes *attributes, const struct source *source,
		     const struct event *event)
{
	const struct image_rules *rules = &attributes->ce->rules;

	identity_put_key(rules, source, event, begin(attributes));
	end(attributes, STR("subject"));
	if (identity_key_is_secret(rules, event))
		identity_put_key(rules, source, event, begin(attributes));
	else
		key_put_partition(source, event, begin(attributes));
	end(attributes, STR("partitionkey"));
}

/* Hands over all attributes of an event but those that say what its data is. */
static void give_all(struct attributes *attributes, const struct source *source,
		     const struct event *event)
{
	const struct cloudevents *ce = attributes->ce;
	struct buf *value;

	give(attributes, STR("specversion"), STR("1.0"));
	identity_put_plain_id(source, event, begin(attributes));
	end(attributes, STR("id"));
	put_uri(source->stream_arn, begin(attributes));
	end(attributes, STR("source"));
	value = begin(attributes);
	buf_str(value, ce->type_before);
	if (ce->type_varies)
		buf_str(value, change_word(event));
	buf_str(value, ce->type_after);
	end(attributes, STR("type"));
	if (event->time_ms != 0) {
		time_add_rfc3339(begin(attributes), event->time_ms);
		end(attributes, STR("time"));
	}
	give_key(attributes, source, event);
	if (event->seqno.n > 0) {
		value = begin(attributes);
		for (size_t n = event->seqno.n; n < SEQNO_MAX; n++)
			buf_c(value, '0');
		buf_str(value, event->seqno);
		end(attributes, STR("sequence"));
	}
	give(attributes, STR("shard"), source->shard_id);
	give(attributes, STR("op"), event_op_word(event->op));
}

/* struct encoder: the attributes that travel beside a record. */
static void encode_attributes(const struct encoder *encoder, const struct source *source,
			      const struct event *event, attribute_fn *put, void *arg)
{
	struct attributes attributes = {
		.ce = (const struct cloudevents *)(const void *)encoder, .put = put, .arg = arg};

	give_all(&attributes, source, event);
}

/* Takes an attribute into the object that is being made. */
static void put_member(void *arg, struct str name, struct str value)
{
	struct buf *out = arg;

	json_comma(out);
	json_put_raw(out, name);
	buf_c(out, ':');
	json_put(out, value);
}

/* Appends a structured event. */
static void encode_structured(const struct encoder *encoder, const struct source *source,
			      const struct event *event, struct buf *out)
{
	const struct cloudevents *ce = (const struct cloudevents *)(const void *)encoder;
	struct attributes attributes = {.ce = ce, .put = put_member, .arg = out};

	buf_c(out, '{');
	give_all(&attributes, source, event);
	out->failed |= attributes.failed;
	buf_str(out, STR(",\"datacontenttype\":\"application/json\",\"data\":"));
	ce->native->encode(ce->native, source, event, out);
	if (out->failed)
		return;
	buf_truncate(out, out->n - 1);
	buf_str(out, STR("}\n"));
}

/* Appends the data of a binary event. */
static void encode_binary(const struct encoder *encoder, const struct source *source,
			  const struct event *event, struct buf *out)
{
	const struct cloudevents *ce = (const struct cloudevents *)(const void *)encoder;

	ce->native->encode(ce->native, source, event, out);
}

/* struct encoder: the record's key, without secrets. */
static void encode_key(const struct encoder *encoder, const struct source *source,
		       const struct event *event, struct buf *out)
{
	const struct cloudevents *ce = (const struct cloudevents *)(const void *)encoder;

	identity_put_key(&ce->rules, source, event, out);
}

/* Cuts the configured type around its word. */
static void read_type(struct cloudevents *ce, struct str type)
{
	const char *word = memmem(type.p, type.n, CHANGE_WORD, sizeof(CHANGE_WORD) - 1);

	ce->type_varies = word != NULL;
	ce->type_before = word == NULL ? type : str_head(type, (size_t)(word - type.p));
	if (word != NULL)
		ce->type_after = str_skip(type, ce->type_before.n + sizeof(CHANGE_WORD) - 1);
}

struct encoder *cloudevents_new(const struct cloudevents_options *options,
				const struct format_env *env, struct error *err)
{
	struct cloudevents *ce = mem_alloc(sizeof(*ce));
	bool binary = options->mode == CLOUDEVENTS_BINARY;

	ce->native = native_new(&options->native, env->role, env->schema, err);
	if (ce->native == NULL ||
	    !image_rules_init(&ce->rules, &options->native.image, env->role, env->schema, err)) {
		native_free(ce->native);
		mem_free(ce);
		return NULL;
	}
	ce->encoder = (struct encoder){
		.encode = binary ? encode_binary : encode_structured,
		.key = encode_key,
		.attributes = binary ? encode_attributes : NULL,
		.framing = binary ? &binary_framing : &structured_framing,
		.images_needed = ce->native->images_needed,
		.images_wanted = ce->native->images_wanted,
	};
	read_type(ce, str_of(options->event_type));
	ce->work = mem_alloc(sizeof(*ce->work));
	buf_init(&ce->work->value, TEXT_MAX);
	buf_init(&ce->work->clean, LINE_MAX_BYTES);
	return &ce->encoder;
}

void cloudevents_free(struct encoder *encoder)
{
	struct cloudevents *ce = (struct cloudevents *)(void *)encoder;

	if (encoder == NULL)
		return;
	native_free(ce->native);
	image_rules_release(&ce->rules);
	buf_release(&ce->work->value);
	buf_release(&ce->work->clean);
	mem_free(ce->work);
	mem_free(ce);
}

/* struct format_type: the encoder of one table. */
static struct encoder *cloudevents_open(const struct format_env *env, const void *options,
					struct error *err)
{
	return cloudevents_new(options, env, err);
}

/* struct format_type: attributes in binary mode have no other place than headers. */
static const char *cloudevents_needs_headers(const void *options_p)
{
	const struct cloudevents_options *options = options_p;

	return options->mode == CLOUDEVENTS_BINARY ? "content_mode" : NULL;
}

/* struct format_type: whether secrets go out in clear. */
static bool cloudevents_shows_secrets(const void *options_p)
{
	const struct cloudevents_options *options = options_p;

	return !options->native.image.mask;
}

const struct format_type format_cloudevents = {
	.name = "cloudevents",
	.help = "CloudEvents 1.0 whose data is the native format's object",
	.options = cloudevents_option_specs,
	.n_options = ARRAY_N(cloudevents_option_specs),
	.options_bytes = sizeof(struct cloudevents_options),
	.open = cloudevents_open,
	.close = cloudevents_free,
	.needs_headers = cloudevents_needs_headers,
	.shows_secrets = cloudevents_shows_secrets,
};
