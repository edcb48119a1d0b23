/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/image.h"

#include <openssl/sha.h>

#include "base/base64.h"
#include "proto/transcode.h"

enum {
	NOTES_SLACK = 4096, /* room for the few notes that replace those that did not fit */
	PATH_MAX_BYTES = 1 << 20,
	WIRE_MAX = 16 << 20, /* of one blob; an item has 400 KB */
};

const char *const image_numbers_words[] = {"string", "json", NULL};
const char *const image_raw_words[] = {"undecodable", "always", NULL};
const char *const image_undecodable_words[] = {"safe", "raw", NULL};

/* The pass over one image. */
struct walk {
	const struct image_rules *rules;
	struct image_notes *notes;
	struct buf *out;
};

/* Where a value stands: decides whether the rules name it. */
struct place {
	unsigned depth; /* 1: an attribute of the item */
	struct str outer; /* depth 2: the attribute that it is in; raw JSON string body */
};

/* Cuts "map/name" in two. */
static struct image_secret secret_parse(const char *text)
{
	struct str rest = str_of(text), first = str_cut(&rest, '/');

	if (rest.p == NULL)
		return (struct image_secret){.name = first};
	return (struct image_secret){.map = first, .name = rest};
}

bool image_rules_init(struct image_rules *rules, const struct image_options *options,
		      const struct profile_role *role, const struct schema *schema,
		      struct error *err)
{
	*rules = (struct image_rules){.options = *options};
	if (role == NULL)
		return true;
	rules->blobs = mem_alloc_n(role->n_blobs, sizeof(*rules->blobs));
	rules->secrets = mem_alloc_n(role->n_secrets, sizeof(*rules->secrets));
	for (size_t i = 0; i < role->n_blobs; i++) {
		struct image_blob *blob = &rules->blobs[rules->n_blobs++];

		blob->attribute = str_of(role->blobs[i].attribute);
		blob->message = schema_message(schema, str_of(role->blobs[i].message));
		if (blob->message == NULL) {
			error_set(err, ERROR_CONFIG, "role %s: the schema has no message %s",
				  role->name, role->blobs[i].message);
			image_rules_release(rules);
			return false;
		}
		blob->secret = message_has_secrets(blob->message);
	}
	for (size_t i = 0; i < role->n_secrets; i++)
		rules->secrets[rules->n_secrets++] = secret_parse(role->secrets[i]);
	return true;
}

void image_rules_release(struct image_rules *rules)
{
	mem_free(rules->blobs);
	mem_free(rules->secrets);
	*rules = (struct image_rules){0};
}

void image_notes_init(struct image_notes *notes)
{
	buf_init(&notes->types, IMAGE_NOTES_MAX + NOTES_SLACK);
	buf_init(&notes->masked, IMAGE_NOTES_MAX + NOTES_SLACK);
	buf_init(&notes->raw, IMAGE_NOTES_MAX + NOTES_SLACK);
	buf_init(&notes->undecodable, IMAGE_NOTES_MAX + NOTES_SLACK);
	buf_init(&notes->path, PATH_MAX_BYTES);
	buf_init(&notes->wire, WIRE_MAX);
	buf_init(&notes->scratch, WIRE_MAX);
}

void image_notes_release(struct image_notes *notes)
{
	buf_release(&notes->types);
	buf_release(&notes->masked);
	buf_release(&notes->raw);
	buf_release(&notes->undecodable);
	buf_release(&notes->path);
	buf_release(&notes->wire);
	buf_release(&notes->scratch);
}

void image_notes_clear(struct image_notes *notes)
{
	buf_clear(&notes->types);
	buf_clear(&notes->masked);
	buf_clear(&notes->raw);
	buf_clear(&notes->undecodable);
	buf_clear(&notes->path);
}

/* Appends `"path"`, after a comma when it is not the first. */
static void note_path(struct buf *note, struct str path)
{
	json_comma(note);
	json_put_raw(note, path);
}

/* Notes the type of the current value. */
static void note_type(struct walk *walk, enum value_tag tag)
{
	struct buf *types = &walk->notes->types;

	note_path(types, buf_view(&walk->notes->path));
	buf_c(types, ':');
	json_put_raw(types, value_tag_word(tag));
}

/* Notes that the current value is hidden. */
static void note_masked(struct walk *walk)
{
	note_path(&walk->notes->masked, buf_view(&walk->notes->path));
}

void image_note_undecodable(struct image_notes *notes, struct str path, struct str reason)
{
	note_path(&notes->undecodable, path);
	buf_c(&notes->undecodable, ':');
	json_put(&notes->undecodable, reason);
}

/* Appends `text` with "~" and "/" escaped as JSON Pointers want it. */
static void add_pointer_escaped(struct buf *buf, struct str text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '~' && text.p[i] != '/')
			continue;
		buf_add(buf, text.p + from, i - from);
		buf_str(buf, text.p[i] == '~' ? STR("~0") : STR("~1"));
		from = i + 1;
	}
	buf_add(buf, text.p + from, text.n - from);
}

/*
 * Goes down to the member `name`, a raw JSON string body; returns the length that path_leave takes.
 * A name with escapes is read first: "\u002f" is a slash too.
 */
static size_t path_enter(struct image_notes *notes, struct str name)
{
	struct buf *path = &notes->path, *plain = &notes->wire, *pointer = &notes->scratch;
	size_t mark = path->n;

	buf_c(path, '/');
	if (str_find(name, '\\') == name.n) {
		add_pointer_escaped(path, name);
		return mark;
	}
	buf_clear(plain);
	buf_clear(pointer);
	if (!json_unescape(plain, name))
		path->failed = true;
	add_pointer_escaped(pointer, buf_view(plain));
	buf_clear(plain);
	json_put(plain, buf_view(pointer));
	if (plain->failed || pointer->failed)
		path->failed = true;
	else
		buf_add(path, plain->p + 1, plain->n - 2);
	return mark;
}

/* Goes down to the list member number `i`. */
static size_t path_enter_index(struct image_notes *notes, size_t i)
{
	size_t mark = notes->path.n;

	buf_c(&notes->path, '/');
	buf_u64(&notes->path, i);
	return mark;
}

/* Goes back up. */
static void path_leave(struct image_notes *notes, size_t mark)
{
	buf_truncate(&notes->path, mark);
}

/* Whether the raw JSON string body `raw` stands for `plain`. */
static bool name_is(struct image_notes *notes, struct str raw, struct str plain)
{
	if (str_find(raw, '\\') == raw.n)
		return str_eq(raw, plain);
	buf_clear(&notes->wire);
	return json_unescape(&notes->wire, raw) && str_eq(buf_view(&notes->wire), plain);
}

/* What the item's attribute `name` is decoded by, or NULL. */
static const struct image_blob *find_blob(const struct walk *walk, struct str name)
{
	for (size_t i = 0; i < walk->rules->n_blobs; i++) {
		if (name_is(walk->notes, name, walk->rules->blobs[i].attribute))
			return &walk->rules->blobs[i];
	}
	return NULL;
}

/* Whether the attribute `name` is a secret, of the item or (depth 2) of its map `outer`. */
static bool is_secret(const struct walk *walk, struct str name, struct place place)
{
	for (size_t i = 0; i < walk->rules->n_secrets; i++) {
		const struct image_secret *secret = &walk->rules->secrets[i];
		bool of_item = secret->map.n == 0;

		if (place.depth != (of_item ? 1 : 2) || !name_is(walk->notes, name, secret->name))
			continue;
		if (of_item || name_is(walk->notes, place.outer, secret->map))
			return true;
	}
	return false;
}

/* Whether the item's attribute `name` is a map that holds secrets. */
static bool holds_secrets(const struct walk *walk, struct str name)
{
	for (size_t i = 0; i < walk->rules->n_secrets; i++) {
		struct str map = walk->rules->secrets[i].map;

		if (map.n > 0 && name_is(walk->notes, name, map))
			return true;
	}
	return false;
}

/* Whether any attribute of such items is secret, whole or in part. */
static bool any_secrets(const struct image_rules *rules)
{
	for (size_t i = 0; i < rules->n_blobs; i++) {
		if (rules->blobs[i].secret)
			return true;
	}
	return rules->n_secrets > 0;
}

/* Appends what stands for a secret. */
static void put_masked(struct walk *walk)
{
	buf_str(walk->out, STR("\"***\""));
	note_masked(walk);
}

/* Appends length and digest in place of bytes that may hold secrets and cannot be read. */
static void put_hidden(struct walk *walk, struct str bytes)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)bytes.p, bytes.n, digest);
	buf_str(walk->out, STR("{\"length\":"));
	buf_u64(walk->out, bytes.n);
	buf_str(walk->out, STR(",\"sha256\":\""));
	buf_hex(walk->out, digest, sizeof(digest));
	buf_str(walk->out, STR("\"}"));
	note_masked(walk);
}

/* Appends `text`, which is no attribute value, as a string, with the reason. */
static void put_opaque(struct walk *walk, struct str text, const char *reason)
{
	json_put(walk->out, text);
	image_note_undecodable(walk->notes, buf_view(&walk->notes->path), str_of(reason));
}

/* Appends a number, as a string or in the grammar of JSON. */
static void put_number(struct walk *walk, struct str number)
{
	if (walk->rules->options.numbers_json)
		value_put_number(walk->out, number);
	else
		json_put_raw(walk->out, number);
}

/* Appends a set as an array, in the order in which it came. */
static void put_set(struct walk *walk, const struct value *value)
{
	struct json json;

	json_init(&json, value->payload);
	json_enter(&json, JSON_ARRAY);
	buf_c(walk->out, '[');
	while (json_item(&json)) {
		struct str member = json_string(&json);

		json_comma(walk->out);
		if (value->tag == VALUE_NS)
			put_number(walk, member);
		else
			json_put_raw(walk->out, member);
	}
	buf_c(walk->out, ']');
}

static void put_map(struct walk *walk, struct str object, struct place inside);
static void put_list(struct walk *walk, struct str array, unsigned depth);

/* Appends any value; `name` is its attribute's, and the depth of the recursion is limited here. */
static void put_value(struct walk *walk, struct str name, const struct value *value, unsigned depth)
{
	struct place inside = {.depth = depth + 1, .outer = depth == 1 ? name : STR_NONE};

	switch (value->tag) {
	case VALUE_BAD:
		put_opaque(walk, value->text, value->error);
		return;
	case VALUE_S:
		json_put_raw(walk->out, value->payload);
		return;
	case VALUE_N:
		note_type(walk, value->tag);
		put_number(walk, value->payload);
		return;
	case VALUE_B:
		note_type(walk, value->tag);
		json_put_raw(walk->out, value->payload);
		return;
	case VALUE_BOOL:
		buf_str(walk->out, value->payload);
		return;
	case VALUE_NULL:
		buf_str(walk->out, STR("null"));
		return;
	case VALUE_M:
	case VALUE_L:
		if (depth >= VALUE_DEPTH_MAX)
			put_opaque(walk, value->text, "nested too deep");
		else if (value->tag == VALUE_M)
			put_map(walk, value->payload, inside);
		else
			put_list(walk, value->payload, depth + 1);
		return;
	case VALUE_SS:
	case VALUE_NS:
	case VALUE_BS:
		note_type(walk, value->tag);
		put_set(walk, value);
		return;
	}
}

/* Puts the bytes of a base64 payload into notes->wire; some writers escape its slashes. */
static bool read_base64(struct image_notes *notes, struct str payload)
{
	buf_clear(&notes->wire);
	if (str_find(payload, '\\') == payload.n)
		return base64_decode(&notes->wire, payload);
	buf_clear(&notes->scratch);
	return json_unescape(&notes->scratch, payload) &&
	       base64_decode(&notes->wire, buf_view(&notes->scratch));
}

/*
 * Appends the message that `blob` says `value` to be as a JSON object, with its notes. Appends
 * nothing and returns false with why when it is not.
 */
static bool put_message(struct walk *walk, const struct image_blob *blob, const struct value *value,
			struct error *err)
{
	const struct image_options *options = &walk->rules->options;
	struct image_notes *notes = walk->notes;
	struct transcode_options how = {.show_secrets = !options->mask,
					.masked = &notes->scratch,
					.pointer = buf_view(&notes->path)};

	if (value->tag == VALUE_BAD)
		return error_set(err, ERROR_DATA, "%s", value->error);
	if (value->tag != VALUE_B)
		return error_set(err, ERROR_DATA, "its type is %.*s, not B",
				 STR_ARG(value_tag_word(value->tag)));
	if (!read_base64(notes, value->payload))
		return error_set(err, ERROR_DATA, "not base64");
	buf_clear(&notes->scratch);
	if (!transcode(blob->message, buf_view(&notes->wire), &how, walk->out, err))
		return false;
	if (notes->scratch.n > 0) {
		json_comma(&notes->masked);
		buf_str(&notes->masked, buf_view(&notes->scratch));
	}
	notes->masked.failed |= notes->scratch.failed;
	note_type(walk, VALUE_B);
	if (options->raw_always && options->mask && blob->secret) {
		note_masked(walk);
	} else if (options->raw_always) {
		note_path(&notes->raw, buf_view(&notes->path));
		buf_c(&notes->raw, ':');
		json_put_raw(&notes->raw, value->payload);
	}
	return true;
}

/* Whether what stands in place of a message may be, or hold, its secrets. */
static bool must_hide(const struct image_options *options, const struct image_blob *blob,
		      const struct value *value)
{
	return options->mask && blob->secret && !options->undecodable_raw &&
	       value->tag != VALUE_NULL && value->tag != VALUE_BOOL;
}

/* Appends what should be a message: decoded, or as it is (or hidden) with the reason. */
static void put_blob(struct walk *walk, struct str name, const struct image_blob *blob,
		     const struct value *value)
{
	struct image_notes *notes = walk->notes;
	struct error err = {0};

	if (put_message(walk, blob, value, &err))
		return;
	if (must_hide(&walk->rules->options, blob, value)) {
		bool bytes = value->tag == VALUE_B && read_base64(notes, value->payload);

		put_hidden(walk, bytes ? buf_view(&notes->wire) : value->text);
	} else if (value->tag == VALUE_BAD) {
		json_put(walk->out, value->text);
	} else {
		/* Without this, the string would read as the JSON text of a malformed value. */
		if (value->tag == VALUE_S)
			note_type(walk, VALUE_S);
		put_value(walk, name, value, 1);
	}
	image_note_undecodable(notes, buf_view(&notes->path), str_of(err.text));
}

/* Appends the value of the attribute or map member `name`, as the rules want it. */
static void put_member(struct walk *walk, struct str name, const struct value *value,
		       struct place place)
{
	const struct image_blob *blob = place.depth == 1 ? find_blob(walk, name) : NULL;

	if (walk->rules->options.mask) {
		bool map = value->tag == VALUE_M || value->tag == VALUE_NULL;

		/* What should be a map and is none cannot be masked in part. */
		if (is_secret(walk, name, place) ||
		    (place.depth == 1 && !map && holds_secrets(walk, name))) {
			put_masked(walk);
			return;
		}
	}
	if (blob != NULL)
		put_blob(walk, name, blob, value);
	else
		put_value(walk, name, value, place.depth);
}

/* Appends a map or a whole item, whose members are at the place `inside`. */
static void put_map(struct walk *walk, struct str object, struct place inside)
{
	struct value value;
	struct json json;
	struct str name;

	json_init(&json, object);
	json_enter(&json, JSON_OBJECT);
	buf_c(walk->out, '{');
	while (json_key(&json, &name)) {
		size_t mark = path_enter(walk->notes, name);

		value_scan(&json, &value);
		json_comma(walk->out);
		json_put_raw(walk->out, name);
		buf_c(walk->out, ':');
		put_member(walk, name, &value, inside);
		path_leave(walk->notes, mark);
	}
	buf_c(walk->out, '}');
}

/* Appends a list, whose members are at `depth`. */
static void put_list(struct walk *walk, struct str array, unsigned depth)
{
	struct value value;
	struct json json;

	json_init(&json, array);
	json_enter(&json, JSON_ARRAY);
	buf_c(walk->out, '[');
	for (size_t i = 0; json_item(&json); i++) {
		size_t mark = path_enter_index(walk->notes, i);

		value_scan(&json, &value);
		json_comma(walk->out);
		put_value(walk, STR_NONE, &value, depth);
		path_leave(walk->notes, mark);
	}
	buf_c(walk->out, ']');
}

/* Cuts a note back to its first `n` bytes and forgets that it did not fit. */
static void note_cut(struct buf *note, size_t n)
{
	buf_truncate(note, n);
	note->failed = false;
}

/* Whether a note is within its limit. */
static bool note_fits(const struct buf *note)
{
	return !note->failed && note->n <= IMAGE_NOTES_MAX;
}

void image_put(const struct image_rules *rules, struct image_notes *notes, struct str member,
	       struct str image, struct buf *out)
{
	struct walk walk = {.rules = rules, .notes = notes, .out = out};
	size_t out_n = out->n, types_n = notes->types.n, masked_n = notes->masked.n,
	       raw_n = notes->raw.n, undecodable_n = notes->undecodable.n;

	buf_clear(&notes->path);
	buf_c(&notes->path, '/');
	buf_str(&notes->path, member);
	put_map(&walk, image, (struct place){.depth = 1});
	if (note_fits(&notes->types) && note_fits(&notes->masked) && note_fits(&notes->raw) &&
	    note_fits(&notes->undecodable) && !notes->path.failed)
		return;
	/* A hostile item's notes would take all memory: its image goes out unread. */
	buf_truncate(out, out_n);
	note_cut(&notes->types, types_n);
	note_cut(&notes->masked, masked_n);
	note_cut(&notes->raw, raw_n);
	note_cut(&notes->undecodable, undecodable_n);
	buf_clear(&notes->path);
	buf_c(&notes->path, '/');
	buf_str(&notes->path, member);
	if (rules->options.mask && any_secrets(rules))
		put_hidden(&walk, image);
	else
		json_put(out, image);
	image_note_undecodable(notes, buf_view(&notes->path), STR("its notes take too much room"));
}
