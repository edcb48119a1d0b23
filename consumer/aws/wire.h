/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests and answers of both APIs have in common: the writing and reading of JSON. */
#ifndef AWS_WIRE_H
#define AWS_WIRE_H

#include "base/err.h"
#include "base/json.h"

/* Appends `"name":`, after a comma where one is due; `name` needs no escapes. */
void wire_put_name(struct buf *buf, struct str name);

/* Appends `"name":"value"`. */
void wire_put_text(struct buf *buf, struct str name, struct str value);

/* Appends `"Limit":n`, unless it is 0. */
void wire_put_limit(struct buf *buf, unsigned limit);

/* Consumes a string, unescaped into the arena; null gives the empty slice. */
struct str wire_text(struct json *json, struct arena *arena);

/* Consumes an object and returns it raw; null gives the empty slice. */
struct str wire_object(struct json *json);

/* Enters an object; null is consumed as one without members, which returns false. */
bool wire_enter(struct json *json, enum json_kind kind);

/* Reads a key schema: the names of the HASH and RANGE attributes, or what was there before. */
void wire_key_schema(struct json *json, struct arena *arena, struct str *hash_key_out,
		     struct str *range_key_out);

/*
 * Makes room for one more element of `size` bytes in an array of `n` elements that grows in the arena
 * by this function alone; returns where it is now. At `max` elements the reading fails instead.
 */
void *wire_room(struct json *json, struct arena *arena, void *array, size_t n, size_t size,
		size_t max);

/* Whether the answer was well formed to its end; else ERROR_DATA, naming operation and place. */
bool wire_end(struct json *json, const char *operation, struct error *err);

#endif
