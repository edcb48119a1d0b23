/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap cost`: what AWS will charge a month for a configuration, or for what a worker's log shows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/time.h"
#include "consumer/aws/streams.h"
#include "consumer/aws/tableapi.h"
#include "consumer/host/ask.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/cloud.h"
#include "consumer/verbs/estimate.h"
#include "consumer/verbs/input.h"
#include "consumer/verbs/load.h"
#include "consumer/verbs/statuslog.h"

enum {
	SHARDS_MAX = 10000, /* of --shards */
	WORKERS_MAX = 1000,
	OUT_MAX_BYTES = 8 << 20,
	LINE_MAX_BYTES = 1 << 20,
};

/* The cases that are told apart: nothing changes; everything does; what the log says. */
enum { IDLE, BUSY, MEASURED, CASES };

static const char *const case_words[CASES] = {"idle", "busy", "measured"};

struct cost {
	const struct config *config;
	const char *log; /* NULL: none */
	bool json;
	int64_t hours, workers;
	struct tariff tariff;
	bool wanted[CASES];
	int64_t *shards; /* open ones, per table, for IDLE and BUSY */
	struct statuslog_table *logged; /* per table, for MEASURED */
	struct estimate months[CASES];
	struct buf out;
};

/* Reads a number of an option; false after complaining. */
static bool take_number(const char *option, const char *text, int64_t min, int64_t max,
			int64_t *out)
{
	if (text == NULL)
		return true;
	if (str_to_i64(str_of(text), out) && *out >= min && *out <= max)
		return true;
	verb_usage_error(&verb_cost, "--%s must be a number from %lld to %lld, not '%s'", option,
			 (long long)min, (long long)max, text);
	return false;
}

/* Reads a price of an option; false after complaining. */
static bool take_price(const char *option, const char *text, int64_t *out)
{
	if (text == NULL || usd_parse(str_of(text), out))
		return true;
	verb_usage_error(&verb_cost, "--%s must be dollars, such as 0.02, not '%s'", option, text);
	return false;
}

/* Counts the open shards of one page of a stream's description. */
static bool count_page(struct asker *asker, struct str arn, struct buf *after, int64_t *shards,
		       struct error *err)
{
	struct question question;
	struct stream_description page;
	struct arena arena;
	bool ok;

	arena_init(&arena);
	question_init(&question, IO_STREAMS, STREAMS_DESCRIBE);
	streams_describe_request(&question.body, arn, buf_view(after), 0);
	ok = asker_ask(asker, &question, err) &&
	     streams_describe_read(&arena, buf_view(&question.answer), &page, err);
	buf_clear(after);
	for (size_t i = 0; ok && i < page.n_shards; i++)
		*shards += page.shards[i].last_seqno.n == 0;
	if (ok)
		buf_str(after, page.next_shard_id);
	question_release(&question);
	arena_release(&arena);
	return ok;
}

/* Asks how many open shards a table's stream has. */
static bool count_shards(struct asker *asker, const char *name, int64_t *shards, struct error *err)
{
	struct question question;
	struct table_description table;
	struct arena arena;
	struct buf after;
	bool ok;

	arena_init(&arena);
	buf_init(&after, 256);
	question_init(&question, IO_TABLES, TABLES_DESCRIBE);
	tables_describe_request(&question.body, str_of(name));
	ok = asker_ask(asker, &question, err) &&
	     tables_describe_read(&arena, buf_view(&question.answer), &table, err);
	if (ok && (table.stream_arn.n == 0 || !table.stream_enabled))
		ok = error_set(err, ERROR_CONFIG, "it has no stream");
	while (ok && (ok = count_page(asker, table.stream_arn, &after, shards, err)) && after.n > 0)
		continue;
	if (!ok)
		error_prefix(err, "table %s", name);
	question_release(&question);
	buf_release(&after);
	arena_release(&arena);
	return ok;
}

/* Asks the service for all tables; returns the exit status. */
static int ask_shards(struct cost *cost)
{
	struct cloud cloud = {0};
	struct error err = {0};
	struct asker asker = {0};
	bool ok = cloud_open(&cloud, cost->config, &err);

	if (ok)
		asker_init(&asker, cloud.loop, cost->config->engine.request_timeout_ms);
	for (size_t i = 0; ok && i < cost->config->n_tables; i++)
		ok = count_shards(&asker, cost->config->tables[i].name, &cost->shards[i], &err);
	cloud_release(&cloud);
	if (ok)
		return 0;
	if (asker.signo != 0)
		return 128 + asker.signo;
	return verb_error(error_exit_status(err.code),
			  "%s; --shards N computes without asking for the number of shards",
			  err.text);
}

/* Reads the log; returns the exit status. */
static int read_log(struct cost *cost)
{
	bool standard = str_eq(str_of(cost->log), STR("-"));
	int fd = standard ? STDIN_FILENO : open(cost->log, O_RDONLY | O_CLOEXEC);
	struct line_reader reader;
	struct error err;
	struct str line;

	if (fd < 0)
		return verb_error(error_exit_status(ERROR_IO), "cannot read %s: %s", cost->log,
				  error_errno(errno));
	line_reader_init(&reader, fd, LINE_MAX_BYTES);
	while (line_reader_next(&reader, &line, &err))
		statuslog_take(cost->logged, cost->config->n_tables, line);
	line_reader_release(&reader);
	if (!standard)
		close(fd);
	if (err.code != ERROR_NONE)
		return verb_error(error_exit_status(err.code), "cannot read %s: %s", cost->log,
				  err.text);
	for (size_t i = 0; i < cost->config->n_tables; i++) {
		const struct statuslog_table *table = &cost->logged[i];

		if (table->last_wall_ms <= table->first_wall_ms)
			return verb_error(error_exit_status(ERROR_DATA),
					  "%s says too little of table %.*s: a running worker logs "
					  "a table.status line once a minute",
					  cost->log, STR_ARG(table->name));
	}
	return 0;
}

/* How often a table is read in so many hours, before the ration. */
static int64_t table_reads(const struct cost *cost, size_t i, int which, int64_t hours)
{
	const struct statuslog_table *logged = &cost->logged[i];

	if (which == MEASURED)
		return logged->reads * hours * HOUR_MS /
		       (logged->last_wall_ms - logged->first_wall_ms);
	return estimate_reads(cost->shards[i],
			      which == IDLE ? cost->config->engine.max_latency_ms
					    : cost->config->engine.poll_floor_ms,
			      hours);
}

/* How often a row is written in a case; 0: not at all. Beside a Kinesis client each lease is renewed. */
static int64_t row_ms(const struct config *config, int which)
{
	int64_t ms = which == BUSY ? config->checkpoint.interval_ms : 0;

	if (config->checkpoint.leases == CONFIG_KCL &&
	    (ms == 0 || ms > config->worker.heartbeat_ms))
		return config->worker.heartbeat_ms;
	return ms;
}

/* Computes a month of each case that is wanted. */
static void estimate(struct cost *cost)
{
	const struct config *config = cost->config;

	for (int which = IDLE; which < CASES; which++) {
		struct estimate_load load = {
			.hours = cost->hours,
			.workers = cost->workers,
			.max_reads = config->engine.max_reads_per_month,
			.heartbeat_ms = config->worker.heartbeat_ms,
			.sinks = (int64_t)config->n_sinks,
			.checkpoint_ms = row_ms(config, which),
		};

		for (size_t i = 0; cost->wanted[which] && i < config->n_tables; i++) {
			load.reads += table_reads(cost, i, which, cost->hours);
			load.shards += cost->shards[i];
		}
		if (cost->wanted[which])
			cost->months[which] = estimate_month(&load, &cost->tariff);
	}
}

/* Appends a line of the text: a name, and a figure of each case. */
static void put_row(struct cost *cost, const char *name, size_t offset, bool money)
{
	buf_fmt(&cost->out, "  %-34s", name);
	for (int which = IDLE; which < CASES; which++) {
		const char *month = (const char *)&cost->months[which];
		int64_t value = *(const int64_t *)(const void *)(month + offset);
		struct buf text;

		if (!cost->wanted[which])
			continue;
		buf_init(&text, 64);
		if (money)
			usd_put(&text, value, 2);
		else
			buf_i64(&text, value);
		buf_fmt(&cost->out, " %14.*s", STR_ARG(buf_view(&text)));
		buf_release(&text);
	}
	buf_c(&cost->out, '\n');
}

/* Appends the heads of the columns. */
static void put_heads(struct cost *cost, const char *name)
{
	buf_fmt(&cost->out, "%-36s", name);
	for (int which = IDLE; which < CASES; which++) {
		if (cost->wanted[which])
			buf_fmt(&cost->out, " %14s", case_words[which]);
	}
	buf_c(&cost->out, '\n');
}

/* Appends the reads an hour of each table. */
static void put_tables(struct cost *cost)
{
	put_heads(cost, "reads an hour, by table");
	for (size_t i = 0; i < cost->config->n_tables; i++) {
		struct buf name;

		buf_init(&name, 1024);
		buf_fmt(&name, "%s", cost->config->tables[i].name);
		if (cost->wanted[IDLE])
			buf_fmt(&name, " (%lld open shard%s)", (long long)cost->shards[i],
				cost->shards[i] == 1 ? "" : "s");
		buf_fmt(&cost->out, "  %-34.*s", STR_ARG(buf_view(&name)));
		for (int which = IDLE; which < CASES; which++) {
			if (cost->wanted[which])
				buf_fmt(&cost->out, " %14lld",
					(long long)table_reads(cost, i, which, 1));
		}
		buf_c(&cost->out, '\n');
		buf_release(&name);
	}
}

/* Appends what the log's figures are worth. */
static void put_measured(struct cost *cost)
{
	int64_t least_ms = INT64_MAX;
	bool minutes;

	for (size_t i = 0; i < cost->config->n_tables; i++) {
		const struct statuslog_table *logged = &cost->logged[i];

		if (logged->last_wall_ms - logged->first_wall_ms < least_ms)
			least_ms = logged->last_wall_ms - logged->first_wall_ms;
	}
	minutes = least_ms >= 2 * MINUTE_MS;
	buf_fmt(&cost->out,
		"measured: the reads of the worker whose log this is, in %lld %s, all others' "
		"left\n"
		"      out; of the checkpoint table only what it takes when nothing changes.\n",
		(long long)(least_ms / (minutes ? MINUTE_MS : SECOND_MS)), minutes ? "min" : "s");
	if (least_ms < HOUR_MS)
		buf_str(&cost->out,
			STR("      That is short: a log of a day tells more of a month.\n"));
}

/* Appends what the figures mean and what they leave out. */
static void put_notes(struct cost *cost)
{
	const struct config *config = cost->config;
	bool limited = false;

	for (int which = IDLE; which < CASES; which++)
		limited = limited || cost->months[which].limited;
	if (limited)
		buf_fmt(&cost->out,
			"max_reads_per_month (%lld) is less than what would be read: changes come "
			"later than max_latency.\n",
			(long long)config->engine.max_reads_per_month);
	if (cost->wanted[IDLE])
		buf_fmt(&cost->out,
			"idle: nothing changes; each open shard is read once in max_latency "
			"(%lldms).\n"
			"busy: every shard changes all the time; each is read once in poll_floor "
			"(%lldms), and\n"
			"      its row written once in checkpoint.interval (%lldms). Behind every "
			"1000 records or\n"
			"      1 MB comes a read more.\n",
			(long long)config->engine.max_latency_ms,
			(long long)config->engine.poll_floor_ms,
			(long long)config->checkpoint.interval_ms);
	if (config->checkpoint.leases == CONFIG_KCL)
		buf_fmt(&cost->out,
			"With leases: kcl each row is written once in worker.heartbeat (%lldms) at "
			"least.\n",
			(long long)config->worker.heartbeat_ms);
	if (cost->wanted[MEASURED])
		put_measured(cost);
	buf_str(&cost->out,
		STR("The free reads are those of the whole account and region, whoever reads.\n"
		    "Not in it: the tables themselves, storage and backups of the checkpoint "
		    "table, traffic,\nrequests and storage of the sinks, logs.\n"));
}

/* Appends it all as text. */
static void put_text(struct cost *cost)
{
	char head[64];

	put_tables(cost);
	snprintf(head, sizeof(head), "a month of %lld hours", (long long)cost->hours);
	put_heads(cost, head);
	put_row(cost, "reads (GetRecords)", offsetof(struct estimate, reads), false);
	put_row(cost, "reads that are not free", offsetof(struct estimate, billed_reads), false);
	put_row(cost, "  USD", offsetof(struct estimate, reads_usd), true);
	put_row(cost, "checkpoint table, write units", offsetof(struct estimate, write_units),
		false);
	put_row(cost, "  USD", offsetof(struct estimate, write_units_usd), true);
	put_row(cost, "checkpoint table, read units", offsetof(struct estimate, read_units), false);
	put_row(cost, "  USD", offsetof(struct estimate, read_units_usd), true);
	put_row(cost, "USD in all", offsetof(struct estimate, usd), true);
	put_notes(cost);
}

/* Appends the figures of one case as JSON. */
static void put_case(struct cost *cost, int which)
{
	const struct estimate *month = &cost->months[which];
	const struct {
		const char *name;
		int64_t usd;
	} money[] = {
		{"reads_usd", month->reads_usd},
		{"write_units_usd", month->write_units_usd},
		{"read_units_usd", month->read_units_usd},
		{"usd", month->usd},
	};

	buf_fmt(&cost->out,
		",\"%s\":{\"limited\":%s,\"reads\":%lld,\"billed_reads\":%lld,"
		"\"write_units\":%lld,\"read_units\":%lld",
		case_words[which], month->limited ? "true" : "false", (long long)month->reads,
		(long long)month->billed_reads, (long long)month->write_units,
		(long long)month->read_units);
	for (size_t i = 0; i < ARRAY_N(money); i++) {
		buf_fmt(&cost->out, ",\"%s\":", money[i].name);
		usd_put(&cost->out, money[i].usd, 6);
	}
	buf_c(&cost->out, '}');
}

/* Appends it all as one JSON object. Names of tables need no escaping. */
static void put_json(struct cost *cost)
{
	buf_fmt(&cost->out, "{\"hours\":%lld,\"workers\":%lld,\"tables\":[", (long long)cost->hours,
		(long long)cost->workers);
	for (size_t i = 0; i < cost->config->n_tables; i++) {
		buf_fmt(&cost->out, "%s{\"table\":\"%s\"", i == 0 ? "" : ",",
			cost->config->tables[i].name);
		if (cost->wanted[IDLE])
			buf_fmt(&cost->out, ",\"shards\":%lld", (long long)cost->shards[i]);
		for (int which = IDLE; which < CASES; which++) {
			if (cost->wanted[which])
				buf_fmt(&cost->out, ",\"reads_per_hour_%s\":%lld",
					case_words[which],
					(long long)table_reads(cost, i, which, 1));
		}
		buf_c(&cost->out, '}');
	}
	buf_c(&cost->out, ']');
	for (int which = IDLE; which < CASES; which++) {
		if (cost->wanted[which])
			put_case(cost, which);
	}
	buf_str(&cost->out, STR("}\n"));
}

/* Finds out, computes and prints; returns the exit status. */
static int answer(struct cost *cost, int64_t shards)
{
	int status = 0;

	for (size_t i = 0; i < cost->config->n_tables; i++) {
		cost->shards[i] = shards;
		cost->logged[i].name = str_of(cost->config->tables[i].name);
	}
	cost->wanted[MEASURED] = cost->log != NULL;
	cost->wanted[IDLE] = cost->wanted[BUSY] = shards > 0 || cost->log == NULL;
	if (cost->wanted[IDLE] && shards == 0)
		status = ask_shards(cost);
	if (status == 0 && cost->log != NULL)
		status = read_log(cost);
	if (status != 0)
		return status;
	estimate(cost);
	(cost->json ? put_json : put_text)(cost);
	return verb_write(buf_view(&cost->out));
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct cost cost = {.hours = ESTIMATE_HOURS, .workers = 1};
	const char *hours = NULL, *shards_text = NULL, *workers = NULL, *free_reads = NULL;
	const char *reads = NULL, *writes = NULL, *units = NULL;
	const struct argument arguments[] = {
		{"hours", .value = &hours},
		{"json", .flag = &cost.json},
		{"shards", .value = &shards_text},
		{"workers", .value = &workers},
		{"log", .value = &cost.log},
		{"free-reads", .value = &free_reads},
		{"price-per-100k", .value = &reads},
		{"price-per-million-writes", .value = &writes},
		{"price-per-million-reads", .value = &units},
	};
	struct config *config;
	int64_t shards = 0;
	int status;

	tariff_init(&cost.tariff);
	if (!arguments_read(&verb_cost, &argc, argv, arguments, ARRAY_N(arguments)) ||
	    !take_number("hours", hours, 1, ESTIMATE_HOURS_MAX, &cost.hours) ||
	    !take_number("shards", shards_text, 1, SHARDS_MAX, &shards) ||
	    !take_number("workers", workers, 1, WORKERS_MAX, &cost.workers) ||
	    !take_number("free-reads", free_reads, 0, 1000000000000, &cost.tariff.free_reads) ||
	    !take_price("price-per-100k", reads, &cost.tariff.reads_usd) ||
	    !take_price("price-per-million-writes", writes, &cost.tariff.write_units_usd) ||
	    !take_price("price-per-million-reads", units, &cost.tariff.read_units_usd))
		return error_exit_status(ERROR_USAGE);
	if (argc != 2)
		return verb_usage_error(&verb_cost, "cost takes one configuration file");
	config = load_config(program, argv[1]);
	if (config == NULL)
		return error_exit_status(ERROR_CONFIG);
	cost.config = config;
	cost.shards = mem_alloc_n(config->n_tables, sizeof(*cost.shards));
	cost.logged = mem_alloc_n(config->n_tables, sizeof(*cost.logged));
	buf_init(&cost.out, OUT_MAX_BYTES);
	status = answer(&cost, shards);
	buf_release(&cost.out);
	mem_free(cost.shards);
	mem_free(cost.logged);
	config_free(config);
	return status;
}

const struct verb verb_cost = {
	.name = "cost",
	.help = "computes what AWS will charge a month",
	.usage = "usage: ddbtap cost CONFIG [--shards N] [--log FILE] [--hours N] [--workers N] "
		 "[--json]\n"
		 "\n"
		 "Computes how often the configuration CONFIG reads each table, and what that and "
		 "the "
		 "checkpoint\n"
		 "table cost a month: when nothing changes, and when every shard changes all the "
		 "time. The service\n"
		 "is asked how many open shards there are (DescribeTable and DescribeStream, both "
		 "free). With --log\n"
		 "it goes by what a running worker has read instead, as its log says:\n"
		 "\n"
		 "    journalctl -u ddbtap | ddbtap cost audit.yaml --log -\n"
		 "\n"
		 "  --shards N      so many open shards per table: asks nobody\n"
		 "  --log FILE      a log of ddbtap run, '-' for standard input; two minutes of it "
		 "at "
		 "least\n"
		 "  --hours N       the month has so many hours (730)\n"
		 "  --workers N     so many workers share the work (1)\n"
		 "  --json          one JSON object instead of text\n"
		 "  --free-reads N  reads a month that are still free (2500000): the account's in "
		 "the "
		 "region, all\n"
		 "                  readers of streams together\n"
		 "  --price-per-100k USD            for 100,000 reads (0.02)\n"
		 "  --price-per-million-writes USD  for a million write units of the checkpoint "
		 "table "
		 "(0.625)\n"
		 "  --price-per-million-reads USD   for a million read units of it (0.125)\n"
		 "\n"
		 "The prices are those of us-east-1, on demand, as "
		 "https://aws.amazon.com/dynamodb/pricing/on-demand/\n"
		 "has them since November 2024; other regions have others. A read is a call of "
		 "GetRecords, empty or\n"
		 "not; other calls to streams are free. Without a limit, in an hour:\n"
		 "\n"
		 "    open shards x 3600 s / max_latency      when nothing changes\n"
		 "    open shards x 3600 s / poll_floor       when every shard changes all the "
		 "time\n"
		 "\n"
		 "engine.max_reads_per_month in the configuration is a limit on all of it.\n"
		 "\n"
		 "Exit status: 0, 64 the command line, 65 the log says too little, 69 a table does "
		 "not "
		 "exist, 74 a\n"
		 "file cannot be read, 75 the service is out of reach, 77 credentials or "
		 "permissions, "
		 "78 the\n"
		 "configuration.\n",
	.run = run,
};
