/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap shards`: the shards of the tables, where each stands, and how far behind the sinks are. */
#include <signal.h>

#include "base/json.h"
#include "base/time.h"
#include "config/nearest.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/columns.h"
#include "consumer/verbs/forward.h"
#include "consumer/verbs/member.h"
#include "consumer/verbs/shardtree.h"

enum { OUT_MAX_BYTES = 1 << 30, TEXT_MAX_BYTES = 16 << 10, INDENT_MAX = 32 };

/* How far one sink is behind in a shard. */
struct lag {
	struct str word; /* "current", "behind", "trimmed", "gone"; empty: not asked, or finished */
	int64_t ms; /* behind: how old the oldest change is that it lacks */
};

struct shards {
	const char *table; /* NULL: all */
	bool json, lag;
	struct visit visit;
	struct snapshot snapshot;
	struct buf out;
	/* Of the shard that is shown. */
	struct position at[ROW_SINKS_MAX];
	struct lag lags[ROW_SINKS_MAX];
};

/* Puts how long it has been, roughly: "0.3s", "12.5s", "3m20s", "2h5m". */
static void put_ago(struct buf *buf, int64_t ms)
{
	if (ms < MINUTE_MS)
		buf_fmt(buf, "%lld.%llds", (long long)(ms / SECOND_MS),
			(long long)(ms % SECOND_MS / 100));
	else if (ms < HOUR_MS)
		buf_fmt(buf, "%lldm%llds", (long long)(ms / MINUTE_MS),
			(long long)(ms % MINUTE_MS / SECOND_MS));
	else
		buf_fmt(buf, "%lldh%lldm", (long long)(ms / HOUR_MS),
			(long long)(ms % HOUR_MS / MINUTE_MS));
}

/* Where reading of the shard begins, as its row says. */
static int64_t start_of(const struct tree_shard *shard)
{
	return shard->lease == NULL ? ROW_START_ALL : shard->lease->row.start_wall_ms;
}

/* Asks how old the first record is that a sink at this position lacks. */
static bool ask_lag(struct shards *shards, const struct tree *tree, const struct tree_shard *shard,
		    const struct position *at, struct lag *lag)
{
	struct visit *visit = &shards->visit;
	int64_t start_wall_ms = start_of(shard);
	struct forward forward = {
		.stream_arn = tree->arn,
		.shard = shard->id,
		.from = *at,
		.limit = 1,
	};

	/* At the tip, from which nothing was taken yet. */
	if (at->kind == POSITION_START && start_wall_ms == ROW_START_LATEST) {
		lag->word = STR("current");
		return true;
	}
	if (at->kind == POSITION_START && start_wall_ms >= 0) {
		forward.since_wall_ms = start_wall_ms;
		forward.limit = 0;
	}
	if (!forward_find(visit, &forward))
		return false;
	switch (forward.end) {
	case FORWARD_FOUND:
		lag->word = STR("behind");
		lag->ms = caller_wall_ms(&visit->asker.caller) - forward.wall_ms;
		lag->ms = lag->ms < 0 ? 0 : lag->ms; /* the service's times are whole seconds */
		break;
	case FORWARD_TIP:
	case FORWARD_SHARD_END:
		lag->word = STR("current");
		break;
	case FORWARD_TRIMMED:
		lag->word = STR("trimmed");
		break;
	case FORWARD_GONE:
		lag->word = STR("gone");
		break;
	}
	return true;
}

/* Finds out where the sinks are in a shard; asks once for each position. */
static bool look(struct shards *shards, const struct forest *forest, const struct tree *tree,
		 const struct tree_shard *shard)
{
	for (size_t i = 0; i < forest->n_sinks; i++) {
		size_t same = 0;

		shards->at[i] = tree_position(shard, &forest->sinks[i]);
		shards->lags[i] = (struct lag){0};
		if (!shards->lag || shards->at[i].kind == POSITION_END)
			continue;
		while (position_cmp(&shards->at[same], &shards->at[i]) != 0)
			same++;
		if (same < i)
			shards->lags[i] = shards->lags[same];
		else if (!ask_lag(shards, tree, shard, &shards->at[i], &shards->lags[i]))
			return false;
	}
	return true;
}

/* Appends the lag of one sink. */
static void put_lag(struct buf *buf, const struct lag *lag)
{
	if (str_eq(lag->word, STR("behind")))
		put_ago(buf, lag->ms);
	else
		buf_str(buf, lag->word.n == 0 ? STR("-") : lag->word);
}

/* Appends the position, or the lag, of sink `i`. */
static void put_value(const struct shards *shards, const struct tree_shard *shard, size_t i,
		      bool lag, struct buf *buf)
{
	if (lag)
		put_lag(buf, &shards->lags[i]);
	else
		snapshot_put_position(buf, &shards->at[i], start_of(shard));
}

/* A cell with the positions or the lags of all sinks: once, if all have the same. */
static void put_values(struct columns *columns, const struct shards *shards,
		       const struct forest *forest, const struct tree_shard *shard, bool lag)
{
	bool same = true;
	struct buf text, one;

	buf_init(&text, TEXT_MAX_BYTES);
	buf_init(&one, TEXT_MAX_BYTES);
	put_value(shards, shard, 0, lag, &text);
	for (size_t i = 1; i < forest->n_sinks && same; i++) {
		buf_clear(&one);
		put_value(shards, shard, i, lag, &one);
		same = str_eq(buf_view(&one), buf_view(&text));
	}
	if (!same)
		buf_clear(&text);
	for (size_t i = 0; i < forest->n_sinks && !same; i++) {
		buf_str(&text, i == 0 ? STR_NONE : STR(" "));
		snapshot_put_sink(&text, forest->sinks[i].name, forest->sinks[i].generation);
		buf_c(&text, '=');
		put_value(shards, shard, i, lag, &text);
	}
	columns_cell(columns, buf_view(&text));
	buf_release(&text);
	buf_release(&one);
}

/* What the service's listing says of a shard. */
static struct str listed_word(const struct tree_shard *shard)
{
	if (!shard->listed)
		return STR("unlisted");
	return shard->open ? STR("open") : STR("closed");
}

/* Appends a shard for people, below its parent. */
static void put_row(struct shards *shards, const struct forest *forest,
		    const struct tree_shard *shard, struct columns *columns)
{
	struct str owner = shard->lease == NULL ? STR_NONE : shard->lease->row.owner;
	int indent = 2 * (shard->depth < INDENT_MAX ? (int)shard->depth : INDENT_MAX);

	columns_fmt(columns, "%*s%.*s", indent, "", STR_ARG(shard->id));
	columns_cell(columns, listed_word(shard));
	columns_fmt(columns, "%.*s%s", STR_ARG(tree_state_word(shard->state)),
		    shard->state == TREE_FORGOTTEN ? ", no row" : "");
	columns_cell(columns, snapshot_worker(&shards->snapshot, owner));
	columns_cell(columns, snapshot_owner_word(&shards->snapshot, owner));
	put_values(columns, shards, forest, shard, false);
	if (shards->lag)
		put_values(columns, shards, forest, shard, true);
}

/* Appends where sink `i` is. */
static void put_sink(struct shards *shards, const struct forest *forest,
		     const struct tree_shard *shard, size_t i)
{
	const struct lag *lag = &shards->lags[i];
	struct buf *out = &shards->out;
	struct buf name, at;

	buf_init(&name, TEXT_MAX_BYTES);
	buf_init(&at, TEXT_MAX_BYTES);
	put_value(shards, shard, i, false, &at);
	snapshot_put_sink(&name, forest->sinks[i].name, forest->sinks[i].generation);
	json_comma(out);
	json_put(out, buf_view(&name));
	buf_str(out, STR(":{"));
	member_text(out, STR("position"), buf_view(&at));
	if (lag->word.n > 0)
		member_text(out, STR("lag"), lag->word);
	if (str_eq(lag->word, STR("behind")))
		member_number(out, STR("lag_ms"), lag->ms);
	buf_c(out, '}');
	buf_release(&at);
	buf_release(&name);
}

/* Appends a shard as JSON. */
static void put_json(struct shards *shards, const struct forest *forest, const struct tree *tree,
		     const struct tree_shard *shard)
{
	struct str owner = shard->lease == NULL ? STR_NONE : shard->lease->row.owner;
	struct buf *out = &shards->out;

	buf_c(out, '{');
	member_text(out, STR("table"), tree->table);
	member_text(out, STR("stream"), tree->label);
	member_text(out, STR("shard"), shard->id);
	member_text(out, STR("parent"), shard->parent_id);
	member_bool(out, STR("listed"), shard->listed);
	member_bool(out, STR("open"), shard->open);
	member_text(out, STR("state"), tree_state_word(shard->state));
	member_bool(out, STR("row"), shard->lease != NULL);
	member_text(out, STR("worker"), snapshot_worker(&shards->snapshot, owner));
	member_text(out, STR("heartbeat"), snapshot_owner_word(&shards->snapshot, owner));
	buf_str(out, STR(",\"sinks\":{"));
	for (size_t i = 0; i < forest->n_sinks; i++)
		put_sink(shards, forest, shard, i);
	buf_str(out, STR("}}\n"));
}

/* Appends all shards of a stream. */
static bool put_stream(struct shards *shards, const struct forest *forest, const struct tree *tree)
{
	static const char *const heads[] = {"SHARD",	 "LISTED",    "STATE", "WORKER",
					    "HEARTBEAT", "POSITIONS", "LAG"};
	struct columns columns;
	bool ok = true;

	columns_init(&columns, heads, ARRAY_N(heads) - !shards->lag);
	for (size_t i = 0; i < tree->n && ok; i++) {
		const struct tree_shard *shard = tree->order[i];

		ok = look(shards, forest, tree, shard);
		if (ok && shards->json)
			put_json(shards, forest, tree, shard);
		else if (ok)
			put_row(shards, forest, shard, &columns);
	}
	if (ok && !shards->json) {
		buf_fmt(&shards->out, "table %.*s, stream %.*s%s\n", STR_ARG(tree->table),
			STR_ARG(tree->label), tree->listed ? "" : ", which is gone");
		columns_put(&columns, &shards->out);
		buf_c(&shards->out, '\n');
	}
	columns_release(&columns);
	return ok;
}

/* Prints the streams of one table; returns the exit status so far. */
static int print_table(struct shards *shards, struct str table)
{
	struct visit *visit = &shards->visit;
	struct forest *forest = forest_load(visit, &shards->snapshot, table);
	int status;

	if (forest == NULL &&
	    (visit->why.code == ERROR_NOT_FOUND || visit->why.code == ERROR_CONFIG)) {
		/* Of this table alone: the others are shown all the same. */
		status = verb_error(error_exit_status(visit->why.code), "%s", visit->why.text);
		visit->why = (struct error){0};
		return status;
	}
	if (forest == NULL)
		return 0;
	for (const struct tree *tree = forest->first; tree != NULL; tree = tree->next) {
		if (!put_stream(shards, forest, tree))
			return 0;
	}
	must(!shards->out.failed);
	status = verb_write(buf_view(&shards->out));
	buf_clear(&shards->out);
	return status;
}

/* Prints the tables that are wanted. */
static int print_tables(struct shards *shards)
{
	const struct config *config = shards->visit.config;
	int status = 0, last;

	for (size_t i = 0; i < config->n_tables && shards->visit.why.code == ERROR_NONE; i++) {
		struct str name = str_of(config->tables[i].name);

		if (shards->table != NULL && !str_eq(name, str_of(shards->table)))
			continue;
		last = print_table(shards, name);
		status = status == 0 ? last : status;
		if (last == 128 + SIGPIPE || last == error_exit_status(ERROR_IO))
			return last;
	}
	if (status == 0 && shards->snapshot.malformed > 0)
		status = error_exit_status(ERROR_DATA);
	return status;
}

/* Whether the table that was named is one of the configuration; sets visit->why. */
static bool check_table(struct shards *shards)
{
	const struct config *config = shards->visit.config;
	struct nearest nearest;

	if (shards->table == NULL || snapshot_table(config, str_of(shards->table)) != NULL)
		return true;
	nearest_init(&nearest, str_of(shards->table));
	for (size_t i = 0; i < config->n_tables; i++)
		nearest_offer(&nearest, str_of(config->tables[i].name));
	return error_set(&shards->visit.why, ERROR_USAGE,
			 "the configuration has no table '%s'%s%.*s%s", shards->table,
			 nearest.best.n > 0 ? "; did you mean " : "", STR_ARG(nearest.best),
			 nearest.best.n > 0 ? "?" : "");
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct shards shards = {0};
	const struct argument arguments[] = {
		{"table", .value = &shards.table},
		{"json", .flag = &shards.json},
		{"lag", .flag = &shards.lag},
	};
	int status = 0;

	if (!arguments_read(&verb_shards, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc != 2)
		return verb_usage_error(&verb_shards, "shards takes one configuration file");
	buf_init(&shards.out, OUT_MAX_BYTES);
	if (visit_open(&shards.visit, program, argv[1]) && check_table(&shards) &&
	    snapshot_take(&shards.snapshot, &shards.visit))
		status = print_tables(&shards);
	snapshot_release(&shards.snapshot);
	buf_release(&shards.out);
	return visit_close(&shards.visit, status);
}

const struct verb verb_shards = {
	.name = "shards",
	.help = "shows the tables' shards and how far the sinks are in them",
	.usage =
		"usage: ddbtap shards CONFIG [--table T] [--lag] [--json]\n"
		"\n"
		"Prints the shards of each table's streams, children below their parents, as the "
		"service lists\n"
		"them (open, closed, unlisted) and the checkpoint table knows them: waiting for "
		"what comes\n"
		"before, free, owned by a worker, or finished, perhaps with its row deleted. "
		"POSITIONS is up to\n"
		"where the sinks have everything, once if all are at the same. A worker whose "
		"heartbeat is listed\n"
		"need not live; one that is fenced or unknown does not. Whether workers run does "
		"not matter.\n"
		"Where nothing was taken yet it is where that begins: TRIM_HORIZON, LATEST or a "
		"time.\n"
		"\n"
		"  --table T  only this table\n"
		"  --lag      ask how old the oldest change is that a sink lacks, or whether it is "
		"current; each\n"
		"             shard is read for that, which the service bills\n"
		"  --json     one JSON object a line\n"
		"\n"
		"Exit status: 0, 65 a row makes no sense, 69 a table or the checkpoint table does "
		"not exist, 75 out\n"
		"of reach, 77 credentials or permissions, 78 the configuration, or a table without "
		"a stream.\n",
	.run = run,
};
