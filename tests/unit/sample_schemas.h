/* SPDX-License-Identifier: Apache-2.0 */
/* Small schemas for the transcoder's tests, made by hand. */
#ifndef TESTS_SAMPLE_SCHEMAS_H
#define TESTS_SAMPLE_SCHEMAS_H

#include "proto/schema.h"
#include "tests/unit/descset.h"

/* Scalars: a field k and a letter for each type, in the order of descriptor.proto; and the enum Colour. */
static inline void sample_scalars(struct buf *file)
{
	struct buf message, type;

	descset_init(&message, "Scalars");
	for (unsigned kind = DESCSET_DOUBLE; kind <= DESCSET_SINT64; kind++) {
		char name[3] = {'k', (char)('a' + kind - 1), '\0'};

		if (kind != DESCSET_GROUP && kind != DESCSET_MESSAGE && kind != DESCSET_ENUM)
			descset_field(&message, name, kind, (unsigned)DESCSET_OPTIONAL << 8 | kind,
				      NULL);
	}
	descset_field(&message, "colour", 14, DESCSET(OPTIONAL, ENUM), ".Colour");
	descset_close(file, 4, &message);
	descset_init(&type, "Colour");
	descset_value(&type, "RED", 3);
	descset_value(&type, "BLUE", -1);
	descset_close(file, 5, &type);
}

/* Many: lists of all sorts, itself, a group, and a field called as the member of unknown ones. */
static inline void sample_many(struct buf *file)
{
	struct buf message;

	descset_init(&message, "Many");
	descset_field(&message, "n", 1, DESCSET(REPEATED, INT32), NULL);
	descset_field(&message, "s", 2, DESCSET(REPEATED, STRING), NULL);
	descset_field(&message, "x", 3, DESCSET(REPEATED, FIXED32), NULL);
	descset_field(&message, "colours", 4, DESCSET(REPEATED, ENUM), ".Colour");
	descset_field(&message, "many", 5, DESCSET(REPEATED, MESSAGE), ".Many");
	descset_field(&message, "one", 6, DESCSET(OPTIONAL, MESSAGE), ".Many");
	descset_field(&message, "group", 7, DESCSET(OPTIONAL, GROUP), ".Many");
	descset_field(&message, "unknown_fields", 8, DESCSET(OPTIONAL, INT32), NULL);
	descset_field(&message, "wide", 9, DESCSET(REPEATED, FIXED64), NULL);
	descset_close(file, 4, &message);
}

/* Adds the entry type of a map to a message. */
static inline void sample_entry(struct buf *message, const char *name, unsigned key, unsigned value,
				const char *value_type)
{
	struct buf type;

	descset_init(&type, name);
	descset_map_entry(&type);
	descset_field(&type, "key", 1, key, NULL);
	descset_field(&type, "value", 2, value, value_type);
	descset_close(message, 3, &type);
}

/* Maps: words to colours, numbers to maps. */
static inline void sample_maps(struct buf *file)
{
	struct buf message;

	descset_init(&message, "Maps");
	descset_field(&message, "words", 1, DESCSET(REPEATED, MESSAGE), ".Maps.Words");
	descset_field(&message, "maps", 2, DESCSET(REPEATED, MESSAGE), ".Maps.Inner");
	descset_field(&message, "n", 3, DESCSET(OPTIONAL, INT32), NULL);
	sample_entry(&message, "Words", DESCSET(OPTIONAL, STRING), DESCSET(OPTIONAL, ENUM),
		     ".Colour");
	sample_entry(&message, "Inner", DESCSET(OPTIONAL, SINT32), DESCSET(OPTIONAL, MESSAGE),
		     ".Maps");
	descset_close(file, 4, &message);
}

/* A schema with what VinylDNS's lacks: Scalars, Many, Maps, and Either, which has two oneofs. */
static inline struct schema *sample_kinds(void)
{
	struct buf message, file, set;
	struct error err;
	struct schema *schema;

	descset_init(&set, NULL);
	descset_init(&file, "f.proto");
	sample_scalars(&file);
	sample_many(&file);
	sample_maps(&file);
	descset_init(&message, "Either");
	descset_member(&message, "a", 1, DESCSET_INT32, 0);
	descset_field(&message, "between", 2, DESCSET(OPTIONAL, INT32), NULL);
	descset_member(&message, "b", 3, DESCSET_STRING, 0);
	descset_member(&message, "c", 4, DESCSET_INT32, 1);
	descset_member(&message, "d", 5, DESCSET_INT32, 1);
	descset_close(&file, 4, &message);
	descset_close(&set, 1, &file);
	schema = schema_load(buf_view(&set), NULL, 0, &err);
	must(schema != NULL);
	buf_release(&set);
	return schema;
}

/*
 * A schema with secrets in every place: Box{repeated string keys = 1 masked; map<string, Box> boxes = 2;
 * bytes raw = 3 by type; string type = 4; Box whole = 5 masked; map<string, string> words = 6 masked}.
 */
static inline struct schema *sample_secrets(void)
{
	static const struct overlay overlays[] = {
		{.kind = OVERLAY_MASKED, .message = "Box", .field = "keys"},
		{.kind = OVERLAY_MASKED, .message = "Box", .field = "whole"},
		{.kind = OVERLAY_MASKED, .message = "Box", .field = "words"},
		{.kind = OVERLAY_EITHER, .message = "Box", .field = "either"},
		{.kind = OVERLAY_BY_TYPE,
		 .message = "Box",
		 .field = "raw",
		 .type_message = "Box",
		 .type_field = "type",
		 .suffix = "Data"},
	};
	struct buf message, file, set;
	struct error err;
	struct schema *schema;

	descset_init(&set, NULL);
	descset_init(&file, "f.proto");
	descset_init(&message, "Box");
	descset_field(&message, "keys", 1, DESCSET(REPEATED, STRING), NULL);
	descset_field(&message, "boxes", 2, DESCSET(REPEATED, MESSAGE), ".Box.E");
	descset_field(&message, "raw", 3, DESCSET(OPTIONAL, BYTES), NULL);
	descset_field(&message, "type", 4, DESCSET(OPTIONAL, STRING), NULL);
	descset_field(&message, "whole", 5, DESCSET(OPTIONAL, MESSAGE), ".Box");
	descset_field(&message, "words", 6, DESCSET(REPEATED, MESSAGE), ".Box.W");
	descset_field(&message, "either", 7, DESCSET(OPTIONAL, MESSAGE), ".BoxData");
	sample_entry(&message, "E", DESCSET(OPTIONAL, STRING), DESCSET(OPTIONAL, MESSAGE), ".Box");
	sample_entry(&message, "W", DESCSET(OPTIONAL, STRING), DESCSET(OPTIONAL, STRING), NULL);
	descset_close(&file, 4, &message);
	descset_init(&message, "BoxData");
	descset_field(&message, "box", 1, DESCSET(OPTIONAL, MESSAGE), ".Box");
	descset_close(&file, 4, &message);
	descset_close(&set, 1, &file);
	schema = schema_load(buf_view(&set), overlays, ARRAY_N(overlays), &err);
	must(schema != NULL);
	buf_release(&set);
	return schema;
}

#endif
