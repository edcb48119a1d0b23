/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap seek`: makes sinks go on from another place. */
#include "consumer/verbs/seek.h"

#include "base/time.h"
#include "consumer/aws/endpoint.h"
#include "consumer/aws/tableapi.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/living.h"

enum {
	ID_MAX_BYTES = 2000,
	KEY_MAX_BYTES = 2000,
	TRIES = 20,
	ADOPT_LEASES = 6, /* how many lease times workers have to adopt a new replay */
};

struct seek {
	const char *table, *to, *shard, *sink; /* as given; NULL: not */
	bool all, abandon;
	struct seek_target target;
	struct buf id; /* of the seek: what was asked for, so that the same command goes on with it */
	struct visit visit;
	int64_t epoch; /* the replay that it begins */
	bool resumed;
	bool watching; /* it is said already that workers are watched */
	size_t written; /* rows, so far */
};

/* ---- the registry ---- */

/* What a change of the registry comes to. */
enum change { CHANGE_WRITE, CHANGE_NONE, CHANGE_ERROR };

/* Reads the registry and writes what `change` makes of it, again if somebody else was faster. */
static bool change_registry(struct seek *seek,
			    enum change (*change)(struct seek *seek, struct registry *registry))
{
	struct visit *visit = &seek->visit;

	for (unsigned i = 0; i < TRIES; i++) {
		enum written written = WRITTEN_ERROR;
		enum change wanted = CHANGE_ERROR;
		struct registry registry;
		struct question question;
		struct arena arena;
		struct str raw;

		arena_init(&arena);
		question_init(&question, IO_TABLES, TABLES_UPDATE_ITEM);
		if (visit_row(visit, ROW_REGISTRY_KEY, &arena, &raw) &&
		    registry_read(&arena, raw, &registry, &visit->why))
			wanted = change(seek, &registry);
		if (wanted == CHANGE_WRITE) {
			registry_write(&question.body, visit->own_table, &registry);
			written = visit_write(visit, &question);
		}
		question_release(&question);
		arena_release(&arena);
		if (wanted != CHANGE_WRITE || written == WRITTEN || written == WRITTEN_ERROR)
			return wanted == CHANGE_NONE || written == WRITTEN;
	}
	return error_set(&visit->why, ERROR_RETRY, "the registry changes all the time");
}

/* Says that another seek is under way; returns false. */
static bool busy(struct seek *seek, const struct registry *registry)
{
	return error_set(
		&seek->visit.why, ERROR_RETRY,
		"another seek is under way, or was interrupted: finish it by 'ddbtap seek CONFIG "
		"%.*s', or give it up by --abandon",
		STR_ARG(registry->seek));
}

/* Begins the seek: a new replay, or the one that the same seek began before. */
static enum change begin(struct seek *seek, struct registry *registry)
{
	bool same = str_eq(registry->seek, buf_view(&seek->id));

	if (registry->seek.n > 0 && !same) {
		busy(seek, registry);
		return CHANGE_ERROR;
	}
	seek->resumed = same;
	if (!same)
		registry->epoch++;
	seek->epoch = registry->epoch;
	registry->seek = buf_view(&seek->id);
	return same ? CHANGE_NONE : CHANGE_WRITE;
}

/* Ends the seek. */
static enum change end(struct seek *seek, struct registry *registry)
{
	if (!str_eq(registry->seek, buf_view(&seek->id)) || registry->epoch != seek->epoch) {
		error_set(&seek->visit.why, ERROR_RETRY,
			  "this seek was given up by somebody else meanwhile");
		return CHANGE_ERROR;
	}
	registry->seek = STR_NONE;
	return CHANGE_WRITE;
}

/* Gives up the seek that is under way, whichever it is. */
static enum change abandon(struct seek *seek, struct registry *registry)
{
	(void)seek;
	if (registry->seek.n == 0) {
		verb_error(0, "there is no seek to give up");
		return CHANGE_NONE;
	}
	verb_error(0, "gave up the seek '%.*s'; leases that it rewrote stay as they are",
		   STR_ARG(registry->seek));
	registry->seek = STR_NONE;
	return CHANGE_WRITE;
}

/* ---- the workers ---- */

/* The workers of a snapshot that have not adopted the replay. */
static void add_late(struct living *living, const struct snapshot *snapshot, int64_t epoch)
{
	for (size_t i = 0; i < snapshot->n_beats; i++) {
		const struct heartbeat *beat = &snapshot->beats[i];

		if (!beat->fenced && beat->epoch < epoch)
			living_add_beat(living, beat);
	}
}

/*
 * Looks once: false with visit->why; `*late_out` says whether somebody who lives has not adopted
 * the replay.
 */
static bool look_for_late(struct seek *seek, bool *late_out)
{
	struct living living = {.quiet = seek->watching};
	struct snapshot snapshot;
	bool ok = snapshot_take(&snapshot, &seek->visit) && snapshot_whole(&snapshot, &seek->visit);

	add_late(&living, &snapshot, seek->epoch);
	ok = ok && living_judge(&living, &seek->visit);
	*late_out = living_any(&living).n > 0;
	seek->watching = true;
	/* Kept for the case that this was the last look. */
	if (ok && *late_out)
		error_set(&seek->visit.why, ERROR_RETRY,
			  "worker %.*s lives and does not adopt replay %lld: stop it, and repeat "
			  "this "
			  "command, which goes on then",
			  STR_ARG(living_any(&living)), (long long)seek->epoch);
	living_release(&living);
	snapshot_release(&snapshot);
	return ok;
}

/* Waits until no worker goes on with positions of the old replay. */
static bool await_workers(struct seek *seek)
{
	const struct config *config = seek->visit.config;
	struct io *io = loop_io(seek->visit.cloud.loop);
	int64_t due_ms = io_now_ms(io) + ADOPT_LEASES * config->worker.lease_ms;
	bool late;

	for (;;) {
		if (!look_for_late(seek, &late))
			return false;
		if (!late || io_now_ms(io) >= due_ms)
			return !late;
		seek->visit.why = (struct error){0};
		if (!visit_sleep(&seek->visit, config->worker.heartbeat_ms / 2))
			return false;
	}
}

/* ---- the rows ---- */

/* Fills in which sinks are ahead of the least of them, which it returns. */
static struct position split(const struct forest *forest, const struct seek_row *row,
			     struct row_ahead *ahead, size_t *n)
{
	struct position least = position_end();

	for (size_t i = 0; i < forest->n_sinks; i++) {
		if (position_cmp(&row->at[i], &least) < 0)
			least = row->at[i];
	}
	*n = 0;
	for (size_t i = 0; i < forest->n_sinks; i++) {
		if (position_cmp(&row->at[i], &least) > 0)
			ahead[(*n)++] = (struct row_ahead){
				.name = forest->sinks[i].name,
				.generation = forest->sinks[i].generation,
				.at = row->at[i],
			};
	}
	return least;
}

/* The form of the table's keys: that of the leases which are there, or else what the configuration makes it. */
static enum lease_form form_of(const struct visit *visit, const struct forest *forest)
{
	for (const struct tree *tree = forest->first; tree != NULL; tree = tree->next) {
		for (size_t i = 0; i < tree->n; i++) {
			if (tree->shards[i].lease != NULL)
				return tree->shards[i].lease->form;
		}
	}
	if (!visit->kcl)
		return FORM_NATIVE;
	return visit->config->n_tables == 1 ? FORM_SINGLE : FORM_MULTI;
}

/* Names a shard's row; the key lies in the arena. */
static void name_row(struct row_rewrite *rewrite, const struct visit *visit, struct arena *arena,
		     const struct forest *forest, const struct seek_row *row)
{
	enum lease_form form = form_of(visit, forest);
	struct table_arn parts = {0};
	bool ok = table_arn_parse(forest->arn, &parts);
	struct buf key;

	must(ok);
	parts.label = row->tree->label;
	buf_init(&key, KEY_MAX_BYTES);
	lease_key_prefix(&key, form, &parts);
	buf_str(&key, row->shard->id);
	rewrite->key = arena_str(arena, buf_view(&key));
	rewrite->parent = row->shard->parent_id;
	if (form == FORM_MULTI && row->shard->lease == NULL)
		rewrite->shard = row->shard->id;
	if (form == FORM_SINGLE && row->shard->lease == NULL)
		rewrite->label = row->tree->label;
	buf_release(&key);
}

/* Whether the row is what a rewrite makes of it: its answer was lost. */
static bool has_landed(struct visit *visit, const struct row_rewrite *rewrite)
{
	const struct row_view *lease = rewrite->lease;
	struct row_view now;
	struct arena arena;
	struct str raw;
	bool landed;

	arena_init(&arena);
	landed = visit_row(visit, lease == NULL ? rewrite->key : lease->row.key, &arena, &raw) &&
		 raw.n > 0 && row_view_read(&arena, raw, &now, &visit->why) &&
		 now.epoch == rewrite->epoch &&
		 now.row.counter == (lease == NULL ? 1 : lease->row.counter + 1);
	arena_release(&arena);
	return landed;
}

/* Sends a rewrite. One that finds another row than was read has met somebody who writes it. */
static bool send(struct seek *seek, const struct row_rewrite *rewrite, const struct seek_row *row)
{
	struct visit *visit = &seek->visit;
	struct question question;
	enum written written;

	question_init(&question, IO_TABLES, TABLES_UPDATE_ITEM);
	row_admin_rewrite(&question.body, visit->table, rewrite);
	written = visit_write(visit, &question);
	question_release(&question);
	if (written == WRITTEN || (written == WRITTEN_MAYBE && has_landed(visit, rewrite)))
		return true;
	if (visit->why.code == ERROR_NONE)
		error_set(
			&visit->why, ERROR_RETRY,
			"the lease of shard %.*s has changed meanwhile: repeat this command, which "
			"goes on",
			STR_ARG(row->shard->id));
	return false;
}

/* Puts back the row of a finished shard, as it was when it was deleted. */
static bool revive(struct seek *seek, struct arena *arena, const struct forest *forest,
		   struct seek_row *row)
{
	struct row_rewrite rewrite = {
		.epoch = seek->epoch - 1,
		.start_wall_ms = ROW_START_ALL,
		.checkpoint = position_end(),
	};
	struct row_view *lease = arena_alloc(arena, sizeof(*lease));
	bool ok;

	name_row(&rewrite, &seek->visit, arena, forest, row);
	ok = send(seek, &rewrite, row);
	lease->form = form_of(&seek->visit, forest);
	lease->row = (struct row){.key = rewrite.key, .counter = 1};
	row->shard->lease = lease;
	return ok;
}

/* Writes one row as it is planned, and tells on standard output where its sinks are. */
static bool rewrite_one(struct seek *seek, const struct forest *forest, const struct seek_row *row)
{
	struct row_ahead ahead[ROW_SINKS_MAX];
	struct row_rewrite rewrite = {
		.lease = row->shard->lease,
		.epoch = seek->epoch,
		.start_wall_ms = row->start_wall_ms,
		.ahead = ahead,
	};
	struct arena arena;
	bool ok;

	arena_init(&arena);
	name_row(&rewrite, &seek->visit, &arena, forest, row);
	rewrite.checkpoint = split(forest, row, ahead, &rewrite.n_ahead);
	ok = send(seek, &rewrite, row);
	seek->written += ok;
	arena_release(&arena);
	return ok;
}

/* Rewrites the rows of one table. */
static bool rewrite_table(struct seek *seek, struct snapshot *snapshot, struct str table)
{
	struct arena *arena = &snapshot->arena;
	struct forest *forest = forest_load(&seek->visit, snapshot, table);
	struct seek_plan plan;

	if (forest == NULL ||
	    !seek_plan(&seek->visit, arena, forest, &seek->target, seek->epoch, &plan))
		return false;
	for (size_t i = 0; i < plan.n; i++) {
		if (plan.rows[i].revive && !revive(seek, arena, forest, &plan.rows[i]))
			return false;
	}
	/* Children first: as long as a parent is where it was, nothing below it is read too early. */
	for (size_t i = plan.n; i-- > 0;) {
		if (plan.rows[i].write && !rewrite_one(seek, forest, &plan.rows[i]))
			return false;
	}
	return true;
}

/* Calls `fn` for each table that is meant. */
static bool each_table(struct seek *seek, struct snapshot *snapshot,
		       bool (*fn)(struct seek *seek, struct snapshot *snapshot, struct str table))
{
	const struct config *config = seek->visit.config;

	for (size_t i = 0; i < config->n_tables; i++) {
		struct str name = str_of(config->tables[i].name);

		if ((seek->all || str_eq(name, str_of(seek->table))) && !fn(seek, snapshot, name))
			return false;
	}
	return true;
}

/* Looks at one table before anything is changed. */
static bool check_table(struct seek *seek, struct snapshot *snapshot, struct str table)
{
	const struct forest *forest = forest_load(&seek->visit, snapshot, table);

	return forest != NULL && seek_check(&seek->visit, forest, &seek->target);
}

/* Takes all rows and goes through the tables. */
static bool with_rows(struct seek *seek,
		      bool (*fn)(struct seek *seek, struct snapshot *snapshot, struct str table))
{
	struct snapshot snapshot;
	bool ok = snapshot_take(&snapshot, &seek->visit) &&
		  snapshot_whole(&snapshot, &seek->visit) && each_table(seek, &snapshot, fn);

	snapshot_release(&snapshot);
	return ok;
}

/* Does it all. */
static bool carry_out(struct seek *seek)
{
	if (!with_rows(seek, check_table) || !change_registry(seek, begin))
		return false;
	verb_error(0, "%s replay %lld", seek->resumed ? "going on with" : "beginning",
		   (long long)seek->epoch);
	if (!await_workers(seek) || !with_rows(seek, rewrite_table) || !change_registry(seek, end))
		return false;
	verb_error(0, "%zu lease%s rewritten", seek->written, seek->written == 1 ? " is" : "s are");
	return true;
}

/* ---- the command line ---- */

/* Reads --to; false after complaining. */
static bool read_to(struct seek *seek)
{
	struct str to = str_of(seek->to);
	struct seek_target *target = &seek->target;

	if (str_eq_nocase(to, STR("trim_horizon"))) {
		target->kind = SEEK_HORIZON;
	} else if (str_eq_nocase(to, STR("latest"))) {
		target->kind = SEEK_LATEST;
	} else if (time_parse_rfc3339(to, &target->wall_ms)) {
		target->kind = SEEK_TIME;
	} else if (seqno_valid(to)) {
		target->kind = SEEK_AFTER;
		target->after = position_after(to);
	} else {
		verb_usage_error(&verb_seek,
				 "'%s' is no place: trim_horizon, latest, a time such as "
				 "2026-01-02T03:04:05Z, or a sequence number",
				 seek->to);
		return false;
	}
	return true;
}

/* Appends an option to the seek's id, if it was given. */
static void put_option(struct seek *seek, const char *name, const char *value)
{
	if (value != NULL)
		buf_fmt(&seek->id, "%s--%s %s", seek->id.n == 0 ? "" : " ", name, value);
}

/* Whether the command line makes sense; fills in what is asked for. */
static bool understand(struct seek *seek)
{
	const char *wrong = NULL;

	if (seek->abandon) {
		if (seek->table != NULL || seek->all || seek->to != NULL || seek->shard != NULL ||
		    seek->sink != NULL)
			wrong = "--abandon takes nothing else";
	} else if ((seek->table != NULL) == seek->all) {
		wrong = "seek wants --table T or --all";
	} else if (seek->to == NULL) {
		wrong = "seek wants --to: trim_horizon, latest, a time or a sequence number";
	} else if (seek->shard != NULL && seek->all) {
		wrong = "--shard goes with --table";
	} else if (!read_to(seek)) {
		return false;
	} else if (seek->target.kind == SEEK_AFTER && seek->shard == NULL) {
		wrong = "a sequence number goes with --shard";
	}
	if (wrong != NULL) {
		verb_usage_error(&verb_seek, "%s", wrong);
		return false;
	}
	seek->target.shard = str_of(seek->shard);
	seek->target.sink = str_of(seek->sink);
	if (seek->all)
		buf_str(&seek->id, STR("--all"));
	put_option(seek, "table", seek->table);
	put_option(seek, "shard", seek->shard);
	put_option(seek, "to", seek->to);
	put_option(seek, "sink", seek->sink);
	return !seek->id.failed;
}

/*
 * Whether table and sink are ones of the configuration, and the time is not to come. False with
 * visit->why.
 */
static bool check_names(struct seek *seek)
{
	struct visit *visit = &seek->visit;
	bool found = seek->sink == NULL;

	if (seek->table != NULL && snapshot_table(visit->config, str_of(seek->table)) == NULL)
		return error_set(&visit->why, ERROR_USAGE, "the configuration has no table '%s'",
				 seek->table);
	for (size_t i = 0; i < visit->config->n_sinks && !found; i++) {
		const struct config_sink *sink = &visit->config->sinks[i];

		found = str_eq(str_of(sink->name), str_of(seek->sink)) &&
			(seek->all || config_sink_takes(sink, str_of(seek->table)));
	}
	if (!found)
		return error_set(&visit->why, ERROR_USAGE,
				 "the configuration has no sink '%s' that gets %s%s", seek->sink,
				 seek->all ? "any table" : "table ", seek->all ? "" : seek->table);
	if (seek->target.kind == SEEK_TIME &&
	    seek->target.wall_ms > io_wall_ms(loop_io(visit->cloud.loop)) + MINUTE_MS)
		return error_set(&visit->why, ERROR_USAGE, "%s is still to come", seek->to);
	return true;
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct seek seek = {0};
	const struct argument arguments[] = {
		{"table", .value = &seek.table}, {"to", .value = &seek.to},
		{"shard", .value = &seek.shard}, {"sink", .value = &seek.sink},
		{"all", .flag = &seek.all},	 {"abandon", .flag = &seek.abandon},
	};
	int status;

	if (!arguments_read(&verb_seek, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc != 2)
		return verb_usage_error(&verb_seek, "seek takes one configuration file");
	buf_init(&seek.id, ID_MAX_BYTES);
	if (!understand(&seek)) {
		buf_release(&seek.id);
		return error_exit_status(ERROR_USAGE);
	}
	/* What goes wrong is in seek.visit.why, which the end tells. */
	(void)(visit_open(&seek.visit, program, argv[1]) &&
	       (seek.abandon ? change_registry(&seek, abandon)
			     : check_names(&seek) && carry_out(&seek)));
	status = visit_close(&seek.visit, 0);
	buf_release(&seek.id);
	return status;
}

const struct verb verb_seek = {
	.name = "seek",
	.help = "makes sinks go on from another place",
	.usage =
		"usage: ddbtap seek CONFIG --table T|--all --to trim_horizon|latest|TIME [--sink "
		"NAME]\n"
		"       ddbtap seek CONFIG --table T --shard S --to "
		"trim_horizon|latest|TIME|SEQUENCE [--sink NAME]\n"
		"       ddbtap seek CONFIG --abandon\n"
		"\n"
		"Makes all sinks, or one, go on from another place in the streams: trim_horizon "
		"is everything\n"
		"that they still have, latest what comes from now on, a TIME such as "
		"2026-01-02T03:04:05Z the\n"
		"changes from then on, a sequence number of a shard what follows it. To find a "
		"time, and with\n"
		"leases: kcl the tip, shards are read from their beginning, as far as their ids do "
		"not tell it.\n"
		"\n"
		"With --shard only that shard is sought in; if a sink goes back in it, the shards "
		"that came of it\n"
		"begin anew for that sink, since order holds.\n"
		"\n"
		"Workers may run: they are asked to let go of their leases, and take them up "
		"again at the new\n"
		"places. One that shows no sign of life for the lease time is fenced. A seek that "
		"was interrupted\n"
		"goes on when the same command is given again; until then, or until it is given "
		"up, no worker\n"
		"reads.\n"
		"\n"
		"  --table T    only this table\n"
		"  --all        all tables of the configuration\n"
		"  --to PLACE   where to go on\n"
		"  --shard S    only this shard\n"
		"  --sink NAME  only this sink; the others stay where they are\n"
		"  --abandon    give up a seek that was interrupted; leases that it rewrote stay "
		"rewritten\n"
		"\n"
		"Exit status: 0, 65 a row makes no sense, 69 a table, shard or record does not "
		"exist, 75 out of\n"
		"reach, a worker does not let go, or another seek is under way, 77 credentials or "
		"permissions, 78\n"
		"the configuration.\n",
	.run = run,
};
