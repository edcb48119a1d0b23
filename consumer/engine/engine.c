/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/engine/engine.h"

#include "consumer/engine/balance.h"
#include "consumer/engine/checkpoint.h"
#include "consumer/engine/cursor.h"
#include "consumer/engine/dirty.h"
#include "consumer/engine/discovery.h"
#include "consumer/engine/kcl.h"
#include "consumer/engine/ration.h"
#include "consumer/engine/status.h"
#include "consumer/engine/tap.h"
#include "consumer/engine/worker.h"

enum { TICK_MS = 100, DRAIN_CHECK_MS = 20, STATUS_MS = MINUTE_MS };

void engine_options_init(struct engine_options *options)
{
	*options = (struct engine_options){
		.lease_ms = 10 * SECOND_MS,
		.heartbeat_ms = 3 * SECOND_MS,
		.checkpoint_ms = SECOND_MS,
		.budget_bytes = 256 << 20,
		.window_bytes = 8 << 20,
		.detach_after_ms = 5 * SECOND_MS,
		.poll_floor_ms = ENGINE_POLL_FLOOR_MS,
		.max_latency_ms = SECOND_MS,
		.discovery_ms = MINUTE_MS,
		.request_timeout_ms = 10 * SECOND_MS,
		.drain_timeout_ms = 10 * SECOND_MS,
		.stalled_after_ms = 5 * MINUTE_MS,
		.max_leases = 10000,
	};
}

/* Sets up the sinks and the tables, and which sink gets which table. */
static void add_parts(struct engine *engine)
{
	const struct engine_options *options = &engine->options;

	engine->taps = mem_alloc_n(options->n_sinks, sizeof(*engine->taps));
	for (size_t i = 0; i < options->n_sinks; i++) {
		engine->taps[i] = (struct tap){.engine = engine,
					       .name = options->sinks[i].name,
					       .sink = options->sinks[i].sink,
					       .index = i,
					       .max_attempts = options->sinks[i].max_attempts,
					       .max_age_ms = options->sinks[i].max_age_ms};
		list_init(&engine->taps[i].waiting);
		must(options->sinks[i].dead_letter < (int)options->n_sinks &&
		     options->sinks[i].dead_letter != (int)i);
		if (options->sinks[i].dead_letter >= 0)
			engine->taps[i].letters = &engine->taps[options->sinks[i].dead_letter];
	}
	engine->tables = mem_alloc_n(options->n_tables, sizeof(*engine->tables));
	for (size_t i = 0; i < options->n_tables; i++) {
		struct table *table = &engine->tables[i];

		*table = (struct table){
			.engine = engine, .options = &options->tables[i], .index = i};
		list_init(&table->streams);
		for (size_t k = 0; k < options->n_sinks; k++) {
			if (options->tables[i].encoders[k] == NULL)
				continue;
			table->sinks.names[table->sinks.n] = options->sinks[k].name;
			must(engine->taps[k].letters == NULL ||
			     options->tables[i].letter_encoders[k] != NULL);
			engine->taps[k].fed = true;
			table->taps[table->sinks.n] = &engine->taps[k];
			table->letter_encoders[table->sinks.n] =
				options->tables[i].letter_encoders[k];
			table->encoders[table->sinks.n++] = options->tables[i].encoders[k];
		}
	}
}

/* Forgets what is known of a table, but for its figures and which sinks get it. */
static void clear_table(struct table *table)
{
	struct table kept = *table;

	*table = (struct table){
		.engine = kept.engine,
		.options = kept.options,
		.index = kept.index,
		.sinks = kept.sinks,
		.view_known = kept.view_known,
		.images = kept.images,
		.records = kept.records,
		.records_reported = kept.records_reported,
		.reads = kept.reads,
		.reads_reported = kept.reads_reported,
		.bytes = kept.bytes,
	};
	mem_copy(table->alarms_raised, kept.alarms_raised, sizeof(kept.alarms_raised));
	mem_copy(table->gaps, kept.gaps, sizeof(kept.gaps));
	mem_copy(table->taps, kept.taps, sizeof(kept.taps));
	mem_copy(table->encoders, kept.encoders, sizeof(kept.encoders));
	mem_copy(table->letter_encoders, kept.letter_encoders, sizeof(kept.letter_encoders));
	list_init(&table->streams);
}

/* The beginning of every life, the first or another: nothing is known yet. */
static void begin(struct engine *engine)
{
	list_init(&engine->dirty);
	list_init(&engine->hungry);
	map_init(&engine->peers);
	map_init(&engine->suspects);
	map_init(&engine->rows);
	engine->balance = balance_new();
	lister_init(&engine->lister, engine);
	ration_init(engine);
	worker_name(engine);
}

struct engine *engine_new(struct io *io, const struct engine_options *options)
{
	struct engine *engine = mem_alloc(sizeof(*engine));

	must(options->n_sinks <= ENGINE_SINKS_MAX);
	must(options->budget_bytes >= 2 * POLL_RESERVE_BYTES);
	engine->io = io;
	engine->options = *options;
	if (options->own_table.n == 0)
		engine->options.own_table = options->checkpoint_table;
	must(!options->kcl || options->own_table.n > 0);
	caller_init(&engine->caller, io, options->request_timeout_ms);
	pace_init(&engine->pace, io); /* the service's limits go on when a life ends */
	list_init(&engine->orphans);
	add_parts(engine);
	begin(engine);
	return engine;
}

/* Ends everything that is under way. */
static void halt(struct engine *engine)
{
	for (size_t i = 0; i < engine->options.n_tables; i++)
		discovery_stop(&engine->tables[i]);
	lister_release(&engine->lister);
	pace_release(&engine->pace);
	worker_release(engine);
	kcl_release(engine);
	io_timer_cancel(engine->io, &engine->checkpoint_timer);
	io_timer_cancel(engine->io, &engine->status_timer);
	io_timer_cancel(engine->io, &engine->tick_timer);
	io_timer_cancel(engine->io, &engine->drain_timer);
	must(list_empty(&engine->caller.calls));
}

void engine_phase(struct engine *engine, enum engine_phase phase)
{
	if (engine->options.phase != NULL)
		engine->options.phase(engine->options.arg, phase);
}

static void stop_now(struct io_timer *timer);

void engine_stop(struct engine *engine, const struct error *why)
{
	if (engine->stopped)
		return;
	engine->stopped = true;
	engine->stop_why = *why;
	engine->stop_timer.fire = stop_now;
	io_timer_set(engine->io, &engine->stop_timer, io_now_ms(engine->io));
}

/* Notices when everything is caught up. */
static void tick(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, tick_timer);

	engine->stats.caught_up = status_caught_up(engine);
	if (engine->stats.caught_up && engine->options.until_caught_up)
		engine_drain(engine);
	io_timer_set(engine->io, timer, io_now_ms(engine->io) + TICK_MS);
}

/* Logs one line per table. */
static void report(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, status_timer);

	status_log(engine);
	io_timer_set(engine->io, timer, io_now_ms(engine->io) + STATUS_MS);
}

/* Starts a life. */
static void start(struct engine *engine)
{
	int64_t now_ms = io_now_ms(engine->io);

	engine->status_ms = now_ms;
	engine->tick_timer.fire = tick;
	engine->status_timer.fire = report;
	io_timer_set(engine->io, &engine->tick_timer, now_ms + TICK_MS);
	io_timer_set(engine->io, &engine->status_timer, now_ms + STATUS_MS);
	dirty_start(engine);
	kcl_start(engine);
	for (size_t i = 0; i < engine->options.n_tables; i++)
		discovery_start(&engine->tables[i]);
	worker_start(engine);
}

void engine_start(struct engine *engine)
{
	if (engine->options.poll_floor_ms < ENGINE_POLL_FLOOR_MS)
		io_log(engine->io, IO_WARN, "poll_floor.low poll_floor_ms=%lld advice=\"%s\"",
		       (long long)engine->options.poll_floor_ms,
		       "AWS may throttle readers that poll a shard more often than every 250ms");
	start(engine);
}

/* The end of a life: what was known of the service, and figures, go on in the next one. */
static void forget(struct engine *engine)
{
	struct engine kept = *engine;

	*engine = (struct engine){
		.io = kept.io,
		.options = kept.options,
		.stats = kept.stats,
		.steps = kept.steps,
		.caller = kept.caller, /* lists stay where they are, so that their ends do */
		.pace = kept.pace,
		.orphans = kept.orphans,
		.taps = kept.taps,
		.tables = kept.tables,
		.worker_id = kept.worker_id,
		.incarnation = kept.incarnation,
		.owner = kept.owner,
		.updated_once = kept.updated_once,
		.aside_ms = kept.aside_ms,
		.read_once = kept.read_once,
		.own_table_next = true, /* it was there */
		.renewed = true,
	};
	engine->stats.shards_owned = 0;
	engine->stats.caught_up = false;
}

/* Begins another life. */
static void renew(struct engine *engine)
{
	forget(engine);
	for (size_t i = 0; i < engine->options.n_tables; i++)
		clear_table(&engine->tables[i]);
	begin(engine);
	io_log(engine->io, IO_INFO, "worker.renewed worker=%s incarnation=%s", engine->worker_id,
	       engine->incarnation);
	start(engine);
}

/* The loop's turn after engine_stop: nothing of ours is on the stack any more. */
static void stop_now(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, stop_timer);

	halt(engine);
	if (engine->renewing && engine->stop_why.code == ERROR_NONE) {
		ration_release(engine);
		renew(engine);
		return;
	}
	engine->worker = WORKER_STOPPED;
	engine->options.stopped(engine->options.arg, &engine->stop_why);
}

/* Whether a sink still holds a delivery. */
static bool anything_outstanding(const struct engine *engine)
{
	for (size_t i = 0; i < engine->options.n_sinks; i++) {
		if (engine->taps[i].flights_n > 0)
			return true;
	}
	return false;
}

/* What the end of a drain says: all is well, unless the gap policy stopped a table. */
static struct error drain_verdict(const struct engine *engine)
{
	struct error why = {0};

	for (size_t i = 0; i < engine->options.n_tables; i++) {
		if (engine->tables[i].failed)
			error_set(&why, ERROR_DATA,
				  "table %.*s was stopped: changes were lost before they could be "
				  "read, and on_gap is fail",
				  STR_ARG(engine->tables[i].options->name));
	}
	return why;
}

/* Waits for the sinks, then gives the leases back; after drain_timeout it ends all the same. */
static void drain_step(struct io_timer *timer)
{
	struct engine *engine = CONTAINER_OF(timer, struct engine, drain_timer);
	int64_t now_ms = io_now_ms(engine->io);
	bool late = now_ms >= engine->drain_due_ms;
	struct error why = drain_verdict(engine);

	if (!engine->drain_over && (late || !anything_outstanding(engine))) {
		engine->drain_over = true;
		engine->drain_due_ms = now_ms + engine->options.drain_timeout_ms;
		if (engine->worker == WORKER_RUNNING) {
			checkpoint_release_all(engine);
			worker_consider_leaving(engine);
		} else {
			engine_stop(engine, &why);
		}
	} else if (engine->drain_over && late) {
		io_log(engine->io, IO_WARN, "drain.incomplete advice=\"%s\"",
		       "leases could not be given back in time: a successor waits for the lease "
		       "time");
		engine_stop(engine, &why);
	}
	io_timer_set(engine->io, timer, now_ms + DRAIN_CHECK_MS);
}

/* Begins to drain, unless that is under way. */
static void drain(struct engine *engine)
{
	if (engine->draining)
		return;
	engine->draining = true;
	engine->drain_due_ms = io_now_ms(engine->io) + engine->options.drain_timeout_ms;
	engine->drain_timer.fire = drain_step;
	io_timer_set(engine->io, &engine->drain_timer, io_now_ms(engine->io));
}

void engine_renew(struct engine *engine, const char *why)
{
	if (engine->draining || engine->stopped)
		return;
	io_log(engine->io, IO_INFO, "worker.renews worker=%s why=\"%s\"", engine->worker_id, why);
	engine->renewing = true;
	drain(engine);
}

void engine_drain(struct engine *engine)
{
	if ((engine->draining || engine->stopped) && !engine->renewing)
		return;
	engine->renewing = false;
	/* First, so that whoever hears of the phase finds it so. */
	if (!engine->stopped)
		drain(engine);
	io_log(engine->io, IO_INFO, "engine.draining");
	engine_phase(engine, ENGINE_DRAINING);
	status_log(engine);
}

struct error engine_drained(const struct engine *engine)
{
	return drain_verdict(engine);
}

void engine_free(struct engine **engine)
{
	struct engine *e = *engine;

	if (e == NULL)
		return;
	halt(e);
	io_timer_cancel(e->io, &e->stop_timer);
	list_each(it, &e->orphans, spare) {
		flight_free(CONTAINER_OF(it, struct flight, node));
	}
	must(e->stats.budget_used_bytes == 0);
	ration_release(e);
	for (size_t i = 0; i < e->options.n_sinks; i++)
		mem_free(e->taps[i].attribute);
	mem_free(e->taps);
	mem_free(e->tables);
	mem_free(e->worker_id);
	mem_free(e->incarnation);
	mem_free(e->owner);
	mem_free(e);
	*engine = NULL;
}

void engine_stats(const struct engine *engine, struct engine_stats *out)
{
	*out = engine->stats;
	for (size_t i = 0; i < ARRAY_N(out->requests); i++)
		out->requests[i] = engine->caller.requests[i];
}

void engine_sink_stats(const struct engine *engine, size_t sink_index,
		       struct engine_sink_stats *out)
{
	const struct tap *tap = &engine->taps[sink_index];

	*out = tap->stats;
	out->flight_bytes = tap->flight_bytes;
	out->waiting_bytes = tap->held_bytes;
}

size_t engine_transitions(const struct engine *engine, struct engine_transition *out, size_t max)
{
	return machine_list(&engine->steps, out, max);
}
