/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf messages as tables, made from a descriptor set (the bytes of a FileDescriptorSet, as
 * `protoc -o` writes it) and an overlay: facts that the schema itself cannot say.
 *
 * A schema owns everything in it and does not change after loading; any number of transcoders may read
 * it at once. Names are the schema's own (`record_set`, not lowerCamelCase), full message names come
 * without a leading dot.
 */
#ifndef PROTO_SCHEMA_H
#define PROTO_SCHEMA_H

#include "base/err.h"

struct schema;
struct message; /* one message type */

enum overlay_kind {
	OVERLAY_MASKED, /* a secret: not shown unless asked for */
	OVERLAY_HEX, /* a bytes field, shown as lower-case hexadecimal digits instead of base64 */
	OVERLAY_BY_TYPE, /* a bytes field that holds a message chosen by the text of a field elsewhere */
	OVERLAY_EITHER, /* a message field that older writers used for text: text, unless its bytes parse
			    wholly as the message */
};

/* One fact about one field. */
struct overlay {
	enum overlay_kind kind;
	const char *message; /* full name of the message that the field is in */
	const char *field;
	/* OVERLAY_BY_TYPE: the string field, of the nearest enclosing `type_message`, that chooses... */
	const char *type_message, *type_field;
	/* ...and the message that each of its values stands for: the value plus this suffix. */
	const char *suffix;
};

/*
 * Loads a descriptor set. NULL with `err` (ERROR_DATA) when it cannot be used: malformed, a type that is
 * missing, an overlay that names no field. Freed with schema_free.
 */
struct schema *schema_load(struct str descriptor_set, const struct overlay *overlays,
			   size_t n_overlays, struct error *err);

/* Frees a schema; NULL is allowed. */
void schema_free(struct schema *schema);

/* The message with the full name `name`, or NULL. */
const struct message *schema_message(const struct schema *schema, struct str name);

/* The full name of a message; static as long as its schema. */
struct str message_name(const struct message *message);

/* Whether the message, or any that it may contain, has masked fields. */
bool message_has_secrets(const struct message *message);

/* The n-th message in order of name, or NULL: for lists and suggestions. */
const struct message *schema_nth(const struct schema *schema, size_t n);

/* VinylDNS's messages (vinyldns.proto, embedded) with their overlay; NULL and `err` never happen but
   by a bug. Freed with schema_free. */
struct schema *schema_vinyldns(struct error *err);

#endif
