/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap leases list`. */
#include "consumer/verbs/columns.h"
#include "consumer/verbs/leases.h"
#include "consumer/verbs/member.h"
#include "consumer/verbs/snapshot.h"

enum { OUT_MAX_BYTES = 1 << 30, TEXT_MAX_BYTES = 16 << 10 };

/* Appends where sinks are that are ahead of the checkpoint. */
static void put_ahead(struct buf *buf, const struct row_view *lease)
{
	for (size_t i = 0; i < lease->n_ahead; i++) {
		const struct row_ahead *ahead = &lease->ahead[i];

		if (position_cmp(&ahead->at, &lease->row.checkpoint) <= 0)
			continue;
		if (buf->n > 0)
			buf_c(buf, ' ');
		snapshot_put_sink(buf, ahead->name, ahead->generation);
		buf_c(buf, '=');
		buf_str(buf, position_text(&ahead->at));
	}
}

/* Appends a row for people. */
static void put_row(struct columns *columns, const struct snapshot *snapshot,
		    const struct row_view *lease)
{
	struct buf ahead, at;

	buf_init(&ahead, TEXT_MAX_BYTES);
	buf_init(&at, TEXT_MAX_BYTES);
	put_ahead(&ahead, lease);
	snapshot_put_position(&at, &lease->row.checkpoint, lease->row.start_wall_ms);
	columns_cell(columns, lease->table);
	columns_cell(columns, lease->shard);
	columns_cell(columns, snapshot_state(snapshot, lease));
	columns_cell(columns, snapshot_worker(snapshot, lease->row.owner));
	columns_cell(columns, snapshot_owner_word(snapshot, lease->row.owner));
	columns_fmt(columns, "%lld", (long long)lease->row.counter);
	columns_cell(columns, buf_view(&at));
	columns_cell(columns, buf_view(&ahead));
	buf_release(&at);
	buf_release(&ahead);
}

/* Appends a member that is a position in the lease's shard. */
static void put_position(struct buf *out, struct str name, const struct row_view *lease,
			 const struct position *at)
{
	struct buf text;

	buf_init(&text, TEXT_MAX_BYTES);
	snapshot_put_position(&text, at, lease->row.start_wall_ms);
	member_text(out, name, buf_view(&text));
	buf_release(&text);
}

/* Appends one sink's position. */
static void put_sink(struct buf *out, const struct row_view *lease, struct str name,
		     int64_t generation, const struct position *at)
{
	struct buf text;

	buf_init(&text, TEXT_MAX_BYTES);
	snapshot_put_sink(&text, name, generation);
	put_position(out, buf_view(&text), lease, at);
	buf_release(&text);
}

/* Whether a sink is among those that get the table. */
static bool is_known(const struct snapshot_sink *sinks, size_t n, const struct row_ahead *ahead)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(sinks[i].name, ahead->name) && sinks[i].generation == ahead->generation)
			return true;
	}
	return false;
}

/* Appends the positions of all sinks that get the table, and of those that once got it. */
static void put_sinks(struct buf *out, const struct snapshot *snapshot, const struct config *config,
		      const struct row_view *lease)
{
	struct snapshot_sink sinks[ROW_SINKS_MAX];
	size_t n = snapshot_sinks(snapshot, config, lease->table, sinks);

	buf_str(out, STR(",\"sinks\":{"));
	for (size_t i = 0; i < n; i++) {
		struct position at = row_view_position(lease, sinks[i].name, sinks[i].generation);

		put_sink(out, lease, sinks[i].name, sinks[i].generation, &at);
	}
	for (size_t i = 0; i < lease->n_ahead; i++) {
		const struct row_ahead *ahead = &lease->ahead[i];

		if (!is_known(sinks, n, ahead))
			put_sink(out, lease, ahead->name, ahead->generation, &ahead->at);
	}
	buf_c(out, '}');
}

/* Appends a row as JSON. */
static void put_json(struct buf *out, const struct snapshot *snapshot, const struct config *config,
		     const struct row_view *lease)
{
	struct str owner = lease->row.owner, worker = snapshot_worker(snapshot, owner);

	buf_c(out, '{');
	member_text(out, STR("table"), lease->table);
	member_text(out, STR("stream"), lease->label);
	member_text(out, STR("shard"), lease->shard);
	member_text(out, STR("state"), snapshot_state(snapshot, lease));
	member_text(out, STR("worker"), worker);
	member_text(out, STR("incarnation"), str_skip(owner, worker.n + 1));
	member_text(out, STR("heartbeat"), snapshot_owner_word(snapshot, owner));
	member_number(out, STR("counter"), lease->row.counter);
	member_number(out, STR("epoch"), lease->epoch);
	member_text(out, STR("parent"), lease->row.parent);
	put_position(out, STR("checkpoint"), lease, &lease->row.checkpoint);
	put_sinks(out, snapshot, config, lease);
	member_text(out, STR("key"), lease->row.key);
	buf_str(out, STR("}\n"));
}

/* Appends all rows that are wanted. */
static void put_rows(struct visit *visit, const struct leases *leases,
		     const struct snapshot *snapshot, struct buf *out)
{
	static const char *const heads[] = {"TABLE",	 "SHARD",   "STATE",	  "WORKER",
					    "HEARTBEAT", "COUNTER", "CHECKPOINT", "AHEAD"};
	struct columns columns;

	columns_init(&columns, heads, ARRAY_N(heads));
	for (size_t i = 0; i < snapshot->n_leases; i++) {
		const struct row_view *lease = &snapshot->rows[i];

		if (leases->table != NULL && !str_eq(lease->table, str_of(leases->table)))
			continue;
		if (leases->json)
			put_json(out, snapshot, visit->config, lease);
		else
			put_row(&columns, snapshot, lease);
	}
	if (!leases->json)
		columns_put(&columns, out);
	columns_release(&columns);
}

int leases_list(struct visit *visit, const struct leases *leases)
{
	struct snapshot snapshot;
	struct buf out;
	int status = 0;

	buf_init(&out, OUT_MAX_BYTES);
	if (snapshot_take(&snapshot, visit) &&
	    (leases->table == NULL || snapshot_knows(&snapshot, visit, leases->table))) {
		put_rows(visit, leases, &snapshot, &out);
		must(!out.failed);
		status = verb_write(buf_view(&out));
		if (status == 0 && snapshot.malformed > 0)
			status = error_exit_status(ERROR_DATA);
	}
	buf_release(&out);
	snapshot_release(&snapshot);
	return status;
}
