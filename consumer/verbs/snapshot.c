/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/snapshot.h"

#include <stdlib.h>

#include "base/time.h"
#include "config/nearest.h"

enum { ROWS_MAX = 1000000, ROWS_FIRST = 256 };

/* Takes in a row that leases are not: false with `why` when it makes no sense. */
static bool take_other(struct snapshot *snapshot, struct str key, struct str raw_item,
		       struct error *why)
{
	if (str_eq(key, ROW_REGISTRY_KEY))
		return registry_read(&snapshot->arena, raw_item, &snapshot->registry, why);
	if (!heartbeat_is(key))
		return true;
	if (snapshot->n_beats == snapshot->beats_cap) {
		snapshot->beats_cap = 2 * snapshot->beats_cap + ROWS_FIRST;
		snapshot->beats = mem_resize_n(snapshot->beats, snapshot->beats_cap,
					       sizeof(*snapshot->beats));
	}
	if (!heartbeat_read(&snapshot->arena, raw_item, &snapshot->beats[snapshot->n_beats], why))
		return error_prefix(why, "%.*s", STR_ARG(key));
	snapshot->n_beats++;
	return true;
}

/* Takes in one row. */
static bool take(void *arg, struct str raw_item, struct error *err)
{
	struct snapshot *snapshot = arg;
	const struct config *config = snapshot->config;
	struct error why = {0};
	struct row_view *row;

	if (snapshot->n == ROWS_MAX)
		return error_set(err, ERROR_DATA, "there are more than %d rows", ROWS_MAX);
	if (snapshot->n == snapshot->cap) {
		snapshot->cap = 2 * snapshot->cap + ROWS_FIRST;
		snapshot->rows =
			mem_resize_n(snapshot->rows, snapshot->cap, sizeof(*snapshot->rows));
	}
	row = &snapshot->rows[snapshot->n];
	raw_item = arena_str(&snapshot->arena, raw_item);
	if (!row_view_read(&snapshot->arena, raw_item, row, &why) ||
	    !take_other(snapshot, row->row.key, raw_item, &why)) {
		verb_error(0, "%s", why.text);
		snapshot->malformed++;
		return true;
	}
	/* Keys of a single stream do not say of which table it is: the one that is configured. */
	if (row->row.kind == ROW_LEASE && row->form == FORM_SINGLE && config->n_tables == 1)
		row->table = str_of(config->tables[0].name);
	snapshot->n_leases += row->row.kind == ROW_LEASE;
	snapshot->n++;
	return true;
}

/*
 * For qsort: the order of rows. Keys of leases begin with the account, which nobody wants to sort
 * by.
 */
static int compare(const void *a_row, const void *b_row)
{
	const struct row_view *a = a_row, *b = b_row;
	int order = (a->row.kind != ROW_LEASE) - (b->row.kind != ROW_LEASE);

	if (order == 0)
		order = str_cmp(a->table, b->table);
	if (order == 0)
		order = str_cmp(a->label, b->label);
	if (order == 0)
		order = str_cmp(a->shard, b->shard);
	return order != 0 ? order : str_cmp(a->row.key, b->row.key);
}

bool snapshot_take(struct snapshot *snapshot, struct visit *visit)
{
	*snapshot = (struct snapshot){.config = visit->config, .kcl = visit->kcl};
	arena_init(&snapshot->arena);
	map_init(&snapshot->leases);
	if (!visit_scan(visit, take, snapshot))
		return false;
	if (snapshot->n > 0)
		qsort(snapshot->rows, snapshot->n, sizeof(*snapshot->rows), compare);
	for (size_t i = 0; i < snapshot->n_leases; i++)
		map_put(&snapshot->leases, snapshot->rows[i].row.key, &snapshot->rows[i]);
	return true;
}

bool snapshot_whole(const struct snapshot *snapshot, struct visit *visit)
{
	return snapshot->malformed == 0 ||
	       error_set(&visit->why, ERROR_DATA,
			 "checkpoint table %.*s has malformed rows: nothing was changed",
			 STR_ARG(visit->table));
}

void snapshot_release(struct snapshot *snapshot)
{
	map_release(&snapshot->leases);
	mem_free(snapshot->rows);
	mem_free(snapshot->beats);
	arena_release(&snapshot->arena);
	*snapshot = (struct snapshot){0};
}

const struct heartbeat *snapshot_owner(const struct snapshot *snapshot, struct str owner)
{
	for (size_t i = 0; i < snapshot->n_beats; i++) {
		if (row_owner_is(owner, &snapshot->beats[i]))
			return &snapshot->beats[i];
	}
	return NULL;
}

const struct row_view *snapshot_lease(const struct snapshot *snapshot, struct str key)
{
	return map_get(&snapshot->leases, key);
}

bool snapshot_foreign(const struct snapshot *snapshot, struct str owner)
{
	return snapshot->kcl && owner.n > 0 && !row_owner_ours(owner);
}

struct str snapshot_worker(const struct snapshot *snapshot, struct str owner)
{
	return snapshot_foreign(snapshot, owner) ? owner : row_owner_id(owner);
}

struct str snapshot_owner_word(const struct snapshot *snapshot, struct str owner)
{
	const struct heartbeat *beat;

	if (owner.n == 0)
		return STR_NONE;
	if (snapshot_foreign(snapshot, owner))
		return STR("foreign");
	beat = snapshot_owner(snapshot, owner);
	if (beat == NULL)
		return STR("unknown");
	return beat->fenced ? STR("fenced") : STR("listed");
}

struct str snapshot_state(const struct snapshot *snapshot, const struct row_view *lease)
{
	if (lease->row.checkpoint.kind == POSITION_END)
		return STR("finished");
	if (snapshot_foreign(snapshot, lease->row.owner) ||
	    str_eq(snapshot_owner_word(snapshot, lease->row.owner), STR("listed")))
		return STR("owned");
	return STR("free");
}

/* The configured sink of this name, or NULL. */
static const struct config_sink *find_sink(const struct config *config, struct str name)
{
	for (size_t i = 0; i < config->n_sinks; i++) {
		if (str_eq(str_of(config->sinks[i].name), name))
			return &config->sinks[i];
	}
	return NULL;
}

size_t snapshot_sinks(const struct snapshot *snapshot, const struct config *config,
		      struct str table, struct snapshot_sink out[ROW_SINKS_MAX])
{
	bool registered;
	size_t n = 0;

	for (size_t i = 0; i < snapshot->registry.n_sinks; i++) {
		const struct registry_sink *sink = &snapshot->registry.sinks[i];
		const struct config_sink *known = find_sink(config, sink->name);

		if (known == NULL || config_sink_takes(known, table))
			out[n++] = (struct snapshot_sink){sink->name, sink->generation};
	}
	registered = n > 0;
	for (size_t i = 0; !registered && i < config->n_sinks; i++) {
		if (config_sink_takes(&config->sinks[i], table))
			out[n++] = (struct snapshot_sink){str_of(config->sinks[i].name), 1};
	}
	return n;
}

void snapshot_put_sink(struct buf *buf, struct str name, int64_t generation)
{
	buf_str(buf, name);
	if (generation > 1)
		buf_fmt(buf, ".%lld", (long long)generation);
}

void snapshot_put_position(struct buf *buf, const struct position *at, int64_t start_wall_ms)
{
	if (at->kind != POSITION_START || start_wall_ms == ROW_START_ALL ||
	    start_wall_ms == ROW_START_HORIZON)
		buf_str(buf, position_text(at));
	else if (start_wall_ms == ROW_START_LATEST)
		buf_str(buf, STR("LATEST"));
	else if (start_wall_ms == ROW_START_TIMESTAMP)
		buf_str(buf, STR("AT_TIMESTAMP"));
	else
		time_add_rfc3339(buf, start_wall_ms);
}

const struct config_table *snapshot_table(const struct config *config, struct str name)
{
	for (size_t i = 0; i < config->n_tables; i++) {
		if (str_eq(str_of(config->tables[i].name), name))
			return &config->tables[i];
	}
	return NULL;
}

bool snapshot_knows(const struct snapshot *snapshot, struct visit *visit, const char *table)
{
	const struct config *config = visit->config;
	struct nearest nearest;

	nearest_init(&nearest, str_of(table));
	for (size_t i = 0; i < snapshot->n_leases; i++) {
		if (str_eq(snapshot->rows[i].table, str_of(table)))
			return true;
		nearest_offer(&nearest, snapshot->rows[i].table);
	}
	if (snapshot_table(config, str_of(table)) != NULL)
		return true;
	for (size_t i = 0; i < config->n_tables; i++)
		nearest_offer(&nearest, str_of(config->tables[i].name));
	return error_set(
		&visit->why, ERROR_USAGE,
		"neither the configuration nor the checkpoint table has a table '%s'%s%.*s%s",
		table, nearest.best.n > 0 ? "; did you mean " : "", STR_ARG(nearest.best),
		nearest.best.n > 0 ? "?" : "");
}
