/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/schema.h"

#include "proto/tables.h"

void schema_free(struct schema *schema)
{
	if (schema == NULL)
		return;
	for (struct choice *c = schema->choices; c != NULL; c = c->next)
		map_release(&c->messages);
	map_release(&schema->messages);
	map_release(&schema->enums);
	arena_release(&schema->arena);
	mem_free(schema);
}

const struct message *schema_message(const struct schema *schema, struct str name)
{
	return map_get(&schema->messages, name);
}

struct str message_name(const struct message *message)
{
	return message->name;
}

bool message_has_secrets(const struct message *message)
{
	return message->secrets;
}

const struct message *schema_nth(const struct schema *schema, size_t n)
{
	return n < schema->n_sorted ? schema->sorted[n] : NULL;
}

const struct field *message_far_field(const struct message *message, uint32_t number)
{
	uint32_t low = 0, high = message->n_fields;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (message->fields[middle].number == number)
			return &message->fields[middle];
		if (message->fields[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct str enum_text(const struct enum_type *type, int32_t number)
{
	size_t low = 0, high = type->n_values;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (type->values[middle].number == number)
			return type->values[middle].text;
		if (type->values[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return STR_NONE;
}
