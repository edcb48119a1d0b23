/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native event format: one JSON object per line, as native.md describes and native.schema.json
 * defines it. Members come in a fixed order, and the same event always gives the same bytes.
 */
#ifndef FORMATS_NATIVE_H
#define FORMATS_NATIVE_H

#include "consumer/engine/format.h"
#include "sinks/formats/image.h"

struct native_options {
	struct image_options image;
	bool summary; /* one sentence for people */
};

/* Entries of an option table, for a struct with a struct native_options at `member`. */
#define NATIVE_OPTIONS(whole, member)                                                              \
	IMAGE_OPTIONS(whole, member.image),                                                        \
	{                                                                                          \
		.name = "summary", .type = OPTION_BOOL, .offset = offsetof(whole, member.summary), \
		.fallback = "false",                                                               \
		.help = "Whether each change also says in one sentence, for people, what "         \
			"happened."                                                                \
	}

extern const struct format_type format_native;

/*
 * Makes an encoder for one table. `role` says what its attributes hold; NULL: nothing is known, and
 * `schema` may be NULL too. Both must outlive the encoder. NULL with ERROR_CONFIG when the schema
 * lacks a message of the role. Freed with native_free; may be used by one thread at a time.
 */
struct encoder *native_new(const struct native_options *options, const struct profile_role *role,
			   const struct schema *schema, struct error *err);

/* Frees the encoder. */
void native_free(struct encoder *encoder);

#endif
