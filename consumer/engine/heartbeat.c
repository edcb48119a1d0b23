/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/heartbeat.h"

#include "consumer/aws/tableapi.h"
#include "consumer/engine/row.h"

bool heartbeat_is(struct str key)
{
	return str_starts(key, HEARTBEAT_PREFIX);
}

/* Takes in an attribute with a string value. */
static void read_text(const struct attribute *a, struct heartbeat *out)
{
	if (str_eq(a->name, ROW_KEY))
		out->id = str_skip(a->text, HEARTBEAT_PREFIX.n);
	else if (str_eq(a->name, STR("incarnation")))
		out->incarnation = a->text;
	else if (str_eq(a->name, STR("boot")))
		out->boot = a->text;
	else if (str_eq(a->name, STR("process")))
		out->process = a->text;
	else if (str_eq(a->name, STR("askedBy")))
		out->ask.owner = a->text;
	else if (str_eq(a->name, STR("gaveTo")))
		out->gave_to = a->text;
}

/* Takes in a number; false when it cannot be what it says. */
static bool read_number(const struct attribute *a, struct heartbeat *out)
{
	const struct {
		struct str name;
		int64_t *to;
	} numbers[] = {
		{STR_INIT("counter"), &out->counter},
		{STR_INIT("leases"), &out->leases},
		{STR_INIT("load"), &out->load},
		{STR_INIT("epoch"), &out->epoch},
		{STR_INIT("asked"), &out->ask.n},
		{STR_INIT("askerLeases"), &out->ask.leases},
		{STR_INIT("askerLoad"), &out->ask.load},
	};

	for (size_t i = 0; i < ARRAY_N(numbers); i++) {
		if (str_eq(a->name, numbers[i].name))
			return str_to_i64(a->text, numbers[i].to);
	}
	return true;
}

/* The end of reading a row; ERROR_DATA unless all was well. */
static bool row_end(struct item *item, bool ok, const char *what, struct error *err)
{
	if (item_end(item) && ok)
		return true;
	return error_set(err, ERROR_DATA, "%s of the checkpoint table is malformed", what);
}

bool heartbeat_read(struct arena *arena, struct str raw_item, struct heartbeat *out,
		    struct error *err)
{
	struct item item;
	struct attribute a;
	bool ok = true;

	*out = (struct heartbeat){.counter = 0};
	item_open(&item, arena, raw_item);
	while (item_next(&item, &a)) {
		if (a.kind == ATTRIBUTE_STRING) {
			read_text(&a, out);
		} else if (a.kind == ATTRIBUTE_NUMBER) {
			ok = ok && read_number(&a, out);
		} else if (a.kind == ATTRIBUTE_BOOL && str_eq(a.name, STR("fenced"))) {
			out->fenced = a.yes;
		} else if (a.kind == ATTRIBUTE_STRINGS && str_eq(a.name, STR("gave"))) {
			out->gave = a.strings;
			out->n_gave = a.n_strings;
		} else if (a.kind == ATTRIBUTE_STRINGS && str_eq(a.name, STR("sinks"))) {
			out->sinks = a.strings;
			out->n_sinks = a.n_strings;
		}
	}
	return row_end(&item, ok && out->id.n > 0, "a heartbeat row", err);
}

bool roster_read(struct arena *arena, struct str raw_item, struct roster *out, struct error *err)
{
	struct item item;
	struct attribute a;
	bool ok = true;

	*out = (struct roster){.n = 0};
	item_open(&item, arena, raw_item);
	while (item_next(&item, &a)) {
		if (a.kind == ATTRIBUTE_STRINGS && str_eq(a.name, STR("ids"))) {
			out->ids = a.strings;
			out->n = a.n_strings;
		} else if (a.kind == ATTRIBUTE_NUMBER && str_eq(a.name, STR("version"))) {
			ok = ok && str_to_i64(a.text, &out->version);
		}
	}
	return row_end(&item, ok, "the list of workers", err);
}

/* Appends `{"TableName":...,"Key":{...},"UpdateExpression":...` for a row of ours. */
static void open_update(struct buf *buf, struct str table, struct str key, const char *update)
{
	row_open_request(buf, table, key);
	buf_fmt(buf, ",\"UpdateExpression\":\"%s\"", update);
}

/* Appends the condition, and opens the expression's values. */
static void open_values(struct buf *buf, const char *condition)
{
	if (condition != NULL)
		buf_fmt(buf, ",\"ConditionExpression\":\"%s\"", condition);
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
}

void roster_join(struct buf *buf, struct str table, struct str id)
{
	open_update(buf, table, ROSTER_KEY, "ADD ids :me, version :one");
	open_values(buf, NULL);
	item_put_ss(buf, STR(":me"), &id, 1);
	item_put_n(buf, STR(":one"), 1);
	buf_str(buf, STR("}}"));
}

void roster_leave(struct buf *buf, struct str table, struct str id, int64_t version)
{
	open_update(buf, table, ROSTER_KEY, "DELETE ids :me ADD version :one");
	open_values(buf, "version = :version");
	item_put_ss(buf, STR(":me"), &id, 1);
	item_put_n(buf, STR(":one"), 1);
	item_put_n(buf, STR(":version"), version);
	buf_str(buf, STR("}}"));
}

/* The key of a worker's row; the caller releases the buffer. */
static struct str key_of(struct buf *key, const struct heartbeat *beat)
{
	buf_init(key, 1024);
	buf_str(key, HEARTBEAT_PREFIX);
	buf_str(key, beat->id);
	return buf_view(key);
}

void heartbeat_put(struct buf *buf, struct str table, const struct heartbeat *beat)
{
	struct buf key;

	row_open_request(buf, table, STR_NONE);
	buf_str(buf, STR(",\"Item\":{"));
	item_put_s(buf, ROW_KEY, key_of(&key, beat));
	item_put_s(buf, STR("incarnation"), beat->incarnation);
	item_put_s(buf, STR("boot"), beat->boot);
	item_put_s(buf, STR("process"), beat->process);
	item_put_n(buf, STR("counter"), beat->counter + 1);
	buf_c(buf, '}');
	if (beat->counter < 0) {
		buf_str(buf, STR(",\"ConditionExpression\":\"attribute_not_exists(leaseKey)\"}"));
	} else {
		/* `counter` is a reserved word of expressions. */
		buf_str(buf, STR(",\"ExpressionAttributeNames\":{\"#c\":\"counter\"}"));
		open_values(buf, "#c = :counter");
		item_put_n(buf, STR(":counter"), beat->counter);
		buf_str(buf, STR("}}"));
	}
	buf_release(&key);
}

void heartbeat_beat(struct buf *buf, struct str table, const struct heartbeat *beat, bool answered)
{
	bool gave = beat->n_gave > 0;
	struct buf key, update;

	buf_init(&update, 256);
	buf_fmt(&update, "ADD #c :one SET leases = :leases, #l = :load, #e = :epoch%s%s",
		beat->n_sinks > 0 ? ", sinks = :sinks" : "",
		gave ? ", gaveTo = :to, gave = :gave" : "");
	if (answered || !gave)
		buf_fmt(&update, " REMOVE %s%s%s", gave ? "" : "gaveTo, gave",
			answered && !gave ? ", " : "",
			answered ? "askedBy, asked, askerLeases, askerLoad" : "");
	buf_c(&update, '\0');
	open_update(buf, table, key_of(&key, beat), update.p);
	buf_str(buf, STR(",\"ExpressionAttributeNames\":{\"#c\":\"counter\",\"#l\":\"load\","
			 "\"#e\":\"epoch\"}"));
	open_values(buf, "incarnation = :me AND attribute_not_exists(fenced)");
	item_put_s(buf, STR(":me"), beat->incarnation);
	item_put_n(buf, STR(":one"), 1);
	item_put_n(buf, STR(":leases"), beat->leases);
	item_put_n(buf, STR(":load"), beat->load);
	item_put_n(buf, STR(":epoch"), beat->epoch);
	if (beat->n_sinks > 0)
		item_put_ss(buf, STR(":sinks"), beat->sinks, beat->n_sinks);
	if (gave) {
		item_put_s(buf, STR(":to"), beat->gave_to);
		item_put_ss(buf, STR(":gave"), beat->gave, beat->n_gave);
	}
	buf_str(buf, STR("}}"));
	buf_release(&update);
	buf_release(&key);
}

void heartbeat_fence(struct buf *buf, struct str table, const struct heartbeat *beat)
{
	struct buf key;

	open_update(buf, table, key_of(&key, beat), "SET fenced = :yes, #c = :next");
	buf_str(buf, STR(",\"ExpressionAttributeNames\":{\"#c\":\"counter\"}"));
	open_values(buf, "#c = :counter AND incarnation = :it");
	item_put_s(buf, STR(":it"), beat->incarnation);
	buf_str(buf, STR(",\":yes\":{\"BOOL\":true}"));
	item_put_n(buf, STR(":counter"), beat->counter);
	item_put_n(buf, STR(":next"), beat->counter + 1);
	buf_str(buf, STR("}}"));
	buf_release(&key);
}

void heartbeat_ask(struct buf *buf, struct str table, const struct heartbeat *beat,
		   const struct ask *ask)
{
	struct buf key;

	open_update(buf, table, key_of(&key, beat),
		    "SET askedBy = :by, asked = :n, askerLeases = :leases, askerLoad = :load");
	open_values(buf, "incarnation = :it AND attribute_not_exists(fenced) AND "
			 "attribute_not_exists(askedBy)");
	item_put_s(buf, STR(":it"), beat->incarnation);
	item_put_s(buf, STR(":by"), ask->owner);
	item_put_n(buf, STR(":n"), ask->n);
	item_put_n(buf, STR(":leases"), ask->leases);
	item_put_n(buf, STR(":load"), ask->load);
	buf_str(buf, STR("}}"));
	buf_release(&key);
}

void heartbeat_delete(struct buf *buf, struct str table, const struct heartbeat *beat)
{
	struct buf key;

	row_open_request(buf, table, key_of(&key, beat));
	open_values(buf, "incarnation = :me");
	item_put_s(buf, STR(":me"), beat->incarnation);
	buf_str(buf, STR("}}"));
	buf_release(&key);
}
