/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/model/model.h"

const struct index *schema_index(const struct schema *schema, struct str name)
{
	for (size_t i = 0; i < schema->indexes_n; i++) {
		if (str_eq(name, str_of(schema->indexes[i].name)))
			return &schema->indexes[i];
	}
	return NULL;
}

bool index_has(const struct table *table, const struct index *index, struct str name)
{
	if (strcmp(index->projection, "ALL") == 0 || key_schema_uses(&table->key, name) ||
	    key_schema_uses(&index->key, name))
		return true;
	for (size_t i = 0; i < index->included_n; i++) {
		if (str_eq(name, str_of(index->included[i])))
			return true;
	}
	return false;
}

struct value index_entry(struct arena *arena, const struct table *table, const struct index *index,
			 const struct value *item)
{
	struct value entry = {.kind = VALUE_M};

	for (size_t i = 0; i < item->n; i++) {
		const struct member *member = &item->members[i];

		if (index_has(table, index, member->name))
			map_member_set(arena, &entry, member->name, member->value);
	}
	return entry;
}

/* What the index has of an item, in `*entry`; false when it does not have the item, for it lacks a key. */
static bool entry_of(struct arena *arena, const struct table *table, const struct index *index,
		     const struct value *item, struct value *entry)
{
	for (unsigned i = 0; i < index->key.n; i++) {
		const struct value *value =
			item == NULL ? NULL : map_member(item, str_of(index->key.name[i]));

		if (value == NULL || value->kind != index->key.kind[i])
			return false;
	}
	*entry = index_entry(arena, table, index, item);
	return true;
}

/* Whether two entries have the same key, so that one can become the other. */
static bool same_key(const struct index *index, const struct value *a, const struct value *b)
{
	for (unsigned i = 0; i < index->key.n; i++) {
		struct str name = str_of(index->key.name[i]);

		if (!value_equal(map_member(a, name), map_member(b, name)))
			return false;
	}
	return true;
}

uint64_t index_write_cost(struct arena *arena, const struct table *table, const struct index *index,
			  const struct value *before, const struct value *after)
{
	struct value old, new;
	bool was = entry_of(arena, table, index, before, &old);
	bool is = entry_of(arena, table, index, after, &new);
	size_t old_n = was ? item_size(&old) : 0, new_n = is ? item_size(&new) : 0;

	if (was && is && value_equal(&old, &new))
		return 0;
	if (was && is && same_key(index, &old, &new))
		return capacity_of_write(old_n > new_n ? old_n : new_n);
	return (was ? capacity_of_write(old_n) : 0) + (is ? capacity_of_write(new_n) : 0);
}

/* Whether what UpdateTable adds or deletes is there already, or not at all. */
static bool change_check(struct request *request, const struct table *table,
			 const struct index_change *change)
{
	const struct index *added = change->added.indexes;

	if (change->deleted.p != NULL)
		return schema_index(&table->schema, change->deleted) != NULL ||
		       failure_set(request->failure, FAILURE_NOT_FOUND,
				   "Requested resource not found");
	if (schema_index(&table->schema, str_of(added->name)) != NULL)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Attempting to create an index which already exists");
	if (table->schema.indexes_n == SCHEMA_INDEXES_MAX ||
	    table->schema.attributes_n + change->added.attributes_n > SCHEMA_ATTRIBUTES_MAX)
		return failure_set(request->failure, FAILURE_LIMIT,
				   "Number of indexes or attributes exceeds the limit");
	for (size_t i = 0; i < change->added.attributes_n; i++) {
		const struct attribute *attribute = &change->added.attributes[i];
		const struct attribute *known = schema_attribute(&table->schema, attribute->name);

		if (known != NULL && known->kind != attribute->kind)
			return failure_set(
				request->failure, FAILURE_VALIDATION,
				"One or more parameter values were invalid: Attribute %s "
				"is redefined with another type",
				attribute->name);
	}
	return true;
}

/* Reads {"IndexName":...}. */
static struct str deleted_read(struct request *request, struct json *json)
{
	struct str key, name = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "IndexName"))
			name = item_unescape(request->arena, json_string(json));
		else
			json_fail(json, "an unknown member in Delete");
	}
	if (name.p == NULL)
		json_fail(json, "IndexName is required");
	return name;
}

/* Reads one of GlobalSecondaryIndexUpdates. */
static bool change_member(struct request *request, struct json *json, struct index_change *change)
{
	struct str key;
	bool ok = true;

	json_enter(json, JSON_OBJECT);
	while (ok && json_key(json, &key)) {
		bool create = json_key_is(key, "Create");

		if (json_peek(json) == JSON_NULL) {
			json_null(json);
			continue;
		}
		if (!create && !json_key_is(key, "Delete"))
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "The parameter %.*s is not supported here",
					   STR_ARG(str_head(key, 100)));
		if (change->deleted.p != NULL || change->added.indexes_n > 0)
			return failure_set(request->failure, FAILURE_LIMIT,
					   "Subscriber limit exceeded: Only 1 online index can be "
					   "created or deleted simultaneously per table");
		if (create)
			ok = schema_index_read(request, json, true, &change->added);
		else
			change->deleted = deleted_read(request, json);
	}
	return ok;
}

bool index_change_read(struct request *request, const struct table *table,
		       struct index_change *change)
{
	struct json json;

	*change = (struct index_change){.deleted = STR_NONE};
	if (!request_has(request, PARAM_INDEX_UPDATES))
		return true;
	if (request_has(request, PARAM_ATTRIBUTES) &&
	    !schema_attributes_read(request, &change->added))
		return false;
	json_init(&json, request->raw[PARAM_INDEX_UPDATES]);
	json_enter(&json, JSON_ARRAY);
	while (json_item(&json)) {
		if (!change_member(request, &json, change))
			return false;
	}
	if (!json_end(&json))
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
	change->given = change->deleted.p != NULL || change->added.indexes_n > 0;
	return !change->given ||
	       (change_check(request, table, change) &&
		schema_check_throughput(request, &change->added, table->pay_per_request));
}

/* Takes an index out of the schema, and the attributes that no key uses any more. */
static void index_delete(struct table *table, struct str name)
{
	struct schema *schema = &table->schema;
	size_t kept = 0;

	for (size_t i = 0; i < schema->indexes_n; i++) {
		if (str_eq(name, str_of(schema->indexes[i].name)))
			index_release(&schema->indexes[i]);
		else
			schema->indexes[kept++] = schema->indexes[i];
	}
	schema->indexes_n = kept;
	kept = 0;
	for (size_t i = 0; i < schema->attributes_n; i++) {
		if (schema_uses(schema, &table->key, schema->attributes[i].name))
			schema->attributes[kept++] = schema->attributes[i];
		else
			mem_free(schema->attributes[i].name);
	}
	schema->attributes_n = kept;
}

/* Gives a table an index, and the attributes that its key needs. */
static void index_add(struct table *table, struct schema *added)
{
	struct schema *schema = &table->schema;

	if (schema->indexes == NULL)
		schema->indexes = mem_alloc_n(SCHEMA_INDEXES_MAX, sizeof(*schema->indexes));
	added->indexes[0].ready_ms = table->ready_ms;
	added->indexes[0].backfills = true;
	schema->indexes[schema->indexes_n++] = added->indexes[0];
	added->indexes_n = 0;
	for (size_t i = 0; i < added->attributes_n; i++) {
		struct attribute *attribute = &added->attributes[i];

		if (schema_attribute(schema, attribute->name) != NULL ||
		    !schema_uses(schema, &table->key, attribute->name))
			continue;
		schema->attributes[schema->attributes_n++] = *attribute;
		attribute->name = NULL; /* the table's now */
	}
}

void index_change_apply(struct index_change *change, struct table *table)
{
	if (change->deleted.p != NULL)
		index_delete(table, change->deleted);
	if (change->added.indexes_n > 0)
		index_add(table, &change->added);
}

void index_change_release(struct index_change *change)
{
	schema_release(&change->added);
}
