/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/debezium.h"

#include "base/utf8.h"
#include "sinks/formats/debezium_key.h"
#include "sinks/formats/debezium_schema.h"
#include "sinks/formats/identity.h"

enum { LINE_MAX_BYTES = 128 << 20, SCHEMA_MAX = 16 << 20 };

/* Of the form, not of the program: an upgrade must not change what a replay gives. */
#define FORM_VERSION "1.0"

static const char *const images_words[] = {"auto", "object", "row", "string", NULL};

/* Names of schemas and topics are made of these characters. */
static const char *check_prefix(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
			return "a name of letters, digits, \".\", \"_\" and \"-\"";
	}
	return text.n == 0 ? "a name" : NULL;
}

static const struct option_spec debezium_option_specs[] = {
	{.name = "schemas",
	 .type = OPTION_BOOL,
	 .offset = offsetof(struct debezium_options, schemas),
	 .fallback = "false",
	 .help = "Whether key and value carry their schema, as Kafka Connect's JSON converter "
		 "wants it with schemas.enable=true."},
	{.name = "images",
	 .type = OPTION_WORD,
	 .offset = offsetof(struct debezium_options, images),
	 .fallback = "auto",
	 .words = images_words,
	 .help = "What before and after are: the item as an object, a row of the key attributes "
		 "and "
		 "the item as JSON text, or a string of JSON text. auto is row with schemas and "
		 "object without."},
	{.name = "prefix",
	 .type = OPTION_TEXT,
	 .offset = offsetof(struct debezium_options, prefix),
	 .fallback = "ddbtap",
	 .check = check_prefix,
	 .help = "What Debezium calls topic.prefix: the name of the source, with which the names "
		 "of "
		 "the schemas begin."},
	IMAGE_OPTIONS(struct debezium_options, image),
};

/* Working memory that is kept from event to event. */
struct work {
	struct image_notes notes;
	struct debezium_key key;
	struct buf line; /* a line before its UTF-8 is cleaned */
	struct buf text; /* JSON that goes into a string */
	/* The schemas of the records made last, and the key's names that they are good for. */
	struct buf key_schema, envelope_schema, names;
	struct buf new_names;
};

struct debezium {
	struct encoder encoder; /* first: the engine's pointer is ours */
	struct image_rules rules;
	struct debezium_name name;
	enum debezium_images images; /* never DEBEZIUM_AUTO */
	bool schemas;
	struct work *work;
};

/* Appends a member that is a string, escaping it; `member` comes with its quotes, comma and colon. */
static void put_text(struct buf *out, const char *member, struct str text)
{
	buf_str(out, str_of(member));
	json_put(out, text);
}

/* Appends what is in work->text as a member that is a string. */
static void put_work_text(const struct debezium *dbz, const char *member, struct buf *out)
{
	out->failed |= dbz->work->text.failed;
	put_text(out, member, buf_view(&dbz->work->text));
}

/* Appends a member that is a raw JSON string, or null when there is none. */
static void put_raw_or_null(struct buf *out, const char *member, struct str raw)
{
	buf_str(out, str_of(member));
	if (raw.n > 0)
		json_put_raw(out, raw);
	else
		buf_str(out, STR("null"));
}

/* Reads the event's key and makes the schemas anew, when it has other names than the last one. */
static void read_key(const struct debezium *dbz, const struct source *source,
		     const struct event *event)
{
	struct work *work = dbz->work;
	struct buf old_names;

	debezium_key_read(&work->key, &dbz->rules, source, event);
	if (!dbz->schemas)
		return;
	buf_clear(&work->new_names);
	for (size_t i = 0; i < work->key.n; i++)
		json_put(&work->new_names, work->key.fields[i].name);
	if (work->envelope_schema.n > 0 &&
	    str_eq(buf_view(&work->new_names), buf_view(&work->names)))
		return;
	old_names = work->names;
	work->names = work->new_names;
	work->new_names = old_names;
	buf_clear(&work->key_schema);
	buf_clear(&work->envelope_schema);
	debezium_put_key_schema(&dbz->name, &work->key, &work->key_schema);
	debezium_put_envelope_schema(&dbz->name, dbz->images, &work->key, &work->envelope_schema);
}

/* Appends an image, which `member` names in the notes; null when it is absent. */
static void put_image(const struct debezium *dbz, struct str member, struct str image,
		      struct buf *out)
{
	struct work *work = dbz->work;

	if (image.n == 0) {
		buf_str(out, STR("null"));
		return;
	}
	if (dbz->images == DEBEZIUM_OBJECT) {
		image_put(&dbz->rules, &work->notes, member, image, out);
		return;
	}
	buf_clear(&work->text);
	image_put(&dbz->rules, &work->notes, member, image, &work->text);
	if (dbz->images == DEBEZIUM_STRING) {
		put_work_text(dbz, "", out);
		return;
	}
	buf_c(out, '{');
	debezium_key_put_members(&work->key, out);
	json_comma(out);
	buf_c(out, '"');
	debezium_put_item_name(&work->key, out);
	put_work_text(dbz, "\":", out);
	buf_c(out, '}');
}

/* Appends a time as a member, in units of which a millisecond has `factor`; null when it is not known
   or does not fit, which happens to nanoseconds in the year 2262. */
static void put_time(struct buf *out, const char *member, int64_t time_ms, int64_t factor)
{
	buf_str(out, str_of(member));
	if (time_ms == 0 || time_ms > INT64_MAX / factor)
		buf_str(out, STR("null"));
	else
		buf_i64(out, time_ms * factor);
}

/* Appends what a gap record says about the gap; null for a change. */
static void put_gap(const struct event *event, struct buf *out)
{
	const struct gap *gap = event->gap;

	if (event->op != EVENT_GAP) {
		buf_str(out, STR("null"));
		return;
	}
	put_text(out, "{\"reason\":", gap_reason_word(gap->reason));
	buf_str(out, STR(",\"certain\":"));
	buf_str(out, gap->certain ? STR("true") : STR("false"));
	put_text(out, ",\"after\":", position_text(&gap->after));
	buf_c(out, '}');
}

/* Appends the member `name` with the members of its object or array, unless there are none. */
static void put_note(struct buf *out, struct str name, const struct buf *note, char open,
		     char close)
{
	if (note->n == 0)
		return;
	json_comma(out);
	json_put_raw(out, name);
	buf_c(out, ':');
	buf_c(out, open);
	buf_str(out, buf_view(note));
	buf_c(out, close);
}

/* Appends the notes on the images as JSON text; null when there are none. */
static void put_notes(const struct debezium *dbz, struct buf *out)
{
	const struct image_notes *notes = &dbz->work->notes;
	struct buf *text = &dbz->work->text;

	buf_clear(text);
	buf_c(text, '{');
	put_note(text, STR("types"), &notes->types, '{', '}');
	put_note(text, STR("masked"), &notes->masked, '[', ']');
	put_note(text, STR("raw"), &notes->raw, '{', '}');
	put_note(text, STR("undecodable"), &notes->undecodable, '{', '}');
	buf_c(text, '}');
	if (text->n == 2 && !text->failed)
		buf_str(out, STR("null"));
	else
		put_work_text(dbz, "", out);
}

/* Appends the key as JSON text, with its notes, for readers that see no record keys and no images;
   null when there is none. */
static void put_key_text(const struct debezium *dbz, const struct event *event, struct buf *out)
{
	struct buf *text = &dbz->work->text;

	if (event->keys.n == 0) {
		buf_str(out, STR("null"));
		return;
	}
	buf_clear(text);
	image_put(&dbz->rules, &dbz->work->notes, STR("key"), event->keys, text);
	put_work_text(dbz, "", out);
}

/* Appends the place of a change in its shard, as an array in a string; null in a gap record. */
static void put_sequence(const struct event *event, struct buf *out)
{
	if (event->seqno.n == 0) {
		buf_str(out, STR("null"));
		return;
	}
	buf_str(out, STR("\"[\\\""));
	json_put_inside(out, event->seqno);
	buf_str(out, STR("\\\"]\""));
}

/* Appends the block that says where the event comes from; its notes are those of the images, which
   must be out by now. */
static void put_source(const struct debezium *dbz, const struct source *source,
		       const struct event *event, struct buf *out)
{
	buf_str(out, STR("{\"version\":\"" FORM_VERSION "\",\"connector\":\"dynamodb\""));
	put_text(out, ",\"name\":", dbz->name.prefix);
	/* Debezium's schema requires a number here. */
	buf_str(out, STR(",\"ts_ms\":"));
	buf_i64(out, event->time_ms);
	buf_str(out, STR(",\"snapshot\":\"false\""));
	put_text(out, ",\"db\":", source->region);
	buf_str(out, STR(",\"sequence\":"));
	put_sequence(event, out);
	put_time(out, ",\"ts_us\":", event->time_ms, 1000);
	put_time(out, ",\"ts_ns\":", event->time_ms, 1000000);
	put_text(out, ",\"table\":", source->table);
	put_text(out, ",\"stream_arn\":", source->stream_arn);
	put_text(out, ",\"shard_id\":", source->shard_id);
	buf_str(out, STR(",\"event_id\":"));
	identity_put_id(source, event, out);
	put_raw_or_null(out, ",\"view_type\":", event->view_type);
	buf_str(out, STR(",\"user_identity\":"));
	buf_str(out, event->ttl ? STR("\"dynamodb.amazonaws.com\"") : STR("null"));
	buf_str(out, STR(",\"key\":"));
	put_key_text(dbz, event, out);
	buf_str(out, STR(",\"gap\":"));
	put_gap(event, out);
	buf_str(out, STR(",\"notes\":"));
	put_notes(dbz, out);
	buf_c(out, '}');
}

/* The letter of an operation. */
static char op_letter(enum event_op op)
{
	switch (op) {
	case EVENT_INSERT:
		return 'c';
	case EVENT_MODIFY:
		return 'u';
	case EVENT_REMOVE:
		return 'd';
	case EVENT_GAP:
		break;
	}
	return 'm';
}

/* Appends the envelope of one event. */
static void put_envelope(const struct debezium *dbz, const struct source *source,
			 const struct event *event, struct buf *out)
{
	struct image_notes *notes = &dbz->work->notes;

	image_notes_clear(notes);
	buf_str(out, STR("{\"before\":"));
	put_image(dbz, STR("before"), event->old_image, out);
	buf_str(out, STR(",\"after\":"));
	put_image(dbz, STR("after"), event->new_image, out);
	if (dbz->work->key.fault != NULL)
		image_note_undecodable(notes, STR("/key"), str_of(dbz->work->key.fault));
	if (event->utf8_bad)
		image_note_undecodable(notes, STR_NONE, STR("invalid UTF-8 was replaced"));
	buf_str(out, STR(",\"source\":"));
	put_source(dbz, source, event, out);
	buf_str(out, STR(",\"transaction\":null,\"op\":\""));
	buf_c(out, op_letter(event->op));
	buf_c(out, '"');
	put_time(out, ",\"ts_ms\":", event->time_ms, 1);
	put_time(out, ",\"ts_us\":", event->time_ms, 1000);
	put_time(out, ",\"ts_ns\":", event->time_ms, 1000000);
	buf_c(out, '}');
}

/* Appends what stands before a payload: its schema, when there are schemas. */
static void open_payload(const struct debezium *dbz, struct str schema, struct buf *out)
{
	if (!dbz->schemas)
		return;
	buf_str(out, STR("{\"schema\":"));
	buf_str(out, schema);
	buf_str(out, STR(",\"payload\":"));
}

/* Appends what stands behind a payload. */
static void close_payload(const struct debezium *dbz, struct buf *out)
{
	if (dbz->schemas)
		buf_c(out, '}');
}

/* Appends the line of one event. */
static void put_line(const struct debezium *dbz, const struct source *source,
		     const struct event *event, struct buf *out)
{
	read_key(dbz, source, event);
	open_payload(dbz, buf_view(&dbz->work->envelope_schema), out);
	put_envelope(dbz, source, event, out);
	close_payload(dbz, out);
	buf_c(out, '\n');
}

/* The engine's way in. */
static void encode(const struct encoder *encoder, const struct source *source,
		   const struct event *event, struct buf *out)
{
	const struct debezium *dbz = (const struct debezium *)(const void *)encoder;
	struct buf *line = &dbz->work->line;

	if (!event->utf8_bad) {
		put_line(dbz, source, event, out);
		return;
	}
	/* All texts were copied as they came; cleaning the line cleans them all in one place. */
	buf_clear(line);
	put_line(dbz, source, event, line);
	out->failed |= line->failed;
	utf8_add_clean(out, buf_view(line));
}

/* struct encoder: the record's key; of a gap record, none. */
static void encode_key(const struct encoder *encoder, const struct source *source,
		       const struct event *event, struct buf *out)
{
	const struct debezium *dbz = (const struct debezium *)(const void *)encoder;

	read_key(dbz, source, event);
	if (!dbz->work->key.known)
		return;
	open_payload(dbz, buf_view(&dbz->work->key_schema), out);
	buf_c(out, '{');
	debezium_key_put_members(&dbz->work->key, out);
	buf_c(out, '}');
	close_payload(dbz, out);
}

/* struct encoder: a heartbeat. Its readers know the source by the prefix, as they do in all records. */
static void encode_heartbeat(const struct encoder *encoder, struct str name, int64_t wall_ms,
			     struct buf *key, struct buf *value)
{
	const struct debezium *dbz = (const struct debezium *)(const void *)encoder;

	(void)name;
	open_payload(dbz, str_of(debezium_heartbeat_key_schema), key);
	put_text(key, "{\"serverName\":", dbz->name.prefix);
	buf_c(key, '}');
	close_payload(dbz, key);
	open_payload(dbz, str_of(debezium_heartbeat_schema), value);
	buf_str(value, STR("{\"ts_ms\":"));
	buf_i64(value, wall_ms);
	buf_c(value, '}');
	close_payload(dbz, value);
}

/* Working memory, empty. */
static struct work *work_new(void)
{
	struct work *work = mem_alloc(sizeof(*work));

	image_notes_init(&work->notes);
	debezium_key_init(&work->key);
	buf_init(&work->line, LINE_MAX_BYTES);
	buf_init(&work->text, LINE_MAX_BYTES);
	buf_init(&work->key_schema, SCHEMA_MAX);
	buf_init(&work->envelope_schema, SCHEMA_MAX);
	buf_init(&work->names, SCHEMA_MAX);
	buf_init(&work->new_names, SCHEMA_MAX);
	return work;
}

/* Frees the working memory. */
static void work_free(struct work *work)
{
	image_notes_release(&work->notes);
	debezium_key_release(&work->key);
	buf_release(&work->line);
	buf_release(&work->text);
	buf_release(&work->key_schema);
	buf_release(&work->envelope_schema);
	buf_release(&work->names);
	buf_release(&work->new_names);
	mem_free(work);
}

/* struct format_type: no schema holds for all items. */
static bool debezium_check(const void *options_p, struct option_fault *fault)
{
	const struct debezium_options *options = options_p;

	if (options->images != DEBEZIUM_OBJECT || !options->schemas)
		return true;
	fault->option = "images";
	return error_set(&fault->why, ERROR_CONFIG,
			 "images: object does not go with schemas: true, for no schema holds for "
			 "all items: use images: row or images: string");
}

struct encoder *debezium_new(const struct debezium_options *options, const struct format_env *env,
			     struct error *err)
{
	enum debezium_images images = (enum debezium_images)options->images;
	struct option_fault fault;
	struct debezium *dbz;

	if (!debezium_check(options, &fault)) {
		*err = fault.why;
		return NULL;
	}
	if (images == DEBEZIUM_AUTO)
		images = options->schemas ? DEBEZIUM_ROW : DEBEZIUM_OBJECT;
	dbz = mem_alloc(sizeof(*dbz));
	if (!image_rules_init(&dbz->rules, &options->image, env->role, env->schema, err)) {
		mem_free(dbz);
		return NULL;
	}
	dbz->encoder = (struct encoder){
		.encode = encode,
		.key = encode_key,
		.heartbeat = encode_heartbeat,
		.framing = &framing_json,
		.tombstones = true,
		.images_needed = IMAGES_NEW,
		.images_wanted = IMAGES_NEW | IMAGES_OLD,
	};
	dbz->name.prefix = str_of(options->prefix);
	dbz->name.table = env->table;
	dbz->images = images;
	dbz->schemas = options->schemas;
	dbz->work = work_new();
	return &dbz->encoder;
}

void debezium_free(struct encoder *encoder)
{
	struct debezium *dbz = (struct debezium *)(void *)encoder;

	if (encoder == NULL)
		return;
	image_rules_release(&dbz->rules);
	work_free(dbz->work);
	mem_free(dbz);
}

/* struct format_type: the encoder of one table. */
static struct encoder *debezium_open(const struct format_env *env, const void *options,
				     struct error *err)
{
	return debezium_new(options, env, err);
}

/* struct format_type: whether secrets go out in clear. */
static bool debezium_shows_secrets(const void *options_p)
{
	const struct debezium_options *options = options_p;

	return !options->image.mask;
}

const struct format_type format_debezium = {
	.name = "debezium",
	.help = "Debezium's change event envelope, with or without the schemas of Kafka Connect",
	.options = debezium_option_specs,
	.n_options = ARRAY_N(debezium_option_specs),
	.options_bytes = sizeof(struct debezium_options),
	.heartbeats = true,
	.check = debezium_check,
	.open = debezium_open,
	.close = debezium_free,
	.shows_secrets = debezium_shows_secrets,
};
