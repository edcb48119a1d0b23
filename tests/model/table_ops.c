/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/model/model.h"

static const char *const billing_words[] = {"PROVISIONED", "PAY_PER_REQUEST", NULL};

enum { BILLING_PROVISIONED, BILLING_PER_REQUEST, BILLING_UNSAID };

/* What StreamSpecification asks for. */
struct stream_spec {
	bool given, enabled;
	unsigned view;
};

void time_put(int64_t wall_ms, struct buf *answer)
{
	buf_fmt(answer, "%lld.%03lld", (long long)(wall_ms / 1000), (long long)(wall_ms % 1000));
}

void throughput_put(int64_t read_units, int64_t write_units, struct buf *answer)
{
	buf_fmt(answer,
		"\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,"
		"\"ReadCapacityUnits\":%lld,\"WriteCapacityUnits\":%lld}",
		(long long)read_units, (long long)write_units);
}

bool throughput_read(struct request *request, struct str text, int64_t *read_units,
		     int64_t *write_units)
{
	struct json json;
	struct str key;
	int64_t read_n = 0, write_n = 0;

	json_init(&json, text);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		bool read = json_key_is(key, "ReadCapacityUnits");

		if (!read && !json_key_is(key, "WriteCapacityUnits"))
			json_fail(&json, "an unknown member in ProvisionedThroughput");
		else if (!str_to_i64(json_number(&json), read ? &read_n : &write_n))
			json_fail(&json, "capacity units are integers");
	}
	if (!json_end(&json))
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
	if (read_n < 1 || write_n < 1)
		return request_constraint(request, PARAM_THROUGHPUT, text,
					  "Member must have value greater than or equal to 1");
	*read_units = read_n;
	*write_units = write_n;
	return true;
}

/* Whether a table may be named so. */
static bool name_ok(struct request *request, struct str name)
{
	bool ok = true;

	for (size_t i = 0; i < name.n && ok; i++) {
		char c = name.p[i];

		ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		     c == '_' || c == '.' || c == '-';
	}
	if (!ok)
		return request_constraint(request, PARAM_TABLE_NAME, name,
					  "Member must satisfy regular expression pattern: "
					  "[a-zA-Z0-9_.-]+");
	return (name.n >= 3 && name.n <= 255) ||
	       failure_set(request->failure, FAILURE_VALIDATION,
			   "TableName must be at least 3 characters long and at most 255 "
			   "characters long");
}

/* Takes the name out of what may be the table's ARN. */
static bool name_cut(struct request *request, struct str *name)
{
	struct str part = STR(":table/");

	if (str_starts(*name, STR("arn:"))) {
		size_t at = 0;

		while (at < name->n && !str_starts(str_skip(*name, at), part))
			at++;
		*name = str_skip(*name, at + part.n);
	}
	return name_ok(request, *name);
}

/* Reads TableName. */
static bool name_read(struct request *request, struct str *name)
{
	return request_need(request, PARAM_TABLE_NAME) &&
	       request_string(request, PARAM_TABLE_NAME, name) && name_cut(request, name);
}

/* The table of that name, or NULL with the failure filled in. */
static struct table *table_named(struct service *service, struct request *request, struct str name)
{
	struct table *table;

	if (!name_cut(request, &name))
		return NULL;
	table = map_get(&service->tables, name);
	if (table == NULL)
		failure_set(request->failure, FAILURE_NOT_FOUND,
			    "Requested resource not found: Table: %.*s not found", STR_ARG(name));
	return table;
}

struct table *table_find(struct service *service, struct request *request)
{
	struct str name;

	return name_read(request, &name) ? table_named(service, request, name) : NULL;
}

struct table *table_find_ready(struct service *service, struct request *request)
{
	struct str name;

	return name_read(request, &name) ? table_named_ready(service, request, name) : NULL;
}

struct table *table_named_ready(struct service *service, struct request *request, struct str name)
{
	struct table *table = table_named(service, request, name);

	if (table == NULL || table->updating || service->now_ms >= table->ready_ms)
		return table;
	failure_set(request->failure, FAILURE_NOT_FOUND, "Requested resource not found");
	return NULL;
}

/* "CREATING", "UPDATING", "ACTIVE" and so on. */
static const char *table_status(const struct service *service, const struct table *table)
{
	if (table->key_lost)
		return "INACCESSIBLE_ENCRYPTION_CREDENTIALS";
	if (service->now_ms >= table->ready_ms)
		return "ACTIVE";
	return table->updating ? "UPDATING" : "CREATING";
}

/* Appends the table's description. */
static void table_put(const struct service *service, const struct table *table, const char *status,
		      struct buf *answer)
{
	buf_c(answer, '{');
	schema_put(service, table, answer);
	buf_fmt(answer,
		",\"TableName\":\"%s\",\"TableStatus\":\"%s\",\"CreationDateTime\":", table->name,
		status);
	time_put(table->created_ms, answer);
	buf_c(answer, ',');
	throughput_put(table->read_units, table->write_units, answer);
	buf_fmt(answer,
		",\"TableSizeBytes\":%zu,\"ItemCount\":%zu,\"TableArn\":\"%s\",\"TableId\":\"%s\"",
		table->store.size_bytes, table->store.n, table->arn, table->id);
	if (table->pay_per_request) {
		buf_str(answer, STR(",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\","
				    "\"LastUpdateToPayPerRequestDateTime\":"));
		time_put(table->billing_since_ms, answer);
		buf_c(answer, '}');
	}
	if (table->stream_enabled)
		buf_fmt(answer,
			",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"%"
			"s\"}",
			view_names[table->stream->view]);
	if (table->stream != NULL && !table->stream->gone)
		buf_fmt(answer, ",\"LatestStreamLabel\":\"%s\",\"LatestStreamArn\":\"%s\"",
			table->stream->label, table->stream->arn);
	buf_fmt(answer, ",\"DeletionProtectionEnabled\":%s}", table->protected ? "true" : "false");
}

/* Reads StreamSpecification. */
static bool spec_read(struct request *request, struct stream_spec *spec)
{
	struct json json;
	struct str key, view = STR_NONE;

	*spec = (struct stream_spec){.given = request_has(request, PARAM_STREAM_SPEC)};
	if (!spec->given)
		return true;
	json_init(&json, request->raw[PARAM_STREAM_SPEC]);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "StreamEnabled"))
			spec->enabled = json_bool(&json);
		else if (json_key_is(key, "StreamViewType"))
			view = json_string(&json);
		else
			json_fail(&json, "an unknown member in StreamSpecification");
	}
	if (!json_end(&json))
		return failure_set(request->failure, FAILURE_SERIALIZATION, "%s", json.error);
	if (spec->enabled != (view.p != NULL))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: StreamViewType %s",
				   spec->enabled ? "is required when StreamEnabled is true"
						 : "must not be given when StreamEnabled is false");
	while (view.p != NULL && view_names[spec->view] != NULL &&
	       !str_eq(view, str_of(view_names[spec->view])))
		spec->view++;
	return view_names[spec->view] != NULL ||
	       request_constraint(request, PARAM_STREAM_SPEC, view,
				  "Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, "
				  "NEW_AND_OLD_IMAGES, KEYS_ONLY]");
}

/* Reads BillingMode and ProvisionedThroughput into the table. */
static bool billing_read(struct service *service, struct request *request, struct table *table)
{
	unsigned mode = BILLING_UNSAID;
	bool units = request_has(request, PARAM_THROUGHPUT);

	if (!request_word(request, PARAM_BILLING_MODE, billing_words, &mode))
		return false;
	if (mode == BILLING_PER_REQUEST || (mode == BILLING_UNSAID && table->pay_per_request)) {
		if (units)
			return failure_set(request->failure, FAILURE_VALIDATION,
					   "One or more parameter values were invalid: Neither "
					   "ReadCapacityUnits nor WriteCapacityUnits can be "
					   "specified when BillingMode is PAY_PER_REQUEST");
		table->pay_per_request = true;
		table->billing_since_ms = service->now_ms;
		table->read_units = table->write_units = 0;
		return true;
	}
	if (!units && (mode == BILLING_PROVISIONED || table->read_units == 0))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "One or more parameter values were invalid: ReadCapacityUnits "
				   "and WriteCapacityUnits must both be specified when BillingMode "
				   "is PROVISIONED");
	table->pay_per_request = false;
	return !units || throughput_read(request, request->raw[PARAM_THROUGHPUT],
					 &table->read_units, &table->write_units);
}

void table_free(struct table *table)
{
	schema_release(&table->schema);
	tags_free(table);
	key_schema_release(&table->key);
	if (table->store.head != NULL)
		store_release(&table->store);
	mem_free(table->name);
	mem_free(table->arn);
	mem_free(table);
}

/* Names the table and gives it an id in the form of a UUID. */
static void table_name(struct service *service, struct table *table, struct str name)
{
	uint64_t id[2] = {rng_next(&service->rng), rng_next(&service->rng)};
	struct buf text;

	table->name = mem_dup(name.p, name.n);
	buf_init(&text, 1024);
	buf_fmt(&text, "arn:%s:dynamodb:%s:%s:table/%s", service->partition, service->region,
		service->account, table->name);
	table->arn = mem_dup(text.p, text.n);
	buf_clear(&text);
	buf_fmt(&text, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(id[0] >> 32),
		(unsigned)(id[0] >> 16) & 0xFFFF, (unsigned)id[0] & 0xFFFF, (unsigned)(id[1] >> 48),
		(unsigned long long)id[1] & 0xFFFFFFFFFFFF);
	must(text.n == sizeof(table->id) - 1);
	mem_copy(table->id, text.p, text.n);
	buf_release(&text);
}

/* Starts the time in which the table is CREATING or UPDATING. */
static void table_busy(struct service *service, struct table *table, bool updating)
{
	table->updating = updating;
	table->ready_ms = service->now_ms + service->options.create_ms;
}

bool op_create_table(struct service *service, struct request *request, struct buf *answer)
{
	struct table *table = mem_alloc(sizeof(*table));
	struct stream_spec spec;
	struct str name;

	if (!name_read(request, &name))
		goto fail;
	if (map_get(&service->tables, name) != NULL) {
		failure_set(request->failure, FAILURE_IN_USE, "Table already exists: %.*s",
			    STR_ARG(name));
		goto fail;
	}
	if (!schema_read(request, &table->schema, &table->key) || !spec_read(request, &spec) ||
	    !request_bool(request, PARAM_PROTECTION, &table->protected) ||
	    !tags_read(request, table) || !billing_read(service, request, table) ||
	    !schema_check_throughput(request, &table->schema, table->pay_per_request))
		goto fail;
	table_name(service, table, name);
	store_init(&table->store);
	table->created_ms = service->now_ms;
	table_busy(service, table, false);
	for (size_t i = 0; i < table->schema.indexes_n; i++)
		table->schema.indexes[i].ready_ms = table->ready_ms;
	map_put(&service->tables, str_of(table->name), table);
	if (spec.enabled)
		stream_create(service, table, (enum view_type)spec.view);
	buf_str(answer, STR("{\"TableDescription\":"));
	table_put(service, table, "CREATING", answer);
	buf_c(answer, '}');
	return true;
fail:
	table_free(table);
	return false;
}

bool op_describe_table(struct service *service, struct request *request, struct buf *answer)
{
	const struct table *table = table_find(service, request);

	if (table == NULL)
		return false;
	buf_str(answer, STR("{\"Table\":"));
	table_put(service, table, table_status(service, table), answer);
	buf_c(answer, '}');
	return true;
}

/* Refuses to change a stream into what it is already. */
static bool spec_check(struct request *request, const struct table *table,
		       const struct stream_spec *spec)
{
	if (!spec->given || spec->enabled != table->stream_enabled)
		return true;
	return failure_set(request->failure, FAILURE_VALIDATION,
			   spec->enabled ? "Table already has an enabled stream: TableName: %s"
					 : "Table does not have a stream to disable: TableName: %s",
			   table->name);
}

/* Refuses a change while another one is under way. */
static bool check_idle(struct service *service, struct request *request, const struct table *table)
{
	return service->now_ms >= table->ready_ms ||
	       failure_set(request->failure, FAILURE_IN_USE,
			   "Attempt to change a resource which is still in use: Table is being %s: "
			   "%s",
			   table->updating ? "updated" : "created", table->name);
}

/* Carries an UpdateTable out whose stream and indexes have been read. */
static bool table_update(struct service *service, struct request *request, struct table *table,
			 const struct stream_spec *spec, struct index_change *change)
{
	bool billing =
		request_has(request, PARAM_BILLING_MODE) || request_has(request, PARAM_THROUGHPUT);

	if (!billing && !spec->given && !change->given && !request_has(request, PARAM_PROTECTION))
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "At least one of ProvisionedThroughput, BillingMode, "
				   "UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
				   "SSESpecification or ReplicaUpdates is required");
	if (!spec_check(request, table, spec) ||
	    (billing && !billing_read(service, request, table)) ||
	    !request_bool(request, PARAM_PROTECTION, &table->protected))
		return false;
	table_busy(service, table, true);
	if (spec->given && spec->enabled)
		stream_create(service, table, (enum view_type)spec->view);
	else if (spec->given)
		stream_disable(service, table);
	index_change_apply(change, table);
	return true;
}

bool op_update_table(struct service *service, struct request *request, struct buf *answer)
{
	struct table *table = table_find(service, request);
	struct index_change change;
	struct stream_spec spec;
	bool ok;

	if (table == NULL || !check_idle(service, request, table) || !spec_read(request, &spec))
		return false;
	ok = index_change_read(request, table, &change) &&
	     table_update(service, request, table, &spec, &change);
	index_change_release(&change);
	if (!ok)
		return false;
	buf_str(answer, STR("{\"TableDescription\":"));
	table_put(service, table, "UPDATING", answer);
	buf_c(answer, '}');
	return true;
}

bool op_delete_table(struct service *service, struct request *request, struct buf *answer)
{
	struct table *table = table_find(service, request);

	if (table == NULL || !check_idle(service, request, table))
		return false;
	if (table->protected)
		return failure_set(request->failure, FAILURE_VALIDATION,
				   "Resource cannot be deleted as it is currently protected "
				   "against deletion. Disable deletion protection first.");
	buf_str(answer, STR("{\"TableDescription\":"));
	table_put(service, table, "DELETING", answer);
	buf_c(answer, '}');
	if (table->stream_enabled)
		stream_disable(service, table);
	map_remove(&service->tables, str_of(table->name));
	table_free(table);
	return true;
}

/* The least name above `start` (p == NULL: of all), or NULL. */
static const char *next_table(const struct service *service, struct str start)
{
	const struct table *table;
	const char *least = NULL;

	for (size_t at = 0; (table = map_next(&service->tables, &at)) != NULL;) {
		if (start.p != NULL && str_cmp(str_of(table->name), start) <= 0)
			continue;
		if (least == NULL || strcmp(table->name, least) < 0)
			least = table->name;
	}
	return least;
}

bool op_list_tables(struct service *service, struct request *request, struct buf *answer)
{
	struct str start;
	int64_t limit = 100;
	const char *name;

	if (!request_string(request, PARAM_START_TABLE, &start) ||
	    !request_integer(request, PARAM_LIMIT, 1, 100, &limit))
		return false;
	buf_str(answer, STR("{\"TableNames\":["));
	name = next_table(service, start);
	for (; name != NULL && limit > 0; limit--) {
		json_comma(answer);
		json_put(answer, str_of(name));
		start = str_of(name);
		name = next_table(service, start);
	}
	buf_c(answer, ']');
	if (name != NULL) {
		buf_str(answer, STR(",\"LastEvaluatedTableName\":"));
		json_put(answer, start);
	}
	buf_c(answer, '}');
	return true;
}
