/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/legacy.h"
#include "tests/model/model.h"

enum { HASH_KEY_MAX = 2048, RANGE_KEY_MAX = 1024 };

/* The order in which these words stand is that of enum return_values. */
static const char *const return_words[] = {"NONE",    "ALL_OLD",     "UPDATED_OLD",
					   "ALL_NEW", "UPDATED_NEW", NULL};
static const char *const return_on_failure_words[] = {"NONE", "ALL_OLD", NULL};

enum return_values {
	RETURN_NONE,
	RETURN_ALL_OLD,
	RETURN_UPDATED_OLD,
	RETURN_ALL_NEW,
	RETURN_UPDATED_NEW
};

/* One request that reads or writes one item. */
struct row {
	struct table *table;
	struct row_key key;
	const struct item *item; /* as it is, or NULL */
	struct value before; /* the same as a tree; empty when there is none */
	unsigned returns;
};

/* Mixes bytes into a hash whose high bits are as good as its low ones. */
static uint64_t hash_bytes(struct str bytes)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < bytes.n; i++)
		h = (h ^ (unsigned char)bytes.p[i]) * 0x100000001b3u;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
	h = (h ^ h >> 27) * 0x94d049bb133111ebu;
	return h ^ h >> 31;
}

uint64_t row_hash(struct service *service, const struct value *value)
{
	struct buf *buf = &service->scratch;

	buf_clear(buf);
	value_put(buf, value);
	return hash_bytes(buf_view(buf));
}

/* Refuses key values that are empty or too long. */
static bool check_key_value(const struct table *table, unsigned part, const struct value *value,
			    struct request *request)
{
	size_t n = value_size(value);

	if (value->kind != VALUE_N && n == 0)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values are not valid. The AttributeValue "
				   "for a key attribute cannot contain an empty %s value. Key: %s",
				   value->kind == VALUE_S ? "string" : "binary",
				   table->key.name[part]);
	if (part == 0 && n > HASH_KEY_MAX)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: Size of hashkey has "
				   "exceeded the maximum size limit of%d bytes",
				   HASH_KEY_MAX);
	return part == 0 || n <= RANGE_KEY_MAX ||
	       failure_set(
		       request->failure, FAILURE_VALIDATION,
		       "One or more parameter values were invalid: Aggregated size of all range "
		       "keys has exceeded the size limit of %d bytes",
		       RANGE_KEY_MAX);
}

/* Makes the key out of its values, which have the right types. */
static bool make_key(struct service *service, const struct table *table,
		     const struct value *const values[2], struct request *request,
		     struct row_key *out)
{
	struct value key = {.kind = VALUE_M};
	struct buf *buf = &service->scratch;

	for (unsigned i = 0; i < table->key.n; i++) {
		if (!check_key_value(table, i, values[i], request))
			return false;
		map_member_set(request->arena, &key, str_of(table->key.name[i]), *values[i]);
	}
	out->hash = row_hash(service, values[0]);
	buf_clear(buf);
	item_put(buf, &key);
	out->text = arena_str(request->arena, buf_view(buf));
	out->size_bytes = item_size(&key);
	return true;
}

bool row_key_of_item(struct service *service, const struct table *table, const struct value *item,
		     struct request *request, struct row_key *out)
{
	const struct value *values[2] = {NULL, NULL};

	for (unsigned i = 0; i < table->key.n; i++) {
		const char *name = table->key.name[i];

		values[i] = map_member(item, str_of(name));
		if (values[i] == NULL)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Missing the "
					   "key %s in the item",
					   name);
		if (values[i]->kind != table->key.kind[i])
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Type "
					   "mismatch for key %s expected: %s actual: %s",
					   name, value_kind_name(table->key.kind[i]),
					   value_kind_name(values[i]->kind));
	}
	return make_key(service, table, values, request, out);
}

bool row_key_of_key(struct service *service, const struct table *table, const struct value *key,
		    struct request *request, struct row_key *out)
{
	const struct value *values[2] = {NULL, NULL};
	bool ok = key->n == table->key.n;

	for (unsigned i = 0; i < table->key.n && ok; i++) {
		values[i] = map_member(key, str_of(table->key.name[i]));
		ok = values[i] != NULL && values[i]->kind == table->key.kind[i];
	}
	if (!ok)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "The provided key element does not match the schema");
	return make_key(service, table, values, request, out);
}

void row_commit(struct service *service, struct table *table, const struct row_key *key,
		struct text *new_text, bool ttl)
{
	struct item *item = store_find(&table->store, key->hash, key->text);
	struct write write = {.ttl = ttl, .new_image = new_text};

	if (item == NULL && new_text == NULL) {
		service_hit(service, HIT_NO_OP);
		return;
	}
	if (item != NULL && new_text != NULL && str_eq(text_str(item->text), text_str(new_text))) {
		service_hit(service, HIT_NO_OP);
		return;
	}
	write.keys = item != NULL ? text_ref(item->keys) : text_new(key->text, key->size_bytes);
	write.old_image = item != NULL ? text_ref(item->text) : NULL;
	if (new_text != NULL)
		store_put(&table->store, key->hash, write.keys, new_text);
	else
		store_remove(&table->store, key->hash, key->text);
	if (table->stream_enabled)
		stream_record(service, table, key->hash, &write);
	text_unref(write.keys);
	text_unref(write.old_image);
}

/* Finds the item that the row's key names. */
static void row_load(struct request *request, struct row *row)
{
	row->item = store_find(&row->table->store, row->key.hash, row->key.text);
	row->before = (struct value){.kind = VALUE_M};
	if (row->item != NULL &&
	    (row->table->schema.indexes_n > 0 || request_has(request, PARAM_CONDITION) ||
	     request_has(request, PARAM_UPDATE) || request_has(request, PARAM_EXPECTED) ||
	     request_has(request, PARAM_ATTRIBUTE_UPDATES) ||
	     request_has(request, PARAM_PROJECTION)))
		row->before = item_parse_stored(request->arena, text_str(row->item->text));
}

/* Finds table and item of a request with parameter Key, and reads names and values. */
static bool row_open(struct service *service, struct request *request, struct row *row)
{
	struct value key;

	row->table = table_find_ready(service, request);
	if (row->table == NULL || !request_need(request, PARAM_KEY) ||
	    !item_parse(request->arena, request->raw[PARAM_KEY], &key, request->failure) ||
	    !legacy_check_mixed(request) || !request_scope(request) ||
	    !row_key_of_key(service, row->table, &key, request, &row->key))
		return false;
	row_load(request, row);
	return true;
}

/* Reads the condition in either of its forms; NULL in `*out` when there is none. */
static bool row_condition(struct request *request, struct expr **out)
{
	return request_has(request, PARAM_CONDITION)
		       ? request_condition(request, PARAM_CONDITION, out)
		       : legacy_expected(request, out);
}

/* Evaluates the condition; the other expressions have been parsed before. */
static bool row_check(struct service *service, struct request *request, const struct row *row)
{
	struct expr *condition;
	unsigned on_failure = 0;

	if (!row_condition(request, &condition) ||
	    !request_word(request, PARAM_RETURN_ON_FAILURE, return_on_failure_words, &on_failure) ||
	    !request_scope_end(request))
		return false;
	if (condition == NULL || expr_holds(request->arena, condition, &row->before))
		return true;
	service_hit(service, HIT_CONDITION_FAILED);
	/* A write that is refused by its condition is paid for all the same. */
	row->table->half_units[CAPACITY_WRITE] +=
		capacity_of_write(row->item == NULL ? 0 : row->item->text->size_bytes);
	if (on_failure == 1 && row->item != NULL)
		request->failure->item = text_str(row->item->text);
	return failure_set(request->failure, FAILURE_CONDITION, "The conditional request failed");
}

/* Reads ReturnValues; PutItem and DeleteItem know the first two alone. */
static bool row_returns(struct request *request, struct row *row, bool update)
{
	row->returns = RETURN_NONE;
	if (!request_word(request, PARAM_RETURN_VALUES, return_words, &row->returns))
		return false;
	return update || row->returns <= RETURN_ALL_OLD ||
	       failure_set(request->failure, FAILURE_VALIDATION,
			   "Return values set to invalid value");
}

/* Appends the member "Attributes", unless there is nothing in it. */
static void attributes_put(struct str item, struct buf *answer)
{
	if (item.n <= 2)
		return;
	json_comma(answer);
	buf_str(answer, STR("\"Attributes\":"));
	buf_str(answer, item);
}

/* Appends the end of the answer of a write; `text` and `after` are the new item, NULL: there is none. */
static bool write_end(struct request *request, const struct row *row, const struct text *text,
		      const struct value *after, struct buf *answer)
{
	const struct schema *schema = &row->table->schema;
	const struct value *before = row->item == NULL ? NULL : &row->before;
	struct consumed consumed = {.table = row->table, .kind = CAPACITY_WRITE};
	size_t n = row->item == NULL ? 0 : row->item->text->size_bytes;

	if (text != NULL && text->size_bytes > n)
		n = text->size_bytes;
	consumed.half_units = capacity_of_write(n);
	for (size_t i = 0; i < schema->indexes_n; i++)
		consumed.index_half_units[i] = index_write_cost(request->arena, row->table,
								&schema->indexes[i], before, after);
	if (!capacity_put(request, &consumed, answer))
		return false;
	buf_c(answer, '}');
	return true;
}

/* The item at rest, or NULL with the failure filled in when it is too large or too deep. */
static struct text *row_text(struct service *service, struct request *request,
			     const struct value *item, bool update)
{
	size_t n = item_size(item);

	if (n > ITEM_BYTES_MAX) {
		failure_set(request->failure, FAILURE_VALIDATION, "%s",
			    update ? "Item size to update has exceeded the maximum allowed size"
				   : "Item size has exceeded the maximum allowed size");
		return NULL;
	}
	if (value_depth(item) > ITEM_DEPTH_MAX + 1) {
		failure_set(request->failure, FAILURE_VALIDATION,
			    "Nesting Levels have exceeded supported limits");
		return NULL;
	}
	buf_clear(&service->scratch);
	item_put(&service->scratch, item);
	must(!service->scratch.failed);
	return text_new(buf_view(&service->scratch), n);
}

bool op_put_item(struct service *service, struct request *request, struct buf *answer)
{
	struct row row = {.table = table_find_ready(service, request)};
	struct value item;
	struct text *text;
	bool ok;

	if (row.table == NULL || !request_need(request, PARAM_ITEM) ||
	    !item_parse(request->arena, request->raw[PARAM_ITEM], &item, request->failure) ||
	    !legacy_check_mixed(request) || !request_scope(request) ||
	    !row_key_of_item(service, row.table, &item, request, &row.key) ||
	    !row_returns(request, &row, false))
		return false;
	row_load(request, &row);
	text = row_text(service, request, &item, false);
	if (text == NULL)
		return false;
	ok = row_check(service, request, &row);
	if (ok) {
		buf_c(answer, '{');
		if (row.returns == RETURN_ALL_OLD && row.item != NULL)
			attributes_put(text_str(row.item->text), answer);
		ok = write_end(request, &row, text, &item, answer);
	}
	if (ok)
		row_commit(service, row.table, &row.key, text, false);
	text_unref(text);
	return ok;
}

bool op_delete_item(struct service *service, struct request *request, struct buf *answer)
{
	struct row row;

	if (!row_open(service, request, &row) || !row_returns(request, &row, false) ||
	    !row_check(service, request, &row))
		return false;
	buf_c(answer, '{');
	if (row.returns == RETURN_ALL_OLD && row.item != NULL)
		attributes_put(text_str(row.item->text), answer);
	if (!write_end(request, &row, NULL, NULL, answer))
		return false;
	row_commit(service, row.table, &row.key, NULL, false);
	return true;
}

bool op_get_item(struct service *service, struct request *request, struct buf *answer)
{
	struct row row;
	struct str projection;
	struct paths paths;
	bool consistent = false;
	struct consumed consumed = {.kind = CAPACITY_READ};
	size_t size_bytes = 0;

	if (!row_open(service, request, &row) ||
	    !request_bool(request, PARAM_CONSISTENT_READ, &consistent) ||
	    !request_string(request, PARAM_PROJECTION, &projection))
		return false;
	if (projection.p != NULL && !expr_parse_projection(&request->scope, projection, &paths))
		return false;
	if (!request_scope_end(request))
		return false;
	buf_c(answer, '{');
	if (row.item != NULL) {
		size_bytes = row.item->text->size_bytes;
		buf_str(answer, STR("\"Item\":"));
		if (projection.p != NULL) {
			struct value part = expr_project(request->arena, &paths, &row.before);

			item_put(answer, &part);
		} else {
			buf_str(answer, text_str(row.item->text));
		}
	}
	consumed.table = row.table;
	consumed.half_units = capacity_of_read(size_bytes, consistent);
	if (!capacity_put(request, &consumed, answer))
		return false;
	buf_c(answer, '}');
	return true;
}

/* Refuses updates of key attributes. */
static bool check_targets(struct request *request, const struct table *table,
			  const struct updates *updates)
{
	for (size_t i = 0; i < updates->n; i++) {
		struct str name = updates->list[i].path.steps[0].name;

		for (unsigned part = 0; part < table->key.n; part++) {
			if (str_eq(name, str_of(table->key.name[part])))
				return failure_set(request->failure, FAILURE_VALIDATION,
						   "One or more parameter values were invalid: "
						   "Cannot update attribute %s. This attribute is "
						   "part of the key",
						   table->key.name[part]);
		}
	}
	return true;
}

/* Appends what ReturnValues asks for. */
static void update_returns(struct service *service, const struct row *row,
			   const struct updates *updates, const struct value *after,
			   struct buf *answer)
{
	struct arena *arena = &service->arena;
	bool old = row->returns == RETURN_ALL_OLD || row->returns == RETURN_UPDATED_OLD;
	struct value out = old ? row->before : *after;
	struct paths paths = {.n = updates->n};

	if (row->returns == RETURN_NONE || (old && row->item == NULL))
		return;
	if (row->returns == RETURN_UPDATED_OLD || row->returns == RETURN_UPDATED_NEW) {
		paths.list = arena_alloc_n(arena, updates->n, sizeof(*paths.list));
		for (size_t i = 0; i < updates->n; i++)
			paths.list[i] = updates->list[i].path;
		out = expr_project(arena, &paths, &out);
	}
	buf_clear(&service->scratch);
	item_put(&service->scratch, &out);
	attributes_put(buf_view(&service->scratch), answer);
}

/* Checks the updates, and makes the new item out of the old one or of the key. */
static bool update_apply(struct service *service, struct request *request, const struct row *row,
			 const struct updates *updates, struct value *after)
{
	if (!check_targets(request, row->table, updates) || !row_check(service, request, row))
		return false;
	*after = row->item != NULL ? value_copy(request->arena, &row->before)
				   : item_parse_stored(request->arena, row->key.text);
	return expr_update(&request->scope, updates, &row->before, after);
}

bool op_update_item(struct service *service, struct request *request, struct buf *answer)
{
	struct row row;
	struct updates updates = {0};
	struct value after;
	struct str expression;
	struct text *text;
	bool ok;

	if (!row_open(service, request, &row) || !row_returns(request, &row, true) ||
	    !request_string(request, PARAM_UPDATE, &expression))
		return false;
	if (row.item != NULL && row.before.n == 0)
		row.before = item_parse_stored(request->arena, text_str(row.item->text));
	if (expression.p == NULL ? !legacy_updates(request, &updates)
				 : !expr_parse_update(&request->scope, expression, &updates))
		return false;
	if (!update_apply(service, request, &row, &updates, &after))
		return false;
	text = row_text(service, request, &after, true);
	if (text == NULL)
		return false;
	buf_c(answer, '{');
	update_returns(service, &row, &updates, &after, answer);
	ok = write_end(request, &row, text, &after, answer);
	if (ok)
		row_commit(service, row.table, &row.key, text, false);
	text_unref(text);
	return ok;
}
