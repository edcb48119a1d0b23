/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a descriptor set to tables, in two walks over its files: the first gives every message and enum
 * its full name, the second fills them, when all names are known. What protoc has checked is checked
 * again where a wrong answer would make wrong tables: the set may come from anywhere.
 */
#include <stdlib.h>

#include "base/json.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "proto/schema.h"
#include "proto/tables.h"

enum {
	SET_BYTES_MAX = 16 << 20,
	TYPES_MAX = 100000,
	FIELDS_MAX = 10000, /* of one message */
	VALUES_MAX = 100000, /* of one enum */
	NAME_BYTES_MAX = 1024,
	NESTED_MAX = 32, /* message types inside message types */
	DIRECT_MAX = 512, /* numbers that are looked up without searching */
};

#define PB_TYPE(word)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##word
#define PB_LABEL(word) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##word

struct loader {
	struct schema *schema;
	struct map files; /* names of the files that were walked; the values mean nothing */
	struct buf text; /* scratch */
	struct error *err;
};

/* Makes the full name of `name` inside `scope`; false when there is no usable name. */
static bool full_name(struct loader *loader, struct str scope, const char *name, struct str *out)
{
	struct str plain = str_of(name);

	if (plain.n == 0 || plain.n + scope.n > NAME_BYTES_MAX)
		return error_set(loader->err, ERROR_DATA,
				 "a type in \"%.*s\" has no name or one that is too long",
				 STR_ARG(scope));
	buf_clear(&loader->text);
	if (scope.n > 0) {
		buf_str(&loader->text, scope);
		buf_c(&loader->text, '.');
	}
	buf_str(&loader->text, plain);
	*out = arena_str(&loader->schema->arena, buf_view(&loader->text));
	return true;
}

/* Enters a type under its full name; false when the name is taken, or there are too many. */
static bool declare(struct loader *loader, struct map *map, struct str name, void *type)
{
	const struct schema *schema = loader->schema;

	if (map_get(&schema->messages, name) != NULL || map_get(&schema->enums, name) != NULL)
		return error_set(loader->err, ERROR_DATA, "type %.*s is defined twice",
				 STR_ARG(name));
	if (map_n(&schema->messages) + map_n(&schema->enums) >= TYPES_MAX)
		return error_set(loader->err, ERROR_DATA, "more than %d types", TYPES_MAX);
	map_put(map, name, type);
	return true;
}

/* `name` as a JSON string in the schema's arena; a `member` is framed as `,"name":`. */
static struct str name_text(struct loader *loader, struct str name, bool member)
{
	buf_clear(&loader->text);
	if (member)
		buf_c(&loader->text, ',');
	json_put(&loader->text, name);
	if (member)
		buf_c(&loader->text, ':');
	return arena_str(&loader->schema->arena, buf_view(&loader->text));
}

/* Sorts enum values by number; of aliases the one declared first comes first. */
static int by_value(const void *a, const void *b)
{
	const struct enum_value *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Makes the table of one enum, which needs no other type. */
static bool load_enum(struct loader *loader, struct str scope,
		      const Google__Protobuf__EnumDescriptorProto *from)
{
	struct enum_type *type = arena_alloc(&loader->schema->arena, sizeof(*type));
	size_t n = 0;

	if (!full_name(loader, scope, from->name, &type->name) ||
	    !declare(loader, &loader->schema->enums, type->name, type))
		return false;
	if (from->n_value == 0 || from->n_value > VALUES_MAX)
		return error_set(loader->err, ERROR_DATA, "enum %.*s has no values or too many",
				 STR_ARG(type->name));
	type->values =
		arena_alloc_n(&loader->schema->arena, from->n_value, sizeof(type->values[0]));
	for (size_t i = 0; i < from->n_value; i++) {
		struct str name = str_of(from->value[i]->name);

		if (name.n == 0 || name.n > NAME_BYTES_MAX || !from->value[i]->has_number)
			return error_set(
				loader->err, ERROR_DATA,
				"enum %.*s: a value without number, or without a usable name",
				STR_ARG(type->name));
		type->values[i] = (struct enum_value){.number = from->value[i]->number,
						      .order = (uint32_t)i,
						      .text = name_text(loader, name, false)};
	}
	type->first = type->values[0].number;
	qsort(type->values, from->n_value, sizeof(type->values[0]), by_value);
	for (size_t i = 0; i < from->n_value; i++)
		if (n == 0 || type->values[n - 1].number != type->values[i].number)
			type->values[n++] = type->values[i];
	type->n_values = n;
	return true;
}

/* Enters a message type and what is nested in it; their fields come in the second walk. */
static bool declare_message(struct loader *loader, struct str scope,
			    const Google__Protobuf__DescriptorProto *from, unsigned nested)
{
	struct message *message = arena_alloc(&loader->schema->arena, sizeof(*message));

	if (nested > NESTED_MAX)
		return error_set(loader->err, ERROR_DATA, "types nested more than %d deep",
				 NESTED_MAX);
	if (!full_name(loader, scope, from->name, &message->name) ||
	    !declare(loader, &loader->schema->messages, message->name, message))
		return false;
	message->map_entry = from->options != NULL && from->options->map_entry;
	for (size_t i = 0; i < from->n_enum_type; i++)
		if (!load_enum(loader, message->name, from->enum_type[i]))
			return false;
	for (size_t i = 0; i < from->n_nested_type; i++)
		if (!declare_message(loader, message->name, from->nested_type[i], nested + 1))
			return false;
	return true;
}

/* How a scalar type is shown and stands on the wire; false for enums, messages and groups. */
static bool scalar_kind(Google__Protobuf__FieldDescriptorProto__Type type, struct field *field)
{
	static const struct {
		enum field_kind kind;
		enum wire_type wire;
	} kinds[] = {
		[PB_TYPE(DOUBLE)] = {FIELD_DOUBLE, WIRE_FIXED64},
		[PB_TYPE(FLOAT)] = {FIELD_FLOAT, WIRE_FIXED32},
		[PB_TYPE(INT64)] = {FIELD_INT64, WIRE_VARINT},
		[PB_TYPE(UINT64)] = {FIELD_UINT64, WIRE_VARINT},
		[PB_TYPE(INT32)] = {FIELD_INT32, WIRE_VARINT},
		[PB_TYPE(FIXED64)] = {FIELD_FIXED64, WIRE_FIXED64},
		[PB_TYPE(FIXED32)] = {FIELD_FIXED32, WIRE_FIXED32},
		[PB_TYPE(BOOL)] = {FIELD_BOOL, WIRE_VARINT},
		[PB_TYPE(STRING)] = {FIELD_STRING, WIRE_BYTES},
		[PB_TYPE(BYTES)] = {FIELD_BYTES, WIRE_BYTES},
		[PB_TYPE(UINT32)] = {FIELD_UINT32, WIRE_VARINT},
		[PB_TYPE(SFIXED32)] = {FIELD_SFIXED32, WIRE_FIXED32},
		[PB_TYPE(SFIXED64)] = {FIELD_SFIXED64, WIRE_FIXED64},
		[PB_TYPE(SINT32)] = {FIELD_SINT32, WIRE_VARINT},
		[PB_TYPE(SINT64)] = {FIELD_SINT64, WIRE_VARINT},
	};

	if (type == PB_TYPE(ENUM) || type == PB_TYPE(MESSAGE) || type == PB_TYPE(GROUP) ||
	    type < PB_TYPE(DOUBLE) || (size_t)type >= ARRAY_N(kinds))
		return false;
	field->kind = kinds[type].kind;
	field->wire = kinds[type].wire;
	return true;
}

/* Links a field of enum, message or group type to its type, which must exist. */
static bool link_type(struct loader *loader, const Google__Protobuf__FieldDescriptorProto *from,
		      struct field *field)
{
	struct str name = str_of(from->type_name);
	const struct schema *schema = loader->schema;

	if (!str_starts(name, STR(".")))
		return error_set(loader->err, ERROR_DATA,
				 "its type \"%.*s\" is unknown, or not a full name", STR_ARG(name));
	name = str_skip(name, 1);
	field->enums = map_get(&schema->enums, name);
	field->sub = map_get(&schema->messages, name);
	if (from->has_type && (from->type == PB_TYPE(ENUM)) != (field->enums != NULL))
		field->enums = NULL, field->sub = NULL;
	if (field->enums == NULL && field->sub == NULL)
		return error_set(loader->err, ERROR_DATA, "its type %.*s is not in the set",
				 STR_ARG(name));
	field->kind = field->enums != NULL ? FIELD_ENUM : FIELD_MESSAGE;
	field->wire = field->enums != NULL			       ? WIRE_VARINT
		      : from->has_type && from->type == PB_TYPE(GROUP) ? WIRE_GROUP
								       : WIRE_BYTES;
	return true;
}

/* Makes one field's row. */
static bool load_field(struct loader *loader, const Google__Protobuf__FieldDescriptorProto *from,
		       struct field *field)
{
	struct str name = str_of(from->name);

	if (name.n == 0 || name.n > NAME_BYTES_MAX)
		return error_set(loader->err, ERROR_DATA,
				 "field %d has no name or one that is too long", (int)from->number);
	if (from->number < 1 || from->number > WIRE_NUMBER_MAX)
		return error_set(loader->err, ERROR_DATA, "its number %d is out of range",
				 (int)from->number);
	field->number = (uint32_t)from->number;
	field->name = arena_str(&loader->schema->arena, name);
	field->member = name_text(loader, name, true);
	if (!(from->has_type && scalar_kind(from->type, field)) && !link_type(loader, from, field))
		return false;
	field->repeated = from->has_label && from->label == PB_LABEL(REPEATED);
	field->packable = field->repeated && field->wire != WIRE_BYTES && field->wire != WIRE_GROUP;
	if (field->sub != NULL && field->sub->map_entry && field->repeated) {
		field->kind = FIELD_MAP;
		field->repeated = false;
	}
	if (from->has_oneof_index && !(from->has_proto3_optional && from->proto3_optional)) {
		if (from->oneof_index < 0 || from->oneof_index >= FIELDS_MAX)
			return error_set(loader->err, ERROR_DATA, "its oneof is out of range");
		field->oneof = (unsigned)from->oneof_index + 1;
	}
	return true;
}

/* Sorts fields by number. */
static int by_number(const void *a, const void *b)
{
	const struct field *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* The member under which unknown fields are kept: a name that no field has. */
static struct str unknown_member(struct loader *loader, const struct message *message)
{
	struct buf name;
	struct str member;
	uint32_t i = 0;

	buf_init(&name, NAME_BYTES_MAX + FIELDS_MAX);
	buf_str(&name, STR("unknown_fields"));
	while (i < message->n_fields) {
		if (str_eq(message->fields[i++].name, buf_view(&name))) {
			buf_c(&name, '_');
			i = 0;
		}
	}
	member = name_text(loader, buf_view(&name), true);
	buf_release(&name);
	return member;
}

/* What follows from a message's fields, when all are there: order, lookup, flags. */
static bool finish_message(struct loader *loader, struct message *message)
{
	uint32_t last;
	uint16_t *direct;

	if (message->n_fields > 1)
		qsort(message->fields, message->n_fields, sizeof(message->fields[0]), by_number);
	for (uint32_t i = 0; i < message->n_fields; i++) {
		const struct field *field = &message->fields[i];

		if (i > 0 && field[-1].number == field->number)
			return error_set(loader->err, ERROR_DATA, "field number %u is given twice",
					 field->number);
		if (field->oneof > message->n_oneofs)
			message->n_oneofs = field->oneof;
		if (field->kind == FIELD_MAP || field->oneof > ONEOFS_QUICK_MAX)
			message->careful = true;
	}
	message->unknown_member = unknown_member(loader, message);
	last = message->n_fields == 0 ? 0 : message->fields[message->n_fields - 1].number;
	message->n_direct = last < DIRECT_MAX ? last + 1 : DIRECT_MAX;
	direct = arena_alloc_n(&loader->schema->arena, message->n_direct, sizeof(direct[0]));
	for (uint32_t i = 0; i < message->n_fields; i++)
		if (message->fields[i].number < message->n_direct)
			direct[message->fields[i].number] = (uint16_t)(i + 1);
	message->direct = direct;
	return true;
}

/* Fills a message type and what is nested in it. */
static bool fill_message(struct loader *loader, struct str scope,
			 const Google__Protobuf__DescriptorProto *from)
{
	struct message *message;
	struct str name;

	if (!full_name(loader, scope, from->name, &name))
		return false;
	message = map_get(&loader->schema->messages, name);
	if (from->n_field > FIELDS_MAX)
		return error_set(loader->err, ERROR_DATA, "%.*s has more than %d fields",
				 STR_ARG(name), FIELDS_MAX);
	message->n_fields = (uint32_t)from->n_field;
	message->fields =
		arena_alloc_n(&loader->schema->arena, from->n_field, sizeof(message->fields[0]));
	for (size_t i = 0; i < from->n_field; i++)
		if (!load_field(loader, from->field[i], &message->fields[i]))
			return error_prefix(loader->err, "%.*s.%.*s", STR_ARG(name),
					    STR_ARG(str_of(from->field[i]->name)));
	if (!finish_message(loader, message))
		return error_prefix(loader->err, "%.*s", STR_ARG(name));
	for (size_t i = 0; i < from->n_nested_type; i++)
		if (!fill_message(loader, name, from->nested_type[i]))
			return false;
	return true;
}

/* Whether a map entry has the two fields that make it one. */
static bool map_entry_ok(const struct message *entry)
{
	const struct field *key = message_field(entry, 1), *value = message_field(entry, 2);

	return entry->n_fields == 2 && key != NULL && value != NULL && !key->repeated &&
	       !value->repeated && value->kind != FIELD_MAP && key->kind >= FIELD_INT32 &&
	       key->kind <= FIELD_STRING && key->kind != FIELD_ENUM;
}

/* Sorts messages by name. */
static int by_name(const void *a, const void *b)
{
	const struct message *const *x = a, *const *y = b;

	return str_cmp((*x)->name, (*y)->name);
}

/* Checks what needs all messages filled, and lists them by name. */
static bool finish_schema(struct loader *loader)
{
	struct schema *schema = loader->schema;
	struct message *message;
	size_t at = 0;

	schema->sorted = arena_alloc_n(&schema->arena, map_n(&schema->messages), sizeof(void *));
	while ((message = map_next(&schema->messages, &at)) != NULL) {
		if (!message->map_entry)
			schema->sorted[schema->n_sorted++] = message;
		else if (!map_entry_ok(message))
			return error_set(loader->err, ERROR_DATA, "%.*s is not a usable map entry",
					 STR_ARG(message->name));
	}
	if (schema->n_sorted == 0)
		return error_set(loader->err, ERROR_DATA, "it defines no messages");
	qsort(schema->sorted, schema->n_sorted, sizeof(void *), by_name);
	return true;
}

/* Both walks over the files. A file that is in the set twice (sets may be joined) counts once. */
static bool load_files(struct loader *loader, const Google__Protobuf__FileDescriptorSet *set)
{
	const Google__Protobuf__FileDescriptorProto **files =
		arena_alloc_n(&loader->schema->arena, set->n_file + 1, sizeof(void *));
	size_t n = 0;

	for (size_t i = 0; i < set->n_file; i++) {
		struct str name = str_of(set->file[i]->name);

		if (map_get(&loader->files, name) != NULL)
			continue;
		map_put(&loader->files, name, set->file[i]);
		files[n++] = set->file[i];
	}
	for (size_t i = 0; i < n; i++) {
		struct str package = str_of(files[i]->package);

		for (size_t k = 0; k < files[i]->n_enum_type; k++)
			if (!load_enum(loader, package, files[i]->enum_type[k]))
				return false;
		for (size_t k = 0; k < files[i]->n_message_type; k++)
			if (!declare_message(loader, package, files[i]->message_type[k], 0))
				return false;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < files[i]->n_message_type; k++)
			if (!fill_message(loader, str_of(files[i]->package),
					  files[i]->message_type[k]))
				return false;
	return finish_schema(loader);
}

/*
 * Whether message types nest at most NESTED_MAX deep in `bytes`, a serialized part of a descriptor set;
 * asked before unpacking, which would follow them to the end of the stack. `number` is the field that
 * holds the next part: file 1, message_type 4, then nested_type 3.
 */
static bool nests_well(struct str bytes, uint32_t number, unsigned depth)
{
	struct wire wire;
	struct wire_field got;

	if (depth > NESTED_MAX + 2)
		return false;
	wire_init(&wire, bytes, 1);
	while (wire_next(&wire, &got))
		if (got.number == number && got.type == WIRE_BYTES &&
		    !nests_well(got.bytes, number == 1 ? 4 : 3, depth + 1))
			return false;
	return wire.error == NULL;
}

struct schema *schema_load(struct str descriptor_set, const struct overlay *overlays,
			   size_t n_overlays, struct error *err)
{
	struct loader loader = {.err = err};
	Google__Protobuf__FileDescriptorSet *set = NULL;
	bool ok = false;

	loader.schema = mem_alloc(sizeof(*loader.schema));
	arena_init(&loader.schema->arena);
	map_init(&loader.schema->messages);
	map_init(&loader.schema->enums);
	map_init(&loader.files);
	buf_init(&loader.text, 16 * NAME_BYTES_MAX);
	if (descriptor_set.n <= SET_BYTES_MAX && nests_well(descriptor_set, 1, 0))
		set = google__protobuf__file_descriptor_set__unpack(
			NULL, descriptor_set.n, (const uint8_t *)descriptor_set.p);
	if (set == NULL)
		error_set(err, ERROR_DATA, "not a descriptor set, or one that is too large");
	else
		ok = load_files(&loader, set) &&
		     schema_overlay(loader.schema, overlays, n_overlays, err);
	if (set != NULL)
		google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
	buf_release(&loader.text);
	map_release(&loader.files);
	if (!ok) {
		schema_free(loader.schema);
		return NULL;
	}
	return loader.schema;
}
