/* SPDX-License-Identifier: Apache-2.0 */
/* `ddbtap run`: reads the streams, feeds the sinks, until it is told to stop. */
#include <signal.h>

#include "base/arena.h"
#include "config/syntax.h"
#include "consumer/engine/engine.h"
#include "consumer/host/notify.h"
#include "consumer/host/process.h"
#include "consumer/verbs/arguments.h"
#include "consumer/verbs/cloud.h"
#include "consumer/verbs/forms.h"
#include "consumer/verbs/load.h"
#include "consumer/verbs/monitor.h"

enum { SIGNALS_APART_MS = 500 };

/* Everything that one run is made of, so that it can be taken apart again. */
struct running {
	struct config *config;
	struct cloud cloud;
	struct forms forms;
	struct process_identity identity;
	struct sink_env envs[ENGINE_SINKS_MAX];
	struct engine_sink sinks[ENGINE_SINKS_MAX];
	struct engine_table *tables;
	struct engine *engine;
	struct monitor *monitor;
	struct notifier *notifier;
	int signals; /* how many asked us to stop */
	int64_t asked_ms; /* when the first did */
	int signo; /* the one that would not wait */
	bool until_caught_up;
	const char *worker_id, *listen; /* of the command line; NULL: the configuration's */
	struct error why;
};

/* struct sink_env: what the sinks that sign for AWS sign with. */
static const struct credentials *credentials(const struct sink_env *env, struct error *err)
{
	struct running *run = env->arg;
	struct keys_request want = {
		.now_ms = io_now_ms(env->io),
		.wall_ms = io_wall_ms(env->io),
	};

	return keys_get(run->cloud.keys, &want, err);
}

/* Opens the sinks. */
static bool open_sinks(struct running *run, struct error *err)
{
	for (size_t i = 0; i < run->config->n_sinks; i++) {
		const struct config_sink *sink = &run->config->sinks[i];

		run->envs[i] = (struct sink_env){
			.io = loop_io(run->cloud.loop),
			.web = loop_web(run->cloud.loop),
			.name = str_of(sink->name),
			.application = str_of(run->config->application),
			.region = str_of(run->cloud.region),
			.ca_file = run->cloud.ca_file,
			.credentials = credentials,
			.arg = run,
		};
		run->sinks[i].name = str_of(sink->name);
		run->sinks[i].dead_letter = sink->dead_letter;
		run->sinks[i].max_attempts = sink->max_attempts;
		run->sinks[i].max_age_ms = sink->max_age_ms;
		run->sinks[i].sink = sink->type->open(&run->envs[i], sink->options, err);
		if (run->sinks[i].sink == NULL)
			return error_prefix(err, "sink %s", sink->name);
	}
	return true;
}

/* Makes what turns a table's changes into the records of sink `i`, and into its dead letters. */
static bool bind_sink(struct running *run, size_t table, size_t i, struct error *err)
{
	const struct config_sink *sink = &run->config->sinks[i];
	struct engine_table *out = &run->tables[table];

	out->encoders[i] = forms_get(&run->forms, table, sink, err);
	if (out->encoders[i] == NULL)
		return error_prefix(err, "sink %s", sink->name);
	if (sink->dead_letter < 0)
		return true;
	out->letter_encoders[i] = forms_letter(&run->forms, table, sink, err);
	return out->letter_encoders[i] != NULL;
}

/* The shards of a table that begin after a change; they live as long as the configuration. */
static const struct engine_start *bind_starts(struct running *run, const struct config_table *table)
{
	struct engine_start *starts =
		arena_alloc_n(&run->config->arena, table->start_after.n, sizeof(*starts));

	for (size_t i = 0; i < table->start_after.n; i++)
		starts[i] = (struct engine_start){
			.shard_id = str_of(table->start_after.list[i].name),
			.seqno = str_of(table->start_after.list[i].value),
		};
	return starts;
}

/* Binds tables, formats and sinks together. */
static bool bind_tables(struct running *run, struct error *err)
{
	const struct config *config = run->config;

	if (!forms_init(&run->forms, config, str_of(run->cloud.region), err))
		return false;
	run->tables = mem_alloc_n(config->n_tables, sizeof(*run->tables));
	for (size_t t = 0; t < config->n_tables; t++) {
		const struct config_table *table = &config->tables[t];

		run->tables[t].name = str_of(table->name);
		run->tables[t].latest = table->start == CONFIG_LATEST;
		run->tables[t].start_wall_ms =
			table->start == CONFIG_TIME ? table->start_wall_ms : 0;
		run->tables[t].start_after = bind_starts(run, table);
		run->tables[t].n_start_after = table->start_after.n;
		run->tables[t].gap_fail = table->on_gap == CONFIG_GAP_FAIL;
		for (size_t i = 0; i < config->n_sinks; i++) {
			if (config_sink_takes(&config->sinks[i], str_of(table->name)) &&
			    !bind_sink(run, t, i, err))
				return false;
		}
	}
	return true;
}

/* The engine has stopped: so does the loop. */
static void stopped(void *arg, const struct error *why)
{
	struct running *run = arg;

	run->why = *why;
	loop_stop(run->cloud.loop);
}

/* The supervisor wants to know when the start is over, and when the end begins. */
static void phase(void *arg, enum engine_phase phase)
{
	struct running *run = arg;

	switch (phase) {
	case ENGINE_RUNNING:
		notify_ready(run->notifier);
		break;
	case ENGINE_DRAINING:
		notify_stopping(run->notifier);
		break;
	}
}

/* The line that a supervisor shows: `systemctl status`. */
static void put_status(void *arg, struct buf *out)
{
	struct running *run = arg;

	monitor_put_status(run->monitor, out);
}

/* What sinks opened may have been moved or renewed: log files, certificates, secrets. */
static void reopen_sinks(struct running *run)
{
	for (size_t i = 0; i < run->config->n_sinks; i++) {
		struct sink *sink = run->sinks[i].sink;

		if (sink->type->reopen != NULL)
			sink->type->reopen(sink);
	}
}

/* The first signal asks for an orderly end, the second does not wait for it. */
static void on_signal(void *arg, int signo)
{
	struct running *run = arg;
	int64_t now_ms = io_now_ms(loop_io(run->cloud.loop));

	if (signo == SIGHUP) {
		reopen_sinks(run);
		return;
	}
	if (++run->signals == 1) {
		run->asked_ms = now_ms;
		engine_drain(run->engine);
	}
	/* Some senders ask twice at once: that is one wish. */
	if (now_ms - run->asked_ms < SIGNALS_APART_MS)
		return;
	run->signo = signo;
	loop_stop(run->cloud.loop);
}

/* Makes and starts the engine, and what tells others about it. */
static bool start_engine(struct running *run, struct error *err)
{
	const struct config *config = run->config;
	const char *given = run->worker_id != NULL ? run->worker_id : config->worker.id;
	const char *listen = run->listen != NULL ? run->listen : config->http.listen;
	struct engine_options options;

	process_identify(&run->identity);
	engine_options_init(&options);
	options.region = str_of(run->cloud.region);
	options.checkpoint_table = str_of(config->checkpoint.table);
	options.own_table = str_of(config->checkpoint.own_table);
	options.kcl = config->checkpoint.leases == CONFIG_KCL;
	options.worker_id = str_of(given != NULL ? given : run->identity.worker_id);
	options.worker_id_vouched = given != NULL;
	options.boot = str_of(run->identity.boot);
	options.process = str_of(run->identity.process);
	options.process_is_dead = process_is_dead;
	options.lease_ms = config->worker.lease_ms;
	options.heartbeat_ms = config->worker.heartbeat_ms;
	options.max_leases = config->worker.max_leases;
	options.checkpoint_ms = config->checkpoint.interval_ms;
	options.budget_bytes = config->engine.budget_bytes;
	options.window_bytes = config->engine.window_bytes;
	options.detach_after_ms = config->engine.detach_after_ms;
	options.poll_floor_ms = config->engine.poll_floor_ms;
	options.max_latency_ms = config->engine.max_latency_ms;
	options.max_reads_per_month = config->engine.max_reads_per_month;
	options.discovery_ms = config->engine.discovery_ms;
	options.request_timeout_ms = config->engine.request_timeout_ms;
	options.drain_timeout_ms = config->engine.drain_timeout_ms;
	options.stalled_after_ms = config->engine.stalled_after_ms;
	options.until_caught_up = run->until_caught_up;
	options.tables = run->tables;
	options.n_tables = config->n_tables;
	options.sinks = run->sinks;
	options.n_sinks = config->n_sinks;
	options.stopped = stopped;
	options.phase = phase;
	options.arg = run;
	run->engine = engine_new(loop_io(run->cloud.loop), &options);
	run->monitor = monitor_new(run->cloud.loop, run->engine, config, listen, err);
	if (run->monitor == NULL)
		return false;
	run->notifier = notify_new(loop_io(run->cloud.loop), put_status, run);
	loop_on_signal(run->cloud.loop, on_signal, run);
	engine_start(run->engine);
	return true;
}

/* Takes the run apart, as far as it was put together. */
static void release(struct running *run)
{
	for (size_t i = 0; i < run->config->n_sinks; i++) {
		if (run->sinks[i].sink != NULL)
			run->sinks[i].sink->type->close(run->sinks[i].sink);
	}
	notify_free(run->notifier);
	monitor_free(run->monitor);
	engine_free(&run->engine);
	forms_release(&run->forms);
	mem_free(run->tables);
	cloud_release(&run->cloud);
	config_free(run->config);
}

/* The verb. */
static int run(int argc, char **argv, const struct program *program)
{
	struct running running = {0};
	const struct argument arguments[] = {
		{"until-caught-up", .flag = &running.until_caught_up},
		{"worker-id", .value = &running.worker_id},
		{"listen", .value = &running.listen},
	};
	const char *wrong;
	int status;

	if (!arguments_read(&verb_run, &argc, argv, arguments, ARRAY_N(arguments)))
		return error_exit_status(ERROR_USAGE);
	if (argc != 2)
		return verb_usage_error(&verb_run, "run takes one configuration file");
	wrong = running.worker_id == NULL ? NULL : syntax_worker(str_of(running.worker_id));
	if (wrong != NULL)
		return verb_usage_error(&verb_run, "option '--worker-id' must be %s", wrong);
	wrong = running.listen == NULL ? NULL : syntax_listen(str_of(running.listen));
	if (wrong != NULL)
		return verb_usage_error(&verb_run, "option '--listen' must be %s", wrong);
	running.config = load_config(program, argv[1]);
	if (running.config == NULL)
		return error_exit_status(ERROR_CONFIG);
	if (cloud_open(&running.cloud, running.config, &running.why) &&
	    open_sinks(&running, &running.why) && bind_tables(&running, &running.why) &&
	    start_engine(&running, &running.why))
		loop_run(running.cloud.loop);
	status = running.signo != 0 ? 128 + running.signo : error_exit_status(running.why.code);
	if (running.why.code != ERROR_NONE)
		verb_error(status, "%s", running.why.text);
	release(&running);
	return status;
}

const struct verb verb_run = {
	.name = "run",
	.help = "reads the tables' streams and feeds the sinks",
	.usage =
		"usage: ddbtap run CONFIG [--until-caught-up] [--worker-id NAME] [--listen "
		"ADDRESS]\n"
		"\n"
		"Reads the streams of the tables that the configuration file CONFIG names, decodes "
		"each change\n"
		"and delivers it to the sinks, in order, until SIGTERM or SIGINT. Then it finishes "
		"what is under\n"
		"way, writes its checkpoints, gives its leases back and ends; a second signal does "
		"not wait.\n"
		"After a kill -9 the next run goes on where the checkpoints are.\n"
		"\n"
		"  --until-caught-up   end by itself once every sink has everything up to the "
		"tips\n"
		"  --worker-id NAME    in place of worker.id: for several workers with one "
		"configuration\n"
		"  --listen ADDRESS    in place of http.listen, for the same: 9464, "
		"127.0.0.1:9464, "
		"[::1]:9464\n"
		"\n"
		"Where it listens it answers GET /livez (200 while its loop turns), /readyz (200, "
		"or 503 "
		"with a line\n"
		"for each reason why it is not ready; ?verbose adds how all tables and sinks are) "
		"and "
		"/metrics (for\n"
		"Prometheus). `ddbtap ready` asks the second one.\n"
		"\n"
		"Under systemd, with Type=notify, it says when its start is over, when it begins "
		"to end, how it is,\n"
		"and feeds the watchdog as long as its loop turns.\n"
		"\n"
		"Exit status: 0 ended as asked, 65 a gap stopped a table, 69 a table does not "
		"exist, 74 a file\n"
		"or connection failed, 75 another worker took over or the service is out of reach, "
		"77 credentials\n"
		"or permissions, 78 the configuration.\n",
	.run = run,
};
