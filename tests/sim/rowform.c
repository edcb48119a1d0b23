/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/rowform.h"

enum { ROW_MAX = 1 << 20 };

struct str row_scalar(struct json *json)
{
	struct str key, value = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "S") || json_key_is(key, "N"))
			value = json_string(json);
		else
			json_skip(json);
	}
	return value;
}

/* Reads the leaseKey out of a Key or an Item. */
static struct str read_lease_key(struct json *json)
{
	struct str key, value = STR_NONE;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		if (json_key_is(key, "leaseKey"))
			value = row_scalar(json);
		else
			json_skip(json);
	}
	return value;
}

struct row_named row_named(struct str body)
{
	struct row_named named = {.table = STR_NONE};
	struct json json;
	struct str key;

	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "TableName"))
			named.table = json_string(&json);
		else if (json_key_is(key, "Key") || json_key_is(key, "Item"))
			named.key = read_lease_key(&json);
		else
			json_skip(&json);
	}
	return named;
}

bool row_writes(struct str operation)
{
	return str_eq(operation, STR("UpdateItem")) || str_eq(operation, STR("PutItem")) ||
	       str_eq(operation, STR("DeleteItem"));
}

bool row_fetch(const struct world *world, const char *table, struct str key,
	       void (*attribute)(void *arg, struct str name, struct json *json), void *arg)
{
	struct buf body, answer;
	struct json json;
	struct str name;
	bool found = false;

	buf_init(&body, ROW_MAX);
	buf_init(&answer, ROW_MAX);
	buf_fmt(&body,
		"{\"TableName\":\"%s\",\"ConsistentRead\":true,\"Key\":{\"leaseKey\":{\"S\":\"%.*"
		"s\"}}}",
		table, STR_ARG(key));
	if (service_call(world->service, STR("DynamoDB_20120810.GetItem"), buf_view(&body),
			 world_wall_ms(world), &answer) == 200) {
		json_init(&json, buf_view(&answer));
		json_enter(&json, JSON_OBJECT);
		while (json_key(&json, &name)) {
			if (!json_key_is(name, "Item")) {
				json_skip(&json);
				continue;
			}
			found = true;
			json_enter(&json, JSON_OBJECT);
			while (json_key(&json, &name))
				attribute(arg, name, &json);
		}
		must(json_end(&json));
	}
	buf_release(&body);
	buf_release(&answer);
	return found;
}
