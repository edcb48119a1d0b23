/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario.h"

#include <stdio.h>

#include "base/time.h"
#include "tests/sim/oracle.h"
#include "tests/sim/quantity.h"

enum { WORDS_MAX = 10, WITHIN_STEP_MS = 100 };

/* One line, cut into words. */
struct line {
	struct cluster *cluster;
	struct str words[WORDS_MAX];
	size_t n;
	unsigned number;
	const char *file;
	bool bad; /* something was wrong with it */
};

/* Says what is wrong with a line; the scenario fails. */
static void __attribute__((format(printf, 2, 3))) complain(struct line *line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line->bad = true;
	world_fail(&line->cluster->world, "scenario", "%s:%u: %s", line->file, line->number, text);
}

/* Word number `i`, or nothing. */
static struct str word(const struct line *line, size_t i)
{
	return i < line->n ? line->words[i] : STR_NONE;
}

/* A number with an optional unit: ms, s, m, h, k (1024). */
static bool parse_number(struct str text, int64_t *out)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"ms", 1},	    {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS},
		     {"kib", 1024}, {"mib", 1048576}, {"", 1}};

	for (size_t i = 0; i < ARRAY_N(units); i++) {
		struct str unit = str_of(units[i].unit);

		if (!str_ends(text, unit) || !str_to_i64(str_head(text, text.n - unit.n), out))
			continue;
		*out *= units[i].factor;
		return true;
	}
	return false;
}

/* Word number `i` as a number; `missing` when there is no such word. */
static int64_t number(struct line *line, size_t i, int64_t missing)
{
	int64_t value = missing;

	if (i < line->n && !parse_number(line->words[i], &value))
		complain(line, "\"%.*s\" is no number", STR_ARG(line->words[i]));
	return value;
}

/* Word number `i` as a terminated string in `to`. */
static const char *name(struct line *line, size_t i, char *to, size_t size)
{
	snprintf(to, size, "%.*s", STR_ARG(word(line, i)));
	if (to[0] == '\0')
		complain(line, "word %zu is missing", i + 1);
	return to;
}

/* The table named by word number `i`, as a terminated string, or NULL. */
static const char *table_name(struct line *line, size_t i)
{
	size_t table = cluster_find_table(line->cluster, word(line, i));

	if (table == line->cluster->n_tables) {
		complain(line, "no such table: %.*s", STR_ARG(word(line, i)));
		return NULL;
	}
	return line->cluster->tables[table]->name;
}

/* The worker named by word 1, made if it is new. */
static struct worker *worker_named(struct line *line)
{
	char id[16];

	return cluster_worker(line->cluster, name(line, 1, id, sizeof(id)));
}

/* option NAME VALUE */
static void do_option(struct line *line)
{
	struct cluster *cluster = line->cluster;
	struct engine_options *engine = &cluster->options;
	struct service_options *service = service_options(cluster->world.service);
	const struct {
		const char *name;
		int64_t *value;
	} longs[] = {
		{"lease_ms", &engine->lease_ms},
		{"heartbeat_ms", &engine->heartbeat_ms},
		{"max_leases", &engine->max_leases},
		{"checkpoint_ms", &engine->checkpoint_ms},
		{"budget_bytes", &engine->budget_bytes},
		{"window_bytes", &engine->window_bytes},
		{"detach_after_ms", &engine->detach_after_ms},
		{"poll_floor_ms", &engine->poll_floor_ms},
		{"max_latency_ms", &engine->max_latency_ms},
		{"max_reads_per_month", &engine->max_reads_per_month},
		{"discovery_ms", &engine->discovery_ms},
		{"request_timeout_ms", &engine->request_timeout_ms},
		{"drain_timeout_ms", &engine->drain_timeout_ms},
		{"retention_ms", &service->retention_ms},
		{"shard_life_ms", &service->shard_life_ms},
		{"iterator_life_ms", &service->iterator_life_ms},
		{"latency_min_ms", &cluster->world.latency_min_ms},
		{"latency_max_ms", &cluster->world.latency_max_ms},
		{"late_max_ms", &cluster->world.late_max_ms},
	};
	const struct {
		const char *name;
		unsigned *value;
	} percents[] = {
		{"lie_open_parent", &service->lie_open_parent},
		{"lie_missing_child", &service->lie_missing_child},
		{"empty_page", &service->empty_page},
		{"short_page", &service->short_page},
		{"no_child_filter", &service->no_child_filter},
		{"partial_batch", &service->partial_batch},
	};
	int64_t value = number(line, 2, 1);

	for (size_t i = 0; i < ARRAY_N(longs); i++) {
		if (str_eq(word(line, 1), str_of(longs[i].name))) {
			*longs[i].value = value;
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_N(percents); i++) {
		if (str_eq(word(line, 1), str_of(percents[i].name))) {
			*percents[i].value = (unsigned)value;
			return;
		}
	}
	if (str_eq(word(line, 1), STR("bloat_bytes")))
		cluster->world.bloat_bytes = (size_t)value;
	else if (str_eq(word(line, 1), STR("until_caught_up")))
		engine->until_caught_up = value != 0;
	else if (str_eq(word(line, 1), STR("isolation")))
		cluster->isolation = value != 0;
	else
		complain(line, "no such option: %.*s", STR_ARG(word(line, 1)));
}

/* table NAME SHARDS [latest] [fail] */
static void do_table(struct line *line)
{
	char text[64];
	struct ledger_table *table = cluster_table(line->cluster, name(line, 1, text, sizeof(text)),
						   (unsigned)number(line, 2, 1));

	for (size_t i = 3; i < line->n; i++) {
		if (str_eq(word(line, i), STR("latest")))
			table->latest = true;
		else if (str_eq(word(line, i), STR("fail")))
			table->gap_fail = true;
		else
			complain(line, "neither latest nor fail: %.*s", STR_ARG(word(line, i)));
	}
}

/* begin TABLE time AGO; begin TABLE after KEY: before the first start */
static void do_begin(struct line *line)
{
	struct cluster *cluster = line->cluster;
	size_t i = cluster_find_table(cluster, word(line, 1));
	char key[64];

	if (table_name(line, 1) == NULL)
		return;
	if (str_eq(word(line, 2), STR("time")))
		cluster->tables[i]->start_wall_ms =
			world_wall_ms(&cluster->world) - number(line, 3, 0);
	else if (str_eq(word(line, 2), STR("after")))
		cluster_start_after(cluster, cluster->tables[i], name(line, 3, key, sizeof(key)));
	else
		complain(line, "neither time nor after: %.*s", STR_ARG(word(line, 2)));
}

/* sink NAME [MODE [MS]]: a new one, or a change of one */
static void do_sink(struct line *line)
{
	struct target *target = cluster_find_sink(line->cluster, word(line, 1));
	enum target_mode mode = line->n > 2 ? target_mode_find(word(line, 2)) : TARGET_FAST;
	char text[32];

	if (mode == TARGET_MODES) {
		complain(line, "no such mode: %.*s", STR_ARG(word(line, 2)));
		return;
	}
	if (target == NULL)
		target = cluster_sink(line->cluster, name(line, 1, text, sizeof(text)));
	target_set_mode(target, mode, number(line, 3, 200));
}

/* letters SINK TO [shared]: TO takes the dead letters of SINK, and no tables unless it is shared */
static void do_letters(struct line *line)
{
	struct target *from = cluster_find_sink(line->cluster, word(line, 1));
	struct target *to = cluster_find_sink(line->cluster, word(line, 2));

	if (from == NULL || to == NULL || from == to)
		complain(line, "letters wants two sinks");
	else
		cluster_letters(line->cluster, from, to, !str_eq(word(line, 3), STR("shared")));
}

/* give SINK attempts|age|poison|memory N: before the first start */
static void do_give(struct line *line)
{
	struct target *target = cluster_find_sink(line->cluster, word(line, 1));
	int64_t value = number(line, 3, 1);

	if (target == NULL)
		complain(line, "no such sink: %.*s", STR_ARG(word(line, 1)));
	else if (str_eq(word(line, 2), STR("attempts")))
		target->max_attempts = value;
	else if (str_eq(word(line, 2), STR("age")))
		target->max_age_ms = value;
	else if (str_eq(word(line, 2), STR("poison")))
		target->poison_every = (unsigned)value;
	else if (str_eq(word(line, 2), STR("memory")))
		target->remembers = value != 0;
	else
		complain(line, "no such gift: %.*s", STR_ARG(word(line, 2)));
}

/* write TABLE KEY [COUNT [BYTES]]: COUNT changes of one item */
static void do_write(struct line *line)
{
	const char *table = table_name(line, 1);
	int64_t n = number(line, 3, 1), bytes = number(line, 4, 0);
	char key[64];

	name(line, 2, key, sizeof(key));
	for (int64_t i = 0; table != NULL && i < n && !line->bad; i++)
		cluster_put(line->cluster, table, key, (size_t)bytes);
}

/* spread TABLE KEYS COUNT [BYTES]: COUNT changes, one after the other to each of KEYS items */
static void do_spread(struct line *line)
{
	const char *table = table_name(line, 1);
	int64_t keys = number(line, 2, 1), n = number(line, 3, 1), bytes = number(line, 4, 0);
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
	int64_t keys = number(line, 2, 1), every = number(line, 3, 1000);
	int64_t until_ms = line->cluster->world.now_ms + number(line, 4, 0);
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
		cluster_delete(line->cluster, table, name(line, 2, key, sizeof(key)));
}

/* run DURATION */
static void do_run(struct line *line)
{
	cluster_run(line->cluster, number(line, 1, 0));
}

/* roll TABLE; split TABLE */
static void do_roll(struct line *line)
{
	struct world *world = &line->cluster->world;
	bool split = str_eq(word(line, 0), STR("split"));
	bool ok;

	if (table_name(line, 1) == NULL)
		return;
	ok = split ? service_split(world->service, word(line, 1), world_wall_ms(world))
		   : service_roll(world->service, word(line, 1), world_wall_ms(world));
	if (!ok)
		complain(line, "the service would not");
	ledger_refresh(&line->cluster->ledger);
}

/* trim TABLE AGE: what is older than AGE */
static void do_trim(struct line *line)
{
	struct world *world = &line->cluster->world;

	ledger_refresh(&line->cluster->ledger);
	if (!service_trim(world->service, word(line, 1),
			  world_wall_ms(world) - number(line, 2, 0) + 1))
		complain(line, "the service would not");
	ledger_note_trims(&line->cluster->ledger);
	/* A shard may have vanished: three listings, ten seconds apart, have to lack it. */
	cluster_slow(line->cluster, MINUTE_MS);
}

/* expire-iterators */
static void do_expire(struct line *line)
{
	service_expire_iterators(line->cluster->world.service);
}

/* stream TABLE on|off */
static void do_stream(struct line *line)
{
	const char *table = table_name(line, 1);

	if (table != NULL)
		cluster_stream(line->cluster, table, str_eq(word(line, 2), STR("on")));
}

/* drop TABLE */
static void do_drop(struct line *line)
{
	const char *table = table_name(line, 1);

	if (table != NULL)
		cluster_drop_table(line->cluster, table);
}

/* forget-rows TABLE */
static void do_forget(struct line *line)
{
	const char *table = table_name(line, 1);

	if (table != NULL)
		cluster_forget_rows(line->cluster, table);
}

/* start WORKER [unvouched] */
static void do_start(struct line *line)
{
	struct worker *worker = worker_named(line);

	if (worker->engine != NULL) {
		complain(line, "it runs already");
		return;
	}
	worker->vouched = !str_eq(word(line, 2), STR("unvouched"));
	cluster_start(worker);
}

/* crash WORKER */
static void do_crash(struct line *line)
{
	cluster_crash(worker_named(line));
}

/* drain WORKER */
static void do_drain(struct line *line)
{
	cluster_drain(worker_named(line));
}

/* pause WORKER */
static void do_pause(struct line *line)
{
	cluster_pause(worker_named(line));
}

/* resume WORKER */
static void do_resume(struct line *line)
{
	cluster_resume(worker_named(line));
}

/* clock WORKER DURATION: its wall clock is wrong by so much */
static void do_clock(struct line *line)
{
	struct worker *worker = worker_named(line);

	if (worker->proc == NULL)
		complain(line, "it does not run");
	else
		worker->proc->skew_ms = number(line, 2, 0);
}

/* fault KIND OPERATION|any [COUNT [SKIP [WORKER]]] */
static void do_fault(struct line *line)
{
	struct world *world = &line->cluster->world;
	struct net_rule *rule = &world->rules[world->n_rules];
	enum net_fault fault = net_fault_find(word(line, 1));

	if (fault == NET_N || world->n_rules == WORLD_FAULT_RULES) {
		complain(line, "no such fault, or too many: %.*s", STR_ARG(word(line, 1)));
		return;
	}
	*rule = (struct net_rule){.fault = fault};
	if (!str_eq(word(line, 2), STR("any")))
		name(line, 2, rule->operation, sizeof(rule->operation));
	rule->count = (unsigned)number(line, 3, 1);
	rule->skip = (unsigned)number(line, 4, 0);
	if (line->n > 5)
		name(line, 5, rule->worker, sizeof(rule->worker));
	world->n_rules++;
	cluster_disturbed(line->cluster);
}

/* mix KIND THOUSANDTHS: so many of all requests; quiet: no more faults at all */
static void do_mix(struct line *line)
{
	enum net_fault fault = net_fault_find(word(line, 1));

	if (fault == NET_N) {
		complain(line, "no such fault: %.*s", STR_ARG(word(line, 1)));
		return;
	}
	line->cluster->world.mix[fault] = (unsigned)number(line, 2, 100);
	cluster_disturbed(line->cluster);
}

/* quiet */
static void do_quiet(struct line *line)
{
	struct world *world = &line->cluster->world;

	for (enum net_fault fault = NET_NONE; fault < NET_N; fault++)
		world->mix[fault] = 0;
	world->n_rules = 0;
	cluster_quiet(line->cluster);
}

/* credentials expire|renew */
static void do_credentials(struct line *line)
{
	struct world *world = &line->cluster->world;

	if (str_eq(word(line, 1), STR("expire")))
		world->credentials = world->credentials_new + 1;
	else
		world->credentials_new = world->credentials;
	cluster_disturbed(line->cluster);
	/* What only a person can cure is tried again once a minute. */
	cluster_slow(line->cluster, MINUTE_MS);
}

/* settle DURATION: everything is delivered and written down within that time */
static void do_settle(struct line *line)
{
	if (!oracle_settle(line->cluster, number(line, 1, MINUTE_MS)))
		complain(line, "did not settle");
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
	complain(line, "no such relation: %.*s", STR_ARG(relation));
	return false;
}

/*
 * expect QUANTITY ARG [RELATION] NUMBER, from word number `at`; `now_out` gets what it is.
 */
static bool expectation(struct line *line, size_t at, int64_t *now_out)
{
	const struct quantity *quantity = quantity_find(word(line, at));
	bool relation = line->n == at + 4;
	int64_t right = number(line, at + (relation ? 3 : 2), 1);

	*now_out = 0;
	if (quantity == NULL) {
		complain(line, "no such quantity: %.*s", STR_ARG(word(line, at)));
		return false;
	}
	if (!quantity->measure(line->cluster, word(line, at + 1), now_out)) {
		complain(line, "no such %s: %.*s", quantity->of, STR_ARG(word(line, at + 1)));
		return false;
	}
	return holds(line, *now_out, relation ? word(line, at + 2) : STR("="), right);
}

/* expect QUANTITY ARG [RELATION] NUMBER */
static void do_expect(struct line *line)
{
	int64_t now;

	if (!expectation(line, 1, &now) && !line->bad)
		complain(line, "it is %lld", (long long)now);
}

/* within DURATION QUANTITY ARG [RELATION] NUMBER: runs until it holds */
static void do_within(struct line *line)
{
	int64_t until_ms = line->cluster->world.now_ms + number(line, 1, 0), now;

	while (!expectation(line, 2, &now) && !line->bad) {
		if (line->cluster->world.now_ms >= until_ms) {
			complain(line, "it is %lld at the end", (long long)now);
			return;
		}
		if (!cluster_run(line->cluster, WITHIN_STEP_MS))
			return;
	}
}

static const struct command {
	const char *word;
	void (*run)(struct line *line);
	size_t words; /* at least, the command's own included */
} commands[] = {
	{"begin", do_begin, 4},	       {"option", do_option, 3},
	{"table", do_table, 3},	       {"sink", do_sink, 2},
	{"letters", do_letters, 3},    {"give", do_give, 3},
	{"forget-rows", do_forget, 2}, {"write", do_write, 3},
	{"spread", do_spread, 4},      {"steady", do_steady, 5},
	{"delete", do_delete, 3},      {"run", do_run, 2},
	{"roll", do_roll, 2},	       {"split", do_roll, 2},
	{"trim", do_trim, 3},	       {"expire-iterators", do_expire, 1},
	{"stream", do_stream, 3},      {"drop", do_drop, 2},
	{"start", do_start, 2},	       {"crash", do_crash, 2},
	{"drain", do_drain, 2},	       {"pause", do_pause, 2},
	{"resume", do_resume, 2},      {"clock", do_clock, 3},
	{"fault", do_fault, 3},	       {"mix", do_mix, 3},
	{"quiet", do_quiet, 1},	       {"credentials", do_credentials, 2},
	{"settle", do_settle, 2},      {"expect", do_expect, 4},
	{"within", do_within, 5},
};

/* Runs one line. */
static void run_line(struct line *line)
{
	for (size_t i = 0; i < ARRAY_N(commands); i++) {
		if (!str_eq(line->words[0], str_of(commands[i].word)))
			continue;
		if (line->n < commands[i].words)
			complain(line, "too few words");
		else
			commands[i].run(line);
		return;
	}
	complain(line, "no such command: %.*s", STR_ARG(line->words[0]));
}

bool scenario_run(const char *file, struct str text, struct world_trace *trace)
{
	struct cluster cluster;
	unsigned row = 0;
	bool ok;

	cluster_init(&cluster, 1, trace);
	while (text.n != 0 && !cluster.world.failed) {
		struct str rest = str_cut(&text, '\n');
		struct line line = {.cluster = &cluster, .file = file, .number = ++row};

		rest = str_head(rest, str_find(rest, '#'));
		while ((rest = str_trim(rest)).n != 0 && line.n < WORDS_MAX)
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
