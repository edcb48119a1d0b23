/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap check`: whether a configuration can be used, and what it would do. */
#include "base/err.h"
#include "base/time.h"
#include "consumer/engine/engine.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/load.h"

enum { SUMMARY_MAX = 8 << 20, KCL_FAILOVER_MS = 10 * SECOND_MS };

/* Appends where the reading of a table begins. */
static void put_start(const struct config_table *table, struct buf *out)
{
	switch (table->start) {
	case CONFIG_TRIM_HORIZON:
		buf_str(out, STR(", from the oldest change"));
		break;
	case CONFIG_LATEST:
		buf_str(out, STR(", from now on"));
		break;
	case CONFIG_TIME:
		buf_str(out, STR(", from "));
		time_add_rfc3339(out, table->start_wall_ms / SECOND_MS * SECOND_MS);
		break;
	}
	if (table->start_after.n > 0)
		buf_fmt(out, ", %zu shard%s after a change", table->start_after.n,
			table->start_after.n == 1 ? "" : "s");
}

/* Appends what is read. */
static void put_tables(const struct config *config, struct buf *out)
{
	buf_str(out, STR("tables\n"));
	for (size_t i = 0; i < config->n_tables; i++) {
		const struct config_table *table = &config->tables[i];

		buf_fmt(out, "  %s: ", table->name);
		if (table->profile == NULL)
			buf_str(out, STR("plain"));
		else
			buf_fmt(out, "%s %s", table->profile->name, table->role->name);
		put_start(table, out);
		buf_str(out,
			table->on_gap == CONFIG_GAP_FAIL ? STR(", stops at a gap\n") : STR("\n"));
	}
}

/* Appends where it goes. */
static void put_sinks(const struct config *config, struct buf *out)
{
	buf_str(out, STR("sinks\n"));
	for (size_t i = 0; i < config->n_sinks; i++) {
		const struct config_sink *sink = &config->sinks[i];

		buf_fmt(out, "  %s: %s, ", sink->name, sink->type->name);
		if (sink->letters_only)
			buf_str(out, STR("dead letters only"));
		else if (sink->tables.n == 0)
			buf_str(out, STR("all tables"));
		for (size_t j = 0; j < sink->tables.n; j++)
			buf_fmt(out, "%s%s", j == 0 ? "" : " ", sink->tables.list[j]);
		if (!sink->letters_only)
			buf_fmt(out, ", %s", sink->format->name);
		if (sink->dead_letter >= 0)
			buf_fmt(out, ", dead letters to %s", sink->dead_letter_name);
		buf_str(out, sink->format->shows_secrets(sink->format_options)
				     ? STR(", secrets in clear\n")
				     : STR("\n"));
	}
}

/* Appends what would run. */
static void put_summary(const struct config *config, struct buf *out)
{
	buf_fmt(out, "application %s, checkpoints in table %s\n", config->application,
		config->checkpoint.table);
	if (config->checkpoint.leases == CONFIG_KCL)
		buf_fmt(out, "leases are those of a Kinesis client, workers in table %s\n",
			config->checkpoint.own_table);
	if (config->region != NULL)
		buf_fmt(out, "region %s\n", config->region);
	if (config->endpoint != NULL)
		buf_fmt(out, "endpoint %s\n", config->endpoint);
	if (config->endpoint_streams != NULL)
		buf_fmt(out, "endpoint of streams %s\n", config->endpoint_streams);
	put_tables(config, out);
	put_sinks(config, out);
}

/* Says what can be used, but better were not. */
static void warn(const struct config *config)
{
	if (config->engine.poll_floor_ms < ENGINE_POLL_FLOOR_MS)
		verb_error(0,
			   "warning: poll_floor (%lldms) is less than %dms: AWS may throttle "
			   "readers that poll a shard more often",
			   (long long)config->engine.poll_floor_ms, ENGINE_POLL_FLOOR_MS);
	if (config->checkpoint.leases == CONFIG_KCL && config->worker.lease_ms < KCL_FAILOVER_MS)
		verb_error(
			0,
			"warning: worker.lease (%lldms) is less than the %dms after which a "
			"Kinesis client takes leases unless its failoverTimeMillis says otherwise: "
			"its workers may be taken for dead",
			(long long)config->worker.lease_ms, KCL_FAILOVER_MS);
	for (size_t i = 0; i < config->n_sinks; i++) {
		const struct config_sink *sink = &config->sinks[i];
		const char *warning =
			sink->type->warning == NULL ? NULL : sink->type->warning(sink->options);

		if (warning != NULL)
			verb_error(0, "warning: sink %s: %s", sink->name, warning);
	}
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct config *config;
	struct buf out;
	int status;

	if (!arguments_read(&verb_check, &argc, argv, NULL, 0))
		return error_exit_status(ERROR_USAGE);
	if (argc != 2)
		return verb_usage_error(&verb_check, "check takes one configuration file");
	config = load_config(program, argv[1]);
	if (config == NULL)
		return error_exit_status(ERROR_CONFIG);
	buf_init(&out, SUMMARY_MAX);
	put_summary(config, &out);
	status = verb_write(buf_view(&out));
	warn(config);
	buf_release(&out);
	config_free(config);
	return status;
}

const struct verb verb_check = {
	.name = "check",
	.help = "checks a configuration without starting anything",
	.usage = "usage: ddbtap check CONFIG\n"
		 "\n"
		 "Reads the configuration file CONFIG ('-': standard input) and prints what would "
		 "run, or\n"
		 "everything that is wrong with it, each with its place. What can be used, but is "
		 "not "
		 "advisable,\n"
		 "gives a warning on standard error. Looks at nothing else: no network,\n"
		 "no environment, no other file.\n"
		 "\n"
		 "Exit status: 0 it can be used, 78 it cannot.\n",
	.run = run,
};
