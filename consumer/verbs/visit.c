/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/verbs/visit.h"

#include "consumer/aws/tableapi.h"
#include "consumer/verbs/load.h"

enum { CREATING_POLL_MS = 500, CREATING_POLLS = 240, PAGES_MAX = 1000000, STATUS_SIGNAL = 128 };

bool visit_ask(struct visit *visit, struct question *question)
{
	return asker_ask(&visit->asker, question, &visit->why);
}

bool visit_sleep(struct visit *visit, int64_t ms)
{
	return asker_sleep(&visit->asker, ms, &visit->why);
}

struct str visit_table_of(const struct visit *visit, struct str key)
{
	return str_starts(key, ROW_OWN_PREFIX) ? visit->own_table : visit->table;
}

/* Names the table in front of what went wrong. */
static bool blame_table(struct visit *visit, struct str table)
{
	return error_prefix(&visit->why, "checkpoint table %.*s", STR_ARG(table));
}

/* What may come of a look for the checkpoint table. */
enum found { FOUND, FOUND_MISSING, FOUND_NOT_READY, FOUND_ERROR };

/* Takes in the description of such a table. */
static enum found judge_description(struct visit *visit, struct str table, struct str answer)
{
	struct table_description description;
	enum found found = FOUND;
	struct arena arena;

	arena_init(&arena);
	if (!tables_describe_read(&arena, answer, &description, &visit->why)) {
		found = FOUND_ERROR;
	} else if (!str_eq(description.hash_key, ROW_KEY) || description.range_key.n > 0) {
		error_set(&visit->why, ERROR_CONFIG,
			  "table %.*s is not a checkpoint table: its key is not leaseKey; see "
			  "checkpoint.table",
			  STR_ARG(table));
		found = FOUND_ERROR;
	} else if (description.status != TABLE_ACTIVE && description.status != TABLE_UPDATING) {
		found = FOUND_NOT_READY;
	}
	arena_release(&arena);
	return found;
}

/* Looks for a table. */
static enum found look(struct visit *visit, struct str table)
{
	struct question question;
	enum found found;

	question_init(&question, IO_TABLES, TABLES_DESCRIBE);
	tables_describe_request(&question.body, table);
	if (visit_ask(visit, &question)) {
		found = judge_description(visit, table, buf_view(&question.answer));
	} else if (question.error.kind == API_NOT_FOUND) {
		error_set(&visit->why, ERROR_NOT_FOUND,
			  "checkpoint table %.*s does not exist in region %s: nothing has run yet "
			  "for application %s",
			  STR_ARG(table), visit->cloud.region, visit->config->application);
		found = FOUND_MISSING;
	} else {
		blame_table(visit, table);
		found = FOUND_ERROR;
	}
	question_release(&question);
	return found;
}

/* Asks for a table to be made. */
static bool create(struct visit *visit, struct str table)
{
	struct question question;
	bool ok;

	question_init(&question, IO_TABLES, TABLES_CREATE);
	tables_create_request(&question.body, table, ROW_KEY);
	ok = visit_ask(visit, &question) || question.error.kind == API_IN_USE ||
	     blame_table(visit, table);
	question_release(&question);
	return ok;
}

/* Finds a table, or makes it, and waits until it can be used; false with ERROR_NOT_FOUND if it is missing. */
static bool find_table(struct visit *visit, struct str table, bool may_create)
{
	for (unsigned i = 0; i < CREATING_POLLS; i++) {
		enum found found = look(visit, table);

		if (found == FOUND)
			visit->why = (struct error){0}; /* it may have been missing before */
		if (found == FOUND || found == FOUND_ERROR)
			return found == FOUND;
		if (found == FOUND_MISSING && !(may_create && create(visit, table)))
			return false;
		if (!visit_sleep(visit, CREATING_POLL_MS))
			return false;
	}
	return error_set(&visit->why, ERROR_RETRY, "checkpoint table %.*s does not become active",
			 STR_ARG(table));
}

bool visit_create(struct visit *visit, struct str table)
{
	return find_table(visit, table, true);
}

/* Finds both tables. Our own may be missing beside a Kinesis client's: then there never was a worker. */
static bool find_tables(struct visit *visit, bool may_create)
{
	if (!find_table(visit, visit->table, may_create))
		return false;
	visit->own_there = !visit->kcl || find_table(visit, visit->own_table, may_create);
	if (!visit->own_there && visit->why.code != ERROR_NOT_FOUND)
		return false;
	visit->why = (struct error){0};
	return true;
}

bool visit_row(struct visit *visit, struct str key, struct arena *arena, struct str *raw_out)
{
	struct str table = visit_table_of(visit, key);
	struct question question;
	bool ok;

	*raw_out = STR_NONE;
	if (str_eq(table, visit->own_table) && !visit->own_there)
		return true;
	question_init(&question, IO_TABLES, TABLES_GET_ITEM);
	tables_get_request(&question.body, table, ROW_KEY, key);
	ok = visit_ask(visit, &question) &&
	     tables_get_read(buf_view(&question.answer), raw_out, &visit->why);
	if (ok)
		*raw_out = raw_out->n == 0 ? STR_NONE : arena_str(arena, *raw_out);
	question_release(&question);
	return ok || blame_table(visit, table);
}

/* Whether this version understands the table. */
static bool check_schema(struct visit *visit)
{
	static const struct row_sinks none = {.n = 0};
	struct arena arena;
	struct row row = {0};
	struct str raw;
	bool ok;

	arena_init(&arena);
	ok = visit_row(visit, ROW_SCHEMA_KEY, &arena, &raw) &&
	     (raw.n == 0 || row_read(&arena, raw, &none, &row, &visit->why));
	if (ok && row.schema > ROW_SCHEMA_VERSION)
		ok = error_set(&visit->why, ERROR_CONFIG,
			       "checkpoint table %.*s was written by a newer version of ddbtap "
			       "(schema %lld, this one knows %d); use that one",
			       STR_ARG(visit->own_table), (long long)row.schema,
			       ROW_SCHEMA_VERSION);
	arena_release(&arena);
	return ok;
}

/* Both kinds of opening. */
static bool enter(struct visit *visit, const struct program *program, const char *path,
		  bool may_create)
{
	*visit = (struct visit){.config = load_config(program, path)};
	if (visit->config == NULL) {
		visit->why.code = ERROR_CONFIG; /* it is said already what is wrong */
		return false;
	}
	visit->table = str_of(visit->config->checkpoint.table);
	visit->own_table = str_of(visit->config->checkpoint.own_table);
	visit->kcl = visit->config->checkpoint.leases == CONFIG_KCL;
	if (!cloud_open(&visit->cloud, visit->config, &visit->why))
		return false;
	asker_init(&visit->asker, visit->cloud.loop, visit->config->engine.request_timeout_ms);
	return find_tables(visit, may_create) && check_schema(visit);
}

bool visit_open(struct visit *visit, const struct program *program, const char *path)
{
	return enter(visit, program, path, false);
}

bool visit_open_created(struct visit *visit, const struct program *program, const char *path)
{
	return enter(visit, program, path, true);
}

int visit_close(struct visit *visit, int status)
{
	if (visit->why.code != ERROR_NONE)
		status = error_exit_status(visit->why.code);
	if (visit->why.text[0] != '\0')
		verb_error(0, "%s", visit->why.text);
	if (visit->asker.signo != 0)
		status = STATUS_SIGNAL + visit->asker.signo;
	cloud_release(&visit->cloud);
	config_free(visit->config);
	return status;
}

/* Hands on the rows of one page. */
static bool take_page(const struct table_page *page,
		      bool (*take)(void *arg, struct str raw_item, struct error *err), void *arg,
		      struct error *err)
{
	for (size_t i = 0; i < page->n_items; i++) {
		if (!take(arg, page->items[i], err))
			return false;
	}
	return true;
}

bool visit_scan_table(struct visit *visit, struct str table,
		      bool (*take)(void *arg, struct str raw_item, struct error *err), void *arg)
{
	char *next = NULL;
	bool ok = true;

	for (unsigned i = 0; ok && i < PAGES_MAX && (i == 0 || next != NULL); i++) {
		struct question question;
		struct table_page page;
		struct arena arena;

		arena_init(&arena);
		question_init(&question, IO_TABLES, TABLES_SCAN);
		tables_scan_request(&question.body, table, str_of(next), 0, true);
		ok = (visit_ask(visit, &question) || blame_table(visit, table)) &&
		     tables_scan_read(&arena, buf_view(&question.answer), &page, &visit->why) &&
		     take_page(&page, take, arg, &visit->why);
		mem_free(next);
		next = ok && page.next_key.n > 0 ? mem_dup(page.next_key.p, page.next_key.n) : NULL;
		question_release(&question);
		arena_release(&arena);
	}
	if (ok && next != NULL)
		ok = error_set(&visit->why, ERROR_DATA, "checkpoint table %.*s has no end",
			       STR_ARG(table));
	mem_free(next);
	return ok;
}

bool visit_scan(struct visit *visit,
		bool (*take)(void *arg, struct str raw_item, struct error *err), void *arg)
{
	if (!visit_scan_table(visit, visit->table, take, arg))
		return false;
	return !visit->kcl || !visit->own_there ||
	       visit_scan_table(visit, visit->own_table, take, arg);
}

enum written visit_write(struct visit *visit, struct question *question)
{
	if (visit_ask(visit, question))
		return WRITTEN;
	if (question->error.kind == API_CONDITION_FAILED && visit->asker.signo == 0) {
		visit->why = (struct error){0};
		return question->doubtful ? WRITTEN_MAYBE : WRITTEN_NOT;
	}
	blame_table(visit, visit->table);
	return WRITTEN_ERROR;
}
