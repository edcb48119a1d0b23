/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/model/read_page.h"

/* An item that has the partition key, with what it is sorted by. */
struct entry {
	const struct item *item;
	struct value tree;
	const struct value *range; /* NULL: there is no sort key */
	uint64_t hash; /* of the table's key */
	struct str keys;
	struct arena *arena; /* for comparing */
};

/* One Query. */
struct query {
	struct table *table;
	const struct index *index; /* NULL: the table itself */
	const struct key_schema *key; /* of what is queried */
	struct expr *condition;
	const struct value *hash; /* what the partition key shall be */
	bool backward;
	struct entry *entries;
	size_t n;
	struct entry start; /* keys.n == 0: from the beginning */
};

/* The index that IndexName names; NULL in `*out` without it. */
static bool index_find(struct service *service, struct request *request, struct query *query)
{
	struct str name;

	query->key = &query->table->key;
	if (!request_string(request, PARAM_INDEX_NAME, &name))
		return false;
	if (name.p == NULL)
		return true;
	query->index = schema_index(&query->table->schema, name);
	if (query->index == NULL)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "The table does not have the specified index: %.*s",
				   STR_ARG(str_head(name, 255)));
	if (service->now_ms < query->index->ready_ms)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Cannot read from backfilling global secondary index: %s",
				   query->index->name);
	query->key = &query->index->key;
	return true;
}

/* The key part that one condition is about, or 2; with the value that it compares with first. */
static unsigned part_of(const struct query *query, const struct expr *expr,
			const struct value **value)
{
	unsigned part = 0;

	if (expr->n < 2 || expr->args[0]->kind != EXPR_PATH || expr->args[0]->path.n != 1)
		return 2;
	for (size_t i = 1; i < expr->n; i++) {
		if (expr->args[i]->kind != EXPR_VALUE)
			return 2;
	}
	*value = expr->args[1]->value;
	while (part < query->key->n &&
	       !str_eq(expr->args[0]->path.steps[0].name, str_of(query->key->name[part])))
		part++;
	return part < query->key->n ? part : 2;
}

/* Refuses a condition that no key can be looked up with; notes the partition key's value. */
static bool condition_check(struct request *request, struct query *query, const struct expr *expr)
{
	const struct value *value = NULL;
	unsigned part = part_of(query, expr, &value);

	if (expr->kind == EXPR_OR || expr->kind == EXPR_NOT || expr->kind == EXPR_NE ||
	    expr->kind == EXPR_IN || expr->kind == EXPR_CONTAINS || expr->kind == EXPR_EXISTS ||
	    expr->kind == EXPR_NOT_EXISTS || expr->kind == EXPR_TYPE)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Invalid operator used in KeyConditionExpression");
	if (part == 2 || (part == 0 && expr->kind != EXPR_EQ))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Query key condition not supported");
	for (size_t i = 1; i < expr->n; i++) {
		if (expr->args[i]->value->kind != query->key->kind[part])
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Condition "
					   "parameter type does not match schema type");
	}
	if (part == 0 && query->hash != NULL)
		return failure_set(
			request->failure, FAILURE_VALIDATION,
			"KeyConditionExpressions must only contain one condition per key");
	if (part == 0)
		query->hash = value;
	return true;
}

/* Reads KeyConditionExpression: the partition key's value, and perhaps a range of the sort key. */
static bool condition_read(struct request *request, struct query *query)
{
	const struct expr *expr;

	if (!request_has(request, PARAM_KEY_CONDITION))
		return failure_set(
			request->failure, FAILURE_VALIDATION,
			"Either the KeyConditions or KeyConditionExpression parameter must "
			"be specified in the request.");
	if (!request_condition(request, PARAM_KEY_CONDITION, &query->condition))
		return false;
	expr = query->condition;
	if (expr->kind != EXPR_AND) {
		if (!condition_check(request, query, expr))
			return false;
	} else if (!condition_check(request, query, expr->args[0]) ||
		   !condition_check(request, query, expr->args[1])) {
		return false;
	} else if (query->hash != NULL && query->key->n == 1) {
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Query key condition not supported");
	}
	return query->hash != NULL ||
	       failure_set(request->failure, FAILURE_VALIDATION,
			   "Query condition missed key schema element: %s", query->key->name[0]);
}

/* Whether an expression looks at this attribute. */
static bool looks_at(const struct expr *expr, const char *name)
{
	if (expr->kind == EXPR_PATH)
		return str_eq(expr->path.steps[0].name, str_of(name));
	for (size_t i = 0; i < expr->n; i++) {
		if (looks_at(expr->args[i], name))
			return true;
	}
	return false;
}

/* Refuses filters on keys, and more of an index than it has. */
static bool page_check(struct request *request, const struct query *query, const struct page *page)
{
	const struct index *index = query->index;

	for (unsigned i = 0; page->filter != NULL && i < query->key->n; i++) {
		if (looks_at(page->filter, query->key->name[i]))
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "Filter Expression can only contain non-primary key "
					   "attributes: Primary key attribute: %s",
					   query->key->name[i]);
	}
	if (index == NULL || !index->global)
		return true;
	if (page->consistent)
		return failure_set(
			request->failure, FAILURE_VALIDATION,
			"Consistent reads are not supported on global secondary indexes");
	if (page->all_asked && strcmp(index->projection, "ALL") != 0)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: Select type "
				   "ALL_ATTRIBUTES is not supported for global secondary index %s "
				   "because its projection type is not ALL",
				   index->name);
	for (size_t i = 0; page->projects && i < page->paths.n; i++) {
		struct str name = page->paths.list[i].steps[0].name;

		if (!index_has(query->table, index, name))
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Global "
					   "secondary index %s does not project [%.*s]",
					   index->name, STR_ARG(str_head(name, 255)));
	}
	return true;
}

/* Orders entries by sort key, and those that have the same one by the table's key. */
static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int order = a->range == NULL ? 0 : value_cmp(a->arena, a->range, b->range);

	if (order != 0)
		return order;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return str_cmp(a->keys, b->keys);
}

/* Makes the entry of an item; false when it is not in the index or has another partition key. */
static bool entry_make(struct request *request, const struct query *query, const struct item *item,
		       struct entry *entry)
{
	*entry = (struct entry){.item = item,
				.hash = item->hash,
				.keys = text_str(item->keys),
				.arena = request->arena};
	entry->tree = item_parse_stored(request->arena, text_str(item->text));
	for (unsigned i = 0; i < query->key->n; i++) {
		const struct value *value = map_member(&entry->tree, str_of(query->key->name[i]));

		if (value == NULL || value->kind != query->key->kind[i])
			return false;
		if (i == 0 && !value_equal(value, query->hash))
			return false;
		if (i == 1)
			entry->range = value;
	}
	return true;
}

/* Collects the items with the partition key, sorted. */
static void entries_find(struct service *service, struct request *request, struct query *query)
{
	const struct store *store = &query->table->store;
	bool whole = query->index != NULL && query->index->global;
	uint64_t hash = row_hash(service, query->hash);
	const struct item *item = store_from(store, whole ? 0 : hash, STR_NONE, false);
	size_t most = 0;

	for (const struct item *at = item; at != NULL && (whole || at->hash == hash);
	     at = at->next[0])
		most++;
	query->entries = arena_alloc_n(request->arena, most, sizeof(*query->entries));
	for (; item != NULL && (whole || item->hash == hash); item = item->next[0]) {
		struct entry entry;

		if (entry_make(request, query, item, &entry) &&
		    expr_holds(request->arena, query->condition, &entry.tree))
			query->entries[query->n++] = entry;
	}
	qsort(query->entries, query->n, sizeof(*query->entries), entry_cmp);
}

/* Whether a starting key has the value of a key attribute, which is put into `*out`. */
static bool start_part(const struct key_schema *key, unsigned part, const struct value *start,
		       const struct value **out)
{
	*out = map_member(start, str_of(key->name[part]));
	return *out != NULL && (*out)->kind == key->kind[part];
}

/* Takes the keys of the table and of the index, and nothing else, out of a starting key. */
static bool start_keys(struct request *request, struct query *query, struct value *table_key)
{
	const struct key_schema *key = &query->table->key;
	const struct value *start = &query->start.tree, *value;
	size_t members = key->n;

	for (unsigned i = 0; i < key->n; i++) {
		if (!start_part(key, i, start, &value))
			return false;
		map_member_set(request->arena, table_key, str_of(key->name[i]), *value);
	}
	for (unsigned i = 0; i < query->key->n; i++) {
		if (!start_part(query->key, i, start, &value))
			return false;
		members += !key_schema_uses(key, str_of(query->key->name[i]));
		if (i == 1)
			query->start.range = value;
	}
	return start->n == members;
}

/* Reads ExclusiveStartKey; the item that it names may be gone. */
static bool start_read(struct service *service, struct request *request, struct query *query)
{
	struct value key = {.kind = VALUE_M};
	struct row_key row;

	if (!request_has(request, PARAM_START_KEY))
		return true;
	if (!item_parse(request->arena, request->raw[PARAM_START_KEY], &query->start.tree,
			request->failure))
		return false;
	if (!start_keys(request, query, &key))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "The provided starting key is invalid");
	if (!row_key_of_key(service, query->table, &key, request, &row))
		return false;
	query->start.hash = row.hash;
	query->start.keys = row.text;
	query->start.arena = request->arena;
	return expr_holds(request->arena, query->condition, &query->start.tree) ||
	       failure_set(request->failure, FAILURE_VALIDATION,
			   "The provided starting key is outside query boundaries based on "
			   "provided conditions");
}

/* Adds one entry to the page: the whole item, or what the index has of it. */
static void entry_add(struct service *service, struct request *request, const struct query *query,
		      const struct entry *entry, struct page *page, struct buf *answer)
{
	const struct text *text = entry->item->text;
	struct value part;

	if (query->index == NULL ||
	    (!query->index->global && (page->all_asked || page->projects))) {
		page_add(request, page, text_str(text), text->size_bytes, answer);
		return;
	}
	part = index_entry(request->arena, query->table, query->index, &entry->tree);
	buf_clear(&service->scratch);
	item_put(&service->scratch, &part);
	page_add(request, page, arena_str(request->arena, buf_view(&service->scratch)),
		 item_size(&part), answer);
}

/* Where the next page begins: the keys of the table and of the index. */
static struct str last_key(struct service *service, struct request *request,
			   const struct query *query, const struct entry *entry)
{
	struct value key = {.kind = VALUE_M};

	for (unsigned i = 0; i < query->table->key.n; i++) {
		struct str name = str_of(query->table->key.name[i]);

		map_member_set(request->arena, &key, name, *map_member(&entry->tree, name));
	}
	for (unsigned i = 0; i < query->key->n; i++) {
		struct str name = str_of(query->key->name[i]);

		map_member_set(request->arena, &key, name, *map_member(&entry->tree, name));
	}
	buf_clear(&service->scratch);
	item_put(&service->scratch, &key);
	return arena_str(request->arena, buf_view(&service->scratch));
}

bool op_query(struct service *service, struct request *request, struct buf *answer)
{
	struct query query = {.table = table_find_ready(service, request)};
	const struct entry *last = NULL;
	bool forward = true;
	struct page page;

	if (query.table == NULL || !request_scope(request) ||
	    !index_find(service, request, &query) || !condition_read(request, &query) ||
	    !page_read(request, query.index != NULL, &page) ||
	    !page_check(request, &query, &page) ||
	    !request_bool(request, PARAM_FORWARD, &forward) ||
	    !start_read(service, request, &query))
		return false;
	entries_find(service, request, &query);
	page_begin(&page, answer);
	for (size_t i = 0; i < query.n && !page_full(&page); i++) {
		const struct entry *entry = &query.entries[forward ? i : query.n - 1 - i];

		if (query.start.keys.n > 0) {
			int order = entry_cmp(entry, &query.start);

			if (forward ? order <= 0 : order >= 0)
				continue;
		}
		entry_add(service, request, &query, entry, &page, answer);
		last = entry;
	}
	return page_end(service, request, &page, query.table, query.index,
			page_full(&page) ? last_key(service, request, &query, last) : STR_NONE,
			answer);
}
