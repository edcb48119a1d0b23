/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of scenarios about workers, clocks, the network and the registry. */
#include "base/time.h"
#include "tests/sim/network.h"
#include "tests/sim/operator.h"
#include "tests/sim/scenario.h"

/* The worker named by word 1, made if it is new. */
static struct worker *worker_named(struct line *line)
{
	char id[16];

	return cluster_worker(line->cluster, line_name(line, 1, id, sizeof(id)));
}

/* The number of the sink that a word names. */
static size_t sink_number(struct line *line, size_t i)
{
	const struct target *target = cluster_find_sink(line->cluster, line_word(line, i));

	if (target == NULL)
		line_complain(line, "no such sink: %.*s", STR_ARG(line_word(line, i)));
	return target == NULL ? LEDGER_SINKS : target->number;
}

/* start WORKER [unvouched] [unproven] [as ID] [without SINK] */
static void do_start(struct line *line)
{
	struct worker *worker = worker_named(line);

	if (worker->engine != NULL) {
		line_complain(line, "it runs already");
		return;
	}
	worker->vouched = true;
	worker->unproven = false;
	worker->alias[0] = '\0';
	worker->without = LEDGER_SINKS;
	for (size_t i = 2; i < line->n; i++) {
		if (str_eq(line_word(line, i), STR("unvouched")))
			worker->vouched = false;
		else if (str_eq(line_word(line, i), STR("unproven")))
			worker->unproven = true;
		else if (str_eq(line_word(line, i), STR("as")))
			line_name(line, ++i, worker->alias, sizeof(worker->alias));
		else if (str_eq(line_word(line, i), STR("without")))
			worker->without = sink_number(line, ++i);
		else
			line_complain(line, "neither unvouched, unproven, as nor without: %.*s",
				      STR_ARG(line_word(line, i)));
	}
	if (!line->bad)
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

/* pause WORKER; suspend WORKER: its machine sleeps */
static void do_pause(struct line *line)
{
	cluster_pause(worker_named(line), str_eq(line_word(line, 0), STR("suspend")));
}

/* resume WORKER */
static void do_resume(struct line *line)
{
	cluster_resume(worker_named(line));
}

/* foreign starts [EVERY]; foreign takes TABLE; foreign reads; foreign dies; foreign leaves */
static void do_foreign(struct line *line)
{
	struct cluster *cluster = line->cluster;
	struct str word = line_word(line, 1);

	if (!cluster->options.kcl)
		line_complain(line, "the table of leases is not a Kinesis client's: option kcl 1");
	else if (str_eq(word, STR("starts")))
		foreign_start(cluster, line_number(line, 2, cluster->options.lease_ms / 3));
	else if (str_eq(word, STR("takes")))
		foreign_take_all(cluster, line_word(line, 2));
	else if (str_eq(word, STR("reads")))
		foreign_read(cluster);
	else if (str_eq(word, STR("dies")))
		foreign_die(cluster);
	else if (str_eq(word, STR("leaves")))
		foreign_leave(cluster);
	else
		line_complain(line, "it starts, takes, reads, dies or leaves, not: %.*s",
			      STR_ARG(word));
	cluster_slow(cluster, 3 * cluster->options.lease_ms + MINUTE_MS / 4);
}

/* clock WORKER DURATION: its wall clock is wrong by so much */
static void do_clock(struct line *line)
{
	cluster_clock(worker_named(line), line_number(line, 2, 0));
}

/* partition WORKER tables|streams|all TIME [silent] */
static void do_partition(struct line *line)
{
	struct cluster *cluster = line->cluster;
	struct str what = line_word(line, 2);
	bool all = str_eq(what, STR("all"));
	struct net_partition partition = {
		.services = {[IO_STREAMS] = all || str_eq(what, STR("streams")),
			     [IO_TABLES] = all || str_eq(what, STR("tables"))},
		.silent = str_eq(line_word(line, 4), STR("silent")),
		.until_ms = cluster->world.now_ms + line_number(line, 3, 0),
	};

	line_name(line, 1, partition.worker, sizeof(partition.worker));
	if (!partition.services[IO_STREAMS] && !partition.services[IO_TABLES])
		line_complain(line, "neither tables, streams nor all: %.*s", STR_ARG(what));
	else if (line->n > 4 && !partition.silent)
		line_complain(line, "not silent: %.*s", STR_ARG(line_word(line, 4)));
	else if (!network_partition(&cluster->world, &partition))
		line_complain(line, "too many partitions");
	cluster_disturbed(cluster);
}

/* release OPERATION|any: what a fault held goes on to the service */
static void do_release(struct line *line)
{
	struct str what = line_word(line, 1);
	bool all = str_eq(what, STR("any"));

	if (network_let_go(&line->cluster->world, all ? STR_NONE : what) == 0)
		line_complain(line, "nothing was held");
}

/* fault KIND OPERATION|any [COUNT [SKIP [WORKER]]] */
static void do_fault(struct line *line)
{
	struct world *world = &line->cluster->world;
	struct net_rule *rule = &world->rules[world->n_rules];
	enum net_fault fault = net_fault_find(line_word(line, 1));

	if (fault == NET_N || world->n_rules == WORLD_FAULT_RULES) {
		line_complain(line, "no such fault, or too many: %.*s",
			      STR_ARG(line_word(line, 1)));
		return;
	}
	*rule = (struct net_rule){.fault = fault};
	if (!str_eq(line_word(line, 2), STR("any")))
		line_name(line, 2, rule->operation, sizeof(rule->operation));
	rule->count = (unsigned)line_number(line, 3, 1);
	rule->skip = (unsigned)line_number(line, 4, 0);
	if (line->n > 5)
		line_name(line, 5, rule->worker, sizeof(rule->worker));
	world->n_rules++;
	cluster_disturbed(line->cluster);
}

/* mix KIND THOUSANDTHS [tables|streams]: so many of all requests; quiet: no more faults at all */
static void do_mix(struct line *line)
{
	struct world *world = &line->cluster->world;
	enum net_fault fault = net_fault_find(line_word(line, 1));
	unsigned n = (unsigned)line_number(line, 2, 100);
	bool tables = str_eq(line_word(line, 3), STR("tables"));
	bool streams = str_eq(line_word(line, 3), STR("streams"));

	if (fault == NET_N || (line->n > 3 && !tables && !streams)) {
		line_complain(line, "no such fault or service: %.*s", STR_ARG(line_word(line, 1)));
		return;
	}
	if (!tables)
		world->mix[IO_STREAMS][fault] = n;
	if (!streams)
		world->mix[IO_TABLES][fault] = n;
	cluster_disturbed(line->cluster);
}

/* quiet */
static void do_quiet(struct line *line)
{
	struct world *world = &line->cluster->world;

	for (enum net_fault fault = NET_NONE; fault < NET_N; fault++)
		world->mix[IO_STREAMS][fault] = world->mix[IO_TABLES][fault] = 0;
	world->n_rules = 0;
	network_heal(world);
	cluster_quiet(line->cluster);
}

/* credentials expire|renew */
static void do_credentials(struct line *line)
{
	struct world *world = &line->cluster->world;

	if (str_eq(line_word(line, 1), STR("expire")))
		world->credentials = world->credentials_new + 1;
	else
		world->credentials_new = world->credentials;
	cluster_disturbed(line->cluster);
	/* What only a person can cure is tried again once a minute. */
	cluster_faulty(line->cluster, MINUTE_MS);
}

/* sinks add NAME [after STEP]; sinks go-on NAME; sinks remove NAME */
static void do_sinks(struct line *line)
{
	struct cluster *cluster = line->cluster;
	struct str what = line_word(line, 1), name = line_word(line, 2);
	const struct target *target = cluster_find_sink(cluster, name);
	bool ok = false;

	if (target == NULL)
		line_complain(line, "no such sink: %.*s", STR_ARG(name));
	else if (str_eq(what, STR("remove")))
		ok = operator_remove(cluster, name);
	else if (str_eq(what, STR("go-on")))
		ok = operator_add_goes_on(cluster);
	else if (str_eq(what, STR("add")) &&
		 (line->n == 3 || str_eq(line_word(line, 3), STR("after"))))
		ok = operator_add(cluster, target, line_word(line, 4));
	if (!ok && !line->bad)
		line_complain(line, "it is not there, or not: sinks add NAME [after STEP], "
				    "sinks go-on NAME, sinks remove NAME");
}

/* seek TABLE horizon [SINK] [half] */
static void do_seek(struct line *line)
{
	struct cluster *cluster = line->cluster;
	size_t i = cluster_find_table(cluster, line_word(line, 1));
	bool half = str_eq(line_word(line, line->n - 1), STR("half"));
	const struct target *only = NULL;

	if (line->n - half > 3)
		only = cluster_find_sink(cluster, line_word(line, 3));
	if (i == cluster->n_tables || !str_eq(line_word(line, 2), STR("horizon")) ||
	    (only == NULL && line->n - half > 3))
		line_complain(line, "not: seek TABLE horizon [SINK] [half]");
	else if (!operator_seek(cluster, cluster->tables[i], only, half))
		line_complain(line, "some worker does not adopt the epoch");
}

const struct command scenario_troubles[] = {
	{"start", do_start, 2},
	{"foreign", do_foreign, 2},
	{"crash", do_crash, 2},
	{"drain", do_drain, 2},
	{"pause", do_pause, 2},
	{"suspend", do_pause, 2},
	{"resume", do_resume, 2},
	{"clock", do_clock, 3},
	{"fault", do_fault, 3},
	{"release", do_release, 2},
	{"partition", do_partition, 4},
	{"mix", do_mix, 3},
	{"quiet", do_quiet, 1},
	{"credentials", do_credentials, 2},
	{"sinks", do_sinks, 3},
	{"seek", do_seek, 3},
	{NULL, NULL, 0},
};
