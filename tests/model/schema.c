/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/model/model.h"

enum { INCLUDED_MAX = 100 };

/* Refuses the request with the words that most failures of CreateTable begin with. */
static bool invalid(struct request *request, const char *words, struct str name)
{
	return failure_set(request->failure, FAILURE_VALIDATION,
			   "One or more parameter values were invalid: %s%.*s", words,
			   STR_ARG(str_head(name, 200)));
}

/* Fails if the reader met an error. */
static bool json_ok(struct request *request, const struct json *json)
{
	return json->error == NULL ||
	       failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json->error);
}

/* Reads a JSON string into memory of its own. */
static char *take_string(struct request *request, struct json *json, char *old)
{
	struct str text = item_unescape(request->arena, json_string(json));

	mem_free(old);
	return mem_dup(text.p, text.n);
}

/* Reads one of AttributeDefinitions. */
static bool attribute_read(struct request *request, struct json *json, struct attribute *attribute)
{
	bool typed = false;
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "AttributeName"))
			attribute->name = take_string(request, json, attribute->name);
		else if (json_key_is(key, "AttributeType"))
			typed = value_kind_of(json_string(json), &attribute->kind) &&
				attribute->kind <= VALUE_B;
		else
			json_fail(json, "an unknown member in AttributeDefinitions");
	}
	if (!json_ok(request, json))
		return false;
	return (typed && attribute->name != NULL) ||
	       invalid(request, "AttributeName and AttributeType (S, N or B) are required",
		       STR_NONE);
}

bool schema_attributes_read(struct request *request, struct schema *schema)
{
	struct json json;

	if (!request_need(request, PARAM_ATTRIBUTES))
		return false;
	schema->attributes = mem_alloc_n(SCHEMA_ATTRIBUTES_MAX, sizeof(*schema->attributes));
	json_init(&json, request->raw[PARAM_ATTRIBUTES]);
	json_enter(&json, JSON_ARRAY);
	while (json_item(&json)) {
		if (schema->attributes_n == SCHEMA_ATTRIBUTES_MAX)
			return invalid(request, "Too many AttributeDefinitions", STR_NONE);
		if (!attribute_read(request, &json, &schema->attributes[schema->attributes_n++]))
			return false;
	}
	return json_ok(request, &json);
}

const struct attribute *schema_attribute(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->attributes_n; i++) {
		if (strcmp(schema->attributes[i].name, name) == 0)
			return &schema->attributes[i];
	}
	return NULL;
}

/* Reads one element of a key schema; says whether it is a RANGE. */
static void element_read(struct request *request, struct json *json, char **name, bool *range)
{
	struct str key, type = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "AttributeName"))
			*name = take_string(request, json, *name);
		else if (json_key_is(key, "KeyType"))
			type = json_string(json);
		else
			json_fail(json, "an unknown member in KeySchema");
	}
	*range = str_eq(type, STR("RANGE"));
	if (*name == NULL || (!*range && !str_eq(type, STR("HASH"))))
		json_fail(json, "an element of KeySchema is not complete");
}

/* Reads a key schema whose attributes have been read. */
static bool key_read(struct request *request, struct json *json, const struct schema *schema,
		     struct key_schema *key)
{
	json_enter(json, JSON_ARRAY);
	while (json_item(json)) {
		bool range = false;

		if (key->n == 2)
			return invalid(request, "Too many KeySchema elements", STR_NONE);
		element_read(request, json, &key->name[key->n], &range);
		if (json->error == NULL && range != (key->n == 1))
			return invalid(request,
				       "Invalid KeySchema: The first KeySchemaElement is not a "
				       "HASH key type, or the second is not a RANGE key type",
				       STR_NONE);
		key->n++;
	}
	if (!json_ok(request, json))
		return false;
	if (key->n == 0)
		return invalid(request, "KeySchema must not be empty", STR_NONE);
	for (unsigned i = 0; i < key->n; i++) {
		const struct attribute *attribute = schema_attribute(schema, key->name[i]);

		if (attribute == NULL)
			return invalid(request,
				       "Some index key attributes are not defined in "
				       "AttributeDefinitions. Keys: ",
				       str_of(key->name[i]));
		key->kind[i] = attribute->kind;
	}
	return key->n == 1 || strcmp(key->name[0], key->name[1]) != 0 ||
	       invalid(request, "Both the Hash Key and the Range Key element have the same name",
		       STR_NONE);
}

/* Reads the Projection of an index. */
static void projection_read(struct request *request, struct json *json, struct index *index)
{
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "ProjectionType")) {
			index->projection = take_string(request, json, index->projection);
			continue;
		}
		if (!json_key_is(key, "NonKeyAttributes") || index->included != NULL) {
			json_fail(json, "an unknown member in Projection");
			return;
		}
		index->included = mem_alloc_n(INCLUDED_MAX, sizeof(char *));
		json_enter(json, JSON_ARRAY);
		while (json_item(json)) {
			if (index->included_n == INCLUDED_MAX) {
				json_fail(json, "too many NonKeyAttributes");
				return;
			}
			index->included[index->included_n++] = take_string(request, json, NULL);
		}
	}
}

/* Reads one index. */
static bool index_read(struct request *request, struct json *json, struct schema *schema,
		       struct index *index)
{
	struct str key;
	bool ok = true;

	json_enter(json, JSON_OBJECT);
	while (ok && json_key(json, &key)) {
		if (json_key_is(key, "IndexName"))
			index->name = take_string(request, json, index->name);
		else if (json_key_is(key, "KeySchema") && index->key.n == 0)
			ok = key_read(request, json, schema, &index->key);
		else if (json_key_is(key, "Projection"))
			projection_read(request, json, index);
		else if (json_key_is(key, "ProvisionedThroughput") && index->global)
			ok = throughput_read(request, json_skip(json), &index->read_units,
					     &index->write_units);
		else
			json_fail(json, "an unknown member in an index");
	}
	if (!ok || !json_ok(request, json))
		return false;
	return (index->name != NULL && index->key.n > 0 && index->projection != NULL) ||
	       invalid(request, "An index needs IndexName, KeySchema and Projection", STR_NONE);
}

bool schema_index_read(struct request *request, struct json *json, bool global,
		       struct schema *schema)
{
	struct index *index;

	if (schema->indexes == NULL)
		schema->indexes = mem_alloc_n(SCHEMA_INDEXES_MAX, sizeof(*schema->indexes));
	if (schema->indexes_n == SCHEMA_INDEXES_MAX)
		return invalid(request, "Too many indexes", STR_NONE);
	index = &schema->indexes[schema->indexes_n++];
	index->global = global;
	return index_read(request, json, schema, index);
}

/* Reads one of the two lists of indexes. */
static bool indexes_read(struct request *request, enum param param, struct schema *schema)
{
	struct json json;

	if (!request_has(request, param))
		return true;
	json_init(&json, request->raw[param]);
	json_enter(&json, JSON_ARRAY);
	while (json_item(&json)) {
		if (!schema_index_read(request, &json, param == PARAM_GLOBAL_INDEXES, schema))
			return false;
	}
	return json_ok(request, &json);
}

bool key_schema_uses(const struct key_schema *key, struct str name)
{
	for (unsigned i = 0; i < key->n; i++) {
		if (str_eq(str_of(key->name[i]), name))
			return true;
	}
	return false;
}

bool schema_uses(const struct schema *schema, const struct key_schema *key, const char *name)
{
	bool used = key_schema_uses(key, str_of(name));

	for (size_t i = 0; i < schema->indexes_n && !used; i++)
		used = key_schema_uses(&schema->indexes[i].key, str_of(name));
	return used;
}

/* Refuses attributes that no key uses. */
static bool check_unused(struct request *request, const struct schema *schema,
			 const struct key_schema *key)
{
	for (size_t i = 0; i < schema->attributes_n; i++) {
		const char *name = schema->attributes[i].name;
		if (!schema_uses(schema, key, name))
			return invalid(request,
				       "Some AttributeDefinitions are not used. "
				       "AttributeDefinitions: ",
				       str_of(name));
	}
	return true;
}

bool schema_read(struct request *request, struct schema *schema, struct key_schema *key)
{
	struct json json;

	if (!schema_attributes_read(request, schema) || !request_need(request, PARAM_KEY_SCHEMA))
		return false;
	json_init(&json, request->raw[PARAM_KEY_SCHEMA]);
	return key_read(request, &json, schema, key) &&
	       indexes_read(request, PARAM_GLOBAL_INDEXES, schema) &&
	       indexes_read(request, PARAM_LOCAL_INDEXES, schema) &&
	       check_unused(request, schema, key);
}

void key_schema_release(struct key_schema *key)
{
	mem_free(key->name[0]);
	mem_free(key->name[1]);
}

struct key_schema key_schema_copy(const struct key_schema *key)
{
	struct key_schema copy = *key;

	for (unsigned i = 0; i < key->n; i++)
		copy.name[i] = mem_dup(key->name[i], strlen(key->name[i]));
	return copy;
}

void index_release(struct index *index)
{
	for (size_t i = 0; i < index->included_n; i++)
		mem_free(index->included[i]);
	mem_free(index->included);
	mem_free(index->name);
	mem_free(index->projection);
	key_schema_release(&index->key);
}

void schema_release(struct schema *schema)
{
	for (size_t i = 0; i < schema->attributes_n; i++)
		mem_free(schema->attributes[i].name);
	for (size_t i = 0; i < schema->indexes_n; i++)
		index_release(&schema->indexes[i]);
	mem_free(schema->attributes);
	mem_free(schema->indexes);
	*schema = (struct schema){0};
}

bool schema_check_throughput(struct request *request, const struct schema *schema,
			     bool pay_per_request)
{
	for (size_t i = 0; i < schema->indexes_n; i++) {
		const struct index *index = &schema->indexes[i];

		if (index->global && (index->read_units == 0) != pay_per_request)
			return failure_set(
				request->failure, FAILURE_VALIDATION,
				"One or more parameter values were invalid: "
				"ProvisionedThroughput %s for index: %s%s",
				pay_per_request ? "should not be specified" : "is not specified",
				index->name,
				pay_per_request ? " when BillingMode is PAY_PER_REQUEST" : "");
	}
	return true;
}

void key_schema_put(struct buf *answer, const struct key_schema *key)
{
	buf_c(answer, '[');
	for (unsigned i = 0; i < key->n; i++) {
		json_comma(answer);
		buf_str(answer, STR("{\"AttributeName\":"));
		json_put(answer, str_of(key->name[i]));
		buf_fmt(answer, ",\"KeyType\":\"%s\"}", i == 0 ? "HASH" : "RANGE");
	}
	buf_c(answer, ']');
}

/* Appends the state of a global index. */
static void index_state_put(const struct service *service, const struct index *index,
			    struct buf *answer)
{
	bool ready = service->now_ms >= index->ready_ms;

	buf_fmt(answer, ",\"IndexStatus\":\"%s\",", ready ? "ACTIVE" : "CREATING");
	if (!ready && index->backfills)
		buf_str(answer, STR("\"Backfilling\":true,"));
	throughput_put(index->read_units, index->write_units, answer);
}

/* Appends one index. */
static void index_put(const struct service *service, const struct table *table,
		      const struct index *index, struct buf *answer)
{
	json_comma(answer);
	buf_str(answer, STR("{\"IndexName\":"));
	json_put(answer, str_of(index->name));
	buf_str(answer, STR(",\"KeySchema\":"));
	key_schema_put(answer, &index->key);
	buf_str(answer, STR(",\"Projection\":{\"ProjectionType\":"));
	json_put(answer, str_of(index->projection));
	if (index->included_n > 0)
		buf_str(answer, STR(",\"NonKeyAttributes\":["));
	for (size_t i = 0; i < index->included_n; i++) {
		json_comma(answer);
		json_put(answer, str_of(index->included[i]));
	}
	if (index->included_n > 0)
		buf_c(answer, ']');
	buf_c(answer, '}');
	if (index->global)
		index_state_put(service, index, answer);
	buf_fmt(answer, ",\"IndexSizeBytes\":0,\"ItemCount\":0,\"IndexArn\":\"%s/index/%s\"}",
		table->arn, index->name);
}

void schema_put(const struct service *service, const struct table *table, struct buf *answer)
{
	const struct schema *schema = &table->schema;

	buf_str(answer, STR("\"AttributeDefinitions\":["));
	for (size_t i = 0; i < schema->attributes_n; i++) {
		json_comma(answer);
		buf_str(answer, STR("{\"AttributeName\":"));
		json_put(answer, str_of(schema->attributes[i].name));
		buf_fmt(answer, ",\"AttributeType\":\"%s\"}",
			value_kind_name(schema->attributes[i].kind));
	}
	buf_str(answer, STR("],\"KeySchema\":"));
	key_schema_put(answer, &table->key);
	for (unsigned global = 0; global < 2; global++) {
		bool any = false;

		for (size_t i = 0; i < schema->indexes_n; i++) {
			if (schema->indexes[i].global != (global == 1))
				continue;
			if (!any)
				buf_fmt(answer, ",\"%sSecondaryIndexes\":[",
					global == 1 ? "Global" : "Local");
			any = true;
			index_put(service, table, &schema->indexes[i], answer);
		}
		if (any)
			buf_c(answer, ']');
	}
}
