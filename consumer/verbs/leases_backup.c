/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap leases export` and `import`. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "consumer/aws/tableapi.h"
#include "consumer/engine/rowadmin.h"
#include "consumer/verbs/input.h"
#include "consumer/verbs/leases.h"
#include "consumer/verbs/living.h"
#include "consumer/verbs/pretty.h"

/* Of a line that is read: rows of leases are small, and a request that holds one has to fit. */
enum {
	LINE_MAX_BYTES = 512 << 10,
	FILE_MAX_BYTES = 1 << 30,
	FLUSH_BYTES = 64 << 10,
	EXPORT_MAX_BYTES = 16 << 20,
};

/* Rows on their way to standard output. */
struct export
{
	struct buf out;
	int status; /* of writing */
};

/* Writes what has gathered; false when that ends the export. */
static bool flush(struct export *export)
{
	export->status = verb_write(buf_view(&export->out));
	buf_clear(&export->out);
	return export->status == 0;
}

/* Takes one row. */
static bool export_row(void *arg, struct str raw_item, struct error *err)
{
	struct export *export = arg;

	(void)err; /* what went wrong with writing is said already */
	buf_str(&export->out, STR("{\"Item\":"));
	compact_put(&export->out, raw_item);
	buf_str(&export->out, STR("}\n"));
	return export->out.n < FLUSH_BYTES || flush(export);
}

int leases_export(struct visit *visit, const struct leases *leases)
{
	struct export export = {0};
	int status;

	(void)leases;
	buf_init(&export.out, EXPORT_MAX_BYTES);
	if (visit_scan(visit, export_row, &export))
		flush(&export);
	status = export.status;
	buf_release(&export.out);
	return status;
}

/* A row to be put back. */
struct imported {
	struct imported *next;
	struct str key, raw;
};

struct import {
	struct visit *visit;
	struct arena arena;
	struct imported *first, **last;
	struct map keys; /* struct imported */
	uint64_t line;
	size_t skipped; /* rows about workers */
};

/* The raw item of a line; empty when it is not {"Item":{...}}. */
static struct str item_of(struct str line)
{
	struct str item = STR_NONE, key;
	struct json json;

	json_init(&json, line);
	json_enter(&json, JSON_OBJECT);
	while (json_key(&json, &key)) {
		if (json_key_is(key, "Item") && json_peek(&json) == JSON_OBJECT)
			item = json_skip(&json);
		else
			json_fail(&json, "not an exported item");
	}
	return json_end(&json) ? item : STR_NONE;
}

/* Takes in a well-formed row. */
static bool keep(struct import *import, const struct row_view *view)
{
	struct imported *row;
	struct error *why = &import->visit->why;

	if (view->row.kind == ROW_SCHEMA && view->row.schema > ROW_SCHEMA_VERSION)
		return error_set(why, ERROR_DATA,
				 "these rows are of a newer version of ddbtap (schema %lld, this "
				 "one knows %d)",
				 (long long)view->row.schema, ROW_SCHEMA_VERSION);
	/* The schema's row comes from a table's first worker; the others but the registry are about workers. */
	if (view->row.kind == ROW_FOREIGN || (str_starts(view->row.key, ROW_OWN_PREFIX) &&
					      !str_eq(view->row.key, ROW_REGISTRY_KEY))) {
		import->skipped += view->row.kind != ROW_SCHEMA;
		return true;
	}
	if (view->row.kind == ROW_LEASE && import->visit->kcl != (view->form != FORM_NATIVE))
		return error_set(why, ERROR_DATA,
				 "row \"%.*s\" is of the other form of leases than "
				 "checkpoint.leases says: see 'leases convert'",
				 STR_ARG(view->row.key));
	if (map_get(&import->keys, view->row.key) != NULL)
		return error_set(why, ERROR_DATA, "row \"%.*s\" is there twice",
				 STR_ARG(view->row.key));
	row = arena_alloc(&import->arena, sizeof(*row));
	row->key = view->row.key;
	row->raw = view->raw;
	*import->last = row;
	import->last = &row->next;
	map_put(&import->keys, row->key, row);
	return true;
}

/* Takes in one line. */
static bool take_line(struct import *import, struct str line)
{
	struct error *why = &import->visit->why;
	struct row_view view;
	struct str item;

	if (str_trim(line).n == 0)
		return true;
	item = item_of(arena_str(&import->arena, line));
	if (item.n == 0)
		return error_set(why, ERROR_DATA, "not a row that export wrote: {\"Item\":{...}}");
	if (import->arena.total_bytes > FILE_MAX_BYTES)
		return error_set(why, ERROR_DATA, "more than %d bytes", FILE_MAX_BYTES);
	return row_view_read(&import->arena, item, &view, why) && keep(import, &view);
}

/* Reads all lines of the file before anything is written. */
static bool read_file(struct import *import, const char *path)
{
	bool standard = str_eq(str_of(path), STR("-"));
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct error *why = &import->visit->why, err = {0};
	struct line_reader reader;
	struct str line;
	bool ok = true;

	if (fd < 0)
		return error_set(why, ERROR_IO, "cannot read %s: %s", path, error_errno(errno));
	line_reader_init(&reader, fd, LINE_MAX_BYTES);
	while (ok && line_reader_next(&reader, &line, &err)) {
		import->line++;
		ok = take_line(import, line);
	}
	if (!ok)
		error_prefix(why, "%s:%llu", path, (unsigned long long)import->line);
	else if (err.code != ERROR_NONE)
		ok = error_set(why, err.code, "cannot read %s: %s", path, err.text);
	line_reader_release(&reader);
	if (!standard)
		close(fd);
	return ok;
}

/* Refuses rows that exist already. */
static bool check_new(const struct import *import, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->n; i++) {
		if (map_get(&import->keys, snapshot->rows[i].row.key) != NULL)
			return error_set(&import->visit->why, ERROR_DATA,
					 "row '%.*s' exists already: nothing was changed; "
					 "--replace overwrites such rows",
					 STR_ARG(snapshot->rows[i].row.key));
	}
	return true;
}

/* Writes the rows. */
static bool put_rows(struct import *import, bool replace, size_t *n_out)
{
	struct visit *visit = import->visit;

	for (const struct imported *row = import->first; row != NULL; row = row->next, ++*n_out) {
		struct question question;
		enum written written;

		question_init(&question, IO_TABLES, TABLES_PUT_ITEM);
		row_admin_restore(&question.body, visit_table_of(visit, row->key), row->raw,
				  replace);
		written = visit_write(visit, &question);
		question_release(&question);
		/*
		 * Not there a moment ago, and there is no worker: a row that is there now is what
		 * we wrote.
		 */
		if (written == WRITTEN_NOT)
			error_set(&visit->why, ERROR_RETRY,
				  "row '%.*s' was written by somebody else meanwhile",
				  STR_ARG(row->key));
		if (written == WRITTEN_NOT || written == WRITTEN_ERROR)
			return false;
	}
	return true;
}

int leases_import(struct visit *visit, const struct leases *leases)
{
	struct import import = {.visit = visit, .last = &import.first};
	struct snapshot snapshot = {0};
	size_t n = 0;
	int status = 0;

	arena_init(&import.arena);
	map_init(&import.keys);
	if (read_file(&import, leases->operand) && snapshot_take(&snapshot, visit) &&
	    (leases->replace || check_new(&import, &snapshot)) &&
	    living_none(&snapshot, visit, "rows are not imported") &&
	    put_rows(&import, leases->replace, &n))
		verb_error(0, "imported %zu row%s, left out %zu about workers", n,
			   n == 1 ? "" : "s", import.skipped);
	snapshot_release(&snapshot);
	map_release(&import.keys);
	arena_release(&import.arena);
	return status;
}
