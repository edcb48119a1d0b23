/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/rowadmin.h"

#include "base/json.h"
#include "consumer/aws/tableapi.h"
#include "consumer/engine/leasekey.h"

enum { ATTRIBUTE_MAX_BYTES = 1000 };

void row_admin_release(struct buf *buf, struct str table, const struct row_view *lease)
{
	row_open_request(buf, table, lease->row.key);
	/* A Kinesis client does not touch a lease that is half handed over. */
	buf_fmt(buf, ",\"UpdateExpression\":\"SET leaseCounter = :next REMOVE leaseOwner%s\"",
		lease->form == FORM_NATIVE ? "" : ", checkpointOwner");
	buf_str(buf,
		STR(",\"ConditionExpression\":\"leaseOwner = :owner AND leaseCounter = :counter\","
		    "\"ExpressionAttributeValues\":{"));
	item_put_s(buf, STR(":owner"), lease->row.owner);
	item_put_n(buf, STR(":counter"), lease->row.counter);
	item_put_n(buf, STR(":next"), lease->row.counter + 1);
	buf_str(buf, STR("}}"));
}

void row_admin_delete(struct buf *buf, struct str table, const struct row_view *lease)
{
	row_open_request(buf, table, lease->row.key);
	buf_str(buf, STR(",\"ConditionExpression\":\"leaseCounter = :counter\","
			 "\"ExpressionAttributeValues\":{"));
	item_put_n(buf, STR(":counter"), lease->row.counter);
	buf_str(buf, STR("}}"));
}

void row_admin_restore(struct buf *buf, struct str table, struct str raw_item, bool replace)
{
	struct json json;
	struct str name, value;

	row_open_request(buf, table, STR_NONE);
	buf_str(buf, STR(",\"Item\":{"));
	json_init(&json, raw_item);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &name)) {
		value = json_skip(&json);
		if (json_key_is(name, "leaseOwner"))
			continue;
		json_comma(buf);
		json_put_raw(buf, name);
		buf_c(buf, ':');
		buf_str(buf, value);
	}
	buf_c(buf, '}');
	if (!replace)
		buf_str(buf, STR(",\"ConditionExpression\":\"attribute_not_exists(leaseKey)\""));
	buf_c(buf, '}');
}

/* Appends the name of a sink's attribute: of its first generation as older versions have it. */
static void put_attribute(struct buf *buf, const struct row_ahead *ahead)
{
	buf_fmt(buf, "sink.%.*s", STR_ARG(ahead->name));
	if (ahead->generation > 1)
		buf_fmt(buf, ".%lld", (long long)ahead->generation);
}

/* Whether an attribute that the row has is one that is written anew. */
static bool is_written(const struct row_rewrite *rewrite, struct str attribute)
{
	bool found = false;
	struct buf name;

	buf_init(&name, ATTRIBUTE_MAX_BYTES);
	for (size_t i = 0; i < rewrite->n_ahead && !found; i++) {
		buf_clear(&name);
		put_attribute(&name, &rewrite->ahead[i]);
		found = str_eq(buf_view(&name), attribute);
	}
	buf_release(&name);
	return found;
}

/* Appends what is set, and what is removed. */
static void put_changes(struct buf *buf, const struct row_rewrite *rewrite)
{
	const struct row_view *lease = rewrite->lease;

	buf_str(buf,
		STR(",\"UpdateExpression\":\"SET checkpoint = :k, leaseCounter = :next, #e = "
		    ":epoch, "
		    "checkpointSubSequenceNumber = :zero, ownerSwitchesSinceCheckpoint = :zero"));
	if (rewrite->start_wall_ms != ROW_START_ALL)
		buf_str(buf, STR(", startAt = :start"));
	if (lease == NULL && rewrite->parent.n > 0)
		buf_str(buf, STR(", parentShardId = :parent"));
	if (rewrite->shard.n > 0)
		buf_str(buf, STR(", streamName = :stream, shardId = :shard"));
	if (rewrite->label.n > 0)
		buf_str(buf, STR(", streamLabel = :label"));
	for (size_t i = 0; i < rewrite->n_ahead; i++)
		buf_fmt(buf, ", #s%zu = :s%zu", i, i);
	buf_str(buf, STR(" REMOVE leaseOwner"));
	if (rewrite->start_wall_ms == ROW_START_ALL)
		buf_str(buf, STR(", startAt"));
	/* Half a checkpoint, or half a handover, of a Kinesis client: neither goes on from here. */
	if (lease != NULL && lease->form != FORM_NATIVE)
		buf_str(buf, STR(", checkpointOwner, pendingCheckpoint, "
				 "pendingCheckpointSubSequenceNumber, pendingCheckpointState"));
	for (size_t i = 0; lease != NULL && i < lease->n_ahead; i++) {
		if (!is_written(rewrite, lease->ahead[i].attribute))
			buf_fmt(buf, ", #r%zu", i);
	}
	buf_c(buf, '"');
}

/* Appends the names that stand in the expressions. */
static void put_names(struct buf *buf, const struct row_rewrite *rewrite)
{
	const struct row_view *lease = rewrite->lease;
	struct buf name;

	buf_init(&name, ATTRIBUTE_MAX_BYTES);
	buf_str(buf, STR(",\"ExpressionAttributeNames\":{\"#e\":\"epoch\""));
	for (size_t i = 0; i < rewrite->n_ahead; i++) {
		buf_clear(&name);
		put_attribute(&name, &rewrite->ahead[i]);
		buf_fmt(buf, ",\"#s%zu\":", i);
		json_put(buf, buf_view(&name));
	}
	for (size_t i = 0; lease != NULL && i < lease->n_ahead; i++) {
		if (is_written(rewrite, lease->ahead[i].attribute))
			continue;
		buf_fmt(buf, ",\"#r%zu\":", i);
		json_put(buf, lease->ahead[i].attribute);
	}
	buf_c(buf, '}');
	buf_release(&name);
}

/* Appends the values that stand in the expressions. */
static void put_values(struct buf *buf, const struct row_rewrite *rewrite)
{
	const struct row_view *lease = rewrite->lease;

	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
	item_put_s(buf, STR(":k"), position_text(&rewrite->checkpoint));
	item_put_n(buf, STR(":epoch"), rewrite->epoch);
	item_put_n(buf, STR(":zero"), 0);
	item_put_n(buf, STR(":next"), lease == NULL ? 1 : lease->row.counter + 1);
	if (lease != NULL)
		item_put_n(buf, STR(":counter"), lease->row.counter);
	row_put_start(buf, STR(":start"), rewrite->start_wall_ms);
	if (lease == NULL && rewrite->parent.n > 0)
		item_put_ss(buf, STR(":parent"), &rewrite->parent, 1);
	if (rewrite->shard.n > 0) {
		item_put_s(buf, STR(":stream"), lease_key_stream(rewrite->key));
		item_put_s(buf, STR(":shard"), rewrite->shard);
	}
	if (rewrite->label.n > 0)
		item_put_s(buf, STR(":label"), rewrite->label);
	for (size_t i = 0; i < rewrite->n_ahead; i++) {
		buf_fmt(buf, ",\":s%zu\":{\"S\":", i);
		json_put(buf, position_text(&rewrite->ahead[i].at));
		buf_c(buf, '}');
	}
	buf_c(buf, '}');
}

void row_admin_rewrite(struct buf *buf, struct str table, const struct row_rewrite *rewrite)
{
	const struct row_view *lease = rewrite->lease;

	row_open_request(buf, table, lease == NULL ? rewrite->key : lease->row.key);
	put_changes(buf, rewrite);
	buf_str(buf, lease == NULL
			     ? STR(",\"ConditionExpression\":\"attribute_not_exists(leaseKey)\"")
			     : STR(",\"ConditionExpression\":\"leaseCounter = :counter\""));
	put_names(buf, rewrite);
	put_values(buf, rewrite);
	buf_c(buf, '}');
}
