/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/formats/debezium_schema.h"

#define FIELD(type, optional, name) \
	"{\"type\":\"" type "\",\"optional\":" optional ",\"field\":\"" name "\"}"
#define JSON_TYPE(field)                                                                           \
	"{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Json\",\"version\":1," \
	"\"field\":\"" field "\"}"
#define SNAPSHOT                                                                           \
	"{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\","       \
	"\"version\":1,\"parameters\":{\"allowed\":\"true,first,first_in_data_collection," \
	"last_in_data_collection,last,false,incremental\"},\"default\":\"false\","         \
	"\"field\":\"snapshot\"}"

/* What all connectors have comes first, as Debezium has it, then what is DynamoDB's. */
static const char source_field[] = "{\"type\":\"struct\",\"fields\":[" /* */
	FIELD("string", "false", "version") "," FIELD("string", "false", "connector") "," /* */
	FIELD("string", "false", "name") "," FIELD("int64", "false", "ts_ms") "," SNAPSHOT "," /* */
	FIELD("string", "false", "db") "," FIELD("string", "true", "sequence") "," /* */
	FIELD("int64", "true", "ts_us") "," FIELD("int64", "true", "ts_ns") "," /* */
	FIELD("string", "false", "table") "," FIELD("string", "false", "stream_arn") "," /* */
	FIELD("string", "false", "shard_id") "," FIELD("string", "false", "event_id") "," /* */
	FIELD("string", "true", "view_type") "," FIELD("string", "true", "user_identity") "," /* */
	JSON_TYPE("key") ",{\"type\":\"struct\",\"fields\":[" FIELD("string", "false",
								    "reason") "," /* */
	FIELD("boolean", "false", "certain") "," FIELD("string", "false", "after") /* */
	"],\"optional\":true,\"name\":\"io.debezium.connector.dynamodb.Gap\",\"version\":1,"
	"\"field\":\"gap\"}," JSON_TYPE("notes") /* */
	"],\"optional\":false,\"name\":\"io.debezium.connector.dynamodb.Source\",\"version\":1,"
	"\"field\":\"source\"}";

static const char other_fields[] = "{\"type\":\"struct\",\"fields\":[" /* */
	FIELD("string", "false", "id") "," FIELD("int64", "false", "total_order") "," /* */
	FIELD("int64", "false", "data_collection_order") /* */
	"],\"optional\":true,\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"}," /* */
	FIELD("string", "false", "op") "," FIELD("int64", "true", "ts_ms") "," /* */
	FIELD("int64", "true", "ts_us") "," FIELD("int64", "true", "ts_ns");

const char debezium_heartbeat_key_schema[] =
	"{\"type\":\"struct\",\"fields\":[" FIELD("string", "false", "serverName") /* */
	"],\"optional\":false,\"name\":\"io.debezium.connector.common.ServerNameKey\",\"version\":"
	"1}";
const char debezium_heartbeat_schema[] =
	"{\"type\":\"struct\",\"fields\":[" FIELD("int64", "false", "ts_ms") /* */
	"],\"optional\":false,\"name\":\"io.debezium.connector.common.Heartbeat\",\"version\":1}";

/* Appends the member "name" of a schema; `suffix` begins with a point. */
static void put_name(const struct debezium_name *name, const char *suffix, struct buf *out)
{
	buf_str(out, STR(",\"name\":\""));
	json_put_inside(out, name->prefix);
	buf_c(out, '.');
	json_put_inside(out, name->table);
	buf_str(out, str_of(suffix));
	buf_c(out, '"');
}

/* Appends a field of text for each attribute of the key. */
static void put_key_fields(const struct debezium_key *key, struct buf *out)
{
	for (size_t i = 0; i < key->n; i++) {
		json_comma(out);
		buf_str(out, STR("{\"type\":\"string\",\"optional\":false,\"field\":"));
		json_put(out, key->fields[i].name);
		buf_c(out, '}');
	}
}

/* Whether an attribute of the key is called `name`. */
static bool has_field(const struct debezium_key *key, struct str name)
{
	for (size_t i = 0; i < key->n; i++) {
		if (str_eq(key->fields[i].name, name))
			return true;
	}
	return false;
}

void debezium_put_item_name(const struct debezium_key *key, struct buf *out)
{
	struct str longest = STR("item________");
	size_t n = 4;

	/* Each turn finds another attribute, of which there are fewer than underscores. */
	_Static_assert(sizeof("________") - 1 >= DEBEZIUM_FIELDS_MAX, "a name is left over");
	while (has_field(key, str_head(longest, n)))
		n++;
	buf_str(out, str_head(longest, n));
}

/* Appends the schema of `before` or `after`. */
static void put_image_field(const struct debezium_name *name, enum debezium_images images,
			    const struct debezium_key *key, const char *field, struct buf *out)
{
	if (images == DEBEZIUM_ROW) {
		buf_str(out, STR("{\"type\":\"struct\",\"fields\":["));
		put_key_fields(key, out);
		json_comma(out);
	}
	buf_str(out,
		STR("{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Json\","
		    "\"version\":1,\"field\":\""));
	if (images == DEBEZIUM_ROW) {
		debezium_put_item_name(key, out);
		buf_str(out, STR("\"}],\"optional\":true"));
		put_name(name, ".Value", out);
		buf_str(out, STR(",\"field\":\""));
	}
	buf_str(out, str_of(field));
	buf_str(out, STR("\"}"));
}

void debezium_put_key_schema(const struct debezium_name *name, const struct debezium_key *key,
			     struct buf *out)
{
	buf_str(out, STR("{\"type\":\"struct\",\"fields\":["));
	put_key_fields(key, out);
	buf_str(out, STR("],\"optional\":false"));
	put_name(name, ".Key", out);
	buf_c(out, '}');
}

void debezium_put_envelope_schema(const struct debezium_name *name, enum debezium_images images,
				  const struct debezium_key *key, struct buf *out)
{
	buf_str(out, STR("{\"type\":\"struct\",\"fields\":["));
	put_image_field(name, images, key, "before", out);
	buf_c(out, ',');
	put_image_field(name, images, key, "after", out);
	buf_c(out, ',');
	buf_str(out, str_of(source_field));
	buf_c(out, ',');
	buf_str(out, str_of(other_fields));
	buf_str(out, STR("],\"optional\":false"));
	put_name(name, ".Envelope", out);
	buf_str(out, STR(",\"version\":2}"));
}
