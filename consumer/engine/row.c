/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/row.h"

#include "base/json.h"
#include "consumer/aws/tableapi.h"

static const struct str sink_prefix = STR_INIT("sink.");

/* The slot of the sink that an attribute belongs to, or NULL. */
static struct position *sink_slot(const struct row_sinks *sinks, struct str attribute,
				  struct row *row)
{
	if (!str_starts(attribute, sink_prefix))
		return NULL;
	for (size_t i = 0; i < sinks->n; i++) {
		if (str_eq(str_skip(attribute, sink_prefix.n), sinks->names[i]))
			return &row->sinks[i];
	}
	return NULL;
}

/* Takes in the least position; LATEST and AT_TIMESTAMP are words of the Kinesis Client Library alone. */
static bool read_checkpoint(struct str text, struct row *row)
{
	if (row->kind == ROW_OTHER)
		row->kind = ROW_LEASE;
	if (str_eq(text, STR("LATEST")))
		row->start_wall_ms = ROW_START_LATEST;
	else if (str_eq(text, STR("AT_TIMESTAMP")))
		row->start_wall_ms = ROW_START_TIMESTAMP;
	else
		return position_parse(text, &row->checkpoint);
	row->checkpoint = position_start();
	return true;
}

/* Takes in one attribute with a string value; false when it cannot be what it says. */
static bool read_text(const struct row_sinks *sinks, const struct attribute *a, struct row *row)
{
	struct position *sink = sink_slot(sinks, a->name, row);

	if (sink != NULL)
		return position_parse(a->text, sink);
	if (str_eq(a->name, STR("checkpoint")))
		return read_checkpoint(a->text, row);
	if (str_eq(a->name, STR("leaseOwner")))
		row->owner = a->text;
	else if (str_eq(a->name, ROW_KEY))
		row->key = a->text;
	else if (str_eq(a->name, STR("startAt")) && str_eq(a->text, STR("LATEST")))
		row->start_wall_ms = ROW_START_LATEST;
	else if (str_eq(a->name, STR("startAt")) && str_eq(a->text, STR("TRIM_HORIZON")))
		row->start_wall_ms = ROW_START_HORIZON;
	else if (str_eq(a->name, STR("startAt")))
		return str_to_i64(a->text, &row->start_wall_ms);
	else if (str_eq(a->name, STR("streamLabel")))
		row->label = a->text;
	else if (str_eq(a->name, STR("entityType")) && !str_eq(a->text, STR("LEASE")))
		row->kind = ROW_FOREIGN;
	return true;
}

/* Takes in one attribute with a number. */
static bool read_number(const struct attribute *a, struct row *row)
{
	if (str_eq(a->name, STR("leaseCounter")))
		return str_to_i64(a->text, &row->counter);
	if (str_eq(a->name, STR("createdAt")))
		return str_to_i64(a->text, &row->created_wall_ms);
	if (str_eq(a->name, STR("epoch")))
		return str_to_i64(a->text, &row->epoch);
	if (str_eq(a->name, STR("schema")))
		return str_to_i64(a->text, &row->schema);
	return true;
}

/*
 * What kind of row it is. A lease has a checkpoint, which says so already; rows of a Kinesis client that are
 * something else say that, or have none.
 */
static enum row_kind kind_of(const struct row *row)
{
	if (str_eq(row->key, ROW_SCHEMA_KEY))
		return ROW_SCHEMA;
	return str_starts(row->key, ROW_OWN_PREFIX) ? ROW_OTHER : row->kind;
}

bool row_read(struct arena *arena, struct str raw_item, const struct row_sinks *sinks,
	      struct row *out, struct error *err)
{
	struct item item;
	struct attribute a;
	bool ok = true;

	*out = (struct row){.kind = ROW_OTHER, .start_wall_ms = ROW_START_ALL};
	item_open(&item, arena, raw_item);
	while (item_next(&item, &a)) {
		if (a.kind == ATTRIBUTE_STRING)
			ok = read_text(sinks, &a, out) && ok; /* what comes later may be the key */
		else if (a.kind == ATTRIBUTE_NUMBER)
			ok = read_number(&a, out) && ok;
		else if (a.kind == ATTRIBUTE_STRINGS && str_eq(a.name, STR("parentShardId")) &&
			 a.n_strings > 0)
			out->parent = a.strings[0];
	}
	out->kind = kind_of(out);
	/* What others keep here may have attributes with our names that mean something else. */
	ok = ok || out->kind == ROW_FOREIGN;
	if (!item_end(&item) || !ok || out->key.n == 0)
		return error_set(err, ERROR_DATA,
				 "row \"%.*s\" of the checkpoint table is malformed",
				 STR_ARG(out->key));
	/* The word of a tip stays when a Kinesis client has found it and gone on. */
	if (out->start_wall_ms == ROW_START_LATEST && out->checkpoint.kind != POSITION_START)
		out->start_wall_ms = ROW_START_ALL;
	for (size_t i = 0; i < sinks->n; i++) {
		if (position_cmp(&out->sinks[i], &out->checkpoint) < 0)
			out->sinks[i] = out->checkpoint;
	}
	return true;
}

void row_open_request(struct buf *buf, struct str table, struct str key)
{
	buf_str(buf, STR("{\"TableName\":"));
	json_put(buf, table);
	if (key.n == 0)
		return;
	buf_str(buf, STR(",\"Key\":{"));
	item_put_s(buf, ROW_KEY, key);
	buf_c(buf, '}');
}

/* Appends a member whose value is a string of ours that needs no escaping. */
static void member(struct buf *buf, const char *name, const char *value)
{
	buf_fmt(buf, ",\"%s\":\"%s\"", name, value);
}

void row_put_start(struct buf *buf, struct str name, int64_t start_wall_ms)
{
	struct buf text;

	if (start_wall_ms == ROW_START_ALL)
		return;
	buf_init(&text, 32);
	if (start_wall_ms == ROW_START_LATEST)
		buf_str(&text, STR("LATEST"));
	else if (start_wall_ms == ROW_START_HORIZON)
		buf_str(&text, STR("TRIM_HORIZON"));
	else
		buf_i64(&text, start_wall_ms);
	item_put_s(buf, name, buf_view(&text));
	buf_release(&text);
}

/* A position as `checkpoint` says it: a tip that nobody has looked for yet has a word in a KCL's table. */
static struct str checkpoint_text(const struct row_write *write, const struct position *at)
{
	if (write->form != FORM_NATIVE && at->kind == POSITION_START &&
	    write->start_wall_ms == ROW_START_LATEST)
		return STR("LATEST");
	return position_text(at);
}

void row_create(struct buf *buf, const struct row_write *write)
{
	row_open_request(buf, write->table, STR_NONE);
	buf_str(buf, STR(",\"Item\":{"));
	item_put_s(buf, ROW_KEY, write->key);
	if (write->owner.n > 0)
		item_put_s(buf, STR("leaseOwner"), write->owner);
	item_put_n(buf, STR("leaseCounter"), 1);
	item_put_s(buf, STR("checkpoint"), checkpoint_text(write, &write->from));
	item_put_n(buf, STR("checkpointSubSequenceNumber"), 0);
	item_put_n(buf, STR("ownerSwitchesSinceCheckpoint"), 0);
	item_put_n(buf, STR("createdAt"), write->created_wall_ms);
	row_put_start(buf, STR("startAt"), write->start_wall_ms);
	if (write->epoch > 0)
		item_put_n(buf, STR("epoch"), write->epoch);
	if (write->parent.n > 0)
		item_put_ss(buf, STR("parentShardId"), &write->parent, 1);
	if (write->form != FORM_NATIVE) {
		/* As its third line writes them for DynamoDB Streams, which has no ranges of hashes. */
		item_put_s(buf, STR("startingHashKey"), STR("0"));
		item_put_s(buf, STR("endingHashKey"), STR("1"));
	}
	if (write->form == FORM_SINGLE)
		item_put_s(buf, STR("streamLabel"), write->label);
	if (write->form == FORM_MULTI) {
		item_put_s(buf, STR("streamName"), lease_key_stream(write->key));
		item_put_s(buf, STR("shardId"), write->shard);
	}
	buf_c(buf, '}');
	member(buf, "ConditionExpression", "attribute_not_exists(leaseKey)");
	buf_c(buf, '}');
}

void row_take(struct buf *buf, const struct row_write *write)
{
	row_open_request(buf, write->table, write->key);
	/* checkpointOwner: whom a leader wanted to give it away, and who is gone as well. */
	member(buf, "UpdateExpression",
	       write->form == FORM_NATIVE ? "SET leaseOwner = :me, leaseCounter = :next "
					    "ADD ownerSwitchesSinceCheckpoint :one"
					  : "SET leaseOwner = :me, leaseCounter = :next "
					    "ADD ownerSwitchesSinceCheckpoint :one "
					    "REMOVE checkpointOwner");
	member(buf, "ConditionExpression",
	       write->old_owner.n > 0
		       ? "leaseOwner = :old AND leaseCounter = :counter"
		       : "attribute_not_exists(leaseOwner) AND leaseCounter = :counter");
	member(buf, "ReturnValues", "ALL_NEW");
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
	item_put_s(buf, STR(":me"), write->owner);
	if (write->old_owner.n > 0)
		item_put_s(buf, STR(":old"), write->old_owner);
	item_put_n(buf, STR(":counter"), write->counter);
	item_put_n(buf, STR(":next"), write->counter + 1);
	item_put_n(buf, STR(":one"), 1);
	buf_str(buf, STR("}}"));
}

/* The least of the sinks' positions. */
static struct position least(const struct position *positions, size_t n)
{
	struct position min = position_end();

	for (size_t i = 0; i < n; i++) {
		if (position_cmp(&positions[i], &min) < 0)
			min = positions[i];
	}
	return min;
}

/* Appends one more of what an expression lists behind `word`; `*n` is how many there are already. */
static void one_more(struct buf *buf, size_t *n, const char *word)
{
	buf_str(buf, *n == 0 ? str_of(word) : STR(", "));
	++*n;
}

/* Appends what goes out of a row when its positions are written. */
static void put_removes(struct buf *buf, const struct row_write *write,
			const struct row_sinks *sinks, const struct position *min, bool release)
{
	size_t n = 0;

	for (size_t i = 0; i < sinks->n; i++) {
		if (position_cmp(&write->sinks[i], min) > 0)
			continue;
		one_more(buf, &n, " REMOVE ");
		buf_fmt(buf, "#s%zu", i);
	}
	if (release && write->heir.n == 0) {
		one_more(buf, &n, " REMOVE ");
		buf_str(buf, STR("leaseOwner"));
	}
	/* The half of a checkpoint that its maker never completed. */
	if (write->form != FORM_NATIVE) {
		one_more(buf, &n, " REMOVE ");
		buf_str(buf, STR("pendingCheckpoint, pendingCheckpointSubSequenceNumber, "
				 "pendingCheckpointState"));
	}
}

/* Appends the expression of both checkpoint and release. */
static void put_update(struct buf *buf, const struct row_write *write,
		       const struct row_sinks *sinks, const struct position *min, bool release)
{
	buf_fmt(buf,
		",\"UpdateExpression\":\"SET %sleaseCounter = :next, "
		"ownerSwitchesSinceCheckpoint = :zero",
		write->partial ? "" : "checkpoint = :k, ");
	if (write->form != FORM_NATIVE)
		buf_str(buf, STR(", checkpointSubSequenceNumber = :zero"));
	if (write->form == FORM_SINGLE)
		buf_str(buf, STR(", streamLabel = :label"));
	if (write->n_children > 0)
		buf_str(buf, STR(", childShardIds = :children"));
	if (write->start_wall_ms != ROW_START_ALL)
		buf_str(buf, STR(", startAt = :start"));
	if (release && write->heir.n > 0)
		buf_str(buf, STR(", leaseOwner = :heir"));
	for (size_t i = 0; i < sinks->n; i++) {
		if (position_cmp(&write->sinks[i], min) > 0)
			buf_fmt(buf, ", #s%zu = :s%zu", i, i);
	}
	put_removes(buf, write, sinks, min, release);
	buf_c(buf, '"');
}

/* Appends the UpdateItem of both checkpoint and release. */
static void write_positions(struct buf *buf, const struct row_write *write,
			    const struct row_sinks *sinks, bool release)
{
	/* Who has nothing of its own in the row has what `checkpoint` says, so that must be what we write there. */
	struct position min = write->partial ? position_start() : least(write->sinks, sinks->n);

	row_open_request(buf, write->table, write->key);
	put_update(buf, write, sinks, &min, release);
	member(buf, "ConditionExpression", "leaseOwner = :me AND leaseCounter = :counter");
	buf_str(buf, STR(",\"ExpressionAttributeNames\":{"));
	for (size_t i = 0; i < sinks->n; i++)
		buf_fmt(buf, "%s\"#s%zu\":\"sink.%.*s\"", i == 0 ? "" : ",", i,
			STR_ARG(sinks->names[i]));
	buf_str(buf, STR("},\"ExpressionAttributeValues\":{"));
	item_put_s(buf, STR(":me"), write->owner);
	item_put_n(buf, STR(":counter"), write->counter);
	item_put_n(buf, STR(":next"), write->counter + 1);
	item_put_n(buf, STR(":zero"), 0);
	if (write->form == FORM_SINGLE)
		item_put_s(buf, STR(":label"), write->label);
	if (write->n_children > 0)
		item_put_ss(buf, STR(":children"), write->children, write->n_children);
	if (release && write->heir.n > 0)
		item_put_s(buf, STR(":heir"), write->heir);
	if (!write->partial)
		item_put_s(buf, STR(":k"), checkpoint_text(write, &min));
	row_put_start(buf, STR(":start"), write->start_wall_ms);
	for (size_t i = 0; i < sinks->n; i++) {
		char name[24];

		if (position_cmp(&write->sinks[i], &min) <= 0)
			continue;
		snprintf(name, sizeof(name), ":s%zu", i);
		item_put_s(buf, str_of(name), position_text(&write->sinks[i]));
	}
	buf_str(buf, STR("}}"));
}

/* Appends an UpdateItem that keeps the row, or gives it back, and says nothing else. */
static void write_counter(struct buf *buf, const struct row_write *write, bool release)
{
	row_open_request(buf, write->table, write->key);
	member(buf, "UpdateExpression",
	       release ? "SET leaseCounter = :next REMOVE leaseOwner" : "SET leaseCounter = :next");
	member(buf, "ConditionExpression", "leaseOwner = :me AND leaseCounter = :counter");
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
	item_put_s(buf, STR(":me"), write->owner);
	item_put_n(buf, STR(":counter"), write->counter);
	item_put_n(buf, STR(":next"), write->counter + 1);
	buf_str(buf, STR("}}"));
}

/* Appends either write. */
static void write_row(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks,
		      bool release)
{
	if (write->sinks == NULL)
		write_counter(buf, write, release);
	else
		write_positions(buf, write, sinks, release);
}

void row_checkpoint(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks)
{
	write_row(buf, write, sinks, false);
}

void row_release(struct buf *buf, const struct row_write *write, const struct row_sinks *sinks)
{
	write_row(buf, write, sinks, true);
}

void row_delete(struct buf *buf, const struct row_write *write)
{
	row_open_request(buf, write->table, write->key);
	member(buf, "ConditionExpression",
	       write->owner.n > 0 ? "leaseOwner = :me AND leaseCounter = :counter"
				  : "attribute_not_exists(leaseOwner) AND leaseCounter = :counter");
	buf_str(buf, STR(",\"ExpressionAttributeValues\":{"));
	if (write->owner.n > 0)
		item_put_s(buf, STR(":me"), write->owner);
	item_put_n(buf, STR(":counter"), write->counter);
	buf_str(buf, STR("}}"));
}

void row_schema_put(struct buf *buf, struct str table)
{
	row_open_request(buf, table, STR_NONE);
	buf_str(buf, STR(",\"Item\":{\"leaseKey\":{\"S\":\"ddbtap/schema\"}"));
	item_put_n(buf, STR("schema"), ROW_SCHEMA_VERSION);
	buf_c(buf, '}');
	member(buf, "ConditionExpression", "attribute_not_exists(leaseKey)");
	buf_c(buf, '}');
}
