/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/model/model.h"

enum { BATCH_KEYS_MAX = 100, BATCH_BYTES_MAX = 16 * 1024 * 1024 };

/* One key that was asked for. */
struct batch_key {
	struct row_key key;
	struct str raw; /* as it was asked for */
	bool later; /* stays unprocessed */
};

/* What a BatchGetItem wants of one table. */
struct batch_part {
	struct batch_part *next;
	struct table *table;
	struct str name; /* as it was asked for, still escaped */
	struct batch_key *keys; /* sorted by hash: nobody may rely on the order of the answer */
	size_t n;
	bool consistent, projects;
	struct str raw_projection, raw_names; /* n == 0: not given */
	struct paths paths;
};

struct batch {
	struct batch_part *first, **end;
	size_t keys_n;
};

/* Orders keys as the store does. */
static int key_cmp(const void *x, const void *y)
{
	const struct row_key *a = &((const struct batch_key *)x)->key;
	const struct row_key *b = &((const struct batch_key *)y)->key;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return str_cmp(a->text, b->text);
}

/* Reads the list of keys. */
static bool keys_read(struct service *service, struct request *request, struct json *json,
		      struct batch_part *part)
{
	struct value key;

	part->keys = arena_alloc_n(request->arena, BATCH_KEYS_MAX, sizeof(*part->keys));
	json_enter(json, JSON_ARRAY);
	while (json_item(json)) {
		struct str raw = json_skip(json);

		if (json->error != NULL)
			return true;
		if (part->n == BATCH_KEYS_MAX)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "1 validation error detected: Value at "
					   "'requestItems.%.*s.member.keys' failed to satisfy "
					   "constraint: Member must have length less than or equal "
					   "to %d",
					   STR_ARG(part->name), BATCH_KEYS_MAX);
		part->keys[part->n].raw = raw;
		if (!item_parse(request->arena, raw, &key, request->failure) ||
		    !row_key_of_key(service, part->table, &key, request,
				    &part->keys[part->n++].key))
			return false;
	}
	return true;
}

/* Reads the projection, whose names are those of its part alone. */
static bool projection_read(struct request *request, struct batch_part *part)
{
	struct expr_scope scope;
	struct str raw = part->raw_projection;
	bool ok;

	if (raw.n == 0)
		return part->raw_names.n == 0 ||
		       failure_set(request->failure, FAILURE_VALIDATION,
				   "ExpressionAttributeNames can only be specified when using "
				   "expressions");
	part->projects = true;
	if (raw.p[0] != '"')
		return failure_set(request->failure, FAILURE_SERIALIZATION,
				   "ProjectionExpression must be a string");
	raw = item_unescape(request->arena, str_make(raw.p + 1, raw.n - 2));
	expr_scope_init(&scope, request->arena, request->failure);
	ok = (part->raw_names.n == 0 || expr_scope_names(&scope, part->raw_names)) &&
	     expr_parse_projection(&scope, raw, &part->paths) && expr_scope_check_used(&scope);
	expr_scope_release(&scope);
	return ok;
}

/* Refuses an empty list of keys, and one that has a key twice. */
static bool keys_check(struct request *request, struct batch_part *part)
{
	if (part->n == 0)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "1 validation error detected: Value '[]' at "
				   "'requestItems.%.*s.member.keys' failed to satisfy constraint: "
				   "Member must have length greater than or equal to 1",
				   STR_ARG(part->name));
	qsort(part->keys, part->n, sizeof(*part->keys), key_cmp);
	for (size_t i = 1; i < part->n; i++) {
		if (key_cmp(&part->keys[i - 1], &part->keys[i]) == 0)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "Provided list of item keys contains duplicates");
	}
	return true;
}

/* Reads what is wanted of one table. */
static bool part_read(struct service *service, struct request *request, struct json *json,
		      struct batch_part *part)
{
	struct str key;
	bool ok = true;

	part->table =
		table_named_ready(service, request, item_unescape(request->arena, part->name));
	if (part->table == NULL)
		return false;
	json_enter(json, JSON_OBJECT);
	while (ok && json_key(json, &key)) {
		if (json_key_is(key, "Keys") && part->keys == NULL)
			ok = keys_read(service, request, json, part);
		else if (json_peek(json) == JSON_NULL)
			json_null(json);
		else if (json_key_is(key, "ConsistentRead"))
			part->consistent = json_bool(json);
		else if (json_key_is(key, "ProjectionExpression"))
			part->raw_projection = json_skip(json);
		else if (json_key_is(key, "ExpressionAttributeNames"))
			part->raw_names = json_skip(json);
		else
			ok = failure_set(request->failure, FAILURE_VALIDATION,
					 "The parameter %.*s is not supported here",
					 STR_ARG(str_head(key, 100)));
	}
	if (!ok)
		return false;
	if (json->error != NULL)
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json->error);
	return keys_check(request, part) && projection_read(request, part);
}

/* Reads RequestItems. */
static bool batch_read(struct service *service, struct request *request, struct batch *batch)
{
	struct json json;
	struct str name;

	batch->end = &batch->first;
	if (!request_need(request, PARAM_REQUEST_ITEMS))
		return false;
	json_init(&json, request->raw[PARAM_REQUEST_ITEMS]);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &name)) {
		struct batch_part *part = arena_alloc(request->arena, sizeof(*part));

		part->name = name;
		if (!part_read(service, request, &json, part))
			return false;
		*batch->end = part;
		batch->end = &part->next;
		batch->keys_n += part->n;
	}
	if (!json_end(&json))
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
	if (batch->first == NULL)
		return request_constraint(request, PARAM_REQUEST_ITEMS, STR("{}"),
					  "Member must have length greater than or equal to 1");
	return batch->keys_n <= BATCH_KEYS_MAX ||
	       failure_set(request->failure, FAILURE_VALIDATION,
			   "Too many items requested for the BatchGetItem call");
}

/*
 * Decides which keys stay unprocessed: what does not fit into an answer any more, and, if the service
 * is told to be like that, some for no reason. The first is always processed, for an answer without
 * any would be an error of its own.
 */
static void batch_postpone(struct service *service, struct batch *batch)
{
	bool partial = batch->keys_n > 1 && service->options.partial_batch > 0 &&
		       rng_chance(&service->rng, service->options.partial_batch);
	bool first = true, full = false, any = false;
	size_t bytes = 0;

	for (struct batch_part *part = batch->first; part != NULL; part = part->next) {
		for (size_t i = 0; i < part->n; i++, first = false) {
			struct batch_key *key = &part->keys[i];
			const struct item *item =
				store_find(&part->table->store, key->key.hash, key->key.text);

			bytes += item == NULL ? 0 : item->text->size_bytes;
			full = full || bytes > BATCH_BYTES_MAX;
			key->later = full || (partial && !first && rng_chance(&service->rng, 50));
			any = any || (key->later && !full);
		}
	}
	if (full)
		service_hit(service, HIT_BATCH_BYTES);
	if (any)
		service_hit(service, HIT_PARTIAL_BATCH);
}

/* Appends the items of one table that were found; returns what they cost. */
static uint64_t part_put(struct request *request, const struct batch_part *part, struct buf *answer)
{
	uint64_t half_units = 0;

	json_comma(answer);
	json_put_raw(answer, part->name);
	buf_str(answer, STR(":["));
	for (size_t i = 0; i < part->n; i++) {
		const struct batch_key *key = &part->keys[i];
		const struct item *item;

		if (key->later)
			continue;
		item = store_find(&part->table->store, key->key.hash, key->key.text);
		half_units += capacity_of_read(item == NULL ? 0 : item->text->size_bytes,
					       part->consistent);
		if (item == NULL)
			continue;
		json_comma(answer);
		if (part->projects) {
			struct value whole =
				item_parse_stored(request->arena, text_str(item->text));
			struct value projected = expr_project(request->arena, &part->paths, &whole);

			item_put(answer, &projected);
		} else {
			buf_str(answer, text_str(item->text));
		}
	}
	buf_c(answer, ']');
	return half_units;
}

/* Appends the request for what stayed unprocessed of one table, if anything did. */
static void part_put_later(const struct batch_part *part, struct buf *answer)
{
	bool any = false;

	for (size_t i = 0; i < part->n; i++) {
		if (!part->keys[i].later)
			continue;
		if (!any) {
			json_comma(answer);
			json_put_raw(answer, part->name);
			buf_str(answer, STR(":{\"Keys\":["));
		}
		any = true;
		json_comma(answer);
		buf_str(answer, part->keys[i].raw);
	}
	if (!any)
		return;
	buf_fmt(answer, "],\"ConsistentRead\":%s", part->consistent ? "true" : "false");
	if (part->raw_projection.n > 0) {
		buf_str(answer, STR(",\"ProjectionExpression\":"));
		buf_str(answer, part->raw_projection);
	}
	if (part->raw_names.n > 0) {
		buf_str(answer, STR(",\"ExpressionAttributeNames\":"));
		buf_str(answer, part->raw_names);
	}
	buf_c(answer, '}');
}

bool op_batch_get_item(struct service *service, struct request *request, struct buf *answer)
{
	struct batch batch = {0};
	struct buf *consumed = &service->scratch;

	if (!batch_read(service, request, &batch))
		return false;
	batch_postpone(service, &batch);
	buf_clear(consumed);
	buf_str(answer, STR("{\"Responses\":{"));
	for (const struct batch_part *part = batch.first; part != NULL; part = part->next) {
		struct consumed used = {.table = part->table, .kind = CAPACITY_READ};

		used.half_units = part_put(request, part, answer);
		if (!capacity_put_element(request, &used, consumed))
			return false;
	}
	buf_str(answer, STR("},\"UnprocessedKeys\":{"));
	for (const struct batch_part *part = batch.first; part != NULL; part = part->next)
		part_put_later(part, answer);
	buf_c(answer, '}');
	if (consumed->n > 0) {
		buf_str(answer, STR(",\"ConsumedCapacity\":["));
		buf_str(answer, buf_view(consumed));
		buf_c(answer, ']');
	}
	buf_c(answer, '}');
	return true;
}
