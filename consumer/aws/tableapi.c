/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/aws/tableapi.h"

#include "consumer/aws/wire.h"

void tables_describe_request(struct buf *buf, struct str table)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("TableName"), table);
	buf_c(buf, '}');
}

/* Reads a status; a word that is not known is no error. */
static enum table_status read_status(struct json *json, struct arena *arena)
{
	static const struct {
		struct str word;
		enum table_status status;
	} words[] = {
		{STR_INIT("CREATING"), TABLE_CREATING},
		{STR_INIT("ACTIVE"), TABLE_ACTIVE},
		{STR_INIT("UPDATING"), TABLE_UPDATING},
		{STR_INIT("DELETING"), TABLE_DELETING},
		{STR_INIT("INACCESSIBLE_ENCRYPTION_CREDENTIALS"), TABLE_INACCESSIBLE},
		{STR_INIT("ARCHIVING"), TABLE_ARCHIVED},
		{STR_INIT("ARCHIVED"), TABLE_ARCHIVED},
	};
	struct str word = wire_text(json, arena);

	for (size_t i = 0; i < ARRAY_N(words); i++) {
		if (str_eq(word, words[i].word))
			return words[i].status;
	}
	return TABLE_UNKNOWN;
}

/* Reads a StreamSpecification. */
static void read_stream(struct json *json, struct arena *arena, struct table_description *out)
{
	struct str key;

	if (!wire_enter(json, JSON_OBJECT))
		return;
	while (json_key(json, &key)) {
		if (json_key_is(key, "StreamEnabled"))
			out->stream_enabled = json_bool(json);
		else if (json_key_is(key, "StreamViewType"))
			out->view_type = wire_text(json, arena);
		else
			json_skip(json);
	}
}

/* Reads a list and returns whether it has members. */
static bool read_any(struct json *json)
{
	bool any = false;

	if (!wire_enter(json, JSON_ARRAY))
		return false;
	while (json_item(json)) {
		json_skip(json);
		any = true;
	}
	return any;
}

/* Reads the members of a table's description. */
static void read_table(struct json *json, struct arena *arena, struct table_description *out)
{
	bool replicas = false, strong = false;
	struct str key;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "TableStatus"))
			out->status = read_status(json, arena);
		else if (json_key_is(key, "TableArn"))
			out->arn = wire_text(json, arena);
		else if (json_key_is(key, "KeySchema"))
			wire_key_schema(json, arena, &out->hash_key, &out->range_key);
		else if (json_key_is(key, "LatestStreamArn"))
			out->stream_arn = wire_text(json, arena);
		else if (json_key_is(key, "StreamSpecification"))
			read_stream(json, arena, out);
		else if (json_key_is(key, "Replicas"))
			replicas = read_any(json);
		else if (json_key_is(key, "MultiRegionConsistency"))
			strong = str_eq(wire_text(json, arena), STR("STRONG"));
		else
			json_skip(json);
	}
	if (strong)
		out->replication = TABLE_STRONG;
	else if (replicas)
		out->replication = TABLE_EVENTUAL;
}

bool tables_describe_read(struct arena *arena, struct str body, struct table_description *out,
			  struct error *err)
{
	bool found = false;
	struct json json;
	struct str key;

	*out = (struct table_description){0};
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		/* CreateTable and DeleteTable answer with the other name. */
		if (json_key_is(key, "Table") || json_key_is(key, "TableDescription")) {
			found = true;
			read_table(&json, arena, out);
		} else {
			json_skip(&json);
		}
	}
	if (!found)
		json_fail(&json, "no Table");
	return wire_end(&json, "DescribeTable", err);
}

void tables_create_request(struct buf *buf, struct str table, struct str hash_key)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("TableName"), table);
	buf_str(buf, STR(",\"AttributeDefinitions\":[{"));
	wire_put_text(buf, STR("AttributeName"), hash_key);
	buf_str(buf, STR(",\"AttributeType\":\"S\"}],\"KeySchema\":[{"));
	wire_put_text(buf, STR("AttributeName"), hash_key);
	buf_str(buf, STR(",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}"));
}

void tables_get_request(struct buf *buf, struct str table, struct str hash_key, struct str value)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("TableName"), table);
	buf_str(buf, STR(",\"Key\":{"));
	json_put(buf, hash_key);
	buf_str(buf, STR(":{\"S\":"));
	json_put(buf, value);
	buf_str(buf, STR("}},\"ConsistentRead\":true}"));
}

/* Reads an answer of which one member, an object, is wanted raw; it may be absent. */
static bool read_object(struct str body, const char *name, struct str *raw_out, struct json *json)
{
	struct str key;

	*raw_out = STR_NONE;
	json_init(json, body);
	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, name))
			*raw_out = wire_object(json);
		else
			json_skip(json);
	}
	return json->error == NULL;
}

bool tables_get_read(struct str body, struct str *raw_item_out, struct error *err)
{
	struct json json;

	read_object(body, "Item", raw_item_out, &json);
	return wire_end(&json, "GetItem", err);
}

void tables_scan_request(struct buf *buf, struct str table, struct str raw_start_key,
			 unsigned limit, bool consistent)
{
	buf_c(buf, '{');
	wire_put_text(buf, STR("TableName"), table);
	buf_fmt(buf, ",\"ConsistentRead\":%s", consistent ? "true" : "false");
	if (raw_start_key.n > 0) {
		wire_put_name(buf, STR("ExclusiveStartKey"));
		buf_str(buf, raw_start_key);
	}
	wire_put_limit(buf, limit);
	buf_c(buf, '}');
}

/* Reads the items of a page, raw. */
static void read_items(struct json *json, struct arena *arena, struct table_page *out)
{
	if (!wire_enter(json, JSON_ARRAY))
		return;
	while (json_item(json)) {
		struct str item;

		if (json_peek(json) != JSON_OBJECT)
			json_fail(json, "an item is no object");
		item = json_skip(json);
		out->items = wire_room(json, arena, out->items, out->n_items, sizeof(*out->items),
				       TABLES_PAGE_ITEMS_MAX);
		if (json->error == NULL)
			out->items[out->n_items++] = item;
	}
}

bool tables_scan_read(struct arena *arena, struct str body, struct table_page *out,
		      struct error *err)
{
	struct json json;
	struct str key;

	*out = (struct table_page){0};
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "Items"))
			read_items(&json, arena, out);
		else if (json_key_is(key, "LastEvaluatedKey"))
			out->next_key = wire_object(&json);
		else
			json_skip(&json);
	}
	return wire_end(&json, "Scan", err);
}

void tables_batch_open(struct buf *buf, struct str table)
{
	buf_str(buf, STR("{\"RequestItems\":{"));
	json_put(buf, table);
	buf_str(buf, STR(":{\"Keys\":["));
}

void tables_batch_key(struct buf *buf, struct str hash_key, struct str value)
{
	json_comma(buf);
	buf_c(buf, '{');
	item_put_s(buf, hash_key, value);
	buf_c(buf, '}');
}

void tables_batch_close(struct buf *buf, bool consistent)
{
	buf_fmt(buf, "],\"ConsistentRead\":%s}}}", consistent ? "true" : "false");
}

/* Reads the items of all tables in `Responses`: only one table was asked about. */
static void read_responses(struct json *json, struct arena *arena, struct table_page *out)
{
	struct str table;

	if (!wire_enter(json, JSON_OBJECT))
		return;
	while (json_key(json, &table))
		read_items(json, arena, out);
}

bool tables_batch_read(struct arena *arena, struct str body, struct table_page *out,
		       struct error *err)
{
	struct json json;
	struct str key;

	*out = (struct table_page){0};
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "Responses"))
			read_responses(&json, arena, out);
		else if (json_key_is(key, "UnprocessedKeys"))
			out->incomplete = wire_object(&json).n > STR("{}").n;
		else
			json_skip(&json);
	}
	return wire_end(&json, "BatchGetItem", err);
}

void item_open(struct item *item, struct arena *arena, struct str raw_item)
{
	json_init(&item->json, raw_item);
	item->arena = arena;
	json_enter(&item->json, JSON_OBJECT);
}

/* Reads the members of a string set. */
static void read_set(struct item *item, struct attribute *out)
{
	struct json *json = &item->json;

	json_enter(json, JSON_ARRAY);
	while (json_item(json)) {
		struct str text = json_text(json, item->arena);

		out->strings = wire_room(json, item->arena, out->strings, out->n_strings,
					 sizeof(*out->strings), TABLES_SET_MAX);
		if (json->error == NULL)
			out->strings[out->n_strings++] = text;
	}
}

/* Reads the value behind a type tag. */
static void read_value(struct item *item, struct str tag, struct attribute *out)
{
	struct json *json = &item->json;

	if (str_eq(tag, STR("S"))) {
		out->kind = ATTRIBUTE_STRING;
		out->text = json_text(json, item->arena);
	} else if (str_eq(tag, STR("N"))) {
		out->kind = ATTRIBUTE_NUMBER;
		out->text = json_text(json, item->arena);
	} else if (str_eq(tag, STR("SS"))) {
		out->kind = ATTRIBUTE_STRINGS;
		read_set(item, out);
	} else if (str_eq(tag, STR("BOOL"))) {
		out->kind = ATTRIBUTE_BOOL;
		out->yes = json_bool(json);
	} else if (str_eq(tag, STR("M")) && json_peek(json) == JSON_OBJECT) {
		out->kind = ATTRIBUTE_MAP;
		out->text = json_skip(json);
	} else {
		out->kind = ATTRIBUTE_OTHER;
		json_skip(json);
	}
}

bool item_next(struct item *item, struct attribute *out)
{
	struct json *json = &item->json;
	struct str name, tag;
	bool has_value;

	*out = (struct attribute){0};
	if (!json_key(json, &name))
		return false;
	out->name = json_plain(name, item->arena);
	json_enter(json, JSON_OBJECT);
	has_value = json_key(json, &tag);
	if (has_value)
		read_value(item, tag, out);
	/* Exactly one tag, or the value would be ambiguous. */
	if (!has_value || json_key(json, &tag))
		json_fail(json, "an attribute without exactly one type");
	return json->error == NULL;
}

bool item_end(struct item *item)
{
	return json_end(&item->json);
}

void item_put_s(struct buf *buf, struct str name, struct str text)
{
	json_comma(buf);
	json_put(buf, name);
	buf_str(buf, STR(":{\"S\":"));
	json_put(buf, text);
	buf_c(buf, '}');
}

void item_put_n(struct buf *buf, struct str name, int64_t v)
{
	json_comma(buf);
	json_put(buf, name);
	buf_str(buf, STR(":{\"N\":\""));
	buf_i64(buf, v);
	buf_str(buf, STR("\"}"));
}

void item_put_ss(struct buf *buf, struct str name, const struct str *texts, size_t n)
{
	json_comma(buf);
	json_put(buf, name);
	buf_str(buf, STR(":{\"SS\":["));
	for (size_t i = 0; i < n; i++) {
		json_comma(buf);
		json_put(buf, texts[i]);
	}
	buf_str(buf, STR("]}"));
}
