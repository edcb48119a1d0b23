/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario.h"

#include <stdio.h>

#include "base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/quantity.h"
#include "tests/sim/scenario_option.h"

enum { WITHIN_STEP_MS = 100 };

/* The table named by word number `i`, as a terminated string, or NULL. */
static const char *table_name(struct line *line, size_t i)
{
	size_t table = cluster_find_table(line->cluster, line_word(line, i));

	if (table == line->cluster->n_tables) {
		line_complain(line, "no such table: %.*s", STR_ARG(line_word(line, i)));
		return NULL;
	}
	return line->cluster->tables[table]->name;
}

/* option NAME VALUE */
static void do_option(struct line *line)
{
	if (!scenario_option(line->cluster, line_word(line, 1), line_number(line, 2, 1)))
		line_complain(line, "no such option: %.*s", STR_ARG(line_word(line, 1)));
}

/* table NAME SHARDS [latest] [fail] [images] */
static void do_table(struct line *line)
{
	char text[64];
	struct ledger_table *table =
		cluster_table(line->cluster, line_name(line, 1, text, sizeof(text)),
			      (unsigned)line_number(line, 2, 1));

	for (size_t i = 3; i < line->n; i++) {
		if (str_eq(line_word(line, i), STR("latest")))
			table->latest = true;
		else if (str_eq(line_word(line, i), STR("fail")))
			table->gap_fail = true;
		else if (str_eq(line_word(line, i), STR("images")))
			table->of_images = true;
		else
			line_complain(line, "no such word: %.*s", STR_ARG(line_word(line, i)));
	}
}

/* begin TABLE time AGO; begin TABLE after KEY: before the first start */
static void do_begin(struct line *line)
{
	struct cluster *cluster = line->cluster;
	size_t i = cluster_find_table(cluster, line_word(line, 1));
	char key[64];

	if (table_name(line, 1) == NULL)
		return;
	if (str_eq(line_word(line, 2), STR("time")))
		cluster->tables[i]->start_wall_ms =
			world_wall_ms(&cluster->world) - line_number(line, 3, 0);
	else if (str_eq(line_word(line, 2), STR("after")))
		cluster_start_after(cluster, cluster->tables[i],
				    line_name(line, 3, key, sizeof(key)));
	else
		line_complain(line, "neither time nor after: %.*s", STR_ARG(line_word(line, 2)));
}

/* sink NAME [MODE [MS]]: a new one, or a change of one */
static void do_sink(struct line *line)
{
	struct target *target = cluster_find_sink(line->cluster, line_word(line, 1));
	enum target_mode mode = line->n > 2 ? target_mode_find(line_word(line, 2)) : TARGET_FAST;
	char text[32];

	if (mode == TARGET_MODES) {
		line_complain(line, "no such mode: %.*s", STR_ARG(line_word(line, 2)));
		return;
	}
	if (target == NULL)
		target = cluster_sink(line->cluster, line_name(line, 1, text, sizeof(text)));
	target_set_mode(target, mode, line_number(line, 3, 200));
}

/* letters SINK TO [shared]: TO takes the dead letters of SINK, and no tables unless it is shared */
static void do_letters(struct line *line)
{
	struct target *from = cluster_find_sink(line->cluster, line_word(line, 1));
	struct target *to = cluster_find_sink(line->cluster, line_word(line, 2));

	if (from == NULL || to == NULL || from == to)
		line_complain(line, "letters wants two sinks");
	else
		cluster_letters(line->cluster, from, to,
				!str_eq(line_word(line, 3), STR("shared")));
}

/* give SINK attempts|age|poison|memory N, poison-item KEY: before the first start */
static void do_give(struct line *line)
{
	struct target *target = cluster_find_sink(line->cluster, line_word(line, 1));
	bool item = str_eq(line_word(line, 2), STR("poison-item"));
	int64_t value = item ? 0 : line_number(line, 3, 1);

	if (target == NULL)
		line_complain(line, "no such sink: %.*s", STR_ARG(line_word(line, 1)));
	else if (item)
		line_name(line, 3, target->poison_item, sizeof(target->poison_item));
	else if (str_eq(line_word(line, 2), STR("attempts")))
		target->max_attempts = value;
	else if (str_eq(line_word(line, 2), STR("age")))
		target->max_age_ms = value;
	else if (str_eq(line_word(line, 2), STR("poison")))
		target->poison_every = (unsigned)value;
	else if (str_eq(line_word(line, 2), STR("memory")))
		target->remembers = value != 0;
	else
		line_complain(line, "no such gift: %.*s", STR_ARG(line_word(line, 2)));
}

/* write TABLE KEY [COUNT [BYTES]]: COUNT changes of one item */
static void do_write(struct line *line)
{
	const char *table = table_name(line, 1);
	int64_t n = line_number(line, 3, 1), bytes = line_number(line, 4, 0);
	char key[64];

	line_name(line, 2, key, sizeof(key));
	for (int64_t i = 0; table != NULL && i < n && !line->bad; i++)
		cluster_put(line->cluster, table, key, (size_t)bytes);
}

/* spread TABLE KEYS COUNT [BYTES]: COUNT changes, one after the other to each of KEYS items */
static void do_spread(struct line *line)
{
	const char *table = table_name(line, 1);
	int64_t keys = line_number(line, 2, 1), n = line_number(line, 3, 1),
		bytes = line_number(line, 4, 0);
	char key[64];

	for (int64_t i = 0; table != NULL && i < n && !line->bad; i++) {
		snprintf(key, sizeof(key), "k%lld", (long long)(i % keys));
		cluster_put(line->cluster, table, key, (size_t)bytes);
	}
}

/* steady TABLE KEYS EVERY FOR: one change each EVERY, for so long */
static void do_steady(struct line *line)
{
	const char *table = table_name(line, 1);
	int64_t keys = line_number(line, 2, 1), every = line_number(line, 3, 1000);
	int64_t until_ms = line->cluster->world.now_ms + line_number(line, 4, 0);
	char key[64];

	for (int64_t i = 0; table != NULL && !line->cluster->world.failed; i++) {
		if (line->cluster->world.now_ms >= until_ms || line->bad)
			break;
		snprintf(key, sizeof(key), "k%lld", (long long)(i % keys));
		cluster_put(line->cluster, table, key, 0);
		cluster_run(line->cluster, every);
	}
}

/* delete TABLE KEY */
static void do_delete(struct line *line)
{
	const char *table = table_name(line, 1);
	char key[64];

	if (table != NULL)
		cluster_delete(line->cluster, table, line_name(line, 2, key, sizeof(key)));
}

/* run DURATION */
static void do_run(struct line *line)
{
	cluster_run(line->cluster, line_number(line, 1, 0));
}

/* roll TABLE; split TABLE */
static void do_roll(struct line *line)
{
	struct world *world = &line->cluster->world;
	bool split = str_eq(line_word(line, 0), STR("split"));
	bool ok;

	if (table_name(line, 1) == NULL)
		return;
	ok = split ? service_split(world->service, line_word(line, 1), world_wall_ms(world))
		   : service_roll(world->service, line_word(line, 1), world_wall_ms(world));
	if (!ok)
		line_complain(line, "the service would not");
	ledger_refresh(&line->cluster->ledger);
}

/* trim TABLE AGE: what is older than AGE */
static void do_trim(struct line *line)
{
	struct world *world = &line->cluster->world;

	ledger_refresh(&line->cluster->ledger);
	if (!service_trim(world->service, line_word(line, 1),
			  world_wall_ms(world) - line_number(line, 2, 0) + 1))
		line_complain(line, "the service would not");
	ledger_note_trims(&line->cluster->ledger);
	line->cluster->fleet.trimmed = true;
	/* A shard may have vanished: three listings, ten seconds apart, have to lack it. */
	cluster_slow(line->cluster, MINUTE_MS);
}

/* expire-iterators */
static void do_expire(struct line *line)
{
	service_expire_iterators(line->cluster->world.service);
}

/* stream TABLE on|off [VIEW]; key TABLE on|off; drop TABLE; forget-rows TABLE */
static void do_admin(struct line *line)
{
	struct cluster *cluster = line->cluster;
	struct world *world = &cluster->world;
	const char *table = table_name(line, 1);
	bool on = str_eq(line_word(line, 2), STR("on"));

	if (table == NULL)
		return;
	if (str_eq(line_word(line, 0), STR("stream"))) {
		cluster_stream(cluster, table, on, line_word(line, 3));
	} else if (str_eq(line_word(line, 0), STR("key"))) {
		service_key(world->service, str_of(table), on, world_wall_ms(world));
		cluster_disturbed(cluster);
		cluster_slow(cluster, MINUTE_MS);
	} else if (str_eq(line_word(line, 0), STR("drop"))) {
		cluster_drop_table(cluster, table);
	} else {
		cluster_forget_rows(cluster, table);
	}
}

/* settle DURATION: everything is delivered and written down within that time */
static void do_settle(struct line *line)
{
	if (!oracle_settle(line->cluster, line_number(line, 1, MINUTE_MS)))
		line_complain(line, "did not settle");
}

/* Whether `left` stands in the relation to `right`. */
static bool holds(struct line *line, int64_t left, struct str relation, int64_t right)
{
	if (str_eq(relation, STR("=")))
		return left == right;
	if (str_eq(relation, STR(">=")))
		return left >= right;
	if (str_eq(relation, STR("<=")))
		return left <= right;
	line_complain(line, "no such relation: %.*s", STR_ARG(relation));
	return false;
}

/*
 * expect QUANTITY ARG [RELATION] NUMBER, from word number `at`; `now_out` gets what it is.
 */
static bool expectation(struct line *line, size_t at, int64_t *now_out)
{
	const struct quantity *quantity = quantity_find(line_word(line, at));
	bool relation = line->n == at + 4;
	int64_t right = line_number(line, at + (relation ? 3 : 2), 1);

	*now_out = 0;
	if (quantity == NULL) {
		line_complain(line, "no such quantity: %.*s", STR_ARG(line_word(line, at)));
		return false;
	}
	if (!quantity->measure(line->cluster, line_word(line, at + 1), now_out)) {
		line_complain(line, "no such %s: %.*s", quantity->of,
			      STR_ARG(line_word(line, at + 1)));
		return false;
	}
	return holds(line, *now_out, relation ? line_word(line, at + 2) : STR("="), right);
}

/* expect QUANTITY ARG [RELATION] NUMBER */
static void do_expect(struct line *line)
{
	int64_t now;

	if (!expectation(line, 1, &now) && !line->bad)
		line_complain(line, "it is %lld", (long long)now);
}

/* within DURATION QUANTITY ARG [RELATION] NUMBER: runs until it holds */
static void do_within(struct line *line)
{
	int64_t until_ms = line->cluster->world.now_ms + line_number(line, 1, 0), now;

	while (!expectation(line, 2, &now) && !line->bad) {
		if (line->cluster->world.now_ms >= until_ms) {
			line_complain(line, "it is %lld at the end", (long long)now);
			return;
		}
		if (!cluster_run(line->cluster, WITHIN_STEP_MS))
			return;
	}
}

static const struct command commands[] = {
	{"begin", do_begin, 4},
	{"option", do_option, 3},
	{"table", do_table, 3},
	{"sink", do_sink, 2},
	{"letters", do_letters, 3},
	{"give", do_give, 3},
	{"forget-rows", do_admin, 2},
	{"write", do_write, 3},
	{"spread", do_spread, 4},
	{"steady", do_steady, 5},
	{"delete", do_delete, 3},
	{"run", do_run, 2},
	{"roll", do_roll, 2},
	{"split", do_roll, 2},
	{"trim", do_trim, 3},
	{"expire-iterators", do_expire, 1},
	{"stream", do_admin, 3},
	{"drop", do_admin, 2},
	{"settle", do_settle, 2},
	{"expect", do_expect, 4},
	{"within", do_within, 5},
	{"key", do_admin, 3},
	{NULL, NULL, 0},
};

/* The command of that name in a table, or NULL. */
static const struct command *command_find(const struct command *table, struct str word)
{
	while (table->word != NULL && !str_eq(word, str_of(table->word)))
		table++;
	return table->word == NULL ? NULL : table;
}

/* Runs one line. */
static void run_line(struct line *line)
{
	const struct command *command = command_find(commands, line->words[0]);

	if (command == NULL)
		command = command_find(scenario_troubles, line->words[0]);
	if (command == NULL)
		line_complain(line, "no such command: %.*s", STR_ARG(line->words[0]));
	else if (line->n < command->words)
		line_complain(line, "too few words");
	else
		command->run(line);
}

bool scenario_run(const char *file, struct str text, uint64_t seed, struct world_trace *trace)
{
	struct cluster cluster;
	unsigned row = 0;
	bool ok;

	cluster_init(&cluster, seed, trace);
	while (text.n != 0 && !cluster.world.failed) {
		struct str rest = str_cut(&text, '\n');
		struct line line = {.cluster = &cluster, .file = file, .number = ++row};

		rest = str_head(rest, str_find(rest, '#'));
		while ((rest = str_trim(rest)).n != 0 && line.n < LINE_WORDS_MAX)
			line.words[line.n++] = str_cut(&rest, ' ');
		if (line.n == 0)
			continue;
		world_note(&cluster.world, "sim", "%s:%u: %.*s", file, row, STR_ARG(line.words[0]));
		run_line(&line);
	}
	cluster_release(&cluster);
	ok = !cluster.world.failed;
	return ok;
}
