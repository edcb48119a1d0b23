/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fake_calls.h"

#include "base/json.h"

enum { PART_MAX = 300 };

struct fake_call {
	struct str client, operation, table; /* of what follows the struct */
	uint64_t requests;
};

void fake_calls_init(struct fake_calls *calls)
{
	*calls = (struct fake_calls){.dropped = 0};
	map_init(&calls->counts);
}

void fake_calls_release(struct fake_calls *calls)
{
	struct fake_call *call;
	size_t at = 0;

	while ((call = map_next(&calls->counts, &at)) != NULL)
		mem_free(call);
	map_release(&calls->counts);
}

/* Copies a part of a key behind a call; returns the copy. */
static struct str put_part(char **to, struct str part)
{
	struct str copy = str_make(*to, part.n);

	mem_copy(*to, part.p, part.n);
	(*to)[part.n] = '\n'; /* none of the parts has one */
	*to += part.n + 1;
	return copy;
}

/* Counts a request for one table. */
static void count(struct fake_calls *calls, struct str client, struct str operation,
		  struct str table)
{
	size_t n = client.n + operation.n + table.n + 3;
	struct fake_call *call = mem_alloc(sizeof(*call) + n), *known;
	char *key = (char *)(call + 1), *to = key;

	call->client = put_part(&to, client);
	call->operation = put_part(&to, operation);
	call->table = put_part(&to, table);
	known = map_get(&calls->counts, str_make(key, n));
	if (known == NULL && map_n(&calls->counts) < FAKE_CALLS_MAX) {
		map_put(&calls->counts, str_make(key, n), call);
		call->requests = 1;
		return;
	}
	mem_free(call);
	if (known != NULL)
		known->requests++;
	else
		calls->dropped++;
}

/* The table in the ARN of a table or stream. */
static struct str table_of_arn(struct str arn)
{
	size_t at = str_find(arn, '/');

	arn = str_skip(arn, at + 1);
	return str_head(arn, str_find(arn, '/'));
}

/* At most so much of a text, up to where a line ends. */
static struct str part(struct str text)
{
	text = str_head(text, str_find(text, '\n'));
	return str_head(text, PART_MAX);
}

void fake_calls_count(struct fake_calls *calls, struct str agent, struct str operation,
		      struct str body)
{
	struct str client = part(str_head(agent, str_find(agent, '/'))), key, table;
	bool named = false;
	struct json json;

	operation = part(operation);
	json_init(&json, body);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "TableName") || json_key_is(key, "StreamArn")) {
			table = json_string(&json);
			if (json_key_is(key, "StreamArn"))
				table = table_of_arn(table);
			count(calls, client, operation, part(table));
			named = true;
		} else if (json_key_is(key, "RequestItems") && json_enter(&json, JSON_OBJECT)) {
			while (json_key(&json, &table)) {
				count(calls, client, operation, part(table));
				json_skip(&json);
				named = true;
			}
		} else {
			json_skip(&json);
		}
	}
	if (!named)
		count(calls, client, operation, STR_NONE);
}

void fake_calls_put(const struct fake_calls *calls, struct buf *out)
{
	const struct fake_call *call;
	bool first = true;
	size_t at = 0;

	buf_str(out, STR("{\"calls\":["));
	while ((call = map_next(&calls->counts, &at)) != NULL) {
		buf_str(out, first ? STR("{\"client\":") : STR(",{\"client\":"));
		first = false;
		json_put(out, call->client);
		buf_str(out, STR(",\"operation\":"));
		json_put(out, call->operation);
		buf_str(out, STR(",\"table\":"));
		json_put(out, call->table);
		buf_fmt(out, ",\"requests\":%llu}", (unsigned long long)call->requests);
	}
	buf_fmt(out, "],\"dropped\":%llu}\n", (unsigned long long)calls->dropped);
}
