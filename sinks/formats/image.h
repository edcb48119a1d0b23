/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item image as plain JSON, and notes on what plain JSON cannot say.
 *
 * {"n":{"N":"1"},"l":{"L":[{"S":"x"}]}} becomes {"n":"1","l":["x"]}. The notes are kept by JSON
 * Pointer: the type of each value that is not plain (numbers, binaries, sets), what is masked, the
 * bytes that a decoded message was made from, and what could not be decoded and why. With masking
 * off and `raw_always`, image and notes together give back the item exactly.
 *
 * Binary attributes that the rules name are decoded by their protobuf message. Attributes that the
 * rules call secret show as "***".
 *
 * Nothing fails: what is malformed goes out as its JSON text in a string, with a reason. Texts are
 * copied as they came, invalid UTF-8 included: who flags that cleans the finished line.
 */
#ifndef FORMATS_IMAGE_H
#define FORMATS_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "config/option.h"
#include "consumer/change/value.h"
#include "proto/profile.h"

/* The ints are indexes of IMAGE_OPTIONS' words: 0 or 1. */
struct image_options {
	int numbers_json; /* numbers as JSON numbers, else as strings */
	int raw_always; /* note the bytes of decoded messages too */
	int undecodable_raw; /* show undecodable bytes although their message has secrets */
	bool mask; /* hide secrets */
};

extern const char *const image_numbers_words[], *const image_raw_words[],
							*const image_undecodable_words[];

/* The option `mask`, for a struct that has a bool at `member`. */
#define MASK_OPTION(whole, member)                                                      \
	{                                                                               \
		.name = "mask", .type = OPTION_BOOL, .offset = offsetof(whole, member), \
		.fallback = "true", .help = "Whether secrets are shown as ***."         \
	}

/* How images look: entries of an option table, for a struct with a struct image_options at `member`. */
#define IMAGE_OPTIONS(whole, member)                                                              \
	{.name = "numbers",                                                                       \
	 .type = OPTION_WORD,                                                                     \
	 .offset = offsetof(whole, member.numbers_json),                                          \
	 .fallback = "string",                                                                    \
	 .words = image_numbers_words,                                                            \
	 .help = "How numbers are written: as text, which every reader keeps exact, or as JSON "  \
		 "numbers."},                                                                     \
		{.name = "raw",                                                                   \
		 .type = OPTION_WORD,                                                             \
		 .offset = offsetof(whole, member.raw_always),                                    \
		 .fallback = "undecodable",                                                       \
		 .words = image_raw_words,                                                        \
		 .help = "When the bytes of an encoded attribute are shown: only if they cannot " \
			 "be decoded, or always, unless they hold what is masked."},              \
		{.name = "undecodable",                                                           \
		 .type = OPTION_WORD,                                                             \
		 .offset = offsetof(whole, member.undecodable_raw),                               \
		 .fallback = "safe",                                                              \
		 .words = image_undecodable_words,                                                \
		 .help = "What is shown of an attribute that cannot be decoded and may hold "     \
			 "secrets: safe shows its length and hash, raw its bytes."},              \
		MASK_OPTION(whole, member.mask)

/* A binary attribute and its message. */
struct image_blob {
	struct str attribute;
	const struct message *message;
	bool secret; /* the message has masked fields */
};

/* A secret attribute: of the item, or of a map that is an attribute of the item. */
struct image_secret {
	struct str map; /* n == 0: of the item */
	struct str name;
};

/* What is known of a table's items; does not change. */
struct image_rules {
	struct image_options options;
	struct image_blob *blobs;
	size_t n_blobs;
	struct image_secret *secrets;
	size_t n_secrets;
};

/*
 * Makes the rules of a table from its role, which may be NULL (then `schema` may be too). False
 * with ERROR_CONFIG when the schema lacks a message of the role. Both must outlive the
 * rules.
 */
bool image_rules_init(struct image_rules *rules, const struct image_options *options,
		      const struct profile_role *role, const struct schema *schema,
		      struct error *err);

/* Frees what the rules hold. */
void image_rules_release(struct image_rules *rules);

/* Whether the raw JSON string body `raw`, unescaped, is `plain`. */
static inline bool image_name_is(struct str raw, struct str plain)
{
	return str_eq(raw, plain) || (raw.n > plain.n && json_escaped_is(raw, plain));
}

/* The most that one kind of note may take for one event; hostile items nest long names. */
enum { IMAGE_NOTES_MAX = 4 << 20 };

/* Notes on the images of one event, and working memory that is kept from event to event. */
struct image_notes {
	struct buf types; /* members of an object: "pointer":"tag",... */
	struct buf masked; /* members of an array: "pointer",... */
	struct buf raw; /* members of an object: "pointer":"base64",... */
	struct buf undecodable; /* members of an object: "pointer":"reason",... */
	/* Working memory. */
	struct buf path; /* the JSON Pointer of the current value, as a raw JSON string body */
	struct buf wire, scratch;
};

/* Empty notes, whose buffers are reused from image to image. */
void image_notes_init(struct image_notes *notes);

/* Frees what the notes hold. */
void image_notes_release(struct image_notes *notes);

/* Forgets the notes and keeps the memory: before each event. */
void image_notes_clear(struct image_notes *notes);

/* Notes why what is at the JSON Pointer `path` (a raw string body) is not what it should be. */
void image_note_undecodable(struct image_notes *notes, struct str path, struct str reason);

/*
 * Appends `image`, the JSON object of a key or item, as plain JSON. `member` is its name in the
 * event, where pointers begin: "after".
 */
void image_put(const struct image_rules *rules, struct image_notes *notes, struct str member,
	       struct str image, struct buf *out);

#endif
