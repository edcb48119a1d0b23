/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap leases convert`: leases of one form, written in another one into another table. */
#include "base/json.h"
#include "consumer/aws/tableapi.h"
#include "consumer/engine/rowadmin.h"
#include "consumer/verbs/leases.h"
#include "consumer/verbs/living.h"

enum { LINE_MAX_BYTES = 16 << 10 };

struct convert {
	struct visit *visit;
	struct snapshot snapshot;
	enum lease_form form; /* the leases' to be */
	struct str into, into_own; /* the tables that get them, and the registry */
	struct table_arn
		stream; /* of single-stream keys, which do not tell; empty: not asked for yet */
	size_t there; /* leases, or a list of sinks, that those tables have already */
};

/* Whether a form is of a Kinesis client. */
static bool is_kcl(enum lease_form form)
{
	return form != FORM_NATIVE;
}

/* The form that --to says, and the table that --into says or the application's name makes. */
static bool choose(struct convert *c, const struct leases *leases)
{
	const struct config *config = c->visit->config;
	struct str to = str_of(leases->to);
	struct arena *arena = &c->snapshot.arena;
	bool single = str_eq(to, STR("kcl"));
	struct buf name;

	c->form = single ? FORM_SINGLE : (str_eq(to, STR("native")) ? FORM_NATIVE : FORM_MULTI);
	if (c->visit->kcl == is_kcl(c->form))
		return error_set(&c->visit->why, ERROR_USAGE,
				 "checkpoint.leases is %s already: there is nothing to convert",
				 c->visit->kcl ? "kcl" : "native");
	buf_init(&name, LINE_MAX_BYTES);
	if (leases->into != NULL)
		buf_str(&name, str_of(leases->into));
	else
		buf_fmt(&name, "%s%s", is_kcl(c->form) ? "" : "ddbtap-", config->application);
	c->into = arena_str(arena, buf_view(&name));
	if (is_kcl(c->form))
		buf_str(&name, STR("-ddbtap"));
	c->into_own = arena_str(arena, buf_view(&name));
	buf_release(&name);
	return true;
}

/* Asks for the stream of the one table whose leases have single-stream keys. */
static bool find_stream(struct convert *c)
{
	const char *table = c->visit->config->tables[0].name;
	struct table_description description;
	struct question question;
	bool ok;

	if (c->stream.label.n > 0)
		return true;
	question_init(&question, IO_TABLES, TABLES_DESCRIBE);
	tables_describe_request(&question.body, str_of(table));
	ok = visit_ask(c->visit, &question) &&
	     tables_describe_read(&c->snapshot.arena, buf_view(&question.answer), &description,
				  &c->visit->why);
	question_release(&question);
	if (!ok)
		return error_prefix(&c->visit->why, "table %s", table);
	return (table_arn_parse(description.stream_arn, &c->stream) && c->stream.label.n > 0) ||
	       error_set(&c->visit->why, ERROR_CONFIG, "table %s has no stream", table);
}

/* What form a lease has is in the way of? False with visit->why when the new form cannot say it. */
static bool check_lease(struct convert *c, const struct row_view *lease)
{
	const struct row_view *first = &c->snapshot.rows[0];
	const struct config_table *table;

	if (c->visit->kcl != is_kcl(lease->form))
		return error_set(&c->visit->why, ERROR_DATA,
				 "lease \"%.*s\" is not of the form that checkpoint.leases says",
				 STR_ARG(lease->row.key));
	if (lease->form == FORM_SINGLE && c->visit->config->n_tables != 1)
		return error_set(&c->visit->why, ERROR_CONFIG,
				 "lease \"%.*s\" does not say of which table it is: configure that "
				 "one table alone",
				 STR_ARG(lease->row.key));
	if (c->form == FORM_SINGLE &&
	    (!str_eq(lease->table, first->table) || !str_eq(lease->label, first->label) ||
	     !str_eq(lease->account, first->account) || !str_eq(lease->region, first->region)))
		return error_set(
			&c->visit->why, ERROR_DATA,
			"there are leases of more than one stream, which single-stream keys "
			"cannot tell apart: say --to kcl-multi");
	table = snapshot_table(c->visit->config, lease->table);
	if (lease->row.start_wall_ms == ROW_START_TIMESTAMP &&
	    (table == NULL || table->start != CONFIG_TIME))
		return error_set(&c->visit->why, ERROR_DATA,
				 "lease \"%.*s\" begins at a time, and does not say which: "
				 "configure it as the table's start",
				 STR_ARG(lease->row.key));
	return true;
}

/* Appends the lease's key in the new form. */
static bool put_key(struct convert *c, const struct row_view *lease, struct buf *key)
{
	struct table_arn stream = {
		.account = lease->account,
		.region = lease->region,
		.table = lease->table,
		.label = lease->label,
	};

	if (lease->form == FORM_SINGLE) {
		if (!find_stream(c))
			return false;
		stream = c->stream;
		if (lease->label.n > 0)
			stream.label = lease->label;
	}
	lease_key_prefix(key, c->form, &stream);
	buf_str(key, lease->shard);
	return true;
}

/* Whether an attribute goes into the new row as it is. */
static bool goes_over(const struct convert *c, struct str name)
{
	static const char *const anew[] = {"leaseKey",	 "leaseOwner", "leaseCounter",
					   "checkpoint", "streamName", "shardId",
					   "startAt",	 "streamLabel"};
	static const char *const of_kcl[] = {"checkpointOwner",
					     "pendingCheckpoint",
					     "pendingCheckpointSubSequenceNumber",
					     "pendingCheckpointState",
					     "startingHashKey",
					     "endingHashKey",
					     "entityType"};

	for (size_t i = 0; i < ARRAY_N(anew); i++) {
		if (json_key_is(name, anew[i]))
			return false;
	}
	for (size_t i = 0; i < ARRAY_N(of_kcl) && !is_kcl(c->form); i++) {
		if (json_key_is(name, of_kcl[i]))
			return false;
	}
	return true;
}

/* Appends where the lease begins, in the words of the new form. */
static void put_start(struct convert *c, const struct row_view *lease, struct buf *item)
{
	int64_t start_wall_ms = lease->row.start_wall_ms;
	bool latest = start_wall_ms == ROW_START_LATEST;
	struct buf text;

	item_put_s(item, STR("checkpoint"),
		   latest && is_kcl(c->form) ? STR("LATEST")
					     : position_text(&lease->row.checkpoint));
	if (start_wall_ms == ROW_START_TIMESTAMP)
		start_wall_ms = snapshot_table(c->visit->config, lease->table)->start_wall_ms;
	if (start_wall_ms == ROW_START_ALL)
		return;
	buf_init(&text, LINE_MAX_BYTES);
	if (latest)
		buf_str(&text, STR("LATEST"));
	else if (start_wall_ms == ROW_START_HORIZON)
		buf_str(&text, STR("TRIM_HORIZON"));
	else
		buf_i64(&text, start_wall_ms);
	item_put_s(item, STR("startAt"), buf_view(&text));
	buf_release(&text);
}

/* Appends the lease as a raw item of the new form, without an owner. */
static void put_item(struct convert *c, const struct row_view *lease, struct str key,
		     struct buf *item)
{
	struct json json;
	struct str name, value;

	buf_c(item, '{');
	item_put_s(item, ROW_KEY, key);
	item_put_n(item, STR("leaseCounter"), lease->row.counter + 1);
	put_start(c, lease, item);
	if (is_kcl(c->form)) {
		item_put_s(item, STR("startingHashKey"), STR("0"));
		item_put_s(item, STR("endingHashKey"), STR("1"));
	}
	if (c->form == FORM_SINGLE)
		item_put_s(item, STR("streamLabel"), lease->label);
	if (c->form == FORM_MULTI) {
		item_put_s(item, STR("streamName"), lease_key_stream(key));
		item_put_s(item, STR("shardId"), lease->shard);
	}
	json_init(&json, lease->raw);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &name)) {
		value = json_skip(&json);
		if (!goes_over(c, name))
			continue;
		json_comma(item);
		json_put_raw(item, name);
		buf_c(item, ':');
		buf_str(item, value);
	}
	buf_c(item, '}');
}

/* Writes one item, which is not there yet. */
static bool write_item(struct convert *c, struct str table, struct str raw_item)
{
	struct visit *visit = c->visit;
	struct question question;
	enum written written;

	question_init(&question, IO_TABLES, TABLES_PUT_ITEM);
	row_admin_restore(&question.body, table, raw_item, false);
	written = visit_write(visit, &question);
	question_release(&question);
	if (written == WRITTEN_NOT)
		return error_set(&visit->why, ERROR_RETRY,
				 "a row of table %.*s was written by somebody else meanwhile",
				 STR_ARG(table));
	return written != WRITTEN_ERROR;
}

/* Says what becomes of a lease, and with `write` does it; the exit status. */
static int convert_one(struct convert *c, const struct row_view *lease, bool write)
{
	struct buf key, item, line;
	int status = 0;

	buf_init(&key, LEASEKEY_MAX);
	buf_init(&item, 1 << 20);
	buf_init(&line, LINE_MAX_BYTES);
	if (put_key(c, lease, &key)) {
		put_item(c, lease, buf_view(&key), &item);
		if (!write || write_item(c, c->into, buf_view(&item))) {
			buf_fmt(&line, "%s %.*s -> %.*s %.*s\n", write ? "wrote" : "would write",
				STR_ARG(lease->row.key), STR_ARG(buf_view(&key)),
				STR_ARG(position_text(&lease->row.checkpoint)));
			status = verb_write(buf_view(&line));
		}
	}
	buf_release(&line);
	buf_release(&item);
	buf_release(&key);
	return status;
}

/* Counts a row of the tables that are written into, if it is in the way. */
static bool note_row(void *arg, struct str raw_item, struct error *err)
{
	static const struct row_sinks none = {.n = 0};
	struct convert *c = arg;
	struct arena arena;
	struct row row;
	bool ok;

	arena_init(&arena);
	ok = row_read(&arena, raw_item, &none, &row, err);
	c->there += ok && (row.kind == ROW_LEASE || str_eq(row.key, ROW_REGISTRY_KEY));
	arena_release(&arena);
	return ok;
}

/* Makes the tables that get the rows, and sees what they have. */
static bool open_target(struct convert *c)
{
	bool two = !str_eq(c->into, c->into_own);

	return visit_create(c->visit, c->into) &&
	       visit_scan_table(c->visit, c->into, note_row, c) &&
	       (!two || (visit_create(c->visit, c->into_own) &&
			 visit_scan_table(c->visit, c->into_own, note_row, c)));
}

/* Takes the list of sinks along, whose positions the leases have. */
static bool write_registry(struct convert *c)
{
	for (size_t i = c->snapshot.n_leases; i < c->snapshot.n; i++) {
		const struct row_view *row = &c->snapshot.rows[i];

		if (str_eq(row->row.key, ROW_REGISTRY_KEY))
			return write_item(c, c->into_own, row->raw);
	}
	return true;
}

/* Warns of leases that the library will not read from where they begin. */
static void warn_of_starts(const struct convert *c)
{
	size_t n = 0;

	for (size_t i = 0; is_kcl(c->form) && i < c->snapshot.n_leases; i++) {
		const struct row *row = &c->snapshot.rows[i].row;

		n += row->checkpoint.kind == POSITION_START &&
		     (row->start_wall_ms >= 0 || row->start_wall_ms == ROW_START_TIMESTAMP);
	}
	if (n > 0)
		verb_error(0,
			   "warning: %zu lease%s at a time and had no change since, which the "
			   "library does not know: it will read %s from the oldest change",
			   n, n == 1 ? " begins" : "s begin", n == 1 ? "it" : "them");
}

/* Goes over all leases; with `write` writes them. */
static int convert_all(struct convert *c, bool write)
{
	int status = 0;

	for (size_t i = 0; i < c->snapshot.n_leases && status == 0; i++) {
		status = convert_one(c, &c->snapshot.rows[i], write);
		if (c->visit->why.code != ERROR_NONE)
			return status;
	}
	return status;
}

int leases_convert(struct visit *visit, const struct leases *leases)
{
	struct convert c = {.visit = visit};
	int status = 0;
	bool ok;

	ok = snapshot_take(&c.snapshot, visit) && snapshot_whole(&c.snapshot, visit) &&
	     choose(&c, leases);
	for (size_t i = 0; ok && i < c.snapshot.n_leases; i++)
		ok = check_lease(&c, &c.snapshot.rows[i]);
	if (ok && leases->yes)
		ok = living_none(&c.snapshot, visit, "leases are not converted") && open_target(&c);
	/* Nothing is written before all of it has been gone through. */
	if (ok && !leases->yes)
		status = convert_all(&c, false);
	else if (ok && c.there > 0)
		error_set(
			&visit->why, ERROR_DATA,
			"table %.*s has rows already: nothing was written; say --into another one",
			STR_ARG(c.into));
	else if (ok && write_registry(&c))
		status = convert_all(&c, true);
	if (ok && visit->why.code == ERROR_NONE)
		warn_of_starts(&c);
	if (ok && !leases->yes && visit->why.code == ERROR_NONE)
		verb_error(0, "nothing was written; --yes writes this into table %.*s",
			   STR_ARG(c.into));
	snapshot_release(&c.snapshot);
	return status;
}
