/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/model.h"

enum { TAGS_MAX = 50, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256 };

/* Reads {"Key":...,"Value":...} into the table's next tag. */
static void tag_read(struct request *request, struct json *json, struct tag *tag)
{
	struct str key, text;

	json_enter(json, JSON_OBJECT);
	while (json_key(json, &key)) {
		bool is_key = json_key_is(key, "Key");

		if (!is_key && !json_key_is(key, "Value")) {
			json_fail(json, "an unknown member in Tags");
			return;
		}
		text = item_unescape(request->arena, json_string(json));
		mem_free(is_key ? tag->key : tag->value);
		*(is_key ? &tag->key : &tag->value) = mem_dup(text.p, text.n);
	}
}

/* Refuses a tag that is not complete, too long, or there already. */
static bool tag_check(struct request *request, const struct table *table, size_t n)
{
	const struct tag *tag = &table->tags[n];
	struct str key = str_of(tag->key == NULL ? "" : tag->key);

	if (key.n == 0 || tag->value == NULL || key.n > TAG_KEY_MAX ||
	    str_of(tag->value).n > TAG_VALUE_MAX)
		return request_constraint(
			request, PARAM_TAGS, key,
			"Member must have a key of 1 to 128 and a value of at most "
			"256 characters");
	for (size_t i = 0; i < n; i++) {
		if (str_eq(key, str_of(table->tags[i].key)))
			return failure_set(
				request->failure, FAILURE_VALIDATION,
				"One or more parameter values were invalid: Duplicate tag "
				"key: %s",
				tag->key);
	}
	return true;
}

bool tags_read(struct request *request, struct table *table)
{
	struct json json;

	if (!request_has(request, PARAM_TAGS))
		return true;
	table->tags = mem_alloc_n(TAGS_MAX, sizeof(*table->tags));
	json_init(&json, request->raw[PARAM_TAGS]);
	json_enter(&json, JSON_ARRAY);
	while (json_item(&json)) {
		if (table->tags_n == TAGS_MAX)
			return failure_set(
				request->failure, FAILURE_VALIDATION,
				"One or more parameter values were invalid: Too many tags");
		tag_read(request, &json, &table->tags[table->tags_n++]);
		if (json.error == NULL && !tag_check(request, table, table->tags_n - 1))
			return false;
	}
	return json_end(&json) ||
	       failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
}

void tags_free(struct table *table)
{
	for (size_t i = 0; i < table->tags_n; i++) {
		mem_free(table->tags[i].key);
		mem_free(table->tags[i].value);
	}
	mem_free(table->tags);
}

bool op_list_tags_of_resource(struct service *service, struct request *request, struct buf *answer)
{
	const struct table *table;
	struct str arn;

	if (!request_need(request, PARAM_RESOURCE_ARN) ||
	    !request_string(request, PARAM_RESOURCE_ARN, &arn))
		return false;
	if (!str_starts(arn, STR("arn:")))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Invalid TableArn: Invalid ResourceArn provided as input %.*s",
				   STR_ARG(str_head(arn, 200)));
	table = table_named_ready(service, request, arn);
	if (table == NULL)
		return false;
	buf_str(answer, STR("{\"Tags\":["));
	for (size_t i = 0; i < table->tags_n; i++) {
		json_comma(answer);
		buf_str(answer, STR("{\"Key\":"));
		json_put(answer, str_of(table->tags[i].key));
		buf_str(answer, STR(",\"Value\":"));
		json_put(answer, str_of(table->tags[i].value));
		buf_c(answer, '}');
	}
	buf_str(answer, STR("]}"));
	return true;
}
