/* SPDX-License-Identifier: Apache-2.0 */
/* Facts that a schema cannot say, laid over its tables. */
#include "proto/tables.h"

/* The package part of a message's name with its final dot, or nothing. */
static struct str scope_of(struct str name)
{
	size_t at = str_find_last(name, '.');

	return at == name.n ? STR_NONE : str_head(name, at + 1);
}

/* The field called `name`, or NULL. */
static struct field *field_named(const struct message *message, struct str name)
{
	for (uint32_t i = 0; i < message->n_fields; i++)
		if (str_eq(message->fields[i].name, name))
			return &message->fields[i];
	return NULL;
}

/*
 * Enters the messages that a field of `holder` may be found to hold: all that lie beside the type
 * message and whose names end in the suffix, but for `holder`, which would hold itself.
 */
static void fill_choice(struct schema *schema, struct choice *choice, struct str suffix,
			const struct message *holder)
{
	struct str scope = scope_of(choice->type_message->name);
	struct message *message;
	size_t at = 0;

	while ((message = map_next(&schema->messages, &at)) != NULL) {
		struct str word = message->name;

		if (message == holder || !str_starts(word, scope) || !str_ends(word, suffix))
			continue;
		word = str_skip(word, scope.n);
		if (word.n <= suffix.n || str_find(word, '.') < word.n)
			continue;
		map_put(&choice->messages, str_head(word, word.n - suffix.n), message);
	}
}

/* Sets up an OVERLAY_BY_TYPE field. */
static bool lay_choice(struct schema *schema, const struct overlay *overlay, struct field *field,
		       struct error *err)
{
	const struct message *type_message =
		map_get(&schema->messages, str_of(overlay->type_message));
	const struct field *type_field =
		type_message == NULL ? NULL
				     : field_named(type_message, str_of(overlay->type_field));
	struct choice *choice;

	if (type_field == NULL || type_field->kind != FIELD_STRING || type_field->repeated)
		return error_set(err, ERROR_DATA, "%s.%s is no string field to choose by",
				 overlay->type_message, overlay->type_field);
	choice = arena_alloc(&schema->arena, sizeof(*choice));
	choice->type_message = type_message;
	choice->type_number = type_field->number;
	map_init(&choice->messages);
	choice->next = schema->choices;
	schema->choices = choice;
	fill_choice(schema, choice, str_of(overlay->suffix),
		    map_get(&schema->messages, str_of(overlay->message)));
	if (map_n(&choice->messages) == 0)
		return error_set(err, ERROR_DATA, "no message's name ends in \"%s\"",
				 overlay->suffix);
	field->choice = choice;
	return true;
}

/* Applies one overlay. */
static bool lay(struct schema *schema, const struct overlay *overlay, struct error *err)
{
	const struct message *message = map_get(&schema->messages, str_of(overlay->message));
	struct field *field = message == NULL ? NULL : field_named(message, str_of(overlay->field));
	bool fits = false;

	if (field == NULL)
		return error_set(err, ERROR_DATA, "there is no field %s.%s", overlay->message,
				 overlay->field);
	switch (overlay->kind) {
	case OVERLAY_MASKED:
		fits = !message->map_entry || field->number == 2;
		field->masked = true;
		break;
	case OVERLAY_HEX:
		fits = field->kind == FIELD_BYTES;
		field->kind = FIELD_HEX;
		break;
	case OVERLAY_BY_TYPE:
		fits = field->kind == FIELD_BYTES;
		field->kind = FIELD_BY_TYPE;
		break;
	case OVERLAY_EITHER:
		fits = field->kind == FIELD_MESSAGE && field->wire == WIRE_BYTES &&
		       !field->repeated;
		field->kind = FIELD_EITHER;
		break;
	}
	if (!fits)
		return error_set(err, ERROR_DATA, "field %s.%s cannot be shown so",
				 overlay->message, overlay->field);
	return overlay->kind != OVERLAY_BY_TYPE || lay_choice(schema, overlay, field, err);
}

/* Whether a field holds a secret, by what is known of its message so far. */
static bool field_has_secrets(const struct field *field)
{
	const struct message *message;
	size_t at = 0;

	if (field->masked || (field->sub != NULL && field->sub->secrets))
		return true;
	if (field->choice == NULL)
		return false;
	while ((message = map_next(&field->choice->messages, &at)) != NULL)
		if (message->secrets)
			return true;
	return false;
}

/* Marks the messages with secrets in themselves, then those that may contain one, and so on. */
static void mark_secrets(struct schema *schema)
{
	struct message *message;
	bool more = true;

	while (more) {
		size_t at = 0;

		more = false;
		while ((message = map_next(&schema->messages, &at)) != NULL) {
			for (uint32_t i = 0; i < message->n_fields && !message->secrets; i++)
				if (field_has_secrets(&message->fields[i]))
					message->secrets = more = true;
		}
	}
}

bool schema_overlay(struct schema *schema, const struct overlay *overlays, size_t n,
		    struct error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!lay(schema, &overlays[i], err))
			return error_prefix(err, "overlay");
	mark_secrets(schema);
	return true;
}
